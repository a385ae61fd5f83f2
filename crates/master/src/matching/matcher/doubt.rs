//! Customers that may be one, and that nobody has decided about.

use std::collections::{BTreeMap, BTreeSet};

use super::super::divide::Verdict;
use super::{Bits, ClusterNumber, Matcher, RecordNumber};

/// Two customers that may be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The lower number.
    pub one: ClusterNumber,
    /// The higher number.
    pub other: ClusterNumber,
    /// Of all their pairs, the two records that resemble each other most: one of the one, one of the other.
    pub records: (RecordNumber, RecordNumber),
    /// How much.
    pub bits: Bits,
}

impl Matcher {
    /// What is doubtful about the customers of these records: each pair of customers once, by its best pair of records. Pairs
    /// of customers that somebody said are two are not among them.
    #[must_use]
    pub fn doubts(&self, records: impl IntoIterator<Item = RecordNumber>) -> Vec<Doubt> {
        let mut found: BTreeMap<(ClusterNumber, ClusterNumber), Doubt> = BTreeMap::new();
        let mut decided = BTreeSet::new();
        for number in records {
            let Some(entry) = self.records.get(&number) else { continue };
            for ((_, other), verdict) in self.verdicts.range((number, 0)..=(number, RecordNumber::MAX)) {
                if let (Verdict::NotTheSame, Some(other)) = (verdict, self.records.get(other)) {
                    decided.insert(sorted(entry.cluster, other.cluster));
                }
            }
            for (with, bits) in &entry.links {
                let Some(other) = self.records.get(with).filter(|other| other.cluster != entry.cluster) else {
                    continue;
                };
                let pair = sorted(entry.cluster, other.cluster);
                let records = if pair.0 == entry.cluster { (number, *with) } else { (*with, number) };
                let doubt = Doubt { one: pair.0, other: pair.1, records, bits: *bits };
                let best = found.entry(pair).or_insert(doubt);
                // Among equals the names decide, which do not depend on who came first.
                if (doubt.bits, self.names(best.records)) > (best.bits, self.names(doubt.records)) {
                    *best = doubt;
                }
            }
        }
        found.into_iter().filter(|(pair, _)| !decided.contains(pair)).map(|(_, doubt)| doubt).collect()
    }

    fn names(&self, records: (RecordNumber, RecordNumber)) -> (Option<&str>, Option<&str>) {
        (self.name(records.0), self.name(records.1))
    }
}

fn sorted(one: ClusterNumber, other: ClusterNumber) -> (ClusterNumber, ClusterNumber) {
    (one.min(other), one.max(other))
}
