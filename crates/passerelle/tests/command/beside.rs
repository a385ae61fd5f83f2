//! A hub that runs, and commands beside it.

use crate::directory::{Directory, command, customers, ended, passerelle};
use crate::running::Running;

#[test]
fn a_running_hub_is_watched_commanded_and_stopped() {
    let directory = Directory::new();
    let hub = Running::start(&directory);
    assert!(hub.get("/healthz").starts_with("HTTP/1.1 200"));
    assert!(hub.get("/readyz").starts_with("HTTP/1.1 200"));
    assert!(hub.get("/metrics").contains("passerelle_ready 1"));
    assert!(hub.get("/").contains("erp"));

    let second = passerelle(&["run", &directory.hub()]).with(2);
    assert!(
        second.err.contains("in use by another hub (process") && second.err.contains("[store.in-use]"),
        "{}",
        second.err
    );

    let file = directory.write("customers-1.csv", customers(&[("1", "Martin", "Rennes"), ("2", "Le Goff", "Brest")]));
    let first = directory.run(&["ingest", "erp", &file, "--json"]).with(0).json();
    assert_eq!(ended(&first, "erp"), [("created".to_owned(), 2)]);
    assert_eq!(first["targets"][0]["delivered"], 2);
    assert_eq!(directory.written().lines().count(), 3, "it ends when everything is delivered");
    let again = directory.run(&["ingest", "erp", &file, "--again", "--json"]).with(0).json();
    assert_eq!(ended(&again, "erp"), [("unchanged".to_owned(), 2)]);
    directory.run(&["collect", "erp"]).with(0);

    let refused = directory.run(&["parked", "retry", "7"]).with(2);
    assert!(refused.err.contains("nothing is parked under number 7"), "{}", refused.err);
    directory.run(&["systems", "pause", "crm"]).with(0);
    assert!(directory.run(&["systems"]).with(0).out.contains("paused"));
    let other = directory.write("customers-2.csv", customers(&[("3", "Tanguy", "Vannes")]));
    let kept = directory.run(&["ingest", "erp", &other]).with(0);
    assert!(kept.err.contains("changes wait for systems that are paused or halted: crm"), "{}", kept.err);
    directory.run(&["systems", "resume", "crm"]).with(0);
    let third = directory.write("customers-3.csv", customers(&[("4", "Rozenn", "Vannes")]));
    let early = directory.run(&["ingest", "erp", &third, "--timeout", "400ms"]).with(3);
    assert!(early.err.contains("not done after 0.4 s") && early.err.contains("to crm"), "{}", early.err);

    assert_eq!(hub.stop("-TERM"), 0);
    assert!(!directory.path("hub/data/store.db-wal").exists(), "the store was closed");
    let after = passerelle(&["run", &directory.hub(), "--once", "--json"]).with(0).json();
    assert_eq!(ended(&after, "erp"), []);
    assert_eq!(directory.written().lines().filter(|line| line.contains("Martin")).count(), 1);
}

#[test]
fn an_interrupt_stops_as_cleanly() {
    let directory = Directory::new();
    let hub = Running::start(&directory);
    assert_eq!(hub.stop("-INT"), 0);
}

#[test]
fn a_port_that_is_taken_is_told() {
    let directory = Directory::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = command(&["run", &directory.hub()]).env("PASSERELLE__CONSOLE__LISTEN", &address).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(err.contains(&address) && err.contains("[console.listen]"), "{err}");
}
