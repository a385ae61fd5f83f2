//! Taking parked messages away: to be tried again, or given up.

use jiff::Timestamp;
use rusqlite::Row;

use super::dictionary::Session;
use super::failure::Failure;
use super::resolve::{OutboxNumbers, write_outbox};
use super::value::{Coded, MasterKey};
use super::{rows, write};
use crate::{JournalEntry, JournalKind, OutboxWrite, Outcomes, ParkedStage, RecordOutcome};

/// See [`crate::OperateStore::unpark`]. Numbers that are gone already are passed over.
pub(super) fn unpark(
    session: &Session<'_>,
    outbox: &mut OutboxNumbers,
    numbers: &[u64],
    requeue: bool,
    at: Timestamp,
) -> Result<(), Failure> {
    for number in numbers {
        let Some(parked) = read(session, *number)? else { continue };
        let tenant = parked.tenant;
        write::forget(session, tenant, write::FORGET_PARKED, &[*number])?;
        write::journal(session, tenant, &[parked.entry(requeue, at)])?;
        match parked.stage {
            ParkedStage::Delivery if requeue => write_outbox(session, tenant, outbox, parked.change().as_slice())?,
            ParkedStage::Delivery => {}
            ParkedStage::Observed => parked.account(session, requeue)?,
        }
    }
    Ok(())
}

/// What of a parked message its end needs.
struct Parked {
    tenant: i64,
    stage: ParkedStage,
    journal: JournalEntry,
}

fn read(session: &Session<'_>, number: u64) -> Result<Option<Parked>, Failure> {
    let mut select = session.prepare(
        "SELECT tenant, stage, system, entity, master, version, drop_number, ordinal, code FROM parked WHERE number = ?1",
    )?;
    let mut found = select.query([number.cast_signed()])?;
    found.next()?.map(|row| parked(session, row)).transpose()
}

fn parked(session: &Session<'_>, row: &Row<'_>) -> Result<Parked, Failure> {
    let journal = JournalEntry {
        at: Timestamp::UNIX_EPOCH,
        kind: JournalKind::Retried,
        system: session.text(row.get(2)?)?,
        entity: session.entity(row.get(3)?)?,
        key: None,
        master_id: row.get::<_, Option<i64>>(4)?.map(|key| MasterKey(key).id()),
        version: row.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned),
        position: rows::position(row, 6)?,
        line: None,
        detail: row.get(8)?,
    };
    Ok(Parked { tenant: row.get(0)?, stage: ParkedStage::from_column(row.get(1)?)?, journal })
}

impl Parked {
    fn entry(&self, requeue: bool, at: Timestamp) -> JournalEntry {
        let kind = if requeue { JournalKind::Retried } else { JournalKind::Discarded };
        JournalEntry { at, kind, ..self.journal.clone() }
    }

    /// The change that the target gets again. The relay publishes the master's current state, whatever was parked.
    fn change(&self) -> Option<OutboxWrite> {
        let system = Some(self.journal.system.clone());
        let version = self.journal.version.unwrap_or_default();
        self.journal.master_id.map(|master_id| OutboxWrite { master_id, version, system })
    }

    fn account(&self, session: &Session<'_>, requeue: bool) -> Result<(), Failure> {
        let Some(position) = self.journal.position else { return Ok(()) };
        let mut difference = Outcomes::default();
        difference.add(RecordOutcome::Parked, -1);
        if requeue {
            difference.in_flight = 1;
        } else {
            difference.add(RecordOutcome::Rejected, 1);
        }
        write::outcomes(session, self.tenant, position.drop, &difference)?;
        Ok(())
    }
}
