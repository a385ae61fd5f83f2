//! A delivery queue that is full, and a change that is larger than a message.

use std::collections::BTreeSet;

use bus::embedded::EmbeddedOptions;
use canonical::entity::Entity;
use passerelle_tests::scripted::Answer;
use passerelle_tests::scripted::records::{CUSTOMER, customer};
use passerelle_tests::scripted::world::{Feed, Part, Running, TENANT, World};
use serde_json::{Value, json};

const COUNT: usize = 12;

fn world(bus: EmbeddedOptions) -> World {
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER));
    let takers = ["crm", "shop"].map(|name| Part::new(name).takes(Entity::Customer, CUSTOMER));
    let mut world = World::new([vec![erp], takers.into()].concat());
    world.limits.relay_changes_max = 5;
    world.bus = bus;
    world
}

fn show(world: &World, city: &str) {
    let rows = (0..COUNT).map(|number| customer(&format!("C{number}"), &format!("Company {number}"), city));
    world.show("erp", "customers", rows.collect());
}

/// The cities that a system holds.
fn cities(world: &World, system: &str) -> Vec<String> {
    let city = |record: &Value| record["city"].as_str().unwrap().to_owned();
    world.on(system, |script| script.held.values().map(city).collect())
}

async fn is_everywhere(hub: &Running<'_>, world: &World, system: &str, city: &str) {
    hub.until(&format!("{city} in {system}"), async || {
        let cities = cities(world, system);
        cities.len() == COUNT && cities.iter().all(|held| held == city)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_stops_its_own_system_only_and_nothing_is_lost_with_it() {
    let world = world(EmbeddedOptions { queue_bytes_max: 1, ..EmbeddedOptions::default() });
    let hub = world.start().await;
    world.on("crm", |script| script.always(Answer::Down));
    for city in ["Lyon", "Nantes", "Nice"] {
        show(&world, city);
        hub.collect().await;
        is_everywhere(&hub, &world, "shop", city).await;
    }
    let backlog = hub.store.backlog(TENANT, "crm", usize::MAX).await.unwrap();
    let masters: BTreeSet<_> = backlog.iter().map(|row| row.change.master.master_id).collect();
    assert!(masters.len() >= COUNT - 5 && masters.len() == backlog.len(), "{} rows", backlog.len());
    assert!(hub.hub.pending().await.unwrap().deliveries >= masters.len() as u64);
    assert!(hub.parked().await.is_empty());
    hub.stop().await;

    let hub = world.start().await;
    show(&world, "Paris");
    hub.collect().await;
    is_everywhere(&hub, &world, "shop", "Paris").await;
    world.on("crm", |script| script.always(Answer::Apply));
    hub.quiet().await;
    is_everywhere(&hub, &world, "crm", "Paris").await;
    assert_eq!(hub.store.backlog_count(TENANT, "crm").await.unwrap(), 0);
    // Once the backlog is gone, changes go straight to the queue again.
    show(&world, "Brest");
    hub.settle().await;
    is_everywhere(&hub, &world, "crm", "Brest").await;
    assert!(hub.parked().await.is_empty());
    hub.stop().await;
}

const NAMED: &str = r#"
entity = "customer"
format = "json"
key = "id"

[fields]
legal_name = "name"
identifiers.siren = "siren"
"#;

const PLACED: &str = r#"
entity = "customer"
format = "json"
key = "id"

[fields]
legal_name = "name"
identifiers.siren = "siren"
addresses.main.city = "city"
"#;

/// What each source shows fits into a message; what they come to together does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_no_message_holds_is_delivered_and_stops_nothing() {
    let sources =
        [("erp", NAMED), ("post", PLACED)].map(|(name, mapping)| Part::new(name).shows(Feed::new("all", mapping)));
    let mut world = World::new([sources.into(), vec![Part::new("crm").takes(Entity::Customer, CUSTOMER)]].concat());
    world.bus = EmbeddedOptions { message_bytes_max: 4_500, ..EmbeddedOptions::default() };
    let hub = world.start().await;
    let long = |letter: &str| letter.repeat(3_000);
    world.show("erp", "all", vec![json!({"id": "1", "name": long("N"), "siren": "552100554"})]);
    hub.settle().await;
    world.show("post", "all", vec![json!({"id": "2", "name": "N", "siren": "552100554", "city": long("C")})]);
    world.show("erp", "all", vec![json!({"id": "3", "name": "Dupont", "siren": "732829320"})]);
    hub.settle().await;
    let mut held: Vec<Value> = world.on("crm", |script| script.held.values().cloned().collect());
    held.sort_by_key(|record| record["siren"].as_str().map(str::to_owned));
    assert_eq!((&held[0]["name"], &held[0]["city"]), (&json!(long("N")), &json!(long("C"))));
    assert_eq!((held.len(), &held[1]["name"]), (2, &json!("Dupont")));
    assert!(hub.parked().await.is_empty());
    hub.stop().await;
}
