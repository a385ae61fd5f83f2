//! Conditional lines: `when`, and several lines for one field of which the first that counts is taken.

use std::ops::Range;

use canonical::document::shape::Shape;
use toml::de::DeValue;

use super::Compiler;
use super::options::{Located, Options, Word};
use crate::condition::{Condition, Subject, Test};
use crate::program::{Direction, Leaf, Member, Node, node_leaves_mut};
use crate::row_choice::RowChoice;

impl Compiler<'_> {
    /// The condition of a line: on a field of the document, which has a line of its own, or on a place of the record.
    pub(crate) fn condition(&mut self, options: &mut Options<'_>) -> Option<Condition> {
        let (table, span) = options.table("when", &mut self.reporter)?;
        let mut options = Options::new(table, span.clone());
        let field = options.text("field", &mut self.reporter);
        let at = options.text("at", &mut self.reporter);
        let test = self.test(&mut options, span.clone());
        options.finish("a condition", &[], &mut self.reporter);
        let subject = match (field, at) {
            (Some(field), None) => Subject::Field(self.variable(&field.text, field.span)),
            (None, Some(word)) => Subject::Place(self.place(&word)?),
            _ => {
                let message = "a condition names what it looks at: field = \"…\" of the document, or at = \"…\"";
                self.reporter.error(span, message);
                return None;
            }
        };
        Some(Condition { subject, test: test? })
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
            let own = own_condition(&node);
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

/// The condition that a line said itself: all of its leaves have it.
fn own_condition(node: &Node) -> Option<Condition> {
    let mut found = None;
    crate::program::node_leaves(node, &mut |leaf| found = leaf.when.0.first().cloned());
    found
}
