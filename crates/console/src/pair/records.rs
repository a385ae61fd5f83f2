//! The records of two sides, held against each other.

use std::collections::HashSet;

use master::matching::{Bits, Evidence, Model, PAIR_MAX, RecordNumber, blocking_keys};
use store::{Judgement, MatchRecord, StoreError};

use super::{PairError, PairOfRecords, name};
use crate::meant::Meant;

/// At most so many pairs of records are compared: an answer takes no longer than a moment.
const COMPARED_MAX: usize = 4_096;

/// The records of two sides. Where both are one customer and nobody said which records are meant, both have all of them.
pub(super) struct Sides<'r> {
    pub one: Vec<&'r MatchRecord>,
    pub other: Vec<&'r MatchRecord>,
}

/// What holding them against each other came to.
pub(super) struct Compared {
    /// The best first, at most as many as were asked for.
    pub pairs: Vec<PairOfRecords>,
    pub mean: Option<Bits>,
    pub total: usize,
    pub count: usize,
    /// Whether any pair has a key in common, so that a hub compares it.
    pub shares_keys: bool,
}

impl Compared {
    /// The pair that speaks most for one customer.
    pub fn best(&self) -> Option<&PairOfRecords> {
        self.pairs.first()
    }
}

impl<'r> Sides<'r> {
    /// The records that are meant on each side.
    pub fn of(known: &'r [MatchRecord], one: &Meant, other: &Meant) -> Result<Self, PairError> {
        let of = |meant: &Meant| known.iter().filter(|record| record.master_id == meant.master_id()).collect();
        let (all_of_one, all_of_other): (Vec<_>, Vec<_>) = (of(one), of(other));
        if one.master_id() != other.master_id() {
            let one = narrowed(&all_of_one, one).unwrap_or(all_of_one);
            return Ok(Sides { one, other: narrowed(&all_of_other, other).unwrap_or(all_of_other) });
        }
        let rest = |named: &[&MatchRecord]| {
            let is_rest = |record: &&MatchRecord| named.iter().all(|named| named.number != record.number);
            all_of_one.iter().copied().filter(is_rest).collect::<Vec<_>>()
        };
        let sides = match (narrowed(&all_of_one, one), narrowed(&all_of_one, other)) {
            (Some(one), Some(other)) => Sides { one, other },
            (Some(one), None) => Sides { other: rest(&one), one },
            (None, Some(other)) => Sides { one: rest(&other), other },
            (None, None) => Sides { one: all_of_one.clone(), other: all_of_one },
        };
        match (&*sides.one, &*sides.other) {
            ([one], [other]) if one.number == other.number => Err(PairError::SameRecord),
            _ => Ok(sides),
        }
    }

    /// Whether a judgement is about a record of each side.
    pub fn are_judged_by(&self, judgement: &Judgement) -> bool {
        let has = |side: &[&MatchRecord], numbers: &[RecordNumber]| {
            side.iter().any(|record| numbers.contains(&record.number))
        };
        let (left, right) = (&judgement.left, &judgement.right);
        (has(&self.one, left) && has(&self.other, right)) || (has(&self.one, right) && has(&self.other, left))
    }

    /// Pairs of one record of each side, each pair once and none of a record with itself.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let numbers =
            |side: &[&MatchRecord]| side.iter().map(|record| record.number).collect::<HashSet<RecordNumber>>();
        let (of_one, of_other) = (numbers(&self.one), numbers(&self.other));
        let places = (0..self.one.len()).flat_map(|one| (0..self.other.len()).map(move |other| (one, other)));
        places.filter(move |(one, other)| {
            let (one, other) = (self.one[*one].number, self.other[*other].number);
            // Where both sides have both records, the pair comes the other way round as well.
            one != other && (one < other || !(of_one.contains(&other) && of_other.contains(&one)))
        })
    }

    /// Compares them as a hub would, without the values that are nobody's.
    pub fn compare(&self, model: &Model, link: Bits, pairs_max: usize) -> Result<Compared, StoreError> {
        let told = |side: &[&MatchRecord]| side.iter().map(|record| evidence(record)).collect::<Result<Vec<_>, _>>();
        let (one, other) = (told(&self.one)?, told(&self.other)?);
        let mut total = 0;
        let mut scored = Vec::new();
        for (left, right) in self.pairs() {
            total += 1;
            if total <= COMPARED_MAX {
                scored.push((left, right, model.score(&one[left], &other[right])));
            }
        }
        let counted: Vec<Bits> = scored
            .iter()
            .filter_map(|(.., score)| score.filter(|score| !score.is_vetoed))
            .map(|score| score.bits)
            .collect();
        let sum = counted.iter().map(|bits| i64::from((*bits).clamp(Bits::ZERO - PAIR_MAX, PAIR_MAX).0)).sum::<i64>();
        let mean = i64::try_from(counted.len()).ok().and_then(|count| sum.checked_div(count));
        // What is ruled out comes after all that is not.
        scored.sort_by_key(|(left, right, score)| {
            (std::cmp::Reverse(score.map(|score| (!score.is_vetoed, score.bits))), *left, *right)
        });
        let is_enough = scored.first().is_some_and(|(.., score)| score.is_some_and(|score| score.bits >= link));
        let shares_keys = is_enough || shares_keys(&scored, &one, &other);
        let explained = scored.iter().take(pairs_max.max(1)).map(|(left, right, _)| PairOfRecords {
            one: name(self.one[*left]),
            other: name(self.other[*right]),
            explanation: model.explain_pair(&one[*left], &other[*right]),
        });
        Ok(Compared {
            pairs: explained.collect(),
            mean: mean.map(|mean| Bits(i32::try_from(mean).unwrap_or(i32::MAX))),
            total,
            count: total.min(COMPARED_MAX),
            shares_keys,
        })
    }
}

/// The records that somebody means of a customer's; `None` for all of them.
fn narrowed<'r>(all: &[&'r MatchRecord], meant: &Meant) -> Option<Vec<&'r MatchRecord>> {
    let is_named = |record: &&&MatchRecord| {
        let local = &record.local;
        meant.records.iter().any(|name| *local.system == *name.system && local.key == name.key)
    };
    if !meant.records.is_empty() {
        return Some(all.iter().filter(is_named).copied().collect());
    }
    // Of a customer that became one with another, those that were it from the start.
    let at_home: Vec<&MatchRecord> = all.iter().filter(|record| record.home == meant.named).copied().collect();
    (meant.named != meant.master_id() && !at_home.is_empty()).then_some(at_home)
}

/// What is compared of a record.
fn evidence(record: &MatchRecord) -> Result<Evidence, StoreError> {
    let shown: Evidence = serde_json::from_str(&record.evidence).map_err(|error| {
        StoreError::Internal(format!("what record {} has shown cannot be read: {error}", record.number))
    })?;
    Ok(shown.without(&record.common))
}

/// Whether any of these pairs has a key in common.
fn shares_keys<S>(pairs: &[(usize, usize, S)], one: &[Evidence], other: &[Evidence]) -> bool {
    let keys = |side: &[Evidence]| side.iter().map(blocking_keys).collect::<Vec<_>>();
    let (mine, theirs) = (keys(one), keys(other));
    pairs.iter().any(|(left, right, _)| mine[*left].iter().any(|key| theirs[*right].binary_search(key).is_ok()))
}

#[cfg(test)]
mod tests {
    use canonical::Entity;
    use master::MasterId;
    use store::LocalKey;

    use super::*;

    fn record(number: RecordNumber) -> MatchRecord {
        MatchRecord {
            number,
            local: LocalKey { system: "erp".into(), entity: Entity::Customer, key: number.to_string() },
            master_id: MasterId(1),
            home: MasterId(1),
            evidence: "{}".into(),
            common: Vec::new(),
            links: Vec::new(),
        }
    }

    #[track_caller]
    fn check(one: &[RecordNumber], other: &[RecordNumber], expected: &[(RecordNumber, RecordNumber)]) {
        let (one, other): (Vec<_>, Vec<_>) =
            (one.iter().copied().map(record).collect(), other.iter().copied().map(record).collect());
        let sides = Sides { one: one.iter().collect(), other: other.iter().collect() };
        let pairs = sides.pairs().map(|(left, right)| (one[left].number, other[right].number));
        assert_eq!(pairs.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_pair_is_compared_once_and_no_record_with_itself() {
        check(&[1, 2], &[3], &[(1, 3), (2, 3)]);
        check(&[3], &[1, 2], &[(3, 1), (3, 2)]);
        check(&[1, 2, 3], &[1, 2, 3], &[(1, 2), (1, 3), (2, 3)]);
        check(&[2], &[1, 2, 3], &[(2, 1), (2, 3)]);
        check(&[1], &[1], &[]);
        check(&[], &[1], &[]);
    }

    #[test]
    fn many_pairs_are_counted_and_not_all_compared() {
        let records: Vec<MatchRecord> = (1..=100).map(record).collect();
        let sides = Sides { one: records.iter().collect(), other: records.iter().collect() };
        let compared = sides.compare(&Model::shipped(), Bits::ZERO, 3).unwrap();
        assert_eq!((compared.total, compared.count, compared.pairs.len()), (4_950, COMPARED_MAX, 3));
        assert!(!compared.shares_keys, "they have shown nothing");
    }
}
