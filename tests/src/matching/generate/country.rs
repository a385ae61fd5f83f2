//! What people, companies, streets and towns of a country are called.

use fastrand::Rng;
use serde::Deserialize;

use super::draw::{any, common, digits, odds};

const FILES: [&str; 7] = [
    include_str!("fr.toml"),
    include_str!("de.toml"),
    include_str!("gb.toml"),
    include_str!("be.toml"),
    include_str!("nl.toml"),
    include_str!("es.toml"),
    include_str!("it.toml"),
];

/// A file beside this one. Lists are texts, parted by commas.
#[derive(Deserialize)]
struct File {
    code: String,
    female: String,
    male: String,
    family: String,
    family_starts: String,
    family_ends: String,
    trades: String,
    words: String,
    forms: String,
    forms_long: String,
    and: String,
    streets: String,
    streets_short: String,
    street_names: String,
    towns: String,
    village_starts: String,
    village_ends: String,
    domains: String,
    tld: String,
}

/// A country's names; of those that are drawn by rank, the most common first.
pub(super) struct Country {
    pub code: String,
    female: Vec<String>,
    male: Vec<String>,
    family: Vec<String>,
    family_parts: [Vec<String>; 2],
    pub trades: Vec<String>,
    /// What companies of a group have in their names beside the group's.
    pub words: Vec<String>,
    pub forms: Vec<String>,
    pub forms_long: Vec<String>,
    pub and: String,
    streets: Vec<String>,
    pub short_forms: Vec<(String, String)>,
    pub street_names: Vec<String>,
    /// A postcode's beginning and the town.
    towns: Vec<(String, String)>,
    village_parts: [Vec<String>; 2],
    /// Where people have e-mail addresses.
    pub domains: Vec<String>,
    pub tld: String,
}

/// Where somebody lives or works.
#[derive(Clone, Debug, Default)]
pub(super) struct Home {
    pub number: String,
    pub street: String,
    pub postcode: String,
    pub town: String,
}

fn list(text: &str) -> Vec<String> {
    text.split(", ").map(str::to_owned).collect()
}

fn pairs(text: &str, mark: char) -> Result<Vec<(String, String)>, String> {
    list(text)
        .iter()
        .map(|pair| pair.split_once(mark).map(|(one, other)| (one.to_owned(), other.to_owned())))
        .collect::<Option<_>>()
        .ok_or_else(|| format!("a list of pairs lacks \"{mark}\": {text}"))
}

/// All countries.
///
/// # Errors
/// What a file of names lacks.
pub(super) fn countries() -> Result<Vec<Country>, String> {
    FILES.iter().map(|text| Country::read(text)).collect()
}

impl Country {
    fn read(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        Ok(Country {
            female: list(&file.female),
            male: list(&file.male),
            family: list(&file.family),
            family_parts: [list(&file.family_starts), list(&file.family_ends)],
            trades: list(&file.trades),
            words: list(&file.words),
            forms: list(&file.forms),
            forms_long: list(&file.forms_long),
            and: file.and,
            streets: list(&file.streets),
            short_forms: pairs(&file.streets_short, '=')?,
            street_names: list(&file.street_names),
            towns: pairs(&file.towns, ' ')?,
            village_parts: [list(&file.village_starts), list(&file.village_ends)],
            domains: list(&file.domains),
            tld: file.tld,
            code: file.code,
        })
    }

    pub fn given(&self, rng: &mut Rng) -> String {
        let names = if rng.bool() { &self.female } else { &self.male };
        common(rng, names).to_owned()
    }

    /// Two of five have a name that many have; Spaniards have two.
    pub fn family(&self, rng: &mut Rng) -> String {
        let mut one = || {
            if odds(rng, 4_000) {
                common(rng, &self.family).to_owned()
            } else {
                let [starts, ends] = &self.family_parts;
                format!("{}{}", any(rng, starts), any(rng, ends))
            }
        };
        let first = one();
        if self.code == "ES" { format!("{first} {}", one()) } else { first }
    }

    /// A word that somebody made up.
    pub fn invented(&self, rng: &mut Rng) -> String {
        let mut word = String::new();
        for _ in 0..rng.usize(2..4) {
            word.push(char::from(b"bcdfglmnprstvxz"[rng.usize(..15)]));
            word.push(char::from(b"aeiouy"[rng.usize(..6)]));
        }
        word.push(char::from(b"nrsxlm"[rng.usize(..6)]));
        word[..1].make_ascii_uppercase();
        word
    }

    /// Two of three live in a city.
    pub fn home(&self, rng: &mut Rng) -> Home {
        let (prefix, town) = if odds(rng, 6_600) {
            self.towns[rng.usize(..self.towns.len())].clone()
        } else {
            let [starts, ends] = &self.village_parts;
            let (prefix, _) = &self.towns[rng.usize(..self.towns.len())];
            (prefix.clone(), format!("{}{}", any(rng, starts), any(rng, ends)))
        };
        let street = any(rng, &self.streets).replace("{}", any(rng, &self.street_names));
        let number = match rng.u32(..12) {
            0 => format!("{} bis", rng.u32(1..60)),
            1 => format!("{}-{}", rng.u32(1..40), rng.u32(41..60)),
            _ => rng.u32(1..160).to_string(),
        };
        Home { number, street, postcode: self.postcode(rng, &prefix), town }
    }

    fn postcode(&self, rng: &mut Rng, prefix: &str) -> String {
        let mut letters = |count: usize| (0..count).map(|_| rng.uppercase()).collect::<String>();
        match self.code.as_str() {
            "GB" => {
                let end = letters(2);
                format!("{prefix}{} {}{end}", rng.u32(1..20), rng.u32(1..10))
            }
            "NL" => {
                let end = letters(2);
                format!("{prefix}{} {end}", digits(rng, 2))
            }
            "BE" => format!("{prefix}{}0", rng.u32(..10)),
            _ => format!("{prefix}{}", digits(rng, 5 - prefix.len())),
        }
    }

    /// A street and number as the country writes them.
    pub fn street_line(&self, home: &Home) -> String {
        match self.code.as_str() {
            "FR" if home.number.len() < 3 => format!("{}, {}", home.number, home.street),
            "FR" | "GB" => format!("{} {}", home.number, home.street),
            "ES" | "IT" => format!("{}, {}", home.street, home.number),
            _ => format!("{} {}", home.street, home.number),
        }
    }
}

/// Names in other alphabets, beside what their bearers write in Latin letters.
#[derive(Deserialize)]
pub(super) struct Scripts {
    people: Vec<String>,
    companies: Vec<String>,
    pub emoji: Vec<String>,
}

impl Scripts {
    /// # Errors
    /// What the file lacks.
    pub fn read() -> Result<Self, String> {
        toml::from_str(include_str!("scripts.toml")).map_err(|error| error.to_string())
    }

    /// Given and family name, and both in Latin letters.
    pub fn person(&self, rng: &mut Rng) -> [String; 4] {
        // The family name of one with the given name of another of the same alphabet stays in it: rows stand together.
        let parts = |row: &str| -> [String; 4] {
            let mut parts = row.split('|').map(str::to_owned);
            std::array::from_fn(|_| parts.next().unwrap_or_default())
        };
        let (one, other) = self.same_script(rng);
        let ([given, _, given_latin, _], [_, family, _, family_latin]) = (parts(one), parts(other));
        [given, family, given_latin, family_latin]
    }

    fn same_script(&self, rng: &mut Rng) -> (&str, &str) {
        let block = |row: &str| row.chars().next().map_or(0, |letter| u32::from(letter) >> 8);
        let one = &self.people[rng.usize(..self.people.len())];
        loop {
            let other = &self.people[rng.usize(..self.people.len())];
            // All Han characters are beyond U+4E00.
            if block(one) == block(other) || block(one) >= 0x4e && block(other) >= 0x4e {
                return (one, other);
            }
        }
    }

    /// A company's name, and the same for foreigners.
    pub fn company(&self, rng: &mut Rng) -> [String; 2] {
        let row = &self.companies[rng.usize(..self.companies.len())];
        let (own, latin) = row.split_once('|').unwrap_or((row, row));
        [own.to_owned(), latin.to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_names_can_be_read() {
        let countries = countries().unwrap();
        let mut rng = Rng::with_seed(1);
        for country in &countries {
            for _ in 0..100 {
                let home = country.home(&mut rng);
                let all = [country.given(&mut rng), country.family(&mut rng), home.street, home.postcode, home.town];
                assert!(all.iter().all(|text| !text.trim().is_empty() && !text.contains("{}")), "{all:?}");
            }
        }
        let scripts = Scripts::read().unwrap();
        assert!((0..100).all(|_| scripts.person(&mut rng).iter().all(|part| !part.is_empty())));
    }
}
