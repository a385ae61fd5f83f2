//! Forgetting what was last published of a record, so that the same content is taken again.

use std::collections::BTreeSet;

use canonical::envelope::{self, Event, Limits};
use rusqlite::params;

use super::dictionary::Session;
use super::drops::stream_id;
use super::failure::Failure;
use super::value::Coded;
use crate::{DropEnd, DropNumber, Export, StreamKey};

/// The hash of nothing that could be published. The record's row stays: the record is known, and a full export that
/// does not show it any more says that it is gone.
pub(super) const NO_CONTENT: [u8; 16] = [0; 16];

/// Forgets what the record of an observation last showed, because that observation was given up.
///
/// A document that came embedded is published with the record around it, so that one is forgotten.
/// A full export that equals the last one is read again as well: the record stands in it. A repeated delta stays a
/// duplicate, because other records of it may have newer states by now.
pub(super) fn forget_published(session: &Session<'_>, event: &[u8]) -> Result<(), Failure> {
    let limits = Limits { bytes_max: usize::MAX, events_max: 1 };
    // What no hub published was not collected either.
    let Ok(event) = envelope::decode(event, limits) else { return Ok(()) };
    let Some((stream, drop, ordinal)) = place(session, &event)? else { return Ok(()) };
    let keys = match event.record_key {
        Some(key) if !event.derived => BTreeSet::from([key]),
        _ => keys_at(session, drop, ordinal)?,
    };
    let mut update = session.prepare("UPDATE known_records SET hash = ?3 WHERE stream = ?1 AND key = ?2")?;
    for key in keys {
        update.execute(params![stream, key, NO_CONTENT])?;
    }
    session
        .prepare(
            "UPDATE drops SET fingerprint = NULL WHERE stream = ?1 AND ending = ?2 AND number >= ?3 AND export = ?4",
        )?
        .execute([stream, DropEnd::Accepted.code(), drop.cast_signed(), Export::Full.code()])?;
    Ok(())
}

/// The stream, drop and ordinal of an observation.
fn place(session: &Session<'_>, event: &Event) -> Result<Option<(i64, DropNumber, u64)>, Failure> {
    let (Some(stream), Some(drop), Some(place)) = (&event.stream, event.drop, &event.place) else { return Ok(None) };
    let key = StreamKey { tenant: event.tenant.clone(), system: event.system.clone(), stream: stream.clone() };
    Ok(stream_id(session, &key)?.map(|stream| (stream, drop, place.ordinal)))
}

/// The keys of everything that was shown at one place of a drop and was resolved, waits or is parked.
fn keys_at(session: &Session<'_>, drop: DropNumber, ordinal: u64) -> Result<BTreeSet<String>, Failure> {
    let mut keys = BTreeSet::new();
    let at = [drop.cast_signed(), ordinal.cast_signed()];
    let mut select = session
        .prepare("SELECT DISTINCT key FROM journal WHERE drop_number = ?1 AND ordinal = ?2 AND key IS NOT NULL")?;
    let mut found = select.query(at)?;
    while let Some(row) = found.next()? {
        keys.insert(row.get(0)?);
    }
    // A record that is parked itself has no entry in the journal yet.
    let mut select = session.prepare("SELECT event FROM parked WHERE drop_number = ?1 AND ordinal = ?2")?;
    let mut found = select.query(at)?;
    let limits = Limits { bytes_max: usize::MAX, events_max: 1 };
    while let Some(row) = found.next()? {
        let event = envelope::decode(row.get_ref(0)?.as_blob()?, limits).ok();
        keys.extend(event.and_then(|event| event.record_key));
    }
    Ok(keys)
}
