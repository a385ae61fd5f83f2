//! Reading the options of a table of the mapping file, and reporting those that nobody asked for.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::vocabulary::Entry;
use crate::diagnostic::Reporter;

/// A TOML value with its place.
pub(crate) type Located<'t> = &'t Spanned<DeValue<'t>>;

/// A text with its place in the file.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub text: String,
    pub span: Range<usize>,
}

/// The options of one table. Every option that is asked for is known; the rest is reported by [`Options::finish`].
pub(crate) struct Options<'t> {
    table: &'t DeTable<'t>,
    pub span: Range<usize>,
    asked: Vec<&'static str>,
}

impl<'t> Options<'t> {
    pub(crate) fn new(table: &'t DeTable<'t>, span: Range<usize>) -> Self {
        Options { table, span, asked: Vec::new() }
    }

    /// The value of an option, whatever its type.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Located<'t>> {
        self.asked.push(name);
        self.table.get(name)
    }

    /// Whether an option is there, without asking for it.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// A text, without asking for it.
    pub(crate) fn peek_text(&self, name: &str) -> Option<&'t str> {
        match self.table.get(name).map(|value| value.get_ref()) {
            Some(DeValue::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether an option is a text, without asking for it.
    pub(crate) fn is_text(&self, name: &str) -> bool {
        matches!(self.table.get(name).map(|value| value.get_ref()), Some(DeValue::String(_)))
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str, reporter: &mut Reporter<'_>) -> Option<Word> {
        let value = self.take(name)?;
        word(value, name, reporter)
    }

    /// A text, or several in a list; empty when the option is not there.
    pub(crate) fn texts(&mut self, name: &'static str, reporter: &mut Reporter<'_>) -> Vec<Word> {
        self.take(name).map(|value| words(value, name, reporter)).unwrap_or_default()
    }

    /// A text that may be one of a closed list.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        choices: &[(&'static str, T)],
        reporter: &mut Reporter<'_>,
    ) -> Option<T> {
        let word = self.text(name, reporter)?;
        let found = choices.iter().find(|(text, _)| *text == word.text);
        if found.is_none() {
            let allowed = choices.iter().map(|(text, _)| format!("\"{text}\"")).collect::<Vec<_>>().join(", ");
            let message = format!("\"{}\" is no value of {name}; use {allowed}", word.text);
            reporter.unknown(word.span, message, &word.text, choices.iter().map(|(text, _)| *text));
        }
        found.map(|(_, choice)| *choice)
    }

    /// True or false; false when the option is not there.
    pub(crate) fn flag(&mut self, name: &'static str, reporter: &mut Reporter<'_>) -> bool {
        match self.take(name).map(|value| (value.get_ref(), value.span())) {
            None => false,
            Some((DeValue::Boolean(flag), _)) => *flag,
            Some((other, span)) => {
                reporter.error(span, format!("{name} is true or false, not {}", other.type_str()));
                false
            }
        }
    }

    /// A whole number up to `max`.
    pub(crate) fn number(&mut self, name: &'static str, max: u32, reporter: &mut Reporter<'_>) -> Option<u32> {
        let value = self.take(name)?;
        let number = match value.get_ref() {
            DeValue::Integer(integer) => u32::from_str_radix(integer.as_str(), integer.radix()).ok(),
            _ => None,
        };
        if number.is_none_or(|number| number > max) {
            reporter.error(value.span(), format!("{name} is a whole number from 0 to {max}"));
            return None;
        }
        number
    }

    /// A single character.
    pub(crate) fn character(&mut self, name: &'static str, reporter: &mut Reporter<'_>) -> Option<char> {
        let word = self.text(name, reporter)?;
        let mut characters = word.text.chars();
        match (characters.next(), characters.next()) {
            (Some(character), None) => Some(character),
            _ => {
                reporter.error(word.span, format!("{name} is exactly one character"));
                None
            }
        }
    }

    /// A table inside.
    pub(crate) fn table(
        &mut self,
        name: &'static str,
        reporter: &mut Reporter<'_>,
    ) -> Option<(&'t DeTable<'t>, Range<usize>)> {
        let value = self.take(name)?;
        match value.get_ref() {
            DeValue::Table(table) => Some((table, value.span())),
            other => {
                reporter.error(value.span(), format!("{name} is a table, not {}", other.type_str()));
                None
            }
        }
    }

    /// Reports every option that was not asked for. `vocabulary` has all options of such tables: one of them that was not
    /// asked for means something in another combination only. Small tables, of which every option is always asked for,
    /// have none.
    pub(crate) fn finish(self, what: &str, vocabulary: &[Entry], reporter: &mut Reporter<'_>) {
        let known = || vocabulary.iter().flat_map(|entry| entry.names.iter().copied());
        debug_assert!(
            vocabulary.is_empty() || self.asked.iter().all(|asked| known().any(|name| name == *asked)),
            "the vocabulary of {what} lacks one of {:?}",
            self.asked
        );
        for key in self.table.keys() {
            let name = &**key.get_ref();
            if self.asked.contains(&name) {
                continue;
            }
            if known().any(|known| known == name) {
                reporter.error(key.span(), format!("option \"{name}\" does not go with {what}; remove it"));
            } else {
                let message = format!("unknown option \"{name}\" of {what}");
                reporter.unknown(key.span(), message, name, self.asked.iter().copied().chain(known()));
            }
        }
    }
}

/// A text, or a report that it is none.
pub(crate) fn word(value: Located<'_>, name: &str, reporter: &mut Reporter<'_>) -> Option<Word> {
    match value.get_ref() {
        DeValue::String(text) => Some(Word { text: text.to_string(), span: value.span() }),
        other => {
            reporter.error(value.span(), format!("{name} is text in quotes, not {}", other.type_str()));
            None
        }
    }
}

/// One text, or several in a list.
pub(crate) fn words(value: Located<'_>, name: &str, reporter: &mut Reporter<'_>) -> Vec<Word> {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().filter_map(|item| word(item, name, reporter)).collect(),
        _ => word(value, name, reporter).into_iter().collect(),
    }
}
