//! Files as people drop them, and files as they are written.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, SystemTime};

use canonical::entity::{Entity, Operation};
use connector::{Again, Batch, Connector, Fault, Found, Item, Outcome, PastDrop, Registry, Rendered};
use files::{EntityFiles, FileTarget, Publisher, PublisherFields, Render, TargetSettings};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{change, drain, drop_file, listing, open, open_context, read_all, shorten, target_settings};
use crate::CsvDrop;

fn names(folder: &std::path::Path) -> Vec<String> {
    listing(folder).into_iter().map(|(name, _)| name).collect()
}

#[tokio::test]
async fn the_same_file_three_times_is_three_drops() {
    let directory = tempfile::tempdir().unwrap();
    let mut source = open(directory.path(), &json!({}), &[]).await.unwrap();
    let (mut fingerprints, mut after) = (Vec::new(), None);
    for content in ["a,b\n1,2\n", "a,b\n3,4\n", "a,b\n1,2\n"] {
        drop_file(directory.path(), "x.csv", content);
        let batch = source.read(after.as_ref()).await.unwrap().unwrap();
        assert!(batch.last && batch.items.len() == 1, "{batch:?}");
        source.commit(&batch.checkpoint).await.unwrap();
        fingerprints.push(batch.drop.fingerprint.unwrap().to_string());
        after = Some(batch.checkpoint);
        assert_eq!(source.read(after.as_ref()).await.unwrap(), None);
    }
    let (x, y) = (&fingerprints[0][..8], &fingerprints[1][..8]);
    let mut expected = [format!("x.csv.{x}"), format!("x.csv.{x}-2"), format!("x.csv.{y}")];
    expected.sort();
    assert_eq!(names(&directory.path().join("in/archive")), expected);
}

#[tokio::test]
async fn a_file_that_came_before_the_old_one_was_archived_is_not_archived_unread() {
    let directory = tempfile::tempdir().unwrap();
    let mut source = open(directory.path(), &json!({}), &[]).await.unwrap();
    drop_file(directory.path(), "x.csv", "a,b\n1,2\n");
    let first = source.read(None).await.unwrap().unwrap();
    drop_file(directory.path(), "x.csv", "a,b\n3,4\n5,6\n");
    source.commit(&first.checkpoint).await.unwrap();
    let second = source.read(Some(&first.checkpoint)).await.unwrap().unwrap();
    assert_eq!(shorten(&[second]), ["3|4", "5|6"]);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_ends_its_drop() {
    let directory = tempfile::tempdir().unwrap();
    let settings = json!({ "batch_records_max": 1 });
    let mut source = open(directory.path(), &settings, &[]).await.unwrap();
    drop_file(directory.path(), "x.csv", "a,b\n1,2\n3,4\n");
    let first = source.read(None).await.unwrap().unwrap();
    drop_file(directory.path(), "x.csv", "a,b\n5,6\n");
    let second = source.read(Some(&first.checkpoint)).await.unwrap().unwrap();
    assert_eq!((shorten(std::slice::from_ref(&second)), second.last), (vec!["file file.changed".to_owned()], true));
    let third = source.read(Some(&second.checkpoint)).await.unwrap().unwrap();
    assert_eq!(shorten(&[third]), ["5|6"]);
    // The same after a restart, and when the file is gone altogether.
    fs::remove_file(directory.path().join("in/x.csv")).unwrap();
    let mut source = open(directory.path(), &settings, &[]).await.unwrap();
    let lost = source.read(Some(&first.checkpoint)).await.unwrap().unwrap();
    assert_eq!((shorten(std::slice::from_ref(&lost)), lost.last), (vec!["file file.changed".to_owned()], true));
    assert_eq!(lost.drop.skip, first.drop.skip);
    assert_eq!(source.read(Some(&lost.checkpoint)).await.unwrap(), None);
}

#[tokio::test]
async fn a_file_that_was_read_can_be_read_again_from_where_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let settings = json!({ "batch_records_max": 1 });
    let mut source = open(directory.path(), &settings, &[]).await.unwrap();
    let (mut read, mut after) = (Vec::new(), None);
    // The same name with other content, and twice with the same.
    for content in ["a,b\n1,2\n3,4\n", "a,b\n5,6\n", "a,b\n5,6\n"] {
        drop_file(directory.path(), "x.csv", content);
        while let Some(batch) = source.read(after.as_ref()).await.unwrap() {
            source.commit(&batch.checkpoint).await.unwrap();
            after = Some(batch.checkpoint.clone());
            read.push(batch);
        }
    }
    let past = |batch: &Batch| PastDrop { name: batch.drop.name.clone(), fingerprint: batch.drop.fingerprint };
    let Again::Drop(mut again) = source.again(&past(&read[0])).await.unwrap() else { panic!("it is in the archive") };
    let first: Vec<&Batch> = read.iter().take_while(|batch| past(batch) == past(&read[0])).collect();
    for expected in &first {
        let batch = again.read(None).await.unwrap().unwrap();
        assert_eq!((&batch.items, batch.last), (&expected.items, expected.last), "places and content are the same");
    }
    assert!(first.len() > 2 && again.read(None).await.unwrap().is_none());
    // Reading goes on as if nothing had been.
    drop_file(directory.path(), "y.csv", "a,b\n7,8\n");
    assert_eq!(shorten(&[source.read(after.as_ref()).await.unwrap().unwrap()]), ["7|8"]);
    let waiting = PastDrop { name: "y.csv".to_owned(), ..past(&read[0]) };
    assert!(matches!(source.again(&waiting).await.unwrap(), Again::Gone(_)), "a file of another content");
    for name in names(&directory.path().join("in/archive")) {
        fs::remove_file(directory.path().join("in/archive").join(name)).unwrap();
    }
    let Again::Gone(remedy) = source.again(&past(&read[2])).await.unwrap() else { panic!("it is nowhere") };
    assert!(remedy.contains("x.csv") && remedy.contains("passerelle ingest"), "{remedy}");
}

#[tokio::test]
async fn kept_files_are_read_once() {
    let directory = tempfile::tempdir().unwrap();
    drop_file(directory.path(), "1.csv", "a\n1\n");
    drop_file(directory.path(), "2.csv", "a\n2\n");
    let settings = json!({ "archive": "keep" });
    let mut source = open(directory.path(), &settings, &[]).await.unwrap();
    let batches = drain(&mut *source).await;
    assert_eq!(shorten(&batches), ["1", "2"]);
    let mut source = open(directory.path(), &settings, &[]).await.unwrap();
    let after = batches.last().map(|batch| &batch.checkpoint);
    assert_eq!(source.read(after).await.unwrap(), None);
    drop_file(directory.path(), "1.csv", "a\n3\n4\n");
    let batch = source.read(after).await.unwrap().unwrap();
    assert_eq!(shorten(&[batch]), ["3", "4"]);
    assert_eq!(names(&directory.path().join("in")), ["1.csv", "2.csv"]);
}

#[tokio::test]
async fn names_order_and_triggers() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("in");
    for (age_s, name) in
        [(10, "b.csv"), (20, "c.csv"), (30, "a.CSV"), (5, ".hidden.csv"), (5, "d.csv.part"), (5, "e.doc")]
    {
        drop_file(directory.path(), name, format!("a\n{name}\n"));
        let file = fs::File::options().write(true).open(folder.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age_s)).unwrap();
    }
    let read =
        async |settings: Value| shorten(&drain(&mut *open(directory.path(), &settings, &[]).await.unwrap()).await);
    let keep = |more: Value| {
        let mut settings = json!({ "archive": "keep" });
        more.as_object().unwrap().iter().for_each(|(name, value)| settings[name] = value.clone());
        settings
    };
    assert_eq!(read(keep(json!({}))).await, ["a.CSV", "b.csv", "c.csv"]);
    assert_eq!(read(keep(json!({ "order": "modified" }))).await, ["a.CSV", "c.csv", "b.csv"]);
    assert_eq!(
        read(keep(json!({ "files": ["?.csv", "e*"], "order": "modified" }))).await,
        ["a.CSV", "c.csv", "b.csv", "e.doc"]
    );
    // A file that is not settled yet holds back those behind it.
    assert_eq!(read(keep(json!({ "settle_ms": 15_000 }))).await, ["a.CSV"]);
    assert_eq!(read(json!({ "trigger": ".ok" })).await, Vec::<String>::new());
    fs::write(folder.join("b.csv.ok"), "").unwrap();
    fs::write(folder.join("c.ok"), "").unwrap();
    assert_eq!(read(json!({ "trigger": ".ok" })).await, ["b.csv", "c.csv"]);
    assert_eq!(names(&folder), [".hidden.csv", "a.CSV", "d.csv.part", "e.doc"]);
}

#[tokio::test]
async fn a_folder_instead_of_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("in");
    fs::create_dir_all(folder.join("a.csv")).unwrap();
    drop_file(directory.path(), "b.csv", "a\n1\n");
    let mut source = open(directory.path(), &json!({}), &[]).await.unwrap();
    assert_eq!(shorten(&drain(&mut *source).await), ["file file.irregular", "1"]);
    assert!(folder.join("reject/a.csv").is_dir());
    // And the other way round: a file instead of the folder, or no folder at all.
    fs::write(directory.path().join("plain"), "").unwrap();
    let fault = async |folder: &str| {
        let mut source = open(directory.path(), &json!({ "folder": folder }), &[]).await.unwrap();
        source.read(None).await.unwrap_err()
    };
    assert!(matches!(fault("plain").await, Fault::Halt { .. }));
    assert!(matches!(fault("absent").await, Fault::Retry { .. }));
}

#[test]
fn configuration_is_checked_with_paths() {
    let registry = Registry::default().with::<CsvDrop>();
    let wrong = json!({ "streams": { "s": { "folder": "in", "delimitr": ";" } } });
    let error = registry.configure("csv-drop", wrong).err().unwrap().to_string();
    assert!(error.starts_with("streams.s") && error.contains("delimitr"), "{error}");
    assert!(registry.schema("csv-drop").is_some());
}

#[tokio::test]
async fn configuration_that_cannot_work_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for settings in [
        json!({ "delimiter": "é" }),
        json!({ "quote": "''" }),
        json!({ "delimiter": "\"" }),
        json!({ "header": "none" }),
        json!({ "encoding": "klingon" }),
        json!({ "files": [] }),
        json!({ "files": "a/b" }),
        json!({ "archive": "in" }),
        json!({ "trigger": "" }),
        json!({ "batch_records_max": 0 }),
        json!({ "record_bytes_max": 0 }),
    ] {
        let fault = open(directory.path(), &settings, &[]).await.err();
        assert!(
            matches!(&fault, Some(Fault::Halt { reason }) if reason.starts_with("streams.s: ")),
            "{settings}: {fault:?}"
        );
    }
    let target = json!({ "targets": { "customer": { "folder": "out", "file": "same.csv" } } });
    let connector: CsvDrop = serde_json::from_value(target).unwrap();
    let fault = connector.open(&open_context(directory.path(), &[])).await.err();
    assert!(matches!(&fault, Some(Fault::Halt { reason }) if reason.starts_with("targets.customer: ")), "{fault:?}");
}

fn customer_files(directory: &std::path::Path, more: Value) -> EntityFiles {
    let settings = target_settings(more);
    let publisher = Publisher::open(settings.publisher(), directory).unwrap();
    settings.files(publisher).unwrap()
}

/// Applies one batch, and what is left when something of it is refused as another one, as the hub does; returns the
/// file's text and the outcomes in short.
async fn write(more: Value, changes: &[Rendered]) -> (String, Vec<String>) {
    use connector::Target;
    let directory = tempfile::tempdir().unwrap();
    let files = customer_files(directory.path(), more);
    let mut target = FileTarget::new(BTreeMap::from([(Entity::Customer, files)]));
    let mut outcomes = target.apply("b1", changes).await;
    let is_left = |outcome: &Result<Outcome, Fault>| matches!(outcome, Err(Fault::Retry { after: Some(_), .. }));
    let left: Vec<Rendered> = changes
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| is_left(outcome))
        .map(|(change, _)| change.clone())
        .collect();
    let mut later = target.apply("b2", &left).await.into_iter();
    for outcome in outcomes.iter_mut().filter(|outcome| is_left(outcome)) {
        *outcome = later.next().unwrap();
    }
    let short = |outcome: Result<Outcome, Fault>| match outcome.unwrap() {
        Outcome::Applied { .. } => "applied".to_owned(),
        Outcome::Rejected(reject) => reject.code.to_owned(),
        Outcome::Unknown => "unknown".to_owned(),
    };
    let written = listing(&directory.path().join("out"));
    let text = written.first().map(|(_, content)| content.iter().map(|byte| char::from(*byte)).collect());
    (text.unwrap_or_default(), outcomes.into_iter().map(short).collect())
}

async fn check_write(more: Value, changes: &[Rendered], expected: &str, outcomes: &[&str]) {
    let written = write(more, changes).await;
    assert_eq!((written.0.as_str(), written.1), (expected, outcomes.iter().map(|text| (*text).to_owned()).collect()));
}

#[tokio::test]
async fn files_are_written_in_the_targets_dialect() {
    let one = change("1", 1, &[("id", "1"), ("name", "a;b \"c\"")]);
    let two = change("2", 1, &[("id", "2"), ("city", " x")]);
    let mut gone = change("3", 1, &[("id", "3"), ("name", "z")]);
    gone.operation = Operation::Remove;
    let polish = change("4", 1, &[("id", "4"), ("name", "Łódź")]);
    let pair = [one.clone(), two];
    check_write(json!({}), &pair, "id;name;city\n1;\"a;b \"\"c\"\"\";\n2;;\" x\"\n", &["applied", "applied"]).await;
    let fixed = json!({ "columns": ["name", "id"], "line_end": "crlf", "quote_all": true });
    check_write(fixed, &pair, "\"name\";\"id\"\r\n\"a;b \"\"c\"\"\";\"1\"\r\n", &["applied", "csv.column"]).await;
    check_write(json!({ "header": false, "quote": "" }), std::slice::from_ref(&one), "", &["csv.quote"]).await;
    check_write(
        json!({ "encoding": "windows-1252" }),
        &[polish, one.clone()],
        "id;name\n1;\"a;b \"\"c\"\"\"\n",
        &["csv.encoding", "applied"],
    )
    .await;
    check_write(json!({}), std::slice::from_ref(&gone), "", &["csv.removal"]).await;
    check_write(json!({ "removal": "ignore" }), std::slice::from_ref(&gone), "", &["applied"]).await;
    let flag = json!({ "removal": { "column": { "name": "del", "value": "1", "otherwise": "0" } } });
    check_write(flag, &[one, gone], "id;name;del\n1;\"a;b \"\"c\"\"\";0\n3;z;1\n", &["applied", "applied"]).await;
}

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    use connector::Target;
    let Some(disk) = SmallDisk::mount() else {
        return println!("SKIPPED: a small disk cannot be mounted here; the full disk is not tested");
    };
    let directory = disk.0.path().join("hub");
    let mut target =
        FileTarget::new(BTreeMap::from([(Entity::Customer, customer_files(&directory, json!({ "trigger": ".ok" })))]));
    let big = "x".repeat(200_000);
    let changes = [change("1", 1, &[("id", "1"), ("name", &big)])];
    fs::write(disk.0.path().join("ballast"), vec![0; 100_000]).unwrap();
    let outcomes = target.apply("b1", &changes).await;
    assert!(matches!(outcomes.as_slice(), [Err(Fault::Retry { .. })]), "{outcomes:?}");
    let references = [changes[0].reference.clone()];
    let found = target.find("b1", &references).await;
    assert!(matches!(found.as_slice(), [Ok(Found::NotApplied { .. })]), "{found:?}");
    assert_eq!(names(&directory.join("out")), Vec::<String>::new());
    fs::remove_file(disk.0.path().join("ballast")).unwrap();
    // What was not applied is sent in a batch of its own.
    let outcomes = target.apply("b2", &changes).await;
    assert!(matches!(outcomes.as_slice(), [Ok(Outcome::Applied { .. })]), "{outcomes:?}");
    assert_eq!(names(&directory.join("out")), ["customers-b2.csv", "customers-b2.csv.ok"]);
}

/// A file system of 256 KiB, for as long as the value lives. Mounting one takes root.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let disk = SmallDisk(tempfile::tempdir().unwrap());
        let mut mount = std::process::Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(disk.0.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(disk)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        std::process::Command::new("umount").arg(self.0.path()).output().ok();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What was written is read back, whatever the values are.
    #[test]
    fn reading_gives_back_what_was_written(
        table in prop::collection::vec(prop::collection::vec("[a\"; ,é\n\r\t]{0,4}", 3), 1..6),
    ) {
        // A row of blanks is no row, and a blank at the beginning of a key column would not be a key.
        let rows: Vec<Vec<String>> = table.into_iter().enumerate().map(|(at, mut row)| {
            row[0] = format!("k{at}");
            row
        }).collect();
        let changes: Vec<Rendered> = rows.iter().map(|row| change(&row[0], 1, &[("a", &row[0]), ("b", &row[1]), ("c", &row[2])])).collect();
        let borrowed: Vec<&Rendered> = changes.iter().collect();
        let settings = target_settings(json!({}));
        let dialect = crate::dialect::Dialect::new(settings.delimiter, &settings.quote).unwrap();
        let writer = crate::writer::CsvWriter::new(settings, dialect, encoding_rs::UTF_8);
        let (content, _) = writer.render(&borrowed);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = runtime.block_on(read_all(&content, "a.csv", json!({ "delimiter": ";" }), &[]));
        let expected: Vec<String> = rows.iter().map(|row| row.join("|")).collect();
        prop_assert_eq!(read, expected);
    }
}

#[tokio::test]
async fn a_batch_carries_bytes_places_and_progress() {
    let directory = tempfile::tempdir().unwrap();
    drop_file(directory.path(), "x.csv", b"a;b\r\ncaf\xe9;\"1\r\n2\"\r\nz\r\n");
    let settings = json!({ "delimiter": ";", "encoding": "windows-1252" });
    let mut source = open(directory.path(), &settings, &[]).await.unwrap();
    let batch = source.read(None).await.unwrap().unwrap();
    let [Item::Record(record), Item::Reject(reject)] = batch.items.as_slice() else { panic!("{batch:?}") };
    assert_eq!(record.raw, b"caf\xe9;\"1\r\n2\"");
    assert_eq!((record.place.to_string(), record.place.ordinal), ("x.csv:2".to_owned(), 0));
    assert_eq!((reject.raw.as_slice(), reject.place.line, reject.place.ordinal), (b"z".as_slice(), Some(4), 1));
    assert_eq!((batch.drop.name.as_str(), batch.drop.bytes, batch.drop.bytes_done), ("x.csv", Some(21), Some(21)));
}

#[tokio::test]
async fn any_name_does_not_mean_the_folders_where_files_are_put_away() {
    let directory = tempfile::tempdir().unwrap();
    drop_file(directory.path(), "a.csv", "a,b\n1,2\n");
    drop_file(directory.path(), "b.csv", "");
    let settings = json!({ "files": "*" });
    for round in 0..2 {
        let mut source = open(directory.path(), &settings, &[]).await.unwrap();
        let expected: &[&str] = if round == 0 { &["1|2", "file file.empty"] } else { &[] };
        assert_eq!(shorten(&drain(&mut *source).await), expected);
    }
    assert_eq!(listing(&directory.path().join("in/archive")).len(), 1);
    assert_eq!(listing(&directory.path().join("in/reject")).len(), 1);
}
