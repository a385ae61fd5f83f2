//! Bad places: a full disk, a store from a newer version, a directory that another hub has.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use passerelle_tests::directory::passerelle;
use passerelle_tests::process::Running;
use rusqlite::{Connection, OpenFlags};

use crate::hub::{customers, directory, ended, fed};

/// A small disk: a tmpfs that goes when this value goes.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one; `None`, said in one loud line, where that is not allowed.
    fn mount(path: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let options = format!("size={size},mode=0755");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(SmallDisk { path });
        }
        eprintln!("NOT RUN: a full disk needs a tmpfs of its own, which only root may mount");
        None
    }

    /// Makes it larger.
    fn grow(&self, size: &str) {
        let options = format!("remount,size={size}");
        assert!(Command::new("mount").args(["-o", &options]).arg(&self.path).status().unwrap().success());
    }

    /// Fills it to the last byte.
    fn fill(&self) -> PathBuf {
        let path = self.path.join("somebody-else");
        // The write ends with the error that there is no space left, which is what is wanted.
        let _ = std::fs::write(&path, vec![0; 64 << 20]);
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // At the end of the test nothing has a file open on it any more; if something has, it goes with that.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

fn many_customers(count: usize) -> String {
    let row = |number: usize| format!("{number};Client {number};Rennes;1,00\n");
    "NO;NAME;CITY;CREDIT\n".to_owned() + &(0..count).map(row).collect::<String>()
}

fn all(count: usize) -> Vec<String> {
    let mut names: Vec<String> = (0..count).map(|number| format!("Client {number}")).collect();
    names.sort();
    names
}

#[test]
fn a_disk_that_fills_up_under_the_store() {
    let directory = directory();
    let Some(disk) = SmallDisk::mount(directory.path("data"), "6m") else { return };
    directory.write("in/erp/customers-1.csv", many_customers(20_000));
    let stopped = directory.run(&["run", "--once", "--patience", "5s"]).with(3);
    stopped.tells(&["disk", "full", "["]);
    disk.grow("256m");
    directory.run(&["run", "--once"]).with(0);
    assert_eq!(fed(&directory), all(20_000), "everything, and once each");
    let listed = directory.run(&["rejects", "list", "--json"]).with(0).json();
    assert_eq!(listed, serde_json::json!([]));
    let systems = directory.run(&["systems", "--json"]).with(0).out;
    assert!(systems.contains("20000"), "{systems}");
}

#[test]
fn a_disk_that_fills_up_under_a_subscriber() {
    let directory = directory();
    let Some(disk) = SmallDisk::mount(directory.path("out"), "1m") else { return };
    let filler = disk.fill();
    directory.write("in/erp/customers-1.csv", many_customers(1000));
    let waiting = directory.run(&["run", "--once", "--patience", "3s"]);
    assert!(matches!(waiting.code, Some(0 | 3)), "{}{}", waiting.out, waiting.err);
    assert!(waiting.err.contains("ledger") || waiting.err.contains("hub.not-quiet"), "{}", waiting.err);
    assert_eq!(directory.files("out/ledger"), Vec::<PathBuf>::new(), "no half file ever appears");
    std::fs::remove_file(filler).unwrap();
    directory.run(&["run", "--once"]).with(0);
    assert_eq!(fed(&directory), all(1000));
    let listed = directory.run(&["parked", "list", "--json"]).with(0).json();
    assert_eq!(listed, serde_json::json!([]), "nothing is parked because a disk is full");
}

#[test]
fn a_disk_that_is_full_when_a_file_is_ingested() {
    let directory = directory();
    let Some(disk) = SmallDisk::mount(directory.path("in"), "1m") else { return };
    std::fs::create_dir_all(directory.path("in/erp")).unwrap();
    std::fs::create_dir_all(directory.path("in/shop")).unwrap();
    let filler = disk.fill();
    directory.write("customers-1.csv", many_customers(1000));
    directory.run(&["ingest", "erp", "customers-1.csv"]).with(2).tells(&["in/erp", "space", "[cli.file]"]);
    assert_eq!(directory.files("in/erp"), Vec::<PathBuf>::new(), "no half file is left");
    std::fs::remove_file(filler).unwrap();
    directory.run(&["ingest", "erp", "customers-1.csv"]).with(0);
    assert_eq!(fed(&directory), all(1000));
}

/// The version of a store's schema, as SQLite keeps it for its users: big-endian, at byte 60 of the file.
fn set_version(store: &Path, version: u32) {
    let file = std::fs::OpenOptions::new().write(true).open(store).unwrap();
    file.write_all_at(&version.to_be_bytes(), 60).unwrap();
}

#[test]
fn a_store_from_a_newer_version() {
    let directory = directory();
    directory.write("in/erp/customers-1.csv", customers("1", "Martin"));
    directory.run(&["run", "--once"]).with(0);
    let store = directory.path("data/store.db");
    let own: u32 = Connection::open_with_flags(&store, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    set_version(&store, own + 1);
    let before = std::fs::read(&store).unwrap();
    directory.write("in/erp/customers-2.csv", customers("2", "Le Goff"));
    directory.write("customers-3.csv", customers("3", "Dubois"));
    let newer = (own + 1).to_string();
    for arguments in [
        &["run", "--once"][..],
        &["run"],
        &["ingest", "erp", "customers-3.csv"],
        &["customers", "list"],
        &["trace", "1"],
    ] {
        directory.run(arguments).with(2).tells(&["store.db", &newer, "[store.newer]"]);
    }
    assert_eq!(std::fs::read(&store).unwrap(), before, "a store that is not understood is not touched");
    assert_eq!(directory.files("in/erp").len(), 1, "what was dropped waits, and nothing was added to it");
    set_version(&store, own);
    directory.run(&["run", "--once"]).with(0);
    assert_eq!(fed(&directory), ["Le Goff", "Martin"]);
}

#[test]
fn two_hubs_on_one_directory() {
    let directory = directory();
    let first = Running::start(directory.root());
    directory.write("in/erp/customers-1.csv", customers("1", "Martin"));
    assert!(first.wait_for("deliver.finished", 1, Duration::from_secs(60)), "the first hub works");
    directory.run(&["run"]).with(2).tells(&["in use by another hub (process", "[store.in-use]"]);
    // By whatever way the directory is named.
    let roundabout = directory.root().join("in/..");
    passerelle(&roundabout, &["run"]).with(2).tells(&["[store.in-use]"]);
    // What is asked for once is done by the hub that runs.
    let once = passerelle(&roundabout, &["run", "--once", "--json"]).with(0).json();
    assert_eq!(ended(&once, "erp", "created"), 0, "{once}");
    // The first one has not suffered, and takes commands of the others.
    directory.write("customers-2.csv", customers("2", "Le Goff"));
    let accounting = directory.run(&["ingest", "erp", "customers-2.csv", "--json"]).with(0).json();
    assert_eq!(ended(&accounting, "erp", "created"), 1, "{accounting}");
    assert!(first.wait_for("deliver.finished", 1, Duration::from_secs(60)), "the first hub still works");
    first.kill();
    // A lock does not outlive the one who held it.
    directory.run(&["run", "--once"]).with(0);
    assert_eq!(fed(&directory), ["Le Goff", "Martin"]);
}
