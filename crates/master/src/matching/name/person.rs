//! Names of people: given and family names, also where a source does not tell which is which.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::NameLevel;
use crate::matching::text::{is_among, is_filler, is_near, packed_words, words};

/// What stands before a name and is none, in the languages of the legal forms. Sorted.
const TITLES: &[&str] = &[
    "dhr", "dott", "dr", "drs", "frau", "herr", "ing", "madame", "mevr", "miss", "mlle", "mme", "monsieur", "mr",
    "mrs", "ms", "mw", "prof", "sig", "signor", "signora", "sigra", "sra", "srta",
];

static PACKED_TITLES: [u128; TITLES.len()] = packed_words(TITLES);

/// A name of more words that nobody parted is taken as it is conventionally parted: its last word is the family name.
const PARTED_MAX: usize = 6;

/// So many words of given names, and of family names, lead to a record.
const KEYED_MAX: usize = 4;

/// The name of a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::matching) struct PersonName {
    /// Given names, then family names; of a name that nobody parted, all words as they stand.
    words: Vec<String>,
    /// How many words are given names; of a name that nobody parted, all but the last.
    given: usize,
    /// Whether the source tells given and family name apart.
    is_parted: bool,
    /// All words, without anything between them.
    whole: String,
}

impl fmt::Display for PersonName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.words.join(" "))
    }
}

/// A name, parted in one way.
#[derive(Clone, Copy)]
struct Parted<'a> {
    given: Piece<'a>,
    family: Piece<'a>,
}

/// Given or family names: their words, and all without anything between them.
#[derive(Clone, Copy)]
struct Piece<'a> {
    words: &'a [String],
    squeezed: &'a str,
}

/// How two pieces are related.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Same,
    Near,
    /// The one has all names of the other and more.
    Some,
    Initial,
    Different,
}

impl PersonName {
    /// `None` where neither name has a letter.
    pub fn new(given: &str, family: &str) -> Option<Self> {
        let (mut words, family) = (untitled(words(given)), words(family));
        let given = words.len();
        words.extend(family);
        (!words.is_empty()).then(|| PersonName { whole: words.concat(), words, given, is_parted: true })
    }

    /// Of a source that does not tell names apart: the family name may stand first or last, and have several words.
    pub fn of_whole(text: &str) -> Option<Self> {
        let words = untitled(words(text));
        let given = words.len().checked_sub(1)?;
        Some(PersonName { whole: words.concat(), words, given, is_parted: false })
    }

    /// All given names, without anything between them.
    pub fn given(&self) -> &str {
        self.parted(self.given).given.squeezed
    }

    /// The family name, without anything between its words.
    pub fn family(&self) -> &str {
        self.parted(self.given).family.squeezed
    }

    /// The two parts by whose frequency a name is common or rare. Of a name that nobody parted, the first and the last word.
    pub fn telling(&self) -> [&str; 2] {
        if self.is_parted || self.words.len() < 3 {
            return [self.given(), self.family()];
        }
        [&self.words[0], self.family()]
    }

    /// The words by which a record is found, each paired with those that may be the other part of the name.
    pub fn keyed(&self) -> Vec<(&str, &str)> {
        if !self.is_parted {
            let words = telling(&self.words);
            let pairs =
                words.iter().enumerate().flat_map(|(at, one)| words[at + 1..].iter().map(move |other| (*one, *other)));
            // A single word is found like a family name alone.
            return if words.len() == 1 { vec![(words[0], "")] } else { pairs.collect() };
        }
        let Parted { given, family } = self.parted(self.given);
        let [given, family] = [given, family].map(|piece| {
            let mut words = telling(piece.words);
            // Who leaves the blanks out means the same; and of an initial there is nothing else.
            if piece.words.len() != 1 || words.is_empty() {
                words.push(piece.squeezed);
            }
            words
        });
        given.into_iter().flat_map(|one| family.iter().map(move |other| (one, *other))).collect()
    }

    /// Parted before a word.
    fn parted(&self, at: usize) -> Parted<'_> {
        let (given, family) = self.words.split_at(at.min(self.words.len()));
        let end: usize = given.iter().map(String::len).sum();
        let (before, behind) = self.whole.split_at_checked(end).unwrap_or((&self.whole, ""));
        Parted { given: Piece { words: given, squeezed: before }, family: Piece { words: family, squeezed: behind } }
    }

    /// All ways in which a name that nobody parted can be parted; else the one that there is.
    fn ways(&self) -> impl Iterator<Item = Parted<'_>> {
        let open = !self.is_parted && (2..=PARTED_MAX).contains(&self.words.len());
        let range = if open { 1..self.words.len() } else { self.given..self.given + 1 };
        range.flat_map(move |at| {
            let way = self.parted(at);
            [Some(way), open.then_some(way.turned())].into_iter().flatten()
        })
    }

    /// How alike two names are, also where one source has given and family name the other way round.
    pub fn level(&self, other: &Self) -> NameLevel {
        if self.is_parted && other.is_parted {
            return self.level_of_parted(other);
        }
        // Most pairs have no word in common, whatever part of the name it is.
        let meets =
            |word: &String| other.words.iter().any(|theirs| word.starts_with(&theirs[..1]) || is_near(word, theirs));
        if !self.words.iter().any(meets) && !is_near(&self.whole, &other.whole) {
            return NameLevel::Different;
        }
        let mut best = NameLevel::Different;
        for mine in self.ways() {
            for theirs in other.ways() {
                best = best.min(mine.level(theirs));
                if best == NameLevel::Exact {
                    return best;
                }
            }
        }
        best
    }

    fn level_of_parted(&self, other: &Self) -> NameLevel {
        let (mine, theirs) = (self.parted(self.given), other.parted(other.given));
        let level = mine.level(theirs);
        if level <= NameLevel::Close {
            return level;
        }
        let turned = mine.turned().level(theirs).min(mine.level(theirs.turned()));
        if turned <= NameLevel::Initial { level.min(turned) } else { level }
    }
}

impl Parted<'_> {
    /// As if given and family name were exchanged.
    fn turned(self) -> Self {
        Parted { given: self.family, family: self.given }
    }

    fn level(self, other: Parted<'_>) -> NameLevel {
        match (self.given.part(other.given), self.family.family_part(other.family)) {
            (Part::Same, Part::Same) => NameLevel::Exact,
            (Part::Same | Part::Near, Part::Same | Part::Near | Part::Some) => NameLevel::Close,
            (Part::Some, Part::Same | Part::Near) => NameLevel::Close,
            // A name left out on either side is too much for one slip.
            (Part::Initial, Part::Same | Part::Near) => NameLevel::Initial,
            (Part::Initial | Part::Some | Part::Different, Part::Same | Part::Near | Part::Some) => NameLevel::Other,
            (Part::Same | Part::Near | Part::Some, _) => NameLevel::Part,
            _ => NameLevel::Different,
        }
    }
}

impl Piece<'_> {
    fn part(self, other: Piece<'_>) -> Part {
        let (short, long) = if self.squeezed.len() < other.squeezed.len() { (self, other) } else { (other, self) };
        let (one, whole) = (short.squeezed, long.squeezed);
        if one == whole {
            Part::Same
        } else if one.len() <= 1 && whole.starts_with(one) {
            Part::Initial
        } else if is_near(one, whole) {
            Part::Near
        } else if short.is_some_of(long) {
            Part::Some
        } else if one.len() == 2 && one.as_bytes().first() == whole.as_bytes().first() {
            // An initial with a slip, or two initials.
            Part::Initial
        } else {
            Part::Different
        }
    }

    /// An initial of a family name tells too little.
    fn family_part(self, other: Piece<'_>) -> Part {
        match self.part(other) {
            Part::Initial => Part::Different,
            other => other,
        }
    }

    /// Whether the other has all of these names and more: a source may have one given name of two, or one family name.
    fn is_some_of(self, other: Piece<'_>) -> bool {
        let tells = |word: &&String| word.len() > 2 && !is_filler(word);
        let is_there = |word: &String| other.words.iter().any(|theirs| is_near(word, theirs));
        let mut telling = self.words.iter().filter(tells).peekable();
        self.words.len() < other.words.len() && telling.peek().is_some() && telling.all(is_there)
    }
}

/// The first words of a name that say something by themselves.
fn telling(words: &[String]) -> Vec<&str> {
    let words = words.iter().map(String::as_str).filter(|word| word.len() > 1 && !is_filler(word));
    words.take(KEYED_MAX).collect()
}

/// Without titles, as long as anything else remains.
fn untitled(mut words: Vec<String>) -> Vec<String> {
    if words.iter().any(|word| !is_among(word, &PACKED_TITLES)) {
        words.retain(|word| !is_among(word, &PACKED_TITLES));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &Option<PersonName>, other: &Option<PersonName>, expected: NameLevel) {
        let (one, other) = (one.as_ref().unwrap(), other.as_ref().unwrap());
        assert_eq!(one.level(other), expected, "{one:?} {other:?}");
        assert_eq!(other.level(one), expected, "{other:?} {one:?}");
    }

    #[track_caller]
    fn people(one: (&str, &str), other: (&str, &str), expected: NameLevel) {
        check(&PersonName::new(one.0, one.1), &PersonName::new(other.0, other.1), expected);
    }

    #[test]
    fn people_are_told_by_both_names() {
        people(("Marie", "Durand"), ("MARIE", "durand"), NameLevel::Exact);
        people(("Marie", "Durand"), ("Maire", "Duran"), NameLevel::Close);
        people(("Marie", "Durand"), ("Durand", "Marie"), NameLevel::Exact);
        people(("Hans Georg", "Graf"), ("Georg", "Graf"), NameLevel::Close);
        people(("M.", "Durand"), ("Marie", "Durand"), NameLevel::Initial);
        people(("", "Durand"), ("Marie", "Durand"), NameLevel::Initial);
        people(("Durand", "M."), ("Marie", "Durand"), NameLevel::Initial);
        people(("Paul", "Durand"), ("Marie", "Durand"), NameLevel::Other);
        people(("Marie", "Durand"), ("Marie", "Lefort"), NameLevel::Part);
        people(("Marie", "Durand"), ("Paul", "Lefort"), NameLevel::Different);
        people(("Mme Marie", "Durand"), ("Marie", "Durand"), NameLevel::Exact);
        people(("Mme", "Durand"), ("Marie", "Durand"), NameLevel::Other);
        assert_eq!(PersonName::new("", " "), None);
    }

    #[test]
    fn one_of_two_names_is_enough_and_one_in_common_is_not() {
        people(("Juan", "García"), ("Juan", "García López"), NameLevel::Close);
        people(("Juan", "García López"), ("Juan", "García Ruiz"), NameLevel::Part);
        people(("José María", "Navarro"), ("María Dolores", "Navarro"), NameLevel::Other);
        people(("María", "Navarro"), ("María Dolores", "Navarro"), NameLevel::Close);
        people(("María", "Navarro"), ("María Dolores", "Navarro Ruiz"), NameLevel::Other);
        people(("Jan", "van Dam"), ("Jan", "van den Berg"), NameLevel::Part);
    }

    #[track_caller]
    fn wholes(one: &str, given: &str, family: &str, expected: NameLevel) {
        check(&PersonName::of_whole(one), &PersonName::new(given, family), expected);
    }

    #[test]
    fn a_name_that_nobody_parted_is_parted_as_the_other_one_is() {
        wholes("Anne Marie Le Goff", "Anne Marie", "Le Goff", NameLevel::Exact);
        wholes("LE GOFF ANNE MARIE", "Anne Marie", "Le Goff", NameLevel::Exact);
        wholes("GARCIA LOPEZ MARIA CARMEN", "María Carmen", "García López", NameLevel::Exact);
        wholes("Durand M.", "Marie", "Durand", NameLevel::Initial);
        wholes("MARTIN PAUL", "Pierre", "Martin", NameLevel::Other);
        wholes("DUPONT MARTIN", "Martin", "Lefort", NameLevel::Part);
        wholes("Durand", "Marie", "Durand", NameLevel::Initial);
        check(&PersonName::of_whole("Jan van den Berg"), &PersonName::of_whole("VAN DEN BERG JAN"), NameLevel::Exact);
        check(&PersonName::of_whole("Jean Martin"), &PersonName::of_whole("MARTIN JEAN"), NameLevel::Exact);
        check(&PersonName::of_whole("Jean Martin"), &PersonName::of_whole("Paul Martin"), NameLevel::Other);
        check(&PersonName::of_whole("Jean Martin"), &PersonName::of_whole("Luc Lefort"), NameLevel::Different);
        assert_eq!(PersonName::of_whole(" 😀 "), None);
    }

    #[test]
    fn titles_are_sorted() {
        assert!(TITLES.is_sorted(), "binary search needs that");
    }
}
