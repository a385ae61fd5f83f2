//! The bus is lost whole while traffic is under way, and is rebuilt: the end is that of an undisturbed run.

use std::time::Duration;

use passerelle_tests::checker::Size;
use tokio::task::block_in_place;

use crate::site::{Engines, Site, Worker, until_asked};

/// Removes everything that is on the bus.
fn lose_bus(site: &Site) {
    match &site.engines {
        Some(Engines { broker, .. }) => {
            broker.control(0, &["delete_vhost", "/"]);
            broker.control(0, &["add_vhost", "/"]);
            broker.control(0, &["set_permissions", "guest", ".*", ".*", ".*"]);
        }
        None => std::fs::remove_dir_all(site.directory.path("data/bus")).unwrap(),
    }
}

/// Loses the bus and rebuilds it; returns how many drops had lost something, and how many deliveries are done again.
fn lose_and_rebuild(site: &Site) -> (usize, u64) {
    lose_bus(site);
    site.directory.run(&["run", "--once"]).with(2).tells(&["passerelle bus rebuild", "[bus.other]"]);
    let rebuild = || site.directory.run(&["bus", "rebuild", "--json"]).with(0).json();
    let first = rebuild();
    // A second time changes nothing of what is to be done.
    assert_eq!(rebuild()["drops"], first["drops"]);
    let deliveries = first["deliveries"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    (first["drops"].as_array().unwrap().len(), deliveries)
}

async fn lost_and_rebuilt(engines: Option<Engines>) {
    let mut site = Site::new(engines, Size { rounds: 5, ..Size::of(400) }, "lease_time = \"2s\"");
    site.next_round();
    site.settle();

    // Everything that was read is on the bus, and nothing is resolved.
    site.next_round();
    let reader = Worker::start(&site, "collect", &[]);
    site.until_read();
    drop(reader);
    let in_flight = site.accounting().await.in_flight;
    assert!(in_flight > 100, "{in_flight} records in flight");
    // A drop of each of the four streams.
    assert_eq!(lose_and_rebuild(&site).0, 4);
    assert_eq!(site.accounting().await.in_flight, in_flight);
    site.settle();

    // Everything is resolved, and every delivery is on the bus.
    site.next_round();
    let resolver = Worker::start(&site, "collect,resolve", &[]);
    site.until_read();
    let store = site.store().await;
    until_asked("every change is on the bus", async || {
        site.accounting().await.in_flight == 0 && store.counts(&store::Filter::default()).await.unwrap().outbox == 0
    })
    .await;
    drop(resolver);
    let (drops, deliveries) = lose_and_rebuild(&site);
    assert!(drops == 0 && deliveries > 50, "{drops} drops, {deliveries} deliveries");
    site.settle();

    // In the middle of everything.
    for pause_ms in [300, 900] {
        site.next_round();
        let worker = Worker::start(&site, "all", &[]);
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        drop(worker);
        lose_and_rebuild(&site);
        site.settle();
    }
    assert!(!site.next_round());
    site.require_clean().await;
    // Nothing is left to be done again.
    site.settle();
    assert_eq!(site.store().await.mark_lost().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_on_one_machine_is_rebuilt() {
    lost_and_rebuilt(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_on_a_broker_is_rebuilt() {
    let Some(engines) = block_in_place(Engines::start) else { return };
    lost_and_rebuilt(Some(engines)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drop_that_is_in_no_archive_is_handed_in_again() {
    let mut site = Site::new(None, Size { rounds: 2, ..Size::of(60) }, "lease_time = \"2s\"");
    site.next_round();
    site.settle();
    site.next_round();
    let reader = Worker::start(&site, "collect", &[]);
    site.until_read();
    drop(reader);
    lose_and_rebuild(&site);
    let archived = site.directory.files("erp/in/archive");
    let lost = archived.iter().max().unwrap();
    let kept = site.directory.path(lost.file_stem().unwrap().to_str().unwrap());
    std::fs::rename(lost, &kept).unwrap();
    let outcomes = site.accounting().await;

    site.directory.run(&["run", "--once"]).with(1).tells(&["collect.lost-with-bus", "hand it in again"]);
    let after = site.accounting().await;
    let rejected = |outcomes: &store::Outcomes| outcomes.get(store::RecordOutcome::Rejected);
    assert_eq!((after.in_flight, rejected(&after) - rejected(&outcomes)), (0, 1), "{after:?}");
    assert!(after.read < outcomes.read, "what was lost does not count as read: {} {}", after.read, outcomes.read);
    site.directory.run(&["ingest", "erp", kept.to_str().unwrap()]).with(0);
    site.pick_up();
    // The reject stays, and is one record more.
    assert_eq!(site.accounting().await.read, outcomes.read + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_is_rebuilt_only_when_nobody_works() {
    let mut site = Site::new(None, Size { rounds: 1, ..Size::of(20) }, "");
    site.directory.run(&["bus", "rebuild"]).with(2).tells(&["there is no store yet", "[bus.no-store]"]);
    site.next_round();
    let worker = Worker::start(&site, "all", &[]);
    site.until_read();
    site.directory.run(&["bus", "rebuild"]).with(2).tells(&["a worker of this hub runs", "[bus.in-use]"]);
    drop(worker);
    // Also a bus that has lost nothing can be rebuilt.
    site.directory.run(&["bus", "rebuild"]).with(0);
    site.settle();
    site.require_clean().await;
    let told = site.directory.run(&["bus", "rebuild"]).with(0).out;
    assert!(told.contains("nothing was missing"), "{told}");
}
