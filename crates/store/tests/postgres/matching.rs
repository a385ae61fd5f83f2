//! Several workers decide who is who on one store, at the same time; and how fast that is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use canonical::entity::Entity;
use master::MasterId;
use master::matching::{Bits, BlockingKey, Posting, RecordNumber};
use store::postgres::PostgresStore;
use store::sqlite::{SqliteOptions, SqliteStore};
use store::{
    CrosswalkRow, DeliverStore, Delivered, LocalKey, MasterRow, MatchRecord, MatchStore, MatchWrites, OutboxWrite,
    ResolveStore, Resolved, Store, StoreError,
};

use super::parallel::{TENANT, crosswalk, hubs, local, master, race};
use super::server::{Server, server};

fn match_record(number: RecordNumber, local: LocalKey, master_id: MasterId) -> MatchRecord {
    let evidence = format!("{{\"note\":\"{}\"}}", "x".repeat(500)).into();
    MatchRecord { number, local, master_id, home: master_id, evidence, common: Vec::new(), links: Vec::new() }
}

/// The keys that all records of a round have, each worker in an order of its own.
fn keys_of(round: u64, worker: usize) -> Vec<BlockingKey> {
    let mut keys: Vec<_> = (0..6).map(|index| BlockingKey(round << 8 | index)).collect();
    keys.rotate_left(worker % 6);
    keys
}

/// Shows a record of a round, with the calls of the hub in the hub's order: it resembles all others of its round, so it
/// goes to the master of those, and the two lists of links are written.
async fn show_once(store: &dyn Store, worker: usize, round: u64) -> Result<(), StoreError> {
    let here = local(&format!("system-{worker}"), &format!("C{round}"));
    let mut resolution = store.begin_resolve(TENANT).await?;
    resolution.lock_matching().await?;
    assert_eq!(resolution.crosswalk(std::slice::from_ref(&here)).await?, [None]);
    let keys = keys_of(round, worker);
    let mut numbers: BTreeSet<RecordNumber> = BTreeSet::new();
    for posting in resolution.postings(&keys, 50).await? {
        let Posting::Records(found) = posting else { panic!("round {round}: a key leads nowhere") };
        numbers.extend(found);
    }
    let numbers: Vec<RecordNumber> = numbers.into_iter().collect();
    let mut known = resolution.match_records(&numbers).await?;
    assert_eq!(known.len(), numbers.len(), "round {round}: a key is seen before its record");
    known.sort_by_key(|record| record.number);
    let ids: Vec<MasterId> = known.iter().map(|record| record.master_id).collect::<BTreeSet<_>>().into_iter().collect();
    resolution.masters(&ids).await?;
    assert_eq!(resolution.crosswalk_of(&ids).await?.len(), known.len(), "round {round}");
    assert_eq!(resolution.judgements_of(&numbers).await?, []);
    let reserved = resolution.reserve(1, 1).await?;
    // Whoever decides without seeing the other's decision makes a second master.
    tokio::task::yield_now().await;
    let number = reserved.master_id.0;
    let master_id = ids.first().copied().unwrap_or(reserved.master_id);
    let mut record = match_record(number, here.clone(), master_id);
    for other in &mut known {
        other.links.push((number, Bits(9)));
        record.links.push((other.number, Bits(9)));
    }
    known.push(record);
    let keys = keys.into_iter().map(|key| (key, number)).collect();
    let writes = Resolved {
        masters: vec![master(master_id, reserved.version)],
        crosswalk: vec![crosswalk(here, master_id)],
        outbox: vec![OutboxWrite { master_id, version: reserved.version, system: None }],
        matching: MatchWrites { records: known, keys, ..MatchWrites::default() },
        ..Resolved::default()
    };
    resolution.commit(writes).await
}

/// An invoice of somebody's: it decides nothing about who is who, and does not wait for those who do.
async fn invoice_once(store: &dyn Store, worker: usize, round: u64) -> Result<(), StoreError> {
    let customer = local(&format!("system-{worker}"), &format!("C{round}"));
    let here = LocalKey { entity: Entity::Invoice, ..local("billing", &format!("F{worker}-{round}")) };
    let mut resolution = store.begin_resolve(TENANT).await?;
    let found = resolution.crosswalk(&[here.clone(), customer]).await?;
    let root = found[1].as_ref().map(|row| row.master_id);
    let id = resolution.reserve(1, 1).await?;
    let document = MasterRow { entity: Entity::Invoice, ..master(id.master_id, id.version) };
    let masters = vec![MasterRow { root: root.unwrap_or(id.master_id), ..document }];
    resolution.commit(Resolved { masters, crosswalk: vec![crosswalk(here, id.master_id)], ..Resolved::default() }).await
}

/// Does it again as the hub does when it came second; returns how often.
async fn until_done<F: Future<Output = Result<(), StoreError>>>(once: impl Fn() -> F) -> u32 {
    let mut conflicts = 0;
    loop {
        match once().await {
            Ok(()) => return conflicts,
            Err(StoreError::Conflict(_)) => conflicts += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn records_that_resemble_each_other_are_decided_one_after_another() {
    const WORKERS: usize = 6;
    let Some(server) = server() else { return };
    let hubs = hubs(server).await;
    let mut conflicts = 0;
    for round in 1..=200 {
        let tasks: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let store = Arc::clone(&hubs[worker % 2]);
                tokio::spawn(async move {
                    let shown = until_done(|| show_once(&*store, worker, round)).await;
                    shown + until_done(|| invoice_once(&*store, (worker + 1) % WORKERS, round)).await
                })
            })
            .collect();
        for task in tasks {
            conflicts += task.await.unwrap();
        }
        let mut last = 0;
        if let Some(record) = hubs[0].match_records_after(TENANT, 0, usize::MAX).await.unwrap().last() {
            last = record.number;
        }
        let mut read = hubs[1].begin_resolve(TENANT).await.unwrap();
        let newest = read.match_records(&[last]).await.unwrap().remove(0);
        let mut all = read.match_records_of(&[newest.master_id]).await.unwrap();
        drop(read);
        all.sort_by_key(|record| record.number);
        let numbers: Vec<RecordNumber> = all.iter().map(|record| record.number).collect();
        assert_eq!(numbers.len(), WORKERS, "round {round}: one customer became several");
        for record in &all {
            let mut linked: Vec<RecordNumber> = record.links.iter().map(|(number, _)| *number).collect();
            linked.push(record.number);
            linked.sort_unstable();
            assert_eq!(linked, numbers, "round {round}: a link was lost");
        }
    }
    // Nobody holds anything that another needs while he waits for his turn.
    assert_eq!(conflicts, 0, "resolutions were done again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_delivery_notes_while_records_are_looked_at_is_not_lost() {
    let Some(server) = server() else { return };
    let [resolving, delivering] = hubs(server).await;
    for round in 1..=100 {
        let (id, record) = (MasterId(round), local("crm", &format!("{round}")));
        let seed = Resolved {
            masters: vec![master(id, round)],
            crosswalk: vec![crosswalk(record.clone(), id)],
            ..Resolved::default()
        };
        resolving.begin_resolve(TENANT).await.unwrap().commit(seed).await.unwrap();
        let shadow = || Some(format!("{{\"round\":{round}}}").into());
        let looks = async || {
            let mut resolution = resolving.begin_resolve(TENANT).await?;
            resolution.lock_matching().await?;
            let crosswalk = resolution.crosswalk_of(&[id]).await?.into_iter().map(|(row, _)| row).collect();
            tokio::task::yield_now().await;
            resolution.commit(Resolved { crosswalk, ..Resolved::default() }).await
        };
        let delivers = async || {
            let held = CrosswalkRow { holds: shadow(), version: 1, ..crosswalk(record.clone(), id) };
            let end = Delivered { crosswalk: vec![held], ..Delivered::default() };
            delivering.finish_attempt(TENANT, "crm", None, end).await
        };
        race(&looks, &delivers).await;
        let held = delivering.held(TENANT, "crm", &[id]).await.unwrap();
        assert_eq!(held[0].crosswalk[0].holds, shadow(), "round {round}");
    }
}

const BATCH: u64 = 1_000;
const BATCHES: u64 = 30;
const KEYS_EACH: u64 = 12;

/// A spread like that of a hash.
fn mixed(number: u64) -> u64 {
    let mixed = (number ^ number >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}

/// A third of all keys are shared with the record before.
fn keys_of_record(number: RecordNumber) -> impl Iterator<Item = BlockingKey> {
    (0..KEYS_EACH).map(move |kind| {
        let shared = if kind % 3 == 0 { number / 2 } else { number };
        BlockingKey(kind << 56 | mixed(shared * KEYS_EACH + kind) >> 8)
    })
}

/// How long the calls of a batch took.
#[derive(Default)]
struct Took {
    postings: Duration,
    records: Duration,
    commit: Duration,
}

impl Took {
    fn whole(&self) -> Duration {
        self.postings + self.records + self.commit
    }
}

/// Reads and writes what resolve does about who is who for one batch of new records.
async fn decide(store: &dyn Store) -> Took {
    let mut resolution = store.begin_resolve(TENANT).await.unwrap();
    resolution.lock_matching().await.unwrap();
    let first = resolution.reserve(BATCH, 0).await.unwrap().master_id.0;
    let numbers = first..first + BATCH;
    let keys: Vec<BlockingKey> = numbers.clone().flat_map(keys_of_record).collect();
    let begun = Instant::now();
    let postings = resolution.postings(&keys, 50).await.unwrap();
    let asked = Instant::now();
    let known: BTreeSet<RecordNumber> = numbers.clone().map(|number| number.saturating_sub(BATCH).max(1)).collect();
    let known: Vec<RecordNumber> = known.into_iter().collect();
    let mut records = resolution.match_records(&known).await.unwrap();
    let read = Instant::now();
    assert_eq!(postings.len(), keys.len());
    // Of those that are there, every fourth gets a link.
    records.retain(|record| record.number % 4 == 0);
    for record in &mut records {
        record.links.push((first, Bits(4_000)));
    }
    let new = |number| match_record(number, local("erp", &format!("C{number:08}")), MasterId(number));
    records.extend(numbers.clone().map(new));
    let keys = numbers.flat_map(|number| keys_of_record(number).map(move |key| (key, number))).collect();
    let matching = MatchWrites { records, keys, ..MatchWrites::default() };
    resolution.commit(Resolved { matching, ..Resolved::default() }).await.unwrap();
    Took { postings: asked - begun, records: read - asked, commit: read.elapsed() }
}

#[allow(clippy::float_arithmetic, reason = "a rate for people")]
async fn measure(engine: &str, store: &dyn Store) {
    let begun = Instant::now();
    let mut took = Vec::new();
    for _ in 0..BATCHES {
        took.push(decide(store).await);
    }
    let rate = f64::from(u32::try_from(BATCH * BATCHES).unwrap()) / begun.elapsed().as_secs_f64();
    let slowest = took.iter().map(Took::whole).max().unwrap();
    let last = &took[took.len() - 1];
    println!(
        "{engine}: {rate:.0} records per second with {KEYS_EACH} keys each; the last batch: postings {:?}, records {:?}, \
         commit {:?}; the slowest batch {slowest:?}",
        last.postings, last.records, last.commit
    );
}

/// As if so many records had come before; written by the server alone.
fn fill(server: &Server, schema: &str, records: u64) {
    let script = format!(
        "SET search_path TO {schema};
         INSERT INTO match_records (record, system, key, master, home, evidence)
             SELECT t.id << 40 | n, t.id, 'F' || n, t.id << 40 | n, t.id << 40 | n, repeat('x', 500)
             FROM (SELECT id FROM words WHERE text = '{TENANT}') AS t, generate_series(1000001::bigint, 1000000 + {records}) AS n;
         INSERT INTO blocking (key, record)
             SELECT kind << 56 | hashint8extended(n * 12 + kind, 7) & x'ffffffffffffff'::bigint, t.id << 40 | n
             FROM (SELECT id FROM words WHERE text = '{TENANT}') AS t, generate_series(0::bigint, {KEYS_EACH} - 1) AS kind,
                 generate_series(1000001::bigint, 1000000 + {records}) AS n;"
    );
    server.query("hub", &script);
}

/// Figures, not a judgement: `cargo test --release -p store --test postgres -- --ignored --nocapture who_is_who_has_a_speed`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes a while and asserts nothing about time"]
async fn who_is_who_has_a_speed() {
    let Some(server) = server() else { return };
    let options = server.options();
    let schema = options.schema.clone();
    let store = PostgresStore::open(&server.url(), options).await.unwrap();
    measure("PostgreSQL", &*store).await;
    fill(server, &schema, 200_000);
    measure("PostgreSQL with 200,000 more", &*store).await;
    let sizes = format!(
        "SELECT string_agg(relname || ' ' || pg_size_pretty(pg_relation_size(c.oid)), ', ' ORDER BY relname)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE nspname = '{schema}' AND (relname LIKE 'blocking%' OR relname LIKE 'match_%')"
    );
    println!("{}", server.query("hub", &sizes));
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("store.sqlite"), SqliteOptions::default()).unwrap();
    measure("SQLite", &*store).await;
}
