//! Layout drops: reads and writes text files whose lines are of several types, of fixed width or separated.
//!
//! What every file connector does (finding, settling, archiving, publishing) is in `files`; here are files in which a
//! line says what it is: [`settings`] and [`layout`] are the published configuration, `plan` is a layout that was
//! checked, `line` takes one line apart, `path` follows which line stands inside which and makes rows of them,
//! `trailer` holds a file against its own trailers and looks ahead for them, `reader` makes records, and `writer`
//! renders changes.
//!
//! A record is a line of the type `record` with the lines inside it: one row for each innermost line, with the fields
//! of the lines around it in front, and the fields of the trailers behind.

mod connector_port;
pub mod layout;
mod line;
mod path;
mod plan;
mod reader;
pub mod settings;
mod trailer;
mod writer;

pub use settings::LayoutDrop;

#[cfg(test)]
mod tests;
