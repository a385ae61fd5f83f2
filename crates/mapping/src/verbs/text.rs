//! The closed list of text verbs. Each changes what is read; most undo it when writing.

use std::borrow::Cow;

/// A step of `text = […]`: applied in order when reading, undone in reverse order when writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TextVerb {
    /// Upper case, both ways.
    Upper,
    /// Lower case, both ways.
    Lower,
    /// One space for every run of white space, both ways.
    Collapse,
    /// Digits only, when reading.
    Digits,
    /// The apostrophe that keeps a spreadsheet from changing a text is taken off, when reading.
    Apostrophe,
    /// Taken off when reading, put before when writing.
    Prefix(Box<str>),
    /// Taken off when reading, put behind when writing.
    Suffix(Box<str>),
    /// Taken off the left when reading, filled up to so many characters when writing.
    PadLeft(char, usize),
    /// Taken off the right when reading, filled up to so many characters when writing.
    PadRight(char, usize),
    /// The first becomes the second when reading, and back when writing.
    Replace(Box<str>, Box<str>),
    /// At most so many characters are written.
    Truncate(usize),
}

impl TextVerb {
    pub(crate) fn read<'r>(&self, text: Cow<'r, str>) -> Cow<'r, str> {
        match self {
            TextVerb::Upper => upper(text),
            TextVerb::Lower => lower(text),
            TextVerb::Collapse => collapse(text),
            TextVerb::Digits => keep(text, |character| character.is_ascii_digit()),
            TextVerb::Apostrophe => cut(text, |text| text.strip_prefix('\'')),
            TextVerb::Prefix(prefix) => cut(text, |text| text.strip_prefix(&**prefix)),
            TextVerb::Suffix(suffix) => cut(text, |text| text.strip_suffix(&**suffix)),
            TextVerb::PadLeft(with, _) => cut(text, |text| {
                Some(last_kept(text, text.trim_start_matches(*with), text.len().saturating_sub(with.len_utf8())))
            }),
            TextVerb::PadRight(with, _) => cut(text, |text| Some(text.trim_end_matches(*with))),
            TextVerb::Replace(from, to) => replace(text, from, to),
            TextVerb::Truncate(_) => text,
        }
    }

    pub(crate) fn write<'c>(&self, text: Cow<'c, str>) -> Cow<'c, str> {
        match self {
            TextVerb::Upper => upper(text),
            TextVerb::Lower => lower(text),
            TextVerb::Collapse => collapse(text),
            TextVerb::Digits | TextVerb::Apostrophe => text,
            TextVerb::Prefix(prefix) => Cow::Owned(format!("{prefix}{text}")),
            TextVerb::Suffix(suffix) => Cow::Owned(format!("{text}{suffix}")),
            TextVerb::PadLeft(with, to) => {
                let missing = to.saturating_sub(text.chars().count());
                Cow::Owned(std::iter::repeat_n(*with, missing).chain(text.chars()).collect())
            }
            TextVerb::PadRight(with, to) => {
                let missing = to.saturating_sub(text.chars().count());
                Cow::Owned(text.chars().chain(std::iter::repeat_n(*with, missing)).collect())
            }
            TextVerb::Replace(from, to) => replace(text, to, from),
            TextVerb::Truncate(length) => match text.char_indices().nth(*length) {
                Some((end, _)) => Cow::Owned(text[..end].trim_end().to_owned()),
                None => text,
            },
        }
    }
}

/// A value of padding alone, such as `000`, keeps its last character: it is a zero, not nothing.
fn last_kept<'t>(text: &'t str, trimmed: &'t str, last: usize) -> &'t str {
    if trimmed.is_empty() { text.get(last..).unwrap_or_default() } else { trimmed }
}

fn cut<'r>(text: Cow<'r, str>, find: impl for<'t> Fn(&'t str) -> Option<&'t str>) -> Cow<'r, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(find(text).unwrap_or(text)),
        Cow::Owned(text) => Cow::Owned(find(&text).map(str::to_owned).unwrap_or(text)),
    }
}

fn keep(text: Cow<'_, str>, wanted: fn(&char) -> bool) -> Cow<'_, str> {
    if text.chars().all(|character| wanted(&character)) { text } else { text.chars().filter(wanted).collect() }
}

fn replace<'r>(text: Cow<'r, str>, from: &str, to: &str) -> Cow<'r, str> {
    if text.contains(from) { Cow::Owned(text.replace(from, to)) } else { text }
}

/// Upper case; borrowed when it is already.
pub(crate) fn upper(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.chars().any(char::is_lowercase) { Cow::Owned(text.to_uppercase()) } else { text }
}

/// Lower case; borrowed when it is already.
pub(crate) fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.chars().any(char::is_uppercase) { Cow::Owned(text.to_lowercase()) } else { text }
}

fn collapse(text: Cow<'_, str>) -> Cow<'_, str> {
    let mut after_space = false;
    let is_collapsed = text.chars().all(|character| {
        let fine = !character.is_whitespace() || (character == ' ' && !after_space);
        after_space = character.is_whitespace();
        fine
    });
    if is_collapsed { text } else { Cow::Owned(text.split_whitespace().collect::<Vec<_>>().join(" ")) }
}
