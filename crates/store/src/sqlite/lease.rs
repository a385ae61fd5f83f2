//! Leases of the embedded store. One process has it open, so they are kept in memory: its workers end with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::SqliteStore;
use crate::{Lease, LeaseStatus, LeaseStore, Renewed, Store, StoreError, Worker};

/// Who is alive and who has what.
#[derive(Default)]
pub(super) struct Leases(Mutex<Table>);

#[derive(Default)]
struct Table {
    /// Until when each worker is taken for alive.
    workers: BTreeMap<Worker, Instant>,
    works: BTreeMap<Arc<str>, Work>,
}

struct Work {
    epoch: u64,
    /// Who has it, and until when.
    holder: Option<(Arc<str>, Instant)>,
}

impl Leases {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the holder of a lease may still write. Called by whoever holds the connection that writes, and so does
    /// who takes work away: between the answer and the end of the transaction nothing changes.
    pub fn check(&self, lease: &Lease) -> Result<(), StoreError> {
        match self.table().works.get(&lease.work) {
            Some(work) if work.epoch == lease.epoch => Ok(()),
            _ => Err(StoreError::Fenced(lease.work.to_string())),
        }
    }

    /// Takes a kind of work away from all who ever had some of it; `false`, and nothing is changed, when somebody has.
    /// Called by whoever holds the connection that writes.
    pub fn fence_off(&self, kind: &str) -> bool {
        let now = Instant::now();
        let mut table = self.table();
        let is_of_kind = |work: &str| work.split_once('/').map_or(work, |(kind, _)| kind) == kind;
        let mut works: Vec<&mut Work> =
            table.works.iter_mut().filter(|(name, _)| is_of_kind(name)).map(|(_, work)| work).collect();
        if works.iter().any(|work| work.holder.as_ref().is_some_and(|(_, until)| *until > now)) {
            return false;
        }
        for work in &mut works {
            work.epoch += 1;
            work.holder = None;
        }
        true
    }
}

impl Table {
    fn renew(&mut self, worker: &Worker, held: &[Lease], now: Instant, until: Instant) -> Renewed {
        self.workers.retain(|_, until| *until > now);
        self.workers.insert(worker.clone(), until);
        let mut renewed = Renewed { held: Vec::with_capacity(held.len()), workers: Vec::new() };
        for lease in held {
            if let Some(work) = self.works.get_mut(&lease.work).filter(|work| work.epoch == lease.epoch) {
                work.holder = Some((worker.name.clone(), until));
                renewed.held.push(lease.clone());
            }
        }
        renewed.workers = self.workers.keys().cloned().collect();
        renewed
    }

    fn take(
        &mut self,
        worker: &Worker,
        works: &[Arc<str>],
        count_max: usize,
        now: Instant,
        until: Instant,
    ) -> Vec<Lease> {
        let mut taken = Vec::new();
        for name in works {
            if taken.len() >= count_max {
                break;
            }
            let work = self.works.entry(name.clone()).or_insert(Work { epoch: 0, holder: None });
            if work.holder.as_ref().is_none_or(|(_, until)| *until <= now) {
                work.epoch += 1;
                work.holder = Some((worker.name.clone(), until));
                taken.push(Lease { work: name.clone(), epoch: work.epoch });
            }
        }
        taken
    }

    fn give_back(&mut self, leases: &[Lease]) {
        for lease in leases {
            if let Some(work) = self.works.get_mut(&lease.work).filter(|work| work.epoch == lease.epoch) {
                work.holder = None;
            }
        }
    }

    fn leave(&mut self, worker: &Worker) {
        self.workers.remove(worker);
        let held =
            self.works.values_mut().filter(|work| work.holder.as_ref().is_some_and(|(name, _)| *name == worker.name));
        held.for_each(|work| work.holder = None);
    }
}

#[async_trait]
impl LeaseStore for SqliteStore {
    async fn renew(&self, worker: &Worker, held: &[Lease], time: Duration) -> Result<Renewed, StoreError> {
        let now = Instant::now();
        Ok(self.core.leases.table().renew(worker, held, now, now + time))
    }

    async fn take(
        &self,
        worker: &Worker,
        works: &[Arc<str>],
        count_max: usize,
        time: Duration,
    ) -> Result<Vec<Lease>, StoreError> {
        // Whoever had the work may be in the middle of a transaction.
        let _writer = self.core.writer().await;
        let now = Instant::now();
        Ok(self.core.leases.table().take(worker, works, count_max, now, now + time))
    }

    async fn give_back(&self, leases: &[Lease]) -> Result<(), StoreError> {
        self.core.leases.table().give_back(leases);
        Ok(())
    }

    async fn leave(&self, worker: &Worker) -> Result<(), StoreError> {
        self.core.leases.table().leave(worker);
        Ok(())
    }

    async fn leases(&self) -> Result<Vec<LeaseStatus>, StoreError> {
        let now = Instant::now();
        let table = self.core.leases.table();
        let status = |(name, work): (&Arc<str>, &Work)| LeaseStatus {
            lease: Lease { work: name.clone(), epoch: work.epoch },
            worker: work.holder.as_ref().filter(|(_, until)| *until > now).map(|(worker, _)| worker.clone()),
        };
        Ok(table.works.iter().map(status).collect())
    }

    async fn workers(&self) -> Result<Vec<Worker>, StoreError> {
        let now = Instant::now();
        let table = self.core.leases.table();
        Ok(table.workers.iter().filter(|(_, until)| **until > now).map(|(worker, _)| worker.clone()).collect())
    }

    fn fenced(&self, lease: &Lease) -> Arc<dyn Store> {
        Arc::new(SqliteStore { core: Arc::clone(&self.core), fence: Some(lease.clone()) })
    }
}
