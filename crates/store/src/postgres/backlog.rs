//! What did not fit into the delivery queue of a system.

use std::collections::HashSet;
use std::sync::Arc;

use super::core::Core;
use super::failure::Failure;
use super::pool::Link;
use super::rows::{self, master_columns};
use crate::value::MasterKey;
use crate::{BacklogRow, OutboxRow};

const ADD: &str = "INSERT INTO backlog (system, master, number)
     SELECT $1::bigint, master, 1 FROM unnest($2::bigint[]) AS master
     ON CONFLICT (system, master) DO UPDATE SET number = backlog.number + 1";

pub(super) async fn add(core: &Core, link: &Link, system: &str, rows: &[OutboxRow]) -> Result<(), Failure> {
    core.intern(rows.iter().map(|row| &*row.tenant).chain([system])).await?;
    let mut seen = HashSet::new();
    let mut masters = Vec::with_capacity(rows.len());
    for row in rows {
        let master = MasterKey::to_write(core.words.must(&row.tenant)?, row.master.master_id)?;
        if seen.insert(master) {
            masters.push(master.0);
        }
    }
    link.execute(ADD, &[&core.words.must(system)?, &masters]).await?;
    Ok(())
}

const READ: &str = concat!(
    "SELECT ",
    master_columns!(),
    ", b.place, b.number FROM backlog b JOIN masters m ON m.master = b.master
     JOIN search_texts t ON t.master = b.master
     WHERE b.system = $1 AND b.master BETWEEN $2 AND $3 ORDER BY b.place LIMIT $4"
);

pub(super) async fn read(
    core: &Core,
    link: &Link,
    tenant: &str,
    system: &str,
    count_max: usize,
) -> Result<Vec<BacklogRow>, Failure> {
    let Some((tenant_id, system_id)) = ids(core, tenant, system).await? else { return Ok(Vec::new()) };
    let (from, to) = MasterKey::range(tenant_id);
    let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
    let found = link.query(READ, &[&system_id, &from, &to, &count_max]).await?;
    let (tenant, system): (Arc<str>, Arc<str>) = (tenant.into(), system.into());
    core.read(&found, |words, row| {
        Ok(BacklogRow {
            place: (rows::number(row, 8)?, rows::number(row, 9)?),
            change: OutboxRow {
                tenant: tenant.clone(),
                numbers: Vec::new(),
                systems: Some(vec![system.clone()]),
                master: rows::master(words, row)?,
            },
        })
    })
    .await
}

pub(super) async fn count(core: &Core, link: &Link, tenant: &str, system: &str) -> Result<u64, Failure> {
    let Some((tenant, system)) = ids(core, tenant, system).await? else { return Ok(0) };
    let (from, to) = MasterKey::range(tenant);
    let sql = "SELECT count(*) FROM backlog WHERE system = $1 AND master BETWEEN $2 AND $3";
    rows::number(&link.query_one(sql, &[&system, &from, &to]).await?, 0)
}

/// Forgets changes. One that was noted again since it was read stays: its number is another.
pub(super) async fn done(link: &Link, rows: &[BacklogRow]) -> Result<(), Failure> {
    let mut places: Vec<(i64, i64)> =
        rows.iter().map(|row| (row.place.0.cast_signed(), row.place.1.cast_signed())).collect();
    places.sort_unstable();
    let (places, numbers): (Vec<i64>, Vec<i64>) = places.into_iter().unzip();
    // Row by row, as the outbox forgets.
    let sql = "DELETE FROM backlog WHERE ctid = ANY(ARRAY(
                   SELECT b.ctid FROM unnest($1::bigint[], $2::bigint[]) AS u(place, number)
                   CROSS JOIN LATERAL
                       (SELECT ctid FROM backlog WHERE place = u.place AND number = u.number LIMIT 1 FOR UPDATE) AS b))";
    link.execute(sql, &[&places, &numbers]).await?;
    Ok(())
}

/// The numbers of two words; `None` when no row can carry them.
pub(super) async fn ids(core: &Core, tenant: &str, system: &str) -> Result<Option<(i64, i64)>, Failure> {
    core.know([tenant, system]).await?;
    Ok(core.words.id(tenant).zip(core.words.id(system)))
}
