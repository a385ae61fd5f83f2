//! The number of partitions of the observed bus: the one in force stands in the store, whatever a worker has in its
//! configuration, and it changes only when nothing is on its way.
//!
//! A worker that starts with another number says so in the store; the latest wish counts. From then on:
//!
//! 1. every worker lets go of reading, and nobody takes it up (`lease`, [`reading`]);
//! 2. when nobody reads any more, whoever ever read is fenced off in the store. A reader that was suspended and wakes up
//!    may still publish a batch, but not save that it did: another reads that batch again, so resolve meets it twice;
//! 3. a mark goes through every partition behind all that was published. Who resolves a partition notes in the store that
//!    the mark came: a queue keeps its order, so everything before it is resolved;
//! 4. when all marks came, the new queues are made, and the new number is in force;
//! 5. every worker follows by looking at the store, reading goes on, and empty queues of the former number are removed.
//!
//! One customer's story stays in order: all of it was resolved before anything of it takes another way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bus::{BusError, Delivered, Message, Queue, Route};
use canonical::envelope::CONTENT_TYPE;
use store::{InstallationStep, PartitionChange, Partitions};

use crate::backoff::Backoff;
use crate::context::Context;
use crate::fault::HubError;
use crate::{rebuild, resolve, supervise};

/// How often it is looked whether a change goes on.
pub(crate) const TURN: Duration = Duration::from_millis(200);

/// How often it is looked whether somebody wants a change.
const LOOK_DELAY: Duration = Duration::from_millis(500);

/// How long nothing may come from a former partition before it counts as empty.
const EMPTY_DELAY: Duration = Duration::from_millis(500);

/// The number in force, as far as this worker knows.
#[derive(Clone, Debug)]
pub(crate) struct InForce(Arc<AtomicU32>);

impl InForce {
    pub fn new(count: u32) -> Self {
        InForce(Arc::new(AtomicU32::new(count.max(1))))
    }

    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    pub fn set(&self, count: u32) {
        self.0.store(count.max(1), Ordering::Release);
    }
}

/// How observations are spread for as long as a reader has its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    /// The number of partitions.
    pub count: u32,
    /// How often the number had changed.
    switches: u32,
}

/// The bits of a remembered partition that are its number; those above tell after how many changes.
const NUMBER_BITS: u32 = 16;

impl Spread {
    fn of(partitions: &Partitions) -> Self {
        Spread { count: partitions.in_force.max(1), switches: partitions.switches & (u32::MAX >> NUMBER_BITS) }
    }

    /// A partition as it is remembered with a record.
    pub fn remember(self, partition: u32) -> u32 {
        self.switches << NUMBER_BITS | partition & ((1 << NUMBER_BITS) - 1)
    }

    /// The partition that a record went to last; `None` when the number has changed since, and any will do.
    pub fn recall(self, remembered: u32) -> Option<u32> {
        let partition = remembered & ((1 << NUMBER_BITS) - 1);
        (remembered >> NUMBER_BITS == self.switches && partition < self.count).then_some(partition)
    }
}

/// Waits until observations may be published, and tells how they are spread; `None` when the work is taken away first.
///
/// Only for who has the lease of the reading: as long as it is held, nothing changes.
pub(crate) async fn reading(context: &Context) -> Option<Spread> {
    loop {
        let known = context.persist("the number of partitions", || context.store.installation()).await?;
        if let Some(partitions) = known.partitions.filter(|partitions| partitions.change.is_none()) {
            return Some(Spread::of(&partitions));
        }
        tokio::select! {
            () = context.stop.cancelled() => return None,
            () = tokio::time::sleep(TURN) => {}
        }
    }
}

/// How many messages of a partition are not resolved; none of one that is gone.
pub(crate) async fn depth(context: &Context, partition: u32) -> Result<(u64, Option<i64>), BusError> {
    match context.bus.depth(&Queue::Observed(partition)).await {
        Err(BusError::Unroutable(_)) => Ok((0, None)),
        depth => depth,
    }
}

/// The queues of some partitions.
pub(crate) fn queues(partitions: std::ops::Range<u32>) -> Vec<Queue> {
    partitions.map(Queue::Observed).collect()
}

/// What the id of a mark begins with; no observation's does, because a tenant has no colon.
const MARK: &str = "partitions:";

/// The mark of a change for one partition.
fn mark(change: u64, partition: u32) -> Message {
    let id = format!("{MARK}{change}:{partition}");
    Message { route: Route::Queue(Queue::Observed(partition)), id, content_type: CONTENT_TYPE, body: b"{}".to_vec() }
}

/// The change and the partition of a message that is a mark.
pub(crate) fn read_mark(message: &Delivered) -> Option<(u64, u32)> {
    let (change, partition) = message.id.strip_prefix(MARK)?.split_once(':')?;
    Some((change.parse().ok()?, partition.parse().ok()?))
}

/// Notes that everything before a mark is resolved; `false` when the hub stops before that was possible.
pub(crate) async fn note_drained(context: &Context, (change, partition): (u64, u32)) -> bool {
    let step = InstallationStep::Drained { change, partition };
    context.persist("the end of a partition", || context.store.take_step(&step)).await.is_some()
}

/// Carries changes out, and watches over the bus, until the hub stops.
pub(crate) async fn run(context: Arc<Context>) {
    let mut backoff = Backoff::new(&context.settings.limits);
    let mut marked = None;
    let mut watch = rebuild::Watch::default();
    while !context.stop.is_cancelled() {
        let advanced = async {
            watch.look(&context).await?;
            advance(&context, &mut marked).await
        };
        match advanced.await {
            Ok(is_changing) => {
                backoff.reset();
                tokio::select! {
                    () = context.stop.cancelled() => return,
                    () = tokio::time::sleep(if is_changing { TURN } else { LOOK_DELAY }) => {}
                }
            }
            Err(error) => {
                tracing::debug!(%error, "the number of partitions waits");
                if !context.pause(&mut backoff).await {
                    return;
                }
            }
        }
    }
}

/// Goes on with what is to be done; returns whether there is anything. `marked` is the change whose marks this task has
/// published.
async fn advance(context: &Context, marked: &mut Option<u64>) -> Result<bool, HubError> {
    let Some(partitions) = context.store.installation().await?.partitions else { return Ok(false) };
    match (partitions.former, &partitions.change) {
        (Some(former), _) => remove_former(context, partitions.in_force..former).await.map(|()| true),
        (None, Some(change)) => drain(context, partitions.in_force, change, marked).await.map(|()| true),
        (None, None) => Ok(false),
    }
}

async fn drain(
    context: &Context,
    in_force: u32,
    change: &PartitionChange,
    marked: &mut Option<u64>,
) -> Result<(), HubError> {
    let PartitionChange { number, wanted, is_closed, drained } = change;
    if !is_closed {
        let close = InstallationStep::Close { change: *number, kind: supervise::COLLECT.to_owned() };
        context.store.take_step(&close).await?;
        return Ok(());
    }
    if *marked != Some(*number) {
        let marks = (0..in_force).filter(|partition| !drained.contains(partition));
        context.bus.publish(marks.map(|partition| mark(*number, partition)).collect()).await?;
        *marked = Some(*number);
    }
    if (0..in_force).all(|partition| drained.contains(&partition)) {
        context.bus.declare(&queues(0..*wanted)).await?;
        let after = context.store.take_step(&InstallationStep::Switch { change: *number }).await?;
        let now = after.partitions.map_or(in_force, |partitions| partitions.in_force);
        tracing::info!(before = in_force, now, "the number of partitions has changed; reading goes on");
    }
    Ok(())
}

/// Removes the queues of the former number once nobody resolves them any more.
async fn remove_former(context: &Context, former: std::ops::Range<u32>) -> Result<(), HubError> {
    for partition in former.clone() {
        let is_held = |status: &store::LeaseStatus| {
            status.worker.is_some() && *status.lease.work == *supervise::observed(partition)
        };
        if context.store.leases().await?.iter().any(is_held) {
            return Ok(());
        }
    }
    for queue in context.bus.remove(&queues(former)).await? {
        // What a reader that was fenced off has published late: it is read again, and resolve knows it.
        resolve_rest(context, &queue).await?;
        if !context.bus.remove(std::slice::from_ref(&queue)).await?.is_empty() {
            tracing::warn!(%queue, "this queue of the former number of partitions stays; nothing is published to it any more");
        }
    }
    context.store.take_step(&InstallationStep::FormerGone).await?;
    Ok(())
}

/// Resolves what is left in a queue.
async fn resolve_rest(context: &Context, queue: &Queue) -> Result<(), HubError> {
    let prefetch = context.settings.limits.prefetch;
    let mut subscription = context.bus.subscribe(queue, prefetch).await?;
    while let Ok(messages) = tokio::time::timeout(EMPTY_DELAY, subscription.receive(prefetch)).await {
        let messages = messages?;
        if !resolve::handle(context, &messages).await {
            break;
        }
        let receipts: Vec<_> = messages.iter().map(|message| message.receipt).collect();
        subscription.acknowledge(&receipts).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bus::Receipt;

    use super::*;

    #[test]
    fn where_a_record_went_counts_until_the_number_changes() {
        let spread = |count, switches| Spread { count, switches };
        let check = |before: Spread, partition, after: Spread, expected| {
            assert_eq!(after.recall(before.remember(partition)), expected, "{before:?} {partition} {after:?}");
        };
        check(spread(8, 0), 5, spread(8, 0), Some(5));
        check(spread(8, 3), 7, spread(8, 3), Some(7));
        check(spread(8, 0), 1, spread(4, 1), None);
        check(spread(4, 1), 3, spread(8, 2), None);
        check(spread(65_535, 65_535), 65_534, spread(65_535, 65_535), Some(65_534));
        // What an earlier version remembered.
        assert_eq!(spread(4, 0).recall(3), Some(3));
        assert_eq!(spread(4, 0).recall(5), None);
    }

    #[test]
    fn a_mark_is_told_from_an_observation() {
        let delivered = |id: &str| Delivered {
            receipt: Receipt(1),
            id: id.to_owned(),
            content_type: CONTENT_TYPE.to_owned(),
            body: Vec::new(),
            redelivered: false,
            died_in: None,
        };
        assert_eq!(read_mark(&delivered(&mark(7, 3).id)), Some((7, 3)));
        assert_eq!(read_mark(&delivered("partitions/erp/customers/7/3")), None);
        assert_eq!(read_mark(&delivered("batch/0123")), None);
    }
}
