//! What the console is told by the running hub.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bus::{Bus, Queue};
use console::{Live, QueueDepth, Shares, StreamView, SubscriptionView, SystemView, WorkerView};
use hub::NextRuns;
use jiff::Timestamp;
use store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::configuration::Configuration;
use crate::session::everything;

/// How often queues and streams are looked at.
const LOOK_DELAY: Duration = Duration::from_millis(500);

/// The latest look at queues and streams, for callers that cannot wait.
pub struct LiveState {
    next_runs: NextRuns,
    seen: RwLock<Seen>,
}

#[derive(Default)]
struct Seen {
    queues: BTreeMap<Arc<str>, QueueDepth>,
    open: BTreeSet<(Arc<str>, Arc<str>)>,
    bus_blocked: Option<String>,
    shares: Shares,
}

impl LiveState {
    /// Nothing was looked at yet.
    pub fn new(next_runs: NextRuns) -> Self {
        LiveState { next_runs, seen: RwLock::default() }
    }

    fn replace(&self, seen: Seen) {
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = seen;
    }
}

impl Live for LiveState {
    fn next_run(&self, system: &str, stream: &str) -> Option<Timestamp> {
        self.next_runs.of(system, stream)
    }

    fn queue_depth(&self, _tenant: &str, system: &str) -> Option<QueueDepth> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).queues.get(system).copied()
    }

    fn collecting(&self, system: &str, stream: &str) -> bool {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).open.contains(&(system.into(), stream.into()))
    }

    fn bus_blocked(&self) -> Option<String> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).bus_blocked.clone()
    }

    fn shares(&self) -> Shares {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).shares.clone()
    }
}

/// Looks at queues and streams again and again until the hub stops.
pub async fn keep_looking(
    state: Arc<LiveState>,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    systems: Vec<Arc<str>>,
    stop: CancellationToken,
) {
    loop {
        state.replace(look(&*store, &*bus, &systems).await);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_DELAY) => {}
        }
    }
}

async fn look(store: &dyn Store, bus: &dyn Bus, systems: &[Arc<str>]) -> Seen {
    let shares = shares(store).await.unwrap_or_default();
    let mut seen = Seen { bus_blocked: bus.blocked(), shares, ..Seen::default() };
    for system in systems {
        // A bus that is closing has no depth to tell.
        if let Ok((changes, oldest)) = bus.depth(&Queue::Delivery(system.clone())).await {
            let oldest = oldest.and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok());
            seen.queues.insert(system.clone(), QueueDepth { changes, oldest });
        }
    }
    let streams = store.streams(&everything()).await.unwrap_or_default();
    let open = streams.into_iter().filter(|status| status.last_drop.as_ref().is_some_and(|drop| drop.end.is_none()));
    seen.open.extend(open.map(|status| (status.stream.system, status.stream.stream)));
    seen
}

/// Who does which part of the work.
async fn shares(store: &dyn Store) -> Result<Shares, StoreError> {
    let leases = store.leases().await?;
    let of = |name: &str| {
        let held = leases.iter().filter(|status| status.worker.as_deref() == Some(name));
        held.map(|status| status.lease.work.clone()).collect()
    };
    let workers = store.workers().await?.into_iter();
    let idle = leases.iter().filter(|status| status.worker.is_none()).map(|status| status.lease.work.clone());
    Ok(Shares {
        workers: workers.map(|worker| WorkerView { works: of(&worker.name), name: worker.name }).collect(),
        idle: idle.collect(),
    })
}

/// The systems that are fed.
pub fn fed_systems(configuration: &Configuration) -> Vec<Arc<str>> {
    let fed = configuration.systems.values().filter(|system| !system.subscriptions.is_empty());
    fed.map(|system| system.name.clone()).collect()
}

/// The configured systems as the console shows them.
pub fn system_views(configuration: &Configuration) -> Vec<SystemView> {
    let view = |system: &Arc<hub::System>| SystemView {
        name: system.name.clone(),
        tenant: system.tenant.clone(),
        kind: system.kind.clone(),
        streams: system
            .streams
            .iter()
            .map(|(name, stream)| StreamView {
                name: name.clone(),
                entity: stream.mapping.entity().clone(),
                schedule: stream.schedule.describe(),
                export: stream.export,
            })
            .collect(),
        subscriptions: system
            .subscriptions
            .keys()
            .map(|entity| SubscriptionView { tenant: system.tenant.clone(), entity: entity.clone() })
            .collect(),
    };
    configuration.systems.values().map(view).collect()
}
