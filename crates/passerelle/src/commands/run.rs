//! `passerelle run`: the hub and its console until somebody says stop, or once through.

use std::sync::Arc;

use console::Readiness;
use hub::Mode;
use store::Store;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::beside::Beside;
use super::rejected;
use crate::accounting::Accounting;
use crate::cli::{Role, Run};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::live::{self, LiveState};
use crate::output;
use crate::progress::Bar;
use crate::session::{self, Opened, Session};

/// Runs the hub.
///
/// # Errors
/// When it cannot start, or a part of it ends that should not.
pub async fn run(arguments: &Run) -> Result<Exit, Failure> {
    let configuration = session::configuration(&arguments.dir)?;
    crate::log::install(&configuration.hub.log);
    if arguments.once { once(configuration, arguments).await } else { until_stopped(configuration, arguments).await }
}

/// Reads every stream once, waits until nothing is on its way, and prints the accounting.
///
/// A hub that runs beside does it, on whatever machine.
async fn once(configuration: Configuration, arguments: &Run) -> Result<Exit, Failure> {
    if let Some(hub) = Beside::find(configuration.store_place()?).await? {
        let (before, newest_reject) = (Accounting::take(&*hub.store).await?, rejected::newest(&*hub.store).await?);
        let read = read_all_beside(&hub, &configuration, arguments).await?;
        let run = Accounting::take(&*hub.store).await?.since(&before);
        return tell(&*hub.store, &run, newest_reject, read, arguments).await;
    }
    let session = Session::start(configuration, Mode::OnDemand).await?;
    let store = session.store.clone();
    let (before, newest_reject) = (Accounting::take(&*store).await?, rejected::newest(&*store).await?);
    let result = read_all(&session, arguments).await;
    let after = Accounting::take(&*store).await;
    session.stop().await?;
    tell(&*store, &after?.since(&before), newest_reject, result?, arguments).await
}

/// What could not be read, and the systems that cannot be written to now.
type Read = (Vec<Failure>, Vec<String>);

/// Prints what a run came to.
async fn tell(
    store: &dyn Store,
    run: &Accounting,
    newest_reject: u64,
    (faults, unreachable): Read,
    arguments: &Run,
) -> Result<Exit, Failure> {
    run.print(arguments.json);
    rejected::tell_since(store, newest_reject).await?;
    for fault in &faults {
        output::note(format!("passerelle: {fault}"));
    }
    session::tell_unreachable(&unreachable);
    Ok(ending(run, &faults))
}

fn ending(run: &Accounting, faults: &[Failure]) -> Exit {
    if !run.adds_up() {
        return Exit::Bug;
    }
    // The worst that happened to a stream is how the run ended.
    let worst = faults.iter().map(|fault| fault.exit).max_by_key(|exit| *exit as u8);
    worst.unwrap_or(if run.has_trouble() { Exit::Differs } else { Exit::Done })
}

/// Has the hub that runs beside read every stream.
async fn read_all_beside(hub: &Beside, configuration: &Configuration, arguments: &Run) -> Result<Read, Failure> {
    let patience = arguments.patience.0;
    let mut faults = Vec::new();
    for (name, system) in &configuration.systems {
        for stream in system.streams.keys() {
            if let Err(failure) = hub.collect(name, Some(stream), false, patience).await {
                faults.push(of_stream(failure, name, stream));
            }
        }
    }
    let pending = hub.settle(patience).await?;
    if !pending.is_quiet() {
        return Err(session::not_quiet(&session::nothing_moves(patience), &pending));
    }
    Ok((faults, pending.unreachable))
}

/// A failure of one stream.
fn of_stream(mut failure: Failure, system: &str, stream: &str) -> Failure {
    failure.message = format!("{system}/{stream}: {}", failure.message);
    failure
}

async fn read_all(session: &Session, arguments: &Run) -> Result<Read, Failure> {
    let systems = session.configuration.systems.values();
    let streams = systems.flat_map(|system| system.streams.keys().map(|stream| (&**system, &**stream)));
    crate::pick_up::settled(&session.configuration.directory, streams).await;
    let mut faults = Vec::new();
    for system in session.configuration.systems.keys() {
        for name in session.hub.streams(system, None) {
            let bar = Bar::new(&name);
            let read = session.hub.collect(&name, false, Some(bar.teller())).await;
            bar.finish();
            if let Err(error) = read {
                faults.push(of_stream(error.into(), &name.0, &name.1));
            }
        }
    }
    let pending = session.settle(arguments.patience.0).await?;
    Ok((faults, pending.unreachable))
}

/// Runs hub and console until SIGTERM or SIGINT.
async fn until_stopped(configuration: Configuration, arguments: &Run) -> Result<Exit, Failure> {
    let address = configuration.hub.console.listen;
    // The lock comes first: of two hubs on one directory the second must hear of the first, not of a port.
    let opened = Opened::open(configuration).await?;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let message = format!("the console cannot listen on {address}: {error}; set listen in [console]");
        Failure::unreachable("console.listen", message)
    })?;
    let address = listener.local_addr().map_or(address, |bound| bound);
    // Before anything runs, so that no signal in between is lost.
    let mut terminate = handler(SignalKind::terminate())?;
    let mut interrupt = handler(SignalKind::interrupt())?;
    let metrics =
        console::recorder().inspect_err(|error| tracing::warn!(%error, "the process's own metrics are not shown")).ok();
    let mut session = opened.start(Mode::Scheduled, &Role::roles(&arguments.role)).await?;
    let (readiness, ready) = watch::channel(Readiness::Ready);
    let stop = CancellationToken::new();
    let state = Arc::new(LiveState::new(session.hub.next_runs()));
    let look = tokio::spawn(live::keep_looking(
        state.clone(),
        session.store.clone(),
        session.bus.clone(),
        live::fed_systems(&session.configuration),
        stop.clone(),
    ));
    let console = console::Console {
        store: session.store.clone(),
        systems: live::system_views(&session.configuration),
        rules: session.configuration.rules(),
        matching: session.configuration.matching(),
        readiness: ready,
        metrics,
        live: Some(state),
        version: env!("CARGO_PKG_VERSION"),
        limits: console::Limits::default(),
    };
    let mut served = tokio::spawn(console::serve(listener, console, stop.clone()));
    tracing::info!(directory = %session.configuration.directory.display(), console = %format!("http://{address}/"), "the hub runs");
    let mut console_ended = false;
    let ended = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        error = session.hub.watch() => Err(Failure::bug(error.err().map_or_else(|| "every task of the hub ended".to_owned(), |error| error.to_string()))),
        served = &mut served => {
            console_ended = true;
            Err(Failure::unreachable("console.ended", served_reason(served)))
        }
    };
    tracing::info!("the hub stops; what is under way is ended first");
    // Whoever balances load must learn of it before anything is closed.
    readiness.send_replace(Readiness::NotReady("the hub is stopping".into()));
    session.stop().await?;
    stop.cancel();
    if !console_ended {
        served.await.ok();
    }
    look.await.ok();
    tracing::info!("the hub has stopped");
    ended.map(|()| Exit::Done)
}

fn handler(kind: SignalKind) -> Result<tokio::signal::unix::Signal, Failure> {
    signal(kind).map_err(|error| Failure::unreachable("cli.runtime", format!("signals cannot be received: {error}")))
}

fn served_reason(served: Result<std::io::Result<()>, tokio::task::JoinError>) -> String {
    match served {
        Ok(Ok(())) => "the console has ended by itself".to_owned(),
        Ok(Err(error)) => format!("the console has ended: {error}"),
        Err(error) => format!("the console has failed: {error}"),
    }
}
