//! A key that a system gave to another customer: a state of a record that contradicts all that the record showed before.

use std::collections::BTreeSet;

use super::compare::{Comparison, ValueLevel, Veto};
use super::evidence::Evidence;
use super::model::{Bits, Model};
use super::name::{NameLevel, is_legal_form};
use super::place::AddressLevel;
use super::reach::EmailLevel;

/// A state that has more bits than this is taken for a change of the same customer: at this many, it is a hundred times
/// likelier that two records like these are two customers.
const CONTRADICTED_MAX: Bits = Bits(-6_644);

/// Whether a state of a record is likely another customer's, because it contradicts what the record showed `before`. The
/// values that are nobody's are to be left out of both ([`Evidence::without`]).
///
/// That is so when both have a valid SIREN and not the same, or birth dates that rule it out where birth dates are mostly
/// right. Without these, the names must have nothing in common, nor must identifiers, accounts, e-mail addresses, telephone
/// numbers and houses, and at least one of these must have been compared besides the name: who only changes the name, moves,
/// marries or changes the legal form remains who it is. So does who was a company and is a person now, or the other way
/// round, as long as a word of the name or one of these values is the same.
#[must_use]
pub fn is_another(model: &Model, before: &Evidence, now: &Evidence) -> bool {
    if let Some((comparison, reasons)) = model.explain(before, now) {
        let is_other_name = comparison.name == Some(NameLevel::Different);
        return reasons.score.is_vetoed
            || is_other_name
                && reasons.score.bits <= CONTRADICTED_MAX
                && !has_value_in_common(&comparison)
                && contradicts_value(&comparison, before, now);
    }
    let kindless = |evidence: &Evidence| Evidence { kind: None, ..evidence.clone() };
    let Some(comparison) = Comparison::of(&kindless(before), &kindless(now)) else { return false };
    comparison.veto == Some(Veto::Siren)
        || have_other_names(before, now)
            && !has_value_in_common(&comparison)
            && contradicts_value(&comparison, before, now)
}

/// Whether a value, a house or a company's domain is the same, be it with a slip.
fn has_value_in_common(comparison: &Comparison) -> bool {
    let alike = |level: Option<ValueLevel>| matches!(level, Some(ValueLevel::Same | ValueLevel::Near));
    let values = [comparison.phone, comparison.identifier, comparison.account, comparison.birth_date];
    values.into_iter().any(alike)
        || matches!(comparison.email, Some(EmailLevel::Same | EmailLevel::Near | EmailLevel::Domain))
        || matches!(comparison.address, Some(AddressLevel::Same | AddressLevel::Near))
}

/// Whether a value that both tell is another one. A town is no house: who moves within it, and who only tells the town,
/// contradicts nothing.
fn contradicts_value(comparison: &Comparison, before: &Evidence, now: &Evidence) -> bool {
    let differs = |level: Option<ValueLevel>| level == Some(ValueLevel::Different);
    let tells_house = |evidence: &Evidence| evidence.places.iter().any(|place| !place.street.is_empty());
    let values = [comparison.phone, comparison.identifier, comparison.account, comparison.birth_date];
    values.into_iter().any(differs)
        || comparison.email == Some(EmailLevel::Different)
        || (comparison.address.is_some() && tells_house(before) && tells_house(now))
}

/// Whether both have names, of companies or people, and no word that tells somebody apart is in both.
fn have_other_names(before: &Evidence, now: &Evidence) -> bool {
    let (before, now) = (words(before), words(now));
    !before.is_empty() && !now.is_empty() && before.is_disjoint(&now)
}

fn words(evidence: &Evidence) -> BTreeSet<String> {
    let companies = evidence.companies.iter().map(ToString::to_string);
    let names = companies.chain(evidence.people.iter().map(ToString::to_string));
    let words = names.flat_map(|name| name.split(' ').map(str::to_owned).collect::<Vec<_>>());
    words.filter(|word| word.len() > 1 && !is_legal_form(word)).collect()
}

#[cfg(test)]
mod tests {
    use canonical::document::Customer;
    use serde_json::{Value, json};

    use super::*;

    fn evidence(json: &Value) -> Evidence {
        Evidence::of(&serde_json::from_value::<Customer>(json.clone()).unwrap())
    }

    #[track_caller]
    fn check(before: &Value, now: &Value, expected: bool) {
        let model = Model::shipped();
        let found = is_another(&model, &evidence(before), &evidence(now));
        let explained = model.explain(&evidence(before), &evidence(now));
        assert_eq!(found, expected, "{before} {now} {explained:?}");
    }

    fn at(line: &str, postcode: &str, city: &str) -> Value {
        json!([{"line1": line, "postcode": postcode, "city": city, "country": "FR"}])
    }

    fn garage() -> Value {
        json!({"legal_name": "Garage Hamon SARL", "addresses": at("12 rue Foch", "69003", "Lyon"),
            "phones": [{"value": "0472112233"}], "emails": [{"value": "contact@garage-hamon.fr"}]})
    }

    /// A company with one field put otherwise.
    fn with(mut company: Value, field: &str, value: Value) -> Value {
        company[field] = value;
        company
    }

    fn siren(number: &str) -> Value {
        json!([{"scheme": "siren", "value": number}])
    }

    #[test]
    fn another_company_under_the_key_is_recognised() {
        let other = json!({"legal_name": "Transports Pottier", "addresses": at("4 quai Kléber", "67000", "Strasbourg"),
            "phones": [{"value": "0388776655"}], "emails": [{"value": "info@pottier.fr"}]});
        check(&garage(), &other, true);
        check(&garage(), &json!({"legal_name": "Transports Pottier", "phones": [{"value": "0388776655"}]}), true);
        let here = json!({"legal_name": "Transports Pottier", "addresses": at("4 quai Kléber", "69003", "Lyon")});
        check(&garage(), &here, true);
        // A re-registered company is asked about.
        let known = with(garage(), "identifiers", siren("552100554"));
        check(&known, &with(garage(), "identifiers", siren("732829320")), true);
        check(&known, &with(other.clone(), "identifiers", siren("732829320")), true);
        let person = json!({"given_name": "Marie", "family_name": "Durand", "phones": [{"value": "0556443322"}]});
        check(&garage(), &person, true);
    }

    #[test]
    fn a_company_that_changes_stays_who_it_is() {
        let changes = [
            ("legal_name", json!("Garage Hamon SAS")),
            ("legal_name", json!("Carrosserie du Rhône")),
            ("phones", json!([{"value": "0478001122"}])),
            ("emails", json!([{"value": "info@hamon.com"}])),
            ("addresses", at("4 quai Kléber", "67000", "Strasbourg")),
        ];
        for (field, value) in changes {
            check(&garage(), &with(garage(), field, value), false);
        }
        let known = with(garage(), "identifiers", siren("552100554"));
        let renamed = json!({"legal_name": "Carrosserie du Rhône", "addresses": at("1 place Bellecour", "69002", "Lyon"),
            "phones": [{"value": "0478001122"}], "identifiers": siren("552100554")});
        check(&known, &renamed, false);
        // Nothing but the name was compared, or the town.
        check(&garage(), &json!({"legal_name": "Carrosserie du Rhône"}), false);
        let towns = |city: &str| at("", "", city);
        let in_town = |name: &str, city: &str| json!({"legal_name": name, "addresses": towns(city)});
        check(&in_town("Garage Hamon", "Lyon"), &in_town("Transports Pottier", "Lille"), false);
        check(&json!({}), &garage(), false);
        check(&garage(), &json!({"legal_name": "?", "phones": [{"value": "0388776655"}]}), false);
        // Somebody was entered as a company.
        let person = json!({"given_name": "Luc", "family_name": "Hamon", "phones": [{"value": "0556443322"}]});
        check(&garage(), &person, false);
        let person = json!({"given_name": "Marie", "family_name": "Durand", "phones": [{"value": "0472112233"}]});
        check(&garage(), &person, false);
    }

    #[test]
    fn a_person_who_marries_and_moves_stays_who_it_is() {
        let person = |given: &str, family: &str, phone: &str, street: &str| {
            json!({"given_name": given, "family_name": family, "phones": [{"value": phone}],
                "addresses": at(street, "75002", "Paris")})
        };
        let marie = person("Marie", "Durand", "0142334455", "12 rue de la Paix");
        check(&marie, &person("Marie", "Lefort", "0145667788", "3 avenue Hoche"), false);
        check(&marie, &person("Durand", "Marie", "0145667788", "3 avenue Hoche"), false);
        check(&marie, &person("Paul", "Durand", "0145667788", "3 avenue Hoche"), false);
        check(&marie, &person("Paul", "Lefort", "0142334455", "3 avenue Hoche"), false);
        check(&marie, &person("Paul", "Lefort", "0145667788", "3 avenue Hoche"), true);
        let born = |mut person: Value, date: &str| {
            person["birth_date"] = json!(date);
            person
        };
        check(&born(marie.clone(), "1980-02-03"), &born(marie.clone(), "1980-02-13"), false);
        check(&born(marie.clone(), "1980-02-03"), &born(marie.clone(), "1951-07-09"), true);
    }

    #[test]
    fn what_is_nobodys_is_not_in_common() {
        let shared = json!([{"value": "accueil@centre-affaires.fr"}]);
        let (one, other) = (
            json!({"legal_name": "Garage Hamon", "emails": shared, "phones": [{"value": "0472112233"}]}),
            json!({"legal_name": "Transports Pottier", "emails": shared, "phones": [{"value": "0388776655"}]}),
        );
        check(&one, &other, false);
        let nobodys: Vec<_> = crate::matching::blocking_keys(&evidence(&json!({"emails": shared})));
        let told = |json| evidence(json).without(&nobodys);
        assert!(is_another(&Model::shipped(), &told(&one), &told(&other)));
    }
}
