//! What is set aside, what lines up behind it, and how an operator lets it go.

use canonical::entity::Entity;
use hub::Filter;
use passerelle_tests::scripted::records::{CUSTOMER, INVOICE, company, customer, invoice};
use passerelle_tests::scripted::world::{Feed, Part, Running, World};
use passerelle_tests::scripted::{Answer, LookUp};
use store::{Command, JournalKind};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_whose_customer_the_system_gets_later_follows_by_itself() {
    let french = Filter::new([("addresses.main.city".to_owned(), vec!["Lyon".to_owned()])]);
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER)).shows(Feed::new("invoices", INVOICE));
    let mut crm = Part::new("crm").takes(Entity::Invoice, INVOICE);
    crm.takes.push((Entity::Customer, CUSTOMER, french));
    let world = World::new(vec![erp, crm]);
    let hub = world.start().await;
    world.show("erp", "customers", vec![customer("C1", "Peeters", "Gent")]);
    world.show("erp", "invoices", vec![invoice("F1", "C1", "10.00")]);
    hub.settle().await;
    world.show("erp", "invoices", vec![invoice("F1", "C1", "11.00"), invoice("F2", "C1", "20.00")]);
    hub.settle().await;
    assert_eq!(codes(&hub).await, ["delivery.reference-missing", "delivery.behind", "delivery.behind"]);
    hub.crash();
    let hub = world.start().await;
    world.show("erp", "customers", vec![customer("C1", "Peeters", "Lyon")]);
    hub.settle().await;
    assert_eq!(codes(&hub).await, [""; 0]);
    assert_eq!(world.on("crm", |script| script.told(&Entity::Customer, "name")), ["Peeters"]);
    assert_eq!(world.on("crm", |script| script.told(&Entity::Invoice, "total")), ["11.00", "20.00"]);
    let invoice = hub.master(Entity::Invoice, "number", "F2").await;
    assert_eq!(hub.happened(&invoice, JournalKind::Released).await, 1);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_follows_when_the_system_itself_shows_the_customer() {
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER)).shows(Feed::new("invoices", INVOICE));
    let crm = Part::new("crm").shows(Feed::new("customers", CUSTOMER)).takes(Entity::Invoice, INVOICE);
    let world = World::new(vec![erp, crm]);
    let hub = world.start().await;
    world.show("erp", "customers", vec![company("C1", "Dupont", "552100554")]);
    world.show("erp", "invoices", vec![invoice("F1", "C1", "10.00")]);
    hub.settle().await;
    assert_eq!(codes(&hub).await, ["delivery.reference-missing"]);
    world.show("crm", "customers", vec![company("77", "Dupont SA", "552100554")]);
    hub.settle().await;
    assert_eq!(codes(&hub).await, [""; 0]);
    assert_eq!(world.on("crm", |script| script.told(&Entity::Invoice, "client")), ["77"]);
    hub.stop().await;
}

/// Three invoices of one customer and one of another in one message, to a system with calls of this size, of which the
/// first is answered like this once; what the system was told, and what is parked.
async fn overtaking(count_max: usize, stops: bool, answer: Answer) -> (Vec<String>, Vec<String>) {
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER)).shows(Feed::new("invoices", INVOICE));
    let crm = Part::new("crm").takes(Entity::Customer, CUSTOMER).takes(Entity::Invoice, INVOICE);
    let mut world = World::new(vec![erp, Part { count_max, stops, ..crm }]);
    world.limits.partitions = 1;
    let hub = world.start().await;
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon"), customer("C2", "Durand", "Lyon")]);
    hub.settle().await;
    let mut answer = Some(answer);
    world.on("crm", |script| {
        // The first invoice that comes is the first that was shown.
        script.answer = Box::new(move |change| match change.reference.entity {
            Entity::Invoice => answer.take().unwrap_or(Answer::Apply),
            _ => Answer::Apply,
        });
    });
    let invoices = [("F1", "C1"), ("F2", "C1"), ("F3", "C2"), ("F4", "C1")];
    world.show("erp", "invoices", invoices.map(|(number, client)| invoice(number, client, "10.00")).to_vec());
    hub.settle().await;
    let told = world.on("crm", |script| script.told(&Entity::Invoice, "number"));
    let codes = codes(&hub).await;
    hub.stop().await;
    (told, codes)
}

/// Sizes of calls, and whether what is not applied stops what is behind it in the call.
const CALLS: [(usize, bool); 6] = [(1, false), (2, false), (10, false), (1, true), (2, true), (10, true)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_overtakes_a_refused_document_of_its_customer_not_even_in_the_same_call() {
    for (count_max, stops) in CALLS {
        let (told, codes) = overtaking(count_max, stops, Answer::Refuse).await;
        assert_eq!(told, ["F3"], "calls of {count_max}, {stops}");
        assert_eq!(codes, ["scripted.refused", "delivery.behind", "delivery.behind"], "calls of {count_max}, {stops}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_overtakes_a_document_of_its_customer_that_was_not_answered() {
    for (count_max, stops) in CALLS {
        let (told, codes) = overtaking(count_max, stops, Answer::Unknown { applied: false }).await;
        assert!(told.contains(&"F3".to_owned()));
        let of_the_customer: Vec<String> = told.into_iter().filter(|number| number != "F3").collect();
        assert_eq!(of_the_customer, ["F1", "F2", "F4"], "calls of {count_max}, {stops}");
        assert_eq!(codes, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_is_closed_with_what_it_asks_about() {
    for discarded in [false, true] {
        let world = world();
        let hub = world.start().await;
        world.on("crm", |script| {
            script.next(&[Answer::Unknown { applied: true }, Answer::Unknown { applied: true }]);
            script.look_up = LookUp::CannotTell;
        });
        world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
        hub.settle().await;
        let open = async || hub.store.tasks(&store::TaskFilter::default()).await.unwrap().len();
        assert_eq!(open().await, 1);
        // Asked again, it is one question still.
        hub.command(Command::RetryParked { number: hub.parked().await[0].number }).await.unwrap();
        hub.quiet().await;
        assert_eq!((open().await, hub.parked().await.len()), (1, 1));
        let number = hub.parked().await[0].number;
        let command = if discarded { Command::DiscardParked { number } } else { Command::RetryParked { number } };
        hub.command(command).await.unwrap();
        hub.quiet().await;
        assert_eq!((open().await, hub.parked().await.len()), (0, 0), "discarded: {discarded}");
        hub.stop().await;
    }
}
