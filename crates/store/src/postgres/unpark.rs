//! Taking parked messages away: to be tried again, or given up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use tokio_postgres::Row;

use super::failure::Failure;
use super::forget::forget_published;
use super::line::{self, Line, Only};
use super::rows::{self, get, told};
use super::transaction::Transaction;
use super::words::Words;
use super::{outbox, write};
use crate::value::{Coded, MasterKey};
use crate::{JournalEntry, JournalKind, OutboxWrite, Outcomes, ParkedStage, RecordOutcome};

/// See [`crate::OperateStore::unpark`]. Numbers that are gone already are passed over. Returns whether the outbox has more.
pub(super) async fn unpark(tx: &Transaction, numbers: &[u64], requeue: bool, at: Timestamp) -> Result<bool, Failure> {
    let way = if requeue { Way::Retried } else { Way::Discarded };
    let mut systems: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for parked in read(tx, numbers).await?.iter().filter(|parked| parked.stage == ParkedStage::Delivery) {
        systems.entry(parked.tenant).or_default().insert(parked.system);
    }
    for (tenant, systems) in systems {
        line::hold(tx, tenant, systems).await?;
    }
    // Somebody may have taken some of them while we waited.
    let parked = read(tx, numbers).await?;
    take_away(tx, &parked, way, at).await?;
    // What only stood behind them has nothing before it any more.
    let mut lines: BTreeMap<i64, BTreeMap<Line, Only>> = BTreeMap::new();
    for parked in parked.into_iter().filter(|parked| parked.stage == ParkedStage::Delivery) {
        lines.entry(parked.tenant).or_default().insert((parked.system, parked.key), Only::Always);
    }
    let mut has_more = requeue;
    for (tenant, lines) in lines {
        has_more |= line::settle_all(tx, tenant, &lines, at).await?;
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

/// Takes parked messages away, in their order.
pub(super) async fn take_away(tx: &Transaction, parked: &[Parked], way: Way, at: Timestamp) -> Result<(), Failure> {
    let words = &tx.core().words;
    let mut by_tenant: BTreeMap<i64, Vec<&Parked>> = BTreeMap::new();
    for one in parked {
        by_tenant.entry(one.tenant).or_default().push(one);
    }
    for (tenant, parked) in by_tenant {
        let numbers: Vec<u64> = parked.iter().map(|one| one.number).collect();
        let journal: Vec<JournalEntry> = parked.iter().map(|one| one.entry(way, at)).collect();
        let changes: Vec<OutboxWrite> = match way {
            Way::Discarded => Vec::new(),
            _ => parked.iter().filter_map(|one| one.change()).collect(),
        };
        let mut outcomes: BTreeMap<u64, Outcomes> = BTreeMap::new();
        for one in &parked {
            one.account(way, &mut outcomes);
        }
        if way == Way::Discarded {
            // Reads the parked messages beside it, so it comes before they go.
            for one in parked.iter().filter(|one| one.stage == ParkedStage::Observed) {
                forget_published(tx, &one.event).await?;
            }
        }
        write::forget_parked(tx, tenant, &numbers).await?;
        write::journal(tx, words, tenant, &journal).await?;
        outbox::write(tx, words, tenant, &changes, write::Rows::Any).await?;
        write::outcomes(tx, tenant, &outcomes).await?;
    }
    Ok(())
}

/// What of a parked message its end needs.
pub(super) struct Parked {
    number: u64,
    tenant: i64,
    stage: ParkedStage,
    system: i64,
    /// What it blocks.
    key: String,
    journal: JournalEntry,
    event: Vec<u8>,
}

/// Those of these messages that are there, in the given order.
pub(super) async fn read(tx: &Transaction, numbers: &[u64]) -> Result<Vec<Parked>, Failure> {
    let sql = "SELECT tenant, stage, system, entity, master, version, drop_number, ordinal, code, event, key, number
         FROM parked WHERE number = ANY($1)";
    let found = tx.query(sql, &[&write::signed(numbers)]).await?;
    let found = tx.core().read(&found, parked).await?;
    let mut found: HashMap<u64, Parked> = found.into_iter().map(|parked| (parked.number, parked)).collect();
    Ok(numbers.iter().filter_map(|number| found.remove(number)).collect())
}

fn parked(words: &Words, row: &Row) -> Result<Parked, Failure> {
    let journal = JournalEntry {
        at: Timestamp::UNIX_EPOCH,
        kind: JournalKind::Retried,
        system: words.text(get(row, 2)?)?,
        entity: words.entity(get(row, 3)?)?,
        key: None,
        master_id: get::<Option<i64>>(row, 4)?.map(|key| MasterKey(key).id()),
        version: rows::optional_number(row, 5)?,
        position: rows::position(row, 6)?,
        line: None,
        detail: Some(told(row, 8)?),
    };
    Ok(Parked {
        number: rows::number(row, 11)?,
        tenant: get(row, 0)?,
        stage: ParkedStage::from_column(get(row, 1)?)?,
        system: get(row, 2)?,
        key: told(row, 10)?,
        journal,
        event: get(row, 9)?,
    })
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
        if self.stage != ParkedStage::Delivery {
            return None;
        }
        let system = Some(self.journal.system.clone());
        let version = self.journal.version.unwrap_or_default();
        self.journal.master_id.map(|master_id| OutboxWrite { master_id, version, system })
    }

    fn account(&self, way: Way, outcomes: &mut BTreeMap<u64, Outcomes>) {
        let Some(position) = self.journal.position.filter(|_| self.stage == ParkedStage::Observed) else { return };
        let difference = outcomes.entry(position.drop).or_default();
        difference.add(RecordOutcome::Parked, -1);
        if way == Way::Discarded {
            difference.add(RecordOutcome::Rejected, 1);
        } else {
            difference.in_flight += 1;
        }
    }
}
