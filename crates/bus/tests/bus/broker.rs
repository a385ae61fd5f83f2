//! The broker that the tests share, in which each test has a virtual host of its own.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use bus::rabbitmq::{RabbitMqBus, RabbitMqOptions};
use bus::{BusError, Delivered, Message, Queue, Route, Subscription};
use lapin::options::QueueDeleteOptions;
use lapin::{Channel, Connection, ConnectionProperties};
use test_servers::RabbitMq;
use tokio::task::block_in_place;

/// It ends with the test process, as all private servers do.
static BROKER: LazyLock<Option<RabbitMq>> = LazyLock::new(RabbitMq::encrypted);

pub const QUEUE: Queue = Queue::Observed(0);

/// A virtual host with nothing in it.
pub struct House {
    pub broker: &'static RabbitMq,
    pub name: String,
}

impl House {
    /// A new one; `None` when RabbitMQ is not installed, which was said then.
    pub fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let broker = block_in_place(|| BROKER.as_ref())?;
        let name = format!("house{}", NUMBER.fetch_add(1, Ordering::SeqCst));
        let house = House { broker, name };
        house.control(&["add_vhost", &house.name]);
        house.control(&["set_permissions", "-p", &house.name, "guest", ".*", ".*", ".*"]);
        Some(house)
    }

    pub fn control(&self, arguments: &[&str]) -> String {
        block_in_place(|| self.broker.control(0, arguments))
    }

    pub fn url(&self) -> String {
        self.url_by(self.broker.port(0))
    }

    /// The same by way of another port.
    pub fn url_by(&self, port: u16) -> String {
        format!("amqp://guest:guest@127.0.0.1:{port}/{}", self.name)
    }

    pub fn bus(&self, options: RabbitMqOptions) -> RabbitMqBus {
        RabbitMqBus::new(&self.url(), options).unwrap()
    }

    pub async fn foreign(&self) -> Foreign {
        Foreign::connect(&self.url()).await
    }
}

/// The broker as a foreign program sees it.
pub struct Foreign {
    pub channel: Channel,
    _connection: Connection,
}

impl Foreign {
    pub async fn connect(url: &str) -> Self {
        let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
        Foreign { channel: connection.create_channel().await.unwrap(), _connection: connection }
    }

    /// Leaves nothing of an earlier case.
    pub async fn clear(&self) {
        for name in ["observed.0", "observed.1", "delivery.crm", "delivery.nowhere", "delivery.erp"] {
            let name = format!("passerelle.{name}");
            self.channel.queue_delete(name.into(), QueueDeleteOptions::default()).await.unwrap();
        }
    }
}

/// Small limits, so that the cases meet them.
pub fn options() -> RabbitMqOptions {
    RabbitMqOptions { message_bytes_max: 100_000, unconfirmed_count_max: 2, ..RabbitMqOptions::default() }
}

pub fn message_to(queue: &Queue, id: impl ToString) -> Message {
    let route = Route::Queue(queue.clone());
    Message { route, id: id.to_string(), content_type: "application/cloudevents+json", body: b"{}".to_vec() }
}

pub fn message(id: impl ToString) -> Message {
    message_to(&QUEUE, id)
}

pub async fn take(subscription: &mut dyn Subscription, count: usize) -> Result<Vec<Delivered>, BusError> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.extend(subscription.receive(count - taken.len()).await?);
    }
    Ok(taken)
}

pub fn ids(messages: &[Delivered]) -> Vec<&str> {
    messages.iter().map(|message| message.id.as_str()).collect()
}

/// Calls until it succeeds; what fails meanwhile must say that the bus is not reachable.
pub async fn in_the_end<Answer>(mut call: impl AsyncFnMut() -> Result<Answer, BusError>) -> Answer {
    for _ in 0..20 {
        match call().await {
            Ok(answer) => return answer,
            Err(BusError::Unreachable(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    panic!("it does not come back");
}
