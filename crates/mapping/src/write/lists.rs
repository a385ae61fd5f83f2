//! Lists on their way into a record.

use canonical::record::{Json, Rows};
use serde_json::Value;

use super::{Slot, Writer, repeated_rows, value};
use crate::cursor::{Cursor, json_text};
use crate::place::Path;
use crate::program::{Choice, Chosen, Each, EachAt, List, Node, Values, ValuesSource};
use crate::project;
use crate::xml::XmlNode;

/// Whether an item of a document's list has a field.
pub(crate) fn has(item: &Value, field: &str) -> bool {
    item.get(field).is_some_and(|value| !value.is_null())
}

/// The items of a document's list.
pub(crate) fn items(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(items)) => items,
        _ => &[],
    }
}

/// Which item of the document's list a line names; `claimed` tells which ones others have.
pub(crate) fn choose(list: &List, chosen: &Chosen, items: &[Value], claimed: &mut [bool]) -> Option<usize> {
    let index = match (&chosen.choice, list.selector) {
        (Choice::Position(position), _) => (*position < items.len()).then_some(*position),
        (Choice::Selector(wanted), Some(selector)) => (0..items.len())
            .find(|index| !claimed[*index] && items[*index].get(selector).and_then(Value::as_str) == Some(&**wanted)),
        (Choice::Selector(_), None) => None,
    }?;
    claimed[index] = true;
    Some(index)
}

/// The items that no line names, which the repeating group takes.
pub(crate) fn unclaimed<'v>(list: &List, items: &'v [Value]) -> Vec<&'v Value> {
    let mut claimed = vec![false; items.len()];
    for chosen in &list.chosen {
        choose(list, chosen, items, &mut claimed);
    }
    items.iter().zip(claimed).filter(|(_, claimed)| !claimed).map(|(item, _)| item).collect()
}

/// The items that a repeating group writes: those that leave something to be read.
fn written<'v>(list: &List, each: &Each, items: &'v [Value], variables: &[Option<String>]) -> Vec<&'v Value> {
    let mut written = unclaimed(list, items);
    written.retain(|item| project::leaves_content(each, item, variables));
    written
}

/// For every item the number of the base item that it continues: by key where the group has one, else by position.
fn continued(each: &Each, items: &[&Value], base: &[Option<String>]) -> Vec<Option<usize>> {
    let Some(key) = &each.key else {
        return (0..items.len()).map(|index| (index < base.len()).then_some(index)).collect();
    };
    let mut taken = vec![false; base.len()];
    let find = |item: &&Value| {
        let wanted = item.get(&**key).and_then(|value| json_text(value).ok().flatten());
        let found = (0..base.len())
            .find(|index| !taken[*index] && wanted.is_some() && base[*index].as_deref() == wanted.as_deref());
        if let Some(index) = found {
            taken[index] = true;
        }
        found
    };
    items.iter().map(find).collect()
}

/// The items at the path of a repeating group, in the order in which they are written.
struct Arranged<'a> {
    /// What the base record holds there.
    held: Vec<Cursor<'a>>,
    order: Vec<Arrangement>,
}

/// One item at the path of a repeating group.
#[derive(Clone, Copy)]
enum Arrangement {
    /// An item of the document by its number, and the item of the base record that it continues.
    Item(usize, Option<usize>),
    /// An item of the base record that is none of the group's, by its number: it stays where it is.
    Foreign(usize),
}

impl Arrangement {
    /// The item of the base record that it starts from.
    fn source(self) -> Option<usize> {
        match self {
            Arrangement::Item(_, source) => source,
            Arrangement::Foreign(index) => Some(index),
        }
    }
}

impl<'a> Writer<'a> {
    pub(super) fn list(
        &mut self,
        list: &'a List,
        value: Option<&'a Value>,
        base: Option<Cursor<'a>>,
        slot: &mut Slot<'_>,
    ) {
        let items = items(value);
        let mut claimed = vec![false; items.len()];
        for chosen in &list.chosen {
            let item = choose(list, chosen, items, &mut claimed).map(|index| &items[index]);
            self.node(&chosen.node, item, base, slot);
        }
        if let Some(each) = list.each.as_ref().filter(|each| self.is_due(each)) {
            self.each(each, &written(list, each, items, self.variables), base, slot);
        }
        if let Some(values) = &list.values {
            self.values(values, items, base, slot);
        }
    }

    /// Which row of the base every row of the record continues.
    pub(super) fn row_sources(&self, base: Option<&'a Rows>) -> Vec<Option<usize>> {
        let rows = base.map_or(0, Rows::len);
        let Some((path, list)) = repeated_rows(&self.context.program.root) else {
            return (0..rows.max(1)).map(|row| (row < rows).then_some(row)).collect();
        };
        let Some(each) = list.each.as_ref().filter(|each| self.is_due(each)) else {
            return (0..rows.max(1)).map(|row| (row < rows).then_some(row)).collect();
        };
        let value = path.iter().try_fold(self.document, |value, name| value.get(name));
        let items = written(list, each, items(value), self.variables);
        let cursors = (0..rows).filter_map(|row| Some(Cursor::Row(base?, row)));
        let keys: Vec<_> = cursors.map(|cursor| self.item_key(each, cursor)).collect();
        let mut sources = continued(each, &items, &keys);
        if sources.is_empty() {
            sources.push((rows > 0).then_some(0));
        }
        sources
    }

    fn item_key(&self, each: &'a Each, cursor: Cursor<'a>) -> Option<String> {
        let Node::Object(object) = &each.node else { return None };
        let Node::Leaf(leaf) = object.member(each.key.as_deref()?)? else { return None };
        leaf.read(&self.context, cursor).ok().flatten().map(|text| text.to_string())
    }

    fn each(&mut self, each: &'a Each, items: &[&'a Value], base: Option<Cursor<'a>>, slot: &mut Slot<'_>) {
        match (&each.at, slot) {
            (EachAt::Rows, Slot::Rows(rows, _)) => {
                let held = match base {
                    Some(Cursor::Row(rows, _)) => Some(rows),
                    _ => None,
                };
                let sources = self.row_sources(held);
                if items.is_empty() {
                    // The one row that is left shows the parent alone.
                    self.node(&each.node, None, base, &mut Slot::Rows(rows, Some(0)));
                }
                for (row, item) in items.iter().enumerate() {
                    let source = sources.get(row).copied().flatten();
                    let base = held.zip(source).map(|(held, source)| Cursor::Row(held, source));
                    self.item(each, item, base, &mut Slot::Rows(rows, Some(row)));
                }
            }
            (EachAt::Path(path), Slot::Element(node, trail)) => self.each_element(each, path, items, base, node, trail),
            (EachAt::Path(path), Slot::Json(value)) => self.each_json(each, path, items, base, value),
            _ => {}
        }
    }

    /// Writes one item of a repeating group.
    fn item(&mut self, each: &'a Each, item: &'a Value, base: Option<Cursor<'a>>, slot: &mut Slot<'_>) {
        let outer = std::mem::replace(&mut self.item, item);
        self.node(&each.node, Some(item), base, slot);
        self.item = outer;
    }

    /// What the base record holds at the path of a repeating group, and where the items of the document go there.
    fn arranged(&self, each: &'a Each, path: &Path, items: &[&Value], base: Option<Cursor<'a>>) -> Arranged<'a> {
        let held = base.map(|base| self.context.every(base, path)).unwrap_or_default();
        let own: Vec<usize> = (0..held.len()).filter(|index| each.takes(&self.context, held[*index])).collect();
        let keys: Vec<_> = own.iter().map(|index| self.item_key(each, held[*index])).collect();
        let sources = continued(each, items, &keys).into_iter().map(|source| source.map(|source| own[source]));
        let mut sources = sources.enumerate().map(|(item, source)| Arrangement::Item(item, source));
        let mut order = Vec::with_capacity(items.len() + held.len() - own.len());
        for index in 0..held.len() {
            match own.binary_search(&index) {
                Ok(_) => order.extend(sources.next()),
                Err(_) => order.push(Arrangement::Foreign(index)),
            }
        }
        order.extend(sources);
        Arranged { held, order }
    }

    fn each_element(
        &mut self,
        each: &'a Each,
        path: &Path,
        items: &[&'a Value],
        base: Option<Cursor<'a>>,
        node: &mut XmlNode,
        trail: &mut Vec<canonical::record::Name>,
    ) {
        let Arranged { held, order } = self.arranged(each, path, items, base);
        let taken = self.xml().take(node, &path.steps, !order.is_empty());
        let mut nodes: Vec<Option<XmlNode>> = taken.nodes.into_iter().map(Some).collect();
        let filled: Vec<Option<XmlNode>> = order.iter().map(|at| nodes.get_mut(at.source()?)?.take()).collect();
        let xml = self.xml();
        let mut write = |index: usize, node: &mut XmlNode, trail: &mut Vec<canonical::record::Name>| {
            let Arrangement::Item(item, source) = order[index] else { return };
            let base = source.and_then(|source| held.get(source)).copied();
            self.item(each, items[item], base, &mut Slot::Element(node, trail));
        };
        match &each.name_by {
            None => xml.put(node, trail, &path.steps, (filled, taken.first), &mut write),
            Some(field) => {
                let named = filled.into_iter().zip(items).map(|(old, item)| (old, usize::from(has(item, field))));
                xml.put_named(node, trail, &path.steps, named.collect(), &mut write);
            }
        }
    }

    fn each_json(
        &mut self,
        each: &'a Each,
        path: &Path,
        items: &[&'a Value],
        base: Option<Cursor<'a>>,
        value: &mut Json,
    ) {
        let Arranged { held, order } = self.arranged(each, path, items, base);
        let mut taken: Vec<Option<Json>> = self.json_writer().take(value, &path.steps).into_iter().map(Some).collect();
        let was_there = !taken.is_empty();
        let mut finished = Vec::with_capacity(order.len());
        for at in &order {
            let old = at.source().and_then(|source| taken.get_mut(source)?.take());
            let mut new =
                old.unwrap_or_else(|| path.steps.last().map_or(Json::Null, |step| self.json_writer().make(step)));
            if let Arrangement::Item(item, source) = at {
                let base = source.and_then(|source| held.get(source)).copied();
                self.item(each, items[*item], base, &mut Slot::Json(&mut new));
            }
            finished.push(new);
        }
        if was_there || !finished.is_empty() {
            self.json_writer().put(value, &path.steps, finished);
        }
    }

    /// Writes a list of plain values, unless the base record shows the same list already.
    fn values(&mut self, values: &'a Values, items: &[Value], base: Option<Cursor<'a>>, slot: &mut Slot<'_>) {
        let leaf = &values.leaf;
        if !leaf.direction.writes() || !self.counts(leaf) {
            return;
        }
        let wanted: Vec<String> = items
            .iter()
            .filter_map(|item| json_text(item).ok().flatten())
            .map(|text| leaf.normal(&text).into_owned())
            .filter(|text| !text.is_empty())
            .collect();
        if let Some(base) = base {
            let held = values.texts(&self.context, base).into_iter();
            let held: Result<Vec<_>, _> = held.map(|text| leaf.convert_value(text)).collect();
            let held = held
                .map(|held| held.into_iter().flatten().map(|text| leaf.normal(&text).into_owned()).collect::<Vec<_>>());
            if held.is_ok_and(|held| held == wanted) {
                return;
            }
        }
        let mut written = Vec::with_capacity(wanted.len());
        for text in &wanted {
            match leaf.written(text) {
                Ok(text) => written.push(text.into_owned()),
                Err(problem) => self.errors.push(leaf.error(problem, text)),
            }
        }
        self.put_values(values, written, slot);
    }

    fn put_values(&mut self, values: &Values, written: Vec<String>, slot: &mut Slot<'_>) {
        match &values.source {
            ValuesSource::Split(place, separator) => {
                let joined = written.join(separator);
                self.put(place, (!joined.is_empty()).then(|| Json::from(joined)), slot);
            }
            ValuesSource::Places(places) => {
                let mut written = written.into_iter();
                for place in places {
                    self.put(place, written.next().map(Json::from), slot);
                }
            }
            ValuesSource::Repeated(path) => match slot {
                Slot::Element(node, trail) => {
                    let taken = self.xml().take(node, &path.steps, !written.is_empty());
                    let here = Path { steps: Vec::new(), ..path.clone() };
                    let mut old = taken.nodes.into_iter();
                    let nodes = written.iter().map(|_| old.next()).collect();
                    self.xml().put(node, trail, &path.steps, (nodes, taken.first), &mut |index, item, trail| {
                        self.xml().set(item, trail, &here, &written[index]);
                    });
                }
                Slot::Json(value) => {
                    let was_there = !self.json_writer().take(value, &path.steps).is_empty();
                    if was_there || !written.is_empty() {
                        let typed =
                            |text: String| value::typed(&values.leaf, &text).unwrap_or_else(|_| Json::from(text));
                        self.json_writer().put(value, &path.steps, written.into_iter().map(typed).collect());
                    }
                }
                Slot::Rows(..) => {}
            },
        }
    }
}
