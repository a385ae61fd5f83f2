//! A whole hub on one machine: customers in, through the master, to two subscribers out; then the same export again, and
//! then once more from another system.
//!
//! `cargo bench -p passerelle-tests --bench customers -- 1000000`
//!
//! It prints JSON lines: figures of the hub, and beside them what a bare program needs that writes the same rows to the
//! same tables in batches of 500, measured in the same run.

#![allow(clippy::unwrap_used, reason = "a benchmark fails where it cannot go on")]
#![allow(clippy::float_arithmetic, reason = "rates are not money")]

use std::path::Path;
use std::time::{Duration, Instant};

use canonical::entity::Entity;
use hub::Missing;
use passerelle_tests::house::{CsvFeed, CsvSystem, House, accounting};
use passerelle_tests::measure::arguments::{Arguments, Choice};
use passerelle_tests::measure::export::{MAPPING, write_export};
use passerelle_tests::measure::usage::{memory, reset_peak};
use passerelle_tests::measure::{rate, tell};
use serde_json::json;
use store::{Export, RecordOutcome};

/// Writes the rows of a finished store into the same tables of a new one, 500 in a transaction; returns rows and time.
fn bare_rewrite(finished: &Path, fresh: &Path) -> (u64, Duration) {
    let source = rusqlite::Connection::open(finished).unwrap();
    let target = rusqlite::Connection::open(fresh).unwrap();
    target.pragma_update(None, "journal_mode", "WAL").unwrap();
    target.pragma_update(None, "synchronous", "FULL").unwrap();
    let mut schema =
        source.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'").unwrap();
    let schema: Vec<String> = schema.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for statement in &schema {
        target.execute_batch(statement).unwrap();
    }
    let mut names =
        source.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let (mut rows, mut time) = (0, Duration::ZERO);
    for name in names {
        let mut select = source.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let columns = select.column_count();
        let marks = vec!["?"; columns].join(",");
        let mut insert = target.prepare(&format!("INSERT INTO {name} VALUES ({marks})")).unwrap();
        let mut cursor = select.query([]).unwrap();
        loop {
            let mut batch: Vec<Vec<rusqlite::types::Value>> = Vec::with_capacity(500);
            while batch.len() < 500
                && let Some(row) = cursor.next().unwrap()
            {
                batch.push((0..columns).map(|column| row.get(column).unwrap()).collect());
            }
            if batch.is_empty() {
                break;
            }
            let begun = Instant::now();
            target.execute_batch("BEGIN IMMEDIATE").unwrap();
            for values in &batch {
                insert.execute(rusqlite::params_from_iter(values)).unwrap();
            }
            target.execute_batch("COMMIT").unwrap();
            time += begun.elapsed();
            rows += batch.len() as u64;
        }
    }
    (rows, time)
}

const ABOUT: &str = "Customers in, through the master, to two subscribers out, on SQLite; then the same export again.";
const CHOICES: &[Choice] = &[("customers", 20_000, "how many customers")];

fn main() {
    let count = Arguments::read(ABOUT, CHOICES).get("customers");
    let own = std::process::id();
    let feeds = || vec![CsvFeed { name: "customers", mapping: MAPPING, export: Export::Full, missing: Missing::Keep }];
    let subscriber = |name| CsvSystem { name, streams: vec![], subscriptions: vec![(Entity::Customer, MAPPING)] };
    let source = |name| CsvSystem { name, streams: feeds(), subscriptions: vec![] };
    let house = House::new(vec![source("erp"), source("shop"), subscriber("ledger"), subscriber("crm")], &["erp"]);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .enable_all()
        .build()
        .unwrap();
    write_export(&house.path().join("erp/in/customers1.csv"), count, "").unwrap();

    reset_peak(own);
    let begun = Instant::now();
    let store = runtime.block_on(house.settle_within(Duration::from_secs(3_600)));
    let imported = begun.elapsed();
    let peak = memory(own).peak;
    let outcomes = runtime.block_on(accounting(&*store, "erp"));
    assert_eq!(outcomes.get(RecordOutcome::Created), count as i64);
    assert_eq!(house.fed("ledger").len() as u64, count);
    assert_eq!(house.fed("crm").len() as u64, count);
    drop(store);
    let (rows, bare) = bare_rewrite(&house.path().join("store.db"), &house.path().join("bare.db"));
    tell(&json!({
        "benchmark": "customers in, master, two subscribers out", "customers": count,
        "seconds": imported.as_secs_f64(), "per_second": rate(count, imported), "memory_peak_bytes": peak,
        "rows_per_customer": rows as f64 / count as f64,
        "bare_seconds": bare.as_secs_f64(), "bare_per_second": rate(count, bare),
        "ratio_to_bare": bare.as_secs_f64() / imported.as_secs_f64(),
    }));

    write_export(&house.path().join("erp/in/customers2.csv"), count, "C9999999,Une de plus,,,,,,,,,,,,,,,,,,").unwrap();
    reset_peak(own);
    let begun = Instant::now();
    let store = runtime.block_on(house.settle_within(Duration::from_secs(3_600)));
    let repeated = begun.elapsed();
    let outcomes = runtime.block_on(accounting(&*store, "erp"));
    assert_eq!(outcomes.get(RecordOutcome::Unchanged), count as i64);
    tell(&json!({
        "benchmark": "an unchanged full export again", "rows": count, "seconds": repeated.as_secs_f64(),
        "per_second": rate(count, repeated), "memory_peak_bytes": memory(own).peak,
    }));
    drop(store);

    write_export(&house.path().join("shop/in/customers1.csv"), count, "").unwrap();
    reset_peak(own);
    let begun = Instant::now();
    let store = runtime.block_on(house.settle_within(Duration::from_secs(3_600)));
    let (recognised, peak) = (begun.elapsed(), memory(own).peak);
    let outcomes = runtime.block_on(accounting(&*store, "shop"));
    assert_eq!(outcomes.get(RecordOutcome::Created), count as i64);
    let masters = runtime.block_on(passerelle_tests::house::masters(&*store, Entity::Customer)).len() as u64;
    assert_eq!(masters, count + 1, "each is one with whom the other system has");
    tell(&json!({
        "benchmark": "the same customers in another system, recognised by their identifiers", "customers": count,
        "seconds": recognised.as_secs_f64(), "per_second": rate(count, recognised), "memory_peak_bytes": peak,
    }));
}
