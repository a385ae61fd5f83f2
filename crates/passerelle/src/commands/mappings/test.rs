//! `passerelle mapping test`: examples, both laws, and what a mapping never touches.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use canonical::record::{Body, Record};
use mapping::{DataError, Mapping, laws};
use serde::Serialize;
use serde_json::{Value, json};

use super::examples::{Example, Examples};
use crate::cli::MappingTest;
use crate::configuration::Packs;
use crate::failure::{Exit, Failure};
use crate::output::{self, counted};

/// A line for people names at most so many fields.
const NAMES_MAX: usize = 12;

/// At most so many failures of made-up documents are told; the rest fail for the same reason.
const BREACHES_MAX: usize = 5;

/// Something that is not as it should be.
#[derive(Debug, Serialize)]
struct Breach {
    /// What was checked: `compile`, `example`, `read`, `law`.
    check: &'static str,
    /// The example and its record, or the number of the document that was made up.
    place: String,
    /// What is wrong.
    message: String,
}

/// What the test of one mapping came to.
#[derive(Debug, Serialize)]
struct Report {
    mapping: String,
    entity: String,
    examples: usize,
    records: usize,
    /// How many documents were made up, and how many of them the mapping cannot hold by its own words.
    documents: u64,
    refused: u64,
    breaches: Vec<Breach>,
    lossy: Vec<String>,
    untouched: Untouched,
}

/// What is never touched.
#[derive(Debug, Default, Serialize)]
struct Untouched {
    /// Canonical fields.
    fields: Vec<String>,
    /// Columns of the examples that the mapping does not name.
    columns: BTreeSet<String>,
    /// Places with content that no line reads, with the number of records.
    places: BTreeMap<String, usize>,
}

/// Tests mappings.
///
/// # Errors
/// An unknown or wrong mapping, or a file that cannot be read.
pub async fn test(arguments: &MappingTest) -> Result<Exit, Failure> {
    crate::log::install(&crate::commands::collect::quiet_log());
    let packs = super::packs(&arguments.place.dir);
    let mut reports = Vec::new();
    for name in named(&packs, &arguments.names)? {
        let report = match super::compile(&packs, &name) {
            Ok(mapping) => tested(&packs, &name, &mapping, arguments).await?,
            // What is wrong with the file was told; the others are tested all the same.
            Err(_) => Report::of_broken(&name),
        };
        if !arguments.json {
            report.print();
        }
        reports.push(report);
    }
    let is_sound = reports.iter().all(|report| report.breaches.is_empty());
    if arguments.json {
        output::json(&reports);
    }
    Ok(if is_sound { Exit::Done } else { Exit::Differs })
}

async fn tested(packs: &Packs, name: &str, mapping: &Arc<Mapping>, arguments: &MappingTest) -> Result<Report, Failure> {
    let examples = Examples::of(packs, &arguments.place.dir, name, mapping)?;
    if arguments.update && !examples.is_own {
        let message = format!("the examples of \"{name}\" are shipped ones; --update writes those of own packs only");
        return Err(Failure::usage("cli.file", message));
    }
    Report::of(name, mapping, &examples, arguments).await
}

/// The mappings that are meant: packs, single mappings, or by default the user's own, and without any all of them.
fn named(packs: &Packs, names: &[String]) -> Result<Vec<String>, Failure> {
    let mut own = packs.own_names().peekable();
    if names.is_empty() {
        let all: Vec<String> = match own.peek() {
            Some(_) => own.map(str::to_owned).collect(),
            None => packs.names().map(str::to_owned).collect(),
        };
        return Ok(all);
    }
    let mut found = Vec::new();
    for wanted in names {
        let known = packs.names().filter(|name| name.split('/').next() == Some(wanted) || name == wanted);
        let known: Vec<String> = known.map(str::to_owned).collect();
        if known.is_empty() {
            let message =
                format!("there is no pack or mapping \"{wanted}\"; `passerelle mapping list` shows what there is");
            return Err(Failure::usage("config.unknown-mapping", message));
        }
        found.extend(known);
    }
    Ok(found)
}

fn list(errors: &[DataError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Report {
    /// The report of a mapping that does not compile.
    fn of_broken(name: &str) -> Self {
        let message = "it does not compile; `passerelle check` shows what is wrong".to_owned();
        Report {
            mapping: name.to_owned(),
            entity: String::new(),
            examples: 0,
            records: 0,
            documents: 0,
            refused: 0,
            breaches: vec![Breach { check: "compile", place: name.to_owned(), message }],
            lossy: Vec::new(),
            untouched: Untouched::default(),
        }
    }

    async fn of(
        name: &str,
        mapping: &Arc<Mapping>,
        examples: &Examples,
        arguments: &MappingTest,
    ) -> Result<Self, Failure> {
        let mut report = Report {
            mapping: name.to_owned(),
            entity: mapping.entity().to_string(),
            examples: examples.len(),
            records: 0,
            documents: arguments.documents,
            refused: 0,
            breaches: Vec::new(),
            lossy: mapping.lossy().to_vec(),
            untouched: Untouched { fields: mapping.untouched_fields(), ..Untouched::default() },
        };
        if examples.len() == 0 {
            let message = "there is no example; put a file ENTITY.EXT into the pack's folder examples/".to_owned();
            report.breach("example", name.to_owned(), message);
        }
        for example in examples.read(mapping).await? {
            report.example(mapping, &example, arguments.update)?;
        }
        report.made_up(mapping, arguments.documents);
        Ok(report)
    }

    fn breach(&mut self, check: &'static str, place: String, message: String) {
        self.breaches.push(Breach { check, place, message });
    }

    fn example(&mut self, mapping: &Arc<Mapping>, example: &Example, update: bool) -> Result<(), Failure> {
        for reject in &example.rejects {
            self.breach("read", example.name.clone(), reject.clone());
        }
        let mut found = Vec::new();
        for record in &example.records {
            self.records += 1;
            if let Body::Rows(rows) = &record.body {
                self.untouched.columns.extend(mapping.untouched_columns(rows.columns()));
            }
            found.extend(self.record(mapping, &example.name, record));
        }
        // What was not read is nothing to expect.
        if update && found.len() == example.records.len() && example.rejects.is_empty() {
            let text = format!("{:#}\n", Value::Array(found));
            return fs::write(&example.expected, text)
                .map_err(|error| Failure::file("cannot be written", &example.expected, &error));
        }
        self.compare(example, &Value::Array(found));
        Ok(())
    }

    /// What a record says; both laws are held against it.
    fn record(&mut self, mapping: &Arc<Mapping>, example: &str, record: &Record) -> Option<Value> {
        let place = format!("{example}, {}", record.place);
        let reading = match mapping.reader().read_with_unmapped(&record.body) {
            Ok(reading) => reading,
            Err(errors) => {
                self.breach("read", place, list(&errors));
                return None;
            }
        };
        let document = reading.document.to_json();
        if let Err(breach) = laws::write_after_read(mapping, &record.body) {
            self.breach("law", place.clone(), breach.to_string());
        }
        if let Err(breach) = laws::read_after_write(mapping, &document) {
            self.breach("law", place, breach.to_string());
        }
        let mut shown = json!({ "key": reading.key, "document": document });
        for embedded in &reading.embedded {
            shown[&*embedded.field] = embedded.document.to_json();
        }
        if !reading.unmapped.is_empty() {
            shown["unmapped"] = json!(reading.unmapped);
        }
        for unmapped in reading.unmapped {
            *self.untouched.places.entry(unmapped).or_default() += 1;
        }
        Some(shown)
    }

    fn compare(&mut self, example: &Example, found: &Value) {
        let name = example.expected.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = match fs::read_to_string(&example.expected) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("{name} cannot be read: {error}; --update writes it");
                return self.breach("example", example.name.clone(), message);
            }
        };
        let message = match serde_json::from_str::<Value>(&text) {
            Ok(expected) if expected == *found => return,
            Ok(expected) => format!("it gives something else than {name} says, at {}", difference(&expected, found)),
            Err(error) => format!("{name} is no JSON: {error}"),
        };
        self.breach("example", example.name.clone(), message);
    }

    /// Both laws on documents that are made up for the mapping; one that only reads has none to write.
    fn made_up(&mut self, mapping: &Arc<Mapping>, documents: u64) {
        if mapping.writes().is_empty() {
            self.documents = 0;
            return;
        }
        for seed in 0..documents {
            let found = self.breaches.iter().filter(|breach| breach.place.starts_with("document ")).count();
            if found >= BREACHES_MAX {
                return;
            }
            let place = format!("document {seed}");
            let document = laws::generated(mapping, seed);
            let key = laws::generated_key(mapping, seed);
            let body = match mapping.write(&document, Some(&key), None) {
                Ok(body) => body,
                Err(errors) if errors.iter().all(|error| is_refusal(error.code)) => {
                    self.refused += 1;
                    continue;
                }
                Err(errors) => {
                    self.breach("law", place, format!("it cannot be written: {}", list(&errors)));
                    continue;
                }
            };
            // Where the connector makes the key, a record that a mapping wrote has none yet.
            let has_key = mapping.reader().key(&body).is_ok();
            let outcome = laws::read_after_write(mapping, &document).and_then(|()| match has_key {
                true => laws::write_after_read(mapping, &body).map(drop),
                false => Ok(()),
            });
            if let Err(breach) = outcome {
                self.breach("law", place, breach.to_string());
            }
        }
    }

    fn print(&self) {
        let verdict = match self.breaches.len() {
            0 => "sound".to_owned(),
            count => counted(count, "breach").replace("breachs", "breaches"),
        };
        output::line(format!(
            "{}: {verdict}; {} with {}, {} made up",
            self.mapping,
            counted(self.examples, "example"),
            counted(self.records, "record"),
            counted(self.documents, "document"),
        ));
        if self.refused > 0 {
            output::line(format!("  refused by the mapping's own words: {}", counted(self.refused, "document")));
        }
        for breach in &self.breaches {
            output::line(format!("  {}: {}: {}", breach.check, breach.place, breach.message));
        }
        tell("may come back changed", &self.lossy);
        tell("fields never touched", &self.untouched.fields);
        tell("columns never named", &self.untouched.columns.iter().cloned().collect::<Vec<_>>());
        let places = self.untouched.places.iter();
        let places: Vec<String> =
            places.map(|(place, count)| format!("{place} ({})", counted(*count, "record"))).collect();
        tell("read by no line", &places);
    }
}

/// Codes of what a mapping refuses because it says so itself, not because it is wrong.
fn is_refusal(code: &str) -> bool {
    matches!(code, "mapping.when" | "mapping.fixed" | "mapping.minor-unit" | "mapping.tag")
}

fn tell(what: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let shown = names.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if names.len() > NAMES_MAX { ", … (--json lists all)" } else { "" };
    output::line(format!("  {what} ({}): {shown}{more}", names.len()));
}

/// The first place at which two values differ.
fn difference(left: &Value, right: &Value) -> String {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let mut names: Vec<&String> = left.keys().chain(right.keys()).collect();
            names.sort();
            let differs = names.into_iter().find(|name| left.get(*name) != right.get(*name));
            differs.map_or_else(String::new, |name| {
                let null = Value::Null;
                let inside = difference(left.get(name).unwrap_or(&null), right.get(name).unwrap_or(&null));
                if inside.is_empty() { name.clone() } else { format!("{name}.{inside}") }
            })
        }
        (Value::Array(left), Value::Array(right)) => {
            let count = left.len().max(right.len());
            let index = (0..count).find(|index| left.get(*index) != right.get(*index)).unwrap_or_default();
            let inside = match (left.get(index), right.get(index)) {
                (Some(left), Some(right)) => difference(left, right),
                _ => String::new(),
            };
            let position = index + 1;
            if inside.is_empty() { position.to_string() } else { format!("{position}.{inside}") }
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_by_its_path() {
        let check = |left: Value, right: Value, expected: &str| assert_eq!(difference(&left, &right), expected);
        check(json!([{"document": {"a": 1, "b": 2}}]), json!([{"document": {"a": 1, "b": 3}}]), "1.document.b");
        check(json!([1]), json!([1, 2]), "2");
        check(json!({"a": {"b": []}}), json!({"a": {}}), "a.b");
    }
}
