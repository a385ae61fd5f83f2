//! Which value wins where systems disagree: what a tenant configures.

use std::collections::BTreeMap;

use canonical::entity::Entity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::field;
use crate::trust::Trust;

/// The survivorship rules of a tenant. The default: trust, then the newest value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Which system is believed first where systems disagree.
    pub trust: Trust,
    /// How the winner is found for single fields, by field.
    pub survivorship: Survivorship,
}

/// How the winner is found for single fields, by field.
///
/// A field is named as in `fields` of the trust; the longest one that holds a unit counts, and `*` holds all of them.
/// Where no field holds a unit, trust decides, and then the newest value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Survivorship(pub BTreeMap<String, FieldRule>);

/// How the winner of a field and everything below it is found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldRule {
    /// What decides, the first that tells the systems apart: `trust` (the more trusted system), `newest` (the newest
    /// assertion), `most-complete` (the most filled places), `most-frequent` (the value that most systems assert, whatever
    /// its case, accents, blanks and punctuation). What none of them decides, `trust` and then `newest` do.
    pub by: Vec<Strategy>,
}

/// One way to tell which of several sources wins a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The more trusted system.
    Trust,
    /// Who asserts or cleared it last.
    Newest,
    /// Who fills the most places of it, at every depth. An emptied unit is the least complete.
    MostComplete,
    /// The value that most systems assert; text counts as equal whatever its case, accents, blanks and punctuation, and
    /// decimals by their number. A system has one voice for a value, however many records show it; an echo has none.
    MostFrequent,
}

/// What decides at last, and everywhere where nothing else is configured.
pub(crate) const DEFAULT: [Strategy; 2] = [Strategy::Trust, Strategy::Newest];

impl Survivorship {
    /// The field that holds every unit.
    pub const ANY: &'static str = "*";

    /// The strategies of a unit in their order; what they leave equal, trust and then the newest value decide.
    #[must_use]
    pub fn of(&self, unit: &str) -> &[Strategy] {
        if self.0.is_empty() {
            return &[];
        }
        let rule = field::holder(&self.0, unit).or_else(|| self.0.get(Self::ANY));
        rule.map_or(&[], |rule| &rule.by)
    }

    /// Fields that the entity does not have, so that a configuration check can report them.
    #[must_use]
    pub fn unknown_fields(&self, entity: &Entity) -> Vec<&str> {
        field::unknown(entity, self.0.keys().filter(|field| *field != Self::ANY))
    }
}

impl From<Trust> for Rules {
    fn from(trust: Trust) -> Self {
        Self { trust, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use Strategy::{MostComplete, MostFrequent, Newest};

    use super::*;

    fn rules() -> Rules {
        serde_json::from_str(
            r#"{"trust": {"order": ["erp"]}, "survivorship": {"legal_name": {"by": ["most-frequent", "newest"]},
                "addresses": {"by": ["most-complete"]}, "addresses.main": {"by": ["newest"]},
                "family_name": {"by": ["newest"]}}}"#,
        )
        .unwrap()
    }

    #[track_caller]
    fn check(rules: &Rules, unit: &str, expected: &[Strategy]) {
        assert_eq!(rules.survivorship.of(unit), expected, "{unit}");
    }

    #[test]
    fn the_longest_field_counts_and_the_star_holds_the_rest() {
        let mut rules = rules();
        check(&rules, "legal_name", &[MostFrequent, Newest]);
        check(&rules, "addresses.billing", &[MostComplete]);
        check(&rules, "addresses.main", &[Newest]);
        check(&rules, "name", &[Newest]);
        check(&rules, "status", &[]);
        rules.survivorship.0.insert("*".to_owned(), FieldRule { by: vec![MostComplete] });
        check(&rules, "status", &[MostComplete]);
        check(&rules, "legal_name", &[MostFrequent, Newest]);
    }

    #[test]
    fn fields_that_no_document_has_are_told() {
        let mut rules = rules();
        rules.survivorship.0.insert("*".to_owned(), FieldRule::default());
        assert_eq!(rules.survivorship.unknown_fields(&Entity::Customer), Vec::<&str>::new());
        rules.survivorship.0.insert("legal_nmae".to_owned(), FieldRule::default());
        assert_eq!(rules.survivorship.unknown_fields(&Entity::Customer), ["legal_nmae"]);
    }

    #[test]
    fn strategies_have_one_spelling() {
        for wrong in [r#"{"by": ["newst"]}"#, r#"{"by": ["Newest"]}"#, r#"{"of": ["newest"]}"#, "{}"] {
            assert!(serde_json::from_str::<FieldRule>(wrong).is_err(), "{wrong}");
        }
    }
}
