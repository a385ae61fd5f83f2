//! Wrong configuration, and stores that cannot be used.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;

use crate::directory::{Directory, customers, passerelle};

#[test]
fn a_wrong_directory_is_told_with_carets_and_codes() {
    let directory = Directory::new();
    directory.edit("hub/systems/erp.toml", "delimiter", "delimitr");
    directory.edit("hub/passerelle.toml", "level = \"info\"", "level = \"loud\"");
    let ended = passerelle(&["check", &directory.hub()]).with(2);
    let erp = directory.path("hub/systems/erp.toml").display().to_string();
    let line = format!("{erp}:11:1: unknown field \"delimitr\"; did you mean \"delimiter\"? [config.unknown-field]");
    assert!(ended.err.lines().any(|found| found == line), "{}", ended.err);
    assert!(ended.err.contains("^^^^^^^^") && ended.err.contains("delimitr = \";\""), "{}", ended.err);
    assert!(
        ended.err.contains("\"loud\" is no value of level") && ended.err.ends_with("2 errors, 0 warnings\n"),
        "{}",
        ended.err
    );
    let json = passerelle(&["check", &directory.hub(), "--json"]).with(2).json();
    assert_eq!(json[1]["code"], "config.unknown-field");
    assert_eq!((&json[1]["line"], &json[1]["column"]), (&11.into(), &1.into()));
    assert_eq!(json[1]["suggestion"], "delimiter");
    let run = passerelle(&["run", &directory.hub(), "--once"]).with(2);
    assert!(run.err.contains(&line), "{}", run.err);
    assert!(!directory.path("hub/data").exists(), "nothing was started");
}

#[test]
fn a_store_from_a_newer_version_is_refused_and_left_alone() {
    let directory = Directory::new();
    passerelle(&["run", &directory.hub(), "--once"]).with(0);
    let store = directory.path("hub/data/store.db");
    // The version stands in the header of the file, big-endian, at byte 60 (SQLite's file format, 1.3).
    OpenOptions::new().write(true).open(&store).unwrap().write_all_at(&9_999_u32.to_be_bytes(), 60).unwrap();
    let before = fs::read(&store).unwrap();
    for ended in [passerelle(&["run", &directory.hub(), "--once"]), directory.run(&["customers", "list"])] {
        let ended = ended.with(2);
        assert!(ended.err.contains("9999") && ended.err.contains("[store.newer]"), "{}", ended.err);
    }
    assert_eq!(fs::read(&store).unwrap(), before);
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let directory = Directory::new();
    directory.write("hub/data/store.db", "this is no database, but a text that is long enough to look at".repeat(20));
    let ended = passerelle(&["run", &directory.hub(), "--once"]);
    assert_ne!(ended.code, Some(0));
    assert!(ended.err.contains("store.db") && ended.err.contains("not a store"), "{}", ended.err);
}

#[test]
fn a_system_that_cannot_be_written_is_told_and_nothing_is_lost() {
    let directory = Directory::new();
    directory.write("hub/out", "a file where a folder should be");
    let file = directory.write("customers-1.csv", customers(&[("1", "Martin", "Rennes")]));
    let ended = directory.run(&["ingest", "erp", &file, "--patience", "2s"]);
    assert!(ended.code == Some(0) || ended.code == Some(3), "{}", ended.err);
    fs::remove_file(directory.path("hub/out")).unwrap();
    directory.run(&["systems", "resume", "crm"]).with(0);
    passerelle(&["run", &directory.hub(), "--once"]).with(0);
    assert_eq!(directory.written().lines().count(), 2);
}
