//! Blocking: the keys by which two records that may be one find each other, without a look at all the others.

use std::collections::BTreeSet;

use serde::Serialize;

use super::evidence::Evidence;
use super::place::Place;
use super::text::sound;

/// What a key is made of. Two records with a key in common are compared; one kind of evidence is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum KeyKind {
    /// An identifier of one family.
    Identifier = 1,
    /// A bank account.
    Account,
    /// An e-mail address.
    Email,
    /// A company's e-mail domain. Learning alone looks at it.
    Domain,
    /// A telephone number.
    Phone,
    /// A house: postcode, number and the first letters of the street.
    House,
    /// A house without its postcode, whoever lives there. Learning alone looks at it.
    Neighbours,
    /// All telling words of a company's name.
    Company,
    /// How one word of a company's name sounds, with the postcode.
    WordInTown,
    /// The beginnings of two words of a company's name.
    WordPair,
    /// How a person's family or given name sounds, with the postcode.
    NameInTown,
    /// How a person's family or given name sounds, with the year of birth.
    NameAndYear,
    /// How both names of a person sound.
    NamePair,
    /// A birth date, with the postcode.
    BirthInTown,
    /// A birth date, with the initials of both names.
    BirthAndInitials,
    /// A house without its postcode, and the first letter of a name: town, number, the street's beginning.
    InitialAtHouse,
}

/// A key of the index: its kind in the upper 8 bits, a hash of what it is made of in the others.
///
/// Two different contents may have one key; the records are compared all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockingKey(pub u64);

impl KeyKind {
    /// All of them, by their numbers. Stores keep these: a new kind gets the next one.
    const ALL: [KeyKind; 16] = [
        KeyKind::Identifier,
        KeyKind::Account,
        KeyKind::Email,
        KeyKind::Domain,
        KeyKind::Phone,
        KeyKind::House,
        KeyKind::Neighbours,
        KeyKind::Company,
        KeyKind::WordInTown,
        KeyKind::WordPair,
        KeyKind::NameInTown,
        KeyKind::NameAndYear,
        KeyKind::NamePair,
        KeyKind::BirthInTown,
        KeyKind::BirthAndInitials,
        KeyKind::InitialAtHouse,
    ];
}

impl BlockingKey {
    /// What it is made of; `None` for a number that is no key.
    #[must_use]
    pub fn kind(self) -> Option<KeyKind> {
        KeyKind::ALL.into_iter().find(|kind| self.0 >> 56 == *kind as u64)
    }

    /// Whether it stands for a single value: an identifier, an account, an e-mail address, a telephone number.
    #[must_use]
    pub fn is_value(self) -> bool {
        let kinds = [KeyKind::Identifier, KeyKind::Account, KeyKind::Email, KeyKind::Phone];
        kinds.iter().any(|kind| self.0 >> 56 == *kind as u64)
    }

    fn new(kind: KeyKind, parts: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(part.as_bytes());
            hasher.update(&[0]);
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        BlockingKey(u64::from_be_bytes(bytes) >> 8 | u64::from(kind as u8) << 56)
    }
}

/// The key of one value.
pub(super) fn value_key(kind: KeyKind, parts: &[&str]) -> BlockingKey {
    BlockingKey::new(kind, parts)
}

/// How many words of a company's name make keys: pairs grow with the square.
const KEYED_WORDS_MAX: usize = 6;

/// The keys of a record, sorted, each once. What it has shown before has keys too.
#[must_use]
pub fn blocking_keys(evidence: &Evidence) -> Vec<BlockingKey> {
    let mut keys = Vec::with_capacity(24);
    let mut push = |kind, parts: &[&str]| keys.push(BlockingKey::new(kind, parts));
    for known in &evidence.identifiers {
        push(KeyKind::Identifier, &[&known.family, &known.value]);
    }
    for account in &evidence.accounts {
        push(KeyKind::Account, &[account]);
    }
    for email in &evidence.emails {
        push(KeyKind::Email, &[&email.whole]);
    }
    for phone in &evidence.phones {
        push(KeyKind::Phone, &[phone]);
    }
    let initials = initials(evidence);
    for place in houses(evidence) {
        push(KeyKind::House, &[&place.postcode, &place.number, beginning(&place.street, 3)]);
        let [city, number, street] = without_postcode(place);
        initials.iter().for_each(|initial| push(KeyKind::InitialAtHouse, &[city, number, street, initial]));
    }
    let postcodes: BTreeSet<&str> =
        evidence.places.iter().map(|place| &*place.postcode).filter(|code| !code.is_empty()).collect();
    companies(evidence, &postcodes, &mut push);
    people(evidence, &postcodes, &mut push);
    for birth in &evidence.births {
        postcodes.iter().for_each(|postcode| push(KeyKind::BirthInTown, &[&birth.to_string(), postcode]));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The same with keys that bring strangers together: neighbours, and who is in one domain. To tell two customers apart one
/// must have seen many who are two; but nobody is found by these alone.
pub(super) fn learning_keys(evidence: &Evidence) -> Vec<BlockingKey> {
    let mut keys = blocking_keys(evidence);
    let domains = evidence.emails.iter().filter(|email| !email.is_public);
    keys.extend(domains.map(|email| BlockingKey::new(KeyKind::Domain, &[email.domain()])));
    keys.extend(houses(evidence).map(|place| BlockingKey::new(KeyKind::Neighbours, &without_postcode(place))));
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn houses(evidence: &Evidence) -> impl Iterator<Item = &Place> {
    evidence.places.iter().filter(|place| !place.street.is_empty())
}

fn without_postcode(place: &Place) -> [&str; 3] {
    [beginning(&place.city, 4), &place.number, beginning(&place.street, 6)]
}

/// The first letters of the words of all names.
fn initials(evidence: &Evidence) -> BTreeSet<&str> {
    let companies = evidence.companies.iter().flat_map(|name| name.telling().take(KEYED_WORDS_MAX));
    let people = evidence.people.iter().flat_map(|name| name.keyed()).flat_map(|(one, other)| [one, other]);
    companies.chain(people).map(|word| beginning(word, 1)).collect()
}

fn companies(evidence: &Evidence, postcodes: &BTreeSet<&str>, push: &mut impl FnMut(KeyKind, &[&str])) {
    for name in &evidence.companies {
        push(KeyKind::Company, &[&name.core]);
        let words: BTreeSet<&str> = name.telling().take(KEYED_WORDS_MAX).collect();
        for word in &words {
            let sound = sound(word);
            postcodes.iter().for_each(|postcode| push(KeyKind::WordInTown, &[&sound, postcode]));
        }
        let beginnings: BTreeSet<&str> = words.iter().map(|word| beginning(word, 4)).collect();
        let beginnings: Vec<&str> = beginnings.into_iter().collect();
        for (index, one) in beginnings.iter().enumerate() {
            beginnings[index + 1..].iter().for_each(|other| push(KeyKind::WordPair, &[one, other]));
        }
    }
}

fn people(evidence: &Evidence, postcodes: &BTreeSet<&str>, push: &mut impl FnMut(KeyKind, &[&str])) {
    for name in &evidence.people {
        let pairs = name.keyed();
        let words: BTreeSet<&str> = pairs.iter().flat_map(|(one, other)| [*one, *other]).collect();
        let sounds: BTreeSet<String> = words.into_iter().map(sound).filter(|sound| sound.len() > 1).collect();
        for sound in &sounds {
            postcodes.iter().for_each(|postcode| push(KeyKind::NameInTown, &[sound, postcode]));
            for birth in &evidence.births {
                push(KeyKind::NameAndYear, &[sound, &birth.year().to_string()]);
            }
        }
        for (one, other) in pairs {
            // Sources mistake the one for the other.
            let mut initials = [beginning(one, 1), beginning(other, 1)];
            initials.sort_unstable();
            for birth in &evidence.births {
                push(KeyKind::BirthAndInitials, &[&birth.to_string(), initials[0], initials[1]]);
            }
            let sounds = [sound(one), sound(other)];
            let (first, second) = (sounds[0].as_str().min(&sounds[1]), sounds[0].as_str().max(&sounds[1]));
            push(KeyKind::NamePair, &[first, second]);
        }
    }
}

/// The first so many letters; all texts here are ASCII.
fn beginning(text: &str, letters: usize) -> &str {
    text.get(..letters).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use canonical::document::Customer;
    use serde_json::{Value, json};

    use super::*;

    fn keys(json: Value) -> BTreeSet<BlockingKey> {
        blocking_keys(&Evidence::of(&serde_json::from_value::<Customer>(json).unwrap())).into_iter().collect()
    }

    #[track_caller]
    fn check(one: Value, other: Value, expected: &[KeyKind]) {
        let shared: BTreeSet<u64> = keys(one).intersection(&keys(other)).map(|key| key.0 >> 56).collect();
        let expected: BTreeSet<u64> = expected.iter().map(|kind| u64::from(*kind as u8)).collect();
        assert_eq!(shared, expected);
    }

    fn address(line: &str, postcode: &str, city: &str) -> Value {
        json!([{"line1": line, "postcode": postcode, "city": city, "country": "FR"}])
    }

    #[test]
    fn records_that_may_be_one_meet() {
        use KeyKind::{Company, House, Identifier, InitialAtHouse, NameInTown, NamePair, Phone, WordInTown, WordPair};
        check(
            json!({"legal_name": "Garage Hamon SAS", "addresses": address("12 rue A B", "75002", "Paris")}),
            json!({"legal_name": "Hamon garage", "addresses": address("12, rue A B", "75002", "PARIS")}),
            &[House, InitialAtHouse, Company, WordInTown, WordPair],
        );
        check(
            json!({"legal_name": "Schmidt", "emails": [{"value": "a@schmidt.de"}], "phones": [{"value": "+49 55 805 204 67"}]}),
            json!({"legal_name": "Schmitt", "emails": [{"value": "b@schmidt.de"}], "phones": [{"value": "004955805 20467"}]}),
            &[Phone],
        );
        check(
            json!({"given_name": "Marie", "family_name": "Schmidt", "addresses": address("1 rue A", "75002", "Paris")}),
            json!({"given_name": "Schmitt", "family_name": "Mari", "addresses": address("2 rue B", "75002", "Lyon")}),
            &[NameInTown, NamePair],
        );
        check(
            json!({"legal_name": "A", "identifiers": [{"scheme": "siret", "value": "55210055400013"}]}),
            json!({"legal_name": "B", "identifiers": [{"scheme": "siren", "value": "552100554"}]}),
            &[Identifier],
        );
        check(json!({"legal_name": "Durand"}), json!({"legal_name": "Lefort"}), &[]);
        assert_eq!(keys(json!({})).len(), 0);
    }

    #[test]
    fn a_record_has_few_keys() {
        let words: String = (0..1_000).map(|number| format!("word{number} ")).collect();
        assert!(keys(json!({"legal_name": words})).len() <= 1 + 15);
    }
}
