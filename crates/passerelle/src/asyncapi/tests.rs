use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use canonical::envelope::{Covers, Event};
use canonical::record::Place;
use jiff::Timestamp;

use super::*;

#[test]
fn the_document_is_the_one_that_is_committed() {
    crate::golden::check("docs/asyncapi.json", &text());
}

/// An event with everything that one can have.
fn full() -> Value {
    let kind = EventType::new(Stage::Observed, Entity::Customer);
    let (tenant, system): (Arc<str>, Arc<str>) = ("acme".into(), "erp".into());
    let mut event = Event::new("1".to_owned(), tenant, system, kind, "0".to_owned(), Timestamp::UNIX_EPOCH);
    event.subject = Some("C-1".to_owned());
    event.version = Some(1);
    event.master_id = Some("m1".to_owned());
    event.survivor = Some("m2".to_owned());
    event.stream = Some("customers".into());
    event.drop = Some(1);
    event.place = Some(Place { file: Some("customers.csv".into()), line: Some(2), ordinal: 1 });
    event.record_key = Some("C-1".to_owned());
    event.mapping = Some("0".into());
    event.covers = Some(Covers::new(["names"]));
    event.residue = Some("{}".to_owned());
    event.derived = true;
    event.traceparent = Some("00-0-0-00".to_owned());
    event.data = serde_json::value::to_raw_value(&json!({ "kind": "company" })).ok();
    serde_json::from_slice(&event.to_bytes()).unwrap()
}

#[test]
fn every_attribute_of_an_event_is_described_and_no_other() {
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&event()["properties"]), names(&full()));
}

/// Everything that a `$ref` of the document names.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 15, "{found:?}");
    for reference in found {
        let leads = match reference.strip_prefix('#') {
            Some(pointer) => document.pointer(pointer).is_some(),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(&reference).is_file(),
        };
        assert!(leads, "{reference} leads nowhere");
    }
}

#[test]
fn every_channel_is_one_of_the_bus_and_its_parameters_stand_in_its_address() {
    let document = document();
    let channels = document["channels"].as_object().unwrap();
    for (name, channel) in channels {
        let address = channel["address"].as_str().unwrap();
        for parameter in channel["parameters"].as_object().unwrap().keys() {
            assert!(address.contains(&format!("{{{parameter}}}")), "{name}: {parameter}");
        }
        if name != "public" {
            let example = address.replace("{partition}", "7").replace("{system}", "crm");
            assert_eq!(Queue::of_name(&example).unwrap().to_string(), example);
        }
    }
    for operation in document["operations"].as_object().unwrap().values() {
        let channel = operation["channel"]["$ref"].as_str().unwrap().trim_start_matches("#/channels/");
        assert!(channels.contains_key(channel), "{operation}");
    }
}
