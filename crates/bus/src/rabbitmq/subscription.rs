//! One consumer of one queue of a broker.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Consumer};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::fault::{self, within};
use super::link::Link;
use super::session::Session;
use crate::{BusError, Delivered, Queue, Receipt, Subscription};

/// What a subscription holds, shared with the task that takes messages off the wire and with the bus.
#[derive(Default)]
pub(super) struct Holder {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// A newer subscription took over.
    is_ended: bool,
    feed: Option<Feed>,
    /// How many feeds there were so far: the task behind one that was given up must not end the next one.
    feeds_count: u64,
    /// Why the last feed broke, until the consumer was told.
    fault: Option<String>,
    ahead: VecDeque<Delivery>,
    /// Delivery tags by receipt. Receipts never repeat in a subscription, while tags start again with each channel.
    in_flight: BTreeMap<u64, u64>,
    next_receipt: u64,
}

/// A channel that consumes.
///
/// It is ended by closing the channel, never by cancelling its consumer: a message that reaches a cancelled consumer is
/// returned at once, before those that the consumer holds, and the order is lost.
/// That is why the task behind it keeps the consumer until the channel has closed.
pub(super) struct Feed {
    channel: Channel,
    session: Arc<Session>,
}

impl Feed {
    /// Has the broker take back everything that was not acknowledged.
    pub(super) async fn close(self) {
        self.session.close(&self.channel).await;
    }

    /// The same for those who cannot wait. Without a runtime there is no connection either.
    fn close_soon(self) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(self.close());
        }
    }
}

/// A feed in the making. Its channel is closed unless it is finished, also when its caller does not wait for that.
///
/// lapin closes a channel when nobody has it any more, but a consumer that the broker confirms after its caller has gone
/// stays in the register of its own channel. Nobody reads it, and it would keep the queue to itself for ever.
struct Opening(Option<Feed>);

impl Opening {
    fn finish(mut self) -> Option<Feed> {
        self.0.take()
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(feed) = self.0.take() {
            feed.close_soon();
        }
    }
}

/// Acknowledgements on their way. The feed is given up unless they are finished, also when their caller does not wait for
/// that: which of them were sent is unknown then, and the broker gives out again what it has not heard of.
struct Acknowledging<'h> {
    holder: &'h Holder,
    is_finished: bool,
}

impl Drop for Acknowledging<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.holder.give_up("RabbitMQ was not told what was acknowledged");
        }
    }
}

/// What there is to do for a consumer that asks.
enum Next {
    Messages(Vec<Delivered>),
    Wait,
    Open,
}

/// An acknowledgement to send: a tag, and whether it stands for every tag before it as well.
type Acknowledgement = (u64, bool);

impl Holder {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the subscription and returns the feed that is to be closed.
    pub(super) fn end(&self) -> Option<Feed> {
        let mut state = self.state();
        state.is_ended = true;
        let feed = state.lose();
        drop(state);
        self.changed.notify_waiters();
        feed
    }

    /// How many messages it has and did not acknowledge.
    pub(super) fn held_count(&self) -> usize {
        let state = self.state();
        state.ahead.len() + state.in_flight.len()
    }

    fn next(&self, count_max: usize, prefetch: usize) -> Result<Next, BusError> {
        let mut state = self.state();
        if state.is_ended {
            return Err(taken_over());
        }
        let allowed = prefetch.saturating_sub(state.in_flight.len()).min(state.ahead.len());
        if allowed > 0 {
            return Ok(Next::Messages(state.hand_out(count_max.clamp(1, allowed))));
        }
        match state.fault.take() {
            Some(fault) => Err(BusError::Unreachable(fault)),
            None if state.feed.is_some() => Ok(Next::Wait),
            None => Ok(Next::Open),
        }
    }

    /// Takes receipts out of flight and says what to send for them, and on which channel.
    fn acknowledge(&self, receipts: &[Receipt]) -> Result<(Channel, Vec<Acknowledgement>), BusError> {
        let mut state = self.state();
        if state.is_ended {
            return Err(taken_over());
        }
        let Some(channel) = state.feed.as_ref().map(|feed| feed.channel.clone()) else {
            let reason = "the connection to RabbitMQ was lost; unacknowledged messages come again".to_owned();
            return Err(BusError::Unreachable(reason));
        };
        let mut tags: Vec<u64> = receipts.iter().filter_map(|receipt| state.in_flight.remove(&receipt.0)).collect();
        tags.sort_unstable();
        let first_open = state.in_flight.values().next().copied().unwrap_or(u64::MAX);
        Ok((channel, fewest_acknowledgements(&tags, first_open)))
    }

    /// Closes the feed because it is of no use any more; the consumer is told why.
    fn give_up(&self, reason: &str) {
        let mut state = self.state();
        let feed = state.lose();
        if feed.is_some() {
            state.fault = Some(reason.to_owned());
        }
        drop(state);
        self.changed.notify_waiters();
        if let Some(feed) = feed {
            feed.close_soon();
        }
    }

    /// Moves messages of a feed from the wire to the consumer until the channel ends.
    async fn pump(self: Arc<Self>, number: u64, mut consumer: Consumer) {
        let reason = loop {
            match consumer.next().await {
                Some(Ok(delivery)) => {
                    let mut state = self.state();
                    if state.has_feed(number) {
                        state.ahead.push_back(delivery);
                    }
                    drop(state);
                    self.changed.notify_waiters();
                }
                Some(Err(error)) => break format!("RabbitMQ, the subscription broke: {error}"),
                None => break "RabbitMQ ended the subscription".to_owned(),
            }
        };
        let mut state = self.state();
        if !state.has_feed(number) {
            return;
        }
        state.fault = Some(reason);
        let feed = state.lose();
        drop(state);
        self.changed.notify_waiters();
        drop(feed);
    }
}

impl State {
    fn hand_out(&mut self, count: usize) -> Vec<Delivered> {
        let mut messages = Vec::with_capacity(count);
        for delivery in self.ahead.drain(..count) {
            let receipt = self.next_receipt;
            self.next_receipt += 1;
            self.in_flight.insert(receipt, delivery.delivery_tag);
            messages.push(delivered(Receipt(receipt), delivery));
        }
        messages
    }

    /// Whether a feed is there and is the one of this number.
    fn has_feed(&self, number: u64) -> bool {
        self.feed.is_some() && self.feeds_count == number
    }

    /// Forgets everything that belongs to a channel; the broker gives it out again.
    fn lose(&mut self) -> Option<Feed> {
        self.ahead.clear();
        self.in_flight.clear();
        self.feed.take()
    }
}

fn delivered(receipt: Receipt, delivery: Delivery) -> Delivered {
    let text = |text: &Option<lapin::types::ShortString>| text.as_ref().map(ToString::to_string).unwrap_or_default();
    Delivered {
        receipt,
        id: text(delivery.properties.message_id()),
        content_type: text(delivery.properties.content_type()),
        redelivered: delivery.redelivered,
        died_in: died_in(&delivery),
        body: delivery.data,
    }
}

/// The queue that gave up on a message first; a broker notes it in a header.
fn died_in(delivery: &Delivery) -> Option<Queue> {
    let headers = delivery.properties.headers().as_ref()?;
    match headers.inner().get("x-first-death-queue")? {
        AMQPValue::LongString(name) => Queue::of_name(&String::from_utf8_lossy(name.as_bytes())),
        AMQPValue::ShortString(name) => Queue::of_name(name.as_str()),
        _ => None,
    }
}

/// Acknowledges sorted tags with few messages: one for all that lie before the first tag still open.
fn fewest_acknowledgements(tags: &[u64], first_open: u64) -> Vec<Acknowledgement> {
    let before = tags.partition_point(|tag| *tag < first_open);
    let together = tags[..before].last().map(|tag| (*tag, true));
    together.into_iter().chain(tags[before..].iter().map(|tag| (*tag, false))).collect()
}

fn taken_over() -> BusError {
    BusError::Ended("a newer subscription of the same queue took over".to_owned())
}

/// A subscription. When it is dropped, the broker gives what it held to the next one.
pub(super) struct RabbitMqSubscription {
    link: Arc<Link>,
    queue: Queue,
    prefetch: usize,
    holder: Arc<Holder>,
}

impl RabbitMqSubscription {
    pub(super) fn new(link: Arc<Link>, queue: Queue, prefetch: usize, holder: Arc<Holder>) -> Self {
        RabbitMqSubscription { link, queue, prefetch: prefetch.max(1), holder }
    }

    /// Starts to consume on a new channel. Cancelling it leaves no consumer behind.
    pub(super) async fn open(&self) -> Result<(), BusError> {
        let session = self.link.consuming().await?;
        let channel = session.channel().await?;
        let opening = Opening(Some(Feed { channel: channel.clone(), session: Arc::clone(&session) }));
        let time_max = session.call_time_max();
        let ahead_count = u16::try_from(self.prefetch).unwrap_or(u16::MAX).max(session.options.ahead_count_min);
        let limit = channel.basic_qos(ahead_count, BasicQosOptions::default());
        within(time_max, "set the prefetch", limit).await?;
        let name = fault::short("the name of a queue", self.queue.to_string())?;
        let consume = async {
            let options = BasicConsumeOptions::default();
            match channel.basic_consume(name, "".into(), options, FieldTable::default()).await {
                Err(error) if fault::is_missing(&error) => Ok(None),
                other => other.map(Some),
            }
        };
        let consumer = within(time_max, "consume", consume).await?;
        let consumer = consumer.ok_or_else(|| BusError::Unroutable(self.queue.to_string()))?;
        let mut state = self.holder.state();
        let number = state.feeds_count + 1;
        // The task waits for this lock, so that it finds its own feed.
        tokio::spawn(Arc::clone(&self.holder).pump(number, consumer));
        if state.is_ended {
            return Err(taken_over());
        }
        state.fault = None;
        state.feeds_count = number;
        state.feed = opening.finish();
        Ok(())
    }
}

#[async_trait]
impl Subscription for RabbitMqSubscription {
    async fn receive(&mut self, count_max: usize) -> Result<Vec<Delivered>, BusError> {
        loop {
            // Listening starts before looking, so that nothing that happens in between is missed.
            let mut changed = pin!(self.holder.changed.notified());
            changed.as_mut().enable();
            match self.holder.next(count_max, self.prefetch)? {
                Next::Messages(messages) => return Ok(messages),
                Next::Wait => changed.await,
                Next::Open => self.open().await?,
            }
        }
    }

    async fn acknowledge(&mut self, receipts: &[Receipt]) -> Result<(), BusError> {
        let (channel, acknowledgements) = self.holder.acknowledge(receipts)?;
        let mut acknowledging = Acknowledging { holder: &self.holder, is_finished: false };
        let send = async {
            for (tag, multiple) in acknowledgements {
                channel.basic_ack(tag, BasicAckOptions { multiple }).await?;
            }
            Ok(())
        };
        let time_max = Duration::from_millis(self.link.options.call_time_ms_max);
        within(time_max, "acknowledge", send).await?;
        acknowledging.is_finished = true;
        Ok(())
    }
}

impl Drop for RabbitMqSubscription {
    fn drop(&mut self) {
        let feed = self.holder.end();
        if let Some(feed) = feed {
            feed.close_soon();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tags: &[u64], first_open: u64, expected: &[Acknowledgement]) {
        assert_eq!(fewest_acknowledgements(tags, first_open), expected, "{tags:?} before {first_open}");
    }

    #[test]
    fn acknowledgements_in_a_row_are_one() {
        check(&[], u64::MAX, &[]);
        check(&[1, 2, 3], u64::MAX, &[(3, true)]);
        check(&[1, 2, 3], 4, &[(3, true)]);
        check(&[2, 3], 1, &[(2, false), (3, false)]);
        check(&[1, 2, 4, 6], 3, &[(2, true), (4, false), (6, false)]);
    }
}
