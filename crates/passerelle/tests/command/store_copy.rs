//! `passerelle store copy`: a hub moves to another engine and goes on where it stood.

use std::path::Path;

use test_servers::PostgreSql;

use crate::directory::{Directory, Ended, command, customers, end, ended, passerelle, told};
use crate::running::Running;

fn copy(from: &str, to: &str, more: &[&str]) -> Ended {
    passerelle(&[&["store", "copy", from, to][..], more].concat())
}

/// The demo once more on its directory, which tells that nothing moves.
#[track_caller]
fn goes_on_where_it_stood(directory: &Path) {
    let ended = passerelle(&["demo", "--once", "--seed", "0", "--dir", directory.to_str().unwrap()]).with(0);
    let line = "✓ this was run before: all unchanged or duplicate, no new version, no delivery";
    assert!(ended.out.contains(line), "{}", ended.out);
}

#[test]
fn a_hub_goes_to_postgresql_and_back_and_goes_on_where_it_stood() {
    let Some(server) = PostgreSql::start_new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("company");
    let hub = directory.to_str().unwrap();
    passerelle(&["demo", "--once", "--seed", "0", "--dir", hub]).with(0);
    let url = server.create_database("moved");

    let there = copy(hub, &url, &["--json"]).with(0).json();
    assert_eq!(there["to"], url.as_str());
    let tables = there["tables"].as_array().unwrap();
    assert!(tables.len() > 10 && tables.iter().all(|table| table["read"] == table["counted"]), "{there}");
    let sum: u64 = tables.iter().map(|table| table["counted"].as_u64().unwrap()).sum();
    assert!(sum > 100 && there["rows"] == sum, "{there}");
    let file = directory.join("passerelle.toml");
    let embedded = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, embedded.replace("[store]", &format!("[store]\nurl = \"{url}\""))).unwrap();
    goes_on_where_it_stood(&directory);

    // Back, into a folder of its own; what happened meanwhile comes along.
    let back = directory.join("back/store.db");
    let told = copy(hub, &format!("sqlite:{}", back.display()), &[]).with(0);
    assert!(told.out.contains("the counts agree") && told.out.contains("known_records"), "{}", told.out);
    assert!(told.err.contains("[store] of passerelle.toml"), "{}", told.err);
    std::fs::write(&file, embedded.replace("data/store.db", "back/store.db")).unwrap();
    goes_on_where_it_stood(&directory);
}

#[test]
fn what_is_on_its_way_is_not_left_behind() {
    let directory = Directory::new();
    let file = directory.write("customers-1.csv", customers(&[("1", "Martin", "Rennes")]));
    directory.run(&["systems", "pause", "crm"]).with(0);
    directory.run(&["ingest", "erp", &file]).with(0);
    let to = directory.path("moved/store.db").display().to_string();
    let refused = copy(&directory.hub(), &to, &[]);
    told(refused, 2, "store.in-flight", "1 message in passerelle.delivery.crm");
    assert!(!directory.path("moved").exists(), "something was made all the same");
    // With the same bus the hub delivers it from where the store is now.
    copy(&directory.hub(), &to, &["--keep-bus"]).with(0);
    directory.edit("hub/passerelle.toml", "path = \"data/store.db\"", &format!("path = \"{to}\""));
    directory.run(&["systems", "resume", "crm"]).with(0);
    assert_eq!(directory.written().matches("Martin").count(), 1, "{}", directory.written());
    // Now nothing is on its way, and the file of the old store tells the same.
    copy(&directory.hub(), &directory.path("again/store.db").display().to_string(), &[]).with(0);
    copy(&to, &directory.path("third/store.db").display().to_string(), &[]).with(0);
}

#[test]
fn what_cannot_be_copied_is_told_in_one_line() {
    let directory = Directory::new();
    passerelle(&["run", &directory.hub(), "--once"]).with(0);
    let path = |inner: &str| directory.path(inner).display().to_string();
    let check = |from: &str, to: &str, more: &[&str], exit: i32, code: &str, part: &str| {
        told(copy(from, to, more), exit, code, part);
    };
    let hub = directory.hub();
    check(&hub, &hub, &[], 2, "store.same-place", "is the source and the target");
    check(&path("nowhere.db"), &path("new/store.db"), &[], 3, "store.unreachable", "nowhere.db is not there");
    copy(&hub, &path("copied/store.db"), &[]).with(0);
    check(&hub, &path("copied"), &[], 2, "store.not-empty", "copied/store.db is not empty");
    check(&hub, &path("new/store.db"), &["--to-password", "env:X"], 2, "cli.unknown", "--to-password goes with");
    let port = test_servers::free_port();
    let url = format!("postgres://hub@127.0.0.1:{port}/hub");
    check(
        &hub,
        &url,
        &["--to-password", "env:PASSERELLE_NO_SUCH"],
        2,
        "store.refused",
        "PASSERELLE_NO_SUCH is not set",
    );
    let mut with_password = command(&["store", "copy", &hub, &url, "--to-password", "env:SECRET_OF_DB"]);
    with_password.env("SECRET_OF_DB", "sesame");
    told(end(with_password), 3, "store.unreachable", "is the server running");
    // In clear it works too, and is warned of; it is never repeated.
    let shown = copy(&hub, &url.replace("hub@", "hub:sesame@"), &[]).with(3);
    assert!(shown.err.contains("--to-password env:NAME") && !shown.err.contains("sesame"), "{}", shown.err);
    let unusual = copy(&hub, &url, &["--to-password", "sesame"]).with(2);
    assert!(unusual.err.contains("write env:NAME"), "{}", unusual.err);
    let running = Running::start(&directory);
    check(&hub, &path("new/store.db"), &[], 2, "store.in-use", "is in use");
    check(&path("copied"), &hub, &[], 2, "store.in-use", "is in use");
    assert_eq!(running.stop("-TERM"), 0);
}

#[test]
fn commands_see_the_store_where_it_is_now() {
    let Some(server) = PostgreSql::start_new() else { return };
    let directory = Directory::new();
    let file = directory.write("customers-1.csv", customers(&[("1", "Martin", "Rennes"), ("2", "Durand", "Brest")]));
    directory.run(&["ingest", "erp", &file]).with(0);
    let url = server.create_database("hub");
    copy(&directory.path("hub/data/store.db").display().to_string(), &url, &[]).with(0);
    directory.edit("hub/passerelle.toml", "[store]", &format!("[store]\nurl = \"{url}\""));
    let listed = directory.run(&["customers", "list", "--json"]).with(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    // A changed record takes the next version and makes one delivery; the others are known.
    let file = directory.write("customers-2.csv", customers(&[("1", "Martin", "Vannes"), ("2", "Durand", "Brest")]));
    let run = directory.run(&["ingest", "erp", &file, "--json"]).with(0).json();
    assert_eq!(ended(&run, "erp"), [("updated".to_owned(), 1), ("unchanged".to_owned(), 1)]);
    assert_eq!(run["targets"][0]["delivered"], 1);
}
