//! What a system shows of a document: only the fields that are written and read back, in normal form.

use serde_json::{Map, Value};

use crate::cursor::json_text;
use crate::mapping::Mapping;
use crate::program::{Each, Kind, Leaf, List, Member, Node, Object, Sign, Source, Values, ValuesSource};
use crate::reader::Reader;
use crate::verbs::Verb;
use crate::write::{choose, has, items, unclaimed};

/// How values are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// As they are.
    AsIs,
    /// As they would read back, without defaults: what makes a group exist.
    Content,
    /// As they would read back.
    AsReadBack,
}

/// How values are taken, and what lines ask of the document before they count.
#[derive(Clone, Copy)]
struct View<'v> {
    manner: Manner,
    /// The values of the fields that conditions ask for.
    variables: &'v [Option<String>],
}

impl View<'_> {
    fn with(self, manner: Manner) -> Self {
        View { manner, ..self }
    }
}

/// The values of the fields of a document that conditions ask for.
pub(crate) fn variables(mapping: &Mapping, document: &Value) -> Vec<Option<String>> {
    mapping
        .program
        .variables
        .iter()
        .map(|variable| crate::write::text_of_line(mapping, document, &variable.field))
        .collect()
}

/// See [`Mapping::restrict`].
pub(crate) fn restrict(mapping: &Mapping, document: &Value) -> Value {
    let view = View { manner: Manner::AsIs, variables: &variables(mapping, document) };
    Value::Object(object(&mapping.program.root, Some(document), view).unwrap_or_default())
}

/// See [`Mapping::project`].
pub(crate) fn project(mapping: &Mapping, document: &Value) -> Value {
    if mapping.program.entangled
        && let Some(shown) = shown(mapping, document)
    {
        return shown;
    }
    let view = View { manner: Manner::AsReadBack, variables: &variables(mapping, document) };
    Value::Object(object(&mapping.program.root, Some(document), view).unwrap_or_default())
}

/// A document without the hashes of attached files.
pub(crate) fn without_attachments(mapping: &Mapping, document: &Value) -> Value {
    let mut document = document.clone();
    mapping.program.leaves(&mut |leaf| {
        if matches!(leaf.verb, Verb::Attachment) {
            remove(&mut document, &leaf.path);
        }
    });
    document
}

/// Removes what stands at a dotted path, in every item of the lists on the way.
fn remove(value: &mut Value, path: &str) {
    match (value, path.split_once('.')) {
        (Value::Array(items), _) => items.iter_mut().for_each(|item| remove(item, path)),
        (Value::Object(members), None) => drop(members.remove(path)),
        (Value::Object(members), Some((name, rest))) => {
            if let Some(inner) = members.get_mut(name) {
                remove(inner, rest);
            }
        }
        _ => {}
    }
}

/// Lines that share places change each other's values: only writing and reading tells what becomes of them.
fn shown(mapping: &Mapping, document: &Value) -> Option<Value> {
    let body = mapping.write(document, None, None).ok()?;
    let read = Reader::read_once(mapping, &body).ok()?;
    Some(restrict(mapping, &read))
}

/// A group; `None` when it has no content and exists only with content.
fn object(object: &Object, value: Option<&Value>, view: View<'_>) -> Option<Map<String, Value>> {
    if object.needs_content { existing(object, value, view) } else { members(object, value, view) }
}

/// A group that exists only with content, such as an item of a list.
fn existing(object: &Object, value: Option<&Value>, view: View<'_>) -> Option<Map<String, Value>> {
    let content = view.with(if view.manner == Manner::AsIs { Manner::AsIs } else { Manner::Content });
    let shown = members(object, value, content)?;
    if !has_content(object, &shown) {
        return None;
    }
    if view.manner != Manner::AsReadBack {
        return Some(shown);
    }
    let mut shown = if differs_from_content(object) { members(object, value, view)? } else { shown };
    fill(object, &mut shown);
    Some(shown)
}

/// Whether a group can read back as more, or less, than its content: by defaults, by values that the system cannot
/// change, and by lists that have room for some values only.
fn differs_from_content(object: &Object) -> bool {
    object.members.iter().any(|member| match &member.node {
        Node::Leaf(leaf) => leaf.default.is_some() || matches!(leaf.source, Source::Fixed(_)),
        Node::Object(inner) => differs_from_content(inner),
        Node::List(_) => true,
    })
}

fn members(object: &Object, value: Option<&Value>, view: View<'_>) -> Option<Map<String, Value>> {
    let mut shown = Map::with_capacity(object.members.len());
    for member in &object.members {
        let value = value.and_then(|value| value.get(&*member.name)).filter(|value| !value.is_null());
        if let Some(value) = node(&member.node, value, view) {
            shown.insert(member.name.to_string(), value);
        }
    }
    (!shown.is_empty()).then_some(shown)
}

/// Gives a group that has content what it always reads with it: values that the system cannot change.
fn fill(object: &Object, shown: &mut Map<String, Value>) {
    for Member { name, node } in &object.members {
        if let Node::Leaf(leaf) = node
            && let Source::Fixed(text) = &leaf.source
            && leaf.is_two_way()
            && !shown.contains_key(&**name)
        {
            shown.insert(name.to_string(), typed(leaf.kind, text));
        }
    }
}

/// Whether a line of a group, rather than a constant of it, gave something.
fn has_content(object: &Object, shown: &Map<String, Value>) -> bool {
    object.members.iter().any(|Member { name, node }| match (node, shown.get(&**name)) {
        (Node::Leaf(leaf), Some(_)) => leaf.source.is_content(),
        (Node::Object(inner), Some(Value::Object(shown))) => has_content(inner, shown),
        (_, found) => found.is_some(),
    })
}

fn node(node: &Node, value: Option<&Value>, view: View<'_>) -> Option<Value> {
    match node {
        Node::Leaf(leaf) => self::leaf(leaf, value, view),
        Node::Object(inner) => object(inner, value, view).map(Value::Object),
        Node::List(list) => self::list(list, value, view),
    }
}

fn leaf(leaf: &Leaf, value: Option<&Value>, view: View<'_>) -> Option<Value> {
    if !leaf.is_two_way() || !leaf.when.hold_for(view.variables) {
        return None;
    }
    if let Source::Selector(text) = &leaf.source {
        return Some(Value::from(&**text));
    }
    let text = value.and_then(|value| json_text(value).ok().flatten());
    let text = text.as_deref().map(|text| leaf.normal(text)).filter(|text| !text.is_empty());
    let Some(text) = text else {
        let default = leaf.default.as_deref().filter(|_| view.manner == Manner::AsReadBack)?;
        return Some(typed(leaf.kind, default));
    };
    if view.manner == Manner::AsIs || leaf.sign == Some(Sign::Direction) || !leaf.source.is_content() {
        return Some(typed(leaf.kind, &text));
    }
    if leaf.blank.iter().any(|blank| **blank == *text) || leaf.lossy {
        return match leaf.round_trip(&text, view.manner == Manner::AsReadBack) {
            Ok(shown) => shown.map(|shown| typed(leaf.kind, &leaf.normal(&shown))),
            // What cannot be written is refused later; until then the difference stays visible.
            Err(_) => Some(typed(leaf.kind, &text)),
        };
    }
    Some(typed(leaf.kind, &text))
}

fn typed(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::Boolean => Value::Bool(text == "true"),
        Kind::Integer => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        Kind::Text | Kind::Letters(_) | Kind::Decimal | Kind::Date | Kind::Timestamp => Value::from(text),
    }
}

fn list(list: &List, value: Option<&Value>, view: View<'_>) -> Option<Value> {
    let items = items(value);
    let mut claimed = vec![false; items.len()];
    let mut shown = Vec::new();
    for chosen in &list.chosen {
        let item = choose(list, chosen, items, &mut claimed).map(|index| &items[index]);
        shown.extend(self::item(&chosen.node, item, view));
    }
    if let Some(each) = &list.each {
        let mut repeated = unclaimed(list, items);
        if let Some(field) = &each.name_by {
            // Elements of two names stand one kind after the other.
            repeated.sort_by_key(|item| has(item, field));
        }
        let shown_items = repeated.into_iter().filter_map(|item| self::item(&each.node, Some(item), view));
        shown.extend(shown_items.filter(|item| each.takes_value(item)));
    }
    if let Some(values) = &list.values {
        shown.extend(self::values(values, items, view));
    }
    (!shown.is_empty()).then_some(Value::Array(shown))
}

/// An item of a list; `None` when it has no content, since it would not be read.
fn item(node: &Node, value: Option<&Value>, view: View<'_>) -> Option<Value> {
    match node {
        Node::Object(inner) => existing(inner, Some(value?), view).map(Value::Object),
        node => self::node(node, Some(value?), view),
    }
}

/// Whether an item of a list is one of a repeating group's, and leaves anything to be read after it was written.
pub(crate) fn leaves_content(each: &Each, value: &Value, variables: &[Option<String>]) -> bool {
    let view = View { manner: Manner::Content, variables };
    if item(&each.node, Some(value), view).is_none() {
        return false;
    }
    let read_back = || item(&each.node, Some(value), view.with(Manner::AsReadBack));
    each.items.is_empty() || read_back().is_some_and(|item| each.takes_value(&item))
}

fn values(values: &Values, items: &[Value], view: View<'_>) -> Vec<Value> {
    let leaf = &values.leaf;
    if !leaf.is_two_way() || !leaf.when.hold_for(view.variables) {
        return Vec::new();
    }
    let limit = match &values.source {
        ValuesSource::Places(places) if view.manner == Manner::AsReadBack => places.len(),
        _ => usize::MAX,
    };
    let texts = items.iter().filter_map(|item| json_text(item).ok().flatten()).take(limit);
    let shown = texts.flat_map(|text| -> Vec<String> {
        let text = leaf.normal(&text).into_owned();
        if view.manner == Manner::AsIs {
            return vec![text];
        }
        let Ok(written) = leaf.written(&text) else { return vec![text] };
        let parts: Vec<&str> = match &values.source {
            ValuesSource::Split(_, separator) => written.split(&**separator).collect(),
            _ => vec![&written],
        };
        parts.into_iter().filter_map(|part| read_back(leaf, part)).collect()
    });
    shown.filter(|text| !text.is_empty()).map(|text| typed(leaf.kind, &text)).collect()
}

fn read_back(leaf: &Leaf, written: &str) -> Option<String> {
    let written = written.trim();
    if written.is_empty() || leaf.blank.iter().any(|blank| **blank == *written) {
        return None;
    }
    let read = leaf.convert_value(written.to_owned().into()).ok().flatten()?;
    Some(leaf.normal(&read).into_owned())
}

impl Reader {
    /// The document of one record, as JSON.
    pub(crate) fn read_once(mapping: &Mapping, body: &canonical::record::Body) -> Result<Value, Vec<crate::DataError>> {
        let mut resolved = crate::cursor::Resolved::default();
        resolved.resolve(&mapping.program, body);
        let context = crate::reader::context(mapping, &resolved, body);
        let cursor = crate::cursor::Cursor::start(body);
        let entity = mapping.entity();
        let built = crate::read::build(&context, cursor, |record| {
            canonical::document::Document::deserialize_as(entity, record)
        });
        built.map(|document| document.to_json())
    }
}

/// The paths at which two documents differ, sorted; no values.
pub(crate) fn differences(left: &Value, right: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(left, right, &mut String::new(), &mut found);
    found.sort();
    found
}

fn compare(left: &Value, right: &Value, path: &mut String, found: &mut Vec<String>) {
    if left == right {
        return;
    }
    let length = path.len();
    let mut inside = |name: &str, left: Option<&Value>, right: Option<&Value>| {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        compare(left.unwrap_or(&Value::Null), right.unwrap_or(&Value::Null), path, found);
        path.truncate(length);
    };
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let names = left.keys().chain(right.keys().filter(|name| !left.contains_key(*name)));
            names.for_each(|name| inside(name, left.get(name), right.get(name)));
        }
        (Value::Array(left), Value::Array(right)) => {
            let count = left.len().max(right.len());
            (0..count).for_each(|index| inside(&(index + 1).to_string(), left.get(index), right.get(index)));
        }
        _ => found.push(path.clone()),
    }
}
