//! A whole hub on one machine: customers in, through the master, to two subscribers out; then the same export again.
//!
//! `cargo bench -p passerelle-tests --bench customers -- 1000000`
//!
//! It prints JSON lines: figures of the hub, and beside them what a bare program needs that writes the same rows to the
//! same tables in batches of 500, measured in the same run.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and fails where it cannot go on")]
#![allow(clippy::float_arithmetic, reason = "rates are not money")]

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use canonical::entity::Entity;
use hub::Missing;
use passerelle_tests::house::{CsvFeed, CsvSystem, House, accounting};
use serde_json::json;
use store::{Export, RecordOutcome};

const COLUMNS: &str = "code,name,trade,siren,vat,line1,line2,postcode,city,country,phone,mobile,email,billing,iban,bic,language,limit,status,changed";

const MAPPING: &str = r#"
entity = "customer"
format = "csv"
key = "code"

[fields]
legal_name = "name"
trading_name = "trade"
identifiers.siren = "siren"
identifiers.vat = "vat"
addresses.main.line1 = "line1"
addresses.main.line2 = "line2"
addresses.main.postcode = "postcode"
addresses.main.city = "city"
addresses.main.country = "country"
phones.office = "phone"
phones.mobile = "mobile"
emails.main = "email"
emails.billing = "billing"
bank_accounts.main.iban = "iban"
bank_accounts.main.bic = "bic"
language = "language"
credit_limit = { at = "limit", as = "money", currency = "EUR" }
status = "status"
changed_at = { at = "changed", as = "date-time" }
"#;

/// A SIREN that passes its check, made from a number of up to 8 digits.
fn siren(number: u64) -> String {
    let body = format!("{:08}", 10_000_000 + number % 89_999_999);
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let digit = u32::from(digit - b'0') * if index % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

fn write_export(path: &Path, count: u64, last: &str) {
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    writeln!(file, "{COLUMNS}").unwrap();
    let mut line = String::new();
    for number in 0..count {
        line.clear();
        let siren = siren(number);
        let vat = format!("FR{:02}{siren}", (12 + 3 * (siren.parse::<u64>().unwrap() % 97)) % 97);
        write!(
            line,
            "C{number:07},Société {number},Enseigne {number},{siren},{vat},{} rue de la Paix,Bâtiment {},{:05},Ville {},FR,\
             +331{:08},+336{:08},contact{number}@exemple.fr,compta{number}@exemple.fr,FR7630006000011234567890189,AGRIFRPP,\
             fr,{}.50,active,2026-03-{:02}T10:00:00Z",
            number % 200,
            number % 30,
            1_000 + number % 95_000,
            number % 3_000,
            number % 100_000_000,
            (number * 7) % 100_000_000,
            number % 50_000,
            1 + number % 28
        )
        .unwrap();
        writeln!(file, "{line}").unwrap();
    }
    writeln!(file, "{last}").unwrap();
}

/// The most memory that this process ever used, in bytes, since the last reset.
fn memory_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn reset_memory_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn rate(count: u64, time: Duration) -> u64 {
    (count as f64 / time.as_secs_f64()) as u64
}

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

fn main() {
    let count: u64 = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(20_000);
    let feeds = vec![CsvFeed { name: "customers", mapping: MAPPING, export: Export::Full, missing: Missing::Keep }];
    let subscriber = |name| CsvSystem { name, streams: vec![], subscriptions: vec![(Entity::Customer, MAPPING)] };
    let erp = CsvSystem { name: "erp", streams: feeds, subscriptions: vec![] };
    let house = House::new(vec![erp, subscriber("ledger"), subscriber("crm")], &["erp"]);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .enable_all()
        .build()
        .unwrap();
    write_export(&house.path().join("erp/in/customers1.csv"), count, "");

    reset_memory_peak();
    let begun = Instant::now();
    let store = runtime.block_on(house.settle_within(Duration::from_secs(3_600)));
    let imported = begun.elapsed();
    let memory = memory_peak();
    let outcomes = runtime.block_on(accounting(&*store, "erp"));
    assert_eq!(outcomes.get(RecordOutcome::Created), count as i64);
    assert_eq!(house.fed("ledger").len() as u64, count);
    assert_eq!(house.fed("crm").len() as u64, count);
    drop(store);
    let (rows, bare) = bare_rewrite(&house.path().join("store.db"), &house.path().join("bare.db"));
    println!(
        "{}",
        json!({
            "benchmark": "customers in, master, two subscribers out", "customers": count,
            "seconds": imported.as_secs_f64(), "per_second": rate(count, imported), "memory_peak_bytes": memory,
            "rows_per_customer": rows as f64 / count as f64,
            "bare_seconds": bare.as_secs_f64(), "bare_per_second": rate(count, bare),
            "ratio_to_bare": bare.as_secs_f64() / imported.as_secs_f64(),
        })
    );

    write_export(&house.path().join("erp/in/customers2.csv"), count, "C9999999,Une de plus,,,,,,,,,,,,,,,,,,");
    reset_memory_peak();
    let begun = Instant::now();
    let store = runtime.block_on(house.settle_within(Duration::from_secs(3_600)));
    let repeated = begun.elapsed();
    let outcomes = runtime.block_on(accounting(&*store, "erp"));
    assert_eq!(outcomes.get(RecordOutcome::Unchanged), count as i64);
    println!(
        "{}",
        json!({
            "benchmark": "an unchanged full export again", "rows": count, "seconds": repeated.as_secs_f64(),
            "per_second": rate(count, repeated), "memory_peak_bytes": memory_peak(),
        })
    );
}
