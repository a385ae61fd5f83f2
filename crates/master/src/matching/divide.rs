//! Dividing records into customers.
//!
//! What records are one is decided for all records that evidence connects at once, from the strongest evidence to the
//! weakest, and never by who came first: so the same records end as the same customers in whatever order they arrived.
//! Two groups become one only if their best pair and the mean over all pairs of the one with the other are good enough
//! (average linkage): a record that resembles one member and contradicts the others belongs elsewhere.

use super::model::{Bits, Score};

/// From where on records are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// The best pair of two groups must have so much.
    pub link: Bits,
    /// The mean over the pairs of two groups must have so much.
    pub mean: Bits,
    /// From here to `link` a steward is asked.
    pub review: Bits,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds { link: Bits::ZERO, mean: Bits::ZERO, review: Bits::whole(-4) }
    }
}

/// What somebody decided about two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are one.
    Same,
    /// They are two.
    NotTheSame,
}

/// No single pair weighs more than this, for or against, in a mean: one shared account number must not outvote the rest.
const PAIR_MAX: Bits = Bits::whole(20);

/// Divides `count` records into groups, each of which is one customer.
///
/// `order` must tell records in an order that has nothing to do with their arrival; it only decides between equal scores.
/// `score` is asked for each pair at most once, the lower position first. `None` is a pair that cannot be one.
/// Groups and their members are sorted by position.
///
/// It takes the square of `count` in time and memory: a caller bounds it.
pub fn divide(
    count: usize,
    mut score: impl FnMut(usize, usize) -> Option<Score>,
    verdicts: &[(usize, usize, Verdict)],
    thresholds: Thresholds,
) -> Vec<Vec<usize>> {
    let units = Units::new(count, verdicts);
    let mut scores = Scores::new(units.members.len());
    let mut pairs = Vec::new();
    for one in 0..units.members.len() {
        for other in one + 1..units.members.len() {
            let found = units.best(one, other, &mut score);
            scores.set(one, other, found.map(|bits| bits.clamp(Bits::ZERO - PAIR_MAX, PAIR_MAX)));
            if let Some(bits) = found.filter(|bits| *bits >= thresholds.link) {
                pairs.push((bits, one, other));
            }
        }
    }
    for (one, other, verdict) in verdicts {
        if *verdict == Verdict::NotTheSame {
            scores.set(units.of[*one], units.of[*other], None);
        }
    }
    pairs.sort_unstable_by(|one, other| other.0.cmp(&one.0).then((one.1, one.2).cmp(&(other.1, other.2))));
    let mut groups = Groups::new(units.members.len());
    for (_, one, other) in pairs {
        let (left, right) = (groups.of[one], groups.of[other]);
        if left != right && scores.mean(&groups.members[left], &groups.members[right]) >= Some(thresholds.mean) {
            groups.unite(one, other);
        }
    }
    let whole = |group: Vec<usize>| {
        let mut records: Vec<usize> = group.into_iter().flat_map(|unit| units.members[unit].iter().copied()).collect();
        records.sort_unstable();
        records
    };
    let mut groups: Vec<Vec<usize>> = groups.members.into_iter().filter(|group| !group.is_empty()).map(whole).collect();
    groups.sort_unstable();
    groups
}

/// Records that somebody said are one: together they resemble whatever one of them does.
struct Units {
    of: Vec<usize>,
    members: Vec<Vec<usize>>,
}

impl Units {
    fn new(count: usize, verdicts: &[(usize, usize, Verdict)]) -> Self {
        let mut groups = Groups::new(count);
        for (one, other, verdict) in verdicts {
            if *verdict == Verdict::Same {
                groups.unite(*one, *other);
            }
        }
        let members: Vec<Vec<usize>> = groups.members.into_iter().filter(|members| !members.is_empty()).collect();
        let mut of = vec![0; count];
        for (unit, records) in members.iter().enumerate() {
            records.iter().for_each(|record| of[*record] = unit);
        }
        Units { of, members }
    }

    fn best(&self, one: usize, other: usize, score: &mut impl FnMut(usize, usize) -> Option<Score>) -> Option<Bits> {
        let pairs =
            self.members[one].iter().flat_map(|mine| self.members[other].iter().map(move |theirs| (*mine, *theirs)));
        let scores = pairs.filter_map(|(mine, theirs)| score(mine.min(theirs), mine.max(theirs)));
        scores.filter(|score| !score.is_vetoed).map(|score| score.bits).max()
    }
}

/// The score of each pair; `None` for one that is ruled out.
struct Scores {
    count: usize,
    of_pairs: Vec<Option<Bits>>,
}

impl Scores {
    fn new(count: usize) -> Self {
        Scores { count, of_pairs: vec![None; count * count] }
    }

    fn set(&mut self, one: usize, other: usize, bits: Option<Bits>) {
        self.of_pairs[one * self.count + other] = bits;
        self.of_pairs[other * self.count + one] = bits;
    }

    /// The mean over all pairs of two groups, rounded down; `None` where one of them is ruled out.
    fn mean(&self, one: &[usize], other: &[usize]) -> Option<Bits> {
        let mut sum = 0_i64;
        for mine in one {
            for theirs in other {
                sum += i64::from(self.of_pairs[mine * self.count + theirs]?.0);
            }
        }
        let pairs = i64::try_from(one.len() * other.len()).ok()?;
        Some(Bits(i32::try_from(sum.div_euclid(pairs.max(1))).unwrap_or(i32::MAX)))
    }
}

/// Which group each record is in.
struct Groups {
    of: Vec<usize>,
    members: Vec<Vec<usize>>,
}

impl Groups {
    fn new(count: usize) -> Self {
        Groups { of: (0..count).collect(), members: (0..count).map(|record| vec![record]).collect() }
    }

    /// A group is named by its first member.
    fn unite(&mut self, one: usize, other: usize) {
        let (one, other) = (self.of[one], self.of[other]);
        let (into, from) = (one.min(other), one.max(other));
        if into == from {
            return;
        }
        for member in std::mem::take(&mut self.members[from]) {
            self.of[member] = into;
            self.members[into].push(member);
        }
        self.members[into].sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bits(bits: i32) -> Option<Score> {
        Some(Score { bits: Bits::whole(bits), is_vetoed: bits == -99 })
    }

    #[track_caller]
    fn check(scores: &[(usize, usize, i32)], verdicts: &[(usize, usize, Verdict)], expected: &[&[usize]]) {
        let found = |one, other| {
            let given = scores.iter().find(|(a, b, _)| (*a, *b) == (one, other));
            given.map_or(bits(-1), |(_, _, given)| bits(*given))
        };
        assert_eq!(divide(4, found, verdicts, Thresholds::default()), expected);
    }

    #[test]
    fn the_best_member_and_the_mean_must_be_good_enough() {
        check(&[], &[], &[&[0], &[1], &[2], &[3]]);
        check(&[(0, 1, 5), (2, 3, 5)], &[], &[&[0, 1], &[2, 3]]);
        // 3 resembles 0 a little and contradicts 1 and 2.
        check(&[(0, 1, 9), (1, 2, 9), (0, 2, 9), (0, 3, 3), (1, 3, -9), (2, 3, -9)], &[], &[&[0, 1, 2], &[3]]);
        check(&[(0, 1, 9), (1, 2, 9), (0, 2, 9), (0, 3, 3)], &[], &[&[0, 1, 2, 3]]);
        // One pair alone does not outvote the rest.
        let crossed = [(0, 1, 30), (2, 3, 30), (0, 2, 29), (0, 3, -9), (1, 2, -9), (1, 3, -9)];
        check(&crossed, &[], &[&[0, 1], &[2, 3]]);
    }

    #[test]
    fn what_is_ruled_out_is_never_one() {
        check(&[(0, 1, 9), (1, 2, 9), (0, 2, -99)], &[], &[&[0, 1], &[2], &[3]]);
        check(&[(0, 1, 9), (1, 2, 8), (0, 2, 9)], &[(1, 2, Verdict::NotTheSame)], &[&[0, 1], &[2], &[3]]);
        check(&[], &[(0, 3, Verdict::Same), (1, 3, Verdict::Same)], &[&[0, 1, 3], &[2]]);
        // Who was told to be one with another loses nobody by it.
        check(&[(0, 1, 9), (1, 3, -19)], &[(0, 3, Verdict::Same)], &[&[0, 1, 3], &[2]]);
    }

    proptest! {
        /// Records in another order, and the same groups.
        #[test]
        fn the_order_of_records_does_not_matter(scores in proptest::collection::vec(-30_000_i32..30_000, 64), turn in 1_usize..8) {
            let score = |one: usize, other: usize| Some(Score { bits: Bits(scores[one.min(other) * 8 + one.max(other)]), is_vetoed: false });
            let plain = divide(8, score, &[], Thresholds::default());
            let turned = divide(8, |one, other| score((one + turn) % 8, (other + turn) % 8), &[], Thresholds::default());
            let mut back: Vec<Vec<usize>> = turned
                .into_iter()
                .map(|group| {
                    let mut group: Vec<usize> = group.into_iter().map(|record| (record + turn) % 8).collect();
                    group.sort_unstable();
                    group
                })
                .collect();
            back.sort();
            prop_assert_eq!(back, plain);
        }
    }
}
