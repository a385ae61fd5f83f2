//! A worker that is suspended for longer than its leases last, and then wakes up: what it had begun must change nothing.

use std::time::{Duration, Instant};

use passerelle_tests::measure::arguments::Arguments;
use passerelle_tests::measure::engines::Engines;
use passerelle_tests::measure::site::{LOOK_DELAY, Site};
use passerelle_tests::measure::worker::Worker;
use passerelle_tests::measure::{seconds, tell};
use serde_json::json;

use super::{Backlog, TIME_MAX};

/// How long it may take until a worker has a share of the work, or has lost it. A worker that is suspended in a
/// transaction holds its lease until the server ends that transaction.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the log of a worker says of leases that it lost.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Lost {
    /// Steps of the store that were refused because the work is another's.
    refused: usize,
    /// Pieces of work that it let go because another has them, or its own time was over.
    let_go: usize,
}

impl Lost {
    fn told(worker: &Worker) -> Self {
        Lost {
            refused: worker.told(&["another worker has taken over"]),
            let_go: worker.told(&["another worker has taken this work over"])
                + worker.told(&["lease of this work ran out"]),
        }
    }
}

/// Two workers drain a backlog; one of them is suspended again and again.
pub async fn run(engines: &Engines, arguments: &Arguments) {
    let backlog = Backlog::make(engines, "suspended", arguments).await;
    let site = &backlog.site;
    let start = || Worker::start(site.directory.root(), "resolve,deliver").unwrap();
    let (mut sleeper, mut other) = (start(), start());
    let begun = Instant::now();
    let mut suspensions = Vec::new();
    for _ in 0..arguments.get("suspensions") {
        let has_share = wait(site, "the worker has a share", |shares| share(shares, sleeper.id()) > 0).await;
        if has_share.is_none() {
            break;
        }
        let before = site.progress().await.unwrap();
        sleeper.signal("STOP").unwrap();
        let gone = wait(site, "the other worker has everything", |shares| {
            share(shares, sleeper.id()) == 0 && share(shares, other.id()) == arguments.get("partitions")
        });
        let gone = gone.await;
        tokio::time::sleep(Duration::from_secs(arguments.get("suspended-seconds"))).await;
        let after = site.progress().await.unwrap();
        sleeper.signal("CONT").unwrap();
        suspensions.push(json!({
            "leases_gone_after_seconds": gone.map(seconds),
            "resolved_meanwhile": before.in_flight.saturating_sub(after.in_flight), "left": after.in_flight,
        }));
        if gone.is_none() || after.in_flight == 0 {
            break;
        }
    }
    site.wait_until("everything is resolved", TIME_MAX, |progress| progress.in_flight == 0).await;
    backlog.wait_until_quiet().await;
    let time = begun.elapsed();
    let verdict = backlog.verdict();
    let lost = Lost::told(&sleeper);
    tell(&json!({
        "benchmark": "scale", "part": "suspended", "records": backlog.rows, "seconds": seconds(time),
        "suspensions": suspensions, "refused_steps": lost.refused, "let_go": lost.let_go, "verdict": verdict,
    }));
    assert!(verdict.is_clean(), "{verdict:#?}\n{}", sleeper.last_lines(40));
    assert!(lost.refused + lost.let_go > 0, "the worker lost nothing:\n{}", sleeper.last_lines(40));
    sleeper.stop().unwrap();
    other.stop().unwrap();
}

/// How many queues the worker with this process id has: its name ends with the id and a number.
fn share(shares: &[(String, u64)], process: u32) -> u64 {
    let is_its = |name: &str| name.rsplit('-').nth(1).is_some_and(|id| id == process.to_string());
    shares.iter().filter(|(name, _)| is_its(name)).map(|(_, count)| count).sum()
}

/// Waits until the leases stand so; returns how long it took, and nothing when everything was resolved before.
async fn wait(site: &Site, what: &str, holds: impl Fn(&[(String, u64)]) -> bool) -> Option<Duration> {
    let begun = Instant::now();
    loop {
        let shares = site.shares().await.unwrap();
        if holds(&shares) {
            return Some(begun.elapsed());
        }
        if site.progress().await.unwrap().in_flight == 0 {
            return None;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}: {shares:?}");
        tokio::time::sleep(LOOK_DELAY).await;
    }
}
