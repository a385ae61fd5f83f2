//! `passerelle mapping show`: a table that somebody who does not program can sign off.

use std::collections::BTreeMap;
use std::sync::Arc;

use mapping::{Flow, LineInWords, Mapping};
use serde_json::{Value, json};

use super::examples::Examples;
use crate::cli::MappingShow;
use crate::configuration::Packs;
use crate::failure::{Exit, Failure};
use crate::output::{self, Table, counted};

/// A value of an example is shown to at most so many characters.
const VALUE_CHARACTERS_MAX: usize = 32;

/// Prints a mapping, line by line.
///
/// # Errors
/// An unknown mapping, or one that is wrong.
pub async fn show(arguments: &MappingShow) -> Result<Exit, Failure> {
    let packs = super::packs(&arguments.place.dir);
    let mapping = super::compile(&packs, &arguments.name)?;
    let values = example_values(&packs, arguments, &mapping).await?;
    let lines = with_embedded(&mapping);
    if arguments.json {
        output::json(&as_json(arguments, &mapping, &lines, &values));
        return Ok(Exit::Done);
    }
    output::line(format!(
        "{}: {} records as {}, known by {}, version {}",
        arguments.name,
        mapping.format(),
        mapping.entity(),
        mapping.key_in_words(),
        mapping.version()
    ));
    output::line("");
    let mut table = Table::new(&["field", "", "place", "on the way", "example"]);
    for line in &lines {
        let way = if line.lossy { marked(&line.conversion) } else { line.conversion.clone() };
        let example = values.get(&line.field).map(|value| shortened(value)).unwrap_or_default();
        table.row([line.field.clone(), arrow(line.flow).to_owned(), line.place.clone(), way, example]);
    }
    table.print("it has no fields");
    output::line("");
    output::line("<-> reads and writes, <- only reads, -> only writes; * may come back changed after it was written");
    let untouched = mapping.untouched_fields().len();
    output::line(format!(
        "{} of {} are not touched; `passerelle mapping test {} --json` lists them",
        counted(untouched, "field"),
        mapping.entity(),
        arguments.name
    ));
    Ok(Exit::Done)
}

fn marked(conversion: &str) -> String {
    if conversion.is_empty() { "*".to_owned() } else { format!("{conversion} *") }
}

fn arrow(flow: Flow) -> &'static str {
    match flow {
        Flow::Both => "<->",
        Flow::Reads => "<-",
        Flow::Writes => "->",
    }
}

fn shortened(value: &str) -> String {
    match value.char_indices().nth(VALUE_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// The lines of a mapping, and those of the documents that it embeds below the field that they fill.
fn with_embedded(mapping: &Mapping) -> Vec<LineInWords> {
    let mut lines = mapping.lines();
    for embedded in mapping.embedded() {
        let inside = embedded.mapping.lines().into_iter();
        lines.extend(inside.map(|line| LineInWords { field: format!("{} > {}", embedded.field, line.field), ..line }));
    }
    lines
}

/// The first value of each field in the examples.
async fn example_values(
    packs: &Packs,
    arguments: &MappingShow,
    mapping: &Arc<Mapping>,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut values = BTreeMap::new();
    let examples = Examples::of(packs, &arguments.place.dir, &arguments.name, mapping)?;
    let mut reader = mapping.reader();
    for record in examples.read(mapping).await?.into_iter().flat_map(|example| example.records) {
        let Ok(reading) = reader.read(&record.body) else { continue };
        for line in mapping.lines() {
            note_value(&reading.document.to_json(), &line.field, &line.field, &mut values);
        }
        for embedded in mapping.embedded() {
            let Some(read) = reading.embedded.iter().find(|read| read.field == embedded.field) else { continue };
            for line in embedded.mapping.lines() {
                let field = format!("{} > {}", embedded.field, line.field);
                note_value(&read.document.to_json(), &line.field, &field, &mut values);
            }
        }
    }
    Ok(values)
}

fn note_value(document: &Value, path: &str, field: &str, values: &mut BTreeMap<String, String>) {
    if let Some(value) = value_at(document, path)
        && !values.contains_key(field)
    {
        values.insert(field.to_owned(), value);
    }
}

/// The value at a path with selectors and positions; of a list that repeats, the first item's.
fn value_at(value: &Value, path: &str) -> Option<String> {
    if path.is_empty() {
        return match value {
            Value::String(text) => Some(text.clone()),
            Value::Array(items) => value_at(items.first()?, ""),
            Value::Null | Value::Object(_) => None,
            other => Some(other.to_string()),
        };
    }
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    if let Value::Array(items) = value {
        let item = match name.parse::<usize>() {
            Ok(position) => items.get(position.checked_sub(1)?),
            Err(_) => items.iter().find(|item| ["use", "scheme", "role"].iter().any(|key| item[*key] == *name)),
        };
        return value_at(item?, rest);
    }
    match name.strip_suffix("[]") {
        Some(list) => value.get(list)?.as_array()?.iter().find_map(|item| value_at(item, rest)),
        None => value_at(value.get(name)?, rest),
    }
}

fn as_json(
    arguments: &MappingShow,
    mapping: &Mapping,
    lines: &[LineInWords],
    values: &BTreeMap<String, String>,
) -> Value {
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| {
            let mut shown = json!(line);
            if let Some(value) = values.get(&line.field) {
                shown["example"] = json!(value);
            }
            shown
        })
        .collect();
    json!({
        "mapping": arguments.name,
        "entity": mapping.entity(),
        "format": mapping.format().to_string(),
        "version": mapping.version(),
        "key": mapping.key_in_words(),
        "covers": &mapping.covers()[..],
        "writes": &mapping.writes()[..],
        "lossy": mapping.lossy(),
        "lines": lines,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_selector_position_and_repetition() {
        let document = json!({
            "legal_name": "Dupont",
            "phones": [{"use": "mobile", "value": "06"}, {"use": "office", "value": "01"}],
            "notes": [{"text": "a"}, {"text": "b"}],
            "lines": [{"id": "1"}, {"id": "2", "item": {"name": "x"}}],
            "roles": ["supplier"],
            "payment_terms": {"days": 30},
        });
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(value_at(&document, path).as_deref(), expected, "{path}");
        };
        check("legal_name", Some("Dupont"));
        check("phones.office.value", Some("01"));
        check("phones.fax.value", None);
        check("notes.2.text", Some("b"));
        check("notes.0.text", None);
        check("lines[].item.name", Some("x"));
        check("roles", Some("supplier"));
        check("payment_terms.days", Some("30"));
        check("payment_terms", None);
    }

    #[test]
    fn long_values_are_shortened_between_characters() {
        assert_eq!(shortened("é"), "é");
        assert_eq!(shortened(&"é".repeat(40)), format!("{}…", "é".repeat(32)));
    }
}
