//! What makes up for a lost bus, on SQLite.

use async_trait::async_trait;
use canonical::entity::{Entity, Operation};
use canonical::record::ContentHash;
use master::MasterId;
use roaring::RoaringTreemap;
use rusqlite::{OptionalExtension, params};

use super::SqliteStore;
use super::dictionary::Session;
use super::drops::stream_id;
use super::failure::Failure;
use super::forget::NO_CONTENT;
use super::value::{Coded, MasterKey, time};
use super::{rows, write};
use crate::{
    AbsentRecord, DropEnd, DropNumber, Export, GivenUp, LostDrop, NewReject, Outcomes, ParkedStage, PublishedOfDrop,
    RebuildStore, RecordOutcome, StoreError, StreamKey,
};

#[async_trait]
impl RebuildStore for SqliteStore {
    async fn mark_lost(&self) -> Result<Vec<LostDrop>, StoreError> {
        self.core.write(self.fence.as_ref(), mark_lost).await
    }

    async fn lost_drops(&self, stream: &StreamKey) -> Result<Vec<LostDrop>, StoreError> {
        let stream = stream.clone();
        let of_stream = move |session: &Session<'_>| match stream_id(session, &stream)? {
            Some(id) => lost(session, Some(id)),
            None => Ok(Vec::new()),
        };
        self.core.read(of_stream).await
    }

    async fn published_of(&self, drop: DropNumber) -> Result<PublishedOfDrop, StoreError> {
        self.core.read(move |session| published_of(session, drop)).await
    }

    async fn unresolved(
        &self,
        stream: &StreamKey,
        entity: &Entity,
        drop: DropNumber,
        records: &[(&str, u64)],
    ) -> Result<Vec<bool>, StoreError> {
        let (stream, entity) = (stream.clone(), entity.clone());
        let records: Vec<_> = records.iter().map(|(key, ordinal)| ((*key).to_owned(), *ordinal)).collect();
        self.core.read(move |session| unresolved(session, &stream, &entity, drop, &records)).await
    }

    async fn found_again(&self, drop: DropNumber) -> Result<(), StoreError> {
        self.core.write(self.fence.as_ref(), move |session| found_again(session, drop)).await
    }

    async fn give_up(&self, given_up: GivenUp) -> Result<(), StoreError> {
        self.core.write(self.fence.as_ref(), move |session| give_up(session, &given_up)).await
    }

    async fn deliver_again(
        &self,
        tenant: &str,
        system: &str,
        entities: &[Entity],
        after: Option<MasterId>,
        count_max: usize,
    ) -> Result<(Option<MasterId>, u64), StoreError> {
        let (tenant, system, entities) = (tenant.to_owned(), system.to_owned(), entities.to_vec());
        let work = move |session: &Session<'_>| deliver_again(session, &tenant, &system, &entities, after, count_max);
        self.core.write(self.fence.as_ref(), work).await
    }
}

/// Remembers what a step published. `removals` are the rows that the step takes away from the known records.
pub(super) fn note_published(
    session: &Session<'_>,
    stream: i64,
    drop: DropNumber,
    ordinals: &[u8],
    removals: &[AbsentRecord],
) -> Result<(), Failure> {
    if ordinals.is_empty() && removals.is_empty() {
        return Ok(());
    }
    session
        .prepare("INSERT INTO published (stream, drop_number, ordinals, removals) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![stream, drop.cast_signed(), ordinals, crate::published::write_removals(removals)?])?;
    Ok(())
}

/// Forgets what drops of a stream published of which everything is resolved.
pub(super) fn forget_resolved(session: &Session<'_>, stream: i64) -> Result<(), Failure> {
    session
        .prepare(
            "DELETE FROM published WHERE stream = ?1 AND NOT EXISTS (
                 SELECT 1 FROM drops d
                 WHERE d.number = published.drop_number AND (d.ending IS NULL OR d.in_flight > 0))",
        )?
        .execute([stream])?;
    Ok(())
}

fn mark_lost(session: &Session<'_>) -> Result<Vec<LostDrop>, Failure> {
    session
        .prepare(
            "INSERT INTO lost_drops (drop_number) SELECT d.number FROM drops d WHERE d.in_flight > 0
                 OR (d.ending IS NULL AND EXISTS (SELECT 1 FROM published p WHERE p.drop_number = d.number))
             ON CONFLICT (drop_number) DO NOTHING",
        )?
        .execute([])?;
    lost(session, None)
}

/// The marked drops, of one stream or of all.
fn lost(session: &Session<'_>, stream: Option<i64>) -> Result<Vec<LostDrop>, Failure> {
    let mut select = session.prepare(
        "SELECT s.tenant, s.system, s.stream, d.number, d.name, d.fingerprint, d.export, d.begun_at, max(d.in_flight, 0)
         FROM lost_drops l JOIN drops d ON d.number = l.drop_number JOIN streams s ON s.id = d.stream
         WHERE ?1 IS NULL OR d.stream = ?1 ORDER BY d.number",
    )?;
    let mut found = select.query([stream])?;
    let mut drops = Vec::new();
    while let Some(row) = found.next()? {
        drops.push(LostDrop {
            stream: rows::stream_key(session, row)?,
            number: rows::number(row, 3)?,
            name: row.get(4)?,
            fingerprint: row.get::<_, Option<[u8; 16]>>(5)?.map(ContentHash),
            export: Export::from_column(row.get(6)?)?,
            begun_at: time(row.get(7)?),
            in_flight: rows::number(row, 8)?,
        });
    }
    Ok(drops)
}

fn published_of(session: &Session<'_>, drop: DropNumber) -> Result<PublishedOfDrop, Failure> {
    let mut select =
        session.prepare("SELECT ordinals, removals FROM published WHERE drop_number = ?1 ORDER BY step")?;
    let mut found = select.query([drop.cast_signed()])?;
    let mut ordinals = RoaringTreemap::new();
    let mut removals = Vec::new();
    while let Some(row) = found.next()? {
        ordinals |= crate::published::read_ordinals(row.get_ref(0)?.as_blob()?)?;
        removals.extend(crate::published::read_removals(row.get::<_, Option<String>>(1)?.as_deref())?);
    }
    Ok(crate::published::of_drop(&ordinals, removals)?)
}

fn unresolved(
    session: &Session<'_>,
    stream: &StreamKey,
    entity: &Entity,
    drop: DropNumber,
    records: &[(String, u64)],
) -> Result<Vec<bool>, Failure> {
    let ids = (session.id(&stream.tenant)?, session.id(&stream.system)?, session.id(&stream.stream)?);
    let (Some(tenant), Some(system), Some(name)) = ids else { return Ok(vec![true; records.len()]) };
    let Some(entity_id) = session.entity_id(entity)? else { return Ok(vec![true; records.len()]) };
    let drop = drop.cast_signed();
    // What was given up on demand, or is parked, has no source row of that position; the journal tells of the one.
    let mut resolved = session.prepare(
        "SELECT 1 FROM sources WHERE key = ?1 AND stream = ?2 AND system = ?3 AND entity = ?4 AND tenant = ?5
             AND (drop_number > ?6 OR (drop_number = ?6 AND ordinal >= ?7))
         UNION ALL SELECT 1 FROM journal WHERE drop_number = ?6 AND ordinal = ?7 AND key = ?1 AND entity = ?4
         UNION ALL SELECT 1 FROM parked WHERE key = ?8 AND system = ?3 AND stage = ?9 AND tenant = ?5
             AND drop_number = ?6 AND ordinal = ?7",
    )?;
    let stage = ParkedStage::Observed.code();
    let mut open = Vec::with_capacity(records.len());
    for (key, ordinal) in records {
        let line = crate::published::line(entity, key);
        let ordinal = ordinal.cast_signed();
        open.push(!resolved.exists(params![key, name, system, entity_id, tenant, drop, ordinal, line, stage])?);
    }
    Ok(open)
}

fn found_again(session: &Session<'_>, drop: DropNumber) -> Result<(), Failure> {
    session.prepare("DELETE FROM lost_drops WHERE drop_number = ?1")?.execute([drop.cast_signed()])?;
    Ok(())
}

fn give_up(session: &Session<'_>, given_up: &GivenUp) -> Result<(), Failure> {
    let LostDrop { stream: key, number, .. } = &given_up.lost;
    let Some(stream) = stream_id(session, key)? else { return Ok(()) };
    let tenant = session.intern(&key.tenant)?;
    let drop = number.cast_signed();
    count_given_up(session, tenant, stream, given_up)?;
    session.prepare("UPDATE known_records SET hash = ?2 WHERE stream = ?1")?.execute(params![stream, NO_CONTENT])?;
    let mut insert = session.prepare(
        "INSERT INTO known_records (stream, key, row, hash, partition) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    )?;
    for AbsentRecord { row, key, partition } in published_of(session, *number)?.removals {
        insert.execute(params![stream, key, row, NO_CONTENT, partition])?;
    }
    session
        .prepare(
            "UPDATE drops SET fingerprint = NULL
             WHERE stream = ?1 AND (number = ?2 OR (ending = ?3 AND export = ?4 AND number >= ?2))",
        )?
        .execute([stream, drop, DropEnd::Accepted.code(), Export::Full.code()])?;
    if given_up.from_the_beginning {
        session.prepare("UPDATE streams SET checkpoint = NULL WHERE id = ?1")?.execute([stream])?;
    }
    session.prepare("DELETE FROM published WHERE drop_number = ?1")?.execute([drop])?;
    found_again(session, *number)
}

/// What is lost does not count as read any more; what tells the operator does.
fn count_given_up(session: &Session<'_>, tenant: i64, stream: i64, given_up: &GivenUp) -> Result<(), Failure> {
    let drop = given_up.lost.number;
    let mut select = session.prepare("SELECT max(in_flight, 0) FROM drops WHERE number = ?1")?;
    let lost: i64 = select.query_row([drop.cast_signed()], |row| row.get(0)).optional()?.unwrap_or_default();
    let mut outcomes = Outcomes { read: -lost, in_flight: -lost, ..Outcomes::default() };
    if let Some(reject) = &given_up.reject {
        outcomes.read += 1;
        outcomes.add(RecordOutcome::Rejected, 1);
        insert_reject(session, tenant, stream, drop, reject)?;
    }
    write::outcomes(session, tenant, drop, &outcomes)?;
    Ok(())
}

fn insert_reject(
    session: &Session<'_>,
    tenant: i64,
    stream: i64,
    drop: DropNumber,
    reject: &NewReject,
) -> Result<(), Failure> {
    super::collect::rejects(session, tenant, stream, drop, std::slice::from_ref(reject))
}

/// The conditions are those under which `hub::deliver` does nothing: see `plan`.
const DELIVER_AGAIN: &str = "INSERT INTO backlog (system, master, number)
     SELECT ?1, m.master, 1 FROM masters m
     WHERE m.master BETWEEN ?2 AND ?3 AND m.entity IN (SELECT value FROM json_each(?4))
         AND CASE WHEN m.state = ?5 THEN
             NOT EXISTS (SELECT 1 FROM crosswalk c WHERE c.master = m.master AND c.system = ?1 AND c.removed = 0)
             OR EXISTS (SELECT 1 FROM crosswalk c WHERE c.master = m.master AND c.system = ?1 AND c.removed = 0
                        AND (c.version <> m.version OR c.holds IS NULL))
         ELSE
             EXISTS (SELECT 1 FROM crosswalk c WHERE c.master = m.master AND c.system = ?1 AND c.removed = 0)
         END
         AND m.master NOT IN (SELECT p.master FROM parked p JOIN masters n ON n.master = p.master
                              WHERE p.stage = ?6 AND p.system = ?1 AND p.version >= n.version)
     ORDER BY m.master
     ON CONFLICT (system, master) DO NOTHING";

fn deliver_again(
    session: &Session<'_>,
    tenant: &str,
    system: &str,
    entities: &[Entity],
    after: Option<MasterId>,
    count_max: usize,
) -> Result<(Option<MasterId>, u64), Failure> {
    let Some(tenant) = session.id(tenant)? else { return Ok((None, 0)) };
    let (first, end) = MasterKey::range(tenant);
    let from = match after {
        Some(id) => MasterKey::to_write(tenant, id)?.0 + 1,
        None => first,
    };
    let mut select = session
        .prepare("SELECT master FROM masters WHERE master BETWEEN ?1 AND ?2 ORDER BY master LIMIT 1 OFFSET ?3")?;
    let offset = i64::try_from(count_max.max(1) - 1).unwrap_or(i64::MAX);
    let last: Option<i64> = select.query_row([from, end, offset], |row| row.get(0)).optional()?;
    let mut ids = Vec::with_capacity(entities.len());
    for entity in entities {
        ids.extend(session.entity_id(entity)?);
    }
    let added = session.prepare(DELIVER_AGAIN)?.execute(params![
        session.intern(system)?,
        from,
        last.unwrap_or(end),
        serde_json::to_string(&ids)?,
        Operation::Upsert.code(),
        ParkedStage::Delivery.code(),
    ])?;
    Ok((last.map(|key| MasterKey(key).id()), added as u64))
}
