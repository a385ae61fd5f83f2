//! Whether anything is still on its way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bus::Queue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Filter, TargetState};
use tokio::time::Instant;

use crate::context::Context;
use crate::fault::HubError;
use crate::partitions;
use crate::settings::System;
use crate::workers::{Others, ask_others, is_bus_shared};

/// How often queues are looked at while somebody waits for them.
const LOOK_DELAY: Duration = Duration::from_millis(50);

/// At most so many streams are asked for what is in flight.
const STREAMS_MAX: usize = 10_000;

/// Who waits for earlier drops only looks at so many, the newest ones: what is in flight is young.
const DROPS_MAX: usize = 1_000;

/// What is still on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Messages of observations that are not resolved; where other workers hold them, the records that are in flight.
    pub observed: u64,
    /// Changes that are not on the bus.
    pub outbox: u64,
    /// Messages of changes that are not delivered, to systems that can be written to.
    pub deliveries: u64,
    /// Calls whose outcome is not known yet, to systems that can be written to.
    pub attempts: u64,
    /// Deliveries and calls by the system that they go to.
    #[serde(default)]
    pub to: BTreeMap<String, u64>,
    /// Systems that cannot be written to now; what waits for them is not counted.
    pub unreachable: Vec<String>,
    /// Workers that did not say what they hold.
    #[serde(default)]
    pub unheard: Vec<Arc<str>>,
}

impl Pending {
    /// Whether nothing is on its way, except to systems that cannot be written to.
    pub fn is_quiet(&self) -> bool {
        self.observed + self.outbox + self.deliveries + self.attempts == 0 && self.unheard.is_empty()
    }
}

/// What is on its way, as far as store, bus and all workers together know.
///
/// Of a queue of a shared bus one sees what nobody has taken yet, and what one holds oneself. Who else holds something
/// is asked only when all else is quiet: it takes a moment.
pub(crate) async fn pending(context: &Context) -> Result<Pending, HubError> {
    let seen = seen(context, &Others::default()).await?;
    if !seen.is_quiet() || !is_bus_shared(context).await? {
        return Ok(seen);
    }
    let in_flight = in_flight(context).await?;
    if in_flight > 0 {
        return Ok(Pending { observed: in_flight, ..seen });
    }
    self::seen(context, &ask_others(context).await?).await
}

/// Records that were published and have no outcome yet.
async fn in_flight(context: &Context) -> Result<u64, HubError> {
    let filter = Filter { count_max: STREAMS_MAX, ..Filter::default() };
    let streams = context.store.streams(&filter).await?;
    Ok(streams.iter().map(|stream| stream.total.in_flight.unsigned_abs()).sum())
}

/// The same of drops that were begun until then.
async fn in_flight_until(context: &Context, mark: Timestamp) -> Result<u64, HubError> {
    if in_flight(context).await? == 0 {
        return Ok(0);
    }
    let drops = context.store.drops(&Filter { count_max: DROPS_MAX, ..Filter::default() }).await?;
    let begun = drops.iter().filter(|drop| drop.begun_at <= mark);
    Ok(begun.map(|drop| drop.outcomes.in_flight.unsigned_abs()).sum())
}

async fn seen(context: &Context, others: &Others) -> Result<Pending, HubError> {
    let mut pending = Pending { unheard: others.unheard.clone(), ..Pending::default() };
    // In the order of the flow, so that nothing slips past between two questions: a later stage is asked later.
    for partition in 0..context.partitions.get() {
        pending.observed += partitions::depth(context, partition).await?.0;
    }
    (pending.outbox, _) = context.store.outbox_count().await?;
    for system in fed(context) {
        let backlog = context.store.backlog_count(&system.tenant, &system.name).await?;
        let depth = backlog + depth(context, others, &Queue::Delivery(system.name.clone())).await?.0;
        let open = context.store.open_attempts(&system.tenant, &system.name).await?.len() as u64;
        match context.store.target_state(&system.tenant, &system.name).await? {
            TargetState::Halted | TargetState::Paused if depth + open > 0 => {
                pending.unreachable.push(system.name.to_string());
            }
            _ if depth + open > 0 => {
                pending.deliveries += depth;
                pending.attempts += open;
                pending.to.insert(system.name.to_string(), depth + open);
            }
            _ => {}
        }
    }
    Ok(pending)
}

/// The depth of a queue, with what others hold of it.
async fn depth(context: &Context, others: &Others, queue: &Queue) -> Result<(u64, Option<i64>), HubError> {
    let own = context.bus.depth(queue).await?;
    let told = others.depth(queue);
    Ok(if told.0 > own.0 { told } else { own })
}

/// Waits until everything that is on its way now has come to its end, whatever comes after it, and tells what is on its
/// way then: of the deliveries only what was waited for, so nothing. When nothing of it has moved for `patience`, it
/// tells everything that is on its way.
///
/// It goes by the times of messages. Of a bus that knows none it waits until a queue is empty for a moment.
pub(crate) async fn settle(context: &Context, patience: Duration) -> Result<Pending, HubError> {
    let mut moved = Instant::now();
    let mut last = Ahead::default();
    let mut unreachable = BTreeSet::new();
    // What leaves one place is in the next one already, so each is looked at when the one before has let go.
    for station in [Station::Observed, Station::Outbox, Station::Backlog, Station::Deliveries] {
        let mark = context.now();
        loop {
            let ahead = station.ahead(context, mark).await?;
            if ahead.oldest.is_empty() {
                unreachable.extend(ahead.unreachable);
                break;
            }
            if ahead != last {
                moved = Instant::now();
                last = ahead;
            }
            if moved.elapsed() >= patience {
                return pending(context).await;
            }
            tokio::select! {
                () = context.stop.cancelled() => return Err(HubError::Unknown("the hub stops".to_owned())),
                () = tokio::time::sleep(LOOK_DELAY) => {}
            }
        }
    }
    Ok(Pending { unreachable: unreachable.into_iter().collect(), ..Pending::default() })
}

/// What has stood in one place of the flow since a moment or longer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ahead {
    /// The time of the oldest in each queue, in milliseconds since 1970; where none is known, how many there are.
    /// The outbox is the queue `None`, and so are workers that did not say what they hold.
    oldest: BTreeMap<Option<Queue>, i64>,
    /// Systems that cannot be written to, and for which something waits.
    unreachable: Vec<String>,
}

impl Ahead {
    fn add(&mut self, queue: Option<Queue>, (count, oldest): (u64, Option<i64>), mark: Timestamp) {
        if count > 0 && oldest.is_none_or(|oldest| oldest <= mark.as_millisecond()) {
            self.oldest.insert(queue, oldest.unwrap_or(i64::try_from(count).unwrap_or(i64::MAX)));
        }
    }

    /// The same for what goes to one system.
    async fn add_for(
        &mut self,
        context: &Context,
        system: &System,
        depth: (u64, Option<i64>),
        mark: Timestamp,
    ) -> Result<(), HubError> {
        match context.store.target_state(&system.tenant, &system.name).await? {
            TargetState::Halted | TargetState::Paused if depth.0 > 0 => self.unreachable.push(system.name.to_string()),
            _ => self.add(Some(Queue::Delivery(system.name.clone())), depth, mark),
        }
        Ok(())
    }
}

/// The systems that are fed something.
pub(crate) fn fed(context: &Context) -> impl Iterator<Item = &System> {
    context.settings.systems.values().map(|system| &**system).filter(|system| !system.subscriptions.is_empty())
}

/// A place of the flow where things wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Station {
    Observed,
    Outbox,
    Backlog,
    Deliveries,
}

impl Station {
    /// What has stood here since the mark, with what other workers hold of it.
    async fn ahead(self, context: &Context, mark: Timestamp) -> Result<Ahead, HubError> {
        let mut ahead = self.seen(context, &Others::default(), mark).await?;
        if !ahead.oldest.is_empty() || !is_bus_shared(context).await? {
            return Ok(ahead);
        }
        match self {
            Station::Observed => {
                let in_flight = in_flight_until(context, mark).await?;
                ahead.add(Some(Queue::Observed(0)), (in_flight, None), mark);
            }
            Station::Deliveries => {
                let others = ask_others(context).await?;
                ahead = self.seen(context, &others, mark).await?;
                // Who says nothing may hold anything.
                ahead.add(None, (others.unheard.len() as u64, None), mark);
            }
            Station::Outbox | Station::Backlog => {}
        }
        Ok(ahead)
    }

    async fn seen(self, context: &Context, others: &Others, mark: Timestamp) -> Result<Ahead, HubError> {
        let mut ahead = Ahead::default();
        match self {
            Station::Observed => {
                for partition in 0..context.partitions.get() {
                    let queue = Queue::Observed(partition);
                    let depth = partitions::depth(context, partition).await?;
                    ahead.add(Some(queue), depth, mark);
                }
            }
            Station::Outbox => {
                let (count, oldest) = context.store.outbox_count().await?;
                ahead.add(None, (count, oldest.map(Timestamp::as_millisecond)), mark);
            }
            Station::Backlog => {
                for system in fed(context) {
                    let count = context.store.backlog_count(&system.tenant, &system.name).await?;
                    ahead.add_for(context, system, (count, None), mark).await?;
                }
            }
            Station::Deliveries => {
                for system in fed(context) {
                    let depth = depth(context, others, &Queue::Delivery(system.name.clone())).await?;
                    ahead.add_for(context, system, depth, mark).await?;
                }
            }
        }
        Ok(ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_there_at_the_mark_is_waited_for() {
        let mark = Timestamp::from_millisecond(1_000).unwrap();
        let check = |depth: (u64, Option<i64>), expected: Option<i64>| {
            let mut ahead = Ahead::default();
            ahead.add(Some(Queue::Observed(0)), depth, mark);
            assert_eq!(ahead.oldest.get(&Some(Queue::Observed(0))).copied(), expected, "{depth:?}");
        };
        check((0, None), None);
        check((3, Some(999)), Some(999));
        check((3, Some(1_000)), Some(1_000));
        check((3, Some(1_001)), None);
        // A bus that knows no times: as long as there is anything.
        check((3, None), Some(3));
    }
}
