//! The connectors that a binary knows, by kind.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use crate::{Connector, Fault, OpenContext, Ports};

/// Opens a connector whose configuration was already read.
type Open =
    Box<dyn for<'a> FnOnce(&'a OpenContext) -> Pin<Box<dyn Future<Output = Result<Ports, Fault>> + Send + 'a>> + Send>;

struct Entry {
    parse: fn(serde_json::Value) -> Result<Open, ConfigurationError>,
    schema: fn() -> schemars::Schema,
}

/// The connectors that a binary knows: `Registry::default().with::<CsvDrop>().with::<XmlExport>()`.
#[derive(Default)]
pub struct Registry {
    entries: BTreeMap<&'static str, Entry>,
}

/// A `[connector]` table that no connector can be opened from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// No connector has this kind.
    #[error("there is no connector \"{kind}\"; there are {known}")]
    UnknownKind {
        /// The kind that was asked for.
        kind: String,
        /// The kinds that exist, comma separated.
        known: String,
    },
    /// A field is unknown, missing, or has a value that does not fit.
    #[error("{path}: {reason}")]
    Field {
        /// The path of the field inside the table, such as `streams.customers.delimiter`; `.` for the table itself.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A connector whose configuration was read and fits.
pub struct Configured(Open);

impl Configured {
    /// Opens it.
    ///
    /// # Errors
    /// As [`Connector::open`].
    pub async fn open(self, context: &OpenContext) -> Result<Ports, Fault> {
        (self.0)(context).await
    }
}

impl Registry {
    /// Adds a connector under its kind.
    #[must_use]
    pub fn with<C: Connector>(mut self) -> Self {
        self.entries.insert(C::KIND, Entry { parse: parse::<C>, schema: || schemars::schema_for!(C) });
        self
    }

    /// The kinds, in alphabetical order.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.entries.keys().copied()
    }

    /// The JSON Schema of a kind's configuration: the published reference.
    pub fn schema(&self, kind: &str) -> Option<schemars::Schema> {
        self.entries.get(kind).map(|entry| (entry.schema)())
    }

    /// Reads a configuration (the `[connector]` table without `kind`) for a kind.
    ///
    /// # Errors
    /// An unknown kind, or the path and reason of the first field that does not fit.
    pub fn configure(&self, kind: &str, table: serde_json::Value) -> Result<Configured, ConfigurationError> {
        let Some(entry) = self.entries.get(kind) else {
            let known = self.kinds().collect::<Vec<_>>().join(", ");
            return Err(ConfigurationError::UnknownKind { kind: kind.to_owned(), known });
        };
        (entry.parse)(table).map(Configured)
    }
}

fn parse<C: Connector>(table: serde_json::Value) -> Result<Open, ConfigurationError> {
    let connector: C = serde_path_to_error::deserialize(table).map_err(|error| ConfigurationError::Field {
        path: error.path().to_string(),
        reason: error.inner().to_string(),
    })?;
    Ok(Box::new(move |context| Box::pin(connector.open(context))))
}
