//! What waits: for a record that nobody has shown yet, and until a later state of the same record comes.

use std::collections::{HashMap, HashSet};

use canonical::entity::Operation;
use canonical::envelope::CONTENT_TYPE;
use master::MasterId;
use store::{JournalEntry, JournalKind, LocalKey, Position, RecordOutcome, StoreError, WaitingRow};

use super::{SourceKey, Working, links, unique};
use crate::observation::{self, Observation};

/// What is known of waiting documents.
#[derive(Default)]
pub(super) struct Waiting {
    /// What waits of the records that were observed, in the store and from this transaction.
    rows: HashMap<SourceKey, Vec<WaitingRow>>,
    /// Records of which the store was asked.
    known: HashSet<LocalKey>,
    /// What waits in the store for records that are about to be known.
    needing: HashMap<LocalKey, Vec<WaitingRow>>,
    /// What was taken up again and is to be resolved next.
    pub released: Vec<Observation>,
    /// What this transaction took up again: of a second copy from the bus, also of an older state whose waiting it ended,
    /// the one that waited counts.
    taken_up: HashMap<SourceKey, Vec<WaitingRow>>,
}

fn source_key(row: &WaitingRow) -> SourceKey {
    (row.local.clone(), row.stream.clone())
}

/// Whether what waits, or is parked, is an older state of the record than an observation: it was found earlier, or, when
/// the same drop was read again after a crash, it was read earlier or by another mapping, and shows something else. See
/// `is_seen`, which says the same of what was taken in.
pub(super) fn is_older(kept: Position, event: &[u8], one: &links::Prepared) -> bool {
    let Observation { position, at, mapping, .. } = &one.observation;
    if kept < *position || kept.drop != position.drop {
        return kept < *position;
    }
    let Ok(observations) = observation::decode(CONTENT_TYPE, event) else { return false };
    observations.first().is_some_and(|before| {
        let is_read_later = before.at < *at || (kept == *position && before.mapping != *mapping);
        is_read_later && links::document(before).is_some_and(|document| one.shows_another(&document))
    })
}

fn is_older_row(row: &WaitingRow, one: &links::Prepared) -> bool {
    is_older(row.position, &row.event, one)
}

impl Working<'_> {
    /// Reads what waits of the records that are observed, and what waits for those that are new.
    pub(super) async fn read_waiting(&mut self, prepared: &[links::Prepared]) -> Result<(), StoreError> {
        // Only what names another document can wait, and a new record of a system that is written to.
        let may_wait = |one: &&links::Prepared| {
            !one.references.is_empty()
                || one.observation.operation != Operation::Upsert
                || (self.under_way.contains_key(&one.local.system) && self.crosswalk(&one.local).is_none())
        };
        let keys = prepared.iter().filter(may_wait).map(|one| one.local.clone());
        let keys = unique(keys.filter(|key| !self.waiting.known.contains(key)));
        for row in self.resolution.waiting_of(&keys).await? {
            if !self.writes.released.contains(&row.number) {
                self.waiting.rows.entry(source_key(&row)).or_default().push(row);
            }
        }
        self.waiting.known.extend(keys);
        let new = |one: &&links::Prepared| self.crosswalk(&one.local).is_none();
        let keys = unique(prepared.iter().filter(new).map(|one| one.local.clone()));
        self.read_needing(&keys).await
    }

    async fn read_needing(&mut self, keys: &[LocalKey]) -> Result<(), StoreError> {
        let keys: Vec<LocalKey> = keys.iter().filter(|key| !self.waiting.needing.contains_key(key)).cloned().collect();
        for row in self.resolution.waiting_for(&keys).await? {
            self.waiting.needing.entry(row.needs.clone()).or_default().push(row);
        }
        Ok(())
    }

    /// Whether this observation, or a later one of the same record, waits already, or was just taken up again.
    pub fn waits_already(&self, one: &links::Prepared) -> bool {
        let (key, waiting) = (one.source_key(), &self.waiting);
        let taken_up = one.from_flight.then(|| waiting.taken_up.get(&key)).flatten();
        let mut rows = [waiting.rows.get(&key), taken_up].into_iter().flatten().flatten();
        rows.any(|row| !is_older_row(row, one))
    }

    /// Ends the waiting of older states of a record: they would be passed over when their time came.
    pub fn withdraw(&mut self, one: &links::Prepared) {
        let Some(rows) = self.waiting.rows.get_mut(&one.source_key()) else { return };
        let older: Vec<WaitingRow> = rows.extract_if(.., |row| is_older_row(row, one)).collect();
        for row in older {
            self.forget(&row);
            self.count(row.position, RecordOutcome::Waiting, -1);
            self.count(row.position, RecordOutcome::Unchanged, 1);
            self.writes.journal.push(JournalEntry {
                at: one.observation.at,
                kind: JournalKind::Released,
                system: row.local.system,
                entity: row.local.entity,
                key: Some(row.local.key),
                master_id: None,
                version: None,
                position: Some(row.position),
                line: None,
                detail: Some("a later state of the record came first".to_owned()),
            });
        }
    }

    /// Lets a document wait for a record.
    pub fn wait(&mut self, needs: LocalKey, one: &links::Prepared) {
        let observation = &one.observation;
        let row = WaitingRow {
            number: 0,
            needs,
            local: one.local.clone(),
            stream: observation.stream.stream.clone(),
            position: observation.position,
            event: observation.to_event().to_bytes(),
            since: self.context.now(),
        };
        self.waiting.rows.entry(one.source_key()).or_default().push(row.clone());
        self.writes.waiting.push(row);
    }

    /// Takes up again what waits for those of these records that the crosswalk knows and nobody is asked about, and those of the unsettled ones that
    /// no open call may have made any more; returns it. An unsettled record waits for itself.
    pub async fn release_known(
        &mut self,
        keys: &[LocalKey],
        unsettled: &[LocalKey],
    ) -> Result<Vec<Observation>, StoreError> {
        self.read_crosswalk(keys.to_vec()).await?;
        let masters: Vec<MasterId> =
            keys.iter().filter_map(|key| self.crosswalk(key)).map(|row| row.master_id).collect();
        self.read_masters(masters).await?;
        // What waits until it is decided whose a key is goes on waiting.
        self.read_asked_about(keys).await?;
        let is_known = |key: &&LocalKey| self.crosswalk(key).is_some() && !self.reuse.is_asked_about(key);
        let known: Vec<LocalKey> = keys.iter().filter(is_known).cloned().collect();
        self.read_needing(&known).await?;
        for key in &known {
            self.release(key);
        }
        self.read_needing(unsettled).await?;
        self.read_calls(unique(unsettled.iter().map(|local| local.system.clone()))).await?;
        for local in unsettled {
            let Some(mut rows) = self.waiting.needing.remove(local) else { continue };
            let settled: Vec<WaitingRow> =
                rows.extract_if(.., |row| row.local == *local && !self.is_being_made(local, row.since)).collect();
            self.waiting.needing.insert(local.clone(), rows);
            for row in settled {
                self.take_up(row);
            }
        }
        Ok(std::mem::take(&mut self.waiting.released))
    }

    /// Takes up again what waits for a record: in the store, and in this transaction.
    pub(super) fn release(&mut self, key: &LocalKey) {
        let stored = self.waiting.needing.get_mut(key).map(std::mem::take).unwrap_or_default();
        let stored = stored.into_iter().filter(|row| !self.writes.released.contains(&row.number));
        let here = self.writes.waiting.iter().filter(|row| row.needs == *key).cloned();
        let rows: Vec<WaitingRow> = stored.chain(here).collect();
        for row in rows {
            self.take_up(row);
        }
    }

    fn take_up(&mut self, row: WaitingRow) {
        match observation::decode(CONTENT_TYPE, &row.event) {
            Ok(observations) => {
                self.forget(&row);
                self.count(row.position, RecordOutcome::Waiting, -1);
                let key = source_key(&row);
                if let Some(rows) = self.waiting.rows.get_mut(&key) {
                    rows.retain(|other| other.position != row.position);
                }
                self.waiting.taken_up.entry(key).or_default().push(row);
                self.waiting.released.extend(observations);
            }
            Err(error) => {
                tracing::error!(number = row.number, %error, "a waiting document cannot be read back; it keeps waiting");
            }
        }
    }

    /// Takes a row away, in the store or in this transaction.
    fn forget(&mut self, row: &WaitingRow) {
        if row.number == 0 {
            let is_it = |other: &WaitingRow| source_key(other) == source_key(row) && other.position == row.position;
            self.writes.waiting.retain(|other| !is_it(other));
        } else {
            self.writes.released.push(row.number);
        }
    }
}
