//! A store is copied whole or not at all, and only from and to what nobody uses.

use std::path::{Path, PathBuf};

use store::copy::{CopyError, Place, copy};
use store::sqlite::{SqliteOptions, SqliteStore};
use store::testkit::fill;
use store::{OperateStore, StoreError};

use super::dump::{columns_without_a_value, dump};

fn open(file: &Path) -> std::sync::Arc<SqliteStore> {
    SqliteStore::open(file, SqliteOptions::default()).unwrap()
}

/// A full store, and the file that is to become one.
async fn places() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let [from, to] = ["from", "to"].map(|name| directory.path().join(name).join("store.sqlite"));
    let store = open(&from);
    fill(&*store).await.unwrap();
    drop(store);
    (directory, from, to)
}

async fn refusal(from: &Path, to: &Path) -> CopyError {
    let (from, to) = (Place::Sqlite(from.to_owned()), Place::Sqlite(to.to_owned()));
    copy(&from, &to, &mut |_| {}).await.expect_err("this must not be copied")
}

#[tokio::test]
async fn a_copy_is_the_same() {
    let (_directory, from, to) = places().await;
    assert_eq!(columns_without_a_value(&from), [""; 0], "the full store lacks something");
    let mut told = Vec::new();
    let (source, target) = (Place::Sqlite(from.clone()), Place::Sqlite(to.clone()));
    let copied = copy(&source, &target, &mut |progress| told.push(progress)).await.unwrap();
    assert_eq!(dump(&to), dump(&from));
    assert!(copied.iter().all(|table| table.read > 0 && table.read == table.counted), "{copied:?}");
    let all: u64 = copied.iter().map(|table| table.read).sum();
    assert!(told.is_sorted_by_key(|progress| progress.done));
    assert_eq!(told.last().map(|progress| (progress.done, progress.all)), Some((all, all)));
    // Into a store that a hub made and nobody used.
    let second = to.with_file_name("../second/store.sqlite");
    drop(open(&second));
    copy(&Place::Sqlite(to), &Place::Sqlite(second.clone()), &mut |_| {}).await.unwrap();
    assert_eq!(dump(&second), dump(&from));
    open(&second).counts(&store::Filter::default()).await.unwrap();
}

#[tokio::test]
async fn what_is_there_is_not_overwritten() {
    let (_directory, from, to) = places().await;
    let store = open(&to);
    store.submit(&store::Command::Pause { system: "crm".to_owned() }, jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    drop(store);
    let before = dump(&to);
    let error = refusal(&from, &to).await;
    assert!(matches!(&error, CopyError::NotEmpty { table: "commands", .. }), "{error}");
    assert!(error.to_string().contains(&to.display().to_string()), "{error}");
    assert_eq!(dump(&to), before);
    assert_eq!(open(&to).pending().await.unwrap().len(), 1);
}

#[tokio::test]
async fn no_hub_runs_meanwhile() {
    let (_directory, from, to) = places().await;
    let hub = open(&from);
    assert!(matches!(refusal(&from, &to).await, CopyError::Store(StoreError::InUse { .. })));
    assert!(!to.exists());
    drop(hub);
    let hub = open(&to);
    assert!(matches!(refusal(&from, &to).await, CopyError::Store(StoreError::InUse { .. })));
    drop(hub);
    // One lock is for all of a directory.
    let beside = from.with_file_name("copy.sqlite");
    assert!(matches!(refusal(&from, &beside).await, CopyError::SamePlace { .. }));
    assert!(!beside.exists());
}

#[tokio::test]
async fn other_versions_are_left_alone() {
    let (directory, from, to) = places().await;
    let set = |file: &Path, version: u32| {
        rusqlite::Connection::open(file).unwrap().pragma_update(None, "user_version", version).unwrap();
    };
    let known: u32 = {
        let connection = rusqlite::Connection::open(&from).unwrap();
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    drop(open(&to));
    for (version, is_newer) in [(known + 1, true), (known - 1, false)] {
        for changed in [&from, &to] {
            set(changed, version);
            let error = refusal(&from, &to).await;
            assert_eq!(matches!(error, CopyError::Store(StoreError::Newer { .. })), is_newer, "{error}");
            assert!(error.to_string().contains(&changed.display().to_string()), "{error}");
            set(changed, known);
        }
    }
    let nowhere = directory.path().join("nowhere").join("store.sqlite");
    let error = refusal(&nowhere, &to).await;
    assert!(error.to_string().contains("is not there"), "{error}");
    assert!(!nowhere.parent().unwrap().exists());
    copy(&Place::Sqlite(from), &Place::Sqlite(to), &mut |_| {}).await.unwrap();
}
