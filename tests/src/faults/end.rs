//! The end of a run: waiting until all is quiet, and judging.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::accounting::{self, Account};
use super::options::Options;
use super::plan::CLASS_COUNT_MIN;
use super::run::Run;
use super::site::{LEDGER, PORTAL, SOURCES};
use super::worker::Worker;
use crate::checker::{Portal, Verdict, check};

/// For how long the logs of the subscribers must stand still before they are judged.
const STILL: Duration = Duration::from_secs(3);
/// How often people are told how far it is.
const TELL_DELAY: Duration = Duration::from_secs(10);
/// The longest that the end may take, whatever moves.
const END_MAX: Duration = Duration::from_secs(3_600);
/// How many findings are told.
const FINDINGS_MAX: usize = 20;

/// What came of a run; its JSON is the last line on standard output.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What was chosen by.
    pub seed: u64,
    /// How many customers there were.
    pub customers: u32,
    /// How many faults were carried out and healed.
    pub faults: usize,
    /// The same by class.
    pub classes: BTreeMap<&'static str, usize>,
    /// Rows of the source files.
    pub read: u64,
    /// Last states that never reached a subscriber.
    pub lost: u64,
    /// Effects that were there twice.
    pub duplicated: u64,
    /// Effects that came too late or too early.
    pub reordered: u64,
    /// Subscribers that do not hold what they should.
    pub differing_subscribers: u64,
    /// Whether the hub's own accounting adds up to the rows of the files, with nothing in flight, parked or rejected.
    pub accounted: bool,
    /// The hub's own accounting by system.
    pub accounting: BTreeMap<String, Account>,
    /// Requests that the HTTP subscriber got once more and did not carry out again.
    pub repeated_requests: u64,
    /// How long it took.
    pub seconds: u64,
    /// What is wrong, in words.
    pub findings: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong, and there was enough of every class of faults, if there were any.
    pub fn is_clean(&self) -> bool {
        let enough = self.faults == 0 || self.classes.values().all(|count| *count >= CLASS_COUNT_MIN);
        let wrong = self.lost + self.duplicated + self.reordered + self.differing_subscribers;
        self.read > 0 && wrong == 0 && self.accounted && self.findings.is_empty() && enough
    }
}

/// What the end is found to be when everything stands still.
struct Judged {
    verdict: Verdict,
    accounting: BTreeMap<String, Account>,
    /// What is wrong with the accounting.
    differences: Vec<String>,
}

/// Waits until the logs of the subscribers stand still and nothing is wrong, or until nothing has moved for so long that
/// nothing will; then judges.
pub(super) fn wait_and_judge(
    options: &Options,
    root: &Path,
    workers: &Mutex<&mut Vec<Worker>>,
    portal: &Portal,
    run: &Run,
) -> Report {
    let begun = Instant::now();
    let (mut sizes, mut moved, mut told) = (sizes(root), Instant::now(), Instant::now());
    let mut judged = None;
    while !run.is_broken() && begun.elapsed() < END_MAX {
        run.pause(Duration::from_millis(200));
        workers.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().for_each(|worker| worker.keep(run));
        let now = self::sizes(root);
        if now != sizes {
            (sizes, moved, judged) = (now, Instant::now(), None);
        }
        if told.elapsed() > TELL_DELAY {
            told = Instant::now();
            run.tell(format!("bytes in the subscribers' logs: {} and {}", sizes[0], sizes[1]));
        }
        if moved.elapsed() < STILL {
            continue;
        }
        let now = judged.get_or_insert_with(|| judge(root));
        account(now, root, workers);
        if (now.verdict.is_clean() && now.differences.is_empty()) || moved.elapsed() > options.patience {
            break;
        }
        run.pause(Duration::from_secs(1));
    }
    let mut judged = judged.unwrap_or_else(|| judge(root));
    account(&mut judged, root, workers);
    report(options, judged, workers, portal, run)
}

fn sizes(root: &Path) -> [u64; 2] {
    [LEDGER, PORTAL].map(|log| std::fs::metadata(root.join(log)).map_or(0, |found| found.len()))
}

fn judge(root: &Path) -> Judged {
    let (ledger, portal) = (root.join(LEDGER), root.join(PORTAL));
    let verdict = check(&root.join(SOURCES), &[("ledger", &ledger), ("portal", &portal)]);
    Judged { verdict: verdict.expect("logs that can be read"), accounting: BTreeMap::new(), differences: Vec::new() }
}

/// Asks the first worker that answers for the accounting.
fn account(judged: &mut Judged, root: &Path, workers: &Mutex<&mut Vec<Worker>>) {
    let consoles: Vec<u16> = {
        let workers = workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.iter().map(|worker| worker.console).collect()
    };
    judged.accounting = consoles.iter().find_map(|console| accounting::ask(*console).ok()).unwrap_or_default();
    let rows = accounting::rows(&root.join(SOURCES)).expect("files that can be read");
    judged.differences = accounting::differences(&judged.accounting, &rows);
}

fn report(options: &Options, judged: Judged, workers: &Mutex<&mut Vec<Worker>>, portal: &Portal, run: &Run) -> Report {
    let Judged { verdict, accounting, differences } = judged;
    let accounted = differences.is_empty();
    let mut findings = run.findings();
    findings.extend(differences);
    findings.extend(verdict.findings);
    for worker in workers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        findings.extend(bugs(worker));
    }
    findings.truncate(FINDINGS_MAX);
    let classes = run.over();
    Report {
        seed: options.seed,
        customers: options.customers,
        faults: classes.values().sum(),
        classes,
        read: verdict.read,
        lost: verdict.lost,
        duplicated: verdict.duplicated,
        reordered: verdict.reordered,
        differing_subscribers: verdict.differing_subscribers,
        accounted,
        accounting,
        repeated_requests: portal.repeated(),
        seconds: run.elapsed().as_secs(),
        findings,
    }
}

/// The lines of a worker's log that tell of a bug.
fn bugs(worker: &Worker) -> Vec<String> {
    let log = std::fs::read(&worker.log).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let is_bug = |line: &&str| line.contains("panicked at") || line.contains("this is a bug");
    let lines = log.lines().enumerate().filter(|(_, line)| is_bug(line)).take(FINDINGS_MAX);
    lines.map(|(number, line)| format!("{}:{}: {line}", worker.log.display(), number + 1)).collect()
}
