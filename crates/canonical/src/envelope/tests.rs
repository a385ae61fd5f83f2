use serde_json::{Value, json};

use super::*;
use crate::document::Customer;

fn event() -> Event {
    let kind = EventType::new(Stage::Observed, Entity::Customer);
    let content = ContentHash([7; 16]);
    let id = observation_id("acme", "erp", "customers", 12, 3, content);
    let mut event = Event::new(id, "acme".into(), "erp".into(), kind, "acme/erp/C1".into(), Timestamp::UNIX_EPOCH);
    event.subject = Some("C1".into());
    event.stream = Some("customers".into());
    event.drop = Some(12);
    event.place = Some(Place { file: Some("clients.csv".into()), line: Some(5_000_000_000), ordinal: 3 });
    event.record_key = Some("C1".into());
    event.mapping = Some("0f".into());
    event.covers = Some(Covers::new(["legal_name", "addresses.main", "legal_name", ""]));
    event.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    let customer = Customer { legal_name: Some("Dupont".into()), ..Customer::default() };
    event.set_document(&Document::Customer(Box::new(customer))).unwrap();
    event
}

fn json_of(event: &Event) -> Value {
    serde_json::from_slice(&event.to_bytes()).unwrap()
}

fn read(json: &Value) -> Result<Event, EnvelopeError> {
    decode(json.to_string().as_bytes(), Limits::default())
}

fn wrong_attributes(json: &Value) -> Vec<String> {
    match read(json) {
        Err(EnvelopeError::Invalid { findings, .. }) => findings.into_iter().map(|finding| finding.path).collect(),
        other => panic!("expected findings, got {other:?}"),
    }
}

#[test]
fn an_event_is_a_cloud_event() {
    assert_eq!(
        json_of(&event()),
        json!({
            "specversion": "1.0",
            "id": "acme/erp/customers/12/3/07070707070707070707070707070707",
            "source": "/acme/erp",
            "type": "passerelle.observed.customer.v1",
            "subject": "C1",
            "time": "1970-01-01T00:00:00Z",
            "tenant": "acme",
            "partitionkey": "acme/erp/C1",
            "operation": "upsert",
            "stream": "customers",
            "drop": "12",
            "file": "clients.csv",
            "line": "5000000000",
            "ordinal": "3",
            "recordkey": "C1",
            "mapping": "0f",
            "covers": "addresses.main,legal_name",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "dataschema": "urn:passerelle:schema:customer:v1",
            "datacontenttype": "application/json",
            "data": {"legal_name": "Dupont"},
        })
    );
}

#[test]
fn attribute_names_are_lower_case_letters_and_digits() {
    let mut event = event();
    event.version = Some(u64::MAX);
    event.master_id = Some("M1".into());
    event.survivor = Some("M2".into());
    for name in json_of(&event).as_object().unwrap().keys() {
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{name}");
    }
}

#[test]
fn what_was_written_is_read() {
    let mut redirect = event();
    redirect.kind = EventType::new(Stage::Changed, Entity::Declared("stock-item".into()));
    redirect.operation = Operation::Redirect;
    redirect.version = Some(u64::MAX);
    redirect.master_id = Some("M1".into());
    redirect.survivor = Some("M2".into());
    redirect.data = None;
    redirect.place = None;
    let events = [event(), redirect];
    for event in &events {
        let read = decode(&event.to_bytes(), Limits::default()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{event:?}"));
    }
    let batch = decode_batch(&encode_batch(&events), Limits::default()).unwrap();
    assert_eq!(format!("{batch:?}"), format!("{events:?}"));
    assert!(decode_batch(&encode_batch(&[]), Limits::default()).unwrap().is_empty());
}

#[test]
fn data_travel_as_they_came() {
    let message =
        json_of(&event()).to_string().replace(r#"{"legal_name":"Dupont"}"#, r#"{ "legal_name" : "Dupont", "x": 1e2 }"#);
    let event = decode(message.as_bytes(), Limits::default()).unwrap();
    assert_eq!(event.data.as_deref().map(RawValue::get), Some(r#"{ "legal_name" : "Dupont", "x": 1e2 }"#));
    let Some(Document::Customer(customer)) = event.document().unwrap() else { panic!("a customer") };
    assert_eq!(customer.legal_name.as_deref(), Some("Dupont"));
}

#[test]
fn every_wrong_attribute_is_reported_by_name() {
    assert_eq!(
        wrong_attributes(&json!({})),
        ["specversion", "id", "source", "type", "time", "tenant", "partitionkey", "operation"]
    );
    let cases = [
        ("specversion", json!("0.3")),
        ("id", json!(7)),
        ("id", json!("")),
        ("source", json!("acme/erp")),
        ("source", json!("/acme")),
        ("source", json!("/acme/erp/more")),
        ("type", json!("passerelle.observed.customer")),
        ("type", json!("com.example.customer.v1")),
        ("time", json!("yesterday")),
        ("tenant", json!("other")),
        ("operation", json!("delete")),
        ("version", json!("-1")),
        ("version", json!(1.5)),
        ("drop", json!("x")),
        ("line", json!(true)),
        ("subject", json!({})),
        ("datacontenttype", json!("text/xml")),
        ("data", json!(null)),
        ("data_base64", json!("AAAA")),
    ];
    for (name, value) in cases {
        let mut json = json_of(&event());
        json[name] = value;
        assert_eq!(wrong_attributes(&json), [name], "{}", json[name]);
    }
    let mut redirect = json_of(&event());
    redirect["operation"] = json!("redirect");
    assert_eq!(wrong_attributes(&redirect), ["survivor"]);
}

#[test]
fn attributes_of_others_and_numbers_are_taken() {
    let mut json = json_of(&event());
    json["sampledrate"] = json!(3);
    json["version"] = json!(41);
    json["datacontenttype"] = json!("application/json; charset=utf-8");
    assert_eq!(read(&json).unwrap().version, Some(41));
    json["operation"] = json!("remove");
    json["data"] = json!(null);
    assert!(read(&json).unwrap().document().unwrap().is_none());
}

#[test]
fn messages_have_limits() {
    let events = [event(), event(), event()];
    let message = encode_batch(&events);
    let exact = Limits { bytes_max: message.len(), events_max: 3 };
    assert_eq!(decode_batch(&message, exact).unwrap().len(), 3);
    let short = Limits { bytes_max: message.len() - 1, ..exact };
    let error = decode_batch(&message, short).unwrap_err();
    assert_eq!(error, EnvelopeError::TooLong { bytes: message.len(), bytes_max: message.len() - 1 });
    let few = Limits { events_max: 2, ..exact };
    assert_eq!(decode_batch(&message, few).unwrap_err(), EnvelopeError::TooMany { events: 3, events_max: 2 });
    assert!(matches!(decode(&message, exact), Err(EnvelopeError::Malformed { .. })));
    assert!(matches!(decode(b"{", exact), Err(EnvelopeError::Malformed { line: 1, column: 1 })));
}

#[test]
fn the_wrong_event_of_a_batch_is_named() {
    let mut wrong = json_of(&event());
    wrong["tenant"] = json!(null);
    let batch = json!([json_of(&event()), wrong]).to_string();
    let error = decode_batch(batch.as_bytes(), Limits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "event 1 of the message has 1 wrong attributes, the first at tenant: the attribute is missing or empty [PSR-ENVELOPE]"
    );
}

#[test]
fn event_types_are_read_as_they_are_written() {
    for text in ["passerelle.observed.customer.v1", "passerelle.changed.stock-item.v12"] {
        assert_eq!(text.parse::<EventType>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "passerelle",
        "passerelle.observed.customer.1",
        "passerelle.seen.customer.v1",
        "passerelle.observed.customer.v1.x",
    ] {
        assert!(text.parse::<EventType>().is_err(), "{text}");
    }
}

#[test]
fn covering_a_group_covers_what_is_in_it() {
    let covers = Covers::new(["addresses.main", "legal_name", "lines"]);
    for (path, expected) in [
        ("addresses.main", true),
        ("addresses.main.line1", true),
        ("addresses.mainly", false),
        ("addresses", false),
        ("legal_name", true),
        ("lines[2].net_amount", true),
        ("", false),
    ] {
        assert_eq!(covers.contains(path), expected, "{path}");
    }
    assert!(!Covers::new([]).contains("legal_name"));
}

#[test]
fn ids_are_deterministic_and_tell_messages_apart() {
    let id = |drop, local: &str, content| observation_id("t", "s", "f", drop, local, ContentHash([content; 16]));
    assert_eq!(id(1, "a", 1), id(1, "a", 1));
    for other in [id(2, "a", 1), id(1, "b", 1), id(1, "a", 2)] {
        assert_ne!(other, id(1, "a", 1));
    }
    assert_eq!(change_id("t", "M1", 7), "t/M1/7");
}
