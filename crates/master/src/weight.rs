//! How much a source's unit weighs by what it says: how many places it fills, and how many systems say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use canonical::document::shape::Shape;
use deunicode::deunicode_char;
use serde_json::Value;

use crate::normal::{MONEY, decimal, is_empty};
use crate::walk::Unit;

/// How many places these values fill, at every depth.
pub(crate) fn places(values: &[Value]) -> usize {
    values.iter().map(filled).sum()
}

fn filled(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(filled).sum(),
        Value::Object(members) => members.values().map(filled).sum(),
        value => usize::from(!is_empty(value)),
    }
}

/// Whether two lots of values of a nature say the same when their spelling does not count.
pub(crate) fn alike(shape: Shape, one: &[Value], other: &[Value]) -> bool {
    let text = |values: &[Value]| {
        let mut text = String::new();
        for value in values {
            write(shape, value, &mut text);
            text.push(ITEM_END);
        }
        text
    };
    text(one) == text(other)
}

/// Which systems assert a value, by the value's normalised text.
#[derive(Debug, Default)]
pub(crate) struct Votes<'a>(BTreeMap<String, BTreeSet<&'a str>>);

impl<'a> Votes<'a> {
    /// A system asserts a value. It has one voice for it, however many of its records show it.
    pub(crate) fn cast(&mut self, value: String, system: &'a str) {
        self.0.entry(value).or_default().insert(system);
    }

    /// How many systems assert a value.
    pub(crate) fn voices(&self, value: &str) -> usize {
        self.0.get(value).map_or(0, BTreeSet::len)
    }
}

/// What a document says at these leaves, so that what means the same is the same text.
pub(crate) fn normalised(unit: &Unit<'_>, leaves: Range<usize>, document: usize) -> String {
    let mut text = String::new();
    for leaf in leaves {
        for value in unit.value(leaf, document) {
            write(unit.leaves[leaf].shape, value, &mut text);
            text.push(ITEM_END);
        }
        text.push(LEAF_END);
    }
    text
}

/// Stands behind each item and each member; in no folded text.
const ITEM_END: char = '\u{1e}';
/// Stands behind each leaf.
const LEAF_END: char = '\u{1f}';

fn write(shape: Shape, value: &Value, text: &mut String) {
    match (shape, value) {
        (Shape::Group(fields), Value::Object(members)) => {
            for field in fields {
                if let Some(member) = members.get(field.name) {
                    write(field.shape, member, text);
                }
                text.push(ITEM_END);
            }
        }
        (Shape::Money, Value::Object(_)) => write(Shape::Group(MONEY), value, text),
        (Shape::List { item, .. }, Value::Array(items)) => {
            for value in items {
                write(*item, value, text);
                text.push(ITEM_END);
            }
        }
        (Shape::Decimal, value) if let Some(number) = decimal(value) => {
            text.push_str(&number.normalize().to_string());
        }
        (Shape::Text, Value::String(said)) => fold(said, text),
        (_, Value::String(said)) => text.push_str(said),
        (_, value) => text.push_str(&value.to_string()),
    }
}

/// Adds words of lower-case ASCII letters and digits, one blank between them. Points and apostrophes inside of a word part
/// nothing (`S.A.R.L.` is `sarl`). The local part of an e-mail address has no such freedom, and neither has text that
/// has no letter and no digit at all: these differ by case alone.
fn fold(said: &str, text: &mut String) {
    let is_word = |character: char| character.is_alphanumeric();
    if said.contains('@') || !said.contains(is_word) {
        text.extend(said.trim().chars().flat_map(char::to_lowercase));
        return;
    }
    let start = text.len();
    let mut last = ' ';
    let mut characters = said.chars().filter(|character| !is_mark(*character)).peekable();
    while let Some(character) = characters.next() {
        if character.is_alphanumeric() {
            let letters = deunicode_char(character).unwrap_or_default();
            text.extend(letters.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()));
        } else {
            let joins = matches!(character, '.' | '\'' | '’') && last.is_alphabetic();
            let goes_on = characters.peek().is_none_or(|next| next.is_alphabetic());
            if !(joins && goes_on) && text.len() > start && !text.ends_with(' ') {
                text.push(' ');
            }
        }
        last = character;
    }
    text.truncate(text.trim_end_matches(' ').len());
}

/// Accents that are written as characters of their own.
fn is_mark(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(shape: Shape, one: &Value, other: &Value, alike: bool) {
        let text = |value: &Value| {
            let mut text = String::new();
            write(shape, value, &mut text);
            text
        };
        assert_eq!(text(one) == text(other), alike, "{:?} {:?}", text(one), text(other));
    }

    #[test]
    fn text_is_alike_whatever_its_case_accents_blanks_and_punctuation() {
        let check = |one: &str, other: &str, alike| check(Shape::Text, &json!(one), &json!(other), alike);
        check("Durand & Fils", "DURAND  FILS", true);
        check("Hôtel de l’Été", "hotel de l'ete", true);
        check("S.A.R.L. Martin", "SARL MARTIN", true);
        check("Jean-Pierre", "Jean Pierre", true);
        check("12, rue A", "12 rue A.", true);
        check("12-14 rue A", "1214 rue A", false);
        check("1.5 t", "15 t", false);
        check("Durand SA", "Durand SAS", false);
        check("a.b@x.fr", "A.B@x.fr ", true);
        check("a.b@x.fr", "ab@x.fr", false);
        check("株式会社", "有限会社", false);
        check("🥖", "🥐", false);
    }

    #[test]
    fn numbers_are_alike_by_their_value_and_codes_as_they_are() {
        check(Shape::Decimal, &json!("5000"), &json!("5000.00"), true);
        let (one, other) = (json!({"amount": "5", "currency": "EUR"}), json!({"amount": "5.0", "currency": "EUR"}));
        check(Shape::Money, &one, &other, true);
        check(Shape::Money, &one, &json!({"amount": "5", "currency": "USD"}), false);
        check(Shape::Letters(3), &json!("EUR"), &json!("eur"), false);
        let list = Shape::List { selector: None, item: &Shape::Text };
        check(list, &json!(["a", "b"]), &json!(["A", "b."]), true);
        check(list, &json!(["a b"]), &json!(["a", "b"]), false);
    }
}
