//! Observations: what collect and map publish, and resolve takes in.

use std::collections::BTreeMap;
use std::sync::Arc;

use bus::{Message, Queue, Route};
use canonical::entity::{Entity, Operation};
use canonical::envelope::{self, BATCH_CONTENT_TYPE, CONTENT_TYPE, Covers, Event, EventType, Stage};
use canonical::record::Place;
use jiff::Timestamp;
use serde_json::value::RawValue;
use store::{LocalKey, Position, StreamKey};

use crate::settings::Limits;

/// "System S shows its record K as this document", or no longer shows it.
#[derive(Clone, Debug)]
pub(crate) struct Observation {
    pub stream: StreamKey,
    pub partition: u32,
    pub entity: Entity,
    pub key: String,
    pub operation: Operation,
    pub position: Position,
    /// Whether it came embedded in another document; it has no outcome of its own in the accounting.
    pub derived: bool,
    pub line: Option<u64>,
    pub at: Timestamp,
    /// The version of the mapping.
    pub mapping: Arc<str>,
    pub covers: Option<Covers>,
    /// The document's JSON; nothing for a removal.
    pub document: Option<Box<RawValue>>,
    /// JSON of what of the record the mapping does not carry.
    pub residue: Option<String>,
}

/// More than the rest of an event ever has: ids, names, places, and which fields the mapping covers.
const ENVELOPE_BYTES: usize = 64 * 1024;

/// An event that resolve cannot take in: it is parked as it came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAnObservation {
    #[error(transparent)]
    Envelope(#[from] envelope::EnvelopeError),
    #[error("the event lacks {0}; it was not published by a hub")]
    Lacks(&'static str),
}

/// The partition of a document: that of its customer's key, so that one customer's story stays in order.
pub(crate) fn partition(tenant: &str, system: &str, customer_key: &str, partitions: u32) -> u32 {
    let mut hasher = blake3::Hasher::new();
    for part in [tenant, system, customer_key] {
        hasher.update(part.as_bytes());
        hasher.update(&[0]);
    }
    let mut word = [0; 4];
    word.copy_from_slice(&hasher.finalize().as_bytes()[..4]);
    u32::from_le_bytes(word) % partitions.max(1)
}

impl Observation {
    /// Deterministic: the same record of the same drop has the same id however often it is published.
    pub fn id(&self) -> String {
        let StreamKey { tenant, system, stream } = &self.stream;
        let Position { drop, ordinal } = self.position;
        let part = if self.derived { format!(".{}", self.entity) } else { String::new() };
        format!("{tenant}/{system}/{stream}/{drop}/{ordinal}{part}")
    }

    /// The record that it shows.
    pub fn local(&self) -> LocalKey {
        LocalKey { system: self.stream.system.clone(), entity: self.entity.clone(), key: self.key.clone() }
    }

    /// How large its event is, when that is over a limit. It is encoded for that only when it may be.
    pub fn bytes_over(&self, limit: usize) -> Option<usize> {
        let document = self.document.as_ref().map_or(0, |document| document.get().len());
        // The residue and the key travel as text in JSON: each of their characters may be escaped.
        let texts = self.residue.as_ref().map_or(0, String::len) + self.key.len();
        if document + 2 * texts + ENVELOPE_BYTES <= limit {
            return None;
        }
        Some(self.to_event().to_bytes().len()).filter(|bytes| *bytes > limit)
    }

    /// The event on the bus.
    pub fn to_event(&self) -> Event {
        let kind = EventType::new(Stage::Observed, self.entity.clone());
        let StreamKey { tenant, system, stream } = &self.stream;
        let partition = self.partition.to_string();
        let mut event = Event::new(self.id(), tenant.clone(), system.clone(), kind, partition, self.at);
        event.operation = self.operation;
        event.stream = Some(stream.clone());
        event.drop = Some(self.position.drop);
        event.place = Some(Place { file: None, line: self.line, ordinal: self.position.ordinal });
        event.record_key = Some(self.key.clone());
        event.mapping = Some(self.mapping.clone());
        event.covers = self.covers.clone();
        event.residue = self.residue.clone();
        event.derived = self.derived;
        event.data = self.document.clone();
        event
    }

    fn from_event(event: Event) -> Result<Self, NotAnObservation> {
        let stream = event.stream.ok_or(NotAnObservation::Lacks("stream"))?;
        let place = event.place.ok_or(NotAnObservation::Lacks("ordinal"))?;
        let drop = event.drop.ok_or(NotAnObservation::Lacks("drop"))?;
        Ok(Observation {
            stream: StreamKey { tenant: event.tenant, system: event.system, stream },
            partition: event
                .partition_key
                .parse()
                .map_err(|_| NotAnObservation::Lacks("a partition number as partitionkey"))?,
            entity: event.kind.entity,
            key: event.record_key.ok_or(NotAnObservation::Lacks("recordkey"))?,
            operation: event.operation,
            position: Position { drop, ordinal: place.ordinal },
            derived: event.derived,
            line: place.line,
            at: event.time,
            mapping: event.mapping.ok_or(NotAnObservation::Lacks("mapping"))?,
            covers: event.covers,
            document: event.data,
            residue: event.residue,
        })
    }
}

/// Bulk loads travel as batches of bounded size, one partition each, in order.
pub(crate) fn messages(observations: &[Observation], limits: &Limits) -> Vec<Message> {
    let mut lanes: BTreeMap<u32, Vec<(String, Vec<u8>)>> = BTreeMap::new();
    for observation in observations {
        let event = observation.to_event();
        let bytes = event.to_bytes();
        lanes.entry(observation.partition).or_default().push((event.id, bytes));
    }
    lanes
        .into_iter()
        .flat_map(|(partition, events)| pack(&Route::Queue(Queue::Observed(partition)), &events, limits))
        .collect()
}

/// Packs encoded events of one lane into messages: a single event stays single, several become batches.
pub(crate) fn pack(route: &Route, events: &[(String, Vec<u8>)], limits: &Limits) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut rest = events;
    while !rest.is_empty() {
        // A batch has a bracket at its start, and behind each event a comma or bracket.
        let mut bytes = 1;
        let fits = rest.iter().take(limits.message_events_max.max(1)).take_while(|(_, event)| {
            bytes += event.len() + 1;
            bytes <= limits.message_bytes_max
        });
        let count = fits.count().max(1);
        let (batch, later) = rest.split_at(count);
        messages.push(message(route, batch));
        rest = later;
    }
    messages
}

fn message(route: &Route, events: &[(String, Vec<u8>)]) -> Message {
    if let [(id, event)] = events {
        return Message { route: route.clone(), id: id.clone(), content_type: CONTENT_TYPE, body: event.clone() };
    }
    let size: usize = events.iter().map(|(_, event)| event.len() + 1).sum();
    let mut body = Vec::with_capacity(size + 1);
    let mut hasher = blake3::Hasher::new();
    for (index, (id, event)) in events.iter().enumerate() {
        body.push(if index == 0 { b'[' } else { b',' });
        body.extend_from_slice(event);
        hasher.update(id.as_bytes());
        hasher.update(&[0]);
    }
    body.push(b']');
    let id = format!("batch/{}", &hasher.finalize().to_hex()[..32]);
    Message { route: route.clone(), id, content_type: BATCH_CONTENT_TYPE, body }
}

/// Reads the events of a message.
pub(crate) fn events(content_type: &str, body: &[u8]) -> Result<Vec<Event>, envelope::EnvelopeError> {
    let limits = envelope::Limits { bytes_max: usize::MAX, events_max: usize::MAX };
    if content_type == BATCH_CONTENT_TYPE {
        envelope::decode_batch(body, limits)
    } else {
        envelope::decode(body, limits).map(|event| vec![event])
    }
}

/// Reads the observations of a message.
pub(crate) fn decode(content_type: &str, body: &[u8]) -> Result<Vec<Observation>, NotAnObservation> {
    events(content_type, body)?.into_iter().map(Observation::from_event).collect()
}
