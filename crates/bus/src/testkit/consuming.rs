//! Cases about receiving and acknowledging.

use futures::FutureExt;
use futures::future::join;

use super::steps::{
    OBSERVED, OTHER, collect, ensure, ensure_drained, ensure_equal, ids, let_everything_arrive, message, messages,
    numbers, receipts, until,
};
use super::{Failure, Subject};
use crate::Queue;

pub(super) async fn messages_come_in_order(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    bus.publish(messages(&OBSERVED, 0..100)).await?;
    let mut subscription = bus.subscribe(&OBSERVED, 16).await?;
    let mut received = Vec::new();
    // Some wait already, some come while the consumer is at work.
    for start in (100..300).step_by(50) {
        bus.publish(messages(&OBSERVED, start..start + 50)).await?;
        let some = subscription.receive(7).await?;
        subscription.acknowledge(&receipts(&some)).await?;
        received.extend(some);
    }
    while received.len() < 300 {
        let some = subscription.receive(16).await?;
        subscription.acknowledge(&receipts(&some)).await?;
        received.extend(some);
    }
    ensure_equal("the order", ids(&received), numbers(0..300))?;
    ensure(received.iter().all(|message| !message.redelivered), || "a first delivery is marked".to_owned())
}

pub(super) async fn receiving_waits_for_a_message(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    let mut subscription = bus.subscribe(&OBSERVED, 4).await?;
    ensure(subscription.receive(1).now_or_never().is_none(), || "an empty queue gave something".to_owned())?;
    for number in 0..20 {
        let (received, published) = join(subscription.receive(1), bus.publish(vec![message(&OBSERVED, number)])).await;
        published?;
        let received = received?;
        ensure_equal("what was waited for", ids(&received), numbers([number]))?;
        subscription.acknowledge(&receipts(&received)).await?;
    }
    Ok(())
}

pub(super) async fn receiving_gives_no_more_than_asked(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    bus.publish(messages(&OBSERVED, 0..20)).await?;
    let mut subscription = bus.subscribe(&OBSERVED, 100).await?;
    let mut received = Vec::new();
    while received.len() < 20 {
        let some = subscription.receive(3).await?;
        ensure((1..=3).contains(&some.len()), || format!("asked for 3 at most and got {}", some.len()))?;
        received.extend(some);
    }
    ensure_equal("all of them", ids(&received), numbers(0..20))
}

pub(super) async fn prefetch_is_a_bound(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    bus.publish(messages(&OBSERVED, 0..10)).await?;
    let mut subscription = bus.subscribe(&OBSERVED, 3).await?;
    let mut received = collect(subscription.as_mut(), 3).await?;
    let_everything_arrive(bus.as_ref()).await?;
    ensure(subscription.receive(10).now_or_never().is_none(), || "more was handed out than the prefetch".to_owned())?;
    // Acknowledging in the middle makes room for exactly one.
    subscription.acknowledge(&[received[1].receipt]).await?;
    received.extend(subscription.receive(10).await?);
    ensure_equal("after one acknowledgement", ids(&received), numbers(0..4))?;
    let_everything_arrive(bus.as_ref()).await?;
    ensure(subscription.receive(10).now_or_never().is_none(), || "one acknowledgement let more than one in".to_owned())
}

pub(super) async fn a_cancelled_receive_loses_nothing(subject: &dyn Subject) -> Result<(), Failure> {
    const COUNT: usize = 60;
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    let mut subscription = bus.subscribe(&OBSERVED, 8).await?;
    let mut received = Vec::new();
    for number in 0..COUNT {
        // Each of these futures is polled once, at a different moment of the message's way, and thrown away.
        for _ in 0..3 {
            if let Some(some) = subscription.receive(2).now_or_never() {
                let some = some?;
                subscription.acknowledge(&receipts(&some)).await?;
                received.extend(some);
            }
            tokio::task::yield_now().await;
        }
        bus.publish(vec![message(&OBSERVED, number)]).await?;
    }
    while received.len() < COUNT {
        let some = subscription.receive(8).await?;
        subscription.acknowledge(&receipts(&some)).await?;
        received.extend(some);
    }
    ensure_equal("after cancelling", ids(&received), numbers(0..COUNT))?;
    ensure_drained(bus.as_ref(), &OBSERVED, subscription.as_mut()).await
}

pub(super) async fn acknowledging_is_free_in_order(subject: &dyn Subject) -> Result<(), Failure> {
    const COUNT: usize = 21;
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    bus.publish(messages(&OBSERVED, 0..COUNT)).await?;
    let mut subscription = bus.subscribe(&OBSERVED, COUNT).await?;
    let received = collect(subscription.as_mut(), COUNT).await?;
    // Five steps through a ring of 21 visit each position once, far from order; 4, 9 and 14 stay open.
    let order: Vec<usize> = (0..COUNT).map(|step| step * 5 % COUNT).collect();
    for chunk in order.chunks(4) {
        let some: Vec<_> =
            chunk.iter().filter(|at| ![4, 9, 14].contains(*at)).map(|at| received[*at].receipt).collect();
        subscription.acknowledge(&some).await?;
    }
    drop(subscription);
    let mut subscription = bus.subscribe(&OBSERVED, COUNT).await?;
    let again = collect(subscription.as_mut(), 3).await?;
    ensure_equal("what comes again", ids(&again), numbers([4, 9, 14]))?;
    subscription.acknowledge(&receipts(&again)).await?;
    ensure_drained(bus.as_ref(), &OBSERVED, subscription.as_mut()).await
}

pub(super) async fn acknowledging_twice_changes_nothing(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    bus.publish(messages(&OBSERVED, 0..3)).await?;
    let mut subscription = bus.subscribe(&OBSERVED, 10).await?;
    let received = collect(subscription.as_mut(), 3).await?;
    subscription.acknowledge(&[]).await?;
    subscription.acknowledge(&[received[0].receipt, received[0].receipt]).await?;
    subscription.acknowledge(&[received[0].receipt]).await?;
    drop(subscription);
    let mut subscription = bus.subscribe(&OBSERVED, 10).await?;
    let again = collect(subscription.as_mut(), 2).await?;
    ensure_equal("what comes again", ids(&again), numbers([1, 2]))
}

pub(super) async fn queues_are_independent(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    let queues = [OBSERVED, OTHER, Queue::Delivery("erp".into())];
    bus.declare(&queues).await?;
    for number in 0..30 {
        bus.publish(vec![message(&queues[number % 3], number)]).await?;
    }
    let mut stuck = bus.subscribe(&queues[0], 1).await?;
    let held = collect(stuck.as_mut(), 1).await?;
    for (at, queue) in queues.iter().enumerate().skip(1) {
        let mut subscription = bus.subscribe(queue, 4).await?;
        let mut received = Vec::new();
        while received.len() < 10 {
            let some = subscription.receive(4).await?;
            subscription.acknowledge(&receipts(&some)).await?;
            received.extend(some);
        }
        ensure_equal("beside a queue that is stuck", ids(&received), numbers((at..30).step_by(3)))?;
    }
    ensure_equal("the stuck queue", ids(&held), numbers([0]))
}

pub(super) async fn depth_counts_what_is_not_acknowledged(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED, OTHER]).await?;
    ensure_equal("the depth of an empty queue", bus.depth(&OBSERVED).await?, (0, None))?;
    bus.publish(messages(&OBSERVED, 0..5)).await?;
    let depth = async |wanted: u64| {
        let (bus, queue) = (bus.as_ref(), &OBSERVED);
        until(move || async move {
            let (count, oldest) = bus.depth(queue).await?;
            Ok((count == wanted).then_some(oldest))
        })
        .await
    };
    let oldest = depth(5).await?;
    // A bus may not know the time, but not tell a wrong one: this program was not written before 2026.
    ensure(oldest.is_none_or(|time_ms| time_ms > 1_767_225_600_000), || format!("published at {oldest:?}"))?;
    let mut subscription = bus.subscribe(&OBSERVED, 10).await?;
    let received = collect(subscription.as_mut(), 5).await?;
    depth(5).await?;
    subscription.acknowledge(&[received[0].receipt, received[3].receipt]).await?;
    depth(3).await?;
    subscription.acknowledge(&receipts(&received)).await?;
    ensure_equal("the oldest of none", depth(0).await?, None)?;
    ensure_equal("the depth of another queue", bus.depth(&OTHER).await?.0, 0)?;
    ensure(bus.depth(&Queue::Observed(77)).await.is_err(), || "a missing queue has a depth".to_owned())
}
