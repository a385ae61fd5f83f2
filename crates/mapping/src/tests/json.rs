use canonical::record::{Body, Json};
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
    let reading = crm.reader().read_with_unmapped(&Body::Json(contact().into())).unwrap();
    assert_eq!(reading.key, "42");
    assert_eq!(reading.document.to_json(), document());
    assert_eq!(reading.unmapped, ["addresses.verified", "company.owner", "emails.address", "emails.type", "updated"]);
    assert_eq!(crm.stream_needs().record_paths, ["data.items"]);
}

#[test]
fn writing_what_was_read_changes_nothing() {
    let body = Body::Json(contact().into());
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
    let Body::Json(written) = mapping(CRM).write(&changed, Some("42"), Some(&Body::Json(contact().into()))).unwrap()
    else {
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
    assert_eq!(written, Json::from(expected));
}

#[test]
fn a_new_object_is_written() {
    let Body::Json(written) = mapping(CRM).write(&document(), None, None).unwrap() else { panic!("no JSON") };
    assert_eq!(
        written,
        Json::from(json!({
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
        }))
    );
}

#[test]
fn numbers_keep_every_digit() {
    let check = |number: &str, amount: &str| {
        let record = contact().to_string().replace("1500.5", number);
        let body = Body::Json(Json::read(&record).unwrap());
        let read = mapping(CRM).reader().read(&body).unwrap().document.to_json();
        assert_eq!(read["credit_limit"]["amount"], json!(amount));
        let same = mapping(CRM).write(&read, Some("42"), Some(&body)).unwrap();
        assert_eq!(serde_json::to_string(&same).unwrap(), serde_json::to_string(&body).unwrap());
        let new = mapping(CRM).write(&read, None, None).unwrap();
        let Body::Json(new) = &new else { panic!("no JSON") };
        assert_eq!(new.get("limit"), Json::read(amount).as_ref().ok());
    };
    check("12345678901234567.89", "12345678901234567.89");
    check("0.1000000000000000055", "0.1000000000000000055");
    check("1500.50", "1500.50");
    check("15005e-1", "1500.5");
}

#[test]
fn keys_keep_every_digit() {
    let record = contact().to_string().replace("\"id\":42", "\"id\":12345678901234567890123");
    let body = Body::Json(Json::read(&record).unwrap());
    let crm = mapping(CRM);
    let reading = crm.reader().read(&body).unwrap();
    assert_eq!(reading.key, "12345678901234567890123");
    let Body::Json(written) = crm.write(&document(), Some(&reading.key), None).unwrap() else { panic!("no JSON") };
    assert_eq!(written.get("id").unwrap().to_string(), "12345678901234567890123");
}

#[test]
fn json_of_the_wrong_shape_is_refused() {
    let mut wrong = contact();
    wrong["company"]["name"] = json!({"fr": "x"});
    wrong["terms"]["days"] = json!("soon");
    wrong["id"] = Value::Null;
    let errors = mapping(CRM).reader().read(&Body::Json(wrong.into())).unwrap_err();
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
    let Some(Body::Json(residue)) = crm.residue(&Body::Json(contact().into())) else { panic!("no residue") };
    let shown = serde_json::to_value(&residue).unwrap();
    assert_eq!(shown["company"], json!({"owner": "jd"}));
    assert_eq!(shown["updated"], json!("2024-01-01"));
    assert_eq!(shown["addresses"][0]["verified"], json!(true));
    let again = crm.write(&document(), Some("42"), Some(&Body::Json(residue))).unwrap();
    let mut expected = document();
    // An amount is written with the decimals of its currency.
    expected["credit_limit"]["amount"] = json!("1500.50");
    assert_eq!(crm.reader().read(&again).unwrap().document.to_json(), expected);
}
