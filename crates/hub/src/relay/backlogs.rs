//! What did not fit into the delivery queues of systems that are down or slow.
//!
//! A full queue stops nobody but its own system. From then on every change for that system goes to its backlog in the
//! store, where a master stands once however often it changes, so that a backlog never has more rows than there are
//! masters. When the queue has room again, the backlog is published from its start. Only when it is empty are changes
//! published straight to the queue again, so that none overtakes another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bus::{BusError, Queue, Route};
use store::OutboxRow;
use tokio::time::Instant;

use crate::change;
use crate::context::Context;
use crate::fault::HubError;

/// How long a full queue is left alone before it is tried again.
const TRY_DELAY: Duration = Duration::from_millis(500);

/// The systems that have a backlog.
#[derive(Default)]
pub(super) struct Backlogs {
    /// With the time at which the system's queue is tried next; nothing until the store was asked.
    systems: Option<BTreeMap<Arc<str>, Instant>>,
}

impl Backlogs {
    /// Whether changes for a system go to its backlog.
    pub fn has(&self, system: &str) -> bool {
        self.systems.as_ref().is_some_and(|systems| systems.contains_key(system))
    }

    /// Begins a backlog with changes that a full queue refused.
    pub async fn begin(&mut self, context: &Context, system: Arc<str>, rows: &[OutboxRow]) -> Result<(), HubError> {
        context.store.add_to_backlog(&system, rows).await?;
        tracing::warn!(%system, "its delivery queue is full: what is for it waits in the store, and the others go on");
        self.systems.get_or_insert_default().insert(system, Instant::now() + TRY_DELAY);
        Ok(())
    }

    /// Waits until a queue may be tried again; for ever when there is no backlog.
    pub async fn next_try(&self) {
        match self.systems.iter().flat_map(BTreeMap::values).min() {
            Some(at) => tokio::time::sleep_until(*at).await,
            None => std::future::pending().await,
        }
    }

    /// Publishes a part of each backlog whose time has come; returns whether any became shorter.
    pub async fn publish(&mut self, context: &Context) -> Result<bool, HubError> {
        let mut systems = match self.systems.take() {
            Some(systems) => systems,
            None => all(context),
        };
        let due: Vec<Arc<str>> =
            systems.iter().filter(|(_, at)| **at <= Instant::now()).map(|(system, _)| system.clone()).collect();
        let mut has_moved = false;
        for system in due {
            match self.publish_some(context, &system).await? {
                Moved::All => drop(systems.remove(&system)),
                Moved::Some => has_moved = true,
                Moved::Nothing => drop(systems.insert(system, Instant::now() + TRY_DELAY)),
            }
        }
        self.systems = Some(systems);
        Ok(has_moved)
    }

    async fn publish_some(&self, context: &Context, system: &Arc<str>) -> Result<Moved, HubError> {
        let limits = &context.settings.limits;
        let Some(tenant) = context.settings.systems.get(system).map(|system| &system.tenant) else {
            return Ok(Moved::All);
        };
        let rows = context.store.backlog(tenant, system, limits.relay_changes_max).await?;
        if rows.is_empty() {
            return Ok(Moved::All);
        }
        let at = context.now();
        let mut lanes: BTreeMap<u32, Vec<(String, Vec<u8>)>> = BTreeMap::new();
        for row in &rows {
            let partition = change::partition(&row.change, limits.partitions);
            lanes.entry(partition).or_default().push(change::trigger(&row.change, at, limits.partitions));
        }
        let route = Route::Queue(Queue::Delivery(system.clone()));
        let messages = lanes.values().flat_map(|events| change::pack(&route, events, limits)).collect();
        match context.bus.publish(messages).await {
            Err(BusError::Full(_)) => return Ok(Moved::Nothing),
            published => published?,
        }
        context.store.backlog_done(&rows).await?;
        Ok(Moved::Some)
    }
}

/// How much of a backlog went to its queue.
enum Moved {
    All,
    Some,
    Nothing,
}

/// Every subscriber, each to be tried at once: those that have no backlog are found out by that.
fn all(context: &Context) -> BTreeMap<Arc<str>, Instant> {
    let now = Instant::now();
    let subscribers = context.settings.systems.values().filter(|system| !system.subscriptions.is_empty());
    subscribers.map(|system| (system.name.clone(), now)).collect()
}
