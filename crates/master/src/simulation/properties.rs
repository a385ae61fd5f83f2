//! What holds in every world, whatever people do in it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::*;
use crate::explain;

pub(super) const NAMES: [&str; 3] = ["billing", "crm", "erp"];
/// Two valid SIREN and an invalid one, so that ranking by validity takes part, and one that is spelt otherwise; every other
/// place takes any text.
pub(super) const VALUES: [&str; 4] = ["552100554", "552120222", "552100555", "552100554."];

/// What people do.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Set(usize, usize, usize),
    Clear(usize, usize),
    Remove(usize),
    Settle,
}

fn act() -> impl Strategy<Value = Act> {
    let (system, place) = (0..NAMES.len(), 0..PLACES.len());
    prop_oneof![
        6 => (system.clone(), place.clone(), 0..VALUES.len()).prop_map(|(system, place, value)| Act::Set(system, place, value)),
        3 => (system.clone(), place).prop_map(|(system, place)| Act::Clear(system, place)),
        1 => system.prop_map(Act::Remove),
        3 => Just(Act::Settle),
    ]
}

/// Systems that cover and write some places each, and some trust.
pub(super) fn world() -> impl Strategy<Value = World> {
    let covers = || prop_oneof![Just(PLACES.to_vec()), subsequence(PLACES.to_vec(), 0..=PLACES.len())];
    let system = (covers(), vec(any::<bool>(), PLACES.len()), select(vec![0, 1, 2]));
    let order = subsequence(NAMES.to_vec(), 0..=NAMES.len()).prop_shuffle();
    (vec(system, NAMES.len()), order, select(vec!["credit_limit", "addresses", "name", "status"]), any::<Index>())
        .prop_map(|(systems, order, field, owner)| {
            let systems: Vec<_> = NAMES
                .iter()
                .zip(&systems)
                .map(|(name, (covers, writes, kind))| {
                    // A third only reads, a third writes whatever it covers, a third writes a part of that.
                    let writes = covers.iter().zip(writes).filter(|(_, write)| *kind == 1 || (*kind == 2 && **write));
                    (*name, covers.clone(), writes.map(|(place, _)| *place).collect::<Vec<_>>())
                })
                .collect();
            let trust = Trust {
                order: order.iter().map(|name| (*name).to_owned()).collect(),
                fields: [(field.to_owned(), vec![(*owner.get(&NAMES)).to_owned()])].into(),
            };
            let systems: Vec<_> =
                systems.iter().map(|(name, covers, writes)| (*name, &covers[..], &writes[..])).collect();
            World::new(&systems, trust)
        })
}

pub(super) fn play(world: &mut World, acts: &[Act]) {
    for act in acts {
        match act {
            Act::Set(system, place, value) => {
                if covers(world, NAMES[*system], PLACES[*place]) {
                    world.edit(NAMES[*system], PLACES[*place], Some(VALUES[*value]));
                }
            }
            Act::Clear(system, place) => {
                if world.systems[NAMES[*system]].content.is_some() {
                    world.edit(NAMES[*system], PLACES[*place], None);
                }
            }
            Act::Remove(system) => world.remove(NAMES[*system]),
            Act::Settle => world.settle(),
        }
    }
}

pub(super) fn covers(world: &World, system: &str, place: &str) -> bool {
    world.systems[system].covers.iter().any(|covered| covered == place)
}

pub(super) fn acts() -> impl Strategy<Value = Vec<Act>> {
    vec(act(), 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// `settle` itself fails when an echo changes the golden document or a delivery is repeated.
    #[test]
    fn echoes_change_nothing_and_nothing_loops(mut world in world(), acts in acts()) {
        play(&mut world, &acts);
        world.settle();
    }

    #[test]
    fn the_order_of_the_sources_does_not_matter(mut world in world(), acts in acts(), seed in any::<[Index; 3]>()) {
        play(&mut world, &acts);
        let mut sources = world.sources();
        let text = |sources: &[SourceView<'_>]| {
            let golden = golden(&Entity::Customer, sources, &world.rules).map(|golden| golden.to_string());
            format!("{golden:?} {:?}", explain(&Entity::Customer, sources, &world.rules))
        };
        let before = text(&sources);
        prop_assert_eq!(&text(&sources), &before, "the same inputs give the same answer");
        let count = sources.len();
        for (index, other) in seed.iter().enumerate().take(count) {
            sources.swap(index, other.index(count));
        }
        prop_assert_eq!(text(&sources), before);
    }

    #[test]
    fn golden_is_in_normal_form_and_one_source_gives_its_document(mut world in world(), acts in acts()) {
        play(&mut world, &acts);
        if let Some(golden) = world.golden() {
            let mut again = golden.clone();
            normal(&Entity::Customer, &mut again);
            prop_assert_eq!(again.to_string(), golden.to_string());
        }
        for source in world.sources() {
            let merged = golden::merge(&Entity::Customer, &[source], &world.rules);
            prop_assert_eq!(merged.to_string(), source.document.to_string());
        }
    }

    #[test]
    fn the_most_trusted_system_has_its_way(mut world in world(), acts in acts(), place in select(PLACES.to_vec())) {
        play(&mut world, &acts);
        world.rules = Trust { order: vec!["erp".to_owned()], ..Trust::default() }.into();
        world.systems.get_mut("erp").unwrap().covers = PLACES.map(str::to_owned).to_vec();
        // The value is valid, so that an identifier does not rank behind another one.
        world.edit("erp", place, Some(VALUES[0]));
        world.edit("erp", place, Some(VALUES[1]));
        prop_assert_eq!(world.value(place), Some(VALUES[1].to_owned()));
        world.edit("erp", place, None);
        prop_assert_eq!(world.value(place), None);
        world.settle();
        for name in NAMES {
            let is_cleared = world.held(name, place).is_none();
            prop_assert!(is_cleared || !world.systems[name].writes.iter().any(|written| written == place));
        }
    }

    #[test]
    fn a_place_that_a_system_does_not_cover_is_never_erased_by_it(
        mut world in world(), acts in acts(), act in act(), system in select(NAMES.to_vec()),
    ) {
        let sets: Vec<Act> = acts.into_iter().filter(|act| matches!(act, Act::Set(..) | Act::Settle)).collect();
        play(&mut world, &sets);
        let uncovered = |world: &World| -> Vec<&str> {
            let filled = PLACES.into_iter().filter(|place| !covers(world, system, place) && world.value(place).is_some());
            filled.collect()
        };
        let before = uncovered(&world);
        let act = match act {
            Act::Set(_, place, value) => Act::Set(NAMES.iter().position(|name| *name == system).unwrap(), place, value),
            Act::Clear(_, place) => Act::Clear(NAMES.iter().position(|name| *name == system).unwrap(), place),
            other => other,
        };
        if matches!(act, Act::Set(..) | Act::Clear(..)) {
            play(&mut world, &[act]);
            // More may be filled than before: where the system wins a unit, others fill what it leaves open.
            let after = uncovered(&world);
            prop_assert!(before.iter().all(|place| after.contains(place)), "{:?} became {:?}", before, after);
        }
    }

    #[test]
    fn a_unit_whose_winner_covers_all_of_it_is_the_winners(mut world in world(), acts in acts()) {
        play(&mut world, &acts);
        let Some(golden) = world.golden() else { return Ok(()) };
        for explanation in explain(&Entity::Customer, &world.sources(), &world.rules) {
            let winner = &explanation.winner;
            let within = |place: &&str| crate::unit_of(&Entity::Customer, place) == explanation.unit;
            let places: Vec<&str> = PLACES.into_iter().filter(within).collect();
            prop_assert!(!places.is_empty(), "{}", explanation.unit);
            if winner.standing != crate::Standing::Echoes && places.iter().all(|place| covers(&world, winner.source.system, place)) {
                for place in places {
                    prop_assert_eq!(text_at(&golden, place), world.held(winner.source.system, place), "{}", place);
                }
            }
        }
    }
}
