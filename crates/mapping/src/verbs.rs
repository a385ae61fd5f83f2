//! Conversions between a system's text and canonical text, both ways.
//!
//! Canonical text is what a document's JSON holds: `1234.50`, `2024-02-29`, `true`, `+33140205317`.

pub(crate) mod attachment;
pub(crate) mod boolean;
pub(crate) mod date;
pub(crate) mod identifier;
pub(crate) mod minor_unit;
pub(crate) mod number;
mod overpunch;
pub(crate) mod serial;
pub(crate) mod text;

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::ops::Deref;
use std::sync::Arc;

use crate::error::Problem;
use crate::table::Table;
use boolean::BooleanStyle;
use date::{DateStyle, TimestampStyle};
use identifier::IdentifierStyle;
use number::NumberStyle;

/// Room for the longest decimal (28 digits, sign, point) and the longest timestamp.
const SHORT_CAPACITY: usize = 40;

/// A short text on the stack: numbers and dates are converted without allocation.
///
/// It is aligned like a pointer, so that moving a [`Text`] moves whole words: odd offsets made that the dearest step.
#[derive(Clone)]
#[repr(align(8))]
pub(crate) struct Short {
    bytes: [u8; SHORT_CAPACITY],
    length: u8,
}

impl Short {
    pub(crate) fn new() -> Self {
        Short { bytes: [0; SHORT_CAPACITY], length: 0 }
    }

    /// Adds an ASCII character; returns whether there was room.
    pub(crate) fn push(&mut self, byte: u8) -> bool {
        debug_assert!(byte.is_ascii());
        match self.bytes.get_mut(usize::from(self.length)) {
            Some(slot) => {
                *slot = byte;
                self.length += 1;
                true
            }
            None => false,
        }
    }

    /// What `value` displays as, when that is ASCII and short enough.
    pub(crate) fn of(value: impl fmt::Display) -> Option<Self> {
        let mut short = Short::new();
        write!(short, "{value}").ok()?;
        Some(short)
    }

    fn as_str(&self) -> &str {
        // Only ASCII is ever pushed, so this never falls back.
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = text.is_ascii() && text.bytes().all(|byte| self.push(byte));
        if fits { Ok(()) } else { Err(fmt::Error) }
    }
}

/// A converted value: borrowed from the record wherever the record's text is canonical already.
pub(crate) enum Text<'r> {
    Long(Cow<'r, str>),
    Short(Short),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Long(text) => text,
            Text::Short(text) => text.as_str(),
        }
    }
}

impl<'r> From<Cow<'r, str>> for Text<'r> {
    fn from(text: Cow<'r, str>) -> Self {
        Text::Long(text)
    }
}

impl From<Short> for Text<'_> {
    fn from(text: Short) -> Self {
        Text::Short(text)
    }
}

/// What happens to a value that a table does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// The record is refused.
    Error,
    /// The value passes as it is, both ways.
    Keep,
    /// Reading gives this canonical value; writing refuses.
    Default(Box<str>),
}

/// A table with its policy for values that it does not have.
#[derive(Debug, Clone)]
pub(crate) struct TableStyle {
    pub table: Arc<Table>,
    pub unknown: Unknown,
    pub ignore_case: bool,
}

/// The conversion of a line: `as = "…"` or `table = …`.
#[derive(Debug, Clone)]
pub(crate) enum Verb {
    Text,
    /// Upper case in documents; lower case in the system, if it says so.
    Code(bool),
    Table(TableStyle),
    Identifier(IdentifierStyle),
    Number(NumberStyle),
    Date(DateStyle),
    Timestamp(TimestampStyle),
    Boolean(BooleanStyle),
    /// An attached file: base64 in the record, a hash in the document, and its bytes beside it.
    Attachment,
}

impl Verb {
    /// Converts the system's text, already trimmed and not blank, to canonical text.
    pub(crate) fn read<'r>(&'r self, raw: Cow<'r, str>) -> Result<Text<'r>, Problem> {
        match self {
            Verb::Text => Ok(raw.into()),
            Verb::Code(_) => Ok(text::upper(raw).into()),
            Verb::Table(style) => style.read(raw),
            Verb::Identifier(style) => Ok(style.read(raw).into()),
            Verb::Number(style) => style.read(&raw).map(Text::from),
            Verb::Date(style) => style.read(raw),
            Verb::Timestamp(style) => style.read(&raw).map(Text::from),
            Verb::Boolean(style) => style.read(&raw).map(|text| Cow::Borrowed(text).into()),
            Verb::Attachment => {
                attachment::decode(&raw).map(|bytes| Cow::<str>::Owned(attachment::hash(&bytes)).into())
            }
        }
    }

    /// Converts canonical text to the system's text.
    pub(crate) fn write<'c>(&'c self, canonical: &'c str) -> Result<Cow<'c, str>, Problem> {
        match self {
            // The bytes of an attached file are not in the document: who writes them finds them by its hash.
            Verb::Text | Verb::Identifier(_) | Verb::Attachment => Ok(canonical.into()),
            Verb::Code(true) => Ok(text::lower(canonical.into())),
            Verb::Code(false) => Ok(text::upper(canonical.into())),
            Verb::Table(style) => style.write(canonical),
            Verb::Number(style) => style.write(canonical),
            Verb::Date(style) => style.write(canonical),
            Verb::Timestamp(style) => style.write(canonical),
            Verb::Boolean(style) => style.write(canonical),
        }
    }

    /// Whether a canonical value can come back changed after it was written and read again.
    pub(crate) fn is_lossy(&self) -> bool {
        match self {
            Verb::Text | Verb::Attachment => false,
            Verb::Code(_) | Verb::Identifier(_) => true,
            Verb::Boolean(style) => style.is_lossy(),
            Verb::Table(style) => style.unknown != Unknown::Error,
            Verb::Number(style) => style.is_lossy(),
            Verb::Date(style) => style.is_lossy(),
            Verb::Timestamp(style) => style.is_lossy(),
        }
    }

    /// The name of the verb, for messages and listings.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Verb::Text => "text",
            Verb::Code(_) => "code",
            Verb::Table(_) => "table",
            Verb::Identifier(style) => style.name(),
            Verb::Number(style) if style.integer => "integer",
            Verb::Number(_) => "decimal",
            Verb::Date(_) => "date",
            Verb::Timestamp(_) => "date-time",
            Verb::Boolean(_) => "boolean",
            Verb::Attachment => "attachment",
        }
    }
}

impl TableStyle {
    fn read<'r>(&'r self, raw: Cow<'r, str>) -> Result<Text<'r>, Problem> {
        let found = if self.ignore_case { self.table.canonical_folded(&raw) } else { self.table.canonical(&raw) };
        match (found, &self.unknown) {
            (Some(canonical), _) => Ok(Cow::Borrowed(canonical).into()),
            (None, Unknown::Keep) => Ok(raw.into()),
            (None, Unknown::Default(canonical)) => Ok(Cow::Borrowed(&**canonical).into()),
            (None, Unknown::Error) => Err(Problem::new(
                "mapping.table",
                "the table has no entry for this value; add one, or set unknown = \"keep\"",
            )),
        }
    }

    fn write<'c>(&'c self, canonical: &'c str) -> Result<Cow<'c, str>, Problem> {
        match (self.table.system(canonical), &self.unknown) {
            (Some(system), _) => Ok(system.into()),
            (None, Unknown::Keep) => Ok(canonical.into()),
            (None, _) => Err(Problem::new(
                "mapping.table",
                "the table has no value of the system for this canonical value; add an entry",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
