//! The suite is proved by buses that break one promise each: it must fail them, by the case that is about it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bus::testkit::{Subject, suite};
use bus::{Bus, BusError, Delivered, Message, Queue, Receipt, Subscription};

use crate::conformance::{EmbeddedSubject, options};

/// The promise that a bus breaks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Breach {
    None,
    /// It hands messages out as acknowledged.
    AcknowledgesByItself,
    /// It forgets what it is told.
    IgnoresAcknowledgements,
    /// It gives later messages first.
    Reorders,
    /// It never says that a message comes again.
    HidesRedelivery,
    /// It says so of every message.
    MarksEverything,
    /// It hands out more than its prefetch.
    IgnoresPrefetch,
    /// It gives more than it was asked for.
    IgnoresCount,
    /// It loses what a cancelled receive had taken.
    LosesOnCancel,
    /// It swallows messages for queues that are not there.
    DropsUnroutable,
    /// It publishes what comes before a message that is too large.
    PublishesBeforeTooLarge,
    /// It confirms before anything is durable.
    ConfirmsTooEarly,
    /// It mixes up the messages of one publisher.
    PublishesBackwards,
    /// It counts nothing.
    HasNoDepth,
    /// It says that queues are gone and keeps them.
    RemovesNothing,
}

struct BrokenSubject(EmbeddedSubject, Breach);

#[async_trait]
impl Subject for BrokenSubject {
    async fn open(&self) -> Result<Arc<dyn Bus>, BusError> {
        let bus = self.0.open().await?;
        Ok(Arc::new(BrokenBus { bus, breach: self.1, limit: self.message_bytes_max() }))
    }

    async fn crash(&self, bus: Arc<dyn Bus>) -> Result<(), BusError> {
        self.0.crash(bus).await?;
        if self.1 == Breach::ConfirmsTooEarly {
            // What was confirmed had not reached the disk: the last message of every queue is not there.
            let bus = self.0.open().await?;
            let mut subscription = bus.subscribe(&Queue::Observed(0), 1000).await?;
            let last = subscription.receive(1000).await?.pop().unwrap();
            subscription.acknowledge(&[last.receipt]).await?;
        }
        Ok(())
    }

    fn message_bytes_max(&self) -> usize {
        self.0.message_bytes_max()
    }
}

struct BrokenBus {
    bus: Arc<dyn Bus>,
    breach: Breach,
    limit: usize,
}

#[async_trait]
impl Bus for BrokenBus {
    async fn declare(&self, queues: &[Queue]) -> Result<(), BusError> {
        self.bus.declare(queues).await
    }

    async fn remove(&self, queues: &[Queue]) -> Result<Vec<Queue>, BusError> {
        match self.breach {
            Breach::RemovesNothing => Ok(Vec::new()),
            _ => self.bus.remove(queues).await,
        }
    }

    async fn publish(&self, mut messages: Vec<Message>) -> Result<(), BusError> {
        match self.breach {
            Breach::PublishesBackwards => messages.reverse(),
            Breach::PublishesBeforeTooLarge => {
                if let Some(large) = messages.iter().position(|message| message.body.len() > self.limit) {
                    self.bus.publish(messages.drain(..large).collect()).await?;
                }
            }
            _ => {}
        }
        match self.bus.publish(messages).await {
            Err(BusError::Unroutable(_)) if self.breach == Breach::DropsUnroutable => Ok(()),
            other => other,
        }
    }

    async fn subscribe(&self, queue: &Queue, prefetch: usize) -> Result<Box<dyn Subscription>, BusError> {
        let prefetch = if self.breach == Breach::IgnoresPrefetch { prefetch + 1 } else { prefetch };
        let subscription = self.bus.subscribe(queue, prefetch).await?;
        Ok(Box::new(BrokenSubscription { subscription, breach: self.breach }))
    }

    async fn depth(&self, queue: &Queue) -> Result<(u64, Option<i64>), BusError> {
        let depth = self.bus.depth(queue).await?;
        Ok(if self.breach == Breach::HasNoDepth { (0, None) } else { depth })
    }
}

struct BrokenSubscription {
    subscription: Box<dyn Subscription>,
    breach: Breach,
}

#[async_trait]
impl Subscription for BrokenSubscription {
    async fn receive(&mut self, count_max: usize) -> Result<Vec<Delivered>, BusError> {
        let count_max = if self.breach == Breach::IgnoresCount { count_max + 1 } else { count_max };
        let mut messages = self.subscription.receive(count_max).await?;
        match self.breach {
            Breach::AcknowledgesByItself => {
                let receipts: Vec<Receipt> = messages.iter().map(|message| message.receipt).collect();
                self.subscription.acknowledge(&receipts).await?;
            }
            Breach::Reorders => messages.reverse(),
            Breach::HidesRedelivery => messages.iter_mut().for_each(|message| message.redelivered = false),
            Breach::MarksEverything => messages.iter_mut().for_each(|message| message.redelivered = true),
            Breach::LosesOnCancel => tokio::task::yield_now().await,
            _ => {}
        }
        Ok(messages)
    }

    async fn acknowledge(&mut self, receipts: &[Receipt]) -> Result<(), BusError> {
        let receipts = if self.breach == Breach::IgnoresAcknowledgements { &[] } else { receipts };
        self.subscription.acknowledge(receipts).await
    }
}

/// A promise and the cases that must notice its breach.
const BREACHES: &[(Breach, &[&str])] = &[
    (Breach::AcknowledgesByItself, &["unacknowledged_messages_come_again_first", "prefetch_is_a_bound"]),
    (Breach::IgnoresAcknowledgements, &["acknowledging_is_free_in_order"]),
    (Breach::Reorders, &["messages_come_in_order"]),
    (Breach::HidesRedelivery, &["unacknowledged_messages_come_again_first", "a_new_subscription_takes_over"]),
    (Breach::MarksEverything, &["messages_come_in_order", "a_message_arrives_unchanged"]),
    (Breach::IgnoresPrefetch, &["prefetch_is_a_bound"]),
    (Breach::IgnoresCount, &["receiving_gives_no_more_than_asked"]),
    (Breach::LosesOnCancel, &["a_cancelled_receive_loses_nothing"]),
    (Breach::DropsUnroutable, &["a_missing_queue_is_named"]),
    (Breach::PublishesBeforeTooLarge, &["a_message_that_is_too_large_holds_back_all"]),
    (Breach::ConfirmsTooEarly, &["a_crash_loses_nothing_confirmed"]),
    (Breach::PublishesBackwards, &["messages_come_in_order", "concurrent_publishers_keep_their_order"]),
    (Breach::HasNoDepth, &["depth_counts_what_is_not_acknowledged"]),
    (Breach::RemovesNothing, &["a_queue_in_which_nothing_is_left_is_removed"]),
];

/// A broken bus often makes a case wait for what never comes; a sound one needs a fraction of a second.
const TIME_MAX: Duration = Duration::from_secs(10);

async fn must_fail(breach: Breach, name: &str) {
    let case = suite().into_iter().find(|case| case.name == name);
    let case = case.unwrap_or_else(|| panic!("there is no case {name}"));
    let subject = BrokenSubject(EmbeddedSubject::new(options()), breach);
    assert!(case.check(&subject, TIME_MAX).await.is_err(), "{name} does not notice {breach:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_fails_every_broken_bus() {
    let all = BREACHES.iter().flat_map(|(breach, names)| names.iter().map(|name| must_fail(*breach, name)));
    futures::future::join_all(all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wrapper_itself_breaks_nothing() {
    for case in suite() {
        let subject = BrokenSubject(EmbeddedSubject::new(options()), Breach::None);
        if let Err(failure) = case.check(&subject, TIME_MAX).await {
            panic!("{}: {failure}", case.name);
        }
    }
}
