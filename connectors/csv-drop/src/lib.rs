//! CSV drops: reads and writes delimited text files.
//!
//! What every file connector does (finding, settling, archiving, publishing) is in `files`; here is the grammar of
//! delimited text: [`settings`] are the published configuration, `splitter` finds records in bytes, `header` finds the
//! columns, `columns` holds them against what the mapping needs, `reader` makes rows and groups of rows, `footer` holds a file against its own control totals,
//! `join` adds the rows of a second file, `workbook` makes text of the sheets of workbooks, so that they go through the same grammar, and `writer` renders changes.

mod columns;
mod connector_port;
mod dialect;
mod footer;
mod header;
mod join;
mod reader;
pub mod settings;
mod splitter;
mod workbook;
mod writer;

pub use settings::CsvDrop;

#[cfg(test)]
mod tests;
