//! Whether anything is still on its way.

use bus::Queue;
use serde::Serialize;
use store::{Filter, TargetState};

use crate::context::Context;
use crate::fault::HubError;

/// What is still on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// Messages of observations that are not resolved.
    pub observed: u64,
    /// Changes that are not on the bus.
    pub outbox: u64,
    /// Messages of changes that are not delivered, to systems that can be written to.
    pub deliveries: u64,
    /// Calls whose outcome is not known yet, to systems that can be written to.
    pub attempts: u64,
    /// Systems that cannot be written to now; what waits for them is not counted.
    pub unreachable: Vec<String>,
}

impl Pending {
    /// Whether nothing is on its way, except to systems that cannot be written to.
    pub fn is_quiet(&self) -> bool {
        self.observed + self.outbox + self.deliveries + self.attempts == 0
    }
}

pub(crate) async fn pending(context: &Context) -> Result<Pending, HubError> {
    let mut pending = Pending::default();
    // In the order of the flow, so that nothing slips past between two questions: a later stage is asked later.
    for partition in 0..context.settings.limits.partitions.max(1) {
        pending.observed += context.bus.depth(&Queue::Observed(partition)).await?.0;
    }
    pending.outbox = context.store.counts(&Filter::default()).await?.outbox;
    for system in context.settings.systems.values().filter(|system| !system.subscriptions.is_empty()) {
        let depth = context.bus.depth(&Queue::Delivery(system.name.clone())).await?.0;
        let open = context.store.open_attempts(&system.tenant, &system.name).await?.len() as u64;
        match context.store.target_state(&system.tenant, &system.name).await? {
            TargetState::Halted | TargetState::Paused if depth + open > 0 => {
                pending.unreachable.push(system.name.to_string());
            }
            _ => {
                pending.deliveries += depth;
                pending.attempts += open;
            }
        }
    }
    Ok(pending)
}
