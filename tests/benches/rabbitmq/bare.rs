//! The floor: a program that does nothing but carry messages as the hub does, and keep what it was told.
//!
//! One task publishes the observations and waits for the confirmations of each batch before the next one. One task for
//! each partition takes what is there, as much as the hub takes into one transaction, writes rows in one transaction,
//! publishes the changes into one delivery queue, waits for their confirmations, and acknowledges. One task takes the
//! deliveries, writes rows in one transaction, and acknowledges. Sizes of messages, messages in a batch and events in a
//! transaction are the hub's own averages, measured right before. Its queues are declared with the hub's arguments.
//!
//! What it writes, in one transaction for each batch, is one of two things:
//!
//! * [`Rows::OnePerEvent`]: one row for each event and hop, a number and the event's bytes, in a table with nothing but its
//!   primary key. Nobody can do less: to answer for a message, something of it must be durable first.
//! * [`Rows::Same`]: the very rows that the hub left behind, in the same tables with the same indices. To resolve: source,
//!   crosswalk, match key, journal, searched text and master of each customer. To deliver: crosswalk with shadow, journal.
//!   Nobody who keeps a master can do less. Outbox, calls and what was last published are not written.
//!
//! It decodes nothing, compares nothing and looks nothing up, and nobody else is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bus::Queue;
use bus::rabbitmq::{ArgumentValue, PUBLIC_EXCHANGE, RabbitMqOptions, arguments};
use futures::{FutureExt, StreamExt};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, ExchangeKind};
use passerelle_tests::measure::metered::Traffic;
use passerelle_tests::measure::per;
use passerelle_tests::measure::usage::Usage;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls, Statement};

use crate::same_rows::{self, Kept, SameRows};

/// What one way carries.
#[derive(Clone, Debug)]
pub struct Lane {
    /// The body of a message, of the hub's own average size.
    body: Arc<[u8]>,
    /// Events in one message.
    pub events_per_message: u64,
}

impl Lane {
    /// What the hub sent this way, on average.
    pub fn of(events: u64, traffic: &Traffic) -> Self {
        let messages = traffic.messages.max(1);
        let bytes = usize::try_from(traffic.bytes / messages).unwrap();
        let body = traffic.sample.iter().copied().cycle().take(if traffic.sample.is_empty() { 0 } else { bytes });
        Lane { body: body.collect(), events_per_message: events.div_ceil(messages).max(1) }
    }
}

/// What the bare program is to imitate.
#[derive(Clone, Debug)]
pub struct Shape {
    /// How many events go through.
    pub events: u64,
    /// Queues of observations.
    pub partitions: u32,
    /// The way to the resolvers.
    pub observed: Lane,
    /// The way to the deliverer.
    pub delivery: Lane,
    /// Bytes of an event for the public.
    pub public_bytes: usize,
    /// Whether each event is also published for the public, alone, as the hub does on a broker.
    pub is_public: bool,
    /// Messages that are confirmed together when observations are published.
    pub messages_per_publish: u64,
    /// Events in one transaction of a resolver.
    pub events_per_resolution: u64,
    /// Events in one transaction of the deliverer.
    pub events_per_delivery: u64,
}

impl Shape {
    /// As a part of a line of results.
    pub fn told(&self) -> Value {
        let lane = |lane: &Lane| json!({"events_per_message": lane.events_per_message, "bytes": lane.body.len()});
        json!({
            "partitions": self.partitions, "observed": lane(&self.observed), "delivery": lane(&self.delivery),
            "messages_per_publish": self.messages_per_publish, "events_per_resolution": self.events_per_resolution,
            "events_per_delivery": self.events_per_delivery,
            "public_bytes": if self.is_public { self.public_bytes } else { 0 },
            "bytes_per_event": per((self.observed.body.len() + self.delivery.body.len()) as u64, self.observed.events_per_message),
        })
    }

    /// Messages of observations for each partition, as even as they go.
    fn quotas(&self) -> Vec<u64> {
        let messages = self.events.div_ceil(self.observed.events_per_message);
        let partitions = u64::from(self.partitions.max(1));
        (0..partitions).map(|partition| messages / partitions + u64::from(partition < messages % partitions)).collect()
    }
}

/// What is written in a transaction.
pub enum Rows {
    /// One row for each event, of its bytes.
    OnePerEvent,
    /// What the hub wrote.
    Same(SameRows),
}

/// What a run took.
pub struct BareRun {
    /// Events that went through: full messages only, so a few more than asked for.
    pub events: u64,
    /// From the first publish to the last acknowledgement.
    pub time: Duration,
    /// Database transactions.
    pub transactions: u64,
    /// Rows that they wrote.
    pub rows: u64,
    /// Processor time before and after.
    pub usage: (Usage, Usage),
}

/// The bare program, connected and with empty queues and tables.
pub struct Bare {
    shape: Arc<Shape>,
    publisher: Channel,
    /// Each with the channel on which it publishes.
    resolvers: Vec<(Taker, Channel)>,
    deliverer: Taker,
    counts: Arc<Counts>,
}

/// What was written.
#[derive(Default)]
struct Counts {
    transactions: AtomicU64,
    rows: AtomicU64,
}

fn observed(partition: usize) -> String {
    format!("bare.observed.{partition}")
}

const DELIVERY: &str = "bare.delivery";

/// The queues have the names of the bare program and the arguments of the hub.
async fn declare(channel: &Channel, name: &str, like: &Queue) {
    let mut table = FieldTable::default();
    for (argument, value) in arguments(like, &RabbitMqOptions::default()) {
        let value = match value {
            ArgumentValue::Text(text) => AMQPValue::LongString(text.as_str().into()),
            ArgumentValue::Number(number) => AMQPValue::LongLongInt(number),
            ArgumentValue::Flag(flag) => AMQPValue::Boolean(flag),
        };
        table.insert(argument.as_str().into(), value);
    }
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(name.into(), durable, table).await.unwrap();
    channel.queue_purge(name.into(), QueuePurgeOptions::default()).await.unwrap();
}

async fn confirming(connection: &Connection) -> Channel {
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    channel
}

impl Bare {
    /// Connects, and makes queues and tables. The tables of the hub must be there for [`Rows::Same`].
    pub async fn prepare(bus_url: &str, store_url: &str, shape: &Shape, rows: &Rows) -> Self {
        let connect = || Connection::connect(bus_url, ConnectionProperties::default());
        let (connection, consuming) = (connect().await.unwrap(), connect().await.unwrap());
        let publisher = confirming(&connection).await;
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let topic =
            publisher.exchange_declare(PUBLIC_EXCHANGE.into(), ExchangeKind::Topic, durable, FieldTable::default());
        topic.await.unwrap();
        let counts = Arc::new(Counts::default());
        let (resolved, delivered) = match rows {
            Rows::OnePerEvent => (None, None),
            Rows::Same(rows) => (Some(&rows.resolved), Some(&rows.delivered)),
        };
        declare(&publisher, DELIVERY, &Queue::Delivery("ledger".into())).await;
        let mut resolvers = Vec::new();
        for partition in 0..shape.quotas().len() {
            declare(&publisher, &observed(partition), &Queue::Observed(0)).await;
            let writer = Writer::begin(store_url, "observed", partition, resolved, &counts).await;
            let taker = Taker::begin(&consuming, &observed(partition), writer).await;
            resolvers.push((taker, confirming(&connection).await));
        }
        let writer = Writer::begin(store_url, "delivered", 0, delivered, &counts).await;
        let deliverer = Taker::begin(&consuming, DELIVERY, writer).await;
        Bare { shape: Arc::new(shape.clone()), publisher, resolvers, deliverer, counts }
    }

    /// Sends everything through, to the last acknowledgement.
    pub async fn run(self) -> BareRun {
        let Bare { shape, publisher, resolvers, deliverer, counts } = self;
        let quotas = shape.quotas();
        let per_delivery = shape.delivery.events_per_message;
        let delivered = |messages: &u64| (messages * shape.observed.events_per_message).div_ceil(per_delivery);
        let deliveries: u64 = quotas.iter().map(delivered).sum();
        let before = Usage::of_all();
        let begun = Instant::now();
        // Tasks of their own, so that they use both processors as the hub's do.
        let mut tasks = JoinSet::new();
        for ((taker, channel), quota) in resolvers.into_iter().zip(quotas.clone()) {
            tasks.spawn(resolve(taker, shape.clone(), channel, quota));
        }
        tasks.spawn(publish_all(shape.clone(), quotas.clone(), publisher));
        tasks.spawn(deliver(deliverer, shape.clone(), deliveries));
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        let time = begun.elapsed();
        let usage = (before, Usage::of_all());
        let events = quotas.iter().sum::<u64>() * shape.observed.events_per_message;
        let [transactions, rows] = [&counts.transactions, &counts.rows].map(|count| count.load(Ordering::Relaxed));
        BareRun { events, time, transactions, rows, usage }
    }
}

async fn publish_all(shape: Arc<Shape>, quotas: Vec<u64>, channel: Channel) {
    let mut left = quotas;
    let mut number = 0_u64;
    while left.iter().any(|left| *left > 0) {
        let mut confirms = Vec::new();
        for _ in 0..shape.messages_per_publish.max(1) {
            let at = usize::try_from(number).unwrap() % left.len();
            number += 1;
            if left[at] > 0 {
                left[at] -= 1;
                confirms.push(send(&channel, "", &observed(at), true, &shape.observed.body, number).await);
            }
        }
        confirmed(confirms).await;
    }
}

async fn send(
    channel: &Channel,
    exchange: &str,
    key: &str,
    mandatory: bool,
    body: &[u8],
    number: u64,
) -> lapin::PublisherConfirm {
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type("application/cloudevents-batch+json".into())
        .with_message_id(format!("batch/{number:032x}").into());
    let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
    channel.basic_publish(exchange.into(), key.into(), options, body, properties).await.unwrap()
}

async fn confirmed(confirms: Vec<lapin::PublisherConfirm>) {
    for confirm in confirms {
        assert!(matches!(confirm.await.unwrap(), Confirmation::Ack(None)), "the broker refused a message");
    }
}

async fn resolve(mut taker: Taker, shape: Arc<Shape>, channel: Channel, quota: u64) {
    let at_once = (shape.events_per_resolution / shape.observed.events_per_message).max(1);
    let (mut left, mut published) = (quota, 0);
    while left > 0 {
        let (count, last) = taker.take(at_once.min(left)).await;
        taker.writer.write(&shape.observed, count, count * shape.observed.events_per_message).await;
        left -= count;
        let events = (quota - left) * shape.observed.events_per_message;
        let due = if left == 0 {
            events.div_ceil(shape.delivery.events_per_message)
        } else {
            events / shape.delivery.events_per_message
        };
        let mut confirms = Vec::new();
        for number in published..due {
            confirms.push(send(&channel, "", DELIVERY, true, &shape.delivery.body, number).await);
        }
        published = due;
        if shape.is_public {
            let body = &shape.delivery.body[..shape.public_bytes.min(shape.delivery.body.len())];
            for number in 0..count * shape.observed.events_per_message {
                confirms.push(send(&channel, PUBLIC_EXCHANGE, "acme.customer.upsert", false, body, number).await);
            }
        }
        confirmed(confirms).await;
        taker.acknowledge(last).await;
    }
}

async fn deliver(mut taker: Taker, shape: Arc<Shape>, quota: u64) {
    let at_once = (shape.events_per_delivery / shape.delivery.events_per_message).max(1);
    let (mut left, mut events) = (quota, shape.quotas().iter().sum::<u64>() * shape.observed.events_per_message);
    while left > 0 {
        let (count, last) = taker.take(at_once.min(left)).await;
        left -= count;
        // The last message of each resolver is not full; its events are those that are left.
        let rows = if left == 0 { events } else { (count * shape.delivery.events_per_message).min(events) };
        events -= rows;
        taker.writer.write(&shape.delivery, count, rows).await;
        taker.acknowledge(last).await;
    }
}

/// A consumer of one queue.
struct Taker {
    channel: Channel,
    consumer: Consumer,
    writer: Writer,
}

impl Taker {
    async fn begin(connection: &Connection, queue: &str, writer: Writer) -> Self {
        let channel = connection.create_channel().await.unwrap();
        channel.basic_qos(RabbitMqOptions::default().ahead_count_min, BasicQosOptions::default()).await.unwrap();
        let options = BasicConsumeOptions::default();
        let consumer = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await.unwrap();
        Taker { channel, consumer, writer }
    }

    /// Waits for a message, and takes further ones that are there already; returns how many, and the last one's tag.
    async fn take(&mut self, count_max: u64) -> (u64, u64) {
        let mut last = self.consumer.next().await.unwrap().unwrap().delivery_tag;
        let mut count = 1;
        while count < count_max
            && let Some(more) = self.consumer.next().now_or_never()
        {
            last = more.unwrap().unwrap().delivery_tag;
            count += 1;
        }
        (count, last)
    }

    async fn acknowledge(&self, last: u64) {
        self.channel.basic_ack(last, BasicAckOptions { multiple: true }).await.unwrap();
    }
}

/// A connection to the database with what it writes.
struct Writer {
    client: Client,
    /// For one row per event; numbers begin elsewhere for each writer of a table.
    insert: Statement,
    next: i64,
    /// For the same rows as the hub.
    kept: Option<(Kept, Vec<Statement>)>,
    counts: Arc<Counts>,
}

impl Writer {
    async fn begin(url: &str, table: &str, number: usize, kept: Option<&Kept>, counts: &Arc<Counts>) -> Self {
        let (client, session) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(async move { drop(session.await) });
        let make = format!("CREATE TABLE IF NOT EXISTS {table} (number BIGINT PRIMARY KEY, event BYTEA NOT NULL)");
        client.batch_execute(&make).await.unwrap();
        let insert = format!("INSERT INTO {table} SELECT * FROM unnest($1::bigint[], $2::bytea[])");
        let insert = client.prepare(&insert).await.unwrap();
        let kept = match kept {
            Some(kept) => Some((kept.clone(), kept.prepare(&client).await.unwrap())),
            None => None,
        };
        Writer { client, insert, next: i64::try_from(number).unwrap() << 40, kept, counts: Arc::clone(counts) }
    }

    /// Writes what some messages with some events come to, in one transaction.
    async fn write(&mut self, lane: &Lane, messages: u64, events: u64) {
        let transaction = self.client.transaction().await.unwrap();
        let rows = match &self.kept {
            Some((kept, statements)) => {
                same_rows::write(transaction.client(), statements, &kept.take(messages)).await.unwrap()
            }
            None => {
                let size = (lane.body.len() / usize::try_from(lane.events_per_message).unwrap()).max(1);
                let numbers: Vec<i64> = (self.next..).take(usize::try_from(events).unwrap()).collect();
                let bodies: Vec<&[u8]> = lane.body.chunks_exact(size).cycle().take(numbers.len()).collect();
                self.next += i64::try_from(events).unwrap();
                transaction.execute(&self.insert, &[&numbers, &bodies]).await.unwrap()
            }
        };
        transaction.commit().await.unwrap();
        self.counts.transactions.fetch_add(1, Ordering::Relaxed);
        self.counts.rows.fetch_add(rows, Ordering::Relaxed);
    }
}
