//! What makes up for a lost bus, on PostgreSQL.

use std::collections::BTreeMap;

use async_trait::async_trait;
use canonical::entity::{Entity, Operation};
use canonical::record::ContentHash;
use master::MasterId;
use roaring::RoaringTreemap;

use super::PostgresStore;
use super::core::Core;
use super::drops::{hash, hold_stream, stream_id};
use super::failure::Failure;
use super::forget::NO_CONTENT;
use super::pool::Link;
use super::rows::{self, get, told};
use super::text::kept;
use super::transaction::{Transaction, transaction};
use super::write;
use crate::value::{Coded, MasterKey, time};
use crate::{
    AbsentRecord, DropEnd, DropNumber, Export, GivenUp, LostDrop, Outcomes, ParkedStage, PublishedOfDrop, RebuildStore,
    RecordOutcome, StoreError, StreamKey,
};

#[async_trait]
impl RebuildStore for PostgresStore {
    async fn mark_lost(&self) -> Result<Vec<LostDrop>, StoreError> {
        transaction!(self, |tx| mark_lost(&tx))
    }

    async fn lost_drops(&self, stream: &StreamKey) -> Result<Vec<LostDrop>, StoreError> {
        let reading = async {
            let link = self.core.link().await?;
            match stream_id(&self.core, &link, stream).await? {
                Some(id) => lost(&self.core, &link, Some(id)).await,
                None => Ok(Vec::new()),
            }
        };
        reading.await.map_err(|failure| failure.at(&self.core.place))
    }

    async fn published_of(&self, drop: DropNumber) -> Result<PublishedOfDrop, StoreError> {
        let reading = async { published_of(&*self.core.link().await?, drop).await };
        reading.await.map_err(|failure| failure.at(&self.core.place))
    }

    async fn unresolved(
        &self,
        stream: &StreamKey,
        entity: &Entity,
        drop: DropNumber,
        records: &[(&str, u64)],
    ) -> Result<Vec<bool>, StoreError> {
        let open = unresolved(&self.core, stream, entity, drop, records).await;
        open.map_err(|failure| failure.at(&self.core.place))
    }

    async fn found_again(&self, drop: DropNumber) -> Result<(), StoreError> {
        transaction!(self, |tx| found_again(&tx, drop))
    }

    async fn give_up(&self, given_up: GivenUp) -> Result<(), StoreError> {
        transaction!(self, |tx| give_up(&tx, &given_up))
    }

    async fn deliver_again(
        &self,
        tenant: &str,
        system: &str,
        entities: &[Entity],
        after: Option<MasterId>,
        count_max: usize,
    ) -> Result<(Option<MasterId>, u64), StoreError> {
        transaction!(self, |tx| deliver_again(&tx, tenant, system, entities, after, count_max))
    }
}

/// Remembers what a step published. `removals` are the rows that the step takes away from the known records.
pub(super) async fn note_published(
    link: &Link,
    stream: i64,
    drop: DropNumber,
    ordinals: &[u8],
    removals: &[AbsentRecord],
) -> Result<(), Failure> {
    if ordinals.is_empty() && removals.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO published (stream, drop_number, ordinals, removals) VALUES ($1, $2, $3, $4)";
    let removals = crate::published::write_removals(removals)?;
    link.execute(sql, &[&stream, &drop.cast_signed(), &ordinals, &removals]).await?;
    Ok(())
}

/// Forgets what drops of a stream published of which everything is resolved.
pub(super) async fn forget_resolved(link: &Link, stream: i64) -> Result<(), Failure> {
    let sql = "DELETE FROM published WHERE stream = $1 AND NOT EXISTS (
                   SELECT 1 FROM drops d
                   WHERE d.number = published.drop_number AND (d.ending IS NULL OR d.in_flight > 0))";
    link.execute(sql, &[&stream]).await?;
    Ok(())
}

async fn mark_lost(tx: &Transaction) -> Result<Vec<LostDrop>, Failure> {
    let sql = "INSERT INTO lost_drops (drop_number) SELECT d.number FROM drops d WHERE d.in_flight > 0
                   OR (d.ending IS NULL AND EXISTS (SELECT 1 FROM published p WHERE p.drop_number = d.number))
               ON CONFLICT (drop_number) DO NOTHING";
    tx.execute(sql, &[]).await?;
    lost(tx.core(), tx, None).await
}

/// The marked drops, of one stream or of all.
async fn lost(core: &Core, link: &Link, stream: Option<i64>) -> Result<Vec<LostDrop>, Failure> {
    let sql = "SELECT s.tenant, s.system, s.stream, d.number, d.name, d.fingerprint, d.export, d.begun_at,
                   greatest(d.in_flight, 0)
               FROM lost_drops l JOIN drops d ON d.number = l.drop_number JOIN streams s ON s.id = d.stream
               WHERE $1::bigint IS NULL OR d.stream = $1 ORDER BY d.number";
    let found = link.query(sql, &[&stream]).await?;
    core.read(&found, |words, row| {
        let fingerprint: Option<&[u8]> = get(row, 5)?;
        Ok(LostDrop {
            stream: rows::stream_key(words, row)?,
            number: rows::number(row, 3)?,
            name: told(row, 4)?,
            fingerprint: fingerprint.map(|bytes| Ok::<_, Failure>(ContentHash(hash(bytes)?))).transpose()?,
            export: Export::from_column(get(row, 6)?)?,
            begun_at: time(get(row, 7)?),
            in_flight: rows::number(row, 8)?,
        })
    })
    .await
}

async fn published_of(link: &Link, drop: DropNumber) -> Result<PublishedOfDrop, Failure> {
    let sql = "SELECT ordinals, removals FROM published WHERE drop_number = $1 ORDER BY step";
    let mut ordinals = RoaringTreemap::new();
    let mut removals = Vec::new();
    for row in &link.query(sql, &[&drop.cast_signed()]).await? {
        ordinals |= crate::published::read_ordinals(get(row, 0)?)?;
        removals.extend(crate::published::read_removals(get(row, 1)?)?);
    }
    Ok(crate::published::of_drop(&ordinals, removals)?)
}

/// What was given up on demand, or is parked, has no source row of that position; the journal tells of the one.
const UNRESOLVED: &str = "SELECT NOT EXISTS (
         SELECT 1 FROM sources s WHERE s.key = u.key AND s.stream = $4 AND s.system = $5 AND s.entity = $6 AND s.tenant = $7
             AND (s.drop_number > $8 OR (s.drop_number = $8 AND s.ordinal >= u.ordinal)))
     AND NOT EXISTS (
         SELECT 1 FROM journal j
         WHERE j.drop_number = $8 AND j.ordinal = u.ordinal AND j.key = u.key AND j.entity = $6)
     AND NOT EXISTS (
         SELECT 1 FROM parked p WHERE p.key = u.line AND p.system = $5 AND p.stage = $9 AND p.tenant = $7
             AND p.drop_number = $8 AND p.ordinal = u.ordinal)
     FROM unnest($1::text[], $2::bigint[], $3::text[]) WITH ORDINALITY AS u(key, ordinal, line, place) ORDER BY u.place";

async fn unresolved(
    core: &Core,
    stream: &StreamKey,
    entity: &Entity,
    drop: DropNumber,
    records: &[(&str, u64)],
) -> Result<Vec<bool>, Failure> {
    core.know([&*stream.tenant, &*stream.system, &*stream.stream, entity.name()]).await?;
    let words = &core.words;
    let ids = (words.id(&stream.tenant), words.id(&stream.system), words.id(&stream.stream), words.entity_id(entity));
    let (Some(tenant), Some(system), Some(name), Some(entity_id)) = ids else { return Ok(vec![true; records.len()]) };
    let lines: Vec<String> = records.iter().map(|(key, _)| crate::published::line(entity, key)).collect();
    let key: Vec<_> = records.iter().map(|(key, _)| kept(key)).collect();
    let line: Vec<_> = lines.iter().map(|line| kept(line)).collect();
    let ordinal: Vec<i64> = records.iter().map(|(_, ordinal)| ordinal.cast_signed()).collect();
    let (drop, stage) = (drop.cast_signed(), ParkedStage::Observed.code());
    let parameters: [super::pool::Parameter<'_>; 9] =
        [&key, &ordinal, &line, &name, &system, &entity_id, &tenant, &drop, &stage];
    let found = core.link().await?.query(UNRESOLVED, &parameters).await?;
    found.iter().map(|row| get(row, 0)).collect()
}

async fn found_again(link: &Link, drop: DropNumber) -> Result<(), Failure> {
    link.execute("DELETE FROM lost_drops WHERE drop_number = $1", &[&drop.cast_signed()]).await?;
    Ok(())
}

async fn give_up(tx: &Transaction, given_up: &GivenUp) -> Result<(), Failure> {
    let LostDrop { stream: key, number, .. } = &given_up.lost;
    let stream = hold_stream(tx.core(), tx, key).await?;
    let tenant = tx.core().words.must(&key.tenant)?;
    let drop = number.cast_signed();
    count_given_up(tx, tenant, stream, given_up).await?;
    let forget = "UPDATE known_records SET hash = $2 WHERE stream = $1";
    tx.execute(forget, &[&stream, &NO_CONTENT.as_slice()]).await?;
    for AbsentRecord { row, key, partition } in published_of(tx, *number).await?.removals {
        let sql = "INSERT INTO known_records (stream, key, row, hash, partition) VALUES ($1, $2, $3, $4, $5)
                   ON CONFLICT DO NOTHING";
        let (row, partition) = (i64::from(row), i64::from(partition));
        tx.execute(sql, &[&stream, &kept(&key), &row, &NO_CONTENT.as_slice(), &partition]).await?;
    }
    let compare = "UPDATE drops SET fingerprint = NULL
                   WHERE stream = $1 AND (number = $2 OR (ending = $3 AND export = $4 AND number >= $2))";
    tx.execute(compare, &[&stream, &drop, &DropEnd::Accepted.code(), &Export::Full.code()]).await?;
    if given_up.from_the_beginning {
        tx.execute("UPDATE streams SET checkpoint = NULL WHERE id = $1", &[&stream]).await?;
    }
    tx.execute("DELETE FROM published WHERE drop_number = $1", &[&drop]).await?;
    found_again(tx, *number).await
}

/// What is lost does not count as read any more; what tells the operator does.
async fn count_given_up(tx: &Transaction, tenant: i64, stream: i64, given_up: &GivenUp) -> Result<(), Failure> {
    let drop = given_up.lost.number;
    let sql = "SELECT greatest(in_flight, 0) FROM drops WHERE number = $1 FOR UPDATE";
    let row = tx.query_opt(sql, &[&drop.cast_signed()]).await?;
    let lost: i64 = row.map(|row| get(&row, 0)).transpose()?.unwrap_or_default();
    let mut outcomes = Outcomes { read: -lost, in_flight: -lost, ..Outcomes::default() };
    if let Some(reject) = &given_up.reject {
        outcomes.read += 1;
        outcomes.add(RecordOutcome::Rejected, 1);
        super::collect::rejects(tx, tenant, stream, drop, std::slice::from_ref(reject)).await?;
    }
    write::outcomes(tx, tenant, &BTreeMap::from([(drop, outcomes)])).await?;
    Ok(())
}

/// The conditions are those under which `hub::deliver` does nothing: see `plan`.
const DELIVER_AGAIN: &str = "INSERT INTO backlog (system, master, number)
     SELECT $1::bigint, m.master, 1 FROM masters m
     WHERE m.master BETWEEN $2 AND $3 AND m.entity = ANY($4::bigint[])
         AND CASE WHEN m.state = $5 THEN
             NOT EXISTS (SELECT 1 FROM crosswalk c WHERE c.master = m.master AND c.system = $1 AND c.removed = 0)
             OR EXISTS (SELECT 1 FROM crosswalk c WHERE c.master = m.master AND c.system = $1 AND c.removed = 0
                        AND (c.version <> m.version OR c.holds IS NULL))
         ELSE
             EXISTS (SELECT 1 FROM crosswalk c WHERE c.master = m.master AND c.system = $1 AND c.removed = 0)
         END
         AND NOT EXISTS (SELECT 1 FROM parked p JOIN masters n ON n.master = p.master
                         WHERE p.stage = $6 AND p.system = $1 AND p.version >= n.version AND p.master = m.master)
     ORDER BY m.master
     ON CONFLICT (system, master) DO NOTHING";

async fn deliver_again(
    tx: &Transaction,
    tenant: &str,
    system: &str,
    entities: &[Entity],
    after: Option<MasterId>,
    count_max: usize,
) -> Result<(Option<MasterId>, u64), Failure> {
    let core = tx.core();
    core.intern([system]).await?;
    core.know(entities.iter().map(Entity::name)).await?;
    let Some(tenant) = core.id(tenant).await? else { return Ok((None, 0)) };
    let (first, end) = MasterKey::range(tenant);
    let from = match after {
        Some(id) => MasterKey::to_write(tenant, id)?.0 + 1,
        None => first,
    };
    let offset = i64::try_from(count_max.max(1) - 1).unwrap_or(i64::MAX);
    let sql = "SELECT master FROM masters WHERE master BETWEEN $1 AND $2 ORDER BY master LIMIT 1 OFFSET $3";
    let last: Option<i64> = tx.query_opt(sql, &[&from, &end, &offset]).await?.map(|row| get(&row, 0)).transpose()?;
    let ids: Vec<i64> = entities.iter().filter_map(|entity| core.words.entity_id(entity)).collect();
    let (system, to) = (core.words.must(system)?, last.unwrap_or(end));
    let (upsert, stage) = (Operation::Upsert.code(), ParkedStage::Delivery.code());
    let added = tx.execute(DELIVER_AGAIN, &[&system, &from, &to, &ids, &upsert, &stage]).await?;
    Ok((last.map(|key| MasterKey(key).id()), added))
}
