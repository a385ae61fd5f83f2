//! Resolve: decides whose document an observation is, what wins, and what subscribers must hear of. One transaction per batch.

mod answer;
mod breaker;
mod dead;
mod decide;
mod follow;
mod golden;
mod identify;
mod judge;
mod links;
mod override_unit;
mod working;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use bus::{BusError, Delivered, Queue, Subscription};
use store::{Attempt, Filter, LocalKey, ParkedStatus, StoreError, WaitingStatus};

use crate::backoff::Backoff;
use crate::context::Context;
use crate::fault::HubError;
use crate::observation::{self, NotAnObservation, Observation};
use crate::partitions;
use crate::references::{self, ReferenceField};
use crate::stage::Stage;
use working::Working;

pub(crate) use answer::{answer, let_go};
pub(crate) use breaker::Breaker;
pub(crate) use dead::park_dead;
pub(crate) use identify::{DOUBTFUL, KEY_REUSED};
pub(crate) use judge::judge;
pub(crate) use override_unit::override_unit;

/// Resolves one partition until the hub stops.
pub(crate) async fn run(context: Arc<Context>, partition: u32) {
    let queue = Queue::Observed(partition);
    let mut backoff = Backoff::new(&context.settings.limits);
    let mut waiting = context.outages.waiting();
    while !context.stop.is_cancelled() {
        let served = match context.bus.subscribe(&queue, context.settings.limits.prefetch).await {
            Ok(subscription) => {
                waiting.over();
                serve(&context, subscription, &mut backoff).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = served {
            waiting.because(&error, || tracing::warn!(%queue, %error, "resolve waits for the bus"));
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
pub(crate) async fn handle(context: &Context, messages: &[Delivered]) -> bool {
    let mut observations = Vec::new();
    let mut marks = Vec::new();
    for message in messages {
        if let Some(mark) = partitions::read_mark(message) {
            marks.push(mark);
            continue;
        }
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
        if !resolve_or_park(context, batch).await {
            return false;
        }
    }
    // What stood before them is resolved by now.
    for mark in marks {
        if !partitions::note_drained(context, mark).await {
            return false;
        }
    }
    true
}

/// Resolves a batch, for as long as it takes; `false` when the hub stops before that.
///
/// A store that is not there is waited for. An observation that no transaction can take in would block all others for
/// ever: it is found by halving the batch, and parked.
async fn resolve_or_park(context: &Context, batch: &[Observation]) -> bool {
    let mut open = vec![batch];
    while let Some(some) = open.pop() {
        let step = context.persist("resolve", || async {
            match resolve(context, some).await {
                Err(StoreError::Internal(reason)) => Ok(Some(reason)),
                result => result.map(|()| None),
            }
        });
        match (step.await, some) {
            (None, _) => return false,
            (Some(None), _) | (Some(Some(_)), []) => {}
            (Some(Some(reason)), [one]) => {
                tracing::error!(id = one.id(), reason, "an observation cannot be resolved");
                if context.persist("a parked observation", || park(context, one, &reason)).await.is_none() {
                    return false;
                }
            }
            (Some(Some(_)), some) => {
                let (first, later) = some.split_at(some.len() / 2);
                open.extend([later, first]);
            }
        }
    }
    true
}

/// Parks one observation in a transaction of its own, unless it is parked: the message may have come again, and the answer
/// to an earlier commit may have been lost.
async fn park(context: &Context, one: &Observation, reason: &str) -> Result<(), StoreError> {
    let tenant = &one.stream.tenant;
    let mut working = Working::begin(context, tenant).await?;
    let prepared = links::prepare(tenant, one.clone(), true);
    working.read_blocked(std::slice::from_ref(&prepared)).await?;
    if working.is_parked(&prepared) {
        return Ok(());
    }
    working.park(&prepared, "resolve.internal", Some(reason.to_owned()));
    working.commit().await
}

/// Runs of one tenant, of bounded length, in order.
fn batches(observations: &[Observation], count_max: usize) -> impl Iterator<Item = &[Observation]> {
    observations
        .chunk_by(|one, other| one.stream.tenant == other.stream.tenant)
        .flat_map(move |run| run.chunks(count_max.max(1)))
}

/// Resolves a batch of one tenant in one transaction.
async fn resolve(context: &Context, batch: &[Observation]) -> Result<(), StoreError> {
    let Some(first) = batch.first() else { return Ok(()) };
    let tenant = first.stream.tenant.clone();
    // What needs no store is done before the transaction begins, because everybody waits for that one.
    let prepared = batch.iter().cloned().map(|observation| links::prepare(&tenant, observation, true)).collect();
    let mut working = Working::begin(context, &tenant).await?;
    Stage::ResolveBegun.ended();
    // What waited for a document of this batch follows in the same transaction; it may release more.
    let released = working.take(prepared).await?;
    let has_moved = finish(working, &tenant, released).await?;
    Stage::ResolveCommitted.ended();
    if has_moved && let Err(error) = follow::follow(context, &tenant).await {
        // What was observed is taken in; only the documents are late.
        tracing::error!(%error, "documents follow their customer with the next that moves, or at the next start");
    }
    Ok(())
}

/// Takes up what waited for records that the crosswalk knows by now.
///
/// A resolution releases what waits for the records that it links. This is for the others: a record that a system was
/// given by a delivery gets its key when the call ends, and documents of it may have been shown before that.
/// Unsettled records are those that a call may have made; they are taken up when no such call is open any more.
async fn release(
    context: &Context,
    tenant: &Arc<str>,
    keys: &[LocalKey],
    unsettled: &[LocalKey],
) -> Result<(), StoreError> {
    if keys.is_empty() && unsettled.is_empty() {
        return Ok(());
    }
    let mut working = Working::begin(context, tenant).await?;
    let released = working.release_known(keys, unsettled).await?;
    if released.is_empty() {
        return Ok(());
    }
    finish(working, tenant, released).await?;
    Ok(())
}

/// Takes up what the end of a call lets go: what waits for the records that it linked, and what the system showed
/// meanwhile and the call may have made.
pub(crate) async fn release_after(context: &Context, attempt: &Attempt, linked: &[LocalKey]) -> Result<(), StoreError> {
    let mut filter = Filter { tenant: Some(attempt.tenant.to_string()), count_max: 1, ..Filter::default() };
    if context.store.waiting(&filter).await?.is_empty() {
        return Ok(());
    }
    let made = attempt.members.iter().filter(|member| member.local_key.is_none());
    let mut unsettled = Vec::new();
    for entity in made.map(|member| &member.entity).collect::<BTreeSet<_>>() {
        let of_system = (Some(attempt.system.to_string()), Some(entity.clone()));
        (filter.system, filter.entity, filter.count_max, filter.after) = (of_system.0, of_system.1, RELEASED_MAX, None);
        loop {
            let waiting = context.store.waiting(&filter).await?;
            let Some(last) = waiting.last() else { break };
            filter.after = Some(last.number);
            unsettled.extend(waiting.iter().filter_map(itself));
        }
    }
    release(context, &attempt.tenant, linked, &unsettled).await
}

/// Takes up everything that waits for a record that the crosswalk knows by now, and documents whose customer's records
/// moved: what a crash left over.
pub(crate) async fn release_all(context: &Context) -> Result<(), StoreError> {
    let mut filter = Filter { count_max: RELEASED_MAX, ..Filter::default() };
    loop {
        let waiting = context.store.waiting(&filter).await?;
        let Some(last) = waiting.last() else { break };
        filter.after = Some(last.number);
        let tenants = context.settings.systems.values().map(|system| &system.tenant).collect::<BTreeSet<_>>();
        for tenant in tenants {
            let of_tenant: Vec<_> = waiting.iter().filter(|one| is_of(context, tenant, &one.system)).collect();
            let keys: Vec<LocalKey> = of_tenant.iter().flat_map(|one| needs(one)).collect();
            let unsettled: Vec<LocalKey> = of_tenant.iter().filter_map(|one| itself(one)).collect();
            release(context, tenant, &keys, &unsettled).await?;
        }
    }
    for tenant in context.settings.systems.values().map(|system| &system.tenant).collect::<BTreeSet<_>>() {
        follow::follow(context, tenant).await?;
    }
    Ok(())
}

fn is_of(context: &Context, tenant: &Arc<str>, system: &Arc<str>) -> bool {
    context.settings.systems.get(system).is_some_and(|system| system.tenant == *tenant)
}

/// The records of which a waiting document may need one.
fn needs(waiting: &WaitingStatus) -> impl Iterator<Item = LocalKey> {
    let (system, key) = (&waiting.needs_system, &waiting.needs_key);
    let of =
        |field: &ReferenceField| LocalKey { system: system.clone(), entity: field.entity.clone(), key: key.clone() };
    references::fields(&waiting.entity).iter().map(of)
}

/// The record of a waiting document that may wait for itself: for the end of a call that may have made it.
fn itself(waiting: &WaitingStatus) -> Option<LocalKey> {
    let WaitingStatus { system, entity, key, needs_system, needs_key, .. } = waiting;
    let local = LocalKey { system: system.clone(), entity: entity.clone(), key: key.clone() };
    (system == needs_system && key == needs_key).then_some(local)
}

/// Resolves parked observations again, in order and in one transaction with the end of their parking.
///
/// # Errors
/// What the store says, or that a message cannot be read: then nothing was changed.
pub(crate) async fn retry(context: &Context, parked: &[ParkedStatus]) -> Result<(), HubError> {
    let Some(first) = parked.first() else { return Ok(()) };
    let observations = read_parked(parked)?;
    let mut working = Working::begin(context, &first.tenant).await?;
    if !are_parked(&mut working, &observations).await? {
        let reason = format!("what is parked of {}/{} has changed meanwhile; look again", first.system, first.key);
        return Err(HubError::Unknown(reason));
    }
    working.unpark(parked.iter().map(|one| one.number).collect(), &observations);
    if finish(working, &first.tenant, observations).await? {
        follow::follow(context, &first.tenant).await?;
    }
    Ok(())
}

/// Whether all of these are parked still: somebody else may have let them go since they were listed.
async fn are_parked(working: &mut Working<'_>, observations: &[Observation]) -> Result<bool, StoreError> {
    let keys: BTreeSet<_> = observations.iter().map(|one| links::blocked_key(&one.local())).collect();
    let keys: Vec<_> = keys.into_iter().collect();
    let parked = working.resolution().parked_keys(&keys).await?;
    let parked = keys.iter().zip(parked).flat_map(|(key, positions)| positions.into_iter().map(move |at| (key, at)));
    let parked: HashSet<_> = parked.collect();
    let is_there = |one: &Observation| {
        parked.contains(&(&links::blocked_key(&one.local()), (!one.derived).then_some(one.position)))
    };
    Ok(observations.iter().all(is_there))
}

/// The observations in parked messages, in order.
fn read_parked(parked: &[ParkedStatus]) -> Result<Vec<Observation>, HubError> {
    let mut observations = Vec::with_capacity(parked.len());
    for one in parked {
        let read = observation::decode(canonical::envelope::CONTENT_TYPE, &one.event);
        observations.extend(read.map_err(|error| {
            HubError::Unknown(format!("{} cannot be tried again: {error}; discard it", one.number))
        })?);
    }
    Ok(observations)
}

/// Resolves observations that do not come from the bus, and those that they release. Returns whether documents are to
/// follow records that moved.
async fn finish(
    mut working: Working<'_>,
    tenant: &Arc<str>,
    mut observations: Vec<Observation>,
) -> Result<bool, StoreError> {
    while !observations.is_empty() {
        let prepared = observations.into_iter().map(|observation| links::prepare(tenant, observation, false));
        observations = working.take(prepared.collect()).await?;
    }
    let has_moved = !working.writes.matching.regrouped.is_empty();
    working.commit().await?;
    Ok(has_moved)
}

/// How many waiting documents are looked at in one go.
const RELEASED_MAX: usize = 1_000;

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
