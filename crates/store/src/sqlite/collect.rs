//! Collect on SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::SqliteStore;
use super::dictionary::Session;
use super::drops::{bitmap, bitmap_bytes, end, intern_stream, open, seen, stream_id};
use super::failure::Failure;
use super::value::{Coded, nanoseconds, time};
use super::{rebuild, tasks, write};
use crate::{
    AbsentRecord, CollectStore, Collected, DropNumber, Export, KnownRecord, NewDrop, NewReject, OpenedDrop,
    PublishedRecord, StoreError, StreamKey, StreamState,
};

#[async_trait]
impl CollectStore for SqliteStore {
    async fn stream_state(&self, stream: &StreamKey) -> Result<StreamState, StoreError> {
        let stream = stream.clone();
        self.core.read(move |session| stream_state(session, &stream)).await
    }

    async fn open_drop(&self, drop: NewDrop) -> Result<OpenedDrop, StoreError> {
        self.core.write(self.fence.as_ref(), move |session| open(session, &drop)).await
    }

    async fn known_records(&self, stream: &StreamKey, keys: &[&str]) -> Result<Vec<Option<KnownRecord>>, StoreError> {
        let stream = stream.clone();
        let keys = Packed::new(keys);
        self.core.read(move |session| known_records(session, &stream, &keys)).await
    }

    async fn commit_collected(&self, step: Collected) -> Result<Vec<u32>, StoreError> {
        step.require_keys()?;
        self.core.write(self.fence.as_ref(), move |session| commit(session, &step)).await
    }

    async fn absent_records(
        &self,
        stream: &StreamKey,
        drop: DropNumber,
        after: Option<u32>,
        count_max: usize,
    ) -> Result<Vec<AbsentRecord>, StoreError> {
        let stream = stream.clone();
        self.core.read(move |session| absent_records(session, &stream, drop, after, count_max)).await
    }

    async fn absent_count(&self, stream: &StreamKey, drop: DropNumber) -> Result<(u64, u64), StoreError> {
        let stream = stream.clone();
        self.core.read(move |session| absent_count(session, &stream, drop)).await
    }

    async fn note_run(&self, stream: &StreamKey, at: Timestamp, fault: Option<&str>) -> Result<(), StoreError> {
        let stream = stream.clone();
        let fault = fault.map(str::to_owned);
        self.core.write(self.fence.as_ref(), move |session| note_run(session, &stream, at, fault.as_deref())).await
    }

    async fn save_mapping_version(&self, version: &str, name: &str, covers: &[String]) -> Result<(), StoreError> {
        let (version, name, covers) = (version.to_owned(), name.to_owned(), covers.to_vec());
        let saved = (version.clone(), covers.clone());
        self.core
            .write(self.fence.as_ref(), move |session| save_mapping_version(session, &version, &name, &covers))
            .await?;
        self.core.covers.insert(saved.0.into(), Arc::from(saved.1));
        Ok(())
    }
}

/// Many keys in one buffer, so that handing them to another thread costs two allocations and not one per key.
struct Packed {
    text: String,
    ends: Vec<usize>,
}

impl Packed {
    fn new(keys: &[&str]) -> Packed {
        let mut packed = Packed {
            text: String::with_capacity(keys.iter().map(|key| key.len()).sum()),
            ends: Vec::with_capacity(keys.len()),
        };
        for key in keys {
            packed.text.push_str(key);
            packed.ends.push(packed.text.len());
        }
        packed
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start..*end])
    }

    fn len(&self) -> usize {
        self.ends.len()
    }
}

fn stream_state(session: &Session<'_>, stream: &StreamKey) -> Result<StreamState, Failure> {
    let Some(id) = stream_id(session, stream)? else { return Ok(StreamState::default()) };
    let mut select = session.prepare("SELECT checkpoint, open_drop, last_run FROM streams WHERE id = ?1")?;
    let (checkpoint, open_drop, last_run): (Option<String>, Option<i64>, Option<i64>) =
        select.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(StreamState {
        checkpoint: checkpoint.map(|text| serde_json::from_str(&text)).transpose()?,
        open_drop: open_drop.map(i64::cast_unsigned),
        last_run: last_run.map(time),
    })
}

fn known_records(
    session: &Session<'_>,
    stream: &StreamKey,
    keys: &Packed,
) -> Result<Vec<Option<KnownRecord>>, Failure> {
    let Some(id) = stream_id(session, stream)? else { return Ok(vec![None; keys.len()]) };
    let mut select =
        session.prepare("SELECT row, hash, partition FROM known_records WHERE stream = ?1 AND key = ?2")?;
    let mut known = Vec::with_capacity(keys.len());
    for key in keys.iter() {
        let mut found = select.query(params![id, key])?;
        known.push(match found.next()? {
            Some(row) => Some(KnownRecord { row: row.get(0)?, hash: row.get(1)?, partition: row.get(2)? }),
            None => None,
        });
    }
    Ok(known)
}

fn commit(session: &Session<'_>, step: &Collected) -> Result<Vec<u32>, Failure> {
    let tenant = session.intern(&step.stream.tenant)?;
    let stream = intern_stream(session, &step.stream)?;
    let export = drop_export(session, stream, step)?;
    let published = publish(session, stream, &step.published)?;
    if export == Export::Full {
        see(session, step, &published)?;
    }
    let removals = remove(session, stream, step, export)?;
    rebuild::note_published(session, stream, step.drop, &step.ordinals, &removals)?;
    rejects(session, tenant, stream, step.drop, &step.rejects)?;
    tasks::ask(session, tenant, &step.tasks)?;
    write::outcomes(session, tenant, step.drop, &step.outcomes)?;
    if let Some(checkpoint) = &step.checkpoint {
        session
            .prepare("UPDATE streams SET checkpoint = ?2 WHERE id = ?1")?
            .execute(params![stream, serde_json::to_string(checkpoint)?])?;
    }
    if let Some(how) = step.end {
        end(session, stream, step.drop, how, nanoseconds(step.at))?;
    }
    Ok(published)
}

fn drop_export(session: &Session<'_>, stream: i64, step: &Collected) -> Result<Export, Failure> {
    let mut select = session.prepare("SELECT export FROM drops WHERE number = ?1 AND stream = ?2")?;
    let export: Option<i64> = select.query_row([step.drop.cast_signed(), stream], |row| row.get(0)).optional()?;
    let missing = || Failure::internal(format!("drop {} of stream {} is not there", step.drop, step.stream.stream));
    Ok(Export::from_column(export.ok_or_else(missing)?)?)
}

/// Remembers hashes; returns the records' rows.
fn publish(session: &Session<'_>, stream: i64, records: &[PublishedRecord]) -> Result<Vec<u32>, Failure> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let mut next: i64 =
        session.prepare("SELECT next_row FROM streams WHERE id = ?1")?.query_row([stream], |row| row.get(0))?;
    let mut select = session.prepare("SELECT row FROM known_records WHERE stream = ?1 AND key = ?2")?;
    let mut update =
        session.prepare("UPDATE known_records SET hash = ?3, partition = ?4 WHERE stream = ?1 AND key = ?2")?;
    let mut insert =
        session.prepare("INSERT INTO known_records (stream, key, hash, row, partition) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut rows = Vec::with_capacity(records.len());
    for record in records {
        let known: Option<u32> = select.query_row(params![stream, record.key], |row| row.get(0)).optional()?;
        if let Some(row) = known {
            update.execute(params![stream, record.key, record.hash, record.partition])?;
            rows.push(row);
            continue;
        }
        let row = u32::try_from(next)
            .map_err(|_| Failure::internal("a stream has published more than 4294967296 different keys"))?;
        insert.execute(params![stream, record.key, record.hash, row, record.partition])?;
        rows.push(row);
        next += 1;
    }
    session.prepare("UPDATE streams SET next_row = ?2 WHERE id = ?1")?.execute([stream, next])?;
    Ok(rows)
}

/// Adds one step to what a full export has shown.
fn see(session: &Session<'_>, step: &Collected, published: &[u32]) -> Result<(), Failure> {
    let mut shown = bitmap(&step.seen)?;
    shown.extend(published.iter().copied());
    if shown.is_empty() {
        return Ok(());
    }
    session
        .prepare("INSERT INTO seen_rows (drop_number, bitmap) VALUES (?1, ?2)")?
        .execute(params![step.drop.cast_signed(), bitmap_bytes(shown)?])?;
    Ok(())
}

/// Forgets the hashes of records whose removal was published; returns who they were.
fn remove(session: &Session<'_>, stream: i64, step: &Collected, export: Export) -> Result<Vec<AbsentRecord>, Failure> {
    let mut removals = Vec::with_capacity(step.removed.len());
    if step.removed.is_empty() {
        return Ok(removals);
    }
    let mut delete =
        session.prepare("DELETE FROM known_records WHERE stream = ?1 AND row = ?2 RETURNING key, partition")?;
    for row in &step.removed {
        let removed =
            |found: &rusqlite::Row<'_>| Ok(AbsentRecord { row: *row, key: found.get(0)?, partition: found.get(1)? });
        removals.extend(delete.query_row([stream, i64::from(*row)], removed).optional()?);
    }
    if export == Export::Full {
        let count = i64::try_from(step.removed.len()).unwrap_or(i64::MAX);
        session
            .prepare("UPDATE drops SET removals = removals + ?2 WHERE number = ?1")?
            .execute([step.drop.cast_signed(), count])?;
    }
    Ok(removals)
}

pub(super) fn rejects(
    session: &Session<'_>,
    tenant: i64,
    stream: i64,
    drop: DropNumber,
    rejects: &[NewReject],
) -> Result<(), Failure> {
    let mut insert = session.prepare(
        "INSERT INTO rejects (tenant, stream, drop_number, ordinal, file, line, key, code, reason, raw)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (drop_number, ordinal) DO NOTHING",
    )?;
    for NewReject { ordinal, file, line, key, code, reason, raw } in rejects {
        let (ordinal, line) = (ordinal.cast_signed(), line.map(u64::cast_signed));
        insert.execute(params![tenant, stream, drop.cast_signed(), ordinal, file, line, key, code, reason, raw])?;
    }
    Ok(())
}

fn absent_records(
    session: &Session<'_>,
    stream: &StreamKey,
    drop: DropNumber,
    after: Option<u32>,
    count_max: usize,
) -> Result<Vec<AbsentRecord>, Failure> {
    let mut absent = Vec::new();
    let Some(id) = stream_id(session, stream)? else { return Ok(absent) };
    let seen = seen(session, drop)?;
    let mut select =
        session.prepare("SELECT row, key FROM known_records WHERE stream = ?1 AND row > ?2 ORDER BY row")?;
    let mut partition = session.prepare("SELECT partition FROM known_records WHERE stream = ?1 AND key = ?2")?;
    let mut found = select.query([id, after.map_or(-1, i64::from)])?;
    while absent.len() < count_max {
        let Some(row) = found.next()? else { break };
        let number: u32 = row.get(0)?;
        if !seen.contains(number) {
            // Apart from the scan, which then reads the index alone.
            let key: String = row.get(1)?;
            let partition = partition.query_row(params![id, key], |row| row.get(0))?;
            absent.push(AbsentRecord { row: number, key, partition });
        }
    }
    Ok(absent)
}

fn absent_count(session: &Session<'_>, stream: &StreamKey, drop: DropNumber) -> Result<(u64, u64), Failure> {
    let Some(id) = stream_id(session, stream)? else { return Ok((0, 0)) };
    let seen = seen(session, drop)?;
    let mut select = session.prepare("SELECT row FROM known_records WHERE stream = ?1")?;
    let mut found = select.query([id])?;
    let (mut known, mut absent) = (0, 0);
    while let Some(row) = found.next()? {
        known += 1;
        absent += u64::from(!seen.contains(row.get(0)?));
    }
    Ok((known, absent))
}

fn note_run(session: &Session<'_>, stream: &StreamKey, at: Timestamp, fault: Option<&str>) -> Result<(), Failure> {
    let id = intern_stream(session, stream)?;
    match fault {
        None => session
            .prepare("UPDATE streams SET last_run = ?2, fault = NULL WHERE id = ?1")?
            .execute([id, nanoseconds(at)])?,
        Some(fault) => session.prepare("UPDATE streams SET fault = ?2 WHERE id = ?1")?.execute(params![id, fault])?,
    };
    Ok(())
}

fn save_mapping_version(session: &Session<'_>, version: &str, name: &str, covers: &[String]) -> Result<(), Failure> {
    let version = session.intern(version)?;
    session
        .prepare(
            "INSERT INTO mapping_versions (version, name, covers) VALUES (?1, ?2, ?3)
             ON CONFLICT (version) DO UPDATE SET name = excluded.name, covers = excluded.covers",
        )?
        .execute(params![version, name, serde_json::to_string(covers)?])?;
    Ok(())
}
