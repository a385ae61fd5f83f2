use serde_json::json;

use super::*;

#[test]
fn the_units_of_a_document_are_told_in_the_order_of_its_fields() {
    let customer = json!({
        "kind": "person", "given_name": "Anna", "family_name": "Durand", "birth_date": "",
        "identifiers": [{"scheme": "siren", "value": "552100554"}],
        "addresses": [{"use": "main", "city": "Paris", "line1": "1 rue A"}, {"use": "main", "city": "Lyon"}],
        "credit_limit": {"amount": "1", "currency": "EUR"}, "payment_terms": {"days": 30, "code": "30J"},
        "roles": ["supplier", "reseller"], "extensions": {"erp": {"x": 1, "y": 2}},
    });
    assert_eq!(
        units(&Entity::Customer, &customer),
        [
            "kind",
            "name",
            "identifiers.siren",
            "addresses.main",
            "payment_terms",
            "credit_limit",
            "roles",
            "extensions.erp",
        ]
    );
    let invoice = json!({
        "number": "F1", "lines": [{"id": "1"}, {"id": "2"}], "totals": {"due_amount": "1", "paid_amount": "2"},
        "seller": {"name": "P", "address": {"city": "A", "country": "FR"}, "identifiers": [{"scheme": "gln", "value": "1"}]},
    });
    assert_eq!(
        units(&Entity::Invoice, &invoice),
        ["number", "seller.name", "seller.identifiers.gln", "seller.address", "totals", "lines",]
    );
    assert_eq!(units(&Entity::Declared("ticket".into()), &json!({"b": 1, "a": {"c": 1}})), ["a", "b"]);
}

#[track_caller]
fn check(entity: Entity, path: &str, expected: &str) {
    assert_eq!(unit_of(&entity, path), expected);
}

#[test]
fn every_path_has_its_unit() {
    check(Entity::Customer, "legal_name", "legal_name");
    check(Entity::Customer, "family_name", "name");
    check(Entity::Customer, "addresses.main.line1", "addresses.main");
    check(Entity::Customer, "addresses", "addresses");
    check(Entity::Customer, "contacts.accounting.family_name", "contacts.accounting");
    check(Entity::Customer, "credit_limit.amount", "credit_limit");
    check(Entity::Customer, "payment_terms.days", "payment_terms");
    check(Entity::Customer, "extensions.erp.colour", "extensions.erp");
    check(Entity::Invoice, "lines.net_amount", "lines");
    check(Entity::Invoice, "seller.address.city", "seller.address");
    check(Entity::Invoice, "seller.identifiers.gln.value", "seller.identifiers.gln");
    check(Entity::Invoice, "customer.key", "customer");
    check(Entity::Payment, "references.end_to_end_id", "references.end_to_end_id");
    check(Entity::Payment, "account.iban", "account");
    check(Entity::Declared("ticket".into()), "custom.part", "custom");
}

#[test]
fn unit_of_agrees_with_the_walk() {
    let document = json!({
        "number": "1", "account": {"iban": "x", "bic": "y"}, "references": {"uetr": "u", "end_to_end_id": "e"},
        "debtor": {"name": "n", "account": {"iban": "z"}, "identifiers": [{"scheme": "lei", "value": "v"}]},
    });
    for unit in units(&Entity::Payment, &document) {
        check(Entity::Payment, &unit, &unit);
    }
}
