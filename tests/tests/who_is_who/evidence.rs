//! What records show decides, whoever comes first.

use canonical::entity::{Entity, Operation};
use passerelle_tests::scripted::records::{INVOICE, invoice};
use passerelle_tests::scripted::world::{Feed, Part, World, document};
use serde_json::json;
use store::{JudgementKind, TaskClosing};

use crate::support::{CUSTOMER, company, customers, doubts, judge, master_of, shown, state, undo};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_without_a_number_in_common_are_one_by_what_they_show() {
    let world = company();
    let hub = world.start().await;
    world.show("erp", "customers", vec![shown("C1", "Garage Hamon SARL", "04 72 11 22 33", "12 rue Foch")]);
    hub.settle().await;
    world.show("crm", "customers", vec![shown("7", "GARAGE HAMON", "+33472112233", "12, r. Foch")]);
    hub.settle().await;
    assert_eq!(customers(&hub).await.len(), 1);
    assert_eq!(master_of(&hub, "crm", "7").await, master_of(&hub, "erp", "C1").await);
    assert_eq!(world.on("shop", |script| script.held.len()), 1);
    assert_eq!(doubts(&hub).await, []);
    hub.stop().await;
}

/// The bridge arrives last: two masters that are known to every system turn out to be one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_arrives_later_makes_two_masters_one_and_documents_follow() {
    let world = company();
    let hub = world.start().await;
    let iban = "contact@hamon-garage.fr";
    world.show(
        "erp",
        "customers",
        vec![
            shown("C1", "Garage Hamon", "0472112233", "12 rue Foch"),
            json!({"id": "C2", "name": "Hamon SARL", "mail": iban, "siren": "552100554"}),
        ],
    );
    world.show("erp", "invoices", vec![invoice("F1", "C1", "10.00"), invoice("F2", "C2", "20.00")]);
    hub.settle().await;
    let (one, two) = (master_of(&hub, "erp", "C1").await, master_of(&hub, "erp", "C2").await);
    assert_ne!(one, two);
    let bridge = json!({"id": "7", "name": "Garage Hamon", "phone": "0472112233", "street": "12 rue Foch",
        "postcode": "69003", "city": "Lyon", "mail": iban, "siren": "552100554"});
    world.show("crm", "customers", vec![bridge]);
    hub.settle().await;
    assert_eq!(customers(&hub).await.len(), 1);
    let stays = master_of(&hub, "crm", "7").await;
    assert_eq!([master_of(&hub, "erp", "C1").await, master_of(&hub, "erp", "C2").await], [stays; 2]);
    let gone = if stays == one { two } else { one };
    let masters = hub.masters(Entity::Customer).await;
    let lost = masters.iter().find(|master| master.master_id == gone).unwrap();
    assert_eq!(lost.state, Operation::Redirect);
    for number in ["F1", "F2"] {
        let invoice = hub.master(Entity::Invoice, "number", number).await;
        assert_eq!((invoice.root, &document(&invoice)["customer"]["master_id"]), (stays, &json!(stays.to_string())));
    }
    // What the hub did by itself is told, and can be decided otherwise.
    let told = hub.store.judgements("acme", &[stays], 10).await.unwrap();
    assert_eq!(told.iter().map(|one| (one.kind, one.by.clone())).collect::<Vec<_>>(), [(JudgementKind::Merge, None)]);
    judge(&hub, undo(told[0].number)).await.unwrap();
    assert_eq!([master_of(&hub, "erp", "C1").await, master_of(&hub, "erp", "C2").await], [one, two]);
    for (number, customer) in [("F1", one), ("F2", two)] {
        assert_eq!(hub.master(Entity::Invoice, "number", number).await.root, customer, "{number}");
    }
    // It does not come back by itself.
    world.show(
        "crm",
        "customers",
        vec![json!({"id": "7", "name": "Garage Hamon", "phone": "0472112233",
        "street": "12 rue Foch", "postcode": "69003", "city": "Lyon", "mail": iban, "siren": "552100554", "extra": 1})],
    );
    hub.settle().await;
    assert_eq!(customers(&hub).await.len(), 2);
    assert_eq!(doubts(&hub).await, []);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doubt_is_asked_once_and_ends_with_the_decision_or_when_it_is_none_any_more() {
    let world = company();
    let hub = world.start().await;
    // A name alone makes nobody one.
    world.show(
        "erp",
        "customers",
        vec![json!({"id": "C1", "name": "Garage Hamon"}), json!({"id": "C2", "name": "Pottier"})],
    );
    hub.settle().await;
    world.show(
        "crm",
        "customers",
        vec![json!({"id": "7", "name": "Garage Hamon"}), json!({"id": "8", "name": "Pottier"})],
    );
    hub.settle().await;
    let asked = doubts(&hub).await;
    assert_eq!(asked.len(), 2, "{asked:?}");
    world.show("crm", "customers", vec![json!({"id": "7", "name": "Garage  Hamon"})]);
    hub.settle().await;
    assert_eq!(doubts(&hub).await, asked, "nothing new to ask");
    let hamon = master_of(&hub, "erp", "C1").await;
    let (task, ..) = *asked.iter().find(|(_, one, other)| [*one, *other].contains(&hamon)).unwrap();
    let closing = TaskClosing {
        decision: store::Decision::Same,
        reason: "one shop sign".to_owned(),
        by: "anna".to_owned(),
        at: jiff::Timestamp::now(),
    };
    let command = store::Command::CloseTasks {
        tenant: None,
        numbers: vec![task],
        decision: closing.decision,
        reason: closing.reason,
        by: closing.by,
    };
    let answer = hub.command(command).await.unwrap();
    assert!(answer.contains(&format!("[{task}]")), "{answer}");
    hub.quiet().await;
    assert_eq!(master_of(&hub, "crm", "7").await, hamon);
    assert_eq!(doubts(&hub).await.len(), 1);
    // The others turn out to be two.
    world.show("crm", "customers", vec![json!({"id": "8", "name": "Pottier", "siren": "552100554"})]);
    world.show("erp", "customers", vec![json!({"id": "C2", "name": "Pottier", "siren": "732829320"})]);
    hub.settle().await;
    assert_eq!(doubts(&hub).await, []);
    hub.stop().await;
}

/// A record that its system repeats after a delivery stays with its master, however little of it the system shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_delivery_made_stays_with_its_master() {
    let world = company();
    let hub = world.start().await;
    let iban = "contact@hamon-garage.fr";
    let full = json!({"id": "C1", "name": "Garage Hamon", "mail": iban, "siren": "552100554"});
    world.show("erp", "customers", vec![full]);
    hub.settle().await;
    let master = master_of(&hub, "erp", "C1").await;
    let ((_, key), _) = world.on("crm", |script| script.held.clone()).pop_first().unwrap();
    world.show("crm", "customers", vec![json!({"id": key, "name": "GAR. H."})]);
    hub.settle().await;
    assert_eq!(customers(&hub).await, [master].into());
    let before = state(&world, &hub).await;
    hub.settle().await;
    assert_eq!(state(&world, &hub).await, before);
    hub.stop().await;
}

/// One batch shows a customer that a delivery made, and something that nobody knows: both need a number, and not the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_masters_ever_have_one_id() {
    let crm = Part::new("crm").shows(Feed::new("all", CUSTOMER)).shows(Feed::new("invoices", INVOICE));
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER));
    let world = World::new(vec![erp, crm.takes(Entity::Customer, CUSTOMER)]);
    let hub = world.start().await;
    world.show("erp", "customers", vec![shown("C1", "Garage Hamon", "0472112233", "12 rue Foch")]);
    hub.settle().await;
    let ((_, key), mut record) = world.on("crm", |script| script.held.clone()).pop_first().unwrap();
    record["id"] = json!(key);
    world.show("crm", "all", vec![record]);
    world.show("crm", "invoices", vec![invoice("F1", &key, "10.00")]);
    hub.settle().await;
    world.show("erp", "customers", vec![shown("C2", "Transports Pottier", "0388776655", "4 quai Kléber")]);
    hub.settle().await;
    let mut ids: Vec<_> = hub.masters(Entity::Customer).await.into_iter().map(|master| master.master_id).collect();
    ids.extend(hub.masters(Entity::Invoice).await.into_iter().map(|master| master.master_id));
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!((ids.len(), count), (3, 3), "{ids:?}");
    hub.stop().await;
}

/// A system that was fed a customer shows nothing of him by which he could be told, and that stops nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_shows_nothing_of_itself_stops_nobody() {
    const STATUS: &str =
        "entity = \"customer\"\nformat = \"json\"\nkey = \"id\"\n\n[fields]\nlanguage = \"language\"\n";
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER));
    let crm = Part::new("crm").shows(Feed::new("languages", STATUS)).takes(Entity::Customer, CUSTOMER);
    let world = World::new(vec![erp, crm]);
    let hub = world.start().await;
    world.show("erp", "customers", vec![shown("C1", "Garage Hamon", "0472112233", "12 rue Foch")]);
    hub.settle().await;
    let ((_, key), _) = world.on("crm", |script| script.held.clone()).pop_first().unwrap();
    world.show("crm", "languages", vec![json!({"id": key, "language": "fr"})]);
    hub.settle().await;
    world.show("erp", "customers", vec![shown("C1", "Garage Hamon", "0472112234", "12 rue Foch")]);
    hub.settle().await;
    assert_eq!(customers(&hub).await.len(), 1);
    let golden = hub.master(Entity::Customer, "legal_name", "Garage Hamon").await;
    assert_eq!(document(&golden)["language"], "fr");
    hub.stop().await;
}
