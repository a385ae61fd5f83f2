//! Which master a record belongs to.

use std::collections::BTreeMap;

use crate::id::MasterId;

/// A match key of a record, with the masters that have it.
pub type Candidates = (String, Vec<MasterId>);

/// Why a record belongs to a master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// The crosswalk says so: it did before, or somebody decided it.
    Crosswalk,
    /// It has this match key.
    Key(String),
    /// Nothing leads to a master that is there.
    Unknown,
}

/// Which master a record belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The master; `None` for a new one.
    pub master_id: Option<MasterId>,
    /// Why.
    pub because: Because,
    /// Other masters to which match keys lead: doubtful duplicates, a question for a steward. Sorted, each once.
    pub others: Vec<MasterId>,
}

/// Decides which master a record belongs to.
///
/// The crosswalk comes first: a record never leaves its master because an identifier changed.
/// Otherwise the master wins that most of the record's keys lead to, then the one of the earlier key, then the older one.
/// Masters that do not win are told in [`Decision::others`]; nothing is ever merged here.
#[must_use]
pub fn choose(crosswalk: Option<MasterId>, candidates: &[Candidates]) -> Decision {
    /// How many keys lead to a master, and the position of the first of them.
    type Support = (usize, usize);
    let mut found: BTreeMap<MasterId, Support> = BTreeMap::new();
    for (position, (_, masters)) in candidates.iter().enumerate() {
        for (index, master_id) in masters.iter().enumerate() {
            if !masters[..index].contains(master_id) {
                found.entry(*master_id).or_insert((0, position)).0 += 1;
            }
        }
    }
    let best = found.iter().min_by_key(|(master_id, (keys, first))| (std::cmp::Reverse(*keys), *first, **master_id));
    let (master_id, because) = match (crosswalk, best) {
        (Some(master_id), _) => (Some(master_id), Because::Crosswalk),
        (None, Some((master_id, (_, first)))) => (Some(*master_id), Because::Key(candidates[*first].0.clone())),
        (None, None) => (None, Because::Unknown),
    };
    let others = found.into_keys().filter(|other| Some(*other) != master_id).collect();
    Decision { master_id, because, others }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(crosswalk: Option<u64>, candidates: &[(&str, &[u64])], expected: (Option<u64>, Because, &[u64])) {
        let ids = |ids: &[u64]| ids.iter().copied().map(MasterId).collect::<Vec<_>>();
        let candidates: Vec<Candidates> =
            candidates.iter().map(|(key, found)| ((*key).to_owned(), ids(found))).collect();
        let (master_id, because, others) = expected;
        let expected = Decision { master_id: master_id.map(MasterId), because, others: ids(others) };
        assert_eq!(choose(crosswalk.map(MasterId), &candidates), expected);
    }

    fn key(key: &str) -> Because {
        Because::Key(key.to_owned())
    }

    #[test]
    fn the_crosswalk_comes_first_and_contradictions_are_told() {
        check(Some(7), &[], (Some(7), Because::Crosswalk, &[]));
        check(Some(7), &[("lei", &[7])], (Some(7), Because::Crosswalk, &[]));
        check(Some(7), &[("lei", &[3, 7]), ("siren", &[2])], (Some(7), Because::Crosswalk, &[2, 3]));
    }

    #[test]
    fn without_crosswalk_the_keys_decide() {
        check(None, &[], (None, Because::Unknown, &[]));
        check(None, &[("siren", &[])], (None, Because::Unknown, &[]));
        check(None, &[("siren", &[4])], (Some(4), key("siren"), &[]));
        check(None, &[("lei", &[]), ("siren", &[4])], (Some(4), key("siren"), &[]));
    }

    #[test]
    fn most_keys_win_then_the_earlier_key_then_the_older_master() {
        check(None, &[("a", &[9]), ("b", &[4]), ("c", &[4])], (Some(4), key("b"), &[9]));
        check(None, &[("a", &[9]), ("b", &[4])], (Some(9), key("a"), &[4]));
        check(None, &[("a", &[9, 4])], (Some(4), key("a"), &[9]));
        check(None, &[("a", &[9, 9]), ("b", &[4]), ("c", &[4])], (Some(4), key("b"), &[9]));
    }
}
