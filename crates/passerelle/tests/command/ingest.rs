//! One file after another, good ones and bad ones.

use crate::directory::{Directory, customers, ended, exists};

#[test]
fn a_repeated_file_is_a_duplicate_unless_it_is_wanted_again() {
    let directory = Directory::new();
    let file = directory.write("customers-1.csv", customers(&[("1", "Martin", "Rennes"), ("2", "Le Goff", "Brest")]));
    directory.run(&["ingest", "erp", &file]).with(0);
    let repeated = directory.run(&["ingest", "erp", &file, "--json"]).with(0).json();
    assert_eq!(ended(&repeated, "erp"), [("duplicate".to_owned(), 2)]);
    assert_eq!(repeated["targets"], serde_json::json!([]), "nobody was fed");
    let again = directory.run(&["ingest", "erp", &file, "--again", "--json"]).with(0).json();
    assert_eq!(ended(&again, "erp"), [("unchanged".to_owned(), 2)]);
    assert!(exists(file.as_ref()), "the file stays where it is");
}

/// Ingests a file with this content; the first line about it on standard error has these parts.
#[track_caller]
fn check(content: &[u8], code: i32, parts: &[&str]) {
    let directory = Directory::new();
    let file = directory.write("customers-1.csv", content);
    let ended = directory.run(&["ingest", "erp", &file]).with(code);
    let lines: Vec<&str> = ended.err.lines().collect();
    assert!(lines.iter().any(|line| parts.iter().all(|part| line.contains(part))), "{parts:?}: {}", ended.err);
    assert!(!ended.err.contains("panicked") && !ended.err.contains("bug"), "{}", ended.err);
    // A later good file is read as if nothing had been.
    let good = directory.write("customers-2.csv", customers(&[("1", "Martin", "Rennes")]));
    directory.run(&["ingest", "erp", &good]).with(0);
}

#[test]
fn every_bad_file_is_told_in_one_line_with_a_code() {
    check(b"", 1, &["customers-1.csv", "is empty", "[file.empty]"]);
    check(b"\x00\x01\x02\x7fELF\x00\x00\x00", 1, &["customers-1.csv", "[file.binary]"]);
    let accents = customers(&[("1", "Caf\u{e9}", "Rennes")]).replace('\u{e9}', "\u{1}");
    let latin: Vec<u8> = accents.bytes().map(|byte| if byte == 1 { 0xe9 } else { byte }).collect();
    check(&latin, 1, &["customers-1.csv", "encoding", "[csv.encoding]"]);
    let missing = customers(&[("1", "Martin", "Rennes")]).replace("NAME;", "NOM;");
    check(missing.as_bytes(), 1, &["customers-1.csv", "NAME", "[csv.column-missing]"]);
    let twice = customers(&[("1", "Martin", "Rennes")]).replace("SIRET", "NAME");
    check(twice.as_bytes(), 1, &["customers-1.csv", "[csv.column-twice]"]);
    let ragged = format!("{}2;too;few\n", customers(&[("1", "Martin", "Rennes")]));
    check(ragged.as_bytes(), 1, &["customers-1.csv:3", "[csv.ragged-row]"]);
    let quote = customers(&[("1", "\"Martin", "Rennes"), ("2", "Le Goff", "Brest")]);
    check(quote.as_bytes(), 1, &["customers-1.csv:2", "[csv.unbalanced-quote]"]);
}

/// A command that cannot be meant; standard error has these parts, and nothing was changed.
#[track_caller]
fn refused(directory: &Directory, arguments: &[&str], parts: &[&str]) {
    let ended = directory.run(arguments).with(2);
    assert!(parts.iter().all(|part| ended.err.contains(part)), "{parts:?}: {}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    let folder = std::fs::read_dir(directory.path("hub/in/erp")).unwrap();
    let left: Vec<_> = folder.map(|entry| entry.unwrap()).filter(|entry| entry.path().is_file()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_remedy() {
    let directory = Directory::new();
    let file = directory.write("customers-1.csv", customers(&[("1", "Martin", "Rennes")]));
    refused(&directory, &["ingest", "epr", &file], &["there is no system \"epr\"", "did you mean \"erp\"?"]);
    refused(&directory, &["ingest", "crm", &file], &["nothing is read from crm"]);
    refused(&directory, &["ingest", "erp", &file, "--stream", "customer"], &["did you mean \"customers\"?"]);
    let folder = directory.path("hub").display().to_string();
    refused(&directory, &["ingest", "erp", &folder], &["is a directory"]);
    refused(&directory, &["ingest", "erp", "/nowhere/customers-1.csv"], &["cannot be read", "[cli.file]"]);
    let other = directory.write("export.csv", customers(&[("1", "Martin", "Rennes")]));
    refused(&directory, &["ingest", "erp", &other], &["did not take", "customers*.csv", "[ingest.not-taken]"]);
}

#[test]
fn rejects_are_kept_and_shown() {
    let directory = Directory::new();
    let rows = customers(&[("1", "Martin", "Rennes")]).replace("1 000,00", "much");
    let file = directory.write("customers-1.csv", rows);
    let ended = directory.run(&["ingest", "erp", &file]).with(1);
    assert!(ended.err.contains("customers-1.csv:2") && !ended.err.contains("much"), "{}", ended.err);
    let listed = directory.run(&["rejects", "list", "--json"]).with(0).json();
    assert_eq!((&listed[0]["line"], &listed[0]["key"]), (&2.into(), &"1".into()));
    let number = listed[0]["number"].to_string();
    let shown = directory.run(&["rejects", "show", &number]).with(0).out;
    assert!(shown.contains("1;Martin;;1 rue du Port;29000;Rennes;FR;much;0"), "{shown}");
    directory.run(&["rejects", "show", "77"]).with(2);
    let trace = directory.run(&["trace", "customers-1.csv"]).with(0).out;
    assert!(trace.contains("1 read = 1 rejected") && trace.contains("reject "), "{trace}");
}

#[test]
fn names_are_shown_with_the_quotes_that_belong_to_them() {
    let directory = Directory::new();
    let rows = customers(&[("1", "\"Café \"\"Le Phare\"\"\"", "Rennes")]);
    let file = directory.write("customers-1.csv", rows);
    directory.run(&["ingest", "erp", &file]).with(0);
    let listed = directory.run(&["customers", "list"]).with(0).out;
    assert!(listed.contains("  Café \"Le Phare\"  "), "{listed}");
}

#[test]
fn who_waits_no_longer_is_told_what_is_on_its_way() {
    let directory = Directory::new();
    let file = directory.write("customers-1.csv", customers(&[("1", "Martin", "Rennes")]));
    // The file for the CRM closes after a second, so that something is on its way for certain.
    let early = directory.run(&["ingest", "erp", &file, "--timeout", "300ms"]).with(3);
    assert!(early.err.contains("not done after 0.3 s") && early.err.contains("[hub.not-quiet]"), "{}", early.err);
    let once = crate::directory::passerelle(&["run", &directory.hub(), "--once"]).with(0);
    assert!(directory.written().contains("Martin"), "{}", once.out);
}

/// Shows a record with this key beside a good one, on an engine; the key is too long, and the good one is there.
#[track_caller]
fn rejects_the_key(directory: &Directory, key: &str) {
    let file = directory.write("customers-1.csv", customers(&[("1", "Martin", "Rennes"), (key, "Durand", "Brest")]));
    let read = directory.run(&["ingest", "erp", &file, "--json"]).with(1).json();
    assert_eq!(ended(&read, "erp"), [("created".to_owned(), 1), ("rejected".to_owned(), 1)]);
    let rejects = directory.run(&["rejects", "list", "--json"]).with(0).json();
    assert_eq!((&rejects[0]["code"], &rejects[0]["line"]), (&"collect.key-too-long".into(), &3.into()), "{rejects}");
    let reason = rejects[0]["reason"].as_str().unwrap();
    assert!(reason.contains(&format!("{} bytes, and 1000 are kept", key.len())) && !reason.contains(key), "{reason}");
    assert_eq!(directory.written().lines().count(), 2, "{}", directory.written());
}

#[test]
fn a_key_that_no_index_takes_is_rejected_on_every_engine() {
    // Nothing that can be pressed together: an index of the server takes no more than 2,704 bytes of it.
    let mut state = 7_u64;
    let digit = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'A' + u8::try_from((state >> 33) % 26).unwrap())
    };
    let key: String = (0..8_000).map(digit).collect();
    rejects_the_key(&Directory::new(), &key);
    rejects_the_key(&Directory::new(), &key[..1_001]);
    let Some(server) = test_servers::PostgreSql::start_new() else { return };
    let directory = Directory::new();
    let url = server.create_database("hub");
    directory.edit("hub/passerelle.toml", "[store]", &format!("[store]\nurl = \"{url}\""));
    rejects_the_key(&directory, &key);
    // With a higher bound, as long as an index takes it.
    directory.edit("hub/passerelle.toml", "[store]", "[limits]\nkey_bytes_max = 2000\n[store]");
    let file = directory.write("customers-2.csv", customers(&[(&key[..2_000], "Durand", "Brest")]));
    let read = directory.run(&["ingest", "erp", &file, "--json"]).with(0).json();
    assert_eq!(ended(&read, "erp"), [("created".to_owned(), 1)]);
}
