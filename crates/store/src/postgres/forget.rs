//! Forgetting what was last published of a record, so that the same content is taken again.

use std::collections::BTreeSet;

use canonical::envelope::{self, Event, Limits};

use super::drops::stream_id;
use super::failure::Failure;
use super::rows::{get, told};
use super::text::kept;
use super::transaction::Transaction;
use crate::value::Coded;
use crate::{DropEnd, DropNumber, Export, StreamKey};

/// The hash of nothing that could be published. The record's row stays: the record is known, and a full export that
/// does not show it any more says that it is gone.
pub(super) const NO_CONTENT: [u8; 16] = [0; 16];

/// Forgets what the record of an observation last showed, because that observation was given up.
///
/// A document that came embedded is published with the record around it, so that one is forgotten.
/// A full export that equals the last one is read again as well: the record stands in it. A repeated delta stays a
/// duplicate, because other records of it may have newer states by now.
pub(super) async fn forget_published(tx: &Transaction, event: &[u8]) -> Result<(), Failure> {
    let limits = Limits { bytes_max: usize::MAX, events_max: 1 };
    // What no hub published was not collected either.
    let Ok(event) = envelope::decode(event, limits) else { return Ok(()) };
    let Some((stream, drop, ordinal)) = place(tx, &event).await? else { return Ok(()) };
    let keys = match event.record_key {
        Some(key) if !event.derived => BTreeSet::from([key]),
        _ => keys_at(tx, drop, ordinal).await?,
    };
    let keys: Vec<_> = keys.iter().map(|key| kept(key)).collect();
    let sql = "UPDATE known_records SET hash = $3 WHERE stream = $1 AND key = ANY($2)";
    tx.execute(sql, &[&stream, &keys, &NO_CONTENT.as_slice()]).await?;
    let sql = "UPDATE drops SET fingerprint = NULL WHERE stream = $1 AND ending = $2 AND number >= $3 AND export = $4";
    tx.execute(sql, &[&stream, &DropEnd::Accepted.code(), &drop.cast_signed(), &Export::Full.code()]).await?;
    Ok(())
}

/// The stream, drop and ordinal of an observation.
async fn place(tx: &Transaction, event: &Event) -> Result<Option<(i64, DropNumber, u64)>, Failure> {
    let (Some(stream), Some(drop), Some(place)) = (&event.stream, event.drop, &event.place) else { return Ok(None) };
    let key = StreamKey { tenant: event.tenant.clone(), system: event.system.clone(), stream: stream.clone() };
    Ok(stream_id(tx.core(), tx, &key).await?.map(|stream| (stream, drop, place.ordinal)))
}

/// The keys of everything that was shown at one place of a drop and was resolved, waits or is parked.
async fn keys_at(tx: &Transaction, drop: DropNumber, ordinal: u64) -> Result<BTreeSet<String>, Failure> {
    let mut keys = BTreeSet::new();
    let (drop, ordinal) = (drop.cast_signed(), ordinal.cast_signed());
    let sql = "SELECT DISTINCT key FROM journal WHERE drop_number = $1 AND ordinal = $2 AND key IS NOT NULL";
    for row in &tx.query(sql, &[&drop, &ordinal]).await? {
        keys.insert(told(row, 0)?);
    }
    // A record that is parked itself has no entry in the journal yet.
    let sql = "SELECT event FROM parked WHERE drop_number = $1 AND ordinal = $2";
    let limits = Limits { bytes_max: usize::MAX, events_max: 1 };
    for row in &tx.query(sql, &[&drop, &ordinal]).await? {
        let event = envelope::decode(get(row, 0)?, limits).ok();
        keys.extend(event.and_then(|event| event.record_key));
    }
    Ok(keys)
}
