//! Positions in a record while it is read, and finding places from them.

use std::borrow::Cow;
use std::sync::Arc;

use canonical::record::{Body, Columns, Element, Json, NameId, Names, Rows};
use serde_json::Value;

use crate::error::{DataError, Problem};
use crate::place::{Path, Place, Predicate, Step};
use crate::program::Program;

/// A position in a record.
#[derive(Clone, Copy)]
pub(crate) enum Cursor<'a> {
    Row(&'a Rows, usize),
    Element(Element<'a>),
    Json(&'a Json),
}

impl<'a> Cursor<'a> {
    /// Whether every value is text, so that none can be of a wrong kind.
    #[inline]
    pub(crate) fn is_text(self) -> bool {
        !matches!(self, Cursor::Json(_))
    }

    /// The start of a record.
    pub(crate) fn start(body: &'a Body) -> Self {
        match body {
            Body::Rows(rows) => Cursor::Row(rows, 0),
            Body::Element(tree) => Cursor::Element(tree.root()),
            Body::Json(value) => Cursor::Json(value),
        }
    }
}

/// Where a program's columns and names are in the records of one stream.
///
/// It is looked up once for as long as records share their columns or names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resolved {
    columns: Option<Arc<Columns>>,
    positions: Vec<Option<usize>>,
    missing: Vec<DataError>,
    names: Option<Arc<Names>>,
    ids: Vec<NameIds>,
}

/// The numbers of the names that one number of the program stands for; nearly always there is one.
#[derive(Debug, Clone, Default)]
struct NameIds {
    first: Option<NameId>,
    others: Vec<NameId>,
}

impl NameIds {
    #[inline]
    fn contains(&self, id: NameId) -> bool {
        self.first == Some(id) || self.others.contains(&id)
    }

    fn iter(&self) -> impl Iterator<Item = NameId> {
        self.first.into_iter().chain(self.others.iter().copied())
    }
}

impl Resolved {
    /// Whether the record's columns are those that were looked up.
    pub(crate) fn suits(&self, body: &Body) -> bool {
        matches!((body, &self.columns), (Body::Rows(rows), Some(known)) if rows.columns() == known)
    }

    /// Looks columns and names up for a record, unless the last record had the same.
    pub(crate) fn resolve(&mut self, program: &Program, body: &Body) {
        match body {
            Body::Rows(rows) if !self.columns.as_ref().is_some_and(|known| Arc::ptr_eq(known, rows.columns())) => {
                self.resolve_columns(program, rows.columns());
            }
            Body::Element(tree) if !self.names.as_ref().is_some_and(|known| Arc::ptr_eq(known, tree.names())) => {
                let names = tree.names();
                self.ids.clear();
                self.ids.extend(program.names.names.iter().map(|alternatives| {
                    let mut known = alternatives.iter().filter_map(|name| names.id(name));
                    NameIds { first: known.next(), others: known.collect() }
                }));
                self.names = Some(Arc::clone(names));
            }
            _ => {}
        }
    }

    fn resolve_columns(&mut self, program: &Program, columns: &Arc<Columns>) {
        self.positions.clear();
        self.positions.extend(program.columns.names.iter().map(|name| columns.position(name)));
        self.missing.clear();
        for needed in &program.needed {
            if needed.slots.iter().any(|slot| self.positions.get(*slot).copied().flatten().is_some()) {
                continue;
            }
            let names: Vec<&str> =
                needed.slots.iter().filter_map(|slot| program.columns.names.get(*slot)).map(|name| &**name).collect();
            self.missing.push(missing_column(&needed.field, &names, columns));
        }
        self.columns = Some(Arc::clone(columns));
    }

    /// The columns that the mapping needs and the table does not have.
    pub(crate) fn missing(&self) -> &[DataError] {
        &self.missing
    }

    pub(crate) fn position(&self, slot: usize) -> Option<usize> {
        self.positions.get(slot).copied().flatten()
    }

    #[inline]
    fn is_named(&self, slots: &[usize], id: NameId) -> bool {
        slots.iter().any(|slot| self.ids.get(*slot).is_some_and(|ids| ids.contains(id)))
    }

    /// The one name that a step asks for, if that is all it asks for.
    #[inline]
    fn only(&self, step: &Step) -> Option<NameId> {
        let [slot] = step.names[..] else { return None };
        let ids = self.ids.get(slot).filter(|ids| ids.others.is_empty())?;
        let bare = step.predicates.is_empty() && step.position.is_none() && !step.alone;
        ids.first.filter(|_| bare)
    }

    /// Whether certainly no child has one of these names: then the children need not be looked at.
    #[inline]
    fn lacks(&self, element: Element<'_>, slots: &[usize]) -> bool {
        slots.iter().filter_map(|slot| self.ids.get(*slot)).all(|ids| ids.iter().all(|id| element.lacks_child(id)))
    }

    fn attribute<'a>(&self, element: Element<'a>, slot: usize) -> Option<&'a str> {
        self.ids.get(slot)?.iter().find_map(|id| element.attribute(id))
    }
}

/// At most so many columns of the table are named in the message about a missing one.
const NEAREST_MAX: usize = 3;

fn missing_column(field: &Arc<str>, names: &[&str], columns: &Columns) -> DataError {
    let wanted = names.join("\" or \"");
    let first = names.first().copied().unwrap_or_default().to_lowercase();
    let mut nearest: Vec<(usize, &str)> = columns
        .names()
        .filter(|name| !name.is_empty())
        .map(|name| (strsim::damerau_levenshtein(&first, &name.to_lowercase()), name))
        .collect();
    nearest.sort_by_key(|(distance, _)| *distance);
    nearest.truncate(NEAREST_MAX);
    let nearest = nearest.iter().map(|(_, name)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    DataError {
        field: Arc::clone(field),
        place: format!("column \"{wanted}\"").into(),
        value_class: "missing",
        reason: format!(
            "the table has no such column; the nearest are {nearest}; correct the line or say optional = true"
        ),
        code: "mapping.missing-column",
    }
}

/// What finding a place depends on.
pub(crate) struct Context<'a> {
    pub program: &'a Program,
    pub resolved: &'a Resolved,
    /// The values of the fields that predicates compare with.
    pub variables: Vec<Option<String>>,
}

impl Context<'_> {
    /// The text at a place, as it stands; `None` when there is no such place in this record.
    #[inline]
    pub(crate) fn raw<'a>(&self, place: &Place, cursor: Cursor<'a>) -> Result<Option<Cow<'a, str>>, Problem> {
        match (place, cursor) {
            (Place::Path(path), Cursor::Json(value)) => match self.first_json(value, &path.steps) {
                Some(found) => scalar_text(found),
                None => Ok(None),
            },
            _ => Ok(self.text(place, cursor).map(Cow::Borrowed)),
        }
    }

    /// The text at a place of a row or an element, where every value is text; nothing for JSON.
    #[inline]
    pub(crate) fn text<'a>(&self, place: &Place, cursor: Cursor<'a>) -> Option<&'a str> {
        match (place, cursor) {
            (Place::Column(slot), Cursor::Row(rows, row)) => rows.value(row, self.resolved.position(*slot)?),
            (Place::Path(path), Cursor::Element(element)) => self.element_text(element, path),
            _ => None,
        }
    }

    #[inline]
    fn element_text<'a>(&self, element: Element<'a>, path: &Path) -> Option<&'a str> {
        let found = self.first_element(element, &path.steps)?;
        match path.attribute {
            Some(slot) => self.resolved.attribute(found, slot),
            None => Some(found.text()),
        }
    }

    /// The first element at a path.
    pub(crate) fn first_element<'a>(&self, element: Element<'a>, steps: &[Step]) -> Option<Element<'a>> {
        let Some((step, rest)) = steps.split_first() else { return Some(element) };
        if self.resolved.lacks(element, &step.names) {
            return None;
        }
        if let Some(name) = self.resolved.only(step) {
            let mut named = element.children().filter(|child| child.name_id() == name);
            return named.find_map(|child| self.first_element(child, rest));
        }
        let mut fitting = element.children().filter(|child| self.fits(*child, step));
        if step.alone && fitting.clone().count() != 1 {
            return None;
        }
        match step.position {
            Some(position) => self.first_element(fitting.nth(position)?, rest),
            None => fitting.find_map(|child| self.first_element(child, rest)),
        }
    }

    /// Whether an element has the name of a step and meets its conditions.
    #[inline]
    pub(crate) fn fits(&self, element: Element<'_>, step: &Step) -> bool {
        self.resolved.is_named(&step.names, element.name_id())
            && (step.predicates.is_empty() || self.meets_all(element, step))
    }

    fn meets_all(&self, element: Element<'_>, step: &Step) -> bool {
        step.predicates.iter().all(|predicate| {
            let text = self.element_text(element, &predicate.path).map(str::trim);
            self.meets(predicate, text)
        })
    }

    /// Whether an attribute is the one that a path ends with.
    pub(crate) fn is_attribute(&self, slot: usize, name: &canonical::record::Name) -> bool {
        self.program.names.names.get(slot).is_some_and(|names| names.contains(name))
    }

    pub(crate) fn meets(&self, predicate: &Predicate, text: Option<&str>) -> bool {
        predicate.is_met(text, |variable| self.variables.get(variable)?.as_deref())
    }

    fn first_json<'a>(&self, value: &'a Json, steps: &[Step]) -> Option<&'a Json> {
        let Some((step, rest)) = steps.split_first() else { return Some(value) };
        if step.alone && self.json_children(value, step).count() != 1 {
            return None;
        }
        let mut fitting = self.json_children(value, step);
        match step.position {
            Some(position) => self.first_json(fitting.nth(position)?, rest),
            None => fitting.find_map(|child| self.first_json(child, rest)),
        }
    }

    /// The values below a member that meet a step's conditions: the items of an array, else the value itself.
    pub(crate) fn json_children<'a>(&self, value: &'a Json, step: &Step) -> impl Iterator<Item = &'a Json> {
        let name = step.names.first().map_or("", |slot| self.program.names.local(*slot));
        let items: &[Json] = match value.get(name) {
            Some(Json::Array(items)) => items,
            Some(other) => std::slice::from_ref(other),
            None => &[],
        };
        items.iter().filter(move |item| self.fits_json(item, step))
    }

    pub(crate) fn fits_json(&self, item: &Json, step: &Step) -> bool {
        step.predicates.iter().all(|predicate| {
            let text = self.first_json(item, &predicate.path.steps).and_then(|found| scalar_text(found).ok().flatten());
            self.meets(predicate, text.as_deref())
        })
    }

    /// Every position at a path, in the order of the record.
    pub(crate) fn every<'a>(&self, cursor: Cursor<'a>, path: &Path) -> Vec<Cursor<'a>> {
        let mut found = Vec::new();
        match cursor {
            Cursor::Element(element) => self.every_element(element, &path.steps, &mut found),
            Cursor::Json(value) => self.every_json(value, &path.steps, &mut found),
            Cursor::Row(..) => {}
        }
        found
    }

    fn every_element<'a>(&self, element: Element<'a>, steps: &[Step], found: &mut Vec<Cursor<'a>>) {
        let Some((step, rest)) = steps.split_first() else {
            found.push(Cursor::Element(element));
            return;
        };
        if self.resolved.lacks(element, &step.names) {
            return;
        }
        let fitting = element.children().filter(|child| self.fits(*child, step)).enumerate();
        if step.alone && fitting.clone().count() != 1 {
            return;
        }
        for (_, child) in fitting.filter(|(index, _)| step.position.is_none_or(|position| position == *index)) {
            self.every_element(child, rest, found);
        }
    }

    fn every_json<'a>(&self, value: &'a Json, steps: &[Step], found: &mut Vec<Cursor<'a>>) {
        let Some((step, rest)) = steps.split_first() else {
            match value {
                Json::Array(items) => found.extend(items.iter().map(Cursor::Json)),
                other => found.push(Cursor::Json(other)),
            }
            return;
        };
        if step.alone && self.json_children(value, step).count() != 1 {
            return;
        }
        let fitting = self.json_children(value, step).enumerate();
        for (_, child) in fitting.filter(|(index, _)| step.position.is_none_or(|position| position == *index)) {
            self.every_json(child, rest, found);
        }
    }
}

/// The text of a scalar of a record; nothing for null. A number has the digits that it came with, and no exponent.
pub(crate) fn scalar_text(value: &Json) -> Result<Option<Cow<'_, str>>, Problem> {
    match value {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(Cow::Borrowed(text))),
        Json::Bool(true) => Ok(Some(Cow::Borrowed("true"))),
        Json::Bool(false) => Ok(Some(Cow::Borrowed("false"))),
        Json::Number(number) => Ok(Some(number.plain())),
        Json::Array(_) | Json::Object(_) => Err(structure()),
    }
}

/// The text of a scalar of a document; nothing for null.
pub(crate) fn json_text(value: &Value) -> Result<Option<Cow<'_, str>>, Problem> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(Cow::Borrowed(text))),
        Value::Bool(true) => Ok(Some(Cow::Borrowed("true"))),
        Value::Bool(false) => Ok(Some(Cow::Borrowed("false"))),
        Value::Number(number) => Ok(Some(Cow::Owned(number.to_string()))),
        Value::Array(_) | Value::Object(_) => Err(structure()),
    }
}

fn structure() -> Problem {
    Problem::new("mapping.structure", "a list or object stands where a single value is wanted; correct the path")
}
