//! A whole installation goes from SQLite to PostgreSQL and back, and nobody can tell the difference.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use canonical::entity::{Entity, Operation};
use jiff::Timestamp;
use master::MasterId;
use master::matching::BlockingKey;
use store::copy::{Copied, CopyError, Place, copy};
use store::postgres::{PostgresOptions, PostgresStore};
use store::sqlite::{SqliteOptions, SqliteStore};
use store::testkit::{ODD, OTHER_TENANT, fill};
use store::{
    Command, Delivered, DropNumber, Export, Filter, Judgement, JudgementKind, LocalKey, MasterRow, MatchWrites,
    NewDrop, NewTask, OperateStore, OutboxWrite, Regrouping, Resolved, Store, StoreError, StreamKey,
};

use super::dump::{columns_without_a_value, dump, tables};
use super::server::{Server, server};

const TENANT: &str = "acme";
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// A full store, and files that are to become one.
struct Files(tempfile::TempDir);

impl Files {
    async fn new() -> Files {
        let files = Files(tempfile::tempdir().unwrap());
        fill(&*files.open("original")).await.unwrap();
        assert_eq!(columns_without_a_value(&files.file("original")), [""; 0], "the full store lacks something");
        files
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name).join("store.sqlite")
    }

    fn place(&self, name: &str) -> Place {
        Place::Sqlite(self.file(name))
    }

    fn open(&self, name: &str) -> std::sync::Arc<SqliteStore> {
        SqliteStore::open(&self.file(name), SqliteOptions::default()).unwrap()
    }
}

fn place(server: &Server, options: &PostgresOptions) -> Place {
    Place::Postgres { url: server.url(), options: Box::new(options.clone()) }
}

/// Copies after the hub of before has let go, whose session ends a moment after it.
async fn copied(from: &Place, to: &Place) -> Vec<Copied> {
    let begun = std::time::Instant::now();
    loop {
        match copy(from, to, &mut |_| {}).await {
            Err(CopyError::InUse { .. }) if begun.elapsed().as_secs() < 30 => tokio::task::yield_now().await,
            outcome => return outcome.unwrap(),
        }
    }
}

async fn refusal(from: &Place, to: &Place) -> CopyError {
    let error = copy(from, to, &mut |_| {}).await.expect_err("this must not be copied");
    assert!(!error.to_string().contains("s3cret"), "{error}");
    error
}

fn stream(system: &str, stream: &str) -> StreamKey {
    StreamKey { tenant: TENANT.into(), system: system.into(), stream: stream.into() }
}

/// All that the contract tells of a full store.
async fn told(store: &dyn Store) -> String {
    let mut told = String::new();
    let all = Filter { count_max: 1_000, ..Filter::default() };
    let tenants = [None, Some(TENANT), Some(OTHER_TENANT)];
    for tenant in tenants {
        let filter = Filter { tenant: tenant.map(str::to_owned), ..all.clone() };
        listings(store, &filter, &mut told).await.unwrap();
    }
    for id in (1..=8).map(MasterId) {
        writeln!(told, "{:?}", store.story(Some(TENANT), id).await.unwrap()).unwrap();
    }
    for number in 1..=4 {
        writeln!(told, "{:?}", store.drop_journal(number, &all).await.unwrap()).unwrap();
        writeln!(told, "{:?}", store.answer_of(number).await.unwrap()).unwrap();
        writeln!(told, "{:?}", store.parked_behind(number).await.unwrap()).unwrap();
    }
    for text in ["C1", ODD, "dupont", "a.csv", "F1"] {
        writeln!(told, "{:?}", store.find(Some(TENANT), text).await.unwrap()).unwrap();
    }
    stages(store, &mut told).await.unwrap();
    told
}

async fn listings(store: &dyn Store, filter: &Filter, told: &mut String) -> Result<(), StoreError> {
    let streams = store.streams(filter).await?;
    let drops = store.drops(filter).await?;
    let (targets, counts) = (store.targets(filter).await?, store.counts(filter).await?);
    let (rejects, parked) = (store.rejects(filter).await?, store.parked(filter).await?);
    let (waiting, tasks) = (store.waiting(filter).await?, store.tasks(&filter.clone().into()).await?);
    let masters = store.masters(filter).await?;
    writeln!(
        told,
        "{streams:?} {drops:?} {targets:?} {counts:?} {rejects:?} {parked:?} {waiting:?} {tasks:?} {masters:?}"
    )
    .unwrap();
    Ok(())
}

/// What collect, resolve and deliver ask.
async fn stages(store: &dyn Store, told: &mut String) -> Result<(), StoreError> {
    for stream in [stream("erp", "customers"), stream("crm", "contacts")] {
        let state = store.stream_state(&stream).await?;
        let known = store.known_records(&stream, &["C1", ODD, "", "C4", "C5"]).await?;
        let absent = store.absent_records(&stream, state.open_drop.unwrap_or_default(), None, 10).await?;
        writeln!(told, "{state:?} {known:?} {absent:?}").unwrap();
    }
    let ids: Vec<MasterId> = (1..=8).map(MasterId).collect();
    for system in ["erp", "crm"] {
        let held = store.held(TENANT, system, &ids).await?;
        let attempts = store.open_attempts(TENANT, system).await?;
        let backlog = store.backlog(TENANT, system, 10).await?;
        writeln!(told, "{held:?} {attempts:?} {backlog:?} {:?}", store.target_state(TENANT, system).await?).unwrap();
    }
    let local =
        |system: &str, key: &str| LocalKey { system: system.into(), entity: Entity::Customer, key: key.to_owned() };
    let mut read = store.begin_resolve(TENANT).await?;
    let crosswalk = read.crosswalk(&[local("erp", "C1"), local("erp", ODD), local("crm", "42")]).await?;
    let matches = read.matches(&["customer:siren:552100554".to_owned(), ODD.to_owned()]).await?;
    let waiting = read.waiting_for(&[local("erp", "C9"), local("erp", ODD)]).await?;
    writeln!(told, "{crosswalk:?} {matches:?} {waiting:?}").unwrap();
    let postings = read.postings(&[0, 1, 1 << 63, u64::MAX].map(BlockingKey), 9).await?;
    let judged = read.judgements_of(&[6, 7]).await?;
    // Told in any order, so one after the other.
    for id in &ids {
        let all = [Regrouping { master_id: *id, after: MasterId(0) }];
        writeln!(told, "{:?} {:?}", read.crosswalk_of(&[*id]).await?, read.documents_of(&all, 9).await?).unwrap();
    }
    writeln!(told, "{postings:?} {judged:?}").unwrap();
    drop(read);
    let (records, judgements) =
        (store.match_records_after(TENANT, 0, 9).await?, store.judgements(TENANT, &[], 9).await?);
    let (regroupings, model) = (store.regroupings(TENANT, 9).await?, store.match_model(TENANT, 0).await?);
    writeln!(told, "{records:?} {judgements:?} {regroupings:?} {model:?}").unwrap();
    let (outbox, covers) = (store.outbox(100).await?, store.mapping_covers("mapping-1").await?);
    writeln!(told, "{outbox:?} {covers:?} {:?}", store.pending().await?).unwrap();
    Ok(())
}

/// The numbers that a store gives next.
#[derive(Debug, PartialEq)]
struct Next {
    drop: DropNumber,
    master: MasterId,
    version: u64,
    outbox: u64,
    command: u64,
    task: u64,
    judgement: u64,
}

/// Goes on working on a full store.
async fn next_numbers(store: &dyn Store) -> Next {
    let drop = NewDrop {
        stream: stream("crm", "contacts"),
        name: "next.csv".to_owned(),
        fingerprint: None,
        bytes: None,
        export: Export::Delta,
        mapping: "mapping-2".to_owned(),
        at: Timestamp::UNIX_EPOCH,
        again: false,
    };
    let drop = store.open_drop(drop).await.unwrap().number;
    let mut resolution = store.begin_resolve(TENANT).await.unwrap();
    let reserved = resolution.reserve(1, 1).await.unwrap();
    let document = MasterRow {
        master_id: MasterId(1),
        entity: Entity::Customer,
        document: "{}".into(),
        version: reserved.version,
        state: Operation::Upsert,
        redirect: None,
        root: MasterId(1),
        search: "next".into(),
    };
    let change = OutboxWrite { master_id: MasterId(1), version: reserved.version, system: None };
    let judgement = Judgement {
        number: 0,
        at: Timestamp::UNIX_EPOCH,
        kind: JudgementKind::NotTheSame,
        by: None,
        reason: None,
        model: None,
        master_id: MasterId(1),
        other: None,
        left: Vec::new(),
        right: Vec::new(),
        undoes: None,
        is_undone: false,
    };
    let matching = MatchWrites { judgements: vec![judgement], ..MatchWrites::default() };
    let writes = Resolved { masters: vec![document], outbox: vec![change], matching, ..Resolved::default() };
    resolution.commit(writes).await.unwrap();
    let outbox = store.outbox(100).await.unwrap();
    let number = outbox.iter().find(|row| row.master.master_id == MasterId(1)).map(|row| row.numbers[0]).unwrap();
    let command = store.submit(&Command::Resume { system: "crm".to_owned() }, Timestamp::UNIX_EPOCH).await.unwrap();
    let task = NewTask {
        subject: "next".to_owned(),
        code: "delivery.unknown".to_owned(),
        question: "next".to_owned(),
        system: "crm".into(),
        at: Timestamp::UNIX_EPOCH,
        ..NewTask::default()
    };
    let end = Delivered { tasks: vec![task], ..Delivered::default() };
    store.finish_attempt(TENANT, "crm", None, end).await.unwrap();
    let tasks = store.tasks(&Filter::default().into()).await.unwrap();
    let task = tasks.iter().find(|task| task.question == "next").map(|task| task.number).unwrap();
    let judgement = store.judgements(TENANT, &[], 1).await.unwrap()[0].number;
    Next { drop, master: reserved.master_id, version: reserved.version, outbox: number, command, task, judgement }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_goes_to_a_server_and_back() {
    let Some(server) = server() else { return };
    let files = Files::new().await;
    let options = server.options();
    let there = place(server, &options);
    let before = dump(&files.file("original"));
    let moved = copied(&files.place("original"), &there).await;
    assert!(moved.iter().all(|table| table.read > 0 && table.read == table.counted), "{moved:?}");
    let back = copied(&there, &files.place("back")).await;
    assert_eq!(back, moved);
    assert_eq!(dump(&files.file("back")), before, "a round trip changes nothing");
    // Whoever asks gets the same answers, and whoever works on it the same numbers.
    let hub = PostgresStore::open(&server.url(), options.clone()).await.unwrap();
    let (original, returned) = (files.open("original"), files.open("back"));
    let expected = told(&*original).await;
    assert!(expected.contains("supplier") && expected.contains("\\u{fdd0}"), "{expected}");
    assert_eq!(told(&*hub).await, expected);
    assert_eq!(told(&*returned).await, expected);
    let expected = next_numbers(&*original).await;
    // Of three tasks one is answered, and the last one is gone: its number does not come again.
    assert_eq!(
        expected,
        Next { drop: 4, master: MasterId(8), version: 10, outbox: 4, command: 3, task: 4, judgement: 4 }
    );
    assert_eq!(next_numbers(&*returned).await, expected);
    assert_eq!(next_numbers(&*hub).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engines_have_the_same_tables() {
    let Some(server) = server() else { return };
    let files = Files::new().await;
    let options = server.options();
    drop(PostgresStore::open(&server.url(), options.clone()).await.unwrap());
    let sql = format!(
        "SELECT table_name || ' ' || string_agg(column_name, ' ' ORDER BY column_name COLLATE \"C\")
         FROM information_schema.columns WHERE table_schema = '{}' GROUP BY table_name",
        options.schema
    );
    let split = |line: &str| -> (String, Vec<String>) {
        let mut words = line.split(' ').map(str::to_owned);
        (words.next().unwrap(), words.collect())
    };
    let mut there: BTreeMap<String, Vec<String>> = server.query("hub", &sql).lines().map(split).collect();
    // What is about this moment, and what the other engine keeps in the head of its file.
    for own in ["leases", "workers", "schema_version"] {
        assert!(there.remove(own).is_some(), "{own}");
    }
    let mut here: BTreeMap<String, Vec<String>> = tables(&files.file("original")).into_iter().collect();
    assert!(here.remove("sqlite_sequence").is_some());
    assert_eq!(there, here);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_failed_is_done_again() {
    let Some(server) = server() else { return };
    let files = Files::new().await;
    let options = server.options();
    let there = place(server, &options);
    // A key that an index of the server does not take, after tables that it has taken.
    let change = |sql: &str, value: &str| {
        let connection = rusqlite::Connection::open(files.file("original")).unwrap();
        connection.execute(sql, [value]).unwrap();
    };
    let long: String =
        (0..20_000_u32).map(|n| char::from_u32(0x4e00 + n.wrapping_mul(2_654_435_761) % 20_000).unwrap()).collect();
    change("INSERT INTO match_keys (tenant, key, master) VALUES (5, ?1, 1)", &long);
    let mut last = None;
    let failed = copy(&files.place("original"), &there, &mut |progress| last = Some(progress.table)).await;
    let told = failed.unwrap_err().to_string();
    assert!(told.contains("copying match_keys") && told.contains("index row"), "{told}");
    assert_eq!(last, Some("match_keys"));
    let count = |table: &str| server.query("hub", &format!("SELECT count(*) FROM {}.{table}", options.schema));
    assert_eq!([count("words"), count("drops"), count("known_records")], ["4", "0", "0"]);
    change("DELETE FROM match_keys WHERE key = ?1", &long);
    copied(&files.place("original"), &there).await;
    copied(&there, &files.place("back")).await;
    assert_eq!(dump(&files.file("back")), dump(&files.file("original")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_use_or_has_rows_is_refused() {
    let Some(server) = server() else { return };
    let files = Files::new().await;
    let (here, options) = (files.place("original"), server.options());
    let url = server.url().replace("hub@", "hub:s3cret@");
    let there = Place::Postgres { url, options: Box::new(options.clone()) };
    // A hub at the target, and then at the source.
    let hub = PostgresStore::open(&server.url(), options.clone()).await.unwrap();
    assert!(matches!(refusal(&here, &there).await, CopyError::InUse { .. }));
    assert!(matches!(refusal(&there, &files.place("back")).await, CopyError::InUse { .. }));
    drop(hub);
    copied(&here, &there).await;
    let error = refusal(&here, &there).await;
    assert!(matches!(&error, CopyError::NotEmpty { table: "words", .. }), "{error}");
    assert!(error.to_string().contains("name a new file, or an empty database or schema"), "{error}");
    assert!(matches!(refusal(&there, &there.clone()).await, CopyError::SamePlace { .. }));
    // A store of a newer version, on either side.
    let version = |change: &str| {
        server.query("hub", &format!("UPDATE {}.schema_version SET version = version {change}", options.schema))
    };
    version("+ 7");
    for (from, to) in [(&here, &there), (&there, &files.place("back"))] {
        let error = refusal(from, to).await;
        assert!(matches!(error, CopyError::Store(StoreError::Newer { .. })), "{error}");
    }
    version("- 7");
    // Nobody made a store there.
    let nothing = place(server, &server.options());
    let error = refusal(&nothing, &files.place("back")).await;
    assert!(error.to_string().contains("start the hub once"), "{error}");
    assert!(!files.file("back").exists());
}

/// While a copy is under way nobody opens the store as a hub.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_waits_for_the_end_of_a_copy() {
    let Some(server) = server() else { return };
    let files = Files::new().await;
    let options = PostgresOptions { lock_ms_max: 200, ..server.options() };
    let there = place(server, &options);
    let from = files.place("original");
    let (begun, is_begun) = std::sync::mpsc::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let copying = tokio::spawn(async move {
        let mut gate = Some((begun, may_go_on));
        let mut told = |_| {
            if let Some((begun, may_go_on)) = gate.take() {
                begun.send(()).unwrap();
                // The connections of others go on on this thread's turn.
                tokio::task::block_in_place(|| may_go_on.recv_timeout(PATIENCE).unwrap());
            }
        };
        copy(&from, &there, &mut told).await.map(|copied| copied.len())
    });
    tokio::task::spawn_blocking(move || is_begun.recv_timeout(PATIENCE).unwrap()).await.unwrap();
    let refused = PostgresStore::open(&server.url(), options.clone()).await.map(|_| ());
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    go_on.send(()).unwrap();
    assert!(copying.await.unwrap().unwrap() > 20);
    let hub = PostgresStore::open(&server.url(), options).await.unwrap();
    assert_eq!(hub.drops(&Filter::default()).await.unwrap().len(), 3);
}

/// A measurement: `cargo test --release -p store --test postgres a_copy_has_a_speed -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn a_copy_has_a_speed() {
    let Some(server) = server() else { return };
    let files = Files::new().await;
    let rows = 300_000;
    let fill = format!(
        "WITH RECURSIVE n(n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM n WHERE n < 999 + {rows})
         INSERT INTO sources (tenant, system, stream, entity, key, master, mapping, drop_number, ordinal, observed_at,
             removed, asserted, residue, document)
         SELECT 5, 6, 7, 1, 'C' || (n * 7919 % 1000003), n, 8, 1, n, n, 0, '{{}}', NULL, printf('{{\"name\":\"%0500d\"}}', n)
         FROM n"
    );
    rusqlite::Connection::open(files.file("original")).unwrap().execute_batch(&fill).unwrap();
    let there = place(server, &server.options());
    let begun = std::time::Instant::now();
    copied(&files.place("original"), &there).await;
    let to_server = begun.elapsed();
    copied(&there, &files.place("back")).await;
    let back = begun.elapsed() - to_server;
    println!("{rows} source rows of 0.6 KB: {to_server:?} to PostgreSQL, {back:?} to SQLite");
    assert_eq!(dump(&files.file("back")).len(), dump(&files.file("original")).len());
}
