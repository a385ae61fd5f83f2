//! Records that arrive one after another, and the customers that they are: everything in memory.
//!
//! It decides as the hub does, one record at a time, and is what a rehearsal runs on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use canonical::document::Customer;

use super::divide::{Thresholds, Verdict, divide};
use super::evidence::Evidence;
use super::keys::{BlockingKey, KeyKind, blocking_keys};
use super::model::{Bits, Model};

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
            records_per_key_max: 100,
            records_together_max: 400,
        }
    }
}

/// A record of the matcher, in the order in which they were first seen.
pub type RecordNumber = u32;

/// A customer of the matcher. It keeps its number as long as any of its records stays with it.
pub type ClusterNumber = u32;

struct Entry {
    /// Orders records whatever the order of their arrival.
    name: Arc<str>,
    /// All that it has shown, and all keys that it ever had. How common a value is must not depend on what was dropped when.
    shown: Evidence,
    keys_shown: Vec<BlockingKey>,
    /// The same without what is nobody's; `None` where nothing of it is.
    told: Option<Box<Told>>,
    /// The records that resemble it, and how much.
    links: BTreeMap<RecordNumber, Bits>,
    cluster: ClusterNumber,
}

/// What is compared of a record, and what leads to it.
struct Told {
    evidence: Evidence,
    keys: Vec<BlockingKey>,
}

impl Entry {
    fn evidence(&self) -> &Evidence {
        self.told.as_ref().map_or(&self.shown, |told| &told.evidence)
    }

    fn keys(&self) -> &[BlockingKey] {
        self.told.as_ref().map_or(&self.keys_shown, |told| &told.keys)
    }
}

/// The records that have a key.
enum Having {
    Few(Vec<RecordNumber>),
    /// More than are looked at.
    Many,
}

/// Divides records into customers as they arrive.
///
/// What it comes to does not depend on the order in which different records arrive, as long as no more records hang
/// together than are divided at once.
pub struct Matcher {
    model: Arc<Model>,
    options: MatchOptions,
    numbers: HashMap<Arc<str>, RecordNumber>,
    records: Vec<Entry>,
    index: HashMap<BlockingKey, Having>,
    next_cluster: ClusterNumber,
    /// How many records each customer has.
    sizes: HashMap<ClusterNumber, usize>,
    common: Vec<(KeyKind, String)>,
    verdicts: BTreeMap<(RecordNumber, RecordNumber), Verdict>,
}

impl Matcher {
    /// One that has seen nothing.
    #[must_use]
    pub fn new(model: Arc<Model>, options: MatchOptions) -> Self {
        Matcher {
            model,
            options,
            numbers: HashMap::new(),
            records: Vec::new(),
            index: HashMap::new(),
            next_cluster: 0,
            sizes: HashMap::new(),
            common: Vec::new(),
            verdicts: BTreeMap::new(),
        }
    }

    /// Takes in a state of a record. `name` tells the record apart from all others, and nothing else.
    pub fn show(&mut self, name: &str, customer: &Customer) -> RecordNumber {
        let number = match self.numbers.get(name) {
            Some(number) => *number,
            None => self.begin(name),
        };
        self.entry(number).shown.add(customer);
        let again = self.file(number);
        self.look_again(again);
        number
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
        self.records.get(record as usize).map(|entry| entry.cluster)
    }

    /// What a record has shown.
    #[must_use]
    pub fn evidence(&self, record: RecordNumber) -> Option<&Evidence> {
        self.records.get(record as usize).map(Entry::evidence)
    }

    /// The records that resemble a record from the review threshold on, and how much.
    pub fn links(&self, record: RecordNumber) -> impl Iterator<Item = (RecordNumber, Bits)> {
        self.records
            .get(record as usize)
            .into_iter()
            .flat_map(|entry| entry.links.iter().map(|(other, bits)| (*other, *bits)))
    }

    /// The values that are nobody's, because too many records have them, in the order in which that was found.
    #[must_use]
    pub fn common_values(&self) -> &[(KeyKind, String)] {
        &self.common
    }

    /// The name under which a record was shown.
    #[must_use]
    pub fn name(&self, record: RecordNumber) -> Option<&str> {
        self.records.get(record as usize).map(|entry| &*entry.name)
    }

    /// All records, in the order in which they were first shown.
    pub fn records(&self) -> impl Iterator<Item = RecordNumber> + use<> {
        0..RecordNumber::try_from(self.records.len()).unwrap_or(RecordNumber::MAX)
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

    /// Takes in what somebody decided about two records.
    pub fn judge(&mut self, one: RecordNumber, other: RecordNumber, verdict: Option<Verdict>) {
        // From both sides, so that each finds the other.
        for pair in [(one, other), (other, one)] {
            match verdict {
                Some(verdict) => self.verdicts.insert(pair, verdict),
                None => self.verdicts.remove(&pair),
            };
        }
        self.look_again(BTreeSet::from([one, other]));
    }

    fn begin(&mut self, name: &str) -> RecordNumber {
        let number = RecordNumber::try_from(self.records.len()).unwrap_or(RecordNumber::MAX);
        let name: Arc<str> = name.into();
        self.numbers.insert(Arc::clone(&name), number);
        self.records.push(Entry {
            name,
            shown: Evidence::default(),
            keys_shown: Vec::new(),
            told: None,
            links: BTreeMap::new(),
            cluster: self.next_cluster,
        });
        self.sizes.insert(self.next_cluster, 1);
        self.next_cluster += 1;
        number
    }

    fn entry(&mut self, number: RecordNumber) -> &mut Entry {
        &mut self.records[number as usize]
    }

    /// Puts a record under its keys; returns the records that must be looked at again: itself, and those with a value or key
    /// that thereby becomes nobody's.
    fn file(&mut self, number: RecordNumber) -> BTreeSet<RecordNumber> {
        let mut again = BTreeSet::from([number]);
        for key in blocking_keys(&self.records[number as usize].shown) {
            let keys_shown = &mut self.entry(number).keys_shown;
            let Err(place) = keys_shown.binary_search(&key) else { continue };
            keys_shown.insert(place, key);
            let most = self.most(key);
            let Having::Few(having) = self.index.entry(key).or_insert_with(|| Having::Few(Vec::new())) else {
                continue;
            };
            having.push(number);
            if having.len() > most
                && let Some(Having::Few(having)) = self.index.insert(key, Having::Many)
            {
                again.extend(having);
                let value = self.records[number as usize].shown.value_of(key);
                self.common.extend(value.map(|(kind, value)| (kind, value.to_owned())));
            }
        }
        again.iter().for_each(|record| self.refresh(*record));
        again
    }

    /// Takes what is nobody's out of what a record has shown.
    fn refresh(&mut self, number: RecordNumber) {
        let is_told = |key: BlockingKey| !matches!(self.index.get(&key), Some(Having::Many));
        let entry = &self.records[number as usize];
        let told = if entry.keys_shown.iter().all(|key| is_told(*key)) {
            None
        } else {
            let mut evidence = entry.shown.clone();
            evidence.retain(is_told);
            let mut keys = blocking_keys(&evidence);
            keys.retain(|key| is_told(*key));
            Some(Box::new(Told { evidence, keys }))
        };
        self.entry(number).told = told;
    }

    fn most(&self, key: BlockingKey) -> usize {
        if key.is_value() { self.options.records_per_value_max } else { self.options.records_per_key_max }
    }

    /// Compares records anew with whoever may be one with them, and divides all that hang together.
    fn look_again(&mut self, again: BTreeSet<RecordNumber>) {
        let mut touched = again.clone();
        for number in again {
            touched.extend(self.link(number));
        }
        let mut groups = Vec::new();
        while let Some(first) = touched.pop_first() {
            let together = self.together(first);
            together.iter().for_each(|number| {
                touched.remove(number);
            });
            groups.extend(self.divide(together));
        }
        // All at once: what was one customer may hang together no more.
        self.number(groups);
    }

    /// Finds whom a record resembles; returns whom it did before.
    fn link(&mut self, number: RecordNumber) -> Vec<RecordNumber> {
        let entry = &self.records[number as usize];
        let mut candidates: BTreeSet<RecordNumber> = BTreeSet::new();
        for key in entry.keys() {
            if let Some(Having::Few(having)) = self.index.get(key) {
                let has = |other: &RecordNumber| self.records[*other as usize].keys().binary_search(key).is_ok();
                candidates.extend(having.iter().copied().filter(|other| *other != number && has(other)));
            }
        }
        let review = self.options.thresholds.review;
        let resembles = |other: &RecordNumber| {
            let score = self.model.score(entry.evidence(), self.records[*other as usize].evidence())?;
            (!score.is_vetoed && score.bits >= review).then_some((*other, score.bits))
        };
        let links: BTreeMap<RecordNumber, Bits> = candidates.iter().filter_map(resembles).collect();
        let before = std::mem::replace(&mut self.entry(number).links, links.clone());
        for other in before.keys() {
            self.entry(*other).links.remove(&number);
        }
        for (other, bits) in links {
            self.entry(other).links.insert(number, bits);
        }
        before.into_keys().collect()
    }

    /// All records that links lead to from one, and from those.
    fn together(&self, first: RecordNumber) -> Vec<RecordNumber> {
        let link = self.options.thresholds.link;
        let (mut found, mut together) = (BTreeSet::from([first]), vec![first]);
        let mut next = 0;
        while let Some(number) = together.get(next).copied() {
            next += 1;
            let linked =
                self.records[number as usize].links.iter().filter(|(_, bits)| **bits >= link).map(|(other, _)| *other);
            let told = self.verdicts.range((number, 0)..=(number, RecordNumber::MAX)).map(|((_, other), _)| *other);
            for other in linked.chain(told) {
                if together.len() < self.options.records_together_max && found.insert(other) {
                    together.push(other);
                }
            }
        }
        together
    }

    fn divide(&self, mut together: Vec<RecordNumber>) -> Vec<Vec<RecordNumber>> {
        together.sort_by(|one, other| self.records[*one as usize].name.cmp(&self.records[*other as usize].name));
        let evidence = |at: usize| self.records[together[at] as usize].evidence();
        let place = |number: RecordNumber| together.iter().position(|other| *other == number);
        let verdicts: Vec<_> = self
            .verdicts
            .iter()
            .filter_map(|((one, other), verdict)| Some((place(*one)?, place(*other)?, *verdict)))
            .collect();
        let score = |one, other| self.model.score(evidence(one), evidence(other));
        let groups = divide(together.len(), score, &verdicts, self.options.thresholds);
        groups.into_iter().map(|group| group.into_iter().map(|at| together[at]).collect()).collect()
    }

    /// Groups keep the numbers of the customers that they were; of several, the oldest, and of several groups that were one
    /// customer, the one with most of its records.
    fn number(&mut self, groups: Vec<Vec<RecordNumber>>) {
        let mut claims: Vec<(usize, ClusterNumber, usize)> = Vec::new();
        for (at, group) in groups.iter().enumerate() {
            let mut counts: BTreeMap<ClusterNumber, usize> = BTreeMap::new();
            group.iter().for_each(|record| *counts.entry(self.records[*record as usize].cluster).or_default() += 1);
            claims.extend(counts.into_iter().map(|(cluster, count)| (count, cluster, at)));
        }
        claims.sort_unstable_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)).then(one.2.cmp(&other.2)));
        let (mut taken, mut given) = (BTreeSet::new(), vec![None; groups.len()]);
        for (_, cluster, at) in claims {
            if given[at].is_none() && taken.insert(cluster) {
                given[at] = Some(cluster);
            }
        }
        for (group, given) in groups.into_iter().zip(given) {
            let cluster = given.unwrap_or_else(|| {
                self.next_cluster += 1;
                self.next_cluster - 1
            });
            for record in group {
                let before = std::mem::replace(&mut self.entry(record).cluster, cluster);
                *self.sizes.entry(cluster).or_default() += 1;
                if let Some(size) = self.sizes.get_mut(&before) {
                    *size -= 1;
                    if *size == 0 {
                        self.sizes.remove(&before);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
