//! The conformance suite of the bus: the same cases for every backend.
//!
//! A backend is given as a [`Subject`]. [`run`] makes a fresh one for each case of the [`suite`] and returns what failed.
//! Nothing here waits for time to pass: a case waits for the fact, and a case that hangs fails after [`CASE_TIME_MAX`].

mod consuming;
mod publishing;
mod recovering;
mod steps;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;

use crate::{Bus, BusError};

/// How long one case may take before it counts as hanging. A sound bus needs a small part of it.
pub const CASE_TIME_MAX: Duration = Duration::from_secs(60);

/// One backend under test, over state of its own that is empty at first.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Opens the bus over the state that is there.
    ///
    /// # Errors
    /// Whatever the backend answers; the case fails.
    async fn open(&self) -> Result<Arc<dyn Bus>, BusError>;

    /// Ends the bus as `kill -9` would end its process: what is durable stays, what is in memory is gone.
    /// The next [`open`](Subject::open) works on what stayed. Subscriptions of the old bus may still be alive.
    ///
    /// # Errors
    /// Whatever the backend answers; the case fails.
    async fn crash(&self, bus: Arc<dyn Bus>) -> Result<(), BusError>;

    /// The size limit of one message, in bytes. A small one keeps the case about it cheap.
    fn message_bytes_max(&self) -> usize;
}

/// Why a case failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The bus answered with an error where it should not.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The bus did something else than its contract says.
    #[error("{0}")]
    Broken(String),
}

/// One case of the suite.
#[derive(Clone, Copy)]
pub struct Case {
    /// What the case proves, as a sentence in snake case.
    pub name: &'static str,
    check: for<'a> fn(&'a dyn Subject) -> BoxFuture<'a, Result<(), Failure>>,
}

impl Case {
    /// Runs the case on a fresh subject, within a time.
    ///
    /// # Errors
    /// What the bus did against its contract, or that the time is over.
    pub async fn check(&self, subject: &dyn Subject, time_max: Duration) -> Result<(), Failure> {
        match tokio::time::timeout(time_max, (self.check)(subject)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Broken(format!("it was not done after {} seconds", time_max.as_secs()))),
        }
    }
}

/// Lists functions as cases under their own names.
macro_rules! cases {
    ($($module:ident::$name:ident),* $(,)?) => {
        vec![$(Case { name: stringify!($name), check: |subject| Box::pin($module::$name(subject)) }),*]
    };
}

/// Every case, in the order of the contract.
pub fn suite() -> Vec<Case> {
    cases![
        publishing::declaring_again_loses_nothing,
        publishing::a_message_arrives_unchanged,
        publishing::a_missing_queue_is_named,
        publishing::a_public_message_needs_no_listener,
        publishing::a_message_that_is_too_large_holds_back_all,
        publishing::concurrent_publishers_keep_their_order,
        publishing::publishing_nothing_succeeds,
        publishing::a_queue_in_which_nothing_is_left_is_removed,
        consuming::messages_come_in_order,
        consuming::receiving_waits_for_a_message,
        consuming::receiving_gives_no_more_than_asked,
        consuming::prefetch_is_a_bound,
        consuming::a_cancelled_receive_loses_nothing,
        consuming::acknowledging_is_free_in_order,
        consuming::acknowledging_twice_changes_nothing,
        consuming::queues_are_independent,
        consuming::depth_counts_what_is_not_acknowledged,
        recovering::unacknowledged_messages_come_again_first,
        recovering::a_new_subscription_takes_over,
        recovering::a_waiting_subscription_learns_that_it_ended,
        recovering::a_crash_loses_nothing_confirmed,
        recovering::a_crash_keeps_the_order_of_what_comes_again,
        recovering::consuming_goes_on_across_many_subscriptions,
    ]
}

/// Runs every case, each on a fresh subject, and returns a line for each that failed.
pub async fn run<Made>(make: impl Fn() -> Made) -> Vec<String>
where
    Made: Future<Output = Box<dyn Subject>>,
{
    let mut failures = Vec::new();
    for case in suite() {
        let subject = make().await;
        if let Err(failure) = case.check(subject.as_ref(), CASE_TIME_MAX).await {
            failures.push(format!("{}: {failure}", case.name));
        }
    }
    failures
}
