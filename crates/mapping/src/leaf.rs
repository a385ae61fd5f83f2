//! Reading and writing one line, apart from where its text is put.

use std::borrow::Cow;

use crate::compile::misfit;
use crate::cursor::{Context, Cursor};
use crate::error::{DataError, Problem, STRUCTURE_CLASS, class_of};
use crate::place::Place;
use crate::program::{DebitCredit, Kind, Leaf, Part, Scale, Sign, Signed, Source};
use crate::verbs::minor_unit::minor_unit;
use crate::verbs::number::{self, IMPLIED_DECIMALS_MAX, NumberStyle};
use crate::verbs::{Short, Text, Unknown, Verb};

/// Takes white space off both ends.
#[inline]
pub(crate) fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

impl Leaf {
    /// An error about this line's value.
    pub(crate) fn error(&self, problem: Problem, value: &str) -> DataError {
        DataError {
            field: self.path.clone(),
            place: self.place.clone(),
            value_class: class_of(value),
            reason: problem.reason.into_owned(),
            code: problem.code,
        }
    }

    /// An error about a list or object where this line wants a single value.
    pub(crate) fn structure_error(&self, problem: Problem) -> DataError {
        DataError { value_class: STRUCTURE_CLASS, ..self.error(problem, "") }
    }

    #[inline]
    fn filled<'a>(
        &self,
        context: &Context<'_>,
        place: &Place,
        cursor: Cursor<'a>,
    ) -> Result<Option<Cow<'a, str>>, Problem> {
        Ok(context.raw(place, cursor)?.and_then(|raw| self.without_blank(raw)))
    }

    /// Whether a text counts as nothing: what the line lists, and a sum that was written for what is not told.
    #[inline]
    fn is_blank(&self, text: &str) -> bool {
        self.blank.iter().any(|blank| **blank == *text) || (!self.sum_of.is_empty() && text.starts_with('+'))
    }

    #[inline]
    fn without_blank<'a>(&self, raw: Cow<'a, str>) -> Option<Cow<'a, str>> {
        let text = trim(raw);
        let is_blank = text.is_empty() || self.is_blank(&text);
        (!is_blank).then_some(text)
    }

    /// The first of some places of a row or element that has content, trimmed.
    /// It is what [`content`](Self::content) gives, and costs a fraction: nearly every line of nearly every record comes here.
    #[inline]
    pub(crate) fn first_text<'a>(
        &self,
        context: &Context<'_>,
        places: &[Place],
        cursor: Cursor<'a>,
    ) -> Option<&'a str> {
        places.iter().find_map(|place| {
            let text = context.text(place, cursor)?.trim();
            let is_blank = text.is_empty() || self.is_blank(text);
            (!is_blank).then_some(text)
        })
    }

    /// The places of a line whose text passes as it stands, and that says nothing where there is none.
    #[inline]
    pub(crate) fn plain_places(&self) -> Option<&[Place]> {
        let is_plain = matches!(self.verb, Verb::Text)
            && self.kind == Kind::Text
            && self.text.is_empty()
            && self.closed.is_none()
            && self.sign.is_none()
            && self.default.is_none()
            && !self.required
            && self.when.is_none()
            && self.row.is_none();
        match &self.source {
            Source::First(places) if is_plain => Some(places),
            _ => None,
        }
    }

    /// The record's own text for this line, trimmed; `None` when there is nothing or only what counts as empty.
    pub(crate) fn content<'a>(
        &'a self,
        context: &Context<'_>,
        cursor: Cursor<'a>,
    ) -> Result<Option<Cow<'a, str>>, Problem> {
        match &self.source {
            Source::Constant(text, _) | Source::Selector(text) | Source::Fixed(text) => Ok(Some(Cow::Borrowed(text))),
            Source::First(places) if cursor.is_text() => {
                Ok(self.first_text(context, places, cursor).map(Cow::Borrowed))
            }
            Source::First(places) => {
                for place in places {
                    if let Some(text) = self.filled(context, place, cursor)? {
                        return Ok(Some(text));
                    }
                }
                Ok(None)
            }
            Source::Join(places, separator) => self.joined(context, places, separator, cursor),
            Source::Part(part) => {
                Ok(self.filled(context, &part.place, cursor)?.and_then(|text| self.without_blank(part_of(text, part))))
            }
            Source::Tagged(tagged) => Ok(self.filled(context, &tagged.place, cursor)?.and_then(|text| {
                let own = match text {
                    Cow::Borrowed(text) => Cow::Borrowed(tagged.own(text)),
                    Cow::Owned(text) => Cow::Owned(tagged.own(&text).to_owned()),
                };
                self.without_blank(own)
            })),
            Source::DebitCredit(columns) => {
                let debit = self.filled(context, &columns.debit, cursor)?;
                let credit = self.filled(context, &columns.credit, cursor)?;
                Ok(credit.or(debit))
            }
            Source::Signed(signed) => self.filled(context, &signed.number, cursor),
        }
    }

    fn joined<'a>(
        &'a self,
        context: &Context<'_>,
        places: &[Place],
        separator: &str,
        cursor: Cursor<'a>,
    ) -> Result<Option<Cow<'a, str>>, Problem> {
        let mut joined: Option<Cow<'a, str>> = None;
        for place in places {
            let Some(text) = self.filled(context, place, cursor)? else { continue };
            joined = Some(match joined {
                None => text,
                Some(before) => Cow::Owned(format!("{before}{separator}{text}")),
            });
        }
        Ok(joined)
    }

    /// Whether the record has something for this line. What cannot be read counts, so that it is reported.
    pub(crate) fn is_present<'a>(&'a self, context: &Context<'_>, cursor: Cursor<'a>) -> bool {
        if !self.when.hold(context, cursor) {
            return false;
        }
        let Some(cursor) = self.at_row(context, cursor) else { return false };
        if let Source::First(places) = &self.source
            && cursor.is_text()
        {
            return self.direction.reads() && self.first_text(context, places, cursor).is_some();
        }
        self.source.is_content() && self.direction.reads() && !matches!(self.content(context, cursor), Ok(None))
    }

    /// The row that the line reads: the one it is given, unless it says otherwise.
    #[inline]
    fn at_row<'a>(&self, context: &Context<'_>, cursor: Cursor<'a>) -> Option<Cursor<'a>> {
        match &self.row {
            None => Some(cursor),
            Some(choice) => choice.first(context, cursor),
        }
    }

    /// What is read where the record has nothing.
    fn nothing(&self) -> Result<Option<Text<'_>>, DataError> {
        match &self.default {
            Some(default) => Ok(Some(Cow::Borrowed(&**default).into())),
            None if self.required => Err(self.error(Problem::new("mapping.required", "a value is required here"), "")),
            None => Ok(None),
        }
    }

    /// The canonical text of this line; `None` when the record has nothing and there is no default.
    pub(crate) fn read<'a>(&'a self, context: &Context<'_>, cursor: Cursor<'a>) -> Result<Option<Text<'a>>, DataError> {
        if !self.when.hold(context, cursor) {
            return Ok(None);
        }
        let Some(cursor) = self.at_row(context, cursor) else { return self.nothing() };
        let content = self.content(context, cursor).map_err(|problem| self.structure_error(problem))?;
        let Some(content) = content else { return self.nothing() };
        if !self.source.is_content() {
            return Ok(Some(content.into()));
        }
        self.convert(context, content, cursor).map_err(|problem| {
            let raw = self.content(context, cursor).ok().flatten().unwrap_or_default();
            self.error(problem, &raw)
        })
    }

    fn convert<'a>(
        &'a self,
        context: &Context<'_>,
        content: Cow<'a, str>,
        cursor: Cursor<'a>,
    ) -> Result<Option<Text<'a>>, Problem> {
        if matches!(cursor, Cursor::Row(..)) && is_shortened(&content) {
            return Err(Problem::new("mapping.shortened", SHORTENED));
        }
        let text = match (&self.source, &self.scale) {
            (Source::DebitCredit(columns), _) => Some(self.difference(context, columns, cursor)?.into()),
            (Source::Signed(signed), _) => Some(self.signed(context, signed, &content, cursor)?.into()),
            (_, Some(scale)) => match self.scaled(scale.read(context, cursor)?) {
                Some(verb) => self.convert_by(&verb, content)?.map(into_owned),
                None => self.convert_value(content)?,
            },
            _ => self.convert_value(content)?,
        };
        match (text, &self.sign) {
            (Some(Text::Short(number)), Some(Sign::Amount(_))) => Ok(Some(number.magnitude().1.into())),
            (Some(Text::Short(number)), Some(Sign::Direction)) => {
                let direction = if number.magnitude().0 { "debit" } else { "credit" };
                Ok(Some(Cow::Borrowed(direction).into()))
            }
            (text, _) => Ok(text),
        }
    }

    /// Applies text verbs and the verb to trimmed text that is not blank.
    pub(crate) fn convert_value<'a>(&'a self, content: Cow<'a, str>) -> Result<Option<Text<'a>>, Problem> {
        self.convert_by(&self.verb, content)
    }

    fn convert_by<'a>(&'a self, verb: &'a Verb, content: Cow<'a, str>) -> Result<Option<Text<'a>>, Problem> {
        let text = self.text.iter().fold(content, |text, verb| verb.read(text));
        let text = if self.text.is_empty() { text } else { trim(text) };
        if text.is_empty() {
            return Ok(self.default.as_deref().map(|default| Cow::Borrowed(default).into()));
        }
        let text = verb.read(text)?;
        self.check(&text)?;
        Ok(Some(text))
    }

    /// A value that a table or plain text gives must be one that the field takes.
    fn check(&self, text: &str) -> Result<(), Problem> {
        if let Some(values) = self.closed
            && !values.contains(&text)
        {
            let reason = format!("the field takes only {}; translate with a table", values.join(", "));
            return Err(Problem::new("mapping.code", reason));
        }
        if matches!(self.verb, Verb::Text | Verb::Code(_) | Verb::Table(_))
            && let Some(wanted) = misfit(self.kind, text)
        {
            return Err(Problem::new("mapping.kind", format!("the field takes {wanted}")));
        }
        Ok(())
    }

    fn difference<'a>(
        &self,
        context: &Context<'_>,
        columns: &DebitCredit,
        cursor: Cursor<'a>,
    ) -> Result<Short, Problem> {
        let side = |place: &Place| match self.filled(context, place, cursor)? {
            Some(text) => number::parse(&columns.style.read(&text)?),
            None => Ok(rust_decimal::Decimal::ZERO),
        };
        let credit_minus_debit = side(&columns.credit)? - side(&columns.debit)?;
        let value = if columns.debit_is_positive { -credit_minus_debit } else { credit_minus_debit };
        plain_number(value)
    }

    fn signed<'a>(
        &self,
        context: &Context<'_>,
        signed: &Signed,
        content: &str,
        cursor: Cursor<'a>,
    ) -> Result<Short, Problem> {
        let value = number::parse(&signed.style.read(content)?)?;
        let sign = self.filled(context, &signed.sign, cursor)?.unwrap_or_default();
        if signed.minus.iter().any(|word| **word == *sign) {
            plain_number(-value)
        } else if signed.plus.iter().any(|word| **word == *sign) {
            plain_number(value)
        } else {
            Err(Problem::new("mapping.sign", "the sign is none of the words in minus and plus"))
        }
    }

    /// The system's text for canonical text, for sources that have one text.
    pub(crate) fn written<'c>(&'c self, canonical: &'c str) -> Result<Cow<'c, str>, Problem> {
        self.written_by(&self.verb, canonical)
    }

    /// The system's text for a number of which so many of the last digits are decimals.
    pub(crate) fn written_scaled(&self, decimals: u32, canonical: &str) -> Result<String, Problem> {
        let number = number::parse(canonical)?.normalize();
        if number.scale() > decimals {
            let reason = "the amount has more decimals than its currency";
            return Err(Problem::new("mapping.minor-unit", reason));
        }
        match self.scaled(decimals) {
            Some(verb) => self.written_by(&verb, canonical).map(Cow::into_owned),
            None => self.written(canonical).map(Cow::into_owned),
        }
    }

    /// The line's conversion with so many implied decimals; `None` when it is no number.
    fn scaled(&self, decimals: u32) -> Option<Verb> {
        let Verb::Number(style) = &self.verb else { return None };
        let decimals_min = if decimals > 0 { 0 } else { style.decimals_min };
        let style = NumberStyle { implied_decimals: decimals, decimals_min, decimals: Some(0), ..style.clone() };
        Some(Verb::Number(style))
    }

    fn written_by<'c>(&'c self, verb: &'c Verb, canonical: &'c str) -> Result<Cow<'c, str>, Problem> {
        let written = match verb.write(canonical) {
            // The default of unknown values has no value of its own in the system: it stands for nothing.
            Err(_) if self.is_unknown_default(canonical) => Cow::Borrowed(""),
            other => other?,
        };
        Ok(self.text.iter().rev().fold(written, |text, verb| verb.write(text)))
    }

    fn is_unknown_default(&self, canonical: &str) -> bool {
        matches!(&self.verb, Verb::Table(style) if style.unknown == Unknown::Default(canonical.into()))
    }

    /// What a canonical value is after it was written and read again; `None` when nothing of it is left.
    pub(crate) fn round_trip(&self, canonical: &str, with_default: bool) -> Result<Option<String>, Problem> {
        let written = self.written(canonical)?.into_owned();
        let Some(text) = self.without_blank(Cow::Owned(written)) else {
            return Ok(self.default.as_deref().filter(|_| with_default).map(str::to_owned));
        };
        Ok(self.convert_value(text)?.map(|text| text.to_string()))
    }

    /// The form of canonical text in which equal values are equal texts.
    pub(crate) fn normal<'c>(&self, canonical: &'c str) -> Cow<'c, str> {
        match self.kind {
            Kind::Decimal => number::normal(canonical),
            _ => Cow::Borrowed(canonical.trim()),
        }
    }
}

/// What a spreadsheet makes of a long number that it shows in a narrow column.
pub(crate) const SHORTENED: &str = "a spreadsheet has shortened this number to its first digits, and the rest is lost; \
                         export the column as text";

/// Whether a text has the form in which spreadsheets show numbers that they have shortened: `3,56E+13`.
#[inline]
pub(crate) fn is_shortened(text: &str) -> bool {
    match text.as_bytes() {
        // Nearly every text is told apart by its first two characters.
        [b'0'..=b'9', b'E' | b'.' | b',', ..] | [b'-', b'0'..=b'9', b'E' | b'.' | b',', ..] => has_exponent(text),
        _ => false,
    }
}

fn has_exponent(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once("E+").or_else(|| text.split_once("E-")) else { return false };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fraction = mantissa.trim_start_matches('-').get(1..).unwrap_or_default();
    (2..=3).contains(&exponent.len()) && is_digits(exponent) && is_digits(fraction.trim_start_matches(['.', ',']))
}

/// Numbers are short texts of their own, whatever they were read from.
fn into_owned(text: Text<'_>) -> Text<'static> {
    match text {
        Text::Short(short) => Text::Short(short),
        Text::Long(text) => Text::Long(Cow::Owned(text.into_owned())),
    }
}

impl Scale {
    /// How many of the last digits of a record's number are decimals.
    fn read(&self, context: &Context<'_>, cursor: Cursor<'_>) -> Result<u32, Problem> {
        match self {
            Scale::Place { place, otherwise } => {
                let text = context.raw(place, cursor)?.unwrap_or_default();
                match text.trim() {
                    "" => Ok(*otherwise),
                    text => text.parse().ok().filter(|decimals| *decimals <= IMPLIED_DECIMALS_MAX).ok_or_else(|| {
                        Problem::new("mapping.number", "the place in decimals_at holds no number from 0 to 9")
                    }),
                }
            }
            Scale::Money(currency) => {
                let currency = currency.read(context, cursor).ok().flatten();
                Ok(minor_unit(currency.as_deref().unwrap_or_default()))
            }
            Scale::Field(variable) => {
                let currency = context.variables.get(*variable).and_then(Option::as_deref);
                Ok(minor_unit(currency.unwrap_or_default()))
            }
        }
    }
}

fn plain_number(value: rust_decimal::Decimal) -> Result<Short, Problem> {
    let short = Short::of(value).ok_or_else(|| Problem::new("mapping.number", "a number has at most 28 digits"))?;
    NumberStyle::default().read(&short)
}

/// One part of a text with a separator; empty when the text has fewer parts.
fn part_of<'a>(text: Cow<'a, str>, part: &Part) -> Cow<'a, str> {
    let range = part_range(&text, part).unwrap_or(0..0);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
        Cow::Owned(text) => Cow::Owned(text[range].to_owned()),
    }
}

/// The bytes of one part.
pub(crate) fn part_range(text: &str, part: &Part) -> Option<std::ops::Range<usize>> {
    let mut start = 0;
    for _ in 0..part.index {
        start += text[start..].find(&*part.separator)? + part.separator.len();
    }
    let length = if part.rest { None } else { text[start..].find(&*part.separator) };
    Some(start..length.map_or(text.len(), |length| start + length))
}
