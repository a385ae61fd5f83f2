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

/// A directory whose bank has sent so many statements that do not add up, and the numbers of the tasks, by rank.
fn asked(statements: u32) -> (TempDir, Vec<u64>) {
    let directory = directory(&[("bank", BANK)]);
    let statement = fs::read_to_string(workspace().join("mappings/camt/examples/payment.xml")).unwrap();
    for number in 0..statements {
        drop_file(directory.path(), &format!("in/{number}.xml"), &wrong(&statement, number, "1481.00"));
    }
    passerelle(directory.path(), &["run", "--once"]).with(0);
    let listed = passerelle(directory.path(), &["tasks", "list", "--json"]).with(0).json();
    let numbers: Vec<u64> = listed.as_array().unwrap().iter().map(|task| task["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers.len(), statements as usize, "{listed}");
    (directory, numbers)
}

/// The example statement under another name, with a closing balance that its entries do not lead to.
fn wrong(statement: &str, number: u32, closing: &str) -> String {
    statement.replace("1480.00", closing).replace("<Id>2026-063</Id>", &format!("<Id>2026-{}</Id>", 100 + number))
}

#[test]
fn whoever_has_read_a_task_closes_it_and_is_not_asked_again() {
    let (directory, numbers) = asked(1);
    let run = |arguments: &[&str]| passerelle(directory.path(), arguments);
    let number = numbers[0].to_string();
    let shown = run(&["tasks", "show", &number]).with(0).out;
    assert!(["statement: 2026-100", "1481.00", "[control.balance]"].iter().all(|part| shown.contains(part)), "{shown}");
    let close = ["tasks", "close", &number, "--reason", "a page was missing", "--by", "anna"];
    assert!(run(&close).with(0).out.contains("1 task closed"));
    assert_eq!(run(&["tasks", "list"]).with(0).out, "no open tasks\n");
    let answers = run(&["tasks", "list", "--closed", "--json"]).with(0).json();
    let closed = &answers[0]["closed"];
    assert_eq!(
        [&closed["by"], &closed["decision"], &closed["reason"]],
        ["anna", "acknowledged", "a page was missing"],
        "{answers}"
    );
    assert!(run(&["tasks", "show", &number]).with(0).out.contains("by anna: acknowledged, because a page was missing"));
    // The second time nothing changes, and it is told.
    let again = run(&["tasks", "close", &number, "--reason", "other", "--json"]).with(0).json();
    assert_eq!((&again["closed"], &again["closed_before"]), (&serde_json::json!([]), &serde_json::json!(numbers)));
    // The same statement in another file asks nothing; another balance does.
    let statement = fs::read_to_string(workspace().join("mappings/camt/examples/payment.xml")).unwrap();
    drop_file(directory.path(), "in/again.xml", &format!("{}\n", wrong(&statement, 0, "1481.00")));
    run(&["run", "--once"]).with(0);
    assert_eq!(run(&["tasks", "list"]).with(0).out, "no open tasks\n");
    drop_file(directory.path(), "in/corrected.xml", &wrong(&statement, 0, "1482.00"));
    run(&["run", "--once"]).with(0);
    let news = run(&["tasks", "list", "--json"]).with(0).json();
    assert_eq!(news.as_array().map(Vec::len), Some(1), "{news}");
    assert!(news[0]["question"].as_str().unwrap().contains("1482.00"), "{news}");
}

#[test]
fn many_tasks_are_closed_at_once_and_never_more_than_meant() {
    let (directory, numbers) = asked(3);
    let run = |arguments: &[&str]| passerelle(directory.path(), &[&["tasks"], arguments].concat());
    let open = || run(&["list", "--json"]).with(0).json().as_array().map(Vec::len).unwrap();
    let named = [numbers[0].to_string(), numbers[1].to_string()];
    let bank = ["--all", "--code", "control", "--system", "bank"];
    assert_eq!(run(&[&["close"], &bank[..], &["--count"]].concat()).with(0).out, "3 open tasks\n");
    assert_eq!(run(&["close", "--all", "--text", "2026-101", "--count", "--json"]).with(0).json()["count"], 1);
    let check = |arguments: &[&str], code: &str| {
        run(arguments).with(2).tells(&[code]);
        assert_eq!(open(), 3, "{arguments:?}");
    };
    check(&["close", "--all", "--reason", "all of them"], "cli.too-many");
    check(&[&["close"], &bank[..], &["--reason", "two", "--limit", "2"]].concat(), "cli.too-many");
    check(&["close", &named[0], "--code", "control", "--reason", "both"], "cli.too-many");
    check(&["close", "4711", "--reason", "not there"], "cli.unknown");
    check(&["close", &named[0], "--reason", " "], "cli.refused");
    check(&["decide", &named[0], "same", "--reason", "nothing to decide"], "cli.refused");
    check(&["close", &named[0], "--tenant", "globex", "--reason", "of another"], "cli.unknown");
    for wrong in [&["close", &named[0]][..], &["close", "--reason", "of none"], &["decide", "same", "--reason", "none"]]
    {
        run(wrong).with(2);
    }
    let some = run(&["close", &named[0], "4711", "--reason", "one is there", "--json"]).with(1).json();
    assert_eq!((&some["closed"], &some["missing"]), (&serde_json::json!([numbers[0]]), &serde_json::json!([4711])));
    assert!(
        run(&[&["close"], &bank[..], &["--reason", "trial files"]].concat()).with(0).out.contains("2 tasks closed")
    );
    assert_eq!(run(&[&["close"], &bank[..], &["--reason", "none left"]].concat()).with(0).out, "0 tasks closed\n");
    assert_eq!(
        run(&[&["decide"], &bank[..], &["same", "--reason", "none left"]].concat()).with(0).out,
        "0 tasks closed\n"
    );
    assert_eq!(open(), 0);
    // A page of answers, and the next one.
    let page = run(&["list", "--closed", "--limit", "2"]).with(0);
    let place = page.err.split("--after=").nth(1).unwrap().trim();
    let next = run(&["list", "--closed", "--limit", "2", &format!("--after={place}"), "--json"]).with(0).json();
    assert_eq!(next.as_array().map(Vec::len), Some(1), "{next}");
}
