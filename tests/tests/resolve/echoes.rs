//! Systems that are read and written: what they show may be what they were just told.

use canonical::entity::Entity;
use passerelle_tests::scripted::Answer;
use passerelle_tests::scripted::records::{CUSTOMER, company, customer};
use passerelle_tests::scripted::world::{Feed, Part, World, document};
use serde_json::{Value, json};

fn world() -> World {
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER));
    let shown = Feed { is_file: false, ..Feed::new("customers", CUSTOMER) };
    World::new(vec![erp, Part::new("crm").shows(shown).takes(Entity::Customer, CUSTOMER).assigning_keys()])
}

/// What the CRM holds.
fn held(world: &World) -> Vec<Value> {
    world.on("crm", |script| script.held.values().cloned().collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_read_before_the_call_ends_is_an_echo_and_no_second_customer() {
    for row in [customer("C1", "Dupont", "Lyon"), company("C1", "Dupont", "552100554")] {
        let world = world();
        let hub = world.start().await;
        world.on("crm", |script| script.next(&[Answer::Hang { applied: true }]));
        world.show("erp", "customers", vec![row.clone()]);
        hub.collect().await;
        hub.until("the call", async || !world.on("crm", |script| script.effects.is_empty())).await;
        world.show("crm", "customers", held(&world));
        hub.collect().await;
        hub.until("it is resolved", async || hub.hub.pending().await.unwrap().observed == 0).await;
        hub.crash();
        let hub = world.start().await;
        hub.settle().await;
        let masters = hub.masters(Entity::Customer).await;
        assert_eq!(masters.len(), 1, "{row}");
        assert_eq!(hub.crosswalk(&masters[0], "crm").await.len(), 1);
        let sent = world.on("crm", |script| script.sent.clone());
        assert_eq!(sent.len(), 1, "{row} {sent:?} {:?}", world.on("crm", |script| script.effects.clone()));
        // The owner changes it; the echo has nothing to say against that.
        let mut moved = row.clone();
        moved["name"] = json!("Dupont et fils");
        world.show("erp", "customers", vec![moved]);
        hub.settle().await;
        world.show("crm", "customers", held(&world));
        hub.settle().await;
        assert_eq!(document(&hub.masters(Entity::Customer).await[0])["legal_name"], "Dupont et fils");
        assert_eq!(held(&world)[0]["name"], "Dupont et fils");
        hub.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_types_during_a_call_is_not_taken_for_what_was_delivered() {
    let world = world();
    let hub = world.start().await;
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.settle().await;
    world.show("crm", "customers", held(&world));
    hub.settle().await;
    // The CRM takes the next version, somebody types another name at once, and the CRM is read before the call ends.
    world.on("crm", |script| script.next(&[Answer::Hang { applied: true }]));
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Nice")]);
    hub.collect().await;
    hub.until("the call", async || world.on("crm", |script| script.effects.len()) == 2).await;
    world.on("crm", |script| {
        for record in script.held.values_mut() {
            record["name"] = json!("Dupond");
        }
    });
    world.show("crm", "customers", held(&world));
    hub.collect().await;
    hub.until("it is resolved", async || hub.hub.pending().await.unwrap().observed == 0).await;
    hub.crash();
    let hub = world.start().await;
    hub.settle().await;
    // The ERP is trusted, so the CRM is corrected.
    assert_eq!(held(&world)[0]["name"], "Dupont");
    assert_eq!(held(&world)[0]["city"], "Nice");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_is_older_than_the_last_delivery_undoes_nothing() {
    // What the CRM says itself would win: it is trusted most.
    let exports = Feed { is_file: false, ..Feed::new("customers", CUSTOMER) };
    let crm = Part::new("crm").shows(exports).takes(Entity::Customer, CUSTOMER);
    let world = World::new(vec![crm.assigning_keys(), Part::new("erp").shows(Feed::new("customers", CUSTOMER))]);
    let hub = world.start().await;
    let mut exported = Vec::new();
    for name in ["Dupont", "Dupont SA", "Dupont et fils"] {
        world.show("erp", "customers", vec![customer("C1", name, "Lyon")]);
        hub.settle().await;
        exported.push(held(&world));
    }
    // Written before the second delivery, and before the third one, and picked up only now.
    for old in [0, 1] {
        world.show("crm", "customers", exported[old].clone());
        hub.settle().await;
        assert_eq!(document(&hub.masters(Entity::Customer).await[0])["legal_name"], "Dupont et fils", "export {old}");
        assert_eq!(held(&world)[0]["name"], "Dupont et fils");
    }
    // The CRM shows what it was told last; then going back is somebody's doing.
    world.show("crm", "customers", exported[2].clone());
    hub.settle().await;
    world.show("crm", "customers", exported[1].clone());
    hub.settle().await;
    assert_eq!(document(&hub.masters(Entity::Customer).await[0])["legal_name"], "Dupont SA");
    hub.stop().await;
}
