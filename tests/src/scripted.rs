//! A system that a test plays: what its streams show and how it answers every change is scripted, and every effect is kept.

pub mod records;
pub mod world;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use canonical::entity::{Entity, Operation};
use canonical::record::{Body, ContentHash, Json, Place, Record};
use connector::{
    Batch, BatchId, Batching, Checkpoint, Connector, DropLabel, Fault, Found, Item, OpenContext, Outcome, Ports,
    Reference, Reject, Rendered, Source, Target,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// How a system answers one change.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Takes it and holds it as it came.
    Apply,
    /// Takes it, holds this instead, and says so.
    ApplyAs(Value),
    /// Refuses the document.
    Refuse,
    /// Is down: the change was certainly not applied.
    Down,
    /// Cannot go on until somebody acts.
    Halt,
    /// Says that it does not know, although it took the change or although it did not.
    Unknown {
        /// Whether it took the change.
        applied: bool,
    },
    /// Takes it when [`Script::releases`] says so, and answers then.
    Late,
    /// Never answers, although it took the change or although it did not.
    Hang {
        /// Whether it took the change.
        applied: bool,
    },
}

/// How a system answers a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookUp {
    /// As it is.
    Truth,
    /// It cannot look up.
    CannotTell,
    /// It is down for that many look-ups more.
    Down(u32),
}

/// One change that a system took.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// The kind of the document.
    pub entity: Entity,
    /// The system's key.
    pub key: String,
    /// Our reference.
    pub master_id: String,
    /// The version.
    pub version: u64,
    /// Upsert or remove.
    pub operation: Operation,
    /// The record.
    pub record: Value,
}

/// What one drop shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// These rows, however often it is read. A row that is null cannot be read as a record.
    Rows(Vec<Value>),
    /// What the system holds of a kind of document at the moment in which it is read, all in one batch.
    Live(Entity),
}

type AnswerOf = Box<dyn FnMut(&Rendered) -> Answer + Send>;

/// What a system shows, how it answers, and what it was told.
pub struct Script {
    /// The drops of each stream, oldest first.
    pub drops: BTreeMap<String, Vec<Shown>>,
    /// The place of each record in every live drop.
    places: BTreeMap<String, u64>,
    /// How many reads of any stream fail before one succeeds.
    pub failing_reads: u32,
    /// Reads of each stream that were begun.
    pub reads: BTreeMap<String, u32>,
    /// Whether reads wait until this is no longer so.
    pub holds_reads: bool,
    /// How many reads of each stream are under way, and the most there ever were at once.
    pub reading: BTreeMap<String, (u32, u32)>,
    /// How many calls are under way, and the most there ever were at once.
    pub calling: (u32, u32),
    /// Whether the last answer was a late one.
    is_late: bool,
    /// Whether late answers come now.
    pub releases: bool,
    /// How each change is answered.
    pub answer: AnswerOf,
    /// How a look-up is answered.
    pub look_up: LookUp,
    /// Every change that it took, in order.
    pub effects: Vec<Effect>,
    /// Every change that it was sent, in order, as (master id, version).
    pub sent: Vec<(String, u64)>,
    /// References that were looked up.
    pub looked_up: usize,
    /// What it holds now.
    pub held: BTreeMap<(Entity, String), Value>,
    keys_given: u64,
}

impl Default for Script {
    fn default() -> Self {
        Script {
            drops: BTreeMap::new(),
            places: BTreeMap::new(),
            failing_reads: 0,
            reads: BTreeMap::new(),
            holds_reads: false,
            reading: BTreeMap::new(),
            calling: (0, 0),
            is_late: false,
            releases: false,
            answer: Box::new(|_| Answer::Apply),
            look_up: LookUp::Truth,
            effects: Vec::new(),
            sent: Vec::new(),
            looked_up: 0,
            held: BTreeMap::new(),
            keys_given: 0,
        }
    }
}

impl Script {
    /// Adds a drop to a stream.
    pub fn show(&mut self, stream: &str, rows: Vec<Value>) {
        self.drops.entry(stream.to_owned()).or_default().push(Shown::Rows(rows));
    }

    /// Adds a drop that shows what the system holds of a kind of document when it is read.
    pub fn show_held(&mut self, stream: &str, entity: Entity) {
        self.drops.entry(stream.to_owned()).or_default().push(Shown::Live(entity));
    }

    /// The rows of a drop, each with its place; the place of a record in a live drop does not change.
    fn rows(&mut self, shown: &Shown) -> Vec<(u64, Value)> {
        match shown {
            Shown::Rows(rows) => (0..).zip(rows.iter().cloned()).collect(),
            Shown::Live(entity) => {
                let held = self.held.iter().filter(|((kind, _), _)| kind == entity);
                let place = |((_, key), record): (&(Entity, String), &Value)| {
                    let next = self.places.len() as u64;
                    (*self.places.entry(key.clone()).or_insert(next), record.clone())
                };
                held.map(place).collect()
            }
        }
    }

    /// Answers every change alike from now on.
    pub fn always(&mut self, answer: Answer) {
        self.answer = Box::new(move |_| answer.clone());
    }

    /// Gives these answers to the next changes, one each, and takes everything after.
    pub fn next(&mut self, answers: &[Answer]) {
        let mut answers: VecDeque<Answer> = answers.iter().cloned().collect();
        self.answer = Box::new(move |_| answers.pop_front().unwrap_or(Answer::Apply));
    }

    /// Answers like this as long as the record has this text at this field, and takes everything else.
    pub fn when(&mut self, field: &'static str, text: &'static str, answer: Answer) {
        self.answer = Box::new(move |change| match &change.record.body {
            Body::Json(record) if record.get(field).and_then(Json::as_str) == Some(text) => answer.clone(),
            _ => Answer::Apply,
        });
    }

    /// What it was told of one kind of document, as (one field of the record, version).
    pub fn told(&self, entity: &Entity, field: &str) -> Vec<String> {
        let of = self.effects.iter().filter(|effect| effect.entity == *entity);
        of.map(|effect| match effect.operation {
            Operation::Upsert => effect.record[field].as_str().unwrap_or_default().to_owned(),
            _ => format!("-{}", effect.key),
        })
        .collect()
    }

    /// Takes a change.
    fn take(&mut self, change: &Rendered, assigns_keys: bool, record: &Value) -> String {
        let key = change.reference.local_key.clone().unwrap_or_else(|| {
            self.keys_given += 1;
            if assigns_keys { format!("S{}", self.keys_given) } else { change.reference.master_id.clone() }
        });
        let entity = change.reference.entity.clone();
        let mut record = record.clone();
        if let Value::Object(fields) = &mut record {
            fields.insert("id".to_owned(), json!(key));
        }
        match change.operation {
            Operation::Upsert => self.held.insert((entity.clone(), key.clone()), record.clone()),
            _ => self.held.remove(&(entity.clone(), key.clone())),
        };
        self.effects.push(Effect {
            entity,
            key: key.clone(),
            master_id: change.reference.master_id.clone(),
            version: change.reference.version,
            operation: change.operation,
            record,
        });
        key
    }

    fn found(&self, reference: &Reference) -> Option<(String, Value)> {
        let is_this = |effect: &&Effect| {
            effect.master_id == reference.master_id
                && effect.version == reference.version
                && reference.local_key.as_ref().is_none_or(|key| *key == effect.key)
        };
        self.effects.iter().rev().find(is_this).map(|effect| (effect.key.clone(), effect.record.clone()))
    }
}

static SCRIPTS: LazyLock<Mutex<Vec<Arc<Mutex<Script>>>>> = LazyLock::new(Mutex::default);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a script for as long as the process runs; returns what a configuration names it by.
fn register(script: Arc<Mutex<Script>>) -> usize {
    let mut scripts = lock(&SCRIPTS);
    scripts.push(script);
    scripts.len() - 1
}

/// A connector whose system is a [`Script`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scripted {
    script: usize,
    /// The streams, and whether their drops are known by their content beforehand, as files are.
    streams: BTreeMap<String, bool>,
    assigns_keys: bool,
    count_max: usize,
    timeout_ms: u64,
    age_ms: u64,
    stops: bool,
}

/// How many records one batch of a scripted stream has.
const BATCH_RECORDS: usize = 3;

#[async_trait]
impl Connector for Scripted {
    const KIND: &'static str = "scripted";

    async fn open(self, _: &OpenContext) -> Result<Ports, Fault> {
        let script = lock(&SCRIPTS).get(self.script).cloned().ok_or_else(|| Fault::halt("there is no such script"))?;
        let source = |(name, known): (&String, &bool)| {
            let source = ScriptedSource { script: script.clone(), name: name.clone(), is_known: *known };
            (name.clone(), Box::new(source) as Box<dyn Source>)
        };
        Ok(Ports {
            sources: self.streams.iter().map(source).collect(),
            target: Some(Box::new(ScriptedTarget {
                script: script.clone(),
                assigns_keys: self.assigns_keys,
                stops: self.stops,
            })),
            batching: Batching {
                count_max: self.count_max,
                assigns_keys: self.assigns_keys,
                timeout: Duration::from_millis(self.timeout_ms),
                age_max: Duration::from_millis(self.age_ms),
                stops: self.stops,
                ..Batching::default()
            },
        })
    }
}

struct ScriptedSource {
    script: Arc<Mutex<Script>>,
    name: String,
    is_known: bool,
}

/// A position: the drop, and the row in it.
#[derive(Clone, Copy, Default, Deserialize)]
struct At {
    drop: usize,
    row: usize,
}

impl At {
    fn checkpoint(self) -> Checkpoint {
        Checkpoint(json!({"drop": self.drop, "row": self.row}))
    }
}

/// A read that is under way; it ends when this value goes, also when nobody waits for it any more.
struct Reading<'a>(&'a ScriptedSource);

impl<'a> Reading<'a> {
    fn begin(source: &'a ScriptedSource) -> Self {
        let mut script = lock(&source.script);
        *script.reads.entry(source.name.clone()).or_default() += 1;
        let (now, most) = script.reading.entry(source.name.clone()).or_default();
        *now += 1;
        *most = (*most).max(*now);
        Reading(source)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        lock(&self.0.script).reading.entry(self.0.name.clone()).or_default().0 -= 1;
    }
}

impl ScriptedSource {
    fn label(&self, drop: usize, shown: &Shown) -> DropLabel {
        let rows = match shown {
            Shown::Rows(rows) if self.is_known => Some(rows),
            _ => None,
        };
        let fingerprint = rows.map(|rows| {
            let mut hash = [0; 16];
            hash.copy_from_slice(&blake3::hash(json!(rows).to_string().as_bytes()).as_bytes()[..16]);
            ContentHash(hash)
        });
        let skip = rows.map(|_| At { drop: drop + 1, row: 0 }.checkpoint());
        DropLabel { name: format!("{} {drop}", self.name), fingerprint, bytes: None, bytes_done: None, skip }
    }

    fn item(&self, ordinal: u64, row: &Value) -> Item {
        let place = Place { file: None, line: Some(ordinal + 1), ordinal };
        let raw = row.to_string().into_bytes();
        match row {
            Value::Null => {
                let reason = "the row is no record".to_owned();
                Item::Reject(Reject { place, code: "scripted.row", reason, raw })
            }
            row => Item::Record(Record { place, body: Body::Json(row.clone().into()), raw }),
        }
    }
}

#[async_trait]
impl Source for ScriptedSource {
    async fn read(&mut self, after: Option<&Checkpoint>) -> Result<Option<Batch>, Fault> {
        let _reading = Reading::begin(self);
        while lock(&self.script).holds_reads {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.next(after)
    }

    async fn commit(&mut self, _: &Checkpoint) -> Result<(), Fault> {
        Ok(())
    }
}

impl ScriptedSource {
    fn next(&self, after: Option<&Checkpoint>) -> Result<Option<Batch>, Fault> {
        let mut script = lock(&self.script);
        if script.failing_reads > 0 {
            script.failing_reads -= 1;
            return Err(Fault::retry("the scripted system does not answer"));
        }
        let at: At = match after {
            Some(checkpoint) => {
                Deserialize::deserialize(&checkpoint.0).map_err(|error| Fault::halt(format!("{error}")))?
            }
            None => At::default(),
        };
        let drops = script.drops.get(&self.name);
        let Some(shown) = drops.and_then(|drops| drops.get(at.drop)).cloned() else { return Ok(None) };
        let rows = script.rows(&shown);
        let batch = if matches!(shown, Shown::Live(_)) { rows.len() } else { BATCH_RECORDS };
        let end = (at.row + batch).min(rows.len());
        let last = end == rows.len();
        let items = rows[at.row.min(end)..end].iter();
        let next = if last { At { drop: at.drop + 1, row: 0 } } else { At { row: end, ..at } };
        Ok(Some(Batch {
            drop: self.label(at.drop, &shown),
            items: items.map(|(ordinal, row)| self.item(*ordinal, row)).collect(),
            last,
            checkpoint: next.checkpoint(),
        }))
    }
}

struct ScriptedTarget {
    script: Arc<Mutex<Script>>,
    assigns_keys: bool,
    /// Whether a change that is not applied stops those behind it in the call.
    stops: bool,
}

/// A call that is under way; it ends when this value goes, also when nobody waits for it any more.
struct Calling<'a>(&'a ScriptedTarget);

impl<'a> Calling<'a> {
    fn begin(target: &'a ScriptedTarget) -> Self {
        let (now, most) = &mut lock(&target.script).calling;
        *now += 1;
        *most = (*most).max(*now);
        Calling(target)
    }
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        lock(&self.0.script).calling.0 -= 1;
    }
}

impl ScriptedTarget {
    /// Answers one change; `None` when no answer comes yet.
    fn answer(&self, change: &Rendered) -> Option<Result<Outcome, Fault>> {
        let mut script = lock(&self.script);
        script.sent.push((change.reference.master_id.clone(), change.reference.version));
        let Body::Json(record) = &change.record.body else { return Some(Err(Fault::halt("not JSON"))) };
        // Tests look at what the system holds as plain values.
        let record = json!(record);
        let answer = (script.answer)(change);
        script.is_late = answer == Answer::Late;
        let mut take = |record: &Value| script.take(change, self.assigns_keys, record);
        match answer {
            Answer::Late => None,
            Answer::Apply => Some(Ok(Outcome::Applied { local_key: Some(take(&record)), holds: None })),
            Answer::ApplyAs(held) => {
                let key = take(&held);
                let mut held = held;
                held["id"] = json!(key);
                let holds = Some(Record::from_body(Body::Json(held.into())));
                Some(Ok(Outcome::Applied { local_key: Some(key), holds }))
            }
            Answer::Refuse => {
                let reason = "the scripted system does not want it".to_owned();
                let place = Place::default();
                Some(Ok(Outcome::Rejected(Reject { place, code: "scripted.refused", reason, raw: Vec::new() })))
            }
            Answer::Down => Some(Err(Fault::retry("the scripted system is down"))),
            Answer::Halt => Some(Err(Fault::halt("the scripted system wants another password"))),
            Answer::Unknown { applied } | Answer::Hang { applied } => {
                if applied {
                    take(&record);
                }
                matches!(answer, Answer::Unknown { .. }).then_some(Ok(Outcome::Unknown))
            }
        }
    }
}

impl ScriptedTarget {
    /// Waits until a late answer comes, and takes the change then. Any other that has not come never comes.
    async fn late(&self, change: &Rendered) -> Result<Outcome, Fault> {
        loop {
            {
                let mut script = lock(&self.script);
                if let (true, true, Body::Json(record)) = (script.is_late, script.releases, &change.record.body) {
                    let key = script.take(change, self.assigns_keys, &json!(record));
                    return Ok(Outcome::Applied { local_key: Some(key), holds: None });
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[async_trait]
impl Target for ScriptedTarget {
    async fn apply(&mut self, _: &BatchId, changes: &[Rendered]) -> Vec<Result<Outcome, Fault>> {
        let _calling = Calling::begin(self);
        let mut results = Vec::with_capacity(changes.len());
        let mut fault: Option<Fault> = None;
        for change in changes {
            let result = match &fault {
                Some(fault) => Err(fault.clone()),
                None => match self.answer(change) {
                    Some(result) => result,
                    None => self.late(change).await,
                },
            };
            fault = match &result {
                Err(error) => Some(error.clone()),
                Ok(Outcome::Applied { .. }) => None,
                Ok(_) => self.stops.then(|| Fault::Retry {
                    reason: "something before it was not applied".to_owned(),
                    after: Some(Duration::ZERO),
                }),
            };
            results.push(result);
        }
        results
    }

    async fn find(&mut self, _: &BatchId, references: &[Reference]) -> Vec<Result<Found, Fault>> {
        let mut script = lock(&self.script);
        script.looked_up += references.len();
        if let LookUp::Down(left) = script.look_up {
            script.look_up = if left > 1 { LookUp::Down(left - 1) } else { LookUp::Truth };
            return references.iter().map(|_| Err(Fault::retry("the scripted system cannot be asked"))).collect();
        }
        let one = |reference: &Reference| match (script.look_up, script.found(reference)) {
            (LookUp::CannotTell, _) => Ok(Found::CannotTell),
            (_, Some((key, record))) => {
                Ok(Found::Applied { local_key: Some(key), holds: Some(Record::from_body(Body::Json(record.into()))) })
            }
            (_, None) => Ok(Found::NotApplied { local_key: reference.local_key.clone() }),
        };
        references.iter().map(one).collect()
    }
}
