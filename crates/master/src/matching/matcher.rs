//! Records that arrive one after another, and the customers that they are.
//!
//! A rehearsal holds all records in memory. A hub holds a part of them: what it shows, and what it is told to load for
//! that. Both decide by the same code, and come to the same customers.

mod claim;
mod doubt;
mod load;
mod settle;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use canonical::document::Customer;

use super::divide::{Thresholds, Verdict};
use super::evidence::Evidence;
use super::keys::{BlockingKey, KeyKind};
use super::model::{Bits, Model};

pub use doubt::Doubt;
pub use load::{Changes, KnownRecord, Needs, Posting};

/// How much a matcher looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchOptions {
    /// From where on records are one.
    pub thresholds: Thresholds,
    /// An e-mail address, a telephone number, an account or an identifier that more records have is nobody's.
    pub records_per_value_max: usize,
    /// A key of another kind that more records have leads to none of them.
    pub records_per_key_max: usize,
    /// At most so many records are divided at once. Where more hang together, the weakest links are not followed.
    pub records_together_max: usize,
}

impl Default for MatchOptions {
    fn default() -> Self {
        MatchOptions {
            thresholds: Thresholds::default(),
            records_per_value_max: 100,
            records_per_key_max: 25,
            records_together_max: 400,
        }
    }
}

impl MatchOptions {
    /// How many records may have a key, before it leads to none of them.
    #[must_use]
    pub fn records_max(&self, key: BlockingKey) -> usize {
        if key.is_value() { self.records_per_value_max } else { self.records_per_key_max }
    }
}

/// A record of the matcher, in the order in which they were first seen.
pub type RecordNumber = u64;

/// A customer of the matcher. It keeps its number as long as any of its records stays with it.
pub type ClusterNumber = u64;

struct Entry {
    /// Orders records whatever the order of their arrival.
    name: Arc<str>,
    /// All that it has shown, and all keys that it ever had. How common a value is must not depend on what was dropped when.
    shown: Evidence,
    /// Empty for a record that was loaded and has to be compared only: it has the keys that led to it.
    keys_shown: Vec<BlockingKey>,
    is_keyed: bool,
    /// The same without what is nobody's; `None` where nothing of it is.
    told: Option<Box<Told>>,
    /// How common its names are.
    common: Bits,
    /// The records that resemble it, and how much.
    links: BTreeMap<RecordNumber, Bits>,
    cluster: ClusterNumber,
    /// The customer that it was first; a customer that was taken apart again goes back to its number. `None` until the
    /// record was divided once.
    home: Option<ClusterNumber>,
    /// What the caller does not know yet.
    changed: Changed,
}

/// What is compared of a record, and what leads to it.
struct Told {
    evidence: Evidence,
    keys: Vec<BlockingKey>,
}

/// What of a record is not as it was loaded.
#[derive(Clone, Copy, Default)]
struct Changed {
    evidence: bool,
    links: bool,
    /// The customer that it was.
    from: Option<ClusterNumber>,
}

impl Entry {
    fn evidence(&self) -> &Evidence {
        self.told.as_ref().map_or(&self.shown, |told| &told.evidence)
    }

    /// What is scored: the evidence, and how common its names are.
    fn scored(&self) -> (&Evidence, Bits) {
        (self.evidence(), self.common)
    }

    fn keys(&self) -> &[BlockingKey] {
        self.told.as_ref().map_or(&self.keys_shown, |told| &told.keys)
    }

    fn has(&self, key: BlockingKey) -> bool {
        !self.is_keyed || self.keys().binary_search(&key).is_ok()
    }
}

/// The records that have a key.
enum Having {
    Few(Vec<RecordNumber>),
    /// More than are looked at.
    Many,
}

/// Numbers and hashes are spread well enough by one multiplication.
#[derive(Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

type ByNumber<K, V> = HashMap<K, V, BuildHasherDefault<NumberHasher>>;
type Numbers = HashSet<RecordNumber, BuildHasherDefault<NumberHasher>>;

/// Divides records into customers as they arrive.
///
/// What it comes to does not depend on the order in which different records arrive, as long as no more records hang
/// together than are divided at once.
pub struct Matcher {
    model: Arc<Model>,
    options: MatchOptions,
    /// Whether records and keys that were not loaded may exist.
    is_part: bool,
    numbers: HashMap<Arc<str>, RecordNumber>,
    records: ByNumber<RecordNumber, Entry>,
    index: ByNumber<BlockingKey, Having>,
    next_record: RecordNumber,
    next_cluster: ClusterNumber,
    /// Numbers that were given for new customers of a part.
    offered: Vec<ClusterNumber>,
    /// How many records each customer has.
    sizes: ByNumber<ClusterNumber, usize>,
    /// Customers that became part of others, and that their records may be again.
    retired: BTreeSet<ClusterNumber>,
    /// Customers that keep their number before all others.
    preferred: BTreeSet<ClusterNumber>,
    common: Vec<(KeyKind, String)>,
    verdicts: BTreeMap<(RecordNumber, RecordNumber), Verdict>,
    work: settle::Work,
    news: load::News,
}

impl Matcher {
    /// One that has seen nothing, and that sees everything.
    #[must_use]
    pub fn new(model: Arc<Model>, options: MatchOptions) -> Self {
        Matcher {
            model,
            options,
            is_part: false,
            numbers: HashMap::new(),
            records: ByNumber::default(),
            index: ByNumber::default(),
            next_record: 0,
            next_cluster: 0,
            offered: Vec::new(),
            sizes: ByNumber::default(),
            retired: BTreeSet::new(),
            preferred: BTreeSet::new(),
            common: Vec::new(),
            verdicts: BTreeMap::new(),
            work: settle::Work::default(),
            news: load::News::default(),
        }
    }

    /// Takes in a state of a record, and divides anew whatever it touches. `name` tells the record apart from all others,
    /// and nothing else.
    pub fn show(&mut self, name: &str, customer: &Customer) -> RecordNumber {
        let number = match self.numbers.get(name) {
            Some(number) => *number,
            None => self.begin(name, self.next_record),
        };
        self.note(number, &Evidence::of(customer));
        self.settle_whole();
        number
    }

    /// Takes in what somebody decided about two records, or that nobody decides about them any more.
    pub fn judge(&mut self, one: RecordNumber, other: RecordNumber, verdict: Option<Verdict>) {
        self.set_verdict(one, other, verdict);
        self.look_again([one, other]);
        self.settle_whole();
    }

    /// The number of a record that was shown.
    #[must_use]
    pub fn number_of(&self, name: &str) -> Option<RecordNumber> {
        self.numbers.get(name).copied()
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing was shown yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The customer that a record is.
    #[must_use]
    pub fn cluster(&self, record: RecordNumber) -> Option<ClusterNumber> {
        self.records.get(&record).map(|entry| entry.cluster)
    }

    /// What is compared of a record: what it has shown, without what is nobody's.
    #[must_use]
    pub fn evidence(&self, record: RecordNumber) -> Option<&Evidence> {
        self.records.get(&record).map(Entry::evidence)
    }

    /// The records that resemble a record from the review threshold on, and how much.
    pub fn links(&self, record: RecordNumber) -> impl Iterator<Item = (RecordNumber, Bits)> {
        self.records.get(&record).into_iter().flat_map(|entry| entry.links.iter().map(|(other, bits)| (*other, *bits)))
    }

    /// The values that are nobody's, because too many records have them, in the order in which that was found.
    #[must_use]
    pub fn common_values(&self) -> &[(KeyKind, String)] {
        &self.common
    }

    /// The name under which a record was shown.
    #[must_use]
    pub fn name(&self, record: RecordNumber) -> Option<&str> {
        self.records.get(&record).map(|entry| &*entry.name)
    }

    /// All records that were shown here, in the order in which they were first shown.
    pub fn records(&self) -> impl Iterator<Item = RecordNumber> + use<> {
        0..self.next_record
    }

    /// How many customers there are.
    #[must_use]
    pub fn clusters(&self) -> usize {
        self.sizes.len()
    }

    /// The model that it weighs evidence by.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    fn entry(&mut self, number: RecordNumber) -> Option<&mut Entry> {
        self.records.get_mut(&number)
    }

    /// Notes a decision from both sides, so that each finds the other.
    fn set_verdict(&mut self, one: RecordNumber, other: RecordNumber, verdict: Option<Verdict>) {
        for pair in [(one, other), (other, one)] {
            match verdict {
                Some(verdict) => self.verdicts.insert(pair, verdict),
                None => self.verdicts.remove(&pair),
            };
        }
    }

    fn begin(&mut self, name: &str, number: RecordNumber) -> RecordNumber {
        let name: Arc<str> = name.into();
        self.numbers.insert(Arc::clone(&name), number);
        // Of a part, the caller gives out the numbers: a new record may become a customer under its own.
        let cluster = if self.is_part { number } else { self.fresh_cluster() };
        let entry = Entry {
            name,
            shown: Evidence::default(),
            keys_shown: Vec::new(),
            is_keyed: true,
            told: None,
            common: Bits::ZERO,
            links: BTreeMap::new(),
            cluster,
            home: None,
            changed: Changed { evidence: true, links: true, from: None },
        };
        self.records.insert(number, entry);
        self.sizes.insert(cluster, 1);
        self.next_record = self.next_record.max(number + 1);
        number
    }

    fn fresh_cluster(&mut self) -> ClusterNumber {
        if let Some(offered) = self.offered.pop() {
            return offered;
        }
        self.next_cluster += 1;
        self.next_cluster - 1
    }
}

#[cfg(test)]
mod part_tests;
#[cfg(test)]
mod tests;
