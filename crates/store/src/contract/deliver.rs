//! What deliver keeps: shadows, attempts, parked deliveries, the state of systems.

use std::sync::Arc;

use async_trait::async_trait;
use canonical::entity::{Entity, Operation};
use jiff::Timestamp;
use master::MasterId;
use serde::{Deserialize, Serialize};

use super::resolve::{CrosswalkRow, JournalEntry, MasterRow, NewParked, SourceRow};
use super::tasks::NewTask;
use super::{StoreError, require_keys};

/// What is known of one master and one system.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// The master's current state; `None` when there is no such master.
    pub master: Option<MasterRow>,
    /// The system's records of it. Normally none or one.
    pub crosswalk: Vec<CrosswalkRow>,
    /// What the system shows of it.
    pub sources: Vec<SourceRow>,
    /// Whether something of the same root master is parked before this system. It does not block what it needs itself:
    /// a master is let past when nothing there waits for a person and something waits for this master's key here.
    pub blocked: bool,
}

/// A call to a target that was made durable before it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The batch id that the target sees.
    pub batch: String,
    /// The tenant.
    pub tenant: Arc<str>,
    /// The system.
    pub system: Arc<str>,
    /// What the call contains, in order.
    pub members: Vec<Member>,
    /// When it began.
    pub at: Timestamp,
}

/// One change within an attempt, with everything that is needed to finish it after a crash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The master.
    pub master_id: MasterId,
    /// The customer whose story it belongs to.
    pub root: MasterId,
    /// The kind of the document.
    pub entity: Entity,
    /// The version.
    pub version: u64,
    /// What is done.
    pub operation: Operation,
    /// The system's key, known or proposed.
    pub local_key: Option<String>,
    /// The projection that the system holds afterwards, as JSON.
    pub projection: String,
    /// What of the record the mapping does not carry, as JSON of a record body.
    pub residue: Option<String>,
}

/// How an attempt ended, all or nothing; the attempt is forgotten with it.
#[derive(Clone, Debug, Default)]
pub struct Delivered {
    /// Shadows after the call.
    pub crosswalk: Vec<CrosswalkRow>,
    /// Whether the system is read as well, so that shadows which are replaced are to be kept as
    /// [`earlier`](CrosswalkRow::earlier): what it shows next may be older than this call.
    pub is_read: bool,
    /// Lines of the journal.
    pub journal: Vec<JournalEntry>,
    /// What is set aside.
    pub parked: Vec<NewParked>,
    /// Numbers of parked deliveries that are done.
    pub unparked: Vec<u64>,
    /// Questions for an operator.
    pub tasks: Vec<NewTask>,
}

impl Delivered {
    /// Refuses keys that no engine could keep.
    pub(crate) fn require_keys(&self) -> Result<(), StoreError> {
        let subjects = self.tasks.iter().map(|task| &*task.subject);
        require_keys(self.crosswalk.iter().map(|row| &*row.local.key).chain(subjects))
    }
}

/// Whether a system can be written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetState {
    /// It takes deliveries.
    #[default]
    Up,
    /// It does not answer; the queue waits and the hub probes.
    Down,
    /// Somebody must act.
    Halted,
    /// Somebody paused it.
    Paused,
}

/// What deliver needs.
#[async_trait]
pub trait DeliverStore: Send + Sync {
    /// What a system holds of these masters, in order.
    async fn held(&self, tenant: &str, system: &str, ids: &[MasterId]) -> Result<Vec<Held>, StoreError>;

    /// The system's own keys of these masters, in order; `None` when it has none, or holds it no more.
    async fn local_keys(&self, tenant: &str, system: &str, ids: &[MasterId])
    -> Result<Vec<Option<String>>, StoreError>;

    /// Makes an attempt durable. Repeating it with the same batch id changes nothing.
    async fn begin_attempt(&self, attempt: &Attempt) -> Result<(), StoreError>;

    /// Attempts of a system that have not ended, oldest first.
    async fn open_attempts(&self, tenant: &str, system: &str) -> Result<Vec<Attempt>, StoreError>;

    /// Ends an attempt (`None`: there was no call, only parking or a shadow to note) in one transaction.
    ///
    /// What the system showed of a record since the attempt began speaks for itself: such a row is kept without a shadow,
    /// which becomes the last of [`earlier`](super::resolve::CrosswalkRow::earlier).
    /// A message that is parked already, the same one under the same key, is not parked again.
    ///
    /// A parked delivery whose [`needs`](super::resolve::NewParked::needs) are met gets its outbox row back in the same
    /// transaction, and so does what only stands behind it, in order. That goes for keys that this end makes known, for
    /// needs that were met just before they are written, and for what lines up behind something that just left.
    /// A line with something that waits for a person stays as it is.
    async fn finish_attempt(
        &self,
        tenant: &str,
        system: &str,
        batch: Option<&str>,
        end: Delivered,
    ) -> Result<(), StoreError>;

    /// Remembers the state of a target, with the reason and since when.
    async fn set_target_state(
        &self,
        tenant: &str,
        system: &str,
        state: TargetState,
        reason: Option<&str>,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// The state of a target.
    async fn target_state(&self, tenant: &str, system: &str) -> Result<TargetState, StoreError>;
}
