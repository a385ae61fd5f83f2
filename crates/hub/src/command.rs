//! Commands that operators leave in the store: carried out here, and answered.

use std::sync::Arc;
use std::time::Duration;

use bus::{Message, Queue, Route};
use store::{Command, Filter, ParkedStage, ParkedStatus, TargetState};

use crate::backoff::Backoff;
use crate::context::Context;
use crate::fault::HubError;
use crate::observation;
use crate::timetable::Timetable;

/// How often the store is asked for new commands.
const LOOK_DELAY: Duration = Duration::from_millis(300);

/// Runs until the hub stops.
pub(crate) async fn run(context: Arc<Context>, timetable: Timetable) {
    let mut backoff = Backoff::new(&context.settings.limits);
    while !context.stop.is_cancelled() {
        match carry_out_all(&context, &timetable).await {
            Ok(()) => {
                backoff.reset();
                tokio::select! {
                    () = context.stop.cancelled() => return,
                    () = tokio::time::sleep(LOOK_DELAY) => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "commands wait");
                if !context.pause(&mut backoff).await {
                    return;
                }
            }
        }
    }
}

async fn carry_out_all(context: &Context, timetable: &Timetable) -> Result<(), HubError> {
    for (number, command) in context.store.pending().await? {
        tracing::info!(number, ?command, "a command");
        let answer = carry_out(context, timetable, &command).await;
        let answer = answer.map_err(|error| error.to_string());
        context.store.answer(number, answer.as_deref().map_err(String::as_str)).await?;
    }
    Ok(())
}

async fn carry_out(context: &Context, timetable: &Timetable, command: &Command) -> Result<String, HubError> {
    match command {
        Command::Collect { system, stream, again } => {
            let streams = timetable.streams(system, stream.as_deref());
            if streams.is_empty() {
                return Err(HubError::Unknown(format!(
                    "there is no stream {system}/{}",
                    stream.as_deref().unwrap_or("*")
                )));
            }
            for name in &streams {
                timetable.collect(name, *again, None).await?;
            }
            Ok(format!("{} streams read", streams.len()))
        }
        Command::RetryParked { number } => {
            let behind = parked(context, *number).await?;
            retry(context, &behind).await?;
            Ok(format!("{} messages tried again", behind.len()))
        }
        Command::DiscardParked { number } => {
            let behind = parked(context, *number).await?;
            let (first, later) = behind.split_at(1);
            let numbers: Vec<u64> = first.iter().map(|one| one.number).collect();
            context.store.unpark(&numbers, false, context.now()).await?;
            retry(context, later).await?;
            Ok(format!("one message discarded, {} behind it tried again", later.len()))
        }
        Command::Pause { system } => set_paused(context, system, true).await,
        Command::Resume { system } => set_paused(context, system, false).await,
    }
}

async fn parked(context: &Context, number: u64) -> Result<Vec<ParkedStatus>, HubError> {
    let behind = context.store.parked_behind(number).await?;
    if behind.is_empty() {
        return Err(HubError::Unknown(format!("nothing is parked under number {number}")));
    }
    Ok(behind)
}

/// Lets parked messages go, in order: observations go back on the bus first, so that none is ever nowhere.
async fn retry(context: &Context, messages: &[ParkedStatus]) -> Result<(), HubError> {
    if messages.is_empty() {
        return Ok(());
    }
    let limits = &context.settings.limits;
    let mut publish = Vec::new();
    for message in messages.iter().filter(|message| message.stage == ParkedStage::Observed) {
        for event in observation::events(canonical::envelope::CONTENT_TYPE, &message.event).map_err(|error| {
            HubError::Unknown(format!("{} cannot be tried again: {error}; discard it", message.number))
        })? {
            let partition = event.partition_key.parse::<u32>().unwrap_or_default() % limits.partitions.max(1);
            publish.push(Message {
                route: Route::Queue(Queue::Observed(partition)),
                body: event.to_bytes(),
                id: event.id,
                content_type: canonical::envelope::CONTENT_TYPE,
            });
        }
    }
    if !publish.is_empty() {
        context.bus.publish(publish).await?;
    }
    let numbers: Vec<u64> = messages.iter().map(|message| message.number).collect();
    Ok(context.store.unpark(&numbers, true, context.now()).await?)
}

async fn set_paused(context: &Context, name: &str, paused: bool) -> Result<String, HubError> {
    let system = context.settings.systems.get(name);
    let system = system.ok_or_else(|| HubError::Unknown(format!("there is no system {name}")))?;
    let state = if paused { TargetState::Paused } else { TargetState::Up };
    let reason = paused.then_some("paused by an operator");
    context.store.set_target_state(&system.tenant, &system.name, state, reason, context.now()).await?;
    context.control.send_modify(|count| *count += 1);
    let targets = context.store.targets(&Filter { system: Some(name.to_owned()), ..Filter::default() }).await?;
    let delivered: u64 = targets.iter().map(|target| target.delivered).sum();
    Ok(format!("{name} is {}, {delivered} changes delivered so far", if paused { "paused" } else { "resumed" }))
}
