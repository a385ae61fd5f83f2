//! The flow at one moment: what every source showed, what the master made of it, what every target took.

use std::collections::HashMap;
use std::sync::Arc;

use canonical::Entity;
use jiff::Timestamp;
use serde::Serialize;
use store::{
    Counts, DropStatus, Export, OperateStore, Outcomes, ParkedStatus, RecordOutcome, RejectStatus, StoreError,
    StreamKey, StreamStatus, TargetStatus, TaskStatus, WaitingStatus,
};

use crate::inputs::{Console, QueueDepth, Shares};
use crate::links::Scope;
use crate::rates::{Pace, Rates};

/// Rows of each short list on the flow page.
const SHORT: usize = 5;
/// Drops on the flow page.
const DROPS: usize = 8;
/// Streams and targets of one tenant that are asked for.
const PORTS_MAX: usize = 1000;

/// The flow of one tenant at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Flow {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub tenant: Option<Arc<str>>,
    /// What needs somebody, and what is on its way.
    pub counts: Counts,
    /// When the oldest change was made that some subscriber has not got yet, as far as it is known.
    pub oldest_undelivered: Option<Timestamp>,
    /// Records that made or changed a source in the last minute.
    pub changes_per_minute: i64,
    /// Configured streams, in the order of the configuration.
    pub sources: Vec<SourceFlow>,
    /// Configured subscribers, in the order of the configuration.
    pub targets: Vec<TargetFlow>,
    /// Why the bus takes no messages from this process now.
    pub bus_blocked: Option<String>,
    /// Who does which part of the hub's work; of systems, only those of this tenant.
    #[serde(flatten)]
    pub shares: Shares,
    /// The newest drops.
    pub drops: Vec<DropStatus>,
    /// The first of what is parked.
    pub parked: Vec<ParkedStatus>,
    /// The first of what waits.
    pub waiting: Vec<WaitingStatus>,
    /// The newest rejects.
    pub rejects: Vec<RejectStatus>,
    /// The first open tasks.
    pub tasks: Vec<TaskStatus>,
    /// Changes per ten seconds of the last five minutes.
    #[serde(skip)]
    pub(crate) course: Vec<i64>,
    /// Whether the master changed a moment ago.
    #[serde(skip)]
    pub(crate) moving: bool,
}

/// A configured stream at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct SourceFlow {
    /// Which stream.
    #[serde(flatten)]
    pub stream: StreamKey,
    /// The kind of the system's connector.
    pub kind: String,
    /// What its records become.
    pub entity: Entity,
    /// When it is read, in words.
    pub schedule: String,
    /// Whether each drop is everything, or what changed.
    pub export: Export,
    /// When it will be read next.
    pub next_run: Option<Timestamp>,
    /// Whether it is being read now.
    pub collecting: bool,
    /// Records read in the last minute.
    pub read_per_minute: i64,
    /// When it was last read to its end.
    pub last_run: Option<Timestamp>,
    /// Why the last run could not read, if it could not.
    pub fault: Option<String>,
    /// The sum over all drops.
    pub total: Outcomes,
    /// The latest drop.
    pub last_drop: Option<DropStatus>,
    #[serde(skip)]
    pub(crate) moving: bool,
}

/// A configured subscriber at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct TargetFlow {
    /// The system.
    pub system: Arc<str>,
    /// The kind of its connector.
    pub kind: String,
    /// What it is fed of this tenant.
    pub entities: Vec<Entity>,
    /// Where it stands; `None` before its first delivery.
    pub status: Option<TargetStatus>,
    /// What waits in its queue, where known.
    pub queue: Option<QueueDepth>,
    /// Changes that it took in the last minute.
    pub delivered_per_minute: i64,
    #[serde(skip)]
    pub(crate) moving: bool,
}

impl Flow {
    /// Whether the accounting of every stream adds up.
    pub(crate) fn adds_up(&self) -> bool {
        self.sources.iter().all(|source| source.total.adds_up())
    }

    /// Looks at the store now, and notes what it sees for the rates.
    pub(crate) async fn take(
        console: &Console,
        scope: &Scope,
        rates: &std::sync::Mutex<Rates>,
        at: Timestamp,
    ) -> Result<Flow, StoreError> {
        let store = &console.store;
        let ports = scope.filter(PORTS_MAX);
        let short = scope.filter(SHORT);
        let mut seen = Seen {
            streams: by_stream(store.streams(&ports).await?),
            targets: by_system(store.targets(&ports).await?),
            second: at.as_second(),
        };
        let counts = store.counts(&scope.filter(0)).await?;
        let lists = Lists::read(store.as_ref(), scope, &short).await?;
        // The lock is held between awaits only, and nothing in it can panic half-way.
        let mut rates = rates.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let sources = seen.sources(console, scope, &mut rates);
        let targets = seen.targets(console, scope, &mut rates);
        let changes = sources.iter().map(|source| changed(&source.total)).sum();
        let pace = rates.sample("master", seen.second, changes);
        let queued = targets.iter().filter_map(|target| target.queue.and_then(|queue| queue.oldest));
        Ok(Flow {
            at,
            tenant: scope.tenant.clone(),
            counts,
            oldest_undelivered: queued.chain(counts.outbox_oldest).min(),
            changes_per_minute: pace.per_minute,
            course: pace.course,
            moving: pace.moving,
            sources,
            targets,
            bus_blocked: console.live.as_ref().and_then(|live| live.bus_blocked()),
            shares: shares(console, scope),
            drops: lists.drops,
            parked: lists.parked,
            waiting: lists.waiting,
            rejects: lists.rejects,
            tasks: lists.tasks,
        })
    }
}

/// Who does what, without the systems of other tenants.
fn shares(console: &Console, scope: &Scope) -> Shares {
    let is_of_tenant = |name: &str| {
        let system = console.systems.iter().find(|system| *system.name == *name);
        system.is_none_or(|system| {
            let fed = system.subscriptions.iter().any(|fed| scope.tenant.as_ref() == Some(&fed.tenant));
            fed || scope.tenant.as_ref() == Some(&system.tenant)
        })
    };
    let shares = console.live.as_ref().map(|live| live.shares()).unwrap_or_default();
    shares.of_systems(is_of_tenant)
}

/// Records that made or changed a source.
fn changed(outcomes: &Outcomes) -> i64 {
    [RecordOutcome::Created, RecordOutcome::Updated, RecordOutcome::Removed]
        .map(|outcome| outcomes.get(outcome))
        .iter()
        .sum()
}

fn by_stream(streams: Vec<StreamStatus>) -> HashMap<StreamKey, StreamStatus> {
    streams.into_iter().map(|status| (status.stream.clone(), status)).collect()
}

fn by_system(targets: Vec<TargetStatus>) -> HashMap<Arc<str>, TargetStatus> {
    targets.into_iter().map(|status| (Arc::clone(&status.system), status)).collect()
}

struct Lists {
    drops: Vec<DropStatus>,
    parked: Vec<ParkedStatus>,
    waiting: Vec<WaitingStatus>,
    rejects: Vec<RejectStatus>,
    tasks: Vec<TaskStatus>,
}

impl Lists {
    async fn read(store: &dyn OperateStore, scope: &Scope, short: &store::Filter) -> Result<Self, StoreError> {
        Ok(Lists {
            drops: store.drops(&scope.filter(DROPS)).await?,
            parked: store.parked(short).await?,
            waiting: store.waiting(short).await?,
            rejects: store.rejects(short).await?,
            tasks: store.tasks(&short.clone().into()).await?,
        })
    }
}

/// What the store said about streams and targets.
struct Seen {
    streams: HashMap<StreamKey, StreamStatus>,
    targets: HashMap<Arc<str>, TargetStatus>,
    second: i64,
}

impl Seen {
    fn sources(&mut self, console: &Console, scope: &Scope, rates: &mut Rates) -> Vec<SourceFlow> {
        let systems = console.systems.iter().filter(|system| scope.tenant.as_ref() == Some(&system.tenant));
        let streams = systems.flat_map(|system| system.streams.iter().map(move |stream| (system, stream)));
        streams
            .map(|(system, stream)| {
                let key = StreamKey {
                    tenant: Arc::clone(&system.tenant),
                    system: Arc::clone(&system.name),
                    stream: Arc::clone(&stream.name),
                };
                let status = self.streams.remove(&key);
                let (last_run, fault, total, last_drop) = status
                    .map(|status| (status.last_run, status.fault, status.total, status.last_drop))
                    .unwrap_or_default();
                let Pace { per_minute, moving, .. } =
                    rates.sample(&format!("stream {}/{}", system.name, stream.name), self.second, total.read);
                let live = console.live.as_deref();
                SourceFlow {
                    stream: key,
                    kind: system.kind.clone(),
                    entity: stream.entity.clone(),
                    schedule: stream.schedule.clone(),
                    export: stream.export,
                    next_run: live.and_then(|live| live.next_run(&system.name, &stream.name)),
                    collecting: live.is_some_and(|live| live.collecting(&system.name, &stream.name)),
                    read_per_minute: per_minute,
                    last_run,
                    fault,
                    total,
                    last_drop,
                    moving,
                }
            })
            .collect()
    }

    fn targets(&mut self, console: &Console, scope: &Scope, rates: &mut Rates) -> Vec<TargetFlow> {
        let mut targets = Vec::new();
        for system in &console.systems {
            let fed = system.subscriptions.iter().filter(|fed| scope.tenant.as_ref() == Some(&fed.tenant));
            let entities: Vec<Entity> = fed.map(|fed| fed.entity.clone()).collect();
            if entities.is_empty() {
                continue;
            }
            let status = self.targets.remove(&system.name);
            let delivered = status.as_ref().map_or(0, |status| i64::try_from(status.delivered).unwrap_or(i64::MAX));
            let Pace { per_minute, moving, .. } =
                rates.sample(&format!("target {}", system.name), self.second, delivered);
            let live = console.live.as_deref();
            targets.push(TargetFlow {
                system: Arc::clone(&system.name),
                kind: system.kind.clone(),
                entities,
                status,
                queue: live.and_then(|live| live.queue_depth(scope.tenant().unwrap_or_default(), &system.name)),
                delivered_per_minute: per_minute,
                moving,
            });
        }
        targets
    }
}
