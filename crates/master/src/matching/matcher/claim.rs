//! Which number a customer has: the one that it had, as far as it is still the same customer.

use std::collections::{BTreeMap, BTreeSet};

use super::{ClusterNumber, Matcher, RecordNumber};

/// A group that may have a number. The greatest claim wins.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    is_preferred: bool,
    /// How many of the group's records were this customer from the start.
    at_home: usize,
    /// How many are this customer now.
    members: usize,
    /// The older number.
    number: std::cmp::Reverse<ClusterNumber>,
    group: std::cmp::Reverse<usize>,
}

impl Matcher {
    /// Groups keep the numbers of the customers that they were: of several, the one with most of its records, then the
    /// oldest; of several groups that were one customer, the one whose records were it from the start. A group that is left
    /// without takes up the number that its records had once, if nobody has it any more. `None` is a new customer.
    pub(super) fn claims(&self, groups: &[Vec<RecordNumber>]) -> Vec<Option<ClusterNumber>> {
        let mut given: Vec<Option<ClusterNumber>> = vec![None; groups.len()];
        let mut taken = BTreeSet::new();
        self.give(groups, &mut given, &mut taken, |matcher, record| Some(matcher.records.get(&record)?.cluster));
        self.give(groups, &mut given, &mut taken, |matcher, record| {
            let home = matcher.records.get(&record)?.home?;
            matcher.is_free(home).then_some(home)
        });
        given
    }

    /// Makes groups the customers that they are.
    pub(super) fn number(&mut self, groups: Vec<Vec<RecordNumber>>, given: Vec<Option<ClusterNumber>>) {
        for (group, given) in groups.into_iter().zip(given) {
            let cluster = given.unwrap_or_else(|| self.fresh_cluster());
            self.retired.remove(&cluster);
            for record in group {
                self.assign(record, cluster);
            }
        }
    }

    /// Gives numbers to the groups that have none, by the claims of their records.
    fn give(
        &self,
        groups: &[Vec<RecordNumber>],
        given: &mut [Option<ClusterNumber>],
        taken: &mut BTreeSet<ClusterNumber>,
        claimed: impl Fn(&Self, RecordNumber) -> Option<ClusterNumber>,
    ) {
        let mut claims = Vec::new();
        for (at, group) in groups.iter().enumerate().filter(|(at, _)| given[*at].is_none()) {
            let mut counts: BTreeMap<ClusterNumber, (usize, usize)> = BTreeMap::new();
            for record in group {
                let Some(cluster) = claimed(self, *record) else { continue };
                let count = counts.entry(cluster).or_default();
                count.0 += usize::from(self.records.get(record).is_some_and(|entry| entry.home == Some(cluster)));
                count.1 += 1;
            }
            claims.extend(counts.into_iter().map(|(cluster, (at_home, members))| Claim {
                is_preferred: self.preferred.contains(&cluster),
                at_home,
                members,
                number: std::cmp::Reverse(cluster),
                group: std::cmp::Reverse(at),
            }));
        }
        claims.sort_unstable_by(|one, other| other.cmp(one));
        for claim in claims {
            let given = &mut given[claim.group.0];
            if given.is_none() && taken.insert(claim.number.0) {
                *given = Some(claim.number.0);
            }
        }
    }

    /// Whether no record is this customer any more. Of what is not loaded, the caller knows.
    fn is_free(&self, cluster: ClusterNumber) -> bool {
        if self.is_part { self.retired.contains(&cluster) } else { !self.sizes.contains_key(&cluster) }
    }

    fn assign(&mut self, record: RecordNumber, cluster: ClusterNumber) {
        let Some(entry) = self.records.get_mut(&record) else { return };
        entry.home.get_or_insert(cluster);
        let before = std::mem::replace(&mut entry.cluster, cluster);
        if before == cluster {
            return;
        }
        entry.changed.from.get_or_insert(before);
        *self.sizes.entry(cluster).or_default() += 1;
        if let Some(size) = self.sizes.get_mut(&before) {
            *size -= 1;
            if *size == 0 {
                self.sizes.remove(&before);
            }
        }
    }
}
