//! `compose.yaml`: every name that it uses is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Map, Value};

use crate::shipped::{content, deploy, judged_by, text, texts, yaml};

fn compose() -> Value {
    let documents = yaml("compose.yaml");
    assert_eq!(documents.len(), 1);
    documents.into_iter().next().unwrap()
}

fn services(compose: &Value) -> &Map<String, Value> {
    compose["services"].as_object().unwrap()
}

/// The names in a list of names, or the keys of a table.
fn names(value: &Value) -> Vec<&str> {
    value.as_object().map_or_else(|| texts(value), |fields| fields.keys().map(String::as_str).collect())
}

#[test]
fn services_depend_on_services_that_can_become_what_is_waited_for() {
    let compose = compose();
    let services = services(&compose);
    for (name, service) in services {
        for needed in names(&service["depends_on"]) {
            let other =
                services.get(needed).unwrap_or_else(|| panic!("{name} depends on {needed}, which is no service"));
            match service["depends_on"][needed]["condition"].as_str() {
                Some("service_healthy") => assert!(other["healthcheck"]["test"].is_array(), "{needed} has no health"),
                Some("service_completed_successfully") => {
                    assert_ne!(other["restart"], "unless-stopped", "{needed} never completes");
                }
                Some(condition) => panic!("{name} waits for {condition}"),
                None => {}
            }
        }
    }
    for wanted in ["hub", "rabbitmq-1", "rabbitmq-2", "rabbitmq-3", "postgres", "prometheus", "grafana"] {
        assert!(services.contains_key(wanted), "{wanted} is missing");
    }
}

#[test]
fn networks_volumes_and_files_are_there() {
    let compose = compose();
    for (name, service) in services(&compose) {
        for network in names(&service["networks"]) {
            assert!(compose["networks"].get(network).is_some(), "{name} is in no network {network}");
        }
        for volume in service["volumes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let source = volume.split(':').next().unwrap();
            let is_there = source.strip_prefix("./").map(|path| deploy().join(path).exists());
            let is_there = is_there.unwrap_or_else(|| compose["volumes"].get(source).is_some());
            assert!(is_there, "{name} mounts {source}, which is not there");
        }
        let dockerfile = service["build"]["dockerfile"].as_str();
        let is_built = dockerfile.is_none_or(|path| deploy().join("..").join(path).exists());
        assert!(is_built, "{name} is built from {dockerfile:?}");
    }
}

#[test]
fn ports_are_open_to_this_machine_only_and_once() {
    let compose = compose();
    let mut taken = BTreeSet::new();
    for (name, service) in services(&compose) {
        for port in texts(&service["ports"]) {
            let outside = port.strip_prefix("127.0.0.1:").unwrap_or_else(|| panic!("{name} opens {port} to everybody"));
            assert!(taken.insert(outside.split(':').next().unwrap().to_owned()), "{port} is taken twice");
        }
    }
    assert!(taken.contains("8600"), "{taken:?}");
}

#[test]
fn whoever_shares_a_network_is_named_in_it() {
    let compose = compose();
    let services = services(&compose);
    let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, service) in services {
        for network in names(&service["networks"]) {
            reached.entry(name).or_default().insert(network);
            for alias in texts(&service["networks"][network]["aliases"]) {
                reached.entry(alias).or_default().insert(network);
            }
        }
    }
    let ways = [("hub", "rabbitmq"), ("hub", "postgres"), ("gate", "hub"), ("prometheus", "gate")];
    for (from, to) in ways.into_iter().chain([("prometheus", "rabbitmq-1"), ("grafana", "prometheus")]) {
        assert!(!reached[from].is_disjoint(&reached[to]), "{from} does not reach {to}");
    }
    // The pages of the hub show personal data: those who watch reach the gate alone.
    for watcher in ["prometheus", "grafana"] {
        assert!(reached[watcher].is_disjoint(&reached["hub"]), "{watcher} reaches the hub past the gate");
    }
}

#[test]
fn the_nodes_of_the_broker_are_those_of_its_configuration() {
    let compose = compose();
    let configured: BTreeSet<String> = text("rabbitmq/rabbitmq.conf")
        .lines()
        .filter(|line| line.starts_with("cluster_formation.classic_config.nodes."))
        .map(|line| line.rsplit_once("rabbit@").unwrap().1.to_owned())
        .collect();
    let nodes: BTreeSet<String> =
        services(&compose).values().filter_map(|service| Some(service["hostname"].as_str()?.to_owned())).collect();
    assert_eq!(nodes, configured);
    let setup = &compose["services"]["rabbitmq-setup"]["environment"];
    assert_eq!(setup["RABBITMQ_NODES"], nodes.len().to_string());
}

#[test]
fn every_value_that_must_be_set_stands_in_the_example() {
    let example = text("compose.env.example");
    let set: BTreeSet<&str> = example
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    let compose = text("compose.yaml");
    let used: BTreeSet<&str> = compose.split("${").skip(1).map(|rest| rest.split([':', '}']).next().unwrap()).collect();
    assert_eq!(used, set);
}

#[test]
fn compose_itself_reads_the_file() {
    let help = judged_by("deploy/compose.yaml", "docker", &["compose", "version"], &deploy());
    let Some(help) = help else { return };
    if !help.status.success() {
        eprintln!("NOT RUN: deploy/compose.yaml is not looked at by docker compose, which is missing");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let filled = text("compose.env.example").replace("=\n", "=sesame\n");
    fs::write(folder.path().join("env"), filled).unwrap();
    let environment = folder.path().join("env");
    let arguments = ["compose", "--env-file", environment.to_str().unwrap(), "config", "--quiet"];
    content(&judged_by("deploy/compose.yaml", "docker", &arguments, &deploy()).unwrap());
}

/// What `docs/sizing.md` computes: eight partitions can resolve full batches at the same time.
#[test]
fn the_database_has_room_for_the_locks_of_eight_partitions() {
    const CONNECTIONS: usize = 100;
    const LOCKS_PER_OBSERVATION: usize = 3;
    let compose = compose();
    let command = texts(&services(&compose)["postgres"]["command"]);
    let set = |name: &str| command.iter().find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    assert_eq!(set("max_connections"), None::<usize>, "the formula counts with the default");
    let locks: usize = set("max_locks_per_transaction").expect("a number of locks");
    let needed = 8 * hub::Limits::default().resolve_events_max * LOCKS_PER_OBSERVATION;
    assert!(locks * CONNECTIONS >= needed, "{locks} × {CONNECTIONS} < {needed}");
}
