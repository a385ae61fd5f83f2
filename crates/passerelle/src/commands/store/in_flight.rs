//! What is on its way when a store is copied.
//!
//! The bus is not copied. An observation that is on it was read already, and its source shows it no more; a delivery on it
//! has left the outbox already. Both would be missing where the store goes, if the hub goes on there with another bus.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bus::embedded::EmbeddedBus;
use bus::{Bus, BusError, Queue};
use store::copy::CopyError;

use super::end::End;
use crate::configuration::Configuration;
use crate::failure::Failure;
use crate::output::counted;
use crate::session::{self, everything};

/// Refuses to copy a store while anything is on its way on its bus. Returns the bus, if it is known and there: an embedded
/// one is nobody else's as long as it is held.
///
/// Of a store that is named by its file or address, no bus is known; then the accounting tells whether observations are on
/// their way.
///
/// # Errors
/// When a hub runs, something is on its way, or the bus or the store cannot be asked.
pub(super) async fn require_none(from: &End) -> Result<Option<Arc<dyn Bus>>, Failure> {
    // Whoever is not there is told so by the copy.
    if !from.place.may_be_there() {
        return Ok(None);
    }
    if from.place.is_hub_running().await? {
        return Err(CopyError::InUse { place: from.place.for_copy().name()? }.into());
    }
    match &from.directory {
        Some(directory) => on_bus(from, directory).await,
        None => in_accounting(from).await.map(|()| None),
    }
}

async fn on_bus(from: &End, directory: &Path) -> Result<Option<Arc<dyn Bus>>, Failure> {
    let configuration = session::configuration(directory)?;
    let Some(KnownBus { bus, place }) = open(&configuration)? else { return Ok(None) };
    // Their number may have been changed in the configuration and not on the bus yet.
    let partitions = from.place.open_beside().await?.installation().await?.partitions;
    let observed = (0..partitions.map_or(0, |partitions| partitions.count())).map(Queue::Observed);
    let mut queues: BTreeSet<Queue> = configuration.settings().queues().into_iter().chain(observed).collect();
    queues.insert(Queue::Dead);
    let mut waiting = Vec::new();
    for queue in &queues {
        let count = match bus.depth(queue).await {
            Ok((count, _)) => count,
            // A bus that has no such queue has nothing in it.
            Err(BusError::Unroutable(_)) => 0,
            Err(error) => return Err(error.into()),
        };
        if count > 0 {
            waiting.push(format!("{} in {queue}", counted(count, "message")));
        }
    }
    if waiting.is_empty() {
        return Ok(Some(bus));
    }
    let message = format!(
        "{place} is not copied, and there is on its way: {}; run `passerelle run {} --once` until nothing is, or say \
         --keep-bus if the hub goes on with this bus",
        waiting.join(", "),
        directory.display()
    );
    Err(Failure::usage(IN_FLIGHT, message))
}

/// The code of a copy that would leave something behind.
const IN_FLIGHT: &str = "store.in-flight";

/// The bus of a directory.
struct KnownBus {
    bus: Arc<dyn Bus>,
    /// How people are told of it.
    place: String,
}

/// The bus of a directory; none where an embedded one was never made.
fn open(configuration: &Configuration) -> Result<Option<KnownBus>, Failure> {
    if let Some(broker) = configuration.broker()? {
        return Ok(Some(KnownBus { bus: Arc::new(broker), place: "the broker of [bus]".to_owned() }));
    }
    let path = configuration.bus_path();
    if !path.exists() {
        return Ok(None);
    }
    let place = format!("the bus in {}", path.display());
    let bus = Arc::new(EmbeddedBus::open(path, configuration.hub.bus.options())?);
    Ok(Some(KnownBus { bus, place }))
}

async fn in_accounting(from: &End) -> Result<(), Failure> {
    let store = from.place.open_beside().await?;
    let streams = store.streams(&everything()).await?;
    let count: i64 = streams.iter().map(|status| status.total.in_flight).sum();
    if count <= 0 {
        return Ok(());
    }
    let message = format!(
        "{count} records of {} are on its bus, which is not copied; run the hub until nothing is on its way, or say \
         --keep-bus if it goes on with the same bus",
        from.place.for_copy().name()?
    );
    Err(Failure::usage(IN_FLIGHT, message))
}
