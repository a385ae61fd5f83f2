//! Whether a drop holds what it says about itself: balances, counts and sums of its statements.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use canonical::document::payment::{Direction, PaymentStatus};
use canonical::document::{Currency, Document};
use canonical::record::Body;
use rust_decimal::Decimal;

use crate::cursor::{Cursor, Resolved};
use crate::mapping::Mapping;
use crate::program::{ControlPlaces, Leaf};
use crate::reader;
use crate::verbs::number;

/// Groups that are held at once, unless the caller says otherwise.
pub const GROUPS_MAX: usize = 10_000;

/// Holds the records of one drop against the totals that the drop states (`[control]` of a mapping).
///
/// It never refuses anything: what does not agree is told at the end, as findings. A group without any record is not
/// seen, and a record that was refused lacks in the totals of its group, which then says so. Memory grows with the number
/// of groups, which has a limit, and not with that of records.
#[derive(Debug)]
pub struct Control {
    pub(crate) mapping: Arc<Mapping>,
    places: Arc<ControlPlaces>,
    resolved: Resolved,
    groups: BTreeMap<String, Group>,
    groups_max: usize,
    is_full: bool,
}

/// What is known of one statement.
#[derive(Debug, Default)]
struct Group {
    name: String,
    opening: Stated,
    closing: Stated,
    count: Stated,
    sum: Stated,
    records: u64,
    /// What the records add up to, with their signs; `None` when that cannot be told.
    net: Added,
    gross: Added,
}

/// A number that the drop states.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stated {
    #[default]
    Nowhere,
    Number(Decimal),
    Unreadable,
}

/// A sum of amounts in one currency.
#[derive(Debug, Clone, Copy)]
enum Added {
    Sum(Decimal, Option<Currency>),
    /// An amount is not told, is in another currency, or the sum is beyond what a decimal holds.
    Unknown,
}

impl Default for Added {
    fn default() -> Self {
        Added::Sum(Decimal::ZERO, None)
    }
}

impl Added {
    fn add(&mut self, amount: Option<(Decimal, Option<Currency>)>) {
        *self = match (*self, amount) {
            (Added::Sum(sum, known), Some((amount, currency))) if known.is_none() || known == currency => {
                sum.checked_add(amount).map_or(Added::Unknown, |sum| Added::Sum(sum, currency))
            }
            _ => Added::Unknown,
        };
    }
}

/// What a statement states and what was found to be otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// The opening balance and the booked records do not lead to the closing balance.
    Balance {
        /// The opening balance as stated.
        opening: Decimal,
        /// The closing balance as stated.
        closing: Decimal,
        /// Where the records lead to.
        found: Decimal,
    },
    /// There are more or fewer records than stated.
    Count {
        /// The number as stated.
        stated: Decimal,
        /// How many there are.
        found: u64,
    },
    /// The amounts of the records, without their signs, add up to something else.
    Sum {
        /// The sum as stated.
        stated: Decimal,
        /// The sum that was found.
        found: Decimal,
    },
    /// A stated number cannot be read, so that nothing is held against it.
    Unreadable,
    /// The amounts of the records cannot be added: one is missing, or they are in several currencies.
    Currencies,
    /// There are more statements than are held at once: those behind the limit were not checked.
    Groups {
        /// The limit.
        max: usize,
    },
}

/// One statement of a drop that does not hold what it says.
///
/// It names the statement by the last place of `group` alone: an account is nothing for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlFinding {
    /// The statement; empty when the finding is about the drop.
    pub statement: String,
    /// A hash of all places of `group`: two accounts can have statements of one name. Empty when the finding is about the
    /// drop.
    pub group: String,
    /// What does not agree.
    pub mismatch: Mismatch,
}

impl ControlFinding {
    /// The code that tells the remedy.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.mismatch {
            Mismatch::Balance { .. } => "control.balance",
            Mismatch::Count { .. } => "control.count",
            Mismatch::Sum { .. } => "control.sum",
            Mismatch::Unreadable => "control.unreadable",
            Mismatch::Currencies => "control.currencies",
            Mismatch::Groups { .. } => "control.groups",
        }
    }
}

impl fmt::Display for ControlFinding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.statement.is_empty() {
            write!(formatter, "statement \"{}\": ", self.statement)?;
        }
        match &self.mismatch {
            Mismatch::Balance { opening, closing, found } => write!(
                formatter,
                "from the opening balance {opening} the booked records lead to {found}, and the closing balance is {closing}"
            ),
            Mismatch::Count { stated, found } => write!(formatter, "it states {stated} records, and there are {found}"),
            Mismatch::Sum { stated, found } => {
                write!(formatter, "it states a sum of {stated}, and the records add up to {found}")
            }
            Mismatch::Unreadable => write!(formatter, "a stated balance, count or sum is no number"),
            Mismatch::Currencies => {
                write!(formatter, "the amounts cannot be added: one is missing, or they are in several currencies")
            }
            Mismatch::Groups { max } => {
                write!(
                    formatter,
                    "there are more than {max} statements; those behind were not held against their totals"
                )
            }
        }
    }
}

impl Control {
    /// Starts for a drop; at most so many statements are held at once.
    pub(crate) fn new(mapping: Arc<Mapping>, places: Arc<ControlPlaces>, groups_max: usize) -> Self {
        Control { mapping, places, resolved: Resolved::default(), groups: BTreeMap::new(), groups_max, is_full: false }
    }

    /// Takes a record of the drop and the document that was read of it.
    pub fn take(&mut self, body: &Body, document: &Document) {
        self.resolved.resolve(&self.mapping.program, body);
        let context = reader::context(&self.mapping, &self.resolved, body);
        let cursor = Cursor::start(body);
        let parts = self.places.group.iter().map(|key| context.raw(&key.place, cursor).ok().flatten());
        let parts: Vec<String> = parts.map(|part| part.unwrap_or_default().trim().to_owned()).collect();
        let identity = parts.join("\u{1f}");
        if !self.groups.contains_key(&identity) && self.groups.len() >= self.groups_max {
            self.is_full = true;
            return;
        }
        let stated = |leaf: &Option<Leaf>, known: Stated| match (known, leaf) {
            (Stated::Nowhere, Some(leaf)) => match leaf.read(&context, cursor) {
                Ok(None) => Stated::Nowhere,
                Ok(Some(text)) => number::parse(&text).map_or(Stated::Unreadable, Stated::Number),
                Err(_) => Stated::Unreadable,
            },
            (known, _) => known,
        };
        let amount = match &self.places.amount {
            Some(leaf) => match stated(&self.places.amount, Stated::Nowhere) {
                Stated::Number(amount) => Some((amount, None)),
                // A record without an amount of its own adds nothing.
                Stated::Nowhere if !leaf.required => Some((Decimal::ZERO, None)),
                _ => None,
            },
            None => amount_of(document),
        };
        let group = self.groups.entry(identity).or_default();
        group.opening = stated(&self.places.opening, group.opening);
        group.closing = stated(&self.places.closing, group.closing);
        group.count = stated(&self.places.count, group.count);
        group.sum = stated(&self.places.sum, group.sum);
        group.name = parts.into_iter().next_back().unwrap_or_default();
        group.records += 1;
        group.gross.add(amount.map(|(amount, currency)| (amount.abs(), currency)));
        if is_booked(document) {
            group.net.add(amount);
        }
    }

    /// What does not agree, statement by statement; nothing when all does. It can be taken once for a drop: the next
    /// records begin another one.
    pub fn finish(&mut self) -> Vec<ControlFinding> {
        let mut findings = Vec::new();
        for (identity, group) in std::mem::take(&mut self.groups) {
            let mismatches = group.mismatches();
            let hash = blake3::hash(identity.as_bytes()).to_hex();
            findings.extend(mismatches.into_iter().map(|mismatch| ControlFinding {
                statement: group.name.clone(),
                group: hash[..16].to_owned(),
                mismatch,
            }));
        }
        if std::mem::take(&mut self.is_full) {
            let mismatch = Mismatch::Groups { max: self.groups_max };
            findings.push(ControlFinding { statement: String::new(), group: String::new(), mismatch });
        }
        findings
    }
}

impl Group {
    fn mismatches(&self) -> Vec<Mismatch> {
        let mut found = Vec::new();
        if [self.opening, self.closing, self.count, self.sum].contains(&Stated::Unreadable) {
            found.push(Mismatch::Unreadable);
        }
        let is_added_in_vain = match (self.opening, self.closing, self.net) {
            (Stated::Number(opening), Stated::Number(closing), Added::Sum(net, _)) => {
                let leads_to = opening.checked_add(net);
                if let Some(leads_to) = leads_to.filter(|leads_to| *leads_to != closing) {
                    found.push(Mismatch::Balance { opening, closing, found: leads_to });
                }
                leads_to.is_none()
            }
            (Stated::Number(_), Stated::Number(_), Added::Unknown) => true,
            _ => false,
        };
        if let Stated::Number(stated) = self.count
            && stated != Decimal::from(self.records)
        {
            found.push(Mismatch::Count { stated, found: self.records });
        }
        let is_summed_in_vain = match (self.sum, self.gross) {
            (Stated::Number(stated), Added::Sum(sum, _)) => {
                if stated != sum {
                    found.push(Mismatch::Sum { stated, found: sum });
                }
                false
            }
            (Stated::Number(_), Added::Unknown) => true,
            _ => false,
        };
        if is_added_in_vain || is_summed_in_vain {
            found.push(Mismatch::Currencies);
        }
        found
    }
}

/// A payment's amount with the sign that it has on its account.
fn amount_of(document: &Document) -> Option<(Decimal, Option<Currency>)> {
    let Document::Payment(payment) = document else { return None };
    let amount = payment.amount?;
    let is_debit = payment.direction == Some(Direction::Debit);
    Some((if is_debit { -amount.amount } else { amount.amount }, Some(amount.currency)))
}

/// Balances are those of what is booked; what does not say so is.
fn is_booked(document: &Document) -> bool {
    match document {
        Document::Payment(payment) => payment.status.as_ref().is_none_or(|status| *status == PaymentStatus::Booked),
        _ => true,
    }
}
