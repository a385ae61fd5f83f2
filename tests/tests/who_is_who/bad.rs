//! What the customer master is protected from: a key that is given to another customer, systems that answer each other for
//! ever, enormous values, values that everybody has, names in any alphabet.

use std::collections::BTreeSet;

use canonical::entity::{Entity, Operation};
use master::MasterId;
use master::matching::{BlockingKey, Evidence, Posting, blocking_keys};
use passerelle_tests::directory::command;
use passerelle_tests::scripted::records::invoice;
use passerelle_tests::scripted::world::{Running, TENANT, World, document};
use serde_json::{Value, json};
use store::{Command, Decision, Filter, JudgementKind, TaskFilter, TaskStatus};

use crate::support::{CUSTOMER, company, customers, judge, master_of, merge, shown, state};

/// The questions that are open, or those that somebody answered.
async fn questions(hub: &Running<'_>, is_closed: bool) -> Vec<TaskStatus> {
    let filter = TaskFilter { is_closed, count_max: 1_000, ..TaskFilter::default() };
    hub.store.tasks(&filter).await.unwrap()
}

/// What a system holds of customers in one field.
fn held(world: &World, system: &str, field: &str) -> BTreeSet<String> {
    let of = |script: &mut passerelle_tests::scripted::Script| {
        let customers = script.held.iter().filter(|((entity, _), _)| *entity == Entity::Customer);
        customers.map(|(_, record)| record[field].as_str().unwrap_or_default().to_owned()).collect()
    };
    world.on(system, of)
}

/// The codes of what is parked, in order.
async fn parked(hub: &Running<'_>) -> Vec<String> {
    hub.parked().await.into_iter().map(|parked| parked.code).collect()
}

async fn decide(hub: &Running<'_>, task: u64, decision: Decision) {
    let (reason, by) = ("she called them".to_owned(), "anna".to_owned());
    let command = Command::CloseTasks { tenant: None, numbers: vec![task], decision, reason, by };
    let answer = hub.command(command).await.unwrap();
    assert!(answer.contains(&format!("\"closed\":[{task}]")), "{answer}");
    hub.quiet().await;
}

fn hamon() -> Value {
    shown("C1", "Garage Hamon", "0472112233", "12 rue Foch")
}

/// Another company, under a key that was the garage's.
fn pottier(phone: &str) -> Value {
    json!({"id": "C1", "name": "Transports Pottier", "phone": phone, "street": "4 quai Kléber", "postcode": "67000",
        "city": "Strasbourg"})
}

/// A hub that knows the garage, and is shown two states of another company under its key. Nobody was told anything of it.
async fn asked(world: &World) -> (Running<'_>, MasterId) {
    let hub = world.start().await;
    world.show("erp", "customers", vec![hamon(), shown("C2", "Boulangerie Weiss", "0140205317", "77 avenue Mozart")]);
    world.show("erp", "invoices", vec![invoice("F1", "C1", "10.00")]);
    hub.settle().await;
    let former = master_of(&hub, "erp", "C1").await;
    let before = state(world, &hub).await;
    let sent = world.on("shop", |script| script.sent.len());
    world.show("erp", "customers", vec![pottier("0388776655")]);
    hub.settle().await;
    world.show("erp", "customers", vec![pottier("0388776656")]);
    hub.settle().await;
    assert_eq!(parked(&hub).await, ["match.key-reused", "resolve.behind"]);
    let open = questions(&hub, false).await;
    let [task] = &open[..] else { panic!("{open:?}") };
    assert_eq!((task.code.as_str(), task.master_id, &*task.system), ("match.key-reused", Some(former), "erp"));
    assert!(task.question.contains("erp/C1") && !task.question.contains("Pottier"), "{}", task.question);
    assert_eq!(state(world, &hub).await, before, "nothing was taken in");
    assert_eq!(world.on("shop", |script| script.sent.len()), sent, "nothing was delivered");
    // An operator who lets it go without an answer is asked once more.
    let number = hub.parked().await[0].number;
    hub.command(Command::RetryParked { number }).await.unwrap();
    hub.stop().await;
    let hub = world.start().await;
    hub.settle().await;
    assert_eq!(parked(&hub).await, ["match.key-reused", "resolve.behind"]);
    assert_eq!(questions(&hub, false).await.len(), 1);
    assert_eq!(state(world, &hub).await, before, "nor after a restart");
    // Nobody knows whose document it is.
    world.show("erp", "invoices", vec![invoice("F3", "C1", "30.00")]);
    hub.settle().await;
    assert_eq!(waiting(&hub).await, ["F3"]);
    hub.stop().await;
    let hub = world.start().await;
    hub.settle().await;
    assert_eq!(waiting(&hub).await, ["F3"], "nor after a restart");
    // Nor when it is let go and asked about once more.
    let number = hub.parked().await[0].number;
    hub.command(Command::RetryParked { number }).await.unwrap();
    assert_eq!(waiting(&hub).await, ["F3"], "nor after it was tried again");
    (hub, former)
}

/// The keys of the documents that wait.
async fn waiting(hub: &Running<'_>) -> Vec<String> {
    let waiting = hub.store.waiting(&Filter { count_max: 100, ..Filter::default() }).await.unwrap();
    waiting.into_iter().map(|one| one.key).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_another_customers_now_begins_another_customer() {
    let world = company();
    let (hub, former) = asked(&world).await;
    decide(&hub, questions(&hub, false).await[0].number, Decision::NotTheSame).await;
    assert_eq!((parked(&hub).await, questions(&hub, false).await.len()), (vec![], 0));
    let answered = questions(&hub, true).await;
    assert_eq!(answered[0].closed.as_ref().map(|closing| closing.decision), Some(Decision::NotTheSame));
    let now = master_of(&hub, "erp", "C1").await;
    assert!(now != former && customers(&hub).await.contains(&now) && !customers(&hub).await.contains(&former));
    let told = hub.store.judgements(TENANT, &[former], 10).await.unwrap();
    assert_eq!(
        told.iter().map(|one| (one.kind, one.by.as_deref())).collect::<Vec<_>>(),
        [(JudgementKind::Unlink, Some("anna"))]
    );
    // What the record showed before stays with the former customer, under a name that no system gives.
    let keys = async |id| {
        let records = hub.store.match_records_of(TENANT, &[id]).await.unwrap();
        records.into_iter().map(|record| record.local.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(now).await, ["C1"]);
    assert!(keys(former).await.iter().all(|key| key.starts_with("C1 (former, ")), "{:?}", keys(former).await);
    // Later states follow, and the former customer leaves the systems that were fed it.
    for system in ["shop", "crm"] {
        let phones = held(&world, system, "phone");
        assert_eq!(phones, ["0140205317", "0388776656"].map(str::to_owned).into(), "{system}");
    }
    assert_eq!(hub.master(Entity::Invoice, "number", "F3").await.root, now);
    assert_eq!(waiting(&hub).await, [""; 0]);
    // What the key named stays with the former customer until it is shown again.
    assert_eq!(hub.master(Entity::Invoice, "number", "F1").await.root, former);
    world.show("erp", "invoices", vec![invoice("F1", "C1", "11.00"), invoice("F2", "C1", "20.00")]);
    hub.settle().await;
    for number in ["F1", "F2"] {
        assert_eq!(hub.master(Entity::Invoice, "number", number).await.root, now, "{number}");
    }
    // Whoever shows the former customer finds it under its own id.
    world.show("crm", "customers", vec![shown("77", "GARAGE HAMON", "+33472112233", "12, r. Foch")]);
    hub.settle().await;
    assert_eq!(master_of(&hub, "crm", "77").await, former);
    assert!(customers(&hub).await.contains(&former));
    assert_eq!((parked(&hub).await.len(), questions(&hub, false).await.len()), (0, 0));
    hub.accounting("erp").await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_the_same_customers_all_the_same_takes_it_in() {
    let world = company();
    let (hub, former) = asked(&world).await;
    decide(&hub, questions(&hub, false).await[0].number, Decision::Same).await;
    assert_eq!((parked(&hub).await, questions(&hub, false).await.len()), (vec![], 0));
    assert_eq!(master_of(&hub, "erp", "C1").await, former);
    assert_eq!(hub.master(Entity::Invoice, "number", "F3").await.root, former);
    let names = held(&world, "shop", "name");
    assert_eq!(names, ["Boulangerie Weiss", "Transports Pottier"].map(str::to_owned).into());
    let told = hub.store.judgements(TENANT, &[former], 10).await.unwrap();
    assert_eq!(told[0].kind, JudgementKind::Link);
    // What it showed before stays evidence: nobody asks when it is shown again.
    world.show("erp", "customers", vec![hamon()]);
    hub.settle().await;
    world.show("erp", "customers", vec![pottier("0388776655")]);
    hub.settle().await;
    assert_eq!((parked(&hub).await, questions(&hub, false).await.len()), (vec![], 0));
    hub.accounting("erp").await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_is_discarded_is_asked_about_no_more() {
    let world = company();
    let (hub, former) = asked(&world).await;
    while let Some(first) = hub.parked().await.first() {
        assert_eq!(waiting(&hub).await, ["F3"]);
        hub.command(Command::DiscardParked { number: first.number }).await.unwrap();
    }
    hub.quiet().await;
    assert_eq!((questions(&hub, false).await.len(), waiting(&hub).await.len()), (0, 0));
    assert_eq!(master_of(&hub, "erp", "C1").await, former);
    assert_eq!(hub.master(Entity::Invoice, "number", "F3").await.root, former);
    hub.accounting("erp").await;
    hub.stop().await;
}

/// Whatever becomes of the customer meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_wait_also_when_the_customer_is_one_with_another_by_then() {
    let world = company();
    let (hub, former) = asked(&world).await;
    let other = master_of(&hub, "erp", "C2").await;
    judge(&hub, merge(other, former)).await.unwrap();
    world.show("erp", "invoices", vec![invoice("F4", "C1", "40.00")]);
    hub.settle().await;
    assert_eq!(waiting(&hub).await, ["F3", "F4"]);
    decide(&hub, questions(&hub, false).await[0].number, Decision::NotTheSame).await;
    let now = master_of(&hub, "erp", "C1").await;
    assert!(now != former && now != other);
    for number in ["F3", "F4"] {
        assert_eq!(hub.master(Entity::Invoice, "number", number).await.root, now, "{number}");
    }
    assert_eq!(waiting(&hub).await, [""; 0]);
    hub.accounting("erp").await;
    hub.stop().await;
}

/// The former customer stays where somebody else shows it; the new one is who it resembles.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_can_go_to_a_customer_who_is_known_already() {
    let world = company();
    let hub = world.start().await;
    world.show("erp", "customers", vec![hamon()]);
    let pottier_there = json!({"id": "P", "name": "TRANSPORTS POTTIER", "phone": "03 88 77 66 55", "street": "4 quai Kleber",
        "postcode": "67000", "city": "Strasbourg"});
    world.show("crm", "customers", vec![shown("H", "Garage Hamon", "0472112233", "12 rue Foch"), pottier_there]);
    hub.settle().await;
    let (former, other) = (master_of(&hub, "crm", "H").await, master_of(&hub, "crm", "P").await);
    assert_eq!(master_of(&hub, "erp", "C1").await, former);
    world.show("erp", "customers", vec![pottier("0388776655")]);
    hub.settle().await;
    decide(&hub, questions(&hub, false).await[0].number, Decision::NotTheSame).await;
    assert_eq!(master_of(&hub, "erp", "C1").await, other);
    assert_eq!(customers(&hub).await, BTreeSet::from([former, other]));
    assert_eq!(
        document(&hub.master(Entity::Customer, "legal_name", "Garage Hamon").await)["phones"][0]["value"],
        "0472112233"
    );
    hub.stop().await;
}

/// A CRM repeats what it was given in its own short form, which has nothing in common with what it showed before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_asks_about_what_a_system_makes_of_a_delivery() {
    let world = company();
    let hub = world.start().await;
    let with_siren = |mut row: Value| {
        row["siren"] = json!("552100554");
        row
    };
    world.show("erp", "customers", vec![with_siren(hamon())]);
    hub.settle().await;
    let ((_, key), _) = world.on("crm", |script| script.held.clone()).pop_first().unwrap();
    world.show("crm", "customers", vec![shown(&key, "GAR. HAMON", "04.72.11.22.33", "12 RUE FOCH")]);
    hub.settle().await;
    // It moves under another name, and its SIREN stays.
    world.show("erp", "customers", vec![with_siren(pottier("0388776655"))]);
    hub.settle().await;
    let short = json!({"id": key, "name": "TRANSP. POTTIER", "phone": "03.88.77.66.55", "street": "4 QUAI KLEBER",
        "postcode": "67000", "city": "STRASBOURG"});
    world.show("crm", "customers", vec![short]);
    hub.settle().await;
    assert_eq!((parked(&hub).await, customers(&hub).await.len()), (vec![], 1));
    hub.stop().await;
}

/// An ERP answers whatever a CRM was told with its other name, and the CRM repeats it.
async fn answer_each_other(world: &World, hub: &Running<'_>, rounds: std::ops::Range<usize>) {
    for round in rounds {
        let held = world.on("crm", |script| script.held.clone());
        let ((_, key), record) = held.into_iter().find(|(_, record)| record["phone"] == "0472112233").unwrap();
        let next = if record["name"] == "Garage Hamon" { "Hamon Automobiles" } else { "Garage Hamon" };
        for (system, id, name) in [("crm", &*key, record["name"].as_str().unwrap()), ("erp", "C1", next)] {
            let mut row = shown(id, name, "0472112233", "12 rue Foch");
            // No drop is one that was read before.
            row["round"] = json!(round);
            world.show(system, "customers", vec![row]);
        }
        hub.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_systems_that_answer_each_other_for_ever_are_stopped() {
    let mut world = company();
    world.limits.flips_max = 4;
    let hub = world.start().await;
    world.show("erp", "customers", vec![hamon()]);
    hub.settle().await;
    let id = master_of(&hub, "erp", "C1").await;
    answer_each_other(&world, &hub, 0..12).await;
    let told = world.on("shop", |script| script.effects.len());
    // Made, renamed, and returned four times and once more.
    assert_eq!(told, 7);
    let first = parked(&hub).await;
    assert!(first[0] == "resolve.flapping" && first[1..].iter().all(|code| code == "resolve.behind"), "{first:?}");
    let open = questions(&hub, false).await;
    let [task] = &open[..] else { panic!("{open:?}") };
    assert_eq!((task.code.as_str(), task.master_id, &*task.system), ("resolve.flapping", Some(id), "erp"));
    assert!(task.question.contains("erp/C1") && task.question.contains("parked retry"), "{}", task.question);
    // Others go on.
    world.show("erp", "customers", vec![shown("C2", "Boulangerie Weiss", "0140205317", "77 avenue Mozart")]);
    hub.settle().await;
    assert_eq!(customers(&hub).await.len(), 2);
    answer_each_other(&world, &hub, 12..17).await;
    assert_eq!(parked(&hub).await.len(), first.len() + 5);
    assert_eq!(world.on("shop", |script| script.effects.len()), told + 1);
    // What is let go begins to count anew, and drops nothing.
    let lines = hub.parked().await;
    hub.command(Command::DiscardParked { number: lines[0].number }).await.unwrap();
    hub.quiet().await;
    let later = hub.parked().await;
    assert!(later.len() < lines.len() && later.iter().all(|parked| parked.number > lines[0].number), "{later:?}");
    assert_eq!(questions(&hub, false).await.len(), usize::from(!later.is_empty()));
    hub.accounting("erp").await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_who_changes_often_is_not_flapping() {
    let world = company();
    let hub = world.start().await;
    for number in 0..50 {
        world.show(
            "erp",
            "customers",
            vec![shown("C1", &format!("Garage Hamon {number}"), "0472112233", "12 rue Foch")],
        );
    }
    hub.settle().await;
    assert_eq!((parked(&hub).await, questions(&hub, false).await.len()), (vec![], 0));
    assert_eq!(document(&hub.masters(Entity::Customer).await[0])["legal_name"], "Garage Hamon 49");
    hub.stop().await;
}

/// What is kept of a record to tell it apart has at most so many bytes, whatever it shows.
const EVIDENCE_BYTES_MAX: usize = 64 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_of_a_megabyte_is_taken_in_and_evidence_stays_small() {
    let world = company();
    let hub = world.start().await;
    let long = |letter: &str| letter.repeat((1 << 20) / letter.len());
    for (field, letter) in
        [("name", "n"), ("street", "s"), ("mail", "m"), ("phone", "7"), ("siren", "5"), ("city", "é")]
    {
        let mut row = hamon();
        row[field] = json!(long(letter));
        world.show("erp", "customers", vec![row]);
        hub.settle().await;
        assert_eq!((parked(&hub).await, customers(&hub).await.len()), (vec![], 1), "{field}");
        assert_eq!(held(&world, "shop", field), [long(letter)].into(), "{field} arrives whole");
    }
    let id = master_of(&hub, "erp", "C1").await;
    let records = hub.store.match_records_of(TENANT, &[id]).await.unwrap();
    let bytes = records.iter().map(|record| record.evidence.len()).max().unwrap();
    assert!((1..EVIDENCE_BYTES_MAX).contains(&bytes), "{bytes}");
    hub.stop().await;
}

/// A word that no other number has, and that resembles none.
fn word(number: usize) -> String {
    let mut state = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut letter = |letters: &[u8]| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(letters[usize::try_from(state >> 33).unwrap() % letters.len()])
    };
    (0..5).flat_map(|_| [letter(b"bcdfglmnprstvz"), letter(b"aeiou")]).collect()
}

/// Many customers, of whom nothing is the same but an e-mail address.
fn crowd(count: usize) -> Vec<Value> {
    let one = |number: usize| {
        let (name, street) = (word(2 * number), word(2 * number + 1));
        let phone = format!("0{:09}", 100_000_007 + number * 7_919_993 % 800_000_000);
        json!({"id": format!("C{number}"), "name": name, "phone": phone, "mail": "accueil@centre-affaires.fr",
            "street": format!("{} rue {street}", number % 90 + 1), "postcode": format!("{:05}", 10_000 + number % 80_000), "city": word(number + 1_000_000)})
    };
    (0..count).map(one).collect()
}

fn key_of(document: &Value) -> BlockingKey {
    blocking_keys(&Evidence::of(&serde_json::from_value(document.clone()).unwrap()))[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_everybody_has_makes_nobody_one() {
    const COUNT: usize = 2_000;
    let world = company();
    let hub = world.start().await;
    world.show("erp", "customers", crowd(COUNT));
    hub.settle().await;
    assert_eq!((customers(&hub).await.len(), parked(&hub).await), (COUNT, vec![]));
    assert_eq!(questions(&hub, false).await.len(), 0);
    let key = key_of(&json!({"emails": [{"value": "accueil@centre-affaires.fr"}]}));
    let mut resolution = hub.store.begin_resolve(TENANT).await.unwrap();
    assert_eq!(resolution.postings(&[key], 100).await.unwrap(), [Posting::Common], "it leads to nobody");
    drop(resolution);
    let records = hub.store.match_records_after(TENANT, 0, 2 * COUNT).await.unwrap();
    assert_eq!(records.len(), COUNT);
    assert!(records.iter().all(|record| record.common.contains(&key)), "nobody is told by it");
    assert_eq!(records.iter().map(|record| record.links.len()).sum::<usize>(), 0, "nobody resembles another");
    hub.stop().await;
}

/// The same of what is rehearsed before anything goes live.
#[test]
fn an_address_that_everybody_has_makes_nobody_one_in_a_rehearsal() {
    const COUNT: usize = 20_000;
    const FIELDS: [&str; 7] = ["id", "name", "phone", "mail", "street", "postcode", "city"];
    let folder = tempfile::tempdir().unwrap();
    let mapping = CUSTOMER.replace("format = \"json\"", "format = \"csv\"");
    let line = |row: &Value| FIELDS.map(|field| row[field].as_str().unwrap().to_owned()).join(";") + "\n";
    let rows: String = crowd(COUNT).iter().map(line).collect();
    std::fs::create_dir_all(folder.path().join("mappings/erp")).unwrap();
    std::fs::write(
        folder.path().join("mappings/erp/customer.toml"),
        mapping.replace("identifiers.siren = \"siren\"\n", ""),
    )
    .unwrap();
    std::fs::write(folder.path().join("customers.csv"), FIELDS.join(";") + "\n" + &rows).unwrap();
    let arguments =
        ["match", "--from", "erp/customer", "--learn-from", "0", "--clusters", "clusters.csv", "customers.csv"];
    let output = command(folder.path(), &arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told} {}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("20000 states of 20000 records are 20000 customers"), "{told}");
    assert!(told.contains("values that too many have to mean anything: 1"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_in_any_alphabet_are_each_their_own_and_arrive_as_they_are() {
    const NAMES: [&str; 9] = [
        "شركة النور للتجارة",
        "مؤسسة الفجر",
        "Παπαδόπουλος ΑΕ",
        "Кузьмин и сыновья",
        "Кузнецов и дочери",
        "北京东方贸易有限公司",
        "上海南海物流公司",
        "🦊 Studio",
        "🐻‍❄️",
    ];
    let world = company();
    let hub = world.start().await;
    let row = |at: usize, id: String, name: &str| {
        let mut row =
            shown(&id, name, &format!("04721122{}{}", at, (at * 7 + 3) % 10), &format!("{} rue {}", at + 1, word(at)));
        row["siren"] = json!(
            [
                "552100554",
                "732829320",
                "443061841",
                "542051180",
                "542065479",
                "562082909",
                "383474814",
                "775670417",
                "552032534"
            ][at]
        );
        row
    };
    let rows = |prefix: &str, alter: fn(&str) -> String| {
        NAMES.iter().enumerate().map(|(at, name)| row(at, format!("{prefix}{at}"), &alter(name))).collect::<Vec<_>>()
    };
    world.show("erp", "customers", rows("C", str::to_owned));
    hub.settle().await;
    assert_eq!(customers(&hub).await.len(), NAMES.len());
    for system in ["shop", "crm"] {
        let names: BTreeSet<String> =
            world.on(system, |script| script.told(&Entity::Customer, "name")).into_iter().collect();
        assert_eq!(names, NAMES.iter().map(|name| (*name).to_owned()).collect(), "{system}");
    }
    // Another system shows the same, in capitals.
    world.show("crm", "customers", rows("K", str::to_uppercase));
    hub.settle().await;
    assert_eq!((customers(&hub).await.len(), parked(&hub).await), (NAMES.len(), vec![]));
    for at in 0..NAMES.len() {
        assert_eq!(
            master_of(&hub, "crm", &format!("K{at}")).await,
            master_of(&hub, "erp", &format!("C{at}")).await,
            "{at}"
        );
    }
    let masters = hub.masters(Entity::Customer).await;
    assert!(masters.iter().all(|master| master.state == Operation::Upsert));
    hub.stop().await;
}
