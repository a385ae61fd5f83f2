//! Writes events.

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Event, EventType};
use crate::entity::Operation;
use crate::schema;

/// Writes a value as text, without a buffer of its own.
struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct Source<'a>(&'a Event);

impl fmt::Display for Source<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "/{}/{}", self.0.tenant, self.0.system)
    }
}

struct DataSchema<'a>(&'a EventType);

impl fmt::Display for DataSchema<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&schema::id(&self.0.entity, self.0.major))
    }
}

/// The attributes in the order in which they are written.
#[derive(Serialize)]
struct Attributes<'a> {
    specversion: &'static str,
    id: &'a str,
    source: Text<Source<'a>>,
    r#type: Text<&'a EventType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: Timestamp,
    tenant: &'a str,
    partitionkey: &'a str,
    operation: Operation,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Text<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    masterid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    survivor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drop: Option<Text<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<Text<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ordinal: Option<Text<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recordkey: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    covers: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    residue: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    derived: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataschema: Option<Text<DataSchema<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datacontenttype: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = self.place.as_ref();
        Attributes {
            specversion: "1.0",
            id: &self.id,
            source: Text(Source(self)),
            r#type: Text(&self.kind),
            subject: self.subject.as_deref(),
            time: self.time,
            tenant: &self.tenant,
            partitionkey: &self.partition_key,
            operation: self.operation,
            version: self.version.map(Text),
            masterid: self.master_id.as_deref(),
            survivor: self.survivor.as_deref(),
            stream: self.stream.as_deref(),
            drop: self.drop.map(Text),
            file: place.and_then(|place| place.file.as_deref()),
            line: place.and_then(|place| place.line).map(Text),
            ordinal: place.map(|place| Text(place.ordinal)),
            recordkey: self.record_key.as_deref(),
            mapping: self.mapping.as_deref(),
            covers: self.covers.as_ref().map(super::Covers::as_str),
            residue: self.residue.as_deref(),
            derived: self.derived,
            traceparent: self.traceparent.as_deref(),
            dataschema: self.data.as_ref().map(|_| Text(DataSchema(&self.kind))),
            datacontenttype: self.data.as_ref().map(|_| "application/json"),
            data: self.data.as_deref(),
        }
        .serialize(serializer)
    }
}

impl Event {
    /// The event as [`CONTENT_TYPE`](super::CONTENT_TYPE).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Every attribute is text and the data are JSON already: there is nothing that could fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Events as one [`BATCH_CONTENT_TYPE`](super::BATCH_CONTENT_TYPE); the caller keeps to one partition.
#[must_use]
pub fn encode_batch(events: &[Event]) -> Vec<u8> {
    // As above: nothing that could fail.
    serde_json::to_vec(events).unwrap_or_default()
}
