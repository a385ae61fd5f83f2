//! Cases about declaring and publishing.

use std::collections::HashMap;
use std::sync::Arc;

use super::steps::{
    OBSERVED, OTHER, collect, ensure, ensure_drained, ensure_equal, ids, message, messages, numbers, receipts, until,
};
use super::{Failure, Subject};
use crate::{BusError, Message, Queue, Route};

pub(super) async fn declaring_again_loses_nothing(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    bus.publish(messages(&OBSERVED, 0..3)).await?;
    bus.declare(&[OBSERVED, OTHER, OBSERVED]).await?;
    bus.declare(&[]).await?;
    let mut subscription = bus.subscribe(&OBSERVED, 10).await?;
    let received = collect(subscription.as_mut(), 3).await?;
    ensure_equal("after declaring again", ids(&received), numbers(0..3))
}

pub(super) async fn a_message_arrives_unchanged(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    let queue = Queue::Delivery("crm".into());
    bus.declare(std::slice::from_ref(&queue)).await?;
    let sizes = [0, 1, 255, 4096, subject.message_bytes_max()];
    let published: Vec<Message> = sizes
        .into_iter()
        .map(|size| Message {
            route: Route::Queue(queue.clone()),
            id: format!("é-{size}/'\"; --"),
            content_type: "application/cloudevents-batch+json",
            body: (0..size).map(|at| (at % 251) as u8).collect(),
        })
        .collect();
    bus.publish(published.clone()).await?;
    let mut subscription = bus.subscribe(&queue, 10).await?;
    let received = collect(subscription.as_mut(), published.len()).await?;
    for (found, expected) in received.iter().zip(&published) {
        ensure_equal("the id", &found.id, &expected.id)?;
        ensure_equal("the content type", found.content_type.as_str(), expected.content_type)?;
        ensure(found.body == expected.body, || format!("the body of {} has changed", expected.id))?;
        ensure(!found.redelivered, || format!("{} is marked as redelivered the first time", expected.id))?;
    }
    Ok(())
}

pub(super) async fn a_missing_queue_is_named(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    let missing = Queue::Delivery("nowhere".into());
    let outcome = bus.publish(vec![message(&OBSERVED, 0), message(&missing, 1)]).await;
    ensure(matches!(&outcome, Err(BusError::Unroutable(queue)) if *queue == missing.to_string()), || {
        format!("publishing to a missing queue: {outcome:?}")
    })?;
    match bus.subscribe(&missing, 1).await {
        Err(BusError::Unroutable(queue)) => ensure_equal("subscribing names", queue, missing.to_string())?,
        Err(other) => return Err(Failure::Broken(format!("subscribing to a missing queue: {other}"))),
        Ok(_) => return Err(Failure::Broken("a missing queue can be subscribed to".to_owned())),
    }
    // The bus goes on working.
    bus.declare(std::slice::from_ref(&missing)).await?;
    bus.publish(vec![message(&missing, 2)]).await?;
    let mut subscription = bus.subscribe(&missing, 1).await?;
    ensure_equal("after declaring", ids(&collect(subscription.as_mut(), 1).await?), numbers([2]))
}

pub(super) async fn a_public_message_needs_no_listener(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    let mut public = message(&OBSERVED, "public");
    public.route = Route::Public("acme.customer.upsert".into());
    bus.publish(vec![public.clone()]).await?;
    bus.publish(vec![public.clone(), message(&OBSERVED, 0), public]).await?;
    let mut subscription = bus.subscribe(&OBSERVED, 10).await?;
    let received = collect(subscription.as_mut(), 1).await?;
    ensure_equal("what came", ids(&received), numbers([0]))?;
    subscription.acknowledge(&receipts(&received)).await?;
    ensure_drained(bus.as_ref(), &OBSERVED, subscription.as_mut()).await
}

pub(super) async fn a_message_that_is_too_large_holds_back_all(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED]).await?;
    let mut large = message(&OBSERVED, "large");
    large.body = vec![b' '; subject.message_bytes_max() + 1];
    let outcome = bus.publish(vec![message(&OBSERVED, 0), large, message(&OBSERVED, 1)]).await;
    let Err(BusError::TooLarge { id, size, limit }) = outcome else {
        return Err(Failure::Broken(format!("publishing a message that is too large: {outcome:?}")));
    };
    let expected = ("large".to_owned(), subject.message_bytes_max() + 1, subject.message_bytes_max());
    ensure_equal("the error", (id, size, limit), expected)?;
    let mut subscription = bus.subscribe(&OBSERVED, 10).await?;
    ensure_drained(bus.as_ref(), &OBSERVED, subscription.as_mut()).await
}

pub(super) async fn concurrent_publishers_keep_their_order(subject: &dyn Subject) -> Result<(), Failure> {
    const PUBLISHERS: usize = 8;
    const CALLS: usize = 20;
    const PER_CALL: usize = 3;
    let bus = subject.open().await?;
    bus.declare(&[OBSERVED, OTHER]).await?;
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let bus = Arc::clone(&bus);
            tokio::spawn(async move {
                for call in 0..CALLS {
                    let queue = |number| if number % 2 == 0 { &OBSERVED } else { &OTHER };
                    let published = (call * PER_CALL..(call + 1) * PER_CALL)
                        .map(|number| message(queue(number), format!("{publisher}:{number}")));
                    bus.publish(published.collect()).await?;
                }
                Ok::<(), BusError>(())
            })
        })
        .collect();
    for publisher in publishers {
        publisher.await.map_err(|error| Failure::Broken(error.to_string()))??;
    }
    for (queue, first) in [(OBSERVED, 0), (OTHER, 1)] {
        let mut subscription = bus.subscribe(&queue, 10_000).await?;
        let received = collect(subscription.as_mut(), PUBLISHERS * CALLS * PER_CALL / 2).await?;
        let mut numbers_by_publisher: HashMap<&str, Vec<&str>> = HashMap::new();
        for message in &received {
            let (publisher, number) = message.id.split_once(':').unwrap_or_default();
            numbers_by_publisher.entry(publisher).or_default().push(number);
        }
        ensure_equal("publishers", numbers_by_publisher.len(), PUBLISHERS)?;
        let expected = numbers((first..CALLS * PER_CALL).step_by(2));
        for (publisher, found) in numbers_by_publisher {
            ensure(found == expected, || format!("the order of publisher {publisher} in {queue}: {found:?}"))?;
        }
    }
    Ok(())
}

pub(super) async fn publishing_nothing_succeeds(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    bus.publish(Vec::new()).await?;
    Ok(())
}

pub(super) async fn a_queue_in_which_nothing_is_left_is_removed(subject: &dyn Subject) -> Result<(), Failure> {
    let bus = subject.open().await?;
    let mark = Queue::Mark("0123".into());
    bus.declare(&[OBSERVED, OTHER, mark.clone()]).await?;
    bus.publish(messages(&OTHER, 0..1)).await?;
    let kept = bus.remove(&[OBSERVED, OTHER, Queue::Observed(9)]).await?;
    ensure_equal("what stays", kept, vec![OTHER])?;
    let gone = bus.publish(vec![message(&OBSERVED, 1)]).await;
    ensure(matches!(&gone, Err(BusError::Unroutable(queue)) if *queue == OBSERVED.to_string()), || {
        format!("publishing to a queue that was removed: {gone:?}")
    })?;
    ensure(matches!(bus.depth(&OBSERVED).await, Err(BusError::Unroutable(_))), || "it has a depth".to_owned())?;
    let mut subscription = bus.subscribe(&OTHER, 10).await?;
    let received = collect(subscription.as_mut(), 1).await?;
    subscription.acknowledge(&receipts(&received)).await?;
    drop(subscription);
    // A broker learns of both a moment later.
    until(async || Ok(bus.remove(&[OTHER]).await?.is_empty().then_some(()))).await?;
    subject.crash(bus).await?;
    let bus = subject.open().await?;
    for queue in [OBSERVED, OTHER] {
        ensure(matches!(bus.depth(&queue).await, Err(BusError::Unroutable(_))), || format!("{queue} came again"))?;
    }
    ensure_equal("what was not removed", bus.depth(&mark).await?.0, 0)?;
    bus.declare(&[OBSERVED]).await?;
    bus.publish(messages(&OBSERVED, 0..2)).await?;
    let mut subscription = bus.subscribe(&OBSERVED, 10).await?;
    ensure_equal("what comes later", ids(&collect(subscription.as_mut(), 2).await?), numbers(0..2))
}
