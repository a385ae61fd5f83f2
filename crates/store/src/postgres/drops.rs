//! Opening a drop: its number, and whether it was seen before.

use std::collections::BTreeMap;

use canonical::record::ContentHash;
use jiff::Timestamp;
use roaring::RoaringBitmap;

use super::core::Core;
use super::failure::Failure;
use super::pool::Link;
use super::rebuild;
use super::rows::{self, get, told};
use super::text::kept;
use super::transaction::Transaction;
use super::write;
use crate::value::{Coded, nanoseconds, time};
use crate::{DropEnd, DropJudgement, DropNumber, Export, NewDrop, OpenedDrop, Outcomes, RecordOutcome, StreamKey};

/// The number of a stream's row; `None` when it was never read.
pub(super) async fn stream_id(core: &Core, link: &Link, stream: &StreamKey) -> Result<Option<i64>, Failure> {
    core.know([&*stream.tenant, &*stream.system, &*stream.stream]).await?;
    let words = &core.words;
    let (Some(tenant), Some(system), Some(name)) =
        (words.id(&stream.tenant), words.id(&stream.system), words.id(&stream.stream))
    else {
        return Ok(None);
    };
    let sql = "SELECT id FROM streams WHERE tenant = $1 AND system = $2 AND stream = $3";
    link.query_opt(sql, &[&tenant, &system, &name]).await?.map(|row| get(&row, 0)).transpose()
}

/// The number of a stream's row, new if need be. The row is locked: steps of one stream come one after another.
pub(super) async fn hold_stream(core: &Core, link: &Link, stream: &StreamKey) -> Result<i64, Failure> {
    core.intern([&*stream.tenant, &*stream.system, &*stream.stream]).await?;
    let words = &core.words;
    let (tenant, system, name) =
        (words.must(&stream.tenant)?, words.must(&stream.system)?, words.must(&stream.stream)?);
    // Of two that find none, one waits for the other here.
    let insert = "INSERT INTO streams (tenant, system, stream) SELECT $1::bigint, $2::bigint, $3::bigint
         WHERE NOT EXISTS (SELECT 1 FROM streams WHERE tenant = $1 AND system = $2 AND stream = $3)
         ON CONFLICT DO NOTHING";
    let hold = "SELECT id FROM streams WHERE tenant = $1 AND system = $2 AND stream = $3 FOR NO KEY UPDATE";
    let parameters: [super::pool::Parameter<'_>; 3] = [&tenant, &system, &name];
    link.prepare(&[insert, hold]).await?;
    let (_, held) = futures::try_join!(link.execute(insert, &parameters), link.query_one(hold, &parameters))?;
    get(&held, 0)
}

/// See [`crate::CollectStore::open_drop`].
pub(super) async fn open(tx: &Transaction, drop: &NewDrop) -> Result<OpenedDrop, Failure> {
    let core = tx.core();
    let stream = hold_stream(core, tx, &drop.stream).await?;
    let mapping = core.intern_one(&drop.mapping).await?;
    if let Some(open) = open_drop_of(tx, stream).await? {
        if open.name == drop.name && open.fingerprint == drop.fingerprint {
            return resume(tx, &open, drop, mapping).await;
        }
        end(tx, stream, open.number, DropEnd::Refused, nanoseconds(drop.at)).await?;
    }
    rebuild::forget_resolved(tx, stream).await?;
    let first = if drop.again { None } else { repeated(tx, stream, drop, mapping).await? };
    let number = insert(tx, stream, drop, mapping, first.as_ref()).await?;
    if let Some(first) = first {
        let judgement = DropJudgement::Duplicate { of: first.number, records: first.records };
        return Ok(OpenedDrop { number, begun_at: drop.at, judgement });
    }
    tx.execute("UPDATE streams SET open_drop = $2 WHERE id = $1", &[&stream, &number.cast_signed()]).await?;
    Ok(OpenedDrop { number, begun_at: drop.at, judgement: DropJudgement::New })
}

/// Ends a drop; nothing of what it has seen is needed any more.
pub(super) async fn end(link: &Link, stream: i64, drop: DropNumber, end: DropEnd, at: i64) -> Result<(), Failure> {
    let drop = drop.cast_signed();
    let sql = "UPDATE drops SET ending = $3, ended_at = $4 WHERE number = $1 AND stream = $2";
    link.execute(sql, &[&drop, &stream, &end.code(), &at]).await?;
    link.execute("UPDATE streams SET open_drop = NULL WHERE id = $1 AND open_drop = $2", &[&stream, &drop]).await?;
    link.execute("DELETE FROM seen_rows WHERE drop_number = $1", &[&drop]).await?;
    Ok(())
}

/// Which rows of known records a drop has shown so far.
pub(super) async fn seen(link: &Link, drop: DropNumber) -> Result<RoaringBitmap, Failure> {
    let found = link.query("SELECT bitmap FROM seen_rows WHERE drop_number = $1", &[&drop.cast_signed()]).await?;
    let mut seen = RoaringBitmap::new();
    for row in &found {
        seen |= bitmap(get(row, 0)?)?;
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

async fn open_drop_of(link: &Link, stream: i64) -> Result<Option<OpenDrop>, Failure> {
    let sql = "SELECT d.number, d.name, d.fingerprint, d.export, d.records_read, d.rows_read, d.in_flight, d.created,
                d.updated, d.unchanged, d.removed, d.duplicate, d.rejected, d.parked, d.waiting, d.withheld, d.begun_at
         FROM streams s JOIN drops d ON d.number = s.open_drop WHERE s.id = $1";
    let Some(row) = link.query_opt(sql, &[&stream]).await? else { return Ok(None) };
    Ok(Some(OpenDrop {
        number: rows::number(&row, 0)?,
        name: told(&row, 1)?,
        fingerprint: fingerprint(get(&row, 2)?)?,
        export: Export::from_column(get(&row, 3)?)?,
        outcomes: rows::outcomes(&row, 4)?,
        begun_at: time(get(&row, 16)?),
    }))
}

fn fingerprint(bytes: Option<&[u8]>) -> Result<Option<ContentHash>, Failure> {
    bytes.map(|bytes| Ok(ContentHash(hash(bytes)?))).transpose()
}

/// Sixteen bytes of a column.
pub(super) fn hash(bytes: &[u8]) -> Result<[u8; 16], Failure> {
    bytes.try_into().map_err(|_| Failure::internal("a hash that has not 16 bytes"))
}

async fn resume(tx: &Transaction, open: &OpenDrop, drop: &NewDrop, mapping: i64) -> Result<OpenedDrop, Failure> {
    // What is left of it is read by today's mapping; the drop is later compared as read by that one.
    let sql = "UPDATE drops SET mapping = $2 WHERE number = $1 AND mapping <> $2";
    tx.execute(sql, &[&open.number.cast_signed(), &mapping]).await?;
    let seen = match (open.export, drop.export) {
        (Export::Full, Export::Full) => bitmap_bytes(seen(tx, open.number).await?)?,
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
async fn repeated(link: &Link, stream: i64, drop: &NewDrop, mapping: i64) -> Result<Option<First>, Failure> {
    let Some(wanted) = drop.fingerprint else { return Ok(None) };
    let bytes = wanted.0.as_slice();
    let ending = DropEnd::Accepted.code();
    let found = match drop.export {
        Export::Full => {
            let sql = "SELECT number, mapping, fingerprint, records_read - removals, rows_read FROM drops
                 WHERE stream = $1 AND ending = $2 ORDER BY number DESC LIMIT 1";
            link.query_opt(sql, &[&stream, &ending]).await?
        }
        Export::Delta => {
            let sql = "SELECT number, mapping, fingerprint, records_read - removals, rows_read FROM drops
                 WHERE stream = $1 AND ending = $2 AND fingerprint = $3 ORDER BY number DESC LIMIT 1";
            link.query_opt(sql, &[&stream, &ending, &bytes]).await?
        }
    };
    let Some(row) = found else { return Ok(None) };
    let is_same = get::<i64>(&row, 1)? == mapping && fingerprint(get(&row, 2)?)? == Some(wanted);
    if !is_same {
        return Ok(None);
    }
    Ok(Some(First { number: rows::number(&row, 0)?, records: get(&row, 3)?, rows: get(&row, 4)? }))
}

/// Writes the drop's row; a repeated one is ended and counted at once.
async fn insert(
    tx: &Transaction,
    stream: i64,
    drop: &NewDrop,
    mapping: i64,
    first: Option<&First>,
) -> Result<DropNumber, Failure> {
    let tenant = tx.core().words.must(&drop.stream.tenant)?;
    let at = nanoseconds(drop.at);
    let sql =
        "INSERT INTO drops (tenant, stream, name, fingerprint, bytes, export, mapping, begun_at, ended_at, ending,
                            duplicate_of)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING number";
    let row = tx
        .query_one(
            sql,
            &[
                &tenant,
                &stream,
                &kept(&drop.name),
                &drop.fingerprint.as_ref().map(|fingerprint| fingerprint.0.as_slice()),
                &drop.bytes.map(u64::cast_signed),
                &drop.export.code(),
                &mapping,
                &at,
                &first.map(|_| at),
                &first.map(|_| DropEnd::Duplicate.code()),
                &first.map(|first| first.number.cast_signed()),
            ],
        )
        .await?;
    let number = rows::number(&row, 0)?;
    if let Some(first) = first {
        let mut outcomes = Outcomes { read: first.records, rows: first.rows, ..Outcomes::default() };
        outcomes.add(RecordOutcome::Duplicate, first.records);
        write::outcomes(tx, tenant, &BTreeMap::from([(number, outcomes)])).await?;
    }
    Ok(number)
}
