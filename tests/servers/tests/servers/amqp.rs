//! A client of the broker that knows nothing but lapin.

use std::time::{Duration, Instant};

use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

use crate::PATIENCE;

/// A connection.
pub struct Client {
    pub connection: Connection,
}

impl Client {
    /// Connects; fails when nobody answers within a patience.
    pub async fn connect(url: &str) -> Self {
        let connecting = Connection::connect(url, ConnectionProperties::default());
        Client { connection: tokio::time::timeout(PATIENCE, connecting).await.unwrap().unwrap() }
    }

    /// A channel of its own for every call: on RabbitMQ 3.10, one whose first message met a quorum queue without a
    /// leader is refused every further one, also when there is a leader again.
    async fn channel(&self) -> Channel {
        let channel = self.connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        channel
    }

    /// Declares a durable quorum queue with a member on every node.
    pub async fn declare(&self, queue: &str) {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let channel = self.channel().await;
        let declaring = channel.queue_declare(queue.into(), options, arguments);
        tokio::time::timeout(PATIENCE, declaring).await.unwrap().unwrap();
    }

    /// Publishes a persistent message; returns whether the broker took it, and `None` when it did not say in time.
    pub async fn publish(&self, queue: &str, body: &str, patience: Duration) -> Option<bool> {
        let properties = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        let publishing = async {
            let channel = self.channel().await;
            let sent = channel.basic_publish("".into(), queue.into(), options, body.as_bytes(), properties);
            sent.await.unwrap().await.unwrap().is_ack()
        };
        tokio::time::timeout(patience, publishing).await.ok()
    }

    /// Publishes until the broker has taken it: a queue without a leader refuses.
    pub async fn publish_surely(&self, queue: &str, body: &str) {
        let begun = Instant::now();
        while self.publish(queue, body, PATIENCE).await != Some(true) {
            assert!(begun.elapsed() < PATIENCE, "{body} is not taken");
        }
    }

    /// Takes the oldest message.
    pub async fn take(&self, queue: &str) -> Option<String> {
        let channel = self.channel().await;
        let message = channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await.unwrap()?;
        Some(String::from_utf8(message.delivery.data).unwrap())
    }
}
