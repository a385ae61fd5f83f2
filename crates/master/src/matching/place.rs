//! Postal addresses, and how alike two of them are.

use std::fmt;

use canonical::document::{Address, Country};
use serde::{Deserialize, Serialize};

use super::text::{distance, is_filler, is_near, squeezed, words};

/// What is written short in streets, and what it stands for.
const STREET_WORDS: &[(&str, &str)] = &[
    ("all", "allee"),
    ("av", "avenue"),
    ("ave", "avenue"),
    ("bd", "boulevard"),
    ("bld", "boulevard"),
    ("blvd", "boulevard"),
    ("boul", "boulevard"),
    ("c", "calle"),
    ("ch", "chemin"),
    ("che", "chemin"),
    ("chem", "chemin"),
    ("ct", "court"),
    ("dr", "drive"),
    ("fbg", "faubourg"),
    ("fg", "faubourg"),
    ("imp", "impasse"),
    ("ln", "lane"),
    ("pl", "place"),
    ("r", "rue"),
    ("rd", "road"),
    ("rte", "route"),
    ("sq", "square"),
    ("st", "street"),
    ("str", "strasse"),
    ("via", "via"),
];

/// How alike two addresses are, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum AddressLevel {
    /// The same house.
    Same,
    /// The same but for a slip, or a number that one of them lacks.
    Near,
    /// The same street, and another number.
    Street,
    /// The same town.
    Town,
    /// Another town.
    Different,
}

/// An address as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    /// The first number in the street.
    pub number: String,
    /// The street's words, without what says nothing and without anything between them.
    pub street: String,
    whole: String,
    /// Letters and digits of the postcode.
    pub postcode: String,
    /// Letters and digits of the town.
    pub city: String,
}

impl Place {
    /// `None` where neither street nor town is told.
    pub fn new(address: &Address) -> Option<Self> {
        let lines = [&address.line1, &address.line2, &address.line3];
        let (mut number, mut street) = (String::new(), String::new());
        for line in lines.into_iter().flatten() {
            for word in words(line) {
                push(&word, &mut number, &mut street);
            }
        }
        let country = address.country.as_ref().map(Country::as_str);
        let postcode = postcode(address.postcode.as_deref().unwrap_or_default(), country);
        let city = squeezed(address.city.as_deref().unwrap_or_default());
        let whole = format!("{number}{street}");
        let is_empty = street.is_empty() && postcode.is_empty() && city.is_empty();
        (!is_empty).then_some(Place { number, street, whole, postcode, city })
    }

    /// How alike two addresses are.
    pub fn level(&self, other: &Self) -> AddressLevel {
        let is_told = |one: &str, other: &str| !one.is_empty() && !other.is_empty();
        let same_code = is_told(&self.postcode, &other.postcode) && self.postcode == other.postcode;
        let near_code = same_code
            || !is_told(&self.postcode, &other.postcode)
            || distance(&self.postcode, &other.postcode, 1).is_some();
        let city = is_told(&self.city, &other.city) && is_near(&self.city, &other.city);
        if !same_code && !city {
            return AddressLevel::Different;
        }
        let same_town = same_code || near_code;
        if !same_town || !is_told(&self.street, &other.street) {
            return AddressLevel::Town;
        }
        self.level_of_street(other)
    }

    fn level_of_street(&self, other: &Self) -> AddressLevel {
        let same_number = self.number == other.number;
        if !is_near(&self.street, &other.street) {
            // A slip may have parted number and street otherwise, and a line may be left out.
            let is_slip = distance(&self.whole, &other.whole, 2).is_some();
            return match is_slip || same_number && !self.number.is_empty() && self.contains(other) {
                true => AddressLevel::Near,
                false if self.contains(other) => AddressLevel::Street,
                false => AddressLevel::Town,
            };
        }
        let one_lacks = self.number.is_empty() || other.number.is_empty();
        let slip =
            || self.number.len().max(other.number.len()) > 1 && distance(&self.number, &other.number, 1).is_some();
        match same_number {
            true => AddressLevel::Same,
            false if one_lacks || slip() => AddressLevel::Near,
            false => AddressLevel::Street,
        }
    }

    /// Whether the one street begins or ends like all of the other.
    fn contains(&self, other: &Self) -> bool {
        let (short, long) = if self.street.len() < other.street.len() { (self, other) } else { (other, self) };
        let (short, long) = (short.street.as_str(), long.street.as_str());
        let is_like = |part: Option<&str>| part.is_some_and(|part| is_near(part, short));
        short.len() >= CONTAINED_MIN
            && (is_like(long.get(..short.len())) || is_like(long.get(long.len() - short.len()..)))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {} {}", self.number, self.street, self.postcode, self.city)
    }
}

/// A street of fewer letters is part of another by chance.
const CONTAINED_MIN: usize = 6;

/// Takes one word of a street.
fn push(word: &str, number: &mut String, street: &mut String) {
    if number.is_empty() && word.starts_with(|first: char| first.is_ascii_digit()) {
        let end = word.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(word.len());
        number.push_str(&word[..end]);
        if word.len() - end > 1 {
            street.push_str(&word[end..]);
        }
        return;
    }
    let full = STREET_WORDS.iter().find(|(short, _)| *short == word).map(|(_, full)| *full);
    if full.is_none() && (matches!(word, "a" | "d" | "l") || is_filler(word)) {
        return;
    }
    street.push_str(full.unwrap_or(word));
}

/// A spreadsheet takes the zeros off a postcode of five digits.
fn postcode(text: &str, country: Option<&str>) -> String {
    let plain = squeezed(text);
    let of_five = country.is_none_or(|country| matches!(country, "FR" | "DE" | "ES" | "IT" | "FI"));
    if of_five && plain.len() == 4 && plain.bytes().all(|digit| digit.is_ascii_digit()) && country.is_some() {
        return format!("0{plain}");
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: &str, postcode: &str, city: &str) -> Place {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let country = serde_json::from_value(serde_json::json!("FR")).unwrap();
        let address = Address {
            line1: text(line),
            postcode: text(postcode),
            city: text(city),
            country: Some(country),
            ..Address::default()
        };
        Place::new(&address).unwrap()
    }

    #[track_caller]
    fn check(one: (&str, &str, &str), other: (&str, &str, &str), expected: AddressLevel) {
        let (one, other) = (place(one.0, one.1, one.2), place(other.0, other.1, other.2));
        assert_eq!((one.level(&other), other.level(&one)), (expected, expected), "{one:?} {other:?}");
    }

    #[test]
    fn a_house_is_told_by_number_street_and_town() {
        let here = ("12, rue de la Paix", "75002", "Paris");
        check(here, ("12 r. Paix", "75002", "PARIS"), AddressLevel::Same);
        check(here, ("12, rue de la Pxix", "75002", "Paris"), AddressLevel::Same);
        check(here, ("1 2, rue de la Paix", "75002", "Paris"), AddressLevel::Near);
        check(here, ("rue de la Paix", "75002", "Paris"), AddressLevel::Near);
        check(here, ("12, rue de la Paix", "75003", "Paris"), AddressLevel::Same);
        check(here, ("14 rue de la Paix", "75002", "Paris"), AddressLevel::Near);
        check(here, ("140 rue de la Paix", "75002", "Paris"), AddressLevel::Street);
        check(here, ("12, rue de la Paix, residence Foch", "75002", "Paris"), AddressLevel::Near);
        check(here, ("140, rue de la Paix, residence Foch", "75002", "Paris"), AddressLevel::Street);
        check(here, ("3 avenue Foch", "75002", "Paris"), AddressLevel::Town);
        check(here, ("", "75002", "Paris"), AddressLevel::Town);
        check(here, ("12, rue de la Paix", "69001", "Lyon"), AddressLevel::Different);
        check(("7 bd Foch", "05488", "Lacroix"), ("7, boulevard Foch", "5488", "Lacroix"), AddressLevel::Same);
        assert_eq!(Place::new(&Address::default()), None);
    }
}
