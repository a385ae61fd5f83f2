//! Rates from successive samples of counters that live in the store.

use std::collections::{BTreeMap, VecDeque};

/// Seconds over which a rate is told.
const WINDOW_SECONDS: i64 = 60;
/// Seconds after its last step during which a counter counts as moving.
const MOVING_SECONDS: i64 = 3;
/// Seconds of one step of the recent course.
const STEP_SECONDS: i64 = 10;
/// Steps of the recent course: five minutes.
pub(crate) const STEPS: usize = 30;

/// The rates of any number of counters, by name. A counter that is not fed for a while is kept: names are configured.
#[derive(Default)]
pub(crate) struct Rates(BTreeMap<String, Counter>);

/// What is known of a counter's pace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    /// By how much it rose in the last minute.
    pub(crate) per_minute: i64,
    /// Whether it rose a moment ago.
    pub(crate) moving: bool,
    /// By how much it rose in each of the last steps, oldest first.
    pub(crate) course: Vec<i64>,
}

#[derive(Default)]
struct Counter {
    /// Samples of the last minute, and the newest one before it: at most one per second.
    samples: VecDeque<(i64, i64)>,
    last: Option<i64>,
    moved_at: Option<i64>,
    /// Steps in which it rose: the step's number and by how much.
    steps: VecDeque<(i64, i64)>,
}

impl Rates {
    /// Notes a counter's value at a second and tells its pace. The first sample is where counting starts.
    pub(crate) fn sample(&mut self, name: &str, second: i64, value: i64) -> Pace {
        if let Some(counter) = self.0.get_mut(name) {
            counter.note(second, value);
            return counter.pace(second);
        }
        let counter = self.0.entry(name.to_owned()).or_default();
        counter.note(second, value);
        counter.pace(second)
    }
}

impl Counter {
    fn note(&mut self, second: i64, value: i64) {
        let rise = value - self.last.unwrap_or(value);
        self.last = Some(value);
        if rise > 0 {
            self.moved_at = Some(second);
            let step = second / STEP_SECONDS;
            match self.steps.back_mut() {
                Some((newest, sum)) if *newest == step => *sum += rise,
                _ => self.steps.push_back((step, rise)),
            }
        }
        // The first sample is what rises are counted from, so it is never replaced.
        let counting = self.samples.len() > 1;
        match self.samples.back_mut() {
            Some((newest, known)) if counting && *newest == second => *known = value,
            _ => self.samples.push_back((second, value)),
        }
        while self.samples.get(1).is_some_and(|(at, _)| *at <= second - WINDOW_SECONDS) {
            self.samples.pop_front();
        }
        let oldest = second / STEP_SECONDS - i64::try_from(STEPS).unwrap_or(i64::MAX);
        while self.steps.front().is_some_and(|(step, _)| *step <= oldest) {
            self.steps.pop_front();
        }
    }

    fn pace(&self, second: i64) -> Pace {
        let (first, last) = (self.samples.front(), self.samples.back());
        let per_minute = first.zip(last).map_or(0, |((_, from), (_, to))| (to - from).max(0));
        let moving = self.moved_at.is_some_and(|at| second - at < MOVING_SECONDS);
        let mut course = vec![0; STEPS];
        let newest = second / STEP_SECONDS;
        for (step, rise) in &self.steps {
            let back = usize::try_from(newest - step).unwrap_or(usize::MAX);
            if let Some(slot) = STEPS.checked_sub(1 + back).and_then(|index| course.get_mut(index)) {
                *slot = *rise;
            }
        }
        Pace { per_minute, moving, course }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(samples: &[(i64, i64)], per_minute: i64, moving: bool) {
        let mut rates = Rates::default();
        let mut pace = Pace::default();
        for (second, value) in samples {
            pace = rates.sample("counter", *second, *value);
        }
        assert_eq!((pace.per_minute, pace.moving), (per_minute, moving), "{samples:?}");
    }

    #[test]
    fn a_rate_is_the_rise_of_the_last_minute() {
        check(&[(1000, 500)], 0, false);
        check(&[(1000, 500), (1001, 530)], 30, true);
        check(&[(1000, 500), (1000, 520), (1000, 530)], 30, true);
        check(&[(1000, 500), (1001, 530), (1004, 530)], 30, false);
        check(&[(1000, 500), (1001, 530), (1060, 540)], 40, true);
        check(&[(1000, 500), (1001, 530), (1061, 540)], 10, true);
        check(&[(1000, 500), (1001, 530), (1200, 530), (1261, 530)], 0, false);
    }

    #[test]
    fn a_counter_that_falls_has_no_rate() {
        check(&[(1000, 500), (1001, 20)], 0, false);
    }

    #[test]
    fn the_course_has_one_number_for_each_step() {
        let mut rates = Rates::default();
        rates.sample("counter", 1000, 0);
        rates.sample("counter", 1001, 7);
        rates.sample("counter", 1009, 9);
        let pace = rates.sample("counter", 1025, 14);
        assert_eq!(pace.course.len(), STEPS);
        assert_eq!(pace.course[STEPS - 3..], [9, 0, 5]);
        let much_later = rates.sample("counter", 1000 + 10 * 100, 14);
        assert_eq!(much_later.course, vec![0; STEPS]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut rates = Rates::default();
        for second in 0..10_000 {
            rates.sample("counter", second, second);
        }
        let counter = &rates.0["counter"];
        assert!(counter.samples.len() <= 62 && counter.steps.len() <= STEPS);
    }
}
