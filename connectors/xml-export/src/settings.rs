//! The configuration of an XML connector; its doc comments are the published reference.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Reads and writes XML files in folders.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XmlExport {
    /// The streams to read, by name.
    #[serde(default)]
    pub streams: BTreeMap<String, XmlStream>,
    /// The files to write, by entity: `customer`, `invoice`, `payment`, `allocation`, or a declared one.
    #[serde(default)]
    pub targets: BTreeMap<String, XmlTarget>,
    /// How changes are gathered into files.
    #[serde(default)]
    pub gather: Gather,
}

files::gather_settings! {
    pub struct Gather { changes_max: 1_000 }
}

/// One text, or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Texts {
    /// One.
    One(String),
    /// Any of these.
    Many(Vec<String>),
}

impl Texts {
    pub(crate) fn list(&self) -> Vec<String> {
        match self {
            Texts::One(text) => vec![text.clone()],
            Texts::Many(texts) => texts.clone(),
        }
    }
}

files::pick_up_settings! {
    /// A folder of XML files to read.
    pub struct XmlStream {
        /// The element that is one record: a path from the root (`/Document/BkToCstmrStmt/Stmt`) or, after `//`, the end
        /// of one (`//Ntry`); or a list of such paths. Default: what the stream's mapping says.
        #[serde(default)]
        pub record: Option<Texts>,
        /// What the prefixes in `record` and `context` stand for: a namespace, or a list of namespaces any of which is
        /// meant. The empty prefix stands for names without one; they are in no namespace otherwise. A `*` for a prefix
        /// stands for any namespace. Default: what the stream's mapping says.
        #[serde(default)]
        pub namespaces: BTreeMap<String, Texts>,
        /// What a record needs from the elements around it, by a name of your choice: a path to an element or attribute
        /// that stands before the record, such as `account = "//Stmt/Acct/Id/IBAN"`, or a list of paths of which the first
        /// that is there counts. Its text becomes the first child of the record, with that name in the namespace
        /// `urn:passerelle:context`. A last step `name()` gives the element's name instead of its text. One step may have a
        /// condition: `//Stmt/Bal[Tp/Cd='OPBD']/Amt`. `position()` alone gives the record's number, from 1, among those in
        /// the element around it; `part()` its number among those that the mapping cuts one element into (`split`), and
        /// nothing where it was not cut; the position of such a record is both: `3.1`.
        /// Default: what the stream's mapping says; a name given here goes before it.
        #[serde(default)]
        pub context: BTreeMap<String, Texts>,
        /// Whether a file is read through before anything of it is given out, so that nothing of a broken one is applied.
        /// Default: yes. Without it, the records in front of the break are given out.
        #[serde(default = "yes")]
        pub verify: bool,
        /// A record, or a single tag or text outside of one, has at most this many bytes; a file with a larger one is refused.
        #[serde(default = "record_bytes_max")]
        pub record_bytes_max: usize,
        /// Elements are nested at most this deep; a file with deeper ones is refused.
        #[serde(default = "depth_max")]
        pub depth_max: usize,
    }
}

files::publisher_settings! {
    /// The files to write for one entity. The name must contain `{batch}`; where a file holds one record, `{key}`.
    pub struct XmlTarget {
        /// The element around the records of a batch, with a prefix of `namespaces` or none, such as `Customers`.
        /// Default: none; then each record is a file of its own.
        #[serde(default)]
        pub root: Option<String>,
        /// Whether each record is a file of its own, without `root` around it. Default: yes if there is no `root`.
        #[serde(default)]
        pub one_file_per_record: bool,
        /// The namespaces that are declared, by prefix; the empty prefix declares the default namespace.
        /// Namespaces of the records that are not listed get prefixes of their own.
        #[serde(default)]
        pub namespaces: BTreeMap<String, String>,
        /// Whether each element starts on a line of its own. Default: yes.
        #[serde(default = "yes")]
        pub indent: bool,
        /// What is written for a record that was removed.
        #[serde(default)]
        pub removal: Removal,
    }
}

/// What is written for a record that was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// The removal is refused, and an operator decides.
    #[default]
    Refuse,
    /// Nothing is written; the system keeps the record.
    Ignore,
    /// The record is written with an attribute that says so.
    Attribute(RemovalAttribute),
}

/// An attribute that tells removed records from others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemovalAttribute {
    /// The name of the attribute, in no namespace.
    pub name: String,
    /// Its value on a removed record; other records do not have it.
    pub value: String,
}

fn yes() -> bool {
    true
}

fn record_bytes_max() -> usize {
    64 << 20
}

fn depth_max() -> usize {
    200
}
