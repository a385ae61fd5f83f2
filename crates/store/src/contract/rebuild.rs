//! What makes up for a bus that was lost: what was on it, as far as the store can tell.

use async_trait::async_trait;
use canonical::entity::Entity;
use canonical::record::ContentHash;
use jiff::Timestamp;
use master::MasterId;

use super::StoreError;
use super::collect::{AbsentRecord, DropNumber, Export, NewReject, StreamKey};

/// A drop of which observations were lost with the bus.
#[derive(Clone, Debug, PartialEq)]
pub struct LostDrop {
    /// Its stream.
    pub stream: StreamKey,
    /// Its number.
    pub number: DropNumber,
    /// What people call it.
    pub name: String,
    /// The hash of its content, where known.
    pub fingerprint: Option<ContentHash>,
    /// Whether it is a full export.
    pub export: Export,
    /// When it was begun: before everything that it showed was published.
    pub begun_at: Timestamp,
    /// How many of its records were published and not resolved.
    pub in_flight: u64,
}

/// What of a drop was published.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PublishedOfDrop {
    /// The positions of its records, as a serialised roaring treemap; empty when nobody knows them, because an older
    /// version published them.
    pub ordinals: Vec<u8>,
    /// Known records whose removal was published, as they were known then; in order of their rows.
    pub removals: Vec<AbsentRecord>,
}

/// A lost drop that cannot be published once more: its stream has to show the records again.
#[derive(Clone, Debug)]
pub struct GivenUp {
    /// The drop.
    pub lost: LostDrop,
    /// What is told to the operator when nothing shows them again by itself; it counts as one record of the drop.
    pub reject: Option<NewReject>,
    /// Whether the stream is to be read from its very beginning.
    pub from_the_beginning: bool,
}

/// What rebuilds a bus.
#[async_trait]
pub trait RebuildStore: Send + Sync {
    /// Marks every drop of which observations may have been lost: those with records in flight, and those that were begun
    /// and have not ended. Only while nobody works on this store. Returns all that are marked, by number.
    async fn mark_lost(&self) -> Result<Vec<LostDrop>, StoreError>;

    /// The marked drops of a stream, by number.
    async fn lost_drops(&self, stream: &StreamKey) -> Result<Vec<LostDrop>, StoreError>;

    /// What of a drop was published.
    async fn published_of(&self, drop: DropNumber) -> Result<PublishedOfDrop, StoreError>;

    /// Which of these records of a drop, as keys and positions, were not resolved, parked or given up; in order.
    async fn unresolved(
        &self,
        stream: &StreamKey,
        entity: &Entity,
        drop: DropNumber,
        records: &[(&str, u64)],
    ) -> Result<Vec<bool>, StoreError>;

    /// Everything that a drop lost is published again: its mark is taken away.
    async fn found_again(&self, drop: DropNumber) -> Result<(), StoreError>;

    /// Gives up what a drop lost. Its records in flight do not count as read any more: they are counted where they are
    /// shown again. What was last published by the stream is forgotten, with what its full exports are compared with, and
    /// what this drop is; records whose removal was lost are known again.
    async fn give_up(&self, given_up: GivenUp) -> Result<(), StoreError>;

    /// Notes for a system, in its backlog, the masters of these entities of which it is not known that it was delivered
    /// their current version, except those that are parked at that version. It looks at `count_max` masters after `after`;
    /// returns the last one, if there are more, and how many were noted.
    async fn deliver_again(
        &self,
        tenant: &str,
        system: &str,
        entities: &[Entity],
        after: Option<MasterId>,
        count_max: usize,
    ) -> Result<(Option<MasterId>, u64), StoreError>;
}
