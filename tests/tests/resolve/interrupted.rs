//! Collect, interrupted after the bus took a batch and before anything of it was saved.

use canonical::entity::Entity;
use passerelle_tests::scripted::Shown;
use passerelle_tests::scripted::records::{CUSTOMER, INVOICE, customer, invoice};
use passerelle_tests::scripted::world::{Feed, Part, Running, World, document};
use serde_json::{Value, json};
use store::RecordOutcome;

fn world(feed: Feed) -> World {
    World::new(vec![Part::new("erp").shows(feed), Part::new("crm").takes(Entity::Customer, CUSTOMER)])
}

fn customers(names: &[&str], city: &str) -> Vec<Value> {
    names.iter().map(|name| customer(&format!("C-{name}"), name, city)).collect()
}

/// Reads the ERP although the confirmation of its batch number `confirms` is lost.
async fn collect_with_loss(hub: &Running<'_>, confirms: u32) {
    hub.bus.lose_confirm_after(confirms);
    let name = hub.hub.streams("erp", None).remove(0);
    let result = hub.hub.collect(&name, false, None).await;
    assert!(!hub.bus.is_to_lose(), "no confirmation was lost");
    assert!(result.is_err());
    hub.quiet().await;
    hub.accounting("erp").await;
}

const NAMES: [&str; 7] = ["Ader", "Blum", "Caron", "Denis", "Evrard", "Faure", "Gillet"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_published_twice_counts_once_and_is_delivered_once() {
    for feed in [Feed::new("customers", CUSTOMER), Feed::full("customers", CUSTOMER)] {
        for confirms in 0..3 {
            let world = world(feed.clone());
            let hub = world.start().await;
            world.show("erp", "customers", customers(&NAMES, "Lyon"));
            collect_with_loss(&hub, confirms).await;
            hub.settle().await;
            let outcomes = hub.accounting("erp").await;
            assert_eq!((outcomes.read, outcomes.get(RecordOutcome::Created), outcomes.in_flight), (7, 7, 0));
            assert_eq!(world.on("crm", |script| script.effects.len()), 7);
            hub.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_names_another_and_is_published_twice_counts_once() {
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER)).shows(Feed::new("invoices", INVOICE));
    let world = World::new(vec![erp]);
    let hub = world.start().await;
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.settle().await;
    world.show("erp", "invoices", vec![invoice("F1", "C1", "1.00"), invoice("F2", "C1", "2.00")]);
    hub.bus.lose_confirm_after(0);
    let name = hub.hub.streams("erp", Some("invoices")).remove(0);
    assert!(hub.hub.collect(&name, false, None).await.is_err());
    hub.settle().await;
    let outcomes = hub.accounting("erp").await;
    assert_eq!((outcomes.read, outcomes.get(RecordOutcome::Created), outcomes.in_flight), (3, 3, 0));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removals_that_a_full_export_implies_survive_an_interruption_and_nothing_else_is_removed() {
    // Changed and new records in the last batch; the removals are published after it.
    for confirms in 0..4 {
        let world = world(Feed::full("customers", CUSTOMER));
        let hub = world.start().await;
        world.show("erp", "customers", customers(&NAMES, "Lyon"));
        hub.settle().await;
        let second = [customers(&NAMES[1..5], "Nice"), customers(&NAMES[5..6], "Lyon"), customers(&["Huet"], "Nice")];
        world.show("erp", "customers", second.concat());
        if confirms < 3 {
            collect_with_loss(&hub, confirms).await;
        }
        hub.settle().await;
        let outcomes = hub.accounting("erp").await;
        let told = [RecordOutcome::Created, RecordOutcome::Updated, RecordOutcome::Unchanged, RecordOutcome::Removed]
            .map(|outcome| outcomes.get(outcome));
        assert_eq!((told, outcomes.get(RecordOutcome::Rejected)), ([8, 4, 1, 2], 0), "{confirms}: {outcomes:?}");
        let mut held: Vec<String> = world.on("crm", |script| {
            script.held.values().map(|record| record["name"].as_str().unwrap().to_owned()).collect()
        });
        held.sort();
        assert_eq!(held, ["Blum", "Caron", "Denis", "Evrard", "Faure", "Huet"]);
        hub.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_could_not_be_told_before_an_interruption_is_not_taken_for_gone() {
    let world = world(Feed::full("customers", CUSTOMER));
    let hub = world.start().await;
    world.show("erp", "customers", customers(&NAMES, "Lyon"));
    hub.settle().await;
    // The first row is unreadable: Ader may be there.
    world.show("erp", "customers", [vec![Value::Null], customers(&NAMES[1..], "Nice")].concat());
    collect_with_loss(&hub, 1).await;
    hub.settle().await;
    assert_eq!(world.on("crm", |script| script.held.len()), 7);
    assert_eq!(hub.accounting("erp").await.get(RecordOutcome::Removed), 0);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_shows_a_newer_state_when_it_is_read_again_is_believed() {
    let world = world(Feed { is_file: false, ..Feed::new("customers", CUSTOMER) });
    let hub = world.start().await;
    world.show("erp", "customers", customers(&["Ader"], "Lyon"));
    collect_with_loss(&hub, 0).await;
    world.on("erp", |script| {
        script.drops.insert("customers".to_owned(), vec![Shown::Rows(customers(&["Ader"], "Nice"))])
    });
    hub.settle().await;
    let ader = hub.master(Entity::Customer, "legal_name", "Ader").await;
    assert_eq!(document(&ader)["addresses"][0]["city"], "Nice");
    assert_eq!(world.on("crm", |script| script.held.values().next().cloned()).unwrap()["city"], json!("Nice"));
    hub.accounting("erp").await;
    hub.stop().await;
}

/// A delta that shows a record twice: read again after a crash, its first state is no news, and no step back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_states_of_a_record_in_one_file_that_is_published_twice_count_once_each() {
    let world = world(Feed::new("customers", CUSTOMER));
    let hub = world.start().await;
    let states = ["Lyon", "Nice", "Paris"].map(|city| customers(&["Ader"], city));
    world.show("erp", "customers", states.concat());
    collect_with_loss(&hub, 0).await;
    hub.settle().await;
    let outcomes = hub.accounting("erp").await;
    let told = [RecordOutcome::Created, RecordOutcome::Updated].map(|outcome| outcomes.get(outcome));
    assert_eq!((outcomes.read, told), (3, [1, 2]), "{outcomes:?}");
    let ader = hub.master(Entity::Customer, "legal_name", "Ader").await;
    assert_eq!(document(&ader)["addresses"][0]["city"], "Paris");
    hub.stop().await;
}

/// The places of rows in a polled source are those of its pages: they move when other rows come and go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_moved_before_a_source_is_read_again_are_believed() {
    let nice = |names: &[&str]| customers(names, "Nice");
    // Rows before it are gone; a row was put before it; and it changed again after a second interruption.
    let cases: [&[Vec<Value>]; 3] = [
        &[nice(&["Caron"])],
        &[nice(&["Huet", "Ader", "Blum", "Caron"])],
        &[customers(&["Blum", "Caron"], "Paris"), nice(&["Caron"])],
    ];
    for again in cases {
        let world = world(Feed { is_file: false, ..Feed::new("customers", CUSTOMER) });
        let hub = world.start().await;
        world.show("erp", "customers", customers(&["Ader", "Blum", "Caron"], "Lyon"));
        collect_with_loss(&hub, 0).await;
        for (number, rows) in again.iter().enumerate() {
            world.on("erp", |script| script.drops.insert("customers".to_owned(), vec![Shown::Rows(rows.clone())]));
            if number + 1 < again.len() {
                collect_with_loss(&hub, 0).await;
            }
        }
        hub.settle().await;
        let caron = hub.master(Entity::Customer, "legal_name", "Caron").await;
        assert_eq!(document(&caron)["addresses"][0]["city"], "Nice", "{again:?}");
        let held = world.on("crm", |script| script.held.values().find(|held| held["name"] == "Caron").cloned());
        assert_eq!(held.unwrap()["city"], json!("Nice"), "{again:?}");
        assert_eq!(hub.accounting("erp").await.in_flight, 0);
        hub.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_moved_and_waits_waits_in_its_newer_state() {
    let polled = Feed { is_file: false, ..Feed::new("invoices", INVOICE) };
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER)).shows(polled);
    let world = World::new(vec![erp]);
    let hub = world.start().await;
    world.show("erp", "invoices", vec![invoice("F1", "C1", "1.00"), invoice("F2", "C1", "2.00")]);
    hub.bus.lose_confirm_after(0);
    let name = hub.hub.streams("erp", Some("invoices")).remove(0);
    assert!(hub.hub.collect(&name, false, None).await.is_err());
    let rows = Shown::Rows(vec![invoice("F2", "C1", "3.00")]);
    world.on("erp", |script| script.drops.insert("invoices".to_owned(), vec![rows]));
    hub.settle().await;
    assert_eq!(hub.accounting("erp").await.get(RecordOutcome::Waiting), 2);
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.settle().await;
    let outcomes = hub.accounting("erp").await;
    assert_eq!((outcomes.get(RecordOutcome::Waiting), outcomes.in_flight), (0, 0));
    let second = hub.master(Entity::Invoice, "number", "F2").await;
    assert!(document(&second).to_string().contains("3.00"));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_back_at_the_state_before_the_interruption_is_believed() {
    let polled = Feed { is_file: false, ..Feed::new("customers", CUSTOMER) };
    for feed in [polled, Feed::new("customers", CUSTOMER), Feed::full("customers", CUSTOMER)] {
        let world = world(feed);
        let hub = world.start().await;
        world.show("erp", "customers", customers(&["Ader"], "Lyon"));
        hub.settle().await;
        world.show("erp", "customers", customers(&["Ader"], "Nice"));
        collect_with_loss(&hub, 0).await;
        let back = Shown::Rows(customers(&["Ader"], "Lyon"));
        world.on("erp", |script| script.drops.get_mut("customers").unwrap()[1] = back);
        hub.settle().await;
        let ader = hub.master(Entity::Customer, "legal_name", "Ader").await;
        assert_eq!(document(&ader)["addresses"][0]["city"], "Lyon");
        assert_eq!(world.on("crm", |script| script.held.values().next().cloned()).unwrap()["city"], json!("Lyon"));
        hub.accounting("erp").await;
        hub.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drop_that_is_replaced_by_another_while_it_was_read_still_adds_up() {
    let world = world(Feed::full("customers", CUSTOMER));
    let hub = world.start().await;
    world.show("erp", "customers", customers(&NAMES, "Lyon"));
    collect_with_loss(&hub, 1).await;
    let other = [customers(&NAMES[..3], "Lyon"), customers(&["Huet"], "Nice")].concat();
    world.on("erp", |script| script.drops.insert("customers".to_owned(), vec![Shown::Rows(other)]));
    hub.settle().await;
    let outcomes = hub.accounting("erp").await;
    assert_eq!(outcomes.in_flight, 0);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_knows_more_partitions_than_there_are_still_tells_removals() {
    let mut world = world(Feed::full("customers", CUSTOMER));
    world.limits.partitions = 5;
    let hub = world.start().await;
    world.show("erp", "customers", customers(&NAMES, "Lyon"));
    hub.settle().await;
    hub.stop().await;
    world.limits.partitions = 1;
    let hub = world.start().await;
    world.show("erp", "customers", customers(&NAMES[..4], "Nice"));
    hub.settle().await;
    assert_eq!(world.on("crm", |script| script.held.len()), 4);
    hub.stop().await;
}
