//! What each level weighs by itself, for people who hold two models against each other.

use serde::Serialize;

use super::compare::{Kind, ValueLevel};
use super::explain::Level;
use super::model::{Bits, Class, Model, slot};
use super::name::NameLevel;
use super::place::AddressLevel;
use super::reach::EmailLevel;

const NAMES: [NameLevel; 6] =
    [NameLevel::Exact, NameLevel::Close, NameLevel::Initial, NameLevel::Other, NameLevel::Part, NameLevel::Different];
const EMAILS: [EmailLevel; 4] = [EmailLevel::Same, EmailLevel::Near, EmailLevel::Domain, EmailLevel::Different];
const ADDRESSES: [AddressLevel; 5] =
    [AddressLevel::Same, AddressLevel::Near, AddressLevel::Street, AddressLevel::Town, AddressLevel::Different];
const VALUES: [ValueLevel; 3] = [ValueLevel::Same, ValueLevel::Near, ValueLevel::Different];
/// Telephone numbers are the same or not.
const PHONES: [ValueLevel; 2] = [ValueLevel::Same, ValueLevel::Different];

/// What one level weighs when nothing else of its comparison is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LevelWeight {
    /// What both records are.
    pub kind: Kind,
    /// The level.
    pub level: Level,
    /// For one customer, against two that have nothing to do with each other.
    pub against_unrelated: Bits,
    /// For one customer, against two of one group or household.
    pub against_related: Bits,
}

impl Level {
    /// What is compared: one word or two.
    #[must_use]
    pub fn thing(self) -> &'static str {
        match self {
            Level::Name(_) => "name",
            Level::Email(_) => "e-mail",
            Level::Phone(_) => "telephone",
            Level::Address(_) => "address",
            Level::Identifier(_) => "identifier",
            Level::Account(_) => "bank account",
            Level::BirthDate(_) => "birth date",
        }
    }

    /// How alike, in the word that JSON has for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        let value = |level| match level {
            ValueLevel::Same => "same",
            ValueLevel::Near => "near",
            ValueLevel::Different => "different",
        };
        match self {
            Level::Name(level) => match level {
                NameLevel::Exact => "exact",
                NameLevel::Close => "close",
                NameLevel::Initial => "initial",
                NameLevel::Other => "other",
                NameLevel::Part => "part",
                NameLevel::Different => "different",
            },
            Level::Email(level) => match level {
                EmailLevel::Same => "same",
                EmailLevel::Near => "near",
                EmailLevel::Domain => "domain",
                EmailLevel::Different => "different",
            },
            Level::Address(level) => match level {
                AddressLevel::Same => "same",
                AddressLevel::Near => "near",
                AddressLevel::Street => "street",
                AddressLevel::Town => "town",
                AddressLevel::Different => "different",
            },
            Level::Phone(level) | Level::Identifier(level) | Level::Account(level) | Level::BirthDate(level) => {
                value(level)
            }
        }
    }

    /// All levels, best first within each thing.
    fn all() -> impl Iterator<Item = Level> {
        let names = NAMES.into_iter().map(Level::Name);
        let emails = EMAILS.into_iter().map(Level::Email);
        let phones = PHONES.into_iter().map(Level::Phone);
        let addresses = ADDRESSES.into_iter().map(Level::Address);
        let values = [Level::Identifier, Level::Account, Level::BirthDate].into_iter();
        let values = values.flat_map(|of: fn(ValueLevel) -> Level| VALUES.into_iter().map(of));
        names.chain(emails).chain(phones).chain(addresses).chain(values)
    }
}

impl Class {
    /// How often two records of the class are so much alike, and the other half of a joint comparison is not told.
    fn share_of(&self, level: Level) -> Bits {
        let value = |level| slot(Some(level), |level: ValueLevel| level as u8);
        match level {
            Level::Name(level) => self.name_and_email[slot(Some(level), |level| level as u8)][0],
            Level::Email(level) => self.name_and_email[0][slot(Some(level), |level| level as u8)],
            Level::Phone(level) => self.phone_and_address[value(level)][0],
            Level::Address(level) => self.phone_and_address[0][slot(Some(level), |level| level as u8)],
            Level::Identifier(level) => self.identifier[value(level)],
            Level::Account(level) => self.account[value(level)],
            Level::BirthDate(level) => self.birth_date[value(level)],
        }
    }
}

impl Model {
    /// What each level weighs by itself, companies first. What two records show together weighs what the model has for the
    /// combination, which is more or less than the sum.
    #[must_use]
    pub fn level_weights(&self) -> Vec<LevelWeight> {
        let of = |kind, weights: &super::model::Weights| {
            let one = |level| {
                let same = weights.same.share_of(level);
                LevelWeight {
                    kind,
                    level,
                    against_unrelated: same - weights.unrelated.share_of(level),
                    against_related: same - weights.related.share_of(level),
                }
            };
            Level::all().map(one).collect::<Vec<_>>()
        };
        let mut all = of(Kind::Company, &self.company);
        // No company was born.
        all.retain(|weight| !matches!(weight.level, Level::BirthDate(_)));
        all.extend(of(Kind::Person, &self.person));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_json() {
        for level in Level::all() {
            let json = serde_json::to_value(level).unwrap();
            let words: Vec<&str> = json.as_object().unwrap().values().filter_map(|word| word.as_str()).collect();
            assert_eq!(words, [level.word()], "{json}");
        }
    }

    #[test]
    fn what_is_alike_weighs_for_one_customer_and_what_differs_against_it() {
        let weights = Model::shipped().level_weights();
        let of = |kind, level| {
            let found = weights.iter().filter(|weight| (weight.kind, weight.level) == (kind, level));
            found.map(|weight| weight.against_unrelated).collect::<Vec<_>>()
        };
        for kind in [Kind::Company, Kind::Person] {
            for (best, worst) in [
                (Level::Name(NameLevel::Exact), Level::Name(NameLevel::Different)),
                (Level::Email(EmailLevel::Same), Level::Email(EmailLevel::Different)),
                (Level::Phone(ValueLevel::Same), Level::Phone(ValueLevel::Different)),
                (Level::Address(AddressLevel::Same), Level::Address(AddressLevel::Different)),
                (Level::Identifier(ValueLevel::Same), Level::Identifier(ValueLevel::Different)),
                (Level::Account(ValueLevel::Same), Level::Account(ValueLevel::Different)),
            ] {
                let (best_bits, worst_bits) = (of(kind, best), of(kind, worst));
                assert_eq!((best_bits.len(), worst_bits.len()), (1, 1), "{kind:?} {best:?}");
                let (best_bits, worst_bits) = (best_bits[0], worst_bits[0]);
                assert!(
                    best_bits > Bits::ZERO && worst_bits < Bits::ZERO,
                    "{kind:?} {best:?} {best_bits} {worst_bits}"
                );
            }
        }
        assert_eq!(of(Kind::Company, Level::BirthDate(ValueLevel::Same)), []);
        assert_eq!(of(Kind::Person, Level::BirthDate(ValueLevel::Same)).len(), 1);
    }
}
