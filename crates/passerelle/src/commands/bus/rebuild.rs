//! `passerelle bus rebuild`: makes up for a bus that was lost whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hub::Rebuilt;
use serde_json::json;
use store::{LostDrop, StreamKey};

use crate::cli::BusRebuild;
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::output::{self, counted};
use crate::session::{self, Opened};

/// Makes up for a lost bus in the store, and gives the new bus what it needs.
///
/// # Errors
/// When a hub runs, or store or bus cannot be opened.
pub async fn rebuild(arguments: &BusRebuild) -> Result<Exit, Failure> {
    let configuration = session::configuration(&arguments.place.dir)?;
    crate::log::install(&crate::commands::collect::quiet_log());
    let place = configuration.store_place()?;
    if !place.may_be_there() {
        return Err(Failure::usage("bus.no-store", "there is no store yet, so nothing can be lost; start the hub"));
    }
    if place.is_hub_running().await? {
        let message = "a worker of this hub runs; stop every one of them, rebuild the bus, and start them again";
        return Err(Failure::usage("bus.in-use", message));
    }
    let read = streams(&configuration);
    let rebuilt = Opened::open(configuration).await?.rebuild().await?;
    if arguments.json {
        output::json(&view(&rebuilt));
    } else {
        tell(&rebuilt);
    }
    let is_read = |stream: &StreamKey| read.contains(&(stream.system.clone(), stream.stream.clone()));
    for LostDrop { stream, number, name, .. } in rebuilt.drops.iter().filter(|lost| !is_read(&lost.stream)) {
        output::note(format!(
            "passerelle: nothing reads {}/{} any more, so what drop {number} ({name}) has lost stays lost; configure the \
             stream again to have it back [{LOST_STREAM}]",
            stream.system, stream.stream
        ));
    }
    Ok(Exit::Done)
}

/// The code of what stays lost, because nobody reads it any more.
const LOST_STREAM: &str = "bus.lost-stream";

/// The streams that a hub of this configuration reads.
fn streams(configuration: &Configuration) -> BTreeSet<(Arc<str>, Arc<str>)> {
    let systems = configuration.systems.values();
    let of = |system: &Arc<hub::System>| {
        let name = system.name.clone();
        system.streams.keys().map(|stream| (name.clone(), stream.clone())).collect::<Vec<_>>()
    };
    systems.flat_map(of).collect()
}

fn tell(Rebuilt { drops, deliveries }: &Rebuilt) {
    for LostDrop { stream, number, name, in_flight, .. } in drops {
        let records = counted(usize::try_from(*in_flight).unwrap_or(usize::MAX), "record");
        let (system, stream) = (&stream.system, &stream.stream);
        output::line(format!("{system}/{stream}: drop {number} ({name}), {records} in flight: published again"));
    }
    for (system, count) in deliveries.iter().filter(|(_, count)| **count > 0) {
        let masters = counted(usize::try_from(*count).unwrap_or(usize::MAX), "master");
        output::line(format!("{system}: {masters} to be delivered, or found to be there"));
    }
    let is_whole = drops.is_empty() && deliveries.values().all(|count| *count == 0);
    let found = if is_whole { "nothing was missing" } else { "the hub does this when it is started" };
    output::line(format!("the bus is rebuilt; {found}"));
}

/// The same for machines.
fn view(Rebuilt { drops, deliveries }: &Rebuilt) -> serde_json::Value {
    let drop = |lost: &LostDrop| {
        json!({
            "tenant": lost.stream.tenant, "system": lost.stream.system, "stream": lost.stream.stream,
            "drop": lost.number, "name": lost.name, "in_flight": lost.in_flight,
        })
    };
    let deliveries: BTreeMap<&Arc<str>, &u64> = deliveries.iter().collect();
    json!({ "drops": drops.iter().map(drop).collect::<Vec<_>>(), "deliveries": deliveries })
}
