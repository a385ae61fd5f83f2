//! The layout of a file: which types of lines it has, and what stands where in them. Its doc comments are the published
//! reference.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The layout of a file, given in full or by the name of a pack that ships one (`mappings/NAME/layout.toml`).
#[derive(Clone, Debug, JsonSchema)]
#[serde(untagged)]
pub enum LayoutChoice {
    /// The name of a pack that has a file `layout.toml`.
    Named(String),
    /// The layout.
    Given(Box<Layout>),
}

/// Which types of lines a file has. Blank lines count as nothing, wherever they stand.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// What the layout is of, for people.
    #[serde(default)]
    pub description: Option<String>,
    /// The types of lines by name. The name is the first part of the columns' names: field `amount` of the type
    /// `operation` is the column `operation.amount`.
    pub lines: BTreeMap<String, LineType>,
    /// The type of line that begins a record. Default: what the stream's mapping says, or the only type that stands
    /// inside no other and closes none.
    #[serde(default)]
    pub record: Option<String>,
    /// The character between two values; without one, fields stand at fixed positions.
    #[serde(default)]
    pub delimiter: Option<char>,
    /// The character around values that contain delimiters, doubled inside them; only with a delimiter. Default: none,
    /// quotes are ordinary characters.
    #[serde(default)]
    pub quote: Option<char>,
    /// The length of every line of fixed positions, in characters. Shorter lines are read as if filled up with blanks;
    /// longer ones are rejected unless what is behind is blank. Lines are written in this length. Default: lines end
    /// with their last field.
    #[serde(default)]
    pub width: Option<usize>,
    /// Whether lines end with a line end. Without (`false`) lines follow each other directly, each `width` bytes long;
    /// that needs an encoding with one byte for each character.
    #[serde(default = "yes")]
    pub line_ends: bool,
    /// The first value of lines that begin a section, whose name is their second value: `##Section` in files of
    /// Sage. Types of lines may then be told by `section`.
    #[serde(default)]
    pub section: Option<String>,
    /// Lines that the file begins with and that say nothing, written as they stand here; when reading, they may be
    /// absent.
    #[serde(default)]
    pub preamble: Vec<String>,
    /// Lines that start with one of these texts are left out when reading.
    #[serde(default)]
    pub ignore: Vec<String>,
}

/// A type of line.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineType {
    /// The text that lines of this type start with; in separated files, their whole first value. Of several types
    /// that fit a line, the one with the longest text is meant.
    #[serde(default)]
    pub starts_with: Option<String>,
    /// What else tells lines of this type from others: all of these must hold. A type with neither of them is that of
    /// all lines that are no other.
    #[serde(default)]
    pub when: Vec<Test>,
    /// The section in which all lines are of this type, unless another type of the section is told by more.
    #[serde(default)]
    pub section: Option<String>,
    /// The type of line that these belong to: they stand behind one of it.
    #[serde(default)]
    pub inside: Option<String>,
    /// The type of line whose part of the file this one ends; there must be exactly one for each. Its fields are
    /// columns of every record of that part.
    #[serde(default)]
    pub closes: Option<String>,
    /// What stands where. In a file of fixed positions: a table of names, each with `[at, length]`, counted from 1, or
    /// with more to say. In a separated file: the list of names in order of the values, the first one included; an empty
    /// name leaves a value out.
    #[serde(default)]
    pub fields: Fields,
    /// The name of a column that says which of the lines of this type inside the same outer line this is, from 1; only for
    /// the type that begins a record and stands inside another. Lines that nothing else tells apart get keys by it.
    #[serde(default)]
    pub number: Option<String>,
    /// The first value of a line that names the fields of this type, such as `!TRNS`; only in separated files, and
    /// instead of `fields`. It may come again with other names.
    #[serde(default)]
    pub names: Option<String>,
}

/// What tells a type of line.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// Where to look: the position of the first character, or in separated files the number of the value, from 1.
    pub at: usize,
    /// What stands there: any of these texts; in separated files, as the whole value.
    pub is: Vec<String>,
}

/// What stands where in a line.
#[derive(Clone, Debug, JsonSchema)]
#[serde(untagged)]
pub enum Fields {
    /// The values of a separated line, in order.
    Names(Vec<String>),
    /// Positions in a line.
    Positions(BTreeMap<String, FieldChoice>),
}

impl Default for Fields {
    fn default() -> Self {
        Fields::Names(Vec::new())
    }
}

/// Where a field stands: `[at, length]`, or a table.
#[derive(Clone, Debug, JsonSchema)]
#[serde(untagged)]
pub enum FieldChoice {
    /// The position of its first character, counted from 1, and its length.
    Short([usize; 2]),
    /// The same with more to say.
    Full(Field),
}

impl FieldChoice {
    pub(crate) fn field(&self) -> Field {
        match self {
            FieldChoice::Short([at, length]) => Field { at: *at, length: *length, ..Field::default() },
            FieldChoice::Full(field) => field.clone(),
        }
    }
}

/// A field at a fixed position.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The position of its first character, counted from 1.
    pub at: usize,
    /// How many characters it has. Blanks at both ends do not belong to the value.
    pub length: usize,
    /// At which end a shorter value is written: `left` (default) or `right`.
    #[serde(default)]
    pub align: Align,
    /// What a shorter value is filled up with when it is written; a blank value is filled with blanks all the same.
    /// Default: blanks. Reading leaves any other filling in the value: a number's zeros mean nothing, and `pad_left` in
    /// the mapping takes them off a code.
    #[serde(default)]
    pub fill: Option<char>,
    /// What is written where a record has nothing here.
    #[serde(default)]
    pub default: Option<String>,
}

/// At which end of its field a value stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Align {
    /// At its beginning.
    #[default]
    Left,
    /// At its end.
    Right,
}

// These read by hand which of two shapes is meant: what is wrong in it is then told by name, which the errors of an
// untagged choice do not do.

impl<'de> Deserialize<'de> for LayoutChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(name) => Ok(LayoutChoice::Named(name)),
            given => {
                Layout::deserialize(given).map(|layout| LayoutChoice::Given(Box::new(layout))).map_err(D::Error::custom)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            names @ Value::Array(_) => Vec::deserialize(names).map(Fields::Names).map_err(D::Error::custom),
            positions => BTreeMap::deserialize(positions).map(Fields::Positions).map_err(D::Error::custom),
        }
    }
}

impl<'de> Deserialize<'de> for FieldChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            short @ Value::Array(_) => {
                <[usize; 2]>::deserialize(short).map(FieldChoice::Short).map_err(D::Error::custom)
            }
            full => Field::deserialize(full).map(FieldChoice::Full).map_err(D::Error::custom),
        }
    }
}

fn yes() -> bool {
    true
}
