//! Paths into JSON: reading from an answer without copying it, and reading from and writing to a value.

use std::borrow::Cow;
use std::collections::BTreeMap;

use canonical::record::Json;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Field names separated by dots; a number picks from an array. The empty path is the value itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<String>);

impl Path {
    pub(crate) fn new(text: &str) -> Self {
        Path(text.split('.').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// The value at this path; `None` when a step is not there.
    pub(crate) fn get<'v>(&self, value: &'v Json) -> Option<&'v Json> {
        self.0.iter().try_fold(value, |value, name| match value {
            Json::Object(fields) => fields.get(name),
            Json::Array(items) => items.get(name.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// The text at this path as it came, still unparsed; `None` when a step is not there.
    pub(crate) fn get_raw<'v>(&self, value: &'v RawValue) -> Option<&'v RawValue> {
        self.0.iter().try_fold(value, |value, name| {
            // Keys may be escaped, and then they cannot be borrowed.
            #[derive(Deserialize)]
            struct Fields<'a>(#[serde(borrow)] BTreeMap<Cow<'a, str>, &'a RawValue>);
            if let Ok(Fields(fields)) = serde_json::from_str(value.get()) {
                return fields.get(name.as_str()).copied();
            }
            let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
            items.get(name.parse::<usize>().ok()?).copied()
        })
    }

    /// Puts a value at this path, making the objects on the way; `false` when something else is in the way.
    pub(crate) fn set(&self, value: &mut Json, new: Json) -> bool {
        let mut at = value;
        for name in &self.0 {
            if at.is_null() {
                *at = Json::object();
            }
            let Json::Object(fields) = at else { return false };
            at = fields.get_or_add(name);
        }
        *at = new;
        true
    }

    /// Wraps a value so that it stands at this path.
    pub(crate) fn wrap(&self, value: Json) -> Json {
        self.0.iter().rev().fold(value, |value, name| Json::Object([(name.clone(), value)].into_iter().collect()))
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.join("."))
    }
}

/// A key or cursor as text: texts and numbers are; null, empty texts and everything else are not.
pub(crate) fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.plain().into_owned()),
        _ => None,
    }
}

/// What kind of JSON value a text is, for error messages that must not show the value.
pub(crate) fn class(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// Whether a held resource has everything that is asked for: every field of `asked`, with an equal value.
/// A field that is asked to be null may be absent.
pub(crate) fn covers(held: &Json, asked: &Json) -> bool {
    match (held, asked) {
        (Json::Object(held), Json::Object(asked)) => asked.iter().all(|(name, asked)| match held.get(name) {
            Some(held) => covers(held, asked),
            None => asked.is_null(),
        }),
        _ => held == asked,
    }
}

/// Lays a value over another: fields of objects one by one, everything else as a whole.
pub(crate) fn overlay(under: &mut Json, over: Json) {
    match (under, over) {
        (Json::Object(under), Json::Object(over)) => {
            for (name, over) in over {
                overlay(under.get_or_add(&name), over);
            }
        }
        (under, over) => *under = over,
    }
}

/// The first eight bytes of a BLAKE3 hash: enough to tell the rows of one window apart.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn paths_read_values_and_texts_alike() {
        let text = r#"{"data":{"items":[{"id":1}, {"id" : "\u0041"}],"é.x":2}, "next":null}"#;
        let value = Json::read(text).unwrap();
        let check = |path: &str, expected: Option<&str>| {
            let path = Path::new(path);
            assert_eq!(path.get_raw(&raw(text)).map(RawValue::get), expected, "{path}");
            let parsed = expected.map(|text| Json::read(text).unwrap());
            assert_eq!(path.get(&value), parsed.as_ref(), "{path}");
        };
        check("", Some(text));
        check("data.items", Some(r#"[{"id":1}, {"id" : "\u0041"}]"#));
        check("data.items.1.id", Some(r#""\u0041""#));
        check("next", Some("null"));
        check("next.x", None);
        check("data.items.2", None);
        check("nothing", None);
    }

    #[test]
    fn setting_makes_objects_and_respects_what_is_there() {
        let mut value = Json::from(json!({"name": "A"}));
        assert!(Path::new("metadata.reference").set(&mut value, "m1".into()));
        assert!(!Path::new("name.reference").set(&mut value, "m1".into()));
        assert_eq!(value, json!({"name": "A", "metadata": {"reference": "m1"}}).into());
        assert_eq!(Path::new("a.b").wrap(json!(1).into()), json!({"a": {"b": 1}}).into());
    }

    #[test]
    fn covering_ignores_what_was_not_asked() {
        let held = Json::from(
            json!({"id": 7, "price": 12.5, "name": "A", "address": {"city": "Lyon", "zip": "69001"}, "tags": [1, 2]}),
        );
        let check = |asked: Value, expected: bool| {
            assert_eq!(covers(&held, &Json::from(asked.clone())), expected, "{asked}");
        };
        // The system keeps the value of a number, not the way it was written.
        assert!(covers(&held, &Json::read(r#"{"price": 12.50, "id": 7.0}"#).unwrap()));
        check(json!({"name": "A", "fax": null}), true);
        check(json!({"address": {"city": "Lyon"}}), true);
        check(json!({"address": {"city": "Paris"}}), false);
        check(json!({"tags": [1]}), false);
        check(json!({"name": null}), false);
        check(json!({"siret": "1"}), false);
    }
}
