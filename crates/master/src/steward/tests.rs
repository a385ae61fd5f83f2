use serde_json::json;

use super::*;

fn at(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(millisecond).unwrap()
}

/// What an override says after some decisions at 1, 2, 3 …, and what it is kept as.
#[track_caller]
fn check(entity: Entity, decisions: &[(&str, Value)], document: Value, claims: Value) {
    let mut stewards = Override::new(at(0));
    for (index, (unit, value)) in decisions.iter().enumerate() {
        stewards.set(&entity, unit, value.clone(), at(i64::try_from(index + 1).unwrap())).unwrap();
    }
    assert_eq!(stewards.document().to_string(), document.to_string());
    let kept = serde_json::to_value(stewards.asserted()).unwrap();
    assert_eq!(kept, json!({"t": 0, "except": claims}));
    let read = Override::of(stewards.document().clone(), serde_json::from_value(kept).unwrap());
    assert_eq!(read, stewards);
}

#[test]
fn units_of_every_kind_are_put_where_they_stand() {
    check(
        Entity::Customer,
        &[
            ("phones.office", json!("+33140205317")),
            ("legal_name", json!("Durand SA")),
            ("name", json!({"family_name": "Durand"})),
            ("identifiers.siren", json!("552 100 554")),
            ("addresses.main", json!({"city": "Paris", "line1": "1 rue A"})),
            ("addresses.billing", json!({"use": "billing", "city": "Lyon"})),
            ("credit_limit", json!({"amount": "5000", "currency": "EUR"})),
            ("payment_terms", json!({"days": 30})),
            ("roles", json!(["supplier"])),
            ("extensions.erp", json!({"flag": true})),
        ],
        json!({
            "legal_name": "Durand SA", "family_name": "Durand",
            "identifiers": [{"scheme": "siren", "value": "552100554"}],
            "addresses": [{"use": "billing", "city": "Lyon"}, {"use": "main", "line1": "1 rue A", "city": "Paris"}],
            "phones": [{"use": "office", "value": "+33140205317"}],
            "payment_terms": {"days": 30}, "credit_limit": {"amount": "5000", "currency": "EUR"},
            "roles": ["supplier"], "extensions": {"erp": {"flag": true}},
        }),
        json!({
            "phones.office": {"own": 1}, "legal_name": {"own": 2}, "name": {"own": 3}, "identifiers.siren": {"own": 4},
            "addresses.main": {"own": 5}, "addresses.billing": {"own": 6}, "credit_limit": {"own": 7},
            "payment_terms": {"own": 8}, "roles": {"own": 9}, "extensions.erp": {"own": 10},
        }),
    );
    check(
        Entity::Invoice,
        &[("seller.name", json!("Provider")), ("seller.identifiers.0088", json!("4012345000009"))],
        json!({"seller": {"name": "Provider", "identifiers": [{"scheme": "0088", "value": "4012345000009"}]}}),
        json!({"seller.name": {"own": 1}, "seller.identifiers.0088": {"own": 2}}),
    );
    check(
        Entity::Payment,
        &[("references.end_to_end_id", json!("E1"))],
        json!({"references": {"end_to_end_id": "E1"}}),
        json!({"references.end_to_end_id": {"own": 1}}),
    );
    check(
        Entity::Declared("ticket".into()),
        &[("state", json!("open"))],
        json!({"state": "open"}),
        json!({"state": {"own": 1}}),
    );
}

#[test]
fn the_last_decision_counts_and_nothing_is_a_decision_too() {
    check(
        Entity::Customer,
        &[
            ("legal_name", json!("A")),
            ("status", json!(null)),
            ("legal_name", json!("B")),
            ("addresses.main", json!("")),
        ],
        json!({"legal_name": "B"}),
        json!({"legal_name": {"own": 3}, "status": {"cleared": 2}, "addresses.main": {"cleared": 4}}),
    );
    check(
        Entity::Customer,
        &[("addresses.main", json!({"city": "Paris"})), ("addresses.main", json!(null))],
        json!({}),
        json!({"addresses.main": {"cleared": 2}}),
    );
    check(
        Entity::Customer,
        &[
            (
                "bank_accounts.main",
                json!([{"iban": "FR1420041010050500013M02606"}, {"iban": "DE89370400440532013000"}]),
            ),
            ("bank_accounts.old", json!([{"iban": "FR1420041010050500013M02606"}, {"iban": "DE89370400440532013000"}])),
            ("bank_accounts.main", json!({"iban": "DE89370400440532013000"})),
        ],
        json!({"bank_accounts": [
            {"use": "main", "iban": "DE89370400440532013000"},
            {"use": "old", "iban": "FR1420041010050500013M02606"}, {"use": "old", "iban": "DE89370400440532013000"},
        ]}),
        json!({"bank_accounts.main": {"own": 3}, "bank_accounts.old": {"own": 2}}),
    );
}

/// The message for a decision that is not taken; nothing changes then.
#[track_caller]
fn refuse(unit: &str, value: Value, expected: &str) {
    let mut stewards = Override::new(at(0));
    stewards.set(&Entity::Customer, "legal_name", json!("kept"), at(1)).unwrap();
    let before = stewards.clone();
    let message = stewards.set(&Entity::Customer, unit, value, at(2)).unwrap_err().to_string();
    assert!(message.starts_with(expected), "{message}");
    assert_eq!(stewards, before);
}

#[test]
fn what_is_no_unit_is_refused_with_what_would_be_one() {
    refuse(
        "legal_nmae",
        json!("x"),
        "\"legal_nmae\" names nothing: there is no \"legal_nmae\"; there are kind, legal_name,",
    );
    refuse(
        "addresses.main.city",
        json!("x"),
        "\"addresses.main.city\" is a part of \"addresses.main\", which wins as a whole",
    );
    refuse("credit_limit.amount", json!("1"), "\"credit_limit.amount\" is a part of \"credit_limit\"");
    refuse("family_name", json!("x"), "\"family_name\" is a part of \"name\"");
    refuse(
        "addresses",
        json!([]),
        "\"addresses\" is more than one value; name one of them, such as \"addresses.main\"",
    );
    refuse(
        "addresses.city",
        json!("x"),
        "\"addresses\" is more than one value; name one of them, such as \"addresses.main\"",
    );
    refuse(
        "identifiers",
        json!([]),
        "\"identifiers\" is more than one value; name one of them, such as \"identifiers.siren\"",
    );
    refuse("extensions", json!({}), "\"extensions\" is more than one value");
    refuse("", json!("x"), "\"\" is more than one value");
    refuse("extensions.erp.flag", json!("x"), "\"extensions.erp.flag\" is a part of \"extensions.erp\"");
}

#[test]
fn a_value_that_is_not_right_is_refused_without_showing_it() {
    refuse("legal_name", json!({"a": 1}), "\"legal_name\" cannot say this: legal_name:");
    refuse("addresses.main", json!("Paris"), "\"addresses.main\" takes an object, or a list of objects");
    refuse("addresses.main", json!({"use": "billing", "city": "x"}), "\"addresses.main\" takes items of this selector");
    refuse("addresses.main", json!({"citty": "x"}), "\"addresses.main\" has no field \"citty\"; it has use, ");
    refuse("name", json!("Anna Durand"), "\"name\" takes an object of given_name and family_name");
    refuse(
        "name",
        json!({"first_name": "Anna"}),
        "\"name\" has no field \"first_name\"; it has given_name, family_name",
    );
    refuse("credit_limit", json!("5000"), "\"credit_limit\" takes an object");
    refuse("credit_limit", json!({"amount": "1", "curency": "EUR"}), "\"credit_limit\" has no field \"curency\"");
    refuse("identifiers.siren", json!("552100555"), "\"identifiers.siren\" cannot say this: identifiers[0].value:");
    refuse(
        "emails.main",
        json!("nobody"),
        "\"emails.main\" cannot say this: emails[0].value: this is no e-mail address",
    );
    refuse("addresses.main", json!({"line1": ""}), "the value for \"addresses.main\" says nothing");
    refuse("trading_name", json!("x".repeat(OVERRIDE_BYTES_MAX)), "with \"trading_name\" the overrides of this master");
}

#[test]
fn a_master_has_so_many_overridden_units_and_no_more() {
    let mut stewards = Override::new(at(0));
    for index in 0..OVERRIDE_UNITS_MAX {
        stewards.set(&Entity::Customer, &format!("extensions.s{index}"), json!(1), at(1)).unwrap();
    }
    let more = stewards.set(&Entity::Customer, "extensions.more", json!(1), at(1)).unwrap_err();
    assert_eq!(more, OverrideError::TooMany { unit: "extensions.more".to_owned() });
    stewards.set(&Entity::Customer, "extensions.s0", json!(2), at(2)).unwrap();
    stewards.unset(&Entity::Customer, "extensions.s1").unwrap();
    stewards.set(&Entity::Customer, "extensions.more", json!(1), at(3)).unwrap();
}

#[test]
fn taking_back_says_what_is_overridden() {
    let mut stewards = Override::new(at(0));
    let message =
        |stewards: &mut Override, unit: &str| stewards.unset(&Entity::Customer, unit).unwrap_err().to_string();
    let nothing = "nothing is overridden at \"status\"; no unit of this master is";
    assert_eq!(message(&mut stewards, "status"), nothing);
    stewards.set(&Entity::Customer, "legal_name", json!("A"), at(1)).unwrap();
    stewards.set(&Entity::Customer, "addresses.main", json!({"city": "Paris"}), at(2)).unwrap();
    let others = "nothing is overridden at \"status\"; overridden are addresses.main, legal_name";
    assert_eq!(message(&mut stewards, "status"), others);
    assert!(message(&mut stewards, "legal_nmae").contains("names nothing"));
    stewards.unset(&Entity::Customer, "addresses.main").unwrap();
    assert_eq!(stewards.document(), &json!({"legal_name": "A"}));
    assert_eq!(stewards.units().collect::<Vec<_>>(), ["legal_name"]);
}

#[test]
fn an_error_shows_no_value() {
    for (unit, value) in [("identifiers.siren", "123456789"), ("emails.main", "secret person"), ("language", "secret!")]
    {
        let wrong = Override::new(at(0)).set(&Entity::Customer, unit, json!(value), at(1)).unwrap_err();
        assert!(!wrong.to_string().contains(value), "{wrong}");
    }
}
