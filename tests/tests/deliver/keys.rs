//! Which record of a system is written: its own keys, keys that it gives, several, and those of what others refer to.

use canonical::entity::Entity;
use hub::Filter;
use passerelle_tests::scripted::records::{CUSTOMER, INVOICE, company, customer, invoice};
use passerelle_tests::scripted::world::{Feed, Part, World, document};
use passerelle_tests::scripted::{Answer, LookUp};
use serde_json::json;

fn erp() -> Part {
    Part::new("erp").shows(Feed::full("customers", CUSTOMER)).shows(Feed::new("invoices", INVOICE))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_names_its_customer_by_the_key_that_the_system_gave_and_comes_after_it() {
    let crm = Part::new("crm").takes(Entity::Customer, CUSTOMER).takes(Entity::Invoice, INVOICE).assigning_keys();
    let world = World::new(vec![erp(), crm]);
    let hub = world.start().await;
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    world.show("erp", "invoices", vec![invoice("F1", "C1", "10.00")]);
    hub.settle().await;
    let effects = world.on("crm", |script| script.effects.clone());
    let told: Vec<_> = effects.iter().map(|effect| (&effect.entity, effect.key.as_str())).collect();
    assert_eq!(told, [(&Entity::Customer, "S1"), (&Entity::Invoice, "S2")]);
    assert_eq!(effects[1].record["client"], "S1");
    let dupont = hub.master(Entity::Customer, "legal_name", "Dupont").await;
    let rows = hub.crosswalk(&dupont, "crm").await;
    assert_eq!(rows.iter().map(|row| row.local.key.as_str()).collect::<Vec<_>>(), ["S1"]);
    // The next version goes to the record that is there.
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Nice")]);
    hub.settle().await;
    let last = world.on("crm", |script| script.effects.last().cloned()).unwrap();
    assert_eq!((last.key.as_str(), &last.record["city"]), ("S1", &json!("Nice")));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_that_is_not_delivered_holds_back_its_invoice_and_nobody_else() {
    let crm = Part::new("crm").takes(Entity::Customer, CUSTOMER).takes(Entity::Invoice, INVOICE).assigning_keys();
    let world = World::new(vec![erp(), crm]);
    let hub = world.start().await;
    // The customer's first call is lost before it is applied.
    world.on("crm", |script| script.next(&[Answer::Unknown { applied: false }]));
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon"), customer("C2", "Durand", "Lyon")]);
    world.show("erp", "invoices", vec![invoice("F1", "C1", "10.00"), invoice("F2", "C2", "20.00")]);
    hub.settle().await;
    assert!(hub.parked().await.is_empty());
    let mut told = world.on("crm", |script| script.told(&Entity::Invoice, "number"));
    told.sort();
    assert_eq!(told, ["F1", "F2"]);
    world.on("crm", |script| {
        for effect in script.effects.iter().filter(|effect| effect.entity == Entity::Invoice) {
            let client = effect.record["client"].as_str().unwrap().to_owned();
            assert!(script.held.contains_key(&(Entity::Customer, client)));
        }
    });
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_records_of_one_master_in_one_system_are_both_kept_in_step() {
    let crm = Part::new("crm").shows(Feed::new("customers", CUSTOMER)).takes(Entity::Customer, CUSTOMER);
    let world = World::new(vec![erp(), crm]);
    let hub = world.start().await;
    world.show("erp", "customers", vec![company("C1", "Dupont", "552100554")]);
    hub.collect().await;
    world.show("crm", "customers", vec![company("77", "DUPONT", "552100554"), company("78", "Dupond", "552100554")]);
    hub.settle().await;
    assert_eq!(hub.masters(Entity::Customer).await.len(), 1);
    let held = world.on("crm", |script| script.held.clone());
    for key in ["77", "78"] {
        assert_eq!(held[&(Entity::Customer, key.to_owned())]["name"], "Dupont", "{held:?}");
    }
    let effects = world.on("crm", |script| script.effects.len());
    hub.settle().await;
    assert_eq!(world.on("crm", |script| script.effects.len()), effects);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_decides_who_is_fed() {
    let french = Filter::new([("addresses.main.city".to_owned(), vec!["Lyon".to_owned()])]);
    let mut crm = Part::new("crm");
    crm.takes.push((Entity::Customer, CUSTOMER, french));
    let world = World::new(vec![erp(), crm]);
    let hub = world.start().await;
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon"), customer("C2", "Peeters", "Gent")]);
    hub.settle().await;
    assert_eq!(world.on("crm", |script| script.told(&Entity::Customer, "name")), ["Dupont"]);
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon"), customer("C2", "Peeters", "Lyon")]);
    hub.settle().await;
    assert_eq!(world.on("crm", |script| script.told(&Entity::Customer, "name")), ["Dupont", "Peeters"]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_at_the_owner_reaches_the_subscribers_and_a_customer_that_comes_back_too() {
    let crm = Part::new("crm").takes(Entity::Customer, CUSTOMER);
    let world = World::new(vec![erp(), crm]);
    let hub = world.start().await;
    let both = vec![customer("C1", "Dupont", "Lyon"), customer("C2", "Durand", "Lyon")];
    world.show("erp", "customers", both.clone());
    hub.settle().await;
    world.show("erp", "customers", both[..1].to_vec());
    hub.settle().await;
    assert_eq!(world.on("crm", |script| script.held.len()), 1);
    let durand = hub.master(Entity::Customer, "legal_name", "Durand").await;
    assert_eq!(durand.state, canonical::entity::Operation::Remove);
    world.show("erp", "customers", both);
    hub.settle().await;
    assert_eq!(world.on("crm", |script| script.held.len()), 2);
    let back = hub.master(Entity::Customer, "legal_name", "Durand").await;
    assert_eq!((back.master_id, back.state), (durand.master_id, canonical::entity::Operation::Upsert));
    // Everything at once is over the brake of 50 %.
    world.show("erp", "customers", vec![]);
    hub.settle().await;
    assert_eq!(world.on("crm", |script| script.held.len()), 2);
    hub.accounting("erp").await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_drops_a_record_that_lives_on_gets_it_back() {
    let crm = Part::new("crm").shows(Feed::full("customers", CUSTOMER)).takes(Entity::Customer, CUSTOMER);
    let world = World::new(vec![erp(), crm]);
    let hub = world.start().await;
    let others = vec![customer("80", "Martin", "Lyon"), customer("81", "Petit", "Lyon")];
    world.show("crm", "customers", [vec![company("77", "Dupont", "552100554")], others.clone()].concat());
    hub.settle().await;
    world.show("erp", "customers", vec![company("C1", "Dupont", "552100554")]);
    hub.settle().await;
    assert!(world.on("crm", |script| script.effects.is_empty()));
    world.show("crm", "customers", others);
    hub.settle().await;
    assert_eq!(world.on("crm", |script| script.told(&Entity::Customer, "name")), ["Dupont"]);
    hub.stop().await;
}

/// A CRM that is given a customer in a call whose end is not known for a while. Meanwhile somebody edits the new record
/// there, somebody may type in another one, and the CRM shows what it has. The names of the masters in the end.
async fn edited_during_its_creation(assigns_keys: bool, another: bool) -> Vec<String> {
    let shown = Feed { is_file: false, ..Feed::new("customers", CUSTOMER) };
    let crm = Part { timeout_ms: 1, assigns_keys, ..Part::new("crm") }.shows(shown).takes(Entity::Customer, CUSTOMER);
    let world = World::new(vec![erp(), crm]);
    let hub = world.start().await;
    world.on("crm", |script| {
        script.next(&[Answer::Hang { applied: true }]);
        script.look_up = LookUp::Down(u32::MAX);
    });
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.collect().await;
    hub.until("the look-up", async || world.on("crm", |script| script.looked_up) > 0).await;
    world.on("crm", |script| {
        let record = script.held.values_mut().next().unwrap();
        (record["name"], record["siren"]) = (json!("Dupond"), json!("552100554"));
        if another {
            script.held.insert((Entity::Customer, "T1".to_owned()), customer("T1", "Typed", "Nice"));
        }
        script.show_held("customers", Entity::Customer);
    });
    hub.collect().await;
    hub.until("nothing before the courier", async || {
        let pending = hub.hub.pending().await.unwrap();
        (pending.observed, pending.outbox) == (0, 0)
    })
    .await;
    world.on("crm", |script| script.look_up = LookUp::Truth);
    hub.quiet().await;
    assert_eq!(hub.accounting("crm").await.in_flight, 0);
    assert_eq!((hub.waiting().await.len(), hub.parked().await.len()), (0, 0));
    // What was edited counts: the name is corrected, because the ERP is trusted more, and the number is new.
    let dupont = hub.master(Entity::Customer, "legal_name", "Dupont").await;
    assert!(dupont.document.get().contains("552100554"));
    let rows = hub.crosswalk(&dupont, "crm").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let held = world.on("crm", |script| script.held[&(Entity::Customer, rows[0].local.key.clone())].clone());
    assert_eq!((&held["name"], &held["siren"]), (&json!("Dupont"), &json!("552100554")));
    let name = |master: &store::MasterSummary| document(master)["legal_name"].as_str().unwrap().to_owned();
    let names = hub.masters(Entity::Customer).await.iter().map(name).collect();
    hub.stop().await;
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_edited_while_the_call_that_makes_it_is_open_is_no_second_customer() {
    for assigns_keys in [false, true] {
        assert_eq!(edited_during_its_creation(assigns_keys, false).await, ["Dupont"], "{assigns_keys}");
        assert_eq!(edited_during_its_creation(assigns_keys, true).await, ["Dupont", "Typed"], "{assigns_keys}");
    }
}
