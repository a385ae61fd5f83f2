//! The memory of a hub's process while a backlog of messages stands on RabbitMQ, and while it drains.
//!
//! `cargo bench -p passerelle-tests --bench backlog -- --messages 1000000`
//!
//! The hub is a process of its own (the release binary), so that the memory is its alone. First a worker reads customers
//! that nobody resolves, until each stands as a message of its own in the queues of observations. Then a whole hub
//! resolves them while the one subscriber is down (a file is where its folder should be), until each stands as a message
//! of its own in its delivery queue; that stands for a while; the subscriber comes back, and it drains. Every line is JSON.

#![allow(clippy::unwrap_used, reason = "a benchmark fails where it cannot go on")]
#![allow(clippy::float_arithmetic, reason = "rates are not money")]

use std::time::{Duration, Instant};

use passerelle_tests::measure::arguments::{Arguments, Choice};
use passerelle_tests::measure::engines::Engines;
use passerelle_tests::measure::export::{MAPPING, write_export};
use passerelle_tests::measure::site::{LOOK_DELAY, Progress, Site, SiteLimits};
use passerelle_tests::measure::usage::{Usage, memory, reset_peak};
use passerelle_tests::measure::worker::Worker;
use passerelle_tests::measure::{rate, seconds, tell};
use serde_json::json;

const ABOUT: &str = "The memory of a hub's process while messages stand on RabbitMQ, and while they drain.";
const CHOICES: &[Choice] = &[
    ("messages", 20_000, "how many messages stand: one for each customer"),
    ("stand-seconds", 20, "how long a backlog stands before it drains"),
    ("events-per-message", 1, "events in one message at most; above 1 fewer messages stand"),
    ("partitions", 2, "queues of observations"),
];

/// The most that a hub's process should ever have.
const MEMORY_GOAL: u64 = 200 << 20;

/// Longer than any phase should take.
const TIME_MAX: Duration = Duration::from_secs(3_600);

const ERP: &str = r#"
tenant = "acme"
[connector]
kind = "csv-drop"
[connector.streams.customers]
folder = "erp/in"
files = "customers*.csv"
settle_ms = 0
[streams.customers]
mapping = "house/customer"
export = "full"
every = "500ms"
"#;

const LEDGER: &str = r#"
tenant = "acme"
[connector]
kind = "csv-drop"
[connector.targets.customer]
folder = "ledger/out"
file = "customer-{batch}.csv"
[subscriptions.customer]
mapping = "house/customer"
"#;

struct Bench {
    site: Site,
    messages: u64,
    peak: u64,
}

fn main() {
    let arguments = Arguments::read(ABOUT, CHOICES);
    let Some(engines) = Engines::start(true, false) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(&engines, &arguments));
}

async fn run(engines: &Engines, arguments: &Arguments) {
    let messages = arguments.get("messages");
    let limits = SiteLimits {
        partitions: u32::try_from(arguments.get("partitions")).unwrap(),
        message_events_max: arguments.get("events-per-message"),
        lease_ms: 10_000,
    };
    let site = Site::new(engines, "backlog", limits).await.unwrap();
    for (path, content) in
        [("systems/erp.toml", ERP), ("systems/ledger.toml", LEDGER), ("mappings/house/customer.toml", MAPPING)]
    {
        site.directory.write(path, content);
    }
    let ledger = site.directory.path("ledger/out");
    site.directory.write("ledger/out", "the share is not mounted\n");
    std::fs::create_dir_all(site.directory.path("erp/in")).unwrap();
    write_export(&site.directory.path("erp/in/customers1.csv"), messages, "").unwrap();

    let mut bench = Bench { site, messages, peak: 0 };
    let stands = Duration::from_secs(arguments.get("stand-seconds"));
    let mut reader = Worker::start(bench.site.directory.root(), "collect").unwrap();
    bench.phase("observations pile up", &mut reader, TIME_MAX, |progress, _| progress.files > 0).await;
    bench.phase("observations stand", &mut reader, TIME_MAX, |_, time| time >= stands).await;
    reader.stop().unwrap();

    let mut hub = Worker::start(bench.site.directory.root(), "all").unwrap();
    let resolved = |progress: &Progress, _| progress.read > 0 && progress.in_flight + progress.unpublished == 0;
    bench.phase("observations drain, deliveries pile up", &mut hub, TIME_MAX, resolved).await;
    assert!(hub.told(&["delivery waits"]) > 0, "the subscriber is down, and nobody says so:\n{}", hub.last_lines(20));
    bench.phase("deliveries stand", &mut hub, TIME_MAX, |_, time| time >= stands).await;
    std::fs::remove_file(&ledger).unwrap();
    bench
        .phase("deliveries drain", &mut hub, TIME_MAX, |progress, _| {
            progress.delivered >= messages && progress.calls == 0
        })
        .await;
    hub.stop().unwrap();

    let rows: usize = bench.site.directory.column("ledger/out", "code").len();
    assert_eq!(rows as u64, messages, "customers that the subscriber got");
    tell(&json!({
        "benchmark": "backlog", "part": "all", "messages": messages, "memory_peak_bytes": bench.peak,
        "memory_goal_bytes": MEMORY_GOAL, "is_met": bench.peak < MEMORY_GOAL,
    }));
}

impl Bench {
    /// Watches a worker until something holds; prints what it had of memory, and what stands.
    async fn phase(
        &mut self,
        name: &str,
        worker: &mut Worker,
        time_max: Duration,
        holds: impl Fn(&Progress, Duration) -> bool,
    ) {
        let id = worker.id();
        reset_peak(id);
        let (usage, begun, first) = (Usage::of_workers(&[id]), Instant::now(), memory(id));
        loop {
            assert!(worker.is_running(), "the worker has ended:\n{}", worker.last_lines(20));
            let progress = self.site.progress().await.unwrap_or_default();
            if holds(&progress, begun.elapsed()) {
                break;
            }
            assert!(begun.elapsed() < time_max, "{name}: not after {time_max:?}: {progress:?}");
            tokio::time::sleep(LOOK_DELAY).await;
        }
        let (time, last) = (begun.elapsed(), memory(id));
        self.peak = self.peak.max(last.peak);
        tell(&json!({
            "benchmark": "backlog", "part": name, "messages": self.messages, "seconds": seconds(time),
            "per_second": if name.ends_with("stand") { 0 } else { rate(self.messages, time) },
            "standing": {"observed": self.site.observed().await.unwrap(), "delivery": self.site.deliveries("ledger").await.unwrap()},
            "memory_bytes": {"first": first.now, "last": last.now, "peak": last.peak},
            "processors": Usage::of_workers(&[id]).since(&usage, time),
        }));
    }
}
