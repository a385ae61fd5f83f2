//! Fields as rules name them: `credit_limit`, `addresses`, `addresses.billing`, `name`.

use std::collections::BTreeMap;

use canonical::entity::Entity;

use crate::path::is_within;
use crate::walk::{NAME_FIELDS, NAME_UNIT, is_path};

/// What is said for the longest field that holds the unit; a part of a unit stands for the whole.
pub(crate) fn holder<'m, T>(fields: &'m BTreeMap<String, T>, unit: &str) -> Option<&'m T> {
    let holding = fields
        .iter()
        .filter(|(field, _)| is_within(unit, field) || is_within(field, unit) || is_half_of_name(unit, field));
    holding.max_by_key(|(field, _)| field.len()).map(|(_, said)| said)
}

/// A person's name wins as a whole, so that a rule for one half is a rule for both.
fn is_half_of_name(unit: &str, field: &str) -> bool {
    unit == NAME_UNIT && NAME_FIELDS.contains(&field)
}

/// The fields that the entity does not have.
pub(crate) fn unknown<'f>(entity: &Entity, fields: impl Iterator<Item = &'f String>) -> Vec<&'f str> {
    fields.map(String::as_str).filter(|field| !is_path(entity, field)).collect()
}
