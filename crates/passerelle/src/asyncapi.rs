//! The AsyncAPI 3 document of everything that travels on the bus; committed as `docs/asyncapi.json`.
//!
//! What it says of names, types and arguments comes from the code that publishes and declares them, so that the
//! document cannot fall behind it.

use bus::Queue;
use bus::rabbitmq::{ArgumentValue, DEAD_EXCHANGE, PUBLIC_EXCHANGE, RabbitMqOptions, arguments};
use canonical::entity::{Entity, Operation};
use canonical::envelope::{BATCH_CONTENT_TYPE, CONTENT_TYPE, EventType, Stage};
use canonical::schema;
use serde_json::{Map, Value, json};

/// Where the schemas of the documents are, as seen from `docs/`.
const SCHEMAS: &str = "../crates/canonical/schemas";

/// The version of the bindings for AMQP 0-9-1 that the document uses.
const BINDING_VERSION: &str = "0.3.0";

/// An attribute of every event: its name, the schema of its value, and what it means.
type Attribute = (&'static str, fn() -> Value, &'static str);

fn any_text() -> Value {
    json!({ "type": "string" })
}

/// Numbers that may pass 31 bits travel as text, since an integer of CloudEvents has 32 bits.
fn number() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]+$" })
}

/// Those that every event has.
const REQUIRED: &[Attribute] = &[
    ("specversion", || json!({ "const": "1.0" }), "The version of CloudEvents."),
    ("id", any_text, "Deterministic: a repeated message has the same."),
    ("source", || json!({ "type": "string", "format": "uri-reference" }), "`/TENANT/SYSTEM`; `master` for changes."),
    ("type", any_text, "`passerelle.STAGE.ENTITY.vMAJOR`."),
    ("time", || json!({ "type": "string", "format": "date-time" }), "When it was observed or published."),
    ("tenant", any_text, "The organisation that the document belongs to."),
    ("partitionkey", any_text, "Events of one key stay in order."),
    ("operation", operation, "What the event does to the document."),
];

/// Those that some events have.
const OPTIONAL: &[Attribute] = &[
    ("subject", any_text, "The business key, such as an invoice's number."),
    ("version", number, "Of a change: the document's version; versions compare across the tenant."),
    ("masterid", any_text, "Of a change: the master's id of the document; for a redirection, the id that loses."),
    ("survivor", any_text, "Of a redirection: the id that stays."),
    ("stream", any_text, "Of an observation: the stream that the record was read from."),
    ("drop", number, "Of an observation: the number of the pick-up that it came with."),
    ("file", any_text, "Of an observation: the file that it was found in."),
    ("line", number, "Of an observation: the line that it begins in."),
    ("ordinal", number, "Of an observation: its place in the drop."),
    ("recordkey", any_text, "Of an observation: the system's own key of the record."),
    ("mapping", any_text, "Of an observation: the version of the mapping."),
    ("covers", any_text, "Of an observation: the paths that the mapping covers, parted by commas."),
    ("residue", any_text, "Of an observation: what of the record the mapping does not carry."),
    ("derived", || json!({ "type": "boolean" }), "Of an observation: it came embedded in another document."),
    ("traceparent", any_text, "W3C trace context."),
    ("dataschema", || json!({ "type": "string", "format": "uri" }), "The identifier of the schema of `data`."),
    ("datacontenttype", || json!({ "const": "application/json" }), "The type of `data`."),
];

fn operation() -> Value {
    let operations = [Operation::Upsert, Operation::Remove, Operation::Redirect].map(Operation::name);
    json!({ "enum": operations })
}

/// The document as it is committed: indented, with a line's end.
pub fn text() -> String {
    // A value of our own is always JSON.
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

fn document() -> Value {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Passerelle",
            "version": format!("{}.0.0", schema::MAJOR),
            "description": "Everything that travels on the bus of a hub on RabbitMQ. \
                Foreign consumers bind a queue of their own to the exchange of the channel `public`; \
                the other channels belong to the hub. See consume.md.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels(),
        "operations": operations(),
        "components": { "messages": messages(), "schemas": { "event": event() } },
    })
}

fn channels() -> Value {
    let partition = json!({ "partition": { "description": "The number of the partition, from 0." } });
    let system = json!({ "system": { "description": "The system that is fed, as its file in `systems/` is named." } });
    json!({
        "public": {
            "address": "{tenant}.{entity}.{operation}",
            "title": "Changes, for everybody",
            "description": "Every new version of a master document, one event a message. \
                Nobody need listen; what was published before a queue was bound is not repeated.",
            "messages": references(Stage::Changed, false),
            "parameters": {
                "tenant": { "description": "The organisation that the document belongs to." },
                "entity": { "enum": Entity::CANONICAL.iter().map(Entity::name).collect::<Vec<_>>() },
                "operation": operation(),
            },
            "bindings": { "amqp": {
                "is": "routingKey",
                "exchange": { "name": PUBLIC_EXCHANGE, "type": "topic", "durable": true, "autoDelete": false, "vhost": "/" },
                "bindingVersion": BINDING_VERSION,
            } },
        },
        "observed": queue("observed.{partition}", &Queue::Observed(0), "Observations of one partition, on their way to resolve",
            references(Stage::Observed, true), &partition),
        "delivery": queue("delivery.{system}", &Queue::Delivery("system".into()), "Changes on their way to one system",
            references(Stage::Changed, true), &system),
        "dead": queue("dead", &Queue::Dead, "What was delivered too often, which only a crash loop does",
            all(), &json!({})),
    })
}

/// A queue of the hub's own. Its arguments are those of a hub with the limits that it has by default.
fn queue(address: &str, queue: &Queue, title: &str, messages: Value, parameters: &Value) -> Value {
    let address = format!("passerelle.{address}");
    let arguments: Map<String, Value> = arguments(queue, &RabbitMqOptions::default())
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                ArgumentValue::Text(text) => Value::from(text),
                ArgumentValue::Number(number) => Value::from(number),
                ArgumentValue::Flag(flag) => Value::from(flag),
            };
            (name, value)
        })
        .collect();
    let mut channel = json!({
        "address": address,
        "title": title,
        "description": "The hub's own: only a hub publishes to it and consumes it.",
        "messages": messages,
        "parameters": parameters,
        "bindings": { "amqp": {
            "is": "queue",
            "queue": { "name": address, "durable": true, "exclusive": false, "autoDelete": false, "vhost": "/" },
            "bindingVersion": BINDING_VERSION,
        } },
        "x-queue-arguments": arguments,
    });
    if *queue == Queue::Dead {
        channel["x-bound-to"] = DEAD_EXCHANGE.into();
    }
    channel
}

/// What the hub itself does on the channels.
fn operations() -> Value {
    let operation = |action: &str, channel: &str, summary: &str| json!({ "action": action, "channel": { "$ref": format!("#/channels/{channel}") }, "summary": summary });
    json!({
        "tellChanges": operation("send", "public", "The relay tells everybody of a change."),
        "publishObservations": operation("send", "observed", "Collect publishes what a system shows."),
        "resolveObservations": operation("receive", "observed", "Resolve decides whose document an observation is."),
        "publishChanges": operation("send", "delivery", "The relay publishes a change for each system that is fed it."),
        "deliverChanges": operation("receive", "delivery", "Deliver brings a system to hold what it should."),
        "parkDead": operation("receive", "dead", "The hub sets aside what was given up on."),
    })
}

fn name(stage: Stage, entity: &Entity) -> String {
    let mut entity = entity.name().to_owned();
    entity[..1].make_ascii_uppercase();
    format!("{}{entity}", stage.name())
}

fn batch_name(stage: Stage) -> String {
    format!("{}Batch", stage.name())
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/messages/{name}") })
}

/// The messages of a stage, for a channel.
fn references(stage: Stage, with_batch: bool) -> Value {
    let names = Entity::CANONICAL.iter().map(|entity| name(stage, entity));
    let names = names.chain(with_batch.then(|| batch_name(stage)));
    Value::Object(names.map(|name| (name.clone(), reference(&name))).collect())
}

fn all() -> Value {
    let mut all = references(Stage::Observed, true);
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), references(Stage::Changed, true)) {
        all.extend(more);
    }
    all
}

fn messages() -> Value {
    let mut messages = Map::new();
    for (stage, title) in [(Stage::Observed, "shown by a system"), (Stage::Changed, "in a new version of the master")] {
        for entity in &Entity::CANONICAL {
            messages.insert(name(stage, entity), message(stage, entity, title));
        }
        let singles = Entity::CANONICAL
            .iter()
            .map(|entity| json!({ "$ref": format!("#/components/messages/{}/payload", name(stage, entity)) }));
        let batch = json!({
            "title": format!("Several documents {title}"),
            "summary": "Events of one partition, in order.",
            "contentType": BATCH_CONTENT_TYPE,
            "payload": { "type": "array", "minItems": 1, "items": { "anyOf": singles.collect::<Vec<_>>() } },
        });
        messages.insert(batch_name(stage), batch);
    }
    Value::Object(messages)
}

fn message(stage: Stage, entity: &Entity, title: &str) -> Value {
    let kind = EventType::new(stage, entity.clone());
    let file = format!("{SCHEMAS}/{entity}.v{}.json", kind.major);
    json!({
        "name": kind.to_string(),
        "title": format!("A document of {entity} {title}"),
        "contentType": CONTENT_TYPE,
        "correlationId": { "description": "AMQP's `message-id` is the event's `id`.", "location": "$message.payload#/id" },
        "bindings": { "amqp": { "messageType": kind.to_string(), "bindingVersion": BINDING_VERSION } },
        "payload": { "allOf": [
            { "$ref": "#/components/schemas/event" },
            { "properties": {
                "type": { "const": kind.to_string() },
                "dataschema": { "const": schema::id(entity, kind.major) },
                "data": { "$ref": file },
            } },
        ] },
    })
}

fn event() -> Value {
    let properties = REQUIRED.iter().chain(OPTIONAL).map(|(name, schema, description)| {
        let mut schema = schema();
        schema["description"] = (*description).into();
        ((*name).to_owned(), schema)
    });
    let mut properties: Map<String, Value> = properties.collect();
    let data =
        "The document; not there for a removal or a redirection, nor for one that is larger than a message may be.";
    properties.insert("data".to_owned(), json!({ "description": data }));
    json!({
        "title": "CloudEvents 1.0, structured JSON",
        "description": "All attributes stand in the body; AMQP's headers carry none.",
        "type": "object",
        "required": REQUIRED.iter().map(|(name, ..)| *name).collect::<Vec<_>>(),
        "properties": properties,
    })
}

#[cfg(test)]
mod tests;
