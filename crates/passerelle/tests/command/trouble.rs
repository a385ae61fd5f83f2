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
        ended.err.contains("\"loud\" is no value of level") && ended.err.ends_with("2 errors, no warnings\n"),
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

#[test]
fn a_stream_that_cannot_be_read_is_told_once() {
    let directory = Directory::new();
    fs::remove_dir_all(directory.path("hub/in")).unwrap();
    directory.write("hub/in", "a file where a folder should be");
    let ended = passerelle(&["run", &directory.hub(), "--once"]).with(2);
    assert_eq!(ended.err.matches("erp").count(), 2, "the name of the stream, and its folder: {}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
}

#[test]
fn a_damaged_store_ends_as_a_bug() {
    let directory = Directory::new();
    let file = directory.write("customers-1.csv", customers(&[("1", "Martin", "Rennes")]));
    directory.run(&["ingest", "erp", &file]).with(0);
    let store = directory.path("hub/data/store.db");
    let length = fs::metadata(&store).unwrap().len();
    // The first page says that it is a store; what it holds is gone.
    let page = 4096;
    let damage = vec![0xff; usize::try_from(length - page).unwrap()];
    OpenOptions::new().write(true).open(&store).unwrap().write_all_at(&damage, page).unwrap();
    let ended = directory.run(&["customers", "list"]).with(70);
    assert!(ended.err.contains("store.db") && ended.err.contains("[store.internal]"), "{}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
}

#[test]
fn a_secret_that_is_missing_is_told_with_its_place() {
    let directory = Directory::new();
    let crm = "tenant = \"acme\"\n[connector]\nkind = \"rest-api\"\nbase_url = \"http://127.0.0.1:9/api\"\n\
               auth = { kind = \"bearer\", token = { file = \"secrets/app\" } }\n\
               [connector.streams.customers]\npath = \"/contacts\"\nkey = \"id\"\npaging = { kind = \"page\" }\n\
               [streams.customers]\nmapping = \"app/customer\"\n";
    directory.write("hub/systems/app.toml", crm);
    let mapping = "entity = \"customer\"\nformat = \"json\"\nkey = \"id\"\n[fields]\nlegal_name = \"name\"\n";
    directory.write("hub/mappings/app/customer.toml", mapping);
    let told = passerelle(&["check", &directory.hub()]).with(0);
    assert!(
        told.err.contains("app.toml:5:35: warning: ") && told.err.contains("[config.missing-secret]"),
        "{}",
        told.err
    );
    assert!(told.out.ends_with("no errors, 1 warning\n"), "{}", told.out);
    directory.write("hub/secrets/app", "s3cret\n");
    let told = passerelle(&["check", &directory.hub()]).with(0);
    assert!(told.err.is_empty() && told.out.ends_with("no errors, no warnings\n"), "{}{}", told.out, told.err);
}
