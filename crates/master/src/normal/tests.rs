use serde_json::json;

use super::*;

#[track_caller]
fn check(entity: Entity, document: Value, expected: Value) {
    let mut document = document;
    normal(&entity, &mut document);
    assert_eq!(document.to_string(), expected.to_string());
    normal(&entity, &mut document);
    assert_eq!(document.to_string(), expected.to_string(), "twice");
}

#[test]
fn fields_are_in_the_order_of_the_type_and_empties_are_dropped() {
    check(
        Entity::Customer,
        json!({
            "status": "active", "payment_terms": {"days": 0, "code": ""}, "legal_name": "Durand", "trading_name": "",
            "credit_limit": {"currency": "EUR", "amount": "1.50"}, "kind": null, "roles": [], "electronic_address": {},
            "consents": [{"granted": false, "purpose": "profiling"}],
        }),
        json!({
            "legal_name": "Durand", "payment_terms": {"days": 0},
            "credit_limit": {"amount": "1.50", "currency": "EUR"}, "status": "active",
            "consents": [{"purpose": "profiling", "granted": false}],
        }),
    );
}

#[test]
fn items_are_in_the_order_of_their_selectors_and_equal_ones_keep_theirs() {
    check(
        Entity::Customer,
        json!({"addresses": [
            {"use": "main", "city": "Paris"}, {"city": "Lyon", "use": "billing"}, {}, {"use": "delivery"},
            {"use": "billing", "city": "Brest"}, {"city": "Nice"},
        ]}),
        json!({"addresses": [
            {"city": "Nice"}, {"use": "billing", "city": "Lyon"}, {"use": "billing", "city": "Brest"},
            {"use": "main", "city": "Paris"},
        ]}),
    );
}

#[test]
fn order_that_means_something_is_kept() {
    let lines = json!({"lines": [
        {"id": "2", "item": {"name": "B", "attributes": [{"name": "z", "value": "1"}, {"name": "a", "value": "2"}]}},
        {"id": "1"},
    ]});
    check(Entity::Invoice, lines.clone(), lines);
}

#[test]
fn extensions_keep_what_is_inside() {
    check(
        Entity::Customer,
        json!({"extensions": {"erp": {"b": "", "a": [null, {"y": 1, "x": 2}]}, "crm": {}}}),
        json!({"extensions": {"erp": {"a": [null, {"x": 2, "y": 1}], "b": ""}}}),
    );
    check(Entity::Declared("ticket".into()), json!({"b": {"d": "", "c": 1}, "a": ""}), json!({"b": {"c": 1, "d": ""}}));
}

#[test]
fn an_unknown_member_stays_behind_the_fields() {
    check(Entity::Customer, json!({"zeta": 1, "status": "x", "alpha": 2, "kind": "c"}), {
        json!({"kind": "c", "status": "x", "alpha": 2, "zeta": 1})
    });
}

#[track_caller]
fn check_same(one: Value, other: Value, expected: bool) {
    assert_eq!(same(&Entity::Customer, &one, &other), expected, "{one} {other}");
    assert_eq!(same(&Entity::Customer, &other, &one), expected, "{other} {one}");
}

#[test]
fn decimals_are_compared_as_numbers_and_missing_is_empty() {
    let limit = |amount: &str| json!({"credit_limit": {"amount": amount, "currency": "EUR"}});
    check_same(limit("5000"), limit("5000.00"), true);
    check_same(limit("5000"), limit("5000.01"), false);
    check_same(limit("0.1"), limit("0.10000000000000000000000000001"), false);
    check_same(limit("many"), limit("much"), false);
    check_same(json!({"credit_limit": {"amount": 5, "currency": "EUR"}}), limit("5.0"), true);
    check_same(json!({"legal_name": "5.0"}), json!({"legal_name": "5"}), false);
    check_same(json!({"legal_name": ""}), json!({}), true);
    check_same(json!({"roles": ["a", "b"]}), json!({"roles": ["b", "a"]}), false);
    check_same(json!({"roles": ["a"]}), json!({"roles": ["a", "b"]}), false);
    check_same(json!({"later": 1}), json!({}), false);
    check_same(json!({"extensions": {"erp": {"x": 1}}}), json!({"extensions": {"erp": {"x": 2}}}), false);
}
