//! The envelope of everything on the bus: CloudEvents 1.0, structured JSON, one by one or in batches.
//!
//! Attribute names are lower-case letters and digits, as CloudEvents wants.
//! Numbers that may pass 31 bits (`version`, `drop`, `line`, `ordinal`) are written as text,
//! since a CloudEvents integer has 32 bits.
//! Attributes that we do not know are passed over: other producers may add theirs.

mod decode;
mod encode;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::value::RawValue;

pub use decode::{EnvelopeError, Limits, decode, decode_batch};
pub use encode::encode_batch;

use crate::document::{Document, DocumentError};
use crate::entity::{Entity, Operation};
use crate::record::{ContentHash, Place};
use crate::schema;

/// The media type of one event.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";
/// The media type of a batch.
pub const BATCH_CONTENT_TYPE: &str = "application/cloudevents-batch+json";

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// A system shows a record as a document, or no longer shows it.
    Observed,
    /// The master has a new version of a document.
    Changed,
}

impl Stage {
    /// The word in event types.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Changed => "changed",
        }
    }
}

/// The type of an event: `passerelle.observed.customer.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventType {
    /// Observation or change.
    pub stage: Stage,
    /// The document's entity.
    pub entity: Entity,
    /// The major version of the document's schema.
    pub major: u32,
}

impl EventType {
    /// The type of today's version.
    #[must_use]
    pub const fn new(stage: Stage, entity: Entity) -> Self {
        Self { stage, entity, major: schema::MAJOR }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "passerelle.{}.{}.v{}", self.stage.name(), self.entity, self.major)
    }
}

/// A text that is no event type of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event type reads passerelle.STAGE.ENTITY.vN, with the stage observed or changed")]
pub struct UnknownEventType;

impl FromStr for EventType {
    type Err = UnknownEventType;

    fn from_str(text: &str) -> Result<Self, UnknownEventType> {
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or(UnknownEventType);
        let (ours, stage, entity, version) = (next()?, next()?, next()?, next()?);
        if ours != "passerelle" || parts.next().is_some() {
            return Err(UnknownEventType);
        }
        let stage = match stage {
            "observed" => Stage::Observed,
            "changed" => Stage::Changed,
            _ => return Err(UnknownEventType),
        };
        let entity = entity.parse().map_err(|_| UnknownEventType)?;
        let major = version.strip_prefix('v').and_then(|digits| digits.parse().ok()).ok_or(UnknownEventType)?;
        Ok(Self { stage, entity, major })
    }
}

/// The document paths that a mapping covers: covered and empty means cleared, not covered means silent.
///
/// Made once for a mapping and shared by all its observations.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Covers(Arc<str>);

impl Covers {
    /// Sorts the paths and leaves out repeated ones.
    #[must_use]
    pub fn new<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        let mut paths: Vec<_> = paths.into_iter().filter(|path| !path.is_empty()).collect();
        paths.sort_unstable();
        paths.dedup();
        Self(paths.join(",").into())
    }

    /// The paths, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.split(',').filter(|path| !path.is_empty())
    }

    /// Whether the path itself, or something that it lies in, is covered.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.paths().any(|covered| {
            path.strip_prefix(covered).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// The paths in one text, parted by commas.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Covers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One message: an observation or a change.
///
/// `tenant` and `system` are configured names: not empty, and without a slash.
#[derive(Debug, Clone)]
pub struct Event {
    /// Deterministic, so that a repeated publish is recognised: [`observation_id`], [`change_id`].
    pub id: String,
    /// The organisation that the document belongs to.
    pub tenant: Arc<str>,
    /// The system that shows the document; for a change, the name under which the master speaks.
    /// Tenant and system make the attribute `source`: `/tenant/system`.
    pub system: Arc<str>,
    /// What the event is about.
    pub kind: EventType,
    /// The business key, such as an invoice's number.
    pub subject: Option<String>,
    /// When it happened, told by the caller.
    pub time: Timestamp,
    /// What it does to the document.
    pub operation: Operation,
    /// Events of one key stay in order.
    pub partition_key: String,
    /// The document's version at the master; versions compare across the tenant.
    pub version: Option<u64>,
    /// The master's id of the document; for a redirection, the id that loses.
    pub master_id: Option<String>,
    /// For a redirection, the id that stays.
    pub survivor: Option<String>,
    /// The stream that the record was read from.
    pub stream: Option<Arc<str>>,
    /// The durable number of the pick-up that it came with.
    pub drop: Option<u64>,
    /// Where in the drop it was found.
    pub place: Option<Place>,
    /// The system's own key of the record.
    pub record_key: Option<String>,
    /// The version of the mapping, a hash.
    pub mapping: Option<Arc<str>>,
    /// What the mapping covers.
    pub covers: Option<Covers>,
    /// What of the record its mapping does not carry, as the JSON text of a record's body: it survives writing back.
    pub residue: Option<String>,
    /// Whether the document came embedded in another one (the buyer of an invoice) and is not a record of its own.
    pub derived: bool,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The document's JSON, as it came: neither parsed nor written again on its way.
    /// Nothing for a removal or redirection, and for a change that is only to be told: its document is the current one.
    pub data: Option<Box<RawValue>>,
}

impl Event {
    /// An event about a document, with what every event has.
    #[must_use]
    pub fn new(
        id: String,
        tenant: Arc<str>,
        system: Arc<str>,
        kind: EventType,
        partition_key: String,
        time: Timestamp,
    ) -> Self {
        Self {
            partition_key,
            id,
            tenant,
            system,
            kind,
            subject: None,
            time,
            operation: Operation::Upsert,
            version: None,
            master_id: None,
            survivor: None,
            stream: None,
            drop: None,
            place: None,
            record_key: None,
            mapping: None,
            covers: None,
            residue: None,
            derived: false,
            traceparent: None,
            data: None,
        }
    }

    /// Puts a document into the envelope.
    ///
    /// # Errors
    /// Never for documents of this crate; what `serde_json` says for a declared one with a map that has no JSON form.
    pub fn set_document(&mut self, document: &Document) -> Result<(), serde_json::Error> {
        self.data = Some(serde_json::value::to_raw_value(document)?);
        Ok(())
    }

    /// Reads the document in the envelope; `None` when it has none, as for a removal.
    ///
    /// # Errors
    /// [`DocumentError`], when the data do not have the types of their entity.
    pub fn document(&self) -> Result<Option<Document>, DocumentError> {
        let data = self.data.as_deref().map(|data| data.get().as_bytes());
        data.map(|data| Document::from_slice(&self.kind.entity, data)).transpose()
    }
}

/// The id of an observation: the same record of the same drop with the same content has the same.
/// `local` tells records of one drop apart: the position in it, or the system's own key.
#[must_use]
pub fn observation_id(
    tenant: &str,
    system: &str,
    stream: &str,
    drop: u64,
    local: impl fmt::Display,
    content: ContentHash,
) -> String {
    format!("{tenant}/{system}/{stream}/{drop}/{local}/{content}")
}

/// The id of a change: one master has one change for each version.
#[must_use]
pub fn change_id(tenant: &str, master_id: &str, version: u64) -> String {
    format!("{tenant}/{master_id}/{version}")
}

#[cfg(test)]
mod tests;
