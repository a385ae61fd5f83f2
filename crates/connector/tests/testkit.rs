//! The suite is itself proved: sound connectors pass it, and each broken one is caught for what it does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use canonical::entity::{Entity, Operation};
use canonical::record::{Body, Json, Place, Record};
use connector::testkit::{Law, SourceHarness, TargetHarness, Violation, assert_conforms, check_source, check_target};
use connector::{
    Batch, BatchId, Checkpoint, DropLabel, Fault, Found, Item, Outcome, Reference, Rendered, Source, Target,
};
use serde_json::json;

/// What is wrong with a connector of these tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    CommitsEarly,
    SkipsOne,
    SplitsGroups,
    MovesPlaces,
    DoublesOnRetry,
    ForgetsTheLookUp,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn record(key: &str, ordinal: u64) -> Record {
    let place = Place { file: Some("shelf".into()), line: Some(ordinal + 1), ordinal };
    Record { place, body: Body::Json(json!({ "key": key }).into()), raw: Vec::new() }
}

/// A system with two drops of records, each removed once it was acknowledged.
struct Shelf {
    flaw: Flaw,
    drops: Arc<Mutex<BTreeMap<u64, Vec<String>>>>,
}

const BATCH: usize = 2;

fn content() -> BTreeMap<u64, Vec<String>> {
    let drop = |drop: u64| (0..5).map(|key| format!("{drop}-{key}")).collect();
    BTreeMap::from([(0, drop(0)), (1, drop(1))])
}

struct ShelfSource {
    flaw: Flaw,
    drops: Arc<Mutex<BTreeMap<u64, Vec<String>>>>,
}

#[async_trait]
impl Source for ShelfSource {
    async fn read(&mut self, after: Option<&Checkpoint>) -> Result<Option<Batch>, Fault> {
        let number = |field: &str| after.and_then(|after| after.0[field].as_u64()).unwrap_or(0);
        let (mut drop, mut position) = (number("drop"), number("position") as usize);
        let mut drops = lock(&self.drops);
        if after.is_some_and(|after| after.0["whole"] == true) {
            (drop, position) = (drop + 1, 0);
        }
        let Some(keys) = drops.get(&drop).cloned() else { return Ok(None) };
        let end = (position + BATCH).min(keys.len());
        let last = end == keys.len();
        let given = if self.flaw == Flaw::SkipsOne && position > 0 { position + 1 } else { position };
        let place = |ordinal: usize| if self.flaw == Flaw::MovesPlaces { ordinal - position } else { ordinal } as u64;
        let mut items: Vec<Item> = (given.min(end)..end).map(|at| Item::Record(record(&keys[at], place(at)))).collect();
        if self.flaw == Flaw::SplitsGroups
            && let Some(Item::Record(half)) = items.last_mut()
        {
            half.body = Body::Json(json!({ "key": "half of a group" }).into());
        }
        if self.flaw == Flaw::CommitsEarly && last {
            drops.remove(&drop);
        }
        let checkpoint =
            |whole: bool, position: usize| Checkpoint(json!({ "drop": drop, "position": position, "whole": whole }));
        let skip = Some(checkpoint(true, keys.len()));
        let label = DropLabel { name: format!("drop {drop}"), fingerprint: None, bytes: None, bytes_done: None, skip };
        Ok(Some(Batch { drop: label, items, last, checkpoint: checkpoint(last, end) }))
    }

    async fn commit(&mut self, done: &Checkpoint) -> Result<(), Fault> {
        if done.0["whole"] == true {
            let drop = done.0["drop"].as_u64().unwrap_or(0);
            lock(&self.drops).remove(&drop);
        }
        Ok(())
    }
}

#[async_trait]
impl SourceHarness for Shelf {
    async fn reset(&mut self) {
        *lock(&self.drops) = content();
    }

    async fn open(&mut self) -> Result<Box<dyn Source>, Fault> {
        Ok(Box::new(ShelfSource { flaw: self.flaw, drops: Arc::clone(&self.drops) }))
    }

    fn expected(&self) -> Vec<String> {
        content().into_values().flatten().collect()
    }

    fn identity(&self, record: &Record) -> String {
        let Body::Json(value) = &record.body else { return String::new() };
        value.get("key").and_then(Json::as_str).unwrap_or_default().to_owned()
    }

    async fn leftover(&mut self) -> Option<String> {
        let left = lock(&self.drops).len();
        (left > 0).then(|| format!("{left} drops were not acknowledged"))
    }
}

/// A system that logs each effect, and remembers the last change of each document.
#[derive(Default)]
struct Ledger {
    effects: Vec<String>,
    versions: BTreeMap<String, u64>,
    batches: BTreeSet<String>,
}

struct Desk {
    flaw: Flaw,
    ledger: Arc<Mutex<Ledger>>,
    steps: usize,
}

struct DeskTarget {
    flaw: Flaw,
    ledger: Arc<Mutex<Ledger>>,
    steps: usize,
}

#[async_trait]
impl Target for DeskTarget {
    async fn apply(&mut self, batch: &BatchId, changes: &[Rendered]) -> Vec<Result<Outcome, Fault>> {
        let repeated = !lock(&self.ledger).batches.insert(batch.to_owned());
        let mut results = Vec::new();
        for change in changes {
            tokio::task::yield_now().await;
            if self.steps == 0 {
                return results;
            }
            self.steps -= 1;
            let mut ledger = lock(&self.ledger);
            let known = ledger.versions.get(&change.reference.master_id).copied().unwrap_or(0);
            let doubles = self.flaw == Flaw::DoublesOnRetry && repeated;
            let looks = self.flaw != Flaw::ForgetsTheLookUp || repeated;
            if known < change.reference.version || doubles || !looks {
                ledger.effects.push(change.reference.idempotency_key());
                ledger.versions.insert(change.reference.master_id.clone(), change.reference.version);
            }
            results.push(Ok(Outcome::Applied { local_key: None, holds: None }));
        }
        results
    }

    async fn find(&mut self, _: &BatchId, references: &[Reference]) -> Vec<Result<Found, Fault>> {
        let ledger = lock(&self.ledger);
        let find = |reference: &Reference| {
            let known = ledger.versions.get(&reference.master_id).copied().unwrap_or(0);
            if known >= reference.version && self.flaw != Flaw::ForgetsTheLookUp {
                Found::Applied { local_key: None, holds: None }
            } else {
                Found::NotApplied { local_key: None }
            }
        };
        references.iter().map(|reference| Ok(find(reference))).collect()
    }
}

#[async_trait]
impl TargetHarness for Desk {
    async fn reset(&mut self) {
        *lock(&self.ledger) = Ledger::default();
    }

    async fn open(&mut self) -> Result<Box<dyn Target>, Fault> {
        Ok(Box::new(DeskTarget { flaw: self.flaw, ledger: Arc::clone(&self.ledger), steps: self.steps }))
    }

    fn change(&self, document: u64, version: u64) -> Rendered {
        let master_id = format!("m{document}");
        let reference = Reference { entity: Entity::Customer, master_id, version, local_key: None };
        let record = Record::from_body(Body::Json(json!({ "document": document, "version": version }).into()));
        Rendered { reference, operation: Operation::Upsert, record, previous: None }
    }

    fn effect(&self, change: &Rendered) -> String {
        change.reference.idempotency_key()
    }

    async fn effects(&mut self) -> Vec<String> {
        lock(&self.ledger).effects.clone()
    }

    fn die_after(&mut self, steps: usize) -> bool {
        self.steps = steps;
        true
    }
}

async fn source_violations(flaw: Flaw) -> Vec<Violation> {
    check_source(&mut Shelf { flaw, drops: Arc::default() }).await
}

async fn target_violations(flaw: Flaw) -> Vec<Violation> {
    check_target(&mut Desk { flaw, ledger: Arc::default(), steps: usize::MAX }).await
}

fn caught(flaw: Flaw, violations: &[Violation], law: Law) {
    assert!(
        violations.iter().any(|violation| violation.law == law),
        "{flaw:?} was not caught by {law:?}: {violations:?}"
    );
}

#[tokio::test]
async fn a_sound_source_passes() {
    assert_conforms(&source_violations(Flaw::None).await);
}

#[tokio::test]
async fn a_sound_target_passes() {
    assert_conforms(&target_violations(Flaw::None).await);
}

#[tokio::test]
async fn broken_sources_are_caught() {
    for (flaw, law) in [
        (Flaw::CommitsEarly, Law::NothingLost),
        (Flaw::SkipsOne, Law::NothingLost),
        (Flaw::SplitsGroups, Law::NothingInvented),
        (Flaw::MovesPlaces, Law::PlacesStay),
    ] {
        caught(flaw, &source_violations(flaw).await, law);
    }
}

#[tokio::test]
async fn broken_targets_are_caught() {
    for (flaw, law) in [
        (Flaw::DoublesOnRetry, Law::NothingTwice),
        (Flaw::ForgetsTheLookUp, Law::LookUpTells),
        (Flaw::ForgetsTheLookUp, Law::NothingTwice),
    ] {
        caught(flaw, &target_violations(flaw).await, law);
    }
}
