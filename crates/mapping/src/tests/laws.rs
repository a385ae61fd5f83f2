//! The two laws on generated documents and records.

use std::sync::Arc;

use canonical::record::Body;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{conditions, csv, json, mapping, rows, xml};
use crate::{Mapping, laws};

/// Text as people write it: separators, accents and signs of the formats among it.
fn text() -> impl Strategy<Value = String> {
    "[A-Za-zéÀ0-9 ,;.&<'\"/|\\\\-]{1,12}"
}

fn decimal() -> impl Strategy<Value = String> {
    (any::<bool>(), 0u64..10_000_000_000, 0u32..5).prop_map(|(negative, digits, scale)| {
        let number = rust_decimal::Decimal::from_i128_with_scale(i128::from(digits), scale);
        if negative { (-number).to_string() } else { number.to_string() }
    })
}

fn date() -> impl Strategy<Value = String> {
    (1970i16..2060, 1i8..13, 1i8..29).prop_map(|(year, month, day)| jiff::civil::date(year, month, day).to_string())
}

/// An object of the members that are there.
fn object(members: Vec<(&str, Option<Value>)>) -> Value {
    Value::Object(
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<_, _>>(),
    )
}

fn words(strategy: impl Strategy<Value = String>) -> impl Strategy<Value = Option<Value>> {
    option::of(strategy.prop_map(Value::from))
}

fn one_of(values: &'static [&'static str]) -> impl Strategy<Value = Option<Value>> {
    words(proptest::sample::select(values).prop_map(str::to_owned))
}

fn address(uses: &'static [&'static str], countries: &'static [&'static str]) -> impl Strategy<Value = Value> {
    (one_of(uses), words(text()), words("[0-9]{5}"), words(text()), one_of(countries)).prop_map(
        |(r#use, line1, postcode, city, country)| {
            object(vec![("use", r#use), ("line1", line1), ("postcode", postcode), ("city", city), ("country", country)])
        },
    )
}

fn money() -> impl Strategy<Value = Option<Value>> {
    option::of(decimal().prop_map(|amount| json!({"amount": amount, "currency": "EUR"})))
}

fn item(key: &'static str, names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    (proptest::sample::select(names), text()).prop_map(move |(name, value)| json!({key: name, "value": value}))
}

fn customer() -> impl Strategy<Value = Value> {
    let names = (words(text()), words(text()), words(text()), one_of(&["active", "inactive"]));
    let lists = (
        vec(item("scheme", &["siret", "vat", "duns"]), 0..3),
        vec(address(&["main", "billing"], &["FR", "DE", "BE"]), 0..3),
        vec(item("use", &["office", "mobile", "main"]), 0..3),
        vec("[a-z]{1,6}", 0..3),
    );
    let rest = (money(), option::of(any::<bool>()), option::of(0u32..400), option::of(0i64..2_000_000_000));
    (names, lists, rest).prop_map(|(names, lists, rest)| {
        let (legal_name, trading_name, language, status) = names;
        let (identifiers, addresses, phones, roles) = lists;
        let (credit_limit, end_of_month, days, created) = rest;
        let created = created.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        let terms = object(vec![("end_of_month", end_of_month.map(Value::from)), ("days", days.map(Value::from))]);
        object(vec![
            ("legal_name", legal_name),
            ("trading_name", trading_name),
            ("language", language),
            ("status", status),
            ("identifiers", Some(identifiers.into())),
            ("addresses", Some(addresses.into())),
            ("phones", Some(phones.clone().into())),
            ("emails", Some(phones.into())),
            ("roles", Some(roles.into())),
            ("credit_limit", credit_limit),
            ("payment_terms", Some(terms)),
            ("created_at", created.map(|instant| Value::from(instant.to_string()))),
        ])
    })
}

/// Companies and persons, with fields of the other kind among theirs.
fn partner() -> impl Strategy<Value = Value> {
    let names = (words(text()), words(text()), words(text()), words(date()));
    let phones = vec(item("use", &["office"]), 0..2);
    (one_of(&["company", "person"]), names, phones).prop_map(|(kind, (legal, given, family, birth), phones)| {
        object(vec![
            ("kind", kind),
            ("legal_name", legal),
            ("given_name", given),
            ("family_name", family),
            ("birth_date", birth),
            ("phones", Some(phones.into())),
        ])
    })
}

fn line() -> impl Strategy<Value = Value> {
    let charge = (words(decimal()), words(text()))
        .prop_map(|(amount, reason)| object(vec![("amount", amount), ("reason", reason)]));
    (words("[0-9]{1,2}"), words(decimal()), words(decimal()), words(text()), vec(charge, 0..2)).prop_map(
        |(id, quantity, net_amount, name, charges)| {
            object(vec![
                ("id", id),
                ("quantity", quantity),
                ("net_amount", net_amount),
                ("item", Some(object(vec![("name", name)]))),
                ("charges", Some(charges.into())),
            ])
        },
    )
}

fn invoice() -> impl Strategy<Value = Value> {
    let note = words(text()).prop_map(|text| object(vec![("text", text)]));
    let vat = (words(decimal()), words(decimal()), one_of(&["S", "Z"])).prop_map(|(taxable, tax, category)| {
        object(vec![("taxable_amount", taxable), ("tax_amount", tax), ("category", category)])
    });
    let head = (words(text()), words(date()), one_of(&["380", "381"]), words(date()), words(text()));
    let totals = (decimal(), words(decimal()), words(decimal()), proptest::sample::select(&["EUR", "SEK", "NOK"][..]));
    (head, totals, vec(note, 0..3), vec(vat, 0..3), vec(line(), 0..4), words(text())).prop_map(
        |(head, totals, notes, vat, lines, seller)| {
            let (number, issue_date, type_code, due_date, customer) = head;
            let (vat_amount, other_vat, due, currency) = totals;
            let vat_currency = if currency == "SEK" { "EUR" } else { "SEK" };
            object(vec![
                ("number", number),
                ("issue_date", issue_date),
                ("type_code", type_code),
                ("due_date", due_date),
                ("customer", customer.map(|key| json!({"key": key}))),
                ("currency", Some(currency.into())),
                ("vat_currency", other_vat.as_ref().map(|_| vat_currency.into())),
                ("notes", Some(notes.into())),
                ("seller", Some(object(vec![("name", seller)]))),
                ("vat_breakdown", Some(vat.into())),
                ("lines", Some(lines.into())),
                (
                    "totals",
                    Some(object(vec![
                        ("vat_amount", Some(vat_amount.into())),
                        ("vat_amount_in_vat_currency", other_vat),
                        ("due_amount", due),
                    ])),
                ),
            ])
        },
    )
}

/// Both laws, on a document and on the record that it becomes.
fn check(mapping: &Arc<Mapping>, document: &Value) -> Result<(), TestCaseError> {
    laws::read_after_write(mapping, document).map_err(|breach| TestCaseError::fail(breach.to_string()))?;
    let body = mapping.write(document, Some("K 1"), None).unwrap();
    let kept = laws::write_after_read(mapping, &body).map_err(|breach| TestCaseError::fail(breach.to_string()))?;
    prop_assert_eq!(kept, laws::Kept::Bytes);
    let shown = mapping.project(document);
    prop_assert_eq!(&mapping.project(&shown), &shown, "projecting twice differs from projecting once");
    prop_assert_eq!(&mapping.restrict(&shown), &shown, "a projection is not in normal form");
    Ok(())
}

/// The invoices of the CSV tests without lines that need a sign.
const FLAT_INVOICE: &str = r#"
entity = "invoice"
format = "csv"
key = "PIECE"
[fields]
issue_date = { at = "DATE", format = "%d/%m/%Y" }
currency   = { at = "DEV", default = "EUR" }
customer   = { at = "CLIENT", system = "erp" }
seller.name = { at = "VENDEUR", text = ["collapse", { truncate = 8 }], blank = "-" }
totals.due_amount = { at = "SOLDE", sign_at = "SENS", minus = "D", plus = "C", decimal = ",", decimals = 2 }
totals.vat_amount = { debit = "TD", credit = "TC", positive = "debit", group = " ", decimal = ",", write_groups = true }
notes.1.text = "NOTE1"
[each.lines]
rows = true
key = "id"
[each.lines.fields]
id = "LIGNE"
item.name = "DESIGNATION"
quantity = { at = "QTE", negative = "trailing" }
net_amount = { at = "NET", negative = "parentheses", decimal = ",", group = "." }
"#;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_csv_mapping_obeys_both_laws(document in customer()) {
        check(&mapping(csv::ERP), &document)?;
    }

    #[test]
    fn conditional_lines_obey_both_laws(document in partner()) {
        check(&mapping(conditions::PARTNERS), &document)?;
    }

    #[test]
    fn a_partner_written_over_another_shows_as_itself(old in partner(), new in partner()) {
        let mapping = mapping(conditions::PARTNERS);
        let base = mapping.write(&old, Some("1"), None).unwrap();
        let body = mapping.write(&new, Some("1"), Some(&base)).unwrap();
        let read = mapping.reader().read(&body).unwrap().document.to_json();
        prop_assert_eq!(mapping.restrict(&read), mapping.project(&new));
        let fresh = mapping.write(&new, Some("1"), None).unwrap();
        let texts = |body: &Body| mapping.reader().read_with_unmapped(body).unwrap().unmapped;
        prop_assert_eq!(texts(&body), texts(&fresh), "something of the other kind stayed");
    }

    #[test]
    fn a_json_mapping_obeys_both_laws(document in customer()) {
        let crm = mapping(json::CRM);
        check_json(&crm, &document)?;
    }

    #[test]
    fn an_xml_mapping_obeys_both_laws(document in invoice()) {
        check(&xml::ubl(), &document)?;
    }

    #[test]
    fn grouped_rows_obey_both_laws(document in invoice()) {
        check(&mapping(FLAT_INVOICE), &document)?;
    }

    #[test]
    fn a_document_written_over_another_shows_as_itself(old in customer(), new in customer()) {
        for text in [csv::ERP, json::CRM] {
            let mapping = mapping(text);
            let base = mapping.write(&old, Some("1"), None).unwrap();
            let body = mapping.write(&new, Some("1"), Some(&base)).unwrap();
            let read = mapping.reader().read(&body).unwrap().document.to_json();
            prop_assert_eq!(mapping.restrict(&read), mapping.project(&new));
        }
    }

    #[test]
    fn an_invoice_written_over_another_shows_as_itself(old in invoice(), new in invoice()) {
        for mapping in [xml::ubl(), mapping(FLAT_INVOICE)] {
            let base = mapping.write(&old, Some("1"), None).unwrap();
            let body = mapping.write(&new, Some("1"), Some(&base)).unwrap();
            let read = mapping.reader().read(&body).unwrap().document.to_json();
            prop_assert_eq!(mapping.restrict(&read), mapping.project(&new));
        }
    }

    #[test]
    fn reading_never_panics(cells in vec(text(), 15)) {
        let header = csv::ROW.lines().next().unwrap();
        let line: Vec<String> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
        let body = rows(&format!("{header}\n{}", line.join(";")));
        let _ = mapping(csv::ERP).reader().read_with_unmapped(&body);
    }
}

/// JSON keys are numbers in the CRM.
fn check_json(mapping: &Arc<Mapping>, document: &Value) -> Result<(), TestCaseError> {
    laws::read_after_write(mapping, document).map_err(|breach| TestCaseError::fail(breach.to_string()))?;
    let body: Body = mapping.write(document, Some("17"), None).unwrap();
    let kept = laws::write_after_read(mapping, &body).map_err(|breach| TestCaseError::fail(breach.to_string()))?;
    prop_assert_eq!(kept, laws::Kept::Bytes);
    Ok(())
}
