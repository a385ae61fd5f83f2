//! One, two and four workers on the same backlog, and a worker that wakes up after its lease went to another.
//!
//! `cargo bench -p passerelle-tests --bench scale -- --customers 50000`
//!
//! Four systems show customers, invoices and payments, and change them. A worker that only reads puts all of it on
//! RabbitMQ; then so many workers resolve and deliver it, each a process of its own (the release binary). The independent
//! checker holds what the subscriber got against what the systems showed. Every line is JSON.

#![allow(clippy::unwrap_used, reason = "a benchmark fails where it cannot go on")]
#![allow(clippy::float_arithmetic, reason = "rates are not money")]

#[path = "scale/suspended.rs"]
mod suspended;

use std::time::{Duration, Instant};

use passerelle_tests::checker::{Company, Inbox, Size, Verdict, check, furnish};
use passerelle_tests::measure::arguments::{Arguments, Choice};
use passerelle_tests::measure::engines::Engines;
use passerelle_tests::measure::site::{LOOK_DELAY, Progress, Shares, Site, SiteLimits};
use passerelle_tests::measure::usage::Usage;
use passerelle_tests::measure::worker::Worker;
use passerelle_tests::measure::{rate, rounded, seconds, tell};
use serde_json::json;
use tempfile::TempDir;

const ABOUT: &str = "Workers of a hub that share one backlog on RabbitMQ and PostgreSQL, and one that is suspended.";
const CHOICES: &[Choice] = &[
    ("customers", 2_000, "how many customers the backlog has, with as many invoices and edits, and half the payments"),
    ("partitions", 8, "queues of observations"),
    ("workers", 0, "0 measures 1, 2 and 4 workers; else only so many"),
    ("suspensions", 3, "how often a worker is suspended for longer than its lease; 0 leaves that out"),
    ("suspended-seconds", 3, "for how long after its leases went to another"),
    ("seed", 1, "which company"),
];

/// Longer than anything should take.
const TIME_MAX: Duration = Duration::from_secs(3_600);
/// Nothing was on its way for so long: messages that a worker holds are seen by nobody else.
const QUIET: Duration = Duration::from_secs(2);
/// Short, so that a suspended worker loses its leases soon.
const LEASE_MS: u64 = 2_000;

/// A backlog that nobody resolves yet.
struct Backlog {
    site: Site,
    outside: TempDir,
    rows: u64,
}

fn main() {
    let arguments = Arguments::read(ABOUT, CHOICES);
    let Some(engines) = Engines::start(true, false) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let counts = match arguments.get("workers") {
        0 => vec![1, 2, 4],
        count => vec![count],
    };
    let mut one = None;
    for workers in counts {
        let rate = runtime.block_on(measure(&engines, &arguments, workers));
        let one = *one.get_or_insert(rate);
        tell(&json!({
            "benchmark": "scale", "part": "curve", "workers": workers,
            "of_first": rounded(rate as f64 / one.max(1) as f64),
        }));
    }
    if arguments.get("suspensions") > 0 {
        runtime.block_on(suspended::run(&engines, &arguments));
    }
}

/// Drains a backlog by so many workers; returns how many records they resolved in a second.
async fn measure(engines: &Engines, arguments: &Arguments, count: u64) -> u64 {
    let backlog = Backlog::make(engines, &format!("workers{count}"), arguments).await;
    let site = &backlog.site;
    let mut workers: Vec<Worker> =
        (0..count).map(|_| Worker::start(site.directory.root(), "resolve,deliver").unwrap()).collect();
    let ids: Vec<u32> = workers.iter().map(Worker::id).collect();
    let (before, begun) = (Usage::of_workers(&ids), Instant::now());
    let (mut even, mut shares) = (None, Shares::new());
    loop {
        if even.is_none() {
            shares = site.shares().await.unwrap();
            even = Some(begun.elapsed()).filter(|_| is_even(&shares, count, arguments.get("partitions")));
        }
        if site.progress().await.unwrap().in_flight == 0 {
            break;
        }
        assert!(begun.elapsed() < TIME_MAX, "not resolved: {:?}", site.progress().await);
        tokio::time::sleep(LOOK_DELAY).await;
    }
    let (resolved, resolving) = (begun.elapsed(), Usage::of_workers(&ids));
    let delivered = begun.elapsed() + backlog.wait_until_quiet().await;
    let verdict = backlog.verdict();
    tell(&json!({
        "benchmark": "scale", "part": "workers", "workers": count, "records": backlog.rows,
        "resolved_seconds": seconds(resolved), "resolved_per_second": rate(backlog.rows, resolved),
        "delivered_seconds": seconds(delivered), "delivered_per_second": rate(backlog.rows, delivered),
        "even_after_seconds": even.map(seconds), "queues_by_worker": shares.iter().map(|(_, count)| *count).collect::<Vec<_>>(),
        "processors": resolving.since(&before, resolved), "verdict": verdict,
    }));
    assert!(verdict.is_clean(), "{verdict:#?}");
    workers.iter_mut().for_each(|worker| worker.stop().unwrap());
    rate(backlog.rows, resolved)
}

/// Whether every worker has its share of the queues.
fn is_even(shares: &Shares, workers: u64, queues: u64) -> bool {
    let (least, most) = (queues / workers, queues.div_ceil(workers));
    shares.len() as u64 == workers && shares.iter().all(|(_, share)| (least..=most).contains(share))
}

impl Backlog {
    /// Reads everything onto the bus.
    async fn make(engines: &Engines, name: &str, arguments: &Arguments) -> Self {
        let partitions = u32::try_from(arguments.get("partitions")).unwrap();
        let limits = SiteLimits { partitions, message_events_max: 500, lease_ms: LEASE_MS };
        let site = Site::new(engines, name, limits).await.unwrap();
        furnish(&site.directory, None);
        let outside = tempfile::tempdir().unwrap();
        let size = Size::of(u32::try_from(arguments.get("customers")).unwrap());
        let mut company = Company::new(arguments.get("seed"), size, outside.path().join("sources")).unwrap();
        let mut files = 0;
        while let Some(dropped) = company.next_round().unwrap() {
            for file in &dropped {
                file.drop_into(&site.directory.path(&format!("{}/in", file.system))).unwrap();
                files += 1;
            }
        }
        let mut reader = Worker::start(site.directory.root(), "collect").unwrap();
        let read = site.wait_until("everything is read", TIME_MAX, |progress| progress.files == files).await;
        reader.stop().unwrap();
        let observed = site.observed().await.unwrap();
        assert!(read.in_flight == read.read && observed > 0, "the backlog does not stand: {read:?}");
        Backlog { site, outside, rows: read.read }
    }

    /// Waits until nothing is on its way; returns how long that took.
    async fn wait_until_quiet(&self) -> Duration {
        let begun = Instant::now();
        let mut last: Option<(Progress, Instant)> = None;
        loop {
            let progress = self.site.progress().await.unwrap();
            let waits = self.site.observed().await.unwrap() + self.site.deliveries("ledger").await.unwrap();
            match last {
                Some((before, since)) if before == progress && progress.is_quiet() && waits == 0 => {
                    if since.elapsed() > QUIET {
                        return since - begun;
                    }
                }
                _ => last = Some((progress, Instant::now())),
            }
            assert!(begun.elapsed() < TIME_MAX, "not quiet: {progress:?}, {waits} messages wait");
            tokio::time::sleep(LOOK_DELAY).await;
        }
    }

    /// What the independent checker says of what the subscriber got.
    fn verdict(&self) -> Verdict {
        let log = self.outside.path().join("ledger.jsonl");
        let mut ledger = Inbox::new(self.site.directory.path("ledger/in"), "id", &log).unwrap();
        ledger.pick_up().unwrap();
        check(&self.outside.path().join("sources"), &[("ledger", &log)]).unwrap()
    }
}
