//! Keeps what a newer minor version of a document says and this one has no field for.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::lists;
use super::shape::Shape;
use crate::entity::Entity;

/// The member of `extensions` under which unknown fields are kept by their paths.
const NAMESPACE: &str = "unknown";

/// Moves everything in `json` that the entity has no field for into `extensions`.
pub(super) fn keep(json: Value, entity: &Entity, extensions: &mut BTreeMap<String, Value>) {
    let mut found = Map::new();
    collect(json, lists::shape(entity), &mut String::new(), &mut found);
    if found.is_empty() {
        return;
    }
    match extensions.get_mut(NAMESPACE) {
        Some(Value::Object(kept)) => kept.extend(found),
        _ => {
            extensions.insert(NAMESPACE.to_owned(), Value::Object(found));
        }
    }
}

fn collect(json: Value, shape: Shape, path: &mut String, found: &mut Map<String, Value>) {
    let length = path.len();
    match (json, shape) {
        (Value::Object(members), Shape::Group(_) | Shape::Money) => {
            for (name, value) in members {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&name);
                match shape.field(&name) {
                    Some(field) => collect(value, field.shape, path, found),
                    None if value.is_null() => {}
                    None => {
                        found.insert(path.clone(), value);
                    }
                }
                path.truncate(length);
            }
        }
        (Value::Array(items), Shape::List { item, .. }) => {
            for (index, value) in items.into_iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                collect(value, *item, path, found);
                path.truncate(length);
            }
        }
        _ => {}
    }
}
