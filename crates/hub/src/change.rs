//! Changes: what resolve decides, the relay publishes, and deliver takes in.

use std::sync::Arc;

use bus::{Message, Route};
use canonical::entity::{Entity, Operation};
use canonical::envelope::{self, Event, EventType, Stage};
use jiff::Timestamp;
use master::MasterId;
use serde_json::value::RawValue;
use store::OutboxRow;

use crate::fault::HubError;
use crate::observation;
use crate::settings::Limits;

/// The name under which the master speaks in the envelope.
const MASTER: &str = "master";

/// "Master M is now at version n": what deliver needs of it. The document it delivers is the current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub entity: Entity,
    pub master_id: MasterId,
    pub version: u64,
}

/// The partition of a change: that of its root master.
pub(crate) fn partition(row: &OutboxRow, partitions: u32) -> u32 {
    u32::try_from(row.master.root.0 % u64::from(partitions.max(1))).unwrap_or_default()
}

/// The id of a change: one master has one for each version.
pub(crate) fn id(tenant: &str, master_id: MasterId, version: u64) -> String {
    envelope::change_id(tenant, &master_id.to_string(), version)
}

/// The event of an outbox row without its document. That suffices for a delivery, which takes the current document from
/// the store.
pub(crate) fn trigger(row: &OutboxRow, at: Timestamp, partitions: u32) -> (String, Vec<u8>) {
    let event = event(row, at, partitions);
    let bytes = event.to_bytes();
    (event.id, bytes)
}

/// The event of an outbox row.
pub(crate) fn encode(row: &OutboxRow, at: Timestamp, partitions: u32) -> Result<(String, Vec<u8>), HubError> {
    let master = &row.master;
    let mut event = event(row, at, partitions);
    if master.state == Operation::Upsert {
        let document = RawValue::from_string(master.document.to_string());
        event.data = Some(
            document.map_err(|error| HubError::Damaged(format!("the document of {}: {error}", master.master_id)))?,
        );
    }
    let bytes = event.to_bytes();
    Ok((event.id, bytes))
}

fn event(row: &OutboxRow, at: Timestamp, partitions: u32) -> Event {
    let master = &row.master;
    let kind = EventType::new(Stage::Changed, master.entity.clone());
    let id = id(&row.tenant, master.master_id, master.version);
    let partition = partition(row, partitions).to_string();
    let mut event = Event::new(id, row.tenant.clone(), Arc::from(MASTER), kind, partition, at);
    event.operation = master.state;
    event.version = Some(master.version);
    event.master_id = Some(master.master_id.to_string());
    event.survivor = master.redirect.map(|survivor| survivor.to_string());
    event
}

/// Packs the events of one lane.
pub(crate) fn pack(route: &Route, events: &[(String, Vec<u8>)], limits: &Limits) -> Vec<Message> {
    observation::pack(route, events, limits)
}

/// Reads the changes of a message of a delivery queue. Only the hub writes there, so one that cannot be read is damage.
pub(crate) fn decode(content_type: &str, body: &[u8]) -> Result<Vec<Change>, HubError> {
    let damaged = |what: String| HubError::Damaged(format!("a message of a delivery queue: {what}"));
    let events = observation::events(content_type, body).map_err(|error| damaged(error.to_string()))?;
    let changes = events.into_iter().map(|event| {
        let master_id = event.master_id.as_deref().and_then(|id| id.parse().ok());
        match (master_id, event.version) {
            (Some(master_id), Some(version)) => Ok(Change { entity: event.kind.entity, master_id, version }),
            _ => Err(damaged(format!("event {} has no master id or version", event.id))),
        }
    });
    changes.collect()
}
