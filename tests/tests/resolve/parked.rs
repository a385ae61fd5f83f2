//! Observations that are set aside before resolve.

use std::collections::BTreeMap;

use bus::{Bus, Message, Queue, Route};
use canonical::entity::Entity;
use canonical::envelope::{CONTENT_TYPE, Event};
use jiff::Timestamp;
use passerelle_tests::scripted::records::{CUSTOMER, customer, message, observation};
use passerelle_tests::scripted::world::{Feed, Part, Running, TENANT, World};
use serde_json::json;
use store::{Command, NewParked, Outcomes, ParkedStage, Position, RecordOutcome, Resolved};

fn world() -> World {
    let mut world = World::new(vec![Part::new("erp").shows(Feed::new("customers", CUSTOMER))]);
    world.limits.partitions = 1;
    world
}

/// The place of the parked observation in its drop.
const ORDINAL: u64 = 77;

/// An observation of a customer under the key C2, read at a time by a mapping.
fn parked_event(drop: u64, at: i64, mapping: &str, name: &str) -> Event {
    let at = Timestamp::from_second(at).unwrap();
    let data = json!({ "legal_name": name });
    observation((Entity::Customer, "C2"), Position { drop, ordinal: ORDINAL }, at, mapping, &data)
}

/// A hub that has parked an observation of C2, has a later one of it behind that, and took in all others.
async fn parked(world: &World) -> Running<'_> {
    let hub = world.start().await;
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.settle().await;
    let drop = hub.store.drops(&store::Filter::default()).await.unwrap()[0].number;
    let parked = NewParked {
        stage: ParkedStage::Observed,
        system: "erp".into(),
        key: "customer/C2".to_owned(),
        entity: Entity::Customer,
        master_id: None,
        version: None,
        position: Some(Position { drop, ordinal: ORDINAL }),
        code: "resolve.internal".to_owned(),
        reason: Some("for this test".to_owned()),
        needs: None,
        task: None,
        event: parked_event(drop, 1, "one", "Parked").to_bytes(),
        at: Timestamp::now(),
    };
    let mut outcomes = Outcomes { read: 1, ..Outcomes::default() };
    outcomes.add(RecordOutcome::Parked, 1);
    let outcomes = BTreeMap::from([(drop, outcomes)]);
    let writes = Resolved { parked: vec![parked], outcomes, ..Resolved::default() };
    hub.store.begin_resolve(TENANT).await.unwrap().commit(writes).await.unwrap();
    world.show("erp", "customers", vec![customer("C2", "Durand", "Lyon"), customer("C3", "Petit", "Lyon")]);
    hub.settle().await;
    assert_eq!(codes(&hub).await, ["resolve.internal", "resolve.behind"]);
    assert_eq!(hub.masters(Entity::Customer).await.len(), 2);
    hub
}

async fn codes(hub: &Running<'_>) -> Vec<String> {
    hub.parked().await.into_iter().map(|parked| parked.code).collect()
}

/// Gives a command about the first of what is parked; nothing must be parked then, and Durand must be there.
async fn check(command: fn(u64) -> Command, expected: &[(RecordOutcome, i64)]) {
    let world = world();
    let hub = parked(&world).await;
    let first = hub.parked().await[0].number;
    hub.command(command(first)).await.unwrap();
    assert_eq!(codes(&hub).await, [""; 0]);
    hub.master(Entity::Customer, "legal_name", "Durand").await;
    assert_eq!(hub.masters(Entity::Customer).await.len(), 3);
    let outcomes = hub.accounting("erp").await;
    assert_eq!(outcomes.ended, expected.iter().copied().collect(), "{outcomes:?}");
    assert_eq!((outcomes.read, outcomes.in_flight), (4, 0));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_resolves_what_is_parked_in_order_and_accounts_for_it() {
    let retry = |number| Command::RetryParked { number };
    check(retry, &[(RecordOutcome::Created, 3), (RecordOutcome::Updated, 1)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discard_resolves_what_is_behind_and_accounts_for_both() {
    let discard = |number| Command::DiscardParked { number };
    check(discard, &[(RecordOutcome::Created, 3), (RecordOutcome::Rejected, 1)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_comes_again_is_not_parked_again() {
    let world = world();
    let hub = parked(&world).await;
    let drop = hub.store.drops(&store::Filter::default()).await.unwrap().iter().map(|drop| drop.number).min().unwrap();
    let accounting = hub.accounting("erp").await;
    assert_eq!(accounting.get(RecordOutcome::Parked), 2);
    for _ in 0..2 {
        let again = message(&parked_event(drop, 1, "one", "Parked"));
        hub.bus.publish(vec![again]).await.unwrap();
        hub.settle().await;
    }
    assert_eq!(codes(&hub).await, ["resolve.internal", "resolve.behind"]);
    assert_eq!(hub.accounting("erp").await, accounting);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_reading_finds_at_the_place_of_a_parked_observation_lines_up_behind_it() {
    let world = world();
    let hub = parked(&world).await;
    let drop = hub.store.drops(&store::Filter::default()).await.unwrap().iter().map(|drop| drop.number).min().unwrap();
    // Read once more and the same; then changed; then by another mapping.
    let readings = [(2, "one", "Parked", 2), (3, "one", "Repeated", 3), (1, "two", "Corrected", 4)];
    for (at, mapping, name, count) in readings {
        hub.bus.publish(vec![message(&parked_event(drop, at, mapping, name))]).await.unwrap();
        hub.quiet().await;
        assert_eq!(codes(&hub).await.len(), count, "{name}");
    }
    hub.command(Command::RetryParked { number: hub.parked().await[0].number }).await.unwrap();
    assert_eq!(codes(&hub).await, [""; 0]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_was_given_up_is_taken_again_when_it_is_shown_again() {
    let world = world();
    let hub = parked(&world).await;
    let behind = hub.parked().await[1].number;
    hub.command(Command::DiscardParked { number: behind }).await.unwrap();
    assert_eq!(codes(&hub).await, ["resolve.internal"]);
    world.show("erp", "customers", vec![customer("C2", "Durand", "Lyon")]);
    hub.settle().await;
    assert_eq!(codes(&hub).await, ["resolve.internal", "resolve.behind"], "the same content is no longer unchanged");
    let first = hub.parked().await[0].number;
    hub.command(Command::DiscardParked { number: first }).await.unwrap();
    hub.master(Entity::Customer, "legal_name", "Durand").await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_no_observation_is_set_aside_and_blocks_nobody() {
    let world = world();
    let hub = world.start().await;
    let stray = Message {
        route: Route::Queue(Queue::Observed(0)),
        id: "stray".to_owned(),
        content_type: CONTENT_TYPE,
        body: b"?".to_vec(),
    };
    hub.bus.publish(vec![stray]).await.unwrap();
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon"), customer("C2", "Durand", "Lyon")]);
    hub.settle().await;
    assert_eq!(hub.masters(Entity::Customer).await.len(), 2);
    assert_eq!(codes(&hub).await, ["resolve.not-an-observation"]);
    hub.stop().await;
}
