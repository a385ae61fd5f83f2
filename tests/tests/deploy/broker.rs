//! The broker's definitions, imported by a real broker: the hub's user can do all that the bus does, nothing that is
//! defined differs from what the bus declares, and the policy says of every queue what the bus says of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use bus::rabbitmq::{RabbitMqBus, RabbitMqOptions};
use bus::{Bus, Message, Queue, Route};
use serde_json::Value;
use test_servers::RabbitMq;

use crate::shipped::text;

fn definitions() -> Value {
    serde_json::from_str(&text("rabbitmq/definitions.json")).unwrap()
}

/// A broker that has imported the definitions, and the address of the hub's user on it.
fn prepared() -> Option<(RabbitMq, String)> {
    let broker = RabbitMq::one()?;
    // The broker's own user reads it.
    let folder = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    let file = folder.path().join("definitions.json");
    fs::write(&file, text("rabbitmq/definitions.json")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    broker.control(0, &["import_definitions", file.to_str().unwrap()]);
    broker.control(0, &["change_password", "passerelle", "sesame"]);
    let url = format!("amqp://passerelle:sesame@127.0.0.1:{}/passerelle", broker.port(0));
    Some((broker, url))
}

fn listing(broker: &RabbitMq, command: &[&str]) -> Vec<BTreeMap<String, Value>> {
    let arguments: Vec<&str> = command.iter().copied().chain(["--formatter", "json", "-p", "passerelle"]).collect();
    serde_json::from_str(&broker.control(0, &arguments)).unwrap()
}

/// A table of arguments, which rabbitmqctl prints as a table or as a list of (name, type, value).
fn argument(arguments: &Value, name: &str) -> Value {
    let in_list = || arguments.as_array()?.iter().find(|entry| entry[0] == name).map(|entry| entry[2].clone());
    arguments.get(name).cloned().or_else(in_list).unwrap_or_default()
}

async fn use_everything(url: &str) {
    let bus = RabbitMqBus::new(url, RabbitMqOptions::default()).unwrap();
    let queues = [Queue::Observed(0), Queue::Delivery("crm".into())];
    bus.declare(&queues).await.unwrap();
    let mut routes: Vec<Route> = queues.iter().cloned().map(Route::Queue).collect();
    routes.push(Route::Public("acme.customer.updated".into()));
    let messages = routes.into_iter().enumerate().map(|(number, route)| message(route, number)).collect();
    bus.publish(messages).await.unwrap();
    let mut subscription = bus.subscribe(&queues[1], 1).await.unwrap();
    let received = subscription.receive(1).await.unwrap();
    subscription.acknowledge(&[received[0].receipt]).await.unwrap();
}

fn message(route: Route, number: usize) -> Message {
    Message { route, id: number.to_string(), content_type: "application/cloudevents+json", body: b"{}".to_vec() }
}

#[test]
fn the_definitions_are_what_the_bus_needs() {
    let Some((broker, url)) = prepared() else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(use_everything(&url));
    let definitions = definitions();
    let policy = &definitions["policies"][0];
    let queues = listing(&broker, &["list_queues", "name", "policy", "arguments"]);
    let (mut covered, mut free) = (0, Vec::new());
    for queue in &queues {
        assert_eq!(argument(&queue["arguments"], "x-queue-type"), "quorum", "{queue:?}");
        if queue["policy"] != policy["name"] {
            free.push(queue["name"].clone());
            continue;
        }
        covered += 1;
        for (key, value) in policy["definition"].as_object().unwrap() {
            let declared = argument(&queue["arguments"], &format!("x-{key}"));
            assert_eq!(declared, *value, "x-{key} of {}", queue["name"]);
        }
    }
    assert_eq!(covered, 2, "{queues:?}");
    let named = |list: &Value| list.as_array().unwrap().iter().map(|item| item["name"].clone()).collect::<Vec<_>>();
    assert_eq!(free, named(&definitions["queues"]));
    let exchanges = listing(&broker, &["list_exchanges", "name", "type"]);
    let mut ours: Vec<&Value> = exchanges.iter().map(|exchange| &exchange["name"]).collect();
    ours.retain(|name| name.as_str().is_some_and(|name| name.starts_with("passerelle")));
    ours.sort_by_key(|name| name.as_str());
    let mut defined = named(&definitions["exchanges"]);
    defined.sort_by_key(|name| name.as_str().map(str::to_owned));
    assert_eq!(ours, defined.iter().collect::<Vec<_>>());
}

#[test]
fn nobody_has_a_password_until_somebody_sets_one() {
    for user in definitions()["users"].as_array().unwrap() {
        assert_eq!(user["password_hash"], "", "{user}");
        assert_eq!(user["tags"].as_array().map(Vec::len), Some(0), "{user} may administer the broker");
    }
}

#[test]
fn the_guard_against_crash_loops_is_high_and_the_largest_message_fits() {
    let options = RabbitMqOptions::default();
    let limit = &definitions()["policies"][0]["definition"]["delivery-limit"];
    // The broker takes the smaller of both.
    assert_eq!(limit.as_u64(), Some(options.delivery_count_max.into()));
    let configured = text("rabbitmq/rabbitmq.conf");
    let largest = configured.lines().find_map(|line| line.strip_prefix("max_message_size = ")).unwrap();
    assert!(largest.parse::<usize>().unwrap() >= options.message_bytes_max, "{largest}");
}
