//! Commands beside workers on PostgreSQL, through the real binary: they do what they do beside one hub on a file.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use passerelle_tests::directory::{Directory, Stream, Subscription, System, command};
use passerelle_tests::engine::Place;
use passerelle_tests::mappings::{CUSTOMER_CSV, CUSTOMER_CSV_HEADER};
use passerelle_tests::servers::RabbitMq;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

/// A worker in a process of its own.
struct Worker(Child);

impl Worker {
    fn start(directory: &Directory, roles: &str) -> Self {
        let mut run = command(directory.root(), &["run", "--role", roles]);
        Worker(run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An ERP that drops customers once an hour, or when it is told, and a CRM that is fed them.
fn directory(store: &str, bus: Option<&str>) -> Directory {
    let customers = Stream {
        name: "customers",
        files: "erp/in/*.csv",
        mapping: "own/customer",
        export: "delta",
        every: "1h",
        settings: "",
    };
    let fed = Subscription { entity: "customer", folder: "crm", mapping: "own/customer" };
    let systems = [
        System { name: "erp", kind: "csv-drop", streams: &[customers], subscriptions: &[] },
        System { name: "crm", kind: "csv-drop", streams: &[], subscriptions: &[fed] },
    ];
    let directory = Directory::of(&systems, &[("own/customer", CUSTOMER_CSV)]);
    let bus = bus.map(|url| format!("[bus]\nurl = \"{url}\"\n")).unwrap_or_default();
    directory.write("passerelle.toml", format!("[store]\nurl = \"{store}\"\n{bus}[limits]\nlease_time = \"2s\"\n"));
    directory
}

fn export(name: &str) -> String {
    format!("{CUSTOMER_CSV_HEADER}{name},Client {name},,,Lyon\n")
}

/// Waits until the status has this; returns it.
fn until(directory: &Directory, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let told = directory.run(&["status", "--json"]);
        if told.code == Some(0) && holds(&told.json()) {
            return told.json();
        }
        assert!(begun.elapsed() < PATIENCE, "after {PATIENCE:?} not {what}: {}{}", told.out, told.err);
    }
}

fn works(status: &Value) -> Vec<usize> {
    let workers = status["workers"].as_array().into_iter().flatten();
    workers.map(|worker| worker["works"].as_array().map_or(0, Vec::len)).collect()
}

#[test]
fn commands_beside_workers_are_carried_out_by_them() {
    let (Some(Place::Server(store)), Some(broker)) = (Place::server(), RabbitMq::one()) else { return };
    let directory = directory(&store, Some(&broker.url(0)));
    directory.run(&["status"]).with(3).tells(&["start the hub once"]);
    let (_one, _other) = (Worker::start(&directory, "all"), Worker::start(&directory, "all"));
    // 1 stream, 2 partitions, relay, operate, 1 delivery; each kind is shared by itself.
    let status = until(&directory, "two workers with a share", |status| {
        let works = works(status);
        works.len() == 2 && works.iter().all(|count| *count >= 1) && works.iter().sum::<usize>() == 6
    });
    assert_eq!((&status["running"], &status["bus_blocked"]), (&Value::Bool(true), &Value::Null));
    let told = directory.run(&["status"]).with(0).out;
    for part in ["2 workers", "bus: takes messages", "on its way: nothing", "collect erp", "delivery crm"] {
        assert!(told.contains(part), "{part}: {told}");
    }

    for (round, arguments) in [["run", "--once"], ["collect", "erp"]].iter().enumerate() {
        directory.write(&format!("erp/in/{round}.csv"), export(&format!("C{round}")));
        let begun = Instant::now();
        let ended = directory.run(&[arguments[0], arguments[1], "--json"]).with(0).json();
        assert!(begun.elapsed() < PATIENCE, "it waited for leases");
        let created = &ended["streams"][0]["ended"]["created"];
        assert_eq!(created, &1, "{arguments:?}: {ended}");
        assert_eq!(directory.column("crm", "name").len(), round + 1, "{arguments:?} ended before the change was taken");
    }
    directory.write("new.csv", export("C9"));
    directory.run(&["ingest", "erp", "new.csv"]).with(0);
    assert_eq!(directory.column("crm", "name").len(), 3);
    // The workers still have everything.
    assert_eq!(works(&until(&directory, "work", |status| works(status).len() == 2)).iter().sum::<usize>(), 6);
}

#[test]
fn workers_that_do_not_read_are_joined_by_a_command_that_does() {
    let (Some(Place::Server(store)), Some(broker)) = (Place::server(), RabbitMq::one()) else { return };
    let directory = directory(&store, Some(&broker.url(0)));
    let _feeding = Worker::start(&directory, "resolve,deliver");
    until(&directory, "a worker", |status| works(status).len() == 1);
    directory.write("erp/in/1.csv", export("C1"));
    directory.run(&["collect", "erp"]).with(0);
    assert_eq!(directory.column("crm", "name"), ["Client C1"]);
}

#[test]
fn without_a_hub_the_store_tells_what_it_knows() {
    let folder = directory_on_file();
    folder.run(&["run", "--once"]).with(0);
    let status = folder.run(&["status", "--json"]).with(0).json();
    assert_eq!((&status["running"], status.get("workers")), (&Value::Bool(false), None));
    assert_eq!(status["accounting"]["read"], 1);
    assert!(folder.run(&["status"]).with(0).out.contains("no hub runs"));
}

/// The same on the embedded engines, with a customer that was dropped.
fn directory_on_file() -> Directory {
    let directory = directory("", None);
    directory.write("passerelle.toml", "");
    directory.write("erp/in/1.csv", export("C1"));
    directory
}
