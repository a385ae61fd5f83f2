//! What the embedded store takes per customer, beside the same machine's plain batch inserts.
//!
//! `PASSERELLE_BENCH_CUSTOMERS` says how many customers the store has before anything is measured (default 100,000):
//! trees that no longer fit the cache are what a real store has.

#![allow(clippy::unwrap_used, reason = "a benchmark that fails has nothing to tell")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use canonical::entity::{Entity, Operation};
use divan::Bencher;
use divan::counter::ItemsCount;
use jiff::Timestamp;
use master::MasterId;
use store::sqlite::{SqliteOptions, SqliteStore};
use store::{
    Attempt, CollectStore, Collected, CrosswalkRow, DeliverStore, Delivered, Export, JournalEntry, JournalKind,
    LocalKey, MasterRow, MatchKeysWrite, Member, NewDrop, OutboxWrite, Position, PublishedRecord, ResolveStore,
    Resolved, SourceRow, StreamKey,
};

/// Customers in one batch.
const BATCH: u64 = 500;
/// Keys in one look-up.
const KEYS: u64 = 1000;

struct House {
    store: Arc<SqliteStore>,
    runtime: tokio::runtime::Runtime,
    drop: u64,
    /// The next customer that nobody has seen.
    next: AtomicU64,
    customers: u64,
    directory: tempfile::TempDir,
}

static HOUSE: LazyLock<House> = LazyLock::new(|| {
    let asked = std::env::var("PASSERELLE_BENCH_CUSTOMERS").ok().and_then(|text| text.parse().ok());
    let customers: u64 = asked.unwrap_or(100_000);
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("store.sqlite"), SqliteOptions::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let drop = runtime.block_on(store.open_drop(new_drop())).unwrap().number;
    let house = House { store, runtime, drop, next: AtomicU64::new(0), customers, directory };
    for _ in 0..customers / BATCH {
        let first = house.take();
        house.runtime.block_on(async {
            house.collect(first).await;
            house.resolve(first).await;
            house.relay().await;
            house.deliver("billing", first).await;
            house.deliver("accounting", first).await;
        });
    }
    house
});

fn new_drop() -> NewDrop {
    NewDrop {
        stream: stream(),
        name: "customers.csv".to_owned(),
        fingerprint: None,
        bytes: None,
        export: Export::Full,
        mapping: "mapping".to_owned(),
        at: Timestamp::UNIX_EPOCH,
        again: false,
    }
}

fn stream() -> StreamKey {
    StreamKey { tenant: "acme".into(), system: "erp".into(), stream: "customers".into() }
}

fn local(system: &str, customer: u64) -> LocalKey {
    LocalKey { system: system.into(), entity: Entity::Customer, key: format!("CUST{customer:08}") }
}

/// A number without order, as SIRENs are.
fn siren(customer: u64) -> u64 {
    customer.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 1_000_000_000
}

fn document(customer: u64) -> String {
    let street = "12 bis rue de la République, bâtiment C, escalier 4, 2e étage";
    format!(
        r#"{{"kind":"company","legal_name":"Société {customer} SARL","identifiers":[{{"scheme":"0002","value":"{:09}"}}],
        "addresses":[{{"use":"main","line1":"{street}","postcode":"69002","city":"Lyon","country":"FR"}},
        {{"use":"billing","line1":"{street}","postcode":"75011","city":"Paris","country":"FR"}}],
        "emails":["contact@societe-{customer}.example"],"phones":["+33400000000"],"currency":"EUR",
        "payment_terms":"30 jours fin de mois","credit_limit":{{"amount":"15000.00","currency":"EUR"}},"status":"active"}}"#,
        siren(customer)
    )
}

impl House {
    fn take(&self) -> u64 {
        self.next.fetch_add(BATCH, Ordering::Relaxed)
    }

    async fn collect(&self, first: u64) {
        let records = (first..first + BATCH)
            .map(|customer| (local("erp", customer).key, customer.to_le_bytes()))
            .collect::<Vec<_>>();
        let keys: Vec<&str> = records.iter().map(|(key, _)| key.as_str()).collect();
        self.store.known_records(&stream(), &keys).await.unwrap();
        let published =
            records.iter().map(|(key, _)| PublishedRecord { key: key.clone(), hash: [7; 16], partition: 1 }).collect();
        let step = Collected {
            stream: stream(),
            drop: self.drop,
            checkpoint: Some(first.into()),
            published,
            ordinals: Vec::new(),
            seen: Vec::new(),
            removed: Vec::new(),
            rejects: Vec::new(),
            tasks: Vec::new(),
            outcomes: store::Outcomes::default(),
            end: None,
            at: Timestamp::UNIX_EPOCH,
        };
        self.store.commit_collected(step).await.unwrap();
    }

    async fn resolve(&self, first: u64) {
        let mut resolution = self.store.begin_resolve("acme").await.unwrap();
        let locals: Vec<_> = (first..first + BATCH).map(|customer| local("erp", customer)).collect();
        resolution.crosswalk(&locals).await.unwrap();
        let keys: Vec<_> = (first..first + BATCH).map(match_key).collect();
        resolution.matches(&keys).await.unwrap();
        resolution.waiting_for(&locals).await.unwrap();
        let reserved = resolution.reserve(BATCH, BATCH).await.unwrap();
        resolution.commit(self.resolved(first, reserved.master_id.0)).await.unwrap();
    }

    fn resolved(&self, first: u64, id: u64) -> Resolved {
        let mut writes = Resolved::default();
        for offset in 0..BATCH {
            let (customer, master_id) = (first + offset, MasterId(id + offset));
            let position = Position { drop: self.drop, ordinal: customer };
            writes.sources.push(SourceRow {
                local: local("erp", customer),
                stream: "customers".into(),
                master_id,
                document: document(customer).into(),
                mapping: "mapping".into(),
                asserted: r#"{"legal_name":"2026-11-21T00:00:00Z","addresses":"2026-11-21T00:00:00Z"}"#.into(),
                residue: Some(r#"{"rows":{"CT_Qualite":"CLI","CT_Svformejuri":"SARL"}}"#.into()),
                position,
                observed_at: Timestamp::UNIX_EPOCH,
                removed: false,
            });
            writes.crosswalk.push(CrosswalkRow {
                local: local("erp", customer),
                master_id,
                holds: None,
                residue: None,
                version: 0,
                removed: false,
                earlier: Vec::new(),
            });
            writes.masters.push(MasterRow {
                master_id,
                entity: Entity::Customer,
                document: document(customer).into(),
                version: master_id.0,
                state: Operation::Upsert,
                redirect: None,
                root: master_id,
                search: format!("société {customer} sarl").into(),
            });
            writes.match_keys.push(MatchKeysWrite { master_id, add: vec![match_key(customer)], remove: Vec::new() });
            writes.outbox.push(OutboxWrite { master_id, version: master_id.0, system: None });
            writes.journal.push(entry(JournalKind::Created, "erp", customer, master_id, Some(position)));
        }
        writes
    }

    async fn relay(&self) {
        let rows = self.store.outbox(usize::try_from(BATCH).unwrap()).await.unwrap();
        self.store.outbox_done(&rows).await.unwrap();
    }

    async fn deliver(&self, system: &str, first: u64) {
        let ids: Vec<_> = (first + 1..=first + BATCH).map(MasterId).collect();
        self.store.held("acme", system, &ids).await.unwrap();
        let member = |customer: u64| Member {
            master_id: MasterId(customer + 1),
            root: MasterId(customer + 1),
            entity: Entity::Customer,
            version: customer + 1,
            operation: Operation::Upsert,
            local_key: Some(format!("CUST{customer:08}")),
            projection: document(customer),
            residue: None,
        };
        let attempt = Attempt {
            batch: format!("{system}-{first}"),
            tenant: "acme".into(),
            system: system.into(),
            members: (first..first + BATCH).map(member).collect(),
            at: Timestamp::UNIX_EPOCH,
        };
        self.store.begin_attempt(&attempt).await.unwrap();
        let mut end = Delivered::default();
        for member in attempt.members {
            let customer = member.master_id.0 - 1;
            end.journal.push(entry(JournalKind::Delivered, system, customer, member.master_id, None));
            end.crosswalk.push(CrosswalkRow {
                local: local(system, customer),
                master_id: member.master_id,
                holds: Some(member.projection.into()),
                residue: None,
                version: member.version,
                removed: false,
                earlier: Vec::new(),
            });
        }
        self.store.finish_attempt("acme", system, Some(&attempt.batch), end).await.unwrap();
    }
}

fn match_key(customer: u64) -> String {
    format!("customer:siren:{:09}", siren(customer))
}

fn entry(kind: JournalKind, system: &str, customer: u64, id: MasterId, position: Option<Position>) -> JournalEntry {
    JournalEntry {
        at: Timestamp::UNIX_EPOCH,
        kind,
        system: system.into(),
        entity: Entity::Customer,
        key: Some(format!("CUST{customer:08}")),
        master_id: Some(id),
        version: Some(id.0),
        position,
        line: None,
        detail: None,
    }
}

fn batches(bencher: Bencher<'_, '_>, before: impl Fn(&House, u64), measured: impl Fn(&House, u64)) {
    let house = &*HOUSE;
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(|| {
            let first = house.take();
            before(house, first);
            first
        })
        .bench_local_values(|first| measured(house, first));
}

#[divan::bench(sample_count = 60, sample_size = 1)]
fn collect_new_customers(bencher: Bencher<'_, '_>) {
    batches(bencher, |_, _| {}, |house, first| house.runtime.block_on(house.collect(first)));
}

#[divan::bench(sample_count = 60, sample_size = 1)]
fn resolve_new_customers(bencher: Bencher<'_, '_>) {
    batches(bencher, |_, _| {}, |house, first| house.runtime.block_on(house.resolve(first)));
}

#[divan::bench(sample_count = 60, sample_size = 1)]
fn relay_customers(bencher: Bencher<'_, '_>) {
    let resolve = |house: &House, first| house.runtime.block_on(house.resolve(first));
    batches(bencher, resolve, |house, _| house.runtime.block_on(house.relay()));
}

#[divan::bench(sample_count = 60, sample_size = 1)]
fn deliver_customers_to_one_system(bencher: Bencher<'_, '_>) {
    let resolve = |house: &House, first| house.runtime.block_on(house.resolve(first));
    batches(bencher, resolve, |house, first| house.runtime.block_on(house.deliver("billing", first)));
}

/// All that the store does for a customer of one system with two subscribers.
#[divan::bench(sample_count = 60, sample_size = 1)]
fn customers_in_and_out_to_two_systems(bencher: Bencher<'_, '_>) {
    let whole = |house: &House, first| {
        house.runtime.block_on(async {
            house.collect(first).await;
            house.resolve(first).await;
            house.relay().await;
            house.deliver("billing", first).await;
            house.deliver("accounting", first).await;
        });
    };
    batches(bencher, |_, _| {}, whole);
}

#[divan::bench(sample_count = 200, sample_size = 1)]
fn known_records(bencher: Bencher<'_, '_>) {
    let house = &*HOUSE;
    let mut first = 0;
    bencher
        .counter(ItemsCount::new(KEYS))
        .with_inputs(|| {
            first = (first + KEYS) % house.customers.max(1);
            (first..first + KEYS).map(|customer| local("erp", customer).key).collect::<Vec<_>>()
        })
        .bench_local_refs(|keys| {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            house.runtime.block_on(house.store.known_records(&stream(), &keys)).unwrap()
        });
}

/// The limit to hold the rest against: rows of about a kilobyte, 500 in a transaction, nothing else.
#[divan::bench(sample_count = 60, sample_size = 1)]
fn plain_batch_inserts(bencher: Bencher<'_, '_>) {
    let mut plain = rusqlite::Connection::open(HOUSE.directory.path().join("plain.sqlite")).unwrap();
    let mode: String = plain.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    plain.pragma_update(None, "synchronous", "full").unwrap();
    plain.execute_batch("CREATE TABLE documents (id INTEGER PRIMARY KEY, document TEXT NOT NULL)").unwrap();
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(|| (0..BATCH).map(document).collect::<Vec<_>>())
        .bench_local_values(|documents| {
            let transaction = plain.transaction().unwrap();
            let mut insert = transaction.prepare_cached("INSERT INTO documents (document) VALUES (?1)").unwrap();
            for document in &documents {
                insert.execute([document]).unwrap();
            }
            drop(insert);
            transaction.commit().unwrap();
        });
}

fn main() {
    divan::main();
}
