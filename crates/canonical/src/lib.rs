//! Canonical documents, money, identifiers, rules, records and envelope; no IO, no clock, no async.

pub mod attachment;
pub mod codes;
pub mod document;
pub mod entity;
pub mod envelope;
pub mod identifier;
pub mod identity;
pub mod record;
pub mod rules;
pub mod schema;

pub use document::{Country, Currency, Declared, Document, Money};
pub use entity::{Entity, Operation};
pub use envelope::{Event, EventType, Stage};
pub use record::{Body, Place, Record};
pub use rules::{Finding, Severity};
