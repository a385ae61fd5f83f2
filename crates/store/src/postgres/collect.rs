//! Collect on PostgreSQL.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use roaring::RoaringBitmap;

use super::PostgresStore;
use super::core::Core;
use super::drops::{bitmap, bitmap_bytes, end, hash, hold_stream, open, seen, stream_id};
use super::failure::Failure;
use super::pool::Link;
use super::rows::{get, told};
use super::text::kept;
use super::transaction::{Transaction, transaction};
use super::{rebuild, tasks, write};
use crate::value::{Coded, nanoseconds, time};
use crate::{
    AbsentRecord, CollectStore, Collected, DropNumber, Export, KnownRecord, NewDrop, NewReject, OpenedDrop,
    PublishedRecord, StoreError, StreamKey, StreamState,
};

/// How many known records are looked through at a time for those that were not shown.
const SCANNED_MAX: i64 = 50_000;

#[async_trait]
impl CollectStore for PostgresStore {
    async fn stream_state(&self, stream: &StreamKey) -> Result<StreamState, StoreError> {
        stream_state(&self.core, stream).await.map_err(|failure| failure.at(&self.core.place))
    }

    async fn open_drop(&self, drop: NewDrop) -> Result<OpenedDrop, StoreError> {
        transaction!(self, |tx| open(&tx, &drop))
    }

    async fn known_records(&self, stream: &StreamKey, keys: &[&str]) -> Result<Vec<Option<KnownRecord>>, StoreError> {
        known_records(&self.core, stream, keys).await.map_err(|failure| failure.at(&self.core.place))
    }

    async fn commit_collected(&self, step: Collected) -> Result<Vec<u32>, StoreError> {
        step.require_keys()?;
        transaction!(self, |tx| commit(&tx, &step))
    }

    async fn absent_records(
        &self,
        stream: &StreamKey,
        drop: DropNumber,
        after: Option<u32>,
        count_max: usize,
    ) -> Result<Vec<AbsentRecord>, StoreError> {
        let absent = absent_records(&self.core, stream, drop, after, count_max).await;
        absent.map_err(|failure| failure.at(&self.core.place))
    }

    async fn absent_count(&self, stream: &StreamKey, drop: DropNumber) -> Result<(u64, u64), StoreError> {
        absent_count(&self.core, stream, drop).await.map_err(|failure| failure.at(&self.core.place))
    }

    async fn note_run(&self, stream: &StreamKey, at: Timestamp, fault: Option<&str>) -> Result<(), StoreError> {
        transaction!(self, |tx| note_run(&tx, stream, at, fault))
    }

    async fn save_mapping_version(&self, version: &str, name: &str, covers: &[String]) -> Result<(), StoreError> {
        transaction!(self, |tx| save_mapping_version(&tx, version, name, covers))?;
        self.core.covers.insert(version.into(), Arc::from(covers));
        Ok(())
    }
}

async fn stream_state(core: &Core, stream: &StreamKey) -> Result<StreamState, Failure> {
    let link = core.link().await?;
    let Some(id) = stream_id(core, &link, stream).await? else { return Ok(StreamState::default()) };
    let row = link.query_one("SELECT checkpoint, open_drop, last_run FROM streams WHERE id = $1", &[&id]).await?;
    let checkpoint: Option<&str> = get(&row, 0)?;
    Ok(StreamState {
        checkpoint: checkpoint.map(serde_json::from_str).transpose()?,
        open_drop: get::<Option<i64>>(&row, 1)?.map(i64::cast_unsigned),
        last_run: get::<Option<i64>>(&row, 2)?.map(time),
    })
}

async fn known_records(core: &Core, stream: &StreamKey, keys: &[&str]) -> Result<Vec<Option<KnownRecord>>, Failure> {
    let link = core.link().await?;
    let Some(id) = stream_id(core, &link, stream).await? else { return Ok(vec![None; keys.len()]) };
    let texts: Vec<_> = keys.iter().map(|key| kept(key)).collect();
    // Key by key: see `ROWS`.
    let sql = "SELECT u.key, k.row, k.hash, k.partition FROM unnest($2::text[]) AS u(key)
         CROSS JOIN LATERAL
             (SELECT row, hash, partition FROM known_records WHERE stream = $1 AND key = u.key LIMIT 1) AS k";
    let mut known = HashMap::new();
    for row in &link.query(sql, &[&id, &texts]).await? {
        let record = KnownRecord { row: small(row, 1)?, hash: hash(get(row, 2)?)?, partition: small(row, 3)? };
        known.insert(told(row, 0)?, record);
    }
    Ok(keys.iter().map(|key| known.get(*key).copied()).collect())
}

/// A number that was written as 32 bits.
fn small(row: &tokio_postgres::Row, index: usize) -> Result<u32, Failure> {
    u32::try_from(get::<i64>(row, index)?).map_err(|_| Failure::internal("a number of a known record is too large"))
}

async fn commit(tx: &Transaction, step: &Collected) -> Result<Vec<u32>, Failure> {
    let stream = hold_stream(tx.core(), tx, &step.stream).await?;
    let tenant = tx.core().words.must(&step.stream.tenant)?;
    let export = drop_export(tx, stream, step).await?;
    let published = publish(tx, stream, &step.published).await?;
    if export == Export::Full {
        see(tx, step, &published).await?;
    }
    let removals = remove(tx, stream, step, export).await?;
    rebuild::note_published(tx, stream, step.drop, &step.ordinals, &removals).await?;
    rejects(tx, tenant, stream, step.drop, &step.rejects).await?;
    tx.core().intern(step.tasks.iter().map(|task| &*task.system)).await?;
    tasks::ask(tx, &tx.core().words, tenant, &step.tasks).await?;
    write::outcomes(tx, tenant, &BTreeMap::from([(step.drop, step.outcomes.clone())])).await?;
    if let Some(checkpoint) = &step.checkpoint {
        let text = serde_json::to_string(checkpoint)?;
        tx.execute("UPDATE streams SET checkpoint = $2 WHERE id = $1", &[&stream, &text]).await?;
    }
    if let Some(how) = step.end {
        end(tx, stream, step.drop, how, nanoseconds(step.at)).await?;
    }
    Ok(published)
}

async fn drop_export(link: &Link, stream: i64, step: &Collected) -> Result<Export, Failure> {
    let sql = "SELECT export FROM drops WHERE number = $1 AND stream = $2";
    let row = link.query_opt(sql, &[&step.drop.cast_signed(), &stream]).await?;
    let missing = || Failure::internal(format!("drop {} of stream {} is not there", step.drop, step.stream.stream));
    Ok(Export::from_column(get(&row.ok_or_else(missing)?, 0)?)?)
}

/// Remembers hashes; returns the records' rows. The row of the stream is locked, so no number is given twice.
async fn publish(link: &Link, stream: i64, records: &[PublishedRecord]) -> Result<Vec<u32>, Failure> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    const NEXT: &str = "SELECT next_row FROM streams WHERE id = $1";
    // Key by key: `key = ANY($2)` is planned while the table is small, and then it seems cheapest to walk over all rows of
    // the stream, which the index of their numbers gives, and to hold each against all keys. The plan stays when the table
    // has grown to a million.
    const ROWS: &str = "SELECT u.key, k.row FROM unnest($2::text[]) AS u(key)
         CROSS JOIN LATERAL (SELECT row FROM known_records WHERE stream = $1 AND key = u.key LIMIT 1) AS k";
    let texts: Vec<_> = records.iter().map(|record| kept(&record.key)).collect();
    link.prepare(&[NEXT, ROWS]).await?;
    let parameters: [super::pool::Parameter<'_>; 2] = [&stream, &texts];
    let (next, found) = futures::try_join!(link.query_one(NEXT, &parameters[..1]), link.query(ROWS, &parameters))?;
    let first: i64 = get(&next, 0)?;
    let mut next = first;
    let mut known: HashMap<String, u32> = HashMap::with_capacity(records.len());
    for row in &found {
        known.insert(told(row, 0)?, small(row, 1)?);
    }
    let mut published = Vec::with_capacity(records.len());
    for record in records {
        if let Some(row) = known.get(&record.key) {
            published.push(*row);
            continue;
        }
        let row = u32::try_from(next)
            .map_err(|_| Failure::internal("a stream has published more than 4294967296 different keys"))?;
        known.insert(record.key.clone(), row);
        published.push(row);
        next += 1;
    }
    let last = write::last_of_each(records, |record| &record.key);
    let row: Vec<i64> = last.iter().map(|record| known.get(&record.key).copied().map_or(0, i64::from)).collect();
    let key: Vec<_> = last.iter().map(|record| kept(&record.key)).collect();
    let hash: Vec<&[u8]> = last.iter().map(|record| record.hash.as_slice()).collect();
    let partition: Vec<i64> = last.iter().map(|record| i64::from(record.partition)).collect();
    let sql = "INSERT INTO known_records (stream, key, hash, row, partition)
         SELECT $1::bigint, u.* FROM unnest($2::text[], $3::bytea[], $4::bigint[], $5::bigint[]) AS u
         ON CONFLICT (stream, key) DO UPDATE SET hash = excluded.hash, partition = excluded.partition";
    link.execute(sql, &[&stream, &key, &hash, &row, &partition]).await?;
    if next != first {
        link.execute("UPDATE streams SET next_row = $2 WHERE id = $1", &[&stream, &next]).await?;
    }
    Ok(published)
}

/// Adds one step to what a full export has shown.
async fn see(link: &Link, step: &Collected, published: &[u32]) -> Result<(), Failure> {
    let mut shown = bitmap(&step.seen)?;
    shown.extend(published.iter().copied());
    if shown.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO seen_rows (drop_number, bitmap) VALUES ($1, $2)";
    link.execute(sql, &[&step.drop.cast_signed(), &bitmap_bytes(shown)?]).await?;
    Ok(())
}

/// Forgets the hashes of records whose removal was published; returns who they were.
async fn remove(link: &Link, stream: i64, step: &Collected, export: Export) -> Result<Vec<AbsentRecord>, Failure> {
    if step.removed.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<i64> = step.removed.iter().map(|row| i64::from(*row)).collect();
    let sql = "DELETE FROM known_records WHERE stream = $1 AND row = ANY($2) RETURNING row, key, partition";
    let removed = link.query(sql, &[&stream, &rows]).await?;
    if export == Export::Full {
        let count = i64::try_from(step.removed.len()).unwrap_or(i64::MAX);
        let sql = "UPDATE drops SET removals = removals + $2 WHERE number = $1";
        link.execute(sql, &[&step.drop.cast_signed(), &count]).await?;
    }
    removed.iter().map(absent).collect()
}

pub(super) async fn rejects(
    link: &Link,
    tenant: i64,
    stream: i64,
    drop: DropNumber,
    of: &[NewReject],
) -> Result<(), Failure> {
    if of.is_empty() {
        return Ok(());
    }
    let drop = drop.cast_signed();
    let optional = |value: fn(&NewReject) -> Option<&String>| -> Vec<_> {
        of.iter().map(|reject| value(reject).map(|text| kept(text))).collect()
    };
    let ordinal: Vec<i64> = of.iter().map(|reject| reject.ordinal.cast_signed()).collect();
    let file = optional(|reject| reject.file.as_ref());
    let line: Vec<Option<i64>> = of.iter().map(|reject| reject.line.map(u64::cast_signed)).collect();
    let key = optional(|reject| reject.key.as_ref());
    let code: Vec<_> = of.iter().map(|reject| kept(&reject.code)).collect();
    let reason: Vec<_> = of.iter().map(|reject| kept(&reject.reason)).collect();
    let raw: Vec<&[u8]> = of.iter().map(|reject| reject.raw.as_slice()).collect();
    let sql = "INSERT INTO rejects (tenant, stream, drop_number, ordinal, file, line, key, code, reason, raw)
         SELECT $1::bigint, $2::bigint, $3::bigint, u.* FROM unnest($4::bigint[], $5::text[], $6::bigint[], $7::text[],
             $8::text[], $9::text[], $10::bytea[]) AS u
         ON CONFLICT (drop_number, ordinal) DO NOTHING";
    link.execute(sql, &[&tenant, &stream, &drop, &ordinal, &file, &line, &key, &code, &reason, &raw]).await?;
    Ok(())
}

async fn absent_records(
    core: &Arc<Core>,
    stream: &StreamKey,
    drop: DropNumber,
    after: Option<u32>,
    count_max: usize,
) -> Result<Vec<AbsentRecord>, Failure> {
    let mut absent = Vec::new();
    let tx = Transaction::begin_read(core).await?;
    let Some(id) = stream_id(core, &tx, stream).await? else { return Ok(absent) };
    let seen = seen(&tx, drop).await?;
    let mut after = after.map_or(-1, i64::from);
    let end: i64 = get(&tx.query_one("SELECT next_row FROM streams WHERE id = $1", &[&id]).await?, 0)?;
    while after < end && absent.len() < count_max {
        // In stretches of rows, so that neither the server nor we hold a million of them.
        let to = end.min(after + SCANNED_MAX);
        let (_, missing) = stretch(&tx, id, after, to, &seen).await?;
        let left = count_max - absent.len();
        let wanted = &missing[..missing.len().min(left)];
        absent.extend(records(&tx, id, wanted).await?);
        after = to;
    }
    Ok(absent)
}

/// How many rows there are after `from` up to `to`, and those that a drop has not shown.
async fn stretch(
    link: &Link,
    stream: i64,
    from: i64,
    to: i64,
    seen: &RoaringBitmap,
) -> Result<(u64, Vec<i64>), Failure> {
    let sql = "SELECT row FROM known_records WHERE stream = $1 AND row > $2 AND row <= $3 ORDER BY row";
    let found = link.query(sql, &[&stream, &from, &to]).await?;
    let mut missing = Vec::new();
    for row in &found {
        if !seen.contains(small(row, 0)?) {
            missing.push(get(row, 0)?);
        }
    }
    Ok((found.len() as u64, missing))
}

async fn records(link: &Link, stream: i64, rows: &[i64]) -> Result<Vec<AbsentRecord>, Failure> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT row, key, partition FROM known_records WHERE stream = $1 AND row = ANY($2) ORDER BY row";
    let found = link.query(sql, &[&stream, &rows]).await?;
    found.iter().map(absent).collect()
}

/// Row, key and partition of a known record.
fn absent(row: &tokio_postgres::Row) -> Result<AbsentRecord, Failure> {
    Ok(AbsentRecord { row: small(row, 0)?, key: told(row, 1)?, partition: small(row, 2)? })
}

async fn absent_count(core: &Arc<Core>, stream: &StreamKey, drop: DropNumber) -> Result<(u64, u64), Failure> {
    let tx = Transaction::begin_read(core).await?;
    let Some(id) = stream_id(core, &tx, stream).await? else { return Ok((0, 0)) };
    let seen = seen(&tx, drop).await?;
    let end: i64 = get(&tx.query_one("SELECT next_row FROM streams WHERE id = $1", &[&id]).await?, 0)?;
    let (mut known, mut absent) = (0, 0);
    let mut after = -1;
    while after < end {
        let to = end.min(after + SCANNED_MAX);
        let (all, missing) = stretch(&tx, id, after, to, &seen).await?;
        known += all;
        absent += missing.len() as u64;
        after = to;
    }
    Ok((known, absent))
}

async fn note_run(tx: &Transaction, stream: &StreamKey, at: Timestamp, fault: Option<&str>) -> Result<(), Failure> {
    let id = hold_stream(tx.core(), tx, stream).await?;
    match fault {
        None => {
            let sql = "UPDATE streams SET last_run = $2, fault = NULL WHERE id = $1";
            tx.execute(sql, &[&id, &nanoseconds(at)]).await?
        }
        Some(fault) => tx.execute("UPDATE streams SET fault = $2 WHERE id = $1", &[&id, &kept(fault)]).await?,
    };
    Ok(())
}

async fn save_mapping_version(tx: &Transaction, version: &str, name: &str, covers: &[String]) -> Result<(), Failure> {
    let version = tx.core().intern_one(version).await?;
    let sql = "INSERT INTO mapping_versions (version, name, covers) VALUES ($1, $2, $3)
         ON CONFLICT (version) DO UPDATE SET name = excluded.name, covers = excluded.covers";
    tx.execute(sql, &[&version, &kept(name), &serde_json::to_string(covers)?]).await?;
    Ok(())
}
