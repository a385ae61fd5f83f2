//! A record whose event no message of the bus holds.

use bus::embedded::EmbeddedOptions;
use canonical::entity::Entity;
use passerelle_tests::scripted::records::{CUSTOMER, customer};
use passerelle_tests::scripted::world::{Feed, Part, World};
use store::RecordOutcome;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_too_large_is_rejected_with_its_bytes_and_what_is_behind_it_goes_on() {
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER));
    let mut world = World::new(vec![erp, Part::new("crm").takes(Entity::Customer, CUSTOMER)]);
    world.bus = EmbeddedOptions { message_bytes_max: 4_000, ..EmbeddedOptions::default() };
    let hub = world.start().await;
    let large = customer("C2", &"N".repeat(4_000), "Lyon");
    let rows = vec![customer("C1", "Dupont", "Lyon"), large.clone(), customer("C3", "Durand", "Lyon")];
    world.show("erp", "customers", rows);
    world.show("erp", "customers", vec![customer("C4", "Martin", "Lyon")]);
    hub.settle().await;

    let mut names = world.on("crm", |script| script.told(&Entity::Customer, "name"));
    names.sort();
    assert_eq!(names, ["Dupont", "Durand", "Martin"]);
    let outcomes = hub.accounting("erp").await;
    let ended = [RecordOutcome::Created, RecordOutcome::Rejected].map(|outcome| outcomes.get(outcome));
    assert_eq!((outcomes.read, ended, outcomes.in_flight), (4, [3, 1], 0));
    let rejects = hub.store.rejects(&store::Filter::default()).await.unwrap();
    let [reject] = &rejects[..] else { panic!("{rejects:?}") };
    assert_eq!((reject.code.as_str(), reject.key.as_deref(), reject.line), ("collect.too-large", Some("C2"), Some(2)));
    assert!(
        reject.reason.starts_with("too large") && reject.reason.contains("bus.message_bytes_max"),
        "{}",
        reject.reason
    );
    assert_eq!(reject.raw, large.to_string().into_bytes());
    // Nothing waits for it: the stream is at its end.
    let fault = hub.store.streams(&store::Filter::default()).await.unwrap().remove(0).fault;
    assert_eq!(fault, None);
    hub.stop().await;
}
