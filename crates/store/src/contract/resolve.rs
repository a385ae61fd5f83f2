//! What resolve keeps: sources, masters, crosswalk, match keys, outbox, waiting.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use canonical::entity::{Entity, Operation};
use jiff::Timestamp;
use master::MasterId;
use serde::{Deserialize, Serialize};

use super::collect::{DropNumber, Outcomes};
use super::matching::{MatchResolution, MatchWrites};
use super::tasks::{NewTask, TaskClosing};
use super::{StoreError, require_keys};

/// A record of a system: what the crosswalk links to a master.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LocalKey {
    /// The system.
    pub system: Arc<str>,
    /// The kind of the document.
    pub entity: Entity,
    /// The system's own key.
    pub key: String,
}

/// The position of an observation in the feed of its stream: later positions are newer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The drop.
    pub drop: DropNumber,
    /// The record's position in the drop.
    pub ordinal: u64,
}

impl Position {
    /// As it stands in two columns of a row, both of which may be empty.
    pub(crate) fn from_columns(drop: Option<i64>, ordinal: Option<i64>) -> Option<Position> {
        Some(Position { drop: drop?.cast_unsigned(), ordinal: ordinal?.cast_unsigned() })
    }
}

/// The latest document that one stream shows of one record, kept whole.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceRow {
    /// Whose record.
    pub local: LocalKey,
    /// The stream that shows it.
    pub stream: Arc<str>,
    /// The master that it belongs to.
    pub master_id: MasterId,
    /// The document, as JSON. Kept also after a removal.
    pub document: Box<str>,
    /// The version of the mapping that read it; see [`ResolveStore::mapping_covers`].
    pub mapping: Arc<str>,
    /// Since when the source asserts each value, as `master` writes it; JSON.
    pub asserted: Box<str>,
    /// What of the record its mapping does not carry; JSON of a record body. `None` when the mapping carries everything.
    pub residue: Option<Box<str>>,
    /// Where the document was observed. Only an observation with a later position replaces it.
    pub position: Position,
    /// When it was observed.
    pub observed_at: Timestamp,
    /// Whether the system no longer shows it.
    pub removed: bool,
}

/// What links a record of a system to a master, and what the system was last known to hold.
#[derive(Clone, Debug, PartialEq)]
pub struct CrosswalkRow {
    /// The record.
    pub local: LocalKey,
    /// Its master.
    pub master_id: MasterId,
    /// The shadow: what the system holds after our last delivery, as a document of the fields that its mapping writes; JSON.
    /// `None` when the system has shown its record since: then its source rows tell.
    pub holds: Option<Box<str>>,
    /// What of the delivered record its mapping does not carry; JSON of a record body.
    pub residue: Option<Box<str>>,
    /// The version of the master that was last delivered; 0 when nothing was.
    pub version: u64,
    /// Whether the system is known to hold nothing under this key any more. Then the shadow, if there is one, is what it
    /// held before we removed it.
    pub removed: bool,
    /// What was delivered before the present shadow and the system has not shown since, oldest first, at most 8: an export
    /// that was made before the last delivery shows one of these. The end of a call adds the shadow that it replaces,
    /// for systems that [are read](super::deliver::Delivered::is_read).
    pub earlier: Vec<Box<str>>,
}

/// The golden document of a customer, or the current version of any other document.
#[derive(Clone, Debug, PartialEq)]
pub struct MasterRow {
    /// Permanent and never reused.
    pub master_id: MasterId,
    /// The kind of the document.
    pub entity: Entity,
    /// The document, as JSON; of a removed or redirected master, the last one.
    pub document: Box<str>,
    /// From one sequence per tenant.
    pub version: u64,
    /// Upsert: it is there. Remove: no source shows it. Redirect: another master took its place.
    pub state: Operation,
    /// The master that took its place.
    pub redirect: Option<MasterId>,
    /// The customer whose story it belongs to; a customer's own id, an invoice's customer. Its own id when it has none.
    pub root: MasterId,
    /// What people look for: number, names; lower case, space separated.
    pub search: Box<str>,
}

/// A change on its way to the bus.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxWrite {
    /// The master; the relay publishes its current document.
    pub master_id: MasterId,
    /// The version that caused it.
    pub version: u64,
    /// Only for this system, which showed something that may differ from what it should hold; `None`: for all subscribers.
    pub system: Option<Arc<str>>,
}

/// One line of the story of an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// When.
    pub at: Timestamp,
    /// What happened: `created`, `updated`, `removed`, `waiting`, `released`, `delivered`, `rejected`, …; from [`JournalKind`].
    pub kind: JournalKind,
    /// The system concerned.
    pub system: Arc<str>,
    /// The kind of the document.
    pub entity: Entity,
    /// The system's own key, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The master, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_id: Option<MasterId>,
    /// The version, where one was made or delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Where it was found; for deliveries, absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// The line in the file, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Why, or which batch; no personal data, but for the reason of an override, which is in the words of who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What a line of the journal tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalKind {
    /// A new master, from this observation.
    Created,
    /// The observation was linked to a master that was there.
    Linked,
    /// The observation made a new version.
    Updated,
    /// The observation changed its source and not the golden document.
    Confirmed,
    /// The system no longer shows its record.
    Removed,
    /// The document waits for its customer.
    Waiting,
    /// What it waited for came.
    Released,
    /// The observation or delivery was set aside.
    Parked,
    /// It was tried again on demand.
    Retried,
    /// It was given up on demand.
    Discarded,
    /// The system took the change.
    Delivered,
    /// The system refused the change.
    Refused,
    /// The outcome at the system was not known, and was looked up.
    LookedUp,
    /// A record moved here from another master.
    Moved,
    /// Another master became one with this one, or this one with another.
    Merged,
    /// A master that was one with another is itself again.
    Split,
    /// Somebody decided what a unit says, or took that back.
    Overridden,
}

/// A document that waits for its customer.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitingRow {
    /// Increasing: the order in which they came.
    pub number: u64,
    /// What it waits for.
    pub needs: LocalKey,
    /// The record that waits.
    pub local: LocalKey,
    /// Its stream.
    pub stream: Arc<str>,
    /// Where it was observed.
    pub position: Position,
    /// The whole observation, as it came from the bus.
    pub event: Vec<u8>,
    /// Since when.
    pub since: Timestamp,
}

/// An observation or delivery set aside.
#[derive(Clone, Debug, PartialEq)]
pub struct NewParked {
    /// Observed or delivery.
    pub stage: ParkedStage,
    /// The system: where it came from, or where it was to go.
    pub system: Arc<str>,
    /// What blocks: for a delivery the root master id, for an observation the partition key. Later ones line up behind it.
    pub key: String,
    /// The kind of the document.
    pub entity: Entity,
    /// The master, where known.
    pub master_id: Option<MasterId>,
    /// The version, for a delivery.
    pub version: Option<u64>,
    /// Where it was observed.
    pub position: Option<Position>,
    /// A stable code.
    pub code: String,
    /// One sentence for people; `None` when it only stands behind another.
    pub reason: Option<String>,
    /// What a delivery needs before it can go. The transaction that makes that key known takes it up again.
    pub needs: Option<NeededKey>,
    /// The subject of the task that asks about it. The task is closed with it, however it leaves.
    pub task: Option<String>,
    /// The message, as it came from the bus.
    pub event: Vec<u8>,
    /// Now.
    pub at: Timestamp,
}

/// The key that a system has for a master, as long as it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededKey {
    /// The system.
    pub system: Arc<str>,
    /// The master.
    pub master_id: MasterId,
}

/// At which stage something is parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParkedStage {
    /// Before resolve.
    Observed,
    /// Before a system.
    Delivery,
}

/// Numbers that were taken from the tenant's sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// The first of the master ids.
    pub master_id: MasterId,
    /// The first of the versions.
    pub version: u64,
}

/// The match keys of a master, after this transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchKeysWrite {
    /// The master.
    pub master_id: MasterId,
    /// Keys to add: `siren:552100554`, an invoice's identity; the entity's name goes before, so kinds never mix.
    pub add: Vec<String>,
    /// Keys to take away.
    pub remove: Vec<String>,
}

/// What one transaction of resolve writes, all or nothing.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// Sources, new or replaced.
    pub sources: Vec<SourceRow>,
    /// Crosswalk rows, new or replaced.
    pub crosswalk: Vec<CrosswalkRow>,
    /// Masters, new or replaced.
    pub masters: Vec<MasterRow>,
    /// Match keys.
    pub match_keys: Vec<MatchKeysWrite>,
    /// Changes to publish, in order.
    pub outbox: Vec<OutboxWrite>,
    /// Lines of the journal.
    pub journal: Vec<JournalEntry>,
    /// Documents that begin to wait; their numbers are given by the store.
    pub waiting: Vec<WaitingRow>,
    /// Numbers of documents that wait no more.
    pub released: Vec<u64>,
    /// What is set aside.
    pub parked: Vec<NewParked>,
    /// Numbers of parked observations that are done.
    pub unparked: Vec<u64>,
    /// The difference to the accounting of each drop.
    pub outcomes: BTreeMap<DropNumber, Outcomes>,
    /// Tasks that somebody's decision ends, by number; those that are closed or gone already are passed over.
    pub tasks_closed: Vec<(u64, TaskClosing)>,
    /// Subjects of open tasks that have nothing to ask about any more: they disappear. They end before the new ones are
    /// asked, and after the decisions.
    pub tasks_ended: Vec<String>,
    /// Questions for a steward or an operator.
    pub tasks: Vec<NewTask>,
    /// Who is who.
    pub matching: MatchWrites,
}

impl Resolved {
    /// Refuses keys that no engine could keep.
    pub(crate) fn require_keys(&self) -> Result<(), StoreError> {
        let sources = self.sources.iter().map(|row| &*row.local.key);
        let crosswalk = self.crosswalk.iter().map(|row| &*row.local.key);
        let matches = self.match_keys.iter().flat_map(|write| &write.add).map(String::as_str);
        let subjects = self.tasks.iter().map(|task| &*task.subject);
        require_keys(sources.chain(crosswalk).chain(matches).chain(subjects))
    }
}

/// What resolve needs.
#[async_trait]
pub trait ResolveStore: Send + Sync {
    /// Begins the transaction that resolves one batch of a tenant. Two of them never decide about the same new customer
    /// at once. Dropping it changes nothing.
    async fn begin_resolve(&self, tenant: &str) -> Result<Box<dyn Resolution>, StoreError>;

    /// What a mapping version covers; `None` when it was never saved.
    async fn mapping_covers(&self, version: &str) -> Result<Option<Arc<[String]>>, StoreError>;

    /// Changes that are not published yet, oldest first, with the current state of their masters.
    /// Several changes of one master come as one, under the newest version; for all subscribers if any of them is.
    async fn outbox(&self, count_max: usize) -> Result<Vec<OutboxRow>, StoreError>;

    /// How many changes are not published yet, of all tenants, and when the oldest of them was made. Cheap enough to be
    /// asked many times a second.
    async fn outbox_count(&self) -> Result<(u64, Option<Timestamp>), StoreError>;

    /// Forgets changes that the bus has confirmed.
    async fn outbox_done(&self, rows: &[OutboxRow]) -> Result<(), StoreError>;

    /// Notes for a system that these changes did not fit into its delivery queue, at the end of its backlog. A master
    /// stands there once, at the place that it took first.
    async fn add_to_backlog(&self, system: &str, rows: &[OutboxRow]) -> Result<(), StoreError>;

    /// The first changes of a system's backlog, in order, with the current state of their masters.
    async fn backlog(&self, tenant: &str, system: &str, count_max: usize) -> Result<Vec<BacklogRow>, StoreError>;

    /// How many changes a system's backlog has.
    async fn backlog_count(&self, tenant: &str, system: &str) -> Result<u64, StoreError>;

    /// Forgets changes of a backlog that the bus has confirmed. One that was noted again since it was read stays.
    async fn backlog_done(&self, rows: &[BacklogRow]) -> Result<(), StoreError>;

    /// Waits until the outbox may have something again. May return early.
    async fn outbox_changed(&self);
}

/// A change to publish.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    /// The tenant.
    pub tenant: Arc<str>,
    /// The numbers of the outbox rows that this stands for.
    pub numbers: Vec<u64>,
    /// Only for these systems; `None`: for all subscribers.
    pub systems: Option<Vec<Arc<str>>>,
    /// The current state of the master.
    pub master: MasterRow,
}

/// A change that waits for room in the delivery queue of one system.
#[derive(Clone, Debug, PartialEq)]
pub struct BacklogRow {
    /// Its place in the backlog, and which noting of it this stands for.
    pub place: (u64, u64),
    /// The change, for this system only.
    pub change: OutboxRow,
}

/// The transaction of one batch. Reads see what is committed; writes are gathered by the caller and come last.
#[async_trait]
pub trait Resolution: MatchResolution {
    /// The crosswalk rows of these records, in order.
    async fn crosswalk(&mut self, keys: &[LocalKey]) -> Result<Vec<Option<CrosswalkRow>>, StoreError>;
    /// The masters that have these match keys, in order. A key leads to at most 64 masters; more are cut off.
    async fn matches(&mut self, keys: &[String]) -> Result<Vec<Vec<MasterId>>, StoreError>;
    /// These masters, in order.
    async fn masters(&mut self, ids: &[MasterId]) -> Result<Vec<Option<MasterRow>>, StoreError>;
    /// All sources of these masters, removed ones included, in order of master and then of stream.
    async fn sources_of(&mut self, ids: &[MasterId]) -> Result<Vec<Vec<SourceRow>>, StoreError>;
    /// What waits of these records, whichever stream shows them, oldest first.
    async fn waiting_of(&mut self, keys: &[LocalKey]) -> Result<Vec<WaitingRow>, StoreError>;
    /// What waits for these records, oldest first.
    async fn waiting_for(&mut self, keys: &[LocalKey]) -> Result<Vec<WaitingRow>, StoreError>;
    /// What is parked before resolve under each of these keys of a system: the positions, `None` for what has none.
    async fn parked_keys(&mut self, keys: &[(Arc<str>, String)]) -> Result<Vec<Vec<Option<Position>>>, StoreError>;
    /// The message that is parked before resolve under a key of a system and at a position; the newest of several.
    async fn parked_at(&mut self, key: &(Arc<str>, String), at: Position) -> Result<Option<Vec<u8>>, StoreError>;
    /// Takes numbers from the tenant's sequences. Numbers that are not used are lost, never given twice.
    async fn reserve(&mut self, masters: u64, versions: u64) -> Result<Reserved, StoreError>;
    /// Writes everything and commits. Parked deliveries that need a key which this makes known are taken up again, as by
    /// [`finish_attempt`](super::deliver::DeliverStore::finish_attempt).
    async fn commit(self: Box<Self>, writes: Resolved) -> Result<(), StoreError>;
}
