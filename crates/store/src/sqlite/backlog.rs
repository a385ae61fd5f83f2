//! What did not fit into the delivery queue of a system.

use std::sync::Arc;

use master::MasterId;
use rusqlite::params;

use super::dictionary::Session;
use super::failure::Failure;
use super::rows;
use super::value::MasterKey;
use crate::{BacklogRow, OutboxRow};

pub(super) fn add(session: &Session<'_>, system: &str, masters: &[(Arc<str>, MasterId)]) -> Result<(), Failure> {
    let system = session.intern(system)?;
    let mut insert = session.prepare(
        "INSERT INTO backlog (system, master, number) VALUES (?1, ?2, 1)
         ON CONFLICT (system, master) DO UPDATE SET number = number + 1",
    )?;
    for (tenant, id) in masters {
        insert.execute(params![system, MasterKey::to_write(session.intern(tenant)?, *id)?.0])?;
    }
    Ok(())
}

pub(super) fn read(
    session: &Session<'_>,
    tenant: &str,
    system: &str,
    count_max: usize,
) -> Result<Vec<BacklogRow>, Failure> {
    let (Some(tenant_id), Some(system_id)) = (session.id(tenant)?, session.id(system)?) else { return Ok(Vec::new()) };
    let (from, to) = MasterKey::range(tenant_id);
    let sql = format!(
        "SELECT {}, b.place, b.number FROM backlog b JOIN masters m ON m.master = b.master
         JOIN search_texts t ON t.master = b.master
         WHERE b.system = ?1 AND b.master BETWEEN ?2 AND ?3 ORDER BY b.place LIMIT ?4",
        rows::MASTER
    );
    let (tenant, system): (Arc<str>, Arc<str>) = (tenant.into(), system.into());
    let mut select = session.prepare(&sql)?;
    let mut found = select.query(params![system_id, from, to, i64::try_from(count_max).unwrap_or(i64::MAX)])?;
    let mut changes = Vec::new();
    while let Some(row) = found.next()? {
        changes.push(BacklogRow {
            place: (rows::number(row, 8)?, rows::number(row, 9)?),
            change: OutboxRow {
                tenant: tenant.clone(),
                numbers: Vec::new(),
                systems: Some(vec![system.clone()]),
                master: rows::master(session, row)?,
            },
        });
    }
    Ok(changes)
}

pub(super) fn count(session: &Session<'_>, tenant: &str, system: &str) -> Result<u64, Failure> {
    let (Some(tenant), Some(system)) = (session.id(tenant)?, session.id(system)?) else { return Ok(0) };
    let (from, to) = MasterKey::range(tenant);
    let mut select = session.prepare("SELECT count(*) FROM backlog WHERE system = ?1 AND master BETWEEN ?2 AND ?3")?;
    let count: i64 = select.query_row(params![system, from, to], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

pub(super) fn done(session: &Session<'_>, places: &[(u64, u64)]) -> Result<(), Failure> {
    let mut delete = session.prepare("DELETE FROM backlog WHERE place = ?1 AND number = ?2")?;
    for (place, number) in places {
        delete.execute([place.cast_signed(), number.cast_signed()])?;
    }
    Ok(())
}
