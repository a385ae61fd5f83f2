//! Relay: publishes what the outbox holds, one message per subscription and partition, and forgets it when all is confirmed.

use std::collections::BTreeMap;
use std::sync::Arc;

use bus::{Message, Queue, Route};
use canonical::entity::Entity;
use store::OutboxRow;

use crate::backoff::Backoff;
use crate::change;
use crate::context::Context;
use crate::fault::HubError;
use crate::stage::Stage;

/// Runs until the hub stops.
pub(crate) async fn run(context: Arc<Context>) {
    let subscribers = Subscribers::new(&context);
    let mut backoff = Backoff::new(&context.settings.limits);
    while !context.stop.is_cancelled() {
        match publish(&context, &subscribers).await {
            Ok(true) => backoff.reset(),
            Ok(false) => {
                backoff.reset();
                tokio::select! {
                    () = context.stop.cancelled() => return,
                    () = context.store.outbox_changed() => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the relay waits");
                if !context.pause(&mut backoff).await {
                    return;
                }
            }
        }
    }
}

/// Publishes one round; returns whether there was anything.
async fn publish(context: &Context, subscribers: &Subscribers) -> Result<bool, HubError> {
    let limits = &context.settings.limits;
    let rows = context.store.outbox(limits.relay_changes_max).await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let at = context.now();
    let events = rows.iter().map(|row| change::encode(row, at, limits.partitions)).collect::<Result<Vec<_>, _>>()?;
    let mut lanes: BTreeMap<(Arc<str>, u32), Vec<Encoded>> = BTreeMap::new();
    for (row, event) in rows.iter().zip(&events) {
        let partition = change::partition(row, limits.partitions);
        for system in subscribers.of(row) {
            lanes.entry((system, partition)).or_default().push(event.clone());
        }
    }
    let mut messages = Vec::new();
    for ((system, _), events) in &lanes {
        messages.extend(change::pack(&Route::Queue(Queue::Delivery(system.clone())), events, limits));
    }
    if context.bus.carries_public() {
        messages.extend(rows.iter().zip(&events).map(|(row, event)| public(row, event)));
    }
    context.bus.publish(messages).await?;
    Stage::RelayPublished.ended();
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
