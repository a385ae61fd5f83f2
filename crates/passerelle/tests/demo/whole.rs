//! `passerelle demo --once` from outside.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::company::{PATIENCE, passerelle, printed};

#[test]
fn it_ends_as_expected_and_a_second_run_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("company");
    let run = || printed(&passerelle(&["demo", "--once", "--seed", "5", "--dir", place.to_str().unwrap()]), &[0]);
    let first = run();
    for line in
        ["✓ the CRM holds", "✓ the ledger holds", "✓ the master holds", "✓ the accounting is", "✓ every record read"]
    {
        assert!(first.contains(line), "{line}\n{first}");
    }
    assert!(first.contains("15 read, 10 created, 1 duplicate, 4 rejected"), "{first}");
    assert!(!first.contains('\u{1b}'), "colour without a terminal");
    let second = run();
    assert!(
        second.contains("✓ this was run before: all unchanged or duplicate, no new version, no delivery"),
        "{second}"
    );
    let told = passerelle(&["trace", "Garage Lemoine SAS", "--json", "--dir", place.to_str().unwrap()]);
    let told: serde_json::Value = serde_json::from_str(&printed(&told, &[0])).unwrap();
    let documents = told[0]["master"]["documents"].as_array().unwrap();
    assert!(documents.iter().any(|document| document["title"] == "F2026-0102"), "{documents:?}");
    // The CRM did answer 429 and 503, and it did not matter.
    let refusals = std::fs::read_to_string(place.join("outside/crm/refusals.log")).unwrap();
    assert!(refusals.contains("429") && refusals.contains("503"), "{refusals}");
}

#[test]
fn the_commands_that_it_prints_work_on_another_engine() {
    let Some(server) = test_servers::PostgreSql::start_new() else { return };
    let url = server.create_database("demo").replace("hub@", "guarded:a%2Fsesame@");
    server
        .execute("postgres", "CREATE ROLE guarded LOGIN PASSWORD 'a/sesame'; GRANT CREATE ON DATABASE demo TO guarded");
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("company");
    let arguments = ["demo", "--once", "--seed", "0", "--dir", place.to_str().unwrap(), "--store", &url];
    let told = printed(&passerelle(&arguments), &[0]);
    assert!(!told.contains("sesame"), "{told}");
    let program = format!("  {}", env!("CARGO_BIN_EXE_passerelle"));
    let commands: Vec<&str> = told.lines().filter(|line| line.starts_with(&program)).collect();
    assert_eq!(commands.len(), 5, "{told}");
    // The last one goes on until somebody stops it.
    for command in &commands[..4] {
        let output = Command::new("sh").args(["-c", command]).output().unwrap();
        let said = printed(&output, &[0, 1]);
        assert!(
            said.contains("Lemoine") || said.contains("F2026-0102") || said.contains("clients-"),
            "{command}: {said}"
        );
    }
    assert!(!place.join("data/store.db").exists(), "a command made the embedded store");
}

#[test]
fn what_differs_from_the_expected_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    printed(&passerelle(&["demo", "--once", "--seed", "0", "--dir", place]), &[0]);
    let ledger = folder.path().join("outside/ledger/ledger.json");
    let books = std::fs::read_to_string(&ledger).unwrap();
    std::fs::write(&ledger, books.replace("1800,00", "1799,99")).unwrap();
    let told = printed(&passerelle(&["demo", "--once", "--seed", "0", "--dir", place]), &[1]);
    assert!(told.contains("! invoices › F2026-0101 › gross: \"1799,99\" instead of \"1800,00\""), "{told}");
    assert!(told.contains("✓ the CRM holds"), "{told}");
}

#[test]
fn a_directory_with_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.tex"), "x").unwrap();
    let output = passerelle(&["demo", "--once", "--dir", folder.path().to_str().unwrap()]);
    printed(&output, &[2]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not empty and no demo"));
}

#[test]
fn it_goes_on_until_it_is_told_to_stop_and_leaves_no_process_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_passerelle"));
    let place = folder.path().to_str().unwrap();
    command.args(["demo", "--seed", "0", "--dir", place]);
    let mut demo = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let watch = lines.find(|line| line.starts_with("Watch it at http://")).unwrap();
    lines.find(|line| line.contains("have dropped their files")).unwrap();
    let configured = std::fs::read_to_string(folder.path().join("systems/crm.toml")).unwrap();
    let address = |text: &str| text.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let addresses = [address(&configured), address(&watch)];
    // The hub starts in a process of its own, and its page comes up a moment later.
    let begun = Instant::now();
    while addresses.iter().any(|address| TcpStream::connect(address).is_err()) {
        assert!(begun.elapsed() < PATIENCE, "CRM or page did not come up");
        std::thread::yield_now();
    }
    // The file that was cut off is refused, and only its reject tells of it.
    let is_refused = || {
        let told = passerelle(&["trace", "clients-20261103.csv", "--dir", place]);
        String::from_utf8_lossy(&told.stdout).contains("[csv.cut-off]")
    };
    while !is_refused() {
        assert!(begun.elapsed() < PATIENCE, "the ERP's second file was not read");
    }
    let asked = Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &demo.id().to_string()]).status().unwrap();
    assert!(asked.success());
    assert!(lines.any(|line| line.starts_with("Everything stays in")), "it did not end in order");
    assert_eq!(demo.wait().unwrap().code(), Some(0));
    let mut told = String::new();
    demo.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(told, "", "nothing but what the company does is shown");
    for address in addresses {
        assert!(TcpStream::connect(&address).is_err(), "something still listens on {address}");
    }
}
