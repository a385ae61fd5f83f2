//! `passerelle status`: how the hub stands, in a few lines.

use std::collections::BTreeMap;
use std::sync::Arc;

use hub::WorkerStatus;
use serde::Serialize;
use store::{Counts, Filter, Outcomes};

use super::beside::Beside;
use super::collect::quiet_log;
use crate::cli;
use crate::failure::{Exit, Failure};
use crate::output::{self, Table, counted};
use crate::session::{self, everything, on_its_way};

/// How a hub stands, for machines. What only a running hub knows is `null` where none runs.
#[derive(Serialize)]
struct View {
    /// Whether any worker runs, on whatever machine.
    running: bool,
    #[serde(flatten)]
    hub: Option<hub::Status>,
    /// The accounting of everything that was ever read.
    accounting: Outcomes,
    adds_up: bool,
    counts: Counts,
}

/// Tells how the hub stands.
///
/// # Errors
/// When the store cannot be asked, or a hub runs and nobody of it answers.
pub async fn status(arguments: &cli::Status) -> Result<Exit, Failure> {
    crate::log::install(&quiet_log());
    let place = session::configuration(&arguments.place.dir)?.store_place()?;
    let (hub, store) = match Beside::any(place.clone()).await? {
        Some(hub) => (Some(hub.status(arguments.patience.0).await?), hub.store),
        None => (None, place.open_beside().await?),
    };
    let streams = store.streams(&everything()).await?;
    let mut accounting = Outcomes::default();
    streams.iter().for_each(|stream| accounting.merge(&stream.total));
    let view = View {
        running: hub.is_some(),
        hub,
        adds_up: streams.iter().all(|stream| stream.total.adds_up()),
        accounting,
        counts: store.counts(&Filter::default()).await?,
    };
    if arguments.json {
        output::json(&view);
    } else {
        tell(&view);
    }
    Ok(if view.adds_up { Exit::Done } else { Exit::Bug })
}

fn tell(view: &View) {
    match &view.hub {
        None => output::line("no hub runs; what was left is carried out when one does"),
        Some(hub) => tell_hub(hub),
    }
    let Counts { parked, waiting, rejects, tasks, outbox, attempts, customers, documents, .. } = view.counts;
    let adds_up = if view.adds_up { "adds up" } else { "DOES NOT ADD UP: this is a bug, keep the store as it is" };
    let (read, in_flight) = (view.accounting.read, view.accounting.in_flight);
    output::line(format!("accounting: {read} records read, {in_flight} in flight; it {adds_up}"));
    output::line(format!(
        "master: {customers} customers, {documents} other documents; {outbox} changes not on the bus"
    ));
    output::line(format!("calls without an end: {attempts}"));
    output::line(format!("needs somebody: {parked} parked, {waiting} waiting, {rejects} rejected, {tasks} tasks"));
}

fn tell_hub(hub: &hub::Status) {
    output::line(format!("the hub runs: {}", counted(hub.workers.len(), "worker")));
    match &hub.bus_blocked {
        Some(reason) => output::line(format!("bus: TAKES NO MESSAGES NOW: {reason}; reading waits, nothing is lost")),
        None => output::line("bus: takes messages"),
    }
    let quiet = hub.pending.is_quiet();
    output::line(if quiet {
        "on its way: nothing".to_owned()
    } else {
        format!("on its way: {}", on_its_way(&hub.pending))
    });
    session::tell_unreachable(&hub.pending.unreachable);
    output::line("");
    let mut table = Table::new(&["worker", "does"]);
    for WorkerStatus { name, works, .. } in &hub.workers {
        table.row([name.to_string(), shares(works)]);
    }
    if !hub.idle.is_empty() {
        table.row(["NOBODY".to_owned(), shares(&hub.idle)]);
    }
    table.print("no worker");
    output::line("");
}

/// Pieces of work by kind: `collect crm erp, observed 0 2, relay`.
fn shares(works: &[Arc<str>]) -> String {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for work in works {
        let (kind, which) = work.split_once('/').unwrap_or((work, ""));
        kinds.entry(kind).or_default().push(which);
    }
    let kinds = kinds.into_iter().map(|(kind, which)| format!("{kind} {}", which.join(" ")).trim_end().to_owned());
    kinds.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_told_by_kind() {
        let check = |works: &[&str], expected: &str| {
            let works: Vec<Arc<str>> = works.iter().map(|work| Arc::from(*work)).collect();
            assert_eq!(shares(&works), expected);
        };
        check(&["observed/0", "observed/2", "relay", "collect/erp"], "collect erp, observed 0 2, relay");
        check(&[], "");
    }
}
