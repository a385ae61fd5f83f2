//! Following the number of partitions that is in force.

use store::StoreError;

use super::{Workshop, kind};
use crate::{partitions, supervise};

impl Workshop {
    /// Keeps the pieces of work in step with the number of partitions, and reading away while that number changes.
    pub(super) async fn adapt(&mut self) -> Result<(), StoreError> {
        let Some(known) = self.context.store.installation().await?.partitions else { return Ok(()) };
        self.reading_waits = known.change.is_some();
        let (before, now) = (self.context.partitions.get(), known.in_force);
        if before == now {
            return Ok(());
        }
        tracing::info!(before, now, "this worker follows the number of partitions");
        self.context.partitions.set(now);
        self.set_partitions(now);
        // Every process makes sure of the queues after a lost connection: it must know which ones.
        let followed = async {
            self.context.bus.declare(&partitions::queues(0..now)).await?;
            self.context.bus.remove(&partitions::queues(now..before)).await
        };
        if let Err(error) = followed.await {
            tracing::debug!(%error, "queues of the former number of partitions are left to others");
        }
        Ok(())
    }

    fn set_partitions(&mut self, count: u32) {
        let is_resolving = |work: &str| kind(work) == supervise::OBSERVED;
        if !self.worker.kinds.iter().any(|kind| **kind == *supervise::OBSERVED) {
            return;
        }
        self.works.retain(|work, _| !is_resolving(work));
        for partition in 0..count {
            let (work, begin) = supervise::resolving(partition);
            self.works.insert(work, begin);
        }
        for (work, running) in &self.running {
            if !self.works.contains_key(work) {
                running.let_go(&self.context.doing);
            }
        }
    }
}
