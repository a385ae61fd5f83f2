//! The bus that belongs to a store: recognising it, noticing that it lost everything, and making up for that.
//!
//! What is only on the bus can be told from the store:
//!
//! - **observations**: the store knows which records of which drops were published, and which of them were resolved.
//!   A drop with others is marked, and whoever reads its stream next publishes those once more (`collect::again`);
//! - **deliveries**: a message is a trigger only. What a system is not known to hold in its current version is noted in its
//!   backlog, from where the relay publishes it;
//! - **the outbox** is in the store, and so is what was parked.
//!
//! All of it can be done twice: resolve knows what it has seen, and a delivery of what a system holds is none.
//!
//! A bus carries a mark that the store knows. One without it is another one, or has lost its queues: a hub refuses to
//! start with it, because what was under way would be missing for ever and nobody would be told.

use std::collections::BTreeMap;
use std::sync::Arc;

use bus::{Bus, BusError, Queue};
use canonical::entity::Entity;
use store::{Installation, InstallationStep, LostDrop, Store};
use tokio::time::{Duration, Instant};

use crate::context::Context;
use crate::fault::HubError;
use crate::partitions;
use crate::settings::Settings;

/// How many masters are looked at in one transaction.
const MASTERS_MAX: usize = 10_000;

/// How often a hub that runs looks whether its bus is still the one.
const WATCH_DELAY: Duration = Duration::from_secs(30);

/// What a rebuilt bus will carry again.
#[derive(Clone, Debug, PartialEq)]
pub struct Rebuilt {
    /// Drops of which observations were lost, by number. Who reads their streams next publishes them again.
    pub drops: Vec<LostDrop>,
    /// How many masters are delivered again, or found to be there, by system.
    pub deliveries: BTreeMap<Arc<str>, u64>,
}

/// Makes up for a bus that was lost whole, in the store, and gives the new one its queues and its mark. The workers that
/// start afterwards do the rest by themselves.
///
/// Only while no worker runs. It can be done again at any time, also with a bus that has lost nothing.
///
/// # Errors
/// What store or bus say; then it is to be done again.
pub async fn rebuild(settings: &Settings, store: &dyn Store, bus: &dyn Bus) -> Result<Rebuilt, HubError> {
    let before = begin(store, settings).await?;
    let drops = store.mark_lost().await?;
    let mut deliveries = BTreeMap::new();
    for system in settings.systems.values().filter(|system| !system.subscriptions.is_empty()) {
        let entities: Vec<Entity> = system.subscriptions.keys().cloned().collect();
        let mut after = None;
        loop {
            let (last, count) =
                store.deliver_again(&system.tenant, &system.name, &entities, after, MASTERS_MAX).await?;
            *deliveries.entry(system.name.clone()).or_default() += count;
            after = last;
            if after.is_none() {
                break;
            }
        }
    }
    let now = store.take_step(&InstallationStep::Replace { fresh_mark: fresh_mark() }).await?;
    equip(store, bus, settings, &now).await?;
    if let Some(earlier) = before.bus {
        // The bus may be the same one, which needs only one mark.
        bus.remove(&[Queue::Mark(earlier.mark.into())]).await?;
    }
    Ok(Rebuilt { drops, deliveries })
}

/// Makes sure that this bus belongs to the store, and that its queues are there. Returns how many partitions it has.
pub(crate) async fn recognise(store: &dyn Store, bus: &dyn Bus, settings: &Settings) -> Result<u32, HubError> {
    let mut known = begin(store, settings).await?;
    let in_force = known.partitions.as_ref().map_or(1, |partitions| partitions.in_force);
    if let Some(mark) = known.bus.as_ref().filter(|mark| mark.is_set) {
        require_queue(bus, &Queue::Mark(mark.mark.as_str().into())).await?;
        for queue in partitions::queues(0..in_force) {
            require_queue(bus, &queue).await?;
        }
    }
    equip(store, bus, settings, &known).await?;
    let configured = settings.limits.partitions.clamp(1, store::PARTITIONS_MAX);
    let heads_for = |known: &Installation| {
        let partitions = known.partitions.as_ref()?;
        Some(partitions.change.as_ref().map_or(partitions.in_force, |change| change.wanted))
    };
    if heads_for(&known) != Some(configured) {
        known = store.take_step(&InstallationStep::Want { wanted: configured }).await?;
        tracing::info!(
            in_force,
            wanted = heads_for(&known),
            "the number of partitions changes: reading waits until all that was read is resolved"
        );
    }
    Ok(in_force)
}

async fn begin(store: &dyn Store, settings: &Settings) -> Result<Installation, HubError> {
    let known = store.installation().await?;
    if known.bus.is_some() && known.partitions.is_some() {
        return Ok(known);
    }
    let configured = settings.limits.partitions;
    Ok(store.take_step(&InstallationStep::Begin { fresh_mark: fresh_mark(), configured }).await?)
}

/// Makes the queues of a bus, and the mark where it has none yet.
async fn equip(store: &dyn Store, bus: &dyn Bus, settings: &Settings, known: &Installation) -> Result<(), HubError> {
    let in_force = known.partitions.as_ref().map_or(1, |partitions| partitions.in_force);
    let fed = settings.systems.values().filter(|system| !system.subscriptions.is_empty());
    let mut queues = partitions::queues(0..in_force);
    queues.extend(fed.map(|system| Queue::Delivery(system.name.clone())));
    bus.declare(&queues).await?;
    if let Some(mark) = known.bus.as_ref().filter(|mark| !mark.is_set) {
        bus.declare(&[Queue::Mark(mark.mark.as_str().into())]).await?;
        store.take_step(&InstallationStep::Marked { mark: mark.mark.clone() }).await?;
    }
    Ok(())
}

/// A mark that no bus has.
fn fresh_mark() -> String {
    format!("{:032x}", fastrand::u128(..))
}

async fn require_queue(bus: &dyn Bus, queue: &Queue) -> Result<(), HubError> {
    match bus.depth(queue).await {
        Err(BusError::Unroutable(_)) => Err(HubError::OtherBus(format!(
            "the bus has no queue {queue}, and the one that belongs to this store has: this is another bus, or it has lost \
             what was on it"
        ))),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

/// Looks now and then whether the bus of a running hub has lost everything.
#[derive(Default)]
pub(crate) struct Watch {
    looked: Option<Instant>,
}

impl Watch {
    /// Says aloud when the bus is not the one any more. What still comes and goes does no harm, and is made up for with
    /// the rest.
    pub async fn look(&mut self, context: &Context) -> Result<(), HubError> {
        if self.looked.is_some_and(|looked| looked.elapsed() < WATCH_DELAY) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let Some(mark) = context.store.installation().await?.bus.filter(|mark| mark.is_set) else { return Ok(()) };
        match require_queue(&*context.bus, &Queue::Mark(mark.mark.into())).await {
            Err(error @ HubError::OtherBus(_)) => {
                tracing::error!(%error, "something of what was on its way is lost");
                Ok(())
            }
            looked => looked,
        }
    }
}
