//! Putting a document into a record.

mod chosen;
mod conditional;
mod key;
mod lists;
mod value;

use std::borrow::Cow;

use canonical::record::{Body, Json, Name};
use serde_json::Value;

use crate::attachment::FindAttachment;
use crate::cursor::{Context, Cursor, Resolved, json_text};
use crate::error::{DataError, Problem, class_of};
use crate::json::JsonWriter;
use crate::leaf::part_range;
use crate::mapping::{Format, Mapping};
use crate::place::Place;
use crate::program::{Content, EachAt, Kind, Leaf, List, Node, Object, Program, Sign, Source, WriteTo};
use crate::reader;
use crate::rows::RowsWriter;
use crate::verbs::Verb;
use crate::xml::{XmlNode, XmlWriter};
pub(crate) use lists::{choose, has, items, unclaimed};

/// A position in the record that is written.
pub(crate) enum Slot<'s> {
    /// One row, or all of them.
    Rows(&'s mut RowsWriter, Option<usize>),
    /// An element, and the names from the record to it.
    Element(&'s mut XmlNode, &'s mut Vec<Name>),
    Json(&'s mut Json),
}

/// The state of writing one record.
pub(crate) struct Writer<'a> {
    pub context: Context<'a>,
    pub mapping: &'a Mapping,
    pub variables: &'a [Option<String>],
    /// The values of the same fields in the base record; nothing where there is none, or no line asks.
    pub held_variables: Option<Vec<Option<String>>>,
    pub variant: usize,
    pub document: &'a Value,
    /// The item of the innermost repeating group that is written; outside of them the document.
    pub item: &'a Value,
    /// The currency of the amount of money that is being written.
    pub currency: Option<String>,
    /// Where the bytes of attached files are found.
    pub find: &'a FindAttachment<'a>,
    pub errors: Vec<DataError>,
}

/// Puts a document into a copy of `base`, or into a new record.
pub(crate) fn write(
    mapping: &Mapping,
    document: &Value,
    key: Option<&str>,
    base: Option<&Body>,
    find: &FindAttachment<'_>,
) -> Result<Body, Vec<DataError>> {
    let program = &mapping.program;
    let (fresh, again);
    let mut resolved = match base {
        Some(base @ Body::Rows(_)) if usual(program, base).suits(base) => usual(program, base),
        _ => {
            fresh = base.map(|base| resolve(program, base)).unwrap_or_default();
            &fresh
        }
    };
    let variables: Vec<_> =
        program.variables.iter().map(|variable| text_of_line(mapping, document, &variable.field)).collect();
    let variant = variant(mapping, document, base);
    let pruned = base.and_then(|base| without_old_conditions(mapping, resolved, base, (&variables, variant)));
    let base = pruned.as_ref().or(base);
    if let Some(pruned) = &pruned {
        again = resolve(program, pruned);
        resolved = &again;
    }
    let context = Context { program, resolved, variables: variables.clone() };
    let held = base.filter(|_| program.is_conditional).map(|base| reader::context(mapping, resolved, base).variables);
    let mut writer = Writer {
        context,
        mapping,
        variables: &variables,
        held_variables: held,
        variant,
        document,
        item: document,
        currency: None,
        find,
        errors: Vec::new(),
    };
    let body = match mapping.format() {
        Format::Csv => writer.rows(key, base),
        Format::Xml => writer.element(key, base),
        Format::Json => writer.json(key, base),
    };
    if writer.errors.is_empty() { Ok(body) } else { Err(writer.errors) }
}

/// A base record without what conditions on fields lead to, where those fields have other values now:
/// the total in the old currency must not stay beside the one in the new. `None` when nothing of that kind changed.
fn without_old_conditions(
    mapping: &Mapping,
    resolved: &Resolved,
    base: &Body,
    (variables, variant): (&[Option<String>], usize),
) -> Option<Body> {
    let Body::Element(tree) = base else { return None };
    let old = reader::context(mapping, resolved, base).variables;
    let changed: Vec<usize> = (0..old.len()).filter(|variable| old[*variable] != variables[*variable]).collect();
    if changed.is_empty() {
        return None;
    }
    let program = &mapping.program;
    let xml = XmlWriter { names: &program.names, outline: &mapping.outline, variant, variables: &old };
    let mut node = XmlNode::of(tree.root());
    // Currencies go last: conditions ask for them until then.
    for wanted in [Content::Items, Content::Text, Content::Currency] {
        program.paths(&mut |path, content| match content {
            _ if content != wanted || !path.compares_with(&changed) => {}
            Content::Items => drop(xml.take(&mut node, &path.steps, false)),
            Content::Text | Content::Currency => xml.clear(&mut node, path),
        });
    }
    node.build().map(Body::Element)
}

fn usual<'p>(program: &'p Program, base: &Body) -> &'p Resolved {
    program.usual.get_or_init(|| resolve(program, base))
}

fn resolve(program: &Program, base: &Body) -> Resolved {
    let mut found = Resolved::default();
    found.resolve(program, base);
    found
}

/// The text of a scalar at a dotted path of a document, in which there are no lists.
pub(crate) fn text_at(document: &Value, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(document, |value, name| value.get(name))?;
    json_text(found).ok().flatten().map(Cow::into_owned)
}

/// The text of a scalar at a path of a document, as a line names it: the segment after a list is the selector's value
/// of an item, or its position from 1 where items have no selector.
pub(crate) fn text_of_line(mapping: &Mapping, document: &Value, path: &str) -> Option<String> {
    let (mut found, mut walked) = (document, 0_usize);
    for name in path.split('.') {
        let list = path.get(..walked.saturating_sub(1)).unwrap_or_default();
        found = match found {
            Value::Array(items) => match canonical::document::lists::selector(mapping.entity(), list) {
                Some(selector) => items.iter().find(|item| item[selector].as_str() == Some(name))?,
                None => items.get(name.parse::<usize>().ok()?.checked_sub(1)?)?,
            },
            other => other.get(name)?,
        };
        walked += name.len() + 1;
    }
    json_text(found).ok().flatten().map(Cow::into_owned)
}

/// Which of the mapping's record elements this record is: the base's own, else what the document says.
fn variant(mapping: &Mapping, document: &Value, base: Option<&Body>) -> usize {
    let outline = &mapping.outline;
    if let Some(Body::Element(tree)) = base {
        let name = tree.root().name();
        let names = &mapping.program.names.names;
        let is_root = |slot: &usize| names.get(*slot).is_some_and(|names| names.contains(name));
        if let Some(index) = outline.roots.iter().position(is_root) {
            return index;
        }
    }
    let Some(choice) = &outline.choice else { return 0 };
    let value = text_at(document, &choice.field);
    let chosen = choice.values.iter().find(|(known, _)| Some(&**known) == value.as_deref());
    chosen.map_or(0, |(_, index)| *index)
}

impl<'a> Writer<'a> {
    fn program(&self) -> &'a Program {
        self.context.program
    }

    fn rows(&mut self, key: Option<&str>, base: Option<&'a Body>) -> Body {
        let base = match base {
            Some(Body::Rows(rows)) => Some(rows),
            _ => None,
        };
        let from = self.row_sources(base);
        let mut rows = RowsWriter::new(&self.program().columns, base, &from, self.context.resolved);
        let cursor = base.map(|rows| Cursor::Row(rows, 0));
        self.record(key, cursor, &mut Slot::Rows(&mut rows, None));
        match rows.finish() {
            Some(rows) => Body::Rows(rows),
            None => {
                self.errors.push(record_error("mapping.size", "the rows are larger than a record can be"));
                Body::Json(Json::Null)
            }
        }
    }

    fn element(&mut self, key: Option<&str>, base: Option<&'a Body>) -> Body {
        let root = match base {
            Some(Body::Element(tree)) => Some(tree.root()),
            _ => None,
        };
        let mut node = root.map_or_else(|| XmlNode::new(self.root_name()), XmlNode::of);
        let mut trail = vec![node.name.clone()];
        self.record(key, root.map(Cursor::Element), &mut Slot::Element(&mut node, &mut trail));
        match node.build() {
            Some(tree) => Body::Element(tree),
            None => Body::Json(Json::Null),
        }
    }

    fn root_name(&self) -> Name {
        let outline = &self.mapping.outline;
        let slot = outline.roots.get(self.variant).or_else(|| outline.roots.first());
        let names = slot.and_then(|slot| self.program().names.names.get(*slot));
        names.and_then(|names| names.first()).cloned().unwrap_or_else(|| Name::new("", "record"))
    }

    fn json(&mut self, key: Option<&str>, base: Option<&'a Body>) -> Body {
        let base = match base {
            Some(Body::Json(value)) => Some(value),
            _ => None,
        };
        let mut value = base.cloned().unwrap_or_else(Json::object);
        self.record(key, base.map(Cursor::Json), &mut Slot::Json(&mut value));
        Body::Json(value)
    }

    /// Key, constants, then the document's fields.
    fn record(&mut self, key: Option<&str>, base: Option<Cursor<'a>>, slot: &mut Slot<'_>) {
        let program = self.program();
        if let Some(key) = key {
            self.key(key, base, slot);
        } else if let Slot::Rows(rows, _) = slot {
            program.key.iter().for_each(|key| spread(rows, &key.place));
        }
        self.without_old_lines(slot);
        for (place, text) in &program.constants {
            self.put_text(place, text, slot);
        }
        self.object(&program.root, Some(self.document), base, slot);
        for (place, _) in program.constants.iter().filter(|(_, text)| text.is_empty()) {
            self.put_empty(place, slot);
        }
    }

    fn object(&mut self, object: &'a Object, value: Option<&'a Value>, base: Option<Cursor<'a>>, slot: &mut Slot<'_>) {
        // Repeating groups go first: lines that lead to one of their elements then fill it, instead of losing what they made.
        for groups in [true, false] {
            self.members(object, value, base, slot, groups);
        }
    }

    /// Writes the repeating groups of an object and of the objects in it, or everything else.
    fn members(
        &mut self,
        object: &'a Object,
        value: Option<&'a Value>,
        base: Option<Cursor<'a>>,
        slot: &mut Slot<'_>,
        groups: bool,
    ) {
        for member in &object.members {
            let value = value.and_then(|value| value.get(&*member.name)).filter(|value| !value.is_null());
            match &member.node {
                Node::Object(inner) => {
                    if inner.whole {
                        let currency = value.and_then(|value| value.get("currency")?.as_str());
                        self.currency = currency.map(str::to_owned);
                    }
                    self.members(inner, value, base, slot, groups);
                }
                Node::List(list) if list.each.is_some() == groups => self.list(list, value, base, slot),
                Node::Leaf(leaf) if !groups => self.leaf(leaf, value, base, slot),
                _ => {}
            }
        }
    }

    fn node(&mut self, node: &'a Node, value: Option<&'a Value>, base: Option<Cursor<'a>>, slot: &mut Slot<'_>) {
        match node {
            Node::Leaf(leaf) => self.leaf(leaf, value, base, slot),
            Node::Object(object) => self.object(object, value, base, slot),
            Node::List(list) => self.list(list, value, base, slot),
        }
    }

    fn leaf(&mut self, leaf: &'a Leaf, value: Option<&Value>, base: Option<Cursor<'a>>, slot: &mut Slot<'_>) {
        if !leaf.direction.writes() || leaf.sign == Some(Sign::Direction) || !self.counts(leaf) {
            return;
        }
        let text = match value.map(json_text).transpose() {
            Ok(text) => text.flatten(),
            Err(problem) => {
                self.errors.push(leaf.structure_error(problem));
                return;
            }
        };
        if let Err((problem, shown)) = self.scalar(leaf, text.as_deref(), base, slot) {
            self.errors.push(DataError { value_class: shown, ..leaf.error(problem, "") });
        }
    }

    /// Writes one value, unless the base record shows it already.
    fn scalar(
        &mut self,
        leaf: &'a Leaf,
        text: Option<&str>,
        base: Option<Cursor<'a>>,
        slot: &mut Slot<'_>,
    ) -> Result<(), (Problem, &'static str)> {
        let given = text;
        let class = || given.map_or("empty", class_of);
        let text = text.map(str::trim).filter(|text| !text.is_empty());
        match &leaf.source {
            Source::Constant(constant, place) => {
                if let Some(place) = place {
                    self.put(place, Some(Json::from(&**constant)), slot);
                }
                return Ok(());
            }
            Source::Selector(_) => return Ok(()),
            Source::Fixed(fixed) => {
                return match text {
                    Some(text) if *text != **fixed => {
                        let reason =
                            format!("the system holds only \"{fixed}\" here, and the document has another value");
                        Err((Problem::new("mapping.fixed", reason), class()))
                    }
                    _ => Ok(()),
                };
            }
            _ => {}
        }
        if leaf.sign.is_none() && self.shows(leaf, text, base) && self.is_untouched(leaf, base, slot) {
            match (&mut *slot, &leaf.source) {
                (Slot::Rows(rows, None), Source::First(places)) => places.iter().for_each(|place| spread(rows, place)),
                (Slot::Rows(rows, None), source) => source.places().into_iter().for_each(|place| spread(rows, place)),
                _ => {}
            }
        } else {
            self.change(leaf, text, slot).map_err(|problem| (problem, class()))?;
        }
        self.currency_attribute(leaf, text.is_some(), slot);
        Ok(())
    }

    /// Whether the base record shows this value already, however it is written there.
    fn shows(&self, leaf: &'a Leaf, text: Option<&str>, base: Option<Cursor<'a>>) -> bool {
        let Some(base) = base else { return false };
        match leaf.read(&self.context, base) {
            Ok(held) => held.as_ref().map(|held| leaf.normal(held)) == text.map(|text| leaf.normal(text)),
            // A required value that is missing is no reason to leave a place as it is.
            Err(_) => false,
        }
    }

    /// Whether the places of a line still are as in the base record: a repeating group may have taken their element away.
    fn is_untouched(&self, leaf: &'a Leaf, base: Option<Cursor<'a>>, slot: &Slot<'_>) -> bool {
        let (Some(base), Slot::Element(node, _)) = (base, slot) else { return true };
        leaf.source.places().into_iter().all(|place| {
            let Place::Path(path) = place else { return true };
            let held = self.context.raw(place, base).ok().flatten();
            held.as_deref().map(str::trim) == self.xml().text(node, path).map(str::trim)
        })
    }

    fn change(&mut self, leaf: &'a Leaf, text: Option<&str>, slot: &mut Slot<'_>) -> Result<(), Problem> {
        let Some(text) = text else {
            if leaf.write_required {
                let reason = "a record needs a value here, and the document has none";
                return Err(Problem::new("mapping.required", reason));
            }
            if self.put_sum(leaf, slot) {
                return Ok(());
            }
            match (&leaf.absent, &leaf.source) {
                (Some(absent), source @ Source::First(_)) => self.spread_text(leaf, source, absent, slot)?,
                _ => self.clear(leaf, slot),
            }
            return Ok(());
        };
        match &leaf.source {
            Source::DebitCredit(columns) => {
                let amount = self.with_sign(leaf, text)?;
                let (is_debit, written) = value::sides(columns, amount)?;
                let (filled, empty) =
                    if is_debit { (&columns.debit, &columns.credit) } else { (&columns.credit, &columns.debit) };
                self.put(filled, Some(Json::from(written)), slot);
                self.put(empty, None, slot);
            }
            Source::Signed(signed) => {
                let amount = self.with_sign(leaf, text)?;
                let sign = if amount.is_sign_negative() && !amount.is_zero() { &signed.minus } else { &signed.plus };
                let written = signed.style.write(&amount.abs().to_string())?.into_owned();
                self.put(&signed.number, Some(Json::from(written)), slot);
                self.put(&signed.sign, sign.first().map(|word| Json::from(&**word)), slot);
            }
            source if matches!(leaf.verb, Verb::Attachment) => {
                let bytes = self.attached(text)?;
                self.spread_text(leaf, source, &bytes, slot)?;
            }
            source => {
                let signed = match leaf.sign {
                    Some(_) => Cow::Owned(self.with_sign(leaf, text)?.to_string()),
                    None => Cow::Borrowed(text),
                };
                let written = match self.scaled(leaf, &signed, slot)? {
                    Some(written) => Cow::Owned(written),
                    None => leaf.written(&signed)?,
                };
                self.spread_text(leaf, source, &written, slot)?;
            }
        }
        Ok(())
    }

    /// The amount with the sign that the document's field of direction gives it.
    fn with_sign(&self, leaf: &Leaf, text: &str) -> Result<rust_decimal::Decimal, Problem> {
        let amount = crate::verbs::number::parse(text)?;
        Ok(match &leaf.sign {
            Some(Sign::Amount(field)) if text_at(self.document, field).as_deref() == Some("debit") => -amount,
            _ => amount,
        })
    }

    /// Puts written text into the places of a source that has one text.
    fn spread_text(&mut self, leaf: &Leaf, source: &Source, written: &str, slot: &mut Slot<'_>) -> Result<(), Problem> {
        match source {
            Source::Join(places, separator) => {
                let mut parts = written.splitn(places.len().max(1), &**separator).map(str::trim);
                for place in places {
                    let part = parts.next().filter(|part| !part.is_empty());
                    self.put(place, part.map(Json::from), slot);
                }
            }
            Source::Part(part) => {
                let mut whole = value::held(&self.context, &part.place, slot).unwrap_or_default();
                while part_range(&whole, part).is_none() {
                    whole.push_str(&part.separator);
                }
                let range = part_range(&whole, part).unwrap_or(whole.len()..whole.len());
                whole.replace_range(range, written);
                self.put(&part.place, Some(Json::from(whole)), slot);
            }
            Source::Tagged(tagged) => self.tagged(tagged, written, slot)?,
            Source::First(places) if leaf.write_to != WriteTo::All => {
                let chosen = self.chosen_place(leaf, places, written, slot);
                for (index, place) in places.iter().enumerate() {
                    self.put_text(place, if index == chosen { written } else { "" }, slot);
                }
            }
            Source::First(places) if !leaf.by_record && !is_plain_json(leaf) => {
                places.iter().for_each(|place| self.put_text(place, written, slot));
            }
            source => {
                for place in self.places_of(leaf, source) {
                    let value = if written.is_empty() { None } else { Some(value::typed(leaf, written)?) };
                    self.put(place, value, slot);
                }
            }
        }
        Ok(())
    }

    fn clear(&mut self, leaf: &Leaf, slot: &mut Slot<'_>) {
        if let Source::Tagged(tagged) = &leaf.source {
            // Emptying a part cannot fail.
            let _ = self.tagged(tagged, "", slot);
            return;
        }
        if let Source::Part(part) = &leaf.source {
            let Some(mut whole) = value::held(&self.context, &part.place, slot) else { return };
            if let Some(range) = part_range(&whole, part) {
                whole.replace_range(range, "");
            }
            let rest = whole.trim_end().trim_end_matches(&*part.separator).trim_end();
            self.put(&part.place, (!rest.is_empty()).then(|| Json::from(rest)), slot);
            return;
        }
        for place in self.places_of(leaf, &leaf.source) {
            self.put(place, None, slot);
        }
    }

    /// The places that are written: those of this kind of record where the line tells them apart, else all.
    fn places_of<'l>(&self, leaf: &Leaf, source: &'l Source) -> Vec<&'l Place> {
        let places = source.places();
        if leaf.by_record { places.get(self.variant).copied().into_iter().collect() } else { places }
    }

    /// Puts text at a place, or clears the place for empty text.
    fn put_text(&self, place: &Place, text: &str, slot: &mut Slot<'_>) {
        match (place, slot) {
            (Place::Column(column), Slot::Rows(rows, row)) => {
                rows.set(*row, *column, &self.program().columns, text);
            }
            (place, slot) => self.put(place, (!text.is_empty()).then(|| Json::from(text)), slot),
        }
    }

    /// Puts a value at a place, or clears the place.
    pub(crate) fn put(&self, place: &Place, value: Option<Json>, slot: &mut Slot<'_>) {
        match (place, slot) {
            (Place::Column(column), Slot::Rows(rows, row)) => {
                let text = value.as_ref().map(value::plain);
                rows.set(*row, *column, &self.program().columns, text.as_deref().unwrap_or_default());
            }
            (Place::Path(path), Slot::Element(node, trail)) => match value {
                Some(value) => self.xml().set(node, trail, path, &value::plain(&value)),
                None => self.xml().clear(node, path),
            },
            (Place::Path(path), Slot::Json(root)) => match value {
                Some(value) => self.json_writer().set(root, &path.steps, value),
                None => self.json_writer().clear(root, &path.steps),
            },
            _ => {}
        }
    }

    pub(crate) fn xml(&self) -> XmlWriter<'a> {
        XmlWriter {
            names: &self.program().names,
            outline: &self.mapping.outline,
            variant: self.variant,
            variables: self.variables,
        }
    }

    pub(crate) fn json_writer(&self) -> JsonWriter<'_> {
        JsonWriter { context: &self.context }
    }

    fn currency_attribute(&self, leaf: &Leaf, present: bool, slot: &mut Slot<'_>) {
        let (Some(attribute), Source::First(places)) = (&leaf.currency_attribute, &leaf.source) else { return };
        let Some(Place::Path(amount)) = places.first() else { return };
        let currency = text_at(self.document, &attribute.field).filter(|_| present);
        self.put(&Place::Path(attribute.path.below(amount)), currency.map(Json::from), slot);
    }
}

fn spread(rows: &mut RowsWriter, place: &Place) {
    if let Place::Column(column) = place {
        rows.spread(*column);
    }
}

fn record_error(code: &'static str, reason: &str) -> DataError {
    DataError { field: "".into(), place: "record".into(), value_class: "document", reason: reason.to_owned(), code }
}

/// Where a program repeats rows, with the path of member names to it.
pub(crate) fn repeated_rows(object: &Object) -> Option<(Vec<&str>, &List)> {
    object.members.iter().find_map(|member| match &member.node {
        Node::List(list) if list.each.as_ref().is_some_and(|each| matches!(each.at, EachAt::Rows)) => {
            Some((vec![&*member.name], list))
        }
        Node::Object(inner) => repeated_rows(inner).map(|(mut path, list)| {
            path.insert(0, &member.name);
            (path, list)
        }),
        _ => None,
    })
}

/// Whether a leaf's text is a JSON number or boolean by nature.
pub(crate) fn is_plain_json(leaf: &Leaf) -> bool {
    match (&leaf.verb, leaf.kind) {
        (Verb::Number(style), _) => leaf.number || style.integer,
        (Verb::Boolean(style), Kind::Boolean) => style.is_json(),
        _ => leaf.number,
    }
}
