//! Whether anything of a file was dropped in silence: held against the file itself, not against the mapping.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::outline::Element;

/// A number without what does not change it: `2500.00`, `+2500` and `2500` are one.
pub fn plain(text: &str) -> String {
    let is_number =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    let text = text.strip_prefix('+').filter(|rest| is_number(rest)).unwrap_or(text);
    if !is_number(text) || !text.contains('.') {
        return text.to_owned();
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn scalars(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|member| scalars(member, found)),
        Value::Array(items) => items.iter().for_each(|item| scalars(item, found)),
        Value::String(text) => {
            found.insert(plain(text.trim()));
        }
        other => {
            found.insert(other.to_string());
        }
    }
}

/// The paths that a reading lists as unmapped.
pub fn unmapped(reading: &Value) -> Vec<String> {
    let listed = reading["unmapped"].as_array().into_iter().flatten();
    listed.map(|path| path.as_str().unwrap().to_owned()).collect()
}

/// A path without prefixes.
pub fn local(path: &str) -> String {
    let steps = path.split('/').map(|step| match step.strip_prefix('@') {
        Some(attribute) => format!("@{}", attribute.rsplit(':').next().unwrap()),
        None => step.rsplit(':').next().unwrap().to_owned(),
    });
    steps.collect::<Vec<_>>().join("/")
}

/// All texts at a path of the outline, which may end with an attribute.
fn texts(root: &Element, path: &str) -> Vec<String> {
    let (elements, attribute) = match path.rsplit_once('@') {
        Some((elements, attribute)) => (elements.trim_end_matches('/'), Some(attribute)),
        None => (path, None),
    };
    let found = if elements.is_empty() { vec![root] } else { root.all(elements) };
    let text = |element: &Element| match attribute {
        Some(attribute) => element.attribute(attribute),
        None => Some(element.text.trim().to_owned()).filter(|text| !text.is_empty()),
    };
    found.into_iter().filter_map(text).collect()
}

/// The word of ISO 20022 for a reference that nobody gave, and that of UBL for the creditor of a direct debit.
const WORDS: [&str; 2] = ["NOTPROVIDED", "SEPA"];

/// Whether a text is told, alone or as one of the parts of a joined text.
fn is_told(told: &BTreeSet<String>, text: &str) -> bool {
    // UBL writes the subject code of a note in front of it: "#AAI#text".
    let behind_tag = text.strip_prefix('#').and_then(|rest| rest.split_once('#')).map(|(_, rest)| rest.trim());
    let text = plain(behind_tag.unwrap_or(text));
    WORDS.contains(&text.as_str())
        || told.contains(&text)
        // Accounts are told without the spaces that are written for people.
        || told.contains(&text.replace(' ', ""))
        || told.iter().any(|whole| whole.starts_with(&format!("{text} ")) || whole.ends_with(&format!(" {text}")))
        || told.iter().any(|whole| whole.contains(&format!(" {text} ")))
}

/// The paths of a file with texts that are neither in the document nor listed as unmapped.
/// `conditions` are the ends of paths that tell what an element is, or whose words the document translates.
pub fn lost(outline: &Element, reading: &Value, conditions: &[&str]) -> Vec<String> {
    let listed: BTreeSet<String> = unmapped(reading).iter().map(|path| local(path)).collect();
    let mut told = BTreeSet::new();
    scalars(&reading["document"], &mut told);
    let mut lost = outline.paths();
    lost.retain(|path| {
        let is_condition = conditions.iter().any(|condition| path.ends_with(condition));
        !is_condition && !listed.contains(&local(path)) && texts(outline, path).iter().any(|text| !is_told(&told, text))
    });
    lost.into_iter().collect()
}
