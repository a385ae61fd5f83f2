//! Deliver: brings one system to hold what it should, and makes every call to it recoverable.

mod call;
mod plan;
mod recover;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bus::{Queue, Receipt, Subscription};
use canonical::entity::Entity;
use connector::{Batching, Fault, Target};
use master::MasterId;
use store::TargetState;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::change::{self, Change};
use crate::context::Context;
use crate::fault::HubError;
use crate::open;
use crate::settings::System;

/// Feeds one system. One courier per system; inside it, one call at a time.
pub(crate) struct Courier {
    context: Arc<Context>,
    system: Arc<System>,
    target: Option<Box<dyn Target>>,
    batching: Batching,
    backoff: Backoff,
    /// What the store last heard of the target's state.
    state: TargetState,
}

/// Why a round of deliveries did not end.
enum Interrupted {
    /// The hub stops; messages stay unacknowledged and come again.
    Stopping,
    /// The store, the bus or the target.
    Failed(HubError),
}

impl<E: Into<HubError>> From<E> for Interrupted {
    fn from(error: E) -> Self {
        Interrupted::Failed(error.into())
    }
}

/// Changes that were gathered, with what acknowledges them.
#[derive(Default)]
struct Gathered {
    changes: Vec<Change>,
    receipts: Vec<Receipt>,
}

impl Courier {
    pub fn new(context: Arc<Context>, system: Arc<System>) -> Self {
        let backoff = Backoff::new(&context.settings.limits);
        let batching = Batching::default();
        Courier { context, system, target: None, batching, backoff, state: TargetState::Up }
    }

    /// Runs until the hub stops.
    pub async fn run(mut self) {
        while !self.context.stop.is_cancelled() {
            match self.serve().await {
                Ok(()) | Err(Interrupted::Stopping) => return,
                Err(Interrupted::Failed(error)) => {
                    if !self.suffer(&error).await {
                        return;
                    }
                }
            }
        }
    }

    /// Remembers a failure, then pauses; returns whether the hub goes on.
    async fn suffer(&mut self, error: &HubError) -> bool {
        if let HubError::System(Fault::Retry { after: Some(Duration::ZERO), .. }) = error {
            // The call's time ran out before all changes were sent: the rest follows at once.
            return true;
        }
        tracing::warn!(system = %self.system.name, %error, "delivery waits");
        let mut wait = None;
        if let HubError::System(fault) = error {
            self.target = None;
            let state = match fault {
                Fault::Retry { after, .. } => {
                    wait = *after;
                    TargetState::Down
                }
                Fault::Halt { .. } => TargetState::Halted,
            };
            // A store that is away is met again at the next step.
            let _ = self.note(state, Some(&fault.to_string())).await;
        }
        if let Some(wait) = wait {
            let wait = wait.min(self.context.settings.limits.retry_delay_max);
            tokio::select! {
                () = self.context.stop.cancelled() => return false,
                () = tokio::time::sleep(wait) => {}
            }
        }
        self.context.pause(&mut self.backoff).await
    }

    async fn note(&mut self, state: TargetState, reason: Option<&str>) -> Result<(), HubError> {
        if self.state != state {
            let (tenant, name) = (&self.system.tenant, &self.system.name);
            self.context.store.set_target_state(tenant, name, state, reason, self.context.now()).await?;
            self.state = state;
        }
        Ok(())
    }

    async fn serve(&mut self) -> Result<(), Interrupted> {
        self.state = self.context.store.target_state(&self.system.tenant, &self.system.name).await?;
        self.wait_while_paused().await?;
        self.open().await?;
        self.recover().await?;
        let queue = Queue::Delivery(self.system.name.clone());
        let mut subscription = self.context.bus.subscribe(&queue, self.context.settings.limits.prefetch).await?;
        loop {
            let gathered = gather(&self.context, self.batching, &mut *subscription).await?;
            self.wait_while_paused().await?;
            self.deliver(&gathered.changes).await?;
            subscription.acknowledge(&gathered.receipts).await?;
            self.backoff.reset();
        }
    }

    async fn wait_while_paused(&mut self) -> Result<(), Interrupted> {
        let mut control = self.context.control.subscribe();
        loop {
            control.mark_unchanged();
            self.state = self.context.store.target_state(&self.system.tenant, &self.system.name).await?;
            if self.state != TargetState::Paused {
                return Ok(());
            }
            tokio::select! {
                () = self.context.stop.cancelled() => return Err(Interrupted::Stopping),
                _ = control.changed() => {}
            }
        }
    }

    async fn open(&mut self) -> Result<(), Interrupted> {
        if self.target.is_some() {
            return Ok(());
        }
        let ports = open::ports(&self.context, &self.system).await?;
        self.batching = ports.batching;
        let missing =
            || Fault::halt(format!("{} has a subscription but its connector has no target", self.system.name));
        self.target = Some(ports.target.ok_or_else(missing)?);
        Ok(())
    }

    /// Brings the system up to date with these changes. Everything is delivered, found equal, or parked when it returns.
    async fn deliver(&mut self, changes: &[Change]) -> Result<(), Interrupted> {
        for entity in phases(changes) {
            let mut once = BTreeSet::new();
            let ids: Vec<MasterId> = changes
                .iter()
                .filter(|change| change.entity == entity && once.insert(change.master_id))
                .map(|change| change.master_id)
                .collect();
            for chunk in ids.chunks(self.batching.count_max.max(1)) {
                self.deliver_masters(&entity, chunk).await?;
            }
        }
        Ok(())
    }
}

/// Takes what is there, and more until the target's batch is full or old enough.
async fn gather(
    context: &Context,
    batching: Batching,
    subscription: &mut dyn Subscription,
) -> Result<Gathered, Interrupted> {
    let mut gathered = Gathered::default();
    let mut deadline: Option<Instant> = None;
    let prefetch = context.settings.limits.prefetch;
    loop {
        let left = prefetch.saturating_sub(gathered.receipts.len());
        if gathered.changes.len() >= batching.count_max || left == 0 {
            return Ok(gathered);
        }
        let received = tokio::select! {
            biased;
            () = context.stop.cancelled() => return Err(Interrupted::Stopping),
            received = subscription.receive(left.min(4)) => received?,
            () = expired(deadline) => return Ok(gathered),
        };
        for message in received {
            gathered.changes.extend(change::decode(&message.content_type, &message.body)?);
            gathered.receipts.push(message.receipt);
        }
        deadline.get_or_insert_with(|| Instant::now() + batching.age_max);
    }
}

/// The entities of some changes, those first that others refer to.
fn phases(changes: &[Change]) -> Vec<Entity> {
    changes.iter().map(|change| change.entity.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

async fn expired(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The longest that one call may take, after which its outcome is unknown.
fn timeout(batching: &Batching) -> Duration {
    batching.timeout.max(Duration::from_secs(1))
}
