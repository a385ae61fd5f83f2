//! Matching: how much speaks for two records being one customer, and which records are one.
//!
//! [`Evidence`] is what a record has shown, normalised once. [`blocking_keys`] let records that may be one find each
//! other. A [`Model`] scores and explains pairs; it is shipped, or learned from a tenant's own records without anybody
//! naming duplicates. [`divide`] makes customers of records.

#[cfg(test)]
mod alphabets;
mod compare;
mod divide;
mod evidence;
mod explain;
mod keys;
mod learn;
mod levels;
mod matcher;
mod model;
mod name;
mod place;
mod reach;
mod reuse;
mod text;

pub use compare::{Comparison, Kind, ValueLevel, Veto};
pub use divide::{PAIR_MAX, Thresholds, Verdict, divide};
pub use evidence::{Evidence, VALUES_MAX};
pub use explain::{FieldExplanation, Level, PairExplanation};
pub use keys::{BlockingKey, KeyKind, blocking_keys};
pub use learn::LearnOptions;
pub use levels::LevelWeight;
pub use matcher::{Changes, ClusterNumber, Doubt, KnownRecord, MatchOptions, Matcher, Needs, Posting, RecordNumber};
pub use model::{Alternative, Bits, FIELDS, Model, Reasons, Score};
pub use name::NameLevel;
pub use place::AddressLevel;
pub use reach::EmailLevel;
pub use reuse::is_another;
