//! A store, a bus and a hub in this process, or the store of a hub that runs beside it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::Bus;
use bus::embedded::EmbeddedBus;
use hub::{Hub, Mode, Pending, Rebuilt, Role};
use jiff::Timestamp;
use store::{Command, Filter, OperateStore, Store};

use crate::configuration::{Configuration, HubFile, Severity, load, load_hub_file};
use crate::failure::Failure;
use crate::output::{self, counted};
use crate::place::StorePlace;

/// How often a state is looked at again that nobody tells of.
pub const LOOK_DELAY: Duration = Duration::from_millis(50);

/// Reads the user's directory; everything that is wrong with it is printed.
///
/// # Errors
/// When something keeps the hub from starting.
pub fn configuration(directory: &Path) -> Result<Configuration, Failure> {
    let loaded = load(directory);
    for finding in loaded.findings.iter().filter(|finding| finding.severity == Severity::Error) {
        output::note(finding.render());
    }
    loaded.configuration.ok_or_else(Failure::told)
}

/// The store of a user's directory, for reading and for leaving commands.
///
/// Only `passerelle.toml` is read: an operator can look while somebody edits a system.
///
/// # Errors
/// When the directory is none, or there is no store yet.
pub async fn store_beside(directory: &Path) -> Result<Arc<dyn Store>, Failure> {
    Ok(hub_beside(directory).await?.1)
}

/// What concerns the hub as a whole, and its store, for reading.
///
/// # Errors
/// As of [`store_beside`].
pub async fn hub_beside(directory: &Path) -> Result<(HubFile, Arc<dyn Store>), Failure> {
    let (hub_file, findings) = load_hub_file(directory);
    let Some(hub_file) = hub_file else {
        findings.iter().for_each(|finding| output::note(finding.render()));
        return Err(Failure::told());
    };
    let store = StorePlace::of(directory, &hub_file.store)?.open_beside().await?;
    Ok((hub_file, store))
}

/// A hub in this process.
pub struct Session {
    /// What it was told.
    pub configuration: Configuration,
    /// Its store.
    pub store: Arc<dyn Store>,
    /// Its bus.
    pub bus: Arc<dyn Bus>,
    /// The hub.
    pub hub: Hub,
}

/// A directory whose lock is taken, and in which nothing runs yet.
pub struct Opened {
    configuration: Configuration,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
}

impl Opened {
    /// Takes the directory's lock, and opens store and bus.
    ///
    /// # Errors
    /// When another hub has the directory, or store or bus cannot be opened.
    pub async fn open(configuration: Configuration) -> Result<Self, Failure> {
        let store = configuration.store_place()?.open().await?;
        let bus: Arc<dyn Bus> = match configuration.broker()? {
            Some(broker) => Arc::new(broker),
            None => Arc::new(EmbeddedBus::open(configuration.bus_path(), configuration.hub.bus.options())?),
        };
        Ok(Opened { configuration, store, bus })
    }

    /// Makes up for a bus that was lost, and closes store and bus.
    ///
    /// # Errors
    /// What store or bus say; then it is to be done again.
    pub async fn rebuild(self) -> Result<Rebuilt, Failure> {
        let Opened { configuration, store, bus } = self;
        let rebuilt = hub::rebuild(&configuration.settings(), &*store, &*bus).await?;
        bus.close().await?;
        Ok(rebuilt)
    }

    /// Starts the hub, or one worker of several.
    ///
    /// # Errors
    /// When the bus has other queues than are needed.
    pub async fn start(self, mode: Mode, roles: &[Role]) -> Result<Session, Failure> {
        let Opened { configuration, store, bus } = self;
        let hub = Hub::start(configuration.settings(), store.clone(), bus.clone(), mode, roles).await?;
        Ok(Session { configuration, store, bus, hub })
    }
}

impl Session {
    /// Takes the directory's lock and starts a hub.
    ///
    /// # Errors
    /// When another hub has the directory, or store or bus cannot be opened.
    pub async fn start(configuration: Configuration, mode: Mode) -> Result<Self, Failure> {
        Opened::open(configuration).await?.start(mode, &Role::ALL).await
    }

    /// Waits until nothing is on its way any more, except to systems that cannot be written to.
    ///
    /// # Errors
    /// When nothing has moved for `patience`.
    pub async fn settle(&self, patience: Duration) -> Result<Pending, Failure> {
        let mut quiet_before = false;
        let mut last = None;
        let mut moved = Instant::now();
        loop {
            let pending = self.hub.pending().await?;
            if pending.is_quiet() && quiet_before {
                return Ok(pending);
            }
            quiet_before = pending.is_quiet();
            if last.as_ref() != Some(&pending) {
                moved = Instant::now();
            }
            if moved.elapsed() > patience {
                return Err(not_quiet(&nothing_moves(patience), &pending));
            }
            last = Some(pending);
            tokio::time::sleep(LOOK_DELAY).await;
        }
    }

    /// Ends what is under way, and closes store and bus.
    ///
    /// # Errors
    /// When the last acknowledgements could not be written; nothing is lost then.
    pub async fn stop(self) -> Result<(), Failure> {
        self.hub.stop().await;
        Ok(self.bus.close().await?)
    }
}

/// What is still on its way, in words: each place of the flow that holds something, and the systems that it goes to.
pub fn on_its_way(pending: &Pending) -> String {
    let places = [
        (pending.observed, "message of observations", "messages of observations"),
        (pending.outbox, "change in the outbox", "changes in the outbox"),
    ];
    let places = places.into_iter().filter(|(count, ..)| *count > 0);
    let places = places.map(|(count, one, more)| format!("{count} {}", if count == 1 { one } else { more }));
    let systems =
        pending.to.iter().map(|(system, count)| format!("{} to {system}", counted(*count, "delivery message")));
    let unheard =
        pending.unheard.iter().map(|worker| format!("whatever the worker {worker} holds, which does not say"));
    let parts: Vec<String> = places.chain(systems).chain(unheard).collect();
    if parts.is_empty() { "nothing that is known of".to_owned() } else { parts.join(", ") }
}

/// Something is on its way still, and is not waited for any longer.
pub fn not_quiet(why: &str, pending: &Pending) -> Failure {
    let rest = on_its_way(pending);
    let message =
        format!("{why}; on their way are still: {rest}; nothing is lost: see `passerelle systems`, and run again");
    Failure::unreachable("hub.not-quiet", message)
}

/// Why nobody waits any longer: nothing has moved.
pub fn nothing_moves(patience: Duration) -> String {
    format!("nothing has moved for {} s", patience.as_secs())
}

/// Tells of systems that cannot be written to, and for which something waits.
pub fn tell_unreachable(systems: &[String]) {
    if !systems.is_empty() {
        let names = systems.join(", ");
        output::note(format!(
            "passerelle: changes wait for systems that are paused or halted: {names} [hub.not-quiet]"
        ));
    }
}

/// Has a command carried out: by the hub that runs beside, or else by one in this process.
///
/// # Errors
/// Why it could not be carried out, or that nobody answered in time.
pub async fn carry_out(directory: &Path, command: &Command, patience: Duration) -> Result<String, Failure> {
    let configuration = configuration(directory)?;
    let place = configuration.store_place()?;
    if place.is_hub_running().await? {
        let store = place.open_beside().await?;
        return submit(&*store, command, patience).await;
    }
    let session = Session::start(configuration, Mode::OnDemand).await?;
    let answer = submit(&*session.store, command, patience).await;
    let settled = match &answer {
        Ok(_) => session.settle(patience).await.map(drop),
        Err(_) => Ok(()),
    };
    session.stop().await?;
    settled?;
    answer
}

/// Leaves a command in the store and waits for the hub's answer.
///
/// # Errors
/// What the hub answered, or that it did not answer in time; the command stays then and is carried out later.
pub async fn submit(store: &dyn OperateStore, command: &Command, patience: Duration) -> Result<String, Failure> {
    let number = store.submit(command, Timestamp::now()).await?;
    let asked = Instant::now();
    loop {
        if let Some(answer) = store.answer_of(number).await? {
            return answer.map_err(|reason| Failure::usage("cli.refused", reason));
        }
        if asked.elapsed() > patience {
            return Err(no_answer(patience));
        }
        tokio::time::sleep(LOOK_DELAY).await;
    }
}

/// The hub that runs beside has not answered.
pub fn no_answer(patience: Duration) -> Failure {
    let seconds = patience.as_secs();
    let message =
        format!("the hub has not answered for {seconds} s; the command stays in its queue and is carried out later");
    Failure::unreachable("hub.no-answer", message)
}

/// The hub that ran beside has ended before it answered.
pub fn no_hub() -> Failure {
    let message = "the hub has stopped before it answered; the command stays in its queue and is carried out when a hub \
                   runs again";
    Failure::unreachable("hub.no-answer", message)
}

/// A filter that lets everything through, for listings that are bounded by the configuration.
pub fn everything() -> Filter {
    Filter { count_max: 10_000, ..Filter::default() }
}
