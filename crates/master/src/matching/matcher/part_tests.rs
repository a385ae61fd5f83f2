//! A matcher that holds only what it is told to load comes to the same as one that holds everything.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::tests::{anybody, customer};
use super::*;

/// What a hub keeps.
#[derive(Default)]
struct Kept {
    records: BTreeMap<RecordNumber, KnownRecord>,
    numbers: BTreeMap<String, RecordNumber>,
    keys: BTreeMap<BlockingKey, BTreeSet<RecordNumber>>,
    common: BTreeSet<BlockingKey>,
    /// The next number for a new customer that was not given away yet.
    offered: ClusterNumber,
    /// What is asked about two customers each.
    asked: BTreeSet<(ClusterNumber, ClusterNumber)>,
}

impl Kept {
    fn posting(&self, key: BlockingKey) -> Posting {
        match self.common.contains(&key) {
            true => Posting::Common,
            false => Posting::Records(self.keys.get(&key).into_iter().flatten().copied().collect()),
        }
    }

    /// Shows some states at once, as a hub does with a batch, and keeps what came of it.
    fn show(&mut self, batch: &[(usize, serde_json::Value)], options: MatchOptions) {
        let mut part = Matcher::over_part(Arc::new(Model::shipped()), options);
        let living: BTreeSet<ClusterNumber> = self.records.values().map(|record| record.cluster).collect();
        for record in self.records.values().filter(|record| !living.contains(&record.home)) {
            part.retire(record.home);
        }
        for (record, shown) in batch {
            let name = format!("r{record}");
            let number = match self.numbers.get(&name) {
                Some(number) => *number,
                None => {
                    let number = self.numbers.len() as RecordNumber;
                    part.add(&name, number);
                    self.numbers.insert(name, number);
                    number
                }
            };
            if let Some(known) = self.records.get(&number) {
                part.load(known.clone());
            }
            part.note(number, &Evidence::of(&customer(shown.clone())));
        }
        while let Some(needs) = part.settle() {
            assert!(!needs.is_empty());
            let first = self.next_cluster().max(self.offered);
            self.offered = first + needs.clusters as ClusterNumber;
            part.offer(first..self.offered);
            needs.keys.iter().for_each(|key| part.load_key(*key, self.posting(*key)));
            needs.records.iter().for_each(|number| part.load(self.records[number].clone()));
        }
        let changes = part.changes();
        let divided = part.take_divided();
        let doubts: BTreeSet<_> =
            part.doubts(divided.iter().copied()).iter().map(|doubt| (doubt.one, doubt.other)).collect();
        let left = changes.moved.iter().map(|(_, from)| *from);
        let concerned: BTreeSet<_> = divided.iter().filter_map(|number| part.cluster(*number)).chain(left).collect();
        self.asked.retain(|(one, other)| !concerned.contains(one) && !concerned.contains(other));
        self.asked.extend(doubts);
        for (key, number) in changes.keys {
            self.keys.entry(key).or_default().insert(number);
        }
        for key in changes.common {
            self.keys.remove(&key);
            self.common.insert(key);
        }
        for record in changes.records {
            self.records.insert(record.number, record);
        }
        for (number, links) in changes.links {
            self.records.get_mut(&number).expect("a record that was kept before").links = links;
        }
    }

    /// Beyond the numbers of records, of which each may be its own customer.
    fn next_cluster(&self) -> ClusterNumber {
        self.records.values().map(|record| record.cluster + 1).max().unwrap_or_default().max(1_000)
    }

    /// What is asked about, by the names of all records of both customers.
    fn doubts(&self) -> BTreeSet<BTreeSet<String>> {
        let of = |(one, other): &(ClusterNumber, ClusterNumber)| {
            let is_one = |record: &&KnownRecord| record.cluster == *one || record.cluster == *other;
            self.records.values().filter(is_one).map(|record| record.name.to_string()).collect()
        };
        self.asked.iter().map(of).collect()
    }

    fn clusters(&self) -> BTreeSet<Vec<String>> {
        let mut clusters: BTreeMap<ClusterNumber, Vec<String>> = BTreeMap::new();
        for record in self.records.values() {
            clusters.entry(record.cluster).or_default().push(record.name.to_string());
        }
        clusters.into_values().collect()
    }
}

/// What is compared of a record that was kept.
fn part_evidence(record: &KnownRecord) -> Evidence {
    let mut told = record.evidence.clone();
    told.retain(|key| !record.common.contains(&key));
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_part_decides_as_the_whole_does(
        events in prop::collection::vec(anybody(), 1..40),
        batch in 1..9_usize,
        values_max in 2..5_usize,
    ) {
        let options =
            MatchOptions { records_per_value_max: values_max, records_per_key_max: 4, ..MatchOptions::default() };
        let mut whole = Matcher::new(Arc::new(Model::shipped()), options);
        let mut kept = Kept::default();
        for some in events.chunks(batch) {
            kept.show(some, options);
            for (record, shown) in some {
                whole.show(&format!("r{record}"), &customer(shown.clone()));
            }
            for record in kept.records.values() {
                let number = whole.number_of(&record.name).unwrap();
                let told = part_evidence(record);
                prop_assert_eq!(whole.evidence(number).unwrap(), &told, "{}", &record.name);
                let links: BTreeMap<&str, Bits> =
                    whole.links(number).map(|(other, bits)| (whole.name(other).unwrap(), bits)).collect();
                let of_part: BTreeMap<&str, Bits> =
                    record.links.iter().map(|(other, bits)| (&*kept.records[other].name, *bits)).collect();
                prop_assert_eq!(links, of_part);
            }
            let of_whole = tests::clusters(&whole);
            let of_kept: BTreeSet<Vec<String>> = kept.clusters().into_iter().map(|mut names| { names.sort(); names }).collect();
            prop_assert_eq!(of_whole, of_kept);
            let doubts: BTreeSet<BTreeSet<String>> = whole
                .doubts(whole.records())
                .iter()
                .map(|doubt| {
                    let is_one = |number: &RecordNumber| {
                        let cluster = whole.cluster(*number).unwrap();
                        cluster == doubt.one || cluster == doubt.other
                    };
                    whole.records().filter(is_one).map(|number| whole.name(number).unwrap().to_owned()).collect()
                })
                .collect();
            prop_assert_eq!(doubts, kept.doubts());
        }
    }
}
