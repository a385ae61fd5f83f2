//! A whole hub in this process, from the first file to quiet: an ERP shows customers, and a ledger is fed them as files.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::Bus;
use canonical::entity::Entity;
use hub::{Hub, HubError, Missing, Mode, Role, Settings};
use store::{Export, RecordOutcome, Store};

use super::export::{MAPPING, write_export};
use super::usage::Usage;
use crate::house::{CsvFeed, CsvSystem, House, accounting};

/// How often it is looked whether everything has come to its end; the looks themselves must cost little.
const LOOK_DELAY: Duration = Duration::from_millis(50);

/// The systems, with a full export of so many customers that is to be read.
///
/// # Errors
/// What the file system answers.
pub fn house(customers: u64) -> std::io::Result<House> {
    let feed = CsvFeed { name: "customers", mapping: MAPPING, export: Export::Full, missing: Missing::Keep };
    let erp = CsvSystem { name: "erp", streams: vec![feed], subscriptions: vec![] };
    let ledger = CsvSystem { name: "ledger", streams: vec![], subscriptions: vec![(Entity::Customer, MAPPING)] };
    let house = House::new(vec![erp, ledger], &["erp"]);
    write_export(&house.path().join("erp/in/customers1.csv"), customers, "")?;
    Ok(house)
}

/// Makes sure that every customer became a master and was fed once.
///
/// # Panics
/// When not.
pub async fn check(house: &House, store: &dyn Store, customers: u64) {
    let created = accounting(store, "erp").await.get(RecordOutcome::Created);
    assert_eq!(created.cast_unsigned(), customers, "customers that became masters");
    assert_eq!(house.fed("ledger").len() as u64, customers, "customers that were fed");
}

/// How long a run took, and what it took.
pub struct Run {
    /// From the first look for files until nothing was on its way any more.
    pub time: Duration,
    /// The part of it in which files were read.
    pub collecting: Duration,
    /// Processor time before and after.
    pub usage: (Usage, Usage),
}

/// Reads every stream once and waits until everything is delivered.
///
/// # Errors
/// What the hub says.
///
/// # Panics
/// When it takes longer than it may.
pub async fn run(
    settings: Settings,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    time_max: Duration,
) -> Result<Run, HubError> {
    let systems: Vec<Arc<str>> = settings.systems.keys().cloned().collect();
    let hub = Hub::start(settings, store, bus, Mode::OnDemand, &Role::ALL).await?;
    let before = Usage::of_all();
    let begun = Instant::now();
    for system in systems {
        for stream in hub.streams(&system, None) {
            hub.collect(&stream, false, None).await?;
        }
    }
    let collecting = begun.elapsed();
    let time = quiet_since(&hub, begun, time_max).await?;
    let usage = (before, Usage::of_all());
    hub.stop().await;
    Ok(Run { time, collecting, usage })
}

/// Waits until nothing is on its way; returns when that was first seen.
async fn quiet_since(hub: &Hub, begun: Instant, time_max: Duration) -> Result<Duration, HubError> {
    let mut since = None;
    loop {
        let pending = hub.pending().await?;
        since = if pending.is_quiet() { since.or(Some(begun.elapsed())) } else { None };
        // Twice, because a message can pass between two questions of one look.
        if let Some(since) = since.filter(|since| begun.elapsed() > *since + LOOK_DELAY) {
            return Ok(since);
        }
        assert!(begun.elapsed() < time_max, "not quiet after {time_max:?}: {pending:?}");
        tokio::time::sleep(LOOK_DELAY).await;
    }
}
