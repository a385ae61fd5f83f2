//! Lines of parked deliveries: everything of one root master before one system, oldest first.
//!
//! The first of a line has a reason of its own. It is for a person to deal with, or it needs a key that a system does
//! not have yet; then it goes by itself as soon as that key is known, and what only stands behind it follows.
//! Whatever leads to that key is let past the line, or nobody would ever come to know it.
//!
//! Whoever adds to the lines of a system, or takes from them, holds the lock of that system's lines; whoever makes keys of
//! it known holds it together with others. So a need and what meets it never pass each other unseen.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use master::MasterId;

use super::failure::Failure;
use super::locks::{self, TAKE};
use super::pool::Link;
use super::rows::{get, told};
use super::text::kept;
use super::transaction::Transaction;
use super::unpark::{self, Way};
use crate::line::{Standing, Why, free_to_go};
use crate::value::{Coded, MasterKey};
use crate::{CrosswalkRow, NewParked, ParkedStage};

/// The system of a line, as a word, and its key.
pub(super) type Line = (i64, String);

/// The names that parked messages carry.
pub(super) fn words_of(parked: &[NewParked]) -> impl Iterator<Item = &str> {
    let needs = parked.iter().filter_map(|row| Some(&*row.needs.as_ref()?.system));
    parked.iter().flat_map(|row| [&*row.system, row.entity.name()]).chain(needs)
}

fn lock(tx: &Transaction, tenant: i64, system: i64) -> i64 {
    locks::number(&tx.core().options.schema, tenant, &["lines", &system.to_string()])
}

/// Takes the locks of the lines of some systems.
pub(super) async fn hold(tx: &Transaction, tenant: i64, systems: BTreeSet<i64>) -> Result<(), Failure> {
    if !systems.is_empty() {
        let mut wanted: Vec<i64> = systems.into_iter().map(|system| lock(tx, tenant, system)).collect();
        wanted.sort_unstable();
        tx.execute(TAKE, &[&wanted]).await?;
    }
    Ok(())
}

/// Takes the locks for what is parked before systems, and for what leaves the lines of one.
pub(super) async fn hold_all(
    tx: &Transaction,
    tenant: i64,
    parked: &[NewParked],
    leaves: bool,
    system: i64,
) -> Result<(), Failure> {
    let words = &tx.core().words;
    let mut systems = BTreeSet::new();
    for row in parked.iter().filter(|row| row.stage == ParkedStage::Delivery) {
        systems.insert(words.must(&row.system)?);
        if let Some(needs) = &row.needs {
            systems.insert(words.must(&needs.system)?);
        }
    }
    if leaves {
        systems.insert(system);
    }
    hold(tx, tenant, systems).await
}

/// Whether lines hold masters back, each given by the line's key and itself: a line does, unless everything in it with a
/// reason of its own waits for keys, and one of them for the key of this very master in this very system.
pub(super) async fn holds_back(
    link: &Link,
    tenant: i64,
    system: i64,
    asked: &[(String, MasterId)],
) -> Result<Vec<bool>, Failure> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<&str> = asked.iter().map(|(root, _)| root.as_str()).collect();
    let sql = "SELECT key, reason IS NOT NULL, needs_master, needs_system FROM parked
         WHERE key = ANY($1) AND system = $2 AND stage = $3 AND tenant = $4";
    let found = link.query(sql, &[&keys, &system, &ParkedStage::Delivery.code(), &tenant]).await?;
    let mut lines: BTreeMap<String, Vec<Option<(i64, i64)>>> = BTreeMap::new();
    for row in &found {
        let line = lines.entry(told(row, 0)?).or_default();
        if get::<bool>(row, 1)? {
            line.push(get::<Option<i64>>(row, 2)?.zip(get::<Option<i64>>(row, 3)?));
        }
    }
    let is_held = |(root, id): &(String, MasterId)| {
        let Some(reasons) = lines.get(root) else { return false };
        let master = MasterKey::pack(tenant, *id).map(|key| (key.0, system));
        let is_needed = reasons.iter().any(|needs| needs.is_some() && *needs == master);
        !is_needed || reasons.iter().any(Option::is_none)
    };
    Ok(asked.iter().map(is_held).collect())
}

/// Lets go what these writes of the same transaction allow: what needed a key that is known by now, also when it became
/// known just before the need was written, and what lined up behind something that left just before.
/// Returns whether the outbox has more.
pub(super) async fn release(
    tx: &Transaction,
    tenant: i64,
    crosswalk: &[CrosswalkRow],
    parked: &[NewParked],
) -> Result<bool, Failure> {
    let words = &tx.core().words;
    let mut wanted: BTreeMap<Line, Only> = BTreeMap::new();
    for row in parked.iter().filter(|row| row.stage == ParkedStage::Delivery) {
        let line = (words.must(&row.system)?, row.key.clone());
        match (&row.needs, &row.reason) {
            (Some(_), _) => {
                wanted.insert(line, Only::Always);
            }
            (None, None) => {
                wanted.entry(line).or_insert(Only::WithoutReason);
            }
            (None, Some(_)) => {}
        }
    }
    let lines = needing(tx, tenant, crosswalk).await?;
    hold(tx, tenant, lines.iter().map(|(system, _)| *system).collect()).await?;
    wanted.extend(lines.into_iter().map(|line| (line, Only::Always)));
    settle_all(tx, tenant, &wanted, Timestamp::now()).await
}

/// When a line is settled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Only {
    Always,
    /// When nothing in it has a reason of its own: something left just before.
    WithoutReason,
}

/// The lines in which something needs a key of these rows.
async fn needing(tx: &Transaction, tenant: i64, crosswalk: &[CrosswalkRow]) -> Result<BTreeSet<Line>, Failure> {
    let words = &tx.core().words;
    let (mut masters, mut systems) = (Vec::new(), Vec::new());
    for row in crosswalk.iter().filter(|row| !row.removed) {
        systems.push(words.must(&row.local.system)?);
        masters.push(MasterKey::to_write(tenant, row.master_id)?.0);
    }
    if masters.is_empty() {
        return Ok(BTreeSet::new());
    }
    const SHARE: &str = "SELECT count(pg_advisory_xact_lock_shared(lock)) FROM unnest($1::bigint[]) AS lock";
    // Nearly always nobody needs anything, and a transaction may have thousands of rows.
    const NEEDING: &str = "SELECT DISTINCT p.system, p.key FROM unnest($1::bigint[], $2::bigint[]) AS u(master, system)
         JOIN parked p ON p.needs_master = u.master AND p.needs_system = u.system
         WHERE EXISTS (SELECT 1 FROM parked WHERE needs_master IS NOT NULL)";
    let mut lines: Vec<i64> =
        systems.iter().copied().collect::<BTreeSet<i64>>().into_iter().map(|system| lock(tx, tenant, system)).collect();
    lines.sort_unstable();
    tx.prepare(&[SHARE, NEEDING]).await?;
    let (lines, parameters): ([super::pool::Parameter<'_>; 1], [super::pool::Parameter<'_>; 2]) =
        ([&lines], [&masters, &systems]);
    let (_, found) = futures::try_join!(tx.query(SHARE, &lines), tx.query(NEEDING, &parameters))?;
    found.iter().map(|row| Ok((get(row, 0)?, told(row, 1)?))).collect()
}

/// Settles some lines, whose locks are held; returns whether the outbox has more.
pub(super) async fn settle_all(
    tx: &Transaction,
    tenant: i64,
    lines: &BTreeMap<Line, Only>,
    at: Timestamp,
) -> Result<bool, Failure> {
    if lines.is_empty() {
        return Ok(false);
    }
    let standing = read(tx, tenant, lines).await?;
    let mut numbers = Vec::new();
    for (line, standing) in &standing {
        let has_reason = standing.iter().any(|one| !matches!(one.why, Why::Behind));
        if lines.get(line) == Some(&Only::Always) || !has_reason {
            numbers.extend(free_to_go(standing, line.0));
        }
    }
    if numbers.is_empty() {
        return Ok(false);
    }
    let parked = unpark::read(tx, &numbers).await?;
    unpark::take_away(tx, &parked, Way::Released, at).await?;
    Ok(true)
}

async fn read(
    link: &Link,
    tenant: i64,
    lines: &BTreeMap<Line, Only>,
) -> Result<BTreeMap<Line, Vec<Standing>>, Failure> {
    let keys: Vec<_> = lines.keys().map(|(_, key)| kept(key)).collect();
    let sql = "SELECT system, key, number, master, reason IS NOT NULL, needs_system, needs_master,
                EXISTS (SELECT 1 FROM crosswalk c WHERE c.master = needs_master AND c.system = needs_system AND c.removed = 0)
         FROM parked WHERE key = ANY($1) AND stage = $2 AND tenant = $3 ORDER BY number";
    let found = link.query(sql, &[&keys, &ParkedStage::Delivery.code(), &tenant]).await?;
    let mut standing: BTreeMap<Line, Vec<Standing>> = BTreeMap::new();
    for row in &found {
        let line = (get(row, 0)?, told(row, 1)?);
        if !lines.contains_key(&line) {
            continue;
        }
        let needs = get::<Option<i64>>(row, 5)?.zip(get::<Option<i64>>(row, 6)?);
        let why = match (needs, get(row, 4)?) {
            (Some((system, master)), _) => Why::Needs { system, master, is_known: get(row, 7)? },
            (None, true) => Why::Person,
            (None, false) => Why::Behind,
        };
        let one = Standing { number: get::<i64>(row, 2)?.cast_unsigned(), master: get(row, 3)?, why };
        standing.entry(line).or_default().push(one);
    }
    Ok(standing)
}
