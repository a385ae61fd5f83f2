//! Documents that come before their customer.

use bus::Bus;
use canonical::entity::Entity;
use hub::{Mode, Role};
use jiff::Timestamp;
use passerelle_tests::scripted::Answer;
use passerelle_tests::scripted::records::{CUSTOMER, INVOICE, customer, invoice, message, observation};
use passerelle_tests::scripted::world::{Feed, Part, World, document};
use serde_json::{Value, json};
use store::{JournalKind, Outcomes, Position, RecordOutcome};

fn world() -> World {
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER)).shows(Feed::full("invoices", INVOICE));
    World::new(vec![erp, Part::new("ledger").takes(Entity::Customer, CUSTOMER).takes(Entity::Invoice, INVOICE)])
}

/// How many records ended how; all that were read must be here.
#[track_caller]
fn check(outcomes: &Outcomes, expected: &[(RecordOutcome, i64)]) {
    for (outcome, count) in expected {
        assert_eq!(outcomes.get(*outcome), *count, "{outcome:?} in {outcomes:?}");
    }
    assert_eq!(outcomes.in_flight, 0, "{outcomes:?}");
    assert_eq!(outcomes.read, expected.iter().map(|(_, count)| count).sum::<i64>(), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_released_in_order_and_counted_once_also_when_it_is_published_twice() {
    let world = world();
    let hub = world.start().await;
    let invoices = vec![invoice("F1", "C1", "1.00"), invoice("F2", "C1", "2.00"), invoice("F3", "C2", "3.00")];
    world.show("erp", "invoices", invoices);
    hub.bus.lose_confirm_after(0);
    let name = hub.hub.streams("erp", Some("invoices")).remove(0);
    assert!(hub.hub.collect(&name, false, None).await.is_err());
    hub.settle().await;
    check(&hub.accounting("erp").await, &[(RecordOutcome::Waiting, 3)]);
    assert_eq!(hub.waiting().await.len(), 3);
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.settle().await;
    check(&hub.accounting("erp").await, &[(RecordOutcome::Created, 3), (RecordOutcome::Waiting, 1)]);
    assert_eq!(world.on("ledger", |script| script.told(&Entity::Invoice, "number")), ["F1", "F2"]);
    world.show("erp", "customers", vec![customer("C2", "Durand", "Lyon")]);
    hub.settle().await;
    check(&hub.accounting("erp").await, &[(RecordOutcome::Created, 5)]);
    assert!(hub.waiting().await.is_empty());
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_state_that_comes_again_behind_its_customer_is_not_counted_again() {
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER)).shows(Feed::new("invoices", INVOICE));
    let mut world = World::new(vec![erp]);
    world.limits.partitions = 1;
    let hub = world.start().await;
    world.show("erp", "invoices", vec![invoice("F1", "C1", "1.00"), invoice("F1", "C1", "2.00")]);
    hub.bus.lose_confirm_after(0);
    let name = hub.hub.streams("erp", Some("invoices")).remove(0);
    assert!(hub.hub.collect(&name, false, None).await.is_err());
    hub.until("the later state waits", async || {
        hub.waiting().await.len() == 1 && hub.accounting("erp").await.get(RecordOutcome::Unchanged) == 1
    })
    .await;
    hub.stop().await;
    // The customer, and both states once more, in one batch.
    let hub = world.start_as(Mode::OnDemand, &[Role::Collect]).await;
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.collect().await;
    hub.stop().await;
    let hub = world.start().await;
    hub.quiet().await;
    check(&hub.accounting("erp").await, &[(RecordOutcome::Created, 2), (RecordOutcome::Unchanged, 1)]);
    assert!(document(&hub.master(Entity::Invoice, "number", "F1").await).to_string().contains("2.00"));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_state_ends_the_waiting_of_an_older_one() {
    let world = world();
    let hub = world.start().await;
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    // The wrong customer first, then the right one.
    world.show("erp", "invoices", vec![invoice("F1", "C9", "1.00")]);
    hub.settle().await;
    world.show("erp", "invoices", vec![invoice("F1", "C1", "1.00")]);
    hub.settle().await;
    assert!(hub.waiting().await.is_empty());
    check(&hub.accounting("erp").await, &[(RecordOutcome::Created, 2), (RecordOutcome::Unchanged, 1)]);
    world.show("erp", "customers", vec![customer("C9", "Durand", "Lyon")]);
    hub.settle().await;
    let dupont = hub.master(Entity::Customer, "legal_name", "Dupont").await;
    let invoice = hub.master(Entity::Invoice, "number", "F1").await;
    assert_eq!(invoice.root, dupont.master_id);
    assert_eq!(hub.happened(&invoice, JournalKind::Updated).await, 0);
    check(&hub.accounting("erp").await, &[(RecordOutcome::Created, 3), (RecordOutcome::Unchanged, 1)]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_removed_while_it_waits_does_not_come_back_with_its_customer() {
    let world = world();
    let hub = world.start().await;
    let both = vec![invoice("F1", "C1", "1.00"), invoice("F2", "C1", "2.00")];
    world.show("erp", "invoices", both.clone());
    hub.settle().await;
    world.show("erp", "invoices", both[..1].to_vec());
    hub.settle().await;
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.settle().await;
    assert_eq!(world.on("ledger", |script| script.told(&Entity::Invoice, "number")), ["F1"]);
    hub.accounting("erp").await;
    assert_eq!(hub.masters(Entity::Invoice).await.len(), 1);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_that_a_system_shows_for_a_customer_it_was_just_given_is_released_when_the_call_ends() {
    for crash in [false, true] {
        let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER));
        let crm = Part::new("crm").shows(Feed::new("invoices", INVOICE)).takes(Entity::Customer, CUSTOMER);
        let world = World::new(vec![erp, crm.assigning_keys()]);
        let hub = world.start().await;
        // The CRM has taken the customer as S1, and its answer has not come.
        world.on("crm", |script| script.next(&[Answer::Hang { applied: true }]));
        world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
        hub.collect().await;
        hub.until("the call", async || !world.on("crm", |script| script.effects.is_empty())).await;
        world.show("crm", "invoices", vec![invoice("F1", "S1", "1.00")]);
        hub.collect().await;
        hub.until("it waits", async || hub.waiting().await.len() == 1).await;
        hub.crash();
        let hub = world.start().await;
        if crash {
            // Nothing but the hub's own look at what waits.
            hub.quiet().await;
        }
        hub.until("the invoice", async || hub.masters(Entity::Invoice).await.len() == 1).await;
        check(&hub.accounting("crm").await, &[(RecordOutcome::Created, 1)]);
        hub.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_changes_its_customer_is_never_overtaken_by_its_older_state() {
    let mut world = world();
    world.limits.partitions = 4;
    let hub = world.start().await;
    let customers = (0..12).map(|number| customer(&format!("C{number}"), &format!("Client {number}"), "Lyon"));
    world.show("erp", "customers", customers.collect());
    let states = |shift: usize| -> Vec<Value> {
        (0..30).map(|number| invoice(&format!("F{number}"), &format!("C{}", (number + shift) % 12), "1.00")).collect()
    };
    for shift in 0..6 {
        world.show("erp", "invoices", states(shift));
    }
    hub.settle().await;
    for (number, state) in states(5).iter().enumerate() {
        let invoice = hub.master(Entity::Invoice, "number", &format!("F{number}")).await;
        let name = format!("Client {}", state["client"].as_str().unwrap().trim_start_matches('C'));
        let customer = hub.master(Entity::Customer, "legal_name", &name).await;
        assert_eq!(document(&invoice)["customer"]["master_id"], customer.master_id.to_string());
    }
    check(&hub.accounting("erp").await, &[(RecordOutcome::Created, 42), (RecordOutcome::Updated, 150)]);
    hub.stop().await;
}

/// What waits in one reading of a place in a drop, and what another reading finds there: whom it is for then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_reading_finds_at_the_place_of_a_waiting_document_counts_if_it_says_something_else() {
    // By the same mapping the order of identifiers is no news, and neither is the time; another mapping corrects the key.
    for (later, mapping, client, waits) in [(1, "one", "C9", true), (1, "one", "C1", false), (0, "two", "C1", false)] {
        let mut world = world();
        world.limits.partitions = 1;
        let hub = world.start().await;
        world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
        hub.settle().await;
        let drop = hub.store.drops(&store::Filter::default()).await.unwrap()[0].number;
        let place = Position { drop, ordinal: 77 };
        let publish = async |at: i64, mapping: &str, client: &str, schemes: [&str; 2]| {
            let identifiers = schemes.map(|scheme| json!({"scheme": scheme, "value": "1"}));
            let data = json!({"number": "F1", "customer": {"key": client}, "seller": {"identifiers": identifiers}});
            let at = Timestamp::from_second(at).unwrap();
            let event = observation((Entity::Invoice, "F1"), place, at, mapping, &data);
            hub.bus.publish(vec![message(&event)]).await.unwrap();
            hub.quiet().await;
        };
        publish(1, "one", "C9", ["0009", "0002"]).await;
        assert_eq!(hub.waiting().await.len(), 1);
        publish(1 + later, mapping, client, ["0009", "0002"]).await;
        let ended = hub.accounting("erp").await.ended;
        assert_eq!(hub.waiting().await.len(), usize::from(waits), "{later} {mapping} {client}: {ended:?}");
        assert_eq!(hub.masters(Entity::Invoice).await.len(), usize::from(!waits), "{later} {mapping} {client}");
        // One of the two readings ends unchanged where they differ.
        assert_eq!(ended.values().sum::<i64>(), 2 + i64::from(!waits), "{later} {mapping} {client}: {ended:?}");
        hub.stop().await;
    }
}
