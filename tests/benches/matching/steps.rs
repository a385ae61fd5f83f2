//! The steps of a resolution alone, and what a bare hash table takes for the same keys.

use std::collections::HashMap;
use std::hint::black_box;

use master::matching::{BlockingKey, Evidence, Matcher, blocking_keys};
use serde_json::{Value, json};

use super::events::Event;
use super::timing::Timing;

/// What each step took for the events that are resolved next.
pub struct Steps {
    normalise: Timing,
    keys: Timing,
    score: Timing,
    bare: Timing,
    keys_of_each: f64,
}

impl Steps {
    /// Measures the steps on events that the matcher has not seen.
    pub fn measure(events: &[Event], matcher: &Matcher) -> Self {
        let (mut normalise, mut keys, mut score) = (Timing::default(), Timing::default(), Timing::default());
        let mut evidence: Vec<Evidence> = Vec::with_capacity(events.len());
        normalise.each(events, |event| evidence.push(Evidence::of(&event.customer)));
        let mut made: Vec<Vec<BlockingKey>> = Vec::with_capacity(events.len());
        keys.each(&evidence, |evidence| made.push(blocking_keys(evidence)));
        // Each beside records that stand anywhere in the master, and beside itself, as far apart and as alike as it gets.
        let model = matcher.model();
        let pairs = evidence.iter().zip(matcher.records().step_by(7).collect::<Vec<_>>().into_iter().cycle());
        score.each(pairs, |(evidence, other)| {
            let other = matcher.evidence(other);
            black_box(other.and_then(|other| model.score(evidence, other)));
            black_box(model.score(evidence, evidence));
        });
        let count: usize = made.iter().map(Vec::len).sum();
        let bare = bare(&made, matcher);
        Steps { normalise, keys, score, bare, keys_of_each: count as f64 / events.len().max(1) as f64 }
    }

    /// For each step, how often it can be done in a second of processor time.
    pub fn told(mut self) -> Value {
        json!({
            "normalise": self.normalise.figures(), "keys": self.keys.figures(),
            "two_scores": self.score.figures(), "bare_hash_table": self.bare.figures(),
            "keys_of_each": passerelle_tests::measure::rounded(self.keys_of_each),
        })
    }
}

/// A hash table from keys to records, filled with the keys of all that the master has, takes in those of the next records.
fn bare(made: &[Vec<BlockingKey>], matcher: &Matcher) -> Timing {
    let mut index: HashMap<u64, Vec<u64>> = HashMap::new();
    for record in matcher.records() {
        for key in matcher.evidence(record).map(blocking_keys).unwrap_or_default() {
            index.entry(key.0).or_default().push(record);
        }
    }
    let mut timing = Timing::default();
    timing.each(made.iter().zip(0..), |(keys, record)| {
        for key in keys {
            let having = index.entry(key.0).or_default();
            black_box(having.last());
            having.push(record);
        }
    });
    timing
}
