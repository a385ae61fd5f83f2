//! What everybody holds in the end, by business keys, and how it differs from what was expected.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use serde_json::{Map, Value, json};

use super::company::Cli;
use super::ledger::Books;
use super::stage::{Stage, original};

/// Fields that the CRM or the hub gives, which differ from run to run.
const CRM_GIVEN: [&str; 5] = ["id", "external_id", "external_version", "created_at", "updated_at"];

/// What the demo must end with: a committed file, written from the inputs by reasoning, not by the hub.
///
/// # Errors
/// When the file is broken.
pub fn expected() -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(original("expected.json")?)?)
}

/// What the CRM, the ledger and the master hold now. Ids that systems give are replaced by names.
///
/// # Errors
/// When one of them cannot be read.
pub async fn read(stage: &Stage, hub: &Cli) -> anyhow::Result<Value> {
    Ok(json!({
        "crm": crm(&stage.path("outside/crm"))?,
        "ledger": ledger(&stage.path("outside/ledger"))?,
        "master": master(&customers(hub).await?)?,
    }))
}

/// The customers of the master, through the command line.
///
/// # Errors
/// When the command fails.
pub async fn customers(hub: &Cli) -> anyhow::Result<Value> {
    hub.json(&["customers", "list", "--limit", "10000", "--json"]).await
}

/// The version of every customer, by master id.
pub fn versions(customers: &Value) -> BTreeMap<String, u64> {
    let items = customers.as_array().into_iter().flatten();
    items.filter_map(|item| Some((item.get("master_id")?.to_string(), item.get("version")?.as_u64()?))).collect()
}

fn crm(folder: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read(folder.join("contacts.json")).context("the CRM has no database")?;
    let database: Value = serde_json::from_slice(&text)?;
    let contacts = database.get("contacts").unwrap_or(&database).as_array().context("the CRM has no contacts")?;
    let mut named = Map::new();
    for contact in contacts {
        let mut contact = contact.as_object().context("a contact is no object")?.clone();
        contact.retain(|name, value| !CRM_GIVEN.contains(&name.as_str()) && !is_nothing(value));
        let name = contact.remove("name").and_then(|name| Some(name.as_str()?.to_owned())).unwrap_or_default();
        insert(&mut named, name, Value::Object(contact));
    }
    Ok(Value::Object(named))
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(is_nothing),
        _ => false,
    }
}

/// Two of one name are a finding of their own, not one that hides the other.
fn insert(named: &mut Map<String, Value>, name: String, value: Value) {
    let mut free = name.clone();
    let mut count = 2;
    while named.contains_key(&free) {
        free = format!("{name} ({count})");
        count += 1;
    }
    named.insert(free, value);
}

fn ledger(folder: &Path) -> anyhow::Result<Value> {
    let books = Books::open(folder)?;
    let name_of = |account: &String| books.customers.get(account).and_then(|row| row.get("name"));
    let by = |table: &BTreeMap<String, super::ledger::Row>, name: &str| {
        let mut named = Map::new();
        for row in table.values() {
            let mut row = row.clone();
            if let Some(account) = row.get_mut("account") {
                *account = name_of(account).cloned().unwrap_or_else(|| format!("no such account: {account}"));
            }
            let key = row.remove(name).unwrap_or_default();
            insert(&mut named, key, json!(row));
        }
        named
    };
    Ok(json!({
        "customers": by(&books.customers, "name"),
        "invoices": by(&books.invoices, "number"),
        "payments": by(&books.payments, "bank_reference"),
        "refused": books.refused,
    }))
}

fn master(customers: &Value) -> anyhow::Result<Value> {
    let mut named = Map::new();
    for customer in customers.as_array().context("the listing of customers is no list")? {
        if customer.get("state").and_then(Value::as_str).is_some_and(|state| state != "upsert") {
            continue;
        }
        let document = customer.get("document").context("a customer without a document")?;
        let systems = customer.get("systems").and_then(Value::as_array).into_iter().flatten();
        let systems: BTreeSet<&str> = systems.filter_map(|system| system.get(0)?.as_str()).collect();
        let mut view = Map::new();
        view.insert("known_to".to_owned(), json!(systems));
        view.insert("identifiers".to_owned(), by_selector(document, "identifiers", "scheme"));
        view.insert("emails".to_owned(), by_selector(document, "emails", "use"));
        view.insert("phones".to_owned(), by_selector(document, "phones", "use"));
        for name in ["status", "credit_limit", "payment_terms"] {
            view.insert(name.to_owned(), document.get(name).cloned().unwrap_or_default());
        }
        view.retain(|_, value| !is_nothing(value));
        let name = document.get("legal_name").and_then(Value::as_str).unwrap_or_default();
        insert(&mut named, name.to_owned(), Value::Object(view));
    }
    Ok(Value::Object(named))
}

fn by_selector(document: &Value, list: &str, selector: &str) -> Value {
    let items = document.get(list).and_then(Value::as_array).into_iter().flatten();
    let pairs = items.filter_map(|item| Some((item.get(selector)?.as_str()?.to_owned(), item.get("value")?.clone())));
    Value::Object(pairs.collect())
}

/// Every place where the two differ: one line each, by path.
pub fn differences(expected: &Value, found: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    compare(expected, found, "", &mut lines);
    lines
}

fn compare(expected: &Value, found: &Value, path: &str, lines: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(wanted), Value::Object(there)) => {
            let names: BTreeSet<&String> = wanted.keys().chain(there.keys()).collect();
            for name in names {
                let path = if path.is_empty() { name.clone() } else { format!("{path} › {name}") };
                compare(
                    wanted.get(name).unwrap_or(&Value::Null),
                    there.get(name).unwrap_or(&Value::Null),
                    &path,
                    lines,
                );
            }
        }
        _ if expected == found => {}
        (Value::Null, found) => lines.push(format!("+ {path}: {found}")),
        (expected, Value::Null) => lines.push(format!("- {path}: {expected}")),
        (expected, found) => lines.push(format!("! {path}: {found} instead of {expected}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: Value, found: Value, lines: &[&str]) {
        assert_eq!(differences(&expected, &found), lines);
    }

    #[test]
    fn differences_are_told_by_path() {
        check(json!({"a": {"b": 1}}), json!({"a": {"b": 1}}), &[]);
        check(
            json!({"a": {"b": 1, "c": "x"}}),
            json!({"a": {"b": 2, "d": "y"}}),
            &["! a › b: 2 instead of 1", "- a › c: \"x\"", "+ a › d: \"y\""],
        );
        check(json!([]), json!(["refused"]), &["! : [\"refused\"] instead of []"]);
    }

    #[test]
    fn two_of_one_name_do_not_hide_each_other() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("contacts.json"),
            r#"{"contacts": [{"id": 1, "name": "A", "phone": null}, {"id": 2, "name": "A", "email": "x"}]}"#,
        )
        .unwrap();
        assert_eq!(crm(folder.path()).unwrap(), json!({"A": {}, "A (2)": {"email": "x"}}));
    }

    #[test]
    fn the_expected_end_is_a_file_that_can_be_read() {
        let expected = expected().unwrap();
        for part in ["crm", "ledger", "master", "accounting"] {
            assert!(expected.get(part).is_some_and(Value::is_object), "{part}");
        }
    }
}
