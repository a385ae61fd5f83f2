//! Where a source ranks for a unit, and what puts one before another.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::Serialize;

use crate::rules::{DEFAULT, Strategy};

/// How a source stands to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It has a value of its own.
    Asserts,
    /// It had a value and took it away.
    Clears,
    /// It shows what we delivered.
    Echoes,
}

/// What put one source before another for a unit; the first of these that tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Nobody else has a say.
    Only,
    /// A steward decided it.
    Override,
    /// It asserts or clears; the other only echoes what we delivered.
    Own,
    /// Its identifier passes its check, the other's does not.
    Valid,
    /// Its system is more trusted.
    Trust,
    /// It says so since later.
    Newest,
    /// It fills more places.
    MostComplete,
    /// More systems assert what it says.
    MostFrequent,
    /// Nothing tells them apart: the names of system, stream and key give one answer.
    Name,
}

impl From<Strategy> for Reason {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::Trust => Self::Trust,
            Strategy::Newest => Self::Newest,
            Strategy::MostComplete => Self::MostComplete,
            Strategy::MostFrequent => Self::MostFrequent,
        }
    }
}

/// What a source's claim about a unit weighs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rank<'a> {
    /// Whether a steward decided it.
    pub(crate) is_override: bool,
    /// How it stands.
    pub(crate) standing: Standing,
    /// Whether an identifier in it fails its check.
    pub(crate) is_invalid: bool,
    /// The place of its system in the order of trust; 0 is believed first.
    pub(crate) trust: usize,
    /// Since when, in milliseconds since 1970 in UTC.
    pub(crate) since: i64,
    /// How many places it fills; 0 where no strategy asks for it.
    pub(crate) places: usize,
    /// How many systems assert the same; 0 where no strategy asks for it.
    pub(crate) voices: usize,
    /// System, stream and key.
    pub(crate) name: (&'a str, &'a str, &'a str),
    /// Its place among the sources.
    pub(crate) source: usize,
}

impl Rank<'_> {
    /// Whether it only repeats what we delivered.
    pub(crate) fn is_echo(&self) -> bool {
        self.standing == Standing::Echoes
    }

    /// Since when, as a moment.
    pub(crate) fn moment(&self) -> Timestamp {
        // Every time was a timestamp once, so that this never falls back.
        Timestamp::from_millisecond(self.since).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Which of two comes first, and what decides it. The order is total over sources of different names.
    pub(crate) fn against(&self, other: &Self, by: &[Strategy]) -> (Ordering, Reason) {
        match (self.is_override, other.is_override) {
            (true, false) => return (Ordering::Less, Reason::Override),
            (false, true) => return (Ordering::Greater, Reason::Override),
            // Two masters became one, and each had its own: the later decision counts.
            (true, true) => return self.first_of(other, [Strategy::Newest]),
            (false, false) => {}
        }
        match (self.is_echo(), other.is_echo()) {
            (false, true) => (Ordering::Less, Reason::Own),
            (true, false) => (Ordering::Greater, Reason::Own),
            // The newest echo repeats the newest golden document; whose echo it is says nothing.
            (true, true) => self.first_of(other, [Strategy::Newest, Strategy::Trust]),
            (false, false) => match self.is_invalid.cmp(&other.is_invalid) {
                Ordering::Equal => self.first_of(other, by.iter().copied().chain(DEFAULT)),
                validity => (validity, Reason::Valid),
            },
        }
    }

    fn first_of(&self, other: &Self, by: impl IntoIterator<Item = Strategy>) -> (Ordering, Reason) {
        for strategy in by {
            let order = match strategy {
                Strategy::Trust => self.trust.cmp(&other.trust),
                Strategy::Newest => other.since.cmp(&self.since),
                Strategy::MostComplete => other.places.cmp(&self.places),
                Strategy::MostFrequent => other.voices.cmp(&self.voices),
            };
            if order != Ordering::Equal {
                return (order, strategy.into());
            }
        }
        (self.name.cmp(&other.name), Reason::Name)
    }
}
