//! The suite on RabbitMQ, and what only a broker can do: go away, and be read by others.

use std::io::Write;
use std::sync::Arc;

use async_trait::async_trait;
use bus::rabbitmq::{RabbitMqBus, RabbitMqOptions};
use bus::testkit::{self, Subject};
use bus::{Bus, BusError, Delivered, Message, Queue, Receipt, Route, Subscription};
use futures::StreamExt;
use lapin::options::{
    BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};

use crate::broker::{Broker, Way};

const QUEUE: Queue = Queue::Observed(0);

fn options() -> RabbitMqOptions {
    RabbitMqOptions { message_bytes_max: 100_000, unconfirmed_count_max: 2, ..RabbitMqOptions::default() }
}

fn url(port: u16) -> String {
    format!("amqp://guest:guest@127.0.0.1:{port}/%2f")
}

fn message(id: impl ToString) -> Message {
    let route = Route::Queue(QUEUE);
    Message { route, id: id.to_string(), content_type: "application/cloudevents+json", body: b"{}".to_vec() }
}

async fn take(subscription: &mut dyn Subscription, count: usize) -> Result<Vec<Delivered>, BusError> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.extend(subscription.receive(count - taken.len()).await?);
    }
    Ok(taken)
}

fn ids(messages: &[Delivered]) -> Vec<&str> {
    messages.iter().map(|message| message.id.as_str()).collect()
}

/// The broker as a foreign program sees it.
struct Foreign {
    channel: Channel,
    _connection: Connection,
}

impl Foreign {
    async fn connect(port: u16) -> Self {
        let connection = Connection::connect(&url(port), ConnectionProperties::default()).await.unwrap();
        Foreign { channel: connection.create_channel().await.unwrap(), _connection: connection }
    }

    /// Leaves nothing of an earlier case.
    async fn clear(&self) {
        for name in ["observed.0", "observed.1", "delivery.crm", "delivery.nowhere", "delivery.erp"] {
            let name = format!("passerelle.{name}");
            self.channel.queue_delete(name.into(), QueueDeleteOptions::default()).await.unwrap();
        }
    }
}

/// A bus on the broker whose crash cuts its connections.
struct RabbitMqSubject(Way);

#[async_trait]
impl Subject for RabbitMqSubject {
    async fn open(&self) -> Result<Arc<dyn Bus>, BusError> {
        Ok(Arc::new(RabbitMqBus::new(&url(self.0.port), options())?))
    }

    async fn crash(&self, bus: Arc<dyn Bus>) -> Result<(), BusError> {
        self.0.cut();
        drop(bus);
        Ok(())
    }

    fn message_bytes_max(&self) -> usize {
        options().message_bytes_max
    }
}

/// Calls until it succeeds; what fails meanwhile must say that the bus is not reachable.
async fn in_the_end<Answer>(mut call: impl AsyncFnMut() -> Result<Answer, BusError>) -> Answer {
    for _ in 0..20 {
        match call().await {
            Ok(answer) => return answer,
            Err(BusError::Unreachable(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    panic!("it does not come back");
}

async fn a_lost_connection_is_made_again(port: u16) {
    let way = Way::to(port).await;
    let bus = RabbitMqBus::new(&url(way.port), options()).unwrap();
    bus.declare(&[QUEUE]).await.unwrap();
    bus.publish((0..4).map(message).collect()).await.unwrap();
    let mut subscription = bus.subscribe(&QUEUE, 3).await.unwrap();
    let taken = take(subscription.as_mut(), 3).await.unwrap();
    subscription.acknowledge(&[taken[1].receipt]).await.unwrap();
    assert_eq!(ids(&take(subscription.as_mut(), 1).await.unwrap()), ["3"]);

    way.block(true);
    way.cut();
    let lost = subscription.receive(1).await;
    assert!(matches!(lost, Err(BusError::Unreachable(_))), "{lost:?}");
    let receipts: Vec<Receipt> = taken.iter().map(|message| message.receipt).collect();
    let unsent = subscription.acknowledge(&receipts).await;
    assert!(matches!(unsent, Err(BusError::Unreachable(_))), "{unsent:?}");
    let refused = bus.publish(vec![message("while away")]).await;
    assert!(matches!(refused, Err(BusError::Unreachable(_))), "{refused:?}");

    way.block(false);
    in_the_end(async || bus.publish(vec![message(4)]).await).await;
    let again = in_the_end(async || subscription.receive(1).await).await;
    // Receipts of the lost connection mean nothing now; above all they do not acknowledge other messages.
    subscription.acknowledge(&receipts).await.unwrap();
    let mut again: Vec<Delivered> = again.into_iter().chain(take(subscription.as_mut(), 2).await.unwrap()).collect();
    assert!(again.iter().all(|message| message.redelivered));
    let receipts: Vec<Receipt> = again.iter().map(|message| message.receipt).collect();
    subscription.acknowledge(&receipts).await.unwrap();
    again.extend(take(subscription.as_mut(), 1).await.unwrap());
    assert_eq!(ids(&again), ["0", "2", "3", "4"]);
}

async fn foreign_programs_read_public_messages(port: u16) {
    let bus = RabbitMqBus::new(&url(port), options()).unwrap();
    bus.declare(&[QUEUE]).await.unwrap();
    let foreign = Foreign::connect(port).await;
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
    channel.queue_purge("warehouse".into(), QueuePurgeOptions::default()).await.unwrap();
}

async fn a_queue_of_another_form_is_named(port: u16) {
    let foreign = Foreign::connect(port).await;
    let declare = QueueDeclareOptions::default();
    foreign.channel.queue_declare("passerelle.delivery.crm".into(), declare, FieldTable::default()).await.unwrap();
    let bus = RabbitMqBus::new(&url(port), options()).unwrap();
    let refused = bus.declare(&[Queue::Delivery("crm".into())]).await;
    assert!(
        matches!(&refused, Err(BusError::Topology(reason)) if reason.contains("passerelle.delivery.crm")),
        "{refused:?}"
    );
    foreign.clear().await;
}

async fn a_queue_that_vanishes_is_noticed(port: u16) {
    let bus = RabbitMqBus::new(&url(port), options()).unwrap();
    bus.declare(&[QUEUE]).await.unwrap();
    bus.publish(vec![message(0)]).await.unwrap();
    Foreign::connect(port).await.clear().await;
    // The bus believes that the queue is there; the broker returns the message.
    let returned = bus.publish((0..5).map(message).collect()).await;
    assert!(matches!(&returned, Err(BusError::Unroutable(queue)) if *queue == QUEUE.to_string()), "{returned:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_on_rabbitmq_keeps_the_contract() {
    let Some(broker) = Broker::start().await else {
        // Written past the test harness, which hides what a passing test prints.
        let line = "\n*** RabbitMQ is not installed: the bus on RabbitMQ is NOT tested here ***\n";
        writeln!(std::io::stderr(), "{line}").unwrap();
        return;
    };
    let port = broker.port;
    let foreign = Arc::new(Foreign::connect(port).await);
    let failures = testkit::run(|| async {
        foreign.clear().await;
        Box::new(RabbitMqSubject(Way::to(port).await)) as Box<dyn Subject>
    })
    .await;
    assert!(failures.is_empty(), "{failures:#?}");
    foreign.clear().await;
    a_lost_connection_is_made_again(port).await;
    foreign.clear().await;
    foreign_programs_read_public_messages(port).await;
    foreign.clear().await;
    a_queue_of_another_form_is_named(port).await;
    a_queue_that_vanishes_is_noticed(port).await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_unreachable_and_its_address_stays_secret() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let bus = RabbitMqBus::new(&format!("amqp://hub:hunter2@127.0.0.1:{port}"), options()).unwrap();
    let Err(BusError::Unreachable(reason)) = bus.declare(&[QUEUE]).await else { panic!("it answered") };
    assert!(!reason.contains("hunter2"), "{reason}");
    let Err(BusError::Topology(reason)) = RabbitMqBus::new("http://hub:hunter2@host", options()) else {
        panic!("it was read")
    };
    assert!(reason.contains("bus.url") && !reason.contains("hunter2"), "{reason}");
}
