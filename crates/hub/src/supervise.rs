//! Starting and stopping the tasks of a hub.

use std::collections::BTreeMap;
use std::sync::Arc;

use bus::Bus;
use jiff::Timestamp;
use store::{Store, Worker};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::collect::Tell;
use crate::context::Context;
use crate::deliver::Courier;
use crate::fault::HubError;
use crate::lease::{self, Begin, Doing, Term, Workshop};
use crate::outage::Outages;
use crate::partitions::InForce;
use crate::settings::Settings;
use crate::timetable::{Runner, StreamName, Timetable};
use crate::workers::{self, Status};
use crate::{alarm, command, dead, demand, partitions, quiet, rebuild, relay, resolve, tasks};

/// Whether streams are read by their schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Streams are read when they are due, and on command.
    Scheduled,
    /// Streams are read by [`Hub::collect`] only.
    OnDemand,
}

/// What a worker does of all the work of a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads the streams of systems.
    Collect,
    /// Resolves observations, publishes changes, and takes care of commands and alarms.
    Resolve,
    /// Delivers to systems.
    Deliver,
}

impl Role {
    /// All of it.
    pub const ALL: [Role; 3] = [Role::Collect, Role::Resolve, Role::Deliver];

    /// The kinds of work that belong to it.
    fn kinds(self) -> &'static [&'static str] {
        match self {
            Role::Collect => &[COLLECT],
            Role::Resolve => &[OBSERVED, RELAY, OPERATE],
            Role::Deliver => &[DELIVERY],
        }
    }
}

/// The streams of one system.
pub(crate) const COLLECT: &str = "collect";
/// One partition of the observed bus.
pub(crate) const OBSERVED: &str = "observed";
/// What publishes changes.
const RELAY: &str = "relay";
/// Commands that concern no system's streams, and alarms.
pub(crate) const OPERATE: &str = "operate";
/// What one system is fed.
const DELIVERY: &str = "delivery";

/// The work of reading a system's streams.
pub(crate) fn collect(system: &str) -> String {
    format!("{COLLECT}/{system}")
}

/// The work of resolving a partition of observations.
pub(crate) fn observed(partition: u32) -> String {
    format!("{OBSERVED}/{partition}")
}

/// The work of feeding a system.
pub(crate) fn delivery(system: &str) -> String {
    format!("{DELIVERY}/{system}")
}

/// A running hub, or one worker of several that share its work. Dropping it stops everything at once, which loses nothing;
/// [`Hub::stop`] ends what is under way first.
pub struct Hub {
    context: Arc<Context>,
    timetable: Timetable,
    tasks: JoinSet<Result<(), String>>,
}

impl Hub {
    /// Declares the queues and starts the work of these roles. What no other worker does is under way when it returns.
    ///
    /// # Errors
    /// When the bus cannot be reached or has other queues than are needed, or the store cannot share out the work.
    pub async fn start(
        mut settings: Settings,
        store: Arc<dyn Store>,
        bus: Arc<dyn Bus>,
        mode: Mode,
        roles: &[Role],
    ) -> Result<Self, HubError> {
        let in_force = rebuild::recognise(&*store, &*bus, &settings).await?;
        // A batch that the bus refuses would be refused for ever.
        let limits = &mut settings.limits;
        limits.message_bytes_max = limits.message_bytes_max.min(bus.message_bytes_max());
        let name: Arc<str> = worker_name().into();
        let context = Arc::new(Context {
            settings: Arc::new(settings),
            store,
            bus,
            stop: CancellationToken::new(),
            term: Term::endless(),
            worker: name.clone(),
            doing: Doing::default(),
            partitions: InForce::new(in_force),
            control: Arc::new(watch::channel(0).0),
            target_states: Arc::default(),
            outages: Outages::default(),
            models: Arc::default(),
            breaker: Arc::default(),
        });
        let (timetable, works) = works(&context, mode);
        let kinds: Vec<Arc<str>> = roles.iter().flat_map(|role| role.kinds()).map(|kind| Arc::from(*kind)).collect();
        let works =
            works.into_iter().filter(|(work, _)| kinds.iter().any(|kind| **kind == *lease::kind(work))).collect();
        let mut workshop = Workshop::new(context.clone(), Worker { name, kinds }, works);
        workshop.round().await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(workshop.run());
        let commands = command::run(context.clone(), timetable.clone());
        tasks.spawn(async move {
            commands.await;
            Ok(())
        });
        Ok(Hub { context, timetable, tasks })
    }

    /// Reads a stream now and waits for the end of it; what was read is then published, not yet delivered.
    /// With `again`, a drop that was seen before is read all the same. Where another worker has the stream, that one is
    /// told through the store to read it. `tell` hears of every step that is done here.
    ///
    /// # Errors
    /// An unknown stream, or why it cannot be read.
    pub async fn collect(&self, name: &StreamName, again: bool, tell: Tell) -> Result<(), HubError> {
        demand::collect(&self.context, &self.timetable, name, again, tell).await
    }

    /// How the whole hub stands: all of its workers, what they do, what is on its way.
    ///
    /// # Errors
    /// When store or bus cannot be asked.
    pub async fn status(&self) -> Result<Status, HubError> {
        workers::status(&self.context).await
    }

    /// The streams of a system, or one of them.
    pub fn streams(&self, system: &str, stream: Option<&str>) -> Vec<StreamName> {
        self.timetable.streams(system, stream)
    }

    /// When each stream is read next, and which are read now.
    pub fn next_runs(&self) -> NextRuns {
        NextRuns(self.timetable.clone())
    }

    /// What is still on its way. Everything is done when [`Pending::is_quiet`].
    ///
    /// # Errors
    /// When store or bus cannot be asked.
    pub async fn pending(&self) -> Result<quiet::Pending, HubError> {
        quiet::pending(&self.context).await
    }

    /// Waits until a task ends that should not: a bug. Pending while all is well.
    ///
    /// # Errors
    /// Says which way the task ended.
    pub async fn watch(&mut self) -> Result<(), HubError> {
        loop {
            match self.tasks.join_next().await {
                None => return Ok(()),
                Some(Ok(Ok(()))) if self.context.stop.is_cancelled() => {}
                Some(Ok(Ok(()))) => {
                    return Err(HubError::Unknown("a task of the hub ended; this is a bug".to_owned()));
                }
                Some(Ok(Err(reason))) => return Err(HubError::Unknown(reason)),
                Some(Err(error)) => {
                    return Err(HubError::Unknown(format!("a task of the hub failed: {error}; this is a bug")));
                }
            }
        }
    }

    /// Lets every task finish what it has begun, then ends. Nothing is half-done, and what is queued stays queued.
    pub async fn stop(mut self) {
        self.context.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Tells when each stream is read next, and which are read now.
#[derive(Clone)]
pub struct NextRuns(Timetable);

impl NextRuns {
    /// When a stream is read next; `None` when only on command, or not known yet.
    pub fn of(&self, system: &str, stream: &str) -> Option<Timestamp> {
        self.0.next(&(system.into(), stream.into()))
    }

    /// Whether a stream is being read now.
    pub fn is_collecting(&self, system: &str, stream: &str) -> bool {
        self.0.is_collecting(&(system.into(), stream.into()))
    }
}

/// Every piece of work of a hub, and the timetable of its streams.
fn works(context: &Arc<Context>, mode: Mode) -> (Timetable, BTreeMap<Arc<str>, Begin>) {
    let mut timetable = Timetable::default();
    let mut streams = Vec::new();
    let systems = &context.settings.systems;
    for system in systems.values().filter(|system| !system.streams.is_empty()) {
        let of_system = system.streams.iter().map(|(name, stream)| {
            let name: StreamName = (system.name.clone(), name.clone());
            let demands = timetable.add(name.clone());
            (name, stream.clone(), demands)
        });
        streams.push((system.clone(), of_system.collect::<Vec<_>>()));
    }
    let mut works: BTreeMap<Arc<str>, Begin> = BTreeMap::new();
    let scheduled = mode == Mode::Scheduled;
    for (system, streams) in streams {
        let (work, timetable) = (collect(&system.name).into(), timetable.clone());
        let begin: Begin = Box::new(move |context, tasks| {
            for (name, stream, demands) in &streams {
                let (context, system, timetable) = (context.clone(), system.clone(), timetable.clone());
                let (name, stream, demands) = (name.clone(), stream.clone(), demands.clone());
                tasks.spawn(Runner { context, system, name, stream, timetable, demands, scheduled }.run());
            }
        });
        works.insert(work, begin);
    }
    works.extend((0..context.partitions.get()).map(resolving));
    let begin: Begin = Box::new(|context, tasks| {
        tasks.spawn(relay::run(context));
    });
    works.insert(RELAY.into(), begin);
    let begin: Begin = Box::new(|context, tasks| {
        tasks.spawn(alarm::run(context.clone()));
        tasks.spawn(tasks::run(context.clone()));
        tasks.spawn(partitions::run(context.clone()));
        tasks.spawn(dead::run(context));
    });
    works.insert(OPERATE.into(), begin);
    for system in systems.values().filter(|system| !system.subscriptions.is_empty()) {
        let (work, system) = (delivery(&system.name).into(), system.clone());
        let begin: Begin = Box::new(move |context, tasks| {
            tasks.spawn(Courier::new(context, system.clone()).run());
        });
        works.insert(work, begin);
    }
    (timetable, works)
}

/// The work of resolving a partition, and its beginning.
pub(crate) fn resolving(partition: u32) -> (Arc<str>, Begin) {
    let begin: Begin = Box::new(move |context, tasks| {
        tasks.spawn(resolve::run(context, partition));
    });
    (observed(partition).into(), begin)
}

/// A name that no other process has, also not this one when it starts again.
fn worker_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}-{:08x}", host.trim(), std::process::id(), fastrand::u32(..))
}
