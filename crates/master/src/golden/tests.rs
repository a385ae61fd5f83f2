use canonical::entity::Entity;
use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::{FieldRule, Override, Trust};

/// A source of a test: system, key, since when everything is its own, document and what is covered.
struct Given(&'static str, &'static str, i64, Value, &'static [&'static str]);

struct Sources {
    documents: Vec<Value>,
    asserted: Vec<Asserted>,
    covers: Vec<Vec<String>>,
    names: Vec<(&'static str, &'static str)>,
}

impl Sources {
    fn new(given: &[Given]) -> Self {
        Self {
            documents: given.iter().map(|given| given.3.clone()).collect(),
            asserted: given.iter().map(|given| Asserted::own(Timestamp::from_millisecond(given.2).unwrap())).collect(),
            covers: given.iter().map(|given| given.4.iter().map(|path| (*path).to_owned()).collect()).collect(),
            names: given.iter().map(|given| (given.0, given.1)).collect(),
        }
    }

    fn views(&self) -> Vec<SourceView<'_>> {
        let views = (0..self.documents.len()).map(|index| SourceView {
            system: self.names[index].0,
            stream: "all",
            key: self.names[index].1,
            document: &self.documents[index],
            covers: &self.covers[index],
            asserted: &self.asserted[index],
        });
        views.collect()
    }
}

fn trusting(order: &[&str]) -> Rules {
    Trust { order: order.iter().map(|name| (*name).to_owned()).collect(), ..Trust::default() }.into()
}

#[track_caller]
fn check(entity: Entity, order: &[&str], given: &[Given], expected: Option<Value>) {
    let sources = Sources::new(given);
    let rules = trusting(order);
    let mut views = sources.views();
    for _ in 0..2 {
        let golden = golden(&entity, &views, &rules).map(|golden| golden.to_string());
        assert_eq!(golden, expected.as_ref().map(Value::to_string));
        views.reverse();
    }
}

const EVERYTHING: &[&str] =
    &["addresses", "lines", "seller", "totals", "references", "debtor", "number", "customer", "notes"];

#[test]
fn no_source_no_document_and_one_source_its_own() {
    check(Entity::Customer, &[], &[], None);
    let document = json!({"legal_name": "Durand", "addresses": [{"use": "main", "city": "Paris"}]});
    check(Entity::Customer, &[], &[Given("erp", "1", 1, document.clone(), &[])], Some(document.clone()));
    let sources = Sources::new(&[Given("erp", "1", 1, document, &[])]);
    let golden = golden(&Entity::Customer, &sources.views(), &Rules::default()).unwrap();
    assert!(matches!(golden, Cow::Borrowed(_)), "one source costs no copy");
}

#[test]
fn lists_without_selector_win_whole() {
    check(
        Entity::Invoice,
        &["erp", "billing"],
        &[
            Given(
                "billing",
                "1",
                9,
                json!({"number": "F1", "lines": [{"id": "1", "note": "x"}, {"id": "2"}]}),
                EVERYTHING,
            ),
            Given("erp", "1", 1, json!({"number": "F1", "lines": [{"id": "1"}]}), EVERYTHING),
        ],
        Some(json!({"number": "F1", "lines": [{"id": "1"}]})),
    );
}

#[test]
fn totals_win_whole_and_a_party_by_its_parts() {
    check(
        Entity::Invoice,
        &["erp", "billing"],
        &[
            Given(
                "billing",
                "1",
                9,
                json!({
                    "seller": {
                        "name": "Provider SAS", "identifiers": [{"scheme": "gln", "value": "4012345000009"}],
                        "address": {"line1": "1 rue A", "city": "Lyon"}, "contact": {"phone": "1"},
                    },
                    "totals": {"amount_without_vat": "10", "due_amount": "12"},
                }),
                EVERYTHING,
            ),
            Given(
                "erp",
                "1",
                1,
                json!({
                    "seller": {
                        "name": "Provider", "identifiers": [{"scheme": "siren", "value": "552100554"}],
                        "address": {"city": "Paris"},
                    },
                    "totals": {"amount_without_vat": "11"},
                }),
                EVERYTHING,
            ),
        ],
        Some(json!({
            "seller": {
                "name": "Provider",
                "identifiers": [{"scheme": "gln", "value": "4012345000009"}, {"scheme": "siren", "value": "552100554"}],
                "address": {"city": "Paris"}, "contact": {"phone": "1"},
            },
            "totals": {"amount_without_vat": "11"},
        })),
    );
}

#[test]
fn references_of_a_payment_are_each_their_own_and_a_reference_is_one_value() {
    let bank = json!({
        "references": {"account_servicer_reference": "B1"}, "customer": {"key": "C7", "master_id": "m1"},
    });
    let erp = json!({"references": {"end_to_end_id": "E1"}, "customer": {"system": "crm", "key": "9"}});
    check(
        Entity::Payment,
        &["bank"],
        &[Given("bank", "1", 1, bank, EVERYTHING), Given("erp", "1", 2, erp, EVERYTHING)],
        Some(json!({
            "references": {"end_to_end_id": "E1", "account_servicer_reference": "B1"},
            "customer": {"key": "C7", "master_id": "m1"},
        })),
    );
}

#[test]
fn several_items_of_one_selector_win_together() {
    let cities = |cities: &[&str]| {
        let items: Vec<Value> = cities.iter().map(|city| json!({"use": "other", "city": city})).collect();
        json!({"addresses": items})
    };
    let given = |erp: &[&str], crm: &[&str]| {
        [Given("erp", "1", 1, cities(erp), EVERYTHING), Given("crm", "1", 2, cities(crm), EVERYTHING)]
    };
    check(Entity::Customer, &["erp"], &given(&["A", "B"], &["C"]), Some(cities(&["A", "B"])));
    check(Entity::Customer, &["crm"], &given(&["A", "B"], &["C"]), Some(cities(&["C"])));
    check(Entity::Customer, &["erp"], &given(&[], &["C", "D"]), Some(cities(&["C", "D"])));
}

#[test]
fn extensions_and_declared_entities_are_united_by_member() {
    check(
        Entity::Customer,
        &["erp"],
        &[
            Given("crm", "1", 5, json!({"extensions": {"crm": {"a": 1}, "shared": 5}}), &[]),
            Given("erp", "1", 1, json!({"extensions": {"erp": {"b": 1}, "shared": 1}}), &[]),
        ],
        Some(json!({"extensions": {"crm": {"a": 1}, "erp": {"b": 1}, "shared": 1}})),
    );
    check(
        Entity::Declared("ticket".into()),
        &["erp"],
        &[Given("crm", "1", 5, json!({"a": 5, "c": [1]}), &[]), Given("erp", "1", 1, json!({"a": 1, "b": {}}), &[])],
        Some(json!({"a": 1, "c": [1]})),
    );
}

#[test]
fn equal_trust_goes_by_time_and_equal_time_by_name() {
    let given = |times: [i64; 3]| {
        [
            Given("erp", "2", times[0], json!({"legal_name": "erp 2"}), &[]),
            Given("erp", "1", times[1], json!({"legal_name": "erp 1"}), &[]),
            Given("crm", "7", times[2], json!({"legal_name": "crm 7"}), &[]),
        ]
    };
    check(Entity::Customer, &[], &given([1, 2, 3]), Some(json!({"legal_name": "crm 7"})));
    check(Entity::Customer, &["erp"], &given([1, 2, 3]), Some(json!({"legal_name": "erp 1"})));
    check(Entity::Customer, &["erp"], &given([2, 2, 3]), Some(json!({"legal_name": "erp 1"})));
    check(Entity::Customer, &[], &given([2, 2, 2]), Some(json!({"legal_name": "crm 7"})));
}

#[test]
fn the_fill_of_an_open_place_is_the_best_claim_about_that_place() {
    let covers = &["addresses.main.city", "addresses.main.country"];
    let address = |item: Value| json!({"addresses": [item]});
    check(
        Entity::Customer,
        &["erp", "crm", "shop"],
        &[
            Given("erp", "1", 1, address(json!({"use": "main", "line1": "1 rue A"})), &["addresses.main.line1"]),
            Given("crm", "1", 1, address(json!({"use": "main", "line1": "2 rue B", "city": "Lyon"})), covers),
            Given("shop", "1", 9, address(json!({"use": "main", "city": "Nice", "country": "FR"})), covers),
        ],
        Some(address(json!({"use": "main", "line1": "1 rue A", "city": "Lyon", "country": "FR"}))),
    );
}

#[test]
fn what_nobody_asserts_is_the_newest_echo_whoever_is_trusted() {
    let mut sources = Sources::new(&[
        Given("erp", "1", 1, json!({"legal_name": "Durand"}), &[]),
        Given("crm", "1", 5, json!({"phones": [{"use": "office", "value": "+331"}]}), &[]),
        Given("shop", "1", 9, json!({"phones": [{"use": "office", "value": "+332"}]}), &[]),
    ]);
    for (index, since) in [(1, 5), (2, 9)] {
        sources.asserted[index] = serde_json::from_value(json!({"t": since, "echo": true})).unwrap();
    }
    let golden = golden(&Entity::Customer, &sources.views(), &trusting(&["crm"])).map(Cow::into_owned);
    assert_eq!(golden, Some(json!({"legal_name": "Durand", "phones": [{"use": "office", "value": "+332"}]})));
}

#[test]
fn sources_that_are_all_echoes_make_no_document() {
    let mut sources = Sources::new(&[Given("erp", "1", 1, json!({"legal_name": "A"}), &[])]);
    sources.asserted[0] = serde_json::from_value(json!({"t": 1, "echo": true})).unwrap();
    assert_eq!(golden(&Entity::Customer, &sources.views(), &Rules::default()), None);
}

/// What a unit comes to by these strategies, when the ERP is trusted first; the sources are systems with the time since
/// when they say so.
#[track_caller]
fn check_by(by: &[Strategy], given: &[(&'static str, i64, &str)], expected: &str) {
    let mut rules = trusting(&["erp"]);
    rules.survivorship.0.insert("legal_name".to_owned(), FieldRule { by: by.to_vec() });
    let given: Vec<Given> = given
        .iter()
        .enumerate()
        .map(|(index, (system, since, name))| {
            const KEYS: [&str; 6] = ["1", "2", "3", "4", "5", "6"];
            Given(system, KEYS[index], *since, json!({"legal_name": name}), &["legal_name"])
        })
        .collect();
    let sources = Sources::new(&given);
    let mut views = sources.views();
    for _ in 0..2 {
        let golden = golden(&Entity::Customer, &views, &rules).map(Cow::into_owned);
        assert_eq!(golden, Some(json!({"legal_name": expected})));
        views.reverse();
    }
}

#[test]
fn each_strategy_decides_and_the_next_one_where_it_does_not() {
    use Strategy::{MostComplete, MostFrequent, Newest};
    let given = [("erp", 1, "Martin"), ("crm", 5, "DURAND"), ("shop", 3, "Durand"), ("old", 4, "Leroy")];
    check_by(&[], &given, "Martin");
    check_by(&[Strategy::Trust], &given, "Martin");
    check_by(&[Newest], &given, "DURAND");
    check_by(&[MostFrequent], &given, "DURAND");
    // Trust goes on where frequency does not decide.
    check_by(&[MostFrequent], &[("erp", 1, "Martin"), ("crm", 5, "Durand")], "Martin");
    check_by(&[MostFrequent, Newest], &[("erp", 1, "Martin"), ("crm", 5, "Durand")], "Durand");
    // A text is one place, whatever its length.
    check_by(&[MostComplete], &[("erp", 1, "Martin"), ("crm", 5, "Martin et Fils")], "Martin");
}

#[test]
fn a_system_has_one_voice_for_a_value_however_many_records_show_it() {
    let crowd =
        [("crm", 9, "Durand"), ("crm", 9, "Durand"), ("crm", 9, "Durand"), ("erp", 1, "Martin"), ("shop", 1, "Martin")];
    check_by(&[Strategy::MostFrequent], &crowd, "Martin");
}

#[test]
fn the_most_complete_address_wins_whole_and_an_emptied_one_is_the_least_complete() {
    let mut rules = trusting(&["erp"]);
    rules.survivorship.0.insert("addresses".to_owned(), FieldRule { by: vec![Strategy::MostComplete] });
    let address = |item: Value| json!({"addresses": [item]});
    let full = address(json!({"use": "main", "line1": "2 rue B", "city": "Lyon"}));
    let mut sources = Sources::new(&[
        Given("erp", "1", 9, address(json!({"use": "main", "line1": "1 rue A"})), EVERYTHING),
        Given("crm", "1", 1, full.clone(), EVERYTHING),
        Given("shop", "1", 1, json!({}), EVERYTHING),
    ]);
    sources.asserted[2] =
        serde_json::from_value(json!({"t": 1, "except": {"addresses.main.line1": {"cleared": 99}}})).unwrap();
    let found = golden(&Entity::Customer, &sources.views(), &rules).map(Cow::into_owned);
    assert_eq!(found, Some(full));
}

#[test]
fn an_override_is_taken_whole_and_keeps_no_master_alive() {
    let at = Timestamp::from_millisecond(5).unwrap();
    let mut stewards = Override::new(at);
    stewards.set(&Entity::Customer, "addresses.main", json!({"city": "Brest"}), at).unwrap();
    stewards.set(&Entity::Customer, "status", Value::Null, at).unwrap();
    let shown = json!({
        "legal_name": "Durand", "addresses": [{"use": "main", "line1": "1 rue A", "city": "Lyon"}], "status": "active",
    });
    let sources = Sources::new(&[Given("erp", "1", 9, shown, &[])]);
    let mut views = sources.views();
    views.push(SourceView {
        system: STEWARD,
        stream: "",
        key: "m1",
        document: stewards.document(),
        covers: &[],
        asserted: stewards.asserted(),
    });
    let found = golden(&Entity::Customer, &views, &trusting(&["erp"])).map(Cow::into_owned);
    assert_eq!(found, Some(json!({"legal_name": "Durand", "addresses": [{"use": "main", "city": "Brest"}]})));
    assert_eq!(golden(&Entity::Customer, &views[1..], &Rules::default()), None);
    let echo = serde_json::from_value(json!({"t": 1, "echo": true})).unwrap();
    let views = [SourceView { asserted: &echo, ..views[0] }, views[1]];
    assert_eq!(golden(&Entity::Customer, &views, &Rules::default()), None);
}
