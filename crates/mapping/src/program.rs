//! The compiled form of a mapping: a tree in the shape of the document, with a place in the record at every leaf.

mod head;

use std::sync::{Arc, OnceLock};

use canonical::record::{Columns, Name};

use crate::condition::{Conditions, Subject};
use crate::cursor::Resolved;

use crate::item_condition::ItemCondition;
use crate::place::{Path, Place};
use crate::row_choice::RowChoice;
use crate::verbs::Verb;
use crate::verbs::number::NumberStyle;
use crate::verbs::text::TextVerb;
pub(crate) use head::{ControlPlaces, Key};

/// Which way a line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Both,
    Read,
    Write,
}

impl Direction {
    pub(crate) fn reads(self) -> bool {
        self != Direction::Write
    }

    pub(crate) fn writes(self) -> bool {
        self != Direction::Read
    }
}

/// How a leaf appears in the document's JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// Text of exactly so many upper-case letters.
    Letters(usize),
    Decimal,
    Integer,
    Boolean,
    Date,
    Timestamp,
}

/// A node of the program.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Object(Object),
    List(List),
    Leaf(Box<Leaf>),
}

/// A group of named fields.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object {
    pub members: Vec<Member>,
    /// The group exists only where a line of it has content; constants and defaults alone do not make it.
    pub needs_content: bool,
    /// The group exists only with all its members: an amount needs its currency.
    pub whole: bool,
}

/// A named field of a group.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub name: Box<str>,
    pub node: Node,
}

impl Object {
    pub(crate) fn member(&self, name: &str) -> Option<&Node> {
        self.members.iter().find(|member| *member.name == *name).map(|member| &member.node)
    }
}

/// A list: chosen items first, in the order of their lines, then the repeating group's.
#[derive(Debug, Clone, Default)]
pub(crate) struct List {
    /// The field that tells items apart, if the list has one.
    pub selector: Option<&'static str>,
    pub chosen: Vec<Chosen>,
    pub each: Option<Box<Each>>,
    pub values: Option<Box<Values>>,
}

/// One item of a list that lines name by its selector's value, or by its position.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub choice: Choice,
    /// An object with the selector's own leaf inside, or a leaf in a list of texts.
    pub node: Node,
}

/// What names an item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The value of the list's selector.
    Selector(Box<str>),
    /// The position, counted from 0.
    Position(usize),
}

/// A repeating group.
#[derive(Debug, Clone)]
pub(crate) struct Each {
    pub at: EachAt,
    /// The field by which items of the document and of the base record are matched when writing; else by position.
    pub key: Option<Box<str>>,
    /// The field that decides over the name of an item's element, where its last step has alternatives: an item
    /// without it takes the first name, one with it the last.
    pub name_by: Option<Box<str>>,
    pub node: Node,
    /// Whether any of its lines writes; items that are only read are left alone.
    pub writes: bool,
    /// Where the group counts at all; all of its lines have these conditions too.
    pub when: Conditions,
    /// What an item says of itself before it is one of the group's.
    pub items: Vec<ItemCondition>,
}

/// Where a repeating group repeats.
#[derive(Debug, Clone)]
pub(crate) enum EachAt {
    /// Every row of the group of rows.
    Rows,
    /// Every element or JSON value at the path.
    Path(Path),
}

/// A list of plain values.
#[derive(Debug, Clone)]
pub(crate) struct Values {
    pub source: ValuesSource,
    /// How one value is converted; its own source is not used.
    pub leaf: Leaf,
}

/// Where a list of plain values stands.
#[derive(Debug, Clone)]
pub(crate) enum ValuesSource {
    /// One text with a separator.
    Split(Place, Box<str>),
    /// One value for each place.
    Places(Vec<Place>),
    /// Every element, or every item of the JSON array, at the path.
    Repeated(Path),
}

/// One line: a scalar of the document, and where and how it stands in the record.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    /// The canonical path, with selectors and without positions in repeating groups.
    pub path: Arc<str>,
    /// The places in words, for messages.
    pub place: Arc<str>,
    pub direction: Direction,
    pub source: Source,
    pub verb: Verb,
    pub text: Vec<TextVerb>,
    /// Values that count as empty.
    pub blank: Vec<Box<str>>,
    /// Canonical text where the record has nothing.
    pub default: Option<Box<str>>,
    /// An empty value is an error when reading.
    pub required: bool,
    /// An empty value is an error when writing.
    pub write_required: bool,
    /// The record's text for nothing: it is written where the document has nothing, and it is among `blank`.
    pub absent: Option<Box<str>>,
    pub kind: Kind,
    /// Values that the document allows, where it allows no others.
    pub closed: Option<&'static [&'static str]>,
    /// Written to JSON as a number.
    pub number: bool,
    /// The attribute that gets the currency when this amount is written.
    pub currency_attribute: Option<CurrencyAttribute>,
    /// The document's field that carries the sign: `credit` for positive, `debit` for negative.
    pub sign: Option<Sign>,
    /// A value can come back changed after it was written and read again.
    pub lossy: bool,
    /// The places follow the mapping's records: a record of the first kind is written at the first place, and so on.
    pub by_record: bool,
    /// Which of several places are written.
    pub write_to: WriteTo,
    /// The fields of the same item, or of the document, whose sum is written where this one says nothing.
    pub sum_of: Vec<Box<str>>,
    /// Where the line counts at all.
    pub when: Conditions,
    /// Which row it reads, where that is not the first; it only reads then.
    pub row: Option<Box<RowChoice>>,
    /// How many of the last digits are decimals, where records differ in that.
    pub scale: Option<Box<Scale>>,
}

/// What tells how many of the last digits of a number are decimals.
#[derive(Debug, Clone)]
pub(crate) enum Scale {
    /// A place of the record. Where it has nothing the other number counts, which is the one that is written.
    Place { place: Place, otherwise: u32 },
    /// The minor unit of the currency of the same amount, which this line gives.
    Money(Box<Leaf>),
    /// The minor unit of a field of the document, by its number in the program's table of variables.
    Field(usize),
}

/// Which of a line's places are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum WriteTo {
    /// All of them.
    #[default]
    All,
    /// The one that has content already, else the first whose conditions the document can meet; the others are cleared.
    First,
    /// The first for a value that passes the check of the line's identifier, the second for any other.
    Checked,
}

/// What a number's sign has to do with the document's field of direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sign {
    /// This amount is without sign; the field at the path holds its direction.
    Amount(Box<str>),
    /// This is the direction of the number at the same place.
    Direction,
}

/// An attribute for the currency of an amount.
#[derive(Debug, Clone)]
pub(crate) struct CurrencyAttribute {
    pub path: Path,
    /// The document's field that holds the currency.
    pub field: Box<str>,
}

/// Where a leaf's text comes from and goes to.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The same for every record; a value with a place is written there too.
    Constant(Box<str>, Option<Place>),
    /// The value of a list's selector.
    Selector(Box<str>),
    /// The same for every record; the system cannot hold another, so writing another is an error.
    Fixed(Box<str>),
    /// The first place that has content; all are written.
    First(Vec<Place>),
    /// All places that have content, joined; writing splits.
    Join(Vec<Place>, Box<str>),
    /// One part of a text with a separator.
    Part(Part),
    /// The tag at the start of a text between two marks, or what follows it.
    Tagged(Tagged),
    /// Two columns for the two directions of money.
    DebitCredit(DebitCredit),
    /// A number whose sign stands elsewhere.
    Signed(Signed),
}

/// One part of a text.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub place: Place,
    pub separator: Box<str>,
    /// Counted from 0.
    pub index: usize,
    /// Whether everything after it belongs to it.
    pub rest: bool,
}

/// A text that may start with a tag of a fixed length between two marks: `#AAI#text`.
#[derive(Debug, Clone)]
pub(crate) struct Tagged {
    pub place: Place,
    pub mark: char,
    /// How many letters or digits a tag has.
    pub length: usize,
    /// Whether the line is for the tag, rather than for the text behind it.
    pub is_tag: bool,
}

impl Tagged {
    /// The tag of a text, if it starts with one, and the rest.
    pub(crate) fn parts<'t>(&self, text: &'t str) -> (Option<&'t str>, &'t str) {
        let split = || {
            let (tag, rest) = text.strip_prefix(self.mark)?.split_once(self.mark)?;
            let is_tag = tag.len() == self.length && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
            is_tag.then_some((Some(tag), rest.trim_start()))
        };
        split().unwrap_or((None, text))
    }

    /// The part of a text that the line is for; empty where the text has none.
    pub(crate) fn own<'t>(&self, text: &'t str) -> &'t str {
        let (tag, rest) = self.parts(text);
        if self.is_tag { tag.unwrap_or_default() } else { rest }
    }
}

/// Two columns, of which one has the amount.
#[derive(Debug, Clone)]
pub(crate) struct DebitCredit {
    pub debit: Place,
    pub credit: Place,
    /// Debit counts as positive.
    pub debit_is_positive: bool,
    pub style: NumberStyle,
}

/// A number without sign and the place of its sign.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub number: Place,
    pub sign: Place,
    pub minus: Vec<Box<str>>,
    pub plus: Vec<Box<str>>,
    pub style: NumberStyle,
}

impl Source {
    /// The places that the source reads or writes.
    pub(crate) fn places(&self) -> Vec<&Place> {
        match self {
            Source::Constant(_, place) => place.iter().collect(),
            Source::Selector(_) | Source::Fixed(_) => Vec::new(),
            Source::First(places) | Source::Join(places, _) => places.iter().collect(),
            Source::Part(part) => vec![&part.place],
            Source::Tagged(tagged) => vec![&tagged.place],
            Source::DebitCredit(columns) => vec![&columns.debit, &columns.credit],
            Source::Signed(signed) => vec![&signed.number, &signed.sign],
        }
    }

    /// Whether the record decides over the value.
    pub(crate) fn is_content(&self) -> bool {
        !matches!(self, Source::Constant(..) | Source::Selector(_) | Source::Fixed(_))
    }
}

impl Leaf {
    /// The places that the line looks at besides its own: what conditions ask for, and what tells the decimals.
    pub(crate) fn asked_places(&self) -> Vec<&Place> {
        let conditions = self.when.0.iter().filter_map(|condition| match &condition.subject {
            Subject::Place(place) => Some(place),
            Subject::Field(_) => None,
        });
        let scale = self.scale.as_deref().and_then(|scale| match scale {
            Scale::Place { place, .. } => Some(place),
            Scale::Money(_) | Scale::Field(_) => None,
        });
        conditions.chain(scale).collect()
    }

    /// Every place that the line looks at.
    pub(crate) fn all_places(&self) -> Vec<&Place> {
        let mut places = self.source.places();
        places.extend(self.asked_places());
        places
    }

    /// Whether the document's value is written and read back.
    pub(crate) fn is_two_way(&self) -> bool {
        self.direction == Direction::Both && !matches!(self.source, Source::Constant(..))
    }
}

/// The columns that a program names, by number.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnTable {
    pub names: Vec<Box<str>>,
    /// The names as columns, made once the table is complete: records that are written share them.
    columns: OnceLock<Arc<Columns>>,
}

impl ColumnTable {
    /// The columns of a record that is written from nothing. To be asked for when the table is complete.
    pub(crate) fn columns(&self) -> Arc<Columns> {
        // No name stands twice in the table, so that there is always a header.
        let made = || Columns::new(self.names.iter().cloned()).unwrap_or_default();
        Arc::clone(self.columns.get_or_init(made))
    }

    pub(crate) fn intern(&mut self, name: &str) -> usize {
        match self.names.iter().position(|known| **known == *name) {
            Some(slot) => slot,
            None => {
                self.names.push(name.into());
                self.names.len() - 1
            }
        }
    }
}

/// The names of elements, attributes and JSON members that a program uses, by number.
/// One number stands for several names where a prefix stands for several namespaces.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameTable {
    pub names: Vec<Vec<Name>>,
}

impl NameTable {
    pub(crate) fn intern(&mut self, names: Vec<Name>) -> usize {
        match self.names.iter().position(|known| *known == names) {
            Some(slot) => slot,
            None => {
                self.names.push(names);
                self.names.len() - 1
            }
        }
    }

    pub(crate) fn local(&self, slot: usize) -> &str {
        self.names.get(slot).and_then(|names| names.first()).map_or("", |name| &name.local)
    }
}

/// A column group of which at least one must be in the table for the line to be read.
#[derive(Debug, Clone)]
pub(crate) struct NeededColumns {
    pub field: Arc<str>,
    pub slots: Vec<usize>,
}

/// A field of the document that predicates compare with.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub field: Box<str>,
    /// The line of that field.
    pub leaf: Option<Leaf>,
}

impl Variable {
    /// Whether the places of its line have conditions on other fields.
    pub(crate) fn asks_others(&self) -> bool {
        let asks = |place: &Place| matches!(place, Place::Path(path) if path.has_variables());
        self.leaf.as_ref().is_some_and(|leaf| leaf.source.places().into_iter().any(asks))
    }
}

/// Everything that reading and writing need.
#[derive(Debug, Clone, Default)]
pub(crate) struct Program {
    pub root: Object,
    pub columns: ColumnTable,
    pub needed: Vec<NeededColumns>,
    pub names: NameTable,
    pub variables: Vec<Variable>,
    pub key: Vec<Key>,
    pub key_separator: Box<str>,
    /// What is written whatever the document says.
    pub constants: Vec<(Place, Box<str>)>,
    /// Which records of a stream the mapping is for.
    pub when: Conditions,
    /// The totals that the drop states about groups of its records.
    pub control: Option<Arc<ControlPlaces>>,
    /// Lines share places, so that one cannot be written without regard to the other.
    pub entangled: bool,
    /// Some lines count only under conditions.
    pub is_conditional: bool,
    /// Where the columns are in the first base record that was written to; most others have the same.
    pub usual: OnceLock<Resolved>,
}

impl Program {
    /// Calls `visit` with every leaf, lists of values included.
    pub(crate) fn leaves<'p>(&'p self, visit: &mut impl FnMut(&'p Leaf)) {
        object_leaves(&self.root, visit);
    }
}

/// What stands at a path that starts at the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// The items of a repeating group, or plain values.
    Items,
    /// A text.
    Text,
    /// The currency of an amount, which conditions may ask for.
    Currency,
}

impl Program {
    /// Calls `visit` with every path that starts at the record and is written.
    pub(crate) fn paths(&self, visit: &mut impl FnMut(&Path, Content)) {
        object_paths(&self.root, visit);
    }
}

fn object_paths(object: &Object, visit: &mut impl FnMut(&Path, Content)) {
    object.members.iter().for_each(|member| node_paths(&member.node, visit));
}

fn node_paths(node: &Node, visit: &mut impl FnMut(&Path, Content)) {
    match node {
        Node::Leaf(leaf) if leaf.direction.writes() => {
            for place in leaf.source.places() {
                let Place::Path(path) = place else { continue };
                visit(path, Content::Text);
                if let Some(attribute) = &leaf.currency_attribute {
                    visit(&attribute.path.below(path), Content::Currency);
                }
            }
        }
        Node::Leaf(_) => {}
        Node::Object(object) => object_paths(object, visit),
        Node::List(list) => {
            list.chosen.iter().for_each(|chosen| node_paths(&chosen.node, visit));
            if let Some(EachAt::Path(path)) = list.each.as_ref().filter(|each| each.writes).map(|each| &each.at) {
                visit(path, Content::Items);
            }
            let values = list.values.as_ref().filter(|values| values.leaf.direction.writes());
            if let Some(ValuesSource::Repeated(path)) = values.map(|values| &values.source) {
                visit(path, Content::Items);
            }
        }
    }
}

fn object_leaves<'p>(object: &'p Object, visit: &mut impl FnMut(&'p Leaf)) {
    object.members.iter().for_each(|member| node_leaves(&member.node, visit));
}

/// Calls `change` with every leaf of a node, those of lists of values included.
pub(crate) fn node_leaves_mut(node: &mut Node, change: &mut impl FnMut(&mut Leaf)) {
    match node {
        Node::Leaf(leaf) => change(leaf),
        Node::Object(object) => object.members.iter_mut().for_each(|member| node_leaves_mut(&mut member.node, change)),
        Node::List(list) => {
            list.chosen.iter_mut().for_each(|chosen| node_leaves_mut(&mut chosen.node, change));
            if let Some(each) = &mut list.each {
                node_leaves_mut(&mut each.node, change);
            }
            if let Some(values) = &mut list.values {
                change(&mut values.leaf);
            }
        }
    }
}

pub(crate) fn node_leaves<'p>(node: &'p Node, visit: &mut impl FnMut(&'p Leaf)) {
    match node {
        Node::Leaf(leaf) => visit(leaf),
        Node::Object(object) => object_leaves(object, visit),
        Node::List(list) => {
            list.chosen.iter().for_each(|chosen| node_leaves(&chosen.node, visit));
            if let Some(each) = &list.each {
                node_leaves(&each.node, visit);
            }
            if let Some(values) = &list.values {
                visit(&values.leaf);
            }
        }
    }
}
