//! Conditional lines: `when`, and several lines for one field of which the first that counts is taken.

use std::ops::Range;

use canonical::document::shape::Shape;
use toml::de::DeValue;

use super::Compiler;
use super::options::{Located, Options, Word};
use crate::condition::{Condition, Conditions, Subject, Test};
use crate::item_condition::ItemCondition;
use crate::program::{Direction, Each, EachAt, Leaf, Member, Node, node_leaves, node_leaves_mut};
use crate::row_choice::RowChoice;

/// One condition as the file says it.
pub(crate) struct Asked {
    subject: Asking,
    test: Test,
}

/// What a condition of the file looks at.
enum Asking {
    /// The document or the record.
    Subject(Subject),
    /// A field of an item of a repeating group.
    Item(Word),
}

impl Compiler<'_> {
    /// The conditions of a line, all of which must hold: one table, or a list of tables.
    pub(crate) fn conditions(&mut self, options: &mut Options<'_>) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for asked in self.asked(options) {
            match asked.subject {
                Asking::Subject(subject) => conditions.push(Condition { subject, test: asked.test }),
                Asking::Item(word) => {
                    let message =
                        "item = \"…\" is a condition of a whole repeating group; say field = \"…\" or at = \"…\"";
                    self.reporter.error(word.span, message);
                }
            }
        }
        conditions
    }

    /// What `when` asks: of a field of the document, which has a line of its own, of a place of the record, or of a field
    /// of an item.
    pub(crate) fn asked(&mut self, options: &mut Options<'_>) -> Vec<Asked> {
        let Some(value) = options.take("when") else { return Vec::new() };
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        items.into_iter().filter_map(|item| self.asked_once(item)).collect()
    }

    fn asked_once(&mut self, item: Located<'_>) -> Option<Asked> {
        let DeValue::Table(table) = item.get_ref() else {
            let message = "a condition is a table: when = { field = \"…\", is = \"…\" }";
            self.reporter.error(item.span(), message);
            return None;
        };
        let span = item.span();
        let mut options = Options::new(table, span.clone());
        let field = options.text("field", &mut self.reporter);
        let at = options.text("at", &mut self.reporter);
        let own = options.text("item", &mut self.reporter);
        let test = self.test(&mut options, span.clone());
        options.finish("a condition", &[], &mut self.reporter);
        let subject = match (field, at, own) {
            (Some(field), None, None) => Asking::Subject(Subject::Field(self.variable(&field.text, field.span))),
            (None, Some(word), None) => Asking::Subject(Subject::Place(self.place(&word)?)),
            (None, None, Some(word)) => Asking::Item(word),
            _ => {
                let message = "a condition names what it looks at: field = \"…\" of the document, at = \"…\", or \
                               item = \"…\" of a repeating group's items";
                self.reporter.error(span, message);
                return None;
            }
        };
        Some(Asked { subject, test: test? })
    }

    /// Gives a repeating group its conditions. Those on the document and on places go to each of its lines, so that items
    /// for which they do not hold have no content; those on a field of an item stay with the group.
    pub(super) fn conditional_each(
        &mut self,
        mut each: Each,
        asked: Vec<Asked>,
        path: &str,
        span: &Range<usize>,
    ) -> Each {
        let mut conditions = Vec::new();
        for asked in asked {
            match asked.subject {
                Asking::Subject(subject) => conditions.push(Condition { subject, test: asked.test }),
                Asking::Item(word) => each.items.extend(self.item_condition(&each, &word, asked.test, path)),
            }
        }
        self.put_conditions(&mut each.node, &conditions, span);
        each.when = Conditions(conditions);
        each
    }

    /// A condition on a field of an item, which must be known both ways if the group goes both ways.
    fn item_condition(&mut self, each: &Each, word: &Word, test: Test, path: &str) -> Option<ItemCondition> {
        let wanted = format!("{path}.{}", word.text);
        let mut found = None;
        node_leaves(&each.node, &mut |leaf| {
            if *leaf.path == *wanted && found.is_none() {
                found = Some(leaf.clone());
            }
        });
        let message = match &found {
            None => "names a field that has no line of its own in this group",
            Some(leaf) if !leaf.source.is_content() || !leaf.when.is_none() => {
                "has the same value for every item, or a condition itself; keep one of them"
            }
            Some(leaf) if each.writes && !leaf.is_two_way() => "goes one way, and the group both; make both the same",
            Some(_) if matches!(test, Test::Differs(_) | Test::Same(_)) => {
                "is held against texts only: is, is_not or starts"
            }
            Some(_) if each.writes && (each.name_by.is_some() || matches!(each.at, EachAt::Rows)) => {
                "leaves other items where they are, which rows and elements of two names cannot; say only = \"read\""
            }
            Some(leaf) => {
                return Some(ItemCondition { field: word.text.as_str().into(), leaf: leaf.clone(), test });
            }
        };
        self.reporter.error(word.span.clone(), format!("item = \"{}\" {message}", word.text));
        None
    }

    pub(super) fn test(&mut self, options: &mut Options<'_>, span: Range<usize>) -> Option<Test> {
        if let Some(other) = options.text("differs_from", &mut self.reporter) {
            return Some(Test::Differs(self.variable(&other.text, other.span)));
        }
        let mut texts = |name| -> Option<Vec<Box<str>>> {
            let is_there = options.has(name);
            let words = options.texts(name, &mut self.reporter);
            is_there.then(|| words.into_iter().map(|word| word.text.into()).collect())
        };
        match (texts("is"), texts("is_not"), texts("starts")) {
            (Some(texts), None, None) => Some(Test::Is(texts)),
            (None, Some(texts), None) => Some(Test::IsNot(texts)),
            (None, None, Some(texts)) => Some(Test::Starts(texts)),
            _ => {
                let message = "a condition says what it wants: is = \"…\", is_not = \"…\", starts = \"…\", or \
                               differs_from = \"…\" with another field";
                self.reporter.error(span, message);
                None
            }
        }
    }

    /// The row that a line reads, where that is not the first.
    pub(crate) fn row_choice(&mut self, options: &mut Options<'_>, direction: Direction) -> Option<Box<RowChoice>> {
        let (table, span) = options.table("on_row", &mut self.reporter)?;
        let mut options = Options::new(table, span.clone());
        let at = options.text("at", &mut self.reporter);
        let texts = options.texts("is", &mut self.reporter);
        options.finish("on_row", &[], &mut self.reporter);
        let (Some(at), true, true) = (at, self.is_flat() && !self.in_each, !texts.is_empty()) else {
            let message = "on_row is for records of several rows: { at = \"COLUMN\", is = \"TEXT\" }";
            self.reporter.error(span, message);
            return None;
        };
        if direction.writes() {
            let message = "nobody can tell which row of a new record is meant; say only = \"read\"";
            self.reporter.error(span, message);
        }
        let column = self.place(&at)?;
        Some(Box::new(RowChoice { column, texts: texts.into_iter().map(|word| word.text.into()).collect() }))
    }

    /// Puts conditions on every line of a node. A place is known while reading only, so such a line cannot be written.
    pub(crate) fn put_conditions(&mut self, node: &mut Node, conditions: &[Condition], span: &Range<usize>) {
        if conditions.is_empty() {
            return;
        }
        let asks_places = conditions.iter().any(|condition| matches!(condition.subject, Subject::Place(_)));
        let mut is_written = false;
        node_leaves_mut(node, &mut |leaf| {
            is_written |= leaf.direction != Direction::Read;
            add(leaf, conditions);
        });
        if asks_places && is_written {
            let message = "a place tells nothing about a document that is written; say field = \"…\" of a field that \
                           has a line of its own, or only = \"read\"";
            self.reporter.error(span.clone(), message);
        }
    }

    /// Several lines for one field: the first whose condition holds counts, in both directions.
    pub(crate) fn alternatives(
        &mut self,
        value: Located<'_>,
        name: &str,
        shape: Shape,
        path: &str,
    ) -> Option<Vec<Member>> {
        let DeValue::Array(items) = value.get_ref() else { return None };
        if !items.iter().any(|item| matches!(item.get_ref(), DeValue::Table(_))) {
            return None;
        }
        let mut members = Vec::new();
        let mut before: Vec<Condition> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let DeValue::Table(table) = item.get_ref() else {
                self.reporter
                    .error(item.span(), "a field with several lines has tables only: { at = \"…\", when = … }");
                continue;
            };
            let is_last = index + 1 == items.len();
            if !is_last && !table.contains_key("when") {
                self.reporter.error(item.span(), "this line always counts, so that none behind it does; add when = …");
            }
            let directions = self.directions.len();
            let Some(mut node) = self.node(item, shape, path) else { continue };
            let own = own_conditions(&node);
            if own.len() > 1 && !is_last {
                let message = "the lines behind this one count where it does not, which takes a single condition here";
                self.reporter.error(item.span(), message);
            }
            let others: Vec<Condition> = before.iter().map(Condition::negated).collect();
            self.put_conditions(&mut node, &others, &item.span());
            self.directions[directions..].iter_mut().for_each(|(_, leaf): &mut (Word, Leaf)| add(leaf, &others));
            before.extend(own);
            members.push(Member { name: name.into(), node });
        }
        Some(members)
    }
}

fn add(leaf: &mut Leaf, conditions: &[Condition]) {
    leaf.when.0.extend(conditions.iter().cloned());
    // A document for which the line does not count loses the value.
    leaf.lossy = true;
}

/// The conditions that a line said itself: all of its leaves have them.
fn own_conditions(node: &Node) -> Vec<Condition> {
    let mut found = Vec::new();
    node_leaves(node, &mut |leaf| found.clone_from(&leaf.when.0));
    found
}
