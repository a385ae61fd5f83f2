//! A small company at random: drops, faults of targets, commands and crashes, from a seed.
//!
//! `PASSERELLE_SIMULATION_SEED` repeats one run, `PASSERELLE_SIMULATION_RUNS` makes more of them.

#![allow(clippy::print_stderr, reason = "the seed must be heard")]

use std::collections::{BTreeMap, BTreeSet};

use canonical::entity::{Entity, Operation};
use fastrand::Rng;
use master::MasterId;
use passerelle_tests::scripted::records::{CUSTOMER, INVOICE, invoice};
use passerelle_tests::scripted::world::{Feed, Part, Running, World, document};
use passerelle_tests::scripted::{Answer, Effect, LookUp};
use serde_json::{Value, json};
use store::{Command, MasterSummary};

/// Systems that are fed.
const FED: [&str; 2] = ["crm", "ledger"];

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// An ERP that shows customers (all, each time) and invoices; a CRM that shows and is fed customers; a ledger that gives
/// keys of its own and is fed both.
fn company() -> World {
    let erp = Part::new("erp").shows(Feed::full("customers", CUSTOMER)).shows(Feed::new("invoices", INVOICE));
    let shown = Feed { is_file: false, ..Feed::new("customers", CUSTOMER) };
    let crm = Part { count_max: 3, ..Part::new("crm").shows(shown).takes(Entity::Customer, CUSTOMER) };
    let ledger = Part::new("ledger").takes(Entity::Customer, CUSTOMER).takes(Entity::Invoice, INVOICE);
    let mut world = World::new(vec![erp, crm, ledger.assigning_keys()]);
    world.limits.resolve_events_max = 4;
    world.limits.message_events_max = 3;
    world.limits.relay_changes_max = 5;
    world
}

/// What the ERP has.
#[derive(Default)]
struct Books {
    customers: BTreeMap<u32, Value>,
    /// Who left does not come back: that is tested elsewhere, and here it would make every check twice as long.
    gone: BTreeSet<u32>,
    invoices: u32,
}

const CITIES: [&str; 4] = ["Lyon", "Nantes", "Nice", "Lille"];

impl Books {
    /// Somebody works in the ERP; then it drops its files.
    fn work(&mut self, random: &mut Rng, world: &World) {
        for _ in 0..random.usize(1..5) {
            let id = random.u32(1..12);
            if self.gone.contains(&id) {
                continue;
            }
            let city = CITIES[random.usize(..CITIES.len())];
            let siren = SIRENS[id as usize % SIRENS.len()];
            let siren = (id < 7).then_some(siren);
            let customer =
                json!({"id": format!("C{id}"), "name": format!("Client {id}"), "city": city, "siren": siren});
            self.customers.insert(id, customer);
        }
        if self.customers.len() > 4 && random.u8(..4) == 0 {
            let gone = *self.customers.keys().nth(random.usize(..self.customers.len())).unwrap();
            self.customers.remove(&gone);
            self.gone.insert(gone);
        }
        world.show("erp", "customers", self.customers.values().cloned().collect());
        let invoices = (0..random.usize(..4)).map(|_| {
            self.invoices += 1;
            let number = random.u32(1..=self.invoices);
            invoice(&format!("F{number}"), &format!("C{}", random.u32(1..12)), &format!("{}.50", random.u32(1..900)))
        });
        world.show("erp", "invoices", invoices.collect());
    }
}

/// SIREN numbers with right check digits.
const SIRENS: [&str; 7] = ["552100554", "732829320", "404833048", "542065479", "552032534", "542051180", "572015246"];

/// Somebody works in the CRM, which then shows what it holds when it is read.
fn crm_shows(random: &mut Rng, world: &World) {
    world.on("crm", |script| {
        if let Some(at) = (!script.held.is_empty()).then(|| random.usize(..script.held.len())) {
            let record = script.held.values_mut().nth(at).unwrap();
            record["mail"] = json!(format!("{}@crm.example", random.u8(..3)));
        }
        if random.bool() {
            let typed = random.u32(..3);
            let id = format!("T{typed}");
            let record = json!({"id": id, "name": format!("Typed {typed}"), "siren": SIRENS[typed as usize]});
            script.held.entry((Entity::Customer, id)).or_insert(record);
        }
        script.show_held("customers", Entity::Customer);
    });
}

/// How a system feels for a while.
fn mood(random: &mut Rng, world: &World, system: &str) {
    let mut answers = Rng::with_seed(random.u64(..));
    let kind = random.u8(..4);
    world.on(system, |script| {
        script.look_up = if random.u8(..4) == 0 { LookUp::Down(2) } else { LookUp::Truth };
        script.answer = Box::new(move |_| match (kind, answers.u8(..8)) {
            (0, _) => Answer::Apply,
            (1, 0..4) | (2, 0) => Answer::Down,
            (2, 1) => Answer::Unknown { applied: true },
            (2, 2) => Answer::Unknown { applied: false },
            (3, 0) => Answer::Refuse,
            (3, 1) => Answer::Hang { applied: answers.bool() },
            _ => Answer::Apply,
        });
    });
}

/// Reads some streams, whether they can be read to their end or not.
async fn collect(hub: &Running<'_>, random: &mut Rng) {
    for system in ["erp", "crm"] {
        for name in hub.hub.streams(system, None) {
            if random.u8(..4) > 0 {
                // A crash may come in the middle.
                let patience = std::time::Duration::from_micros(random.u64(200..20_000));
                let _ = tokio::time::timeout(patience, hub.hub.collect(&name, false, None)).await;
            }
        }
    }
}

/// Lets everything go that is parked, until nothing is.
async fn clear(hub: &Running<'_>) {
    hub.settle().await;
    let mut rounds = 0;
    loop {
        let parked = hub.parked().await;
        // What needs the key of a customer goes by itself, when the customer does.
        let needs_somebody = |code: &str| !["delivery.reference-missing", "delivery.behind"].contains(&code);
        let first = parked.iter().find(|one| needs_somebody(&one.code)).or(parked.first());
        let Some(first) = first else { break };
        let number = first.number;
        let command = if needs_somebody(&first.code) {
            Command::RetryParked { number }
        } else {
            // An invoice of a customer that is gone has nobody to be delivered to.
            assert!(is_gone(hub, first.key.parse().unwrap()).await, "it should have gone by itself: {first:?}");
            Command::DiscardParked { number }
        };
        hub.command(command).await.unwrap();
        hub.quiet().await;
        rounds += 1;
        assert!(rounds < 100, "it is parked again and again: {first:?}");
    }
}

/// Whether no system shows a customer any more.
async fn is_gone(hub: &Running<'_>, id: MasterId) -> bool {
    let customers = hub.masters(Entity::Customer).await;
    customers.iter().any(|customer| customer.master_id == id && customer.state != Operation::Upsert)
}

async fn run(seed: u64) {
    let mut random = Rng::with_seed(seed);
    let world = company();
    let mut books = Books::default();
    let mut hub = world.start().await;
    for _ in 0..12 {
        books.work(&mut random, &world);
        if random.bool() {
            crm_shows(&mut random, &world);
        }
        for system in FED {
            mood(&mut random, &world, system);
        }
        collect(&hub, &mut random).await;
        match random.u8(..4) {
            0 => {}
            1 => {
                // A moment that no test chose.
                tokio::time::sleep(std::time::Duration::from_micros(random.u64(..3_000))).await;
                hub.crash();
                hub = world.start().await;
            }
            2 => {
                hub.crash();
                hub = world.start().await;
            }
            _ => {
                if let Some(first) = hub.parked().await.first() {
                    let _ = hub.command(Command::RetryParked { number: first.number }).await;
                }
            }
        }
    }
    hub.crash();
    for system in FED {
        world.on(system, |script| {
            script.always(Answer::Apply);
            script.look_up = LookUp::Truth;
        });
    }
    let hub = world.start().await;
    clear(&hub).await;
    examine(&world, &hub, seed).await;
    hub.stop().await;
}

/// What must hold in the end, whatever happened.
async fn examine(world: &World, hub: &Running<'_>, seed: u64) {
    for system in ["erp", "crm"] {
        let outcomes = hub.accounting(system).await;
        assert_eq!(outcomes.in_flight, 0, "seed {seed}: {system} {outcomes:?}");
    }
    assert_eq!(hub.store.tasks(&store::TaskFilter::default()).await.unwrap(), [], "seed {seed}: a task about nothing");
    let live = hub.masters(Entity::Customer).await.into_iter().filter(|master| master.state == Operation::Upsert);
    let names: Vec<String> = live.map(|master| document(&master)["legal_name"].to_string()).collect();
    let distinct: BTreeSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "seed {seed}: one customer, two masters: {names:?}");
    for system in FED {
        let effects = world.on(system, |script| script.effects.clone());
        in_order(&effects, seed, system);
        for entity in [Entity::Customer, Entity::Invoice] {
            if system == "ledger" || entity == Entity::Customer {
                holds_what_it_should(world, hub, system, &entity, seed).await;
            }
        }
    }
}

/// Versions of one record only rise, and none has two effects unless somebody typed into the record meanwhile.
fn in_order(effects: &[Effect], seed: u64, system: &str) {
    let mut last: BTreeMap<(&Entity, &str), &Effect> = BTreeMap::new();
    let mut invoiced = BTreeSet::new();
    for effect in effects {
        let before = last.insert((&effect.entity, &effect.key), effect);
        let Some(before) = before else { continue };
        let is_later = match system {
            // In the CRM people type: a correction has the version that it had before.
            "crm" => before.version <= effect.version,
            _ => before.version < effect.version,
        };
        assert!(is_later, "seed {seed}: {system} was told {effect:?} after {before:?}");
        invoiced.insert(effect.key.as_str());
    }
}

/// What a system holds of an entity is what its masters come to.
async fn holds_what_it_should(world: &World, hub: &Running<'_>, system: &str, entity: &Entity, seed: u64) {
    let held = world.on(system, |script| script.held.clone());
    let mut expected = 0;
    for master in hub.masters(entity.clone()).await {
        let live: Vec<_> = hub.crosswalk(&master, system).await.into_iter().filter(|row| !row.removed).collect();
        if master.state != Operation::Upsert {
            assert!(live.is_empty(), "seed {seed}: {system} still has {master:?}");
            continue;
        }
        if *entity == Entity::Invoice && is_gone(hub, master.root).await {
            expected += live.len();
            continue;
        }
        assert!(!live.is_empty(), "seed {seed}: {system} lacks {master:?}");
        expected += live.len();
        let document = document(&master);
        for row in live {
            let Some(record) = held.get(&(entity.clone(), row.local.key.clone())) else {
                panic!(
                    "seed {seed}: {system} lacks a record: {}",
                    told(world, hub, system, &master, &row.local.key).await
                )
            };
            let pairs = match entity {
                Entity::Customer => vec![
                    (&document["legal_name"], "name"),
                    (&document["addresses"][0]["city"], "city"),
                    (&document["emails"][0]["value"], "mail"),
                    (&document["identifiers"][0]["value"], "siren"),
                ],
                _ => vec![(&document["number"], "number"), (&document["totals"]["amount_with_vat"], "total")],
            };
            for (value, field) in pairs {
                let shown = record.get(field).filter(|shown| **shown != json!(""));
                let shown = shown.unwrap_or(&Value::Null);
                if shown != value {
                    let told = told(world, hub, system, &master, &row.local.key).await;
                    panic!("seed {seed}: {field} in {system} is {shown}: {told}");
                }
            }
        }
    }
    let count = held.keys().filter(|(kind, _)| kind == entity).count();
    assert_eq!(count, expected, "seed {seed}: {system} holds more than it should");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_everybody_holds_what_the_master_says_in_the_end() {
    let first = setting("PASSERELLE_SIMULATION_SEED").unwrap_or(20_260_321);
    for seed in first..first + setting("PASSERELLE_SIMULATION_RUNS").unwrap_or(6) {
        eprintln!("simulation: seed {seed}");
        run(seed).await;
    }
}

/// Everything about a record and its master, for whoever must find out what went wrong.
async fn told(world: &World, hub: &Running<'_>, system: &str, master: &MasterSummary, key: &str) -> String {
    let effects = world.on(system, |script| {
        let of_record = script.effects.iter().filter(|effect| effect.key == key);
        let line = |effect: &Effect| format!("{} {} {}", effect.version, effect.operation, effect.record);
        of_record.map(line).collect::<Vec<_>>()
    });
    let story = hub.story(master).await;
    format!("{key} was told {effects:#?}; {story:#?}")
}
