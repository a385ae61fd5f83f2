//! Sharing the work among workers: which pieces this process does, and when it must let go of one.
//!
//! Every piece of work (a system's streams, a partition of the observed bus, the relay, a system's deliveries, the care of
//! commands and alarms) is done under a lease of the store by one worker of all. A round renews what is held, gives back
//! what is more than a fair share, and takes what nobody has. The tasks of a piece get a store that refuses to write once
//! the lease is another's, so a worker that was suspended and wakes up changes nothing.

mod adapt;
mod term;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use store::{Lease, LeaseStatus, StoreError, Worker};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::{partitions, supervise};

pub(crate) use term::Term;

/// Begins the tasks of a piece of work.
pub(crate) type Begin = Box<dyn Fn(Arc<Context>, &mut JoinSet<()>) + Send + Sync>;

/// The pieces of work that this process is doing; shared with whoever must know whether something is its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doing(Arc<Mutex<BTreeSet<Arc<str>>>>);

impl Doing {
    pub fn contains(&self, work: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(work)
    }

    fn set(&self, work: &Arc<str>, is_done_here: bool) {
        let mut works = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_done_here {
            works.insert(work.clone());
        } else {
            works.remove(work);
        }
    }
}

/// What a worker does, and how it shares that with others.
pub(crate) struct Workshop {
    context: Arc<Context>,
    worker: Worker,
    works: BTreeMap<Arc<str>, Begin>,
    running: BTreeMap<Arc<str>, Running>,
    /// Whether nobody may read now, because the number of partitions changes.
    reading_waits: bool,
}

/// A piece of work that was begun.
struct Running {
    lease: Lease,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    /// Until when nobody else can have begun it. Calls to systems end with it.
    term: Term,
}

impl Workshop {
    /// `context` is that of the whole process; each piece of work gets one of its own.
    pub fn new(context: Arc<Context>, worker: Worker, works: BTreeMap<Arc<str>, Begin>) -> Self {
        Workshop { context, worker, works, running: BTreeMap::new(), reading_waits: false }
    }

    /// Shares work until the hub stops; then ends what is under way and gives everything back.
    ///
    /// Returns early, with what happened, when a task ends that should not: a bug.
    pub async fn run(mut self) -> Result<(), String> {
        let time = self.context.settings.limits.lease_time;
        let mut waiting = self.context.outages.waiting();
        while !self.context.stop.is_cancelled() {
            match self.round().await {
                Ok(()) => waiting.over(),
                Err(error) => {
                    waiting.because(&error, || {
                        tracing::warn!(%error, "work cannot be shared; what is under way goes on while its lease lasts");
                    });
                    self.drop_expired();
                }
            }
            tokio::select! {
                () = self.context.stop.cancelled() => {}
                () = tokio::time::sleep(if self.reading_waits { partitions::TURN } else { time / 3 }) => {}
                ended = ended(&mut self.running) => if let Some(reason) = ended { return Err(reason) },
            }
        }
        self.end().await;
        if let Err(error) = self.context.store.leave(&self.worker).await {
            tracing::warn!(%error, "the leases of this worker run out by themselves");
        }
        Ok(())
    }

    /// Waits for the end of what is under way, which keeps its leases meanwhile.
    async fn end(&mut self) {
        let time = self.context.settings.limits.lease_time;
        loop {
            let tasks = self.running.values_mut().map(|running| &mut running.tasks);
            let all_ended = async {
                for tasks in tasks {
                    while tasks.join_next().await.is_some() {}
                }
            };
            if tokio::time::timeout(time / 3, all_ended).await.is_ok() {
                return;
            }
            if let Err(error) = self.renew().await {
                tracing::warn!(%error, "what is under way ends with its leases at the latest");
            }
        }
    }

    /// Prolongs what is held, and lets go of what others have taken. Returns all workers.
    async fn renew(&mut self) -> Result<Vec<Worker>, StoreError> {
        let time = self.context.settings.limits.lease_time;
        let asked = Instant::now();
        let held: Vec<Lease> = self.running.values().map(|running| running.lease.clone()).collect();
        let renewed = self.context.store.renew(&self.worker, &held, time).await?;
        for (work, running) in &mut self.running {
            if renewed.held.contains(&running.lease) {
                running.term.prolong(asked + time);
            } else {
                tracing::warn!(%work, "another worker has taken this work over");
                running.term.end();
                running.let_go(&self.context.doing);
            }
        }
        Ok(renewed.workers)
    }

    /// One round: renews, lets go, gives back, takes and begins.
    pub async fn round(&mut self) -> Result<(), StoreError> {
        let time = self.context.settings.limits.lease_time;
        self.bury().await?;
        let workers = self.renew().await?;
        self.adapt().await?;
        let statuses = self.context.store.leases().await?;
        for (kind, works) in self.by_kind() {
            let quota = if self.reading_waits && *kind == *supervise::COLLECT {
                0
            } else {
                quota(&self.worker, &kind, works.len(), &workers, &statuses)
            };
            let mine: Vec<&Arc<str>> = works.iter().filter(|work| self.is_running(work)).collect();
            for work in mine.iter().skip(quota) {
                tracing::info!(%work, "this worker lets go of this work");
                if let Some(running) = self.running.get_mut(*work) {
                    running.let_go(&self.context.doing);
                }
            }
            let free: Vec<Arc<str>> = works.iter().filter(|work| !self.running.contains_key(*work)).cloned().collect();
            let missing = quota.saturating_sub(mine.len()).min(free.len());
            if missing == 0 {
                continue;
            }
            let asked = Instant::now();
            for lease in self.context.store.take(&self.worker, &free, missing, time).await? {
                self.begin(lease, asked + time);
            }
        }
        Ok(())
    }

    fn begin(&mut self, lease: Lease, end: Instant) {
        let Some(begin) = self.works.get(&lease.work) else { return };
        tracing::debug!(work = %lease.work, epoch = lease.epoch, "this worker begins");
        let stop = self.context.stop.child_token();
        let term = Term::until(end);
        let context = Arc::new(self.context.under(&lease, term.clone(), stop.clone()));
        let mut tasks = JoinSet::new();
        begin(context, &mut tasks);
        self.context.doing.set(&lease.work, true);
        self.running.insert(lease.work.clone(), Running { lease, stop, tasks, term });
    }

    /// Gives back what has come to its end.
    async fn bury(&mut self) -> Result<(), StoreError> {
        let mut over = Vec::new();
        for (work, running) in &mut self.running {
            while running.tasks.try_join_next().is_some() {}
            if running.stop.is_cancelled() && running.tasks.is_empty() {
                self.context.doing.set(work, false);
                over.push(running.lease.clone());
            }
        }
        if over.is_empty() {
            return Ok(());
        }
        self.context.store.give_back(&over).await?;
        self.running.retain(|_, running| !over.contains(&running.lease));
        Ok(())
    }

    /// Lets go of work that another may have begun by now: the store cannot be asked.
    fn drop_expired(&mut self) {
        for (work, running) in &mut self.running {
            if running.term.is_over() && !running.stop.is_cancelled() {
                tracing::warn!(%work, "the lease of this work ran out");
                running.let_go(&self.context.doing);
            }
        }
    }

    fn is_running(&self, work: &Arc<str>) -> bool {
        self.running.get(work).is_some_and(|running| !running.stop.is_cancelled())
    }

    fn by_kind(&self) -> BTreeMap<Arc<str>, Vec<Arc<str>>> {
        let mut kinds: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
        for work in self.works.keys() {
            kinds.entry(kind(work).into()).or_default().push(work.clone());
        }
        kinds
    }
}

impl Running {
    /// Ends the tasks. First nothing new is begun for it: who sees them end sees that the work is not done here any more.
    fn let_go(&self, doing: &Doing) {
        doing.set(&self.lease.work, false);
        self.stop.cancel();
    }
}

/// Waits until a task ends that should not, and tells how; pending while all is well.
async fn ended(running: &mut BTreeMap<Arc<str>, Running>) -> Option<String> {
    let waits = running.iter_mut().filter(|(_, running)| !running.stop.is_cancelled());
    let waits = waits.map(|(work, running)| {
        Box::pin(async move {
            let ended = running.tasks.join_next().await;
            (work.clone(), ended, running.stop.is_cancelled())
        })
    });
    let waits: Vec<_> = waits.collect();
    if waits.is_empty() {
        return std::future::pending().await;
    }
    match futures::future::select_all(waits).await.0 {
        (_, _, true) => None,
        (work, Some(Err(error)), _) => Some(format!("the work {work} failed: {error}; this is a bug")),
        (work, _, _) => Some(format!("the work {work} ended by itself; this is a bug")),
    }
}

/// The kind of a piece of work.
pub(crate) fn kind(work: &str) -> &str {
    work.split_once('/').map_or(work, |(kind, _)| kind)
}

/// How many pieces of a kind a worker should have: equal shares, and those that have more keep what is over.
///
/// Every worker comes to the same shares from the same state of the store.
fn quota(worker: &Worker, kind: &str, works: usize, workers: &[Worker], statuses: &[LeaseStatus]) -> usize {
    let held = |name: &str| {
        let of =
            |status: &&LeaseStatus| self::kind(&status.lease.work) == kind && status.worker.as_deref() == Some(name);
        statuses.iter().filter(of).count()
    };
    let does = |worker: &&Worker| worker.kinds.iter().any(|does| **does == *kind);
    let mut shares: Vec<(usize, &str)> = workers.iter().filter(does).map(|one| (held(&one.name), &*one.name)).collect();
    shares.sort_by(|(held, name), (other_held, other_name)| other_held.cmp(held).then(name.cmp(other_name)));
    let Some(place) = shares.iter().position(|(_, name)| *name == &*worker.name) else { return 0 };
    let (least, over) = (works / shares.len(), works % shares.len());
    least + usize::from(place < over)
}

/// How long a lease lasts when nothing else is said: a worker that died is replaced within this time.
pub(crate) const LEASE_TIME: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
