//! Value tables: which value of a system stands for which canonical value.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Diagnostic, Reporter};

/// A two-way table of values, in the order of its file.
///
/// Several values of the system may stand for one canonical value; the first of them is the one that is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    entries: Vec<(Box<str>, Box<str>)>,
    forward: HashMap<Box<str>, usize>,
    folded: HashMap<Box<str>, usize>,
    backward: HashMap<Box<str>, usize>,
}

impl Table {
    /// A table from pairs of the system's value and the canonical value. Of two pairs for one value the first counts.
    pub fn new<I, S, C>(pairs: I) -> Self
    where
        I: IntoIterator<Item = (S, C)>,
        S: Into<Box<str>>,
        C: Into<Box<str>>,
    {
        let mut table = Table::default();
        for (index, (system, canonical)) in pairs.into_iter().enumerate() {
            let (system, canonical) = (system.into(), canonical.into());
            table.forward.entry(system.clone()).or_insert(index);
            table.folded.entry(system.to_lowercase().into()).or_insert(index);
            table.backward.entry(canonical.clone()).or_insert(index);
            table.entries.push((system, canonical));
        }
        table
    }

    /// Reads a table file: TOML with one `"system's value" = "canonical value"` per line.
    ///
    /// # Errors
    /// All that is wrong in the file, each with its place.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut reporter = Reporter::new(file_name, text);
        let (parsed, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            reporter.error(error.span().unwrap_or(0..0), error.message());
        }
        let table = Self::from_toml(parsed.get_ref(), &mut reporter);
        if reporter.errors() == 0 { Ok(table) } else { Err(reporter.finish()) }
    }

    pub(crate) fn from_toml(table: &DeTable<'_>, reporter: &mut Reporter<'_>) -> Self {
        Self::new(table.iter().filter_map(|(system, canonical)| match canonical.get_ref() {
            DeValue::String(text) => Some((&**system.get_ref(), &**text)),
            other => {
                let kind = other.type_str();
                reporter.error(canonical.span(), format!("a table's value is text in quotes, not {kind}"));
                None
            }
        }))
    }

    /// The pairs of system's value and canonical value, in order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.entries.iter().map(|(system, canonical)| (&**system, &**canonical))
    }

    /// The canonical value for a value of the system.
    pub fn canonical(&self, system: &str) -> Option<&str> {
        self.forward.get(system).map(|index| &*self.entries[*index].1)
    }

    /// The canonical value for a value of the system, whatever the case of its letters.
    pub fn canonical_folded(&self, system: &str) -> Option<&str> {
        self.canonical(system)
            .or_else(|| self.folded.get(system.to_lowercase().as_str()).map(|index| &*self.entries[*index].1))
    }

    /// The value that the system has for a canonical value.
    pub fn system(&self, canonical: &str) -> Option<&str> {
        self.backward.get(canonical).map(|index| &*self.entries[*index].0)
    }

    pub(crate) fn hash_into(&self, hasher: &mut blake3::Hasher) {
        for text in self.entries.iter().flat_map(|(system, canonical)| [system, canonical]) {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
    }
}

/// Where named tables (`table = "countries-fr"`) come from.
pub trait Tables {
    /// The table of a name; `None` when there is none.
    fn table(&self, name: &str) -> Option<Arc<Table>>;

    /// The names that there are, for suggestions.
    fn names(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// No named table at all.
impl Tables for () {
    fn table(&self, _name: &str) -> Option<Arc<Table>> {
        None
    }
}

impl Tables for BTreeMap<String, Arc<Table>> {
    fn table(&self, name: &str) -> Option<Arc<Table>> {
        self.get(name).cloned()
    }

    fn names(&self) -> Vec<&str> {
        self.keys().map(String::as_str).collect()
    }
}
