//! Dividing records into customers.
//!
//! What records are one is decided for all records that evidence connects at once, from the strongest evidence to the
//! weakest, and never by who came first: so the same records end as the same customers in whatever order they arrived.
//! Two groups become one only if their best pair and the mean over all pairs of the one with the other are good enough
//! (average linkage): a record that resembles one member and contradicts the others belongs elsewhere.

use std::collections::{HashMap, HashSet};

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
pub const PAIR_MAX: Bits = Bits::whole(20);

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
    let (mut scores, mut links) = (vec![None; count * count], Vec::new());
    for one in 0..count {
        for other in one + 1..count {
            let found = score(one, other);
            scores[one * count + other] = found;
            let link = found.filter(|score| !score.is_vetoed);
            links.extend(link.map(|score| (one, other, score.bits)));
        }
    }
    divide_linked(count, &links, |one, other| scores[one * count + other], verdicts, thresholds)
}

/// The same where it is known which pairs resemble each other: only these bring two groups together, and other pairs are
/// asked for when the mean over two groups needs them. Of many records that hang together by a few weak links each, most
/// pairs never are.
///
/// `links` has the bits of pairs that are not ruled out, in any order; those below the threshold are left aside.
pub fn divide_linked(
    count: usize,
    links: &[(usize, usize, Bits)],
    score: impl FnMut(usize, usize) -> Option<Score>,
    verdicts: &[(usize, usize, Verdict)],
    thresholds: Thresholds,
) -> Vec<Vec<usize>> {
    let units = Units::new(count, verdicts);
    let pairs = units.pairs(links, thresholds.link);
    let mut scores = Scores::new(&units, score);
    for (one, other, verdict) in verdicts {
        if *verdict == Verdict::NotTheSame {
            scores.rule_out(units.of[*one], units.of[*other]);
        }
    }
    let mut groups = Groups::new(units.members.len());
    // Groups only grow: two that were refused are asked about again when one of them has another size.
    let mut refused: HashMap<(usize, usize), (usize, usize)> = HashMap::new();
    for (_, one, other) in pairs {
        let (left, right) = (groups.of[one].min(groups.of[other]), groups.of[one].max(groups.of[other]));
        let sizes = (groups.members[left].len(), groups.members[right].len());
        if left == right || refused.get(&(left, right)) == Some(&sizes) {
            continue;
        }
        if scores.mean_is_at_least(thresholds.mean, &groups.members[left], &groups.members[right]) {
            groups.unite(one, other);
        } else {
            refused.insert((left, right), sizes);
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

    /// The best link of each two units, strongest first, without those below a threshold.
    fn pairs(&self, links: &[(usize, usize, Bits)], link: Bits) -> Vec<(Bits, usize, usize)> {
        let of_units = |(one, other, bits): &(usize, usize, Bits)| {
            let (one, other) = (self.of[*one], self.of[*other]);
            (*bits, one.min(other), one.max(other))
        };
        let good = links.iter().filter(|(.., bits)| *bits >= link);
        let mut pairs: Vec<_> = good.map(of_units).filter(|(_, one, other)| one != other).collect();
        pairs.sort_unstable_by(|one, other| other.0.cmp(&one.0).then((one.1, one.2).cmp(&(other.1, other.2))));
        if self.members.len() < self.of.len() {
            let mut seen = HashSet::new();
            pairs.retain(|(_, one, other)| seen.insert((*one, *other)));
        }
        pairs
    }
}

/// The scores of units, found out when they are needed.
struct Scores<'a, F> {
    units: &'a Units,
    score: F,
    /// `None` for units that are ruled out.
    of_pairs: HashMap<(usize, usize), Option<Bits>>,
}

impl<'a, F: FnMut(usize, usize) -> Option<Score>> Scores<'a, F> {
    fn new(units: &'a Units, score: F) -> Self {
        Scores { units, score, of_pairs: HashMap::new() }
    }

    fn rule_out(&mut self, one: usize, other: usize) {
        self.of_pairs.insert((one.min(other), one.max(other)), None);
    }

    /// What the best pair of their members has; `None` where every pair is ruled out.
    fn bits(&mut self, one: usize, other: usize) -> Option<Bits> {
        let place = (one.min(other), one.max(other));
        if let Some(known) = self.of_pairs.get(&place) {
            return *known;
        }
        let members = &self.units.members;
        let pairs = members[one].iter().flat_map(|mine| members[other].iter().map(move |theirs| (*mine, *theirs)));
        let scores = pairs.filter_map(|(mine, theirs)| (self.score)(mine.min(theirs), mine.max(theirs)));
        let best = scores.filter(|score| !score.is_vetoed).map(|score| score.bits).max();
        let best = best.map(|bits| bits.clamp(Bits::ZERO - PAIR_MAX, PAIR_MAX));
        self.of_pairs.insert(place, best);
        best
    }

    /// Whether the mean over all pairs of two groups is so high, and none of the pairs is ruled out. It ends as soon as what
    /// remains cannot change that.
    fn mean_is_at_least(&mut self, mean: Bits, one: &[usize], other: &[usize]) -> bool {
        let all = i64::try_from(one.len() * other.len()).unwrap_or(i64::MAX);
        let (wanted, most) = (all.saturating_mul(i64::from(mean.0)), i64::from(PAIR_MAX.0));
        let (mut sum, mut rest) = (0_i64, all);
        for mine in one {
            for theirs in other {
                let Some(bits) = self.bits(*mine, *theirs) else { return false };
                rest -= 1;
                sum += i64::from(bits.0);
                if sum + rest.saturating_mul(most) < wanted {
                    return false;
                }
            }
        }
        sum >= wanted
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

    /// The definition: all pairs by what they have, and the mean over all of two groups.
    fn plainly(
        count: usize,
        score: impl Fn(usize, usize) -> Option<Score>,
        verdicts: &[(usize, usize, Verdict)],
    ) -> Vec<Vec<usize>> {
        let told =
            |verdict| verdicts.iter().filter(move |(.., told)| *told == verdict).map(|(one, other, _)| (*one, *other));
        let mut groups: Vec<Vec<usize>> = (0..count).map(|record| vec![record]).collect();
        let unite = |groups: &mut Vec<Vec<usize>>, one: usize, other: usize| {
            let place =
                |groups: &[Vec<usize>], record| groups.iter().position(|group| group.contains(&record)).unwrap();
            let (one, other) = (place(groups, one), place(groups, other));
            if one != other {
                let moved = std::mem::take(&mut groups[one.max(other)]);
                groups[one.min(other)].extend(moved);
                groups[one.min(other)].sort_unstable();
            }
        };
        told(Verdict::Same).for_each(|(one, other)| unite(&mut groups, one, other));
        let units: Vec<Vec<usize>> = groups.iter().filter(|group| !group.is_empty()).cloned().collect();
        let best = |one: usize, other: usize| {
            let parted = told(Verdict::NotTheSame).any(|(a, b)| {
                units[one].contains(&a) && units[other].contains(&b)
                    || units[one].contains(&b) && units[other].contains(&a)
            });
            let pairs = units[one].iter().flat_map(|mine| units[other].iter().map(move |theirs| (*mine, *theirs)));
            let scores = pairs.filter_map(|(mine, theirs)| score(mine.min(theirs), mine.max(theirs)));
            (scores.filter(|score| !score.is_vetoed).map(|score| score.bits).max(), parted)
        };
        let mut links: Vec<(Bits, usize, usize)> = Vec::new();
        for one in 0..units.len() {
            for other in one + 1..units.len() {
                links.extend(best(one, other).0.filter(|bits| *bits >= Bits::ZERO).map(|bits| (bits, one, other)));
            }
        }
        links.sort_by_key(|(bits, one, other)| (std::cmp::Reverse(*bits), *one, *other));
        let mut groups: Vec<Vec<usize>> = (0..units.len()).map(|unit| vec![unit]).collect();
        for (_, one, other) in links {
            let of = |unit: &usize| groups.iter().find(|group| group.contains(unit)).unwrap().clone();
            let (left, right) = (of(&one), of(&other));
            let mut sum = Some(0_i64);
            for (mine, theirs) in left.iter().flat_map(|mine| right.iter().map(move |theirs| (*mine, *theirs))) {
                let (bits, is_parted) = best(mine, theirs);
                let bits = bits.filter(|_| !is_parted).map(|bits| i64::from(bits.0.clamp(-PAIR_MAX.0, PAIR_MAX.0)));
                sum = sum.zip(bits).map(|(sum, bits)| sum + bits);
            }
            if left != right && sum.is_some_and(|sum| sum >= 0) {
                unite(&mut groups, one, other);
            }
        }
        let whole = |group: &Vec<usize>| {
            let mut records: Vec<usize> = group.iter().flat_map(|unit| units[*unit].clone()).collect();
            records.sort_unstable();
            records
        };
        let mut groups: Vec<Vec<usize>> = groups.iter().filter(|group| !group.is_empty()).map(whole).collect();
        groups.sort_unstable();
        groups
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
        /// Only the links are known beforehand, and no pair is asked for twice: the same groups.
        #[test]
        fn who_knows_the_links_asks_for_less(
            scores in proptest::collection::vec(-30_000_i32..30_000, 64),
            same in proptest::option::of((0_usize..8, 0_usize..8)),
            other in proptest::option::of((0_usize..8, 0_usize..8)),
        ) {
            let score = |one: usize, other: usize| Some(Score { bits: Bits(scores[one * 8 + other]), is_vetoed: scores[one * 8 + other] % 5 == 0 });
            let verdicts: Vec<_> = same.map(|(a, b)| (a, b, Verdict::Same)).into_iter()
                .chain(other.filter(|(a, b)| a != b && Some((*a, *b)) != same && Some((*b, *a)) != same).map(|(a, b)| (a, b, Verdict::NotTheSame)))
                .collect();
            let pairs = (0..8).flat_map(|one| (one + 1..8).map(move |other| (one, other)));
            let links: Vec<_> = pairs
                .filter_map(|(one, other)| score(one, other).map(|score| (one, other, score)))
                .filter(|(.., score)| !score.is_vetoed && score.bits >= Bits::ZERO)
                .map(|(one, other, score)| (one, other, score.bits))
                .collect();
            let mut asked = std::collections::BTreeSet::new();
            let linked = divide_linked(8, &links, |one, other| {
                assert!(one < other && asked.insert((one, other)), "{one} {other}");
                score(one, other)
            }, &verdicts, Thresholds::default());
            prop_assert_eq!(linked, plainly(8, score, &verdicts));
        }

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
