//! Relay: publishes what the outbox holds, one message per subscription and partition, and forgets it when all is confirmed.
//! A system whose delivery queue is full is passed over: what is for it waits in its backlog.

mod backlogs;

use std::collections::BTreeMap;
use std::sync::Arc;

use bus::{BusError, Message, Queue, Route};
use canonical::entity::Entity;
use store::OutboxRow;

use crate::backoff::Backoff;
use crate::change;
use crate::context::Context;
use crate::fault::HubError;
use crate::stage::Stage;
use backlogs::Backlogs;

/// Runs until the hub stops.
pub(crate) async fn run(context: Arc<Context>) {
    let subscribers = Subscribers::new(&context);
    let mut backoff = Backoff::new(&context.settings.limits);
    let mut backlogs = Backlogs::default();
    let mut waiting = context.outages.waiting();
    while !context.stop.is_cancelled() {
        match publish(&context, &subscribers, &mut backlogs).await {
            Ok(true) => {
                backoff.reset();
                waiting.over();
            }
            Ok(false) => {
                backoff.reset();
                waiting.over();
                tokio::select! {
                    () = context.stop.cancelled() => return,
                    () = context.store.outbox_changed() => {}
                    () = backlogs.next_try() => {}
                }
            }
            Err(error) => {
                waiting.because(&error, || tracing::warn!(%error, "the relay waits"));
                if !context.pause(&mut backoff).await {
                    return;
                }
            }
        }
    }
}

/// Publishes one round; returns whether there was anything.
async fn publish(context: &Context, subscribers: &Subscribers, backlogs: &mut Backlogs) -> Result<bool, HubError> {
    let limits = &context.settings.limits;
    let has_moved = backlogs.publish(context).await?;
    let rows = context.store.outbox(limits.relay_changes_max).await?;
    if rows.is_empty() {
        return Ok(has_moved);
    }
    let at = context.now();
    let bytes_max = context.bus.message_bytes_max();
    let encode = |row| match change::encode(row, at, limits.partitions)? {
        // What no message holds is told without its document: whoever is told can ask for it.
        (_, event) if event.len() > bytes_max => Ok(change::trigger(row, at, limits.partitions)),
        event => Ok(event),
    };
    let events = rows.iter().map(encode).collect::<Result<Vec<_>, HubError>>()?;
    let mut lanes: BTreeMap<(Arc<str>, u32), Vec<Encoded>> = BTreeMap::new();
    let mut passed_over: BTreeMap<Arc<str>, Vec<OutboxRow>> = BTreeMap::new();
    for (row, event) in rows.iter().zip(&events) {
        let partition = change::partition(row, limits.partitions);
        for system in subscribers.of(row) {
            if backlogs.has(&system) {
                passed_over.entry(system).or_default().push(row.clone());
            } else {
                lanes.entry((system, partition)).or_default().push(event.clone());
            }
        }
    }
    let mut messages = Vec::new();
    for ((system, _), events) in &lanes {
        messages.extend(change::pack(&Route::Queue(Queue::Delivery(system.clone())), events, limits));
    }
    if context.bus.carries_public() {
        messages.extend(rows.iter().zip(&events).map(|(row, event)| public(row, event)));
    }
    match context.bus.publish(messages).await {
        Err(BusError::Full(Queue::Delivery(system))) => {
            let mut its = rows;
            its.retain(|row| subscribers.of(row).any(|other| other == system));
            backlogs.begin(context, system, &its).await?;
            return Ok(true);
        }
        published => published?,
    }
    Stage::RelayPublished.ended();
    for (system, rows) in &passed_over {
        context.store.add_to_backlog(system, rows).await?;
    }
    context.store.outbox_done(&rows).await?;
    Stage::RelayDone.ended();
    Ok(true)
}

/// The id and bytes of an event.
type Encoded = (String, Vec<u8>);

/// For foreign consumers: a single event under `tenant.entity.operation`.
fn public(row: &OutboxRow, (id, event): &Encoded) -> Message {
    let key = format!("{}.{}.{}", row.tenant, row.master.entity, row.master.state);
    Message {
        route: Route::Public(key.into()),
        id: id.clone(),
        content_type: canonical::envelope::CONTENT_TYPE,
        body: event.clone(),
    }
}

/// Who is fed what.
struct Subscribers(BTreeMap<(Arc<str>, Entity), Vec<Arc<str>>>);

impl Subscribers {
    fn new(context: &Context) -> Self {
        let mut subscribers: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for system in context.settings.systems.values() {
            for entity in system.subscriptions.keys() {
                subscribers.entry((system.tenant.clone(), entity.clone())).or_default().push(system.name.clone());
            }
        }
        Subscribers(subscribers)
    }

    fn of<'a>(&'a self, row: &'a OutboxRow) -> impl Iterator<Item = Arc<str>> + 'a {
        let all = self.0.get(&(row.tenant.clone(), row.master.entity.clone()));
        all.into_iter()
            .flatten()
            .filter(|system| row.systems.as_ref().is_none_or(|only| only.contains(system)))
            .cloned()
    }
}
