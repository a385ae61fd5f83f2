use serde_json::json;

use super::*;

fn read_invoice(json: serde_json::Value) -> Option<String> {
    invoice("acme", &serde_json::from_value(json).unwrap())
}

fn read_payment(json: serde_json::Value, occurrence: u32) -> Option<String> {
    payment("acme", &serde_json::from_value(json).unwrap(), occurrence)
}

#[test]
fn an_invoice_is_known_by_seller_number_year_and_type() {
    let base = json!({
        "number": " F/2026-1 ", "issue_date": "2026-11-21", "type_code": "380",
        "seller": {"name": "Vendeur", "vat_identifier": "FR 44 732 829 320"}
    });
    assert_eq!(read_invoice(base.clone()).as_deref(), Some("invoice/acme/siren:732829320/F%2F2026-1/2026/380"));
    let mut by_siret = base.clone();
    by_siret["seller"] = json!({"legal_registration": {"scheme": "0009", "value": "73282932000074"}});
    assert_eq!(read_invoice(by_siret), read_invoice(base.clone()));
    let mut without = base.clone();
    without["seller"] = json!({});
    without["type_code"] = json!(null);
    assert_eq!(read_invoice(without).as_deref(), Some("invoice/acme/tenant/F%2F2026-1/2026/-"));
    for field in ["number", "issue_date"] {
        let mut json = base.clone();
        json[field] = json!(null);
        assert_eq!(read_invoice(json), None, "{field}");
    }
    for (field, value) in [("number", "F-2"), ("issue_date", "2025-11-21"), ("type_code", "381")] {
        let mut json = base.clone();
        json[field] = json!(value);
        assert_ne!(read_invoice(json), read_invoice(base.clone()), "{field}");
    }
}

#[test]
fn a_payment_is_known_by_the_banks_reference_whatever_the_report() {
    let booked = json!({
        "account": {"iban": "FR14 2004 1010 0505 0001 3M02 606"},
        "references": {"account_servicer_reference": "B7"}, "statement": {"kind": "statement", "id": "S1"},
        "amount": {"amount": "10", "currency": "EUR"}, "booking_date": "2026-11-20"
    });
    let mut announced = booked.clone();
    announced["statement"] = json!({"kind": "intraday", "id": "S0"});
    announced["booking_date"] = json!(null);
    let expected = Some("payment/acme/FR1420041010050500013M02606/B7");
    assert_eq!(read_payment(booked.clone(), 0).as_deref(), expected);
    assert_eq!(read_payment(announced, 0).as_deref(), expected);
    assert_ne!(read_payment(booked, 1).as_deref(), expected);
}

#[test]
fn a_payment_without_the_banks_reference_is_known_by_what_it_is() {
    let base = json!({
        "account": {"account_number": "12345"}, "amount": {"amount": "10.50", "currency": "EUR"},
        "booking_date": "2026-11-20", "direction": "credit", "references": {"end_to_end_id": "E1"}
    });
    assert_eq!(read_payment(base.clone(), 0).as_deref(), Some("payment/acme/12345/2026-11-20/10.5 EUR/E1/0"));
    assert_ne!(read_payment(base.clone(), 0), read_payment(base.clone(), 1));
    let mut other_scale = base.clone();
    other_scale["amount"]["amount"] = json!("10.5000");
    assert_eq!(read_payment(other_scale, 0), read_payment(base.clone(), 0));
    let mut debit = base.clone();
    debit["direction"] = json!("debit");
    assert_ne!(read_payment(debit, 0), read_payment(base.clone(), 0));
    for field in ["amount", "booking_date"] {
        let mut json = base.clone();
        json[field] = json!(null);
        assert_eq!(read_payment(json, 0), None, "{field}");
    }
}

#[test]
fn an_allocation_is_known_by_its_two_sides() {
    let read = |json| allocation("acme", &serde_json::from_value(json).unwrap(), 0);
    let base = json!({"payment": {"key": "P1"}, "invoice": {"master_id": "M2"}, "date": "2026-11-21"});
    assert_eq!(read(base.clone()).as_deref(), Some("allocation/acme/payment/:P1/master:M2/2026-11-21/0"));
    let credit = json!({"credit_note": {"system": "erp", "key": "C1"}, "invoice": {"number": "F1"}});
    assert_eq!(read(credit).as_deref(), Some("allocation/acme/credit-note/erp:C1/number:F1/-/0"));
    assert_eq!(read(json!({"payment": {"key": "P1"}})), None);
    assert_eq!(read(json!({"payment": {}, "invoice": {"key": "F"}})), None);
}

#[test]
fn keys_do_not_collide_when_parts_hold_the_separator() {
    assert_ne!(key(&["a/b", "c"]), key(&["a", "b/c"]));
    assert_ne!(key(&["a/b"]), key(&["a%2Fb"]));
}

#[test]
fn a_key_is_as_long_as_an_index_takes_it() {
    let whole = "9".repeat(BYTES_MAX - "invoice/".len());
    assert_eq!(key(&["invoice", &whole]), format!("invoice/{whole}"));
    let mut keys = Vec::new();
    for number in ["9".repeat(BYTES_MAX), format!("{}8", "9".repeat(BYTES_MAX)), "é".repeat(BYTES_MAX)] {
        let key = key(&["invoice", &number]);
        assert!(key.len() <= BYTES_MAX && key.len() > BYTES_MAX - 4 && key.starts_with("invoice/"), "{key}");
        assert_eq!(key.matches("%:").count(), 1, "{key}");
        keys.push(key);
    }
    keys.dedup();
    assert_eq!(keys.len(), 3, "two numbers that differ at their end have one key");
    // No part writes what stands before a hash, nor what a column cannot hold.
    assert_eq!(key(&["a%:b\0"]), "a%25:b%00");
}

#[test]
fn an_embedded_buyer_is_known_by_identifier_else_by_name_and_postcode() {
    let read = |json| party(&serde_json::from_value(json).unwrap());
    let named = |name: &str, postcode: &str| read(json!({"name": name, "address": {"postcode": postcode}}));
    assert_eq!(
        read(json!({"name": "X", "identifiers": [{"scheme": "0199", "value": "969500TJ5KRTCJQWXH05"}]})).as_deref(),
        Some("lei:969500TJ5KRTCJQWXH05")
    );
    let key = named("Société Générale d'Œuvres", "75 008").unwrap();
    assert!(key.starts_with("name:") && key.len() == 37, "{key}");
    assert_eq!(named("SOCIETE  GENERALE D’OEUVRES.", "75008"), Some(key.clone()));
    assert_ne!(named("Société Générale d'Œuvres", "75009"), Some(key.clone()));
    assert_ne!(named("Société Générale", "75 008"), Some(key));
    // An identifier that fails its check has no weight.
    assert_eq!(read(json!({"name": "X", "vat_identifier": "FR00000000001"})), read(json!({"name": "x"})));
    assert_eq!(read(json!({"address": {"postcode": "75008"}})), None);
    assert_eq!(read(json!({"name": " - "})), None);
}

#[test]
fn a_party_becomes_a_customer_with_all_that_it_says() {
    let party: Party = serde_json::from_value(json!({
        "name": "Acheteur", "trading_name": "A",
        "identifiers": [{"scheme": "0088", "value": "4012345000009"}, {"scheme": "0002", "value": "732829320"}, {"value": "own"}],
        "legal_registration": {"scheme": "0002", "value": "732829320"}, "vat_identifier": "FR44732829320",
        "address": {"line1": "1 rue", "country": "FR"}, "contact": {"name": "Durand"},
        "electronic_address": {"scheme": "0225", "value": "732829320"}
    }))
    .unwrap();
    assert_eq!(
        serde_json::to_value(customer(&party)).unwrap(),
        json!({
            "legal_name": "Acheteur", "trading_name": "A",
            "identifiers": [
                {"scheme": "gln", "value": "4012345000009"}, {"scheme": "siren", "value": "732829320"},
                {"value": "own"}, {"scheme": "vat", "value": "FR44732829320"}
            ],
            "electronic_address": {"scheme": "0225", "value": "732829320"},
            "addresses": [{"line1": "1 rue", "country": "FR"}], "contacts": [{"name": "Durand"}]
        })
    );
    assert_eq!(customer(&Party::default()), Customer::default());
}

#[test]
fn names_are_normalised() {
    for (name, expected) in [
        ("  Société   Générale ", "societe generale"),
        ("STRAẞE & Söhne GmbH", "strasse sohne gmbh"),
        ("e\u{301}te\u{301}", "ete"),
        ("L'Oréal S.A.", "loreal sa"),
        ("Λάμδα 42", "λάμδα 42"),
        ("---", ""),
    ] {
        assert_eq!(normal_name(name), expected);
    }
}
