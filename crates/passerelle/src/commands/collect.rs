//! `passerelle collect`: reads the streams of a system now.

use std::time::Duration;

use hub::{Mode, Pending};

use super::beside::Beside;
use crate::accounting::Accounting;
use crate::cli::{Collect, WaitingLimits};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::progress::Bar;
use crate::session::{self, Session};

/// Reads the streams of a system.
///
/// # Errors
/// An unknown system or stream, or why it cannot be read.
pub async fn collect(arguments: &Collect) -> Result<Exit, Failure> {
    let configuration = session::configuration(&arguments.place.dir)?;
    crate::log::install(&quiet_log());
    let request = Request {
        system: arguments.system.clone(),
        stream: arguments.stream.clone(),
        again: false,
        limits: arguments.waiting,
    };
    known_stream(&configuration, &request.system, request.stream.as_deref())?;
    let run = request.carry_out(configuration).await?;
    run.accounting.print(arguments.json);
    session::tell_unreachable(&run.unreachable);
    Ok(ending(&run.accounting))
}

/// Commands tell their result, and of the log only what somebody should look at.
pub fn quiet_log() -> crate::configuration::LogSettings {
    crate::configuration::LogSettings { level: crate::configuration::LogLevel::Error, ..Default::default() }
}

/// How a reading ended.
pub fn ending(run: &Accounting) -> Exit {
    match (run.adds_up(), run.has_trouble()) {
        (false, _) => Exit::Bug,
        (true, true) => Exit::Differs,
        (true, false) => Exit::Done,
    }
}

/// Makes sure that a system and its stream are in the configuration.
///
/// # Errors
/// Names what there is instead.
pub fn known_stream(configuration: &Configuration, system: &str, stream: Option<&str>) -> Result<(), Failure> {
    let names = || configuration.systems.keys().map(|name| &**name);
    let Some(found) = configuration.systems.get(system) else {
        return Err(unknown("system", system, names()));
    };
    match stream {
        Some(stream) if !found.streams.contains_key(stream) => {
            Err(unknown(&format!("stream of {system}"), stream, found.streams.keys().map(|name| &**name)))
        }
        None if found.streams.is_empty() => {
            Err(Failure::usage("cli.unknown", format!("nothing is read from {system}: it has no streams")))
        }
        _ => Ok(()),
    }
}

fn unknown<'c>(what: &str, name: &str, known: impl Iterator<Item = &'c str>) -> Failure {
    let known: Vec<&str> = known.collect();
    let nearest = crate::configuration::nearest(name, known.iter().copied());
    let hint = match nearest {
        Some(nearest) => format!("did you mean \"{nearest}\"?"),
        None if known.is_empty() => "there is none".to_owned(),
        None => format!("there are {}", known.join(", ")),
    };
    Failure::usage("cli.unknown", format!("there is no {what} \"{name}\"; {hint}"))
}

/// A reading on command.
pub struct Request {
    /// The system.
    pub system: String,
    /// The stream; all streams when absent.
    pub stream: Option<String>,
    /// Whether a repeated drop is read all the same.
    pub again: bool,
    /// How long it is waited for.
    pub limits: WaitingLimits,
}

/// What came of a reading on command.
pub struct Reading {
    /// What it has touched.
    pub accounting: Accounting,
    /// Systems that are halted or paused, and for which changes wait.
    pub unreachable: Vec<String>,
}

impl Request {
    /// Reads, by the hub that runs beside or by one in this process, and waits until what was read has come through:
    /// delivered, parked, waiting, or kept for a system that cannot be written to.
    ///
    /// # Errors
    /// Why it cannot be read, or that it took too long, with what is still on its way.
    pub async fn carry_out(&self, configuration: Configuration) -> Result<Reading, Failure> {
        match Beside::find(configuration.store_place()?).await? {
            Some(hub) => self.beside(&hub).await,
            None => self.in_process(configuration).await,
        }
    }

    async fn beside(&self, hub: &Beside) -> Result<Reading, Failure> {
        let before = Accounting::take(&*hub.store).await?;
        let pending = match self.in_time(self.read_beside(hub)).await {
            Some(pending) => pending?,
            None => return Err(self.too_late(&hub.settle(Duration::ZERO).await?)),
        };
        if !pending.is_quiet() {
            return Err(session::not_quiet(&session::nothing_moves(self.limits.patience.0), &pending));
        }
        Ok(self.reading(&before, &Accounting::take(&*hub.store).await?, pending))
    }

    async fn read_beside(&self, hub: &Beside) -> Result<Pending, Failure> {
        let patience = self.limits.patience.0;
        hub.collect(&self.system, self.stream.as_deref(), self.again, patience).await?;
        hub.settle(patience).await
    }

    async fn in_process(&self, configuration: Configuration) -> Result<Reading, Failure> {
        let session = Session::start(configuration, Mode::OnDemand).await?;
        let before = Accounting::take(&*session.store).await?;
        let result = match self.in_time(self.read(&session)).await {
            Some(result) => result,
            None => session.hub.pending().await.map_err(Failure::from).and_then(|pending| Err(self.too_late(&pending))),
        };
        let after = Accounting::take(&*session.store).await;
        session.stop().await?;
        Ok(self.reading(&before, &after?, result?))
    }

    async fn read(&self, session: &Session) -> Result<Pending, Failure> {
        let names = session.hub.streams(&self.system, self.stream.as_deref());
        let system = session.configuration.systems.get(&*self.system);
        let streams = names.iter().filter_map(|name| Some((&**system?, &*name.1)));
        crate::pick_up::settled(&session.configuration.directory, streams).await;
        for name in names {
            let bar = Bar::new(&name);
            session.hub.collect(&name, self.again, Some(bar.teller())).await?;
            bar.finish();
        }
        session.settle(self.limits.patience.0).await
    }

    /// `None` when there is a limit of time, and it was over before the work was.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match &self.limits.timeout {
            Some(limit) => tokio::time::timeout(limit.0, work).await.ok(),
            None => Some(work.await),
        }
    }

    fn too_late(&self, pending: &Pending) -> Failure {
        let seconds = self.limits.timeout.map_or(0.0, |limit| limit.0.as_secs_f64());
        session::not_quiet(&format!("not done after {seconds} s"), pending)
    }

    fn reading(&self, before: &Accounting, after: &Accounting, pending: Pending) -> Reading {
        let accounting = after.since(before).touched_by(&self.system, self.stream.as_deref());
        Reading { accounting, unreachable: pending.unreachable }
    }
}
