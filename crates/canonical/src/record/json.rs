//! JSON records: values whose numbers keep the digits that they came with.

mod members;
mod number;
mod parts;
mod read;

use std::fmt;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

pub use members::Members;
pub use number::Number;
pub use parts::JsonParts;

/// A JSON value of RFC 8259 as a system wrote it.
///
/// It differs from [`serde_json::Value`] in its numbers, which are text: RFC 8259 sets no limit to their precision, and
/// an identifier of 20 digits or an amount of 18 must not pass through 64 bits. What was read is written with the same
/// number texts; white space and the way a text was escaped are not kept.
///
/// Two values are equal when they mean the same: numbers by exact value (`1.50` equals `15e-1`), objects whatever the
/// order of their members.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Json {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number of any precision.
    Number(Number),
    /// A text.
    String(String),
    /// A list.
    Array(Vec<Json>),
    /// Members in the order in which they were written.
    Object(Members),
}

/// Why a JSON value cannot be read. The message shows nothing of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON at all.
    #[error("it is not JSON from line {line}, column {column} on")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
    },
    /// Arrays and objects stand in one another more than [`Json::DEPTH_MAX`] times.
    #[error("its lists and objects are nested more than {} deep", Json::DEPTH_MAX)]
    TooDeep,
    /// A text has an escape that stands for no character, such as half of a surrogate pair.
    #[error("a text in it has an escape that stands for no character")]
    Text,
}

impl Json {
    /// How deep arrays and objects may be nested.
    pub const DEPTH_MAX: usize = 127;

    /// Reads the text of one value, with white space around it if there is any.
    ///
    /// Where an object has a member twice, the last one counts.
    ///
    /// # Errors
    /// What is not JSON, is nested too deeply or has a text that cannot be.
    pub fn read(text: &str) -> Result<Self, JsonError> {
        serde_json::from_str::<&RawValue>(text)
            .map_err(|error| JsonError::Syntax { line: error.line(), column: error.column() })
            .and_then(Self::read_raw)
    }

    /// Reads a value whose text is JSON already, in one pass.
    ///
    /// # Errors
    /// As [`read`](Self::read), but for the syntax.
    pub fn read_raw(raw: &RawValue) -> Result<Self, JsonError> {
        read::value(raw)
    }

    /// An object without members.
    pub fn object() -> Self {
        Json::Object(Members::default())
    }

    /// The member of this name; `None` when there is none, or this is no object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.get(name),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Json> {
        match self {
            Json::Object(members) => members.get_mut(name),
            _ => None,
        }
    }

    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is a whole one from 0 that fits.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Json::Number(number) => number.as_u64(),
            _ => None,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Json::Null)
    }

    /// Whether this is a list.
    pub fn is_array(&self) -> bool {
        matches!(self, Json::Array(_))
    }

    /// Whether this is an object.
    pub fn is_object(&self) -> bool {
        matches!(self, Json::Object(_))
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Json::String(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Json::String(text)
    }
}

impl From<bool> for Json {
    fn from(flag: bool) -> Self {
        Json::Bool(flag)
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Self {
        Json::Number(number.into())
    }
}

impl From<Value> for Json {
    /// Numbers get the text with which [`serde_json`] writes them.
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Json::Null,
            Value::Bool(flag) => Json::Bool(flag),
            Value::Number(number) => Number::new(&number.to_string()).map_or(Json::Null, Json::Number),
            Value::String(text) => Json::String(text),
            Value::Array(items) => Json::Array(items.into_iter().map(Json::from).collect()),
            Value::Object(members) => {
                Json::Object(members.into_iter().map(|(name, value)| (name, Json::from(value))).collect())
            }
        }
    }
}

impl fmt::Display for Json {
    /// The JSON text, without white space.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Json {
    /// Exact with the serializers of [`serde_json`] that write text; one that makes a [`Value`] rounds numbers.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(flag) => serializer.serialize_bool(*flag),
            Json::Number(number) => {
                serde_json::from_str::<&RawValue>(number.as_str()).map_err(S::Error::custom)?.serialize(serializer)
            }
            Json::String(text) => serializer.serialize_str(text),
            Json::Array(items) => serializer.collect_seq(items),
            Json::Object(members) => serializer.collect_map(members.iter()),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    /// Exact with the deserializers of [`serde_json`] that read text, and only known to them: not inside of untagged
    /// or flattened types.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Json::read_raw(&raw).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
