//! Two records side by side: field by field, how alike they are.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, KnownBy};
use super::name::NameLevel;
use super::place::AddressLevel;
use super::reach::EmailLevel;
use super::text::distance;

/// What both records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Organisations.
    Company,
    /// Human beings.
    Person,
}

/// How alike two values are that are the same, nearly the same, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum ValueLevel {
    /// The same.
    Same,
    /// The same but for a slip.
    Near,
    /// Not the same.
    Different,
}

/// Why two records can never be one, whatever else they share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Veto {
    /// Both have a valid SIREN, and not the same.
    Siren,
    /// Both have a birth date, more than a slip apart; where birth dates are mostly right.
    BirthDate,
}

/// Two records side by side. A field that one of them never showed is `None`, and says nothing.
///
/// Of several values that a record showed, those that are most alike count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Comparison {
    /// What both are.
    pub kind: Kind,
    /// Their names.
    pub name: Option<NameLevel>,
    /// Their e-mail addresses.
    pub email: Option<EmailLevel>,
    /// Their telephone numbers.
    pub phone: Option<ValueLevel>,
    /// Their postal addresses.
    pub address: Option<AddressLevel>,
    /// Their identifiers of one family.
    pub identifier: Option<ValueLevel>,
    /// Their bank accounts.
    pub account: Option<ValueLevel>,
    /// Their birth dates.
    pub birth_date: Option<ValueLevel>,
    /// Why they may never be one; see [`Score::is_vetoed`](super::Score::is_vetoed).
    pub veto: Option<Veto>,
}

impl Comparison {
    /// Whether anybody would take the two for one who knows nothing of how common names and addresses are: an identifier
    /// is the same, or the name and something else.
    #[must_use]
    pub fn is_convincing(&self) -> bool {
        let is_same = |level: Option<ValueLevel>| level == Some(ValueLevel::Same);
        let has_name = matches!(self.name, Some(NameLevel::Exact | NameLevel::Close | NameLevel::Initial));
        let has_more = [self.phone, self.account, self.birth_date].into_iter().any(is_same)
            || matches!(self.email, Some(EmailLevel::Same | EmailLevel::Near))
            || matches!(self.address, Some(AddressLevel::Same | AddressLevel::Near));
        is_same(self.identifier) || (has_name && has_more)
    }

    /// Holds two records against each other; `None` when one is a company and the other a person.
    #[must_use]
    pub fn of(one: &Evidence, other: &Evidence) -> Option<Self> {
        let people = best(&one.people, &other.people, super::name::PersonName::level);
        let companies = best(&one.companies, &other.companies, super::name::CompanyName::level);
        let kind = match (one.kind, other.kind) {
            (Some(one), Some(other)) if one != other => return None,
            (one, other) => one.or(other).unwrap_or(Kind::Company),
        };
        let (identifier, has_other_siren) = identifiers(&one.identifiers, &other.identifiers);
        let birth_date = best(&one.births, &other.births, birth_level);
        let veto = if has_other_siren {
            Some(Veto::Siren)
        } else {
            (birth_date == Some(ValueLevel::Different)).then_some(Veto::BirthDate)
        };
        Some(Comparison {
            kind,
            name: people.into_iter().chain(companies).min(),
            email: best(&one.emails, &other.emails, super::reach::EmailAddress::level),
            phone: best(&one.phones, &other.phones, |one, other| same_or_not(one == other)),
            address: best(&one.places, &other.places, super::place::Place::level),
            identifier,
            account: best(&one.accounts, &other.accounts, |one, other| near(one, other, 2)),
            birth_date,
            veto,
        })
    }
}

/// The best level of any value of the one with any of the other.
fn best<T, L: Ord + Copy>(one: &[T], other: &[T], level: impl Fn(&T, &T) -> L) -> Option<L> {
    one.iter()
        .flat_map(|mine| other.iter().map(move |theirs| (mine, theirs)))
        .map(|(one, other)| level(one, other))
        .min()
}

fn same_or_not(is_same: bool) -> ValueLevel {
    if is_same { ValueLevel::Same } else { ValueLevel::Different }
}

fn near(one: &str, other: &str, slips: usize) -> ValueLevel {
    match distance(one, other, slips) {
        Some(0) => ValueLevel::Same,
        Some(_) => ValueLevel::Near,
        None => ValueLevel::Different,
    }
}

/// One part of a date may be mistaken, or day and month exchanged.
fn birth_level(one: &Date, other: &Date) -> ValueLevel {
    if one == other {
        return ValueLevel::Same;
    }
    let differs = [one.year() != other.year(), one.month() != other.month(), one.day() != other.day()];
    let exchanged = !differs[0] && one.month() == other.day() && one.day() == other.month();
    let slips = differs.into_iter().filter(|differs| *differs).count();
    if slips == 1 || exchanged { ValueLevel::Near } else { ValueLevel::Different }
}

/// The best level within any family, and whether both have valid SIRENs of which none is the same.
///
/// A number with a check digit is the same or another one; what has none can have a slip.
pub(super) fn identifiers(one: &[KnownBy], other: &[KnownBy]) -> (Option<ValueLevel>, bool) {
    let (mut level, mut sirens, mut same_siren) = (None::<ValueLevel>, false, false);
    for mine in one {
        for theirs in other.iter().filter(|theirs| theirs.family == mine.family) {
            let unchecked = !(mine.is_valid && theirs.is_valid);
            let now =
                if unchecked { near(&mine.value, &theirs.value, 1) } else { same_or_not(mine.value == theirs.value) };
            level = Some(level.map_or(now, |level| level.min(now)));
            if mine.family == "siren" && !unchecked {
                sirens = true;
                same_siren |= now == ValueLevel::Same;
            }
        }
    }
    (level, sirens && !same_siren)
}

#[cfg(test)]
mod tests {
    use canonical::document::Customer;
    use serde_json::{Value, json};

    use super::*;

    fn compare(one: Value, other: Value) -> Option<Comparison> {
        let evidence = |json| Evidence::of(&serde_json::from_value::<Customer>(json).unwrap());
        let (one, other) = (evidence(one), evidence(other));
        let comparison = Comparison::of(&one, &other);
        assert_eq!(comparison, Comparison::of(&other, &one), "whichever comes first");
        comparison
    }

    #[test]
    fn a_company_is_no_person() {
        assert_eq!(compare(json!({"legal_name": "Durand"}), json!({"given_name": "A", "family_name": "Durand"})), None);
        let nameless = compare(json!({"legal_name": "Durand"}), json!({"kind": "company"})).unwrap();
        assert_eq!((nameless.kind, nameless.name), (Kind::Company, None));
    }

    #[test]
    fn what_one_lacks_says_nothing() {
        let found = compare(
            json!({"legal_name": "Durand", "phones": [{"value": "+33279743900"}]}),
            json!({"legal_name": "Durand SA"}),
        );
        let expected = Comparison {
            kind: Kind::Company,
            name: Some(NameLevel::Exact),
            email: None,
            phone: None,
            address: None,
            identifier: None,
            account: None,
            birth_date: None,
            veto: None,
        };
        assert_eq!(found, Some(expected));
    }

    #[track_caller]
    fn births(one: &str, other: &str, expected: ValueLevel) {
        let born = |date| json!({"given_name": "A", "family_name": "B", "birth_date": date});
        let found = compare(born(one), born(other)).unwrap();
        let veto = (expected == ValueLevel::Different).then_some(Veto::BirthDate);
        assert_eq!((found.birth_date, found.veto), (Some(expected), veto), "{one} {other}");
    }

    #[test]
    fn birth_dates_have_slips() {
        births("1980-02-03", "1980-02-03", ValueLevel::Same);
        births("1980-02-03", "1980-02-13", ValueLevel::Near);
        births("1980-02-03", "1980-03-02", ValueLevel::Near);
        births("1980-02-03", "1981-02-04", ValueLevel::Different);
    }

    #[track_caller]
    fn known(one: (&str, &str), other: (&str, &str), expected: (Option<ValueLevel>, Option<Veto>)) {
        let known = |(scheme, value)| json!({"legal_name": "A", "identifiers": [{"scheme": scheme, "value": value}]});
        let found = compare(known(one), known(other)).unwrap();
        assert_eq!((found.identifier, found.veto), expected, "{one:?} {other:?}");
    }

    #[test]
    fn identifiers_of_one_family_are_held_against_each_other() {
        use ValueLevel::{Different, Near, Same};
        known(("siren", "552100554"), ("siret", "55210055400013"), (Some(Same), None));
        known(("siren", "552100554"), ("siren", "443061841"), (Some(Different), Some(Veto::Siren)));
        known(("siren", "552100554"), ("siren", "552100555"), (Some(Near), None));
        known(("siren", "552100554"), ("duns", "552100554"), (None, None));
        known(("club", "A7"), ("club", "a-7"), (Some(Same), None));
        known(("club", "4711"), ("club", "0815"), (Some(Different), None));
    }
}
