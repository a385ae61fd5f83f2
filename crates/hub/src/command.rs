//! Commands that operators leave in the store: carried out here, and answered.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use store::{Command, Filter, ParkedStage, ParkedStatus, TargetState, TaskClosing};
use tokio::task::JoinSet;

use crate::backoff::Backoff;
use crate::context::Context;
use crate::fault::HubError;
use crate::timetable::Timetable;
use crate::{quiet, resolve, supervise, tasks, workers};

/// How often the store is asked for new commands.
const LOOK_DELAY: Duration = Duration::from_millis(300);

/// Runs until the hub stops.
pub(crate) async fn run(context: Arc<Context>, timetable: Timetable) {
    let mut backoff = Backoff::new(&context.settings.limits);
    let mut waiting = context.outages.waiting();
    let mut begun = Begun { timetable, running: JoinSet::new(), numbers: BTreeSet::new(), ended: VecDeque::new() };
    while !context.stop.is_cancelled() {
        match carry_out_all(&context, &mut begun).await {
            Ok(()) => {
                backoff.reset();
                waiting.over();
                tokio::select! {
                    () = context.stop.cancelled() => return,
                    () = tokio::time::sleep(LOOK_DELAY) => {}
                }
            }
            Err(error) => {
                waiting.because(&error, || tracing::warn!(%error, "commands wait"));
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
    running: JoinSet<Ended>,
    /// The numbers of commands that were begun and not answered.
    numbers: BTreeSet<u64>,
    /// What ended and is not answered.
    ended: VecDeque<Ended>,
}

impl Begun {
    fn begin(
        &mut self,
        number: u64,
        command: Command,
        work: impl Future<Output = Result<String, HubError>> + Send + 'static,
    ) {
        self.numbers.insert(number);
        self.running.spawn(async move {
            let answer = work.await.map_err(|error| error.to_string());
            Ended { number, command, answer }
        });
    }
}

/// A command that took long, and how it ended.
struct Ended {
    number: u64,
    command: Command,
    answer: Result<String, String>,
}

async fn carry_out_all(context: &Arc<Context>, begun: &mut Begun) -> Result<(), HubError> {
    while let Some(ended) = begun.running.try_join_next() {
        // One that panicked stays unanswered, and is begun again when the hub is started again.
        begun.ended.extend(ended);
    }
    while let Some(ended) = begun.ended.front() {
        // What was begun here and is another's by now may have been cut short: the other begins it again.
        if is_for_this_worker(context, &ended.command) {
            let text = ended.answer.as_deref().map_err(String::as_str);
            context.store.answer(ended.number, text).await?;
        }
        begun.numbers.remove(&ended.number);
        begun.ended.pop_front();
    }
    for (number, command) in context.store.pending().await? {
        if begun.numbers.contains(&number) {
            continue;
        }
        if is_for_this_worker(context, &command) {
            take_up(context, begun, number, command).await?;
        } else if let Command::Tell { worker } = &command {
            forget_if_gone(context, number, worker).await?;
        }
    }
    Ok(())
}

/// Carries a command out, or begins one that takes long.
async fn take_up(context: &Arc<Context>, begun: &mut Begun, number: u64, command: Command) -> Result<(), HubError> {
    // Workers ask each other often, and that is nobody's news.
    match &command {
        Command::Tell { .. } => {}
        // Who decided, and the words for why, are for nobody who reads a log.
        Command::CloseTasks { numbers, decision, .. } => {
            tracing::info!(number, tasks = numbers.len(), %decision, "a command to end tasks");
        }
        Command::Judge(asked) => tracing::info!(number, kind = ?asked.kind, "a command to judge"),
        // A value is personal data.
        Command::Override(asked) => {
            tracing::info!(number, master_id = %asked.master_id, unit = asked.unit, "a command to override a unit");
        }
        command => tracing::info!(number, ?command, "a command"),
    }
    let own = context.clone();
    match command.clone() {
        Command::Collect { system, stream, again } => {
            let timetable = begun.timetable.clone();
            let reading = async move { collect(&timetable, &system, stream.as_deref(), again).await };
            begun.begin(number, command, reading);
        }
        Command::Settle { patience_ms } => {
            let patience = Duration::from_millis(patience_ms);
            begun.begin(number, command, async move { settle(&own, patience).await });
        }
        Command::Status => {
            begun.begin(number, command, async move { workers::json(&workers::status(&own).await?) });
        }
        Command::CloseTasks { tenant, numbers, decision, reason, by } => {
            let closing = TaskClosing { decision, reason, by, at: context.now() };
            begun.begin(number, command, async move {
                workers::json(&tasks::close(&own, tenant.as_deref(), &numbers, &closing).await?)
            });
        }
        command => {
            let answer = carry_out(context, &command).await.map_err(|error| error.to_string());
            context.store.answer(number, answer.as_deref().map_err(String::as_str)).await?;
        }
    }
    Ok(())
}

/// Streams are read by whoever has them, and only one worker knows what it knows; all else is for the worker that takes
/// care of commands.
fn is_for_this_worker(context: &Context, command: &Command) -> bool {
    match command {
        Command::Collect { system, .. }
            if context.settings.systems.get(&**system).is_some_and(|it| !it.streams.is_empty()) =>
        {
            context.doing.contains(&supervise::collect(system))
        }
        Command::Tell { worker } => **worker == *context.worker,
        _ => context.doing.contains(supervise::OPERATE),
    }
}

/// Ends a question to a worker that is no more, which nobody else can answer; whoever asked may have gone as well.
async fn forget_if_gone(context: &Context, number: u64, worker: &str) -> Result<(), HubError> {
    if context.doing.contains(supervise::OPERATE) && !workers::is_alive(&context.store.workers().await?, worker) {
        context.store.answer(number, Err("this worker is no more")).await?;
    }
    Ok(())
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
    workers::json(&quiet::settle(context, patience).await?)
}

/// `1 stream`, `3 streams`.
fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

async fn carry_out(context: &Context, command: &Command) -> Result<String, HubError> {
    match command {
        Command::Tell { .. } => workers::tell(context).await,
        Command::Collect { .. } | Command::Settle { .. } | Command::Status | Command::CloseTasks { .. } => {
            Err(HubError::Unknown("what takes long is begun elsewhere; this is a bug".to_owned()))
        }
        Command::RetryParked { number } => {
            let behind = parked(context, *number).await?;
            retry(context, &behind).await?;
            if let Some(first) = behind.first() {
                resolve::let_go(context, first).await?;
            }
            Ok(format!("{} tried again", counted(behind.len(), "message")))
        }
        Command::DiscardParked { number } => {
            let behind = parked(context, *number).await?;
            let (first, later) = behind.split_at(1);
            let numbers: Vec<u64> = first.iter().map(|one| one.number).collect();
            context.store.unpark(&numbers, false, context.now()).await?;
            let retried = retry(context, later).await;
            for one in first {
                resolve::let_go(context, one).await?;
            }
            retried?;
            Ok(format!("one message discarded, {} behind it tried again", later.len()))
        }
        Command::Judge(asked) => workers::json(&resolve::judge(context, asked, None).await?),
        Command::Override(asked) => workers::json(&resolve::override_unit(context, asked).await?),
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
