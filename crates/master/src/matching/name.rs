//! Names of companies and people, and how alike two of them are.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::{distance, is_filler, is_near, words};

/// Legal forms of France, Germany, Britain, Belgium, the Netherlands, Spain and Italy, and those of neighbours that
/// travel with them. Sorted.
const LEGAL_FORMS: &[&str] = &[
    "ab",
    "ag",
    "aps",
    "as",
    "asbl",
    "bv",
    "bvba",
    "cic",
    "co",
    "coop",
    "corp",
    "cv",
    "cvba",
    "ei",
    "eirl",
    "ek",
    "eurl",
    "ev",
    "gbr",
    "gie",
    "gmbh",
    "inc",
    "kg",
    "kgaa",
    "limited",
    "llc",
    "llp",
    "lp",
    "ltd",
    "mbh",
    "nv",
    "og",
    "ohg",
    "oy",
    "plc",
    "sa",
    "sapa",
    "sarl",
    "sas",
    "sasu",
    "sca",
    "sci",
    "scop",
    "scp",
    "scrl",
    "scs",
    "se",
    "selarl",
    "sl",
    "sll",
    "slu",
    "snc",
    "spa",
    "sprl",
    "srl",
    "srls",
    "stichting",
    "ug",
    "ulc",
    "vof",
    "vzw",
];

/// Whether a word tells a company's legal form. A form can be left out or change; it tells nobody apart.
fn is_legal_form(word: &str) -> bool {
    LEGAL_FORMS.binary_search(&word).is_ok()
}

/// How alike two names of companies are, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum NameLevel {
    /// The same words, in any order, whatever the legal form.
    Exact,
    /// The same words but for slips, abbreviations and blanks.
    Close,
    /// A person's family name is the same, of the given name there is an initial only.
    Initial,
    /// One name has a word more (`Services`, `Nord`); of people: the given names differ.
    Other,
    /// Some words are the same, each has others; of people: the family names differ.
    Part,
    /// Nothing is the same.
    Different,
}

/// The name of a company.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct CompanyName {
    /// Its words in their order.
    words: Vec<String>,
    /// Those that tell it apart, sorted, without anything between them.
    pub core: String,
    /// The same, in their order.
    squeezed: String,
}

impl CompanyName {
    /// `None` where there is no letter in it.
    pub fn new(text: &str) -> Option<Self> {
        let words = words(text);
        let (mut core, mut squeezed): (Vec<&str>, String) = (Vec::new(), String::new());
        for word in words.iter().filter(|word| tells_apart(word)) {
            core.push(word);
            squeezed.push_str(word);
        }
        if core.is_empty() {
            core.extend(words.iter().map(String::as_str));
            squeezed = words.concat();
        }
        core.sort_unstable();
        let core = core.concat();
        (!core.is_empty()).then_some(CompanyName { words, core, squeezed })
    }

    /// The words that tell it apart.
    pub fn telling(&self) -> impl Iterator<Item = &str> {
        let any = self.words.iter().any(|word| tells_apart(word));
        self.words.iter().map(String::as_str).filter(move |word| !any || tells_apart(word))
    }

    /// How alike two names are.
    pub fn level(&self, other: &Self) -> NameLevel {
        if self.core == other.core {
            return NameLevel::Exact;
        }
        let LeftOver { mine, theirs, shared, slips } = left_over(&self.words, &other.words);
        if mine.is_empty() && theirs.is_empty() && shared > 0 && slips == 0 {
            return NameLevel::Exact;
        }
        if mine.is_empty() && theirs.is_empty() && shared > 0 || is_near(&self.squeezed, &other.squeezed) {
            return NameLevel::Close;
        }
        if !mine.is_empty() && !theirs.is_empty() && is_near(&mine.concat(), &theirs.concat()) {
            return NameLevel::Close;
        }
        match (mine.is_empty() || theirs.is_empty(), shared > 0) {
            (true, true) => NameLevel::Other,
            (false, true) => NameLevel::Part,
            (_, false) => NameLevel::Different,
        }
    }
}

impl fmt::Display for CompanyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.words.join(" "))
    }
}

/// Whether a word of a company's name tells it apart from others.
fn tells_apart(word: &str) -> bool {
    word.len() > 1 && !is_legal_form(word) && !is_filler(word)
}

/// What remains of two names when the words that both have are taken away.
struct LeftOver<'a> {
    /// The words of the one that tell it apart and have none like them in the other.
    mine: Vec<&'a str>,
    theirs: Vec<&'a str>,
    /// How many words that tell them apart both have.
    shared: usize,
    /// How many of these are written otherwise.
    slips: usize,
}

fn left_over<'a>(one: &'a [String], other: &'a [String]) -> LeftOver<'a> {
    let mut theirs: Vec<Option<&str>> = other.iter().map(|word| Some(word.as_str())).collect();
    let mut mine: Vec<Option<&str>> = one.iter().map(|word| Some(word.as_str())).collect();
    let mut shared = [0; 2];
    let alike: [fn(&str, &str) -> bool; 2] = [|one, other| one == other, is_same_word];
    for (alike, shared) in alike.into_iter().zip(&mut shared) {
        for slot in &mut mine {
            let Some(word) = *slot else { continue };
            let found = theirs.iter_mut().find(|their| their.is_some_and(|their| alike(word, their)));
            if let Some(found) = found {
                *shared += usize::from(tells_apart(word) && found.is_some_and(tells_apart));
                (*slot, *found) = (None, None);
            }
        }
    }
    let rest = |words: Vec<Option<&'a str>>| words.into_iter().flatten().filter(|word| tells_apart(word)).collect();
    LeftOver { mine: rest(mine), theirs: rest(theirs), shared: shared.iter().sum(), slips: shared[1] }
}

/// Whether two words are one but for a slip or an abbreviation (`Etab` for `Etablissements`).
fn is_same_word(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    if short.len() >= 3 && long.len() >= short.len() + 2 && long.starts_with(short) {
        return true;
    }
    if is_legal_form(one) || is_legal_form(other) {
        return short.len() >= 2 && (3..=7).contains(&long.len()) && distance(one, other, 1).is_some();
    }
    is_near(one, other)
}

/// The name of a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct PersonName {
    given: Vec<String>,
    /// All given names, without anything between them.
    pub given_squeezed: String,
    /// The family name, without anything between its words.
    pub family: String,
}

impl fmt::Display for PersonName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.given.join(" "), self.family)
    }
}

/// How two parts of people's names are related.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Same,
    Near,
    Initial,
    Different,
}

impl PersonName {
    /// `None` where neither name has a letter.
    pub fn new(given: &str, family: &str) -> Option<Self> {
        let (given, family) = (words(given), words(family).concat());
        let given_squeezed = given.concat();
        (!given_squeezed.is_empty() || !family.is_empty()).then_some(PersonName { given, given_squeezed, family })
    }

    /// Of a source that does not tell names apart: the last word is taken for the family name.
    pub fn of_whole(text: &str) -> Option<Self> {
        let mut given = words(text);
        let family = given.pop()?;
        let given_squeezed = given.concat();
        Some(PersonName { given, given_squeezed, family })
    }

    /// How alike two names are, also where one source has given and family name the other way round.
    pub fn level(&self, other: &Self) -> NameLevel {
        let level = Self::combined(self.given_part(other), family_part(&self.family, &other.family));
        if level <= NameLevel::Close {
            return level;
        }
        let turned = self.turned(other).min(other.turned(self));
        if turned <= NameLevel::Initial { level.min(turned) } else { level }
    }

    /// As if given and family name of the one were exchanged.
    fn turned(&self, other: &Self) -> NameLevel {
        Self::combined(part(&self.family, &other.given_squeezed), family_part(&self.given_squeezed, &other.family))
    }

    fn combined(given: Part, family: Part) -> NameLevel {
        match (given, family) {
            (Part::Same, Part::Same) => NameLevel::Exact,
            (Part::Same | Part::Near, Part::Same | Part::Near) => NameLevel::Close,
            (Part::Initial, Part::Same | Part::Near) => NameLevel::Initial,
            (Part::Different, Part::Same | Part::Near) => NameLevel::Other,
            (Part::Same | Part::Near, _) => NameLevel::Part,
            _ => NameLevel::Different,
        }
    }

    /// Given names, of which a source may have one or all.
    fn given_part(&self, other: &Self) -> Part {
        let whole = part(&self.given_squeezed, &other.given_squeezed);
        let shares = |name: &String| name.len() > 2 && other.given.contains(name);
        if whole == Part::Different && self.given.iter().any(shares) { Part::Near } else { whole }
    }
}

fn part(one: &str, other: &str) -> Part {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    if one == other {
        Part::Same
    } else if short.len() <= 1 && long.starts_with(short) {
        Part::Initial
    } else if is_near(one, other) {
        Part::Near
    } else if short.len() == 2 && short.as_bytes().first() == long.as_bytes().first() {
        // An initial with a slip, or two initials.
        Part::Initial
    } else {
        Part::Different
    }
}

/// An initial of a family name tells too little.
fn family_part(one: &str, other: &str) -> Part {
    match part(one, other) {
        Part::Initial => Part::Different,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn companies(one: &str, other: &str, expected: NameLevel) {
        let (one, other) = (CompanyName::new(one).unwrap(), CompanyName::new(other).unwrap());
        assert_eq!(one.level(&other), expected, "{one:?} {other:?}");
        assert_eq!(other.level(&one), expected, "{other:?} {one:?}");
    }

    #[test]
    fn companies_are_told_by_the_words_that_tell_them_apart() {
        companies("Durand SA", "DURAND S.A.R.L.", NameLevel::Exact);
        companies("Garage Hamon SAS", "Hamon Garage", NameLevel::Exact);
        companies("Martins & Chauveau SARL", "Martins et Chauveau", NameLevel::Exact);
        companies("Garage Hamon SAS", "GARAGE HAMON ASS", NameLevel::Exact);
        companies("Établissements Robin", "Étab Robin SAS", NameLevel::Close);
        companies("Robin Établissements", "RobinÉtablissements", NameLevel::Close);
        companies("Söding Handels GmbH", "SDING HANDELS GMBH", NameLevel::Close);
        companies("Arnaud S.A..RL.", "Arnaud S.A.R.L.", NameLevel::Exact);
        companies("Nguyen Menuiserie", "Nguyen Menuiserie Sud", NameLevel::Other);
        companies("Otto Schleich OHG", "Otto Schleich OHG Invest", NameLevel::Other);
        companies("Garage Hamon", "Garage Breton", NameLevel::Part);
        companies("Garage Hamon", "Transports Pottier", NameLevel::Different);
        companies("SA", "SA", NameLevel::Exact);
        companies("SA", "Durand", NameLevel::Different);
        assert_eq!(CompanyName::new(" 😀 "), None);
    }

    #[track_caller]
    fn people(one: (&str, &str), other: (&str, &str), expected: NameLevel) {
        let name = |(given, family)| PersonName::new(given, family).unwrap();
        assert_eq!(name(one).level(&name(other)), expected, "{one:?} {other:?}");
        assert_eq!(name(other).level(&name(one)), expected, "{other:?} {one:?}");
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
        assert_eq!(PersonName::new("", " "), None);
        assert_eq!(PersonName::of_whole("Anne Marie Le Goff").map(|name| name.family), Some("goff".to_owned()));
    }

    #[test]
    fn legal_forms_are_sorted() {
        assert!(LEGAL_FORMS.is_sorted(), "binary search needs that");
    }
}
