//! `kill -9` in the middle of commits: every step is there whole or not at all, and what was confirmed is there.
//!
//! The test starts its own binary again as the process that is killed. `PASSERELLE_SEED` repeats a run.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use canonical::entity::{Entity, Operation};
use jiff::Timestamp;
use master::MasterId;
use store::sqlite::{SqliteOptions, SqliteStore};
use store::{
    Attempt, CollectStore, Collected, DeliverStore, Delivered, Export, Filter, JournalEntry, JournalKind, MasterRow,
    Member, NewDrop, OperateStore, OutboxWrite, Outcomes, Position, PublishedRecord, RecordOutcome, ResolveStore,
    Resolved, StreamKey,
};

const KILLS: u64 = 12;
const DIRECTORY: &str = "PASSERELLE_CRASH_DIRECTORY";
const SEED: &str = "PASSERELLE_SEED";

/// A small generator, so that a seed means the same everywhere (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

fn stream() -> StreamKey {
    StreamKey { tenant: "acme".into(), system: "erp".into(), stream: "customers".into() }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("store.sqlite")
}

/// How many records round `round` has; between one page and many.
fn size(round: u64) -> u64 {
    1 + (round * 37) % 120
}

fn key(round: u64, index: u64) -> String {
    format!("R{round}-{index}")
}

/// One round: collect, resolve, attempt, delivery, each a step of its own, each said aloud when it is confirmed.
async fn round(store: &SqliteStore, round: u64) {
    let new = NewDrop {
        stream: stream(),
        name: format!("drop-{round}"),
        fingerprint: None,
        bytes: None,
        export: Export::Delta,
        mapping: "m".to_owned(),
        at: Timestamp::UNIX_EPOCH,
        again: false,
    };
    let drop = store.open_drop(new).await.unwrap().number;
    let count = size(round);
    let signed = i64::try_from(count).unwrap();
    let published =
        (0..count).map(|index| PublishedRecord { key: key(round, index), hash: [7; 16], partition: 0 }).collect();
    let collected = Collected {
        stream: stream(),
        drop,
        checkpoint: Some(round.into()),
        published,
        ordinals: Vec::new(),
        seen: Vec::new(),
        removed: Vec::new(),
        rejects: Vec::new(),
        tasks: Vec::new(),
        outcomes: Outcomes { read: signed, rows: signed, in_flight: signed, ..Outcomes::default() },
        end: Some(store::DropEnd::Accepted),
        at: Timestamp::UNIX_EPOCH,
    };
    store.commit_collected(collected).await.unwrap();
    println!("done {round} collect");
    let mut resolution = store.begin_resolve("acme").await.unwrap();
    let first = resolution.reserve(count, count).await.unwrap().master_id.0;
    resolution.commit(resolved(round, drop, first, count)).await.unwrap();
    println!("done {round} resolve");
    let attempt = attempt(round, first, count);
    store.begin_attempt(&attempt).await.unwrap();
    println!("done {round} attempt");
    let journal = (first..first + count).map(|id| entry(JournalKind::Delivered, id, drop)).collect();
    let end = Delivered { journal, ..Delivered::default() };
    store.finish_attempt("acme", "crm", Some(&attempt.batch), end).await.unwrap();
    println!("done {round} deliver");
}

fn entry(kind: JournalKind, id: u64, drop: u64) -> JournalEntry {
    JournalEntry {
        at: Timestamp::UNIX_EPOCH,
        kind,
        system: "erp".into(),
        entity: Entity::Customer,
        key: None,
        master_id: Some(MasterId(id)),
        version: None,
        position: Some(Position { drop, ordinal: id }),
        line: None,
        detail: None,
    }
}

fn resolved(round: u64, drop: u64, first: u64, count: u64) -> Resolved {
    let mut created = Outcomes { in_flight: -i64::try_from(count).unwrap(), ..Outcomes::default() };
    created.add(RecordOutcome::Created, i64::try_from(count).unwrap());
    let master = |id: u64| MasterRow {
        master_id: MasterId(id),
        entity: Entity::Customer,
        document: format!("\"{}\"", "x".repeat(900)).into(),
        version: id,
        state: Operation::Upsert,
        redirect: None,
        root: MasterId(id),
        search: format!("round-{round}").into(),
    };
    Resolved {
        masters: (first..first + count).map(master).collect(),
        outbox: (first..first + count)
            .map(|id| OutboxWrite { master_id: MasterId(id), version: id, system: None })
            .collect(),
        journal: (first..first + count).map(|id| entry(JournalKind::Created, id, drop)).collect(),
        outcomes: BTreeMap::from([(drop, created)]),
        ..Resolved::default()
    }
}

fn attempt(round: u64, first: u64, count: u64) -> Attempt {
    let member = |id: u64| Member {
        master_id: MasterId(id),
        root: MasterId(id),
        entity: Entity::Customer,
        version: id,
        operation: Operation::Upsert,
        local_key: None,
        projection: "{}".to_owned(),
        residue: None,
    };
    Attempt {
        batch: format!("batch-{round}"),
        tenant: "acme".into(),
        system: "crm".into(),
        members: (first..first + count).map(member).collect(),
        at: Timestamp::UNIX_EPOCH,
    }
}

/// Not a test: the process that is killed. It runs only when the test below starts it.
#[test]
#[ignore = "started by the crash test"]
fn victim() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(&file(Path::new(&directory)), SqliteOptions::default()).unwrap();
        let begun = store.drops(&Filter { count_max: 1, ..Filter::default() }).await.unwrap();
        let first = begun.first().map_or(1, |drop| drop.number + 1);
        for next in first.. {
            round(&store, next).await;
        }
    });
}

/// Starts the victim, kills it after `steps` confirmed steps and `spins` more moments; returns what it confirmed.
fn kill_one(directory: &Path, steps: u64, spins: u64) -> Vec<(u64, String)> {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::victim", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut confirmed = Vec::new();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let mut note = |line: String| {
        // The harness may write on the same line.
        let mut words = line.split_whitespace().skip_while(|word| *word != "done").skip(1);
        if let (Some(round), Some(step)) = (words.next(), words.next()) {
            confirmed.push((round.parse().unwrap(), step.to_owned()));
            return true;
        }
        false
    };
    let mut seen = 0;
    while seen < steps {
        let line = lines.next().expect("the victim ended by itself").unwrap();
        seen += u64::from(note(line));
    }
    for _ in 0..spins {
        std::thread::yield_now();
    }
    victim.kill().unwrap();
    victim.wait().unwrap();
    // What it confirmed between the last line read and its end; a torn last line is no confirmation.
    for line in lines.map_while(Result::ok) {
        note(line);
    }
    confirmed
}

/// Every round that began is there in whole steps, at least as far as it was confirmed.
async fn check(directory: &Path, confirmed: &BTreeMap<u64, usize>) {
    let store = SqliteStore::open(&file(directory), SqliteOptions::default()).unwrap();
    let all = Filter { count_max: usize::MAX >> 1, ..Filter::default() };
    let drops = store.drops(&all).await.unwrap();
    let open: Vec<_> = store.open_attempts("acme", "crm").await.unwrap();
    let mut delivered = 0;
    for drop in &drops {
        let number = drop.number;
        let count = size(number);
        let steps = confirmed.get(&number).copied().unwrap_or_default();
        let keys: Vec<String> = (0..count).map(|index| key(number, index)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let known = store.known_records(&stream(), &keys).await.unwrap();
        let known = known.iter().flatten().count();
        let expected = if drop.outcomes.read > 0 { keys.len() } else { 0 };
        assert_eq!(known, expected, "collect of drop {number} is torn");
        let journal = store.drop_journal(number, &all).await.unwrap();
        let of = |kind: JournalKind| journal.iter().filter(|entry| entry.kind == kind).count();
        let named = Filter { text: Some(format!("round-{number}")), ..all.clone() };
        let masters = store.masters(&named).await.unwrap();
        let exactly =
            masters.iter().filter(|master| journal.iter().any(|entry| entry.master_id == Some(master.master_id)));
        let created = usize::try_from(drop.outcomes.get(RecordOutcome::Created)).unwrap();
        assert!([0, keys.len()].contains(&created), "resolve of drop {number} is torn: {created} of {}", keys.len());
        assert_eq!((of(JournalKind::Created), exactly.count()), (created, created), "resolve of drop {number} is torn");
        assert!(drop.outcomes.adds_up(), "drop {number}: {:?}", drop.outcomes);
        let given = of(JournalKind::Delivered);
        assert!([0, keys.len()].contains(&given), "delivery of drop {number} is torn");
        let attempted = open.iter().find(|attempt| attempt.batch == format!("batch-{number}"));
        assert!(attempted.is_none_or(|attempt| attempt.members.len() == keys.len() && given == 0));
        delivered += given;
        let there = [known > 0, created > 0, attempted.is_some() || given > 0, given > 0];
        assert!(there[..steps].iter().all(|step| *step), "drop {number} lost what was confirmed: {there:?} of {steps}");
        assert!(there.is_sorted_by(|before, after| before >= after), "drop {number} skipped a step: {there:?}");
    }
    let targets = store.targets(&Filter::default()).await.unwrap();
    assert_eq!(targets.iter().map(|target| target.delivered).sum::<u64>(), u64::try_from(delivered).unwrap());
    let counts = store.counts(&Filter::default()).await.unwrap();
    assert_eq!(counts.customers, counts.outbox);
    let summed: i64 = drops.iter().map(|drop| drop.outcomes.get(RecordOutcome::Created)).sum();
    assert_eq!(counts.customers, u64::try_from(summed).unwrap());
    drop(store);
    let raw = rusqlite::Connection::open(file(directory)).unwrap();
    let found: String = raw.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(found, "ok");
}

#[tokio::test]
async fn a_killed_hub_leaves_whole_steps() {
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_121);
    eprintln!("{SEED}={seed}");
    let mut random = Random(seed);
    let directory = tempfile::tempdir().unwrap();
    let mut confirmed: BTreeMap<u64, usize> = BTreeMap::new();
    for _ in 0..KILLS {
        for (round, step) in kill_one(directory.path(), 1 + random.below(12), random.below(3000)) {
            let steps = ["collect", "resolve", "attempt", "deliver"].iter().position(|name| *name == step).unwrap() + 1;
            confirmed.entry(round).and_modify(|most| *most = steps.max(*most)).or_insert(steps);
        }
        check(directory.path(), &confirmed).await;
    }
}
