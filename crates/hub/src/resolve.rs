//! Resolve: decides whose document an observation is, what wins, and what subscribers must hear of. One transaction per batch.

mod decide;
mod golden;
mod links;
mod working;

use std::sync::Arc;

use bus::{BusError, Delivered, Queue, Subscription};

use crate::backoff::Backoff;
use crate::context::Context;
use crate::fault::HubError;
use crate::observation::{self, NotAnObservation, Observation};
use crate::stage::Stage;
use working::Working;

/// Resolves one partition until the hub stops.
pub(crate) async fn run(context: Arc<Context>, partition: u32) {
    let queue = Queue::Observed(partition);
    let mut backoff = Backoff::new(&context.settings.limits);
    while !context.stop.is_cancelled() {
        let served = match context.bus.subscribe(&queue, context.settings.limits.prefetch).await {
            Ok(subscription) => serve(&context, subscription, &mut backoff).await,
            Err(error) => Err(error),
        };
        if let Err(error) = served {
            tracing::warn!(%queue, %error, "resolve waits for the bus");
            if !context.pause(&mut backoff).await {
                return;
            }
        }
    }
}

async fn serve(
    context: &Context,
    mut subscription: Box<dyn Subscription>,
    backoff: &mut Backoff,
) -> Result<(), BusError> {
    loop {
        let messages = tokio::select! {
            biased;
            () = context.stop.cancelled() => return Ok(()),
            messages = subscription.receive(context.settings.limits.prefetch) => messages?,
        };
        if !handle(context, &messages).await {
            return Ok(());
        }
        let receipts: Vec<_> = messages.iter().map(|message| message.receipt).collect();
        subscription.acknowledge(&receipts).await?;
        backoff.reset();
    }
}

/// Resolves some messages; returns `false` when the hub stops before that was possible.
async fn handle(context: &Context, messages: &[Delivered]) -> bool {
    let mut observations = Vec::new();
    for message in messages {
        match observation::decode(&message.content_type, &message.body) {
            Ok(more) => observations.extend(more),
            Err(error) => {
                if !park_foreign(context, message, &error).await {
                    return false;
                }
            }
        }
    }
    for batch in batches(&observations, context.settings.limits.resolve_events_max) {
        if context.persist("resolve", || resolve(context, batch)).await.is_none() {
            return false;
        }
    }
    true
}

/// Runs of one tenant, of bounded length, in order.
fn batches(observations: &[Observation], count_max: usize) -> impl Iterator<Item = &[Observation]> {
    observations
        .chunk_by(|one, other| one.stream.tenant == other.stream.tenant)
        .flat_map(move |run| run.chunks(count_max.max(1)))
}

/// Resolves a batch of one tenant in one transaction.
async fn resolve(context: &Context, batch: &[Observation]) -> Result<(), store::StoreError> {
    let Some(first) = batch.first() else { return Ok(()) };
    let tenant = first.stream.tenant.clone();
    let prepare = |from_flight| {
        let tenant = &tenant;
        move |observation| links::prepare(tenant, observation, from_flight)
    };
    // What needs no store is done before the transaction begins, because everybody waits for that one.
    let prepared = batch.iter().cloned().map(prepare(true)).collect();
    let mut working = Working::begin(context, &tenant).await?;
    Stage::ResolveBegun.ended();
    let mut released = working.take(prepared).await?;
    // What waited for a document of this batch follows in the same transaction; it may release more.
    while !released.is_empty() {
        released = working.take(released.into_iter().map(prepare(false)).collect()).await?;
    }
    working.commit().await?;
    Stage::ResolveCommitted.ended();
    Ok(())
}

/// Sets a message aside that no hub published: it keeps its bytes and blocks nobody.
async fn park_foreign(context: &Context, message: &Delivered, error: &NotAnObservation) -> bool {
    tracing::error!(id = message.id, %error, "a message on the observed bus is no observation");
    let result = context
        .persist("a parked message", || async {
            let resolution = context.store.begin_resolve(UNKNOWN_TENANT).await?;
            let parked = working::foreign(message, error, context.now());
            let writes = store::Resolved { parked: vec![parked], ..store::Resolved::default() };
            resolution.commit(writes).await
        })
        .await;
    result.is_some()
}

/// The tenant of messages that name none.
const UNKNOWN_TENANT: &str = "unknown";

impl From<NotAnObservation> for HubError {
    fn from(error: NotAnObservation) -> Self {
        HubError::Damaged(error.to_string())
    }
}
