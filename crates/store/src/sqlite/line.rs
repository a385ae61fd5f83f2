//! Lines of parked deliveries: everything of one root master before one system, oldest first.
//!
//! The first of a line has a reason of its own. It is for a person to deal with, or it needs a key that a system does
//! not have yet; then it goes by itself as soon as that key is known, and what only stands behind it follows.
//! Whatever leads to that key is let past the line, or nobody would ever come to know it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::params;

use super::dictionary::Session;
use super::failure::Failure;
use super::resolution::is_parked;
use super::resolve::OutboxNumbers;
use super::unpark::{Way, take_away};
use super::value::{Coded, MasterKey};
use crate::line::{Standing, Why, free_to_go};
use crate::{CrosswalkRow, NewParked, ParkedStage};

/// The system of a line, as a word, and its key.
pub(super) type Line = (i64, String);

/// Whether a line holds a master back: it does, unless everything in it with a reason of its own waits for keys, and one
/// of them for the key of this very master in this very system.
pub(super) fn holds_back(
    session: &Session<'_>,
    tenant: i64,
    system: &str,
    root: &str,
    master: Option<MasterKey>,
) -> Result<bool, Failure> {
    if !is_parked(session, tenant, ParkedStage::Delivery, system, root)? {
        return Ok(false);
    }
    let Some(system) = session.id(system)? else { return Ok(false) };
    let mut select = session.prepare(
        "SELECT needs_master, needs_system FROM parked
         WHERE key = ?1 AND system = ?2 AND stage = ?3 AND tenant = ?4 AND reason IS NOT NULL",
    )?;
    let mut found = select.query(params![root, system, ParkedStage::Delivery.code(), tenant])?;
    let mut is_needed = false;
    while let Some(row) = found.next()? {
        let Some(needs) = row.get::<_, Option<i64>>(0)? else { return Ok(true) };
        is_needed |= master.is_some_and(|master| master.0 == needs) && row.get::<_, Option<i64>>(1)? == Some(system);
    }
    Ok(!is_needed)
}

/// Lets go what these writes of the same transaction allow: what needed a key that is known by now, also when it became
/// known just before the need was written, and what lined up behind something that left just before.
/// Returns whether the outbox has more.
pub(super) fn release(
    session: &Session<'_>,
    outbox: &mut OutboxNumbers,
    tenant: i64,
    crosswalk: &[CrosswalkRow],
    parked: &[NewParked],
) -> Result<bool, Failure> {
    let mut lines: BTreeSet<Line> = BTreeSet::new();
    for row in parked.iter().filter(|row| row.stage == ParkedStage::Delivery) {
        let line = (session.intern(&row.system)?, row.key.clone());
        if row.needs.is_some() || (row.reason.is_none() && !has_reason(session, tenant, &line)?) {
            lines.insert(line);
        }
    }
    needing(session, tenant, crosswalk, &mut lines)?;
    settle_all(session, outbox, tenant, &lines, Timestamp::now())
}

/// The lines in which something needs a key of these rows.
fn needing(
    session: &Session<'_>,
    tenant: i64,
    crosswalk: &[CrosswalkRow],
    lines: &mut BTreeSet<Line>,
) -> Result<(), Failure> {
    // Nearly always nobody needs anything, and a transaction may have thousands of rows.
    let mut any = session.prepare("SELECT 1 FROM parked WHERE needs_master IS NOT NULL LIMIT 1")?;
    if crosswalk.is_empty() || !any.exists([])? {
        return Ok(());
    }
    let mut select = session.prepare("SELECT system, key FROM parked WHERE needs_master = ?1 AND needs_system = ?2")?;
    for row in crosswalk.iter().filter(|row| !row.removed) {
        let Some(system) = session.id(&row.local.system)? else { continue };
        let master = MasterKey::to_write(tenant, row.master_id)?;
        let found = select.query_map([master.0, system], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for line in found {
            lines.insert(line?);
        }
    }
    Ok(())
}

/// Settles some lines; returns whether the outbox has more.
pub(super) fn settle_all(
    session: &Session<'_>,
    outbox: &mut OutboxNumbers,
    tenant: i64,
    lines: &BTreeSet<Line>,
    at: Timestamp,
) -> Result<bool, Failure> {
    let mut has_more = false;
    for line in lines {
        let numbers = free_to_go(&read(session, tenant, line)?, line.0);
        for number in &numbers {
            take_away(session, outbox, *number, Way::Released, at)?;
        }
        has_more |= !numbers.is_empty();
    }
    Ok(has_more)
}

fn has_reason(session: &Session<'_>, tenant: i64, (system, key): &Line) -> Result<bool, Failure> {
    let mut select = session.prepare(
        "SELECT 1 FROM parked WHERE key = ?1 AND system = ?2 AND stage = ?3 AND tenant = ?4 AND reason IS NOT NULL
         LIMIT 1",
    )?;
    Ok(select.exists(params![key, system, ParkedStage::Delivery.code(), tenant])?)
}

fn read(session: &Session<'_>, tenant: i64, (system, key): &Line) -> Result<Vec<Standing>, Failure> {
    let mut select = session.prepare(
        "SELECT number, master, reason IS NOT NULL, needs_system, needs_master,
                EXISTS (SELECT 1 FROM crosswalk c WHERE c.master = needs_master AND c.system = needs_system AND c.removed = 0)
         FROM parked WHERE key = ?1 AND system = ?2 AND stage = ?3 AND tenant = ?4 ORDER BY number",
    )?;
    let mut found = select.query(params![key, system, ParkedStage::Delivery.code(), tenant])?;
    let mut line = Vec::new();
    while let Some(row) = found.next()? {
        let needs = row.get::<_, Option<i64>>(3)?.zip(row.get::<_, Option<i64>>(4)?);
        let why = match (needs, row.get(2)?) {
            (Some((system, master)), _) => Why::Needs { system, master, is_known: row.get(5)? },
            (None, true) => Why::Person,
            (None, false) => Why::Behind,
        };
        line.push(Standing { number: row.get::<_, i64>(0)?.cast_unsigned(), master: row.get(1)?, why });
    }
    Ok(line)
}
