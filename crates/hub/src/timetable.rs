//! One runner per stream: it reads when the stream is due or on command, and never overlaps itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connector::Fault;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::backoff::Backoff;
use crate::collect::{Collector, Progress};
use crate::context::Context;
use crate::fault::HubError;
use crate::open;
use crate::outage::Waiting;
use crate::partitions::{self, Spread};
use crate::settings::{Stream, System};

/// The name of a stream within the hub: system and stream.
pub type StreamName = (Arc<str>, Arc<str>);

/// The longest sleep until the next run; a changed clock is noticed by then.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// A demand to read a stream now.
pub(crate) struct Demand {
    pub again: bool,
    pub progress: Option<Box<dyn FnMut(Progress) + Send>>,
    pub done: oneshot::Sender<Result<(), HubError>>,
}

/// What a runner is asked for. It outlives the runner, which ends when another worker takes the stream over.
pub(crate) type Demands = Arc<tokio::sync::Mutex<mpsc::Receiver<Demand>>>;

/// When each stream is read next, and the way to its runner.
#[derive(Clone, Default)]
pub(crate) struct Timetable {
    next: Arc<Mutex<BTreeMap<StreamName, Timestamp>>>,
    collecting: Arc<Mutex<BTreeSet<StreamName>>>,
    runners: BTreeMap<StreamName, mpsc::Sender<Demand>>,
}

impl Timetable {
    /// Adds a stream; what it returns is for its runners.
    pub fn add(&mut self, name: StreamName) -> Demands {
        let (sender, receiver) = mpsc::channel(4);
        self.runners.insert(name, sender);
        Arc::new(tokio::sync::Mutex::new(receiver))
    }

    pub fn next(&self, name: &StreamName) -> Option<Timestamp> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    fn set_next(&self, name: &StreamName, next: Option<Timestamp>) {
        let mut table = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        match next {
            Some(next) => table.insert(name.clone(), next),
            None => table.remove(name),
        };
    }

    /// Whether a stream is being read now.
    pub fn is_collecting(&self, name: &StreamName) -> bool {
        self.collecting.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    fn set_collecting(&self, name: &StreamName, collecting: bool) {
        let mut streams = self.collecting.lock().unwrap_or_else(PoisonError::into_inner);
        if collecting {
            streams.insert(name.clone());
        } else {
            streams.remove(name);
        }
    }

    /// The streams of a system, or one of them.
    pub fn streams(&self, system: &str, stream: Option<&str>) -> Vec<StreamName> {
        let wanted = |name: &&StreamName| &*name.0 == system && stream.is_none_or(|stream| &*name.1 == stream);
        self.runners.keys().filter(wanted).cloned().collect()
    }

    /// Reads a stream now and waits for the end of it.
    pub async fn collect(
        &self,
        name: &StreamName,
        again: bool,
        progress: Option<Box<dyn FnMut(Progress) + Send>>,
    ) -> Result<(), HubError> {
        let stopping = || HubError::Unknown("the hub is stopping".to_owned());
        let runner = self.runners.get(name);
        let runner = runner.ok_or_else(|| HubError::Unknown(format!("there is no stream {}/{}", name.0, name.1)))?;
        let (done, ended) = oneshot::channel();
        runner.send(Demand { again, progress, done }).await.map_err(|_| stopping())?;
        ended.await.map_err(|_| stopping())?
    }
}

/// Reads one stream for as long as the hub runs.
pub(crate) struct Runner {
    pub context: Arc<Context>,
    pub system: Arc<System>,
    pub name: StreamName,
    pub stream: Arc<Stream>,
    pub timetable: Timetable,
    pub demands: Demands,
    /// Whether the schedule counts; without it the stream is read on demand only.
    pub scheduled: bool,
}

impl Runner {
    pub async fn run(self) {
        let demands = self.demands.clone();
        let mut demands = demands.lock().await;
        let Some(spread) = partitions::reading(&self.context).await else { return };
        let started = self.context.now();
        let mut backoff = Backoff::new(&self.context.settings.limits);
        let mut waiting = self.context.outages.waiting();
        let mut collector: Option<Collector> = None;
        let mut failed = self.make_up(spread, &mut collector, &mut waiting).await.is_err();
        while !self.context.stop.is_cancelled() {
            let demand = if failed {
                failed = false;
                let pause = backoff.pause();
                tokio::select! {
                    () = self.context.stop.cancelled() => return,
                    demand = demands.recv() => demand,
                    () = tokio::time::sleep(pause) => if self.scheduled { None } else { continue },
                }
            } else {
                match self.wait(started, &mut demands).await {
                    Some(demand) => demand,
                    None => return,
                }
            };
            match self.collect(spread, &mut collector, demand, &mut waiting).await {
                Ok(()) => {
                    backoff.reset();
                    waiting.over();
                }
                Err(()) => {
                    collector = None;
                    failed = true;
                }
            }
        }
    }

    /// Waits until the stream is due or demanded; `None` when the hub stops.
    async fn wait(&self, started: Timestamp, demands: &mut mpsc::Receiver<Demand>) -> Option<Option<Demand>> {
        loop {
            let context = self.context.clone();
            let key = crate::collect::stream_key(&self.system, &self.name.1);
            let state = context.persist("a schedule", || context.store.stream_state(&key)).await?;
            let next = if self.scheduled { self.stream.schedule.next(state.last_run, started) } else { None };
            self.timetable.set_next(&self.name, next);
            let now = self.context.now();
            let sleep = match next {
                Some(next) if next <= now => return Some(None),
                Some(next) => Duration::try_from(next.duration_since(now)).unwrap_or(SLEEP_MAX).min(SLEEP_MAX),
                None => SLEEP_MAX,
            };
            tokio::select! {
                () = self.context.stop.cancelled() => return None,
                demand = demands.recv() => return demand.map(Some),
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// Publishes what was lost of the stream with the bus, whenever it is due: nobody knows when that is.
    async fn make_up(
        &self,
        spread: Spread,
        collector: &mut Option<Collector>,
        waiting: &mut Waiting,
    ) -> Result<(), ()> {
        let made_up = async {
            let key = crate::collect::stream_key(&self.system, &self.name.1);
            if self.context.store.lost_drops(&key).await?.is_empty() {
                return Ok(());
            }
            self.collector(spread, collector).await?.make_up().await
        };
        made_up.await.map_err(|error: HubError| {
            let (system, stream) = (&self.name.0, &self.name.1);
            waiting.because(&error, || tracing::warn!(%system, %stream, %error, "what was lost with the bus waits"));
        })
    }

    async fn collect(
        &self,
        spread: Spread,
        collector: &mut Option<Collector>,
        demand: Option<Demand>,
        waiting: &mut Waiting,
    ) -> Result<(), ()> {
        let again = demand.as_ref().is_some_and(|demand| demand.again);
        let (progress, done) = demand.map_or((None, None), |demand| (demand.progress, Some(demand.done)));
        self.timetable.set_collecting(&self.name, true);
        let result = match self.collector(spread, collector).await {
            Ok(collector) => collector.run(again, progress).await,
            Err(error) => Err(error),
        };
        self.timetable.set_collecting(&self.name, false);
        let ended = result.as_ref().map_or(Err(()), |()| Ok(()));
        if let Err(error) = &result {
            // On demand only, whoever asked is in this process and tells it.
            if self.scheduled || done.is_none() {
                let (system, stream) = (&self.name.0, &self.name.1);
                waiting.because(error, || tracing::warn!(%system, %stream, %error, "reading waits"));
            }
            let fault = Fault::retry(error.to_string());
            let key = crate::collect::stream_key(&self.system, &self.name.1);
            // A store that is away is met again at the next run.
            let _ = self.context.store.note_run(&key, self.context.now(), Some(&fault.to_string())).await;
        }
        if let Some(done) = done {
            // Whoever asked may have gone.
            let _ = done.send(result);
        }
        ended
    }

    async fn collector<'a>(
        &self,
        spread: Spread,
        collector: &'a mut Option<Collector>,
    ) -> Result<&'a mut Collector, HubError> {
        if collector.is_none() {
            let mut ports = open::ports(&self.context, &self.system).await?;
            let source = ports.sources.remove(&*self.name.1).ok_or_else(|| {
                Fault::halt(format!("{}: the connector has no stream \"{}\"", self.name.0, self.name.1))
            })?;
            let (context, stream) = (self.context.clone(), self.stream.clone());
            *collector = Some(Collector::new(context, &self.system, &self.name.1, stream, source, spread));
        }
        collector.as_mut().ok_or_else(|| HubError::Unknown("a stream that was just opened".to_owned()))
    }
}
