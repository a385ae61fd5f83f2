//! Learning weights from records alone, without anybody saying which are one.
//!
//! Expectation–maximisation over the pairs that share a blocking key, with three classes (see [`super::model`]) and the
//! shipped probabilities as a prior that counts as much as a few dozen pairs: Dempster, Laird and Rubin (1977) with
//! Dirichlet priors. The result depends on the set of records alone, not on their order.
//!
//! This is the one place of the crate that calculates with floating point numbers: they are probabilities, never values
//! of a document. What leaves it are whole thousandths of bits.

#![allow(clippy::float_arithmetic, reason = "probabilities, never values of a document")]

mod prior;

use std::collections::{BTreeMap, HashMap, HashSet};

use self::prior::{KINDS, Probabilities};
use super::compare::{Comparison, Kind, Veto};
use super::evidence::Evidence;
use super::keys::{BlockingKey, learning_keys};
use super::model::{ADDRESSES, Bits, Class, EMAILS, Frequencies, Model, NAMES, PHONES, Slots, VALUES, Weights};

/// How learning is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnOptions {
    /// A key that more records have is left out: what everybody shares tells nobody apart, and its pairs are many.
    pub records_per_key_max: usize,
    /// At most so many pairs are compared.
    pub pairs_max: usize,
    /// So many pairs the shipped probabilities count for.
    pub prior_pairs: u32,
    /// So many times the weights are estimated anew.
    pub rounds: u32,
}

impl Default for LearnOptions {
    fn default() -> Self {
        LearnOptions { records_per_key_max: 100, pairs_max: 2_000_000, prior_pairs: 50, rounds: 40 }
    }
}

/// Pairs that look alike.
type Pattern = (Kind, Slots);

impl Model {
    /// The model to begin with: sensible weights, and no name is common.
    #[must_use]
    pub fn shipped() -> Self {
        let [company, person] = KINDS.map(|probabilities| probabilities().weights());
        Model { number: 0, records: 0, pairs: 0, company, person, frequencies: Frequencies::default() }
    }

    /// Learns a model from records.
    #[must_use]
    pub fn learn(number: u32, records: &[Evidence], options: LearnOptions) -> Self {
        let pairs = pairs(records, options);
        let mut patterns: BTreeMap<Pattern, u32> = BTreeMap::new();
        for (one, other) in &pairs {
            let comparison = Comparison::of(&records[*one], &records[*other]);
            if let Some(comparison) = comparison.filter(|comparison| comparison.veto != Some(Veto::Siren)) {
                *patterns.entry((comparison.kind, Slots::of(&comparison))).or_default() += 1;
            }
        }
        let learned = [Kind::Company, Kind::Person].into_iter().zip(KINDS).map(|(kind, prior)| {
            let seen: Vec<_> = patterns
                .iter()
                .filter(|((of, _), _)| *of == kind)
                .map(|((_, at), count)| (*at, f64::from(*count)))
                .collect();
            estimate(&seen, &prior(), options).weights()
        });
        let [company, person] = <[Weights; 2]>::try_from(learned.collect::<Vec<_>>())
            .unwrap_or_else(|_| KINDS.map(|probabilities| probabilities().weights()));
        Model {
            number,
            records: records.len() as u64,
            pairs: pairs.len() as u64,
            company,
            person,
            frequencies: frequencies(records),
        }
    }
}

/// The pairs of records with a key in common, in an order that depends on the keys alone.
fn pairs(records: &[Evidence], options: LearnOptions) -> Vec<(usize, usize)> {
    let mut index: BTreeMap<BlockingKey, Vec<usize>> = BTreeMap::new();
    for (number, record) in records.iter().enumerate() {
        for key in learning_keys(record) {
            index.entry(key).or_default().push(number);
        }
    }
    let mut seen = HashSet::new();
    let mut pairs = Vec::new();
    for having in index.values().filter(|having| having.len() <= options.records_per_key_max) {
        for (place, one) in having.iter().enumerate() {
            for other in &having[place + 1..] {
                if pairs.len() == options.pairs_max {
                    return pairs;
                }
                if seen.insert((*one, *other)) {
                    pairs.push((*one, *other));
                }
            }
        }
    }
    pairs
}

fn frequencies(records: &[Evidence]) -> Frequencies {
    let (mut companies, mut words): (HashMap<u64, u32>, HashMap<u64, u32>) = Default::default();
    for record in records {
        // A record's first name: later ones are the same with a slip more often than not.
        if let Some(name) = record.companies.first() {
            *companies.entry(Frequencies::hash(&name.core)).or_default() += 1;
            name.telling().for_each(|word| *words.entry(Frequencies::hash(word)).or_default() += 1);
        }
        if let Some(name) = record.people.first() {
            for part in name.telling() {
                *words.entry(Frequencies::hash(part)).or_default() += 1;
            }
        }
    }
    let all = (records.len() as f64).max(1.0);
    let share = |count: f64| bits(count / all);
    // What was seen once is as rare as what comes next.
    let told = |counts: HashMap<u64, u32>| {
        counts
            .into_iter()
            .filter(|(_, count)| *count > 1)
            .map(|(hash, count)| (hash, share(f64::from(count))))
            .collect()
    };
    Frequencies { unseen: share(0.5), once: share(1.0), companies: told(companies), words: told(words) }
}

fn bits(probability: f64) -> Bits {
    // What never happened counts as less than one in a billion.
    Bits((probability.max(1e-10).log2() * 1_000.0).round() as i32)
}

/// Estimates the probabilities of three classes from how often each pattern was seen.
fn estimate(seen: &[(Slots, f64)], prior: &Probabilities, options: LearnOptions) -> Probabilities {
    let mut now = prior.clone();
    for _ in 0..options.rounds {
        let mut next = prior.clone();
        next.scale(f64::from(options.prior_pairs));
        for (at, count) in seen {
            let likely = [0, 1, 2].map(|class| now.likelihood(class, *at));
            let all: f64 = likely.iter().sum();
            if all > 0.0 {
                (0..3).for_each(|class| next.add(class, *at, count * likely[class] / all, &now));
            }
        }
        next.normalise();
        now = next;
    }
    now
}

impl Probabilities {
    fn likelihood(&self, class: usize, at: Slots) -> f64 {
        let told = |probability: f64, slot: usize| if slot == 0 { 1.0 } else { probability };
        let value = |table: &[f64], slot: usize| told(table[slot.saturating_sub(1)], slot);
        self.share[class]
            * joint(&self.name_and_email[class], at.name, at.email)
            * joint(&self.phone_and_address[class], at.phone, at.address)
            * value(&self.identifier[class], at.identifier)
            * value(&self.account[class], at.account)
            * value(&self.birth_date[class], at.birth_date)
    }

    /// Adds what was seen; the half of a joint comparison that is not told is spread as it is expected.
    fn add(&mut self, class: usize, at: Slots, count: f64, now: &Probabilities) {
        self.share[class] += count;
        spread(&mut self.name_and_email[class], &now.name_and_email[class], at.name, at.email, count);
        spread(&mut self.phone_and_address[class], &now.phone_and_address[class], at.phone, at.address, count);
        for (table, slot) in [
            (&mut self.identifier[class], at.identifier),
            (&mut self.account[class], at.account),
            (&mut self.birth_date[class], at.birth_date),
        ] {
            if slot > 0 {
                table[slot - 1] += count;
            }
        }
    }

    fn scale(&mut self, factor: f64) {
        self.tables(&mut |table| table.iter_mut().for_each(|cell| **cell *= factor));
    }

    fn normalise(&mut self) {
        self.tables(&mut |table| {
            let all: f64 = table.iter().map(|cell| **cell).sum();
            table.iter_mut().for_each(|cell| **cell /= all);
        });
    }

    /// Every distribution, cell by cell.
    fn tables(&mut self, work: &mut dyn FnMut(&mut [&mut f64])) {
        work(&mut self.share.iter_mut().collect::<Vec<_>>());
        for class in 0..3 {
            work(&mut self.name_and_email[class].iter_mut().flatten().collect::<Vec<_>>());
            work(&mut self.phone_and_address[class].iter_mut().flatten().collect::<Vec<_>>());
            for table in [&mut self.identifier[class], &mut self.account[class], &mut self.birth_date[class]] {
                work(&mut table.iter_mut().collect::<Vec<_>>());
            }
        }
    }

    fn weights(&self) -> Weights {
        let class = |class: usize| Class {
            share: bits(self.share[class]),
            name_and_email: table::<{ NAMES - 1 }, { EMAILS - 1 }, NAMES, EMAILS>(&self.name_and_email[class]),
            phone_and_address: table::<{ PHONES - 1 }, { ADDRESSES - 1 }, PHONES, ADDRESSES>(
                &self.phone_and_address[class],
            ),
            identifier: list(&self.identifier[class]),
            account: list(&self.account[class]),
            birth_date: list(&self.birth_date[class]),
        };
        Weights { same: class(0), related: class(1), unrelated: class(2) }
    }
}

/// The probability of two levels; of one where the other is not told.
fn joint<const R: usize, const C: usize>(table: &[[f64; C]; R], row: usize, column: usize) -> f64 {
    match (row, column) {
        (0, 0) => 1.0,
        (0, column) => table.iter().map(|row| row[column - 1]).sum(),
        (row, 0) => table[row - 1].iter().sum(),
        (row, column) => table[row - 1][column - 1],
    }
}

fn spread<const R: usize, const C: usize>(
    into: &mut [[f64; C]; R],
    now: &[[f64; C]; R],
    row: usize,
    column: usize,
    count: f64,
) {
    let all = joint(now, row, column);
    match (row, column) {
        (0, 0) => {}
        (0, column) => (0..R).for_each(|row| into[row][column - 1] += count * now[row][column - 1] / all),
        (row, 0) => (0..C).for_each(|column| into[row - 1][column] += count * now[row - 1][column] / all),
        (row, column) => into[row - 1][column - 1] += count,
    }
}

/// Logarithms of a joint table and of its margins.
fn table<const R: usize, const C: usize, const ROWS: usize, const COLUMNS: usize>(
    table: &[[f64; C]; R],
) -> [[Bits; COLUMNS]; ROWS] {
    std::array::from_fn(|row| std::array::from_fn(|column| bits(joint(table, row, column))))
}

fn list(table: &[f64; VALUES - 1]) -> [Bits; VALUES] {
    std::array::from_fn(|slot| if slot == 0 { Bits::ZERO } else { bits(table[slot - 1]) })
}

#[cfg(test)]
mod tests;
