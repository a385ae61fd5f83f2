//! The normal form of documents, so that equal meaning is equal text, and the comparison by meaning.

use canonical::document::lists;
use canonical::document::shape::{Field, Shape};
use canonical::entity::Entity;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::walk::selector_of;

/// What an amount of money is made of, in the order in which it is written.
pub(crate) const MONEY: &[Field] =
    &[Field { name: "amount", shape: Shape::Decimal }, Field { name: "currency", shape: Shape::Letters(3) }];

/// Gives a document its normal form.
///
/// - Fields are in the order of the entity's type, members of `extensions` in the order of their names.
/// - What says nothing is left out: null, empty text, empty groups, empty lists. Zero and false say something.
/// - Items of a list with a selector are in the order of their selectors; items with the same one keep their order.
///   Lists without selector, and everything inside of them, keep their order: there it has a meaning.
/// - An item that has nothing but its selector is left out, too.
/// - The inside of an extension, or of a member of a declared entity, is kept as it is, but for the order of its members.
///
/// Applying it twice changes nothing more. A member that the entity does not have is kept, behind all fields;
/// [`crate::golden`] of several sources passes over it, so keep unknown members as [`canonical::Document::from_json`] does.
pub fn normal(entity: &Entity, document: &mut Value) {
    match lists::shape(entity) {
        Shape::Any => settle_members(document),
        shape => settle(shape, document, true),
    }
}

/// Whether two documents of an entity mean the same: decimals are compared as numbers (`5000` is `5000.00`),
/// and what says nothing counts as missing. Both are in normal form.
#[must_use]
pub fn same(entity: &Entity, one: &Value, other: &Value) -> bool {
    same_value(lists::shape(entity), one, other)
}

/// Whether a value says nothing.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn settle(shape: Shape, value: &mut Value, sort: bool) {
    match (shape, value) {
        (Shape::Group(fields), Value::Object(members)) => {
            for (name, member) in members.iter_mut() {
                match fields.iter().find(|field| field.name == name) {
                    Some(Field { shape: Shape::Any, .. }) => settle_members(member),
                    Some(field) => settle(field.shape, member, sort),
                    None => sort_members(member),
                }
            }
            members.retain(|_, member| !is_empty(member));
            order(members, fields);
        }
        (Shape::Money, Value::Object(members)) => order(members, MONEY),
        (Shape::List { selector, item }, Value::Array(items)) => {
            let sort = sort && selector.is_some();
            items.iter_mut().for_each(|value| settle(*item, value, sort));
            if let Some(selector) = selector.filter(|_| sort) {
                items.retain(|item| !is_empty(item) && !is_only(item, selector));
                if !items.is_sorted_by_key(|item| selector_of(item, selector)) {
                    items.sort_by(|one, other| selector_of(one, selector).cmp(selector_of(other, selector)));
                }
            }
        }
        _ => {}
    }
}

/// Puts members into the order of the fields; others come last, in the order of their names.
pub(crate) fn order(members: &mut Map<String, Value>, fields: &[Field]) {
    let mut rest = fields.iter();
    if members.keys().all(|name| rest.any(|field| field.name == name)) {
        return;
    }
    let place = |name: &str| fields.iter().position(|field| field.name == name).unwrap_or(fields.len());
    let mut sorted: Vec<(String, Value)> = std::mem::take(members).into_iter().collect();
    sorted.sort_by(|(one, _), (other, _)| (place(one), one).cmp(&(place(other), other)));
    members.extend(sorted);
}

/// Whether an item has no member but this one.
fn is_only(item: &Value, name: &str) -> bool {
    item.as_object().is_some_and(|members| members.len() == 1 && members.contains_key(name))
}

fn settle_members(value: &mut Value) {
    sort_members(value);
    if let Value::Object(members) = value {
        members.retain(|_, member| !is_empty(member));
    }
}

fn sort_members(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(sort_members);
            members.sort_keys();
        }
        Value::Array(items) => items.iter_mut().for_each(sort_members),
        _ => {}
    }
}

/// Whether two values of a nature mean the same.
pub(crate) fn same_value(shape: Shape, one: &Value, other: &Value) -> bool {
    match (shape, one, other) {
        (Shape::Group(fields), Value::Object(one), Value::Object(other)) => {
            let unknown = |name: &String| !fields.iter().any(|field| field.name == name);
            fields.iter().all(|field| match (one.get(field.name), other.get(field.name)) {
                (None, None) => true,
                (Some(one), Some(other)) => same_value(field.shape, one, other),
                (Some(only), None) | (None, Some(only)) => is_empty(only),
            }) && one
                .keys()
                .chain(other.keys())
                .filter(|name| unknown(name))
                .all(|name| one.get(name) == other.get(name))
        }
        (Shape::Money, Value::Object(_), Value::Object(_)) => same_value(Shape::Group(MONEY), one, other),
        (Shape::List { item, .. }, Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_value(*item, one, other))
        }
        (Shape::Decimal, one, other) => one == other || (decimal(one).is_some() && decimal(one) == decimal(other)),
        (_, one, other) => one == other || (is_empty(one) && is_empty(other)),
    }
}

/// The number that a value is; `None` when it is none.
pub(crate) fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::String(text) => Decimal::from_str_exact(text).ok(),
        Value::Number(number) => Decimal::from_str_exact(&number.to_string()).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
