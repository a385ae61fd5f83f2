use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use canonical::entity::{Entity, Operation};
use canonical::record::{Body, Record};
use connector::{Found, Outcome, Reference, Rendered, Target};
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

fn files(directory: &Path, name: &str, one_file_per_record: bool) -> Result<EntityFiles, connector::Fault> {
    let settings = PublisherSettings { folder: "out".into(), trigger: None, markers_kept_days: 1 };
    EntityFiles::new(Publisher::open(settings, directory)?, name.to_owned(), one_file_per_record, Box::new(Keys))
}

fn change(entity: Entity, master_id: &str, version: u64) -> Rendered {
    let reference =
        Reference { entity, master_id: master_id.to_owned(), version, local_key: Some(format!("{master_id}/x")) };
    Rendered {
        reference,
        operation: Operation::Upsert,
        record: Record::from_body(Body::Json(json!({}))),
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

#[tokio::test]
async fn each_entity_has_its_file_and_each_change_its_outcome() {
    let directory = tempfile::tempdir().unwrap();
    let customers = files(directory.path(), "{entity}-{batch}.txt", false).unwrap();
    let invoices = files(directory.path(), "{entity}-{key}-v{version}.txt", true).unwrap();
    let mut target = FileTarget::new(BTreeMap::from([(Entity::Customer, customers), (Entity::Invoice, invoices)]));
    let mut gone = change(Entity::Customer, "m3", 1);
    gone.operation = Operation::Remove;
    let changes = [
        change(Entity::Customer, "m1", 1),
        change(Entity::Invoice, "i1", 2),
        change(Entity::Payment, "p1", 1),
        gone,
        change(Entity::Customer, "m2", 9),
        change(Entity::Invoice, "i2", 9),
        change(Entity::Customer, "m4", 1),
    ];
    let outcomes = target.apply("b-1", &changes).await;
    let codes: Vec<&str> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(Outcome::Applied { local_key: Some(_), .. }) => "applied",
            Ok(Outcome::Rejected(reject)) => reject.code,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(codes, ["applied", "applied", "file.no-target", "applied", "test.nine", "test.nine", "applied"]);
    assert_eq!(names(directory.path()), ["customer-b-1.txt", "invoice-i1%2Fx-v2.txt"]);
    assert_eq!(fs::read_to_string(directory.path().join("out/customer-b-1.txt")).unwrap(), "m1\nm4\n");
    let references: Vec<Reference> = changes.iter().map(|change| change.reference.clone()).collect();
    let found = target.find("b-1", &references).await;
    let applied: Vec<bool> = found.iter().map(|found| matches!(found, Ok(Found::Applied { .. }))).collect();
    assert_eq!(applied, [true, true, false, false, false, false, true]);
    let elsewhere = target.find("b-2", &references).await;
    assert!(elsewhere.iter().all(|found| matches!(found, Ok(Found::NotApplied { .. }))));
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
