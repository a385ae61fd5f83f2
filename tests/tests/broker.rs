//! A whole hub on a real broker: what only a broker does to it, and that nothing is lost by that.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bus::rabbitmq::{RabbitMqBus, RabbitMqOptions};
use bus::{Bus, Queue};
use canonical::entity::Entity;
use hub::{Mode, Role};
use passerelle_tests::scripted::records::{CUSTOMER, customer};
use passerelle_tests::scripted::world::{Feed, Part, Running, TENANT, World};
use passerelle_tests::servers::RabbitMq;
use store::{Command, ParkedStage, RecordOutcome, StreamKey};
use tokio::task::block_in_place;

/// An ERP and a CRM around a hub on a broker.
fn world(broker: &RabbitMq) -> World {
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER));
    let mut world = World::new(vec![erp, Part::new("crm").takes(Entity::Customer, CUSTOMER)]);
    world.limits.partitions = 1;
    let options = RabbitMqOptions { blocked_time_ms_max: 300, delivery_count_max: 2, ..RabbitMqOptions::default() };
    world.broker = Some((broker.url(0), options));
    world
}

fn told(world: &World) -> Vec<String> {
    world.on("crm", |script| script.told(&Entity::Customer, "name"))
}

async fn checkpoint(hub: &Running<'_>) -> Option<serde_json::Value> {
    let key = StreamKey { tenant: TENANT.into(), system: "erp".into(), stream: "customers".into() };
    hub.store.stream_state(&key).await.unwrap().checkpoint
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_broker_has_no_memory_reading_waits_and_no_checkpoint_moves() {
    let Some(broker) = block_in_place(RabbitMq::one) else { return };
    let world = world(&broker);
    let hub = world.start().await;
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.settle().await;
    assert_eq!(told(&world), ["Dupont"]);
    let before = checkpoint(&hub).await;

    block_in_place(|| broker.set_memory_alarm(0, true));
    world.show("erp", "customers", vec![customer("C2", "Durand", "Brest")]);
    let stream = hub.hub.streams("erp", None).remove(0);
    for _ in 0..3 {
        let refused = hub.hub.collect(&stream, false, None).await.unwrap_err().to_string();
        assert!(refused.contains("takes no messages now") && refused.contains("memory"), "{refused}");
        assert!(hub.bus.blocked().is_some());
        assert_eq!(checkpoint(&hub).await, before);
    }

    block_in_place(|| broker.set_memory_alarm(0, false));
    hub.until("the broker takes messages again", async || hub.bus.blocked().is_none()).await;
    hub.settle().await;
    assert_eq!(told(&world), ["Dupont", "Durand"]);
    assert_ne!(checkpoint(&hub).await, before);
    let outcomes = hub.accounting("erp").await;
    assert_eq!((outcomes.read, outcomes.get(RecordOutcome::Created), outcomes.in_flight), (2, 2, 0));
    hub.stop().await;
}

/// A hub that takes what is in a queue, and crashes, until the broker gives up on it.
async fn crash_until_dead(world: &World, queue: &Queue) {
    let (url, options) = world.broker.clone().unwrap();
    let bus = RabbitMqBus::new(&url, options).unwrap();
    while bus.depth(&Queue::Dead).await.unwrap().0 == 0 {
        if bus.depth(queue).await.unwrap().0 > 0 {
            bus.subscribe(queue, 10).await.unwrap().receive(10).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_broker_gave_up_on_is_parked_and_can_be_tried_again() {
    let Some(broker) = block_in_place(RabbitMq::one) else { return };
    let world = world(&broker);
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    let collecting = world.start_as(Mode::OnDemand, &[Role::Collect]).await;
    collecting.collect().await;
    collecting.stop().await;
    crash_until_dead(&world, &Queue::Observed(0)).await;

    let hub = world.start_as(Mode::OnDemand, &[Role::Collect, Role::Resolve]).await;
    let number = parked(&hub, ParkedStage::Observed).await;
    let outcomes = hub.accounting("erp").await;
    assert_eq!((outcomes.read, outcomes.get(RecordOutcome::Parked), outcomes.in_flight), (1, 1, 0));
    hub.command(Command::RetryParked { number }).await.unwrap();
    let delivery = Queue::Delivery("crm".into());
    hub.until("its change is published", async || hub.bus.depth(&delivery).await.unwrap().0 > 0).await;
    hub.stop().await;
    crash_until_dead(&world, &delivery).await;

    let hub = world.start().await;
    let number = parked(&hub, ParkedStage::Delivery).await;
    assert_eq!(told(&world), Vec::<String>::new());
    hub.command(Command::RetryParked { number }).await.unwrap();
    hub.quiet().await;
    assert_eq!((told(&world), hub.parked().await.len()), (vec!["Dupont".to_owned()], 0));
    hub.stop().await;
}

/// Waits for the one dead message that is parked, and returns its number.
async fn parked(hub: &Running<'_>, stage: ParkedStage) -> u64 {
    hub.until("it is parked", async || !hub.parked().await.is_empty()).await;
    let parked = hub.parked().await;
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert_eq!((parked[0].code.as_str(), parked[0].stage), ("bus.dead", stage));
    parked[0].number
}
