//! A bus that counts what goes over it, and how long everybody waits for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bus::{Bus, BusError, Delivered, Message, Queue, Receipt, Route, Subscription};
use serde_json::{Value, json};

/// What goes one way: observations, deliveries, or messages for the public.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Calls that published something; a call counts where its first message goes.
    pub calls: u64,
    /// How long those calls took, confirmation included.
    pub publishing: Duration,
    /// Messages that were published.
    pub messages: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// How long consumers waited for messages.
    pub waiting: Duration,
    /// How long acknowledgements took.
    pub acknowledging: Duration,
    /// The body of the first message.
    pub sample: Vec<u8>,
}

impl Traffic {
    /// As a part of a line of results.
    pub fn told(&self) -> Value {
        json!({
            "publish_calls": self.calls, "publish_seconds": super::seconds(self.publishing),
            "messages": self.messages, "bytes_per_message": super::per(self.bytes, self.messages),
            "consumers_waited_seconds": super::seconds(self.waiting),
            "acknowledge_seconds": super::seconds(self.acknowledging),
        })
    }
}

/// Which way something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// From collect to resolve.
    Observed,
    /// From the relay to deliver.
    Delivery,
    /// From the relay to whoever listens.
    Public,
    /// What a broker gave up on.
    Dead,
}

impl Way {
    fn of(route: &Route) -> Self {
        match route {
            Route::Queue(queue) => Self::from(queue),
            Route::Public(_) => Way::Public,
        }
    }
}

impl From<&Queue> for Way {
    fn from(queue: &Queue) -> Self {
        match queue {
            Queue::Observed(_) => Way::Observed,
            Queue::Delivery(_) => Way::Delivery,
            Queue::Dead | Queue::Mark(_) => Way::Dead,
        }
    }
}

type Counts = Arc<Mutex<BTreeMap<Way, Traffic>>>;

fn count(counts: &Counts, way: Way, add: impl FnOnce(&mut Traffic)) {
    add(counts.lock().unwrap_or_else(PoisonError::into_inner).entry(way).or_default());
}

/// A bus in front of another one.
pub struct MeteredBus {
    inner: Arc<dyn Bus>,
    counts: Counts,
}

impl MeteredBus {
    /// Counts what goes over this bus from now on.
    pub fn new(inner: Arc<dyn Bus>) -> Self {
        MeteredBus { inner, counts: Counts::default() }
    }

    /// What went one way so far.
    pub fn traffic(&self, way: Way) -> Traffic {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(&way).cloned().unwrap_or_default()
    }

    fn count_messages(&self, messages: &[Message]) {
        for message in messages {
            count(&self.counts, Way::of(&message.route), |traffic| {
                if traffic.messages == 0 {
                    traffic.sample.clone_from(&message.body);
                }
                traffic.messages += 1;
                traffic.bytes += message.body.len() as u64;
            });
        }
    }
}

#[async_trait]
impl Bus for MeteredBus {
    async fn declare(&self, queues: &[Queue]) -> Result<(), BusError> {
        self.inner.declare(queues).await
    }

    async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError> {
        let way = messages.first().map(|first| Way::of(&first.route));
        self.count_messages(&messages);
        let begun = Instant::now();
        let published = self.inner.publish(messages).await;
        if let Some(way) = way {
            count(&self.counts, way, |traffic| {
                traffic.calls += 1;
                traffic.publishing += begun.elapsed();
            });
        }
        published
    }

    async fn subscribe(&self, queue: &Queue, prefetch: usize) -> Result<Box<dyn Subscription>, BusError> {
        let inner = self.inner.subscribe(queue, prefetch).await?;
        Ok(Box::new(Metered { inner, way: Way::from(queue), counts: self.counts.clone() }))
    }

    fn message_bytes_max(&self) -> usize {
        self.inner.message_bytes_max()
    }

    fn carries_public(&self) -> bool {
        self.inner.carries_public()
    }

    fn blocked(&self) -> Option<String> {
        self.inner.blocked()
    }

    async fn consumers(&self, queue: &Queue) -> Result<Option<u32>, BusError> {
        self.inner.consumers(queue).await
    }

    async fn close(&self) -> Result<(), BusError> {
        self.inner.close().await
    }

    async fn depth(&self, queue: &Queue) -> Result<(u64, Option<i64>), BusError> {
        self.inner.depth(queue).await
    }
}

struct Metered {
    inner: Box<dyn Subscription>,
    way: Way,
    counts: Counts,
}

#[async_trait]
impl Subscription for Metered {
    async fn receive(&mut self, count_max: usize) -> Result<Vec<Delivered>, BusError> {
        let begun = Instant::now();
        let received = self.inner.receive(count_max).await;
        count(&self.counts, self.way, |traffic| traffic.waiting += begun.elapsed());
        received
    }

    async fn acknowledge(&mut self, receipts: &[Receipt]) -> Result<(), BusError> {
        let begun = Instant::now();
        let acknowledged = self.inner.acknowledge(receipts).await;
        count(&self.counts, self.way, |traffic| traffic.acknowledging += begun.elapsed());
        acknowledged
    }
}
