//! The number of partitions changes under traffic: nothing is lost, doubled or put out of order.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bus::embedded::{EmbeddedBus, EmbeddedOptions};
use canonical::entity::Entity;
use hub::{Hub, Missing, Mode, Role};
use passerelle_tests::checker::Size;
use passerelle_tests::house::{CsvFeed, CsvSystem, House, accounting, masters, wait_until_quiet};
use passerelle_tests::mappings::{CUSTOMER_CSV, CUSTOMER_CSV_HEADER};
use store::{Export, Partitions, Store};
use tokio::task::block_in_place;

use crate::site::{Engines, Site, Worker, until, until_asked};

const PARTITIONS: &str = "PASSERELLE__LIMITS__PARTITIONS";

async fn in_force(site: &Site) -> u32 {
    let known = site.store().await.installation().await.unwrap();
    known.partitions.map_or(0, |partitions| partitions.in_force)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_on_one_machine_takes_another_number_when_it_starts() {
    let mut site = Site::new(None, Size { rounds: 8, ..Size::of(300) }, "partitions = 8\nlease_time = \"2s\"");
    site.settle();
    assert_eq!(in_force(&site).await, 8);
    for number in [4, 16, 1, 3] {
        site.next_round();
        let reader = Worker::start(&site, "collect", &[]);
        site.until_read();
        drop(reader);
        // Everything that was read is in the queues of the former number.
        assert!(site.accounting().await.in_flight > 100);
        // Later states of the same records are read as soon as the new number is in force.
        site.next_round();
        site.directory.write("passerelle.toml", format!("[limits]\npartitions = {number}\nlease_time = \"2s\"\n"));
        site.settle();
        assert_eq!(in_force(&site).await, number);
    }
    site.require_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_follow_the_one_that_was_started_last() {
    let Some(engines) = block_in_place(Engines::start) else { return };
    let mut site = Site::new(Some(engines), Size { rounds: 6, ..Size::of(600) }, "partitions = 8\nlease_time = \"2s\"");
    let start = |site: &Site, number: &str| Worker::start(site, "all", &[(PARTITIONS, number)]);
    site.settle();
    assert_eq!(in_force(&site).await, 8);
    site.next_round();
    let (one, two) = (start(&site, "8"), start(&site, "8"));
    site.next_round();
    let three = start(&site, "4");
    until_asked("four are in force", async || in_force(&site).await == 4).await;
    site.next_round();
    drop(one);
    let four = start(&site, "16");
    site.next_round();
    until_asked("sixteen are in force", async || in_force(&site).await == 16).await;
    drop(two);
    site.next_round();
    let five = start(&site, "2");
    until_asked("two are in force", async || in_force(&site).await == 2).await;
    site.next_round();
    let gone = |site: &Site| {
        let queues = site.engines.as_ref().unwrap().broker.queues();
        let observed = queues.iter().filter(|queue| queue.name.starts_with("passerelle.observed."));
        observed.count() == 2
    };
    block_in_place(|| {
        site.until_read();
        until("the queues of former numbers are gone", || gone(&site));
    });
    drop((three, four, five));
    site.directory.write("passerelle.toml", passerelle_toml(&site));
    site.settle();
    assert_eq!(in_force(&site).await, 2);
    site.require_clean().await;
}

/// The same engines, and the number that is in force.
fn passerelle_toml(site: &Site) -> String {
    let text = std::fs::read_to_string(site.directory.path("passerelle.toml")).unwrap();
    text.replace("partitions = 8", "partitions = 2")
}

async fn partitions(store: &dyn Store) -> Partitions {
    store.installation().await.unwrap().partitions.unwrap()
}

/// A worker that holds a partition stands for one that resolves it slowly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_waits_until_every_partition_is_resolved() {
    const LONG: Duration = Duration::from_secs(600);
    let customers = CsvFeed { name: "customers", mapping: CUSTOMER_CSV, export: Export::Delta, missing: Missing::Keep };
    let house = House::new(vec![CsvSystem { name: "erp", streams: vec![customers], subscriptions: vec![] }], &["erp"]);
    let mut text = CUSTOMER_CSV_HEADER.to_owned();
    (0..40).for_each(|code| writeln!(text, "C{code},Client {code},,c{code}@exemple.fr,Lyon").unwrap());
    house.drop_file("erp", "customers1.csv", &text);
    let store = house.store().await;
    let bus = Arc::new(EmbeddedBus::open(house.path().join("bus"), EmbeddedOptions::default()).unwrap());
    let start = async |partitions: u32, roles: &[Role]| {
        let mut settings = house.settings();
        settings.limits.partitions = partitions;
        Hub::start(settings, store.clone(), bus.clone(), Mode::OnDemand, roles).await.unwrap()
    };
    let reader = start(4, &[Role::Collect]).await;
    let stream = reader.streams("erp", None).remove(0);
    reader.collect(&stream, false, None).await.unwrap();
    reader.stop().await;
    let slow = store::Worker { name: "slow".into(), kinds: vec!["observed".into()] };
    let held = store.take(&slow, &["observed/3".into()], 1, LONG).await.unwrap();

    let hub = start(2, &Role::ALL).await;
    let drained = async || partitions(&*store).await.change.unwrap().drained.into_iter().collect::<Vec<_>>();
    until_asked("all others are resolved", async || drained().await == [0, 1, 2]).await;
    let early = tokio::time::timeout(Duration::from_millis(700), hub.collect(&stream, false, None)).await;
    assert!(early.is_err(), "it was read before everything was resolved");
    let now = partitions(&*store).await;
    assert_eq!((now.in_force, now.change.map(|change| change.wanted)), (4, Some(2)));

    store.give_back(&held).await.unwrap();
    hub.collect(&stream, false, None).await.unwrap();
    wait_until_quiet(&hub, Duration::from_secs(60)).await;
    until_asked("no former number is left", async || partitions(&*store).await.former.is_none()).await;
    assert_eq!(partitions(&*store).await.in_force, 2);
    assert_eq!((masters(&*store, Entity::Customer).await.len(), accounting(&*store, "erp").await.in_flight), (40, 0));
    hub.stop().await;
}
