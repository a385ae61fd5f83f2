//! A set of positions, kept as ranges.

use std::collections::BTreeMap;

/// Positions, kept as the fewest inclusive ranges, so that acknowledgements in order cost one entry however many they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    end_by_start: BTreeMap<u64, u64>,
    count: u64,
}

impl Ranges {
    /// Adds a position; `false` when it was there already.
    pub(super) fn insert(&mut self, position: u64) -> bool {
        let before = self.end_by_start.range(..=position).next_back().map(|(start, end)| (*start, *end));
        let mut start = position;
        if let Some((before_start, before_end)) = before {
            if before_end >= position {
                return false;
            }
            if before_end + 1 == position {
                start = before_start;
            }
        }
        let end = self.end_by_start.remove(&(position + 1)).unwrap_or(position);
        self.end_by_start.insert(start, end);
        self.count += 1;
        true
    }

    /// Adds every position of another set.
    pub(super) fn extend(&mut self, other: &Ranges) {
        for (start, end) in other.iter() {
            (start..=end).for_each(|position| {
                self.insert(position);
            });
        }
    }

    /// Whether a position is in the set.
    pub(super) fn contains(&self, position: u64) -> bool {
        self.end_by_start.range(..=position).next_back().is_some_and(|(_, end)| *end >= position)
    }

    /// The ranges, in order, both ends included.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.end_by_start.iter().map(|(start, end)| (*start, *end))
    }

    /// How many positions are in the set.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(positions: &[u64], expected: &[(u64, u64)]) {
        let mut ranges = Ranges::default();
        positions.iter().for_each(|position| {
            ranges.insert(*position);
        });
        assert_eq!(ranges.iter().collect::<Vec<_>>(), expected, "{positions:?}");
        assert_eq!(ranges.count(), expected.iter().map(|(start, end)| end - start + 1).sum::<u64>(), "{positions:?}");
        for position in 0..12 {
            assert_eq!(ranges.contains(position), positions.contains(&position), "{positions:?} at {position}");
        }
    }

    #[test]
    fn neighbours_become_one_range() {
        check(&[], &[]);
        check(&[3], &[(3, 3)]);
        check(&[1, 2, 3], &[(1, 3)]);
        check(&[3, 2, 1], &[(1, 3)]);
        check(&[1, 3], &[(1, 1), (3, 3)]);
        check(&[1, 3, 2], &[(1, 3)]);
        check(&[5, 1, 4, 2, 9], &[(1, 2), (4, 5), (9, 9)]);
        check(&[2, 2, 2], &[(2, 2)]);
        check(&[1, 2, 3, 2], &[(1, 3)]);
    }

    #[test]
    fn two_sets_become_one() {
        let mut one = Ranges::default();
        let mut other = Ranges::default();
        [1, 2, 8].into_iter().for_each(|position| assert!(one.insert(position)));
        [2, 3, 9].into_iter().for_each(|position| assert!(other.insert(position)));
        one.extend(&other);
        assert_eq!(one.iter().collect::<Vec<_>>(), [(1, 3), (8, 9)]);
        assert_eq!(one.count(), 5);
        assert!(!one.is_empty());
    }
}
