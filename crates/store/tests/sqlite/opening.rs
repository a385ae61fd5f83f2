//! Opening: one hub per directory, commands beside it, and files that are not to be touched.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use store::sqlite::{SqliteOptions, SqliteStore};
use store::{Command, Filter, OperateStore, StoreError};

fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("data").join("store.sqlite");
    (directory, file)
}

fn open(file: &Path) -> Result<std::sync::Arc<SqliteStore>, StoreError> {
    SqliteStore::open(file, SqliteOptions::default())
}

/// What a failed opening says.
fn refusal(opened: Result<std::sync::Arc<SqliteStore>, StoreError>) -> StoreError {
    match opened {
        Ok(_) => panic!("this store must not open"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_second_hub_is_told_who_is_there() {
    let (_directory, file) = directory();
    assert!(!SqliteStore::is_hub_running(&file));
    let hub = open(&file).unwrap();
    assert!(SqliteStore::is_hub_running(&file));
    let error = refusal(open(&file));
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    let told = error.to_string();
    assert!(told.contains(&format!("process {}", std::process::id())), "{told}");
    assert!(told.contains(&file.parent().unwrap().display().to_string()), "{told}");
    drop(hub);
    assert!(!SqliteStore::is_hub_running(&file));
    open(&file).unwrap();
}

#[tokio::test]
async fn commands_work_beside_a_running_hub_and_without_one() {
    let (_directory, file) = directory();
    let hub = open(&file).unwrap();
    let beside = SqliteStore::open_beside(&file).unwrap();
    let pause = Command::Pause { system: "crm".to_owned() };
    let number = beside.submit(&pause, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(hub.pending().await.unwrap(), [(number, pause)]);
    hub.answer(number, Ok("paused")).await.unwrap();
    assert_eq!(beside.answer_of(number).await.unwrap(), Some(Ok("paused".to_owned())));
    assert!(beside.streams(&Filter::default()).await.unwrap().is_empty());
    drop(hub);
    assert!(!SqliteStore::is_hub_running(&file), "a command is not a hub");
    assert_eq!(beside.answer_of(number).await.unwrap(), Some(Ok("paused".to_owned())));
    let hub = open(&file).unwrap();
    assert_eq!(hub.pending().await.unwrap(), []);
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused() {
    let (_directory, file) = directory();
    drop(open(&file).unwrap());
    let raw = rusqlite::Connection::open(&file).unwrap();
    let known: u32 = raw.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    raw.pragma_update(None, "user_version", known + 7).unwrap();
    drop(raw);
    for opened in [open(&file), SqliteStore::open_beside(&file)] {
        match refusal(opened) {
            StoreError::Newer { found, known: told, .. } => assert_eq!((found, told), (known + 7, known)),
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn commands_do_not_make_or_change_a_store() {
    let (directory, file) = directory();
    let error = refusal(SqliteStore::open_beside(&file));
    assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
    assert!(!file.exists());
    // A store that no hub has brought to a schema yet.
    let empty = directory.path().join("empty.sqlite");
    std::fs::write(&empty, b"").unwrap();
    let error = refusal(SqliteStore::open_beside(&empty));
    assert!(error.to_string().contains("start the hub once"), "{error}");
    assert_eq!(std::fs::metadata(&empty).unwrap().len(), 0);
}

#[tokio::test]
async fn other_peoples_files_are_left_alone() {
    let (directory, _) = directory();
    let foreign = directory.path().join("foreign.sqlite");
    let raw = rusqlite::Connection::open(&foreign).unwrap();
    raw.execute_batch("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('keep me')").unwrap();
    drop(raw);
    let text = directory.path().join("letter.txt");
    std::fs::write(&text, "Dear Sir or Madam, ".repeat(500)).unwrap();
    for (file, expected) in [(&foreign, "another program"), (&text, "not a store")] {
        let before = std::fs::read(file).unwrap();
        let error = refusal(open(file)).to_string();
        assert!(error.contains(expected) && error.contains(&file.display().to_string()), "{error}");
        assert_eq!(std::fs::read(file).unwrap(), before);
    }
    let error = refusal(open(directory.path()));
    assert!(matches!(error, StoreError::Storage { .. }), "a directory is not a file: {error}");
}
