//! How fast it is found out who is who: resolutions per second, one record at a time, at masters of several sizes.
//!
//! `cargo bench -p passerelle-tests --bench matching -- --customers 1000000`
//!
//! It prints JSON lines. Each master is made of a stream of events with that many customers, as `./tests/matching
//! --generate` writes it; the last events of the stream are measured. `PASSERELLE_STREAM` names a file of that shape to be
//! measured instead. Weights are learned once, from the first events of the smallest stream, without the truth.
//! A resolution is everything from a document to the customer that it is: normalising, keys, candidates, scores, and the
//! division of all that hangs together. Beside it, in the same run and at the same size, stand the steps alone, and a bare
//! program that does nothing but file the same keys in a hash table of the same size: no index in memory can do with less.
//! `--hub 1` resolves the same events through a whole hub.

#![allow(clippy::unwrap_used, reason = "a benchmark fails where it cannot go on")]
#![allow(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "rates are not money")]

#[path = "matching/events.rs"]
mod events;
#[path = "matching/hub.rs"]
mod hub_beside;
#[path = "matching/steps.rs"]
mod steps;
#[path = "matching/timing.rs"]
mod timing;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use events::{Event, Events};
use master::matching::{Evidence, LearnOptions, MatchOptions, Matcher, Model};
use passerelle_tests::matching::generate::{generate, recipe};
use passerelle_tests::measure::arguments::{Arguments, Choice};
use passerelle_tests::measure::usage::memory;
use passerelle_tests::measure::{rounded, tell};
use serde_json::json;
use steps::Steps;
use tempfile::TempDir;
use timing::Timing;

const ABOUT: &str = "Resolutions per second at masters of several sizes: in memory, one record at a time, one core.";
const CHOICES: &[Choice] = &[
    ("customers", 100_000, "the largest master; it is measured at every power of ten from 10,000 up to it"),
    ("steps", 10_000, "so many resolutions are measured at each size"),
    ("first", 5_000, "learn weights from so many first events"),
    ("seed", 1, "which of all streams is made"),
    ("hub", 0, "1 measures through a whole hub and its store instead"),
    ("statements", 0, "1 has PostgreSQL count its statements, which takes a few percent itself"),
];

fn main() {
    let arguments = Arguments::read(ABOUT, CHOICES);
    let mut run = Run { arguments, model: None, baseline: memory(std::process::id()).now, first_rate: None };
    if let Some(stream) = std::env::var_os("PASSERELLE_STREAM").map(PathBuf::from) {
        return run.measure(&stream);
    }
    let folder = TempDir::new().unwrap();
    let [stream, truth] = ["stream.csv", "truth.csv"].map(|name| folder.path().join(name));
    let mut size = 10_000;
    while size <= run.arguments.get("customers") {
        let customers = usize::try_from(size).unwrap();
        generate(customers, run.arguments.get("seed"), recipe("mixed").unwrap(), &stream, &truth).unwrap();
        run.measure(&stream);
        size *= 10;
    }
}

/// What is measured size by size.
struct Run {
    arguments: Arguments,
    model: Option<Arc<Model>>,
    /// Memory before anything was resolved.
    baseline: u64,
    first_rate: Option<u64>,
}

impl Run {
    /// Resolves all events of a stream, and measures the last.
    fn measure(&mut self, stream: &Path) {
        let count = Events::open(stream).count();
        let last = usize::try_from(self.arguments.get("steps")).unwrap().min(count / 2);
        if self.arguments.get("hub") > 0 {
            let model = self.model(stream);
            let counts_statements = self.arguments.get("statements") > 0;
            let rate = hub_beside::measure(stream, &model, (count, last), self.first_rate, counts_statements);
            self.first_rate.get_or_insert(rate);
            return;
        }
        let mut matcher = Matcher::new(self.model(stream), MatchOptions::default());
        let mut events = Events::open(stream);
        let mut before = Timing::default();
        before.each(events.by_ref().take(count - last), |event: Event| {
            matcher.show(&event.name, &event.customer);
        });
        let (customers, records) = (matcher.clusters(), matcher.len());
        let bytes = memory(std::process::id()).now.saturating_sub(self.baseline);
        let measured: Vec<Event> = events.collect();
        let mut timing = Timing::default();
        timing.each(&measured, |event| {
            matcher.show(&event.name, &event.customer);
        });
        let rate = timing.per_second();
        let first_rate = *self.first_rate.get_or_insert(rate);
        tell(&json!({
            "benchmark": "resolutions in memory", "customers": customers, "records": records, "events": count,
            "last": timing.figures(), "goal": {"per_second": 10_000, "p99_microseconds": 2_000},
            "slower_than_first": rounded(first_rate as f64 / rate.max(1) as f64), "slower_goal": 1.5,
            "before_with_reading": before.figures(),
            "megabytes_per_1000_records": rounded(bytes as f64 / 1_000.0 / records.max(1) as f64),
            "common_values": matcher.common_values().len(),
        }));
        let steps = Steps::measure(&measured, &matcher);
        tell(&json!({"benchmark": "steps of a resolution alone", "customers": customers, "steps": steps.told()}));
    }

    /// The model, learned as `passerelle match learn` does: states of one record together.
    fn model(&mut self, stream: &Path) -> Arc<Model> {
        let first = usize::try_from(self.arguments.get("first")).unwrap();
        let model = self.model.get_or_insert_with(|| {
            let mut records: BTreeMap<String, Evidence> = BTreeMap::new();
            for event in Events::open(stream).take(first) {
                records.entry(event.name).or_default().add(&event.customer);
            }
            let records: Vec<Evidence> = records.into_values().collect();
            Arc::new(Model::learn(1, &records, LearnOptions::default()))
        });
        Arc::clone(model)
    }
}
