//! Who is who: what records have shown, by which keys they find each other, and what was decided about them.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use master::MasterId;
use master::matching::{Bits, BlockingKey, Posting, RecordNumber};
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::resolve::{CrosswalkRow, LocalKey};

/// What a customer's record has shown, and whom it resembles.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchRecord {
    /// Its number: permanent, from the sequence of the master ids, and never a master's unless its own.
    pub number: RecordNumber,
    /// The record.
    pub local: LocalKey,
    /// The master that it belongs to.
    pub master_id: MasterId,
    /// The master that it belonged to first.
    pub home: MasterId,
    /// [`Evidence`](master::matching::Evidence) as JSON.
    pub evidence: Box<str>,
    /// The keys of values among the evidence that are nobody's, sorted.
    pub common: Vec<BlockingKey>,
    /// The records that resemble it, and how much; sorted. Each of those has this one.
    pub links: Vec<(RecordNumber, Bits)>,
}

/// What was decided about records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JudgementKind {
    /// Two masters are one: the records of both sides belong together.
    Merge,
    /// One master is two: no record of the one side belongs with any of the other.
    Split,
    /// Two masters are not one, as they were not before.
    NotTheSame,
    /// A record belongs to a master: the record on the left, the master's on the right.
    Link,
    /// A record does not belong to its master: the record on the left, the master's others on the right.
    Unlink,
    /// An earlier judgement counts no more.
    Undo,
}

impl JudgementKind {
    /// All of them.
    pub const ALL: [JudgementKind; 6] = [
        JudgementKind::Merge,
        JudgementKind::Split,
        JudgementKind::NotTheSame,
        JudgementKind::Link,
        JudgementKind::Unlink,
        JudgementKind::Undo,
    ];

    /// The word for people and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            JudgementKind::Merge => "merge",
            JudgementKind::Split => "split",
            JudgementKind::NotTheSame => "not-the-same",
            JudgementKind::Link => "link",
            JudgementKind::Unlink => "unlink",
            JudgementKind::Undo => "undo",
        }
    }
}

/// What somebody decided, or the hub by itself. It is never changed and never deleted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// Its number, increasing; 0 of one that is to be written.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: JudgementKind,
    /// Who decided; `None` for the hub by itself, whose judgements tell what happened and bind nobody.
    pub by: Option<String>,
    /// Why, in the person's own words; personal data may be in it.
    pub reason: Option<String>,
    /// The model by which the hub decided.
    pub model: Option<u32>,
    /// The master that it is about: of a merge the one that stays.
    pub master_id: MasterId,
    /// The other master: of a merge the one that loses, of a split the one that leaves.
    pub other: Option<MasterId>,
    /// The records of the one side.
    pub left: Vec<RecordNumber>,
    /// The records of the other side.
    pub right: Vec<RecordNumber>,
    /// The judgement that it takes back.
    pub undoes: Option<u64>,
    /// Whether a later judgement took it back.
    pub is_undone: bool,
}

/// A record of a customer, as people name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordName {
    /// The system.
    pub system: String,
    /// The system's own key.
    pub key: String,
}

/// A judgement that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgementAsked {
    /// The tenant.
    pub tenant: String,
    /// What.
    pub kind: JudgementKind,
    /// The master: of a merge the one that stays, of a split or an unlink the one that is left, of a link the one that
    /// gains. Not needed to undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_id: Option<MasterId>,
    /// The other master, of a merge and of not-the-same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<MasterId>,
    /// The records: of a split those that leave, of a link or an unlink the one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<RecordName>,
    /// The judgement that counts no more, to undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<u64>,
    /// Who. At most [`NAME_CHARS_MAX`](super::tasks::NAME_CHARS_MAX) characters.
    pub by: String,
    /// Why. At most [`REASON_CHARS_MAX`](super::tasks::REASON_CHARS_MAX) characters.
    pub reason: String,
}

/// What a judgement came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The number of the judgement, by which it is undone.
    pub number: u64,
    /// The records that it is about, with the master that each belongs to now.
    pub records: Vec<(RecordName, MasterId)>,
}

/// Documents of a customer that are to be looked at again, because records of his moved to another master or came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regrouping {
    /// The customer.
    pub master_id: MasterId,
    /// Documents up to this one are done.
    pub after: MasterId,
}

/// A model of a tenant, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptModel {
    /// Its number within the tenant; the highest is the one in force.
    pub number: u32,
    /// Since when it is there.
    pub at: Timestamp,
    /// The model as JSON.
    pub model: Arc<str>,
}

/// What one transaction of resolve writes about who is who.
#[derive(Clone, Debug, Default)]
pub struct MatchWrites {
    /// Records, new or replaced.
    pub records: Vec<MatchRecord>,
    /// Of other records that are there, whom they resemble from now on; sorted.
    pub links: Vec<(RecordNumber, Vec<(RecordNumber, Bits)>)>,
    /// Keys that records have from now on.
    pub keys: Vec<(BlockingKey, RecordNumber)>,
    /// Keys that lead nowhere any more: who had them is forgotten.
    pub common: Vec<BlockingKey>,
    /// What was decided; the store gives the numbers, in order.
    pub judgements: Vec<Judgement>,
    /// Customers whose documents are to be looked at again, from the first.
    pub regrouped: Vec<MasterId>,
    /// How far that is done; `None`: to the end.
    pub regrouping: Vec<(MasterId, Option<MasterId>)>,
}

/// What a resolution reads to decide who is who.
#[async_trait]
pub trait MatchResolution: Send {
    /// Keeps others from deciding who is who in this tenant until the transaction ends. To be called first of all.
    async fn lock_matching(&mut self) -> Result<(), StoreError>;
    /// These records, in any order; those that are not there are passed over.
    async fn match_records(&mut self, numbers: &[RecordNumber]) -> Result<Vec<MatchRecord>, StoreError>;
    /// The records that belong to these masters, in any order.
    async fn match_records_of(&mut self, ids: &[MasterId]) -> Result<Vec<MatchRecord>, StoreError>;
    /// Who has these keys, in order. Of a key that more than `count_max` records have, `count_max + 1` are told.
    async fn postings(&mut self, keys: &[BlockingKey], count_max: usize) -> Result<Vec<Posting>, StoreError>;
    /// What people decided about these records and nobody took back, oldest first, each once.
    async fn judgements_of(&mut self, records: &[RecordNumber]) -> Result<Vec<Judgement>, StoreError>;
    /// A judgement.
    async fn judgement(&mut self, number: u64) -> Result<Option<Judgement>, StoreError>;
    /// The crosswalk rows that lead to these masters, and those that led to one of them at first, each once, in any order:
    /// with the master that each led to at first.
    async fn crosswalk_of(&mut self, ids: &[MasterId]) -> Result<Vec<(CrosswalkRow, MasterId)>, StoreError>;
    /// The documents that belong to each of these customers, and not himself, by id, after the one that is told, at most
    /// so many of each.
    async fn documents_of(
        &mut self,
        customers: &[Regrouping],
        count_max: usize,
    ) -> Result<Vec<Vec<MasterId>>, StoreError>;
    /// The subjects of the open tasks of one code that are about one of these masters, each once.
    async fn open_tasks(&mut self, code: &str, ids: &[MasterId]) -> Result<Vec<String>, StoreError>;
}

/// What is asked about who is who outside a resolution.
#[async_trait]
pub trait MatchStore: Send + Sync {
    /// The records that belong to these masters, by number.
    async fn match_records_of(&self, tenant: &str, ids: &[MasterId]) -> Result<Vec<MatchRecord>, StoreError>;
    /// All records after one, by number, at most so many.
    async fn match_records_after(
        &self,
        tenant: &str,
        after: RecordNumber,
        count_max: usize,
    ) -> Result<Vec<MatchRecord>, StoreError>;
    /// What was decided about these masters, by people and by the hub, newest first, at most so many; about all where no
    /// master is given.
    async fn judgements(&self, tenant: &str, ids: &[MasterId], count_max: usize) -> Result<Vec<Judgement>, StoreError>;
    /// Customers whose documents are to be looked at again, at most so many.
    async fn regroupings(&self, tenant: &str, count_max: usize) -> Result<Vec<Regrouping>, StoreError>;
    /// The model of a tenant with the highest number, as JSON; `None` when it has none above this number.
    async fn match_model(&self, tenant: &str, above: u32) -> Result<Option<(u32, Arc<str>)>, StoreError>;
    /// The models of a tenant, the highest number first, at most so many.
    async fn match_models(&self, tenant: &str, count_max: usize) -> Result<Vec<KeptModel>, StoreError>;
    /// Adds a model of a tenant. A number that is there is refused with [`StoreError::Conflict`]: a model never changes.
    async fn add_match_model(&self, tenant: &str, number: u32, model: &str, at: Timestamp) -> Result<(), StoreError>;
}

/// Keys in one column: eight bytes each, big-endian.
pub(crate) fn pack_keys(keys: &[BlockingKey]) -> Vec<u8> {
    keys.iter().flat_map(|key| key.0.to_be_bytes()).collect()
}

/// Reads what [`pack_keys`] wrote.
pub(crate) fn unpack_keys(bytes: &[u8]) -> Vec<BlockingKey> {
    bytes.as_chunks().0.iter().map(|key| BlockingKey(u64::from_be_bytes(*key))).collect()
}

/// Links in one column: eight bytes of the record and four of the bits each, big-endian.
pub(crate) fn pack_links(links: &[(RecordNumber, Bits)]) -> Vec<u8> {
    let one = |(number, bits): &(RecordNumber, Bits)| number.to_be_bytes().into_iter().chain(bits.0.to_be_bytes());
    links.iter().flat_map(one).collect()
}

/// Reads what [`pack_links`] wrote.
pub(crate) fn unpack_links(bytes: &[u8]) -> Vec<(RecordNumber, Bits)> {
    let (links, _) = bytes.as_chunks::<12>();
    let number = |link: &[u8; 12]| link[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let bits = |link: &[u8; 12]| i32::from_be_bytes([link[8], link[9], link[10], link[11]]);
    links.iter().map(|link| (number(link), Bits(bits(link)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_read_again() {
        let keys = [0, 1, u64::MAX].map(BlockingKey);
        assert_eq!(unpack_keys(&pack_keys(&keys)), keys);
        let links = [(1, Bits(-4_000)), (u64::MAX, Bits(i32::MAX)), (7, Bits::ZERO)];
        assert_eq!(unpack_links(&pack_links(&links)), links);
        assert_eq!((unpack_keys(&[]), unpack_links(&[])), (vec![], vec![]));
    }
}
