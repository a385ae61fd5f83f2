//! Names of companies and people, and how alike two of them are.

mod form;
mod person;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::{WORDS_MAX, distance, is_among, is_filler, is_near, packed_words, words};

pub(super) use person::PersonName;

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

static PACKED_LEGAL_FORMS: [u128; LEGAL_FORMS.len()] = packed_words(LEGAL_FORMS);

/// Whether a word tells a company's legal form. A form can be left out or change; it tells nobody apart.
pub(super) fn is_legal_form(word: &str) -> bool {
    is_among(word, &PACKED_LEGAL_FORMS)
}

/// How alike two names of companies are, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
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
        let mut words = words(text);
        form::shorten(&mut words);
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
    // A single letter is an initial of something; a digit is a number (`Agence 1`, `Agence 2`).
    (word.len() > 1 || word.bytes().all(|byte| byte.is_ascii_digit())) && !is_legal_form(word) && !is_filler(word)
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
    let mut mine: [Option<&str>; WORDS_MAX] = std::array::from_fn(|at| one.get(at).map(String::as_str));
    let mut theirs: [Option<&str>; WORDS_MAX] = std::array::from_fn(|at| other.get(at).map(String::as_str));
    let mut shared = [0; 2];
    let alike: [fn(&str, &str) -> bool; 2] = [|one, other| one == other, is_same_word];
    for (alike, shared) in alike.into_iter().zip(&mut shared) {
        for slot in &mut mine[..one.len().min(WORDS_MAX)] {
            let Some(word) = *slot else { continue };
            let found = theirs[..other.len().min(WORDS_MAX)]
                .iter_mut()
                .find(|their| their.is_some_and(|their| alike(word, their)));
            if let Some(found) = found {
                *shared += usize::from(tells_apart(word) && found.is_some_and(tells_apart));
                (*slot, *found) = (None, None);
            }
        }
    }
    let rest =
        |words: [Option<&'a str>; WORDS_MAX]| words.into_iter().flatten().filter(|word| tells_apart(word)).collect();
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

    #[test]
    fn legal_forms_are_sorted() {
        assert!(LEGAL_FORMS.is_sorted(), "binary search needs that");
    }
}
