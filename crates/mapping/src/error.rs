//! What is wrong with a record or a document, told without showing any value.

use std::borrow::Cow;
use std::sync::Arc;

/// A value that cannot be mapped: where it stands in the document and in the record, of which class it is, and why.
///
/// The message never holds the value itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} ({place}, {value_class}): {reason}")]
pub struct DataError {
    /// The canonical path, such as `addresses.main.country`; `key` for the record's key.
    pub field: Arc<str>,
    /// The place in the record: `column "CT_Pays"`, or the path in an XML or JSON record.
    pub place: Arc<str>,
    /// What the value is made of, such as `digits with a comma` or `empty`.
    pub value_class: &'static str,
    /// What is wrong and what would be right.
    pub reason: String,
    /// A stable, searchable code, such as `mapping.number`.
    pub code: &'static str,
}

/// Why a value cannot be converted, before it is known whose value it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub code: &'static str,
    pub reason: Cow<'static, str>,
}

impl Problem {
    pub(crate) fn new(code: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Problem { code, reason: reason.into() }
    }
}

/// The class of what is no single value.
pub(crate) const STRUCTURE_CLASS: &str = "list or object";

/// What a value is made of, in words that do not show it.
pub(crate) fn class_of(value: &str) -> &'static str {
    let mut seen = [0usize; 6];
    for character in value.chars() {
        seen[match character {
            '0'..='9' => 0,
            _ if character.is_alphabetic() => 1,
            ',' => 2,
            '.' => 3,
            _ if character.is_whitespace() => 4,
            _ => 5,
        }] += 1;
    }
    match seen {
        [0, 0, 0, 0, _, 0] => "empty",
        [_, 0, 0, 0, 0, 0] => "digits",
        [_, 0, 1, 0, _, 0] => "digits with a comma",
        [_, 0, 0, 1, _, 0] => "digits with a point",
        [_, 0, commas, 0, _, 0] if commas > 1 => "digits with several commas",
        [_, 0, 0, points, _, 0] if points > 1 => "digits with several points",
        [_, 0, _, _, _, 0] => "digits with separators",
        [_, 0, _, _, _, _] => "digits with signs",
        [0, _, 0, 0, 0, 0] => "letters",
        [0, _, ..] => "text without digits",
        [_, _, 0, 0, 0, 0] => "digits and letters",
        _ => "text with digits",
    }
}
