//! Starting and stopping the tasks of a hub.

use std::sync::Arc;

use bus::{Bus, Queue};
use jiff::Timestamp;
use store::Store;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::collect::Tell;
use crate::context::Context;
use crate::deliver::Courier;
use crate::fault::HubError;
use crate::settings::Settings;
use crate::timetable::{Runner, StreamName, Timetable};
use crate::{alarm, command, quiet, relay, resolve};

/// Whether streams are read by their schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Streams are read when they are due, and on command.
    Scheduled,
    /// Streams are read by [`Hub::collect`] only.
    OnDemand,
}

/// A running hub. Dropping it stops everything at once, which loses nothing; [`Hub::stop`] ends what is under way first.
pub struct Hub {
    context: Arc<Context>,
    timetable: Timetable,
    tasks: JoinSet<()>,
}

impl Hub {
    /// Declares the queues and starts every task.
    ///
    /// # Errors
    /// When the bus cannot be reached or has other queues than are needed.
    pub async fn start(
        mut settings: Settings,
        store: Arc<dyn Store>,
        bus: Arc<dyn Bus>,
        mode: Mode,
    ) -> Result<Self, HubError> {
        bus.declare(&queues(&settings)).await?;
        // A batch that the bus refuses would be refused for ever.
        let limits = &mut settings.limits;
        limits.message_bytes_max = limits.message_bytes_max.min(bus.message_bytes_max());
        let (control, _) = watch::channel(0);
        let (stop, target_states) = (CancellationToken::new(), Mutex::default());
        let context = Arc::new(Context { settings, store, bus, stop, control, target_states });
        let mut timetable = Timetable::default();
        let mut streams = Vec::new();
        for system in context.settings.systems.values() {
            for (name, stream) in &system.streams {
                let name: StreamName = (system.name.clone(), name.clone());
                let demands = timetable.add(name.clone());
                streams.push((system.clone(), name, stream.clone(), demands));
            }
        }
        let mut tasks = JoinSet::new();
        let scheduled = mode == Mode::Scheduled;
        for (system, name, stream, demands) in streams {
            let (context, timetable) = (context.clone(), timetable.clone());
            tasks.spawn(Runner { context, system, name, stream, timetable, demands, scheduled }.run());
        }
        for partition in 0..context.settings.limits.partitions.max(1) {
            tasks.spawn(resolve::run(context.clone(), partition));
        }
        tasks.spawn(relay::run(context.clone()));
        for system in context.settings.systems.values().filter(|system| !system.subscriptions.is_empty()) {
            tasks.spawn(Courier::new(context.clone(), system.clone()).run());
        }
        tasks.spawn(command::run(context.clone(), timetable.clone()));
        tasks.spawn(alarm::run(context.clone()));
        Ok(Hub { context, timetable, tasks })
    }

    /// Reads a stream now and waits for the end of it; what was read is then published, not yet delivered.
    /// With `again`, a drop that was seen before is read all the same. `tell` hears of every step.
    ///
    /// # Errors
    /// An unknown stream, or why it cannot be read.
    pub async fn collect(&self, name: &StreamName, again: bool, tell: Tell) -> Result<(), HubError> {
        self.timetable.collect(name, again, tell).await
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
                Some(Ok(())) if self.context.stop.is_cancelled() => {}
                Some(Ok(())) => return Err(HubError::Unknown("a task of the hub ended; this is a bug".to_owned())),
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

/// The queues that a configuration needs.
fn queues(settings: &Settings) -> Vec<Queue> {
    let observed = (0..settings.limits.partitions.max(1)).map(Queue::Observed);
    let subscribers = settings.systems.values().filter(|system| !system.subscriptions.is_empty());
    observed.chain(subscribers.map(|system| Queue::Delivery(system.name.clone()))).collect()
}
