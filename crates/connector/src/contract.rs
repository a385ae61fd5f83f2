//! What a connector is, in types.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use canonical::entity::{Entity, Operation};
use canonical::record::{Clearing, ContentHash, Place, Record};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A kind of connector. The configuration struct *is* the connector: its doc comments are the published reference,
/// and unknown fields are errors (`#[serde(deny_unknown_fields)]`).
#[async_trait]
pub trait Connector: DeserializeOwned + JsonSchema + Send + 'static {
    /// The name in `kind = "…"`, such as `csv-drop`.
    const KIND: &'static str;

    /// Opens the named streams, each with its own checkpoint, and the target if the configuration has one.
    ///
    /// It does not read a record yet. Opening again after a crash is always allowed.
    ///
    /// # Errors
    /// [`Fault::Halt`] names the configuration field that cannot work; [`Fault::Retry`] says that the system is not there now.
    async fn open(self, context: &OpenContext) -> Result<Ports, Fault>;
}

/// What a connector needs to know about the place it is opened in.
#[derive(Clone, Debug, Default)]
pub struct OpenContext {
    /// The system's name in the configuration.
    pub system: String,
    /// The user's directory: relative paths start here.
    pub directory: PathBuf,
    /// What the hub knows about each stream from its mapping. A stream that is missing here is not grouped.
    pub streams: BTreeMap<String, StreamContext>,
}

impl OpenContext {
    /// The context of one stream; the default one when the hub said nothing about it.
    pub fn stream(&self, name: &str) -> StreamContext {
        self.streams.get(name).cloned().unwrap_or_default()
    }
}

/// What the hub knows about a stream from its mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamContext {
    /// Consecutive rows with equal values in these columns form one record. Empty: every row is a record.
    /// A row whose values in these columns are all blank continues the open group.
    pub group_by: Vec<String>,
    /// The XML elements (or JSON values) that are one record each, as the mapping names them: any of these paths starts
    /// a record. A connector's own setting goes before them.
    pub record_paths: Vec<String>,
    /// Namespace prefixes used by `record_paths` and `context`, each with the URIs that it stands for
    /// (versions of one format).
    pub namespaces: BTreeMap<String, Vec<String>>,
    /// What an XML record needs from the elements around it, as the mapping names it: by name the paths of which the
    /// first that is there counts. A connector's own setting of a name goes before it.
    pub context: BTreeMap<String, Vec<String>>,
    /// Where a record becomes several, as the mapping names it.
    pub split: Option<Split>,
    /// The columns without which the mapping can read no row of a table: a table that lacks one is refused as a whole.
    pub columns: Vec<NeededColumn>,
    /// Records are pairs of rows that clear each other; `columns` then are those of the table itself.
    pub clearing: Option<Clearing>,
}

/// Elements (or JSON values) inside a record that repeat: where there are several, the record becomes one for each,
/// which has all of the record but the others.
///
/// A record without them, or with a single one, stays as it is. Each of the records that one becomes counts, and is
/// placed, by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The path from the record down to them, in the syntax of the format.
    pub at: String,
    /// Paths from such an element down: the record becomes several only if each of the elements has something at one of
    /// them. Empty: it always does.
    pub with: Vec<String>,
}

/// A column that a mapping needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededColumn {
    /// What the mapping reads there: the path of a field, or `key`.
    pub field: String,
    /// The names of the column; a table that has any of them has what is needed.
    pub any_of: Vec<String>,
}

/// The open streams and the target of a system.
#[derive(Default)]
pub struct Ports {
    /// The sources by stream name.
    pub sources: BTreeMap<String, Box<dyn Source>>,
    /// The target, when the system can be written to.
    pub target: Option<Box<dyn Target>>,
    /// How deliveries to the target are gathered.
    pub batching: Batching,
}

/// How deliveries are gathered before [`Target::apply`] is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// At most this many changes in one call.
    pub count_max: usize,
    /// A call is made once the oldest gathered change has waited this long. Zero: as soon as there is one.
    pub age_max: Duration,
    /// Whether the system gives new records a key of its own (a REST create). If not, the hub proposes one.
    pub assigns_keys: bool,
    /// How many calls, for different customers, may run at once. File targets have 1.
    pub concurrency: usize,
    /// Longest time that one call may take, after which its outcome is unknown.
    pub timeout: Duration,
    /// Whether a change that is not applied, for whatever reason, stops those behind it in the call: they are not applied
    /// either and get [`Fault::Retry`], with zero for `after` where nothing hinders them. Then a call may carry many
    /// documents of one customer. If not, the hub puts at most one of each into a call, so that none overtakes one that
    /// is refused.
    pub stops: bool,
}

impl Default for Batching {
    fn default() -> Self {
        Batching {
            count_max: 500,
            age_max: Duration::ZERO,
            assigns_keys: false,
            concurrency: 1,
            timeout: Duration::from_secs(60),
            stops: false,
        }
    }
}

/// A position in a stream. Only the connector that made it reads it.
///
/// It is stored by the hub as JSON and stays small: at most 64 KiB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checkpoint(pub serde_json::Value);

/// A stream that can be read from any of its checkpoints.
#[async_trait]
pub trait Source: Send {
    /// Reads what follows `after` (`None`: from the very beginning); returns `None` when there is nothing new for now.
    ///
    /// Reading again from one checkpoint gives the same keys or newer states of them, never fewer.
    /// A batch never spans two drops. A checkpoint never falls inside an open group of rows.
    /// Within one drop, the place of a record is the same however often, and from whichever checkpoint, it is read.
    /// Memory does not grow with the size of the drop.
    ///
    /// # Errors
    /// [`Fault::Retry`]: the system is not there, or does not answer as agreed for now. [`Fault::Halt`]: somebody must act.
    async fn read(&mut self, after: Option<&Checkpoint>) -> Result<Option<Batch>, Fault>;

    /// Called once everything up to `done` is durable: archive the file, acknowledge the cursor.
    /// May be called twice with one checkpoint, and is called again with the latest checkpoint after a restart.
    ///
    /// # Errors
    /// As for [`read`](Self::read); the hub calls again later and loses nothing.
    async fn commit(&mut self, done: &Checkpoint) -> Result<(), Fault>;

    /// Whether a drop that was read before can be read once more, because some of what it showed was lost on its way.
    /// By default it cannot, and the stream is to be read from its very beginning.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    async fn again(&mut self, drop: &PastDrop) -> Result<Again, Fault> {
        let _ = drop;
        Ok(Again::Everything)
    }
}

/// A drop that was read before, as [`DropLabel`] told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct PastDrop {
    /// What people call it.
    pub name: String,
    /// The hash of its content, where known.
    pub fingerprint: Option<ContentHash>,
}

/// How a drop that was read before can be read once more.
pub enum Again {
    /// It is still there: a source of this drop alone, which shows every record at the place that it had.
    Drop(Box<dyn Source>),
    /// Not by itself; but reading from the very beginning shows again what it showed, or newer states of that.
    Everything,
    /// It is gone, with what somebody has to do, as the end of a sentence.
    Gone(String),
}

/// A part of one drop, in the order of the source.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The drop that this is a part of.
    pub drop: DropLabel,
    /// The records, and what could not be read as one.
    pub items: Vec<Item>,
    /// Whether the drop ends with this batch.
    pub last: bool,
    /// The position after this batch.
    pub checkpoint: Checkpoint,
}

/// What identifies a drop towards the hub, which judges whether it was seen before. Equal in all batches of one drop.
#[derive(Clone, Debug, PartialEq)]
pub struct DropLabel {
    /// What people call it: the file's name, or the time window of a polling run.
    pub name: String,
    /// A hash of the whole content where it is known beforehand (files); the hub recognises repeated drops by it.
    pub fingerprint: Option<ContentHash>,
    /// The size in bytes where it is known beforehand, for progress bars.
    pub bytes: Option<u64>,
    /// How many bytes of it are behind the checkpoint of this batch, where known. Only for progress; may differ by batch.
    pub bytes_done: Option<u64>,
    /// The position after the whole drop, for a hub that decides not to read it.
    pub skip: Option<Checkpoint>,
}

/// A record, or what could not be read as one.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A record.
    Record(Record),
    /// Something at a place that is not a record.
    Reject(Reject),
}

/// A record that cannot be read, mapped or accepted: its place, its reason, its raw bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Reject {
    /// Where it was found.
    pub place: Place,
    /// A stable, searchable code, such as `csv.ragged-row`; the list is in the documentation.
    pub code: &'static str,
    /// One sentence for people: what is wrong and what to do. No values of personal data.
    pub reason: String,
    /// The bytes as they came; a file whose content could not be read at all keeps its bytes in the reject folder instead.
    pub raw: Vec<u8>,
}

/// The name of one call to [`Target::apply`], durable in the hub before the call; letters, digits and hyphens only.
pub type BatchId = str;

/// A system that can be written to.
#[async_trait]
pub trait Target: Send {
    /// Upserts or removes by our reference; returns one result per change, in order.
    ///
    /// A repeated call with the same batch id and the same changes changes nothing more.
    /// `Err(Fault::Retry)`: the system is down, and this change was certainly not applied.
    /// When it is not certain, the result is [`Outcome::Unknown`], and the hub asks [`find`](Self::find) before it tries again.
    async fn apply(&mut self, batch: &BatchId, changes: &[Rendered]) -> Vec<Result<Outcome, Fault>>;

    /// What does the system hold under these references? Asked after a crash or an unknown outcome.
    ///
    /// What was not applied is sent again in a batch of its own: one that was looked up is never sent again. Where the
    /// target can see to that, a call of it that is under way somewhere still comes to nothing.
    async fn find(&mut self, batch: &BatchId, references: &[Reference]) -> Vec<Result<Found, Fault>>;
}

/// How a system's record and ours are known to be the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// The kind of the document.
    pub entity: Entity,
    /// The master id: our own reference, the same in every call for this document.
    pub master_id: String,
    /// The version of the master that the change carries.
    pub version: u64,
    /// The system's own key; `None` when it has none yet.
    pub local_key: Option<String>,
}

impl Reference {
    /// The idempotency key of this change: equal for every attempt, different for every version, and different for every
    /// record that a system has of one document. Letters, digits, hyphens and underscores only.
    pub fn idempotency_key(&self) -> String {
        let mut key = format!("{}-{}", self.master_id, self.version);
        if let Some(local_key) = &self.local_key {
            key.push('-');
            for byte in local_key.bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => key.push(byte as char),
                    // Writing to a string does not fail.
                    _ => _ = write!(key, "_{byte:02x}"),
                }
            }
        }
        key
    }
}

/// One change in the target's own shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// Which document, and the system's key for it.
    pub reference: Reference,
    /// Upsert or remove. A redirect reaches a target as the removal of the losing record, if the system wants that.
    pub operation: Operation,
    /// The whole record as it must be afterwards, unmapped columns included; for a removal, the last one known.
    pub record: Record,
    /// What the system was last known to hold, for targets that send differences only.
    pub previous: Option<Record>,
}

/// How one change ended at the target.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The system now holds it.
    Applied {
        /// The system's key, when the system gave or confirmed one.
        local_key: Option<String>,
        /// What the system says it holds now, when it said so.
        holds: Option<Record>,
    },
    /// The system refuses this document; sending it again unchanged would be refused again.
    Rejected(Reject),
    /// It may or may not have been applied.
    Unknown,
}

/// What the system holds under a reference.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// The change with this reference's version was applied.
    Applied {
        /// The system's key, if there is one.
        local_key: Option<String>,
        /// The record as the system holds it, when it can be read back.
        holds: Option<Record>,
    },
    /// The system holds something else, or nothing, under this reference: the change can be sent.
    NotApplied {
        /// The system's key, if it holds an older state.
        local_key: Option<String>,
    },
    /// This target cannot look up; a person must decide.
    CannotTell,
}

/// Why a call could not be carried out as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The system is down or busy: the same call can succeed later.
    #[error("{reason}")]
    Retry {
        /// One sentence for people.
        reason: String,
        /// How long the system asked us to wait; zero: the rest can be sent at once, the system is well.
        after: Option<Duration>,
    },
    /// The call cannot succeed until somebody acts: configuration, credentials, rights.
    #[error("{reason}")]
    Halt {
        /// One sentence for people that names the remedy.
        reason: String,
    },
}

impl Fault {
    /// A fault that passes by itself.
    pub fn retry(reason: impl Into<String>) -> Self {
        Fault::Retry { reason: reason.into(), after: None }
    }

    /// A fault that needs a person.
    pub fn halt(reason: impl Into<String>) -> Self {
        Fault::Halt { reason: reason.into() }
    }
}
