//! A matcher that holds a part of the records: what it must be told, and what it has changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::divide::Verdict;
use super::super::evidence::Evidence;
use super::super::keys::{BlockingKey, blocking_keys};
use super::super::model::{Bits, Model};
use super::{Changed, ClusterNumber, Entry, Having, MatchOptions, Matcher, RecordNumber, Told};

/// What a matcher must know before it can go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Who has these keys. A key may be told more than once.
    pub keys: Vec<BlockingKey>,
    /// These records.
    pub records: BTreeSet<RecordNumber>,
    /// So many numbers for new customers.
    pub clusters: usize,
}

impl Needs {
    /// Whether it is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.records.is_empty() && self.clusters == 0
    }
}

/// A record as it was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownRecord {
    /// Its number.
    pub number: RecordNumber,
    /// What it is told apart by.
    pub name: Arc<str>,
    /// All that it has shown.
    pub evidence: Evidence,
    /// The keys of values among it that are nobody's, sorted.
    pub common: Vec<BlockingKey>,
    /// The customer that it is.
    pub cluster: ClusterNumber,
    /// The customer that it was first.
    pub home: ClusterNumber,
    /// The records that resemble it, and how much.
    pub links: Vec<(RecordNumber, Bits)>,
}

/// Who has a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posting {
    /// These records.
    Records(Vec<RecordNumber>),
    /// More than are looked at: it leads nowhere, for good.
    Common,
}

/// What is to be kept of what a matcher did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Records of which evidence or customer changed, by number.
    pub records: Vec<KnownRecord>,
    /// Records of which nothing changed but whom they resemble, by number, with whom they resemble now.
    pub links: Vec<(RecordNumber, Vec<(RecordNumber, Bits)>)>,
    /// Of these, those that are another customer than before: record, and the customer that it was. New records were none.
    pub moved: Vec<(RecordNumber, ClusterNumber)>,
    /// Keys that records have now.
    pub keys: Vec<(BlockingKey, RecordNumber)>,
    /// Keys that lead nowhere any more.
    pub common: Vec<BlockingKey>,
}

/// What was put under keys since the last look.
#[derive(Default)]
pub(super) struct News {
    keys: Vec<(BlockingKey, RecordNumber)>,
    common: BTreeSet<BlockingKey>,
}

impl News {
    pub fn filed(&mut self, key: BlockingKey, number: RecordNumber, is_part: bool) {
        if is_part {
            self.keys.push((key, number));
        }
    }

    pub fn flagged(&mut self, key: BlockingKey, is_part: bool) {
        if is_part {
            self.common.insert(key);
        }
    }
}

impl Matcher {
    /// One that holds what it is told, while more exists elsewhere.
    #[must_use]
    pub fn over_part(model: Arc<Model>, options: MatchOptions) -> Self {
        Matcher { is_part: true, ..Matcher::new(model, options) }
    }

    /// Gives it numbers for new customers, which nobody has.
    pub fn offer(&mut self, clusters: impl IntoIterator<Item = ClusterNumber>) {
        self.offered.extend(clusters);
    }

    /// Adds a record that nobody has seen before, under a number that nobody has.
    pub fn add(&mut self, name: &str, number: RecordNumber) {
        self.begin(name, number);
    }

    /// Takes in a record as it was kept. One that is there already stays as it is.
    pub fn load(&mut self, record: KnownRecord) {
        let KnownRecord { number, name, evidence, common, cluster, home, links } = record;
        if self.records.contains_key(&number) {
            return;
        }
        self.numbers.insert(Arc::clone(&name), number);
        let told = (!common.is_empty()).then(|| {
            let mut told = evidence.clone();
            told.retain(|key| common.binary_search(&key).is_err());
            // Its keys are found out when somebody asks for them.
            Box::new(Told { evidence: told, keys: Vec::new() })
        });
        let entry = Entry {
            name,
            common: self.model.common_names(&evidence),
            shown: evidence,
            keys_shown: Vec::new(),
            is_keyed: false,
            told,
            links: links.into_iter().collect(),
            cluster,
            home: Some(home),
            changed: Changed::default(),
        };
        self.records.insert(number, entry);
        *self.sizes.entry(cluster).or_default() += 1;
        for key in common {
            self.index.insert(key, Having::Many);
        }
    }

    /// Finds out the keys of a record that was loaded, if nobody asked for them yet.
    pub(super) fn require_keys(&mut self, number: RecordNumber) {
        let Some(entry) = self.records.get_mut(&number).filter(|entry| !entry.is_keyed) else { return };
        entry.keys_shown = blocking_keys(&entry.shown);
        entry.is_keyed = true;
        self.refresh(number);
    }

    /// Takes in who has a key. One that is known already stays as it is.
    pub fn load_key(&mut self, key: BlockingKey, posting: Posting) {
        let having = match posting {
            Posting::Records(records) => Having::Few(records),
            Posting::Common => Having::Many,
        };
        self.index.entry(key).or_insert(having);
    }

    /// Counts a record that was loaded as changed: it is among the [changes](Matcher::changes) whatever it shows.
    pub fn keep(&mut self, number: RecordNumber) {
        if let Some(entry) = self.records.get_mut(&number) {
            entry.changed.evidence = true;
        }
    }

    /// Drops what leads to a record that does not exist.
    pub fn forget(&mut self, number: RecordNumber) {
        self.verdicts.retain(|(one, other), _| *one != number && *other != number);
        self.records.values_mut().for_each(|entry| {
            entry.links.remove(&number);
        });
        for having in self.index.values_mut() {
            if let Having::Few(having) = having {
                having.retain(|other| *other != number);
            }
        }
        self.work.forget(number);
    }

    /// Whether a record is there.
    #[must_use]
    pub fn has(&self, number: RecordNumber) -> bool {
        self.records.contains_key(&number)
    }

    /// Takes in what somebody decided about two records before.
    pub fn load_verdict(&mut self, one: RecordNumber, other: RecordNumber, verdict: Option<Verdict>) {
        self.set_verdict(one, other, verdict);
    }

    /// A customer that became part of another: its records may be it again.
    pub fn retire(&mut self, cluster: ClusterNumber) {
        self.retired.insert(cluster);
    }

    /// Lets a customer keep its number when it becomes one with others.
    pub fn prefer(&mut self, cluster: ClusterNumber) {
        self.preferred.insert(cluster);
    }

    /// The records that were divided since the last call: of those, what is doubtful may be something else now.
    pub fn take_divided(&mut self) -> BTreeSet<RecordNumber> {
        std::mem::take(&mut self.work.divided)
    }

    /// What is to be kept of what it did since the last call. To be called when nothing is left to do.
    pub fn changes(&mut self) -> Changes {
        let is_changed = |entry: &&Entry| entry.changed.evidence || entry.changed.links || entry.changed.from.is_some();
        let mut numbers: Vec<RecordNumber> =
            self.records.iter().filter(|(_, entry)| is_changed(entry)).map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        let mut changes = Changes {
            keys: std::mem::take(&mut self.news.keys),
            common: std::mem::take(&mut self.news.common).into_iter().collect(),
            ..Changes::default()
        };
        changes.keys.retain(|(key, _)| changes.common.binary_search(key).is_err());
        for number in numbers {
            if self.records.get(&number).is_some_and(|entry| entry.told.is_some()) {
                self.require_keys(number);
            }
            let Some(entry) = self.records.get_mut(&number) else { continue };
            let changed = std::mem::take(&mut entry.changed);
            let links = entry.links.iter().map(|(other, bits)| (*other, *bits)).collect();
            if !changed.evidence && changed.from.is_none() {
                changes.links.push((number, links));
                continue;
            }
            let is_common = |key: &&BlockingKey| key.is_value() && matches!(self.index.get(key), Some(Having::Many));
            changes.moved.extend(changed.from.filter(|from| *from != entry.cluster).map(|from| (number, from)));
            changes.records.push(KnownRecord {
                number,
                name: Arc::clone(&entry.name),
                evidence: entry.shown.clone(),
                common: match entry.is_keyed {
                    true => entry.keys_shown.iter().filter(is_common).copied().collect(),
                    // It was loaded without any, and nothing of it was filed since.
                    false => Vec::new(),
                },
                cluster: entry.cluster,
                home: entry.home.unwrap_or(entry.cluster),
                links,
            });
        }
        changes
    }
}
