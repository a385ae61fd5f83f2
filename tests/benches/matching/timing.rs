//! How long each of many steps took, and how much of that was this thread's own processor time.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Linux brings a running thread's processor time up to date at its ticks, 4 to 10 ms apart.
const COUNTED_MIN: Duration = Duration::from_millis(100);

/// Steps that were measured one by one.
#[derive(Default)]
pub struct Timing {
    nanoseconds: Vec<u64>,
    processor: Duration,
}

impl Timing {
    /// Measures one step for each of the given, and returns what they came to.
    ///
    /// Processor time is that of all of them together, clocks included: asking the system for it costs more than a step.
    pub fn each<T>(&mut self, given: impl IntoIterator<Item = T>, mut step: impl FnMut(T)) {
        let before = processor_time();
        for given in given {
            let begun = Instant::now();
            step(given);
            self.nanoseconds.push(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        self.processor += processor_time().saturating_sub(before);
    }

    /// How many steps there were.
    pub fn count(&self) -> usize {
        self.nanoseconds.len()
    }

    /// Steps for each second of processor time; of the clock where they took less than Linux counts exactly.
    pub fn per_second(&self) -> u64 {
        let time = if self.processor < COUNTED_MIN { self.time() } else { self.processor };
        passerelle_tests::measure::rate(self.count() as u64, time)
    }

    fn time(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.iter().sum())
    }

    /// The figures: steps for each second of processor time and of the clock, and how long one took, in microseconds.
    pub fn figures(&mut self) -> Value {
        self.nanoseconds.sort_unstable();
        let at = |share: f64| {
            let place = (self.count() as f64 * share) as usize;
            let nanoseconds = self.nanoseconds.get(place.min(self.count().saturating_sub(1))).copied().unwrap_or(0);
            (nanoseconds as f64 / 100.0).round() / 10.0
        };
        json!({
            "steps": self.count(), "per_second_of_processor": self.per_second(),
            "per_second": passerelle_tests::measure::rate(self.count() as u64, self.time()),
            "microseconds": {"p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "max": at(1.0)},
        })
    }
}

/// What this thread took of a processor so far, as Linux counts it in nanoseconds; nothing elsewhere.
pub fn processor_time() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = told.split_whitespace().next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}
