//! XML exports: reads and writes XML files, one record per matching element.
//!
//! What every file connector does (finding, settling, archiving, publishing) is in `files`; here is XML:
//! [`settings`] are the published configuration, `path` tells which element is a record, `recorder` keeps its bytes,
//! `naming` tells what names stand for, `walker` goes through a document with every limit in place, `split` cuts records
//! at repeated elements inside them, `reader` makes records, and `writer` renders changes.

mod connector_port;
mod context;
mod naming;
mod path;
mod reader;
mod recorder;
pub mod settings;
mod split;
mod walker;
mod writer;

pub use context::CONTEXT_NAMESPACE;
pub use settings::XmlExport;

#[cfg(test)]
mod tests;
