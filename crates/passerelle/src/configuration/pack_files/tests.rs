use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::environment::Variables;
use super::super::load::{Loaded, load_with};

const SYSTEM: &str = "\
tenant = \"acme\"
[connector]
kind = \"csv-drop\"
[connector.streams.customers]
folder = \"in\"
quote = \"'\"
[connector.targets.customer]
folder = \"out\"
file = \"{batch}.csv\"
[streams.customers]
mapping = \"shop/customer\"
[subscriptions.customer]
mapping = \"shop/customer\"
";

const MAPPING: &str = "entity = \"customer\"\nformat = \"csv\"\nkey = \"NO\"\n[fields]\nlegal_name = \"NAME\"\n";

/// A user's directory with a pack whose files are told so; the paths in its findings begin with the directory.
fn loaded(files: &str) -> (Loaded, String) {
    let folder = TempDir::new().unwrap();
    for (path, text) in [
        ("passerelle.toml", ""),
        ("systems/shop.toml", SYSTEM),
        ("mappings/shop/customer.toml", MAPPING),
        ("mappings/shop/files.toml", files),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    (load_with(folder.path(), &Variables::new(&[]), Vec::new()), format!("{}/", folder.path().display()))
}

#[track_caller]
fn check(files: &str, stream: Value, target: Value) {
    let (loaded, _) = loaded(files);
    let configuration = loaded.configuration.unwrap_or_else(|| panic!("{:?}", loaded.findings));
    let connector = &configuration.systems["shop"].connector;
    assert_eq!((&connector["streams"]["customers"], &connector["targets"]["customer"]), (&stream, &target), "{files}");
}

#[test]
fn a_pack_says_how_its_files_are_read_and_written() {
    check("", json!({ "folder": "in", "quote": "'" }), json!({ "folder": "out", "file": "{batch}.csv" }));
    check(
        "[csv-drop]\ndelimiter = \";\"\nquote = \"\"\n[csv-drop.write]\ndelimiter = \"|\"\n[xml-export]\nencoding = \"utf-8\"\n",
        json!({ "folder": "in", "quote": "'", "delimiter": ";" }),
        json!({ "folder": "out", "file": "{batch}.csv", "quote": "", "delimiter": "|" }),
    );
}

#[track_caller]
fn refused(files: &str, expected: &str) {
    let (loaded, prefix) = loaded(files);
    let told: Vec<String> = loaded.findings.iter().map(|finding| finding.to_string().replace(&prefix, "")).collect();
    assert!(told.iter().any(|told| told.starts_with(expected)), "{files}: {told:?}");
    assert!(loaded.configuration.is_none(), "{files}");
}

#[test]
fn settings_that_cannot_be_meant_are_told_in_their_file() {
    refused("[csv-drop", "mappings/shop/files.toml:1:");
    refused("delimiter = \";\"\n", "mappings/shop/files.toml:1:");
    refused(
        "[csv-dorp]\ndelimiter = \";\"\n",
        "mappings/shop/files.toml:1:2: there is no connector \"csv-dorp\"; each table here is one, such as [csv-drop]; did \
         you mean \"csv-drop\"? [config.",
    );
    refused(
        "[csv-drop]\ndelimitr = \";\"\n",
        "mappings/shop/files.toml:1:1: it does not fit streams.customers.delimitr of systems/shop.toml: ",
    );
}
