use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use canonical::entity::{Entity, Operation};
use canonical::record::{Body, Record};
use connector::{Fault, Found, Outcome, Reference, Rendered, Target};
use serde_json::json;

use super::{EntityFiles, Fate, FileTarget, Render, escape_name};
use crate::{Publisher, PublisherSettings};

/// Writes keys, one a line; has nothing to write for removals and refuses version 9.
struct Keys;

impl Render for Keys {
    fn render(&self, changes: &[&Rendered]) -> (Vec<u8>, Vec<Fate>) {
        let fate = |change: &&Rendered| match change.reference.version {
            9 => Fate::Refused("test.nine", "no".to_owned()),
            _ if change.operation == Operation::Remove => Fate::Nothing,
            _ => Fate::Written,
        };
        let fates: Vec<Fate> = changes.iter().map(fate).collect();
        let written = changes.iter().zip(&fates).filter(|(_, fate)| **fate == Fate::Written);
        let lines: String = written.map(|(change, _)| format!("{}\n", change.reference.master_id)).collect();
        (lines.into_bytes(), fates)
    }
}

fn files(directory: &Path, name: &str, one_file_per_record: bool) -> Result<EntityFiles, Fault> {
    let settings = PublisherSettings { folder: "out".into(), trigger: None, markers_kept_days: 1 };
    EntityFiles::new(Publisher::open(settings, directory)?, name.to_owned(), one_file_per_record, Box::new(Keys))
}

fn change(entity: Entity, master_id: &str, version: u64) -> Rendered {
    let reference =
        Reference { entity, master_id: master_id.to_owned(), version, local_key: Some(format!("{master_id}/x")) };
    Rendered {
        reference,
        operation: Operation::Upsert,
        record: Record::from_body(Body::Json(json!({}).into())),
        previous: None,
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory.join("out")).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = entries
        .filter(|path| path.is_file())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// A target with one file of customers for each batch, and one file for each invoice.
fn target(directory: &Path) -> FileTarget {
    let customers = files(directory, "{entity}-{batch}.txt", false).unwrap();
    let invoices = files(directory, "{entity}-{key}-v{version}.txt", true).unwrap();
    FileTarget::new(BTreeMap::from([(Entity::Customer, customers), (Entity::Invoice, invoices)]))
}

/// The outcomes of a call: codes of what is refused, and `later` for what is to come again at once.
async fn apply(target: &mut FileTarget, batch: &str, changes: &[Rendered]) -> Vec<&'static str> {
    let outcomes = target.apply(batch, changes).await.into_iter();
    let told = outcomes.map(|outcome| match outcome {
        Ok(Outcome::Applied { local_key: Some(_), .. }) => "applied",
        Ok(Outcome::Rejected(reject)) => reject.code,
        Err(Fault::Retry { after: Some(Duration::ZERO), .. }) => "later",
        Err(Fault::Retry { after: None, .. }) => "fault",
        other => panic!("{other:?}"),
    });
    told.collect()
}

#[tokio::test]
async fn each_entity_has_its_file_and_each_change_its_outcome() {
    let directory = tempfile::tempdir().unwrap();
    let mut target = target(directory.path());
    let mut gone = change(Entity::Customer, "m3", 1);
    gone.operation = Operation::Remove;
    let changes =
        [change(Entity::Customer, "m1", 1), change(Entity::Invoice, "i1", 2), gone, change(Entity::Customer, "m4", 1)];
    assert_eq!(apply(&mut target, "b-1", &changes).await, ["applied"; 4]);
    assert_eq!(names(directory.path()), ["customer-b-1.txt", "invoice-i1%2Fx-v2.txt"]);
    assert_eq!(fs::read_to_string(directory.path().join("out/customer-b-1.txt")).unwrap(), "m1\nm4\n");
    let references: Vec<Reference> = changes.iter().map(|change| change.reference.clone()).collect();
    let found = target.find("b-1", &references).await;
    let applied: Vec<bool> = found.iter().map(|found| matches!(found, Ok(Found::Applied { .. }))).collect();
    assert_eq!(applied, [true, true, false, true]);
    let elsewhere = target.find("b-2", &references).await;
    assert!(elsewhere.iter().all(|found| matches!(found, Ok(Found::NotApplied { .. }))));
}

#[tokio::test]
async fn a_batch_of_which_something_is_refused_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let mut target = target(directory.path());
    let changes = [
        change(Entity::Customer, "m1", 1),
        change(Entity::Payment, "p1", 1),
        change(Entity::Invoice, "i2", 9),
        change(Entity::Customer, "m2", 9),
        change(Entity::Customer, "m4", 1),
        change(Entity::Invoice, "i1", 2),
    ];
    let codes = apply(&mut target, "b-1", &changes).await;
    assert_eq!(codes, ["later", "file.no-target", "test.nine", "test.nine", "later", "later"]);
    assert_eq!(names(directory.path()), [""; 0]);
    let left = [changes[0].clone(), changes[4].clone(), changes[5].clone()];
    assert_eq!(apply(&mut target, "b-2", &left).await, ["applied"; 3]);
    assert_eq!(names(directory.path()), ["customer-b-2.txt", "invoice-i1%2Fx-v2.txt"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_written_stops_those_behind_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut target = target(directory.path());
    let changes = ["i1", "i2", "i3"].map(|invoice| change(Entity::Invoice, invoice, 1));
    // What is in the way of the second file.
    fs::create_dir_all(directory.path().join("out/invoice-i2%2Fx-v1.txt/in the way")).unwrap();
    let codes: Vec<bool> = target.apply("b-1", &changes).await.iter().map(Result::is_ok).collect();
    assert!(codes[0] && !codes[2], "{codes:?}");
    assert_eq!(names(directory.path()), ["invoice-i1%2Fx-v1.txt"]);
}

#[test]
fn names_must_tell_files_apart() {
    let directory = tempfile::tempdir().unwrap();
    let check =
        |name: &str, one: bool, fits: bool| assert_eq!(files(directory.path(), name, one).is_ok(), fits, "{name}");
    check("{batch}.csv", false, true);
    check("{key}.csv", false, false);
    check("{key}.csv", true, true);
    check("{batch}.csv", true, false);
    check("a/{batch}.csv", false, false);
    check(".{batch}", false, false);
}

#[test]
fn any_text_becomes_a_name() {
    assert_eq!(escape_name("b-1_x.csv"), "b-1_x.csv");
    assert_eq!(escape_name("../é"), "%2E.%2F%C3%A9");
    let (long, other) = ("x".repeat(300), "x".repeat(301));
    assert!(escape_name(&long).len() < 130 && escape_name(&long) != escape_name(&other));
}
