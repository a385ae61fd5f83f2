//! Mapping files compiled to two-way programs between records and documents; pure.
//!
//! A [`Mapping`] is compiled once from a TOML file and says, line by line, where a field of a canonical document
//! stands in a system's record and how it is converted. The same line reads and writes.
//! The language is described in `docs/mapping.md`.
//!
//! - [`Reader`] builds documents straight from records.
//! - [`Mapping::write`] puts a document into a record, keeping what the mapping does not know.
//! - [`Mapping::project`] tells what the system would show afterwards, so that equality decides whether to deliver.
//! - [`Control`] holds the records of a drop against the totals that it states.
//! - [`laws`] holds the two laws that every mapping obeys.

mod attachment;
mod compile;
mod condition;
mod control;
mod coverage;
mod cursor;
mod describe;
mod diagnostic;
mod error;
mod generate;
mod item_condition;
mod json;
pub mod laws;
mod leaf;
mod mapping;
mod place;
mod program;
mod project;
mod read;
mod reader;
mod residue;
mod row_choice;
mod rows;
mod selection;
mod table;
mod verbs;
mod write;
mod xml;

pub use attachment::{Attachment, FindAttachment};
pub use compile::vocabulary::reference_tables;
pub use control::{Control, ControlFinding, GROUPS_MAX, Mismatch};
pub use describe::{Flow, LineInWords};
pub use diagnostic::{Diagnostic, Severity};
pub use error::DataError;
pub use mapping::{ColumnNeed, Embedded, Format, Mapping, Split, StreamNeeds};
pub use reader::{EmbeddedReading, Reader, Reading, ReferenceKey};
pub use table::{Table, Tables};

#[cfg(test)]
mod tests;
