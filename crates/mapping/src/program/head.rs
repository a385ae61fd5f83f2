//! What the head of a mapping says: the record's key, and where the drop states totals.

use std::borrow::Cow;
use std::sync::Arc;

use super::Leaf;
use crate::leaf::trim;
use crate::place::Place;
use crate::verbs::text::TextVerb;

/// Where the drop states totals; every line reads a number.
#[derive(Debug, Clone)]
pub(crate) struct ControlPlaces {
    /// What tells one group of records from another; the last place names it.
    pub group: Vec<Key>,
    pub opening: Option<Leaf>,
    pub closing: Option<Leaf>,
    pub count: Option<Leaf>,
    pub sum: Option<Leaf>,
    /// The record's own amount with its sign, where its document does not tell.
    pub amount: Option<Leaf>,
}

impl ControlPlaces {
    /// Whether amounts are added up.
    pub(crate) fn adds(&self) -> bool {
        self.closing.is_some() || self.sum.is_some()
    }

    /// The places that it reads.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Place> {
        let lines = [&self.opening, &self.closing, &self.count, &self.sum, &self.amount];
        let lines = lines.into_iter().flatten().flat_map(|leaf| leaf.all_places());
        self.group.iter().map(|key| &key.place).chain(lines)
    }
}

/// One part of the record's key.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub place: Place,
    /// The place in words.
    pub text: Arc<str>,
    /// What is done to the text, in order when reading and undone in reverse order when writing.
    pub text_verbs: Vec<TextVerb>,
    /// Written to JSON as a number.
    pub number: bool,
}

impl Key {
    /// The part of the key that a text of the record stands for.
    pub(crate) fn canonical<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        self.text_verbs.iter().fold(trim(text), |text, verb| trim(verb.read(text)))
    }

    /// The record's text for a part of the key.
    pub(crate) fn written<'t>(&self, part: &'t str) -> Cow<'t, str> {
        self.text_verbs.iter().rev().fold(Cow::Borrowed(part), |text, verb| verb.write(text))
    }
}
