//! How fast it is, beside a bare program that writes the same rows to the same tables in batches.

use std::time::Instant;

use canonical::entity::{Entity, Operation};
use jiff::Timestamp;
use master::MasterId;
use store::postgres::PostgresStore;
use store::sqlite::{SqliteOptions, SqliteStore};
use store::{
    CrosswalkRow, JournalEntry, JournalKind, LocalKey, MasterRow, MatchKeysWrite, OutboxWrite, Position, Resolved,
    SourceRow, Store,
};

use super::server::server;

const BATCH: u64 = 1_000;
const BATCHES: u64 = 20;

/// A new customer with everything that resolve writes for it.
fn batch(number: u64) -> Resolved {
    let mut writes = Resolved::default();
    for id in number * BATCH + 1..=(number + 1) * BATCH {
        let document = format!("{{\"legal_name\":\"Customer {id}\",\"note\":\"{}\"}}", "x".repeat(700));
        let local = LocalKey { system: "erp".into(), entity: Entity::Customer, key: format!("C{id:08}") };
        let (master_id, position) = (MasterId(id), Position { drop: 1, ordinal: id });
        writes.sources.push(SourceRow {
            local: local.clone(),
            stream: "customers".into(),
            master_id,
            document: document.clone().into(),
            mapping: "mapping-1".into(),
            asserted: "{}".into(),
            residue: None,
            position,
            observed_at: Timestamp::UNIX_EPOCH,
            removed: false,
        });
        writes.crosswalk.push(CrosswalkRow {
            local: local.clone(),
            master_id,
            holds: None,
            earlier: Vec::new(),
            residue: None,
            version: 0,
            removed: false,
        });
        writes.masters.push(MasterRow {
            master_id,
            entity: Entity::Customer,
            document: document.into(),
            version: id,
            state: Operation::Upsert,
            redirect: None,
            root: master_id,
            search: format!("customer {id}").into(),
        });
        let add = vec![format!("customer:siren:{id}")];
        writes.match_keys.push(MatchKeysWrite { master_id, add, remove: Vec::new() });
        writes.outbox.push(OutboxWrite { master_id, version: id, system: None });
        writes.journal.push(JournalEntry {
            at: Timestamp::UNIX_EPOCH,
            kind: JournalKind::Created,
            system: "erp".into(),
            entity: Entity::Customer,
            key: Some(local.key),
            master_id: Some(master_id),
            version: Some(id),
            position: Some(position),
            line: Some(id),
            detail: None,
        });
    }
    writes
}

/// Resolves all batches with the calls of the hub; returns customers per second.
async fn through_the_store(store: &dyn Store) -> f64 {
    let batches: Vec<Resolved> = (0..BATCHES).map(batch).collect();
    let begun = Instant::now();
    for writes in batches {
        let mut resolution = store.begin_resolve("acme").await.unwrap();
        let records: Vec<LocalKey> = writes.crosswalk.iter().map(|row| row.local.clone()).collect();
        let keys: Vec<String> = writes.match_keys.iter().flat_map(|write| write.add.clone()).collect();
        resolution.crosswalk(&records).await.unwrap();
        resolution.matches(&keys).await.unwrap();
        resolution.waiting_for(&records).await.unwrap();
        resolution.reserve(BATCH, BATCH).await.unwrap();
        resolution.commit(writes).await.unwrap();
    }
    rate(begun)
}

#[allow(clippy::float_arithmetic, reason = "a rate for people")]
fn rate(begun: Instant) -> f64 {
    f64::from(u32::try_from(BATCH * BATCHES).unwrap()) / begun.elapsed().as_secs_f64()
}

/// The same rows to the same tables, in batches, by statements that the server makes of numbers.
fn bare(server: &super::server::Server, schema: &str) -> f64 {
    let mut script = format!("SET search_path TO {schema};\n");
    for number in 0..BATCHES {
        let (from, to) = (number * BATCH + 1, (number + 1) * BATCH);
        let series = format!("generate_series({from}::bigint, {to}::bigint) AS id");
        let document = "'{\"legal_name\":\"Customer ' || id || '\",\"note\":\"' || repeat('x', 700) || '\"}'";
        script.push_str(&format!(
            "BEGIN;
             INSERT INTO sources (tenant, system, stream, entity, key, master, mapping, drop_number, ordinal, observed_at,
                 removed, asserted, residue, document)
                 SELECT 5, 6, 7, 1, 'C' || lpad(id::text, 8, '0'), (5::bigint << 40) | id, 8, 1, id, 0, 0, '{{}}', NULL, {document} FROM {series};
             INSERT INTO crosswalk (tenant, system, entity, key, master, version, removed)
                 SELECT 5, 6, 1, 'C' || lpad(id::text, 8, '0'), (5::bigint << 40) | id, 0, 0 FROM {series};
             INSERT INTO masters (master, entity, version, state, root, document)
                 SELECT (5::bigint << 40) | id, 1, id, 0, id, {document} FROM {series};
             INSERT INTO search_texts SELECT (5::bigint << 40) | id, 1, 'customer ' || id FROM {series};
             INSERT INTO match_keys SELECT 5, 'customer:siren:' || id, (5::bigint << 40) | id FROM {series};
             INSERT INTO outbox SELECT (5::bigint << 40) | id, id, id, id, NULL, 0 FROM {series};
             INSERT INTO journal (tenant, at, kind, system, entity, key, master, version, drop_number, ordinal, line)
                 SELECT 5, 0, 0, 6, 1, 'C' || lpad(id::text, 8, '0'), (5::bigint << 40) | id, id, 1, id, id FROM {series};
             COMMIT;\n"
        ));
    }
    let begun = Instant::now();
    server.query("hub", &script);
    rate(begun)
}

/// Figures, not a judgement: `cargo test -p store --test postgres -- --ignored --nocapture speed`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes a while and asserts nothing about time"]
#[allow(clippy::float_arithmetic, reason = "a ratio for people")]
async fn beside_a_bare_program_and_sqlite() {
    let Some(server) = server() else { return };
    let options = server.options();
    let schema = options.schema.clone();
    drop(PostgresStore::open(&server.url(), options).await.unwrap());
    let bare = bare(server, &schema);
    let store = PostgresStore::open(&server.url(), server.options()).await.unwrap();
    let postgres = through_the_store(&*store).await;
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(&folder.path().join("store.sqlite"), SqliteOptions::default()).unwrap();
    let sqlite = through_the_store(&*sqlite).await;
    println!(
        "{bare:.0} customers per second by the server alone, {postgres:.0} through the store ({:.2}), {sqlite:.0} on SQLite",
        postgres / bare
    );
}
