//! The embedded bus next to bare SQLite inserts of the same bytes: `cargo bench -p bus`.
//!
//! Every figure is with a wait for the disk per commit, on the disk that holds the target folder.

// A benchmark has nobody to tell but the one who runs it.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use bus::embedded::{EmbeddedBus, EmbeddedOptions};
use bus::{Bus, Message, Queue, Receipt, Route};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use rusqlite::{Connection, params};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const QUEUE: Queue = Queue::Observed(0);

/// How messages come: their size, how many in one call, how many callers at a time, how many calls each.
#[derive(Clone, Copy, Debug)]
struct Load {
    size: usize,
    per_call: usize,
    callers: usize,
    calls: usize,
}

impl Load {
    fn count(self) -> usize {
        self.per_call * self.callers * self.calls
    }
}

const LOADS: [Load; 5] = [
    Load { size: 1 << 10, per_call: 1, callers: 1, calls: 1000 },
    Load { size: 1 << 10, per_call: 1, callers: 100, calls: 50 },
    Load { size: 1 << 10, per_call: 500, callers: 1, calls: 40 },
    Load { size: 100 << 10, per_call: 1, callers: 1, calls: 200 },
    Load { size: 100 << 10, per_call: 1, callers: 16, calls: 25 },
];

fn main() {
    divan::main();
}

fn directory() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn open() -> (TempDir, Arc<EmbeddedBus>, Runtime) {
    let directory = directory();
    let bus = Arc::new(EmbeddedBus::open(directory.path(), EmbeddedOptions::default()).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(bus.declare(&[QUEUE])).unwrap();
    (directory, bus, runtime)
}

fn messages(load: Load) -> Vec<Message> {
    (0..load.per_call)
        .map(|_| Message {
            route: Route::Queue(QUEUE),
            id: "0198f0a1b2c3d4e5f60718293a4b5c6d".to_owned(),
            content_type: "application/cloudevents+json",
            body: vec![b'x'; load.size],
        })
        .collect()
}

/// Publishes everything of a load, with its callers side by side.
async fn publish(bus: &Arc<EmbeddedBus>, load: Load) {
    let callers: Vec<_> = (0..load.callers)
        .map(|_| {
            let bus = Arc::clone(bus);
            tokio::spawn(async move {
                for _ in 0..load.calls {
                    bus.publish(messages(load)).await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
}

/// Receives and acknowledges a number of messages.
async fn consume(bus: &EmbeddedBus, count: usize) {
    let mut subscription = bus.subscribe(&QUEUE, 1000).await.unwrap();
    let mut left = count;
    while left > 0 {
        let received = subscription.receive(200).await.unwrap();
        left -= received.len();
        let receipts: Vec<Receipt> = received.iter().map(|message| message.receipt).collect();
        subscription.acknowledge(&receipts).await.unwrap();
    }
}

#[divan::bench(args = LOADS, sample_count = 5, sample_size = 1)]
fn published(bencher: Bencher, load: Load) {
    bencher
        .counter(ItemsCount::new(load.count()))
        .counter(BytesCount::new(load.count() * load.size))
        .with_inputs(open)
        .bench_refs(|(_, bus, runtime)| runtime.block_on(publish(bus, load)));
}

#[divan::bench(args = LOADS, sample_count = 5, sample_size = 1)]
fn published_and_consumed(bencher: Bencher, load: Load) {
    bencher
        .counter(ItemsCount::new(load.count()))
        .counter(BytesCount::new(load.count() * load.size))
        .with_inputs(open)
        .bench_refs(|(_, bus, runtime)| {
            runtime.block_on(async {
                tokio::join!(publish(bus, load), consume(bus, load.count()));
            });
        });
}

#[divan::bench(args = LOADS, sample_count = 5, sample_size = 1)]
fn consumed_from_the_file(bencher: Bencher, load: Load) {
    bencher
        .counter(ItemsCount::new(load.count()))
        .counter(BytesCount::new(load.count() * load.size))
        .with_inputs(|| {
            let (directory, bus, runtime) = open();
            runtime.block_on(publish(&bus, load));
            (directory, bus, runtime)
        })
        .bench_refs(|(_, bus, runtime)| runtime.block_on(consume(bus, load.count())));
}

/// The limit: the same rows into a bare table, the calls of all callers in one transaction.
#[divan::bench(args = LOADS, sample_count = 5, sample_size = 1)]
fn bare_sqlite_inserts(bencher: Bencher, load: Load) {
    bencher
        .counter(ItemsCount::new(load.count()))
        .counter(BytesCount::new(load.count() * load.size))
        .with_inputs(|| {
            let directory = directory();
            let connection = Connection::open(directory.path().join("bare.sqlite")).unwrap();
            // Settings that matter are those of the bus, so that the ratio shows the cost of being a bus.
            connection.pragma_update(None, "page_size", 8192).unwrap();
            connection.pragma_update(None, "journal_mode", "WAL").unwrap();
            connection.pragma_update(None, "wal_autocheckpoint", 2048).unwrap();
            connection.pragma_update(None, "synchronous", "FULL").unwrap();
            connection.execute_batch("CREATE TABLE message (key INTEGER PRIMARY KEY, id TEXT, body BLOB)").unwrap();
            (directory, connection)
        })
        .bench_refs(|(_, connection)| {
            let body = vec![b'x'; load.size];
            for _ in 0..load.calls {
                let transaction = connection.transaction().unwrap();
                let mut insert = transaction.prepare_cached("INSERT INTO message (id, body) VALUES (?1, ?2)").unwrap();
                for _ in 0..load.per_call * load.callers {
                    insert.execute(params!["0198f0a1b2c3d4e5f60718293a4b5c6d", body]).unwrap();
                }
                drop(insert);
                transaction.commit().unwrap();
            }
        });
}
