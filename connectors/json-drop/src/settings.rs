//! The configuration of a JSON connector; its doc comments are the published reference.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Reads and writes files of JSON values in folders.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonDrop {
    /// The streams to read, by name.
    #[serde(default)]
    pub streams: BTreeMap<String, JsonStream>,
    /// The files to write, by entity: `customer`, `invoice`, `payment`, `allocation`, or a declared one.
    #[serde(default)]
    pub targets: BTreeMap<String, JsonTarget>,
    /// How changes are gathered into files.
    #[serde(default)]
    pub gather: Gather,
}

files::gather_settings! {
    pub struct Gather { changes_max: 1_000 }
}

files::pick_up_settings! {
    /// A folder of JSON files to read.
    pub struct JsonStream {
        /// Where the records are in a document: the names of the members that lead to their list (or to the only one),
        /// parted by points, such as `data.orders`. Default: what the stream's mapping says, else the document itself:
        /// the items of a list, or each of the values that follow each other.
        #[serde(default)]
        pub record: Option<String>,
        /// Whether each line is a record (JSON lines): then a line that cannot be read is rejected by itself. Otherwise a
        /// file in which something is amiss between two records is refused as a whole.
        /// Default: yes for files called `.jsonl` or `.ndjson`.
        #[serde(default)]
        pub lines: Option<bool>,
        /// A record has at most this many bytes; a larger one is rejected.
        #[serde(default = "record_bytes_max")]
        pub record_bytes_max: usize,
    }
}

files::publisher_settings! {
    /// The files to write for one entity. The name must contain `{batch}`.
    pub struct JsonTarget {
        /// Whether each record is a line (JSON lines). Default: no, the file is one list.
        #[serde(default)]
        pub lines: bool,
        /// What is written for a record that was removed.
        #[serde(default)]
        pub removal: Removal,
    }
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

fn record_bytes_max() -> usize {
    16 << 20
}
