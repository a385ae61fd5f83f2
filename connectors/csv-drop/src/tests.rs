//! The connector against the conformance suite, and against files as people drop them.

mod conformance;
mod drops;
mod grammar;
mod joined;
mod samples;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use canonical::entity::{Entity, Operation};
use canonical::record::{Body, Columns, Record, Rows};
use connector::{Batch, Connector, Fault, Item, OpenContext, Reference, Rendered, Source, StreamContext};
use serde_json::{Value, json};

use crate::CsvDrop;

fn open_context(directory: &Path, group_by: &[&str]) -> OpenContext {
    let group_by = group_by.iter().map(|name| (*name).to_owned()).collect();
    let stream = StreamContext { group_by, ..StreamContext::default() };
    let streams = BTreeMap::from([("s".to_owned(), stream)]);
    OpenContext { system: "erp".to_owned(), directory: directory.to_owned(), streams }
}

/// Opens the stream `s` with these settings on the folder `in`.
async fn open(directory: &Path, settings: &Value, group_by: &[&str]) -> Result<Box<dyn Source>, Fault> {
    let mut stream = json!({ "folder": "in", "settle_ms": 0 });
    for (name, value) in settings.as_object().unwrap() {
        stream[name] = value.clone();
    }
    let connector: CsvDrop = serde_json::from_value(json!({ "streams": { "s": stream } })).unwrap();
    let mut ports = connector.open(&open_context(directory, group_by)).await?;
    Ok(ports.sources.remove("s").unwrap())
}

fn rows(record: &Record) -> Vec<Vec<String>> {
    let Body::Rows(rows) = &record.body else { panic!("a record that is not rows") };
    (0..rows.len()).map(|row| rows.row(row).map(str::to_owned).collect()).collect()
}

fn drop_file(directory: &Path, name: &str, content: impl AsRef<[u8]>) {
    fs::create_dir_all(directory.join("in")).unwrap();
    fs::write(directory.join("in").join(name), content).unwrap();
}

/// Everything in a folder: names and content, in order of names.
fn listing(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// Reads all there is, committing each batch.
async fn drain(source: &mut dyn Source) -> Vec<Batch> {
    let (mut batches, mut after) = (Vec::new(), None);
    while let Some(batch) = source.read(after.as_ref()).await.unwrap() {
        source.commit(&batch.checkpoint).await.unwrap();
        after = Some(batch.checkpoint.clone());
        batches.push(batch);
    }
    batches
}

/// The items of all batches in short: the values of a record's rows, or the line and the code of a reject.
fn shorten(batches: &[Batch]) -> Vec<String> {
    let short = |item: &Item| match item {
        Item::Record(record) => rows(record).iter().map(|row| row.join("|")).collect::<Vec<_>>().join(" + "),
        Item::Reject(reject) => {
            format!("{} {}", reject.place.line.map_or_else(|| "file".to_owned(), |line| line.to_string()), reject.code)
        }
    };
    batches.iter().flat_map(|batch| &batch.items).map(short).collect()
}

async fn read_all(content: impl AsRef<[u8]>, name: &str, settings: Value, group_by: &[&str]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    drop_file(directory.path(), name, content);
    let mut source = open(directory.path(), &settings, group_by).await.unwrap();
    shorten(&drain(&mut *source).await)
}

/// Reads one file and compares what came out of it.
async fn check(content: impl AsRef<[u8]>, settings: Value, expected: &[&str]) {
    assert_eq!(read_all(content, "a.csv", settings.clone(), &[]).await, expected, "{settings}");
}

async fn check_groups(content: &str, settings: Value, expected: &[&str]) {
    assert_eq!(read_all(content, "a.csv", settings, &["no"]).await, expected, "{content}");
}

fn target_settings(more: Value) -> crate::settings::CsvTarget {
    let mut settings = json!({ "folder": "out", "file": "customers-{batch}.csv", "delimiter": ";", "line_end": "lf" });
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    serde_json::from_value(settings).unwrap()
}

fn change(key: &str, version: u64, values: &[(&str, &str)]) -> Rendered {
    let columns = Columns::new(values.iter().map(|(name, _)| *name)).unwrap();
    let mut rows = Rows::new(columns);
    assert!(rows.push(values.iter().map(|(_, value)| *value)));
    let reference =
        Reference { entity: Entity::Customer, master_id: format!("m-{key}"), version, local_key: Some(key.to_owned()) };
    let record = Record::from_body(Body::Rows(rows));
    Rendered { reference, operation: Operation::Upsert, record, previous: None }
}
