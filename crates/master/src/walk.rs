//! A walk through several documents of one entity at once, unit by unit.
//!
//! A unit is what wins or loses as a whole.
//! Which fields form one follows from the shape of the entity, so that a new field needs nothing here:
//! - a field with a value of its own is a unit; money and references are single values;
//! - a group of such fields is one unit (`payment_terms`, `seller.address`, `totals`);
//! - a group that holds groups or lists is walked into (`seller`);
//! - the items of a list with the same selector are one unit (`addresses.main`, `identifiers.siret`);
//! - a list without selector is a unit, whole (`lines`);
//! - each member of `extensions` is one (`extensions.erp`).
//!
//! Two things the shape does not tell: a person's given and family name are one unit, [`NAME_UNIT`],
//! and the references of a payment are told by different systems, so that each is a unit of its own.

use std::collections::BTreeSet;

use canonical::document::lists;
use canonical::document::shape::{Field, Shape, Shaped};
use canonical::document::{Identifier, Reference};
use canonical::entity::Entity;
use canonical::identifier::Scheme;
use serde_json::{Map, Value};

use crate::normal::{MONEY, is_empty, order};
use crate::path::Path;

/// The unit of a person's given and family name.
pub(crate) const NAME_UNIT: &str = "name";
/// What belongs to it.
pub(crate) const NAME_FIELDS: [&str; 2] = ["given_name", "family_name"];
/// A flat group whose fields are units of their own.
const LOOSE_GROUP: &str = "references";

/// One value within a unit. Its path is the unit's with `name` behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf {
    /// The field's name; empty when the unit is a single value.
    pub(crate) name: &'static str,
    /// The nature of the value.
    pub(crate) shape: Shape,
    /// The fields of an item, when the leaf is all items of one selector, whole.
    pub(crate) item: Option<&'static [Field]>,
}

/// One unit of all documents.
#[derive(Debug, Default)]
pub(crate) struct Unit<'a> {
    /// Its name where that is not its path.
    title: Option<&'static str>,
    /// The scheme, when the unit is an identifier of a scheme with a check.
    pub(crate) scheme: Option<Scheme>,
    /// What it is made of.
    pub(crate) leaves: Vec<Leaf>,
    values: Vec<&'a [Value]>,
    documents: usize,
}

impl<'a> Unit<'a> {
    /// What a document says at a leaf; nothing when it is empty there, several values when it is several items.
    pub(crate) fn value(&self, leaf: usize, document: usize) -> &'a [Value] {
        self.values.get(leaf * self.documents + document).copied().unwrap_or_default()
    }

    /// The unit's name, where `path` leads to it.
    pub(crate) fn name<'p>(&self, path: &'p Path) -> &'p str {
        self.title.unwrap_or_else(|| path.text())
    }

    /// Whether no document says anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.iter().all(|value| value.is_empty())
    }

    fn begin(&mut self, heading: Heading) {
        self.title = heading.title;
        self.scheme = heading.scheme;
        self.leaves.clear();
        self.values.clear();
    }
}

/// What is known of a unit before its values.
#[derive(Debug, Clone, Copy, Default)]
struct Heading {
    title: Option<&'static str>,
    scheme: Option<Scheme>,
    /// The field that tells items apart; it is no value.
    selector: Option<&'static str>,
}

/// Decides about units.
pub(crate) trait Choose<'a> {
    /// Puts the value of each leaf into `chosen`, in order; what is not put there stays empty.
    /// `path` leads to the unit and does so again when the call is done.
    fn choose(&mut self, path: &mut Path, unit: &Unit<'a>, chosen: &mut Vec<&'a [Value]>);
}

type Frame<'a> = Option<&'a Map<String, Value>>;

/// Walks through documents of one entity and makes one of what `choose` chooses, in normal form.
pub(crate) fn walk<'a>(entity: &Entity, documents: &[&'a Value], choose: &mut impl Choose<'a>) -> Map<String, Value> {
    let frames: Vec<Frame<'a>> = documents.iter().map(|document| document.as_object()).collect();
    let unit = Unit { documents: frames.len(), ..Unit::default() };
    let mut walk = Walk { path: Path::default(), unit, chosen: Vec::new(), choose };
    match lists::shape(entity) {
        Shape::Group(fields) => walk.fields(fields, &frames, false),
        _ => walk.members(&frames),
    }
}

struct Walk<'a, 'c, C> {
    path: Path,
    unit: Unit<'a>,
    chosen: Vec<&'a [Value]>,
    choose: &'c mut C,
}

impl<'a, C: Choose<'a>> Walk<'a, '_, C> {
    /// Fields of a group that is walked into.
    fn fields(&mut self, fields: &'static [Field], frames: &[Frame<'a>], loose: bool) -> Map<String, Value> {
        let mut made = Map::new();
        let mut rest = fields;
        while let Some((field, after)) = rest.split_first() {
            rest = after;
            if field.name == NAME_FIELDS[0] && after.first().is_some_and(|next| next.name == NAME_FIELDS[1]) {
                let heading = Heading { title: Some(NAME_UNIT), ..Heading::default() };
                self.group(heading, &[*field, after[0]], frames, &mut made);
                rest = &after[1..];
                continue;
            }
            let mark = self.path.field(field.name);
            if let Some(value) = self.field(field, frames, loose) {
                made.insert(field.name.to_owned(), value);
            }
            self.path.back(mark);
        }
        made
    }

    fn field(&mut self, field: &'static Field, frames: &[Frame<'a>], loose: bool) -> Option<Value> {
        let made = match Part::of(field, loose) {
            Part::Leaf => {
                self.begin_single(field.shape, frames.iter().map(|frame| value_of(*frame, field.name)));
                return self.decide().next().and_then(|(_, value)| value.first()).cloned();
            }
            Part::Group(fields) => {
                let mut made = Map::new();
                self.group(Heading::default(), fields, &inner(frames, field.name), &mut made);
                made
            }
            Part::Open(fields) => self.fields(fields, &inner(frames, field.name), is_loose(field)),
            Part::Members => self.members(&inner(frames, field.name)),
            Part::Items { selector, shape, fields } => {
                let items = self.items(selector, shape, fields, &lists_of(frames, field.name));
                return (!items.is_empty()).then_some(Value::Array(items));
            }
        };
        (!made.is_empty()).then_some(Value::Object(made))
    }

    /// One unit out of fields of the same group.
    fn group(&mut self, heading: Heading, fields: &[Field], frames: &[Frame<'a>], made: &mut Map<String, Value>) {
        self.unit.begin(heading);
        for field in fields.iter().filter(|field| Some(field.name) != heading.selector) {
            self.unit.leaves.push(Leaf { name: field.name, shape: field.shape, item: None });
            self.unit.values.extend(frames.iter().map(|frame| value_of(*frame, field.name)));
        }
        for (leaf, value) in self.decide() {
            if let Some(value) = value.first() {
                made.insert(leaf.name.to_owned(), value.clone());
            }
        }
    }

    /// Items of a list, grouped by their selectors, in the order of these.
    fn items(
        &mut self,
        selector: &'static str,
        shape: Shape,
        fields: &'static [Field],
        lists: &[&'a [Value]],
    ) -> Vec<Value> {
        let selectors: BTreeSet<&'a str> =
            lists.iter().flat_map(|list| list.iter().map(|item| selector_of(item, selector))).collect();
        let mut made = Vec::new();
        for wanted in selectors {
            let groups: Vec<&'a [Value]> = lists.iter().map(|list| group_of(list, selector, wanted)).collect();
            let mark = self.path.selector(wanted);
            let scheme = (shape == Identifier::SHAPE).then(|| Scheme::from_text(wanted)).flatten();
            if groups.iter().all(|group| group.len() <= 1) {
                let frames: Vec<Frame<'a>> =
                    groups.iter().map(|group| group.first().and_then(Value::as_object)).collect();
                let mut item = Map::new();
                let heading = Heading { title: None, scheme, selector: Some(selector) };
                self.group(heading, fields, &frames, &mut item);
                if !item.is_empty() {
                    made.push(labelled(item, selector, wanted, fields));
                }
            } else {
                self.begin_single(shape, groups.iter().copied());
                self.unit.scheme = scheme;
                if let Some(leaf) = self.unit.leaves.first_mut() {
                    leaf.item = Some(fields);
                }
                made.extend(self.decide().flat_map(|(_, items)| items.iter().cloned()));
            }
            self.path.back(mark);
        }
        made
    }

    /// Members of a group without known fields, each of them one unit, in the order of their names.
    fn members(&mut self, frames: &[Frame<'a>]) -> Map<String, Value> {
        let names: BTreeSet<&'a str> =
            frames.iter().flatten().flat_map(|frame| frame.keys().map(String::as_str)).collect();
        let mut made = Map::new();
        for name in names {
            let mark = self.path.field(name);
            self.begin_single(Shape::Any, frames.iter().map(|frame| value_of(*frame, name)));
            if let Some(value) = self.decide().next().and_then(|(_, value)| value.first()) {
                made.insert(name.to_owned(), value.clone());
            }
            self.path.back(mark);
        }
        made
    }

    fn begin_single(&mut self, shape: Shape, values: impl Iterator<Item = &'a [Value]>) {
        self.unit.begin(Heading::default());
        self.unit.leaves.push(Leaf { name: "", shape, item: None });
        self.unit.values.extend(values);
    }

    fn decide(&mut self) -> impl Iterator<Item = (&Leaf, &'a [Value])> {
        self.chosen.clear();
        self.choose.choose(&mut self.path, &self.unit, &mut self.chosen);
        self.unit.leaves.iter().zip(self.chosen.iter().copied())
    }
}

/// What a field means for the walk.
pub(crate) enum Part {
    /// It is a unit, or a leaf of one.
    Leaf,
    /// It is one unit of these fields.
    Group(&'static [Field]),
    /// It is walked into.
    Open(&'static [Field]),
    /// Each of its members is a unit.
    Members,
    /// Its items are units by their selectors.
    Items {
        /// The field that tells items apart.
        selector: &'static str,
        /// The nature of an item.
        shape: Shape,
        /// The fields of an item.
        fields: &'static [Field],
    },
}

/// Whether the fields of a group are units of their own, although the group is flat.
pub(crate) fn is_loose(field: &Field) -> bool {
    field.name == LOOSE_GROUP
}

impl Part {
    /// What a field means; `loose` when it stands in a group whose fields are units of their own.
    pub(crate) fn of(field: &Field, loose: bool) -> Self {
        match field.shape {
            _ if loose || is_leaf(field.shape) => Self::Leaf,
            Shape::Group(fields) if field.name != LOOSE_GROUP && fields.iter().all(|field| is_leaf(field.shape)) => {
                Self::Group(fields)
            }
            Shape::Group(fields) => Self::Open(fields),
            Shape::List { selector: Some(selector), item: shape @ Shape::Group(fields) } => {
                Self::Items { selector, shape: *shape, fields }
            }
            _ => Self::Members,
        }
    }
}

fn is_leaf(shape: Shape) -> bool {
    match shape {
        Shape::Group(_) => shape == Reference::SHAPE,
        Shape::List { selector: Some(_), item: Shape::Group(_) } | Shape::Any => false,
        _ => true,
    }
}

fn value_of<'a>(frame: Frame<'a>, name: &str) -> &'a [Value] {
    let value = frame.and_then(|members| members.get(name)).filter(|value| !is_empty(value));
    value.map_or(&[], std::slice::from_ref)
}

fn inner<'a>(frames: &[Frame<'a>], name: &str) -> Vec<Frame<'a>> {
    frames.iter().map(|frame| frame.and_then(|members| members.get(name)).and_then(Value::as_object)).collect()
}

fn lists_of<'a>(frames: &[Frame<'a>], name: &str) -> Vec<&'a [Value]> {
    let list = |frame: &Frame<'a>| frame.and_then(|members| members.get(name)).and_then(Value::as_array);
    frames.iter().map(|frame| list(frame).map_or(&[] as &[Value], Vec::as_slice)).collect()
}

/// What tells an item of a list apart; nothing for an item that does not say it.
pub(crate) fn selector_of<'a>(item: &'a Value, selector: &str) -> &'a str {
    item.get(selector).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a selector, which the normal form puts side by side.
fn group_of<'a>(list: &'a [Value], selector: &str, wanted: &str) -> &'a [Value] {
    let start = list.iter().position(|item| selector_of(item, selector) == wanted).unwrap_or(list.len());
    let length = list[start..].iter().take_while(|item| selector_of(item, selector) == wanted).count();
    &list[start..start + length]
}

/// An item with its selector, in the order of the fields.
fn labelled(item: Map<String, Value>, selector: &str, wanted: &str, fields: &[Field]) -> Value {
    let mut labelled = Map::with_capacity(item.len() + 1);
    if !wanted.is_empty() {
        labelled.insert(selector.to_owned(), Value::from(wanted));
    }
    labelled.extend(item);
    order(&mut labelled, fields);
    Value::Object(labelled)
}

/// The units in which a document says something, in the order of its fields: `legal_name`, `addresses.main`, `lines`.
#[must_use]
pub fn units(entity: &Entity, document: &Value) -> Vec<String> {
    struct Names(Vec<String>);
    impl<'a> Choose<'a> for Names {
        fn choose(&mut self, path: &mut Path, unit: &Unit<'a>, _: &mut Vec<&'a [Value]>) {
            if !unit.is_empty() {
                self.0.push(unit.name(path).to_owned());
            }
        }
    }
    let mut names = Names(Vec::new());
    walk(entity, &[document], &mut names);
    names.0
}

/// The unit that a path belongs to: `addresses.main` for `addresses.main.line1`, `name` for `family_name`,
/// `lines` for `lines.net_amount`. A path that the entity does not have is cut behind its first unknown name.
#[must_use]
pub fn unit_of<'p>(entity: &Entity, path: &'p str) -> &'p str {
    let mut shape = lists::shape(entity);
    let mut loose = false;
    let mut end = 0;
    let mut segments = path.split('.');
    while let Some(segment) = segments.next() {
        end += segment.len() + usize::from(end > 0);
        if NAME_FIELDS.contains(&segment) && end == segment.len() && *entity == Entity::Customer {
            return NAME_UNIT;
        }
        let Some(field) = shape.field(segment) else { break };
        match Part::of(field, loose) {
            Part::Open(_) => loose = is_loose(field),
            Part::Leaf | Part::Group(_) => break,
            Part::Members | Part::Items { .. } => {
                end += segments.next().map_or(0, |selector| selector.len() + 1);
                break;
            }
        }
        shape = field.shape;
    }
    &path[..end]
}

/// Whether the entity has this path, with or without selectors; `name` is one.
pub(crate) fn is_path(entity: &Entity, path: &str) -> bool {
    fn has(shape: Shape, segments: &[&str]) -> bool {
        let Some((first, rest)) = segments.split_first() else { return true };
        match shape {
            Shape::Any => true,
            Shape::Group(_) => shape.field(first).is_some_and(|field| has(field.shape, rest)),
            Shape::Money => has(Shape::Group(MONEY), segments),
            Shape::List { selector, item } => has(*item, segments) || (selector.is_some() && has(*item, rest)),
            _ => false,
        }
    }
    let segments: Vec<&str> = path.split('.').collect();
    (path == NAME_UNIT && *entity == Entity::Customer) || has(lists::shape(entity), &segments)
}

#[cfg(test)]
mod tests;
