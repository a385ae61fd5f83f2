//! Conversions in words.

use crate::condition::{Condition, Subject, Test};
use crate::item_condition::ItemCondition;
use crate::place::Place;
use crate::program::{Leaf, Part, Program, Scale, Sign, Source};
use crate::verbs::boolean::BooleanStyle;
use crate::verbs::date::DateFormat;
use crate::verbs::number::{Negative, NumberStyle};
use crate::verbs::serial::SERIALS;
use crate::verbs::text::TextVerb;
use crate::verbs::{TableStyle, Unknown, Verb};

/// At most so many entries of a table of values are shown.
const ENTRIES_MAX: usize = 6;

/// What happens to a value on its way, in the order in which it happens when reading.
pub(super) fn conversion(program: &Program, leaf: &Leaf) -> Vec<String> {
    let mut said: Vec<String> =
        leaf.when.0.iter().map(|condition| format!("only where {}", self::condition(program, condition))).collect();
    said.extend(source(program, leaf));
    said.extend(leaf.text.iter().map(text_verb));
    said.extend(verb(program, leaf));
    if !leaf.blank.is_empty() {
        said.push(format!("{} counts as empty", list(&leaf.blank)));
    }
    if let Some(default) = &leaf.default {
        said.push(format!("\"{default}\" where it is empty"));
    }
    if leaf.required {
        said.push("must not be empty".to_owned());
    }
    said
}

fn list(texts: &[Box<str>]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
    quoted.join(" or ")
}

fn condition(program: &Program, condition: &Condition) -> String {
    let subject = match &condition.subject {
        Subject::Field(number) => field(program, *number).to_owned(),
        Subject::Place(place) => super::shown(program, place),
    };
    test(program, &subject, &condition.test)
}

/// What a repeating group asks of its items.
pub(super) fn asked(program: &Program, condition: &ItemCondition) -> String {
    test(program, &condition.field, &condition.test)
}

/// The name of a field that conditions ask for.
fn field(program: &Program, number: usize) -> &str {
    program.variables.get(number).map_or("", |variable| &variable.field)
}

fn test(program: &Program, subject: &str, test: &Test) -> String {
    match test {
        Test::Is(texts) => format!("{subject} is {}", list(texts)),
        Test::IsNot(texts) => format!("{subject} is not {}", list(texts)),
        Test::Starts(texts) => format!("{subject} starts with {}", list(texts)),
        Test::StartsNot(texts) => format!("{subject} does not start with {}", list(texts)),
        Test::Differs(other) => format!("{subject} is not the same as {}", field(program, *other)),
        Test::Same(other) => format!("{subject} is the same as {}", field(program, *other)),
    }
}

fn source(program: &Program, leaf: &Leaf) -> Option<String> {
    let place = |place: &Place| super::shown(program, place);
    Some(match &leaf.source {
        Source::Constant(text, _) => format!("always \"{text}\""),
        Source::Fixed(text) => format!("always \"{text}\", and no other can be written"),
        Source::Join(places, _) => format!("{} texts as one", places.len()),
        Source::Part(Part { separator, index, rest, .. }) => {
            let all = if *rest { " and everything behind it" } else { "" };
            format!("part {} of a text with \"{separator}\" between its parts{all}", index + 1)
        }
        Source::Tagged(tagged) if tagged.is_tag => format!("the tag between two {} at the start", tagged.mark),
        Source::Tagged(tagged) => format!("the text behind a tag between two {}", tagged.mark),
        Source::DebitCredit(columns) => {
            let positive = if columns.debit_is_positive { "debit less credit" } else { "credit less debit" };
            format!("{positive}: debit in {}, credit in {}", place(&columns.debit), place(&columns.credit))
        }
        Source::Signed(signed) => format!(
            "minus where {} is {}, plus where it is {}",
            place(&signed.sign),
            list(&signed.minus),
            list(&signed.plus)
        ),
        Source::First(_) | Source::Selector(_) => return None,
    })
}

fn text_verb(verb: &TextVerb) -> String {
    match verb {
        TextVerb::Upper => "in capitals".to_owned(),
        TextVerb::Lower => "in small letters".to_owned(),
        TextVerb::Collapse => "runs of spaces become one".to_owned(),
        TextVerb::Digits => "only the digits".to_owned(),
        TextVerb::Apostrophe => "without an apostrophe at the start".to_owned(),
        TextVerb::Prefix(prefix) => format!("without \"{prefix}\" at the start, which is put back"),
        TextVerb::Suffix(suffix) => format!("without \"{suffix}\" at the end, which is put back"),
        TextVerb::PadLeft(with, to) => format!("filled with \"{with}\" from the left to {to} characters"),
        TextVerb::PadRight(with, to) => format!("filled with \"{with}\" from the right to {to} characters"),
        TextVerb::Replace(from, to) => format!("\"{from}\" becomes \"{to}\", and back"),
        TextVerb::Truncate(length) => format!("cut to {length} characters when written"),
    }
}

fn verb(program: &Program, leaf: &Leaf) -> Vec<String> {
    let mut said = Vec::new();
    match &leaf.verb {
        Verb::Text => {}
        Verb::Code(false) => said.push("code in capitals".to_owned()),
        Verb::Code(true) => said.push("code in capitals, written in small letters".to_owned()),
        Verb::Table(style) => said.push(table(style)),
        Verb::Number(style) => {
            said.push(number(style));
            said.extend(scale(program, leaf));
            said.extend(sign(leaf));
        }
        Verb::Date(style) => {
            said.push(format!("date{}", formats(&style.formats)));
            said.extend(zone(style.zone.iana_name()));
        }
        Verb::Timestamp(style) => {
            said.push(format!("date and time{}", formats(&style.formats)));
            said.extend(zone(style.zone.iana_name()));
        }
        Verb::Boolean(style) => said.push(boolean(style)),
        other => said.push(format!("normal form: {}", other.name())),
    }
    said
}

fn zone(name: Option<&str>) -> Option<String> {
    name.filter(|name| *name != "UTC").map(|name| format!("in the time of {name}"))
}

fn table(style: &TableStyle) -> String {
    let entries = style.table.entries();
    let count = entries.len();
    let shown: Vec<String> =
        entries.take(ENTRIES_MAX).map(|(system, canonical)| format!("\"{system}\" is {canonical}")).collect();
    let more = if count > ENTRIES_MAX { format!(", … ({count} values)") } else { String::new() };
    let unknown = match &style.unknown {
        Unknown::Error => String::new(),
        Unknown::Keep => "; another value stays as it is".to_owned(),
        Unknown::Default(canonical) => format!("; another value is {canonical}"),
    };
    format!("{}{more}{unknown}", shown.join(", "))
}

fn number(style: &NumberStyle) -> String {
    let mut said = vec![if style.integer { "whole number" } else { "number" }.to_owned()];
    if style.decimal != '.' {
        said.push(format!("decimals behind \"{}\"", style.decimal));
    }
    if let Some(group) = style.group {
        let name = if group == ' ' { "a space".to_owned() } else { format!("\"{group}\"") };
        said.push(format!("thousands parted by {name}"));
    }
    match style.implied_decimals {
        0 => {}
        1 => said.push("the last digit is a decimal".to_owned()),
        2 => said.push("in cents".to_owned()),
        more => said.push(format!("the last {more} digits are decimals")),
    }
    if let Some(decimals) = style.decimals {
        said.push(format!("rounded to {decimals} decimals when written"));
    }
    match style.negative {
        Negative::Leading => {}
        Negative::Trailing => said.push("minus at the end".to_owned()),
        Negative::Parentheses => said.push("negative in parentheses".to_owned()),
    }
    if style.overpunch {
        said.push("the last digit carries the sign".to_owned());
    }
    if let Some(signs) = &style.signs {
        said.push(format!("minus beside {}, plus beside {}", list(&signs.minus), list(&signs.plus)));
    }
    said.join(", ")
}

fn scale(program: &Program, leaf: &Leaf) -> Option<String> {
    Some(match leaf.scale.as_deref()? {
        Scale::Place { place, .. } => format!("as many decimals as {} says", super::shown(program, place)),
        Scale::Money(_) | Scale::Field(_) => "in the smallest unit of the currency".to_owned(),
    })
}

fn sign(leaf: &Leaf) -> Option<String> {
    Some(match leaf.sign.as_ref()? {
        Sign::Amount(field) => format!("without sign: {field} has it"),
        Sign::Direction => "credit when positive, debit when negative".to_owned(),
    })
}

fn boolean(style: &BooleanStyle) -> String {
    format!("yes is {}, no is {}", list(&style.truths), list(&style.falsehoods))
}

/// The formats of a date as people write them: `DD/MM/YYYY`.
fn formats(formats: &[DateFormat]) -> String {
    if formats.is_empty() {
        return " as YYYY-MM-DD".to_owned();
    }
    let shown: Vec<String> = formats
        .iter()
        .map(|format| match format {
            DateFormat::Pattern(pattern) => pattern_in_words(pattern),
            DateFormat::Serial(serial) => {
                let name = SERIALS.iter().find(|(_, known)| known == serial).map_or("", |(name, _)| name);
                format!("a count ({name})")
            }
        })
        .collect();
    format!(" as {}", shown.join(" or "))
}

fn pattern_in_words(pattern: &str) -> String {
    const LETTERS: [(&str, &str); 10] = [
        ("%Y", "YYYY"),
        ("%y", "YY"),
        ("%m", "MM"),
        ("%d", "DD"),
        ("%H", "hh"),
        ("%M", "mm"),
        ("%S", "ss"),
        ("%b", "month"),
        ("%B", "month"),
        ("%F", "YYYY-MM-DD"),
    ];
    LETTERS.iter().fold(pattern.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_shown_as_people_write_them() {
        for (pattern, expected) in [
            ("%d/%m/%Y", "DD/MM/YYYY"),
            ("%Y%m%d", "YYYYMMDD"),
            ("%d.%m.%y %H:%M:%S", "DD.MM.YY hh:mm:ss"),
            ("%e %b", "%e month"),
        ] {
            assert_eq!(pattern_in_words(pattern), expected);
        }
    }
}
