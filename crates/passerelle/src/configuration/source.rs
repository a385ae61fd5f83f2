//! A TOML file as text, as a value, and as a map from paths to places.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::finding::{Code, Finding, Place};

/// The text of a file, with the name that people open it by.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceText {
    /// The file's path, as a person would open it from where they are.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// One step of a path into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A field of a table.
    Field(String),
    /// An item of a list, counted from 0.
    Item(usize),
}

/// A path into a value.
pub type ValuePath = Vec<Segment>;

/// A path as people write it: `streams.customers.delimiter`, `fields[2]`.
pub fn describe(path: &[Segment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Field(name) if text.is_empty() => text.push_str(name),
            Segment::Field(name) => {
                text.push('.');
                text.push_str(name);
            }
            Segment::Item(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// Where the parts of a value stand in its file.
#[derive(Debug, Default)]
struct Placed {
    key: Range<usize>,
    value: Range<usize>,
    fields: BTreeMap<String, Placed>,
    items: Vec<Placed>,
}

/// A TOML file that was read.
#[derive(Debug)]
pub struct TomlSource {
    /// The text.
    pub source: Arc<SourceText>,
    /// The value. Of a file with syntax errors, what could be understood.
    pub value: Value,
    placed: Placed,
}

/// What of a field is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its name.
    Key,
    /// Its value.
    Value,
}

impl TomlSource {
    /// Reads a file's text. Syntax errors are all reported, and what could be understood is kept.
    pub fn parse(source: SourceText, findings: &mut Vec<Finding>) -> Self {
        let source = Arc::new(source);
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        for error in errors {
            let place = Place::File(source.clone(), error.span().unwrap_or(0..0));
            findings.push(Finding::error(Code::Syntax, place, error.message()));
        }
        let (value, placed) = convert_table(table.get_ref(), 0..0, table.span());
        TomlSource { value: Value::Object(value), placed, source }
    }

    /// The place of a path, as far as it is in the file; `None` when not even its first field is.
    pub fn place(&self, path: &[Segment], part: Part) -> Option<Place> {
        let mut at = &self.placed;
        let mut depth = 0;
        for segment in path {
            let next = match segment {
                Segment::Field(name) => at.fields.get(name),
                Segment::Item(index) => at.items.get(*index),
            };
            let Some(next) = next else { break };
            at = next;
            depth += 1;
        }
        if depth == 0 && !path.is_empty() {
            return None;
        }
        let whole = depth == path.len();
        // A table's own span is its header; a value that is missing is missing from the table that it should be in.
        let span = if whole && part == Part::Value && !at.value.is_empty() { &at.value } else { &at.key };
        Some(Place::File(self.source.clone(), span.clone()))
    }

    /// Whether the whole path is in the file.
    pub fn contains(&self, path: &[Segment]) -> bool {
        let found = path.iter().try_fold(&self.placed, |at, segment| match segment {
            Segment::Field(name) => at.fields.get(name),
            Segment::Item(index) => at.items.get(*index),
        });
        found.is_some()
    }
}

fn convert_table(table: &DeTable<'_>, key: Range<usize>, value: Range<usize>) -> (Map<String, Value>, Placed) {
    let mut object = Map::new();
    let mut placed = Placed { key, value, ..Placed::default() };
    for (name, item) in table {
        let (value, inner) = convert(item, name.span());
        object.insert(name.get_ref().to_string(), value);
        placed.fields.insert(name.get_ref().to_string(), inner);
    }
    (object, placed)
}

fn convert(value: &Spanned<DeValue<'_>>, key: Range<usize>) -> (Value, Placed) {
    let leaf = |json: Value| (json, Placed { key: key.clone(), value: value.span(), ..Placed::default() });
    match value.get_ref() {
        DeValue::String(text) => leaf(Value::String(text.to_string())),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            match i64::from_str_radix(&digits, number.radix()) {
                Ok(number) => leaf(number.into()),
                // Beyond 64 bits: text, which no number field takes, so that it is reported where it stands.
                Err(_) => leaf(Value::String(digits)),
            }
        }
        DeValue::Float(number) => {
            let number = number.as_str().replace('_', "").parse::<f64>().ok().and_then(serde_json::Number::from_f64);
            leaf(number.map_or(Value::Null, Value::Number))
        }
        DeValue::Boolean(flag) => leaf(Value::Bool(*flag)),
        DeValue::Datetime(time) => leaf(Value::String(time.to_string())),
        DeValue::Array(items) => {
            let (values, placed): (Vec<_>, Vec<_>) = items.iter().map(|item| convert(item, item.span())).unzip();
            (Value::Array(values), Placed { key, value: value.span(), items: placed, ..Placed::default() })
        }
        DeValue::Table(table) => {
            let (object, placed) = convert_table(table, key, value.span());
            (Value::Object(object), placed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Segment {
        Segment::Field(name.to_owned())
    }

    #[test]
    fn a_path_has_the_place_of_its_key_or_its_value() {
        let text = "a = 1\n[b.c]\nd = [1, 22]\n";
        let source = TomlSource::parse(SourceText { name: "t.toml".into(), text: text.into() }, &mut Vec::new());
        let check = |path: &[Segment], part: Part, expected: Option<&str>| {
            let found = source.place(path, part).map(|place| match place {
                Place::File(_, span) => text[span].to_owned(),
                other => panic!("{other:?}"),
            });
            assert_eq!(found.as_deref(), expected, "{}", describe(path));
        };
        check(&[field("a")], Part::Key, Some("a"));
        check(&[field("a")], Part::Value, Some("1"));
        check(&[field("b"), field("c"), field("d")], Part::Key, Some("d"));
        check(&[field("b"), field("c"), field("d"), Segment::Item(1)], Part::Value, Some("22"));
        check(&[field("b"), field("c"), field("missing")], Part::Value, Some("c"));
        check(&[field("missing")], Part::Value, None);
        assert_eq!(source.value, serde_json::json!({"a": 1, "b": {"c": {"d": [1, 22]}}}));
    }

    #[test]
    fn every_syntax_error_is_told() {
        let mut findings = Vec::new();
        let text = "a = \nb = 'open\nc = 3\n";
        let source = TomlSource::parse(SourceText { name: "t.toml".into(), text: text.into() }, &mut findings);
        assert!(findings.len() >= 2, "{findings:?}");
        assert_eq!(source.value["c"], 3);
    }
}
