//! True and false in a system's own words.

use std::borrow::Cow;

use crate::error::Problem;

/// The words for true and for false; the first of each is the one written. Case does not matter when reading.
#[derive(Debug, Clone)]
pub(crate) struct BooleanStyle {
    pub truths: Vec<Box<str>>,
    pub falsehoods: Vec<Box<str>>,
}

impl Default for BooleanStyle {
    fn default() -> Self {
        BooleanStyle { truths: vec!["true".into(), "1".into()], falsehoods: vec!["false".into(), "0".into()] }
    }
}

impl BooleanStyle {
    pub(crate) fn read(&self, raw: &str) -> Result<&'static str, Problem> {
        let among = |words: &[Box<str>]| words.iter().any(|word| word.eq_ignore_ascii_case(raw));
        if among(&self.truths) {
            Ok("true")
        } else if among(&self.falsehoods) {
            Ok("false")
        } else {
            Err(Problem::new("mapping.boolean", "it is none of the words for true or false; add it to the line"))
        }
    }

    pub(crate) fn write(&self, canonical: &str) -> Result<Cow<'_, str>, Problem> {
        let words = match canonical {
            "true" => &self.truths,
            "false" => &self.falsehoods,
            _ => return Err(Problem::new("mapping.boolean", "the document holds neither true nor false here")),
        };
        Ok(Cow::Borrowed(words.first().map_or("", |word| word)))
    }

    /// A word that is written and does not read back, such as an empty one for false.
    pub(crate) fn is_lossy(&self) -> bool {
        let keeps = |word: Option<&Box<str>>, canonical| {
            word.is_some_and(|word| !word.is_empty() && self.read(word).is_ok_and(|read| read == canonical))
        };
        !keeps(self.truths.first(), "true") || !keeps(self.falsehoods.first(), "false")
    }

    /// Whether its words are those of JSON, so that JSON gets true and false rather than text.
    pub(crate) fn is_json(&self) -> bool {
        let first = |words: &[Box<str>]| words.first().map(|word| word.to_string()).unwrap_or_default();
        first(&self.truths) == "true" && first(&self.falsehoods) == "false"
    }
}
