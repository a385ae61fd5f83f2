//! What a drop says about itself: where its records are to be cut, and the totals that they are held against.

use std::sync::Arc;

use canonical::document::shape::Shape;
use canonical::entity::Entity;
use toml::de::{DeTable, DeValue};

use super::Compiler;
use super::line::Line;
use super::options::{self, Located, Options, Word};
use super::vocabulary::CONTROL;
use crate::mapping::{Format, Split};
use crate::place::Step;
use crate::program::{ControlPlaces, Direction, Key, Leaf};

impl Compiler<'_> {
    /// The path down to repeated elements, each of which makes a record of its own.
    pub(crate) fn split(&mut self, options: &mut Options<'_>) -> Option<Split> {
        let value = options.take("split")?;
        if self.format == Format::Csv {
            let message = "rows are not split; only records of XML and JSON are";
            self.reporter.error(value.span(), message);
            return None;
        }
        let (at, with) = match value.get_ref() {
            DeValue::Table(table) => {
                let mut options = Options::new(table, value.span());
                let at = options.text("at", &mut self.reporter);
                let with = options.texts("with", &mut self.reporter);
                options.finish("split", &[], &mut self.reporter);
                (at, with)
            }
            _ => (options::word(value, "split", &mut self.reporter), Vec::new()),
        };
        let Some(at) = at else {
            self.reporter.error(value.span(), "split names the elements that repeat: split = \"…\" or { at = \"…\" }");
            return None;
        };
        let at = self.plain_path(at)?;
        let with = with.into_iter().filter_map(|word| self.plain_path(word)).collect();
        Some(Split { at, with })
    }

    /// A path that can be followed while a file is read.
    fn plain_path(&mut self, word: Word) -> Option<String> {
        let path = self.path(&word)?;
        let is_plain =
            |step: &Step| step.predicates.is_empty() && step.position.is_none() && !step.alone && step.names.len() == 1;
        if path.steps.is_empty() || path.attribute.is_some() || !path.steps.iter().all(is_plain) {
            let message = "split takes paths of names, without conditions and attributes";
            self.reporter.error(word.span, message);
            return None;
        }
        Some(word.text)
    }

    /// The totals of a group of records, which are stated by the drop and held against what was read of it.
    pub(crate) fn control(&mut self, options: &mut Options<'_>) -> Option<Arc<ControlPlaces>> {
        let (table, span) = options.table("control", &mut self.reporter)?;
        let direction = std::mem::replace(&mut self.direction, Direction::Read);
        let mut options = Options::new(table, span.clone());
        let group = options.texts("group", &mut self.reporter);
        let group = group.into_iter().filter_map(|word| {
            let place = self.place(&word)?;
            let text: Arc<str> = self.describe_place(&place).into();
            Some(Key { place, text, text_verbs: Vec::new(), number: false })
        });
        let control = ControlPlaces {
            group: group.collect(),
            opening: self.control_line(options.take("opening"), "opening"),
            closing: self.control_line(options.take("closing"), "closing"),
            count: self.control_line(options.take("count"), "count"),
            sum: self.control_line(options.take("sum"), "sum"),
            amount: self.control_line(options.take("amount"), "amount"),
        };
        options.finish("control", &CONTROL, &mut self.reporter);
        self.direction = direction;
        let message = if control.group.is_empty() {
            "control names what belongs together: group = \"…\", the place of a statement's identity"
        } else if control.opening.is_some() != control.closing.is_some() {
            "opening and closing go together: one leads to the other by the records between them"
        } else if control.closing.is_none() && control.count.is_none() && control.sum.is_none() {
            "control states nothing; say opening and closing, count, or sum"
        } else if control.amount.is_none() && control.adds() && self.entity != Entity::Payment {
            "only payments have an amount by themselves; say amount = …, the place of the record's own"
        } else {
            return Some(Arc::new(control));
        };
        self.reporter.error(span, message);
        None
    }

    /// A line of a stated number, with all the options of numbers.
    fn control_line(&mut self, value: Option<Located<'_>>, name: &str) -> Option<Leaf> {
        let line = Line::of(value?, &Shape::Decimal, self)?;
        let none = DeTable::new();
        let (words, options) = line.into_options(&none);
        self.leaf(words, options, Shape::Decimal, &format!("control.{name}"))
    }
}
