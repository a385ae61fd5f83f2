//! What is lost of a system that shows no drop a second time, and of removals.

use std::sync::Arc;

use bus::embedded::{EmbeddedBus, EmbeddedOptions};
use canonical::entity::Entity;
use hub::{Hub, Missing, Mode, Role};
use passerelle_tests::house::{CsvFeed, CsvSystem, House, accounting};
use passerelle_tests::mappings::{CUSTOMER_CSV, CUSTOMER_CSV_HEADER};
use passerelle_tests::scripted::records::{CUSTOMER, customer};
use passerelle_tests::scripted::world::{Feed, Part, World};
use store::{Export, RecordOutcome};

fn told(world: &World) -> Vec<String> {
    world.on("crm", |script| script.told(&Entity::Customer, "name"))
}

/// Reads, and loses what was read.
async fn read_and_lose(world: &World) {
    let reading = world.start_as(Mode::OnDemand, &[Role::Collect]).await;
    reading.collect().await;
    reading.stop().await;
    world.lose_bus();
    let refused = world.refusal().await;
    assert!(refused.contains("passerelle bus rebuild"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_can_only_be_read_as_a_whole_is_read_from_the_beginning() {
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER));
    let world = World::new(vec![erp, Part::new("crm").takes(Entity::Customer, CUSTOMER)]);
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    let hub = world.start().await;
    hub.settle().await;
    hub.stop().await;
    world.show("erp", "customers", vec![customer("C2", "Durand", "Brest"), customer("C3", "Petit", "Metz")]);
    read_and_lose(&world).await;
    let rebuilt = world.rebuild().await;
    assert_eq!(rebuilt.drops.iter().map(|lost| lost.in_flight).collect::<Vec<_>>(), [2]);

    let hub = world.start().await;
    hub.settle().await;
    assert_eq!(told(&world), ["Dupont", "Durand", "Petit"]);
    let outcomes = hub.accounting("erp").await;
    assert_eq!((outcomes.in_flight, outcomes.get(RecordOutcome::Created)), (0, 3), "{outcomes:?}");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_was_lost_is_published_again() {
    let customers =
        CsvFeed { name: "customers", mapping: CUSTOMER_CSV, export: Export::Full, missing: Missing::Remove };
    let erp = CsvSystem { name: "erp", streams: vec![customers], subscriptions: vec![] };
    let crm = CsvSystem { name: "crm", streams: vec![], subscriptions: vec![(Entity::Customer, CUSTOMER_CSV)] };
    let house = House::new(vec![erp, crm], &["erp"]);
    let rows =
        ["C1,Dupont,,c1@exemple.fr,Lyon\n", "C2,Durand,,c2@exemple.fr,Brest\n", "C3,Petit,,c3@exemple.fr,Metz\n"];
    house.drop_file("erp", "customers1.csv", &format!("{CUSTOMER_CSV_HEADER}{}", rows.concat()));
    drop(house.settle().await);
    house.drop_file("erp", "customers2.csv", &format!("{CUSTOMER_CSV_HEADER}{}", rows[1..].concat()));
    let bus = || Arc::new(EmbeddedBus::open(house.path().join("bus"), EmbeddedOptions::default()).unwrap());
    let (store, old) = (house.store().await, bus());
    let reader =
        Hub::start(house.settings(), store.clone(), old.clone(), Mode::OnDemand, &[Role::Collect]).await.unwrap();
    reader.collect(&reader.streams("erp", None)[0], false, None).await.unwrap();
    reader.stop().await;
    old.close().await.unwrap();
    std::fs::remove_dir_all(house.path().join("bus")).unwrap();
    let new = bus();
    let rebuilt = hub::rebuild(&house.settings(), &*store, &*new).await.unwrap();
    assert_eq!(rebuilt.drops.iter().map(|lost| lost.in_flight).collect::<Vec<_>>(), [1]);
    new.close().await.unwrap();
    drop(store);

    let store = house.settle().await;
    let outcomes = accounting(&*store, "erp").await;
    assert_eq!((outcomes.in_flight, outcomes.get(RecordOutcome::Removed)), (0, 1), "{outcomes:?}");
}
