//! One line of a mapping: where a field stands in the record and how it is converted.

use std::ops::Range;
use std::sync::Arc;

use canonical::document::shape::Shape;
use toml::de::{DeTable, DeValue};

use super::Compiler;
use super::options::{Located, Options, Word, words};
use super::styles;
use super::vocabulary::LINE;
use crate::condition::Conditions;
use crate::place::{Path, Place};
use crate::program::{CurrencyAttribute, DebitCredit, Kind, Leaf, Part, Scale, Sign, Signed, Source, Tagged, WriteTo};
use crate::verbs::Verb;
use crate::verbs::number::NumberStyle;

/// Options that make a table a line rather than a group of fields.
const LINE_MARKS: [&str; 4] = ["at", "debit", "credit", "value"];

/// How many values a line gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// A scalar.
    One,
    /// A list of plain values.
    All,
}

/// The value of a field in the mapping file.
pub(crate) enum Line<'t> {
    /// Places alone.
    Places(Vec<Word>, Range<usize>),
    /// Places with options.
    Options(Options<'t>),
}

impl<'t> Line<'t> {
    /// The value as a line; `None` when it is a group of fields.
    /// In a group that has a field `value` of its own, that name does not mark a line.
    pub(crate) fn of(value: Located<'t>, group: &Shape, compiler: &mut Compiler<'_>) -> Option<Self> {
        match value.get_ref() {
            DeValue::Table(table) => {
                let has_value_field = group.field("value").is_some();
                let is_line =
                    LINE_MARKS.iter().any(|mark| table.contains_key(*mark) && !(has_value_field && *mark == "value"));
                let is_group = matches!(group, Shape::Group(_) | Shape::Money | Shape::List { .. } | Shape::Any);
                (is_line || !is_group).then(|| Line::Options(Options::new(table, value.span())))
            }
            _ => Some(Line::Places(words(value, "a place", &mut compiler.reporter), value.span())),
        }
    }

    pub(crate) fn span(&self) -> Range<usize> {
        match self {
            Line::Places(_, span) => span.clone(),
            Line::Options(options) => options.span.clone(),
        }
    }

    /// An empty set of options for lines that have none.
    pub(crate) fn into_options(self, none: &'t DeTable<'t>) -> (Vec<Word>, Options<'t>) {
        match self {
            Line::Places(words, span) => (words, Options::new(none, span)),
            Line::Options(options) => (Vec::new(), options),
        }
    }
}

impl Compiler<'_> {
    /// Compiles a line of a scalar field. `words` are its places when the line consists of nothing else.
    pub(crate) fn leaf(
        &mut self,
        words: Vec<Word>,
        mut options: Options<'_>,
        shape: Shape,
        path: &str,
    ) -> Option<Leaf> {
        let mut leaf = self.open_leaf(words, &mut options, shape, path, Extent::One)?;
        if matches!(leaf.verb, Verb::Number(_)) {
            let field = self.amount_options(&mut options, &mut leaf);
            if self.currency_scales(&mut options) {
                let variable = self.variable(&field, options.span.clone());
                leaf.scale = Some(Box::new(Scale::Field(variable)));
            }
            self.place_scale(&mut options, &mut leaf);
        }
        let what = format!("a line with as = \"{}\"", leaf.verb.name());
        options.finish(&what, &LINE, &mut self.reporter);
        Some(leaf)
    }

    /// Compiles what all lines have in common, and leaves the options open.
    pub(crate) fn open_leaf(
        &mut self,
        words: Vec<Word>,
        options: &mut Options<'_>,
        shape: Shape,
        path: &str,
        extent: Extent,
    ) -> Option<Leaf> {
        let at = if words.is_empty() { options.texts("at", &mut self.reporter) } else { words };
        let verb = styles::verb(options, shape, path, self)?;
        let kind = styles::kind(shape, &verb);
        let closed = match shape {
            Shape::Code { values, open: false } => Some(values),
            _ => None,
        };
        let direction = self.only(options);
        let by_record = options.flag("by_record", &mut self.reporter);
        let source = self.source(&at, options, &verb, extent)?;
        if by_record && (!matches!(source, Source::First(_)) || source.places().len() != self.records) {
            let message = format!("by_record wants one place for each of the mapping's {} records", self.records);
            self.reporter.error(options.span.clone(), message);
        }
        if let Source::Constant(constant, _) = &source {
            let word = Word { text: constant.to_string(), span: options.span.clone() };
            self.check_canonical(&word, kind, closed);
        }
        let write_to = self.write_to(options, &source, &verb);
        let sum_of = options.texts("sum_of", &mut self.reporter).into_iter().map(|word| word.text.into()).collect();
        let text = styles::text_verbs(options, self);
        let mut blank: Vec<Box<str>> =
            options.texts("blank", &mut self.reporter).into_iter().map(|word| word.text.into()).collect();
        let default = options.text("default", &mut self.reporter);
        if let Some(word) = &default {
            self.check_canonical(word, kind, closed);
        }
        let required = options.flag("required", &mut self.reporter);
        let write_required = options.flag("write_required", &mut self.reporter);
        let absent: Option<Box<str>> = options.text("absent", &mut self.reporter).map(|word| word.text.into());
        let optional = options.flag("optional", &mut self.reporter);
        let number = options.flag("number", &mut self.reporter);
        let lossy = verb.is_lossy()
            || text.iter().any(|_| true)
            || matches!(source, Source::Join(..) | Source::Part(_))
            || default.is_some();
        // What stands for nothing reads as nothing, so that both ways agree.
        blank.extend(absent.clone());
        let leaf = Leaf {
            path: path.into(),
            place: self.describe(&source),
            direction,
            source,
            verb,
            text,
            blank,
            default: default.map(|word| word.text.into()),
            required,
            write_required,
            absent,
            kind,
            closed,
            number,
            currency_attribute: None,
            sign: None,
            lossy,
            by_record,
            write_to,
            sum_of,
            when: Conditions::default(),
            row: self.row_choice(options, direction),
            scale: None,
        };
        if direction.reads() && !optional {
            self.need_columns(&leaf);
        }
        Some(leaf)
    }

    /// What belongs to an amount alone; gives the field that holds its currency.
    fn amount_options(&mut self, options: &mut Options<'_>, leaf: &mut Leaf) -> Box<str> {
        let field = options.peek_text("currency_field").unwrap_or("currency").into();
        leaf.currency_attribute = self.currency_attribute(options, "currency");
        if let Some(field) = options.text("direction", &mut self.reporter) {
            leaf.sign = Some(Sign::Amount(field.text.into()));
        }
        field
    }

    /// Whether the minor unit of the currency tells how many of the last digits are decimals.
    pub(crate) fn currency_scales(&mut self, options: &mut Options<'_>) -> bool {
        if !options.is_text("implied_decimals") {
            return false;
        }
        options.choice("implied_decimals", &[("currency", ())], &mut self.reporter).is_some()
    }

    /// A place that tells how many of the last digits are decimals.
    pub(crate) fn place_scale(&mut self, options: &mut Options<'_>, leaf: &mut Leaf) {
        let Some(word) = options.text("decimals_at", &mut self.reporter) else { return };
        let Verb::Number(style) = &leaf.verb else { return };
        let otherwise = style.implied_decimals;
        if leaf.scale.is_some() || !matches!(leaf.source, Source::First(_)) {
            let message =
                "decimals_at goes with a place of its own and implied_decimals = 2, the number that is written";
            self.reporter.error(word.span, message);
        } else if let Some(place) = self.place(&word) {
            leaf.scale = Some(Box::new(Scale::Place { place, otherwise }));
        }
    }

    /// A field of the document that something depends on, by its number in the program's table of variables.
    pub(crate) fn variable(&mut self, field: &str, span: Range<usize>) -> usize {
        if let Some(known) = self.variables.iter().position(|known| **known == *field) {
            return known;
        }
        self.variables.push(field.into());
        self.variable_spans.push(span);
        self.variables.len() - 1
    }

    /// The attribute of a written amount, and the field that holds its currency.
    pub(crate) fn currency_attribute(&mut self, options: &mut Options<'_>, field: &str) -> Option<CurrencyAttribute> {
        let attribute = options.text("currency_attribute", &mut self.reporter);
        let field =
            options.text("currency_field", &mut self.reporter).map_or_else(|| field.into(), |word| word.text.into());
        let attribute = attribute?;
        let word = Word { text: format!("@{}", attribute.text), span: attribute.span };
        let path: Path = self.path(&word)?;
        Some(CurrencyAttribute { path, field })
    }

    fn source(&mut self, at: &[Word], options: &mut Options<'_>, verb: &Verb, extent: Extent) -> Option<Source> {
        if let Some(constant) = options.text("value", &mut self.reporter) {
            let place = at.first().and_then(|word| self.place(word));
            return Some(Source::Constant(constant.text.into(), place));
        }
        if options.has("debit") || options.has("credit") {
            return self.debit_credit(options, verb);
        }
        let join = options.text("join", &mut self.reporter);
        if let Some(mark) = options.character("tagged", &mut self.reporter) {
            return self.tagged(options, at, mark);
        }
        let part = if extent == Extent::One { self.part_options(options) } else { None };
        let mut places: Vec<Place> = at.iter().filter_map(|word| self.place(word)).collect();
        if places.len() != at.len() {
            return None;
        }
        if places.is_empty() {
            if !self.reporter.has_found(&options.span) {
                self.reporter.error(options.span.clone(), "the line has no place; say at = \"…\" or value = \"…\"");
            }
            return None;
        }
        if options.has("sign_at") {
            return self.signed(options, places.swap_remove(0), verb);
        }
        Some(match (join, part) {
            (Some(separator), _) => Source::Join(places, separator.text.into()),
            (None, Some((separator, index, rest))) => {
                Source::Part(Part { place: places.swap_remove(0), separator, index, rest })
            }
            (None, None) => Source::First(places),
        })
    }

    /// The tag of a text, or what follows it.
    fn tagged(&mut self, options: &mut Options<'_>, at: &[Word], mark: char) -> Option<Source> {
        let length = options.number("length", 35, &mut self.reporter).unwrap_or(0) as usize;
        let part = options.number("part", 2, &mut self.reporter).unwrap_or(0);
        if length == 0 || part == 0 || at.len() != 1 {
            let message =
                "tagged wants one place, the length of the tag, and part = 1 for the tag or 2 for what follows";
            self.reporter.error(options.span.clone(), message);
            return None;
        }
        let place = at.first().and_then(|word| self.place(word))?;
        Some(Source::Tagged(Tagged { place, mark, length, is_tag: part == 1 }))
    }

    /// Which of a line's places are written.
    fn write_to(&mut self, options: &mut Options<'_>, source: &Source, verb: &Verb) -> WriteTo {
        let choices = [("all", WriteTo::All), ("first", WriteTo::First), ("checked", WriteTo::Checked)];
        let chosen = options.choice("write", &choices, &mut self.reporter).unwrap_or_default();
        let is_fit = match chosen {
            WriteTo::All => true,
            WriteTo::First => matches!(source, Source::First(places) if places.len() > 1),
            WriteTo::Checked => {
                matches!((source, verb), (Source::First(places), Verb::Identifier(_)) if places.len() == 2)
            }
        };
        if !is_fit {
            let message =
                "write = \"first\" wants several places, and write = \"checked\" two and an identifier's conversion";
            self.reporter.error(options.span.clone(), message);
        }
        chosen
    }

    fn part_options(&mut self, options: &mut Options<'_>) -> Option<(Box<str>, usize, bool)> {
        let separator = options.text("split", &mut self.reporter);
        let part = options.number("part", 100, &mut self.reporter);
        let rest = options.flag("rest", &mut self.reporter);
        match (separator, part) {
            (Some(separator), Some(part)) if part > 0 && !separator.text.is_empty() => {
                Some((separator.text.into(), part as usize - 1, rest))
            }
            (Some(separator), _) => {
                self.reporter.error(
                    separator.span,
                    "split takes one part of a text: say part = 1 for the first; only a list of texts takes them all",
                );
                None
            }
            (None, _) => None,
        }
    }

    fn number_style(&mut self, options: &Options<'_>, verb: &Verb) -> Option<NumberStyle> {
        match verb {
            Verb::Number(style) => Some(style.clone()),
            _ => {
                self.reporter.error(options.span.clone(), "debit, credit and sign_at belong to a number");
                None
            }
        }
    }

    fn debit_credit(&mut self, options: &mut Options<'_>, verb: &Verb) -> Option<Source> {
        let style = self.number_style(options, verb)?;
        let debit = options.text("debit", &mut self.reporter);
        let credit = options.text("credit", &mut self.reporter);
        let sides = [("credit", false), ("debit", true)];
        let debit_is_positive = options.choice("positive", &sides, &mut self.reporter).unwrap_or(false);
        let (Some(debit), Some(credit)) = (debit, credit) else {
            self.reporter.error(options.span.clone(), "debit and credit go together; name both columns");
            return None;
        };
        let (debit, credit) = (self.place(&debit)?, self.place(&credit)?);
        Some(Source::DebitCredit(DebitCredit { debit, credit, debit_is_positive, style }))
    }

    fn signed(&mut self, options: &mut Options<'_>, number: Place, verb: &Verb) -> Option<Source> {
        let style = self.number_style(options, verb)?;
        let sign = options.text("sign_at", &mut self.reporter)?;
        let sign = self.place(&sign)?;
        let minus = options.texts("minus", &mut self.reporter);
        let plus = options.texts("plus", &mut self.reporter);
        if minus.is_empty() || plus.is_empty() {
            self.reporter.error(options.span.clone(), "sign_at needs minus = \"…\" and plus = \"…\"");
            return None;
        }
        let texts = |words: Vec<Word>| words.into_iter().map(|word| word.text.into()).collect();
        Some(Source::Signed(Signed { number, sign, minus: texts(minus), plus: texts(plus), style }))
    }

    /// A canonical value that stands in the mapping file must be one that the field takes.
    pub(crate) fn check_canonical(&mut self, word: &Word, kind: Kind, closed: Option<&'static [&'static str]>) {
        if let Some(values) = closed
            && !values.contains(&&*word.text)
        {
            let message = format!("\"{}\" is none of the field's values: {}", word.text, values.join(", "));
            self.reporter.unknown(word.span.clone(), message, &word.text, values.iter().copied());
        } else if let Some(wanted) = styles::misfit(kind, &word.text) {
            self.reporter.error(word.span.clone(), format!("the field takes {wanted}"));
        }
    }

    /// The places in words.
    pub(crate) fn describe(&self, source: &Source) -> Arc<str> {
        let words: Vec<String> = source.places().into_iter().map(|place| self.describe_place(place)).collect();
        if words.is_empty() { "constant".into() } else { words.join(", ").into() }
    }

    pub(crate) fn describe_place(&self, place: &Place) -> String {
        match place {
            Place::Column(slot) => {
                format!("column \"{}\"", self.program.columns.names.get(*slot).map_or("", |name| name))
            }
            Place::Path(path) => path.text.to_string(),
        }
    }

    /// Remembers which columns a line cannot do without.
    fn need_columns(&mut self, leaf: &Leaf) {
        let slots = |places: Vec<&Place>| -> Vec<usize> {
            places
                .into_iter()
                .filter_map(|place| match place {
                    Place::Column(slot) => Some(*slot),
                    Place::Path(_) => None,
                })
                .collect()
        };
        let all = slots(leaf.source.places());
        let groups = match leaf.source {
            Source::Constant(..) => Vec::new(),
            // One of the alternatives is enough.
            Source::First(_) => vec![all],
            _ => all.into_iter().map(|slot| vec![slot]).collect(),
        };
        self.need(&leaf.path, groups);
    }
}
