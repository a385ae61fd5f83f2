//! The connector against the conformance suite, and against layouts as systems have them.

mod conformance;
mod reading;
mod writing;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use canonical::entity::{Entity, Operation};
use canonical::record::{Body, Columns, Record, Rows};
use connector::{Batch, Connector, Fault, Item, OpenContext, Reference, Rendered, Source, StreamContext};
use serde_json::{Value, json};

use crate::LayoutDrop;

/// Account statements of fixed width: a header, operations with details, and a trailer that closes each.
fn statements() -> Value {
    json!({
        "width": 20,
        "record": "operation",
        "lines": {
            "statement": { "starts_with": "01", "fields": { "account": [3, 5], "opening": [8, 6] } },
            "operation": {
                "starts_with": "04",
                "inside": "statement",
                "fields": { "account": [3, 5], "amount": { "at": 8, "length": 6, "align": "right", "fill": "0" }, "label": [14, 7] },
            },
            "detail": { "starts_with": "05", "inside": "operation", "fields": { "kind": [3, 3], "text": [6, 15] } },
            "end": { "starts_with": "07", "closes": "statement", "fields": { "closing": [8, 6] } },
        },
    })
}

/// Ledger entries in tabs whose columns the file names: one line of a transaction, its splits, and an end.
fn transactions() -> Value {
    json!({
        "delimiter": "\t",
        "record": "TRNS",
        "ignore": ["!", "ACCNT"],
        "lines": {
            "TRNS": { "starts_with": "TRNS", "names": "!TRNS" },
            "SPL": { "starts_with": "SPL", "names": "!SPL", "inside": "TRNS" },
            "ENDTRNS": { "starts_with": "ENDTRNS", "closes": "TRNS" },
        },
    })
}

/// Movements in sections.
fn sections() -> Value {
    json!({
        "delimiter": "\t",
        "section": "##Section",
        "preamble": ["##File\tImport"],
        "record": "movement",
        "lines": {
            "movement": { "section": "Mvt", "fields": ["", "journal", "date", "account", "amount"] },
            "account": { "section": "Cpt", "fields": ["", "code", "name"] },
        },
    })
}

fn open_context(directory: &Path, group_by: &[&str]) -> OpenContext {
    let group_by = group_by.iter().map(|name| (*name).to_owned()).collect();
    let stream = StreamContext { group_by, ..StreamContext::default() };
    let streams = BTreeMap::from([("s".to_owned(), stream)]);
    OpenContext { system: "bank".to_owned(), directory: directory.to_owned(), streams }
}

/// Opens the stream `s` with this layout on the folder `in`.
async fn open(directory: &Path, settings: &Value, group_by: &[&str]) -> Result<Box<dyn Source>, Fault> {
    let mut stream = json!({ "folder": "in", "settle_ms": 0 });
    for (name, value) in settings.as_object().unwrap() {
        stream[name] = value.clone();
    }
    let connector: LayoutDrop = serde_json::from_value(json!({ "streams": { "s": stream } })).unwrap();
    let mut ports = connector.open(&open_context(directory, group_by)).await?;
    Ok(ports.sources.remove("s").unwrap())
}

/// The rows of a record in short: `column=value` of what has a value, columns without the name of their type's rest.
fn rows(record: &Record) -> String {
    let Body::Rows(rows) = &record.body else { panic!("a record that is not rows") };
    let row = |row: usize| rows.row(row).collect::<Vec<_>>().join("|");
    (0..rows.len()).map(row).collect::<Vec<_>>().join(" + ")
}

fn drop_file(directory: &Path, name: &str, content: impl AsRef<[u8]>) {
    fs::create_dir_all(directory.join("in")).unwrap();
    fs::write(directory.join("in").join(name), content).unwrap();
}

fn listing(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

async fn drain(source: &mut dyn Source) -> Vec<Batch> {
    let (mut batches, mut after) = (Vec::new(), None);
    while let Some(batch) = source.read(after.as_ref()).await.unwrap() {
        source.commit(&batch.checkpoint).await.unwrap();
        after = Some(batch.checkpoint.clone());
        batches.push(batch);
    }
    batches
}

/// The items of all batches in short: the rows of a record, or the line and the code of a reject.
fn shorten(batches: &[Batch]) -> Vec<String> {
    let short = |item: &Item| match item {
        Item::Record(record) => format!("{} {}", record.place.line.unwrap(), rows(record)),
        Item::Reject(reject) => {
            format!("{} {}", reject.place.line.map_or_else(|| "file".to_owned(), |line| line.to_string()), reject.code)
        }
    };
    batches.iter().flat_map(|batch| &batch.items).map(short).collect()
}

/// Reads one file, in batches of one record and in one batch, and compares what came out of it.
async fn check(content: impl AsRef<[u8]>, settings: Value, group_by: &[&str], expected: &[&str]) {
    for batch_records_max in [1, 1_000] {
        let directory = tempfile::tempdir().unwrap();
        drop_file(directory.path(), "a.txt", content.as_ref());
        let mut settings = settings.clone();
        settings["batch_records_max"] = json!(batch_records_max);
        let (mut found, mut after) = (Vec::new(), None);
        // Every batch is read by a source of its own, as after a crash.
        loop {
            let mut source = open(directory.path(), &settings, group_by).await.unwrap();
            let Some(batch) = source.read(after.as_ref()).await.unwrap() else { break };
            source.commit(&batch.checkpoint).await.unwrap();
            after = Some(batch.checkpoint.clone());
            found.extend(shorten(&[batch]));
        }
        assert_eq!(found, expected, "in batches of {batch_records_max}");
    }
}

fn change(key: &str, rows: &Rows) -> Rendered {
    let (master_id, local_key) = (format!("m-{key}"), Some(key.to_owned()));
    let reference = Reference { entity: Entity::Payment, master_id, version: 1, local_key };
    let record = Record::from_body(Body::Rows(rows.clone()));
    Rendered { reference, operation: Operation::Upsert, record, previous: None }
}

/// Rows of these columns.
fn table(columns: &[&str], values: &[&[&str]]) -> Rows {
    let mut rows = Rows::new(Columns::new(columns.iter().copied()).unwrap());
    assert!(values.iter().all(|row| rows.push(row.iter().copied())));
    rows
}
