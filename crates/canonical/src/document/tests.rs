use proptest::prelude::*;
use serde_json::json;

use super::shape::{Shape, Shaped};
use super::*;

fn read(entity: Entity, json: Value) -> Document {
    Document::from_json(&entity, json).unwrap()
}

#[test]
fn fields_that_say_nothing_vanish() {
    for entity in Entity::CANONICAL {
        assert_eq!(read(entity, json!({})).to_json(), json!({}));
    }
    let said = json!({"addresses": [{"use": "main", "line1": "1 rue Neuve"}], "credit_limit": {"amount": "10.50", "currency": "EUR"}});
    let mut with_nothing = said.clone();
    with_nothing["legal_name"] = Value::Null;
    with_nothing["emails"] = json!([]);
    with_nothing["payment_terms"] = json!({});
    assert_eq!(read(Entity::Customer, with_nothing).to_json(), said);
    assert_eq!(read(Entity::Payment, json!({"customer": {}, "number": "1"})).to_json(), json!({"number": "1"}));
}

#[test]
fn amounts_keep_their_digits() {
    for amount in ["10.50", "0.000", "-3", "79228162514264337593543950335", "0.0000000000000000000000000001"] {
        let json = json!({"totals": {"due_amount": amount}});
        assert_eq!(read(Entity::Invoice, json.clone()).to_json(), json);
    }
}

#[test]
fn values_of_the_wrong_type_are_refused_without_being_shown() {
    let cases = [
        json!({"credit_limit": {"amount": "secret", "currency": "EUR"}}),
        json!({"credit_limit": {"amount": 10.5, "currency": "EUR"}}),
        json!({"credit_limit": {"amount": "10.5"}}),
        json!({"currency": "eur"}),
        json!({"currency": "EURO"}),
        json!({"birth_date": "31/12/1980"}),
        json!({"legal_name": 7}),
        json!({"addresses": {"main": {}}}),
    ];
    for json in cases {
        let error = Document::from_json(&Entity::Customer, json.clone()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "this JSON is no customer: a value has the wrong type or form; validate it by the entity's schema to see every place",
            "{json}"
        );
    }
    assert!(Document::from_json(&Entity::Customer, json!([])).unwrap_err().to_string().contains("it is no object"));
    assert!(Document::from_slice(&Entity::Customer, b"{} {}").is_err());
    assert!(Document::from_slice(&Entity::Customer, b"{").unwrap_err().to_string().contains("ends too early"));
    // The direction decides about sums, so no unknown code may survive in it.
    assert!(Document::from_json(&Entity::Payment, json!({"direction": "sideways"})).is_err());
}

#[test]
fn unknown_codes_survive_as_text() {
    let json = json!({"kind": "cooperative", "status": "on hold", "language": "tlh", "currency": "XYZ"});
    assert_eq!(read(Entity::Customer, json.clone()).to_json(), json);
}

#[test]
fn unknown_fields_survive_under_their_paths() {
    let document = read(
        Entity::Customer,
        json!({
            "legal_name": "Dupont",
            "colour": "blue",
            "nothing": null,
            "addresses": [{"line1": "a"}, {"line1": "b", "geo": {"x": 1}}],
            "credit_limit": {"amount": "1", "currency": "EUR", "since": "2026-01-01"},
            "extensions": {"erp": {"old": true}},
        }),
    );
    let expected = json!({
        "erp": {"old": true},
        "unknown": {"colour": "blue", "addresses[1].geo": {"x": 1}, "credit_limit.since": "2026-01-01"},
    });
    assert_eq!(document.to_json()["extensions"], expected);
    let again = read(Entity::Customer, document.to_json());
    assert_eq!(again, document);
}

#[test]
fn declared_entities_are_kept_as_they_are() {
    let entity = Entity::Declared("stock-item".into());
    let json = json!({"sku": 7, "nothing": null});
    let document = read(entity.clone(), json.clone());
    assert_eq!((document.entity(), document.to_json()), (entity, json));
}

#[test]
fn lists_have_their_selectors() {
    let cases = [
        (Entity::Customer, "identifiers", Some("scheme")),
        (Entity::Customer, "addresses", Some("use")),
        (Entity::Customer, "contacts", Some("role")),
        (Entity::Customer, "emails", Some("use")),
        (Entity::Customer, "phones", Some("use")),
        (Entity::Customer, "bank_accounts", Some("use")),
        (Entity::Customer, "consents", Some("purpose")),
        (Entity::Customer, "sharing_restrictions", Some("recipient")),
        (Entity::Customer, "roles", None),
        (Entity::Customer, "legal_name", None),
        (Entity::Customer, "nonsense", None),
        (Entity::Invoice, "seller.identifiers", Some("scheme")),
        (Entity::Invoice, "lines", None),
        (Entity::Invoice, "lines.item.classifications", Some("scheme")),
        (Entity::Invoice, "lines.item.attributes", Some("name")),
        (Entity::Payment, "debtor.identifiers", Some("scheme")),
        (Entity::Declared("ticket".into()), "identifiers", None),
    ];
    for (entity, path, expected) in cases {
        assert_eq!(lists::selector(&entity, path), expected, "{entity} {path}");
    }
}

#[test]
fn shapes_are_found_by_path() {
    let customer = lists::shape(&Entity::Customer);
    assert_eq!(customer.at("addresses.use"), Some(Shape::Text));
    assert_eq!(customer.at("credit_limit.currency"), Some(Shape::Letters(3)));
    assert_eq!(customer.at("birth_date"), Some(Shape::Date));
    assert_eq!(customer.at("changed_at"), Some(Shape::Timestamp));
    assert_eq!(customer.at("legal_name.more"), None);
    assert_eq!(lists::shape(&Entity::Invoice).at("lines.price.net"), Some(Shape::Decimal));
    assert!(Customer::default().is_empty());
    assert!(!Customer { legal_name: Some(String::new()), ..Customer::default() }.is_empty());
}

/// Whether a field is written that says nothing; what is in `extensions` is not ours.
fn has_empty_field(json: &Value) -> bool {
    match json {
        Value::Object(members) => members.iter().filter(|(name, _)| *name != "extensions").any(|(_, value)| {
            let is_empty = match value {
                Value::Null => true,
                Value::Array(items) => items.is_empty(),
                Value::Object(members) => members.is_empty(),
                _ => false,
            };
            is_empty || has_empty_field(value)
        }),
        Value::Array(items) => items.iter().any(has_empty_field),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_document_survives_json(document in generated::document()) {
        let entity = document.entity();
        let json = document.to_json();
        prop_assert!(!has_empty_field(&json), "{json}");
        prop_assert_eq!(&Document::from_json(&entity, json.clone()).unwrap(), &document);
        prop_assert_eq!(&Document::from_slice(&entity, json.to_string().as_bytes()).unwrap(), &document);
    }
}
