use canonical::record::Body;
use serde_json::{Value, json};

use super::{mapping, messages};

pub(super) const CRM: &str = r#"
entity = "customer"
format = "json"
record = "data.items"
key = { at = "id", number = true }

[fields]
legal_name             = "company.name"
identifiers.vat        = { at = "company.vatId", as = "vat" }
emails.main            = "emails[type='work'].address"
phones.mobile          = "phones[type='mobile'].number"
payment_terms.days     = "terms.days"
payment_terms.end_of_month = "terms.eom"
credit_limit           = { at = "limit", number = true, currency_at = "'limit.currency'" }
roles                  = "tags"
language               = { at = "lang", blank = ["??"] }

[each.addresses]
at = "addresses"
key = "use"
[each.addresses.fields]
use     = "kind"
line1   = "street[1]"
line2   = "street[2]"
city    = "city"
country = { at = "country.code", as = "code" }
"#;

pub(super) fn contact() -> Value {
    json!({
        "id": 42,
        "company": {"name": "Dupont SA", "vatId": "FR 40 303 265 045", "owner": "jd"},
        "emails": [{"type": "home", "address": "a@example.org"}, {"type": "work", "address": "b@example.org"}],
        "phones": [],
        "terms": {"days": 30, "eom": false},
        "limit": 1500.5,
        "limit.currency": "EUR",
        "tags": ["reseller"],
        "lang": "??",
        "addresses": [
            {"kind": "main", "street": ["1 rue A", "bât. B"], "city": "Lyon", "country": {"code": "fr"}, "verified": true},
            {"kind": "billing", "street": ["2 rue C"], "city": "Paris", "country": null},
        ],
        "updated": "2024-01-01",
    })
}

fn document() -> Value {
    json!({
        "legal_name": "Dupont SA",
        "identifiers": [{"scheme": "vat", "value": "FR40303265045"}],
        "addresses": [
            {"use": "main", "line1": "1 rue A", "line2": "bât. B", "city": "Lyon", "country": "FR"},
            {"use": "billing", "line1": "2 rue C", "city": "Paris"},
        ],
        "emails": [{"use": "main", "value": "b@example.org"}],
        "payment_terms": {"days": 30, "end_of_month": false},
        "credit_limit": {"amount": "1500.5", "currency": "EUR"},
        "roles": ["reseller"],
    })
}

#[test]
fn an_object_is_read() {
    let crm = mapping(CRM);
    let reading = crm.reader().read_with_unmapped(&Body::Json(contact())).unwrap();
    assert_eq!(reading.key, "42");
    assert_eq!(reading.document.to_json(), document());
    assert_eq!(reading.unmapped, ["addresses.verified", "company.owner", "emails.address", "emails.type", "updated"]);
    assert_eq!(crm.stream_needs().record_paths, ["data.items"]);
}

#[test]
fn writing_what_was_read_changes_nothing() {
    let body = Body::Json(contact());
    assert_eq!(mapping(CRM).write(&document(), Some("42"), Some(&body)).unwrap(), body);
}

#[test]
fn changes_keep_what_is_not_mapped() {
    let mut changed = document();
    changed["addresses"] =
        json!([{"use": "billing", "line1": "3 rue D", "city": "Paris"}, {"use": "main", "city": "Lyon"}]);
    changed["emails"] = json!([]);
    changed["phones"] = json!([{"use": "mobile", "value": "+33600000000"}]);
    changed["credit_limit"]["amount"] = json!("99.90");
    changed["payment_terms"] = json!({"days": 45});
    let Body::Json(written) = mapping(CRM).write(&changed, Some("42"), Some(&Body::Json(contact()))).unwrap() else {
        panic!("no JSON");
    };
    let mut expected = contact();
    expected["addresses"] = json!([
        {"kind": "billing", "street": ["3 rue D"], "city": "Paris", "country": null},
        {"kind": "main", "street": [null, null], "city": "Lyon", "country": {"code": null}, "verified": true},
    ]);
    expected["emails"][1]["address"] = Value::Null;
    expected["phones"] = json!([{"type": "mobile", "number": "+33600000000"}]);
    expected["limit"] = json!(99.90);
    expected["terms"] = json!({"days": 45, "eom": null});
    assert_eq!(written, expected);
}

#[test]
fn a_new_object_is_written() {
    let Body::Json(written) = mapping(CRM).write(&document(), None, None).unwrap() else { panic!("no JSON") };
    assert_eq!(
        written,
        json!({
            "company": {"name": "Dupont SA", "vatId": "FR40303265045"},
            "emails": [{"type": "work", "address": "b@example.org"}],
            "terms": {"days": 30, "eom": false},
            "limit": 1500.50,
            "limit.currency": "EUR",
            "tags": ["reseller"],
            "addresses": [
                {"kind": "main", "street": ["1 rue A", "bât. B"], "city": "Lyon", "country": {"code": "FR"}},
                {"kind": "billing", "street": ["2 rue C"], "city": "Paris"},
            ],
        })
    );
}

#[test]
fn a_number_that_json_would_bend_is_refused() {
    let mut long = document();
    long["credit_limit"]["amount"] = json!("12345678901234567.89");
    let errors = mapping(CRM).write(&long, None, None).unwrap_err();
    assert_eq!(errors[0].code, "mapping.json-number");
}

#[test]
fn json_of_the_wrong_shape_is_refused() {
    let mut wrong = contact();
    wrong["company"]["name"] = json!({"fr": "x"});
    wrong["terms"]["days"] = json!("soon");
    wrong["id"] = Value::Null;
    let errors = mapping(CRM).reader().read(&Body::Json(wrong)).unwrap_err();
    assert_eq!(
        messages(&errors),
        [
            "key (id, empty): the record has no key; without one nothing can be kept in step",
            "legal_name (company.name, list or object): a list or object stands where a single value is wanted; correct the path",
            "payment_terms.days (terms.days, letters): a character does not belong into a number",
        ]
    );
}

#[test]
fn the_residue_of_an_object_suffices() {
    let crm = mapping(CRM);
    let Some(Body::Json(residue)) = crm.residue(&Body::Json(contact())) else { panic!("no residue") };
    assert_eq!(residue["company"], json!({"owner": "jd"}));
    assert_eq!(residue["updated"], json!("2024-01-01"));
    assert_eq!(residue["addresses"][0]["verified"], json!(true));
    let again = crm.write(&document(), Some("42"), Some(&Body::Json(residue))).unwrap();
    assert_eq!(crm.reader().read(&again).unwrap().document.to_json(), document());
}
