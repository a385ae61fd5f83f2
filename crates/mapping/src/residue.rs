//! What of a record a mapping does not carry.

mod mask;

use std::collections::{BTreeMap, BTreeSet};

use canonical::record::{Body, Columns, Element, Json, Name, Rows};

use crate::cursor::{Context, Cursor, Resolved};
use crate::item_condition::ItemCondition;
use crate::mapping::Mapping;
use crate::place::{Path, Place};
use crate::program::{EachAt, Leaf, List, Node, Object, Program, Source, Values, ValuesSource};
use crate::reader;
use crate::xml::XmlNode;
use mask::{Mask, State};

/// See [`Mapping::residue`].
pub(crate) fn residue(mapping: &Mapping, body: &Body) -> Option<Body> {
    match body {
        Body::Rows(rows) => {
            let wanted = |leaf: &Leaf| leaf.direction.writes();
            rows_residue(rows, &mapped_columns(mapping, body, rows, &wanted))
        }
        Body::Element(tree) => {
            let mask = marked(mapping, body, |leaf| leaf.direction.writes(), false);
            let kept = keep_element(tree.root(), &mask);
            let is_left = !mask.is_done();
            kept.filter(|_| is_left)?.build().map(Body::Element)
        }
        Body::Json(value) => {
            let mask = marked(mapping, body, |leaf| leaf.direction.writes(), false);
            if mask.is_done() {
                return None;
            }
            Some(Body::Json(keep_json(value, &mask)))
        }
    }
}

/// The places of a record that have content and that no line reads, sorted, each once.
pub(crate) fn unmapped(mapping: &Mapping, body: &Body) -> Vec<String> {
    let mut found = BTreeSet::new();
    match body {
        Body::Rows(rows) => {
            let wanted = |leaf: &Leaf| leaf.direction.reads();
            let mut mapped = mapped_columns(mapping, body, rows, &wanted);
            mapped.extend(head_columns(&mapping.program));
            mapped.extend(asked_columns(&mapping.program));
            for embedded in mapping.embedded() {
                mapped.extend(mapped_columns(&embedded.mapping, body, rows, &wanted));
            }
            for (position, name) in rows.columns().names().enumerate() {
                if !mapped.contains(name) && has_content(rows, position) {
                    found.insert(name.to_owned());
                }
            }
        }
        Body::Element(tree) => {
            let mask = marked(mapping, body, |leaf| leaf.direction.reads(), true);
            let prefixes = prefixes(mapping);
            list_element(tree.root(), &mask, &prefixes, &mut String::new(), &mut found);
        }
        Body::Json(value) => {
            let mask = marked(mapping, body, |leaf| leaf.direction.reads(), true);
            list_json(value, &mask, &mut String::new(), &mut found);
        }
    }
    found.into_iter().collect()
}

/// Attributes of this namespace tell XML tools where a schema lies; they are no content.
const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

type Wanted = fn(&Leaf) -> bool;

/// The columns that the key, the constants and the wanted lines of a mapping use, as far as those count for this record.
fn mapped_columns<'m>(
    mapping: &'m Mapping,
    body: &Body,
    rows: &Rows,
    wanted: &dyn Fn(&Leaf) -> bool,
) -> BTreeSet<&'m str> {
    let program = &mapping.program;
    if !program.is_conditional {
        return columns_of(program, wanted);
    }
    let mut resolved = Resolved::default();
    resolved.resolve(program, body);
    let context = reader::context(mapping, &resolved, body);
    let counts = |leaf: &Leaf| (0..rows.len()).any(|row| leaf.when.hold(&context, Cursor::Row(rows, row)));
    columns_of(program, &|leaf| wanted(leaf) && counts(leaf))
}

fn columns_of<'m>(program: &'m Program, wanted: &dyn Fn(&Leaf) -> bool) -> BTreeSet<&'m str> {
    let mut mapped = BTreeSet::new();
    let mut add = |place: &Place| {
        if let Place::Column(slot) = place
            && let Some(name) = program.columns.names.get(*slot)
        {
            mapped.insert(&**name);
        }
    };
    program.key.iter().for_each(|key| add(&key.place));
    program.constants.iter().for_each(|(place, _)| add(place));
    each_place(&program.root, wanted, &mut add);
    program.leaves(&mut |leaf| leaf.row.iter().filter(|_| wanted(leaf)).for_each(|row| add(&row.column)));
    mapped
}

/// The columns that the head reads: those in which the drop states its totals, and those that tell whether a record is
/// one of the mapping's.
fn head_columns(program: &Program) -> impl Iterator<Item = &str> {
    let places = program.control.iter().flat_map(|control| control.places());
    places.chain(program.when.places()).filter_map(|place| column(program, place))
}

/// The columns that conditions of lines look at, whether they hold or not.
fn asked_columns(program: &Program) -> Vec<&str> {
    let mut asked = Vec::new();
    program.leaves(&mut |leaf| asked.extend(leaf.when.places().filter_map(|place| column(program, place))));
    asked
}

fn column<'p>(program: &'p Program, place: &Place) -> Option<&'p str> {
    match place {
        Place::Column(slot) => program.columns.names.get(*slot).map(|name| &**name),
        Place::Path(_) => None,
    }
}

fn each_place(object: &Object, wanted: &dyn Fn(&Leaf) -> bool, add: &mut impl FnMut(&Place)) {
    for member in &object.members {
        node_places(&member.node, wanted, add);
    }
}

fn node_places(node: &Node, wanted: &dyn Fn(&Leaf) -> bool, add: &mut impl FnMut(&Place)) {
    match node {
        Node::Leaf(leaf) if wanted(leaf) => leaf.all_places().into_iter().for_each(add),
        Node::Leaf(_) => {}
        Node::Object(object) => object.members.iter().for_each(|member| node_places(&member.node, wanted, add)),
        Node::List(list) => {
            list.chosen.iter().for_each(|chosen| node_places(&chosen.node, wanted, add));
            list.each.iter().for_each(|each| node_places(&each.node, wanted, add));
            if let Some(values) = list.values.as_ref().filter(|values| wanted(&values.leaf)) {
                match &values.source {
                    ValuesSource::Split(place, _) => add(place),
                    ValuesSource::Places(places) => places.iter().for_each(add),
                    ValuesSource::Repeated(_) => {}
                }
            }
        }
    }
}

fn has_content(rows: &Rows, column: usize) -> bool {
    (0..rows.len()).any(|row| rows.value(row, column).is_some_and(|text| !text.trim().is_empty()))
}

fn rows_residue(rows: &Rows, mapped: &BTreeSet<&str>) -> Option<Body> {
    let columns = rows.columns();
    let left: Vec<(usize, &str)> = columns
        .names()
        .enumerate()
        .filter(|(position, name)| !mapped.contains(name) && has_content(rows, *position))
        .collect();
    if left.is_empty() {
        return None;
    }
    let columns = Columns::new(left.iter().map(|(_, name)| *name)).ok()?;
    let mut kept = Rows::new(columns);
    for row in 0..rows.len() {
        kept.push(left.iter().map(|(position, _)| rows.value(row, *position).unwrap_or_default()));
    }
    Some(Body::Rows(kept))
}

/// A mask of a record in which everything is marked that the wanted lines carry.
///
/// With `as_read`, places that a line could read and did not, since another of its places went before them, stay unmarked.
fn marked(mapping: &Mapping, body: &Body, wanted: Wanted, as_read: bool) -> Mask {
    let mut mask = match body {
        Body::Element(tree) => Mask::of_element(tree.root()),
        Body::Json(value) => Mask::of_json(value),
        Body::Rows(_) => Mask::default(),
    };
    let embedded = mapping.embedded().iter().map(|embedded| &*embedded.mapping);
    for mapping in std::iter::once(mapping).chain(embedded) {
        let mut resolved = Resolved::default();
        resolved.resolve(&mapping.program, body);
        let context = reader::context(mapping, &resolved, body);
        let marker = Marker { context: &context, wanted, as_read, asked: &[] };
        let cursor = Cursor::start(body);
        mapping.program.key.iter().for_each(|key| marker.place(&key.place, cursor, &mut mask));
        mapping.program.constants.iter().for_each(|(place, _)| marker.place(place, cursor, &mut mask));
        if as_read {
            let stated = mapping.program.control.iter().flat_map(|control| control.places());
            stated.chain(mapping.program.when.places()).for_each(|place| marker.place(place, cursor, &mut mask));
        }
        marker.object(&mapping.program.root, cursor, &mut mask);
    }
    mask
}

/// Marks what lines carry.
#[derive(Clone, Copy)]
struct Marker<'m> {
    context: &'m Context<'m>,
    wanted: Wanted,
    as_read: bool,
    /// What the innermost repeating group asks of its items: what is left must still tell which ones are its own.
    asked: &'m [ItemCondition],
}

impl Marker<'_> {
    fn object(&self, object: &Object, cursor: Cursor<'_>, mask: &mut Mask) {
        object.members.iter().for_each(|member| self.node(&member.node, cursor, mask));
    }

    fn node(&self, node: &Node, cursor: Cursor<'_>, mask: &mut Mask) {
        match node {
            Node::Leaf(leaf) => self.leaf(leaf, cursor, mask),
            Node::Object(object) => self.object(object, cursor, mask),
            Node::List(list) => self.list(list, cursor, mask),
        }
    }

    fn leaf(&self, leaf: &Leaf, cursor: Cursor<'_>, mask: &mut Mask) {
        let is_asked = || self.asked.iter().any(|condition| condition.leaf.path == leaf.path);
        if !(self.wanted)(leaf) || (!self.as_read && is_asked()) {
            return;
        }
        if !leaf.when.hold(self.context, cursor) {
            // What was looked at was read, whatever came of it.
            leaf.when.places().filter(|_| self.as_read).for_each(|place| self.place(place, cursor, mask));
            return;
        }
        self.asked(leaf, cursor, mask);
        for place in self.carried(leaf, cursor) {
            self.place(place, cursor, mask);
            if let (Some(attribute), Place::Path(path)) = (&leaf.currency_attribute, place) {
                self.place(&Place::Path(attribute.path.below(path)), cursor, mask);
            }
        }
    }

    /// Marks the places that a line looks at besides its own.
    fn asked(&self, leaf: &Leaf, cursor: Cursor<'_>, mask: &mut Mask) {
        leaf.asked_places().into_iter().for_each(|place| self.place(place, cursor, mask));
    }

    /// The places of a line: where only what was read counts, the first with content and those that say the same.
    fn carried<'l>(&self, leaf: &'l Leaf, cursor: Cursor<'_>) -> Vec<&'l Place> {
        let mut places = leaf.source.places();
        if self.as_read && matches!(leaf.source, Source::First(_)) && places.len() > 1 {
            let first = places.iter().find_map(|place| self.text(place, cursor));
            places.retain(|place| self.text(place, cursor) == first);
        }
        places
    }

    /// The content at a place; `None` where there is nothing.
    fn text(&self, place: &Place, cursor: Cursor<'_>) -> Option<String> {
        let text = self.context.raw(place, cursor).ok().flatten()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn place(&self, place: &Place, cursor: Cursor<'_>, mask: &mut Mask) {
        let Place::Path(path) = place else { return };
        if mask.mark(self.context, cursor, &path.steps, path.attribute, State::Carried) && self.as_read {
            self.repetitions(place, path, cursor, mask);
        }
    }

    /// Marks the places at the same path that only say again what was read.
    fn repetitions(&self, place: &Place, path: &Path, cursor: Cursor<'_>, mask: &mut Mask) {
        let here = Place::Path(Path { steps: Vec::new(), ..path.clone() });
        let read = self.text(place, cursor);
        mask.every(self.context, cursor, &path.steps, &mut |at, mask| {
            if self.text(&here, at) == read {
                mask.mark(self.context, at, &[], path.attribute, State::Carried);
            }
        });
    }

    fn list(&self, list: &List, cursor: Cursor<'_>, mask: &mut Mask) {
        list.chosen.iter().for_each(|chosen| self.node(&chosen.node, cursor, mask));
        if let Some(each) = &list.each
            && let EachAt::Path(path) = &each.at
        {
            let inside = Marker { asked: &each.items, ..*self };
            mask.every(self.context, cursor, &path.steps, &mut |cursor, mask| {
                if each.takes(self.context, cursor) {
                    inside.node(&each.node, cursor, mask);
                }
            });
        }
        if let Some(values) = list.values.as_ref().filter(|values| (self.wanted)(&values.leaf)) {
            self.values(values, cursor, mask);
        }
    }

    fn values(&self, values: &Values, cursor: Cursor<'_>, mask: &mut Mask) {
        match &values.source {
            ValuesSource::Split(place, _) => self.place(place, cursor, mask),
            ValuesSource::Places(places) => places.iter().for_each(|place| self.place(place, cursor, mask)),
            ValuesSource::Repeated(path) => mask.every(self.context, cursor, &path.steps, &mut |_, mask| {
                mask.mark_here(path.attribute.is_none());
            }),
        }
    }
}

/// What is left of an element; `None` when nothing is.
fn keep_element(element: Element<'_>, mask: &Mask) -> Option<XmlNode> {
    let mut node = XmlNode::new(element.name().clone());
    if mask.text.stays() {
        element.text().clone_into(&mut node.text);
    }
    for ((name, value), state) in element.attributes().zip(&mask.attributes) {
        if state.stays() {
            node.attributes.push((name.clone(), value.to_owned()));
        }
    }
    let children: Vec<(Element<'_>, &Mask)> = element.children().zip(&mask.children).collect();
    for (index, (child, inner)) in children.iter().enumerate() {
        // An element before a kept one of the same name keeps its position, empty if need be.
        let holds_place =
            || children[index + 1..].iter().any(|(later, inner)| later.name() == child.name() && !inner.is_done());
        if !inner.is_done() || holds_place() {
            node.children.extend(keep_element(*child, inner));
        }
    }
    Some(node)
}

/// What is left of a JSON value. Items of an array keep their positions.
fn keep_json(value: &Json, mask: &Mask) -> Json {
    match value {
        Json::Object(members) => Json::Object(
            members
                .iter()
                .zip(&mask.children)
                .filter(|(_, inner)| !inner.is_done() || inner.text == State::Structural)
                .map(|((name, value), inner)| (name.to_owned(), keep_json(value, inner)))
                .collect(),
        ),
        Json::Array(items) => {
            Json::Array(items.iter().zip(&mask.children).map(|(item, inner)| keep_json(item, inner)).collect())
        }
        scalar if mask.text.stays() => scalar.clone(),
        _ => Json::Null,
    }
}

/// The prefixes of a mapping by namespace.
fn prefixes(mapping: &Mapping) -> BTreeMap<&str, &str> {
    let namespaces = mapping.stream_needs().namespaces.iter();
    namespaces.flat_map(|(prefix, uris)| uris.iter().map(move |uri| (uri.as_str(), prefix.as_str()))).collect()
}

fn display_name(name: &Name, prefixes: &BTreeMap<&str, &str>) -> String {
    match (&*name.namespace, prefixes.get(&*name.namespace)) {
        ("", _) | (_, Some(&"")) => name.local.to_string(),
        (_, Some(prefix)) => format!("{prefix}:{}", name.local),
        (uri, None) => format!("{{{uri}}}{}", name.local),
    }
}

fn list_element(
    element: Element<'_>,
    mask: &Mask,
    prefixes: &BTreeMap<&str, &str>,
    path: &mut String,
    found: &mut BTreeSet<String>,
) {
    if mask.text == State::Left && !element.text().trim().is_empty() {
        found.insert(if path.is_empty() { ".".to_owned() } else { path.clone() });
    }
    let length = path.len();
    let separator = if path.is_empty() { "" } else { "/" };
    for ((name, value), state) in element.attributes().zip(&mask.attributes) {
        if *state == State::Left && !value.trim().is_empty() && &*name.namespace != SCHEMA_INSTANCE {
            found.insert(format!("{path}{separator}@{}", display_name(name, prefixes)));
        }
    }
    for (child, inner) in element.children().zip(&mask.children) {
        path.push_str(separator);
        path.push_str(&display_name(child.name(), prefixes));
        list_element(child, inner, prefixes, path, found);
        path.truncate(length);
    }
}

fn list_json(value: &Json, mask: &Mask, path: &mut String, found: &mut BTreeSet<String>) {
    let length = path.len();
    match value {
        Json::Object(members) => {
            for ((name, value), inner) in members.iter().zip(&mask.children) {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
                list_json(value, inner, path, found);
                path.truncate(length);
            }
        }
        Json::Array(items) => {
            items.iter().zip(&mask.children).for_each(|(item, inner)| list_json(item, inner, path, found));
        }
        Json::Null => {}
        Json::String(text) if text.trim().is_empty() => {}
        _ if mask.text == State::Left => {
            found.insert(if path.is_empty() { ".".to_owned() } else { path.clone() });
        }
        _ => {}
    }
}
