//! What all tasks of a hub share.

use std::sync::Arc;

use bus::Bus;
use jiff::Timestamp;
use store::{Lease, Store, StoreError};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::fault::HubError;
use crate::lease::{Doing, Term};
use crate::models::Models;
use crate::outage::Outages;
use crate::partitions::InForce;
use crate::resolve::Breaker;
use crate::settings::Settings;

#[derive(Clone)]
pub(crate) struct Context {
    pub settings: Arc<Settings>,
    /// For work that is done under a lease: a store that refuses to write once the lease is another's.
    pub store: Arc<dyn Store>,
    pub bus: Arc<dyn Bus>,
    /// Ends the work.
    pub stop: CancellationToken,
    /// Until when nobody else can have begun the work.
    pub term: Term,
    /// The name of this worker among all that share the store.
    pub worker: Arc<str>,
    /// The pieces of work that this worker does.
    pub doing: Doing,
    /// How many partitions the observed bus has.
    pub partitions: InForce,
    /// Counts up whenever an operator changed something that running tasks look at.
    pub control: Arc<watch::Sender<u64>>,
    /// Held while the state of a target is read and written, so that nobody's pause is overwritten.
    pub target_states: Arc<Mutex<()>>,
    /// What tasks wait for together.
    pub outages: Outages,
    /// By what records are told apart.
    pub models: Arc<Models>,
    /// Stops customers that go to and fro for ever.
    pub breaker: Arc<Breaker>,
}

impl Context {
    /// The context of one piece of work.
    pub fn under(&self, lease: &Lease, term: Term, stop: CancellationToken) -> Self {
        Context { store: self.store.fenced(lease), term, stop, ..self.clone() }
    }

    /// The one place where the hub reads the clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Pauses after a failure; returns whether the hub goes on.
    pub async fn pause(&self, backoff: &mut Backoff) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(backoff.pause()) => true,
        }
    }

    /// Carries out what a person decided, until the store takes it. What would fail again and again is told instead.
    ///
    /// # Errors
    /// What the step says, or that the hub stops meanwhile.
    pub async fn carry_out<T, F>(&self, what: &str, mut step: impl FnMut() -> F) -> Result<T, HubError>
    where
        F: Future<Output = Result<T, HubError>>,
    {
        let carried_out = self.persist(what, || {
            let step = step();
            async {
                match step.await {
                    Err(HubError::Store(StoreError::Internal(reason))) => Ok(Err(HubError::Unknown(reason))),
                    Err(HubError::Store(error)) => Err(error),
                    told => Ok(told),
                }
            }
        });
        carried_out.await.ok_or_else(|| HubError::Unknown(format!("the hub stops before {what}; ask once more")))?
    }

    /// Repeats a step of the store until it succeeds; `None` when the hub stops meanwhile.
    ///
    /// A store that is busy, full or away makes the hub wait, never lose: what is not stored is not acknowledged.
    pub async fn persist<T, F>(&self, what: &str, mut step: impl FnMut() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut backoff = Backoff::new(&self.settings.limits);
        let mut waiting = self.outages.waiting();
        loop {
            match step().await {
                Ok(value) => {
                    waiting.over();
                    return Some(value);
                }
                // Others came first, which is how several hubs take turns.
                Err(error @ StoreError::Conflict(_)) => tracing::debug!(%error, "{what} is done again"),
                // The work is about to be taken away from this task.
                Err(error @ StoreError::Fenced(_)) => tracing::warn!(%error, "{what} is not done"),
                Err(error) => waiting.because(&error, || tracing::error!(%error, "{what} waits for the store")),
            }
            if !self.pause(&mut backoff).await {
                return None;
            }
        }
    }
}
