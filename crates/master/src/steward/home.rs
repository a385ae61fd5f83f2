//! Where a unit stands in a document.

use canonical::document::lists;
use canonical::document::shape::{Field, Shape};
use canonical::entity::Entity;
use serde_json::Value;

use super::OverrideError;
use crate::normal::MONEY;
use crate::walk::{NAME_FIELDS, NAME_UNIT, Part, is_loose};

/// Where a unit stands in a document of an entity.
#[derive(Debug)]
pub(super) struct Home<'u> {
    /// The groups that lead to it.
    pub(super) groups: Vec<&'static str>,
    /// What it is there.
    pub(super) place: Place<'u>,
}

/// What a unit is in the group that it stands in.
#[derive(Debug)]
pub(super) enum Place<'u> {
    /// A field.
    Field {
        /// The field.
        field: &'static Field,
    },
    /// A person's given and family name.
    Name,
    /// The items of a list that have this selector.
    Items {
        /// The list.
        list: &'static str,
        /// The field that tells its items apart.
        selector: &'static str,
        /// What that field says.
        wanted: &'u str,
        /// The fields of an item.
        fields: &'static [Field],
    },
    /// A member of a group without known fields.
    Member {
        /// Its name.
        name: &'u str,
    },
}

impl<'u> Home<'u> {
    /// The place of a unit.
    ///
    /// # Errors
    /// When the entity has no such place, or it is less or more than one unit.
    pub(super) fn of(entity: &Entity, unit: &'u str) -> Result<Self, OverrideError> {
        let mut home = Home { groups: Vec::new(), place: Place::Name };
        if unit == NAME_UNIT && *entity == Entity::Customer {
            return Ok(home);
        }
        let mut segments = unit.split('.');
        let mut loose = false;
        let Shape::Group(mut fields) = lists::shape(entity) else {
            home.place = Place::Member { name: single(unit, segments.next().unwrap_or_default())? };
            return Ok(home);
        };
        loop {
            let Some(name) = segments.next().filter(|name| !name.is_empty()) else {
                let example = fields.first().map_or_else(String::new, |field| field.name.to_owned());
                return Err(OverrideError::Several { path: unit.to_owned(), example });
            };
            if home.groups.is_empty() && NAME_FIELDS.contains(&name) && *entity == Entity::Customer {
                return Err(OverrideError::Part { path: unit.to_owned(), unit: NAME_UNIT.to_owned() });
            }
            let Some(field) = fields.iter().find(|field| field.name == name) else {
                let known = fields.iter().map(|field| field.name).collect();
                return Err(OverrideError::Unknown { path: unit.to_owned(), name: name.to_owned(), known });
            };
            match Part::of(field, loose) {
                Part::Open(inner) => {
                    home.groups.push(field.name);
                    (fields, loose) = (inner, is_loose(field));
                }
                Part::Leaf | Part::Group(_) => {
                    home.place = Place::Field { field };
                    break;
                }
                Part::Members => {
                    home.groups.push(field.name);
                    home.place = Place::Member { name: segments.next().map_or_else(|| several(unit, "NAME"), Ok)? };
                    break;
                }
                Part::Items { selector, fields, .. } => {
                    let wanted = segments.next().map_or_else(|| several(unit, example(selector)), Ok)?;
                    if fields.iter().any(|field| field.name == wanted) {
                        let list: Vec<&str> = home.groups.iter().copied().chain([field.name]).collect();
                        return several(&list.join("."), example(selector));
                    }
                    home.place = Place::Items { list: field.name, selector, wanted, fields };
                    break;
                }
            }
        }
        match segments.next() {
            None => Ok(home),
            Some(part) => {
                let end = unit.len() - part.len() - segments.map(|rest| rest.len() + 1).sum::<usize>() - 1;
                Err(OverrideError::Part { path: unit.to_owned(), unit: unit[..end].to_owned() })
            }
        }
    }

    /// The paths of the fields that hold the unit, without selectors.
    pub(super) fn fields(&self) -> Vec<String> {
        let names = match &self.place {
            Place::Field { field } => vec![field.name],
            Place::Name => NAME_FIELDS.to_vec(),
            Place::Items { list, .. } => vec![*list],
            Place::Member { name } => vec![*name],
        };
        let path = |name| self.groups.iter().copied().chain([name]).collect::<Vec<_>>().join(".");
        names.into_iter().map(path).collect()
    }

    /// Makes sure that a value has no field that the unit does not have: it would be kept aside, and never win.
    ///
    /// # Errors
    /// The first field that there is not.
    pub(super) fn require_known(&self, unit: &str, value: &Value) -> Result<(), OverrideError> {
        match &self.place {
            Place::Field { field } => known(unit, field.shape, value),
            Place::Items { fields, .. } => {
                let items = value.as_array().into_iter().flatten();
                items.into_iter().try_for_each(|item| known_fields(unit, fields, item))
            }
            Place::Name => match value.as_object().and_then(|members| members.keys().find(|name| !is_half(name))) {
                Some(name) => unknown_field(unit, name, NAME_FIELDS.to_vec()),
                None => Ok(()),
            },
            Place::Member { .. } => Ok(()),
        }
    }
}

fn is_half(name: &str) -> bool {
    NAME_FIELDS.contains(&name)
}

/// The unit of a declared entity: one of its members.
fn single<'u>(unit: &str, first: &'u str) -> Result<&'u str, OverrideError> {
    match first {
        _ if first.len() < unit.len() => Err(OverrideError::Part { path: unit.to_owned(), unit: first.to_owned() }),
        "" => several(unit, "NAME"),
        first => Ok(first),
    }
}

fn several<T>(path: &str, example: &str) -> Result<T, OverrideError> {
    Err(OverrideError::Several { path: path.to_owned(), example: example.to_owned() })
}

/// What items of a list may be called.
fn example(selector: &str) -> &'static str {
    match selector {
        "scheme" => "siren",
        _ => "main",
    }
}

fn known(unit: &str, shape: Shape, value: &Value) -> Result<(), OverrideError> {
    match (shape, value) {
        (Shape::Group(fields), value) => known_fields(unit, fields, value),
        (Shape::Money, value) => known_fields(unit, MONEY, value),
        (Shape::List { item, .. }, Value::Array(items)) => items.iter().try_for_each(|value| known(unit, *item, value)),
        _ => Ok(()),
    }
}

fn known_fields(unit: &str, fields: &[Field], value: &Value) -> Result<(), OverrideError> {
    for (name, value) in value.as_object().into_iter().flatten() {
        match fields.iter().find(|field| field.name == name) {
            Some(field) => known(unit, field.shape, value)?,
            None => return unknown_field(unit, name, fields.iter().map(|field| field.name).collect()),
        }
    }
    Ok(())
}

fn unknown_field(unit: &str, name: &str, known: Vec<&'static str>) -> Result<(), OverrideError> {
    Err(OverrideError::UnknownField { unit: unit.to_owned(), name: name.to_owned(), known })
}
