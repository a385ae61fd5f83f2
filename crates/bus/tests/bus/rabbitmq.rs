//! The suite on RabbitMQ, and what only a broker can do: go away, be read by others, and give up on a message.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bus::rabbitmq::{RabbitMqBus, RabbitMqOptions};
use bus::testkit::{self, Subject};
use bus::{Bus, BusError, Delivered, Message, Queue, Receipt, Route};
use futures::StreamExt;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use test_servers::Proxy;

use crate::broker::{House, QUEUE, ids, in_the_end, message, message_to, options, take};

/// A bus on the broker whose crash cuts its connections.
struct RabbitMqSubject {
    way: Proxy,
    url: String,
}

#[async_trait]
impl Subject for RabbitMqSubject {
    async fn open(&self) -> Result<Arc<dyn Bus>, BusError> {
        Ok(Arc::new(RabbitMqBus::new(&self.url, options())?))
    }

    async fn crash(&self, bus: Arc<dyn Bus>) -> Result<(), BusError> {
        self.way.cut();
        drop(bus);
        Ok(())
    }

    fn message_bytes_max(&self) -> usize {
        options().message_bytes_max
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_on_rabbitmq_keeps_the_contract() {
    let Some(house) = House::new() else { return };
    let foreign = house.foreign().await;
    let failures = testkit::run(|| async {
        foreign.clear().await;
        let way = Proxy::to(house.broker.port(0)).await;
        let url = house.url_by(way.port());
        Box::new(RabbitMqSubject { way, url }) as Box<dyn Subject>
    })
    .await;
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_made_again() {
    let Some(house) = House::new() else { return };
    let way = Proxy::to(house.broker.port(0)).await;
    let bus = RabbitMqBus::new(&house.url_by(way.port()), options()).unwrap();
    bus.declare(&[QUEUE]).await.unwrap();
    bus.publish((0..4).map(message).collect()).await.unwrap();
    let mut subscription = bus.subscribe(&QUEUE, 3).await.unwrap();
    let taken = take(subscription.as_mut(), 3).await.unwrap();
    subscription.acknowledge(&[taken[1].receipt]).await.unwrap();
    assert_eq!(ids(&take(subscription.as_mut(), 1).await.unwrap()), ["3"]);

    way.refuse().await;
    let lost = subscription.receive(1).await;
    assert!(matches!(lost, Err(BusError::Unreachable(_))), "{lost:?}");
    let receipts: Vec<Receipt> = taken.iter().map(|message| message.receipt).collect();
    let unsent = subscription.acknowledge(&receipts).await;
    assert!(matches!(unsent, Err(BusError::Unreachable(_))), "{unsent:?}");
    let refused = bus.publish(vec![message("while away")]).await;
    assert!(matches!(refused, Err(BusError::Unreachable(_))), "{refused:?}");

    way.pass().await;
    in_the_end(async || bus.publish(vec![message(4)]).await).await;
    let again = in_the_end(async || subscription.receive(1).await).await;
    // Receipts of the lost connection mean nothing now; above all they do not acknowledge other messages.
    subscription.acknowledge(&receipts).await.unwrap();
    let mut again: Vec<Delivered> = again;
    while ids(&again).last().is_some_and(|id| *id != "4") {
        let receipts: Vec<Receipt> = again.iter().map(|message| message.receipt).collect();
        subscription.acknowledge(&receipts).await.unwrap();
        again.extend(take(subscription.as_mut(), 1).await.unwrap());
    }
    // The one acknowledgement that was sent may have been lost with the connection: then its message comes again too.
    again.retain(|message| message.id != "1");
    assert_eq!(ids(&again), ["0", "2", "3", "4"]);
    assert!(again[..3].iter().all(|message| message.redelivered));
}

/// Whoever does not wait for a connection that is being made again, at whatever point of it, must not find the queue
/// taken by a consumer that nobody reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_waiting_for_a_lost_connection_can_ask_again() {
    let Some(house) = House::new() else { return };
    let way = Proxy::to(house.broker.port(0)).await;
    let bus = RabbitMqBus::new(&house.url_by(way.port()), options()).unwrap();
    bus.declare(&[QUEUE]).await.unwrap();
    bus.publish((0..4).map(message).collect()).await.unwrap();
    let mut subscription = bus.subscribe(&QUEUE, 4).await.unwrap();
    assert_eq!(ids(&take(subscription.as_mut(), 4).await.unwrap()), ["0", "1", "2", "3"]);
    way.delay(Duration::from_millis(4));
    let (mut patience, mut given_up) = (Duration::ZERO, 0);
    let whole = loop {
        way.cut();
        let lost = subscription.receive(1).await;
        assert!(matches!(lost, Err(BusError::Unreachable(_))), "{lost:?}");
        if let Ok(received) = tokio::time::timeout(patience, subscription.receive(1)).await {
            break received.unwrap();
        }
        given_up += 1;
        let again = tokio::time::timeout(Duration::from_secs(20), take(subscription.as_mut(), 4)).await;
        let again = again.unwrap_or_else(|_| panic!("nothing comes after {patience:?}")).unwrap();
        assert_eq!(ids(&again), ["0", "1", "2", "3"], "after {patience:?}");
        patience += Duration::from_millis(5);
    };
    assert_eq!(ids(&whole), ["0"]);
    assert!(given_up > 5, "a connection is made in {given_up} steps, which are no trial");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_lost_everything_is_furnished_again() {
    let Some(house) = House::new() else { return };
    let way = Proxy::to(house.broker.port(0)).await;
    let bus = RabbitMqBus::new(&house.url_by(way.port()), options()).unwrap();
    let crm = Queue::Delivery("crm".into());
    bus.declare(&[QUEUE, crm.clone()]).await.unwrap();
    way.refuse().await;
    house.control(&["delete_vhost", &house.name]);
    house.control(&["add_vhost", &house.name]);
    house.control(&["set_permissions", "-p", &house.name, "guest", ".*", ".*", ".*"]);
    way.pass().await;
    in_the_end(async || bus.publish(vec![message(0), message_to(&crm, 1)]).await).await;
    assert_eq!(bus.check(&[QUEUE, crm]).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_programs_read_public_messages() {
    let Some(house) = House::new() else { return };
    let bus = house.bus(options());
    bus.declare(&[QUEUE]).await.unwrap();
    let foreign = house.foreign().await;
    let channel = &foreign.channel;
    let exclusive = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("warehouse".into(), exclusive, FieldTable::default()).await.unwrap();
    let bind = QueueBindOptions::default();
    let (exchange, key) = ("passerelle.public".into(), "acme.*.upsert".into());
    channel.queue_bind("warehouse".into(), exchange, key, bind, FieldTable::default()).await.unwrap();
    let public = |key: &str, id: &str| Message { route: Route::Public(key.into()), ..message(id) };
    bus.publish(vec![public("acme.customer.remove", "other"), public("acme.invoice.upsert", "ours"), message(0)])
        .await
        .unwrap();
    let consume = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let mut consumer =
        channel.basic_consume("warehouse".into(), "".into(), consume, FieldTable::default()).await.unwrap();
    let delivery = consumer.next().await.unwrap().unwrap();
    let properties = &delivery.properties;
    assert_eq!(properties.message_id().as_ref().unwrap().as_str(), "ours");
    assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/cloudevents+json");
    assert_eq!(*properties.delivery_mode(), Some(2));
    assert_eq!(delivery.data, b"{}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_listens_hears_everything_after_that_in_order() {
    let Some(house) = House::new() else { return };
    let bus = house.bus(options());
    bus.declare(&[QUEUE]).await.unwrap();
    let public = |(key, id): (&str, usize)| Message { route: Route::Public(key.into()), ..message(id) };
    let keys = ["acme.customer.upsert", "acme.customer.remove", "acme.customer.upsert", "other.customer.upsert"];
    let round = |first: usize| keys.into_iter().zip(first..).map(public).chain([message(first)]).collect::<Vec<_>>();
    // Nobody listens, and what is for queues goes out all the same.
    bus.publish(round(0)).await.unwrap();
    let foreign = house.foreign().await;
    let channel = &foreign.channel;
    let exclusive = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("warehouse".into(), exclusive, FieldTable::default()).await.unwrap();
    let (exchange, key, bind) = ("passerelle.public".into(), "acme.#".into(), QueueBindOptions::default());
    channel.queue_bind("warehouse".into(), exchange, key, bind, FieldTable::default()).await.unwrap();
    bus.publish(round(10)).await.unwrap();
    bus.publish(round(20)).await.unwrap();
    let consume = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let mut consumer =
        channel.basic_consume("warehouse".into(), "".into(), consume, FieldTable::default()).await.unwrap();
    for expected in ["10", "11", "12", "20", "21", "22"] {
        let delivery = consumer.next().await.unwrap().unwrap();
        assert_eq!(delivery.properties.message_id().as_ref().unwrap().as_str(), expected);
    }
    let mut subscription = bus.subscribe(&QUEUE, 10).await.unwrap();
    assert_eq!(ids(&take(subscription.as_mut(), 3).await.unwrap()), ["0", "10", "20"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_vanishes_is_noticed() {
    let Some(house) = House::new() else { return };
    let bus = house.bus(options());
    bus.declare(&[QUEUE]).await.unwrap();
    bus.publish(vec![message(0)]).await.unwrap();
    house.foreign().await.clear().await;
    // The bus believes that the queue is there; the broker returns the message.
    let returned = bus.publish((0..5).map(message).collect()).await;
    assert!(matches!(&returned, Err(BusError::Unroutable(queue)) if *queue == QUEUE.to_string()), "{returned:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_crash_loop_was_given_too_often_is_found_among_the_dead() {
    let Some(house) = House::new() else { return };
    let bus = house.bus(RabbitMqOptions { delivery_count_max: 2, ..options() });
    bus.declare(&[QUEUE]).await.unwrap();
    bus.publish(vec![Message { body: b"poison".to_vec(), ..message("p") }]).await.unwrap();
    for life in 0..3 {
        let mut subscription = bus.subscribe(&QUEUE, 1).await.unwrap();
        let received = take(subscription.as_mut(), 1).await.unwrap();
        assert_eq!((ids(&received), received[0].died_in.clone()), (vec!["p"], None), "life {life}");
    }
    let mut dead = bus.subscribe(&Queue::Dead, 10).await.unwrap();
    let buried = take(dead.as_mut(), 1).await.unwrap();
    assert_eq!((ids(&buried), buried[0].died_in.clone()), (vec!["p"], Some(QUEUE)));
    assert_eq!((buried[0].body.as_slice(), buried[0].content_type.as_str()), (&b"poison"[..], message(0).content_type));
    dead.acknowledge(&[buried[0].receipt]).await.unwrap();
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_unreachable_and_its_address_stays_secret() {
    let port = test_servers::free_port();
    let bus = RabbitMqBus::new(&format!("amqp://hub:hunter2@127.0.0.1:{port}"), options()).unwrap();
    let Err(BusError::Unreachable(reason)) = bus.declare(&[QUEUE]).await else { panic!("it answered") };
    assert!(!reason.contains("hunter2") && reason.contains("refused"), "{reason}");
    let Err(BusError::Refused(reason)) = RabbitMqBus::new("http://hub:hunter2@host", options()) else {
        panic!("it was read")
    };
    assert!(reason.contains("bus.url") && !reason.contains("hunter2"), "{reason}");
}
