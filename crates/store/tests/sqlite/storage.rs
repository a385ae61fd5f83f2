//! A full disk: nothing is lost, and when there is space again the next call works.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use canonical::entity::{Entity, Operation};
use master::MasterId;
use store::sqlite::{SqliteOptions, SqliteStore};
use store::{Filter, MasterRow, OperateStore, ResolveStore, Resolved, StoreError};

/// A file system of three megabytes; `None`, said aloud, where this user cannot mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"])
            .arg(directory.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("SKIPPED: the full-disk test needs the right to mount a small tmpfs");
            return None;
        }
        Some(SmallDisk(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, because a case that failed may still hold files.
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(std::thread::panicking() || unmounted.is_ok_and(|status| status.success()));
    }
}

fn batch(first: u64, version: u64) -> Resolved {
    let one = |id: u64| MasterRow {
        master_id: MasterId(id),
        entity: Entity::Customer,
        document: format!("\"{}\"", "x".repeat(1000)).into(),
        version,
        state: Operation::Upsert,
        redirect: None,
        root: MasterId(id),
        search: "dupont".into(),
    };
    Resolved { masters: (first..first + 100).map(one).collect(), ..Resolved::default() }
}

async fn commit(store: &SqliteStore, writes: Resolved) -> Result<(), StoreError> {
    let mut resolution = store.begin_resolve("acme").await?;
    resolution.reserve(1, 1).await?;
    resolution.commit(writes).await
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_heals() {
    let Some(disk) = SmallDisk::mount() else { return };
    let file = disk.path().join("store.sqlite");
    let store = SqliteStore::open(&file, SqliteOptions::default()).unwrap();
    commit(&store, batch(1, 1)).await.unwrap();

    let filler = disk.path().join("filler");
    let mut writer = OpenOptions::new().create(true).append(true).open(&filler).unwrap();
    while writer.write_all(&[0; 512]).is_ok() {}
    drop(writer);

    for _ in 0..3 {
        let error = commit(&store, batch(1001, 2)).await.unwrap_err();
        assert!(matches!(error, StoreError::Storage { .. }), "{error}");
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }
    assert_eq!(store.counts(&Filter::default()).await.unwrap().customers, 100, "what was there is there");

    std::fs::remove_file(&filler).unwrap();
    commit(&store, batch(1001, 2)).await.unwrap();
    assert_eq!(store.counts(&Filter::default()).await.unwrap().customers, 200);

    drop(store);
    let store = SqliteStore::open(&file, SqliteOptions::default()).unwrap();
    assert_eq!(store.counts(&Filter::default()).await.unwrap().customers, 200);
    drop(store);
    let raw = rusqlite::Connection::open(&file).unwrap();
    let found: String = raw.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(found, "ok");
}
