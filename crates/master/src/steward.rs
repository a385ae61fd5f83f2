//! What stewards decide about single units: an override wins over everything.

mod error;
mod home;

use canonical::document::Document;
use canonical::document::shape::Shape;
use canonical::entity::Entity;
use canonical::identifier::{self, Scheme};
use canonical::{rules, schema};
use jiff::Timestamp;
use serde_json::{Map, Value};

pub use error::OverrideError;
use home::{Home, Place};

use crate::asserted::{Asserted, Claim};
use crate::normal::{is_empty, normal};
use crate::walk::{NAME_FIELDS, selector_of};

/// The system whose records are stewards' overrides. No other system may have this name.
pub const STEWARD: &str = "steward";

/// The most units that stewards may override of one master.
pub const OVERRIDE_UNITS_MAX: usize = 256;

/// The largest document of overrides, in bytes of its JSON.
pub const OVERRIDE_BYTES_MAX: usize = 64 << 10;

/// What stewards decided about the units of one master: each has a value, or is empty.
///
/// It is kept like a record of the system [`STEWARD`] whose key is the master's id: document and claims, and nothing more.
/// [`golden`](crate::golden) takes an overridden unit whole, before all rules; taking the override of a unit back gives what
/// was there, because golden depends on sources, rules and overrides alone.
/// An override is no source: a master whose sources are gone is removed, whatever a steward said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    document: Value,
    asserted: Asserted,
}

impl Override {
    /// Overrides nothing. `at` is when the first steward decides something.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self { document: Value::Object(Map::new()), asserted: Asserted::own(at) }
    }

    /// What was kept of an override.
    #[must_use]
    pub fn of(document: Value, asserted: Asserted) -> Self {
        Self { document, asserted }
    }

    /// The overridden values, as a document in normal form; units that are said to be empty are not in it.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Which units are overridden, and since when.
    #[must_use]
    pub fn asserted(&self) -> &Asserted {
        &self.asserted
    }

    /// The overridden units, in the order of their names.
    pub fn units(&self) -> impl Iterator<Item = &str> {
        self.asserted.overridden()
    }

    /// Whether nothing is overridden any more, so that it need not be kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.units().next().is_none()
    }

    /// Decides what a unit says, whatever the sources say. `null`, or any value that says nothing, decides that it is
    /// empty.
    ///
    /// `unit` is a unit as [`units`](crate::units) names it: `legal_name`, `name`, `addresses.main`, `identifiers.siren`.
    /// The value is what the document has there: text for a single field, an object for a group, an object (or a list of
    /// them) without its selector for items; where an item has a `value`, that text alone will do.
    ///
    /// # Errors
    /// When there is no such unit, or the value is none that the entity's schema and rules take without any finding:
    /// what wins over everything must be right. Nothing is changed then.
    pub fn set(&mut self, entity: &Entity, unit: &str, value: Value, at: Timestamp) -> Result<(), OverrideError> {
        let home = Home::of(entity, unit)?;
        let says_nothing = is_empty(&value);
        let mut document = self.document.clone();
        home.take(&mut document);
        if !says_nothing {
            let alone = checked(entity, unit, &home, value)?;
            merge(&mut document, alone);
        }
        normal(entity, &mut document);
        let is_new = !self.units().any(|known| known == unit);
        if is_new && self.units().count() >= OVERRIDE_UNITS_MAX {
            return Err(OverrideError::TooMany { unit: unit.to_owned() });
        }
        if document.to_string().len() > OVERRIDE_BYTES_MAX {
            return Err(OverrideError::TooLarge { unit: unit.to_owned() });
        }
        let at = at.as_millisecond();
        self.asserted.put_override(unit, Some(if says_nothing { Claim::Cleared(at) } else { Claim::Own(at) }));
        self.document = document;
        Ok(())
    }

    /// Takes the decision about a unit back, so that the sources decide again.
    ///
    /// # Errors
    /// When there is no such unit, or nothing was decided about it. Nothing is changed then.
    pub fn unset(&mut self, entity: &Entity, unit: &str) -> Result<(), OverrideError> {
        if !self.units().any(|known| known == unit) {
            Home::of(entity, unit)?;
            let overridden = self.units().map(str::to_owned).collect();
            return Err(OverrideError::NotOverridden { unit: unit.to_owned(), overridden });
        }
        // A unit of a former version of the documents can be taken back as well: its value is nowhere any more.
        if let Ok(home) = Home::of(entity, unit) {
            home.take(&mut self.document);
            normal(entity, &mut self.document);
        }
        self.asserted.put_override(unit, None);
        Ok(())
    }
}

/// A document that has nothing but this unit, with everything in it made sure of.
fn checked(entity: &Entity, unit: &str, home: &Home<'_>, value: Value) -> Result<Value, OverrideError> {
    let value = shaped(unit, home, value)?;
    home.require_known(unit, &value)?;
    let mut alone = Value::Object(Map::new());
    home.put(&mut alone, value);
    let refuse = |findings: Vec<rules::Finding>| {
        if findings.is_empty() { Ok(()) } else { Err(OverrideError::Wrong { unit: unit.to_owned(), findings }) }
    };
    refuse(schema::validate(entity, &alone))?;
    let Ok(document) = Document::from_json(entity, alone) else {
        return Err(OverrideError::Wrong { unit: unit.to_owned(), findings: Vec::new() });
    };
    // What is missing beside this unit is no fault of it.
    let own = home.fields();
    let is_own = |finding: &rules::Finding| own.iter().any(|field| is_at(&finding.path, field));
    refuse(rules::findings(&document).into_iter().filter(is_own).collect())?;
    let mut alone = document.to_json();
    normal(entity, &mut alone);
    if is_empty(&alone) {
        return Err(OverrideError::Nothing { unit: unit.to_owned() });
    }
    Ok(alone)
}

fn is_at(path: &str, field: &str) -> bool {
    path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The value in the form that the document has it: items with their selectors, identifiers in their normal form.
fn shaped(unit: &str, home: &Home<'_>, value: Value) -> Result<Value, OverrideError> {
    let misshapen = |wanted| Err(OverrideError::Shape { unit: unit.to_owned(), wanted });
    match (&home.place, value) {
        (Place::Items { selector, wanted, fields, .. }, value) => {
            let items = match value {
                Value::Array(items) => items,
                Value::String(text) if fields.iter().any(|field| field.name == "value") => {
                    vec![Value::Object([("value".to_owned(), Value::String(text))].into_iter().collect())]
                }
                value => vec![value],
            };
            let mut made = Vec::with_capacity(items.len());
            for item in items {
                let Value::Object(mut item) = item else { return misshapen("an object, or a list of objects") };
                let said = item.get(*selector).and_then(Value::as_str);
                if said.is_some_and(|said| said != *wanted) {
                    return misshapen("items of this selector and no other");
                }
                item.insert((*selector).to_owned(), Value::from(*wanted));
                normalise_identifier(wanted, selector, &mut item);
                made.push(Value::Object(item));
            }
            Ok(Value::Array(made))
        }
        (Place::Name, value @ Value::Object(_)) => Ok(value),
        (Place::Name, _) => misshapen("an object of given_name and family_name"),
        (Place::Field { field }, value) => match (field.shape, &value) {
            (Shape::Group(_) | Shape::Money, Value::Object(_)) => Ok(value),
            (Shape::Group(_) | Shape::Money, _) => misshapen("an object"),
            _ => Ok(value),
        },
        (Place::Member { .. }, value) => Ok(value),
    }
}

/// People copy numbers with blanks in them.
fn normalise_identifier(scheme: &str, selector: &str, item: &mut Map<String, Value>) {
    let Some(scheme) = Scheme::from_text(scheme).filter(|_| selector == "scheme") else { return };
    let Some(Value::String(value)) = item.get_mut("value") else { return };
    let normal = identifier::check(scheme, value).ok().map(std::borrow::Cow::into_owned);
    if let Some(normal) = normal {
        *value = normal;
    }
}

/// Adds what one document has to another, which has nothing at these places.
fn merge(document: &mut Value, addition: Value) {
    match (document, addition) {
        (Value::Object(members), Value::Object(additions)) => {
            for (name, addition) in additions {
                match members.get_mut(&name) {
                    Some(member) => merge(member, addition),
                    None => drop(members.insert(name, addition)),
                }
            }
        }
        (Value::Array(items), Value::Array(additions)) => items.extend(additions),
        (document, addition) => *document = addition,
    }
}

impl Home<'_> {
    /// Puts a value into a document that has nothing there.
    fn put(&self, document: &mut Value, value: Value) {
        let mut value = match (&self.place, value) {
            (Place::Field { field }, value) => member(field.name, value),
            (Place::Items { list, .. }, value) => member(list, value),
            (Place::Member { name }, value) => member(name, value),
            (Place::Name, value) => value,
        };
        for group in self.groups.iter().rev() {
            value = member(group, value);
        }
        merge(document, value);
    }

    /// Takes the unit out of a document.
    fn take(&self, document: &mut Value) {
        let mut members = document.as_object_mut();
        for group in &self.groups {
            members = members.and_then(|members| members.get_mut(*group)?.as_object_mut());
        }
        let Some(members) = members else { return };
        match &self.place {
            Place::Field { field } => drop(members.shift_remove(field.name)),
            Place::Member { name } => drop(members.shift_remove(*name)),
            Place::Name => NAME_FIELDS.iter().for_each(|name| drop(members.shift_remove(*name))),
            Place::Items { list, selector, wanted, .. } => {
                if let Some(Value::Array(items)) = members.get_mut(*list) {
                    items.retain(|item| selector_of(item, selector) != *wanted);
                }
            }
        }
    }
}

fn member(name: &str, value: Value) -> Value {
    Value::Object([(name.to_owned(), value)].into_iter().collect())
}

#[cfg(test)]
mod tests;
