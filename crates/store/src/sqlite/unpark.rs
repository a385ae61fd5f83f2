//! Taking parked messages away: to be tried again, or given up.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rusqlite::Row;

use super::dictionary::Session;
use super::failure::Failure;
use super::forget::forget_published;
use super::line::{self, Line};
use super::resolve::{OutboxNumbers, write_outbox};
use super::value::{Coded, MasterKey};
use super::{rows, write};
use crate::{JournalEntry, JournalKind, OutboxWrite, Outcomes, ParkedStage, RecordOutcome};

/// See [`crate::OperateStore::unpark`]. Numbers that are gone already are passed over. Returns whether the outbox has more.
pub(super) fn unpark(
    session: &Session<'_>,
    outbox: &mut OutboxNumbers,
    numbers: &[u64],
    requeue: bool,
    at: Timestamp,
) -> Result<bool, Failure> {
    let way = if requeue { Way::Retried } else { Way::Discarded };
    let mut lines: BTreeMap<i64, BTreeSet<Line>> = BTreeMap::new();
    for number in numbers {
        if let Some((tenant, line)) = take_away(session, outbox, *number, way, at)? {
            lines.entry(tenant).or_default().insert(line);
        }
    }
    // What only stood behind them has nothing before it any more.
    let mut has_more = requeue;
    for (tenant, lines) in lines {
        has_more |= line::settle_all(session, outbox, tenant, &lines, at)?;
    }
    Ok(has_more)
}

/// How a parked message leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To be tried again, on demand.
    Retried,
    /// To be tried again, because what it waited for came.
    Released,
    /// Given up.
    Discarded,
}

/// Takes one parked message away; returns the tenant and the line of a delivery. One that is gone is passed over.
pub(super) fn take_away(
    session: &Session<'_>,
    outbox: &mut OutboxNumbers,
    number: u64,
    way: Way,
    at: Timestamp,
) -> Result<Option<(i64, Line)>, Failure> {
    let Some(parked) = read(session, number)? else { return Ok(None) };
    let tenant = parked.tenant;
    write::forget_parked(session, tenant, &[number])?;
    write::journal(session, tenant, &[parked.entry(way, at)])?;
    match parked.stage {
        ParkedStage::Observed => {
            parked.account(session, way != Way::Discarded)?;
            if way == Way::Discarded {
                forget_published(session, &parked.event)?;
            }
            return Ok(None);
        }
        ParkedStage::Delivery if way == Way::Discarded => {}
        ParkedStage::Delivery => write_outbox(session, tenant, outbox, parked.change().as_slice())?,
    }
    Ok(Some((tenant, (session.intern(&parked.journal.system)?, parked.key))))
}

/// What of a parked message its end needs.
struct Parked {
    tenant: i64,
    stage: ParkedStage,
    /// What it blocks.
    key: String,
    journal: JournalEntry,
    event: Vec<u8>,
}

fn read(session: &Session<'_>, number: u64) -> Result<Option<Parked>, Failure> {
    let mut select = session.prepare(
        "SELECT tenant, stage, system, entity, master, version, drop_number, ordinal, code, event, key
         FROM parked WHERE number = ?1",
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
    let stage = ParkedStage::from_column(row.get(1)?)?;
    Ok(Parked { tenant: row.get(0)?, stage, key: row.get(10)?, journal, event: row.get(9)? })
}

impl Parked {
    fn entry(&self, way: Way, at: Timestamp) -> JournalEntry {
        let kind = match way {
            Way::Retried => JournalKind::Retried,
            Way::Released => JournalKind::Released,
            Way::Discarded => JournalKind::Discarded,
        };
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
