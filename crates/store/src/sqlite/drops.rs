//! Opening a drop: its number, and whether it was seen before.

use canonical::record::ContentHash;
use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::{OptionalExtension, params};

use super::dictionary::Session;
use super::failure::Failure;
use super::value::{Coded, nanoseconds, time};
use super::{rebuild, rows};
use crate::{DropEnd, DropJudgement, DropNumber, Export, NewDrop, OpenedDrop, Outcomes, RecordOutcome, StreamKey};

/// The number of a stream's row; `None` when it was never read.
pub(super) fn stream_id(session: &Session<'_>, stream: &StreamKey) -> Result<Option<i64>, Failure> {
    let (Some(tenant), Some(system), Some(name)) =
        (session.id(&stream.tenant)?, session.id(&stream.system)?, session.id(&stream.stream)?)
    else {
        return Ok(None);
    };
    let mut select = session.prepare("SELECT id FROM streams WHERE tenant = ?1 AND system = ?2 AND stream = ?3")?;
    Ok(select.query_row([tenant, system, name], |row| row.get(0)).optional()?)
}

/// The number of a stream's row, new if need be.
pub(super) fn intern_stream(session: &Session<'_>, stream: &StreamKey) -> Result<i64, Failure> {
    if let Some(id) = stream_id(session, stream)? {
        return Ok(id);
    }
    let (tenant, system, name) =
        (session.intern(&stream.tenant)?, session.intern(&stream.system)?, session.intern(&stream.stream)?);
    let mut insert = session.prepare("INSERT INTO streams (tenant, system, stream) VALUES (?1, ?2, ?3)")?;
    insert.execute([tenant, system, name])?;
    Ok(session.connection.last_insert_rowid())
}

/// See [`crate::CollectStore::open_drop`].
pub(super) fn open(session: &Session<'_>, drop: &NewDrop) -> Result<OpenedDrop, Failure> {
    let stream = intern_stream(session, &drop.stream)?;
    let mapping = session.intern(&drop.mapping)?;
    if let Some(open) = open_drop_of(session, stream)? {
        if open.name == drop.name && open.fingerprint == drop.fingerprint {
            return resume(session, &open, drop, mapping);
        }
        end(session, stream, open.number, DropEnd::Refused, nanoseconds(drop.at))?;
    }
    rebuild::forget_resolved(session, stream)?;
    let first = if drop.again { None } else { repeated(session, stream, drop, mapping)? };
    let number = insert(session, stream, drop, mapping, first.as_ref())?;
    if let Some(first) = first {
        let judgement = DropJudgement::Duplicate { of: first.number, records: first.records };
        return Ok(OpenedDrop { number, begun_at: drop.at, judgement });
    }
    let mut update = session.prepare("UPDATE streams SET open_drop = ?2 WHERE id = ?1")?;
    update.execute([stream, number.cast_signed()])?;
    Ok(OpenedDrop { number, begun_at: drop.at, judgement: DropJudgement::New })
}

/// Ends a drop; nothing of what it has seen is needed any more.
pub(super) fn end(session: &Session<'_>, stream: i64, drop: DropNumber, end: DropEnd, at: i64) -> Result<(), Failure> {
    let drop = drop.cast_signed();
    session.prepare("UPDATE drops SET ending = ?3, ended_at = ?4 WHERE number = ?1 AND stream = ?2")?.execute([
        drop,
        stream,
        end.code(),
        at,
    ])?;
    session.prepare("UPDATE streams SET open_drop = NULL WHERE id = ?1 AND open_drop = ?2")?.execute([stream, drop])?;
    session.prepare("DELETE FROM seen_rows WHERE drop_number = ?1")?.execute([drop])?;
    Ok(())
}

/// Which rows of known records a drop has shown so far.
pub(super) fn seen(session: &Session<'_>, drop: DropNumber) -> Result<RoaringBitmap, Failure> {
    let mut select = session.prepare("SELECT bitmap FROM seen_rows WHERE drop_number = ?1")?;
    let mut rows = select.query([drop.cast_signed()])?;
    let mut seen = RoaringBitmap::new();
    while let Some(row) = rows.next()? {
        seen |= bitmap(row.get_ref(0)?.as_blob()?)?;
    }
    Ok(seen)
}

/// Reads a serialised bitmap; no bytes are an empty one.
pub(super) fn bitmap(bytes: &[u8]) -> Result<RoaringBitmap, Failure> {
    if bytes.is_empty() {
        return Ok(RoaringBitmap::new());
    }
    RoaringBitmap::deserialize_from(bytes).map_err(|error| Failure::internal(format!("a bitmap of seen rows: {error}")))
}

/// Writes a bitmap, as runs where that is shorter.
pub(super) fn bitmap_bytes(mut bitmap: RoaringBitmap) -> Result<Vec<u8>, Failure> {
    bitmap.optimize();
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    bitmap.serialize_into(&mut bytes).map_err(|error| Failure::internal(format!("a bitmap of seen rows: {error}")))?;
    Ok(bytes)
}

struct OpenDrop {
    number: DropNumber,
    name: String,
    fingerprint: Option<ContentHash>,
    export: Export,
    outcomes: Outcomes,
    begun_at: Timestamp,
}

fn open_drop_of(session: &Session<'_>, stream: i64) -> Result<Option<OpenDrop>, Failure> {
    let mut select = session.prepare(
        "SELECT d.number, d.name, d.fingerprint, d.export, d.records_read, d.rows_read, d.in_flight, d.created,
                d.updated, d.unchanged, d.removed, d.duplicate, d.rejected, d.parked, d.waiting, d.withheld, d.begun_at
         FROM streams s JOIN drops d ON d.number = s.open_drop WHERE s.id = ?1",
    )?;
    let mut found = select.query([stream])?;
    let Some(row) = found.next()? else { return Ok(None) };
    Ok(Some(OpenDrop {
        number: rows::number(row, 0)?,
        name: row.get(1)?,
        fingerprint: row.get::<_, Option<[u8; 16]>>(2)?.map(ContentHash),
        export: Export::from_column(row.get(3)?)?,
        outcomes: rows::outcomes(row, 4)?,
        begun_at: time(row.get(16)?),
    }))
}

fn resume(session: &Session<'_>, open: &OpenDrop, drop: &NewDrop, mapping: i64) -> Result<OpenedDrop, Failure> {
    // What is left of it is read by today's mapping; the drop is later compared as read by that one.
    session
        .prepare("UPDATE drops SET mapping = ?2 WHERE number = ?1 AND mapping <> ?2")?
        .execute([open.number.cast_signed(), mapping])?;
    let seen = match (open.export, drop.export) {
        (Export::Full, Export::Full) => bitmap_bytes(seen(session, open.number)?)?,
        _ => Vec::new(),
    };
    let judgement = DropJudgement::Resumed { seen, outcomes: open.outcomes.clone() };
    Ok(OpenedDrop { number: open.number, begun_at: open.begun_at, judgement })
}

/// An accepted drop that a new one repeats.
struct First {
    number: DropNumber,
    records: i64,
    rows: i64,
}

/// The accepted drop that this one repeats, if it does.
///
/// A full export is compared with the last accepted one only, because going back to an older state is news. A delta is
/// compared with all earlier ones. Read by another mapping, the same bytes are news; the latest reading counts.
fn repeated(session: &Session<'_>, stream: i64, drop: &NewDrop, mapping: i64) -> Result<Option<First>, Failure> {
    let Some(fingerprint) = drop.fingerprint else { return Ok(None) };
    let mut select = session.prepare(match drop.export {
        Export::Full => {
            "SELECT number, mapping, fingerprint, records_read - removals, rows_read FROM drops
             WHERE stream = ?1 AND ending = ?2 AND ?3 IS NOT NULL ORDER BY number DESC LIMIT 1"
        }
        Export::Delta => {
            "SELECT number, mapping, fingerprint, records_read - removals, rows_read FROM drops
             WHERE stream = ?1 AND ending = ?2 AND fingerprint = ?3 ORDER BY number DESC LIMIT 1"
        }
    })?;
    let mut found = select.query(params![stream, DropEnd::Accepted.code(), fingerprint.0])?;
    let Some(row) = found.next()? else { return Ok(None) };
    let same = row.get::<_, i64>(1)? == mapping && row.get::<_, Option<[u8; 16]>>(2)? == Some(fingerprint.0);
    if !same {
        return Ok(None);
    }
    Ok(Some(First { number: rows::number(row, 0)?, records: row.get(3)?, rows: row.get(4)? }))
}

/// Writes the drop's row; a repeated one is ended and counted at once.
fn insert(
    session: &Session<'_>,
    stream: i64,
    drop: &NewDrop,
    mapping: i64,
    first: Option<&First>,
) -> Result<DropNumber, Failure> {
    let tenant = session.intern(&drop.stream.tenant)?;
    let at = nanoseconds(drop.at);
    let mut insert = session.prepare(
        "INSERT INTO drops (tenant, stream, name, fingerprint, bytes, export, mapping, begun_at, ended_at, ending,
                            duplicate_of)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    insert.execute(params![
        tenant,
        stream,
        drop.name,
        drop.fingerprint.map(|fingerprint| fingerprint.0),
        drop.bytes.map(u64::cast_signed),
        drop.export.code(),
        mapping,
        at,
        first.map(|_| at),
        first.map(|_| DropEnd::Duplicate.code()),
        first.map(|first| first.number.cast_signed()),
    ])?;
    let number = session.connection.last_insert_rowid().cast_unsigned();
    if let Some(first) = first {
        let mut outcomes = Outcomes { read: first.records, rows: first.rows, ..Outcomes::default() };
        outcomes.add(RecordOutcome::Duplicate, first.records);
        super::write::outcomes(session, tenant, number, &outcomes)?;
    }
    Ok(number)
}
