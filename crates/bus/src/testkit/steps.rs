//! Steps that cases share.

use std::future::Future;
use std::ops::Range;

use super::Failure;
use crate::{Bus, BusError, Delivered, Message, Queue, Receipt, Route, Subscription};

pub(super) const OBSERVED: Queue = Queue::Observed(0);
pub(super) const OTHER: Queue = Queue::Observed(1);

const CONTENT_TYPE: &str = "application/cloudevents+json";

/// Fails the case when a condition does not hold.
pub(super) fn ensure(condition: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failure> {
    if condition { Ok(()) } else { Err(Failure::Broken(otherwise())) }
}

/// Fails the case when two values differ.
pub(super) fn ensure_equal<Value: PartialEq + std::fmt::Debug>(
    what: &str,
    found: Value,
    expected: Value,
) -> Result<(), Failure> {
    ensure(found == expected, || format!("{what}: found {found:?}, expected {expected:?}"))
}

/// A message for a queue, with its number as id and as body.
pub(super) fn message(queue: &Queue, id: impl ToString) -> Message {
    let id = id.to_string();
    let body = format!("{{\"id\":\"{id}\"}}").into_bytes();
    Message { route: Route::Queue(queue.clone()), id, content_type: CONTENT_TYPE, body }
}

/// Messages for a queue, numbered.
pub(super) fn messages(queue: &Queue, numbers: Range<usize>) -> Vec<Message> {
    numbers.map(|number| message(queue, number)).collect()
}

/// The numbers of a range, as ids.
pub(super) fn numbers(range: impl IntoIterator<Item = usize>) -> Vec<String> {
    range.into_iter().map(|number| number.to_string()).collect()
}

/// Receives until there are as many messages as wanted.
pub(super) async fn collect(subscription: &mut dyn Subscription, count: usize) -> Result<Vec<Delivered>, BusError> {
    let mut collected = Vec::new();
    while collected.len() < count {
        collected.extend(subscription.receive(count - collected.len()).await?);
    }
    Ok(collected)
}

pub(super) fn ids(delivered: &[Delivered]) -> Vec<String> {
    delivered.iter().map(|message| message.id.clone()).collect()
}

pub(super) fn receipts(delivered: &[Delivered]) -> Vec<Receipt> {
    delivered.iter().map(|message| message.receipt).collect()
}

/// Proves that nothing is left in a queue before a message that is published now.
pub(super) async fn ensure_drained(
    bus: &dyn Bus,
    queue: &Queue,
    subscription: &mut dyn Subscription,
) -> Result<(), Failure> {
    bus.publish(vec![message(queue, "marker")]).await?;
    let next = collect(subscription, 1).await?;
    ensure_equal("what is left", ids(&next), vec!["marker".to_owned()])?;
    subscription.acknowledge(&receipts(&next)).await?;
    Ok(())
}

/// Sends a message through another queue and back, so that whatever was on its way to a subscription has arrived.
pub(super) async fn let_everything_arrive(bus: &dyn Bus) -> Result<(), Failure> {
    bus.declare(&[OTHER]).await?;
    let mut subscription = bus.subscribe(&OTHER, 1).await?;
    for _ in 0..3 {
        ensure_drained(bus, &OTHER, subscription.as_mut()).await?;
    }
    Ok(())
}

/// Asks until the answer is the expected one. The limit of the case bounds it.
pub(super) async fn until<Asked, Answer>(mut ask: impl FnMut() -> Asked) -> Result<Answer, Failure>
where
    Asked: Future<Output = Result<Option<Answer>, BusError>>,
{
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        tokio::task::yield_now().await;
    }
}
