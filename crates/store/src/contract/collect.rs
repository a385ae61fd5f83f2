//! What collect and map keep: streams, drops, hashes of published records, rejects.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use canonical::record::ContentHash;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::tasks::NewTask;
use super::{StoreError, require_keys};

/// The number of a drop: durable, increasing, never reused within a store.
pub type DropNumber = u64;

/// One stream of one system of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamKey {
    /// The organisation that the records belong to.
    pub tenant: Arc<str>,
    /// The system.
    pub system: Arc<str>,
    /// The stream.
    pub stream: Arc<str>,
}

/// Whether a drop of a stream is everything, or what changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Export {
    /// Each drop shows everything that the system has; what is missing is gone.
    Full,
    /// Each drop shows what is new or changed.
    #[default]
    Delta,
}

/// How a record ended. The outcomes of a drop add up to what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordOutcome {
    /// A new master, or a new source of one.
    Created,
    /// The source's document changed.
    Updated,
    /// The record, or its meaning, is what it was.
    Unchanged,
    /// The system no longer shows it.
    Removed,
    /// The whole drop, or the row in it, was there before.
    Duplicate,
    /// It cannot be read or mapped; it is kept as a reject.
    Rejected,
    /// It is set aside until somebody acts.
    Parked,
    /// Its customer is not known yet.
    Waiting,
    /// It may not leave its house.
    Withheld,
}

impl RecordOutcome {
    /// Every way in which a record can end, in the order of the accounting's equation.
    pub const ALL: [RecordOutcome; 9] = [
        RecordOutcome::Created,
        RecordOutcome::Updated,
        RecordOutcome::Unchanged,
        RecordOutcome::Removed,
        RecordOutcome::Duplicate,
        RecordOutcome::Rejected,
        RecordOutcome::Parked,
        RecordOutcome::Waiting,
        RecordOutcome::Withheld,
    ];

    /// Its name in accountings, pages and metrics: the same as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            RecordOutcome::Created => "created",
            RecordOutcome::Updated => "updated",
            RecordOutcome::Unchanged => "unchanged",
            RecordOutcome::Removed => "removed",
            RecordOutcome::Duplicate => "duplicate",
            RecordOutcome::Rejected => "rejected",
            RecordOutcome::Parked => "parked",
            RecordOutcome::Waiting => "waiting",
            RecordOutcome::Withheld => "withheld",
        }
    }
}

/// How many records of a drop ended how, as a difference or a sum.
///
/// `in_flight` is what was published and not resolved yet.
/// What was resolved was read, also while collect has not come to say so, or never does because it was interrupted and
/// its source shows something else by now: a store that is asked counts it as read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Records read, after grouping; the removal of a record that a full export no longer shows counts as one.
    pub read: i64,
    /// Rows or elements read, before grouping.
    pub rows: i64,
    /// How they ended.
    pub ended: BTreeMap<RecordOutcome, i64>,
    /// Published and not resolved yet.
    pub in_flight: i64,
}

impl Outcomes {
    /// Adds to one outcome.
    pub fn add(&mut self, outcome: RecordOutcome, count: i64) {
        *self.ended.entry(outcome).or_default() += count;
    }

    /// One outcome.
    pub fn get(&self, outcome: RecordOutcome) -> i64 {
        self.ended.get(&outcome).copied().unwrap_or_default()
    }

    /// Adds another difference or sum.
    pub fn merge(&mut self, other: &Outcomes) {
        self.read += other.read;
        self.rows += other.rows;
        self.in_flight += other.in_flight;
        for (outcome, count) in &other.ended {
            self.add(*outcome, *count);
        }
    }

    /// Whether every record that was read has exactly one outcome or is in flight.
    pub fn adds_up(&self) -> bool {
        self.in_flight >= 0 && self.read == self.ended.values().sum::<i64>() + self.in_flight
    }
}

/// Where a stream stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamState {
    /// The connector's checkpoint, as JSON.
    pub checkpoint: Option<serde_json::Value>,
    /// The drop that was begun and has not ended.
    pub open_drop: Option<DropNumber>,
    /// When the stream was last read to its end.
    pub last_run: Option<Timestamp>,
}

/// A pick-up that the hub is about to read.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDrop {
    /// Of which stream.
    pub stream: StreamKey,
    /// What people call it.
    pub name: String,
    /// The hash of its content, where known.
    pub fingerprint: Option<ContentHash>,
    /// Its size, where known.
    pub bytes: Option<u64>,
    /// Whether it is a full export.
    pub export: Export,
    /// The version of the mapping that will read it.
    pub mapping: String,
    /// Now.
    pub at: Timestamp,
    /// Whether a repeated drop is to be read all the same.
    pub again: bool,
}

/// The durable number of a drop, and the judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedDrop {
    /// The number; a drop that was begun and is resumed keeps its own.
    pub number: DropNumber,
    /// When it was begun; a drop that is resumed keeps its time.
    pub begun_at: Timestamp,
    /// What it is.
    pub judgement: DropJudgement,
}

/// Whether a drop was seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropJudgement {
    /// It is new. Also a repeated one that is read again on demand, or with another mapping.
    New,
    /// It was begun before and goes on; for a full export, the rows of [`KnownRecord`] that it has shown so far.
    Resumed {
        /// A serialised roaring bitmap of row numbers; empty for a delta.
        seen: Vec<u8>,
        /// What it has counted so far.
        outcomes: Outcomes,
    },
    /// A full export equals the last accepted one of its stream; a delta equals any earlier one.
    /// Its outcome is already counted, as many duplicates as the first had records.
    Duplicate {
        /// The number of the first.
        of: DropNumber,
        /// How many records it had.
        records: i64,
    },
}

/// What was last published of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownRecord {
    /// A small dense number of the record within its stream; at most 2³² per store.
    pub row: u32,
    /// The hash of its content and of the mapping version.
    pub hash: [u8; 16],
    /// The partition of the observed bus that it was last published to: later states of it follow each other there.
    pub partition: u32,
}

/// A record that was published: its key and hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedRecord {
    /// The system's own key.
    pub key: String,
    /// The hash of its content and of the mapping version.
    pub hash: [u8; 16],
    /// The partition of the observed bus that it went to: its removal goes the same way.
    pub partition: u32,
}

/// A known record that a full export has not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsentRecord {
    /// Its row.
    pub row: u32,
    /// The system's own key.
    pub key: String,
    /// The partition that it was last published to.
    pub partition: u32,
}

/// A record that cannot be used, with its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct NewReject {
    /// Its position in the drop.
    pub ordinal: u64,
    /// The file, where there is one.
    pub file: Option<String>,
    /// The line, counted from 1, where there is one.
    pub line: Option<u64>,
    /// The system's own key, when it could be read.
    pub key: Option<String>,
    /// A stable code.
    pub code: String,
    /// One sentence for people.
    pub reason: String,
    /// The bytes as they came.
    pub raw: Vec<u8>,
}

/// What one step of collect leaves behind, all or nothing: saved only after the bus confirmed the observations.
#[derive(Clone, Debug)]
pub struct Collected {
    /// Of which stream.
    pub stream: StreamKey,
    /// Of which drop.
    pub drop: DropNumber,
    /// The position after this step; `None` leaves the stored one, for steps inside one batch of the connector.
    pub checkpoint: Option<serde_json::Value>,
    /// New and changed records, with the hashes to remember.
    pub published: Vec<PublishedRecord>,
    /// The positions in the drop of everything that this step published, as a serialised roaring treemap; empty when it
    /// published nothing.
    pub ordinals: Vec<u8>,
    /// Rows of known records that this step has seen, as a serialised roaring bitmap; empty for a delta.
    pub seen: Vec<u8>,
    /// Rows whose removal was published: their hashes are forgotten, and who they were is kept until all is resolved.
    pub removed: Vec<u32>,
    /// What could not be used. A reject of the same drop and ordinal is stored once.
    pub rejects: Vec<NewReject>,
    /// What somebody should look at, such as a statement whose balances do not agree. Equal questions are asked once.
    pub tasks: Vec<NewTask>,
    /// The difference to the accounting.
    pub outcomes: Outcomes,
    /// How the drop ended, if it did.
    pub end: Option<DropEnd>,
    /// Now.
    pub at: Timestamp,
}

impl Collected {
    /// Refuses keys that no engine could keep.
    pub(crate) fn require_keys(&self) -> Result<(), StoreError> {
        let subjects = self.tasks.iter().map(|task| &*task.subject);
        require_keys(self.published.iter().map(|record| &*record.key).chain(subjects))
    }
}

/// How a drop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropEnd {
    /// Everything in it was read. It is what later drops are compared with.
    Accepted,
    /// It could not be read as a whole; nothing of it counts.
    Refused,
    /// It was a repetition.
    Duplicate,
}

/// What collect and map need.
#[async_trait]
pub trait CollectStore: Send + Sync {
    /// Where a stream stands; the default for one that was never read.
    async fn stream_state(&self, stream: &StreamKey) -> Result<StreamState, StoreError>;

    /// Gives a drop its durable number and judges whether it was seen before.
    ///
    /// If the stream has an open drop with the same name and fingerprint, that one goes on; another open drop of the
    /// stream is ended as refused first, because its source no longer shows it.
    async fn open_drop(&self, drop: NewDrop) -> Result<OpenedDrop, StoreError>;

    /// What was last published under these keys of a stream, in order; `None` for a key that is new or was forgotten.
    async fn known_records(&self, stream: &StreamKey, keys: &[&str]) -> Result<Vec<Option<KnownRecord>>, StoreError>;

    /// Saves one step in one transaction. Returns the rows of `published`, in order; they count as seen by the drop.
    async fn commit_collected(&self, step: Collected) -> Result<Vec<u32>, StoreError>;

    /// Known records of the stream that a full export has not shown, by row after `after`, at most `count_max`.
    async fn absent_records(
        &self,
        stream: &StreamKey,
        drop: DropNumber,
        after: Option<u32>,
        count_max: usize,
    ) -> Result<Vec<AbsentRecord>, StoreError>;

    /// How many records of a stream are known, and how many of those a full export has not shown.
    async fn absent_count(&self, stream: &StreamKey, drop: DropNumber) -> Result<(u64, u64), StoreError>;

    /// Remembers that the stream was read to its end, or why it could not be.
    async fn note_run(&self, stream: &StreamKey, at: Timestamp, fault: Option<&str>) -> Result<(), StoreError>;

    /// Remembers what a mapping version covers, so that sources can be read by later versions of the program.
    async fn save_mapping_version(&self, version: &str, name: &str, covers: &[String]) -> Result<(), StoreError>;
}
