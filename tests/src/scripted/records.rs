//! Rows that the tests with scripted systems share, and the mappings that read and write them.

use std::sync::Arc;

use bus::{Message, Queue, Route};
use canonical::entity::Entity;
use canonical::envelope::{CONTENT_TYPE, Event, EventType, Stage};
use canonical::record::Place;
use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use store::Position;

use super::world::TENANT;

pub use crate::mappings::{CUSTOMER_JSON as CUSTOMER, INVOICE_JSON as INVOICE, PAYMENT_JSON as PAYMENT};

/// A customer by id, name and city.
pub fn customer(id: &str, name: &str, city: &str) -> Value {
    json!({"id": id, "name": name, "city": city, "mail": format!("{id}@example.org")})
}

/// The same with a strong identifier.
pub fn company(id: &str, name: &str, siren: &str) -> Value {
    json!({"id": id, "name": name, "siren": siren})
}

/// An invoice of a customer.
pub fn invoice(number: &str, client: &str, total: &str) -> Value {
    json!({"id": number, "number": number, "date": "2026-03-01", "client": client, "total": total})
}

/// What collect publishes of a record of the ERP, read at a place and a time by a mapping.
pub fn observation(
    (entity, key): (Entity, &str),
    position: Position,
    at: Timestamp,
    mapping: &str,
    data: &Value,
) -> Event {
    let stream: Arc<str> = if entity == Entity::Customer { "customers".into() } else { "invoices".into() };
    let kind = EventType::new(Stage::Observed, entity);
    let mut event = Event::new(format!("{key}-{at}-{mapping}"), TENANT.into(), "erp".into(), kind, "0".to_owned(), at);
    event.stream = Some(stream);
    event.drop = Some(position.drop);
    event.place = Some(Place { file: None, line: None, ordinal: position.ordinal });
    event.record_key = Some(key.to_owned());
    event.mapping = Some(mapping.into());
    event.data = RawValue::from_string(data.to_string()).ok();
    event
}

/// The message of an observation in the first partition.
pub fn message(event: &Event) -> Message {
    let route = Route::Queue(Queue::Observed(0));
    Message { route, id: event.id.clone(), content_type: CONTENT_TYPE, body: event.to_bytes() }
}
