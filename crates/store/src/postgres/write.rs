//! Writes: one statement per table, with the rows as arrays.
//!
//! The words of all rows must have been interned before. Every function sends when it is first polled, if its statement
//! was prepared; those that are joined travel together.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;

use master::MasterId;

use super::failure::Failure;
use super::pool::Link;
use super::text::kept;
use super::words::Words;
use crate::value::RowWriter;
use crate::value::{Coded, MasterKey, nanoseconds};
use crate::{
    CrosswalkRow, DropNumber, JournalEntry, MatchKeysWrite, NewParked, Outcomes, ParkedStage, RecordOutcome, SourceRow,
    WaitingRow,
};

/// The last row of each key, in the order of those: a statement can write a row only once.
pub(super) fn last_of_each<'a, T, K: Hash + Eq>(rows: &'a [T], key: impl Fn(&'a T) -> K) -> Vec<&'a T> {
    let mut seen = HashSet::with_capacity(rows.len());
    let mut last: Vec<&T> = rows.iter().rev().filter(|row| seen.insert(key(row))).collect();
    last.reverse();
    last
}

pub(super) fn optional_master(tenant: i64, id: Option<MasterId>) -> Result<Option<i64>, Failure> {
    Ok(id.map(|id| MasterKey::to_write(tenant, id)).transpose()?.map(|key| key.0))
}

fn kept_opt(text: Option<&String>) -> Option<Cow<'_, str>> {
    text.map(|text| kept(text))
}

/// One column of some rows.
pub(super) fn column<'a, T, C>(rows: &[&'a T], value: impl Fn(&'a T) -> C) -> Vec<C> {
    rows.iter().map(|row| value(row)).collect()
}

/// One column of some rows, of values that may not be there.
pub(super) fn try_column<'a, T, C>(
    rows: &[&'a T],
    value: impl Fn(&'a T) -> Result<C, Failure>,
) -> Result<Vec<C>, Failure> {
    rows.iter().map(|row| value(row)).collect()
}

/// Whether every row of a transaction is known to be new. Rows that are there already make it a conflict then; in return
/// the server does not prepare for them, which takes half as long again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    New,
    Any,
}

macro_rules! insert_sources {
    () => {
        "INSERT INTO sources (tenant, system, stream, entity, key, master, mapping, drop_number, ordinal, observed_at,
                          removed, asserted, residue, document)
     SELECT $1::bigint, u.* FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[],
         $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::text[]) AS u"
    };
}
pub(super) const SOURCES_NEW: &str = insert_sources!();
pub(super) const SOURCES: &str = concat!(
    insert_sources!(),
    " ON CONFLICT (key, stream, system, entity, tenant) DO UPDATE SET
         master = excluded.master, mapping = excluded.mapping, drop_number = excluded.drop_number,
         ordinal = excluded.ordinal, observed_at = excluded.observed_at, removed = excluded.removed,
         asserted = excluded.asserted, residue = excluded.residue, document = excluded.document"
);

pub(super) async fn sources(
    link: &Link,
    words: &Words,
    tenant: i64,
    rows: &[SourceRow],
    which: Rows,
) -> Result<(), Failure> {
    let sql = if which == Rows::New { SOURCES_NEW } else { SOURCES };
    let rows = last_of_each(rows, |row| (&row.local, &row.stream));
    if rows.is_empty() {
        return Ok(());
    }
    let system = try_column(&rows, |row| words.must(&row.local.system))?;
    let stream = try_column(&rows, |row| words.must(&row.stream))?;
    let entity = try_column(&rows, |row| words.must_entity(&row.local.entity))?;
    let key = column(&rows, |row| kept(&row.local.key));
    let master = try_column(&rows, |row| Ok(MasterKey::to_write(tenant, row.master_id)?.0))?;
    let mapping = try_column(&rows, |row| words.must(&row.mapping))?;
    let drop_number = column(&rows, |row| row.position.drop.cast_signed());
    let ordinal = column(&rows, |row| row.position.ordinal.cast_signed());
    let observed_at = column(&rows, |row| nanoseconds(row.observed_at));
    let removed = column(&rows, |row| i64::from(row.removed));
    let asserted = column(&rows, |row| &*row.asserted);
    let residue = column(&rows, |row| row.residue.as_deref());
    let document = column(&rows, |row| &*row.document);
    link.execute(
        sql,
        &[
            &tenant,
            &system,
            &stream,
            &entity,
            &key,
            &master,
            &mapping,
            &drop_number,
            &ordinal,
            &observed_at,
            &removed,
            &asserted,
            &residue,
            &document,
        ],
    )
    .await?;
    Ok(())
}

/// What was delivered earlier, with the present shadow behind it; of more than 8 the oldest goes.
macro_rules! earlier_with_holds {
    ($row:literal) => {
        concat!(
            "(CASE WHEN jsonb_array_length(",
            $row,
            ".earlier::jsonb) >= 8 THEN ",
            $row,
            ".earlier::jsonb - 0
                   ELSE coalesce(",
            $row,
            ".earlier, '[]')::jsonb END || jsonb_build_array(",
            $row,
            ".holds))::text"
        )
    };
}
pub(super) use earlier_with_holds;

macro_rules! insert_crosswalk {
    () => {
        "INSERT INTO crosswalk (tenant, system, entity, key, master, version, removed, residue, holds, earlier)
     SELECT $1::bigint, u.* FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
         $8::text[], $9::text[], $10::text[]) AS u"
    };
}
pub(super) const CROSSWALK_NEW: &str = insert_crosswalk!();
/// `$12`: whether a record that is there stays with its master: it may have moved to another one during a call.
/// `$11`: whether a shadow that is replaced by another one is kept behind those that were replaced before; else a row says
/// itself what is kept.
pub(super) const CROSSWALK: &str = concat!(
    insert_crosswalk!(),
    " ON CONFLICT (key, system, entity, tenant) DO UPDATE SET
         home = CASE WHEN crosswalk.master = excluded.master OR ($12 AND crosswalk.removed = 0) THEN crosswalk.home
                     ELSE coalesce(crosswalk.home, crosswalk.master) END,
         master = CASE WHEN $12 AND crosswalk.removed = 0 THEN crosswalk.master ELSE excluded.master END,
         version = excluded.version, removed = excluded.removed,
         residue = excluded.residue, holds = excluded.holds,
         earlier = CASE
             WHEN NOT $11 THEN excluded.earlier
             WHEN crosswalk.holds IS NULL OR crosswalk.holds = excluded.holds THEN crosswalk.earlier
             ELSE ",
    earlier_with_holds!("crosswalk"),
    " END"
);

pub(super) async fn crosswalk(
    link: &Link,
    words: &Words,
    tenant: i64,
    rows: &[CrosswalkRow],
    writer: RowWriter,
    which: Rows,
) -> Result<(), Failure> {
    let rows = last_of_each(rows, |row| &row.local);
    if rows.is_empty() {
        return Ok(());
    }
    let system = try_column(&rows, |row| words.must(&row.local.system))?;
    let entity = try_column(&rows, |row| words.must_entity(&row.local.entity))?;
    let key = column(&rows, |row| kept(&row.local.key));
    let master = try_column(&rows, |row| Ok(MasterKey::to_write(tenant, row.master_id)?.0))?;
    let version = column(&rows, |row| row.version.cast_signed());
    let removed = column(&rows, |row| i64::from(row.removed));
    let residue = column(&rows, |row| row.residue.as_deref());
    let holds = column(&rows, |row| row.holds.as_deref());
    let earlier = try_column(&rows, |row| {
        Ok((!row.earlier.is_empty()).then(|| serde_json::to_string(&row.earlier)).transpose()?)
    })?;
    let (stays, keeps_earlier) = (writer.is_delivery(), writer == RowWriter::Delivery { is_read: true });
    let parameters: [super::pool::Parameter<'_>; 12] = [
        &tenant,
        &system,
        &entity,
        &key,
        &master,
        &version,
        &removed,
        &residue,
        &holds,
        &earlier,
        &keeps_earlier,
        &stays,
    ];
    match which {
        Rows::New => link.execute(CROSSWALK_NEW, &parameters[..10]).await?,
        Rows::Any => link.execute(CROSSWALK, &parameters).await?,
    };
    Ok(())
}

/// Key by key, and by the places of rows that are never updated: a join that was planned while the table was small would
/// be kept, and go through all keys of the tenant.
pub(super) const KEYS_GONE: &str = "DELETE FROM match_keys WHERE ctid = ANY (ARRAY(
         SELECT k.ctid FROM unnest($2::text[], $3::bigint[]) AS u(key, master) CROSS JOIN LATERAL
             (SELECT ctid FROM match_keys WHERE tenant = $1 AND key = u.key AND master = u.master LIMIT 1) AS k))";
pub(super) const KEYS_NEW: &str = "INSERT INTO match_keys (tenant, key, master)
     SELECT $1::bigint, u.* FROM unnest($2::text[], $3::bigint[]) AS u ON CONFLICT DO NOTHING";
pub(super) const KEYS_ALL_NEW: &str = "INSERT INTO match_keys (tenant, key, master)
     SELECT $1::bigint, u.* FROM unnest($2::text[], $3::bigint[]) AS u";

pub(super) async fn match_keys(
    link: &Link,
    tenant: i64,
    writes: &[MatchKeysWrite],
    which: Rows,
) -> Result<(), Failure> {
    let sql = if which == Rows::New { KEYS_ALL_NEW } else { KEYS_NEW };
    // What is taken away and added is there.
    let mut after: BTreeMap<(&str, i64), bool> = BTreeMap::new();
    for write in writes {
        let master = MasterKey::to_write(tenant, write.master_id)?.0;
        after.extend(write.remove.iter().map(|key| ((key.as_str(), master), false)));
        after.extend(write.add.iter().map(|key| ((key.as_str(), master), true)));
    }
    let of = |is_there: bool| -> (Vec<Cow<'_, str>>, Vec<i64>) {
        let keys = after.iter().filter(|(_, there)| **there == is_there);
        keys.map(|((key, master), _)| (kept(key), *master)).unzip()
    };
    let (gone, new) = (of(false), of(true));
    let remove = async {
        if !gone.0.is_empty() {
            link.execute(KEYS_GONE, &[&tenant, &gone.0, &gone.1]).await?;
        }
        Ok::<_, Failure>(())
    };
    let add = async {
        if !new.0.is_empty() {
            link.execute(sql, &[&tenant, &new.0, &new.1]).await?;
        }
        Ok::<_, Failure>(())
    };
    futures::try_join!(remove, add)?;
    Ok(())
}

pub(super) const JOURNAL: &str =
    "INSERT INTO journal (tenant, at, kind, system, entity, key, master, version, drop_number, ordinal, line, detail)
     SELECT $1::bigint, u.* FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[],
         $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[]) AS u";

pub(super) async fn journal(link: &Link, words: &Words, tenant: i64, entries: &[JournalEntry]) -> Result<(), Failure> {
    let rows: Vec<&JournalEntry> = entries.iter().collect();
    if rows.is_empty() {
        return Ok(());
    }
    let at = column(&rows, |row| nanoseconds(row.at));
    let kind = column(&rows, |row| row.kind.code());
    let system = try_column(&rows, |row| words.must(&row.system))?;
    let entity = try_column(&rows, |row| words.must_entity(&row.entity))?;
    let key = column(&rows, |row| kept_opt(row.key.as_ref()));
    let master = try_column(&rows, |row| optional_master(tenant, row.master_id))?;
    let version = column(&rows, |row| row.version.map(u64::cast_signed));
    let drop_number = column(&rows, |row| row.position.map(|position| position.drop.cast_signed()));
    let ordinal = column(&rows, |row| row.position.map(|position| position.ordinal.cast_signed()));
    let line = column(&rows, |row| row.line.map(u64::cast_signed));
    let detail = column(&rows, |row| kept_opt(row.detail.as_ref()));
    link.execute(
        JOURNAL,
        &[&tenant, &at, &kind, &system, &entity, &key, &master, &version, &drop_number, &ordinal, &line, &detail],
    )
    .await?;
    Ok(())
}

pub(super) const WAITING: &str =
    "INSERT INTO waiting (tenant, needs_system, needs_entity, needs_key, system, entity, key, stream, drop_number,
                          ordinal, since, event)
     SELECT $1::bigint, u.* FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
         $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bytea[]) AS u";

pub(super) async fn waiting(link: &Link, words: &Words, tenant: i64, rows: &[WaitingRow]) -> Result<(), Failure> {
    let rows: Vec<&WaitingRow> = rows.iter().collect();
    if rows.is_empty() {
        return Ok(());
    }
    let needs_system = try_column(&rows, |row| words.must(&row.needs.system))?;
    let needs_entity = try_column(&rows, |row| words.must_entity(&row.needs.entity))?;
    let needs_key = column(&rows, |row| kept(&row.needs.key));
    let system = try_column(&rows, |row| words.must(&row.local.system))?;
    let entity = try_column(&rows, |row| words.must_entity(&row.local.entity))?;
    let key = column(&rows, |row| kept(&row.local.key));
    let stream = try_column(&rows, |row| words.must(&row.stream))?;
    let drop_number = column(&rows, |row| row.position.drop.cast_signed());
    let ordinal = column(&rows, |row| row.position.ordinal.cast_signed());
    let since = column(&rows, |row| nanoseconds(row.since));
    let event = column(&rows, |row| row.event.as_slice());
    link.execute(
        WAITING,
        &[
            &tenant,
            &needs_system,
            &needs_entity,
            &needs_key,
            &system,
            &entity,
            &key,
            &stream,
            &drop_number,
            &ordinal,
            &since,
            &event,
        ],
    )
    .await?;
    Ok(())
}

pub(super) const WAITING_GONE: &str = "DELETE FROM waiting WHERE tenant = $1 AND number = ANY($2)";

/// Forgets what waited; numbers that are gone already are passed over.
pub(super) async fn forget_waiting(link: &Link, tenant: i64, numbers: &[u64]) -> Result<(), Failure> {
    if !numbers.is_empty() {
        link.execute(WAITING_GONE, &[&tenant, &signed(numbers)]).await?;
    }
    Ok(())
}

pub(super) fn signed(numbers: &[u64]) -> Vec<i64> {
    numbers.iter().map(|number| number.cast_signed()).collect()
}

/// A delivery that comes again before its message was acknowledged is there already.
pub(super) const PARKED: &str =
    "INSERT INTO parked (tenant, stage, system, key, entity, master, version, drop_number, ordinal, code, reason, since,
                         event, needs_system, needs_master, task)
     SELECT $1::bigint, u.* FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
         $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::bigint[], $13::bytea[], $14::bigint[], $15::bigint[],
         $16::text[]) AS u(stage, system, key, entity, master, version, drop_number, ordinal, code, reason, since, event,
                           needs_system, needs_master, task)
     WHERE u.drop_number IS NOT NULL OR NOT EXISTS (
         SELECT 1 FROM parked p WHERE p.key = u.key AND p.system = u.system AND p.stage = u.stage AND p.tenant = $1
            AND p.master IS NOT DISTINCT FROM u.master AND p.version IS NOT DISTINCT FROM u.version
            AND p.drop_number IS NULL AND p.event = u.event)";

/// Sets messages aside.
pub(super) async fn parked(link: &Link, words: &Words, tenant: i64, rows: &[NewParked]) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    let same = |row: &NewParked| {
        (
            row.stage == ParkedStage::Delivery,
            row.system.clone(),
            row.key.clone(),
            row.master_id,
            row.version,
            row.event.clone(),
        )
    };
    let rows: Vec<&NewParked> = rows.iter().filter(|row| row.position.is_some() || seen.insert(same(row))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let stage = column(&rows, |row| row.stage.code());
    let system = try_column(&rows, |row| words.must(&row.system))?;
    let key = column(&rows, |row| kept(&row.key));
    let entity = try_column(&rows, |row| words.must_entity(&row.entity))?;
    let master = try_column(&rows, |row| optional_master(tenant, row.master_id))?;
    let version = column(&rows, |row| row.version.map(u64::cast_signed));
    let drop_number = column(&rows, |row| row.position.map(|position| position.drop.cast_signed()));
    let ordinal = column(&rows, |row| row.position.map(|position| position.ordinal.cast_signed()));
    let code = column(&rows, |row| kept(&row.code));
    let reason = column(&rows, |row| kept_opt(row.reason.as_ref()));
    let since = column(&rows, |row| nanoseconds(row.at));
    let event = column(&rows, |row| row.event.as_slice());
    let needs_system = try_column(&rows, |row| row.needs.as_ref().map(|needs| words.must(&needs.system)).transpose())?;
    let needs_master =
        try_column(&rows, |row| optional_master(tenant, row.needs.as_ref().map(|needs| needs.master_id)))?;
    let task = column(&rows, |row| kept_opt(row.task.as_ref()));
    link.execute(
        PARKED,
        &[
            &tenant,
            &stage,
            &system,
            &key,
            &entity,
            &master,
            &version,
            &drop_number,
            &ordinal,
            &code,
            &reason,
            &since,
            &event,
            &needs_system,
            &needs_master,
            &task,
        ],
    )
    .await?;
    Ok(())
}

pub(super) const PARKED_GONE: &str =
    "WITH gone AS (DELETE FROM parked WHERE tenant = $1 AND number = ANY($2) RETURNING task)
     DELETE FROM tasks WHERE tenant = $1 AND closed_at IS NULL
        AND subject IN (SELECT task FROM gone WHERE task IS NOT NULL)";

/// Forgets parked messages, and closes the tasks that ask about them.
pub(super) async fn forget_parked(link: &Link, tenant: i64, numbers: &[u64]) -> Result<(), Failure> {
    if !numbers.is_empty() {
        link.execute(PARKED_GONE, &[&tenant, &signed(numbers)]).await?;
    }
    Ok(())
}

/// Rows are locked in the order of their numbers, or two batches that count for the same drops would block each other.
pub(super) const DROPS_LOCKED: &str =
    "SELECT count(*) FROM (SELECT 1 FROM drops WHERE number = ANY($1) ORDER BY number FOR NO KEY UPDATE) AS held";
pub(super) const OUTCOMES: &str = "UPDATE drops d SET
         records_read = d.records_read + u.read, rows_read = d.rows_read + u.rows, in_flight = d.in_flight + u.in_flight,
         created = d.created + u.created, updated = d.updated + u.updated, unchanged = d.unchanged + u.unchanged,
         removed = d.removed + u.removed, duplicate = d.duplicate + u.duplicate, rejected = d.rejected + u.rejected,
         parked = d.parked + u.parked, waiting = d.waiting + u.waiting, withheld = d.withheld + u.withheld
     FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
         $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[])
         AS u(number, read, rows, in_flight, created, updated, unchanged, removed, duplicate, rejected, parked, waiting,
              withheld)
     WHERE d.number = u.number AND d.tenant = $1 RETURNING d.number";

/// Adds differences to the accounting of drops; returns those that the tenant does not have.
pub(super) async fn outcomes(
    link: &Link,
    tenant: i64,
    differences: &BTreeMap<DropNumber, Outcomes>,
) -> Result<Vec<DropNumber>, Failure> {
    if differences.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<&Outcomes> = differences.values().collect();
    let numbers: Vec<i64> = differences.keys().map(|number| number.cast_signed()).collect();
    let read = column(&rows, |row| row.read);
    let rows_read = column(&rows, |row| row.rows);
    let in_flight = column(&rows, |row| row.in_flight);
    let [created, updated, unchanged, removed, duplicate, rejected, parked, waiting, withheld] =
        RecordOutcome::ALL.map(|outcome| column(&rows, |row| row.get(outcome)));
    let lock = async {
        if numbers.len() > 1 {
            link.query(DROPS_LOCKED, &[&numbers]).await?;
        }
        Ok::<_, Failure>(())
    };
    let parameters: [super::pool::Parameter<'_>; 14] = [
        &tenant, &numbers, &read, &rows_read, &in_flight, &created, &updated, &unchanged, &removed, &duplicate,
        &rejected, &parked, &waiting, &withheld,
    ];
    let add = link.query(OUTCOMES, &parameters);
    let (_, found) = futures::try_join!(lock, add)?;
    let found: HashSet<i64> = found.iter().map(|row| row.get(0)).collect();
    Ok(numbers.into_iter().filter(|number| !found.contains(number)).map(i64::cast_unsigned).collect())
}
