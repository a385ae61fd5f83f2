//! The conversion that a line names: `as`, `table`, and the options that go with them.

use std::sync::Arc;

use canonical::document::shape::Shape;
use canonical::identifier::Scheme;
use jiff::tz::TimeZone;
use toml::de::DeValue;

use super::Compiler;
use super::options::{Options, Word};
use super::vocabulary::{CONVERSIONS, TEXT_VERBS, names};
use crate::program::Kind;
use crate::table::Table;
use crate::verbs::boolean::BooleanStyle;
use crate::verbs::date::{DateFormat, DateStyle, TimestampStyle};
use crate::verbs::identifier::{CallingCode, IdentifierStyle};
use crate::verbs::number::{IMPLIED_DECIMALS_MAX, Negative, NumberStyle, SignWords};
use crate::verbs::text::TextVerb;
use crate::verbs::{TableStyle, Unknown, Verb};

/// Amounts are written with at least so many decimals.
const MONEY_DECIMALS: u32 = 2;

/// The verb of a line. `None` when it is so wrong that nothing more can be said about the line.
pub(crate) fn verb(options: &mut Options<'_>, shape: Shape, path: &str, compiler: &mut Compiler<'_>) -> Option<Verb> {
    let name = options.text("as", &mut compiler.reporter);
    if options.has("table") {
        return table_verb(options, shape, compiler);
    }
    let Some(word) = name else {
        return by_name(natural(shape), options, compiler);
    };
    let is_known = names(&CONVERSIONS).any(|known| known == word.text) || scheme(&word.text).is_some();
    if !is_known {
        let message = format!("unknown conversion \"{}\"", word.text);
        let names = names(&CONVERSIONS).chain(Scheme::ALL.iter().map(|scheme| scheme.name()));
        compiler.reporter.unknown(word.span, message, &word.text, names);
        return None;
    }
    let allowed = allowed(shape);
    if !allowed.is_empty() && !allowed.contains(&&*word.text) {
        let message = format!("as = \"{}\" does not suit {path}; it takes {}", word.text, allowed.join(", "));
        compiler.reporter.error(word.span, message);
        return None;
    }
    by_name(&word.text, options, compiler)
}

/// The conversion of a field that names none.
fn natural(shape: Shape) -> &'static str {
    match shape {
        Shape::Decimal => "decimal",
        Shape::Integer => "integer",
        Shape::Boolean => "boolean",
        Shape::Date => "date",
        Shape::Timestamp => "date-time",
        _ => "text",
    }
}

/// The conversions that a field takes; empty when it takes all.
fn allowed(shape: Shape) -> Vec<&'static str> {
    match shape {
        Shape::Decimal => vec!["decimal", "integer", "money", "amount"],
        Shape::Integer => vec!["integer"],
        Shape::Boolean => vec!["boolean"],
        Shape::Date => vec!["date"],
        Shape::Timestamp => vec!["date-time"],
        Shape::Letters(_) => vec!["text", "code"],
        Shape::Text | Shape::Code { .. } => {
            let schemes = Scheme::ALL.iter().map(|scheme| scheme.name());
            ["text", "code", "phone", "integer", "attachment"].into_iter().chain(schemes).collect()
        }
        _ => Vec::new(),
    }
}

fn scheme(name: &str) -> Option<Scheme> {
    Scheme::ALL.into_iter().find(|scheme| scheme.name() == name)
}

fn by_name(name: &str, options: &mut Options<'_>, compiler: &mut Compiler<'_>) -> Option<Verb> {
    Some(match name {
        "code" => Verb::Code(lower_case("case", options, compiler)),
        "integer" => Verb::Number(NumberStyle { integer: true, ..number(options, compiler) }),
        "decimal" => Verb::Number(number(options, compiler)),
        "money" | "amount" => {
            let style = number(options, compiler);
            let decimals_min = if style.implied_decimals > 0 { 0 } else { MONEY_DECIMALS };
            Verb::Number(NumberStyle { decimals_min, ..style })
        }
        "date" => Verb::Date(date(options, compiler)),
        "date-time" => Verb::Timestamp(timestamp(options, compiler)),
        "boolean" => Verb::Boolean(boolean(options, compiler)),
        "attachment" => Verb::Attachment,
        "phone" => Verb::Identifier(IdentifierStyle::Phone(calling_code(options, compiler))),
        other => match scheme(other) {
            Some(scheme) => Verb::Identifier(IdentifierStyle::Scheme(scheme)),
            None => Verb::Text,
        },
    })
}

fn number(options: &mut Options<'_>, compiler: &mut Compiler<'_>) -> NumberStyle {
    let signs = sign_words(options, compiler);
    let reporter = &mut compiler.reporter;
    let negatives =
        [("leading", Negative::Leading), ("trailing", Negative::Trailing), ("parentheses", Negative::Parentheses)];
    let style = NumberStyle {
        decimal: options.character("decimal", reporter).unwrap_or('.'),
        group: options.character("group", reporter),
        write_groups: options.flag("write_groups", reporter),
        integer: false,
        decimals: options.number("decimals", 28, reporter),
        decimals_min: 0,
        implied_decimals: implied_decimals(options, compiler),
        negative: options.choice("negative", &negatives, &mut compiler.reporter).unwrap_or_default(),
        overpunch: options.flag("overpunch", &mut compiler.reporter),
        signs,
    };
    if style.group == Some(style.decimal) {
        let message = "decimal and group are the same character; a number could not be read back";
        compiler.reporter.error(options.span.clone(), message);
    }
    style
}

/// The number of implied decimals; none where the currency decides, which is seen to with the amount's currency.
fn implied_decimals(options: &mut Options<'_>, compiler: &mut Compiler<'_>) -> u32 {
    if options.is_text("implied_decimals") {
        return 0;
    }
    options.number("implied_decimals", IMPLIED_DECIMALS_MAX, &mut compiler.reporter).unwrap_or(0)
}

/// The words beside a number that tell its sign. With `sign_at` they stand elsewhere, and are no matter of the number.
fn sign_words(options: &mut Options<'_>, compiler: &mut Compiler<'_>) -> Option<Box<SignWords>> {
    if options.has("sign_at") || !(options.has("minus") || options.has("plus")) {
        return None;
    }
    let mut texts = |name| -> Vec<Box<str>> {
        options.texts(name, &mut compiler.reporter).into_iter().map(|word| word.text.into()).collect()
    };
    let words = SignWords { minus: texts("minus"), plus: texts("plus") };
    let is_told = words.minus.iter().any(|word| !word.is_empty()) && !words.plus.is_empty();
    if !is_told {
        let message = "minus and plus go together: minus = \"DR\", plus = \"CR\"; plus = \"\" stands for no word";
        compiler.reporter.error(options.span.clone(), message);
    }
    is_told.then(|| Box::new(words))
}

fn date(options: &mut Options<'_>, compiler: &mut Compiler<'_>) -> DateStyle {
    let words = options.texts("format", &mut compiler.reporter);
    let span = options.span.clone();
    let formats = words.iter().map(|word| DateFormat::from(&*word.text)).collect();
    let style = DateStyle { formats, zone: zone(options, compiler) };
    if let Some(format) = style.broken_format() {
        let message = format!("\"{format}\" is no format of a date; write one like \"%d/%m/%Y\"");
        compiler.reporter.error(span, message);
    }
    style
}

fn timestamp(options: &mut Options<'_>, compiler: &mut Compiler<'_>) -> TimestampStyle {
    let words = options.texts("format", &mut compiler.reporter);
    let span = options.span.clone();
    let formats = words.iter().map(|word| DateFormat::from(&*word.text)).collect();
    let style = TimestampStyle { formats, zone: zone(options, compiler) };
    if let Some(format) = style.broken_format() {
        let message = format!("\"{format}\" is no format of an instant; write one like \"%d/%m/%Y %H:%M:%S\"");
        compiler.reporter.error(span, message);
    }
    style
}

/// The time zone of a line, UTC without one.
fn zone(options: &mut Options<'_>, compiler: &mut Compiler<'_>) -> TimeZone {
    let Some(zone) = options.text("zone", &mut compiler.reporter) else { return TimeZone::UTC };
    TimestampStyle::zone(&zone.text).unwrap_or_else(|| {
        let message = format!("\"{}\" is no time zone; write one like \"Europe/Paris\"", zone.text);
        compiler.reporter.error(zone.span, message);
        TimeZone::UTC
    })
}

fn boolean(options: &mut Options<'_>, compiler: &mut Compiler<'_>) -> BooleanStyle {
    let mut style = BooleanStyle::default();
    let mut texts = |name| -> Vec<Box<str>> {
        options.texts(name, &mut compiler.reporter).into_iter().map(|word| word.text.into()).collect()
    };
    let (truths, falsehoods) = (texts("true"), texts("false"));
    if !truths.is_empty() {
        style.truths = truths;
    }
    if !falsehoods.is_empty() {
        style.falsehoods = falsehoods;
    }
    style
}

/// Whether codes are written in lower case, by an option of this name.
pub(crate) fn lower_case(name: &'static str, options: &mut Options<'_>, compiler: &mut Compiler<'_>) -> bool {
    options.choice(name, &[("upper", false), ("lower", true)], &mut compiler.reporter).unwrap_or(false)
}

fn calling_code(options: &mut Options<'_>, compiler: &mut Compiler<'_>) -> Option<CallingCode> {
    let word = options.text("country", &mut compiler.reporter)?;
    let found = CallingCode::of(&word.text);
    if found.is_none() {
        let known = CallingCode::countries().collect::<Vec<_>>().join(", ");
        compiler.reporter.error(word.span, format!("no calling code is known for this country; known are {known}"));
    }
    found
}

fn table_verb(options: &mut Options<'_>, shape: Shape, compiler: &mut Compiler<'_>) -> Option<Verb> {
    let value = options.take("table")?;
    let table = match value.get_ref() {
        DeValue::Table(inline) => Arc::new(Table::from_toml(inline, &mut compiler.reporter)),
        DeValue::String(name) => match compiler.tables.table(name) {
            Some(table) => {
                table.hash_into(&mut compiler.hasher);
                table
            }
            None => {
                let names = compiler.tables.names();
                let message = format!("there is no table \"{name}\"");
                compiler.reporter.unknown(value.span(), message, name, names);
                return None;
            }
        },
        other => {
            let message = format!("table is a name or a table of values, not {}", other.type_str());
            compiler.reporter.error(value.span(), message);
            return None;
        }
    };
    check_entries(&table, shape, value.span(), compiler);
    let policies = [("error", 0), ("keep", 1), ("default", 2)];
    let unknown = match options.choice("unknown", &policies, &mut compiler.reporter) {
        Some(1) => Unknown::Keep,
        Some(2) => unknown_default(options, compiler)?,
        _ => Unknown::Error,
    };
    let ignore_case = options.flag("ignore_case", &mut compiler.reporter);
    Some(Verb::Table(TableStyle { table, unknown, ignore_case }))
}

fn unknown_default(options: &mut Options<'_>, compiler: &mut Compiler<'_>) -> Option<Unknown> {
    match options.text("default", &mut compiler.reporter) {
        Some(word) => Some(Unknown::Default(word.text.into())),
        None => {
            compiler.reporter.error(options.span.clone(), "unknown = \"default\" needs default = \"…\"");
            None
        }
    }
}

/// Every canonical value of a table must be one that the field takes.
fn check_entries(table: &Table, shape: Shape, span: std::ops::Range<usize>, compiler: &mut Compiler<'_>) {
    let kind = kind(shape, &Verb::Text);
    for (_, canonical) in table.entries() {
        match shape {
            Shape::Code { values, open } if !values.contains(&canonical) => {
                let message = format!("the table gives \"{canonical}\", which is none of: {}", values.join(", "));
                if open {
                    compiler.reporter.warning(span.clone(), message);
                } else {
                    compiler.reporter.unknown(span.clone(), message, canonical, values.iter().copied());
                }
            }
            _ => {
                let word = Word { text: canonical.to_owned(), span: span.clone() };
                compiler.check_canonical(&word, kind, None);
            }
        }
    }
}

/// How a field appears in JSON: its shape decides; where anything goes, the conversion does.
pub(crate) fn kind(shape: Shape, verb: &Verb) -> Kind {
    match (shape, verb) {
        (Shape::Decimal, _) => Kind::Decimal,
        (Shape::Letters(count), _) => Kind::Letters(count),
        (Shape::Integer, _) => Kind::Integer,
        (Shape::Boolean, _) => Kind::Boolean,
        (Shape::Date, _) => Kind::Date,
        (Shape::Timestamp, _) => Kind::Timestamp,
        (Shape::Any, Verb::Number(style)) if style.integer => Kind::Integer,
        (Shape::Any, Verb::Number(_)) => Kind::Decimal,
        (Shape::Any, Verb::Boolean(_)) => Kind::Boolean,
        _ => Kind::Text,
    }
}

/// What a field of this kind takes, when `text` is no such value.
pub(crate) fn misfit(kind: Kind, text: &str) -> Option<&'static str> {
    let (fits, wanted) = match kind {
        Kind::Text => (true, ""),
        Kind::Letters(count) => {
            let wanted = if count == 2 { "two upper-case letters" } else { "three upper-case letters" };
            (text.len() == count && text.bytes().all(|byte| byte.is_ascii_uppercase()), wanted)
        }
        Kind::Decimal => (text.parse::<rust_decimal::Decimal>().is_ok(), "a number like \"12.50\""),
        Kind::Integer => (text.parse::<i64>().is_ok(), "a whole number"),
        Kind::Boolean => (matches!(text, "true" | "false"), "\"true\" or \"false\""),
        Kind::Date => (text.parse::<jiff::civil::Date>().is_ok(), "a date like \"2024-02-29\""),
        Kind::Timestamp => (text.parse::<jiff::Timestamp>().is_ok(), "an instant like \"2024-02-29T10:20:30Z\""),
    };
    (!fits).then_some(wanted)
}

/// The text verbs of a line, in order.
pub(crate) fn text_verbs(options: &mut Options<'_>, compiler: &mut Compiler<'_>) -> Vec<TextVerb> {
    let Some(value) = options.take("text") else { return Vec::new() };
    match value.get_ref() {
        DeValue::Array(items) => items.iter().filter_map(|item| text_verb(item, compiler)).collect(),
        _ => text_verb(value, compiler).into_iter().collect(),
    }
}

fn text_verb(value: super::options::Located<'_>, compiler: &mut Compiler<'_>) -> Option<TextVerb> {
    match value.get_ref() {
        DeValue::String(name) => match &**name {
            "upper" => Some(TextVerb::Upper),
            "lower" => Some(TextVerb::Lower),
            "collapse" => Some(TextVerb::Collapse),
            "digits" => Some(TextVerb::Digits),
            "apostrophe" => Some(TextVerb::Apostrophe),
            other => {
                let message = format!("unknown text verb \"{other}\"");
                compiler.reporter.unknown(value.span(), message, other, names(&TEXT_VERBS));
                None
            }
        },
        DeValue::Table(table) => {
            let mut options = Options::new(table, value.span());
            let verb = table_text_verb(&mut options, compiler);
            options.finish("a text verb", &TEXT_VERBS, &mut compiler.reporter);
            verb
        }
        other => {
            let message = format!("a text verb is \"upper\" or {{ prefix = \"…\" }}, not {}", other.type_str());
            compiler.reporter.error(value.span(), message);
            None
        }
    }
}

fn table_text_verb(options: &mut Options<'_>, compiler: &mut Compiler<'_>) -> Option<TextVerb> {
    let reporter = &mut compiler.reporter;
    if let Some(prefix) = options.text("prefix", reporter) {
        return Some(TextVerb::Prefix(prefix.text.into()));
    }
    if let Some(suffix) = options.text("suffix", reporter) {
        return Some(TextVerb::Suffix(suffix.text.into()));
    }
    if let Some(length) = options.number("truncate", 1_000_000, reporter) {
        return Some(TextVerb::Truncate(length as usize));
    }
    if let [from, to] = &options.texts("replace", reporter)[..]
        && !from.text.is_empty()
    {
        return Some(TextVerb::Replace(from.text.as_str().into(), to.text.as_str().into()));
    }
    let to = options.number("to", 10_000, reporter).map(|to| to as usize);
    let left = options.character("pad_left", reporter);
    let right = options.character("pad_right", reporter);
    match (left, right, to) {
        (Some(with), None, Some(to)) => Some(TextVerb::PadLeft(with, to)),
        (None, Some(with), Some(to)) => Some(TextVerb::PadRight(with, to)),
        _ => {
            let message = "a text verb with a value is { prefix = \"…\" }, { suffix = \"…\" }, { truncate = 35 }, \
                           { replace = [\"a\", \"b\"] } or { pad_left = \"0\", to = 8 }";
            compiler.reporter.error(options.span.clone(), message);
            None
        }
    }
}
