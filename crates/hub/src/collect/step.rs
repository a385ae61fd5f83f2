//! One step of collect: a batch of records becomes published observations, remembered hashes and rejects.

use std::collections::HashMap;
use std::sync::Arc;

use canonical::attachment::Attachment;
use canonical::entity::Operation;
use canonical::envelope::Covers;
use canonical::record::Record;
use connector::{Batch, Item, Reject};
use jiff::Timestamp;
use roaring::{RoaringBitmap, RoaringTreemap};
use store::{
    AbsentRecord, Collected, DropEnd, KnownRecord, NewReject, NewTask, Outcomes, Position, PublishedRecord,
    RecordOutcome, StreamKey,
};

use super::{Doubt, OpenDrop, is_full, write_bitmap};
use crate::context::Context;
use crate::fault::HubError;
use crate::observation::{self, Observation};
use crate::partitions::Spread;
use crate::reading::{self, Observed};
use crate::settings::{Missing, Stream};
use crate::stage::Stage;

/// Ordinals of removals that a full export implies start here, so that they never meet those of records.
const FIRST_REMOVAL: u64 = 1 << 40;

/// How many removals are published in one step.
pub(super) const REMOVALS_MAX: usize = 1_000;

pub(super) struct Step<'a> {
    pub context: &'a Context,
    pub stream: &'a Stream,
    pub key: &'a StreamKey,
    pub reader: &'a mut mapping::Reader,
    pub covers: &'a Covers,
    pub mapping_version: &'a Arc<str>,
    pub spread: Spread,
}

/// What a batch comes to before anything is published.
#[derive(Default)]
struct Sorted {
    observations: Vec<Observation>,
    /// Files that are attached to what is published.
    attachments: Vec<Attachment>,
    published: Vec<PublishedRecord>,
    /// The places of what is published.
    ordinals: RoaringTreemap,
    seen: RoaringBitmap,
    rejects: Vec<NewReject>,
    nameless_rejects: bool,
    outcomes: Outcomes,
}

/// What was last shown of a record.
#[derive(Clone, Copy)]
pub(super) struct Last {
    /// The hash of its content and of the mapping version; `None` for a new record, or when nobody knows.
    pub hash: Option<[u8; 16]>,
    /// The partition that it was published to; `None` where that does not matter.
    pub partition: Option<u32>,
}

impl Last {
    fn stored(known: Option<KnownRecord>, doubt: Doubt, spread: Spread) -> Self {
        let hash = known.filter(|_| doubt == Doubt::None).map(|known| known.hash);
        Last { hash, partition: known.and_then(|known| spread.recall(known.partition)) }
    }
}

/// A record whose key could be read, with what is known of it.
pub(super) struct Key<'a> {
    pub key: &'a str,
    pub hash: [u8; 16],
    /// Whether this drop has shown it before.
    pub shown: bool,
    pub last: Last,
}

impl Step<'_> {
    /// Publishes what is new in the batch, then saves hashes, rejects, accounting and checkpoint in one transaction.
    pub async fn run(mut self, drop: &mut OpenDrop, batch: &Batch) -> Result<(), HubError> {
        let at = self.context.now();
        Stage::CollectRead.ended();
        let read_at = drop.read_at.unwrap_or(at);
        let sorted = self.sort(drop, batch, read_at).await?;
        drop.nameless_rejects |= sorted.nameless_rejects;
        let unsaved = (&sorted.seen - &drop.seen).len();
        drop.seen |= &sorted.seen;
        let tasks = self.control(drop, batch, at);
        self.context.store.save_attachments(&self.key.tenant, sorted.attachments).await?;
        self.publish(&sorted.observations).await?;
        Stage::CollectPublished.ended();
        let mut total = drop.outcomes.clone();
        total.merge(&sorted.outcomes);
        if batch.last && is_full(self.stream) && self.stream.missing == Missing::Remove {
            self.remove_absent(drop, &total, unsaved, at).await?;
        }
        let rows = self
            .context
            .store
            .commit_collected(Collected {
                stream: self.key.clone(),
                drop: drop.number,
                checkpoint: Some(batch.checkpoint.0.clone()),
                published: sorted.published,
                ordinals: write_ordinals(&sorted.ordinals),
                seen: if is_full(self.stream) { write_bitmap(&sorted.seen) } else { Vec::new() },
                removed: Vec::new(),
                rejects: sorted.rejects,
                tasks,
                outcomes: sorted.outcomes,
                end: batch.last.then(|| drop_end(&total)),
                at,
            })
            .await?;
        Stage::CollectSaved.ended();
        drop.outcomes = total;
        if drop.doubt == Doubt::NextBatch {
            drop.doubt = Doubt::None;
        }
        if is_full(self.stream) {
            drop.seen.extend(rows);
        }
        Ok(())
    }

    /// Holds the records against the totals that their drop states. What does not agree is a question for somebody: the
    /// records are taken in all the same.
    fn control(&mut self, drop: &mut OpenDrop, batch: &Batch, at: Timestamp) -> Vec<NewTask> {
        let Some(control) = &mut drop.control else { return Vec::new() };
        for item in &batch.items {
            if let Item::Record(record) = item
                && self.reader.selects(&record.body)
                && let Ok(reading) = self.reader.read(&record.body)
            {
                control.take(&record.body, &reading.document);
            }
        }
        if !batch.last {
            return Vec::new();
        }
        let StreamKey { system, stream, .. } = self.key;
        let task = |finding: mapping::ControlFinding| NewTask {
            // A statement that is read again asks nothing new.
            subject: format!("{}/{system}/{stream}/{}", finding.code(), finding.group),
            code: finding.code().to_owned(),
            question: format!("{}: {finding}", drop.name),
            system: system.clone(),
            // Without the name of the drop: what somebody has read of a statement is news when the finding is another.
            detail: Some(
                serde_json::json!({ "statement": finding.statement, "finding": finding.to_string() }).to_string(),
            ),
            at,
            ..NewTask::default()
        };
        control.finish().into_iter().map(task).collect()
    }

    /// Tells new, changed, unchanged, repeated and unusable records apart.
    async fn sort(&mut self, drop: &OpenDrop, batch: &Batch, at: Timestamp) -> Result<Sorted, HubError> {
        let mut sorted = Sorted::default();
        let mut readable = Vec::with_capacity(batch.items.len());
        for item in &batch.items {
            // What the mapping is not for is no record of this stream.
            if matches!(item, Item::Record(record) if !self.reader.selects(&record.body)) {
                continue;
            }
            sorted.outcomes.read += 1;
            match item {
                Item::Record(record) => {
                    sorted.outcomes.rows += reading::rows(record);
                    match self.reader.key(&record.body) {
                        Ok(key) => readable.push((record, key.into_owned(), self.hash(record))),
                        Err(error) => {
                            sorted.nameless_rejects = true;
                            sorted.refuse(reading::reject(record, None, std::slice::from_ref(&error)));
                        }
                    }
                }
                Item::Reject(reject) => {
                    sorted.outcomes.rows += 1;
                    sorted.nameless_rejects = true;
                    sorted.refuse(from_connector(reject));
                }
            }
        }
        let keys: Vec<&str> = readable.iter().map(|(_, key, _)| key.as_str()).collect();
        let known = self.context.store.known_records(self.key, &keys).await?;
        let mut in_batch: HashMap<&str, Last> = HashMap::new();
        for ((record, key, hash), known) in readable.iter().zip(known) {
            let in_this_batch = in_batch.get(key.as_str()).copied();
            let in_this_drop = known.is_some_and(|known| drop.seen.contains(known.row));
            let doubt = if in_this_drop { Doubt::None } else { drop.doubt };
            let last = in_this_batch.unwrap_or_else(|| Last::stored(known, doubt, self.spread));
            let shown = in_this_drop || in_this_batch.is_some();
            if let Some(known) = known.filter(|_| is_full(self.stream)) {
                // Also a record that turns out unusable is there: it is not gone.
                sorted.seen.insert(known.row);
            }
            let now = Key { key, hash: *hash, shown, last };
            let partition = self.place(drop, record, &now, &mut sorted, at);
            in_batch.insert(key, Last { hash: Some(*hash), partition: partition.or(last.partition) });
        }
        Ok(sorted)
    }

    /// Decides about one record whose key could be read. Returns the partition if it is published.
    fn place(
        &mut self,
        drop: &OpenDrop,
        record: &Record,
        now: &Key<'_>,
        sorted: &mut Sorted,
        at: Timestamp,
    ) -> Option<u32> {
        let is_repeated = is_full(self.stream) && now.shown;
        if now.last.hash == Some(now.hash) {
            let outcome = if is_repeated { RecordOutcome::Duplicate } else { RecordOutcome::Unchanged };
            sorted.outcomes.add(outcome, 1);
            return None;
        }
        if is_repeated {
            sorted.refuse(NewReject {
                reason:
                    "this key stands twice in one full export with different content; the first one counts, correct \
                         the export so that every key stands once"
                        .to_owned(),
                ..reading::refusal(record, Some(now.key), "collect.key-twice")
            });
            return None;
        }
        match self.observe(drop, record, now, at) {
            Ok(Observed { observations, attachments }) => {
                sorted.attachments.extend(attachments);
                let partition = observations.last().map_or(0, |observation| observation.partition);
                sorted.observations.extend(observations);
                let remembered = self.spread.remember(partition);
                sorted.published.push(PublishedRecord {
                    key: now.key.to_owned(),
                    hash: now.hash,
                    partition: remembered,
                });
                sorted.ordinals.insert(record.place.ordinal);
                sorted.outcomes.in_flight += 1;
                Some(partition)
            }
            Err(reject) => {
                sorted.refuse(*reject);
                None
            }
        }
    }

    /// Maps a record to its observation, preceded by those of the documents that it embeds.
    pub(super) fn observe(
        &mut self,
        drop: &OpenDrop,
        record: &Record,
        now: &Key<'_>,
        at: Timestamp,
    ) -> Result<Observed, Box<NewReject>> {
        let origin = reading::Origin {
            key: self.key,
            position: Position { drop: drop.number, ordinal: record.place.ordinal },
            line: record.place.line,
            at,
            partitions: self.spread.count,
            partition: now.last.partition,
            refuse_fatal: self.stream.refuse_fatal,
            covers: self.covers,
            mapping_version: self.mapping_version,
            key_bytes_max: self.context.settings.limits.key_bytes_max.min(store::KEY_BYTES_MAX),
        };
        let observed = reading::observe(&origin, &self.stream.mapping, self.reader, record)
            .map_err(|error| Box::new(error.into_reject(record, now.key)))?;
        let limit = self.context.bus.message_bytes_max();
        match observed.observations.iter().find_map(|observation| observation.bytes_over(limit)) {
            Some(bytes) => Err(Box::new(reading::too_large(record, now.key, bytes, limit))),
            None => Ok(observed),
        }
    }

    fn hash(&self, record: &Record) -> [u8; 16] {
        let content = record.body.hash();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&content.0);
        hasher.update(self.stream.mapping.version().as_bytes());
        let mut hash = [0; 16];
        hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        hash
    }

    pub(super) async fn publish(&self, observations: &[Observation]) -> Result<(), HubError> {
        if observations.is_empty() {
            return Ok(());
        }
        Ok(self.context.bus.publish(observation::messages(observations, &self.context.settings.limits)).await?)
    }

    /// Publishes the removal of every known record that a full export has not shown. The store does not know yet what the
    /// last batch has shown; `unsaved` known records of it would be absent without it.
    ///
    /// It does so only when the export was read without doubt: every record could be told by its key, and the share of
    /// removals stays under the brake.
    async fn remove_absent(
        &self,
        drop: &OpenDrop,
        total: &Outcomes,
        unsaved: u64,
        at: Timestamp,
    ) -> Result<(), HubError> {
        let store = &self.context.store;
        let (known, absent) = store.absent_count(self.key, drop.number).await?;
        let absent = absent.saturating_sub(unsaved);
        if absent == 0 || self.brakes(drop, total, known, absent) {
            return Ok(());
        }
        let mut after = None;
        loop {
            let mut gone = store.absent_records(self.key, drop.number, after, REMOVALS_MAX).await?;
            let Some(last) = gone.last() else { return Ok(()) };
            after = Some(last.row);
            gone.retain(|record| !drop.seen.contains(record.row));
            let read_at = drop.read_at.unwrap_or(at);
            let observations: Vec<_> = gone.iter().map(|record| self.removal(drop, record, read_at)).collect();
            self.publish(&observations).await?;
            let count = i64::try_from(gone.len()).unwrap_or(i64::MAX);
            let outcomes = Outcomes { read: count, in_flight: count, ..Outcomes::default() };
            let removed = gone.iter().map(|record| record.row).collect();
            store.commit_collected(Collected { removed, outcomes, ..empty(self.key, drop, at) }).await?;
        }
    }

    fn brakes(&self, drop: &OpenDrop, total: &Outcomes, known: u64, absent: u64) -> bool {
        let limit = u64::from(self.stream.removals_percent_max);
        let (system, stream) = (&self.key.system, &self.key.stream);
        if total.ended.get(&RecordOutcome::Rejected) == Some(&total.read) {
            // It is refused as a whole, and its reject says so.
            return true;
        }
        if drop.nameless_rejects {
            tracing::warn!(%system, %stream, drop = drop.number, absent, "nothing is removed: some records of this full export could not be told by their key");
            return true;
        }
        if absent * 100 > known * limit {
            tracing::warn!(%system, %stream, drop = drop.number, absent, known, limit, "nothing is removed: this full export lacks more records than removals_percent_max allows");
            return true;
        }
        false
    }

    pub(super) fn removal(&self, drop: &OpenDrop, record: &AbsentRecord, at: Timestamp) -> Observation {
        let StreamKey { tenant, system, .. } = self.key;
        let anew = || observation::partition(tenant, system, &record.key, self.spread.count);
        Observation {
            stream: self.key.clone(),
            partition: self.spread.recall(record.partition).unwrap_or_else(anew),
            entity: self.stream.mapping.entity().clone(),
            key: record.key.clone(),
            operation: Operation::Remove,
            position: Position { drop: drop.number, ordinal: removal_ordinal(record.row) },
            derived: false,
            line: None,
            at,
            mapping: self.mapping_version.clone(),
            covers: None,
            document: None,
            residue: None,
        }
    }
}

impl Sorted {
    fn refuse(&mut self, reject: NewReject) {
        self.outcomes.add(RecordOutcome::Rejected, 1);
        self.rejects.push(reject);
    }
}

/// The position of the removal of a known record.
pub(super) fn removal_ordinal(row: u32) -> u64 {
    FIRST_REMOVAL + u64::from(row)
}

/// Reads a set of positions; no bytes are an empty one.
pub(super) fn read_ordinals(bytes: &[u8]) -> Result<RoaringTreemap, HubError> {
    if bytes.is_empty() {
        return Ok(RoaringTreemap::new());
    }
    RoaringTreemap::deserialize_from(bytes)
        .map_err(|error| HubError::Damaged(format!("a set of published places: {error}")))
}

fn write_ordinals(ordinals: &RoaringTreemap) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !ordinals.is_empty() {
        bytes.reserve(ordinals.serialized_size());
        // Writing to memory does not fail.
        let _ = ordinals.serialize_into(&mut bytes);
    }
    bytes
}

pub(super) fn empty(key: &StreamKey, drop: &OpenDrop, at: Timestamp) -> Collected {
    Collected {
        stream: key.clone(),
        drop: drop.number,
        checkpoint: None,
        published: Vec::new(),
        ordinals: Vec::new(),
        seen: Vec::new(),
        removed: Vec::new(),
        rejects: Vec::new(),
        tasks: Vec::new(),
        outcomes: Outcomes::default(),
        end: None,
        at,
    }
}

/// A drop none of whose records could be read is refused: later ones are not compared with it.
fn drop_end(total: &Outcomes) -> DropEnd {
    if total.read > 0 && total.get(RecordOutcome::Rejected) == total.read {
        DropEnd::Refused
    } else {
        DropEnd::Accepted
    }
}

fn from_connector(reject: &Reject) -> NewReject {
    NewReject {
        ordinal: reject.place.ordinal,
        file: reject.place.file.as_deref().map(str::to_owned),
        line: reject.place.line,
        key: None,
        code: reject.code.to_owned(),
        reason: reject.reason.clone(),
        raw: reject.raw.clone(),
    }
}
