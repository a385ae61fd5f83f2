//! Reads events, and tells everything that is wrong with one.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Covers, Event, EventType, Stage};
use crate::entity::Operation;
use crate::record::Place;
use crate::rules::{Finding, Severity};

/// The rule that a finding of an envelope names.
const RULE: &str = "PSR-ENVELOPE";

/// How much one message may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole message.
    pub bytes_max: usize,
    /// Events of a batch.
    pub events_max: usize,
}

impl Default for Limits {
    /// 16 MiB and 10,000 events.
    fn default() -> Self {
        Self { bytes_max: 16 * 1024 * 1024, events_max: 10_000 }
    }
}

/// A message that is no envelope of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The message is longer than the limit.
    #[error("the message has {bytes} bytes and the limit is {bytes_max}; send smaller batches or raise the limit")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The batch holds more events than the limit.
    #[error("the batch has {events} events and the limit is {events_max}; send smaller batches or raise the limit")]
    TooMany {
        /// How many it holds.
        events: usize,
        /// The limit.
        events_max: usize,
    },
    /// The message is no JSON, or neither an object nor, for a batch, a list of objects.
    #[error("the message is no CloudEvent in JSON: it goes wrong at line {line}, column {column}")]
    Malformed {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Attributes are missing or wrong.
    #[error("event {index} of the message has {} wrong attributes, the first at {}", findings.len(), first(findings))]
    Invalid {
        /// Which event of the batch, from 0.
        index: usize,
        /// Everything that is wrong with it; a path is an attribute's name.
        findings: Vec<Finding>,
    },
}

fn first(findings: &[Finding]) -> String {
    findings.first().map(ToString::to_string).unwrap_or_default()
}

impl From<serde_json::Error> for EnvelopeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed { line: error.line(), column: error.column() }
    }
}

/// The attributes of an event that we know, borrowed from the message; the others are passed over.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Attributes<'a> {
    #[serde(borrow)]
    specversion: Attribute<'a>,
    #[serde(borrow)]
    id: Attribute<'a>,
    #[serde(borrow)]
    source: Attribute<'a>,
    #[serde(borrow, rename = "type")]
    kind: Attribute<'a>,
    #[serde(borrow)]
    subject: Attribute<'a>,
    #[serde(borrow)]
    time: Attribute<'a>,
    #[serde(borrow)]
    datacontenttype: Attribute<'a>,
    #[serde(borrow)]
    tenant: Attribute<'a>,
    #[serde(borrow)]
    partitionkey: Attribute<'a>,
    #[serde(borrow)]
    operation: Attribute<'a>,
    #[serde(borrow)]
    version: Attribute<'a>,
    #[serde(borrow)]
    masterid: Attribute<'a>,
    #[serde(borrow)]
    survivor: Attribute<'a>,
    #[serde(borrow)]
    stream: Attribute<'a>,
    #[serde(borrow)]
    drop: Attribute<'a>,
    #[serde(borrow)]
    file: Attribute<'a>,
    #[serde(borrow)]
    line: Attribute<'a>,
    #[serde(borrow)]
    ordinal: Attribute<'a>,
    #[serde(borrow)]
    recordkey: Attribute<'a>,
    #[serde(borrow)]
    mapping: Attribute<'a>,
    #[serde(borrow)]
    covers: Attribute<'a>,
    #[serde(borrow)]
    residue: Attribute<'a>,
    #[serde(borrow)]
    derived: Attribute<'a>,
    #[serde(borrow)]
    traceparent: Attribute<'a>,
    #[serde(borrow)]
    data: Attribute<'a>,
    #[serde(borrow)]
    data_base64: Attribute<'a>,
}

/// An event's attributes. The derived reading takes a list for an object as well, and an event is never a list.
struct Received<'a>(Attributes<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Received<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Attributes<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a CloudEvent")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
                Attributes::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer.deserialize_map(Members).map(Received)
    }
}

/// The JSON of an attribute; `None` when it is missing or null.
type Attribute<'a> = Option<&'a RawValue>;

/// Reads one event.
///
/// # Errors
/// [`EnvelopeError`]: over the limit, no JSON, or with every wrong attribute of the event.
pub fn decode(message: &[u8], limits: Limits) -> Result<Event, EnvelopeError> {
    check_length(message, limits)?;
    read(&serde_json::from_slice::<Received<'_>>(message)?.0)
        .map_err(|findings| EnvelopeError::Invalid { index: 0, findings })
}

/// Reads a batch; an empty one is right.
///
/// # Errors
/// [`EnvelopeError`]: over a limit, no JSON, or with every wrong attribute of the first event that has one.
pub fn decode_batch(message: &[u8], limits: Limits) -> Result<Vec<Event>, EnvelopeError> {
    check_length(message, limits)?;
    let batch: Vec<Received<'_>> = serde_json::from_slice(message)?;
    if batch.len() > limits.events_max {
        return Err(EnvelopeError::TooMany { events: batch.len(), events_max: limits.events_max });
    }
    let events = batch
        .iter()
        .enumerate()
        .map(|(index, event)| read(&event.0).map_err(|findings| EnvelopeError::Invalid { index, findings }));
    events.collect()
}

fn check_length(message: &[u8], limits: Limits) -> Result<(), EnvelopeError> {
    if message.len() > limits.bytes_max {
        return Err(EnvelopeError::TooLong { bytes: message.len(), bytes_max: limits.bytes_max });
    }
    Ok(())
}

/// Takes attributes one by one and remembers what is wrong.
#[derive(Default)]
struct Reader {
    findings: Vec<Finding>,
}

impl Reader {
    fn wrong(&mut self, name: &str, message: &'static str) {
        let path = name.to_owned();
        self.findings.push(Finding { rule: RULE, severity: Severity::Fatal, path, message: message.into() });
    }

    fn text<'a>(&mut self, name: &str, attribute: Attribute<'a>) -> Option<Cow<'a, str>> {
        #[derive(Deserialize)]
        struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

        let json = attribute?.get();
        // Most texts need no unescaping.
        let plain = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        if let Some(plain) = plain.filter(|plain| !plain.contains('\\')) {
            return Some(Cow::Borrowed(plain)).filter(|text| !text.is_empty());
        }
        match serde_json::from_str::<Text<'a>>(json) {
            Ok(Text(text)) => Some(text).filter(|text| !text.is_empty()),
            Err(_) => {
                self.wrong(name, "this is no text");
                None
            }
        }
    }

    fn required<'a>(&mut self, name: &str, attribute: Attribute<'a>) -> Option<Cow<'a, str>> {
        let before = self.findings.len();
        let text = self.text(name, attribute);
        if text.is_none() && self.findings.len() == before {
            self.wrong(name, "the attribute is missing or empty");
        }
        text
    }

    fn parsed<T: FromStr>(&mut self, name: &str, text: Option<Cow<'_, str>>, message: &'static str) -> Option<T> {
        let parsed = text?.parse().ok();
        if parsed.is_none() {
            self.wrong(name, message);
        }
        parsed
    }

    /// A whole number; other producers may write it as a number.
    fn number(&mut self, name: &str, attribute: Attribute<'_>) -> Option<u64> {
        let number = attribute?.get().trim_matches('"').parse().ok();
        if number.is_none() {
            self.wrong(name, "this is no whole number");
        }
        number
    }

    fn owned(&mut self, name: &str, attribute: Attribute<'_>) -> Option<String> {
        self.text(name, attribute).map(Cow::into_owned)
    }

    fn shared(&mut self, name: &str, attribute: Attribute<'_>) -> Option<Arc<str>> {
        self.text(name, attribute).map(Arc::from)
    }

    fn source(&mut self, event: &Attributes<'_>) -> Option<(Arc<str>, Arc<str>)> {
        let source = self.required("source", event.source)?;
        let parts = source.strip_prefix('/').and_then(|rest| rest.split_once('/'));
        match parts {
            Some((tenant, system)) if !tenant.is_empty() && !system.is_empty() && !system.contains('/') => {
                Some((tenant.into(), system.into()))
            }
            _ => {
                self.wrong("source", "a source reads /TENANT/SYSTEM");
                None
            }
        }
    }

    fn operation(&mut self, event: &Attributes<'_>) -> Option<Operation> {
        match self.required("operation", event.operation)?.as_ref() {
            "upsert" => Some(Operation::Upsert),
            "remove" => Some(Operation::Remove),
            "redirect" => Some(Operation::Redirect),
            _ => {
                self.wrong("operation", "an operation is upsert, remove or redirect");
                None
            }
        }
    }

    fn place(&mut self, event: &Attributes<'_>) -> Option<Place> {
        let file = self.shared("file", event.file);
        let (line, ordinal) = (self.number("line", event.line), self.number("ordinal", event.ordinal));
        if file.is_none() && line.is_none() && ordinal.is_none() {
            return None;
        }
        Some(Place { file, line, ordinal: ordinal.unwrap_or_default() })
    }

    /// The data, and that they are there when they are needed.
    fn data(&mut self, event: &Attributes<'_>, is_needed: bool) -> Option<Box<RawValue>> {
        if event.data_base64.is_some() {
            self.wrong("data_base64", "binary data are not taken; send JSON in data");
        }
        let is_json = |kind: &str| kind.starts_with("application/json") || kind.ends_with("+json");
        if self.text("datacontenttype", event.datacontenttype).is_some_and(|kind| !is_json(&kind)) {
            self.wrong("datacontenttype", "only JSON is taken");
        }
        let data = event.data.map(ToOwned::to_owned);
        if data.is_none() && is_needed {
            self.wrong("data", "an observation that is no removal has data");
        }
        data
    }
}

fn read(event: &Attributes<'_>) -> Result<Event, Vec<Finding>> {
    let mut reader = Reader::default();
    if reader.required("specversion", event.specversion).is_some_and(|version| version != "1.0") {
        reader.wrong("specversion", "only CloudEvents 1.0 is read");
    }
    let id = reader.required("id", event.id);
    let source = reader.source(event);
    let kind = reader.required("type", event.kind);
    let kind = reader.parsed::<EventType>("type", kind, "a type reads passerelle.STAGE.ENTITY.vN");
    let time = reader.required("time", event.time);
    let time = reader.parsed::<Timestamp>("time", time, "this is no RFC 3339 time");
    let tenant = reader.required("tenant", event.tenant);
    if tenant.as_deref().zip(source.as_ref()).is_some_and(|(tenant, (of_source, _))| tenant != &**of_source) {
        reader.wrong("tenant", "the source names another tenant");
    }
    let partition_key = reader.required("partitionkey", event.partitionkey);
    let operation = reader.operation(event);
    let survivor = reader.owned("survivor", event.survivor);
    if operation == Some(Operation::Redirect) && survivor.is_none() {
        reader.wrong("survivor", "a redirection names the master id that stays");
    }
    // A change may do without: whoever is told can ask the master for the document.
    let is_shown = kind.as_ref().is_none_or(|kind| kind.stage == Stage::Observed);
    let data = reader.data(event, is_shown && operation == Some(Operation::Upsert));
    let rest = (reader.number("version", event.version), reader.number("drop", event.drop), reader.place(event));
    let (version, drop, place) = rest;
    let (subject, master_id) = (reader.owned("subject", event.subject), reader.owned("masterid", event.masterid));
    let (stream, mapping) = (reader.shared("stream", event.stream), reader.shared("mapping", event.mapping));
    let (record_key, traceparent) =
        (reader.owned("recordkey", event.recordkey), reader.owned("traceparent", event.traceparent));
    let covers = reader.shared("covers", event.covers).map(Covers);
    let residue = reader.owned("residue", event.residue);
    let derived = event.derived.is_some_and(|raw| raw.get().trim_matches('"') == "true");
    let required = (id, source, kind, time, partition_key, operation);
    let (Some(id), Some((tenant, system)), Some(kind), Some(time), Some(partition_key), Some(operation)) = required
    else {
        return Err(reader.findings);
    };
    if !reader.findings.is_empty() {
        return Err(reader.findings);
    }
    Ok(Event {
        id: id.into_owned(),
        tenant,
        system,
        kind,
        subject,
        time,
        operation,
        partition_key: partition_key.into_owned(),
        version,
        master_id,
        survivor,
        stream,
        drop,
        place,
        record_key,
        mapping,
        covers,
        residue,
        derived,
        traceparent,
        data,
    })
}
