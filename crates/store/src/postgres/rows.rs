//! How rows become what the contract speaks of.

use canonical::entity::Operation;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::failure::Failure;
use super::text;
use super::words::Words;
use crate::value::{Coded, MasterKey, time};
use crate::{
    CrosswalkRow, DropStatus, JournalEntry, JournalKind, LocalKey, MasterRow, Outcomes, ParkedStatus, Position,
    RecordOutcome, RejectStatus, SourceRow, StreamKey, WaitingRow, WaitingStatus,
};

/// One column.
pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, Failure> {
    Ok(row.try_get(index)?)
}

/// A column of text of people or systems.
pub(super) fn told(row: &Row, index: usize) -> Result<String, Failure> {
    Ok(text::told(get(row, index)?))
}

/// A column of text of people or systems that may be empty.
pub(super) fn told_opt(row: &Row, index: usize) -> Result<Option<String>, Failure> {
    Ok(get::<Option<String>>(row, index)?.map(text::told))
}

/// The columns that [`source`] reads.
macro_rules! source_columns {
    () => {
        "system, entity, key, stream, master, document, mapping, asserted, residue, drop_number, ordinal, observed_at, \
         removed"
    };
}
pub(super) use source_columns;

pub(super) fn source(words: &Words, row: &Row) -> Result<SourceRow, Failure> {
    Ok(SourceRow {
        local: local_key(words, row, 0)?,
        stream: words.text(get(row, 3)?)?,
        master_id: MasterKey(get(row, 4)?).id(),
        document: get(row, 5)?,
        mapping: words.text(get(row, 6)?)?,
        asserted: get(row, 7)?,
        residue: get(row, 8)?,
        position: Position { drop: number(row, 9)?, ordinal: number(row, 10)? },
        observed_at: time(get(row, 11)?),
        removed: flag(row, 12)?,
    })
}

/// The columns that [`crosswalk`] reads.
macro_rules! crosswalk_columns {
    () => {
        "system, entity, key, master, holds, residue, version, removed, earlier"
    };
}
pub(super) use crosswalk_columns;

pub(super) fn crosswalk(words: &Words, row: &Row) -> Result<CrosswalkRow, Failure> {
    let earlier: Option<&str> = get(row, 8)?;
    Ok(CrosswalkRow {
        local: local_key(words, row, 0)?,
        master_id: MasterKey(get(row, 3)?).id(),
        holds: get(row, 4)?,
        residue: get(row, 5)?,
        version: number(row, 6)?,
        removed: flag(row, 7)?,
        earlier: earlier.map(serde_json::from_str).transpose()?.unwrap_or_default(),
    })
}

/// The columns that [`master`] reads, of `masters` as m and `search_texts` as t.
macro_rules! master_columns {
    () => {
        "m.master, m.entity, m.document, m.version, m.state, m.redirect, m.root, t.text"
    };
}
pub(super) use master_columns;

pub(super) fn master(words: &Words, row: &Row) -> Result<MasterRow, Failure> {
    Ok(MasterRow {
        master_id: MasterKey(get(row, 0)?).id(),
        entity: words.entity(get(row, 1)?)?,
        document: get(row, 2)?,
        version: number(row, 3)?,
        state: Operation::from_column(get(row, 4)?)?,
        redirect: get::<Option<i64>>(row, 5)?.map(|id| MasterKey(id).id()),
        root: MasterKey(get(row, 6)?).id(),
        search: told(row, 7)?.into(),
    })
}

/// The columns that [`journal`] reads.
macro_rules! journal_columns {
    () => {
        "at, kind, system, entity, key, master, version, drop_number, ordinal, line, detail"
    };
}
pub(super) use journal_columns;

pub(super) fn journal(words: &Words, row: &Row) -> Result<JournalEntry, Failure> {
    Ok(JournalEntry {
        at: time(get(row, 0)?),
        kind: JournalKind::from_column(get(row, 1)?)?,
        system: words.text(get(row, 2)?)?,
        entity: words.entity(get(row, 3)?)?,
        key: told_opt(row, 4)?,
        master_id: get::<Option<i64>>(row, 5)?.map(|key| MasterKey(key).id()),
        version: optional_number(row, 6)?,
        position: position(row, 7)?,
        line: optional_number(row, 9)?,
        detail: told_opt(row, 10)?,
    })
}

/// The columns that [`waiting`] reads.
macro_rules! waiting_columns {
    () => {
        "number, needs_system, needs_entity, needs_key, system, entity, key, stream, drop_number, ordinal, event, since"
    };
}
pub(super) use waiting_columns;

pub(super) fn waiting(words: &Words, row: &Row) -> Result<WaitingRow, Failure> {
    Ok(WaitingRow {
        number: number(row, 0)?,
        needs: local_key(words, row, 1)?,
        local: local_key(words, row, 4)?,
        stream: words.text(get(row, 7)?)?,
        position: Position { drop: number(row, 8)?, ordinal: number(row, 9)? },
        event: get(row, 10)?,
        since: time(get(row, 11)?),
    })
}

/// The columns that [`waiting_status`] reads.
macro_rules! waiting_status_columns {
    () => {
        "number, system, entity, key, needs_system, needs_key, drop_number, since"
    };
}
pub(super) use waiting_status_columns;

pub(super) fn waiting_status(words: &Words, row: &Row) -> Result<WaitingStatus, Failure> {
    Ok(WaitingStatus {
        number: number(row, 0)?,
        system: words.text(get(row, 1)?)?,
        entity: words.entity(get(row, 2)?)?,
        key: told(row, 3)?,
        needs_system: words.text(get(row, 4)?)?,
        needs_key: told(row, 5)?,
        drop: number(row, 6)?,
        since: time(get(row, 7)?),
    })
}

/// The columns that [`parked`] reads.
macro_rules! parked_columns {
    () => {
        "number, tenant, stage, system, key, entity, master, version, code, reason, since, event"
    };
}
pub(super) use parked_columns;

pub(super) fn parked(words: &Words, row: &Row) -> Result<ParkedStatus, Failure> {
    Ok(ParkedStatus {
        number: number(row, 0)?,
        tenant: words.text(get(row, 1)?)?,
        stage: Coded::from_column(get(row, 2)?)?,
        system: words.text(get(row, 3)?)?,
        key: told(row, 4)?,
        entity: words.entity(get(row, 5)?)?,
        master_id: get::<Option<i64>>(row, 6)?.map(|key| MasterKey(key).id()),
        version: optional_number(row, 7)?,
        code: told(row, 8)?,
        reason: told_opt(row, 9)?,
        since: time(get(row, 10)?),
        event: get(row, 11)?,
    })
}

/// The columns that [`reject`] reads, of `rejects` as r and `streams` as s.
macro_rules! reject_columns {
    () => {
        "s.tenant, s.system, s.stream, r.number, r.drop_number, r.file, r.line, r.key, r.code, r.reason, r.raw"
    };
}
pub(super) use reject_columns;

pub(super) fn reject(words: &Words, row: &Row) -> Result<RejectStatus, Failure> {
    Ok(RejectStatus {
        stream: stream_key(words, row)?,
        number: number(row, 3)?,
        drop: number(row, 4)?,
        file: told_opt(row, 5)?,
        line: optional_number(row, 6)?,
        key: told_opt(row, 7)?,
        code: told(row, 8)?,
        reason: told(row, 9)?,
        raw: get(row, 10)?,
    })
}

/// Reads the twelve counters of a drop from `first` on, in the order of [`drop_columns`].
pub(super) fn outcomes(row: &Row, first: usize) -> Result<Outcomes, Failure> {
    let mut outcomes = Outcomes {
        read: get(row, first)?,
        rows: get(row, first + 1)?,
        in_flight: get(row, first + 2)?,
        ended: std::collections::BTreeMap::new(),
    };
    for (index, outcome) in RecordOutcome::ALL.into_iter().enumerate() {
        let count: i64 = get(row, first + 3 + index)?;
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

/// The columns that [`drop_status`] reads, of `drops` as d and `streams` as s; then the outcomes, those that a record
/// ends with in the order of [`RecordOutcome::ALL`].
macro_rules! drop_columns {
    () => {
        "s.tenant, s.system, s.stream, d.number, d.name, d.export, d.begun_at, d.ended_at, d.ending, d.duplicate_of, \
         d.records_read, d.rows_read, d.in_flight, d.created, d.updated, d.unchanged, d.removed, d.duplicate, \
         d.rejected, d.parked, d.waiting, d.withheld"
    };
}
pub(super) use drop_columns;

pub(super) fn drop_status(words: &Words, row: &Row) -> Result<DropStatus, Failure> {
    Ok(DropStatus {
        stream: stream_key(words, row)?,
        number: number(row, 3)?,
        name: told(row, 4)?,
        export: Coded::from_column(get(row, 5)?)?,
        begun_at: time(get(row, 6)?),
        ended_at: get::<Option<i64>>(row, 7)?.map(time),
        end: get::<Option<i64>>(row, 8)?.map(Coded::from_column).transpose()?,
        duplicate_of: optional_number(row, 9)?,
        outcomes: outcomes(row, 10)?,
    })
}

/// The first three columns: tenant, system, stream.
pub(super) fn stream_key(words: &Words, row: &Row) -> Result<StreamKey, Failure> {
    Ok(StreamKey {
        tenant: words.text(get(row, 0)?)?,
        system: words.text(get(row, 1)?)?,
        stream: words.text(get(row, 2)?)?,
    })
}

/// The columns from `first` on: system, entity, key.
fn local_key(words: &Words, row: &Row, first: usize) -> Result<LocalKey, Failure> {
    Ok(LocalKey {
        system: words.text(get(row, first)?)?,
        entity: words.entity(get(row, first + 1)?)?,
        key: told(row, first + 2)?,
    })
}

/// The columns from `first` on: drop number, ordinal.
pub(super) fn position(row: &Row, first: usize) -> Result<Option<Position>, Failure> {
    let drop = optional_number(row, first)?;
    let ordinal = optional_number(row, first + 1)?;
    Ok(drop.zip(ordinal).map(|(drop, ordinal)| Position { drop, ordinal }))
}

/// A number as it was bound: see `cast_signed` where rows are written.
pub(super) fn number(row: &Row, index: usize) -> Result<u64, Failure> {
    Ok(get::<i64>(row, index)?.cast_unsigned())
}

pub(super) fn optional_number(row: &Row, index: usize) -> Result<Option<u64>, Failure> {
    Ok(get::<Option<i64>>(row, index)?.map(i64::cast_unsigned))
}

/// A yes or no, as a number like in the embedded store.
pub(super) fn flag(row: &Row, index: usize) -> Result<bool, Failure> {
    Ok(get::<i64>(row, index)? != 0)
}
