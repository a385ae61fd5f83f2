//! Masters: reading them by id, with what belongs to them, and writing them.

use canonical::entity::Operation;
use master::MasterId;
use rusqlite::{OptionalExtension, params};

use super::dictionary::Session;
use super::failure::Failure;
use super::rows;
use super::value::{Coded, MasterKey};
use crate::{CrosswalkRow, MasterRow, SourceRow};

/// These masters, in order.
pub(super) fn read(session: &Session<'_>, tenant: i64, ids: &[MasterId]) -> Result<Vec<Option<MasterRow>>, Failure> {
    let mut select = session.prepare(&format!(
        "SELECT {} FROM masters m JOIN search_texts t ON t.master = m.master WHERE m.master = ?1",
        rows::MASTER
    ))?;
    ids.iter()
        .map(|id| {
            let Some(key) = MasterKey::pack(tenant, *id) else { return Ok(None) };
            let mut found = select.query([key.0])?;
            found.next()?.map(|row| rows::master(session, row)).transpose()
        })
        .collect()
}

/// The sources of these masters, in order of master, then of stream, system and key.
pub(super) fn sources_of(session: &Session<'_>, tenant: i64, ids: &[MasterId]) -> Result<Vec<Vec<SourceRow>>, Failure> {
    let mut select = session.prepare(&format!("SELECT {} FROM sources WHERE master = ?1", rows::SOURCE))?;
    ids.iter()
        .map(|id| {
            let mut sources = Vec::new();
            let Some(key) = MasterKey::pack(tenant, *id) else { return Ok(sources) };
            let mut found = select.query([key.0])?;
            while let Some(row) = found.next()? {
                sources.push(rows::source(session, row)?);
            }
            sources.sort_by(|a, b| (&a.stream, &a.local).cmp(&(&b.stream, &b.local)));
            Ok(sources)
        })
        .collect()
}

/// What the crosswalk says of these masters, in order of master, then of system and key.
pub(super) fn crosswalk_of(
    session: &Session<'_>,
    tenant: i64,
    ids: &[MasterId],
) -> Result<Vec<Vec<CrosswalkRow>>, Failure> {
    let mut select = session.prepare(&format!("SELECT {} FROM crosswalk WHERE master = ?1", rows::CROSSWALK))?;
    ids.iter()
        .map(|id| {
            let mut crosswalk = Vec::new();
            let Some(key) = MasterKey::pack(tenant, *id) else { return Ok(crosswalk) };
            let mut found = select.query([key.0])?;
            while let Some(row) = found.next()? {
                crosswalk.push(rows::crosswalk(session, row)?);
            }
            crosswalk.sort_by(|a, b| a.local.cmp(&b.local));
            Ok(crosswalk)
        })
        .collect()
}

/// Writes masters, new or replaced, and keeps count of those that are there.
pub(super) fn write(session: &Session<'_>, tenant: i64, masters: &[MasterRow]) -> Result<(), Failure> {
    let mut state = session.prepare("SELECT state FROM masters WHERE master = ?1")?;
    let mut write = session.prepare(
        "INSERT INTO masters (master, entity, version, state, redirect, root, document) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (master) DO UPDATE SET
             entity = excluded.entity, version = excluded.version, state = excluded.state,
             redirect = excluded.redirect, root = excluded.root, document = excluded.document",
    )?;
    // Most changes leave the names as they are.
    let mut search = session.prepare(
        "INSERT INTO search_texts (master, entity, text) VALUES (?1, ?2, ?3)
         ON CONFLICT (master) DO UPDATE SET entity = excluded.entity, text = excluded.text
             WHERE text <> excluded.text OR entity <> excluded.entity",
    )?;
    let mut tallies: Vec<(i64, i64)> = Vec::new();
    for master in masters {
        let key = MasterKey::to_write(tenant, master.master_id)?.0;
        let entity = session.intern_entity(&master.entity)?;
        let was: Option<i64> = state.query_row([key], |row| row.get(0)).optional()?;
        let before = i64::from(was == Some(Operation::Upsert.code()));
        let after = i64::from(master.state == Operation::Upsert);
        tally(&mut tallies, entity, after - before);
        let redirect = master.redirect.map(|id| id.0.cast_signed());
        let (version, root) = (master.version.cast_signed(), master.root.0.cast_signed());
        write.execute(params![key, entity, version, master.state.code(), redirect, root, master.document])?;
        search.execute(params![key, entity, master.search])?;
    }
    let mut count = session.prepare(
        "INSERT INTO tallies (tenant, entity, count) VALUES (?1, ?2, ?3)
         ON CONFLICT (tenant, entity) DO UPDATE SET count = count + excluded.count",
    )?;
    for (entity, difference) in tallies {
        count.execute([tenant, entity, difference])?;
    }
    Ok(())
}

/// Adds to the difference of one entity; a batch has few.
fn tally(tallies: &mut Vec<(i64, i64)>, entity: i64, difference: i64) {
    if difference == 0 {
        return;
    }
    match tallies.iter_mut().find(|(known, _)| *known == entity) {
        Some((_, count)) => *count += difference,
        None => tallies.push((entity, difference)),
    }
}
