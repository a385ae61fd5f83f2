//! Masters: reading them by id, with what belongs to them, and writing them.

use std::collections::HashMap;

use canonical::entity::Operation;
use master::MasterId;

use super::core::Core;
use super::failure::Failure;
use super::pool::Link;
use super::rows::{self, crosswalk_columns, get, master_columns, source_columns};
use super::text::kept;
use super::words::Words;
use super::write::{Rows, last_of_each};
use crate::value::{Coded, MasterKey};
use crate::{CrosswalkRow, MasterRow, SourceRow};

pub(super) const READ: &str = concat!(
    "SELECT ",
    master_columns!(),
    " FROM masters m JOIN search_texts t ON t.master = m.master WHERE m.master = ANY($1)"
);
const SOURCES: &str = concat!("SELECT ", source_columns!(), " FROM sources WHERE master = ANY($1)");
const CROSSWALK: &str = concat!("SELECT ", crosswalk_columns!(), " FROM crosswalk WHERE master = ANY($1)");

/// The packed keys of those ids that a master of this store can have.
pub(super) fn keys(tenant: i64, ids: &[MasterId]) -> Vec<i64> {
    ids.iter().filter_map(|id| MasterKey::pack(tenant, *id)).map(|key| key.0).collect()
}

/// These masters, in order.
pub(super) async fn read(
    core: &Core,
    link: &Link,
    tenant: i64,
    ids: &[MasterId],
) -> Result<Vec<Option<MasterRow>>, Failure> {
    let found = link.query(READ, &[&keys(tenant, ids)]).await?;
    let found = core.read(&found, rows::master).await?;
    Ok(in_order(ids, found.into_iter().map(|row| (row.master_id, row))))
}

/// One of each, in order of the ids; an id may come twice.
fn in_order<T: Clone>(ids: &[MasterId], found: impl Iterator<Item = (MasterId, T)>) -> Vec<Option<T>> {
    let found: HashMap<MasterId, T> = found.collect();
    ids.iter().map(|id| found.get(id).cloned()).collect()
}

/// The sources of these masters, in order of master, then of stream, system and key.
pub(super) async fn sources_of(
    core: &Core,
    link: &Link,
    tenant: i64,
    ids: &[MasterId],
) -> Result<Vec<Vec<SourceRow>>, Failure> {
    let found = link.query(SOURCES, &[&keys(tenant, ids)]).await?;
    let found = core.read(&found, rows::source).await?;
    Ok(grouped(ids, found, |row| row.master_id, |a, b| (&a.stream, &a.local).cmp(&(&b.stream, &b.local))))
}

/// What the crosswalk says of these masters, in order of master, then of system and key.
pub(super) async fn crosswalk_of(
    core: &Core,
    link: &Link,
    tenant: i64,
    ids: &[MasterId],
) -> Result<Vec<Vec<CrosswalkRow>>, Failure> {
    let found = link.query(CROSSWALK, &[&keys(tenant, ids)]).await?;
    let found = core.read(&found, rows::crosswalk).await?;
    Ok(grouped(ids, found, |row| row.master_id, |a, b| a.local.cmp(&b.local)))
}

/// All of each, in order of the ids; an id may come twice.
pub(super) fn grouped<T: Clone>(
    ids: &[MasterId],
    found: Vec<T>,
    id: impl Fn(&T) -> MasterId,
    order: impl Fn(&T, &T) -> std::cmp::Ordering,
) -> Vec<Vec<T>> {
    let mut groups: HashMap<MasterId, Vec<T>> = HashMap::new();
    for row in found {
        groups.entry(id(&row)).or_default().push(row);
    }
    for group in groups.values_mut() {
        group.sort_by(&order);
    }
    ids.iter().map(|id| groups.get(id).cloned().unwrap_or_default()).collect()
}

/// Writes masters, new or replaced, and keeps count of those that are there. All parts see the state before.
pub(super) const WRITE: &str = "WITH input AS MATERIALIZED (
         SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                              $8::text[]) AS u(master, entity, version, state, redirect, root, document)),
     before AS MATERIALIZED (SELECT i.master, m.state FROM input i JOIN masters m ON m.master = i.master),
     written AS (
         INSERT INTO masters (master, entity, version, state, redirect, root, document)
         SELECT master, entity, version, state, redirect, root, document FROM input
         ON CONFLICT (master) DO UPDATE SET
             entity = excluded.entity, version = excluded.version, state = excluded.state,
             redirect = excluded.redirect, root = excluded.root, document = excluded.document)
     INSERT INTO tallies (tenant, entity, count)
     SELECT $1::bigint, i.entity, sum((i.state = $9)::int - coalesce((b.state = $9)::int, 0))
     FROM input i LEFT JOIN before b ON b.master = i.master GROUP BY i.entity
     HAVING sum((i.state = $9)::int - coalesce((b.state = $9)::int, 0)) <> 0 ORDER BY i.entity
     ON CONFLICT (tenant, entity) DO UPDATE SET count = tallies.count + excluded.count";

/// The same for masters that are all new.
pub(super) const WRITE_NEW: &str = "WITH input AS MATERIALIZED (
         SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                              $8::text[]) AS u(master, entity, version, state, redirect, root, document)),
     written AS (
         INSERT INTO masters (master, entity, version, state, redirect, root, document)
         SELECT master, entity, version, state, redirect, root, document FROM input)
     INSERT INTO tallies (tenant, entity, count)
     SELECT $1::bigint, entity, count(*) FROM input WHERE state = $9 GROUP BY entity ORDER BY entity
     ON CONFLICT (tenant, entity) DO UPDATE SET count = tallies.count + excluded.count";

/// Most changes leave the names as they are.
pub(super) const WRITE_SEARCH: &str = "INSERT INTO search_texts (master, entity, text)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS u
     ON CONFLICT (master) DO UPDATE SET entity = excluded.entity, text = excluded.text
         WHERE search_texts.text <> excluded.text OR search_texts.entity <> excluded.entity";

pub(super) const WRITE_SEARCH_NEW: &str = "INSERT INTO search_texts (master, entity, text)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS u";

pub(super) async fn write(
    link: &Link,
    words: &Words,
    tenant: i64,
    masters: &[MasterRow],
    which: Rows,
) -> Result<(), Failure> {
    let mut rows = last_of_each(masters, |row| row.master_id);
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|row| row.master_id);
    let of = |value: fn(&MasterRow) -> i64| -> Vec<i64> { rows.iter().map(|row| value(row)).collect() };
    let keys: Vec<i64> =
        rows.iter().map(|row| Ok(MasterKey::to_write(tenant, row.master_id)?.0)).collect::<Result<_, Failure>>()?;
    let entity: Vec<i64> = rows.iter().map(|row| words.must_entity(&row.entity)).collect::<Result<_, _>>()?;
    let (version, state) = (of(|row| row.version.cast_signed()), of(|row| row.state.code()));
    let root = of(|row| row.root.0.cast_signed());
    let redirect: Vec<Option<i64>> = rows.iter().map(|row| row.redirect.map(|id| id.0.cast_signed())).collect();
    let document: Vec<&str> = rows.iter().map(|row| &*row.document).collect();
    let search: Vec<_> = rows.iter().map(|row| kept(&row.search)).collect();
    let there = Operation::Upsert.code();
    let searched: [super::pool::Parameter<'_>; 3] = [&keys, &entity, &search];
    let written: [super::pool::Parameter<'_>; 9] =
        [&tenant, &keys, &entity, &version, &state, &redirect, &root, &document, &there];
    let (write_search, write) = if which == Rows::New { (WRITE_SEARCH_NEW, WRITE_NEW) } else { (WRITE_SEARCH, WRITE) };
    futures::try_join!(link.execute(write_search, &searched), link.execute(write, &written))?;
    Ok(())
}

/// The version of a row, without reading the rest.
pub(super) fn version(row: &tokio_postgres::Row) -> Result<u64, Failure> {
    Ok(get::<i64>(row, 3)?.cast_unsigned())
}
