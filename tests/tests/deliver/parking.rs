//! What is set aside, what lines up behind it, and how an operator lets it go.

use canonical::entity::Entity;
use passerelle_tests::scripted::Answer;
use passerelle_tests::scripted::records::{CUSTOMER, INVOICE, customer, invoice};
use passerelle_tests::scripted::world::{Feed, Part, Running, World};
use store::Command;

fn world() -> World {
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER)).shows(Feed::new("invoices", INVOICE));
    let crm = Part::new("crm").takes(Entity::Customer, CUSTOMER).takes(Entity::Invoice, INVOICE);
    World::new(vec![erp, crm])
}

/// The codes of what is parked, oldest first.
async fn codes(hub: &Running<'_>) -> Vec<String> {
    hub.parked().await.into_iter().map(|parked| parked.code).collect()
}

/// A world in which the CRM refused Dupont, a change of his and an invoice line up behind, and Durand went on.
async fn refused(world: &World) -> Running<'_> {
    let hub = world.start().await;
    world.on("crm", |script| script.when("name", "Dupont", Answer::Refuse));
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon"), customer("C2", "Durand", "Lyon")]);
    hub.settle().await;
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Nice"), customer("C2", "Durand", "Nice")]);
    hub.settle().await;
    world.show("erp", "invoices", vec![invoice("F1", "C1", "10.00"), invoice("F2", "C2", "20.00")]);
    hub.settle().await;
    hub
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_document_parks_its_own_customer_and_later_changes_line_up_behind() {
    let world = world();
    let hub = refused(&world).await;
    assert_eq!(world.on("crm", |script| script.told(&Entity::Customer, "name")), ["Durand", "Durand"]);
    assert_eq!(world.on("crm", |script| script.told(&Entity::Invoice, "number")), ["F2"]);
    assert_eq!(codes(&hub).await, ["scripted.refused", "delivery.behind", "delivery.behind"]);
    let parked = hub.parked().await;
    assert_eq!(parked[0].reason.as_deref(), Some("the scripted system does not want it"));
    assert!(parked.iter().all(|one| one.key == parked[0].key));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_delivers_the_current_state_once_and_what_is_behind_follows() {
    let world = world();
    let hub = refused(&world).await;
    world.on("crm", |script| script.always(Answer::Apply));
    let first = hub.parked().await[0].number;
    hub.command(Command::RetryParked { number: first }).await.unwrap();
    hub.quiet().await;
    let dupont = world.on("crm", |script| {
        let his = script.effects.iter().filter(|effect| effect.record["name"] == "Dupont");
        his.map(|effect| effect.record["city"].clone()).collect::<Vec<_>>()
    });
    assert_eq!(dupont, ["Nice"]);
    assert_eq!(world.on("crm", |script| script.told(&Entity::Invoice, "number")), ["F2", "F1"]);
    assert_eq!(codes(&hub).await, [""; 0]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_that_is_refused_again_parks_again_and_lets_nothing_overtake() {
    let world = world();
    let hub = refused(&world).await;
    let first = hub.parked().await[0].number;
    hub.command(Command::RetryParked { number: first }).await.unwrap();
    hub.quiet().await;
    assert_eq!(codes(&hub).await, ["scripted.refused", "delivery.behind"]);
    assert_eq!(world.on("crm", |script| script.told(&Entity::Invoice, "number")), ["F2"]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discard_lets_those_behind_go() {
    let world = world();
    let hub = refused(&world).await;
    world.on("crm", |script| script.always(Answer::Apply));
    let first = hub.parked().await[0].number;
    hub.command(Command::DiscardParked { number: first }).await.unwrap();
    hub.quiet().await;
    assert_eq!(world.on("crm", |script| script.told(&Entity::Customer, "city")), ["Lyon", "Nice", "Nice"]);
    assert_eq!(world.on("crm", |script| script.told(&Entity::Invoice, "number")), ["F2", "F1"]);
    assert_eq!(codes(&hub).await, [""; 0]);
    assert!(hub.command(Command::RetryParked { number: first }).await.unwrap_err().contains("nothing is parked"));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_comes_again_after_a_crash_is_not_parked_twice() {
    let world = world();
    let hub = world.start().await;
    world.on("crm", |script| script.when("name", "Dupont", Answer::Refuse));
    // Behind the refused one stands a call that never ends, so that the message of both is not acknowledged.
    world.on("crm", |script| {
        script.answer = Box::new(|change| match change.reference.entity {
            Entity::Customer => Answer::Refuse,
            _ => Answer::Hang { applied: false },
        });
    });
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.collect().await;
    hub.until("it is parked", async || !hub.parked().await.is_empty()).await;
    hub.crash();
    let hub = world.start().await;
    hub.quiet().await;
    assert_eq!(codes(&hub).await, ["scripted.refused"]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_no_change_is_set_aside_and_blocks_nobody() {
    let world = world();
    let hub = world.start().await;
    let message = bus::Message {
        route: bus::Route::Queue(bus::Queue::Delivery("crm".into())),
        id: "stray".to_owned(),
        content_type: canonical::envelope::CONTENT_TYPE,
        body: b"{}".to_vec(),
    };
    bus::Bus::publish(&*hub.bus, vec![message]).await.unwrap();
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.settle().await;
    assert_eq!(codes(&hub).await, ["delivery.not-a-change"]);
    assert_eq!(world.on("crm", |script| script.told(&Entity::Customer, "name")), ["Dupont"]);
    hub.stop().await;
}
