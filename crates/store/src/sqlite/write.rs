//! Writes that more than one stage makes.

use master::MasterId;
use rusqlite::params;

use super::dictionary::Session;
use super::failure::Failure;
use super::rows::OUTCOMES_ENDED;
use super::tasks;
use super::value::{Coded, MasterKey, nanoseconds};
use crate::value::RowWriter;
use crate::{CrosswalkRow, DropNumber, JournalEntry, NewParked, Outcomes};

/// Writes crosswalk rows. Of a delivery to a system that is read, a shadow that is replaced by another one is kept behind
/// those that were replaced before; else a row says itself what is kept. A delivery leaves a record that is there with
/// its master: it may have moved to another one during the call.
pub(super) fn crosswalk(
    session: &Session<'_>,
    tenant: i64,
    rows: &[CrosswalkRow],
    writer: RowWriter,
) -> Result<(), Failure> {
    let mut write = session.prepare(&format!(
        "INSERT INTO crosswalk (tenant, system, entity, key, master, version, removed, residue, holds, earlier)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (key, system, entity, tenant) DO UPDATE SET
             home = CASE WHEN master = excluded.master OR (?12 AND NOT removed) THEN home ELSE coalesce(home, master) END,
             master = CASE WHEN ?12 AND NOT removed THEN master ELSE excluded.master END,
             version = excluded.version, removed = excluded.removed,
             residue = excluded.residue, holds = excluded.holds,
             earlier = CASE
                 WHEN NOT ?11 THEN excluded.earlier
                 WHEN holds IS NULL OR holds = excluded.holds THEN earlier
                 ELSE {EARLIER_WITH_HOLDS}
             END"
    ))?;
    for row in rows {
        let earlier = (!row.earlier.is_empty()).then(|| serde_json::to_string(&row.earlier)).transpose()?;
        write.execute(params![
            tenant,
            session.intern(&row.local.system)?,
            session.intern_entity(&row.local.entity)?,
            row.local.key,
            MasterKey::to_write(tenant, row.master_id)?.0,
            row.version.cast_signed(),
            row.removed,
            row.residue,
            row.holds,
            earlier,
            writer == RowWriter::Delivery { is_read: true },
            writer.is_delivery(),
        ])?;
    }
    Ok(())
}

/// What was delivered earlier, with the present shadow behind it; of more than 8 the oldest goes.
pub(super) const EARLIER_WITH_HOLDS: &str = "json_insert(
    CASE WHEN json_array_length(earlier) >= 8 THEN json_remove(earlier, '$[0]') ELSE coalesce(earlier, '[]') END,
    '$[#]', holds)";

pub(super) fn journal(session: &Session<'_>, tenant: i64, entries: &[JournalEntry]) -> Result<(), Failure> {
    let mut write = session.prepare(
        "INSERT INTO journal (tenant, at, kind, system, entity, key, master, version, drop_number, ordinal, line, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for entry in entries {
        write.execute(params![
            tenant,
            nanoseconds(entry.at),
            entry.kind.code(),
            session.intern(&entry.system)?,
            session.intern_entity(&entry.entity)?,
            entry.key,
            optional_master(tenant, entry.master_id)?,
            entry.version.map(u64::cast_signed),
            entry.position.map(|position| position.drop.cast_signed()),
            entry.position.map(|position| position.ordinal.cast_signed()),
            entry.line.map(u64::cast_signed),
            entry.detail,
        ])?;
    }
    Ok(())
}

/// Sets messages aside. A delivery that comes again before its message was acknowledged is there already.
pub(super) fn parked(session: &Session<'_>, tenant: i64, rows: &[NewParked]) -> Result<(), Failure> {
    let mut write = session.prepare(
        "INSERT INTO parked (tenant, stage, system, key, entity, master, version, drop_number, ordinal, code, reason,
                             since, event, needs_system, needs_master, task)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16
         WHERE ?8 IS NOT NULL OR NOT EXISTS (
             SELECT 1 FROM parked WHERE key = ?4 AND system = ?3 AND stage = ?2 AND tenant = ?1
                AND master IS ?6 AND version IS ?7 AND drop_number IS NULL AND event = ?13)",
    )?;
    for row in rows {
        let needs_system = row.needs.as_ref().map(|needs| session.intern(&needs.system)).transpose()?;
        let needs_master = optional_master(tenant, row.needs.as_ref().map(|needs| needs.master_id))?;
        write.execute(params![
            tenant,
            row.stage.code(),
            session.intern(&row.system)?,
            row.key,
            session.intern_entity(&row.entity)?,
            optional_master(tenant, row.master_id)?,
            row.version.map(u64::cast_signed),
            row.position.map(|position| position.drop.cast_signed()),
            row.position.map(|position| position.ordinal.cast_signed()),
            row.code,
            row.reason,
            nanoseconds(row.at),
            row.event,
            needs_system,
            needs_master,
            row.task,
        ])?;
    }
    Ok(())
}

/// Forgets parked messages, and closes the tasks that ask about them.
pub(super) fn forget_parked(session: &Session<'_>, tenant: i64, numbers: &[u64]) -> Result<(), Failure> {
    if numbers.is_empty() {
        return Ok(());
    }
    tasks::end_of_parked(session, tenant, numbers)?;
    forget(session, tenant, "DELETE FROM parked WHERE number = ?1 AND tenant = ?2", numbers)
}

/// Forgets numbered rows of a tenant; those that are gone already are passed over.
pub(super) fn forget(session: &Session<'_>, tenant: i64, sql: &str, numbers: &[u64]) -> Result<(), Failure> {
    if numbers.is_empty() {
        return Ok(());
    }
    let mut delete = session.prepare(sql)?;
    for number in numbers {
        delete.execute([number.cast_signed(), tenant])?;
    }
    Ok(())
}

/// The statement for [`forget`].
pub(super) const FORGET_WAITING: &str = "DELETE FROM waiting WHERE number = ?1 AND tenant = ?2";

/// Adds a difference to the accounting of a drop; whether the tenant has the drop.
pub(super) fn outcomes(
    session: &Session<'_>,
    tenant: i64,
    drop: DropNumber,
    difference: &Outcomes,
) -> Result<bool, Failure> {
    let mut write = session.prepare(
        "UPDATE drops SET
             records_read = records_read + ?3, rows_read = rows_read + ?4, in_flight = in_flight + ?5,
             created = created + ?6, updated = updated + ?7, unchanged = unchanged + ?8, removed = removed + ?9,
             duplicate = duplicate + ?10, rejected = rejected + ?11, parked = parked + ?12, waiting = waiting + ?13,
             withheld = withheld + ?14
         WHERE number = ?1 AND tenant = ?2",
    )?;
    let [created, updated, unchanged, removed, duplicate, rejected, parked, waiting, withheld] =
        OUTCOMES_ENDED.map(|outcome| difference.get(outcome));
    let changed = write.execute(params![
        drop.cast_signed(),
        tenant,
        difference.read,
        difference.rows,
        difference.in_flight,
        created,
        updated,
        unchanged,
        removed,
        duplicate,
        rejected,
        parked,
        waiting,
        withheld,
    ])?;
    Ok(changed > 0)
}

pub(super) fn optional_master(tenant: i64, id: Option<MasterId>) -> Result<Option<i64>, Failure> {
    Ok(id.map(|id| MasterKey::to_write(tenant, id)).transpose()?.map(|key| key.0))
}
