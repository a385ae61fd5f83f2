//! Mapping files: whatever is written in one, it is compiled or refused with its place; and what compiles reads and
//! writes.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use canonical::record::{Body, Columns, Json, Name, Rows, TreeBuilder};
use mapping::{Format, Mapping, Table};

use super::documents::hold;

/// Between the mapping and the values of the record that it reads.
const SEPARATOR: &str = "\n---\n";

/// Names that records have besides those that the mapping needs.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// A mapping file, and behind a line `---` the values of a record, one a line.
pub fn mapping(input: &[u8]) -> usize {
    let Ok(input) = std::str::from_utf8(input) else { return 0 };
    let (text, values) = input.split_once(SEPARATOR).unwrap_or((input, ""));
    let mapping = match Mapping::compile("fuzz.toml", text, tables()) {
        Ok(mapping) => Arc::new(mapping),
        Err(findings) => {
            assert!(!findings.is_empty(), "refused without a reason");
            // A finding shows the line that it is about; its place must be one.
            findings.iter().for_each(|finding| drop(finding.to_string()));
            return 0;
        }
    };
    let values: Vec<&str> = values.lines().collect();
    let Some(body) = body(&mapping, &values) else { return 1 };
    let Ok(reading) = mapping.reader().read_with_unmapped(&body) else { return 1 };
    hold(&reading.document);
    let document = reading.document.to_json();
    for base in [Some(&body), None] {
        if let Ok(written) = mapping.write(&document, Some(&reading.key), base) {
            let _ = mapping.reader().read(&written);
        }
    }
    2
}

fn tables() -> &'static BTreeMap<String, Arc<Table>> {
    static TABLES: OnceLock<BTreeMap<String, Arc<Table>>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let table = Table::new([("A", "active"), ("I", "inactive"), ("FRANCE", "FR")]);
        BTreeMap::from([("codes".to_owned(), Arc::new(table))])
    })
}

/// A record in the mapping's shape, whose places have these values in turns.
fn body(mapping: &Mapping, values: &[&str]) -> Option<Body> {
    let mut values = values.iter().copied().chain(std::iter::repeat_n("", usize::from(values.is_empty()))).cycle();
    match mapping.format() {
        Format::Csv => rows(mapping, &mut values),
        Format::Json => {
            let mut value = || serde_json::to_string(values.next().unwrap_or_default()).unwrap_or_default();
            let text = format!(
                r#"{{"a": {}, "b": {{"a": {}, "c": [{}, {}]}}, "c": [{{"a": {}}}, {{"a": {}, "b": null}}], "d": 1.50}}"#,
                value(),
                value(),
                value(),
                value(),
                value(),
                value()
            );
            Json::read(&text).ok().map(Body::Json)
        }
        Format::Xml => tree(&mut values),
    }
}

fn rows<'a>(mapping: &Mapping, values: &mut impl Iterator<Item = &'a str>) -> Option<Body> {
    let needs = mapping.stream_needs();
    let needed = needs.columns.iter().filter_map(|needed| needed.any_of.first()).map(ToString::to_string);
    let mut names: Vec<String> =
        NAMES.map(str::to_owned).into_iter().chain(needed).chain(needs.group_by.clone()).collect();
    names.sort();
    names.dedup();
    let columns = Columns::new(names).ok()?;
    let mut rows = Rows::new(Arc::clone(&columns));
    for _ in 0..3 {
        let row: Vec<&str> = values.by_ref().take(columns.len()).collect();
        rows.push(row);
    }
    Some(Body::Rows(rows))
}

fn tree<'a>(values: &mut impl Iterator<Item = &'a str>) -> Option<Body> {
    let mut builder = TreeBuilder::new();
    builder.open(&Name::new("", "r"));
    for name in NAMES {
        for _ in 0..2 {
            builder.open(&Name::new("", name));
            builder.attribute(&Name::new("", "a"), values.next()?);
            builder.text(values.next()?);
            builder.open(&Name::new("urn:b", "a"));
            builder.text(values.next()?);
            builder.close();
            builder.close();
        }
    }
    builder.close().map(Body::Element)
}
