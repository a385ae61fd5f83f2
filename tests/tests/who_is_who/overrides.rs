//! What a steward decides about a single value wins over everything, and taken back, leaves nothing behind.

use canonical::entity::{Entity, Operation};
use master::MasterId;
use passerelle_tests::scripted::records::{INVOICE, invoice};
use passerelle_tests::scripted::world::{Feed, Part, Running, TENANT, World, document};
use serde_json::{Value, json};
use store::{Command, JournalKind, MasterSummary, Overridden, OverrideAsked};

use crate::support::{CUSTOMER, company, customers, judge, master_of, merge, shown, state, undo};

/// Decides what a unit says, or takes that back, and waits until everybody has heard of it.
async fn decide(hub: &Running<'_>, id: MasterId, unit: &str, value: Option<Value>) -> Result<Overridden, String> {
    let (by, reason) = ("anna".to_owned(), "she called them".to_owned());
    let (tenant, unit) = (TENANT.to_owned(), unit.to_owned());
    let asked = OverrideAsked { tenant, master_id: id, unit, value, by, reason };
    let answer = hub.command(Command::Override(asked)).await?;
    hub.quiet().await;
    Ok(serde_json::from_str(&answer).unwrap())
}

async fn summary(hub: &Running<'_>, id: MasterId) -> MasterSummary {
    hub.masters(Entity::Customer).await.into_iter().find(|master| master.master_id == id).unwrap()
}

/// The name of a customer: in the golden document, and, where they all agree, at those that are fed it.
async fn name(world: &World, hub: &Running<'_>, id: MasterId) -> String {
    let master = summary(hub, id).await;
    let name = document(&master)["legal_name"].as_str().unwrap().to_owned();
    for (system, key) in &master.systems {
        let held = if **system == *"erp" { None } else { Some(record(world, system, key)) };
        assert!(held.as_ref().is_none_or(|held| held["name"] == *name), "{system} {key}: {held:?}, not {name}");
    }
    name
}

/// What a fed system holds of a customer.
fn record(world: &World, system: &str, key: &str) -> Value {
    world.on(system, |script| script.held[&(Entity::Customer, key.to_owned())].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_override_wins_over_every_source_until_it_is_taken_back() {
    let world = company();
    let hub = world.start().await;
    world.show("erp", "customers", vec![shown("C1", "Garage Hamon", "0472112233", "12 rue Foch")]);
    hub.settle().await;
    let id = master_of(&hub, "erp", "C1").await;
    let before = state(&world, &hub).await;
    let version = summary(&hub, id).await.version;

    let told = decide(&hub, id, "legal_name", Some(json!("Hamon & Fils"))).await.unwrap();
    assert!(told.is_changed && told.version > version && told.units == ["legal_name"], "{told:?}");
    assert_eq!(name(&world, &hub, id).await, "Hamon & Fils");
    let again = decide(&hub, id, "legal_name", Some(json!("Hamon & Fils"))).await.unwrap();
    assert_eq!((again.version, again.is_changed), (told.version, false), "the same is no new version");
    let back = decide(&hub, id, "legal_name", None).await.unwrap();
    assert!(back.is_changed && back.units.is_empty(), "{back:?}");
    assert_eq!(state(&world, &hub).await, before);

    // The most trusted system says something newer, and one that is fed says something of its own.
    decide(&hub, id, "legal_name", Some(json!("Hamon & Fils"))).await.unwrap();
    world.show("erp", "customers", vec![shown("C1", "Hamon Autos", "0472112233", "12 rue Foch")]);
    hub.settle().await;
    assert_eq!(name(&world, &hub, id).await, "Hamon & Fils");
    let ((_, key), mut held) = world.on("crm", |script| script.held.clone()).pop_first().unwrap();
    (held["id"], held["name"]) = (json!(key), json!("Hamon, garage"));
    world.on("crm", |script| script.held.insert((Entity::Customer, key.clone()), held.clone()));
    world.show("crm", "customers", vec![held]);
    hub.settle().await;
    assert_eq!(name(&world, &hub, id).await, "Hamon & Fils", "the CRM is told once more");
    decide(&hub, id, "legal_name", None).await.unwrap();
    assert_eq!(name(&world, &hub, id).await, "Hamon Autos", "what was said meanwhile counts");

    let journal = hub.story(&summary(&hub, id).await).await.journal;
    let told = journal.iter().filter(|entry| entry.kind == JournalKind::Overridden);
    let told: Vec<&str> = told.filter_map(|entry| entry.detail.as_deref()).collect();
    let (set, unset) = ("legal_name set by anna: she called them", "legal_name taken back by anna: she called them");
    assert_eq!(told, [set, set, unset, set, unset]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_decided_to_be_empty_is_emptied_everywhere() {
    let world = company();
    let hub = world.start().await;
    world.show("erp", "customers", vec![shown("C1", "Garage Hamon", "0472112233", "12 rue Foch")]);
    hub.settle().await;
    let id = master_of(&hub, "erp", "C1").await;
    let before = state(&world, &hub).await;
    let phones = |state: &crate::support::State| -> Vec<bool> {
        state.held.values().map(|held| held.get("phone").is_some_and(|phone| !phone.is_null())).collect()
    };
    assert_eq!(phones(&before), [true, true]);
    decide(&hub, id, "phones.office", Some(Value::Null)).await.unwrap();
    let after = state(&world, &hub).await;
    assert_eq!(phones(&after), [false, false], "{after:?}");
    assert_eq!(after.documents[&id].get("phones"), None);
    let both = decide(&hub, id, "addresses.main", Some(json!({"line1": "1 quai Est", "city": "Lyon"}))).await.unwrap();
    assert_eq!(both.units, ["addresses.main", "phones.office"]);
    assert_eq!(state(&world, &hub).await.documents[&id]["addresses"][0].get("postcode"), None, "it is taken whole");
    decide(&hub, id, "phones.office", None).await.unwrap();
    decide(&hub, id, "addresses.main", None).await.unwrap();
    assert_eq!(state(&world, &hub).await, before);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_right_is_refused_and_changes_nothing() {
    let world = company();
    let hub = world.start().await;
    world.show("erp", "customers", vec![shown("C1", "Garage Hamon", "0472112233", "12 rue Foch")]);
    world.show("erp", "invoices", vec![invoice("F1", "C1", "10.00")]);
    hub.settle().await;
    let id = master_of(&hub, "erp", "C1").await;
    let of_invoice = hub.master(Entity::Invoice, "number", "F1").await.master_id;
    let before = state(&world, &hub).await;
    let check = async |id: MasterId, unit: &str, value: Option<Value>, part: &str| {
        let told = decide(&hub, id, unit, value).await.unwrap_err();
        assert!(told.contains(part), "{unit}: {told}");
    };
    check(id, "legal_nmae", Some(json!("x")), "\"legal_nmae\" names nothing").await;
    check(id, "addresses.main.city", Some(json!("Brest")), "which wins as a whole").await;
    check(id, "identifiers.siren", Some(json!("123456789")), "\"identifiers.siren\" cannot say this").await;
    check(id, "legal_name", None, "nothing is overridden at \"legal_name\"").await;
    check(MasterId(9_999), "legal_name", Some(json!("x")), "there is no m9999").await;
    check(of_invoice, "legal_name", Some(json!("x")), "is not a customer").await;
    let nobody = OverrideAsked {
        tenant: TENANT.to_owned(),
        master_id: id,
        unit: "legal_name".to_owned(),
        value: Some(json!("x")),
        by: "anna".to_owned(),
        reason: " ".to_owned(),
    };
    let told = hub.command(Command::Override(nobody)).await.unwrap_err();
    assert!(told.contains("a reason is missing"), "{told}");
    assert_eq!(state(&world, &hub).await, before);
    assert_eq!(hub.happened(&summary(&hub, id).await, JournalKind::Overridden).await, 0);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_override_sleeps_while_its_customer_is_one_with_another() {
    let world = company();
    let hub = world.start().await;
    let rows = vec![
        shown("C1", "Garage Hamon", "0472112233", "12 rue Foch"),
        shown("C2", "Pharmacie Weiss", "0140205317", "77 avenue Mozart"),
    ];
    world.show("erp", "customers", rows);
    hub.settle().await;
    let (one, two) = (master_of(&hub, "erp", "C1").await, master_of(&hub, "erp", "C2").await);
    decide(&hub, two, "legal_name", Some(json!("Weiss & Cie"))).await.unwrap();
    let before = state(&world, &hub).await;
    let merged = judge(&hub, merge(one, two)).await.unwrap();
    assert_eq!(customers(&hub).await, [one].into());
    assert_eq!(name(&world, &hub, one).await, "Garage Hamon", "the override was of the other");
    // What is said of the one that is gone is said of the one that stays.
    let told = decide(&hub, two, "phones.office", Some(json!("+33472000000"))).await.unwrap();
    assert_eq!((told.master_id, &*told.units), (one, &["phones.office".to_owned()][..]));
    decide(&hub, one, "phones.office", None).await.unwrap();
    judge(&hub, undo(merged.number)).await.unwrap();
    assert_eq!(name(&world, &hub, two).await, "Weiss & Cie", "it is awake again");
    let after = state(&world, &hub).await;
    assert_eq!((after.documents, after.crosswalk), (before.documents, before.crosswalk));
    // Who became two again is told by a record, and not by what a steward said.
    let journal = hub.story(&summary(&hub, two).await).await.journal;
    let split = journal.iter().find(|entry| entry.kind == JournalKind::Split).unwrap();
    assert_eq!((&*split.system, split.key.as_deref()), ("erp", Some("C2")));
    decide(&hub, two, "legal_name", None).await.unwrap();
    assert_eq!(name(&world, &hub, two).await, "Pharmacie Weiss");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_override_survives_a_restart_and_a_customer_that_comes_back() {
    let erp = Part::new("erp").shows(Feed::full("customers", CUSTOMER)).shows(Feed::new("invoices", INVOICE));
    let world = World::new(vec![erp, Part::new("shop").takes(Entity::Customer, CUSTOMER)]);
    let hub = world.start().await;
    let (hamon, weiss) = (
        shown("C1", "Garage Hamon", "0472112233", "12 rue Foch"),
        shown("C2", "Pharmacie Weiss", "0140205317", "77 avenue Mozart"),
    );
    world.show("erp", "customers", vec![hamon.clone(), weiss.clone()]);
    hub.settle().await;
    let id = master_of(&hub, "erp", "C1").await;
    decide(&hub, id, "legal_name", Some(json!("Hamon & Fils"))).await.unwrap();
    hub.crash();

    let hub = world.start().await;
    let later = shown("C1", "Hamon Autos", "0472112233", "14 rue Foch");
    world.show("erp", "customers", vec![later.clone(), weiss.clone()]);
    hub.settle().await;
    assert_eq!(name(&world, &hub, id).await, "Hamon & Fils");
    assert_eq!(document(&summary(&hub, id).await)["addresses"][0]["line1"], "14 rue Foch");
    // No source, no customer: a steward's word alone keeps none.
    world.show("erp", "customers", vec![weiss.clone()]);
    hub.settle().await;
    assert_eq!(summary(&hub, id).await.state, Operation::Remove);
    world.show("erp", "customers", vec![later, weiss]);
    hub.settle().await;
    assert_eq!(master_of(&hub, "erp", "C1").await, id);
    assert_eq!(name(&world, &hub, id).await, "Hamon & Fils");
    decide(&hub, id, "legal_name", None).await.unwrap();
    assert_eq!(name(&world, &hub, id).await, "Hamon Autos");
    hub.stop().await;
}
