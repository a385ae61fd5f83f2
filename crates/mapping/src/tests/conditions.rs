//! Conditional lines, and numbers whose decimals something else tells.

use serde_json::{Value, json};

use super::{csv_of, mapping, messages, rows};
use crate::laws;

pub(super) const PARTNERS: &str = r#"
entity = "customer"
format = "csv"
key = "CODE"
[fields]
kind       = { at = "TYPE", table = { S = "company", P = "person" } }
legal_name = { at = "NOM", when = { field = "kind", is = "company" } }
given_name = { at = "PRENOM", when = { field = "kind", is = "person" } }
family_name = { at = "NOM", when = { field = "kind", is_not = "company" } }
birth_date = { at = "NE", format = "excel", when = { field = "kind", is = "person" } }
phones.office = [
    { at = "TEL_PRO", when = { field = "kind", is = "company" } },
    { at = "TEL" },
]
credit_limit = { at = "PLAFOND", as = "money", currency_at = "DEVISE", currency_case = "lower", implied_decimals = "currency" }
"#;

const HEADER: &str = "CODE;TYPE;NOM;PRENOM;NE;TEL_PRO;TEL;PLAFOND;DEVISE";

#[track_caller]
fn check_read(row: &str, expected: &Value) {
    let reading = mapping(PARTNERS).reader().read(&rows(&format!("{HEADER}\n{row}")));
    match reading {
        Ok(reading) => assert_eq!(reading.document.to_json(), *expected, "{row}"),
        Err(errors) => panic!("{:?}", messages(&errors)),
    }
}

#[track_caller]
fn check_written(document: &Value, base: Option<&str>, expected: &str) {
    let base = base.map(|row| rows(&format!("{HEADER}\n{row}")));
    let partners = mapping(PARTNERS);
    let written = partners.write(document, Some("C1"), base.as_ref()).unwrap();
    let written = csv_of(&written);
    let (header, row) = written.split_once('\n').unwrap();
    let of = |name: &str| header.split(';').zip(row.split(';')).find(|(known, _)| *known == name).map(|(_, cell)| cell);
    let shown: Vec<&str> = HEADER.split(';').map(|name| of(name).unwrap_or_default()).collect();
    assert_eq!(shown.join(";"), expected);
    laws::read_after_write(&partners, document).unwrap();
}

fn company() -> Value {
    json!({
        "kind": "company", "legal_name": "Dupont SA", "phones": [{"use": "office", "value": "01"}],
        "credit_limit": {"amount": "12.34", "currency": "EUR"},
    })
}

fn person() -> Value {
    json!({
        "kind": "person", "given_name": "Anne", "family_name": "Dupont", "birth_date": "2024-02-29",
        "phones": [{"use": "office", "value": "01"}], "credit_limit": {"amount": "1234", "currency": "JPY"},
    })
}

#[test]
fn a_line_is_read_where_its_condition_holds() {
    check_read("C1;S;Dupont SA;x;45351;01;02;1234;eur", &company());
    check_read("C1;P;Dupont;Anne;45351;02;01;1234;jpy", &person());
}

#[test]
fn a_line_is_written_where_its_condition_holds() {
    check_written(&company(), None, "C1;S;Dupont SA;;;01;;1234;eur");
    check_written(&person(), None, "C1;P;Dupont;Anne;45351;;01;1234;jpy");
}

#[test]
fn a_value_whose_line_does_not_count_is_not_written() {
    let mut document = company();
    document["given_name"] = json!("Anne");
    check_written(&document, None, "C1;S;Dupont SA;;;01;;1234;eur");
    let shown = mapping(PARTNERS).project(&document);
    assert_eq!(shown.get("given_name"), None);
    assert_eq!(mapping(PARTNERS).restrict(&document), shown);
}

#[test]
fn what_counted_before_does_not_stay() {
    check_written(&company(), Some("C1;P;Dupont;Anne;45351;;01;1234;jpy"), "C1;S;Dupont SA;;;01;;1234;eur");
    check_written(&person(), Some("C1;S;Dupont SA;;;01;;1234;eur"), "C1;P;Dupont;Anne;45351;;01;1234;jpy");
    // Nothing that the lines do not count for is touched while the condition stays as it is.
    check_written(&company(), Some("C1;S;Dupont SA;kept;;01;kept;1234;eur"), "C1;S;Dupont SA;kept;;01;kept;1234;eur");
}

#[test]
fn what_no_line_counts_for_is_told_as_unmapped() {
    let body = rows(&format!("{HEADER}\nC1;S;Dupont SA;Anne;;01;;;"));
    let reading = mapping(PARTNERS).reader().read_with_unmapped(&body).unwrap();
    assert_eq!(reading.unmapped, ["PRENOM"]);
    let residue = mapping(PARTNERS).residue(&body).unwrap();
    assert_eq!(csv_of(&residue), "PRENOM\nAnne");
}

#[test]
fn a_condition_on_a_place_is_for_reading() {
    let text = "entity = \"customer\"\nformat = \"csv\"\nkey = \"ID\"\n[fields]\n\
                legal_name = { at = \"A\", only = \"read\", when = { at = \"T\", starts = \"4\" } }\n\
                trading_name = { at = \"B\", when = { at = \"T\", starts = \"4\" } }\n";
    let findings = crate::Mapping::compile("t.toml", text, &()).unwrap_err();
    let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("t.toml:6:16: a place tells nothing about a document that is written"), "{found:?}");
    let text = text.lines().take(5).collect::<Vec<_>>().join("\n");
    let read = |row: &str| {
        let body = rows(&format!("ID;T;A\n{row}"));
        mapping(&text).reader().read(&body).unwrap().document.to_json()
    };
    assert_eq!(read("1;411;x"), json!({"legal_name": "x"}));
    assert_eq!(read("1;512;x"), json!({}));
}

#[test]
fn a_place_tells_the_decimals() {
    let text = "entity = \"payment\"\nformat = \"csv\"\nkey = \"ID\"\n[fields]\n\
                amount = { at = \"M\", as = \"money\", currency = \"EUR\", implied_decimals = 2, decimals_at = \"D\", \
                overpunch = true, direction = \"direction\", text = { pad_left = \"0\", to = 14 } }\n";
    let bank = mapping(text);
    let read = |row: &str| bank.reader().read(&rows(&format!("ID;D;M\n{row}"))).map(|read| read.document.to_json());
    let expected = |amount: &str, direction: &str| json!({"amount": {"amount": amount, "currency": "EUR"}, "direction": direction});
    assert_eq!(read("1;2;0000000012345E").unwrap(), expected("1234.55", "credit"));
    assert_eq!(read("1;3;0000000012345N").unwrap(), expected("123.455", "debit"));
    assert_eq!(read("1;;0000000012345N").unwrap(), expected("1234.55", "debit"));
    assert_eq!(messages(&read("1;x;0000000012345N").unwrap_err()).len(), 1);
    let written = bank.write(&expected("-1234.55", "debit"), Some("1"), None);
    assert!(csv_of(&written.unwrap()).starts_with("ID;M;D\n1;0000000012345"), "the number of decimals is written");
}

#[test]
fn an_amount_with_more_decimals_than_its_currency_is_refused() {
    let mut document = company();
    document["credit_limit"] = json!({"amount": "12.345", "currency": "EUR"});
    let errors = mapping(PARTNERS).write(&document, Some("1"), None).unwrap_err();
    assert_eq!(errors[0].code, "mapping.minor-unit");
}

#[test]
fn a_number_that_a_spreadsheet_shortened_is_refused() {
    let check = |row: &str, fields: &[&str]| {
        let errors = mapping(PARTNERS).reader().read(&rows(&format!("{HEADER}\n{row}"))).unwrap_err();
        let found: Vec<(&str, &str)> = errors.iter().map(|error| (&*error.field, error.code)).collect();
        let expected: Vec<(&str, &str)> = fields.iter().map(|field| (*field, "mapping.shortened")).collect();
        assert_eq!(found, expected);
    };
    check("3,56E+13;S;Dupont;;;;;;", &["key"]);
    check("1;S;3,56E+13;;;3.3E+10;;;", &["legal_name", "phones.office.value"]);
}

#[test]
fn a_condition_looks_into_lists_as_a_line_does() {
    let lists = mapping(
        r#"
entity = "customer"
format = "csv"
key = "CODE"
[fields]
addresses.main.city     = "VILLE"
addresses.main.postcode = { at = "CP", only = "write", when = { field = "addresses.main.city", is_not = "" } }
"#,
    );
    let check = |address: Value, expected: &str| {
        let written = lists.write(&json!({ "addresses": [{ "use": "other" }, address] }), Some("1"), None);
        assert_eq!(csv_of(&written.unwrap()).lines().nth(1), Some(expected));
    };
    check(json!({ "use": "main", "city": "Lyon", "postcode": "69007" }), "1;Lyon;69007");
    check(json!({ "use": "main", "postcode": "69007" }), "1;;");
}
