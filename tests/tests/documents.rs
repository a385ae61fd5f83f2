//! What travels beside documents through the whole hub: attached files, and the totals that statements state.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use passerelle_tests::directory::passerelle;
use passerelle_tests::workspace;
use tempfile::TempDir;

/// A user's directory with these systems.
fn directory(systems: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("passerelle.toml"), "").unwrap();
    fs::create_dir(directory.path().join("systems")).unwrap();
    for (name, text) in systems {
        fs::write(directory.path().join(format!("systems/{name}.toml")), text).unwrap();
    }
    directory
}

/// Puts a file where a system drops its own.
fn drop_file(directory: &Path, path: &str, content: &str) {
    let path = directory.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// The only file in a folder.
#[track_caller]
fn only_file(folder: &Path) -> String {
    let is_file = |path: &PathBuf| path.is_file();
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(is_file).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    fs::read_to_string(&files[0]).unwrap()
}

const BILLING: &str = r#"
tenant = "acme"
[connector]
kind = "xml-export"
[connector.streams.invoices]
folder = "in"
settle_ms = 0
[streams.invoices]
mapping = "ubl-2.1/invoice"
every = "1s"
"#;

const PORTAL: &str = r#"
tenant = "acme"
[connector]
kind = "xml-export"
[connector.targets.invoice]
folder = "out"
file = "invoice-{key}-{version}.xml"
[subscriptions.invoice]
mapping = "cii-d16b/invoice"
"#;

/// 40 bytes of a file, none of which is text.
const FILE: &str = "/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAIBAQIBAQICAgICAgICAw==";

#[test]
fn an_attached_file_arrives_in_another_syntax_and_rides_on_no_bus() {
    let directory = directory(&[("billing", BILLING), ("portal", PORTAL)]);
    let example = fs::read_to_string(workspace().join("mappings/ubl-2.1/examples/invoice.xml")).unwrap();
    let external = example.find("<cac:ExternalReference>").unwrap();
    let attached = format!(
        "{}<cbc:EmbeddedDocumentBinaryObject mimeCode=\"image/png\" filename=\"photo.png\">{FILE}</cbc:EmbeddedDocumentBinaryObject>\n        {}",
        &example[..external],
        &example[external..]
    );
    drop_file(directory.path(), "in/invoice.xml", &attached);
    passerelle(directory.path(), &["run", "--once"]).with(0);
    let written = only_file(&directory.path().join("out"));
    assert!(written.contains("CrossIndustryInvoice") && written.contains(FILE), "{written}");
    assert!(written.contains("photo.png") && written.contains("image/png"), "{written}");
    // The journal of the bus has the hash, not the file.
    let shown = passerelle(directory.path(), &["trace", "invoice.xml", "--json"]).with(0).out;
    assert!(!shown.contains(FILE), "{shown}");
    // Shown again, it is kept and delivered once.
    drop_file(directory.path(), "in/again.xml", &attached);
    passerelle(directory.path(), &["run", "--once"]).with(0);
    only_file(&directory.path().join("out"));
}

const BANK: &str = r#"
tenant = "acme"
[connector]
kind = "xml-export"
[connector.streams.statements]
folder = "in"
settle_ms = 0
[streams.statements]
mapping = "camt/payment"
every = "1s"
"#;

#[test]
fn a_statement_that_does_not_add_up_is_a_task() {
    let directory = directory(&[("bank", BANK)]);
    let statement = fs::read_to_string(workspace().join("mappings/camt/examples/payment.xml")).unwrap();
    drop_file(directory.path(), "in/right.xml", &statement);
    passerelle(directory.path(), &["run", "--once"]).with(0);
    let tasks = || passerelle(directory.path(), &["tasks", "list", "--json"]).with(0).json();
    assert_eq!(tasks().as_array().map(Vec::len), Some(0), "{}", tasks());
    let wrong = statement.replace("1480.00", "1481.00").replace("<Id>2026-063</Id>", "<Id>2026-064</Id>");
    assert_ne!(wrong, statement);
    drop_file(directory.path(), "in/wrong.xml", &wrong);
    passerelle(directory.path(), &["run", "--once"]).with(0);
    let found = tasks();
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(found[0]["code"], "control.balance");
    let question = found[0]["question"].as_str().unwrap();
    assert!(["wrong.xml", "2026-064", "1480.00", "1481.00"].iter().all(|part| question.contains(part)), "{question}");
    // A statement of the same name, of another account, is another question.
    let other = wrong.replace("FR7630003012340001234567854", "FR7630006000011234567890189");
    assert_ne!(other, wrong);
    drop_file(directory.path(), "in/other.xml", &other);
    passerelle(directory.path(), &["run", "--once"]).with(0);
    assert_eq!(tasks().as_array().map(Vec::len), Some(2), "{}", tasks());
    // The entries are taken in all the same.
    let traced = passerelle(directory.path(), &["trace", "wrong.xml", "--json"]).with(0).json();
    assert!(traced.to_string().contains("created"), "{traced}");
    // Shown again in another file, it is the same question.
    drop_file(directory.path(), "in/again.xml", &format!("{wrong}\n"));
    passerelle(directory.path(), &["run", "--once"]).with(0);
    assert_eq!(tasks().as_array().map(Vec::len), Some(2));
}
