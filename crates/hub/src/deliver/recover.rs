//! After a crash: every call that was begun and not ended is looked up before anything is tried again.

use super::end::Ended;
use super::{Courier, Interrupted};

impl Courier {
    /// Ends every open attempt. What was not applied comes again, because its change was never acknowledged.
    pub(super) async fn recover(&mut self) -> Result<(), Interrupted> {
        let attempts = self.context.store.open_attempts(&self.system.tenant, &self.system.name).await?;
        for attempt in attempts {
            tracing::info!(system = %self.system.name, batch = attempt.batch, changes = attempt.members.len(), "looking up an unfinished call");
            let indices: Vec<usize> = (0..attempt.members.len()).collect();
            let mut ended: Vec<Ended> = indices.iter().map(|_| Ended::Not).collect();
            self.look_up(&attempt, &indices, &mut ended).await?;
            self.finish(&attempt, ended).await?;
        }
        Ok(())
    }
}
