//! The configuration of a layout connector; its doc comments are the published reference.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::layout::LayoutChoice;

/// Reads and writes text files whose lines are of several types: fixed width, or separated values.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayoutDrop {
    /// The streams to read, by name.
    #[serde(default)]
    pub streams: BTreeMap<String, LayoutStream>,
    /// The files to write, by entity: `customer`, `invoice`, `payment`, `allocation`, or a declared one.
    #[serde(default)]
    pub targets: BTreeMap<String, LayoutTarget>,
    /// How changes are gathered into files.
    #[serde(default)]
    pub gather: Gather,
}

files::gather_settings! {
    pub struct Gather { changes_max: 2_000 }
}

files::pick_up_settings! {
    /// A folder of files with lines of several types to read.
    pub struct LayoutStream {
        /// What the files look like: the name of a pack that ships a layout, such as `"cfonb120"`, or the layout itself.
        pub layout: LayoutChoice,
        /// The type of line that begins a record. Default: what the stream's mapping says, else the layout.
        #[serde(default)]
        pub record: Option<String>,
        /// A line has at most this many bytes; a longer one is rejected.
        #[serde(default = "line_bytes_max")]
        pub line_bytes_max: usize,
        /// A record has at most this many rows; a larger one is rejected.
        #[serde(default = "group_rows_max")]
        pub group_rows_max: usize,
    }
}

files::publisher_settings! {
    /// The files to write for one entity. The name must contain `{batch}`.
    pub struct LayoutTarget {
        /// What the files look like: the name of a pack that ships a layout, such as `"cfonb120"`, or the layout itself.
        pub layout: LayoutChoice,
        /// The type of line that begins a record. Default: what the layout says. A mapping's `record` is not known here.
        #[serde(default)]
        pub record: Option<String>,
        /// The end of each line, where the layout has line ends. Default: `crlf`.
        #[serde(default)]
        pub line_end: LineEnd,
        /// What is written for a record that was removed.
        #[serde(default)]
        pub removal: Removal,
    }
}

/// The end of each line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineEnd {
    /// Carriage return and line feed.
    #[default]
    Crlf,
    /// Line feed.
    Lf,
}

/// What is written for a record that was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// The removal is refused, and an operator decides.
    #[default]
    Refuse,
    /// Nothing is written; the system keeps the record.
    Ignore,
}

fn line_bytes_max() -> usize {
    64 << 10
}

fn group_rows_max() -> usize {
    10_000
}
