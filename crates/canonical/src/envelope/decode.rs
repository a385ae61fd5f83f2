//! Reads events, and tells everything that is wrong with one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Covers, Event, EventType};
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

/// The attributes of an event, borrowed from the message.
type Attributes<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Reads one event.
///
/// # Errors
/// [`EnvelopeError`]: over the limit, no JSON, or with every wrong attribute of the event.
pub fn decode(message: &[u8], limits: Limits) -> Result<Event, EnvelopeError> {
    check_length(message, limits)?;
    read(serde_json::from_slice(message)?).map_err(|findings| EnvelopeError::Invalid { index: 0, findings })
}

/// Reads a batch; an empty one is right.
///
/// # Errors
/// [`EnvelopeError`]: over a limit, no JSON, or with every wrong attribute of the first event that has one.
pub fn decode_batch(message: &[u8], limits: Limits) -> Result<Vec<Event>, EnvelopeError> {
    check_length(message, limits)?;
    let batch: Vec<&RawValue> = serde_json::from_slice(message)?;
    if batch.len() > limits.events_max {
        return Err(EnvelopeError::TooMany { events: batch.len(), events_max: limits.events_max });
    }
    let events = batch.into_iter().enumerate().map(|(index, event)| {
        read(serde_json::from_str(event.get())?).map_err(|findings| EnvelopeError::Invalid { index, findings })
    });
    events.collect()
}

fn check_length(message: &[u8], limits: Limits) -> Result<(), EnvelopeError> {
    if message.len() > limits.bytes_max {
        return Err(EnvelopeError::TooLong { bytes: message.len(), bytes_max: limits.bytes_max });
    }
    Ok(())
}

/// Takes attributes one by one and remembers what is wrong.
struct Reader<'a> {
    attributes: Attributes<'a>,
    findings: Vec<Finding>,
}

impl<'a> Reader<'a> {
    fn wrong(&mut self, name: &str, message: &'static str) {
        let path = name.to_owned();
        self.findings.push(Finding { rule: RULE, severity: Severity::Fatal, path, message: message.into() });
    }

    fn text(&mut self, name: &str) -> Option<Cow<'a, str>> {
        #[derive(Deserialize)]
        struct Text<'t>(#[serde(borrow)] Option<Cow<'t, str>>);

        let raw = *self.attributes.get(name)?;
        match serde_json::from_str::<Text<'a>>(raw.get()) {
            Ok(Text(text)) => text.filter(|text| !text.is_empty()),
            Err(_) => {
                self.wrong(name, "this is no text");
                None
            }
        }
    }

    fn required(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let before = self.findings.len();
        let text = self.text(name);
        if text.is_none() && self.findings.len() == before {
            self.wrong(name, "the attribute is missing or empty");
        }
        text
    }

    fn parsed<T: FromStr>(&mut self, name: &str, text: Option<Cow<'a, str>>, message: &'static str) -> Option<T> {
        let parsed = text?.parse().ok();
        if parsed.is_none() {
            self.wrong(name, message);
        }
        parsed
    }

    /// A whole number; other producers may write it as a number.
    fn number(&mut self, name: &str) -> Option<u64> {
        let raw = self.attributes.get(name)?.get();
        if raw == "null" {
            return None;
        }
        let number = raw.trim_matches('"').parse().ok();
        if number.is_none() {
            self.wrong(name, "this is no whole number");
        }
        number
    }

    fn owned(&mut self, name: &str) -> Option<String> {
        self.text(name).map(Cow::into_owned)
    }

    fn shared(&mut self, name: &str) -> Option<Arc<str>> {
        self.text(name).map(Arc::from)
    }

    fn source(&mut self) -> Option<(Arc<str>, Arc<str>)> {
        let source = self.required("source")?;
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

    fn operation(&mut self) -> Option<Operation> {
        match self.required("operation")?.as_ref() {
            "upsert" => Some(Operation::Upsert),
            "remove" => Some(Operation::Remove),
            "redirect" => Some(Operation::Redirect),
            _ => {
                self.wrong("operation", "an operation is upsert, remove or redirect");
                None
            }
        }
    }

    fn place(&mut self) -> Option<Place> {
        let (file, line, ordinal) = (self.shared("file"), self.number("line"), self.number("ordinal"));
        if file.is_none() && line.is_none() && ordinal.is_none() {
            return None;
        }
        Some(Place { file, line, ordinal: ordinal.unwrap_or_default() })
    }

    /// The data, and that they are there when the operation needs them.
    fn data(&mut self, operation: Option<Operation>) -> Option<Box<RawValue>> {
        if self.attributes.contains_key("data_base64") {
            self.wrong("data_base64", "binary data are not taken; send JSON in data");
        }
        let is_json = |kind: &str| kind.starts_with("application/json") || kind.ends_with("+json");
        if self.text("datacontenttype").is_some_and(|kind| !is_json(&kind)) {
            self.wrong("datacontenttype", "only JSON is taken");
        }
        let data = self.attributes.get("data").filter(|data| data.get() != "null").map(|data| (*data).to_owned());
        if data.is_none() && operation == Some(Operation::Upsert) {
            self.wrong("data", "an upsert has data");
        }
        data
    }
}

fn read(attributes: Attributes<'_>) -> Result<Event, Vec<Finding>> {
    let mut reader = Reader { attributes, findings: Vec::new() };
    if reader.required("specversion").is_some_and(|version| version != "1.0") {
        reader.wrong("specversion", "only CloudEvents 1.0 is read");
    }
    let id = reader.required("id");
    let source = reader.source();
    let kind = reader.required("type");
    let kind = reader.parsed::<EventType>("type", kind, "a type reads passerelle.STAGE.ENTITY.vN");
    let time = reader.required("time");
    let time = reader.parsed::<Timestamp>("time", time, "this is no RFC 3339 time");
    let tenant = reader.required("tenant");
    if tenant.as_deref().zip(source.as_ref()).is_some_and(|(tenant, (of_source, _))| tenant != &**of_source) {
        reader.wrong("tenant", "the source names another tenant");
    }
    let partition_key = reader.required("partitionkey");
    let operation = reader.operation();
    let survivor = reader.owned("survivor");
    if operation == Some(Operation::Redirect) && survivor.is_none() {
        reader.wrong("survivor", "a redirection names the master id that stays");
    }
    let data = reader.data(operation);
    let rest = (reader.number("version"), reader.number("drop"), reader.place());
    let (version, drop, place) = rest;
    let (subject, master_id) = (reader.owned("subject"), reader.owned("masterid"));
    let (stream, mapping) = (reader.shared("stream"), reader.shared("mapping"));
    let (record_key, traceparent) = (reader.owned("recordkey"), reader.owned("traceparent"));
    let covers = reader.shared("covers").map(Covers);
    let residue = reader.owned("residue");
    let derived = reader.attributes.get("derived").is_some_and(|raw| raw.get().trim_matches('"') == "true");
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
