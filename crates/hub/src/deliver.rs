//! Deliver: brings one system to hold what it should, and makes every call to it recoverable.

mod call;
mod calls;
mod dead;
mod end;
mod masters;
mod plan;
mod recover;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bus::{Queue, Receipt, Subscription};
use canonical::entity::Entity;
use connector::{Batching, Fault, Target};
use master::MasterId;
use store::{Delivered, TargetState};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::change::{self, Change};
use crate::context::Context;
use crate::fault::HubError;
use crate::open;
use crate::outage::Waiting;
use crate::settings::System;

pub(crate) use dead::park_dead;

/// Feeds one system. One courier per system; inside it, one call at a time.
pub(crate) struct Courier {
    context: Arc<Context>,
    system: Arc<System>,
    target: Option<Box<dyn Target>>,
    batching: Batching,
    backoff: Backoff,
    /// Whether it waits for store or bus.
    waiting: Waiting,
    /// What the store last heard of the target, and why.
    state: (TargetState, Option<String>),
    /// Whether this courier has tried nothing yet.
    is_fresh: bool,
    /// Whether the target could not be opened: then opening it says that it is up again.
    is_unopened: bool,
    /// How often the system did not answer a change, by look-up for certain not applied, and counted until it ends.
    unanswered: BTreeMap<(MasterId, u64), u32>,
    /// Customers and documents that must wait for the next round, because something of theirs was not answered in this one.
    held_back: BTreeSet<MasterId>,
    /// Roots of which something was refused in this round: what comes after it lines up behind it.
    set_aside: BTreeSet<MasterId>,
}

/// Why a round of deliveries did not end.
enum Interrupted {
    /// The hub stops; messages stay unacknowledged and come again.
    Stopping,
    /// An operator paused the system; messages come again when it is resumed.
    Paused,
    /// The system answers, but not everything; what it did not answer comes again.
    Unanswered,
    /// The store, the bus or the target.
    Failed(HubError),
}

impl<E: Into<HubError>> From<E> for Interrupted {
    fn from(error: E) -> Self {
        Interrupted::Failed(error.into())
    }
}

/// How often a paused system is looked at for the end of its pause.
const LOOK_DELAY: Duration = Duration::from_secs(2);

/// Changes that were gathered, with what acknowledges them.
#[derive(Default)]
struct Gathered {
    changes: Vec<Change>,
    receipts: Vec<Receipt>,
}

impl Courier {
    pub fn new(context: Arc<Context>, system: Arc<System>) -> Self {
        Courier {
            backoff: Backoff::new(&context.settings.limits),
            waiting: context.outages.waiting(),
            context,
            system,
            target: None,
            batching: Batching::default(),
            state: (TargetState::Up, None),
            is_fresh: true,
            is_unopened: false,
            unanswered: BTreeMap::new(),
            held_back: BTreeSet::new(),
            set_aside: BTreeSet::new(),
        }
    }

    /// Runs until the hub stops.
    pub async fn run(mut self) {
        while !self.context.stop.is_cancelled() {
            let goes_on = match self.serve().await {
                Ok(()) | Err(Interrupted::Stopping) => false,
                Err(Interrupted::Paused) => true,
                Err(Interrupted::Unanswered) => {
                    tracing::warn!(system = %self.system.name, changes = self.unanswered.len(), "changes that were not answered are sent again");
                    self.context.pause(&mut self.backoff).await
                }
                Err(Interrupted::Failed(error)) => self.suffer(&error).await,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Remembers a failure, then pauses; returns whether the hub goes on.
    async fn suffer(&mut self, error: &HubError) -> bool {
        if let HubError::System(Fault::Retry { after: Some(Duration::ZERO), .. }) = error {
            // The call's time ran out before all changes were sent: the rest follows at once.
            return true;
        }
        self.waiting.because(error, || tracing::warn!(system = %self.system.name, %error, "delivery waits"));
        let state = match error {
            HubError::System(Fault::Retry { .. }) => Some(TargetState::Down),
            HubError::System(Fault::Halt { .. }) | HubError::Configuration(_) => Some(TargetState::Halted),
            _ => None,
        };
        if let Some(state) = state {
            self.target = None;
            // A store that is away is met again at the next step.
            let _ = self.note(state, Some(&error.to_string())).await;
        }
        self.rest(error).await
    }

    /// Pauses after a failure, for as long as the system asked and then for the backoff's time. An operator who resumes
    /// a system need not wait for the end of it. Returns whether the hub goes on.
    async fn rest(&mut self, error: &HubError) -> bool {
        let limit = self.context.settings.limits.retry_delay_max;
        let asked = match error {
            HubError::System(Fault::Retry { after: Some(after), .. }) => (*after).min(limit),
            _ => Duration::ZERO,
        };
        let mut control = self.context.control.subscribe();
        tokio::select! {
            () = self.context.stop.cancelled() => false,
            () = tokio::time::sleep(asked + self.backoff.pause()) => true,
            _ = control.changed() => true,
        }
    }

    /// Remembers the state of the target, unless an operator paused it.
    async fn note(&mut self, state: TargetState, reason: Option<&str>) -> Result<(), HubError> {
        if (self.state.0, self.state.1.as_deref()) == (state, reason) {
            return Ok(());
        }
        let (store, tenant, name) = (&self.context.store, &self.system.tenant, &self.system.name);
        let _turn = self.context.target_states.lock().await;
        if store.target_state(tenant, name).await? == TargetState::Paused {
            self.state = (TargetState::Paused, None);
            return Ok(());
        }
        store.set_target_state(tenant, name, state, reason, self.context.now()).await?;
        self.state = (state, reason.map(str::to_owned));
        Ok(())
    }

    async fn serve(&mut self) -> Result<(), Interrupted> {
        self.wait_while_paused().await?;
        self.open().await?;
        self.recover().await?;
        let queue = Queue::Delivery(self.system.name.clone());
        let mut subscription = self.context.bus.subscribe(&queue, self.context.settings.limits.prefetch).await?;
        self.waiting.over();
        loop {
            let gathered = self.gather(&mut *subscription).await?;
            self.deliver(&gathered.changes).await?;
            subscription.acknowledge(&gathered.receipts).await?;
            self.unanswered.clear();
            self.backoff.reset();
        }
    }

    async fn is_paused(&mut self) -> Result<bool, HubError> {
        let state = self.context.store.target_state(&self.system.tenant, &self.system.name).await?;
        if state != self.state.0 {
            self.state = (state, None);
        }
        Ok(state == TargetState::Paused)
    }

    async fn wait_while_paused(&mut self) -> Result<(), Interrupted> {
        let mut control = self.context.control.subscribe();
        loop {
            control.mark_unchanged();
            if !self.is_paused().await? {
                return Ok(());
            }
            tokio::select! {
                () = self.context.stop.cancelled() => return Err(Interrupted::Stopping),
                _ = control.changed() => {}
                // The operator may have told another worker.
                () = tokio::time::sleep(LOOK_DELAY) => {}
            }
        }
    }

    async fn open(&mut self) -> Result<(), Interrupted> {
        if self.target.is_some() {
            return Ok(());
        }
        // What halted the hub before it was started again may have been put right meanwhile.
        let is_fresh = std::mem::take(&mut self.is_fresh);
        self.is_unopened |= self.state.0 == TargetState::Up || (is_fresh && self.state.0 == TargetState::Halted);
        let ports = open::ports(&self.context, &self.system).await?;
        self.batching = ports.batching;
        let missing =
            || Fault::halt(format!("{} has a subscription but its connector has no target", self.system.name));
        self.target = Some(ports.target.ok_or_else(missing)?);
        if std::mem::take(&mut self.is_unopened) {
            self.note(TargetState::Up, None).await?;
        }
        Ok(())
    }

    /// Brings the system up to date with these changes. Everything is delivered, found equal, or parked when it returns.
    async fn deliver(&mut self, changes: &[Change]) -> Result<(), Interrupted> {
        self.held_back.clear();
        self.set_aside.clear();
        for entity in phases(changes) {
            let mut once = BTreeSet::new();
            let ids: Vec<MasterId> = changes
                .iter()
                .filter(|change| change.entity == entity && once.insert(change.master_id))
                .map(|change| change.master_id)
                .collect();
            for chunk in ids.chunks(self.batching.count_max.max(1)) {
                while is_cut_short(self.deliver_masters(&entity, chunk).await)? {}
            }
        }
        if self.held_back.is_empty() { Ok(()) } else { Err(Interrupted::Unanswered) }
    }

    /// Takes what is there, and more until the target's batch is full or old enough.
    async fn gather(&mut self, subscription: &mut dyn Subscription) -> Result<Gathered, Interrupted> {
        let mut gathered = Gathered::default();
        let mut deadline: Option<Instant> = None;
        let prefetch = self.context.settings.limits.prefetch;
        loop {
            let left = prefetch.saturating_sub(gathered.receipts.len());
            if gathered.changes.len() >= self.batching.count_max || left == 0 {
                return Ok(gathered);
            }
            let received = tokio::select! {
                biased;
                () = self.context.stop.cancelled() => return Err(Interrupted::Stopping),
                received = subscription.receive(left.min(4)) => received?,
                () = expired(deadline) => return Ok(gathered),
            };
            for message in received {
                match change::decode(&message.content_type, &message.body) {
                    Ok(changes) => gathered.changes.extend(changes),
                    Err(error) => self.park_foreign(message.id, message.body, &error).await?,
                }
                gathered.receipts.push(message.receipt);
            }
            deadline.get_or_insert_with(|| Instant::now() + self.batching.age_max);
        }
    }

    /// Sets a message aside that tells of no change: it keeps its bytes and blocks nobody.
    async fn park_foreign(&mut self, id: String, body: Vec<u8>, error: &HubError) -> Result<(), Interrupted> {
        tracing::error!(system = %self.system.name, id, %error, "a message of a delivery queue is no change");
        let parked = end::foreign(&self.system.name, id, body, error, self.context.now());
        let end = Delivered { parked: vec![parked], ..Delivered::default() };
        Ok(self.context.store.finish_attempt(&self.system.tenant, &self.system.name, None, end).await?)
    }
}

/// The entities of some changes, those first that others refer to.
fn phases(changes: &[Change]) -> Vec<Entity> {
    changes.iter().map(|change| change.entity.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Whether a target took a part and can be sent the rest at once. It always took something, or that would have no end.
fn is_cut_short(delivered: Result<(), Interrupted>) -> Result<bool, Interrupted> {
    match delivered {
        Ok(()) => Ok(false),
        Err(Interrupted::Failed(HubError::System(Fault::Retry { after: Some(Duration::ZERO), .. }))) => Ok(true),
        Err(error) => Err(error),
    }
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
