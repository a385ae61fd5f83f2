//! Commands that operators leave in the store: carried out here, and answered.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use store::{Command, Filter, ParkedStage, ParkedStatus, TargetState};
use tokio::task::JoinSet;

use crate::backoff::Backoff;
use crate::context::Context;
use crate::fault::HubError;
use crate::lease::Doing;
use crate::timetable::Timetable;
use crate::{quiet, resolve, supervise};

/// How often the store is asked for new commands.
const LOOK_DELAY: Duration = Duration::from_millis(300);

/// Runs until the hub stops.
pub(crate) async fn run(context: Arc<Context>, timetable: Timetable, doing: Doing) {
    let mut backoff = Backoff::new(&context.settings.limits);
    let mut begun =
        Begun { timetable, doing, running: JoinSet::new(), numbers: BTreeSet::new(), ended: VecDeque::new() };
    while !context.stop.is_cancelled() {
        match carry_out_all(&context, &mut begun).await {
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

/// Commands that take long, such as reading a stream for hours: other commands do not wait for the end of them.
struct Begun {
    timetable: Timetable,
    /// What this worker does, and so which commands are for it.
    doing: Doing,
    running: JoinSet<Answered>,
    /// The numbers of commands that were begun and not answered.
    numbers: BTreeSet<u64>,
    /// What ended and is not answered.
    ended: VecDeque<Answered>,
}

impl Begun {
    fn begin(&mut self, number: u64, work: impl Future<Output = Result<String, HubError>> + Send + 'static) {
        self.numbers.insert(number);
        self.running.spawn(async move { (number, work.await.map_err(|error| error.to_string())) });
    }
}

/// The number of a command, and how it ended.
type Answered = (u64, Result<String, String>);

async fn carry_out_all(context: &Arc<Context>, begun: &mut Begun) -> Result<(), HubError> {
    while let Some(ended) = begun.running.try_join_next() {
        // One that panicked stays unanswered, and is begun again when the hub is started again.
        begun.ended.extend(ended);
    }
    while let Some(ended) = begun.ended.front() {
        answer(context, ended).await?;
        begun.numbers.remove(&ended.0);
        begun.ended.pop_front();
    }
    for (number, command) in context.store.pending().await? {
        if begun.numbers.contains(&number) || !is_for_this_worker(context, &begun.doing, &command) {
            continue;
        }
        tracing::info!(number, ?command, "a command");
        match command {
            Command::Collect { system, stream, again } => {
                let timetable = begun.timetable.clone();
                let reading = async move { collect(&timetable, &system, stream.as_deref(), again).await };
                begun.begin(number, reading);
            }
            Command::Settle { patience_ms } => {
                let context = context.clone();
                begun.begin(number, async move { settle(&context, Duration::from_millis(patience_ms)).await });
            }
            command => {
                let ended = carry_out(context, &command).await;
                answer(context, &(number, ended.map_err(|error| error.to_string()))).await?;
            }
        }
    }
    Ok(())
}

/// Streams are read by whoever has them; all else is for the worker that takes care of commands.
fn is_for_this_worker(context: &Context, doing: &Doing, command: &Command) -> bool {
    match command {
        Command::Collect { system, .. }
            if context.settings.systems.get(&**system).is_some_and(|it| !it.streams.is_empty()) =>
        {
            doing.contains(&format!("{}/{system}", supervise::COLLECT))
        }
        _ => doing.contains(supervise::OPERATE),
    }
}

async fn answer(context: &Context, (number, answer): &Answered) -> Result<(), HubError> {
    Ok(context.store.answer(*number, answer.as_deref().map_err(String::as_str)).await?)
}

async fn collect(timetable: &Timetable, system: &str, stream: Option<&str>, again: bool) -> Result<String, HubError> {
    let streams = timetable.streams(system, stream);
    if streams.is_empty() {
        return Err(HubError::Unknown(format!("there is no stream {system}/{}", stream.unwrap_or("*"))));
    }
    for name in &streams {
        timetable.collect(name, again, None).await?;
    }
    Ok(format!("{} read", counted(streams.len(), "stream")))
}

async fn settle(context: &Context, patience: Duration) -> Result<String, HubError> {
    let pending = quiet::settle(context, patience).await?;
    serde_json::to_string(&pending)
        .map_err(|error| HubError::Unknown(format!("what is on its way cannot be told: {error}")))
}

/// `1 stream`, `3 streams`.
fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

async fn carry_out(context: &Context, command: &Command) -> Result<String, HubError> {
    match command {
        Command::Collect { .. } | Command::Settle { .. } => {
            Err(HubError::Unknown("what takes long is begun elsewhere; this is a bug".to_owned()))
        }
        Command::RetryParked { number } => {
            let behind = parked(context, *number).await?;
            retry(context, &behind).await?;
            Ok(format!("{} tried again", counted(behind.len(), "message")))
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

/// Lets parked messages of one key go, in order: observations are resolved, deliveries go through the outbox.
/// Both happen in one transaction with the end of their parking, so that none is ever nowhere, or twice.
async fn retry(context: &Context, messages: &[ParkedStatus]) -> Result<(), HubError> {
    match messages.first() {
        None => Ok(()),
        Some(first) if first.stage == ParkedStage::Observed => resolve::retry(context, messages).await,
        Some(_) => {
            let numbers: Vec<u64> = messages.iter().map(|message| message.number).collect();
            Ok(context.store.unpark(&numbers, true, context.now()).await?)
        }
    }
}

async fn set_paused(context: &Context, name: &str, paused: bool) -> Result<String, HubError> {
    let system = context.settings.systems.get(name);
    let system = system.ok_or_else(|| HubError::Unknown(format!("there is no system {name}")))?;
    let state = if paused { TargetState::Paused } else { TargetState::Up };
    let reason = paused.then_some("paused by an operator");
    let turn = context.target_states.lock().await;
    context.store.set_target_state(&system.tenant, &system.name, state, reason, context.now()).await?;
    drop(turn);
    context.control.send_modify(|count| *count += 1);
    let targets = context.store.targets(&Filter { system: Some(name.to_owned()), ..Filter::default() }).await?;
    let delivered: u64 = targets.iter().map(|target| target.delivered).sum();
    Ok(format!("{name} is {}, {delivered} changes delivered so far", if paused { "paused" } else { "resumed" }))
}
