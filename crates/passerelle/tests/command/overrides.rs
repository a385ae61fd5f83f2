//! Single values that somebody decides, on the command line and over the API.

use serde_json::{Value, json};

use crate::directory::{Directory, told};
use crate::running::Running;

const ROWS: &str = "NO;NAME;SIRET;STREET;ZIP;CITY;COUNTRY;CREDIT;BLOCKED\n\
    C-1001;Durand SA;55210055400013;1 rue A;29000;Quimper;FR;1 000,00;0\n";

/// A hub whose ERP knows one customer.
fn hub() -> Directory {
    let directory = Directory::new();
    let file = directory.write("customers-1.csv", ROWS);
    directory.run(&["ingest", "erp", &file]).with(0);
    directory
}

/// The golden document of the customer.
#[track_caller]
fn document(directory: &Directory) -> Value {
    directory.run(&["customers", "show", "m1", "--json"]).with(0).json()[0]["document"].clone()
}

const WHY: [&str; 4] = ["--reason", "by phone", "--by", "anna"];

#[test]
fn a_value_is_decided_and_taken_back() {
    let directory = hub();
    let before = document(&directory);
    let set = |arguments: &[&str]| directory.run(&[&["customers", "set", "C-1001"], arguments, &WHY].concat()).with(0);
    let decided = set(&["legal_name", "Durand et Fils", "--json"]).json();
    assert_eq!(decided["master_id"], "m1", "{decided}");
    assert_eq!((&decided["is_changed"], &decided["units"]), (&json!(true), &json!(["legal_name"])), "{decided}");
    assert_eq!(document(&directory)["legal_name"], "Durand et Fils");
    let why = directory.run(&["customers", "why", "m1"]).with(0);
    let line = why.out.lines().find(|line| line.starts_with("legal_name")).unwrap().to_owned();
    assert!(line.contains("Durand et Fils") && line.contains("a steward decided it"), "{line}");
    let shown = directory.run(&["customers", "show", "m1"]).with(0).out;
    for part in ["stewards decided", "a value was decided by a steward", "(legal_name set by anna: by phone)"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // The record that comes again changes nothing about it.
    let file = directory.write("customers-2.csv", ROWS.replace("Durand SA", "DURAND").replace("rue A", "rue B"));
    directory.run(&["ingest", "erp", &file]).with(0);
    let after = document(&directory);
    assert_eq!((&after["legal_name"], &after["addresses"][0]["line1"]), (&json!("Durand et Fils"), &json!("1 rue B")));

    let text = set(&["addresses.main", r#"{"line1": "3 rue C", "city": "Brest", "country": "FR"}"#]);
    assert!(text.out.starts_with("addresses.main is decided; m1 now has version "), "{}", text.out);
    assert!(text.out.contains("decided are addresses.main, legal_name"), "{}", text.out);
    assert!(text.err.contains("customers unset m1 addresses.main"), "{}", text.err);
    set(&["credit_limit", "--empty"]);
    assert_eq!(document(&directory).get("credit_limit"), None);
    let file = directory.write("customers-3.csv", ROWS);
    directory.run(&["ingest", "erp", &file]).with(0);
    for unit in ["legal_name", "addresses.main", "credit_limit"] {
        let back = directory.run(&[&["customers", "unset", "m1", unit], &WHY[..]].concat()).with(0);
        assert!(back.out.contains("is up to its systems again; m1 now has version "), "{}", back.out);
    }
    assert_eq!(document(&directory), before);
    assert!(!directory.run(&["customers", "show", "m1"]).with(0).out.contains("stewards decided"));
}

#[test]
fn what_cannot_be_decided_is_told_with_a_remedy() {
    let directory = hub();
    let before = document(&directory);
    let check = |arguments: &[&str], code: &str, part: &str| {
        told(directory.run(&[&["customers"], arguments, &WHY].concat()), 2, code, part);
    };
    check(&["set", "m1", "legal_nmae", "x"], "cli.refused", "\"legal_nmae\" names nothing");
    check(&["set", "m1", "identifiers.siren", "123456789"], "cli.refused", "\"identifiers.siren\" cannot say this");
    check(&["set", "m99", "legal_name", "x"], "cli.unknown", "there is no customer \"m99\"");
    check(&["unset", "m1", "legal_name"], "cli.refused", "nothing is overridden at \"legal_name\"");
    let silent = directory.run(&["customers", "set", "m1", "legal_name", "x", "--reason", " ", "--by", "anna"]);
    told(silent, 2, "cli.refused", "a reason is missing");
    directory.run(&["customers", "set", "m1", "legal_name", "--reason", "x"]).with(2);
    assert_eq!(document(&directory), before);
}

#[test]
fn a_running_hub_takes_the_decision() {
    let directory = hub();
    let hub = Running::start(&directory);
    let body = json!({"master_id": "m1", "unit": "legal_name", "value": "Durand et Fils", "reason": "x", "by": "anna"});
    let posted = hub.post("/api/customers/override", &body.to_string());
    assert!(posted.starts_with("HTTP/1.1 200") && posted.contains("\"units\":[\"legal_name\"]"), "{posted}");
    let why = hub.get("/api/masters/m1/why");
    assert!(why.contains("Durand et Fils") && why.contains("override"), "{why}");
    let story = hub.get("/masters/m1");
    assert!(story.contains("decided a value") && story.contains("legal_name set by anna"), "{story}");
    directory.run(&[&["customers", "unset", "m1", "legal_name"], &WHY[..]].concat()).with(0);
    assert_eq!(document(&directory)["legal_name"], "Durand SA");
    let again = json!({"master_id": "m1", "unit": "legal_name", "reason": "x", "by": "anna"});
    let refused = hub.post("/api/customers/override", &again.to_string());
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("nothing is overridden"), "{refused}");
    assert_eq!(hub.stop("-TERM"), 0);
}
