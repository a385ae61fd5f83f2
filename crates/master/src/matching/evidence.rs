//! What a customer's record has shown that tells it apart from others, normalised once.

use std::fmt;

use canonical::document::Customer;
use canonical::document::customer::CustomerKind;
use canonical::identifier::{Scheme, check};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::compare::Kind;
use super::keys::{BlockingKey, KeyKind, value_key};
use super::name::{CompanyName, PersonName};
use super::place::Place;
use super::reach::{EmailAddress, phone};
use super::text::{CHARACTERS_MAX, digits, squeezed};

/// So many different values of one kind are kept of a record; the oldest go first.
pub const VALUES_MAX: usize = 32;

/// What a record has shown, now and before: a customer who moves is still known by the old address.
///
/// Values that can be anybody's (`0000000000`, `noreply@…`) are not in it.
///
/// It is kept as JSON, in its normal form: a later version of the program compares what this one has normalised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// What the record is, as far as it tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<Kind>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) companies: Vec<CompanyName>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) people: Vec<PersonName>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) births: Vec<Date>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) identifiers: Vec<KnownBy>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) accounts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) emails: Vec<EmailAddress>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) phones: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) places: Vec<Place>,
}

/// An identifier in its normal form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct KnownBy {
    /// Identifiers of one family can be held against each other.
    pub family: String,
    pub value: String,
    /// Whether it passes the check of a family that has one.
    pub is_valid: bool,
}

impl Evidence {
    /// What one state of a record shows.
    #[must_use]
    pub fn of(customer: &Customer) -> Self {
        let mut evidence = Evidence::default();
        evidence.add(customer);
        evidence
    }

    /// Takes in a later state of the same record.
    pub fn add(&mut self, customer: &Customer) {
        self.add_names(customer);
        self.births.note(customer.birth_date);
        for identifier in &customer.identifiers {
            if let (Some(scheme), Some(value)) = (&identifier.scheme, &identifier.value) {
                self.add_identifier(scheme, value);
            }
        }
        for account in &customer.bank_accounts {
            let number = account.iban.as_ref().or(account.account_number.as_ref());
            self.accounts.note(number.map(|number| squeezed(number)).filter(|number| number.len() > 4));
        }
        let of_contacts = customer.contacts.iter().filter_map(|contact| contact.email.as_deref());
        let emails = customer.emails.iter().filter_map(|email| email.value.as_deref());
        for email in emails.chain(of_contacts) {
            self.emails.note(EmailAddress::new(email));
        }
        let of_contacts = customer.contacts.iter().filter_map(|contact| contact.phone.as_deref());
        let phones = customer.phones.iter().filter_map(|phone| phone.value.as_deref());
        for number in phones.chain(of_contacts) {
            self.phones.note(phone(number));
        }
        for address in &customer.addresses {
            self.places.note(Place::new(address));
        }
    }

    /// Takes in what a later state of the same record shows.
    pub fn unite(&mut self, later: &Evidence) {
        self.kind = later.kind.or(self.kind);
        self.companies.note_all(&later.companies);
        self.people.note_all(&later.people);
        self.births.note_all(&later.births);
        self.identifiers.note_all(&later.identifiers);
        self.accounts.note_all(&later.accounts);
        self.emails.note_all(&later.emails);
        self.phones.note_all(&later.phones);
        self.places.note_all(&later.places);
    }

    fn add_names(&mut self, customer: &Customer) {
        let (given, family) = (customer.given_name.as_deref(), customer.family_name.as_deref());
        self.kind = match &customer.kind {
            Some(CustomerKind::Person) => Some(Kind::Person),
            Some(CustomerKind::Company) => Some(Kind::Company),
            _ if given.is_some() || family.is_some() => Some(Kind::Person),
            _ if customer.legal_name.is_some() || customer.trading_name.is_some() => Some(Kind::Company),
            _ => self.kind,
        };
        let names = || [&customer.legal_name, &customer.trading_name].into_iter().flatten();
        if self.kind != Some(Kind::Person) {
            names().for_each(|name| self.companies.note(CompanyName::new(name)));
        } else if given.is_some() || family.is_some() {
            self.people.note(PersonName::new(given.unwrap_or_default(), family.unwrap_or_default()));
        } else {
            names().for_each(|name| self.people.note(PersonName::of_whole(name)));
        }
    }

    /// A SIRET and a French VAT number tell the SIREN.
    fn add_identifier(&mut self, scheme: &str, value: &str) {
        let known = Scheme::from_text(scheme);
        let normal = known.and_then(|scheme| check(scheme, value).ok()).map(std::borrow::Cow::into_owned);
        let is_valid = normal.is_some();
        let value = normal.unwrap_or_else(|| squeezed(value).to_ascii_uppercase());
        if value.is_empty() {
            return;
        }
        let siren = match known {
            // People write a SIRET where the SIREN belongs.
            Some(Scheme::Siren | Scheme::Siret) if matches!(value.len(), 9 | 14) => value.get(..9),
            Some(Scheme::Vat) if value.starts_with("FR") => value.get(4..),
            _ => None,
        };
        if let Some(siren) = siren.filter(|siren| digits(siren).len() == 9) {
            let is_valid = check(Scheme::Siren, siren).is_ok();
            self.identifiers.note(Some(KnownBy { family: "siren".to_owned(), value: siren.to_owned(), is_valid }));
        }
        if matches!(known, Some(Scheme::Siren | Scheme::Siret)) {
            return;
        }
        let other = || scheme.chars().take(CHARACTERS_MAX).collect::<String>().to_ascii_lowercase();
        let family = known.map_or_else(other, |scheme| scheme.name().to_owned());
        self.identifiers.note(Some(KnownBy { family, value, is_valid }));
    }

    /// What is compared of it: all but the values with these keys, which are sorted and nobody's.
    #[must_use]
    pub fn without(mut self, nobodys: &[BlockingKey]) -> Self {
        if !nobodys.is_empty() {
            self.retain(|key| nobodys.binary_search(&key).is_err());
        }
        self
    }

    /// Keeps the values whose key passes; others are asked for nothing.
    pub(super) fn retain(&mut self, keep: impl Fn(BlockingKey) -> bool) {
        self.identifiers.retain(|known| keep(value_key(KeyKind::Identifier, &[&known.family, &known.value])));
        self.accounts.retain(|account| keep(value_key(KeyKind::Account, &[account])));
        self.emails.retain(|email| keep(value_key(KeyKind::Email, &[&email.whole])));
        self.phones.retain(|phone| keep(value_key(KeyKind::Phone, &[phone])));
    }

    /// The value that has a key, with its kind.
    pub(super) fn value_of(&self, key: BlockingKey) -> Option<(KeyKind, &str)> {
        let identifiers = self.identifiers.iter().map(|known| {
            (KeyKind::Identifier, &*known.value, value_key(KeyKind::Identifier, &[&known.family, &known.value]))
        });
        let plain = |kind| move |value| (kind, value, value_key(kind, &[value]));
        let accounts = self.accounts.iter().map(String::as_str).map(plain(KeyKind::Account));
        let emails = self.emails.iter().map(|email| email.whole.as_str()).map(plain(KeyKind::Email));
        let phones = self.phones.iter().map(String::as_str).map(plain(KeyKind::Phone));
        let mut all = identifiers.chain(accounts).chain(emails).chain(phones);
        all.find(|(_, _, of)| *of == key).map(|(kind, value, _)| (kind, value))
    }

    /// Whether there is nothing by which the record could be told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Evidence::default()
    }
}

/// What a person recognises the record by: its last name, and what else is told.
impl fmt::Display for Evidence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let company = self.companies.last().map(ToString::to_string);
        let person = self.people.last().map(ToString::to_string);
        let births = self.births.iter().map(ToString::to_string);
        let identifiers = self.identifiers.iter().map(|known| format!("{} {}", known.family, known.value));
        let accounts = self.accounts.iter().cloned();
        let emails = self.emails.iter().map(|email| email.whole.clone());
        let phones = self.phones.iter().cloned();
        let places = self.places.iter().map(ToString::to_string);
        let names = company.into_iter().chain(person);
        let all = names.chain(births).chain(identifiers).chain(accounts).chain(emails).chain(phones).chain(places);
        formatter.write_str(&all.collect::<Vec<_>>().join(", "))
    }
}

/// A bounded list of different values.
trait Note<T> {
    fn note(&mut self, value: Option<T>);
    fn note_all(&mut self, values: &[T]);
}

impl<T: PartialEq + Clone> Note<T> for Vec<T> {
    fn note(&mut self, value: Option<T>) {
        let Some(value) = value.filter(|value| !self.contains(value)) else { return };
        if self.len() == VALUES_MAX {
            self.remove(0);
        }
        self.push(value);
    }

    fn note_all(&mut self, values: &[T]) {
        values.iter().for_each(|value| {
            if !self.contains(value) {
                self.note(Some(value.clone()));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn customer(json: serde_json::Value) -> Customer {
        serde_json::from_value(json).unwrap()
    }

    #[track_caller]
    fn check(shown: serde_json::Value, expected: &[(&str, &str, bool)]) {
        let evidence = Evidence::of(&customer(json!({"identifiers": shown})));
        let found: Vec<_> =
            evidence.identifiers.iter().map(|known| (&*known.family, &*known.value, known.is_valid)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn identifiers_of_one_family_are_one() {
        let siren = ("siren", "552100554", true);
        check(json!([{"scheme": "siret", "value": "552 100 554 00013"}]), &[siren]);
        check(json!([{"scheme": "0002", "value": "552100554"}]), &[siren]);
        check(json!([{"scheme": "siren", "value": "55210055400013"}]), &[siren]);
        check(json!([{"scheme": "vat", "value": "FR96 552 100 554"}]), &[siren, ("vat", "FR96552100554", true)]);
        check(json!([{"scheme": "siren", "value": "552100555"}]), &[("siren", "552100555", false)]);
        check(json!([{"scheme": "Club", "value": "a-7"}, {"scheme": "x", "value": "-"}]), &[("club", "A7", false)]);
    }

    #[test]
    fn former_values_stay() {
        let mut evidence = Evidence::of(&customer(json!({
            "kind": "person", "given_name": "Marie", "family_name": "Durand", "birth_date": "1980-02-03",
            "emails": [{"value": "noreply@durand.fr"}], "phones": [{"value": "0000000000"}],
            "addresses": [{"line1": "1 rue A", "postcode": "75002", "city": "Paris", "country": "FR"}],
            "bank_accounts": [{"iban": "FR76 3000 6000 0112 3456 7890 189"}]
        })));
        assert!(evidence.emails.is_empty() && evidence.phones.is_empty());
        evidence.add(&customer(json!({
            "kind": "person", "given_name": "Marie", "family_name": "Lefort",
            "addresses": [{"line1": "2 rue B", "postcode": "69001", "city": "Lyon", "country": "FR"}],
            "contacts": [{"phone": "02 79 74 39 00", "email": "m@lefort.fr"}]
        })));
        assert_eq!((evidence.people.len(), evidence.places.len(), evidence.births.len()), (2, 2, 1));
        assert_eq!(evidence.phones, ["279743900"]);
        assert_eq!(evidence.accounts, ["fr7630006000011234567890189"]);
        let all = evidence.clone();
        let mut united = Evidence::default();
        united.unite(&all);
        assert_eq!(united, all);
        evidence.add(&customer(json!({"kind": "person", "given_name": "MARIE", "family_name": "Lefort"})));
        assert_eq!(evidence, all);
    }

    #[test]
    fn a_record_has_bounded_evidence() {
        let mut evidence = Evidence::default();
        assert!(evidence.is_empty());
        for number in 0..1_000 {
            evidence.add(&customer(json!({"legal_name": format!("name {number} {}", "x".repeat(10_000))})));
        }
        assert_eq!(evidence.companies.len(), VALUES_MAX);
        assert!(evidence.companies.iter().all(|name| name.core.len() < 1_000));
        // Whatever alphabet it is in: a single sign of Arabic is a sentence in ours.
        for number in 0..VALUES_MAX {
            let long = format!("{number}{}", "\u{fdfa}北".repeat(10_000));
            let mail = format!("{long}@{long}.fr");
            let address = json!({"line1": long, "line2": long, "line3": long, "postcode": long, "city": long});
            for kind in ["company", "person"] {
                evidence.add(&customer(json!({"kind": kind, "legal_name": long, "emails": [{"value": mail}],
                    "bank_accounts": [{"account_number": long}], "identifiers": [{"scheme": long, "value": long}],
                    "phones": [{"value": "7".repeat(1_000_000)}], "addresses": [address]})));
            }
        }
        let bytes = serde_json::to_string(&evidence).unwrap().len();
        assert!(bytes < 256 << 10, "{bytes}");
    }
}
