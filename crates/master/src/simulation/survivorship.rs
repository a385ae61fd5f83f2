//! What holds whatever the rules are, and whatever stewards decide.

use proptest::collection::{btree_map, vec};
use proptest::prelude::{ProptestConfig, Strategy as Values, any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::{Index, select};

use super::properties::{Act, NAMES, VALUES, acts, covers, play, world};
use super::*;
use crate::{FieldRule, Override, Reason, STEWARD, Strategy, explain, unit_of, units, what_if};

const STRATEGIES: [Strategy; 4] = [Strategy::Trust, Strategy::Newest, Strategy::MostComplete, Strategy::MostFrequent];
const FIELDS: [&str; 6] = ["*", "legal_name", "addresses", "name", "payment_terms", "identifiers.siren"];

fn survivorship() -> impl Values<Value = BTreeMap<String, FieldRule>> {
    let rule = vec(select(STRATEGIES.to_vec()), 1..=3).prop_map(|by| FieldRule { by });
    btree_map(select(FIELDS.to_vec()).prop_map(str::to_owned), rule, 0..4)
}

/// What a steward decides: a place, and a value or nothing.
fn decision() -> impl Values<Value = (&'static str, Option<usize>)> {
    (select(PLACES.to_vec()), proptest::option::of(0..2usize))
}

/// The unit of a place with a value for it that says nothing else.
fn decided(place: &'static str, value: Option<usize>) -> (String, Value) {
    let unit = unit_of(&Entity::Customer, place).to_owned();
    let Some(value) = value else { return (unit, Value::Null) };
    let value = match place {
        "addresses.main.country" => "FR",
        "payment_terms.days" => ["30", "60"][value],
        "phones.office" => ["+33140205317", "+33140205318"][value],
        _ => VALUES[value],
    };
    let alone = document([(&place.to_owned(), &value_at(place, value))].into_iter());
    let own = Asserted::own(Timestamp::UNIX_EPOCH);
    let told = explain(&Entity::Customer, &[view_of("any", &alone, &own)], &Rules::default());
    (unit, told[0].value.clone().unwrap())
}

fn view_of<'a>(system: &'a str, document: &'a Value, asserted: &'a Asserted) -> SourceView<'a> {
    SourceView { system, stream: "", key: "m1", document, covers: &[], asserted }
}

fn text(golden: Option<std::borrow::Cow<'_, Value>>) -> String {
    golden.map(|golden| golden.to_string()).unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_default_rules_decide_as_before(mut world in world(), acts in acts()) {
        play(&mut world, &acts);
        let before = before::golden(&world.sources(), &world.rules.trust);
        prop_assert_eq!(world.golden().map(|golden| golden.to_string()), before.map(|golden| golden.to_string()));
    }

    #[test]
    fn the_order_of_the_sources_does_not_matter_to_any_strategy(
        mut world in world(), acts in acts(), survivorship in survivorship(), seed in any::<[Index; 3]>(),
    ) {
        play(&mut world, &acts);
        world.rules.survivorship.0 = survivorship;
        let told = |sources: &[SourceView<'_>]| {
            format!("{} {:?}", text(golden(&Entity::Customer, sources, &world.rules)), explain(&Entity::Customer, sources, &world.rules))
        };
        let mut sources = world.sources();
        let before = told(&sources);
        let count = sources.len();
        for (index, other) in seed.iter().enumerate().take(count) {
            sources.swap(index, other.index(count));
        }
        prop_assert_eq!(told(&sources), before);
    }

    /// `settle` fails when an echo changes the golden document or a delivery is repeated.
    #[test]
    fn echoes_change_nothing_where_completeness_decides(mut world in world(), acts in acts()) {
        world.rules.survivorship.0.insert("*".to_owned(), FieldRule { by: vec![Strategy::MostComplete] });
        play(&mut world, &acts);
        world.settle();
    }

    #[test]
    fn echoes_change_nothing_where_frequency_decides_and_units_are_written_whole(
        acts in acts(), writes in any::<[bool; 3]>(),
    ) {
        let systems: Vec<_> = NAMES.iter().zip(writes)
            .map(|(name, writes)| (*name, &PLACES[..], if writes { &PLACES[..] } else { &[] })).collect();
        let mut world = World::new(&systems, Trust::default());
        world.rules.survivorship.0.insert("*".to_owned(), FieldRule { by: vec![Strategy::MostFrequent] });
        play(&mut world, &acts);
        world.settle();
    }

    /// Where a system is written to in part only, what it then shows may count otherwise; that ends soon all the same.
    #[test]
    fn deliveries_come_to_an_end_whatever_the_rules(
        mut world in world(), acts in acts(), survivorship in survivorship(),
    ) {
        world.rules.survivorship.0 = survivorship;
        let acts: Vec<_> = acts.into_iter().filter(|act| !matches!(act, Act::Settle)).collect();
        play(&mut world, &acts);
        let rounds = (0..8).take_while(|_| world.deliver() > 0).count();
        prop_assert!(rounds < 8, "{:#?}", world);
    }

    #[test]
    fn a_steward_has_the_last_word_and_taking_it_back_restores_what_was_there(
        mut world in world(), acts in acts(), survivorship in survivorship(), decisions in vec(decision(), 1..4),
    ) {
        play(&mut world, &acts);
        world.rules.survivorship.0 = survivorship;
        let now = Timestamp::UNIX_EPOCH;
        let mut stewards = Override::new(now);
        let mut wanted = BTreeMap::new();
        for (place, value) in decisions {
            let (unit, value) = decided(place, value);
            stewards.set(&Entity::Customer, &unit, value.clone(), now).unwrap();
            wanted.insert(unit, value);
        }
        let sources = world.sources();
        let alone = text(golden(&Entity::Customer, &sources, &world.rules));
        {
            let mut all = sources.clone();
            all.push(view_of(STEWARD, stewards.document(), stewards.asserted()));
            let with = golden(&Entity::Customer, &all, &world.rules);
            prop_assert_eq!(with.is_none(), alone.is_empty(), "an override keeps no master alive");
            for told in explain(&Entity::Customer, &all, &world.rules) {
                let Some(wanted) = wanted.get(&told.unit) else { continue };
                prop_assert_eq!(told.decided_by, Reason::Override);
                prop_assert_eq!(told.value.unwrap_or_default(), wanted.clone());
            }
            if let Some(with) = with {
                let said = units(&Entity::Customer, &with);
                for (unit, wanted) in &wanted {
                    prop_assert_eq!(said.contains(unit), !wanted.is_null(), "{}", unit);
                }
                let mut again = with.clone().into_owned();
                normal(&Entity::Customer, &mut again);
                prop_assert_eq!(again.to_string(), with.to_string());
            }
        }
        for unit in wanted.keys() {
            stewards.unset(&Entity::Customer, unit).unwrap();
        }
        prop_assert!(stewards.is_empty());
        prop_assert_eq!(stewards.document(), &json!({}));
        let mut all = sources.clone();
        all.push(view_of(STEWARD, stewards.document(), stewards.asserted()));
        prop_assert_eq!(text(golden(&Entity::Customer, &all, &world.rules)), alone);
    }

    #[test]
    fn explanations_say_what_golden_says_and_differences_are_told_exactly(
        mut world in world(), acts in acts(), one in survivorship(), other in survivorship(),
    ) {
        play(&mut world, &acts);
        world.rules.survivorship.0 = one;
        let sources = world.sources();
        let Some(golden_document) = world.golden() else { return Ok(()) };
        let told = explain(&Entity::Customer, &sources, &world.rules);
        let filled: Vec<&str> = told.iter().filter(|told| told.value.is_some()).map(|told| told.unit.as_str()).collect();
        prop_assert_eq!(filled, units(&Entity::Customer, &golden_document));
        let view = view_of("golden", &golden_document, sources[0].asserted);
        for (unit, own) in told.iter().filter(|told| told.value.is_some())
            .zip(explain(&Entity::Customer, &[view], &Rules::default()))
        {
            prop_assert_eq!(&unit.value, &own.value);
        }
        let after = Rules { trust: Trust::default(), survivorship: crate::Survivorship(other) };
        let changed = golden(&Entity::Customer, &sources, &after).unwrap();
        let differences = what_if(&Entity::Customer, &sources, &world.rules, &after);
        prop_assert_eq!(differences.is_empty(), same(&Entity::Customer, &golden_document, &changed));
    }
}

#[test]
fn a_system_that_is_corrected_in_spelling_keeps_its_voice() {
    let mut world = World::new(
        &[
            ("billing", &["legal_name"], &[]),
            ("crm", &["legal_name"], &["legal_name"]),
            ("erp", &["legal_name"], &["legal_name"]),
        ],
        Trust { order: vec!["billing".to_owned()], ..Trust::default() },
    );
    let by = vec![Strategy::MostFrequent];
    world.rules.survivorship.0.insert("legal_name".to_owned(), FieldRule { by });
    world.edit("erp", "legal_name", Some("DURAND SA"));
    world.edit("billing", "legal_name", Some("Dupont"));
    world.edit("crm", "legal_name", Some("Durand SA"));
    assert_eq!(world.value("legal_name").as_deref(), Some("Durand SA"));
    world.settle();
    assert_eq!(world.held("erp", "legal_name").as_deref(), Some("Durand SA"));
    assert_eq!(world.value("legal_name").as_deref(), Some("Durand SA"), "two systems still say so");
    assert!(covers(&world, "erp", "legal_name"));
}
