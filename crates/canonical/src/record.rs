//! A record: one row, group of rows, XML element or JSON object in a system's own shape, with where it was found.
//!
//! Records are what connectors hand to mappings and back.
//! The shapes are flat buffers with offsets: reading one allocates per record, never per field.

mod clearing;
mod json;
mod rows;
mod tree;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use clearing::{CLEARED, CREDIT, ClearedPair, Clearing, ClearingAmounts, ClearingError, ClearingRows, DEBIT};
pub use json::{Json, JsonError, JsonParts, Members, Number};
pub use rows::{Columns, DuplicateColumn, Rows};
pub use tree::{Attributes, Children, Element, Name, NameId, Names, Parts, Tree, TreeBuilder};

/// Where a record was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The name of the file within its folder, or the path of the resource; absent when the source has no such name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<Arc<str>>,
    /// The line, counted from 1, of the record's first byte; absent where lines mean nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u64>,
    /// The position of the record or reject in its drop, counted from 0. It never repeats inside one drop.
    pub ordinal: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(formatter, "{file}:{line}"),
            (Some(file), None) => write!(formatter, "{file}, record {}", self.ordinal + 1),
            (None, Some(line)) => write!(formatter, "line {line}"),
            (None, None) => write!(formatter, "record {}", self.ordinal + 1),
        }
    }
}

/// One record of a system, with its place and the bytes it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Where it was found.
    pub place: Place,
    /// Its content.
    pub body: Body,
    /// The bytes as they came, before decoding, so that a refused record keeps them.
    /// Empty for a record that was written by a mapping and not yet rendered by a connector.
    pub raw: Vec<u8>,
}

impl Record {
    /// A record made by a mapping: no place, no raw bytes.
    pub fn from_body(body: Body) -> Self {
        Record { place: Place::default(), body, raw: Vec::new() }
    }
}

/// The content of a record, in one of the three shapes that connectors know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// One row of a table, or several consecutive rows that belong together.
    Rows(Rows),
    /// An XML element with everything inside it.
    Element(Tree),
    /// A JSON value, normally an object.
    Json(Json),
}

impl Body {
    /// A hash of the content: equal content gives an equal hash across runs and machines.
    /// It covers column and element names as well as values, so a renamed column is a changed record.
    pub fn hash(&self) -> ContentHash {
        let mut hasher = blake3::Hasher::new();
        match self {
            Body::Rows(rows) => rows.hash_into(&mut hasher),
            Body::Element(tree) => tree.hash_into(&mut hasher),
            Body::Json(value) => {
                hasher.update(b"json");
                hasher.update(value.to_string().as_bytes());
            }
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        ContentHash(hash)
    }
}

/// The first 128 bits of a BLAKE3 hash of a record's content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash(pub [u8; 16]);

impl fmt::Display for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests;
