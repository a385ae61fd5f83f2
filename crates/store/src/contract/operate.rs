//! What operators, stewards, the console and the command line ask, and the commands that they leave for the hub.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use canonical::entity::{Entity, Operation};
use jiff::Timestamp;
use master::MasterId;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::StoreError;
use super::collect::{DropEnd, DropNumber, Export, Outcomes, StreamKey};
use super::deliver::TargetState;
use super::matching::{JudgementAsked, MatchStore};
use super::resolve::{CrosswalkRow, JournalEntry, MasterRow, ParkedStage, SourceRow};
use super::tasks::{Decision, TaskStore};

/// A stream as operators see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamStatus {
    /// Which stream.
    #[serde(flatten)]
    pub stream: StreamKey,
    /// When it was last read to its end.
    pub last_run: Option<Timestamp>,
    /// Why the last run could not read, if it could not.
    pub fault: Option<String>,
    /// The sum over all drops.
    pub total: Outcomes,
    /// The latest drop.
    pub last_drop: Option<DropStatus>,
}

/// A drop as operators see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DropStatus {
    /// Its number.
    pub number: DropNumber,
    /// Its stream.
    #[serde(flatten)]
    pub stream: StreamKey,
    /// What people call it.
    pub name: String,
    /// Whether it is a full export.
    pub export: Export,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub end: Option<DropEnd>,
    /// The drop that it repeats.
    pub duplicate_of: Option<DropNumber>,
    /// Its accounting.
    pub outcomes: Outcomes,
}

/// A target as operators see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetStatus {
    /// The tenant.
    pub tenant: Arc<str>,
    /// The system.
    pub system: Arc<str>,
    /// Whether it can be written to.
    pub state: TargetState,
    /// Why not.
    pub reason: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// How many changes it took.
    pub delivered: u64,
    /// How many changes it refused.
    pub refused: u64,
    /// When it last took one.
    pub last_delivery: Option<Timestamp>,
}

/// A reject as operators see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RejectStatus {
    /// Its number, for `show`.
    pub number: u64,
    /// Its stream.
    #[serde(flatten)]
    pub stream: StreamKey,
    /// Its drop.
    pub drop: DropNumber,
    /// The file.
    pub file: Option<String>,
    /// The line.
    pub line: Option<u64>,
    /// The system's own key, when it could be read.
    pub key: Option<String>,
    /// The code.
    pub code: String,
    /// The reason.
    pub reason: String,
    /// The bytes as they came.
    #[serde(skip)]
    pub raw: Vec<u8>,
}

/// A parked message as operators see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParkedStatus {
    /// Its number: also the order behind one key.
    pub number: u64,
    /// The tenant.
    pub tenant: Arc<str>,
    /// Before resolve or before a system.
    pub stage: ParkedStage,
    /// The system.
    pub system: Arc<str>,
    /// What blocks.
    pub key: String,
    /// The kind of the document.
    pub entity: Entity,
    /// The master, where known.
    pub master_id: Option<MasterId>,
    /// The version, for a delivery.
    pub version: Option<u64>,
    /// A stable code.
    pub code: String,
    /// Why; `None` when it only stands behind another.
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// The message.
    #[serde(skip)]
    pub event: Vec<u8>,
}

/// A waiting document as operators see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaitingStatus {
    /// Its number.
    pub number: u64,
    /// The system that shows it.
    pub system: Arc<str>,
    /// The kind of the document.
    pub entity: Entity,
    /// The system's own key of it.
    pub key: String,
    /// The customer key that it waits for, and the system of that key.
    pub needs_system: Arc<str>,
    /// The customer key that it waits for.
    pub needs_key: String,
    /// Its drop.
    pub drop: DropNumber,
    /// Since when.
    pub since: Timestamp,
}

/// A master in a listing.
#[derive(Clone, Debug, Serialize)]
pub struct MasterSummary {
    /// The master.
    pub master_id: MasterId,
    /// The kind of the document.
    pub entity: Entity,
    /// The version.
    pub version: u64,
    /// Whether it is there, removed, or redirected.
    pub state: Operation,
    /// The customer whose story it belongs to.
    pub root: MasterId,
    /// The document.
    pub document: Box<serde_json::value::RawValue>,
    /// Which systems know it, with their keys.
    pub systems: Vec<(Arc<str>, String)>,
}

/// Everything about one master.
#[derive(Clone, Debug, PartialEq)]
pub struct MasterStory {
    /// The tenant that it belongs to.
    pub tenant: Arc<str>,
    /// Its current state.
    pub master: MasterRow,
    /// What every system shows of it.
    pub sources: Vec<SourceRow>,
    /// What the mappings of these sources cover, by version; versions that were never saved are left out.
    pub covers: BTreeMap<Arc<str>, Arc<[String]>>,
    /// What every system holds of it.
    pub crosswalk: Vec<CrosswalkRow>,
    /// What happened to it, oldest first, at most the newest 500 entries.
    pub journal: Vec<JournalEntry>,
}

/// What a search found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Hit {
    /// A customer, invoice, payment or allocation.
    Master(MasterSummary),
    /// A pick-up, by number or file name.
    Drop(DropStatus),
    /// A reject, by key.
    Reject(RejectStatus),
    /// A waiting document, by key.
    Waiting(WaitingStatus),
}

/// What a listing is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this tenant.
    pub tenant: Option<String>,
    /// Only this system.
    pub system: Option<String>,
    /// Only this kind of document.
    pub entity: Option<Entity>,
    /// Only documents that belong to this customer, which is not among them; in listings of masters.
    pub customer: Option<MasterId>,
    /// Only what contains this text, where a listing can be searched.
    pub text: Option<String>,
    /// Only what comes after this number in the order of the listing: smaller ones where the newest come first.
    /// Of the journal of a drop, only records after this position in the drop.
    pub after: Option<u64>,
    /// At most this many; 0 means 100.
    pub count_max: usize,
}

/// A command left for the running hub: an action with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Command {
    /// Read a stream now.
    Collect {
        /// The system.
        system: String,
        /// The stream; all streams when absent.
        stream: Option<String>,
        /// Whether a drop that was seen before is read all the same.
        #[serde(default)]
        again: bool,
    },
    /// Wait until everything that is on its way now has come to its end: delivered, parked, waiting, or kept for a
    /// system that is halted or paused. The answer tells as JSON what is on its way then: nothing, unless it was given up.
    Settle {
        /// Give up when nothing of it has moved for this many milliseconds; 0 tells at once what is on its way.
        patience_ms: u64,
    },
    /// Tell how the hub stands: its workers, what each does, what is on its way. The answer is JSON.
    Status,
    /// Tell what only one worker knows. For that worker alone; the answer is JSON.
    Tell {
        /// The name of the worker.
        worker: String,
    },
    /// Try a parked message again, and those behind it.
    RetryParked {
        /// Its number.
        number: u64,
    },
    /// Give a parked message up; those behind it go on.
    DiscardParked {
        /// Its number.
        number: u64,
    },
    /// End tasks, with the decision of a person. The answer is a [`TasksClosed`](super::tasks::TasksClosed) as JSON.
    CloseTasks {
        /// Only tasks of this tenant.
        #[serde(default)]
        tenant: Option<String>,
        /// Their numbers, at most [`TASKS_CLOSED_MAX`](super::tasks::TASKS_CLOSED_MAX).
        numbers: Vec<u64>,
        /// The decision, the same for all.
        decision: Decision,
        /// Why, in the person's own words; personal data may be in it.
        reason: String,
        /// Who.
        by: String,
    },
    /// Decide who is who. The answer is a [`Judged`](super::matching::Judged) as JSON.
    Judge(JudgementAsked),
    /// Decide what a unit of a customer says, whatever its sources say, or take that back. The answer is an
    /// [`Overridden`] as JSON.
    Override(OverrideAsked),
    /// Stop delivering to a system.
    Pause {
        /// The system.
        system: String,
    },
    /// Go on delivering to a system.
    Resume {
        /// The system.
        system: String,
    },
}

/// An override of one unit of a customer that somebody wants, or no longer wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideAsked {
    /// The tenant.
    pub tenant: String,
    /// The customer; of one that is one with another, that other.
    pub master_id: MasterId,
    /// The unit, as `master::units` names it.
    pub unit: String,
    /// What it says: `null` decides that it is empty. `None`: the sources decide again.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
    pub value: Option<Value>,
    /// Who. At most [`NAME_CHARS_MAX`](super::tasks::NAME_CHARS_MAX) characters.
    pub by: String,
    /// Why. At most [`REASON_CHARS_MAX`](super::tasks::REASON_CHARS_MAX) characters.
    pub reason: String,
}

/// A value that is there, also where it is `null`.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// What an override came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overridden {
    /// The customer.
    pub master_id: MasterId,
    /// Its version now.
    pub version: u64,
    /// Whether this version is new: its document says something else than before.
    pub is_changed: bool,
    /// All units of it that are overridden now, in the order of their names.
    pub units: Vec<String>,
}

/// What operators and stewards need. Listings are bounded by [`Filter::count_max`].
#[async_trait]
pub trait OperateStore: TaskStore + MatchStore {
    /// Where every stream stands.
    async fn streams(&self, filter: &Filter) -> Result<Vec<StreamStatus>, StoreError>;
    /// Drops, newest first.
    async fn drops(&self, filter: &Filter) -> Result<Vec<DropStatus>, StoreError>;
    /// Where every target stands.
    async fn targets(&self, filter: &Filter) -> Result<Vec<TargetStatus>, StoreError>;
    /// Rejects, newest first.
    async fn rejects(&self, filter: &Filter) -> Result<Vec<RejectStatus>, StoreError>;
    /// Parked messages, oldest first.
    async fn parked(&self, filter: &Filter) -> Result<Vec<ParkedStatus>, StoreError>;
    /// One parked message with everything behind its key, oldest first; empty when there is none.
    async fn parked_behind(&self, number: u64) -> Result<Vec<ParkedStatus>, StoreError>;
    /// Takes parked messages away, in one transaction. With `requeue`, deliveries get an outbox row for their system, and
    /// observations count as in flight again (the hub has published them before); without, observations count as rejected,
    /// and what was last published of their records is forgotten, so that the same content is taken when it is shown again.
    /// The tasks that ask about them are closed. Deliveries that only stood behind them, and nobody else's, are taken up
    /// again as by [`finish_attempt`](super::deliver::DeliverStore::finish_attempt).
    async fn unpark(&self, numbers: &[u64], requeue: bool, at: Timestamp) -> Result<(), StoreError>;
    /// Waiting documents, oldest first.
    async fn waiting(&self, filter: &Filter) -> Result<Vec<WaitingStatus>, StoreError>;
    /// Masters, by id; `text` searches names, numbers and keys.
    async fn masters(&self, filter: &Filter) -> Result<Vec<MasterSummary>, StoreError>;
    /// Everything about one master.
    async fn story(&self, tenant: Option<&str>, master_id: MasterId) -> Result<Option<MasterStory>, StoreError>;
    /// What carries this name, number, key, file name, drop number, master id or message id; at most 50.
    async fn find(&self, tenant: Option<&str>, text: &str) -> Result<Vec<Hit>, StoreError>;
    /// The journal entries of one drop, oldest first.
    async fn drop_journal(&self, number: DropNumber, filter: &Filter) -> Result<Vec<JournalEntry>, StoreError>;
    /// How many rejects, parked, waiting and open tasks there are, how many changes the outbox has, and the time of its oldest.
    async fn counts(&self, filter: &Filter) -> Result<Counts, StoreError>;
    /// Leaves a command for the running hub; returns its number.
    async fn submit(&self, command: &Command, at: Timestamp) -> Result<u64, StoreError>;
    /// Commands that nobody has carried out, oldest first.
    async fn pending(&self) -> Result<Vec<(u64, Command)>, StoreError>;
    /// Notes how a command ended.
    async fn answer(&self, number: u64, answer: Result<&str, &str>) -> Result<(), StoreError>;
    /// How a command ended; `None` while it has not.
    async fn answer_of(&self, number: u64) -> Result<Option<Result<String, String>>, StoreError>;
}

/// What needs somebody, and what is on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rejects.
    pub rejects: u64,
    /// Parked messages.
    pub parked: u64,
    /// Waiting documents.
    pub waiting: u64,
    /// Open tasks.
    pub tasks: u64,
    /// Changes that are not on the bus yet.
    pub outbox: u64,
    /// When the oldest of those was made.
    pub outbox_oldest: Option<Timestamp>,
    /// Attempts that have not ended.
    pub attempts: u64,
    /// Customers.
    pub customers: u64,
    /// Other documents.
    pub documents: u64,
}
