//! The breaker: a customer whose golden document goes to and fro between the same states for ever is stopped, before two
//! systems that answer each other fill every queue and every journal.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use master::MasterId;
use serde_json::Value;
use store::{LocalKey, NewTask, Reopen};

use super::links::Prepared;
use super::working::{Shown, Working};
use crate::settings::Limits;

/// The code of what is parked because its customer goes to and fro.
pub(super) const FLAPPING: &str = "resolve.flapping";

/// So many customers are watched; those that changed longest ago go.
const MASTERS_MAX: usize = 10_000;

/// So many states of a customer are remembered: one that goes round through more is not found out.
const STATES_MAX: usize = 16;

/// So many returns are remembered: more than any limit asks for.
const RETURNS_MAX: usize = 1_024;

/// So many records of a customer are remembered that took it back.
const RECORDS_MAX: usize = 64;

/// A state of a golden document, told by its hash.
type State = u64;

/// How a customer went lately.
#[derive(Clone, Debug, Default)]
struct Course {
    /// The latest states, each once; the last is the present one.
    states: VecDeque<State>,
    /// When it returned to a state that it had before.
    returns: VecDeque<Timestamp>,
    /// The records that took it back.
    by: BTreeSet<LocalKey>,
    /// Orders customers by when they changed.
    turn: u64,
}

impl Course {
    /// Notes a change from one state to another by a record.
    fn change(&mut self, change: &Change) {
        for state in [change.before, change.after] {
            let known = self.states.iter().position(|other| *other == state);
            if state == change.after && change.before != change.after && known.is_some() {
                self.returns.push_back(change.at);
                if self.by.len() < RECORDS_MAX {
                    self.by.insert(change.by.clone());
                }
            }
            known.map(|at| self.states.remove(at));
            self.states.push_back(state);
        }
        self.states.drain(..self.states.len().saturating_sub(STATES_MAX));
        self.returns.drain(..self.returns.len().saturating_sub(RETURNS_MAX));
    }

    /// How often it returned since a moment.
    fn returns_since(&self, since: Timestamp) -> usize {
        self.returns.iter().filter(|at| **at >= since).count()
    }
}

/// One change of a golden document.
#[derive(Clone, Debug)]
struct Change {
    master_id: MasterId,
    before: State,
    after: State,
    by: LocalKey,
    at: Timestamp,
}

/// How often customers returned to states that they had before, of all tenants.
///
/// It is a guard and no record: it is kept in memory, at most 10,000 customers, and a hub that is started again begins
/// counting anew, as does a worker that takes a partition over.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<Courses>);

#[derive(Debug, Default)]
struct Courses {
    of: HashMap<(Arc<str>, MasterId), Course>,
    by_turn: BTreeMap<u64, (Arc<str>, MasterId)>,
    turn: u64,
}

impl Courses {
    fn put(&mut self, key: (Arc<str>, MasterId), mut course: Course) {
        self.turn += 1;
        self.by_turn.remove(&course.turn);
        course.turn = self.turn;
        self.by_turn.insert(self.turn, key.clone());
        self.of.insert(key, course);
        while self.of.len() > MASTERS_MAX {
            let Some((_, oldest)) = self.by_turn.pop_first() else { return };
            self.of.remove(&oldest);
        }
    }
}

impl Breaker {
    fn lock(&self) -> MutexGuard<'_, Courses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn course(&self, tenant: &Arc<str>, master_id: MasterId) -> Course {
        self.lock().of.get(&(tenant.clone(), master_id)).cloned().unwrap_or_default()
    }

    /// Notes what a transaction did that was committed.
    pub fn note(&self, tenant: &Arc<str>, flips: Flips) {
        if flips.changes.is_empty() && flips.forgiven.is_empty() {
            return;
        }
        let mut courses = self.lock();
        for master_id in flips.forgiven {
            if let Some(course) = courses.of.remove(&(tenant.clone(), master_id)) {
                courses.by_turn.remove(&course.turn);
            }
        }
        for change in flips.changes {
            let key = (tenant.clone(), change.master_id);
            let mut course = courses.of.get(&key).cloned().unwrap_or_default();
            course.change(&change);
            courses.put(key, course);
        }
    }
}

/// What a transaction does to the courses of customers; [noted](Breaker::note) when it was committed.
#[derive(Default)]
pub(crate) struct Flips {
    courses: HashMap<MasterId, Course>,
    changes: Vec<Change>,
    /// Customers whose count begins anew, because an operator let one of their records go on.
    forgiven: BTreeSet<MasterId>,
    /// The records that are let go on.
    let_go: BTreeSet<LocalKey>,
}

/// A golden document, before an observation.
pub(super) fn state_of(document: &str) -> State {
    let mut hasher = DefaultHasher::new();
    document.hash(&mut hasher);
    hasher.finish()
}

fn since(limits: &Limits, now: Timestamp) -> Timestamp {
    now.checked_sub(limits.flips_window).unwrap_or(Timestamp::MIN)
}

impl Working<'_> {
    /// Whether a record is stopped that shows another document than before: it took its customer back to states that it
    /// had before, and the customer returned more often than it may. One that an operator lets go on begins anew.
    pub(super) fn is_flapping(&mut self, one: &Prepared, master_id: MasterId, document: &Value) -> bool {
        let limits = &self.context.settings.limits;
        let (most, since) = (limits.flips_max, since(limits, self.context.now()));
        let is_let_go = self.is_let_go(one);
        let (breaker, tenant) = (&self.context.breaker, &self.tenant);
        let flips = &mut self.flips;
        let course = flips.courses.entry(master_id).or_insert_with(|| breaker.course(tenant, master_id));
        if is_let_go && flips.let_go.insert(one.local.clone()) {
            *course = Course::default();
            flips.changes.retain(|change| change.master_id != master_id);
            flips.forgiven.insert(master_id);
        }
        let is_stopped = course.by.contains(&one.local) && course.returns_since(since) > most;
        let is_same = |shown: &Shown| !shown.row.removed && shown.document == *document;
        is_stopped && !self.shown(&one.source_key()).is_some_and(is_same)
    }

    /// Notes that an observation changed the golden document of a customer that was there before.
    pub(super) fn note_change(&mut self, one: &Prepared, master_id: MasterId, before: State) {
        let Some(after) = self.row_of(master_id).map(|row| state_of(&row.document)) else { return };
        let change = Change { master_id, before, after, by: one.local.clone(), at: self.context.now() };
        let (breaker, tenant) = (&self.context.breaker, &self.tenant);
        let course = self.flips.courses.entry(master_id);
        course.or_insert_with(|| breaker.course(tenant, master_id)).change(&change);
        self.flips.changes.push(change);
    }

    /// Sets the next state of a record aside that flaps, and says how to let it go on.
    pub(super) fn stop_flapping(&mut self, one: &Prepared, master_id: MasterId) {
        let limits = &self.context.settings.limits;
        let LocalKey { system, key, .. } = &one.local;
        let window = humantime(limits.flips_window);
        let question = format!(
            "{master_id} returned more than {} times within {window} to what it was before, and {system}/{key} took it \
             back. Which systems answer each other? `passerelle parked list --system {system}` tells the number N of what \
             is set aside; then `passerelle parked retry N` takes it in, and `passerelle parked discard N` drops it.",
            limits.flips_max
        );
        let task = NewTask {
            subject: format!("{FLAPPING}:{master_id}:{:016x}", state_of(&format!("{system}\n{key}"))),
            code: FLAPPING.to_owned(),
            question: question.clone(),
            system: system.clone(),
            master_id: Some(master_id),
            reopen: Reopen::Always,
            at: self.context.now(),
            ..NewTask::default()
        };
        self.park_and_ask(one, question, task);
    }
}

/// A duration for people: whole hours, minutes or seconds.
fn humantime(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds > 0 && seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        seconds if seconds > 0 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use canonical::entity::Entity;

    use super::*;

    fn local() -> LocalKey {
        LocalKey { system: "erp".into(), entity: Entity::Customer, key: "C1".to_owned() }
    }

    fn change(master: u64, before: State, after: State) -> Change {
        Change { master_id: MasterId(master), before, after, by: local(), at: Timestamp::UNIX_EPOCH }
    }

    /// How often a course of states returns to one that it had before.
    #[track_caller]
    fn check(states: &[State], expected: usize) {
        let mut course = Course::default();
        states.windows(2).for_each(|pair| course.change(&change(1, pair[0], pair[1])));
        assert_eq!(course.returns_since(Timestamp::UNIX_EPOCH), expected, "{states:?}");
        assert_eq!(course.by.contains(&local()), expected > 0);
    }

    #[test]
    fn a_return_is_a_state_that_was_there_before() {
        check(&[1, 2], 0);
        check(&(0..50).collect::<Vec<_>>(), 0);
        check(&[1, 2, 1], 1);
        check(&[1, 2, 1, 2, 1], 3);
        check(&[1, 2, 3, 1, 2, 3], 3);
        check(&[1, 1, 1], 0);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let breaker = Breaker::default();
        let tenant: Arc<str> = "acme".into();
        for master in 0..MASTERS_MAX as u64 + 10 {
            let changes = vec![change(master, 1, 2), change(master, 2, 1)];
            breaker.note(&tenant, Flips { changes, ..Flips::default() });
        }
        let count = |master: u64| breaker.course(&tenant, MasterId(master)).returns.len();
        let kept = breaker.lock().of.len();
        assert_eq!((kept, breaker.lock().by_turn.len()), (MASTERS_MAX, MASTERS_MAX));
        assert_eq!((count(9), count(10)), (0, 1), "the oldest go");
        let mut course = Course::default();
        (0..5_000).for_each(|state| course.change(&change(1, state % 2, (state + 1) % 2)));
        (0..5_000).for_each(|state| course.change(&change(1, state, state + 1)));
        assert_eq!((course.states.len(), course.returns.len()), (STATES_MAX, RETURNS_MAX));
    }

    #[test]
    fn who_is_forgiven_begins_anew() {
        let (breaker, tenant) = (Breaker::default(), Arc::from("acme"));
        let changes = vec![change(1, 1, 2), change(1, 2, 1)];
        breaker.note(&tenant, Flips { changes, ..Flips::default() });
        breaker.note(&tenant, Flips { forgiven: BTreeSet::from([MasterId(1)]), ..Flips::default() });
        assert_eq!(breaker.course(&tenant, MasterId(1)).returns.len(), 0);
        assert_eq!(breaker.lock().by_turn.len(), 0);
    }
}
