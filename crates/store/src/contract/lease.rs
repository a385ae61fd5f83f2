//! What keeps several workers off each other's work: leases, with epochs that fence.
//!
//! After Gray and Cheriton, "Leases: an efficient fault-tolerant mechanism for distributed file cache consistency"
//! (1989), with the fencing numbers that Burrows describes for Chubby (2006).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use super::{Store, StoreError};

/// The right of one worker to do one piece of work, alone, until it runs out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Lease {
    /// The piece of work, such as `observed/3` or `delivery/crm`.
    pub work: Arc<str>,
    /// Grows each time that the work changes hands, and never repeats.
    pub epoch: u64,
}

/// A process that does pieces of work.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Worker {
    /// Its name; no two processes have the same one, and a process that starts again has another.
    pub name: Arc<str>,
    /// What it does: kinds of work, the part of [`Lease::work`] before the slash.
    pub kinds: Vec<Arc<str>>,
}

/// How things stand after a worker showed that it is alive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewed {
    /// Those of its leases that it still has, from now on for the whole time again.
    pub held: Vec<Lease>,
    /// All workers that are alive, itself included, by name.
    pub workers: Vec<Worker>,
}

/// One piece of work and who has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeaseStatus {
    /// The lease.
    #[serde(flatten)]
    pub lease: Lease,
    /// Who has it; `None` when nobody has, because it was given back or ran out.
    pub worker: Option<Arc<str>>,
}

/// What workers need to share work. Time is that of the store, so that clocks of workers need not agree.
#[async_trait]
pub trait LeaseStore: Send + Sync {
    /// Shows that a worker is alive for this time, and prolongs those of its leases that it still has.
    ///
    /// A lease that ran out is still the worker's as long as nobody else took it.
    async fn renew(&self, worker: &Worker, held: &[Lease], time: Duration) -> Result<Renewed, StoreError>;
    /// Takes at most `count_max` of these pieces of work which nobody has, in the order given, for this time.
    /// Each gets an epoch above all that it had before. Of several workers that ask at once, one gets a piece.
    async fn take(
        &self,
        worker: &Worker,
        works: &[Arc<str>],
        count_max: usize,
        time: Duration,
    ) -> Result<Vec<Lease>, StoreError>;
    /// Gives leases back, so that others need not wait until they run out. Leases that others have by now are passed over.
    async fn give_back(&self, leases: &[Lease]) -> Result<(), StoreError>;
    /// Forgets a worker that ends, and gives back what it has.
    async fn leave(&self, worker: &Worker) -> Result<(), StoreError>;
    /// Every piece of work that was ever taken, by name.
    async fn leases(&self) -> Result<Vec<LeaseStatus>, StoreError>;
    /// Every worker that is alive, by name.
    async fn workers(&self) -> Result<Vec<Worker>, StoreError>;
    /// This store in the hands of a lease's holder: each call that changes something changes nothing and fails as
    /// [`StoreError::Fenced`] once somebody else took the work. The check is part of the call's transaction.
    fn fenced(&self, lease: &Lease) -> Arc<dyn Store>;
}
