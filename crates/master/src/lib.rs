//! Who is who, and which value wins: pure decisions over given candidates.
//!
//! No IO and no clock: times are given, and the same inputs give the same answer.
//!
//! - [`matching`] says which records are one customer; [`match_keys`] lead to the masters of other documents.
//! - [`assert()`] says since when a system claims each value, and which values are only echoes of what we delivered.
//! - [`golden`] makes one document of the documents of all sources, by the [`Rules`] and what stewards decided
//!   ([`Override`]); [`explain`] says why each value won, and [`what_if`] what other rules would change.
//! - [`normal`] gives documents of equal meaning equal JSON text; [`same`] compares two of them.
//!
//! Documents are JSON as [`canonical::Document::to_json`] writes it, in the form that [`normal`] gives.
//! How values win is told in `docs/master.md`.

mod asserted;
mod covers;
mod explain;
mod field;
mod golden;
mod id;
mod match_key;
pub mod matching;
mod normal;
mod path;
mod rank;
mod rules;
mod search;
#[cfg(test)]
mod simulation;
mod steward;
mod trust;
mod walk;
mod weight;

pub use asserted::{Asserted, Holds, assert};
pub use explain::{Candidate, Difference, Explanation, Filled, SourceName, explain, what_if};
pub use golden::{SourceView, golden};
pub use id::{MasterId, NotAMasterId};
pub use match_key::match_keys;
pub use normal::{normal, same};
pub use rank::{Reason, Standing};
pub use rules::{FieldRule, Rules, Strategy, Survivorship};
pub use search::{SEARCH_BYTES_MAX, search_text};
pub use steward::{OVERRIDE_BYTES_MAX, OVERRIDE_UNITS_MAX, Override, OverrideError, STEWARD};
pub use trust::Trust;
pub use walk::{unit_of, units};
