//! The conformance suite that every connector passes, with a crash injected at each step.
//!
//! A connector's tests write a harness: a real system (a folder, a server on a free port) that can be emptied, filled
//! and looked at. The suite then plays the hub on it, again and again, dying at another step each time, and returns
//! what went against the contract. A harness keeps its batches small, so that there are steps to die at.
//!
//! ```ignore
//! let violations = connector::testkit::check_source(&mut Folder::new()).await;
//! connector::testkit::assert_conforms(&violations);
//! ```
//!
//! What it proves: no record is lost, none comes twice, a place stays the same however often it is read,
//! a checkpoint never falls inside a group, and a change takes effect exactly once at a target.
//! What it cannot prove is that a harness tells the truth; `effects` must be read from the system, not from the connector.

mod source;
mod target;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

pub use source::{SourceHarness, check_source};
pub use target::{TargetHarness, check_target};

/// A part of the contract that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Law {
    /// Every record of the system is read; every change takes effect.
    NothingLost,
    /// No record is read twice in one drop; no change takes effect twice.
    NothingTwice,
    /// A record that the system never held was read, such as a part of a group.
    NothingInvented,
    /// The place of a record is the same however often it is read, and no two records of a drop share one.
    PlacesStay,
    /// All batches of a drop carry one label, the last one says so, and `skip` stands behind all of its records.
    DropsAreWhole,
    /// A checkpoint is at most 64 KiB of JSON.
    CheckpointsAreSmall,
    /// `find` tells what was applied, and only that.
    LookUpTells,
    /// Every change has one result, and results stand in the order of the changes.
    OneResultEach,
    /// Effects on one document stand in the order of its versions.
    OrderIsKept,
    /// A call ends, and without a fault while the system is well.
    CallsSucceed,
}

/// What a connector did against the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The part of the contract that was broken.
    pub law: Law,
    /// Where the suite had died before, and what it saw.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.law, self.detail)
    }
}

/// Ends a test when there are violations, and lists them.
///
/// # Panics
/// When there is at least one violation.
pub fn assert_conforms(violations: &[Violation]) {
    let list: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "the connector breaks its contract:\n{}", list.join("\n"));
}

/// Violations seen so far, under the name of the story that is being played.
struct Findings {
    story: String,
    violations: Vec<Violation>,
}

impl Findings {
    /// Beyond this many, more of the same helps nobody.
    const COUNT_MAX: usize = 50;

    fn new() -> Self {
        Findings { story: "undisturbed".to_owned(), violations: Vec::new() }
    }

    fn add(&mut self, law: Law, detail: impl fmt::Display) {
        if self.violations.len() < Self::COUNT_MAX {
            self.violations.push(Violation { law, detail: format!("[{}] {detail}", self.story) });
        }
    }
}

/// Lets a call run until it has been polled this many times, then drops it, as a process that dies would.
async fn abandon_after<F: Future>(polls: usize, call: F) -> Option<F::Output> {
    let mut call = pin!(call);
    let mut polled = 0;
    poll_fn(|context| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        match call.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // Without a wake of our own, a call that waits for a peer which waits for us would hang the suite.
            Poll::Pending if polled == polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
