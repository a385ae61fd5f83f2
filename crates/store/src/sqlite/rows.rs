//! How rows become what the contract speaks of.

use canonical::entity::Operation;
use rusqlite::Row;

use super::dictionary::Session;
use super::failure::Failure;
use super::value::{Coded, MasterKey, time};
use crate::{
    CrosswalkRow, DropStatus, JournalEntry, JournalKind, LocalKey, MasterRow, Outcomes, ParkedStatus, Position,
    RecordOutcome, RejectStatus, SourceRow, StreamKey, WaitingRow, WaitingStatus,
};

/// The columns that [`source`] reads.
pub(super) const SOURCE: &str = "system, entity, key, stream, master, document, mapping, asserted, residue, \
     drop_number, ordinal, observed_at, removed";

pub(super) fn source(session: &Session<'_>, row: &Row<'_>) -> Result<SourceRow, Failure> {
    Ok(SourceRow {
        local: local_key(session, row, 0)?,
        stream: session.text(row.get(3)?)?,
        master_id: MasterKey(row.get(4)?).id(),
        document: row.get(5)?,
        mapping: session.text(row.get(6)?)?,
        asserted: row.get(7)?,
        residue: row.get(8)?,
        position: Position { drop: number(row, 9)?, ordinal: number(row, 10)? },
        observed_at: time(row.get(11)?),
        removed: row.get(12)?,
    })
}

/// The columns that [`crosswalk`] reads.
pub(super) const CROSSWALK: &str = "system, entity, key, master, holds, residue, version, removed, earlier";

pub(super) fn crosswalk(session: &Session<'_>, row: &Row<'_>) -> Result<CrosswalkRow, Failure> {
    Ok(CrosswalkRow {
        local: local_key(session, row, 0)?,
        master_id: MasterKey(row.get(3)?).id(),
        holds: row.get(4)?,
        residue: row.get(5)?,
        version: number(row, 6)?,
        removed: row.get(7)?,
        earlier: earlier(row, 8)?,
    })
}

fn earlier(row: &Row<'_>, column: usize) -> Result<Vec<Box<str>>, Failure> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else { return Ok(Vec::new()) };
    Ok(serde_json::from_str(text)?)
}

/// The columns that [`master`] reads, of `masters` as m and `search_texts` as t.
pub(super) const MASTER: &str = "m.master, m.entity, m.document, m.version, m.state, m.redirect, m.root, t.text";

pub(super) fn master(session: &Session<'_>, row: &Row<'_>) -> Result<MasterRow, Failure> {
    Ok(MasterRow {
        master_id: MasterKey(row.get(0)?).id(),
        entity: session.entity(row.get(1)?)?,
        document: row.get(2)?,
        version: number(row, 3)?,
        state: Operation::from_column(row.get(4)?)?,
        redirect: row.get::<_, Option<i64>>(5)?.map(|id| MasterKey(id).id()),
        root: MasterKey(row.get(6)?).id(),
        search: row.get(7)?,
    })
}

/// The columns that [`journal`] reads.
pub(super) const JOURNAL: &str = "at, kind, system, entity, key, master, version, drop_number, ordinal, line, detail";

pub(super) fn journal(session: &Session<'_>, row: &Row<'_>) -> Result<JournalEntry, Failure> {
    Ok(JournalEntry {
        at: time(row.get(0)?),
        kind: JournalKind::from_column(row.get(1)?)?,
        system: session.text(row.get(2)?)?,
        entity: session.entity(row.get(3)?)?,
        key: row.get(4)?,
        master_id: row.get::<_, Option<i64>>(5)?.map(|key| MasterKey(key).id()),
        version: optional_number(row, 6)?,
        position: position(row, 7)?,
        line: optional_number(row, 9)?,
        detail: row.get(10)?,
    })
}

/// The columns that [`waiting`] reads.
pub(super) const WAITING: &str = "number, needs_system, needs_entity, needs_key, system, entity, key, stream, \
     drop_number, ordinal, event, since";

pub(super) fn waiting(session: &Session<'_>, row: &Row<'_>) -> Result<WaitingRow, Failure> {
    Ok(WaitingRow {
        number: number(row, 0)?,
        needs: local_key(session, row, 1)?,
        local: local_key(session, row, 4)?,
        stream: session.text(row.get(7)?)?,
        position: Position { drop: number(row, 8)?, ordinal: number(row, 9)? },
        event: row.get(10)?,
        since: time(row.get(11)?),
    })
}

/// The columns that [`waiting_status`] reads.
pub(super) const WAITING_STATUS: &str = "number, system, entity, key, needs_system, needs_key, drop_number, since";

pub(super) fn waiting_status(session: &Session<'_>, row: &Row<'_>) -> Result<WaitingStatus, Failure> {
    Ok(WaitingStatus {
        number: number(row, 0)?,
        system: session.text(row.get(1)?)?,
        entity: session.entity(row.get(2)?)?,
        key: row.get(3)?,
        needs_system: session.text(row.get(4)?)?,
        needs_key: row.get(5)?,
        drop: number(row, 6)?,
        since: time(row.get(7)?),
    })
}

/// The columns that [`parked`] reads.
pub(super) const PARKED: &str =
    "number, tenant, stage, system, key, entity, master, version, code, reason, since, event";

pub(super) fn parked(session: &Session<'_>, row: &Row<'_>) -> Result<ParkedStatus, Failure> {
    Ok(ParkedStatus {
        number: number(row, 0)?,
        tenant: session.text(row.get(1)?)?,
        stage: Coded::from_column(row.get(2)?)?,
        system: session.text(row.get(3)?)?,
        key: row.get(4)?,
        entity: session.entity(row.get(5)?)?,
        master_id: row.get::<_, Option<i64>>(6)?.map(|key| MasterKey(key).id()),
        version: optional_number(row, 7)?,
        code: row.get(8)?,
        reason: row.get(9)?,
        since: time(row.get(10)?),
        event: row.get(11)?,
    })
}

/// The columns that [`reject`] reads, of `rejects` as r and `streams` as s.
pub(super) const REJECT: &str =
    "s.tenant, s.system, s.stream, r.number, r.drop_number, r.file, r.line, r.key, r.code, r.reason, r.raw";

pub(super) fn reject(session: &Session<'_>, row: &Row<'_>) -> Result<RejectStatus, Failure> {
    Ok(RejectStatus {
        stream: stream_key(session, row)?,
        number: number(row, 3)?,
        drop: number(row, 4)?,
        file: row.get(5)?,
        line: optional_number(row, 6)?,
        key: row.get(7)?,
        code: row.get(8)?,
        reason: row.get(9)?,
        raw: row.get(10)?,
    })
}

/// The columns of `drops` that [`outcomes`] reads, in its order; each is also the name of a sum.
pub(super) const OUTCOME_COLUMNS: [&str; 12] = [
    "records_read",
    "rows_read",
    "in_flight",
    "created",
    "updated",
    "unchanged",
    "removed",
    "duplicate",
    "rejected",
    "parked",
    "waiting",
    "withheld",
];

/// The outcomes that have a column, in the order of [`OUTCOME_COLUMNS`] after the first three.
pub(super) const OUTCOMES_ENDED: [RecordOutcome; 9] = [
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

/// Reads the twelve columns from `first` on.
pub(super) fn outcomes(row: &Row<'_>, first: usize) -> Result<Outcomes, Failure> {
    let mut outcomes = Outcomes {
        read: row.get(first)?,
        rows: row.get(first + 1)?,
        in_flight: row.get(first + 2)?,
        ended: std::collections::BTreeMap::new(),
    };
    for (index, outcome) in OUTCOMES_ENDED.into_iter().enumerate() {
        let count: i64 = row.get(first + 3 + index)?;
        if count != 0 {
            outcomes.add(outcome, count);
        }
    }
    // What was resolved was read: see `Outcomes`.
    let untold = (-outcomes.in_flight).max(0);
    outcomes.read += untold;
    outcomes.in_flight += untold;
    Ok(outcomes)
}

/// The columns that [`drop_status`] reads, of `drops` as d and `streams` as s; then the outcomes.
pub(super) const DROP: &str = "s.tenant, s.system, s.stream, d.number, d.name, d.export, d.begun_at, d.ended_at, d.ending, d.duplicate_of, \
     d.records_read, d.rows_read, d.in_flight, d.created, d.updated, d.unchanged, d.removed, d.duplicate, d.rejected, \
     d.parked, d.waiting, d.withheld";

pub(super) fn drop_status(session: &Session<'_>, row: &Row<'_>) -> Result<DropStatus, Failure> {
    Ok(DropStatus {
        stream: stream_key(session, row)?,
        number: number(row, 3)?,
        name: row.get(4)?,
        export: Coded::from_column(row.get(5)?)?,
        begun_at: time(row.get(6)?),
        ended_at: row.get::<_, Option<i64>>(7)?.map(time),
        end: row.get::<_, Option<i64>>(8)?.map(Coded::from_column).transpose()?,
        duplicate_of: optional_number(row, 9)?,
        outcomes: outcomes(row, 10)?,
    })
}

/// The first three columns: tenant, system, stream.
pub(super) fn stream_key(session: &Session<'_>, row: &Row<'_>) -> Result<StreamKey, Failure> {
    Ok(StreamKey {
        tenant: session.text(row.get(0)?)?,
        system: session.text(row.get(1)?)?,
        stream: session.text(row.get(2)?)?,
    })
}

/// The columns from `first` on: system, entity, key.
fn local_key(session: &Session<'_>, row: &Row<'_>, first: usize) -> Result<LocalKey, Failure> {
    Ok(LocalKey {
        system: session.text(row.get(first)?)?,
        entity: session.entity(row.get(first + 1)?)?,
        key: row.get(first + 2)?,
    })
}

/// The columns from `first` on: drop number, ordinal.
pub(super) fn position(row: &Row<'_>, first: usize) -> Result<Option<Position>, Failure> {
    let drop = optional_number(row, first)?;
    let ordinal = optional_number(row, first + 1)?;
    Ok(drop.zip(ordinal).map(|(drop, ordinal)| Position { drop, ordinal }))
}

/// A number as it was bound: see `cast_signed` where rows are written.
pub(super) fn number(row: &Row<'_>, index: usize) -> Result<u64, Failure> {
    Ok(row.get::<_, i64>(index)?.cast_unsigned())
}

fn optional_number(row: &Row<'_>, index: usize) -> Result<Option<u64>, Failure> {
    Ok(row.get::<_, Option<i64>>(index)?.map(i64::cast_unsigned))
}
