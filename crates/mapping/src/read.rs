//! Driving serde over a record: documents are built straight from the record, with nothing in between.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::Deserializer;
use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use crate::attachment::Attachment;
use crate::cursor::{Context, Cursor};
use crate::error::{DataError, Problem, class_of};
use crate::leaf::is_shortened;
use crate::program::{Choice, Each, EachAt, Kind, Leaf, List, Member, Node, Object, Values, ValuesSource};
use crate::verbs::{Text, Verb, attachment};

/// Why building a document stopped. It never holds a value of the record.
#[derive(Debug)]
pub(crate) struct Stop(String);

impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Stop {}

const UNFIT: &str = "the value does not fit the field";

impl de::Error for Stop {
    fn custom<T: fmt::Display>(message: T) -> Self {
        // Documents' own types say what they expect and never show the value; others may show it.
        let message = message.to_string();
        Stop(if message.starts_with("expected ") { message } else { UNFIT.to_owned() })
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Stop(format!("expected {expected}"))
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Stop(format!("expected {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Stop(format!("expected one of {}", expected.join(", ")))
    }
}

/// What was found while a document is built.
#[derive(Default)]
pub(crate) struct State {
    pub errors: Vec<DataError>,
    /// The files whose hashes were read.
    pub attachments: Vec<Attachment>,
    /// Errors of values that the document's own types refused, by the number of the value.
    refused: Vec<(u32, DataError)>,
    poisoned: BTreeSet<u32>,
    ordinal: u32,
}

impl State {
    /// Prepares for another attempt when a value was refused since the last one; that value is then left out.
    fn again(&mut self) -> bool {
        let fresh = self.refused.iter().any(|(ordinal, _)| self.poisoned.insert(*ordinal));
        self.ordinal = 0;
        if fresh {
            self.errors.clear();
        }
        fresh
    }

    fn read<'a>(&mut self, context: &Context<'a>, leaf: &'a Leaf, cursor: Cursor<'a>) -> Option<(Text<'a>, u32)> {
        self.ordinal += 1;
        if !self.poisoned.is_empty() && self.poisoned.contains(&self.ordinal) {
            return None;
        }
        match leaf.read(context, cursor) {
            Ok(Some(text)) => {
                if matches!(leaf.verb, Verb::Attachment) {
                    self.attach(context, leaf, cursor, &text);
                }
                Some((text, self.ordinal))
            }
            Ok(None) => None,
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    /// Keeps the bytes of an attached file, once for each hash.
    fn attach<'a>(&mut self, context: &Context<'a>, leaf: &'a Leaf, cursor: Cursor<'a>, hash: &str) {
        let is_known = self.attachments.iter().any(|known| known.hash == *hash);
        if let (false, Ok(Some(text))) = (is_known, leaf.content(context, cursor))
            && let Ok(bytes) = attachment::decode(&text)
        {
            self.attachments.push(Attachment { hash: hash.to_owned(), bytes });
        }
    }

    fn refuse(&mut self, leaf: &Leaf, ordinal: u32, value_class: &'static str, stop: &Stop) {
        let problem = Problem::new("mapping.unfit", stop.0.clone());
        self.refused.push((ordinal, DataError { value_class, ..leaf.error(problem, "") }));
    }
}

/// Builds a document with `build`, as often as it takes to find every value that its types refuse.
pub(crate) fn build<'a, T>(
    context: &'a Context<'a>,
    cursor: Cursor<'a>,
    build: impl FnMut(Record<'a, '_>) -> Result<T, Stop>,
) -> Result<T, Vec<DataError>> {
    build_with_attachments(context, cursor, build).map(|(document, _)| document)
}

/// As [`build`], with the files that are attached to the document.
pub(crate) fn build_with_attachments<'a, T>(
    context: &'a Context<'a>,
    cursor: Cursor<'a>,
    mut build: impl FnMut(Record<'a, '_>) -> Result<T, Stop>,
) -> Result<(T, Vec<Attachment>), Vec<DataError>> {
    let mut state = State::default();
    loop {
        let record = Record { context, cursor, object: &context.program.root, state: &mut state };
        match build(record) {
            Ok(document) if state.errors.is_empty() && state.refused.is_empty() => {
                return Ok((document, state.attachments));
            }
            Ok(_) => break,
            Err(_) if state.again() => {}
            Err(stop) => {
                state.errors.push(DataError {
                    field: "".into(),
                    place: "record".into(),
                    value_class: "document",
                    reason: stop.0,
                    code: "mapping.unfit",
                });
                break;
            }
        }
    }
    state.errors.extend(state.refused.into_iter().map(|(_, error)| error));
    Err(state.errors)
}

/// Whether a node has content in the record.
pub(crate) fn is_present<'a>(context: &Context<'a>, node: &'a Node, cursor: Cursor<'a>) -> bool {
    match node {
        Node::Leaf(leaf) => leaf.is_present(context, cursor),
        Node::Object(object) => object_is_present(context, object, cursor),
        Node::List(list) => {
            list.chosen.iter().any(|chosen| is_present(context, &chosen.node, cursor))
                || list.each.as_ref().is_some_and(|each| !each_items(context, each, cursor).is_empty())
                || list.values.as_ref().is_some_and(|values| !values.texts(context, cursor).is_empty())
        }
    }
}

fn object_is_present<'a>(context: &Context<'a>, object: &'a Object, cursor: Cursor<'a>) -> bool {
    object.members.iter().any(|member| is_present(context, &member.node, cursor))
}

/// The positions of a repeating group's items that have content.
fn each_items<'a>(context: &Context<'a>, each: &'a Each, cursor: Cursor<'a>) -> Vec<Cursor<'a>> {
    let mut items = match (&each.at, cursor) {
        (EachAt::Rows, Cursor::Row(rows, _)) => (0..rows.len()).map(|row| Cursor::Row(rows, row)).collect(),
        (EachAt::Path(path), _) => context.every(cursor, path),
        _ => Vec::new(),
    };
    items.retain(|item| each.takes(context, *item) && is_present(context, &each.node, *item));
    items
}

impl Values {
    /// The texts of a list of plain values, as they stand in the record.
    pub(crate) fn texts<'a>(&'a self, context: &Context<'a>, cursor: Cursor<'a>) -> Vec<Cow<'a, str>> {
        if !self.leaf.when.hold(context, cursor) {
            return Vec::new();
        }
        let raw: Vec<Cow<'a, str>> = match &self.source {
            ValuesSource::Split(place, separator) => match context.raw(place, cursor) {
                Ok(Some(Cow::Borrowed(text))) => text.split(&**separator).map(Cow::Borrowed).collect(),
                Ok(Some(Cow::Owned(text))) => {
                    text.split(&**separator).map(|part| Cow::Owned(part.to_owned())).collect()
                }
                _ => Vec::new(),
            },
            ValuesSource::Places(places) => {
                let rows: Vec<Cursor<'a>> = match &self.leaf.row {
                    Some(choice) => choice.all(context, cursor).collect(),
                    None => vec![cursor],
                };
                let every = rows.iter().flat_map(|row| places.iter().map(|place| context.raw(place, *row)));
                every.filter_map(|text| text.ok().flatten()).collect()
            }
            ValuesSource::Repeated(path) => {
                let here = crate::place::Place::Path(crate::place::Path { steps: Vec::new(), ..path.clone() });
                context.every(cursor, path).into_iter().filter_map(|at| context.raw(&here, at).ok().flatten()).collect()
            }
        };
        raw.into_iter()
            .map(crate::leaf::trim)
            .filter(|text| !text.is_empty() && !self.leaf.blank.iter().any(|blank| **blank == **text))
            .collect()
    }
}

/// A record as a deserializer of its document.
pub(crate) struct Record<'a, 's> {
    context: &'a Context<'a>,
    cursor: Cursor<'a>,
    object: &'a Object,
    state: &'s mut State,
}

impl<'a> Deserializer<'a> for Record<'a, '_> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_map(Fields {
            context: self.context,
            cursor: self.cursor,
            members: self.object.members.iter(),
            pending: None,
            state: self.state,
        })
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        <V: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

enum Pending<'a> {
    /// Text that passes as it stands: most values are that, and the shorter way pays.
    Plain(&'a Leaf, &'a str, u32),
    Leaf(&'a Leaf, Text<'a>, u32),
    Object(&'a Object),
    List(&'a List),
}

/// The fields of a group that the record has.
struct Fields<'a, 's> {
    context: &'a Context<'a>,
    cursor: Cursor<'a>,
    members: std::slice::Iter<'a, Member>,
    pending: Option<Pending<'a>>,
    state: &'s mut State,
}

impl<'a> Fields<'a, '_> {
    fn advance(&mut self) -> Option<&'a str> {
        while let Some(member) = self.members.next() {
            let pending = match &member.node {
                Node::Leaf(leaf) if leaf.direction.reads() => {
                    if let Some(places) = leaf.plain_places()
                        && self.cursor.is_text()
                        && self.state.poisoned.is_empty()
                    {
                        self.state.ordinal += 1;
                        let Some(text) = leaf.first_text(self.context, places, self.cursor) else { continue };
                        if !is_shortened(text) {
                            self.pending = Some(Pending::Plain(leaf, text, self.state.ordinal));
                            return Some(&member.name);
                        }
                        self.state.ordinal -= 1;
                    }
                    let Some((text, ordinal)) = self.state.read(self.context, leaf, self.cursor) else { continue };
                    Pending::Leaf(leaf, text, ordinal)
                }
                Node::Leaf(_) => continue,
                Node::Object(object)
                    if object.needs_content && !object_is_present(self.context, object, self.cursor) =>
                {
                    continue;
                }
                Node::Object(object) if object.whole && !self.is_whole(object) => continue,
                Node::Object(object) => Pending::Object(object),
                Node::List(list) => Pending::List(list),
            };
            self.pending = Some(pending);
            return Some(&member.name);
        }
        None
    }
}

impl<'a> Fields<'a, '_> {
    /// Whether every member of a group can be read; what cannot is reported, since the group is then left out.
    fn is_whole(&mut self, object: &'a Object) -> bool {
        let errors = self.state.errors.len();
        for member in &object.members {
            let Node::Leaf(leaf) = &member.node else { continue };
            match leaf.read(self.context, self.cursor) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    let problem =
                        Problem::new("mapping.incomplete", "an amount needs its currency; the other part is there");
                    self.state.errors.push(leaf.error(problem, ""));
                }
                Err(error) => self.state.errors.push(error),
            }
        }
        self.state.errors.len() == errors
    }
}

impl<'a> MapAccess<'a> for Fields<'a, '_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        self.advance().map(|name| seed.deserialize(BorrowedStrDeserializer::new(name))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        match self.pending.take() {
            Some(Pending::Plain(leaf, text, ordinal)) => {
                scalar(seed, leaf, Text::Long(Cow::Borrowed(text)), ordinal, self.state)
            }
            Some(Pending::Leaf(leaf, text, ordinal)) => scalar(seed, leaf, text, ordinal, self.state),
            Some(Pending::Object(object)) => {
                seed.deserialize(Record { context: self.context, cursor: self.cursor, object, state: self.state })
            }
            Some(Pending::List(list)) => {
                seed.deserialize(Items { context: self.context, cursor: self.cursor, list, state: self.state })
            }
            None => Err(de::Error::custom("expected a key before its value")),
        }
    }
}

fn scalar<'a, V: DeserializeSeed<'a>>(
    seed: V,
    leaf: &'a Leaf,
    text: Text<'a>,
    ordinal: u32,
    state: &mut State,
) -> Result<V::Value, Stop> {
    // The class is a static word: it costs a pass over the text, so it is only made when it is needed.
    let kept = match &text {
        Text::Long(Cow::Borrowed(text)) => Some(*text),
        _ => None,
    };
    seed.deserialize(Scalar { text, kind: leaf.kind }).inspect_err(|stop| {
        state.refuse(leaf, ordinal, kept.map_or("converted text", class_of), stop);
    })
}

/// One value of a document.
struct Scalar<'a> {
    text: Text<'a>,
    kind: Kind,
}

impl<'a> Deserializer<'a> for Scalar<'a> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.kind {
            Kind::Boolean => visitor.visit_bool(&*self.text == "true"),
            Kind::Integer => match (self.text.parse::<u64>(), self.text.parse::<i64>()) {
                (Ok(number), _) => visitor.visit_u64(number),
                (_, Ok(number)) => visitor.visit_i64(number),
                _ => Err(de::Error::custom("expected a whole number of at most 18 digits")),
            },
            Kind::Text | Kind::Letters(_) | Kind::Decimal | Kind::Date | Kind::Timestamp => match self.text {
                Text::Long(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
                Text::Long(Cow::Owned(text)) => visitor.visit_string(text),
                Text::Short(text) => visitor.visit_str(&text),
            },
        }
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        StrDeserializer::<Stop>::new(&self.text).deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        <V: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A list as a deserializer of its items.
struct Items<'a, 's> {
    context: &'a Context<'a>,
    cursor: Cursor<'a>,
    list: &'a List,
    state: &'s mut State,
}

impl<'a> Deserializer<'a> for Items<'a, '_> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        let repeated = match &self.list.each {
            Some(each) => each_items(self.context, each, self.cursor),
            None => Vec::new(),
        };
        let texts = self.list.values.as_ref().map(|values| values.texts(self.context, self.cursor)).unwrap_or_default();
        visitor.visit_seq(ListAccess {
            context: self.context,
            cursor: self.cursor,
            list: self.list,
            chosen: self.list.chosen.iter(),
            repeated: repeated.into_iter(),
            texts: texts.into_iter(),
            state: self.state,
        })
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_some(self)
    }

    serde::forward_to_deserialize_any! {
        <V: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct ListAccess<'a, 's> {
    context: &'a Context<'a>,
    cursor: Cursor<'a>,
    list: &'a List,
    chosen: std::slice::Iter<'a, crate::program::Chosen>,
    repeated: std::vec::IntoIter<Cursor<'a>>,
    texts: std::vec::IntoIter<Cow<'a, str>>,
    state: &'s mut State,
}

impl<'a> SeqAccess<'a> for ListAccess<'a, '_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Stop> {
        for chosen in self.chosen.by_ref() {
            debug_assert!(self.list.selector.is_some() || matches!(chosen.choice, Choice::Position(_)));
            if !is_present(self.context, &chosen.node, self.cursor) {
                continue;
            }
            match &chosen.node {
                Node::Object(object) => return self.object(seed, object, self.cursor).map(Some),
                Node::Leaf(leaf) => {
                    let Some((text, ordinal)) = self.state.read(self.context, leaf, self.cursor) else { continue };
                    return scalar(seed, leaf, text, ordinal, self.state).map(Some);
                }
                Node::List(_) => {}
            }
        }
        if let (Some(each), Some(cursor)) = (&self.list.each, self.repeated.next())
            && let Node::Object(object) = &each.node
        {
            return self.object(seed, object, cursor).map(Some);
        }
        let Some(values) = &self.list.values else { return Ok(None) };
        for text in self.texts.by_ref() {
            self.state.ordinal += 1;
            let ordinal = self.state.ordinal;
            if self.state.poisoned.contains(&ordinal) {
                continue;
            }
            let class = class_of(&text);
            match values.leaf.convert_value(text) {
                Ok(Some(text)) => return scalar(seed, &values.leaf, text, ordinal, self.state).map(Some),
                Ok(None) => {}
                Err(problem) => {
                    let error = DataError { value_class: class, ..values.leaf.error(problem, "") };
                    self.state.errors.push(error);
                }
            }
        }
        Ok(None)
    }
}

impl<'a> ListAccess<'a, '_> {
    fn object<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
        object: &'a Object,
        cursor: Cursor<'a>,
    ) -> Result<T::Value, Stop> {
        seed.deserialize(Record { context: self.context, cursor, object, state: self.state })
    }
}
