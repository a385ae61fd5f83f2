//! Holds a value against a JSON Schema that was generated from our own types, and tells everything that differs.
//!
//! Serde stops at the first error of a file; an integrator wants all of them, with the name that was probably meant.
//! Only what `schemars` makes of configuration types is understood here; for anything else a value passes,
//! and serde has the last word.

use serde_json::{Map, Value};

use super::finding::{Code, nearest};
use super::source::{Part, Segment, ValuePath, describe};
use super::time_span::{TIME_SPAN_FORMAT, TimeSpan};

/// Something in a value that its type does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Where.
    pub path: ValuePath,
    /// What of it is meant.
    pub part: Part,
    /// Its kind.
    pub code: Code,
    /// What is wrong and what would be right.
    pub message: String,
    /// The word that was probably meant.
    pub suggestion: Option<String>,
}

/// Schemas nest, and could name each other without end.
const DEPTH_MAX: usize = 64;

/// Everything in `value` that the type behind `schema` does not have.
pub fn misfits(schema: &Value, value: &Value) -> Vec<Misfit> {
    let mut checker = Checker { root: schema, path: Vec::new(), found: Vec::new() };
    checker.check(schema, value, 0);
    checker.found
}

struct Checker<'s> {
    root: &'s Value,
    path: ValuePath,
    found: Vec<Misfit>,
}

impl<'s> Checker<'s> {
    fn check(&mut self, schema: &'s Value, value: &Value, depth: usize) {
        let Some(schema) = self.resolve(schema).and_then(Value::as_object) else { return };
        if depth > DEPTH_MAX {
            return;
        }
        if let Some(branches) = alternatives(schema) {
            self.check_alternatives(branches, value, depth);
        }
        if let Some(allowed) = words(schema) {
            self.check_word(&allowed, value);
            return;
        }
        if let Some(types) = types(schema)
            && !types.iter().any(|kind| is_type(kind, value))
        {
            self.misfit(Part::Value, Code::WrongType, wrong_type(&types, value));
            return;
        }
        match value {
            Value::Object(object) => self.check_object(schema, object, depth),
            Value::Array(items) => {
                let Some(item) = schema.get("items") else { return };
                for (index, value) in items.iter().enumerate() {
                    self.inside(Segment::Item(index), |checker| checker.check(item, value, depth + 1));
                }
            }
            Value::Number(number) => self.check_number(schema, number),
            Value::String(text) => self.check_text(schema, text),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn resolve(&self, schema: &'s Value) -> Option<&'s Value> {
        let mut schema = schema;
        for _ in 0..DEPTH_MAX {
            let Some(name) = schema.get("$ref").and_then(Value::as_str) else { return Some(schema) };
            schema = self.root.pointer(name.strip_prefix('#')?)?;
        }
        None
    }

    fn inside(&mut self, segment: Segment, check: impl FnOnce(&mut Self)) {
        self.path.push(segment);
        check(self);
        self.path.pop();
    }

    fn misfit(&mut self, part: Part, code: Code, message: String) {
        self.found.push(Misfit { path: self.path.clone(), part, code, message, suggestion: None });
    }

    fn check_object(&mut self, schema: &'s Map<String, Value>, object: &Map<String, Value>, depth: usize) {
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                let message = format!("the field \"{name}\" is missing{}", hint(schema, name));
                self.misfit(Part::Key, Code::MissingField, message);
            }
        }
        let known = schema.get("properties").and_then(Value::as_object);
        let additional = schema.get("additionalProperties");
        for (name, value) in object {
            let field =
                known.and_then(|known| known.get(name)).or(additional.filter(|additional| additional.is_object()));
            self.inside(Segment::Field(name.clone()), |checker| match field {
                Some(schema) => checker.check(schema, value, depth + 1),
                None if additional == Some(&Value::Bool(false)) => checker.unknown_field(name, known, object),
                None => {}
            });
        }
    }

    fn unknown_field(&mut self, name: &str, known: Option<&Map<String, Value>>, object: &Map<String, Value>) {
        let missing: Vec<&str> = known
            .into_iter()
            .flatten()
            .map(|(known, _)| known.as_str())
            .filter(|known| !object.contains_key(*known))
            .collect();
        let suggestion = nearest(name, missing.iter().copied()).map(str::to_owned);
        let message = match (&suggestion, missing.is_empty()) {
            (None, false) => format!("unknown field \"{name}\"; there are also {}", list(&missing)),
            _ => format!("unknown field \"{name}\""),
        };
        let path = self.path.clone();
        self.found.push(Misfit { path, part: Part::Key, code: Code::UnknownField, message, suggestion });
    }

    /// One of several shapes: told apart by a tag where there is one, else by the type.
    fn check_alternatives(&mut self, branches: &'s [Value], value: &Value, depth: usize) {
        if let Some((tag, names)) = self.tags(branches) {
            let meant =
                value.get(&tag).and_then(|name| names.iter().position(|known| Some(known.as_str()) == name.as_str()));
            match meant.and_then(|index| branches.get(index)) {
                Some(branch) => self.check(branch, value, depth + 1),
                None => self.check_tag(&tag, &names, value),
            }
            return;
        }
        let mut best: Option<Vec<Misfit>> = None;
        for branch in branches {
            let mut trial = Checker { root: self.root, path: self.path.clone(), found: Vec::new() };
            trial.check(branch, value, depth + 1);
            if trial.found.is_empty() {
                return;
            }
            let nearer =
                best.as_ref().is_none_or(|best| distance(&trial.found, &self.path) < distance(best, &self.path));
            if nearer {
                best = Some(trial.found);
            }
        }
        let allowed: Vec<String> = branches
            .iter()
            .filter_map(|branch| self.resolve(branch)?.as_object())
            .flat_map(|branch| words(branch).unwrap_or_default())
            .collect();
        let only_words = allowed.len() == branches.len();
        if !allowed.is_empty() && (value.is_string() || only_words) {
            self.check_word(&allowed, value);
        } else {
            self.found.extend(best.into_iter().flatten());
        }
    }

    /// The field that tells the shapes apart, and its values.
    fn tags(&self, branches: &'s [Value]) -> Option<(String, Vec<String>)> {
        let first = self.resolve(branches.first()?)?.get("properties")?.as_object()?;
        let tag = first.iter().find(|(_, schema)| schema.get("const").is_some())?.0.clone();
        let names = branches.iter().filter_map(|branch| {
            let name = self.resolve(branch)?.get("properties")?.get(&tag)?.get("const")?.as_str()?;
            Some(name.to_owned())
        });
        Some((tag.clone(), names.collect()))
    }

    fn check_tag(&mut self, tag: &str, names: &[String], value: &Value) {
        match value.get(tag) {
            Some(kind) => self.inside(Segment::Field(tag.to_owned()), |checker| checker.check_word(names, kind)),
            None if value.is_object() => {
                let message = format!("the field \"{tag}\" is missing; it is one of {}", list(names));
                self.misfit(Part::Key, Code::MissingField, message);
            }
            None => {
                let message = format!("a table with the field \"{tag}\" is wanted, which is one of {}", list(names));
                self.misfit(Part::Value, Code::WrongType, message);
            }
        }
    }

    fn check_word(&mut self, allowed: &[String], value: &Value) {
        let Value::String(text) = value else {
            let message = format!("one of {} is wanted, not {}", list(allowed), type_name(value));
            return self.misfit(Part::Value, Code::WrongType, message);
        };
        if !allowed.contains(text) {
            let field = describe(&self.path);
            let field = field.rsplit('.').next().unwrap_or_default();
            self.found.push(Misfit {
                path: self.path.clone(),
                part: Part::Value,
                code: Code::BadValue,
                message: format!("\"{text}\" is no value of {field}; it is one of {}", list(allowed)),
                suggestion: nearest(text, allowed.iter().map(String::as_str)).map(str::to_owned),
            });
        }
    }

    fn check_number(&mut self, schema: &Map<String, Value>, number: &serde_json::Number) {
        let bound = |name: &str| schema.get(name).and_then(as_integer);
        let Some(number) = as_integer(&Value::Number(number.clone())) else { return };
        let (minimum, maximum) = (bound("minimum"), bound("maximum"));
        if minimum.is_some_and(|minimum| number < minimum) || maximum.is_some_and(|maximum| number > maximum) {
            let message = match (minimum, maximum) {
                (Some(minimum), Some(maximum)) => format!("{number} is not between {minimum} and {maximum}"),
                (Some(minimum), None) => format!("{number} is less than {minimum}"),
                (_, maximum) => format!("{number} is more than {}", maximum.unwrap_or_default()),
            };
            self.misfit(Part::Value, Code::BadValue, message);
        }
    }

    fn check_text(&mut self, schema: &Map<String, Value>, text: &str) {
        if schema.get("format").and_then(Value::as_str) == Some(TIME_SPAN_FORMAT)
            && let Err(error) = text.parse::<TimeSpan>()
        {
            self.misfit(Part::Value, Code::BadValue, format!("\"{text}\" is no length of time; {error}"));
        }
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64).and_then(|bound| usize::try_from(bound).ok());
        let length = text.chars().count();
        if bound("minLength").is_some_and(|least| length < least)
            || bound("maxLength").is_some_and(|most| length > most)
        {
            let message = match (bound("minLength"), bound("maxLength")) {
                (Some(1), Some(1)) => "one character is wanted".to_owned(),
                (Some(least), None) => format!("at least {least} characters are wanted"),
                (_, most) => format!("at most {} characters are wanted", most.unwrap_or_default()),
            };
            self.misfit(Part::Value, Code::BadValue, message);
        }
    }
}

/// How far a value is from a shape: misfits at its own level mean that another shape was meant.
fn distance(found: &[Misfit], path: &[Segment]) -> (usize, usize) {
    let own = found.iter().filter(|misfit| misfit.path.len() <= path.len()).count();
    (own, found.len())
}

fn alternatives(schema: &Map<String, Value>) -> Option<&Vec<Value>> {
    ["oneOf", "anyOf"].iter().find_map(|name| schema.get(*name).and_then(Value::as_array))
}

/// The allowed words of a schema that allows nothing else.
fn words(schema: &Map<String, Value>) -> Option<Vec<String>> {
    if let Some(word) = schema.get("const").and_then(Value::as_str) {
        return Some(vec![word.to_owned()]);
    }
    let words = schema.get("enum")?.as_array()?;
    Some(words.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn types(schema: &Map<String, Value>) -> Option<Vec<&str>> {
    match schema.get("type")? {
        Value::String(one) => Some(vec![one]),
        Value::Array(several) => Some(several.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn is_type(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn as_integer(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with decimals",
        Value::Number(_) => "a number",
        Value::String(_) => "text in quotes",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

fn wrong_type(types: &[&str], value: &Value) -> String {
    let names: Vec<&str> = types
        .iter()
        .filter(|kind| **kind != "null")
        .map(|kind| match *kind {
            "boolean" => "true or false",
            "string" => "text in quotes",
            "integer" => "a whole number",
            "number" => "a number",
            "array" => "a list in [ ]",
            "object" => "a table",
            other => other,
        })
        .collect();
    format!("{} is wanted, not {}", names.join(" or "), type_name(value))
}

/// The first sentence of a field's documentation.
fn hint(schema: &Map<String, Value>, name: &str) -> String {
    let text = schema.get("properties").and_then(|fields| fields.get(name)?.get("description")?.as_str());
    let sentence = text.and_then(|text| text.split(". ").next()).map(|text| text.replace('\n', " "));
    sentence.map(|text| format!(": {}", text.trim_end_matches('.'))).unwrap_or_default()
}

fn list<S: AsRef<str>>(words: &[S]) -> String {
    words.iter().map(|word| format!("\"{}\"", word.as_ref())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
