//! A mapping in words: one line for each field, so that somebody who does not program can sign it off.

mod words;

use serde::Serialize;

use crate::mapping::Mapping;
use crate::place::Place;
use crate::program::{Direction, EachAt, Leaf, List, Node, Object, Program, Source, Values, ValuesSource};

/// Which way a line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Flow {
    /// It reads and writes.
    Both,
    /// It only reads.
    Reads,
    /// It only writes.
    Writes,
}

/// One line of a mapping, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineInWords {
    /// The canonical path, with selectors. A list whose items repeat has `[]` behind its name.
    pub field: String,
    /// Where it stands in the record; empty for a value that is the same for every record.
    pub place: String,
    /// Which way it goes.
    pub flow: Flow,
    /// What happens to the value on its way, in English; empty when it is taken as it stands.
    pub conversion: String,
    /// Whether a value may come back changed after it was written.
    pub lossy: bool,
}

/// Every line of a mapping, in the order of its file; those that only name items of a list are left out.
pub(crate) fn lines(mapping: &Mapping) -> Vec<LineInWords> {
    let mut describer =
        Describer { program: &mapping.program, field: String::new(), place: String::new(), lines: vec![] };
    describer.object(&mapping.program.root);
    describer.lines
}

/// The places of the record's own key, in words.
pub(crate) fn key(program: &Program) -> String {
    program.key.iter().map(|key| shown(program, &key.place)).collect::<Vec<_>>().join(" + ")
}

/// A place as it is named in the file.
fn shown(program: &Program, place: &Place) -> String {
    match place {
        Place::Column(slot) => program.columns.names.get(*slot).map(|name| name.to_string()).unwrap_or_default(),
        Place::Path(path) => path.text.to_string(),
    }
}

struct Describer<'p> {
    program: &'p Program,
    /// The field that the lines are inside of.
    field: String,
    /// The path of the repeating group that the lines are inside of.
    place: String,
    lines: Vec<LineInWords>,
}

impl<'p> Describer<'p> {
    fn object(&mut self, object: &'p Object) {
        for member in &object.members {
            self.inside(&member.name, |describer| describer.node(&member.node));
        }
    }

    fn inside(&mut self, name: &str, visit: impl FnOnce(&mut Self)) {
        let length = self.field.len();
        if length > 0 {
            self.field.push('.');
        }
        self.field.push_str(name);
        visit(self);
        self.field.truncate(length);
    }

    fn node(&mut self, node: &'p Node) {
        match node {
            Node::Leaf(leaf) => self.leaf(leaf),
            Node::Object(object) => self.object(object),
            Node::List(list) => self.list(list),
        }
    }

    fn list(&mut self, list: &'p List) {
        for chosen in &list.chosen {
            let name = match &chosen.choice {
                crate::program::Choice::Selector(name) => name.to_string(),
                crate::program::Choice::Position(position) => (position + 1).to_string(),
            };
            self.inside(&name, |describer| describer.node(&chosen.node));
        }
        if let Some(each) = &list.each {
            let (field, place) = (self.field.len(), self.place.len());
            self.field.push_str("[]");
            match &each.at {
                EachAt::Rows => self.place.push_str("each row: "),
                EachAt::Path(path) => self.place.push_str(&format!("each {}: ", path.text)),
            }
            if !each.items.is_empty() {
                let asked: Vec<String> = each.items.iter().map(|asked| words::asked(self.program, asked)).collect();
                self.place.truncate(self.place.len() - ": ".len());
                self.place.push_str(&format!(" where {}: ", asked.join(" and ")));
            }
            self.node(&each.node);
            self.field.truncate(field);
            self.place.truncate(place);
        }
        if let Some(values) = &list.values {
            self.values(values);
        }
    }

    fn values(&mut self, values: &'p Values) {
        let (places, split): (Vec<&Place>, _) = match &values.source {
            ValuesSource::Split(place, separator) => (vec![place], Some(separator)),
            ValuesSource::Places(places) => (places.iter().collect(), None),
            ValuesSource::Repeated(path) => {
                let place = format!("each {}", path.text);
                return self.push(&values.leaf, place, words::conversion(self.program, &values.leaf));
            }
        };
        let place = places.iter().map(|place| shown(self.program, place)).collect::<Vec<_>>().join(", ");
        let mut conversion = words::conversion(self.program, &values.leaf);
        if let Some(separator) = split {
            conversion.insert(0, format!("several values with \"{separator}\" between them"));
        }
        self.push(&values.leaf, place, conversion);
    }

    fn leaf(&mut self, leaf: &'p Leaf) {
        if matches!(leaf.source, Source::Selector(_)) {
            return;
        }
        let places = leaf.source.places();
        let between = match &leaf.source {
            Source::Join(_, separator) => format!(" \"{separator}\" "),
            Source::First(_) => " or ".to_owned(),
            _ => ", ".to_owned(),
        };
        let place = places.into_iter().map(|place| shown(self.program, place)).collect::<Vec<_>>().join(&between);
        self.push(leaf, place, words::conversion(self.program, leaf));
    }

    fn push(&mut self, leaf: &Leaf, place: String, conversion: Vec<String>) {
        let flow = match leaf.direction {
            Direction::Both => Flow::Both,
            Direction::Read => Flow::Reads,
            Direction::Write => Flow::Writes,
        };
        self.lines.push(LineInWords {
            field: self.field.clone(),
            place: if place.is_empty() { place } else { format!("{}{place}", self.place) },
            flow,
            conversion: conversion.join("; "),
            lossy: leaf.lossy && leaf.is_two_way(),
        });
    }
}
