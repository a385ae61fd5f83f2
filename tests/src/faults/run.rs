//! What all threads of a run share: its time, how far it is, and what was found.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::plan::{Class, LANES, Lane, Plan};

/// How often a state is looked at that nobody tells of.
const LOOK_DELAY: Duration = Duration::from_millis(50);

/// One run.
pub(super) struct Run {
    since: Instant,
    /// How many faults each lane has in all.
    totals: [usize; LANES],
    state: Mutex<State>,
    /// Set when a part of the run cannot go on: then all end.
    is_broken: AtomicBool,
}

#[derive(Default)]
struct State {
    /// How many faults each lane has begun.
    begun: [usize; LANES],
    /// How many of each class are over.
    over: BTreeMap<Class, usize>,
    /// What is wrong beside what the checker finds.
    findings: Vec<String>,
}

impl Run {
    pub fn new(plan: &Plan) -> Self {
        let state = Mutex::new(State::default());
        Run { since: Instant::now(), totals: plan.counts(), state, is_broken: AtomicBool::new(false) }
    }

    /// Tells people what happens now.
    pub fn tell(&self, what: impl AsRef<str>) {
        #[expect(clippy::print_stdout, reason = "whoever runs the test watches it")]
        {
            println!("[{:>6}] {}", format!("{} s", self.since.elapsed().as_secs()), what.as_ref());
        }
    }

    /// For how long it has run.
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is wrong.
    pub fn find(&self, what: String) {
        self.tell(format!("FOUND: {what}"));
        self.state().findings.push(what);
    }

    /// What is wrong so far, beside what the checker finds.
    pub fn findings(&self) -> Vec<String> {
        self.state().findings.clone()
    }

    /// How many faults of each class are over.
    pub fn over(&self) -> BTreeMap<&'static str, usize> {
        let state = self.state();
        Class::ALL.iter().map(|class| (class.name(), state.over.get(class).copied().unwrap_or_default())).collect()
    }

    /// How many faults have begun, of how many.
    pub fn progress(&self) -> (usize, usize) {
        (self.state().begun.iter().sum(), self.totals.iter().sum())
    }

    /// Whether a lane may begin its next fault: none gets ahead of the others, so that all faults are spread over the
    /// whole time, those that take long and those that are over soon.
    pub fn may_begin(&self, lane: Lane) -> bool {
        let (lane, begun) = (lane as usize, self.state().begun);
        let others = (0..LANES).filter(|other| self.totals[*other] > 0);
        others.into_iter().all(|other| begun[lane] * self.totals[other] <= begun[other] * self.totals[lane])
    }

    /// Notes the beginning of a fault, and tells it.
    pub fn begin(&self, lane: Lane, class: Class, what: &str) {
        let number = {
            let mut state = self.state();
            state.begun[lane as usize] += 1;
            state.begun.iter().sum::<usize>()
        };
        self.tell(format!("fault {number} of {}: {}: {what}", self.totals.iter().sum::<usize>(), class.name()));
    }

    /// Notes that a fault was healed.
    pub fn end(&self, class: Class) {
        *self.state().over.entry(class).or_default() += 1;
    }

    /// Waits for a while; returns early, and `false`, when the run is broken.
    pub fn pause(&self, time: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < time && !self.is_broken() {
            std::thread::sleep(LOOK_DELAY.min(time));
        }
        !self.is_broken()
    }

    /// Whether a part of the run could not go on.
    pub fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::SeqCst)
    }

    /// Runs a part; when it panics, the other parts end too instead of waiting for it.
    pub fn guarded(&self, part: impl FnOnce()) {
        struct Guard<'r>(&'r AtomicBool);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                self.0.fetch_or(std::thread::panicking(), Ordering::SeqCst);
            }
        }
        let _guard = Guard(&self.is_broken);
        part();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets lanes begin what they may, until none may; a lane that is not named is slow.
    fn begin_all(run: &Run, lanes: &[Lane]) {
        let left = |lane: Lane| run.totals[lane as usize] - run.state().begun[lane as usize];
        while let Some(lane) = lanes.iter().find(|lane| left(**lane) > 0 && run.may_begin(**lane)) {
            run.begin(*lane, Class::KillWorker, "");
        }
    }

    #[test]
    fn no_lane_gets_ahead_of_the_others_and_all_come_to_their_end() {
        let plan = Plan::new(1, 200);
        let (run, totals) = (Run::new(&plan), plan.counts());
        let (quick, slow) = ([Lane::Workers, Lane::Connections, Lane::Store], Lane::Broker as usize);
        for step in 0..totals[slow] {
            begin_all(&run, &quick);
            let begun = run.state().begun;
            let is_ahead = |lane: &usize| (begun[*lane] - 1) * totals[slow] > step * totals[*lane];
            assert!(!(0..slow).any(|lane| is_ahead(&lane)), "step {step}: {begun:?} of {totals:?}");
            assert!(run.may_begin(Lane::Broker), "step {step}: {begun:?} of {totals:?}");
            run.begin(Lane::Broker, Class::KillLeader, "");
        }
        begin_all(&run, &quick);
        assert_eq!(run.progress(), (200, 200));
    }
}
