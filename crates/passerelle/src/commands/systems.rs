//! `passerelle systems` and `passerelle schedules`: what is connected, and when it is read.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use store::{Command, StreamStatus, TargetStatus};

use super::collect::quiet_log;
use crate::cli::{Listing, Schedules, SystemAct, Systems, SystemsAction};
use crate::failure::{Exit, Failure};
use crate::output::{self, Table, moment_or};
use crate::session::{carry_out, configuration, everything};

/// Lists systems, or pauses or resumes one.
///
/// # Errors
/// When the configuration is wrong, the system is unknown, or the hub cannot do it.
pub async fn systems(arguments: &Systems) -> Result<Exit, Failure> {
    match &arguments.action {
        None => list(&arguments.listing).await,
        Some(SystemsAction::List(listing)) => list(listing).await,
        Some(SystemsAction::Pause(act)) => tell(act, Command::Pause { system: act.system.clone() }).await,
        Some(SystemsAction::Resume(act)) => tell(act, Command::Resume { system: act.system.clone() }).await,
    }
}

async fn tell(act: &SystemAct, command: Command) -> Result<Exit, Failure> {
    crate::log::install(&quiet_log());
    let answer = carry_out(&act.place.dir, &command, act.patience.0).await?;
    if act.json {
        output::json(&json!({ "answer": answer }))
    } else {
        output::line(answer)
    }
    Ok(Exit::Done)
}

/// A stream with its schedule.
#[derive(Serialize)]
struct StreamLine {
    stream: Arc<str>,
    entity: String,
    mapping: String,
    export: store::Export,
    schedule: String,
    last_run: Option<Timestamp>,
    next_run: Option<Timestamp>,
    fault: Option<String>,
    read: i64,
}

#[derive(Serialize)]
struct SystemLine {
    system: Arc<str>,
    tenant: Arc<str>,
    kind: String,
    streams: Vec<StreamLine>,
    subscriptions: Vec<String>,
    target: Option<TargetStatus>,
}

/// Everything that is configured, with what the store knows of it.
async fn lines(listing: &Listing) -> Result<Vec<SystemLine>, Failure> {
    let configuration = configuration(&listing.place.dir)?;
    let place = configuration.store_place()?;
    let (streams, targets) = if place.may_be_there() {
        let store = place.open_beside().await?;
        (store.streams(&everything()).await?, store.targets(&everything()).await?)
    } else {
        (Vec::new(), Vec::new())
    };
    let wanted = |system: &&Arc<hub::System>| {
        listing.system.as_deref().is_none_or(|name| name == &*system.name)
            && listing.tenant.as_deref().is_none_or(|name| name == &*system.tenant)
    };
    let systems = configuration.systems.values().filter(wanted).take(listing.limit);
    Ok(systems.map(|system| system_line(system, &streams, &targets)).collect())
}

fn system_line(system: &hub::System, streams: &[StreamStatus], targets: &[TargetStatus]) -> SystemLine {
    let now = Timestamp::now();
    let stream_line = |(name, stream): (&Arc<str>, &Arc<hub::Stream>)| {
        let status = streams.iter().find(|status| {
            status.stream.tenant == system.tenant
                && status.stream.system == system.name
                && status.stream.stream == *name
        });
        let last_run = status.and_then(|status| status.last_run);
        StreamLine {
            stream: name.clone(),
            entity: stream.mapping.entity().to_string(),
            mapping: stream.mapping.name().to_owned(),
            export: stream.export,
            schedule: stream.schedule.describe(),
            last_run,
            next_run: stream.schedule.next(last_run, now),
            fault: status.and_then(|status| status.fault.clone()),
            read: status.map_or(0, |status| status.total.read),
        }
    };
    SystemLine {
        system: system.name.clone(),
        tenant: system.tenant.clone(),
        kind: system.kind.clone(),
        streams: system.streams.iter().map(stream_line).collect(),
        subscriptions: system.subscriptions.keys().map(ToString::to_string).collect(),
        target: targets.iter().find(|target| target.system == system.name && target.tenant == system.tenant).cloned(),
    }
}

async fn list(listing: &Listing) -> Result<Exit, Failure> {
    let lines = lines(listing).await?;
    if listing.json {
        output::json(&lines);
        return Ok(Exit::Done);
    }
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            output::line("");
        }
        output::line(format!("{} ({}, {})", line.system, line.tenant, line.kind));
        for stream in &line.streams {
            let StreamLine { stream: name, entity, read, schedule, .. } = stream;
            let last = moment_or(stream.last_run, "never");
            output::line(format!("  reads {name}: {entity}, {schedule}, last {last}, {read} records so far"));
            if let Some(fault) = &stream.fault {
                output::line(format!("    the last run could not read: {fault}"));
            }
        }
        if !line.subscriptions.is_empty() {
            output::line(format!("  is fed {}{}", line.subscriptions.join(", "), target_text(line.target.as_ref())));
        }
    }
    if lines.is_empty() {
        output::line("no systems");
    }
    Ok(Exit::Done)
}

fn target_text(target: Option<&TargetStatus>) -> String {
    let Some(target) = target else { return ": nothing yet".to_owned() };
    let state = match target.state {
        store::TargetState::Up => "up",
        store::TargetState::Down => "down",
        store::TargetState::Halted => "halted",
        store::TargetState::Paused => "paused",
    };
    let reason = target.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let last = moment_or(target.last_delivery, "never");
    format!(": {state}{reason}, {} delivered, {} refused, last {last}", target.delivered, target.refused)
}

/// Shows when each stream was read and is read next.
///
/// # Errors
/// When the configuration is wrong.
pub async fn schedules(arguments: &Schedules) -> Result<Exit, Failure> {
    let listing = &arguments.listing;
    let lines = lines(listing).await?;
    if listing.json {
        let view = |line: &SystemLine| {
            let (system, tenant) = (line.system.clone(), line.tenant.clone());
            let streams = line.streams.iter().map(move |stream| {
                json!({
                    "system": system, "tenant": tenant, "stream": stream.stream, "schedule": stream.schedule,
                    "last_run": stream.last_run, "next_run": stream.next_run, "fault": stream.fault,
                })
            });
            streams.collect::<Vec<_>>()
        };
        output::json(&lines.iter().flat_map(view).collect::<Vec<_>>());
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["system", "stream", "schedule", "last run", "next run"]);
    for line in &lines {
        for stream in &line.streams {
            let due = stream.next_run.is_some_and(|next| next <= Timestamp::now());
            let next = if due { "now".to_owned() } else { moment_or(stream.next_run, "on command") };
            let last = moment_or(stream.last_run, "never");
            table.row([line.system.to_string(), stream.stream.to_string(), stream.schedule.clone(), last, next]);
        }
    }
    table.print("no streams");
    Ok(Exit::Done)
}
