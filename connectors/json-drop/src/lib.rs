//! JSON drops: reads and writes files of JSON values, in a document or one for each line.
//!
//! What every file connector does (finding, settling, archiving, publishing) is in `files`; here is JSON:
//! [`settings`] are the published configuration, `scanner` finds where values begin and end, `walker` finds the records
//! of a document among them, `reader` makes records, and `writer` renders changes.

mod connector_port;
mod reader;
mod scanner;
pub mod settings;
mod walker;
mod writer;

pub use settings::JsonDrop;

#[cfg(test)]
mod tests;
