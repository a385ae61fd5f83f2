//! One connection to the broker: its topology, and the channels that publishes take turns on.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapin::options::{ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::fault::{self, within};
use super::options::RabbitMqOptions;
use crate::{BusError, Queue};

/// Where public messages go: a durable topic exchange that anybody may bind a queue to.
pub(super) const PUBLIC: &str = "passerelle.public";

/// The exchange and the queue of what was delivered too often.
const DEAD: &str = "passerelle.dead";

/// A connection and what is known on it.
pub(super) struct Session {
    pub(super) options: RabbitMqOptions,
    connection: Connection,
    /// Channels in confirm mode that no publish uses now.
    idle: Mutex<Vec<Channel>>,
    turns: Semaphore,
    /// Queues that were seen on this connection.
    known: Mutex<HashSet<Queue>>,
    is_broken: AtomicBool,
}

impl Session {
    /// Connects and makes sure of the exchanges.
    pub(super) async fn open(uri: AMQPUri, options: &RabbitMqOptions) -> Result<Self, BusError> {
        let time_max = Duration::from_millis(options.call_time_ms_max);
        let properties = ConnectionProperties::default().with_connection_name("passerelle".into());
        let connection = within(time_max, "connect", Connection::connect_uri(uri, properties)).await?;
        let session = Session {
            options: options.clone(),
            connection,
            idle: Mutex::default(),
            turns: Semaphore::new(options.publish_count_max.clamp(1, Semaphore::MAX_PERMITS)),
            known: Mutex::default(),
            is_broken: AtomicBool::new(false),
        };
        session.declare_exchanges().await?;
        Ok(session)
    }

    /// Whether calls on it can succeed.
    pub(super) fn is_sound(&self) -> bool {
        self.connection.status().connected() && !self.is_broken.load(Ordering::Acquire)
    }

    /// Has the next call connect anew, because the broker does not answer on this connection.
    /// Subscriptions stay on it until they notice themselves.
    pub(super) fn give_up(&self) {
        self.is_broken.store(true, Ordering::Release);
    }

    pub(super) fn call_time_max(&self) -> Duration {
        Duration::from_millis(self.options.call_time_ms_max)
    }

    /// A new channel.
    pub(super) async fn channel(&self) -> Result<Channel, BusError> {
        within(self.call_time_max(), "open a channel", self.connection.create_channel()).await
    }

    /// A channel in confirm mode for one publish alone, and the turn that goes with it.
    pub(super) async fn take_turn(&self) -> Result<(Channel, SemaphorePermit<'_>), BusError> {
        let turn = self.turns.acquire().await.map_err(|error| BusError::Unreachable(error.to_string()))?;
        let idle = self.idle().pop();
        if let Some(channel) = idle.filter(|channel| channel.status().connected()) {
            return Ok((channel, turn));
        }
        let channel = self.channel().await?;
        let confirm = channel.confirm_select(ConfirmSelectOptions::default());
        within(self.call_time_max(), "ask for confirms", confirm).await?;
        Ok((channel, turn))
    }

    /// Leaves a channel, on which nothing waits any more, to the next publish.
    pub(super) fn give_back(&self, channel: Channel) {
        self.idle().push(channel);
    }

    /// Closes a channel. One that is closed already is as good.
    pub(super) async fn close(&self, channel: &Channel) {
        let _ = within(self.call_time_max(), "close a channel", channel.close(200, "OK".into())).await;
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, HashSet<Queue>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn declare_exchanges(&self) -> Result<(), BusError> {
        let channel = self.channel().await?;
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        for (name, kind) in [(PUBLIC, ExchangeKind::Topic), (DEAD, ExchangeKind::Fanout)] {
            let declare = channel.exchange_declare(name.into(), kind, durable, FieldTable::default());
            within(self.call_time_max(), "declare an exchange", declare).await?;
        }
        let mut quorum = FieldTable::default();
        quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        let declare = channel.queue_declare(DEAD.into(), durable_queue(), quorum);
        within(self.call_time_max(), "declare a queue", declare).await?;
        let bind =
            channel.queue_bind(DEAD.into(), DEAD.into(), "".into(), QueueBindOptions::default(), FieldTable::default());
        within(self.call_time_max(), "bind a queue", bind).await
    }

    /// Makes sure that queues exist.
    pub(super) async fn declare(&self, queues: &[Queue]) -> Result<(), BusError> {
        let channel = self.channel().await?;
        for queue in queues {
            let name = fault::short("the name of a queue", queue.to_string())?;
            let declare = channel.queue_declare(name, durable_queue(), self.arguments());
            within(self.call_time_max(), &format!("declare the queue {queue}"), declare).await?;
            self.known().insert(queue.clone());
        }
        Ok(())
    }

    /// What a queue is, beside durable.
    fn arguments(&self) -> FieldTable {
        let text = |text: &str| AMQPValue::LongString(text.into());
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), text("quorum"));
        arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        arguments.insert("x-overflow".into(), text("reject-publish"));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(self.options.delivery_count_max.into()));
        arguments.insert("x-dead-letter-exchange".into(), text(DEAD));
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        arguments
    }

    /// Makes sure that a queue is there before something is sent to it.
    pub(super) async fn ensure_known(&self, queue: &Queue) -> Result<(), BusError> {
        if !self.known().contains(queue) {
            self.ready_count(queue).await?;
            self.known().insert(queue.clone());
        }
        Ok(())
    }

    /// How many messages of a queue wait at the broker and are with no consumer.
    pub(super) async fn ready_count(&self, queue: &Queue) -> Result<u32, BusError> {
        // Asking for what is not there closes the channel, so it is one for this question only.
        let channel = self.channel().await?;
        let name = fault::short("the name of a queue", queue.to_string())?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let ask = async {
            match channel.queue_declare(name, passive, FieldTable::default()).await {
                Err(error) if fault::is_missing(&error) => Ok(None),
                other => other.map(Some),
            }
        };
        match within(self.call_time_max(), "look at a queue", ask).await? {
            Some(found) => Ok(found.message_count()),
            None => Err(BusError::Unroutable(queue.to_string())),
        }
    }
}

fn durable_queue() -> QueueDeclareOptions {
    QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() }
}
