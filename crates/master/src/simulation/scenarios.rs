//! Stories, told step by step: what people do and what the golden document and the systems then say.

use super::*;

const ALL: &[&str] = &PLACES;

/// A step of a story.
enum Step {
    /// Somebody types a value into a system.
    Set(&'static str, &'static str, &'static str),
    /// Somebody empties a place of a system.
    Clear(&'static str, &'static str),
    /// Somebody deletes the record in a system.
    Remove(&'static str),
    /// The hub delivers until it is quiet.
    Settle,
    /// The golden document says this.
    Golden(&'static str, Option<&'static str>),
    /// A system holds this.
    Held(&'static str, &'static str, Option<&'static str>),
    /// There is no golden document.
    Gone,
}
use Step::{Clear, Golden, Gone, Held, Remove, Set, Settle};

/// Systems of a story, with what they cover and write; trust in the order of `order`.
#[track_caller]
fn check(systems: &[(&'static str, &[&str], &[&str])], order: &[&str], steps: &[Step]) {
    let trust = Trust { order: order.iter().map(|name| (*name).to_owned()).collect(), ..Trust::default() };
    let mut world = World::new(systems, trust);
    for (index, step) in steps.iter().enumerate() {
        match step {
            Set(system, place, value) => world.edit(system, place, Some(value)),
            Clear(system, place) => world.edit(system, place, None),
            Remove(system) => world.remove(system),
            Settle => world.settle(),
            Golden(place, expected) => assert_eq!(world.value(place).as_deref(), *expected, "step {index}: {place}"),
            Held(system, place, expected) => {
                assert_eq!(world.held(system, place).as_deref(), *expected, "step {index}: {system} {place}");
            }
            Gone => assert_eq!(world.golden(), None, "step {index}"),
        }
    }
}

const TWO: &[(&str, &[&str], &[&str])] = &[("crm", ALL, ALL), ("erp", ALL, ALL)];

#[test]
fn the_more_trusted_system_wins_and_the_other_is_corrected_once() {
    check(
        TWO,
        &["erp", "crm"],
        &[
            Set("erp", "legal_name", "Durand SA"),
            Set("crm", "legal_name", "Durand"),
            Golden("legal_name", Some("Durand SA")),
            Settle,
            Held("crm", "legal_name", Some("Durand SA")),
            Set("crm", "legal_name", "DURAND"),
            Golden("legal_name", Some("Durand SA")),
            Settle,
            Held("crm", "legal_name", Some("Durand SA")),
        ],
    );
}

#[test]
fn among_equals_the_newest_value_wins() {
    check(
        TWO,
        &[],
        &[
            Set("erp", "legal_name", "Durand SA"),
            Set("crm", "legal_name", "Durand"),
            Golden("legal_name", Some("Durand")),
            Settle,
            Held("erp", "legal_name", Some("Durand")),
            Set("erp", "legal_name", "Durand & Cie"),
            Golden("legal_name", Some("Durand & Cie")),
        ],
    );
}

#[test]
fn a_value_cleared_at_its_owner_is_cleared_everywhere() {
    for order in [&["erp", "crm"][..], &["crm", "erp"], &[]] {
        check(
            TWO,
            order,
            &[
                Set("erp", "phones.office", "+3312"),
                Set("erp", "legal_name", "Durand"),
                Settle,
                Held("crm", "phones.office", Some("+3312")),
                Clear("erp", "phones.office"),
                Golden("phones.office", None),
                Settle,
                Held("crm", "phones.office", None),
                Golden("legal_name", Some("Durand")),
            ],
        );
    }
}

#[test]
fn a_system_that_was_always_empty_clears_nothing() {
    check(
        TWO,
        &["erp", "crm"],
        &[
            Set("crm", "phones.office", "+3312"),
            Set("erp", "legal_name", "Durand"),
            Golden("phones.office", Some("+3312")),
            Settle,
            Held("erp", "phones.office", Some("+3312")),
        ],
    );
}

#[test]
fn an_echo_asserts_nothing_until_somebody_changes_it() {
    check(
        TWO,
        &["crm", "erp"],
        &[
            Set("erp", "legal_name", "Durand"),
            Settle,
            Held("crm", "legal_name", Some("Durand")),
            // The CRM is trusted more, and yet its echo does not stand against a new value of the owner.
            Set("erp", "legal_name", "Durand SA"),
            Golden("legal_name", Some("Durand SA")),
            Settle,
            Held("crm", "legal_name", Some("Durand SA")),
            Set("crm", "legal_name", "Durand SAS"),
            Golden("legal_name", Some("Durand SAS")),
            Settle,
            Set("erp", "legal_name", "Durand et fils"),
            Golden("legal_name", Some("Durand SAS")),
        ],
    );
}

#[test]
fn a_value_that_was_its_own_before_stays_its_own() {
    check(
        TWO,
        &["crm", "erp"],
        &[
            Set("crm", "legal_name", "Durand"),
            Set("erp", "legal_name", "Durand"),
            Settle,
            Clear("erp", "legal_name"),
            Golden("legal_name", Some("Durand")),
            Settle,
            Held("erp", "legal_name", Some("Durand")),
            Clear("crm", "legal_name"),
            Golden("legal_name", None),
        ],
    );
}

#[test]
fn an_echoed_value_that_is_cleared_is_cleared() {
    check(
        TWO,
        &["crm", "erp"],
        &[
            Set("erp", "phones.office", "+3312"),
            Settle,
            Clear("crm", "phones.office"),
            Golden("phones.office", None),
            Settle,
            Held("erp", "phones.office", None),
            // The ERP was emptied by us: that is no clearing of its own and stands against nothing.
            Set("crm", "phones.office", "+3399"),
            Golden("phones.office", Some("+3399")),
        ],
    );
}

#[test]
fn an_address_wins_whole() {
    check(
        TWO,
        &["erp", "crm"],
        &[
            Set("crm", "addresses.main.line1", "1 rue A"),
            Set("crm", "addresses.main.city", "Lyon"),
            Set("crm", "addresses.billing.city", "Nice"),
            Set("erp", "addresses.main.city", "Paris"),
            Golden("addresses.main.city", Some("Paris")),
            Golden("addresses.main.line1", None),
            Golden("addresses.billing.city", Some("Nice")),
        ],
    );
}

#[test]
fn a_name_wins_whole() {
    check(
        TWO,
        &["erp", "crm"],
        &[
            Set("crm", "given_name", "Anna"),
            Set("crm", "family_name", "Durand"),
            Golden("given_name", Some("Anna")),
            Set("erp", "family_name", "Martin"),
            Golden("given_name", None),
            Golden("family_name", Some("Martin")),
        ],
    );
}

#[test]
fn a_leaf_that_the_winner_does_not_cover_is_filled_and_never_erased() {
    let city_only: &[&str] = &["addresses.main.line1", "addresses.main.city", "legal_name"];
    check(
        &[("crm", ALL, ALL), ("erp", city_only, city_only)],
        &["erp", "crm"],
        &[
            Set("crm", "addresses.main.city", "Lyon"),
            Set("crm", "addresses.main.country", "FR"),
            Set("erp", "addresses.main.city", "Paris"),
            Golden("addresses.main.country", Some("FR")),
            Settle,
            // The CRM was corrected, and its country is still its own.
            Held("crm", "addresses.main.city", Some("Paris")),
            Held("crm", "addresses.main.country", Some("FR")),
            Set("crm", "addresses.main.country", "BE"),
            Golden("addresses.main.country", Some("BE")),
            Golden("addresses.main.city", Some("Paris")),
            Clear("crm", "addresses.main.country"),
            Golden("addresses.main.country", None),
            Golden("addresses.main.city", Some("Paris")),
        ],
    );
}

#[test]
fn identifiers_are_united_and_invalid_ones_rank_behind() {
    check(
        TWO,
        &["erp", "crm"],
        &[
            Set("crm", "identifiers.siren", "552100554"),
            Set("erp", "identifiers.siren", "552100555"),
            Golden("identifiers.siren", Some("552100554")),
            Settle,
            Held("erp", "identifiers.siren", Some("552100554")),
            Set("erp", "identifiers.siren", "552120222"),
            Golden("identifiers.siren", Some("552120222")),
        ],
    );
}

#[test]
fn a_master_goes_with_its_last_own_record() {
    check(
        TWO,
        &["erp", "crm"],
        &[
            Set("erp", "legal_name", "Durand"),
            Settle,
            Held("crm", "legal_name", Some("Durand")),
            Remove("erp"),
            Gone,
            Settle,
            Held("crm", "legal_name", None),
        ],
    );
}

#[test]
fn what_a_removed_source_told_stays_where_somebody_else_has_the_record_too() {
    let three: &[(&str, &[&str], &[&str])] = &[("crm", ALL, ALL), ("erp", ALL, &[])];
    check(
        three,
        &["erp", "crm"],
        &[
            Set("crm", "phones.office", "+3312"),
            Set("erp", "legal_name", "Durand"),
            Settle,
            Remove("erp"),
            Golden("legal_name", Some("Durand")),
            Golden("phones.office", Some("+3312")),
            Settle,
            Held("crm", "legal_name", Some("Durand")),
        ],
    );
}

#[test]
fn one_field_can_have_an_owner_of_its_own() {
    let trust = Trust {
        order: vec!["erp".to_owned(), "crm".to_owned()],
        fields: [("payment_terms.days".to_owned(), vec!["crm".to_owned()])].into(),
    };
    let mut world = World::new(TWO, trust);
    for system in ["crm", "erp"] {
        world.edit(system, "legal_name", Some(system));
        world.edit(system, "payment_terms.days", Some(if system == "crm" { "30" } else { "60" }));
    }
    assert_eq!(world.value("legal_name").as_deref(), Some("erp"));
    assert_eq!(world.value("payment_terms.days").as_deref(), Some("30"));
}
