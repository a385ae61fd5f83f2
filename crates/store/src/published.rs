//! What was published of a drop, as both engines keep it.

use canonical::entity::Entity;
use roaring::RoaringTreemap;

use crate::{AbsentRecord, PublishedOfDrop, StoreError};

fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Internal(format!("what a drop has published: {error}"))
}

/// Reads the positions of one step.
pub(crate) fn read_ordinals(bytes: &[u8]) -> Result<RoaringTreemap, StoreError> {
    if bytes.is_empty() {
        return Ok(RoaringTreemap::new());
    }
    RoaringTreemap::deserialize_from(bytes).map_err(damaged)
}

/// Removals as JSON; `None` when there are none.
pub(crate) fn write_removals(removals: &[AbsentRecord]) -> Result<Option<String>, StoreError> {
    if removals.is_empty() {
        return Ok(None);
    }
    let rows: Vec<_> = removals.iter().map(|removal| (removal.row, &removal.key, removal.partition)).collect();
    serde_json::to_string(&rows).map(Some).map_err(damaged)
}

/// Reads what [`write_removals`] wrote.
pub(crate) fn read_removals(text: Option<&str>) -> Result<Vec<AbsentRecord>, StoreError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let rows: Vec<(u32, String, u32)> = serde_json::from_str(text).map_err(damaged)?;
    Ok(rows.into_iter().map(|(row, key, partition)| AbsentRecord { row, key, partition }).collect())
}

/// Everything of a drop together.
pub(crate) fn of_drop(
    ordinals: &RoaringTreemap,
    mut removals: Vec<AbsentRecord>,
) -> Result<PublishedOfDrop, StoreError> {
    removals.sort_by_key(|removal| removal.row);
    let mut bytes = Vec::new();
    if !ordinals.is_empty() {
        bytes.reserve(ordinals.serialized_size());
        ordinals.serialize_into(&mut bytes).map_err(damaged)?;
    }
    Ok(PublishedOfDrop { ordinals: bytes, removals })
}

/// The line in which observations of a record are parked.
pub(crate) fn line(entity: &Entity, key: &str) -> String {
    format!("{entity}/{key}")
}
