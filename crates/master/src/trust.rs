//! Which system is believed first.

use std::collections::BTreeMap;

use canonical::entity::Entity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::field;

/// Which system is believed first, in general and for single fields.
///
/// Systems that are not named come after the named ones and are equals: among equals the newest value wins.
/// An empty value therefore means: the newest value wins everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Trust {
    /// Systems, the most trusted first.
    pub order: Vec<String>,
    /// Systems, the most trusted first, for a field and everything below it: `credit_limit`, `addresses`,
    /// `addresses.billing`, `identifiers.siret`; `name` stands for a person's given and family name.
    /// A part of what wins as a whole (`payment_terms.days`, `family_name`) stands for the whole.
    /// Systems that are not named here follow in the general order.
    pub fields: BTreeMap<String, Vec<String>>,
}

impl Trust {
    /// The rank of a system for a unit; 0 is believed first. Systems that are nowhere named share the last rank.
    #[must_use]
    pub fn rank(&self, unit: &str, system: &str) -> usize {
        let place = |order: &[String]| order.iter().position(|name| name == system);
        let special = self.order_of(unit);
        match place(special) {
            Some(place) => place,
            None => place(&self.order).map_or(usize::MAX, |place| special.len() + place),
        }
    }

    /// The order of the longest field that holds the unit; empty when there is none.
    fn order_of(&self, unit: &str) -> &[String] {
        field::holder(&self.fields, unit).map_or(&[], Vec::as_slice)
    }

    /// Names in `fields` that the entity does not have, so that a configuration check can report them.
    #[must_use]
    pub fn unknown_fields(&self, entity: &Entity) -> Vec<&str> {
        field::unknown(entity, self.fields.keys())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust() -> Trust {
        serde_json::from_str(
            r#"{"order": ["erp", "crm"], "fields": {"credit_limit": ["billing", "erp"], "addresses": ["crm"],
                "addresses.billing": ["billing"], "family_name": ["crm"]}}"#,
        )
        .unwrap()
    }

    #[track_caller]
    fn check(unit: &str, expected: [&str; 4]) {
        let trust = trust();
        let mut systems = ["unknown", "billing", "crm", "erp"];
        systems.sort_by_key(|system| trust.rank(unit, system));
        assert_eq!(systems, expected, "{unit}");
    }

    #[test]
    fn the_longest_field_decides_and_the_general_order_follows() {
        check("legal_name", ["erp", "crm", "unknown", "billing"]);
        check("credit_limit", ["billing", "erp", "crm", "unknown"]);
        check("addresses.main", ["crm", "erp", "unknown", "billing"]);
        check("addresses.billing", ["billing", "erp", "crm", "unknown"]);
        check("name", ["crm", "erp", "unknown", "billing"]);
    }

    #[test]
    fn systems_that_nobody_names_are_equals() {
        let trust = trust();
        assert_eq!(trust.rank("status", "one"), trust.rank("status", "two"));
        assert_ne!(trust.rank("status", "crm"), trust.rank("status", "two"));
    }

    #[test]
    fn fields_that_no_document_has_are_told() {
        let mut trust = trust();
        assert_eq!(trust.unknown_fields(&Entity::Customer), Vec::<&str>::new());
        trust.fields.insert("credit_limt".to_owned(), vec![]);
        trust.fields.insert("addresses.main.line9".to_owned(), vec![]);
        trust.fields.insert("name".to_owned(), vec![]);
        assert_eq!(trust.unknown_fields(&Entity::Customer), ["addresses.main.line9", "credit_limt"]);
        assert!(trust.unknown_fields(&Entity::Invoice).contains(&"credit_limit"));
    }

    #[test]
    fn configuration_names_nothing_else() {
        assert!(serde_json::from_str::<Trust>(r#"{"ordre": []}"#).is_err());
    }
}
