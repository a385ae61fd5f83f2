//! The pipeline from drop to delivery, on the embedded bus, and on the store that the tests run on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use canonical::entity::Entity;
use hub::Missing;
use passerelle_tests::house::{CsvFeed, CsvSystem, House, accounting, masters};
use passerelle_tests::mappings::{CUSTOMER_CSV as ERP, INVOICE_CSV as INVOICE};
use serde_json::json;
use store::{Export, RecordOutcome};

const CRM: &str = r#"
entity = "customer"
format = "csv"
key = "id"

[fields]
legal_name = "company"
identifiers.siren = "siren"
phones.office = "phone"
emails.main = "mail"
"#;

fn feed(name: &'static str, mapping: &'static str, export: Export) -> CsvFeed {
    CsvFeed { name, mapping, export, missing: Missing::Keep }
}

/// An ERP that shows customers and invoices, a CRM that shows and is fed customers, a ledger that is fed everything.
fn company() -> House {
    let erp = CsvSystem {
        name: "erp",
        streams: vec![feed("customers", ERP, Export::Full), feed("invoices", INVOICE, Export::Delta)],
        subscriptions: vec![(Entity::Customer, ERP)],
    };
    let crm = CsvSystem {
        name: "crm",
        streams: vec![feed("customers", CRM, Export::Delta)],
        subscriptions: vec![(Entity::Customer, CRM)],
    };
    let ledger = CsvSystem {
        name: "ledger",
        streams: vec![],
        subscriptions: vec![(Entity::Customer, ERP), (Entity::Invoice, INVOICE)],
    };
    House::new(vec![erp, crm, ledger], &["erp", "crm"])
}

/// Rows without the key that the hub gave, in alphabetical order: which customer comes first is nobody's business.
fn keyless(rows: &[String]) -> Vec<&str> {
    let mut rows: Vec<_> = rows.iter().map(|row| row.split_once(',').map_or(row.as_str(), |(_, rest)| rest)).collect();
    rows.sort_unstable();
    rows
}

/// The customer of that name.
fn named<'a>(customers: &'a [(u64, serde_json::Value)], name: &str) -> &'a (u64, serde_json::Value) {
    customers.iter().find(|(_, document)| document["legal_name"] == name).unwrap()
}

const CUSTOMERS: &str =
    "code,name,siren,email,city\nC1,Dupont,552100554,a@dupont.fr,Paris\nC2,Durand,,b@durand.fr,Lyon\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drop_reaches_every_subscriber_that_does_not_hold_it() {
    let house = company();
    house.drop_file("erp", "customers1.csv", CUSTOMERS);
    let store = house.settle().await;
    let outcomes = accounting(&*store, "erp").await;
    assert_eq!((outcomes.read, outcomes.get(RecordOutcome::Created), outcomes.in_flight), (2, 2, 0));
    assert_eq!(keyless(&house.fed("ledger")), ["Dupont,552100554,a@dupont.fr,Paris", "Durand,,b@durand.fr,Lyon"]);
    assert_eq!(keyless(&house.fed("crm")), ["Dupont,552100554,,a@dupont.fr", "Durand,,,b@durand.fr"]);
    assert_eq!(house.fed("erp"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_drop_changes_nothing_and_one_changed_field_makes_one_version() {
    let house = company();
    house.drop_file("erp", "customers1.csv", CUSTOMERS);
    drop(house.settle().await);
    let fed = house.fed("ledger").len();
    house.drop_file("erp", "customers2.csv", CUSTOMERS);
    let store = house.settle().await;
    assert_eq!(accounting(&*store, "erp").await.get(RecordOutcome::Duplicate), 2);
    let before = masters(&*store, Entity::Customer).await;
    drop(store);
    house.drop_file("erp", "customers3.csv", &CUSTOMERS.replace("Lyon", "Nantes"));
    let store = house.settle().await;
    let after = masters(&*store, Entity::Customer).await;
    assert_eq!(named(&before, "Dupont"), named(&after, "Dupont"));
    assert!(named(&after, "Durand").0 > named(&before, "Durand").0);
    assert_eq!(house.fed("ledger").len(), fed + 1);
    assert_eq!(keyless(&house.fed("ledger")[fed..]), ["Durand,,b@durand.fr,Nantes"]);
    // The CRM's mapping does not carry the city.
    assert_eq!(house.fed("crm").len(), 2);
    assert_eq!(accounting(&*store, "erp").await.get(RecordOutcome::Unchanged), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_systems_share_a_master_by_its_siren_and_the_loser_is_corrected_once() {
    let house = company();
    house.drop_file("erp", "customers1.csv", CUSTOMERS);
    drop(house.settle().await);
    house.drop_file(
        "crm",
        "customers1.csv",
        "id,company,siren,phone,mail\n77,DUPONT SARL,552 100 554,+33140205317,x@y.fr\n",
    );
    let store = house.settle().await;
    let customers = masters(&*store, Entity::Customer).await;
    assert_eq!(customers.len(), 2, "{customers:?}");
    assert_eq!(named(&customers, "Dupont").1["phones"], json!([{"use": "office", "value": "+33140205317"}]));
    // The record that the CRM showed is corrected under its own key; the one that it was given earlier keeps in step.
    let fed = house.fed("crm");
    assert!(fed.contains(&"77,Dupont,552100554,+33140205317,a@dupont.fr".to_owned()), "{fed:?}");
    drop(store);
    let (crm, ledger) = (house.fed("crm"), house.fed("ledger"));
    // The CRM shows what it was given: an echo. Nothing moves any more.
    house.drop_file(
        "crm",
        "customers2.csv",
        "id,company,siren,phone,mail\n77,Dupont,552100554,+33140205317,a@dupont.fr\n",
    );
    drop(house.settle().await);
    assert_eq!((house.fed("crm"), house.fed("ledger")), (crm, ledger));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_cleared_at_its_owner_is_cleared_everywhere_and_others_are_never_erased() {
    let house = company();
    house.drop_file("crm", "customers1.csv", "id,company,siren,phone,mail\n77,Dupont,552100554,+33140205317,\n");
    drop(house.settle().await);
    house.drop_file("erp", "customers1.csv", CUSTOMERS);
    let store = house.settle().await;
    // The ERP does not map phones: it cannot erase them.
    let customers = masters(&*store, Entity::Customer).await;
    assert_eq!(named(&customers, "Dupont").1["phones"][0]["value"], "+33140205317");
    drop(store);
    house.drop_file("erp", "customers2.csv", &CUSTOMERS.replace("a@dupont.fr", ""));
    let store = house.settle().await;
    let customers = masters(&*store, Entity::Customer).await;
    assert_eq!(named(&customers, "Dupont").1.get("emails"), None, "{customers:?}");
    assert!(house.fed("ledger").last().unwrap().ends_with(",Dupont,552100554,,Paris"));
    assert_eq!(house.fed("crm").last().unwrap(), "77,Dupont,552100554,+33140205317,");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_waits_for_its_customer_and_is_delivered_after_it() {
    let house = company();
    house.drop_file("erp", "invoices1.csv", "number,date,client,total\nF1,2026-03-01,C1,120.00\n");
    let store = house.settle().await;
    let outcomes = accounting(&*store, "erp").await;
    assert_eq!((outcomes.read, outcomes.get(RecordOutcome::Waiting)), (1, 1));
    assert_eq!(house.fed("ledger"), Vec::<String>::new());
    drop(store);
    house.drop_file("erp", "customers1.csv", CUSTOMERS);
    let store = house.settle().await;
    let outcomes = accounting(&*store, "erp").await;
    assert_eq!((outcomes.get(RecordOutcome::Waiting), outcomes.get(RecordOutcome::Created)), (0, 3));
    let fed = house.fed("ledger");
    let dupont = fed.iter().find_map(|row| row.strip_suffix(",Dupont,552100554,a@dupont.fr,Paris")).unwrap();
    assert!(fed.contains(&format!("F1,2026-03-01,{dupont},120.00")), "{fed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_full_export_no_longer_shows_is_removed_if_it_says_so_and_stays_under_the_brake() {
    let feeds = vec![CsvFeed { missing: Missing::Remove, ..feed("customers", ERP, Export::Full) }];
    let erp = CsvSystem { name: "erp", streams: feeds, subscriptions: vec![] };
    let house = House::new(vec![erp], &["erp"]);
    house.drop_file("erp", "customers1.csv", CUSTOMERS);
    drop(house.settle().await);
    house.drop_file("erp", "customers2.csv", "code,name,siren,email,city\nC1,Dupont,552100554,a@dupont.fr,Paris\n");
    let store = house.settle().await;
    let outcomes = accounting(&*store, "erp").await;
    assert_eq!((outcomes.get(RecordOutcome::Removed), outcomes.get(RecordOutcome::Unchanged)), (1, 1));
    drop(store);
    // Everything at once is over the brake of 50 %.
    house.drop_file("erp", "customers3.csv", "code,name,siren,email,city\n");
    let store = house.settle().await;
    assert_eq!(accounting(&*store, "erp").await.get(RecordOutcome::Removed), 1);
}
