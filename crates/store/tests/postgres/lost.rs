//! Connections that break, and a server that goes away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use canonical::record::ContentHash;
use jiff::Timestamp;
use store::postgres::{PostgresOptions, PostgresStore};
use store::{
    CollectStore, Collected, Command, Export, Filter, NewDrop, OperateStore, Outcomes, ResolveStore, Resolved, Store,
    StoreError, StreamKey,
};

use super::proxy::{Loses, Proxy};
use super::server::{self, server};

const PATIENCE: Duration = Duration::from_secs(30);

fn stream() -> StreamKey {
    StreamKey { tenant: "acme".into(), system: "erp".into(), stream: "customers".into() }
}

async fn drop_of(store: &dyn Store) -> u64 {
    let drop = NewDrop {
        stream: stream(),
        name: "customers.csv".to_owned(),
        fingerprint: Some(ContentHash([1; 16])),
        bytes: None,
        export: Export::Delta,
        mapping: "mapping-1".to_owned(),
        at: Timestamp::UNIX_EPOCH,
        again: false,
    };
    store.open_drop(drop).await.unwrap().number
}

/// A step that counts ten records: done twice, it would count twenty.
fn step(drop: u64) -> Collected {
    Collected {
        stream: stream(),
        drop,
        checkpoint: None,
        published: Vec::new(),
        ordinals: Vec::new(),
        seen: Vec::new(),
        removed: Vec::new(),
        rejects: Vec::new(),
        tasks: Vec::new(),
        outcomes: Outcomes { read: 10, rows: 10, in_flight: 10, ..Outcomes::default() },
        end: None,
        at: Timestamp::UNIX_EPOCH,
    }
}

async fn read(store: &dyn Store) -> i64 {
    store.drops(&Filter::default()).await.unwrap()[0].outcomes.read
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_asked_for() {
    let Some(server) = server() else { return };
    let proxy = Proxy::to(server.port()).await;
    let store = PostgresStore::open(&proxy.url(), server.options()).await.unwrap();
    let drop = drop_of(&*store).await;
    proxy.lose(Loses::Answer);
    // It was carried out, so it succeeds; and is not done again.
    store.commit_collected(step(drop)).await.unwrap();
    assert!(proxy.has_lost(), "the answer was not lost");
    assert_eq!(read(&*store).await, 10);
    proxy.lose(Loses::Request);
    // It was not carried out, so it fails; and may be done again.
    let outcome = store.commit_collected(step(drop)).await;
    assert!(matches!(outcome, Err(StoreError::Unreachable(_))), "{outcome:?}");
    assert!(proxy.has_lost());
    assert_eq!(read(&*store).await, 10);
    store.commit_collected(step(drop)).await.unwrap();
    assert_eq!(read(&*store).await, 20);
    // The same for a resolution.
    proxy.lose(Loses::Answer);
    let outcomes = [(drop, Outcomes { in_flight: -5, ..Outcomes::default() })].into();
    let resolution = store.begin_resolve("acme").await.unwrap();
    resolution.commit(Resolved { outcomes, ..Resolved::default() }).await.unwrap();
    let shown = store.drops(&Filter::default()).await.unwrap()[0].outcomes.in_flight;
    assert_eq!(shown, 15);
}

#[tokio::test]
async fn a_call_that_is_given_up_at_any_moment_leaves_no_transaction_behind() {
    let Some(server) = server() else { return };
    // Few connections, so that the next call has what the one before has left.
    let options = PostgresOptions { connections_max: 2, ..server.options() };
    let store = PostgresStore::open(&server.url(), options).await.unwrap();
    let everything = Filter::default();
    for steps in 0..12 {
        // A transaction that writes has asked something as soon as it has begun.
        let mut call = store.begin_resolve("acme");
        // Given up after so many steps: before, while and after the transaction begins.
        for _ in 0..steps {
            if futures::poll!(call.as_mut()).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
        let read = store.streams(&everything).await;
        assert!(read.is_ok(), "after {steps} steps: {read:?}");
        store.begin_resolve("acme").await.unwrap().commit(Resolved::default()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_the_server_ends_are_replaced() {
    let Some(server) = server() else { return };
    let options = PostgresOptions { application_name: "to be ended".to_owned(), ..server.options() };
    let store = PostgresStore::open(&server.url(), options).await.unwrap();
    let begun = Instant::now();
    for _ in 0..5 {
        let mut resolution = store.begin_resolve("acme").await.unwrap();
        resolution.reserve(1, 1).await.unwrap();
        server.query(
            "hub",
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'to be ended'",
        );
        // What was under way is lost as a whole.
        let outcome = resolution.commit(Resolved::default()).await;
        assert!(matches!(outcome, Err(StoreError::Unreachable(_))), "{outcome:?}");
        // And the next call goes on, at the latest when it is repeated as callers do.
        while store.submit(&Command::Pause { system: "crm".to_owned() }, Timestamp::UNIX_EPOCH).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "the store does not come back");
        }
    }
    assert_eq!(store.pending().await.unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resolution_that_is_given_up_frees_what_it_held() {
    let Some(server) = server() else { return };
    let store = PostgresStore::open(&server.url(), server.options()).await.unwrap();
    let key = vec!["customer:siren:1".to_owned()];
    for _ in 0..50 {
        let mut first = store.begin_resolve("acme").await.unwrap();
        first.matches(&key).await.unwrap();
        let waiting = {
            let (store, key) = (Arc::clone(&store), key.clone());
            tokio::spawn(async move { store.begin_resolve("acme").await?.matches(&key).await })
        };
        tokio::task::yield_now().await;
        drop(first);
        tokio::time::timeout(PATIENCE, waiting).await.expect("the lock stays").unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_and_starts_again() {
    let Some(server) = server::start() else { return };
    let url = format!("postgres://hub@127.0.0.1:{}/postgres", server.port());
    let store = PostgresStore::open(&url, server.options()).await.unwrap();
    let drop = drop_of(&*store).await;
    store.commit_collected(step(drop)).await.unwrap();
    for way in ["fast", "immediate"] {
        let before = read(&*store).await;
        server.command(&format!("stop {way}"));
        let outcome = store.commit_collected(step(drop)).await;
        assert!(matches!(outcome, Err(StoreError::Unreachable(_))), "{outcome:?}");
        let told = outcome.map(|_| ()).unwrap_err().to_string();
        assert!(told.contains(&format!("postgres://hub@127.0.0.1:{}/postgres", server.port())), "{told}");
        server.command("start");
        let begun = Instant::now();
        while store.commit_collected(step(drop)).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "the store does not come back");
        }
        assert_eq!(read(&*store).await, before + 10);
    }
}

/// A transaction that wrote nothing durable leaves its number to another one after a crash, which commits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_of_a_transaction_that_a_crash_took_says_nothing() {
    let Some(server) = server::start() else { return };
    let proxy = Proxy::to(server.port()).await;
    let url = proxy.url().replace("/hub?", "/postgres?");
    let store = PostgresStore::open(&url, server.options()).await.unwrap();
    let resolution = store.begin_resolve("acme").await.unwrap();
    proxy.lose(Loses::Server);
    let commit = tokio::spawn(resolution.commit(Resolved::default()));
    let begun = Instant::now();
    while !proxy.is_away() {
        assert!(begun.elapsed() < PATIENCE, "no commit came by");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.command("stop immediate");
    server.command("start");
    for _ in 0..20 {
        server.query("postgres", "SELECT pg_current_xact_id()");
    }
    proxy.lose(Loses::Nothing);
    let outcome = tokio::time::timeout(PATIENCE, commit).await.expect("an answer").unwrap();
    assert!(matches!(outcome, Err(StoreError::Unreachable(_))), "{outcome:?}");
}
