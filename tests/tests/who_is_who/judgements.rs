//! Any sequence of judgements comes to what a simple model says, and undone, to what was before.

use std::collections::{BTreeMap, BTreeSet};

use canonical::entity::{Entity, Operation};
use hub::Surplus;
use master::MasterId;
use passerelle_tests::scripted::records::invoice;
use passerelle_tests::scripted::world::{Running, TENANT, World};
use serde_json::{Value, json};
use store::{JudgementAsked, JudgementKind};

use crate::support::{State, asked, company, judge, master_of, merge, record, shown, state, undo};

/// Customers that have nothing in common.
const NAMES: [(&str, &str, &str); 6] = [
    ("Garage Hamon", "0472112233", "12 rue Foch"),
    ("Transports Pottier", "0388776655", "4 quai Kléber"),
    ("Boulangerie Weiss", "0140205317", "77 avenue Mozart"),
    ("Pharmacie Lebreton", "0556443322", "1 place Gambetta"),
    ("Menuiserie Oudinot", "0299887766", "30 chemin Vert"),
    ("Imprimerie Caradec", "0321654987", "9 boulevard Carnot"),
];

fn key(at: usize) -> String {
    format!("C{at}")
}

/// Who is who by a simple model: of each pair of records, the latest judgement that counts.
#[derive(Default)]
struct Simple {
    /// In the order in which they were made: number, whether the records of both sides are one, and the sides.
    judgements: Vec<(u64, bool, BTreeSet<usize>, BTreeSet<usize>)>,
}

impl Simple {
    fn groups(&self) -> BTreeSet<BTreeSet<usize>> {
        let mut verdicts: BTreeMap<(usize, usize), bool> = BTreeMap::new();
        for (_, is_one, left, right) in &self.judgements {
            for one in left {
                verdicts.extend(right.iter().map(|other| ((*one.min(other), *one.max(other)), *is_one)));
            }
        }
        let mut groups: Vec<BTreeSet<usize>> = (0..NAMES.len()).map(|at| BTreeSet::from([at])).collect();
        for ((one, other), _) in verdicts.iter().filter(|(_, is_one)| **is_one) {
            let holds = |group: &BTreeSet<usize>, at: usize| group.contains(&at);
            let left = groups.iter().position(|group| holds(group, *one)).unwrap();
            let right = groups.iter().position(|group| holds(group, *other)).unwrap();
            if left != right {
                let (low, high) = (left.min(right), left.max(right));
                let gone = groups.remove(high);
                groups[low].extend(gone);
            }
        }
        groups.into_iter().collect()
    }

    fn group_of(&self, at: usize) -> BTreeSet<usize> {
        self.groups().into_iter().find(|group| group.contains(&at)).unwrap()
    }
}

/// A small generator, so that a seed tells the whole run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(count).unwrap()).unwrap()
    }
}

/// Somebody decides something; the model and the judgement.
async fn decide(hub: &Running<'_>, dice: &mut Dice, simple: &mut Simple) -> Option<JudgementAsked> {
    let (one, other) = (dice.below(NAMES.len()), dice.below(NAMES.len()));
    let (left, right) = (simple.group_of(one), simple.group_of(other));
    let id = async |at: usize| master_of(hub, "erp", &key(at)).await;
    match dice.below(5) {
        0 | 1 if left != right => {
            simple.judgements.push((0, true, left, right));
            Some(merge(id(one).await, id(other).await))
        }
        2 if left != right => {
            simple.judgements.push((0, false, left, right));
            let (one, other) = (Some(id(one).await), Some(id(other).await));
            Some(JudgementAsked { master_id: one, other, ..asked(JudgementKind::NotTheSame) })
        }
        3 if left.len() > 1 => {
            let rest: BTreeSet<usize> = left.iter().copied().filter(|at| *at != one).collect();
            simple.judgements.push((0, false, BTreeSet::from([one]), rest));
            let (master_id, records) = (Some(id(one).await), vec![record("erp", &key(one))]);
            Some(JudgementAsked { master_id, records, ..asked(JudgementKind::Unlink) })
        }
        4 if !simple.judgements.is_empty() => {
            let (number, ..) = simple.judgements.remove(dice.below(simple.judgements.len()));
            Some(undo(number))
        }
        _ => None,
    }
}

/// Which records the hub says are one.
async fn groups(hub: &Running<'_>) -> BTreeSet<BTreeSet<usize>> {
    let mut groups: BTreeMap<MasterId, BTreeSet<usize>> = BTreeMap::new();
    for at in 0..NAMES.len() {
        groups.entry(master_of(hub, "erp", &key(at)).await).or_default().insert(at);
    }
    groups.into_values().collect()
}

async fn begun(world: &World) -> Running<'_> {
    let hub = world.start().await;
    let rows = NAMES.iter().enumerate();
    let rows = rows.map(|(at, (name, phone, street))| shown(&key(at), name, phone, street)).collect();
    world.show("erp", "customers", rows);
    let invoices = (0..NAMES.len()).map(|at| invoice(&format!("F{at}"), &key(at), "10.00")).collect();
    world.show("erp", "invoices", invoices);
    hub.settle().await;
    hub
}

/// Everybody holds what the masters say.
fn check_deliveries(state: &State) {
    let names = |document: &Value| document["legal_name"].as_str().map(str::to_owned);
    let golden: BTreeSet<Option<String>> =
        state.documents.values().filter(|document| document.get("legal_name").is_some()).map(names).collect();
    let held: BTreeSet<Option<String>> = state
        .held
        .iter()
        .filter(|((system, _), _)| system.ends_with("customer"))
        .map(|(_, record)| record["name"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(golden, held);
    for ((system, key), record) in state.held.iter().filter(|((system, _), _)| system == "shop/invoice") {
        let number = record["number"].as_str().unwrap();
        let is_it = |document: &&Value| document["number"] == *number;
        let document = state.documents.values().find(is_it).unwrap();
        let customer: MasterId = document["customer"]["master_id"].as_str().unwrap().parse().unwrap();
        let client = record["client"].as_str().unwrap().to_owned();
        let of = state.crosswalk.get(&("shop".to_owned(), client.clone()));
        assert_eq!(of, Some(&customer), "{system} {key} ({number}) names {client}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn judgements_come_to_what_a_simple_model_says_and_undone_to_what_was_before() {
    for seed in 1..=8 {
        println!("judgements: seed {seed}");
        let world = company();
        let hub = begun(&world).await;
        let before = state(&world, &hub).await;
        assert_eq!(before.documents.len(), 2 * NAMES.len());
        let (mut dice, mut simple) = (Dice(seed), Simple::default());
        for _ in 0..12 {
            let Some(asked) = decide(&hub, &mut dice, &mut simple).await else { continue };
            let judged =
                judge(&hub, asked.clone()).await.unwrap_or_else(|error| panic!("seed {seed}: {asked:?}: {error}"));
            if asked.kind != JudgementKind::Undo {
                simple.judgements.last_mut().unwrap().0 = judged.number;
            }
            assert_eq!(groups(&hub).await, simple.groups(), "seed {seed}: {asked:?}");
            check_deliveries(&state(&world, &hub).await);
            for at in 0..NAMES.len() {
                let invoice = hub.master(Entity::Invoice, "number", &format!("F{at}")).await;
                assert_eq!(invoice.root, master_of(&hub, "erp", &key(at)).await, "seed {seed}: F{at} after {asked:?}");
            }
        }
        while let Some((number, ..)) = simple.judgements.pop() {
            judge(&hub, undo(number)).await.unwrap();
            assert_eq!(groups(&hub).await, simple.groups(), "seed {seed}: undo {number}");
            let now = state(&world, &hub).await;
            println!(
                "{:?} {:?}",
                now.crosswalk,
                now.held
                    .iter()
                    .filter(|((s, _), _)| s == "shop/invoice")
                    .map(|((_, k), r)| format!("{k}={}:{}", r["number"], r["client"]))
                    .collect::<Vec<_>>()
            );
            check_deliveries(&now);
        }
        let after = state(&world, &hub).await;
        assert_eq!(after.crosswalk, before.crosswalk, "seed {seed}");
        assert_eq!(after, before, "seed {seed}");
        hub.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_keeps_the_survivor_that_was_named_and_refuses_what_is_not_there() {
    let world = company();
    let hub = begun(&world).await;
    let (one, other) = (master_of(&hub, "erp", "C0").await, master_of(&hub, "erp", "C1").await);
    judge(&hub, merge(other, one)).await.unwrap();
    assert_eq!(master_of(&hub, "erp", "C0").await, other);
    let gone = hub.masters(Entity::Customer).await.into_iter().find(|master| master.master_id == one).unwrap();
    assert_eq!(gone.state, Operation::Redirect);
    // An id that lost leads on.
    let again = judge(&hub, merge(one, other)).await.unwrap_err();
    assert!(again.contains("already"), "{again}");
    for (asked, expected) in [
        (merge(other, MasterId(999)), "there is no m999"),
        (undo(999), "there is no judgement 999"),
        (JudgementAsked { reason: String::new(), ..merge(one, other) }, "a reason is missing"),
        (JudgementAsked { master_id: Some(other), ..asked(JudgementKind::Unlink) }, "no record is named"),
        (
            JudgementAsked {
                master_id: Some(other),
                records: vec![record("erp", "C5")],
                ..asked(JudgementKind::Unlink)
            },
            "has no record erp/C5",
        ),
    ] {
        let refused = judge(&hub, asked).await.unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
    assert_eq!(json!(hub.parked().await.len()), json!(0));
    hub.stop().await;
}

/// The names of the shop's two customers by its own keys.
fn in_the_shop(world: &World) -> BTreeMap<String, String> {
    let held = world.on("shop", |script| script.held.clone());
    let of = held.into_iter().filter(|((entity, _), _)| *entity == Entity::Customer);
    let named = of.map(|((_, key), record)| (key, record["name"].as_str().unwrap_or_default().to_owned()));
    named.filter(|(_, name)| [NAMES[0].0, NAMES[1].0].contains(&name.as_str())).collect()
}

/// What becomes of the record that is not the oldest when two customers become one: the name that it has then.
async fn check_surplus(surplus: Surplus, expected: impl Fn(&str) -> Option<String>) {
    let mut world = company();
    world.surplus = surplus;
    let hub = begun(&world).await;
    let (before, shop) = (state(&world, &hub).await, in_the_shop(&world));
    assert_eq!(shop.len(), 2);
    let (one, other) = (master_of(&hub, "erp", "C0").await, master_of(&hub, "erp", "C1").await);
    let judged = judge(&hub, merge(one, other)).await.unwrap();
    let oldest = hub.store.local_keys(TENANT, "shop", &[one]).await.unwrap()[0].clone().unwrap();
    for (key, name) in &shop {
        // Of two that were shown at the same time, the first key wins.
        let expected = if *key == oldest { Some(NAMES[0].0.to_owned()) } else { expected(name) };
        assert_eq!(in_the_shop(&world).get(key).cloned(), expected, "{surplus:?}: {key} of {shop:?}, oldest {oldest}");
    }
    judge(&hub, undo(judged.number)).await.unwrap();
    assert_eq!(state(&world, &hub).await.documents, before.documents, "{surplus:?}");
    // What was removed is made again, under a key that the shop gives.
    let names = |shop: BTreeMap<String, String>| shop.into_values().collect::<BTreeSet<_>>();
    assert_eq!(names(in_the_shop(&world)), names(shop), "{surplus:?}");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_surplus_record_is_kept_in_step_or_left_or_removed() {
    check_surplus(Surplus::Update, |_| Some(NAMES[0].0.to_owned())).await;
    check_surplus(Surplus::Leave, |name| Some(name.to_owned())).await;
    check_surplus(Surplus::Remove, |_| None).await;
}

/// A customer that took another in becomes part of a third, and comes out again with what it had.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_of_merged_customers_is_undone_in_steps() {
    let world = company();
    let hub = begun(&world).await;
    let ids =
        [master_of(&hub, "erp", "C0").await, master_of(&hub, "erp", "C1").await, master_of(&hub, "erp", "C2").await];
    let alone = state(&world, &hub).await;
    let first = judge(&hub, merge(ids[1], ids[0])).await.unwrap();
    let pair = state(&world, &hub).await;
    let second = judge(&hub, merge(ids[2], ids[1])).await.unwrap();
    assert_eq!(groups(&hub).await.len(), NAMES.len() - 2);
    judge(&hub, undo(second.number)).await.unwrap();
    assert_eq!(state(&world, &hub).await, pair);
    judge(&hub, undo(first.number)).await.unwrap();
    assert_eq!(state(&world, &hub).await, alone);
    hub.stop().await;
}
