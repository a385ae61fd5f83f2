//! Several workers on one store share the work of a hub; when one is gone the others go on, and nothing is lost or doubled.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::Bus;
use bus::embedded::{EmbeddedBus, EmbeddedOptions};
use canonical::entity::Entity;
use hub::{Hub, Missing, Mode, Role};
use passerelle_tests::house::{CsvFeed, CsvSystem, House, accounting, masters, wait_until_quiet};
use passerelle_tests::mappings::{CUSTOMER_CSV, CUSTOMER_CSV_HEADER};
use passerelle_tests::servers::PostgreSql;
use store::postgres::{PostgresOptions, PostgresStore};
use store::{Export, LeaseStore, RecordOutcome, Store};

#[path = "workers/commands.rs"]
mod commands;
#[path = "workers/shared.rs"]
mod shared;

/// Two systems that show the same customers, and two that are fed.
fn house() -> House {
    let feed = |name| CsvFeed { name, mapping: CUSTOMER_CSV, export: Export::Delta, missing: Missing::Keep };
    let source = |name| CsvSystem { name, streams: vec![feed("customers")], subscriptions: vec![] };
    let subscriber = |name| CsvSystem { name, streams: vec![], subscriptions: vec![(Entity::Customer, CUSTOMER_CSV)] };
    House::new(vec![source("erp"), source("shop"), subscriber("crm"), subscriber("ledger")], &["erp", "shop"])
}

/// A SIREN that passes its check.
fn siren(number: u32) -> String {
    let body = format!("{:08}", 10_000_000 + number);
    let digits = body.bytes().rev().enumerate().map(|(index, digit)| {
        let digit = u32::from(digit - b'0') * if index % 2 == 0 { 2 } else { 1 };
        digit / 10 + digit % 10
    });
    format!("{body}{}", (10 - digits.sum::<u32>() % 10) % 10)
}

fn export(prefix: &str, count: u32) -> String {
    let mut text = CUSTOMER_CSV_HEADER.to_owned();
    for number in 0..count {
        writeln!(text, "{prefix}{number},Société {number},{},,Lyon", siren(number)).unwrap();
    }
    text
}

/// The time after which another worker takes over.
const LEASE: Duration = Duration::from_secs(2);

struct Site {
    server: PostgreSql,
    house: House,
    bus: Arc<dyn Bus>,
}

impl Site {
    /// `None`, said aloud, where there is no PostgreSQL.
    fn new() -> Option<Self> {
        let server = PostgreSql::start_new()?;
        server.create_database("hub");
        let house = house();
        let bus = Arc::new(EmbeddedBus::open(house.path().join("bus"), EmbeddedOptions::default()).unwrap());
        Some(Site { server, house, bus })
    }

    async fn store(&self) -> Arc<PostgresStore> {
        PostgresStore::open(&self.server.url("hub"), PostgresOptions::default()).await.unwrap()
    }

    async fn worker(&self, mode: Mode, roles: &[Role]) -> Hub {
        let mut settings = self.house.settings();
        settings.limits.lease_time = LEASE;
        settings.limits.partitions = 4;
        Hub::start(settings, self.store().await, self.bus.clone(), mode, roles).await.unwrap()
    }

    /// How many pieces of work each worker has.
    async fn shares(&self) -> BTreeMap<Arc<str>, usize> {
        let mut shares = BTreeMap::new();
        for status in self.store().await.leases().await.unwrap() {
            *shares.entry(status.worker.unwrap_or_default()).or_default() += 1;
        }
        shares
    }

    /// Every subscriber has every customer once, and every record has one outcome.
    async fn check(&self, count: u32) {
        let store = self.store().await;
        assert_eq!(masters(&*store, Entity::Customer).await.len(), count as usize);
        for system in ["erp", "shop"] {
            let outcomes = accounting(&*store as &dyn Store, system).await;
            assert_eq!((outcomes.read, outcomes.get(RecordOutcome::Created)), (count.into(), count.into()), "{system}");
        }
        for system in ["crm", "ledger"] {
            let mut names: Vec<String> =
                self.house.fed(system).iter().map(|row| row.split(',').nth(1).unwrap().to_owned()).collect();
            let rows = names.len();
            names.sort();
            names.dedup();
            assert_eq!((rows, names.len()), (count as usize, count as usize), "{system}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_worker_is_gone_the_other_goes_on() {
    const COUNT: u32 = 3_000;
    let Some(site) = Site::new() else { return };
    let (one, other) = (site.worker(Mode::OnDemand, &Role::ALL).await, site.worker(Mode::OnDemand, &Role::ALL).await);
    // Work is shared evenly after a few rounds: 4 partitions, 2 readings, 2 deliveries, relay, operate.
    let begun = Instant::now();
    loop {
        let shares = site.shares().await;
        let is_even = shares.len() == 2 && shares.values().all(|share| (4..=6).contains(share));
        if is_even {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{shares:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for (system, prefix) in [("erp", "E"), ("shop", "S")] {
        site.house.drop_file(system, "customers1.csv", &export(prefix, COUNT));
    }
    // Whoever has the stream reads it; the other tells it so through the store.
    let reading: Vec<_> =
        ["erp", "shop"].map(|system| (Arc::<str>::from(system), Arc::<str>::from("customers"))).into_iter().collect();
    let both = async {
        for name in &reading {
            // Read to its end by one of the two; the worker that goes away may have begun.
            other.collect(name, false, None).await.unwrap();
        }
    };
    let gone = async {
        let store = site.store().await;
        let begun = Instant::now();
        while masters(&*store, Entity::Customer).await.len() < 200 {
            assert!(begun.elapsed() < Duration::from_secs(30), "nothing was resolved");
            for name in &reading {
                let _ = tokio::time::timeout(Duration::from_millis(200), one.collect(name, false, None)).await;
            }
        }
        // No farewell: its leases run out.
        drop(one);
    };
    tokio::join!(both, gone);
    wait_until_quiet(&other, Duration::from_secs(60)).await;
    assert_eq!(site.shares().await.len(), 1, "the other has everything");
    other.stop().await;
    site.check(COUNT).await;
}
