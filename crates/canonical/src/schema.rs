//! JSON Schemas (2020-12) of the documents: generated from the types, published under `schemas/`, and held against
//! everything that arrives as JSON.
//!
//! A schema tolerates fields that it does not know, so that a newer minor version can be read;
//! [`Document::from_json`](crate::Document::from_json) keeps them.

use std::fmt::Write;
use std::sync::LazyLock;

use jsonschema::paths::{Location, LocationSegment};
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

use crate::document::{Allocation, Customer, Invoice, Payment};
use crate::entity::Entity;
use crate::rules::{Finding, Severity};

/// The rule that a finding of a schema names.
pub const RULE: &str = "PSR-SCHEMA";

/// The major version of the canonical entities' schemas.
pub const MAJOR: u32 = 1;

/// The schema's identifier, as an envelope's `dataschema` gives it.
#[must_use]
pub fn id(entity: &Entity, major: u32) -> String {
    format!("urn:passerelle:schema:{entity}:v{major}")
}

/// The published schema of a canonical entity; `None` for a declared one, whose schema its user has.
#[must_use]
pub fn schema(entity: &Entity) -> Option<&'static Value> {
    published(entity).map(|published| &published.schema)
}

/// The published schema as it is committed under `schemas/`: indented, with a line's end.
#[must_use]
pub fn text(entity: &Entity) -> Option<String> {
    let mut text = serde_json::to_string_pretty(schema(entity)?).ok()?;
    text.push('\n');
    Some(text)
}

/// Holds JSON against its entity's schema; all findings at once, all of them fatal.
/// There are none for a declared entity: compile its user's schema into a [`Validator`].
#[must_use]
pub fn validate(entity: &Entity, json: &Value) -> Vec<Finding> {
    match published(entity).map(|published| &published.validator) {
        None => Vec::new(),
        Some(Ok(validator)) => validator.findings(json),
        Some(Err(error)) => vec![Finding {
            rule: RULE,
            severity: Severity::Fatal,
            path: String::new(),
            message: error.to_string().into(),
        }],
    }
}

struct Published {
    schema: Value,
    validator: Result<Validator, SchemaError>,
}

impl Published {
    fn new<T: JsonSchema>(entity: &Entity) -> Self {
        let schema = generate::<T>(entity);
        let validator = Validator::compile(&schema);
        Self { schema, validator }
    }
}

fn published(entity: &Entity) -> Option<&'static Published> {
    static CUSTOMER: LazyLock<Published> = LazyLock::new(|| Published::new::<Customer>(&Entity::Customer));
    static INVOICE: LazyLock<Published> = LazyLock::new(|| Published::new::<Invoice>(&Entity::Invoice));
    static PAYMENT: LazyLock<Published> = LazyLock::new(|| Published::new::<Payment>(&Entity::Payment));
    static ALLOCATION: LazyLock<Published> = LazyLock::new(|| Published::new::<Allocation>(&Entity::Allocation));
    Some(match entity {
        Entity::Customer => &CUSTOMER,
        Entity::Invoice => &INVOICE,
        Entity::Payment => &PAYMENT,
        Entity::Allocation => &ALLOCATION,
        Entity::Declared(_) => return None,
    })
}

fn generate<T: JsonSchema>(entity: &Entity) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with_transform(RecursiveTransform(tighten));
    let mut generated = settings.into_generator().into_root_schema_for::<T>();
    generated.insert("$id".to_owned(), id(entity, MAJOR).into());
    // Who reads a schema wants to know first what it is.
    let mut ordered = Map::new();
    for name in ["$schema", "$id", "title", "description"] {
        if let Some(value) = generated.remove(name) {
            ordered.insert(name.to_owned(), value);
        }
    }
    if let Value::Object(rest) = generated.to_value() {
        ordered.extend(rest);
    }
    Value::Object(ordered)
}

/// Says exactly what is written, beyond what the derived schema says.
fn tighten(schema: &mut Schema) {
    leave_out_null(schema);
    if schema.get("type").is_some_and(|kind| kind == "string") {
        add_pattern(schema);
    }
}

/// A field that says nothing is left out, never null; and a finding inside an optional group keeps its own path.
fn leave_out_null(schema: &mut Schema) {
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_mut_slice() {
            let only = only.take();
            schema.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(choices)) = schema.get_mut("anyOf") else { return };
    choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
    if let [Value::Object(only)] = choices.as_mut_slice() {
        let only = std::mem::take(only);
        schema.remove("anyOf");
        for (name, value) in only {
            schema.insert(name, value);
        }
    }
}

/// Says forms in patterns: formats are notes that validators may pass over.
fn add_pattern(schema: &mut Schema) {
    let pattern = match schema.get("format").and_then(Value::as_str) {
        Some("date") => "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        Some("date-time") => {
            r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"
        }
        _ if schema.get("pattern").and_then(Value::as_str) == Some(r"^-?\d+(\.\d+)?$") => {
            // A decimal holds 29 digits at most, beside sign and point; more would be rounded.
            schema.insert("maxLength".to_owned(), 31.into());
            r"^-?[0-9]+(\.[0-9]+)?$"
        }
        _ => return,
    };
    schema.insert("pattern".to_owned(), pattern.into());
}

/// A schema that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the JSON Schema cannot be used: {reason} at {path}")]
pub struct SchemaError {
    /// What is wrong.
    pub reason: String,
    /// Where in the schema, a JSON pointer; `/` for the whole.
    pub path: String,
}

/// A JSON Schema compiled once, ready for many documents; safe to share between threads.
#[derive(Debug)]
pub struct Validator {
    inner: jsonschema::Validator,
}

impl Validator {
    /// Compiles a schema; nothing is fetched, so references to other files are errors.
    ///
    /// # Errors
    /// [`SchemaError`], when it is no JSON Schema or refers to what is not in it.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        match jsonschema::validator_for(schema) {
            Ok(inner) => Ok(Self { inner }),
            Err(error) => {
                let pointer = error.instance_path().to_string();
                let path = if pointer.is_empty() { "/".to_owned() } else { pointer };
                Err(SchemaError { reason: error.to_string(), path })
            }
        }
    }

    /// Everything in which `json` breaks the schema, each with its path and without its value.
    #[must_use]
    pub fn findings(&self, json: &Value) -> Vec<Finding> {
        if self.inner.is_valid(json) {
            return Vec::new();
        }
        self.inner
            .iter_errors(json)
            .map(|error| Finding {
                rule: RULE,
                severity: Severity::Fatal,
                path: path(error.instance_path()),
                message: error.masked_with("this").to_string().into(),
            })
            .collect()
    }
}

/// A place in JSON the way findings write it: `lines[2].net_amount`.
fn path(location: &Location) -> String {
    let mut path = String::new();
    for segment in location {
        match segment {
            LocationSegment::Index(index) => {
                // Writing to a string cannot fail.
                let _ = write!(path, "[{index}]");
            }
            LocationSegment::Property(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&name);
            }
        }
    }
    path
}

#[cfg(test)]
mod tests;
