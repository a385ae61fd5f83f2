//! What a rehearsal came to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use master::matching::{Bits, ClusterNumber, KeyKind, Matcher, RecordNumber};
use serde::Serialize;

use super::Shown;
use crate::output::{self, counted};

/// So many of the largest customers and of the doubtful pairs are told.
pub(super) const TOLD_MAX: usize = 20;

/// The figures of a rehearsal.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// States of records that were read.
    pub states: u64,
    /// Records, each counted once.
    pub records: u64,
    /// Customers that they are.
    pub customers: u64,
    /// Records that were taken for a new customer when they came.
    pub new: u64,
    /// Records that were taken for a customer who was there when they came.
    pub linked: u64,
    /// Pairs of customers that a steward would be asked about.
    pub doubtful: u64,
    /// Records that could not be read.
    pub rejected: u64,
    /// How many records the largest customers have, largest first.
    pub largest: Vec<Large>,
    /// Values that too many records have to mean anything.
    pub common_values: Vec<CommonValue>,
    /// States per second.
    pub states_per_second: u64,
    /// The model's number, and what it was learned from.
    pub model: ModelSummary,
    #[serde(skip)]
    pub doubts: Vec<Doubt>,
    #[serde(skip)]
    began: Instant,
}

#[derive(Debug, Serialize)]
pub(super) struct Large {
    pub cluster: ClusterNumber,
    pub records: usize,
    #[serde(skip)]
    pub first: RecordNumber,
}

#[derive(Debug, Serialize)]
pub(super) struct CommonValue {
    pub kind: &'static str,
    pub value: String,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct ModelSummary {
    pub number: u32,
    pub records: u64,
    pub pairs: u64,
}

/// Two customers that may be one, with their most alike records.
#[derive(Debug)]
pub(super) struct Doubt {
    pub one: RecordNumber,
    pub other: RecordNumber,
    pub bits: Bits,
}

impl Summary {
    pub fn new() -> Self {
        Summary {
            states: 0,
            records: 0,
            customers: 0,
            new: 0,
            linked: 0,
            doubtful: 0,
            rejected: 0,
            largest: Vec::new(),
            common_values: Vec::new(),
            states_per_second: 0,
            model: ModelSummary::default(),
            doubts: Vec::new(),
            began: Instant::now(),
        }
    }

    /// Shows a state to the matcher, and counts what became of it.
    pub fn show(&mut self, matcher: &mut Matcher, shown: &Shown) {
        let (records, clusters) = (matcher.len(), matcher.clusters());
        matcher.show(&shown.name(), &shown.customer);
        self.states += 1;
        if matcher.len() > records {
            // A new record gets a number of its own before it joins somebody.
            let joined = matcher.clusters() <= clusters;
            *(if joined { &mut self.linked } else { &mut self.new }) += 1;
        }
    }

    /// Looks at what it came to.
    pub fn end(&mut self, matcher: &Matcher, rejected: u64) {
        let millis = self.began.elapsed().as_millis().max(1);
        self.states_per_second = u64::try_from(u128::from(self.states) * 1_000 / millis).unwrap_or(u64::MAX);
        (self.records, self.rejected) = (matcher.len() as u64, rejected);
        let mut clusters: BTreeMap<ClusterNumber, Vec<RecordNumber>> = BTreeMap::new();
        for record in matcher.records() {
            clusters.entry(matcher.cluster(record).unwrap_or_default()).or_default().push(record);
        }
        self.customers = clusters.len() as u64;
        let large = |(cluster, records): (ClusterNumber, Vec<RecordNumber>)| Large {
            cluster,
            records: records.len(),
            first: records.first().copied().unwrap_or_default(),
        };
        self.largest = clusters.into_iter().map(large).collect();
        self.largest.sort_by_key(|large| (std::cmp::Reverse(large.records), large.cluster));
        self.largest.truncate(TOLD_MAX);
        self.doubts = doubts(matcher);
        self.doubtful = self.doubts.len() as u64;
        let common = matcher.common_values().iter();
        self.common_values =
            common.map(|(kind, value)| CommonValue { kind: name(*kind), value: value.clone() }).collect();
        let model = matcher.model();
        self.model = ModelSummary { number: model.number, records: model.records, pairs: model.pairs };
    }

    /// For people.
    pub fn print(&self) {
        output::line(format!(
            "{} of {} are {}",
            counted(self.states, "state"),
            counted(self.records, "record"),
            counted(self.customers, "customer")
        ));
        output::line(format!("  new        {:>8}", self.new));
        output::line(format!("  linked     {:>8}", self.linked));
        output::line(format!("  doubtful   {:>8}  pairs of customers", self.doubtful));
        output::line(format!("  rejected   {:>8}", self.rejected));
        let sizes: Vec<String> = self.largest.iter().take(8).map(|large| large.records.to_string()).collect();
        output::line(format!("largest customers: {} records", sizes.join(", ")));
        output::line(format!("values that too many have to mean anything: {}", self.common_values.len()));
        output::line(format!(
            "model {} from {} and {}; {} states per second",
            self.model.number,
            counted(self.model.records, "record"),
            counted(self.model.pairs, "pair"),
            self.states_per_second
        ));
    }
}

/// The most alike pair of each two customers that resemble each other and are not one, most alike first.
fn doubts(matcher: &Matcher) -> Vec<Doubt> {
    let mut best: BTreeMap<(ClusterNumber, ClusterNumber), Doubt> = BTreeMap::new();
    let cluster = |record| matcher.cluster(record).unwrap_or_default();
    for one in matcher.records() {
        for (other, bits) in matcher.links(one).filter(|(other, _)| one < *other && cluster(one) != cluster(*other)) {
            let pair = (cluster(one).min(cluster(other)), cluster(one).max(cluster(other)));
            let found = Doubt { one, other, bits };
            let kept = best.entry(pair).or_insert(Doubt { one, other, bits });
            if kept.bits < found.bits {
                *kept = found;
            }
        }
    }
    let mut doubts: Vec<Doubt> = best.into_values().collect();
    let mut told = BTreeSet::new();
    doubts.sort_by_key(|doubt| (std::cmp::Reverse(doubt.bits), doubt.one, doubt.other));
    doubts.retain(|doubt| told.insert((doubt.one, doubt.other)));
    doubts
}

fn name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Identifier => "identifier",
        KeyKind::Account => "bank account",
        KeyKind::Email => "e-mail address",
        KeyKind::Phone => "telephone number",
        _ => "other",
    }
}
