//! What a bus is, in types.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

/// The way messages travel between the stages of the pipeline.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Makes sure that these queues exist. Declaring a queue again changes nothing and loses nothing.
    ///
    /// # Errors
    /// [`BusError::Unreachable`] when the bus is not there; [`BusError::Topology`] when a queue exists in another form.
    async fn declare(&self, queues: &[Queue]) -> Result<(), BusError>;

    /// Removes queues in which nothing is left, and ends their subscriptions. One that is not there is as good as removed.
    /// Nothing may be published to them any more. Returns those that stay, because they hold messages or somebody else
    /// consumes them; a bus that cannot remove queues keeps all.
    ///
    /// # Errors
    /// [`BusError::Unreachable`] when the bus is not there; any part of the queues may have been removed.
    async fn remove(&self, queues: &[Queue]) -> Result<Vec<Queue>, BusError> {
        Ok(queues.to_vec())
    }

    /// Publishes messages in order. `Ok` means that every message is durable, and that every mandatory one is in its queue.
    ///
    /// After an error any part of the messages may have been published: publish all of them again with their own ids;
    /// consumers recognise the repetition.
    ///
    /// # Errors
    /// [`BusError::Unroutable`] names the first queue that is not declared; a message over the size limit is
    /// [`BusError::TooLarge`], and then none was published. [`BusError::Full`] names a queue that takes no more: a system
    /// whose delivery queue it is can be passed over, and the others go on. [`BusError::Blocked`] says that the bus takes
    /// nothing from anybody for now.
    async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError>;

    /// Starts to consume a queue, with at most `prefetch` messages handed out and not acknowledged.
    ///
    /// Messages come in the order in which they were published. Those that an earlier subscription was given and
    /// did not acknowledge come again, first, in order, marked as redelivered. One queue has one subscription at a time;
    /// a new one takes over.
    ///
    /// # Errors
    /// [`BusError::Unroutable`] when the queue is not declared.
    async fn subscribe(&self, queue: &Queue, prefetch: usize) -> Result<Box<dyn Subscription>, BusError>;

    /// The largest body of one message, in bytes; a larger one is [`BusError::TooLarge`].
    fn message_bytes_max(&self) -> usize {
        usize::MAX
    }

    /// Whether messages for the public can reach anybody at all; when not, nobody needs to make them.
    fn carries_public(&self) -> bool {
        true
    }

    /// Why the bus takes no messages from anybody now, such as a broker that is low on memory; `None` while it does.
    /// Consuming goes on meanwhile.
    fn blocked(&self) -> Option<String> {
        None
    }

    /// How many consume a queue, in all processes together; `None` when this process is the only one that can.
    ///
    /// With several, [`depth`](Self::depth) does not tell what the others hold.
    ///
    /// # Errors
    /// [`BusError::Unroutable`] when the queue is not declared.
    async fn consumers(&self, queue: &Queue) -> Result<Option<u32>, BusError> {
        let _ = queue;
        Ok(None)
    }

    /// Writes what is still in memory, and ends everything that waits. Nothing is lost without it.
    ///
    /// # Errors
    /// [`BusError::Storage`] when the last acknowledgements could not be written; their messages come again.
    async fn close(&self) -> Result<(), BusError> {
        Ok(())
    }

    /// How many messages of a queue are not acknowledged yet, and the time at which the oldest was published,
    /// in milliseconds since 1970 where the bus knows it.
    async fn depth(&self, queue: &Queue) -> Result<(u64, Option<i64>), BusError>;
}

/// One consumer of one queue.
#[async_trait]
pub trait Subscription: Send {
    /// Waits for messages and returns between 1 and `count_max` of them in order, without waiting for more than the first.
    ///
    /// Cancelling the future loses nothing.
    async fn receive(&mut self, count_max: usize) -> Result<Vec<Delivered>, BusError>;

    /// Acknowledges messages: they never come again. The order of acknowledgement is free.
    async fn acknowledge(&mut self, receipts: &[Receipt]) -> Result<(), BusError>;
}

/// A durable queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Queue {
    /// Observations of one partition, on their way to resolve.
    Observed(u32),
    /// Changes on their way to one system.
    Delivery(Arc<str>),
    /// What a broker gave up on because it was delivered too often: a guard against crash loops.
    Dead,
    /// Holds no message: by its name it tells which bus this is. A bus that lost its queues has lost it as well.
    Mark(Arc<str>),
}

impl Queue {
    /// The queue that shows itself under this name.
    pub fn of_name(name: &str) -> Option<Self> {
        if name == DEAD {
            return Some(Queue::Dead);
        }
        if let Some(partition) = name.strip_prefix(OBSERVED) {
            return partition.parse().ok().map(Queue::Observed);
        }
        if let Some(mark) = name.strip_prefix(MARK) {
            return Some(Queue::Mark(Arc::from(mark)));
        }
        name.strip_prefix(DELIVERY).map(|system| Queue::Delivery(Arc::from(system)))
    }
}

const OBSERVED: &str = "passerelle.observed.";
const DELIVERY: &str = "passerelle.delivery.";
const DEAD: &str = "passerelle.dead";
const MARK: &str = "passerelle.bus.";

impl fmt::Display for Queue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Queue::Observed(partition) => write!(formatter, "{OBSERVED}{partition}"),
            Queue::Delivery(system) => write!(formatter, "{DELIVERY}{system}"),
            Queue::Dead => formatter.write_str(DEAD),
            Queue::Mark(mark) => write!(formatter, "{MARK}{mark}"),
        }
    }
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// Straight to one queue; mandatory: publishing fails when the queue does not exist.
    Queue(Queue),
    /// To whoever listens to this routing key (`tenant.entity.operation`), and to nobody if nobody does.
    Public(Arc<str>),
}

/// A message to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it goes.
    pub route: Route,
    /// Deterministic, so that a repeated publish is recognised by whoever keeps ids.
    pub id: String,
    /// `application/cloudevents+json`, or `application/cloudevents-batch+json` for several events of one partition.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// A message that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// What acknowledges it.
    pub receipt: Receipt,
    /// Its id.
    pub id: String,
    /// The content type that it was published with.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it may have been handed out before.
    pub redelivered: bool,
    /// The queue that gave up on it; only for messages of [`Queue::Dead`].
    pub died_in: Option<Queue>,
}

/// What acknowledges one received message, within the subscription that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Receipt(pub u64);

/// What can go wrong with a bus.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The bus is not there now; the same call can succeed later.
    #[error("the bus is not reachable: {0}")]
    Unreachable(String),
    /// The bus takes no messages from anybody now, and says why; the same call can succeed later.
    #[error("the bus takes no messages now: {0}; everything waits where it is, and goes on by itself")]
    Blocked(String),
    /// The bus is there and does not let the hub in, or not do what it must.
    #[error("the bus refuses the hub: {0}")]
    Refused(String),
    /// A queue that was not declared.
    #[error("there is no queue {0}; it is declared when the hub starts with the system in its configuration")]
    Unroutable(String),
    /// A queue or exchange exists in another form than the one that is needed.
    #[error("the bus has {0}")]
    Topology(String),
    /// A message over the size limit of the bus.
    #[error("message {id} has {size} bytes; the limit is {limit} (bus.message_bytes_max)")]
    TooLarge {
        /// The message's id.
        id: String,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A queue that takes no more until whoever consumes it has caught up.
    #[error("the queue {0} takes no more; {remedy}", remedy = remedy(.0))]
    Full(Queue),
    /// This subscription was taken over by a newer one, or the bus was closed.
    #[error("the subscription has ended: {0}")]
    Ended(String),
    /// The embedded log cannot be read or written: a full disk, a damaged file, a newer version.
    #[error("the embedded bus {0}")]
    Storage(String),
}

/// What is to be done about a full queue.
fn remedy(queue: &Queue) -> &'static str {
    match queue {
        Queue::Delivery(_) => "look for a system that is down or paused, or raise bus.queue_bytes_max",
        Queue::Observed(_) => "reading waits until resolve has caught up; look at the store, or raise bus.bytes_max",
        Queue::Dead => "its messages are parked while a hub runs; look at the store",
        Queue::Mark(_) => "nothing is published to it; remove its messages",
    }
}
