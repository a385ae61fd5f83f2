//! Cases about what comes again: after a subscription ended, was replaced, or the process died.

use std::sync::Arc;

use super::steps::{
    OBSERVED, collect, ensure, ensure_drained, ensure_equal, ids, message, messages, numbers, receipts,
};
use super::{Failure, Subject};
use crate::{BusError, Delivered, Subscription};

/// Messages that an earlier subscription was given must say so.
fn ensure_marked(messages: &[Delivered]) -> Result<(), Failure> {
    match messages.iter().find(|message| !message.redelivered) {
        Some(message) => Err(Failure::Broken(format!("{} came again without a mark", message.id))),
        None => Ok(()),
    }
}

pub(super) async fn unacknowledged_messages_come_again_first(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    bus.publish(messages(&OBSERVED, 0..10)).await?;
    let mut subscription = bus.subscribe(&OBSERVED, 6).await?;
    let received = collect(subscription.as_mut(), 6).await?;
    let even: Vec<_> = received.iter().step_by(2).map(|message| message.receipt).collect();
    subscription.acknowledge(&even).await?;
    drop(subscription);
    let mut subscription = bus.subscribe(&OBSERVED, 100).await?;
    let again = collect(subscription.as_mut(), 7).await?;
    ensure_equal("what comes again, then what follows", ids(&again), numbers([1, 3, 5, 6, 7, 8, 9]))?;
    ensure_marked(&again[..3])?;
    bus.publish(messages(&OBSERVED, 10..12)).await?;
    let new = collect(subscription.as_mut(), 2).await?;
    ensure_equal("what is published later", ids(&new), numbers([10, 11]))?;
    ensure(new.iter().all(|message| !message.redelivered), || "a first delivery is marked".to_owned())
}

async fn ensure_ended(subscription: &mut dyn Subscription, held: &[Delivered]) -> Result<(), Failure> {
    let received = subscription.receive(1).await;
    ensure(matches!(received, Err(BusError::Ended(_))), || format!("receiving after a take-over: {received:?}"))?;
    let acknowledged = subscription.acknowledge(&receipts(held)).await;
    ensure(matches!(acknowledged, Err(BusError::Ended(_))), || {
        format!("acknowledging after a take-over: {acknowledged:?}")
    })
}

pub(super) async fn a_new_subscription_takes_over(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    bus.publish(messages(&OBSERVED, 0..5)).await?;
    let mut first = bus.subscribe(&OBSERVED, 10).await?;
    let held = collect(first.as_mut(), 3).await?;
    let mut second = bus.subscribe(&OBSERVED, 10).await?;
    ensure_ended(first.as_mut(), &held).await?;
    let received = collect(second.as_mut(), 5).await?;
    ensure_equal("what the new one gets", ids(&received), numbers(0..5))?;
    ensure_marked(&received[..3])?;
    // The end of the old one must not disturb the new one.
    drop(first);
    second.acknowledge(&receipts(&received)).await?;
    ensure_drained(bus.as_ref(), &OBSERVED, second.as_mut()).await
}

pub(super) async fn a_waiting_subscription_learns_that_it_ended(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    let mut first = bus.subscribe(&OBSERVED, 10).await?;
    let waiting = tokio::spawn(async move { first.receive(1).await });
    tokio::task::yield_now().await;
    let mut second = bus.subscribe(&OBSERVED, 10).await?;
    let received = waiting.await.map_err(|error| Failure::Broken(error.to_string()))?;
    ensure(matches!(received, Err(BusError::Ended(_))), || format!("waiting during a take-over: {received:?}"))?;
    ensure_drained(bus.as_ref(), &OBSERVED, second.as_mut()).await
}

pub(super) async fn a_crash_loses_nothing_confirmed(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    bus.publish(messages(&OBSERVED, 0..50)).await?;
    subject.crash(bus).await?;
    let bus = subject.open().await?;
    // The queue is still declared.
    let mut subscription = bus.subscribe(&OBSERVED, 100).await?;
    let received = collect(subscription.as_mut(), 50).await?;
    ensure_equal("after a crash", ids(&received), numbers(0..50))?;
    subscription.acknowledge(&receipts(&received)).await?;
    ensure_drained(bus.as_ref(), &OBSERVED, subscription.as_mut()).await
}

pub(super) async fn a_crash_keeps_the_order_of_what_comes_again(subject: &dyn Subject) -> Result<(), Failure> {
    const COUNT: usize = 40;
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    bus.publish(messages(&OBSERVED, 0..COUNT)).await?;
    let mut subscription = bus.subscribe(&OBSERVED, 20).await?;
    let held = collect(subscription.as_mut(), 20).await?;
    let odd: Vec<_> = held.iter().skip(1).step_by(2).map(|message| message.receipt).collect();
    subscription.acknowledge(&odd).await?;
    subject.crash(Arc::clone(&bus)).await?;
    drop((subscription, bus));
    let bus = subject.open().await?;
    bus.publish(vec![message(&OBSERVED, "last")]).await?;
    let mut subscription = bus.subscribe(&OBSERVED, 100).await?;
    let mut again: Vec<Delivered> = Vec::new();
    while again.last().is_none_or(|message| message.id != "last") {
        again.extend(subscription.receive(100).await?);
    }
    again.pop();
    // What was acknowledged just before the crash may come again; what was not must, and all of it in order.
    let found: Vec<usize> = again.iter().filter_map(|message| message.id.parse().ok()).collect();
    ensure(found.is_sorted_by(|one, next| one < next), || format!("the order after a crash: {found:?}"))?;
    let must = (0..COUNT).filter(|number| *number >= 20 || number % 2 == 0);
    let lost: Vec<usize> = must.filter(|number| !found.contains(number)).collect();
    ensure(lost.is_empty(), || format!("lost in a crash: {lost:?}"))?;
    let given: Vec<Delivered> =
        again.into_iter().filter(|message| held.iter().any(|one| one.id == message.id)).collect();
    ensure_marked(&given)
}

pub(super) async fn consuming_goes_on_across_many_subscriptions(subject: &dyn Subject) -> Result<(), Failure> {
    const COUNT: usize = 60;
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    bus.publish(messages(&OBSERVED, 0..COUNT)).await?;
    let mut acknowledged = Vec::new();
    let mut round = 0;
    while acknowledged.len() < COUNT {
        // Each subscription keeps the first of what it gets, leaves the rest, and is dropped or taken over.
        let mut subscription = bus.subscribe(&OBSERVED, 1 + round % 5).await?;
        let received = subscription.receive(3).await?;
        let expected = numbers(acknowledged.len()..acknowledged.len() + received.len());
        ensure_equal("the next in order", ids(&received), expected)?;
        subscription.acknowledge(&[received[0].receipt]).await?;
        acknowledged.push(received[0].id.clone());
        round += 1;
    }
    let mut subscription = bus.subscribe(&OBSERVED, 10).await?;
    ensure_drained(bus.as_ref(), &OBSERVED, subscription.as_mut()).await
}
