//! The model: how much each piece of evidence weighs.
//!
//! Two records of one tenant that share a blocking key are the *same* customer, *related* (two companies of one group,
//! two people of one household), or have nothing to do with each other. Each of the three shows some combinations of
//! levels more often than others; the model has the logarithm of how often. What two records show counts for the same
//! customer as far as it is more likely there than in the more likely one of the other two:
//! Fellegi and Sunter, *A Theory for Record Linkage* (1969), with a third class.
//! So a telephone number that a household shares makes nobody its neighbour, and a word more in a company's name tells
//! a subsidiary from its mother although all else is the same.
//!
//! What depends on each other is one comparison, not two: the name with the e-mail address that is made of it, and the
//! telephone with the address that it is installed at.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

use super::compare::{self, Comparison, Kind, ValueLevel, Veto};
use super::evidence::Evidence;
use super::name::NameLevel;

/// A weight of evidence: the logarithm to the base 2 of a ratio of probabilities, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bits(pub i32);

impl Bits {
    /// Nothing for it and nothing against it.
    pub const ZERO: Bits = Bits(0);

    /// So many whole bits.
    #[must_use]
    pub const fn whole(bits: i32) -> Self {
        Bits(bits.saturating_mul(1_000))
    }
}

impl Add for Bits {
    type Output = Bits;

    fn add(self, other: Bits) -> Bits {
        Bits(self.0.saturating_add(other.0))
    }
}

impl Sub for Bits {
    type Output = Bits;

    fn sub(self, other: Bits) -> Bits {
        Bits(self.0.saturating_sub(other.0))
    }
}

/// With a sign and one decimal: `+3.2`.
impl fmt::Display for Bits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0.unsigned_abs() + 50) / 100;
        let sign = if self.0 < 0 { '-' } else { '+' };
        write!(formatter, "{sign}{}.{}", tenths / 10, tenths % 10)
    }
}

/// A model that was not learned cannot know which names are rare and who shares a house: what convinces nobody else is a
/// question at most.
const ESTIMATE_MAX: Bits = Bits::whole(-1);

/// Levels of names, and no name.
pub(super) const NAMES: usize = 7;
/// Levels of e-mail addresses, and none.
pub(super) const EMAILS: usize = 5;
/// Levels of telephone numbers, and none.
pub(super) const PHONES: usize = 4;
/// Levels of postal addresses, and none.
pub(super) const ADDRESSES: usize = 6;
/// Levels of other values, and none.
pub(super) const VALUES: usize = 4;

/// The place of a level in a table: what is not told comes first.
pub(super) fn slot<L>(level: Option<L>, number: impl Fn(L) -> u8) -> usize {
    level.map_or(0, |level| usize::from(number(level)) + 1)
}

/// Where a comparison stands in the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slots {
    pub name: usize,
    pub email: usize,
    pub phone: usize,
    pub address: usize,
    pub identifier: usize,
    pub account: usize,
    pub birth_date: usize,
}

impl Slots {
    pub fn of(comparison: &Comparison) -> Self {
        let value = |level: Option<ValueLevel>| slot(level, |level| level as u8);
        Slots {
            name: slot(comparison.name, |level| level as u8),
            email: slot(comparison.email, |level| level as u8),
            phone: value(comparison.phone),
            address: slot(comparison.address, |level| level as u8),
            identifier: value(comparison.identifier),
            account: value(comparison.account),
            birth_date: value(comparison.birth_date),
        }
    }
}

/// How often two records of one class show each combination of levels, as logarithms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Class {
    /// The share of this class among pairs that are compared.
    pub share: Bits,
    pub name_and_email: [[Bits; EMAILS]; NAMES],
    pub phone_and_address: [[Bits; ADDRESSES]; PHONES],
    pub identifier: [Bits; VALUES],
    pub account: [Bits; VALUES],
    pub birth_date: [Bits; VALUES],
}

/// The five comparisons of a class, in the order of [`FIELDS`].
impl Class {
    fn parts(&self, at: Slots) -> [Bits; 5] {
        [
            self.name_and_email[at.name][at.email],
            self.phone_and_address[at.phone][at.address],
            self.identifier[at.identifier],
            self.account[at.account],
            self.birth_date[at.birth_date],
        ]
    }
}

/// What is compared, as explanations call it.
pub const FIELDS: [&str; 5] = ["name and e-mail", "telephone and address", "identifier", "bank account", "birth date"];

/// The weights for one kind of customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Weights {
    pub same: Class,
    pub related: Class,
    pub unrelated: Class,
}

/// Birth dates that are wrong more often than this (one in a hundred) rule nothing out.
const BIRTH_DATE_WRONG_MAX: Bits = Bits(-6_644);

impl Weights {
    /// Whether two records with birth dates that are more than a slip apart can never be one.
    fn birth_dates_rule_out(&self) -> bool {
        self.same.birth_date[slot(Some(ValueLevel::Different), |level| level as u8)] <= BIRTH_DATE_WRONG_MAX
    }
}

/// How common names are: that two records have a common name in common says less.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Frequencies {
    /// The logarithm of the share of a name that no record of those learned from has; zero when nothing was learned.
    pub unseen: Bits,
    /// The same for one that a single record has.
    pub once: Bits,
    /// Those of whole names of companies, by their hash: a model names nobody.
    pub companies: BTreeMap<u64, Bits>,
    /// Those of words of companies' names, and of people's given and family names.
    pub words: BTreeMap<u64, Bits>,
}

/// Names that are more or less common than this change a score no further.
const COMMON_MAX: Bits = Bits(5_600);

impl Frequencies {
    pub fn hash(word: &str) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&blake3::hash(word.as_bytes()).as_bytes()[..8]);
        // Numbers of JSON are exact up to 53 bits.
        u64::from_be_bytes(bytes) >> 11
    }

    fn word(&self, word: &str) -> Bits {
        self.words.get(&Self::hash(word)).copied().unwrap_or(self.unseen)
    }

    /// How much more likely it is than for the usual name that two strangers have one of these names in common.
    fn common(&self, evidence: &Evidence) -> Bits {
        let companies = evidence.companies.iter().map(|name| {
            let whole = self.companies.get(&Self::hash(&name.core)).copied().unwrap_or(self.unseen);
            let words = name.telling().map(|word| self.word(word)).fold(Bits::ZERO, Add::add);
            whole.max(words)
        });
        let people = evidence
            .people
            .iter()
            .map(|name| name.telling().map(|part| self.word(part)).into_iter().fold(Bits::ZERO, Add::add));
        let most = companies.chain(people).max().unwrap_or(self.once);
        (most - self.once).clamp(Bits::ZERO - COMMON_MAX, COMMON_MAX)
    }
}

/// What two records are, if they are not the same customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alternative {
    /// Two of one group or household.
    Related,
    /// Nothing to each other.
    Unrelated,
}

/// How much two records speak for being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// For it where positive.
    pub bits: Bits,
    /// Whether something rules it out: another valid SIREN, or a birth date more than a slip apart where birth dates were
    /// found to be right.
    pub is_vetoed: bool,
}

/// Why a score is what it is. The parts and the start add up to the score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasons {
    /// What the two would be otherwise; all weights are against that.
    pub against: Alternative,
    /// How many more pairs that are compared are one than are otherwise.
    pub start: Bits,
    /// The weight of each of [`FIELDS`].
    pub parts: [Bits; 5],
    /// How much the name's being common or rare changes, and that an estimated model does not decide alone.
    pub common: Bits,
    /// The score.
    pub score: Score,
}

/// How much each piece of evidence weighs. A model never changes; a better one has another number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// 0 for the one that is shipped.
    pub number: u32,
    /// How many records it was learned from.
    pub records: u64,
    /// How many pairs of them were compared.
    pub pairs: u64,
    pub(super) company: Weights,
    pub(super) person: Weights,
    pub(super) frequencies: Frequencies,
}

impl Model {
    fn weights(&self, kind: Kind) -> &Weights {
        match kind {
            Kind::Company => &self.company,
            Kind::Person => &self.person,
        }
    }

    /// How much two records speak for being one; `None` where they cannot be compared.
    #[must_use]
    pub fn score(&self, one: &Evidence, other: &Evidence) -> Option<Score> {
        let comparison = Comparison::of(one, other)?;
        Some(self.reasons(&comparison, self.common(&comparison, one, other)).score)
    }

    /// The same where it is known how common the names of both are: a record is held against many others.
    pub(super) fn score_known(&self, one: (&Evidence, Bits), other: (&Evidence, Bits)) -> Option<Score> {
        let comparison = Comparison::of(one.0, other.0)?;
        let common = if has_names_in_common(&comparison) { one.1.max(other.1) } else { Bits::ZERO };
        Some(self.reasons(&comparison, common).score)
    }

    /// The same where nothing rules it out and it is at least so much.
    pub(super) fn resembles(&self, one: (&Evidence, Bits), other: (&Evidence, Bits), least: Bits) -> Option<Bits> {
        // Names need not be held against each other where identifiers say all.
        let (_, is_ruled_out) = compare::identifiers(&one.0.identifiers, &other.0.identifiers);
        let score = if is_ruled_out { None } else { self.score_known(one, other) };
        score.filter(|score| !score.is_vetoed && score.bits >= least).map(|score| score.bits)
    }

    /// How common the names of a record are; see [`score_known`](Model::score_known).
    pub(super) fn common_names(&self, evidence: &Evidence) -> Bits {
        self.frequencies.common(evidence)
    }

    /// Why two records are or are not one; `None` where they cannot be compared.
    #[must_use]
    pub fn explain(&self, one: &Evidence, other: &Evidence) -> Option<(Comparison, Reasons)> {
        let comparison = Comparison::of(one, other)?;
        let common = self.common(&comparison, one, other);
        Some((comparison, self.reasons(&comparison, common)))
    }

    /// The same whichever comes first.
    fn common(&self, comparison: &Comparison, one: &Evidence, other: &Evidence) -> Bits {
        match has_names_in_common(comparison) {
            true => self.common_names(one).max(self.common_names(other)),
            false => Bits::ZERO,
        }
    }

    fn reasons(&self, comparison: &Comparison, common: Bits) -> Reasons {
        let weights = self.weights(comparison.kind);
        let at = Slots::of(comparison);
        let total = |class: &Class| class.parts(at).into_iter().fold(class.share, Add::add);
        let (related, unrelated) = (total(&weights.related), total(&weights.unrelated) + common);
        let is_related = related > unrelated;
        let (other, against) = match is_related {
            true => (&weights.related, Alternative::Related),
            false => (&weights.unrelated, Alternative::Unrelated),
        };
        let (mine, theirs) = (weights.same.parts(at), other.parts(at));
        let told = total(&weights.same) - related.max(unrelated);
        let is_estimate = self.records == 0;
        let bits = if is_estimate && !comparison.is_convincing() { told.min(ESTIMATE_MAX) } else { told };
        let common = if is_related { Bits::ZERO } else { Bits::ZERO - common };
        Reasons {
            against,
            start: weights.same.share - other.share,
            parts: std::array::from_fn(|part| mine[part] - theirs[part]),
            common: common + (bits - told),
            score: Score {
                bits,
                is_vetoed: match comparison.veto {
                    None => false,
                    Some(Veto::Siren) => true,
                    Some(Veto::BirthDate) => weights.birth_dates_rule_out(),
                },
            },
        }
    }
}

/// Whether two records have a name in common, be it with a slip.
fn has_names_in_common(comparison: &Comparison) -> bool {
    matches!(comparison.name, Some(NameLevel::Exact | NameLevel::Close))
}

#[cfg(test)]
mod tests {
    use canonical::document::Customer;
    use serde_json::{Value, json};

    use super::*;

    fn evidence(json: Value) -> Evidence {
        Evidence::of(&serde_json::from_value::<Customer>(json).unwrap())
    }

    /// Whether the shipped model says that two records are one; its reasons must add up.
    #[track_caller]
    fn check(one: &Value, other: &Value, expected: bool) {
        let model = Model::shipped();
        let (one, other) = (evidence(one.clone()), evidence(other.clone()));
        let (comparison, reasons) = model.explain(&one, &other).unwrap();
        let sum = reasons.parts.into_iter().fold(reasons.start + reasons.common, Add::add);
        assert_eq!(sum, reasons.score.bits, "{reasons:?}");
        assert_eq!(model.score(&one, &other), model.score(&other, &one));
        let is_one = reasons.score.bits > Bits::ZERO && !reasons.score.is_vetoed;
        assert_eq!(is_one, expected, "{comparison:?} {reasons:?}");
    }

    #[test]
    fn an_estimate_makes_nobody_one_whom_only_a_name_or_a_house_connects() {
        let at = |city: &str| json!([{"line1": "1 rue du Port", "postcode": "29000", "city": city, "country": "FR"}]);
        let named = |name: &str, city: &str| json!({"legal_name": name, "addresses": at(city)});
        check(&named("Martin", "Rennes"), &named("Le Goff", "Rennes"), false);
        check(&named("Martin", "Rennes"), &named("Le Goff", "Quimper"), false);
        check(&named("Agence 1 Martin", "Rennes"), &named("Agence 2 Martin", "Rennes"), false);
        check(&json!({"legal_name": "Garage Hamon"}), &json!({"legal_name": "Garage Hamon"}), false);
        check(&named("Garage Hamon", "Rennes"), &named("Hamon garage SARL", "Rennes"), true);
    }

    #[test]
    fn the_shipped_model_tells_households_and_groups_from_duplicates() {
        let at = |line: &str| json!([{"line1": line, "postcode": "75002", "city": "Paris", "country": "FR"}]);
        let phone = json!([{"value": "+33279743900"}]);
        let elsewhere = json!([{"line1": "3 avenue Hoche", "postcode": "69001", "city": "Lyon", "country": "FR"}]);
        let here = |name: &str| json!({"legal_name": name, "addresses": at("12 rue Foch"), "phones": phone});
        check(&here("Garage Hamon SAS"), &here("GARAGE HAMON"), true);
        check(&here("Garage Hamon SAS"), &here("Garage Hamon Nord SAS"), false);
        check(&here("Garage Hamon SAS"), &json!({"legal_name": "Garage Hamon", "addresses": elsewhere}), false);
        let person = |given: &str| json!({"given_name": given, "family_name": "Durand", "addresses": at("12 rue Foch"), "phones": phone});
        check(&person("Marie"), &person("MARIE"), true);
        check(&person("Marie"), &person("M."), true);
        check(&person("Marie"), &person("Paul"), false);
        let mut born = [person("Marie"), person("Marie")];
        born[0]["birth_date"] = json!("1980-02-03");
        born[1]["birth_date"] = json!("1951-07-09");
        check(&born[0], &born[1], false);
    }

    #[test]
    fn bits_are_shown_with_one_decimal() {
        for (bits, shown) in [(3_240, "+3.2"), (-3_260, "-3.3"), (0, "+0.0"), (-40, "-0.0"), (12_950, "+13.0")] {
            assert_eq!(Bits(bits).to_string(), shown);
        }
    }

    #[test]
    fn a_model_is_the_same_after_it_was_stored() {
        let model = Model::shipped();
        let stored = serde_json::to_string(&model).unwrap();
        assert_eq!(serde_json::from_str::<Model>(&stored).unwrap(), model);
    }
}
