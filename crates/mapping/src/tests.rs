mod chosen;
mod clearing;
mod conditions;
mod control;
mod csv;
mod diagnostics;
mod documentation;
mod groups;
mod json;
mod laws;
mod orders;
mod paths;
mod selection;
mod tools;
mod xml;

use std::collections::BTreeMap;
use std::sync::Arc;

use ::csv::ReaderBuilder;
use canonical::record::{Body, Columns, Name, Rows, Tree, TreeBuilder};
use quick_xml::NsReader;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;

use crate::{Mapping, Table};

/// Named tables for tests.
fn tables() -> BTreeMap<String, Arc<Table>> {
    let countries = Table::new([("FRANCE", "FR"), ("Allemagne", "DE"), ("BELGIQUE", "BE"), ("FR", "FR")]);
    BTreeMap::from([("countries-fr".to_owned(), Arc::new(countries))])
}

/// Compiles a mapping that is right.
fn mapping(text: &str) -> Arc<Mapping> {
    match Mapping::compile("test.toml", text, &tables()) {
        Ok(mapping) => Arc::new(mapping),
        Err(findings) => panic!("{}", findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

/// Rows of a text with semicolons, the header first.
fn rows(text: &str) -> Body {
    let mut reader = ReaderBuilder::new().delimiter(b';').from_reader(text.as_bytes());
    let columns = Columns::new(reader.headers().unwrap().iter().map(str::to_owned)).unwrap();
    let mut rows = Rows::new(columns);
    for record in reader.records() {
        assert!(rows.push(record.unwrap().iter()));
    }
    Body::Rows(rows)
}

/// The text of rows, to compare with.
fn csv_of(body: &Body) -> String {
    let Body::Rows(rows) = body else { panic!("no rows") };
    let mut lines = vec![rows.columns().names().collect::<Vec<_>>().join(";")];
    lines.extend((0..rows.len()).map(|row| rows.row(row).collect::<Vec<_>>().join(";")));
    lines.join("\n")
}

/// An XML record from its text.
fn element(text: &str) -> Body {
    Body::Element(tree(text))
}

fn tree(text: &str) -> Tree {
    let mut reader = NsReader::from_str(text);
    let mut builder = TreeBuilder::new();
    loop {
        let (resolved, event) = reader.read_resolved_event().unwrap();
        let namespace = match resolved {
            ResolveResult::Bound(namespace) => namespace.as_ref().to_owned(),
            _ => String::new(),
        };
        let close = matches!(event, Event::Empty(_) | Event::End(_));
        match event {
            Event::Start(start) | Event::Empty(start) => {
                let local = start.local_name();
                builder.open(&Name::new(&namespace, local.as_ref()));
                for attribute in start.attributes() {
                    let attribute = attribute.unwrap();
                    if attribute.key.as_namespace_binding().is_some() {
                        continue;
                    }
                    let (resolved, local) = reader.resolver().resolve_attribute(attribute.key);
                    let namespace = match resolved {
                        ResolveResult::Bound(namespace) => namespace.as_ref().to_owned(),
                        _ => String::new(),
                    };
                    builder.attribute(&Name::new(&namespace, local.as_ref()), &attribute.value);
                }
            }
            Event::Text(text) => builder.text(&text),
            Event::CData(text) => builder.text(&text),
            Event::GeneralRef(reference) => builder.text(match &*reference {
                "amp" => "&",
                "lt" => "<",
                "gt" => ">",
                _ => "?",
            }),
            Event::Eof => panic!("the text ends too early"),
            _ => {}
        }
        if close && let Some(tree) = builder.close() {
            return tree;
        }
    }
}

/// The text of an XML record without prefixes and without text that is white space only.
fn xml_of(body: &Body) -> String {
    fn show(element: canonical::record::Element<'_>, text: &mut String) {
        let name = &element.name().local;
        text.push_str(&format!("<{name}"));
        for (name, value) in element.attributes() {
            text.push_str(&format!(" {}=\"{value}\"", name.local));
        }
        text.push('>');
        text.push_str(element.text().trim());
        element.children().for_each(|child| show(child, text));
        text.push_str(&format!("</{name}>"));
    }
    let Body::Element(tree) = body else { panic!("no element") };
    let mut text = String::new();
    show(tree.root(), &mut text);
    text
}

/// The messages of errors on data.
fn messages(errors: &[crate::DataError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}
