//! `passerelle collect`: reads the streams of a system now.

use std::path::Path;
use std::time::{Duration, Instant};

use hub::Mode;
use jiff::Timestamp;
use store::sqlite::SqliteStore;
use store::{Command, OperateStore};

use crate::accounting::Accounting;
use crate::cli::Collect;
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::progress::Bar;
use crate::session::{self, LOOK_DELAY, Session};

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
        patience: arguments.patience.0,
    };
    known_stream(&configuration, &request.system, request.stream.as_deref())?;
    let run = request.carry_out(configuration).await?;
    run.print(arguments.json);
    Ok(ending(&run))
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
    /// How long nothing may move.
    pub patience: Duration,
}

impl Request {
    /// Reads, by the hub that runs beside or by one in this process, and waits until what was read has come through.
    ///
    /// # Errors
    /// Why it cannot be read, or that nothing has moved for too long.
    pub async fn carry_out(&self, configuration: Configuration) -> Result<Accounting, Failure> {
        let path = configuration.store_path();
        if SqliteStore::is_hub_running(&path) { self.beside(&path).await } else { self.in_process(configuration).await }
    }

    async fn beside(&self, path: &Path) -> Result<Accounting, Failure> {
        let store = SqliteStore::open_beside(path)?;
        let before = Accounting::take(&*store).await?;
        let command = Command::Collect { system: self.system.clone(), stream: self.stream.clone(), again: self.again };
        let number = store.submit(&command, Timestamp::now()).await?;
        let mut answered = false;
        let mut last = None;
        let mut moved = Instant::now();
        loop {
            // The hub works on other things too, so only this system's records are waited for.
            let now = Accounting::take(&*store).await?.of(&self.system);
            match store.answer_of(number).await? {
                Some(Err(reason)) => return Err(Failure::usage("cli.refused", reason)),
                Some(Ok(_)) if answered && now.in_flight() == 0 => return Ok(now.since(&before)),
                // Once more, because the sums were taken before the answer.
                Some(Ok(_)) => answered = true,
                None => {}
            }
            if last.as_ref() != Some(&now) {
                moved = Instant::now();
            }
            if moved.elapsed() > self.patience {
                return Err(session::no_answer(self.patience));
            }
            last = Some(now);
            tokio::time::sleep(LOOK_DELAY).await;
        }
    }

    async fn in_process(&self, configuration: Configuration) -> Result<Accounting, Failure> {
        let session = Session::start(configuration, Mode::OnDemand).await?;
        let before = Accounting::take(&*session.store).await?;
        let result = self.read(&session).await;
        let after = Accounting::take(&*session.store).await;
        session.stop().await?;
        result?;
        Ok(after?.since(&before))
    }

    async fn read(&self, session: &Session) -> Result<(), Failure> {
        let names = session.hub.streams(&self.system, self.stream.as_deref());
        let system = session.configuration.systems.get(&*self.system);
        let streams = names.iter().filter_map(|name| Some((&**system?, &*name.1)));
        crate::pick_up::settled(&session.configuration.directory, streams).await;
        for name in names {
            let bar = Bar::new(&name);
            session.hub.collect(&name, self.again, Some(bar.teller())).await?;
            bar.finish();
        }
        session.settle(self.patience).await.map(drop)
    }
}
