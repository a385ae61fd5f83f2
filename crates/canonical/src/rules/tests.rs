use serde_json::{Value, json};

use super::*;
use crate::document::{Allocation, Payment};
use crate::entity::Entity;

fn document(entity: &Entity, json: &Value) -> Document {
    Document::deserialize_as(entity, json).unwrap()
}

/// What is changed in a right document, and what is wrong with it then.
type Case<'a> = (&'a [(&'a str, Value)], &'a [&'a str]);

/// Holds what is wrong with a document against `RULE PATH` lines, fatal ones with an exclamation mark.
fn check(entity: Entity, json: &Value, expected: &[&str]) {
    let found: Vec<_> = findings(&document(&entity, json))
        .iter()
        .map(|finding| format!("{}{} {}", if finding.is_fatal() { "!" } else { "" }, finding.rule, finding.path))
        .collect();
    assert_eq!(found, expected, "{json}");
}

/// The invoice with the value at a JSON pointer replaced; `null` takes it away.
fn with(base: &Value, changes: &[(&str, Value)]) -> Value {
    let mut json = base.clone();
    for (pointer, value) in changes {
        *json.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value.clone();
    }
    json
}

/// An invoice that says everything the norm wants, with allowances, charges, two VAT rates and a prepayment.
fn invoice() -> Value {
    json!({
        "number": "F-1", "issue_date": "2026-11-21", "type_code": "380", "currency": "EUR", "due_date": "2026-12-21",
        "process_control": {"specification": "urn:cen.eu:en16931:2017"},
        "seller": {
            "name": "Vendeur SA", "vat_identifier": "FR44732829320",
            "legal_registration": {"scheme": "0002", "value": "732829320"},
            "address": {"city": "Paris", "country": "FR"}
        },
        "buyer": {"name": "Acheteur SAS", "address": {"country": "FR"}},
        "allowances": [{"amount": "10.00", "vat_category": "S", "vat_rate": "20", "reason": "Remise"}],
        "charges": [{"amount": "5.00", "vat_category": "S", "vat_rate": "20", "reason_code": "FC"}],
        "totals": {
            "line_net_amount": "150.55", "allowance_amount": "10.00", "charge_amount": "5.00",
            "amount_without_vat": "145.55", "vat_amount": "21.60", "amount_with_vat": "167.15",
            "paid_amount": "67.15", "rounding_amount": "0.05", "due_amount": "100.05"
        },
        "vat_breakdown": [
            {"taxable_amount": "95.00", "tax_amount": "19.00", "category": "S", "rate": "20"},
            {"taxable_amount": "47.27", "tax_amount": "2.60", "category": "S", "rate": "5.5"},
            {"taxable_amount": "3.28", "tax_amount": "0.00", "category": "E", "rate": "0"}
        ],
        "lines": [
            {"id": "1", "quantity": "2", "unit": "C62", "net_amount": "100.00", "price": {"net": "50"},
             "item": {"name": "Table"}, "vat": {"category": "S", "rate": "20"}},
            {"id": "2", "quantity": "1", "unit": "C62", "net_amount": "47.27", "price": {"net": "47.27"},
             "item": {"name": "Livre"}, "vat": {"category": "S", "rate": "5.5"}},
            {"id": "3", "quantity": "1", "unit": "C62", "net_amount": "3.28", "price": {"net": "3.28"},
             "item": {"name": "Timbre"}, "vat": {"category": "E", "rate": "0"}}
        ]
    })
}

#[test]
fn a_right_invoice_has_no_findings() {
    check(Entity::Invoice, &invoice(), &[]);
}

#[test]
fn sums_are_exact_to_the_cent() {
    let base = invoice();
    let cases: &[Case<'_>] = &[
        (
            &[("/lines/1/net_amount", json!("47.28"))],
            &["BR-S-08 vat_breakdown[1].taxable_amount", "!BR-CO-10 totals.line_net_amount"],
        ),
        (
            &[("/allowances/0/amount", json!("10.01"))],
            &["BR-S-08 vat_breakdown[0].taxable_amount", "!BR-CO-11 totals.allowance_amount"],
        ),
        (
            &[("/charges/0/amount", json!("4.99"))],
            &["BR-S-08 vat_breakdown[0].taxable_amount", "!BR-CO-12 totals.charge_amount"],
        ),
        (
            &[("/charges/0/amount", json!("6.00"))],
            &["!BR-S-08 vat_breakdown[0].taxable_amount", "!BR-CO-12 totals.charge_amount"],
        ),
        (&[("/charges/0/amount", json!("5.000"))], &["!BR-DEC-05 charges[0].amount"]),
        (
            &[("/totals/amount_without_vat", json!("145.56"))],
            &["!BR-CO-13 totals.amount_without_vat", "!BR-CO-15 totals.amount_with_vat"],
        ),
        (
            &[("/totals/vat_amount", json!("21.61"))],
            &["!BR-CO-14 totals.vat_amount", "!BR-CO-15 totals.amount_with_vat"],
        ),
        (
            &[("/totals/amount_with_vat", json!("167.14"))],
            &["!BR-CO-15 totals.amount_with_vat", "!BR-CO-16 totals.due_amount"],
        ),
        (&[("/totals/due_amount", json!("100.04"))], &["!BR-CO-16 totals.due_amount"]),
        (
            &[("/vat_breakdown/1/tax_amount", json!("2.61"))],
            &["!BR-CO-14 totals.vat_amount", "BR-CO-17 vat_breakdown[1].tax_amount"],
        ),
        (
            &[("/vat_breakdown/2/taxable_amount", json!("50")), ("/vat_breakdown/2/rate", json!("0.25"))],
            &["!BR-E-08 vat_breakdown[2].taxable_amount", "BR-CO-17 vat_breakdown[2].tax_amount"],
        ),
        // A unit is tolerated in categories without VAT, since one of the official validators does so.
        (&[("/vat_breakdown/2/taxable_amount", json!("4.28"))], &["BR-E-08 vat_breakdown[2].taxable_amount"]),
        (&[("/vat_breakdown/2/taxable_amount", json!("4.29"))], &["!BR-E-08 vat_breakdown[2].taxable_amount"]),
        // A tax that is rounded to whole units, as with forints, is told and no contradiction.
        (
            &[("/vat_breakdown/1/tax_amount", json!("3.00"))],
            &["!BR-CO-14 totals.vat_amount", "BR-CO-17 vat_breakdown[1].tax_amount"],
        ),
        // Optional totals count as nothing when they are missing.
        (
            &[("/totals/charge_amount", Value::Null)],
            &["!BR-CO-12 totals.charge_amount", "!BR-CO-13 totals.amount_without_vat"],
        ),
        (&[("/totals/vat_amount", Value::Null)], &["!BR-CO-14 totals.vat_amount", "!BR-CO-15 totals.amount_with_vat"]),
        // What is equal in value is equal, whatever the scale; the norm wants two decimals all the same.
        (&[("/totals/due_amount", json!("100.050"))], &["!BR-DEC-18 totals.due_amount"]),
    ];
    for (changes, expected) in cases {
        check(Entity::Invoice, &with(&base, changes), expected);
    }
}

#[test]
fn the_vat_of_a_credit_note_is_rounded_like_that_of_an_invoice() {
    for (taxable, rate, tax) in [
        ("0.50", "1", "0.01"),
        ("-0.50", "1", "-0.01"),
        ("0.49", "1", "0.00"),
        ("50", "0.25", "0.13"),
        ("10", "20", "2"),
    ] {
        let json = json!({
            "number": "A", "issue_date": "2026-01-01", "type_code": "381", "currency": "EUR", "completeness": "summary",
            "totals": {"amount_with_vat": "1"},
            "vat_breakdown": [{"taxable_amount": taxable, "tax_amount": tax, "category": "S", "rate": rate}]
        });
        check(Entity::Invoice, &json, &[]);
    }
}

#[test]
fn the_vat_of_a_rate_is_doubted_where_the_official_validators_let_it_pass() {
    for (taxable, rate, tax, expected) in [
        ("100", "20", "20.00", &[] as &[&str]),
        ("100", "20", "20.99", &["BR-CO-17"]),
        ("100", "20", "19.01", &["BR-CO-17"]),
        ("100", "20", "-20.00", &["BR-CO-17"]),
        ("100", "20", "21.00", &["!BR-S-09", "BR-CO-17"]),
        ("100", "20", "21.01", &["!BR-S-09", "!BR-CO-17"]),
        ("100", "20", "18.99", &["!BR-S-09", "!BR-CO-17"]),
        // A rate that rounds to nothing wants a tax that does so too, however right another one is.
        ("50", "0.25", "0.13", &[]),
        ("50", "0.25", "0.49", &["BR-CO-17"]),
        ("50", "0.25", "0.50", &["!BR-CO-17"]),
        ("1000", "0.25", "2.50", &["BR-CO-17"]),
    ] {
        let breakdown = json!({"taxable_amount": taxable, "tax_amount": tax, "category": "S", "rate": rate});
        let mut json = invoice();
        json["vat_breakdown"] = json!([breakdown]);
        let all = findings(&document(&Entity::Invoice, &json));
        let found = all.iter().filter(|finding| ["BR-S-09", "BR-CO-17"].contains(&finding.rule));
        let found: Vec<_> =
            found.map(|finding| format!("{}{}", if finding.is_fatal() { "!" } else { "" }, finding.rule)).collect();
        assert_eq!(found, expected, "{taxable} × {rate} % = {tax}");
    }
}

#[test]
fn an_invoice_that_cannot_be_told_apart_is_refused_and_the_rest_is_warned_about() {
    check(
        Entity::Invoice,
        &json!({}),
        &[
            "!BR-02 number",
            "!BR-03 issue_date",
            "!BR-04 type_code",
            "!BR-05 currency",
            "BR-14 totals.amount_with_vat",
            "BR-01 process_control.specification",
            "BR-12 totals.line_net_amount",
            "BR-13 totals.amount_without_vat",
            "BR-15 totals.due_amount",
            "BR-CO-18 vat_breakdown",
            "BR-06 seller.name",
            "BR-08 seller.address",
            "BR-CO-26 seller.identifiers",
            "BR-07 buyer.name",
            "BR-10 buyer.address",
            "BR-16 lines",
        ],
    );
}

#[test]
fn a_summary_has_no_lines_and_its_totals_are_only_doubted() {
    let summary = json!({
        "number": "1", "issue_date": "2026-01-02", "type_code": "380", "currency": "EUR", "completeness": "summary",
        "totals": {"amount_without_vat": "100", "vat_amount": "20", "amount_with_vat": "120"}
    });
    check(Entity::Invoice, &summary, &[]);
    let doubtful = with(&summary, &[("/totals/amount_with_vat", json!("120.01"))]);
    check(Entity::Invoice, &doubtful, &["BR-CO-15 totals.amount_with_vat"]);
}

#[test]
fn what_a_summary_does_not_tell_is_unknown() {
    let summary = json!({
        "number": "1", "issue_date": "2026-01-02", "type_code": "380", "currency": "EUR", "completeness": "summary",
        "vat_currency": "SEK", "vat_breakdown": [{"taxable_amount": "100", "tax_amount": "20", "rate": null}],
        "totals": {
            "amount_with_vat": "120", "due_amount": "20",
            "amount_without_vat": null, "paid_amount": null, "rounding_amount": null
        },
        "payment_instructions": {"means_code": "30", "credit_transfers": [{"bic": "BNPAFRPP"}]},
        "lines": [{"item": {"name": "Timbre"}, "price": {}, "charges": [{"amount": "1"}]}]
    });
    check(Entity::Invoice, &summary, &[]);
    let cases: &[Case<'_>] = &[
        (&[("/totals/amount_without_vat", json!("90"))], &[]),
        (&[("/totals/paid_amount", json!("90"))], &[]),
        // What is told is held against the rest.
        (
            &[("/totals/paid_amount", json!("90")), ("/totals/rounding_amount", json!("0"))],
            &["BR-CO-16 totals.due_amount"],
        ),
        (&[("/vat_breakdown/0/rate", json!("5"))], &["BR-CO-17 vat_breakdown[0].tax_amount"]),
        (&[("/lines/0/price", json!({"net": "-1"}))], &["BR-27 lines[0].price.net"]),
        (
            &[("/completeness", json!("full")), ("/totals/due_amount", json!("120"))],
            &[
                "BR-53 totals.vat_amount_in_vat_currency",
                "BR-50 payment_instructions.credit_transfers[0].account",
                "BR-01 process_control.specification",
                "BR-12 totals.line_net_amount",
                "BR-13 totals.amount_without_vat",
                "BR-CO-25 due_date",
                "BR-47 vat_breakdown[0].category",
                "BR-48 vat_breakdown[0].rate",
                "BR-06 seller.name",
                "BR-08 seller.address",
                "BR-CO-26 seller.identifiers",
                "BR-07 buyer.name",
                "BR-10 buyer.address",
                "BR-21 lines[0].id",
                "BR-22 lines[0].quantity",
                "BR-23 lines[0].unit",
                "BR-24 lines[0].net_amount",
                "BR-26 lines[0].price.net",
                "BR-CO-04 lines[0].vat.category",
                "BR-44 lines[0].charges[0].reason",
                "!BR-CO-14 totals.vat_amount",
                "!BR-CO-17 vat_breakdown[0].tax_amount",
            ],
        ),
    ];
    for (changes, expected) in cases {
        check(Entity::Invoice, &with(&summary, changes), expected);
    }
}

#[test]
fn details_of_an_invoice_are_checked_where_they_stand() {
    let base = invoice();
    let mut json = with(
        &base,
        &[
            ("/type_code", json!("999")),
            ("/issue_date", json!("0001-01-01")),
            ("/currency", json!("XYZ")),
            ("/seller/vat_identifier", json!("FR44732829321")),
            ("/buyer/address/country", json!("ZZ")),
            ("/lines/0/price/net", json!("-50")),
            ("/lines/1/item/name", Value::Null),
        ],
    );
    json["vat_point_date"] = json!("2026-11-21");
    json["vat_point_date_code"] = json!("35");
    json["payment_instructions"] = json!({"means_code": "30"});
    json["lines"][0]["item"]["attributes"] = json!([{"name": "colour"}]);
    check(
        Entity::Invoice,
        &json,
        &[
            "PSR-DATE issue_date",
            "BR-CO-03 vat_point_date_code",
            "BR-61 payment_instructions.credit_transfers",
            "PSR-ID-VAT seller.vat_identifier",
            "BR-27 lines[0].price.net",
            "BR-54 lines[0].item.attributes[0]",
            "BR-25 lines[1].item.name",
            "!BR-CL-01 type_code",
            "!BR-CL-04 currency",
            "!BR-CL-14 buyer.address.country",
        ],
    );
}

#[test]
fn vat_identifiers_of_countries_without_a_check_are_left_alone() {
    for (vat, expected) in [
        ("US123", &[] as &[&str]),
        ("EL094259216", &[]),
        ("NO995525828MVA", &[]),
        ("123", &["BR-CO-09 buyer.vat_identifier"]),
        ("é", &["BR-CO-09 buyer.vat_identifier"]),
    ] {
        let mut json = invoice();
        json["buyer"]["vat_identifier"] = json!(vat);
        check(Entity::Invoice, &json, expected);
    }
}

#[test]
fn a_customer_is_never_refused() {
    check(Entity::Customer, &json!({}), &["PSR-CUSTOMER-NAME legal_name"]);
    check(
        Entity::Customer,
        &json!({
            "kind": "company", "legal_name": "Dupont", "birth_date": "1980-01-01",
            "identifiers": [
                {"scheme": "siret", "value": "73282932000075"},
                {"scheme": "siren", "value": "732829320"},
                {"scheme": "vat", "value": "FR40303265045"},
                {"scheme": "siren", "value": "732829320"},
                {"scheme": "other", "value": "anything"},
                {"value": "7"}, {"scheme": "gln"}
            ],
            "addresses": [{"use": "main", "country": "FR"}, {"use": "main", "country": "AA"}],
            "emails": [{"value": "a@b.fr"}, {"value": "a b@c.fr"}, {"value": "@c.fr"}, {"value": "a@c"}],
            "phones": [{"value": "+33140205317"}, {"value": "01 40 20 53 17"}],
            "contacts": [{"email": "nobody", "phone": "+33 1"}],
            "bank_accounts": [{"iban": "FR1420041010050500013M02607", "bic": "BNPAFRPP", "currency": "EUR"}],
            "language": "français", "currency": "AAA", "payment_terms": {"day_of_month": 32},
            "credit_limit": {"amount": "-1", "currency": "EUR"}
        }),
        &[
            "PSR-CUSTOMER-KIND birth_date",
            "PSR-ID-SIRET identifiers[0].value",
            "PSR-ID-SCHEME identifiers[5].scheme",
            "PSR-ID-VALUE identifiers[6].value",
            "PSR-ID-CONFLICT identifiers",
            "PSR-COUNTRY addresses[1].country",
            "PSR-EMAIL emails[1].value",
            "PSR-EMAIL emails[2].value",
            "PSR-EMAIL emails[3].value",
            "PSR-PHONE phones[1].value",
            "PSR-EMAIL contacts[0].email",
            "PSR-PHONE contacts[0].phone",
            "PSR-ID-IBAN bank_accounts[0].iban",
            "PSR-LIST-DUPLICATE identifiers[3]",
            "PSR-LIST-DUPLICATE addresses[1]",
            "PSR-LANGUAGE language",
            "PSR-CURRENCY currency",
            "PSR-PAYMENT-TERMS payment_terms.day_of_month",
            "PSR-CREDIT-LIMIT credit_limit.amount",
        ],
    );
}

fn payment() -> Value {
    json!({
        "direction": "credit", "amount": {"amount": "120.00", "currency": "EUR"}, "booking_date": "2026-11-20",
        "references": {"uetr": "eb6305c9-1f7f-49de-aed0-16487c27b42d"},
        "remittance": {"structured": [{"creditor_reference": "RF18539007547034", "amount": {"amount": "120", "currency": "EUR"}}]}
    })
}

#[test]
fn payments_have_an_amount_a_direction_and_sums_within_it() {
    let base = payment();
    check(Entity::Payment, &base, &[]);
    check(
        Entity::Payment,
        &json!({"status": "pending"}),
        &["!PSR-PAYMENT-DIRECTION direction", "!PSR-PAYMENT-AMOUNT amount"],
    );
    let cases = [
        (
            "/amount/amount",
            json!("-1"),
            &["!PSR-PAYMENT-AMOUNT amount.amount", "PSR-PAYMENT-REMITTANCE remittance.structured"][..],
        ),
        ("/booking_date", Value::Null, &["PSR-PAYMENT-DATE booking_date"]),
        ("/references/uetr", json!("EB6305C9"), &["PSR-UETR references.uetr"]),
        (
            "/remittance/structured/0/creditor_reference",
            json!("RF19539007547034"),
            &["PSR-ID-RF remittance.structured[0].creditor_reference"],
        ),
        ("/remittance/structured/0/amount/amount", json!("120.01"), &["PSR-PAYMENT-REMITTANCE remittance.structured"]),
        ("/remittance/structured/0/amount/currency", json!("USD"), &[]),
    ];
    for (pointer, value, expected) in cases {
        check(Entity::Payment, &with(&base, &[(pointer, value)]), expected);
    }
    for (amount, currency, expected) in [
        ("120", "EUR", &[] as &[&str]),
        ("0", "EUR", &[]),
        ("120.01", "EUR", &["!PSR-PAYMENT-UNALLOCATED unallocated.amount"]),
        ("-0.01", "EUR", &["!PSR-PAYMENT-UNALLOCATED unallocated.amount"]),
        ("1", "USD", &["!PSR-PAYMENT-UNALLOCATED unallocated.currency"]),
    ] {
        let mut json = base.clone();
        json["unallocated"] = json!({"amount": amount, "currency": currency});
        check(Entity::Payment, &json, expected);
    }
}

#[test]
fn allocations_name_both_sides_and_settle_what_they_take() {
    let base = json!({
        "payment": {"key": "P1"}, "invoice": {"key": "F1"},
        "amount": {"amount": "100", "currency": "EUR"}, "invoice_amount": {"amount": "100.00", "currency": "EUR"}
    });
    check(Entity::Allocation, &base, &[]);
    check(
        Entity::Allocation,
        &json!({}),
        &["!PSR-ALLOCATION-SOURCE payment", "!PSR-ALLOCATION-INVOICE invoice", "!PSR-ALLOCATION-AMOUNT amount"],
    );
    let eur = |amount: &str| json!({"amount": amount, "currency": "EUR"});
    let usd = |amount: &str| json!({"amount": amount, "currency": "USD"});
    let cases: &[Case<'_>] = &[
        (&[("credit_note", json!({"key": "C1"}))], &["!PSR-ALLOCATION-SOURCE credit_note"]),
        (&[("invoice_amount", eur("99.99"))], &["!PSR-ALLOCATION-SUM invoice_amount.amount"]),
        (&[("discount", usd("1"))], &["!PSR-ALLOCATION-CURRENCY discount"]),
        (&[("discount", eur("2")), ("write_off", eur("0.01"))], &[]),
        (&[("write_off", eur("-1"))], &["PSR-ALLOCATION-SIGN write_off"]),
        (&[("invoice_amount", usd("108.50")), ("exchange_rate", json!("1.085"))], &[]),
        (&[("invoice_amount", usd("108.51")), ("exchange_rate", json!("1.085"))], &[]),
        (
            &[("invoice_amount", usd("108.52")), ("exchange_rate", json!("1.085"))],
            &["PSR-ALLOCATION-SUM invoice_amount.amount"],
        ),
    ];
    for (changes, expected) in cases {
        let mut json = base.clone();
        for (name, value) in *changes {
            json[*name] = value.clone();
        }
        check(Entity::Allocation, &json, expected);
    }
}

#[test]
fn allocations_and_the_rest_make_the_payment() {
    let payment = |unallocated: Option<&str>| -> Payment {
        let mut json = payment();
        if let Some(amount) = unallocated {
            json["unallocated"] = json!({"amount": amount, "currency": "EUR"});
        }
        serde_json::from_value(json).unwrap()
    };
    let allocation = |amount: &str, currency: &str, reversed: bool| -> Allocation {
        let mut json = json!({"amount": {"amount": amount, "currency": currency}});
        if reversed {
            json["reversed_by"] = json!({"key": "R"});
        }
        serde_json::from_value(json).unwrap()
    };
    let cases = [
        (payment(Some("20")), vec![allocation("60", "EUR", false), allocation("40", "EUR", false)], 0),
        (payment(Some("20")), vec![allocation("60", "EUR", false), allocation("40", "EUR", true)], 1),
        (payment(Some("19.99")), vec![allocation("100", "EUR", false)], 1),
        (payment(None), vec![allocation("120.00", "EUR", false)], 0),
        (payment(None), vec![allocation("120.01", "EUR", false)], 1),
        (payment(None), vec![], 0),
        (payment(None), vec![allocation("1", "USD", false)], 1),
    ];
    for (payment, allocations, expected) in cases {
        let found = balance(&payment, &allocations.iter().collect::<Vec<_>>());
        assert_eq!(found.len(), expected, "{:?} {allocations:?} {found:?}", payment.unallocated);
    }
}

#[test]
fn messages_tell_place_and_rule_and_no_value() {
    let customer = json!({"legal_name": "Dupont", "identifiers": [{"scheme": "siren", "value": "732829321"}]});
    let found = findings(&document(&Entity::Customer, &customer));
    assert_eq!(
        found[0].to_string(),
        "identifiers[0].value: no valid siren (9 digits, 0 letters, 0 others): its check digits do not fit; \
         correct it in its source [PSR-ID-SIREN]"
    );
}
