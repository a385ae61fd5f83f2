//! How long the stages of a hub in this process take, from the ends of steps that it tells at trace level.
//!
//! The time between two steps, over all batches, is the sum of the later times less the sum of the earlier ones. That
//! holds also where several batches are under way at once, as long as each that began has ended.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The target under which a hub tells of its steps.
const TARGET: &str = "passerelle::stage";

/// What lies between the ends of two steps.
const SPANS: [(&str, &str, &str); 7] = [
    ("collect: compare, map and publish", "collect.read", "collect.published"),
    ("collect: save", "collect.published", "collect.saved"),
    ("resolve: look up, decide and commit", "resolve.begun", "resolve.committed"),
    ("relay: forget what was published", "relay.published", "relay.done"),
    ("deliver: call", "deliver.attempting", "deliver.applied"),
    ("deliver: save", "deliver.applied", "deliver.finished"),
    ("deliver: call and save", "deliver.attempting", "deliver.finished"),
];

/// How often a step ended, and the sum of the times at which it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ends {
    count: u64,
    sum: Duration,
}

type Shared = Arc<Mutex<BTreeMap<String, Ends>>>;

/// Listens to the steps of every hub in this process.
#[derive(Clone)]
pub struct Stages(Shared);

impl Stages {
    /// Begins to listen; this process can do so once, and has no other log then.
    ///
    /// # Panics
    /// When this process has a log already.
    pub fn install() -> Self {
        let stages = Stages(Shared::default());
        let listener = Listener { begun: Instant::now(), ends: stages.0.clone() };
        tracing::subscriber::set_global_default(listener).expect("a process without a log");
        stages
    }

    /// Forgets what was heard so far.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How often a step ended.
    pub fn count(&self, step: &str) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(step).map_or(0, |ends| ends.count)
    }

    /// What each part of the work took: how often, in all, and on average. A part of which something began and did not
    /// end has no time.
    pub fn told(&self) -> Value {
        told(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn told(ends: &BTreeMap<String, Ends>) -> Value {
    let of = |step: &str| ends.get(step).copied().unwrap_or_default();
    let span = |(name, first, last): &(&str, &str, &str)| {
        let (first, last) = (of(first), of(last));
        if first.count != last.count {
            return ((*name).to_owned(), json!({"begun": first.count, "ended": last.count}));
        }
        let time = last.sum.saturating_sub(first.sum);
        let mean = time.as_secs_f64() * 1_000.0 / (last.count.max(1)) as f64;
        let told = json!({"batches": last.count, "seconds": super::seconds(time), "mean_ms": super::rounded(mean)});
        ((*name).to_owned(), told)
    };
    Value::Object(SPANS.iter().map(span).collect())
}

struct Listener {
    begun: Instant,
    ends: Shared,
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET && metadata.is_event()
    }

    fn event(&self, event: &Event<'_>) {
        let mut step = Step(None);
        event.record(&mut step);
        if let Some(name) = step.0 {
            let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
            let ends = ends.entry(name).or_default();
            ends.count += 1;
            ends.sum += self.begun.elapsed();
        }
    }

    // Only events are listened to: there is one span for all.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The name of the step in an event.
struct Step(Option<String>);

impl Visit for Step {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "stage" {
            self.0 = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_two_steps_is_right_also_when_batches_overlap() {
        let at =
            |count: u64, milliseconds: &[u64]| Ends { count, sum: Duration::from_millis(milliseconds.iter().sum()) };
        let check = |begun: Ends, committed: Ends, expected: Value| {
            let ends =
                BTreeMap::from([("resolve.begun".to_owned(), begun), ("resolve.committed".to_owned(), committed)]);
            assert_eq!(told(&ends)["resolve: look up, decide and commit"], expected);
        };
        // From 0 to 300 and from 100 to 600.
        check(at(2, &[0, 100]), at(2, &[300, 600]), json!({"batches": 2, "seconds": 0.8, "mean_ms": 400.0}));
        check(at(2, &[0, 100]), at(1, &[300]), json!({"begun": 2, "ended": 1}));
    }
}
