use serde_json::json;

use super::*;
use crate::{Asserted, FieldRule, Override, STEWARD, Trust};

/// System, key, document, and since when each value is asserted.
type Given = (&'static str, &'static str, Value, Value);

fn sources(given: &[Given]) -> Vec<(&'static str, &'static str, &Value, Asserted)> {
    given.iter().map(|(system, key, document, asserted)| (*system, *key, document, claims(asserted))).collect()
}

fn claims(json: &Value) -> Asserted {
    serde_json::from_value(json.clone()).unwrap()
}

fn covers() -> Vec<String> {
    ["legal_name", "addresses.main.line1", "addresses.main.city"].map(str::to_owned).to_vec()
}

fn told(given: &[Given], rules: &Rules) -> Vec<String> {
    let (sources, covers) = (sources(given), covers());
    let views: Vec<SourceView<'_>> = sources
        .iter()
        .map(|(system, key, document, asserted)| SourceView {
            system,
            stream: "all",
            key,
            document,
            covers: &covers,
            asserted,
        })
        .collect();
    explain(&Entity::Customer, &views, rules).iter().map(line).collect()
}

fn line(told: &Explanation<'_>) -> String {
    let said = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
    let one = |one: &Candidate<'_>| {
        let agrees = if one.agrees { "=" } else { "≠" };
        let lost = one.lost_by.map(|reason| format!(" behind by {reason:?}")).unwrap_or_default();
        let invalid = if one.is_invalid { " invalid" } else { "" };
        let Candidate { source, standing, since, .. } = one;
        format!("{} {standing:?}{invalid} {} {agrees}{lost}", source.system, since.as_millisecond())
    };
    let filled: Vec<String> =
        told.filled.iter().map(|filled| format!("; {} of {}", filled.place, filled.source.system)).collect();
    let losers: Vec<String> = told.losers.iter().map(|loser| format!(", {}", one(loser))).collect();
    let Explanation { unit, value, decided_by, winner, .. } = told;
    format!("{unit} {} by {decided_by:?}: {}{}{}", said(value), one(winner), losers.concat(), filled.concat())
}

#[track_caller]
fn check(given: &[Given], rules: &Rules, expected: &[&str]) {
    assert_eq!(told(given, rules), expected);
    let reversed: Vec<Given> = given.iter().rev().cloned().collect();
    assert_eq!(told(&reversed, rules), expected);
}

fn trusting(order: &[&str]) -> Rules {
    Trust { order: order.iter().map(|name| (*name).to_owned()).collect(), ..Trust::default() }.into()
}

#[test]
fn everybody_who_has_a_say_is_told_with_what_put_them_behind() {
    let siren = |value: &str| json!([{"scheme": "siren", "value": value}]);
    check(
        &[
            (
                "erp",
                "1",
                json!({"identifiers": siren("552100555")}),
                json!({"t": 10, "except": {"legal_name": {"cleared": 40}}}),
            ),
            ("crm", "7", json!({"legal_name": "Durand", "identifiers": siren("552100554")}), json!({"t": 20})),
            ("shop", "3", json!({"legal_name": "DURAND"}), json!({"t": 30, "echo": true})),
        ],
        &trusting(&["erp"]),
        &[
            "legal_name  by Trust: erp Clears 40 =, crm Asserts 20 ≠ behind by Trust, shop Echoes 30 ≠ behind by Own",
            "identifiers.siren {\"value\":\"552100554\"} by Valid: crm Asserts 20 =, erp Asserts invalid 10 ≠ behind by Valid",
        ],
    );
}

#[test]
fn what_nobody_else_says_and_what_others_fill_is_told() {
    let address = |item: Value| json!({"addresses": [item]});
    check(
        &[
            ("erp", "1", address(json!({"use": "main", "line1": "1 rue A"})), json!({"t": 1})),
            ("crm", "1", address(json!({"use": "main", "line1": "2 rue B", "country": "FR"})), json!({"t": 2})),
            ("shop", "1", json!({"status": "active"}), json!({"t": 3, "echo": true})),
        ],
        &trusting(&["erp"]),
        &[
            "addresses.main {\"line1\":\"1 rue A\",\"country\":\"FR\"} by Trust: erp Asserts 1 ≠, crm Asserts 2 ≠ behind by \
             Trust; country of crm",
            "status \"active\" by Only: shop Echoes 3 =",
        ],
    );
}

#[test]
fn each_strategy_is_told_where_it_decides() {
    let name = |name: &str| json!({"legal_name": name});
    let given = [
        ("erp", "1", name("Martin"), json!({"t": 1})),
        ("crm", "1", name("DURAND"), json!({"t": 5})),
        ("shop", "1", name("Durand"), json!({"t": 5})),
    ];
    let mut rules = trusting(&["erp"]);
    rules.survivorship.0.insert("legal_name".to_owned(), FieldRule { by: vec![Strategy::MostFrequent] });
    check(
        &given,
        &rules,
        &[
            "legal_name \"DURAND\" by Name: crm Asserts 5 =, shop Asserts 5 ≠ behind by Name, erp Asserts 1 ≠ behind by \
           MostFrequent",
        ],
    );
    rules.survivorship.0.insert("legal_name".to_owned(), FieldRule { by: vec![Strategy::Newest] });
    check(&given[..2], &rules, &["legal_name \"DURAND\" by Newest: crm Asserts 5 =, erp Asserts 1 ≠ behind by Newest"]);
}

#[test]
fn a_stewards_word_is_told_as_such_and_the_newer_of_two() {
    let stewards = |name: &str, at: i64| {
        let at = Timestamp::from_millisecond(at).unwrap();
        let mut stewards = Override::new(at);
        stewards.set(&Entity::Customer, "legal_name", json!(name), at).unwrap();
        (stewards.document().clone(), serde_json::to_value(stewards.asserted()).unwrap())
    };
    let ((first, first_claims), (second, second_claims)) = (stewards("A", 8), stewards("B", 9));
    check(
        &[
            ("erp", "1", json!({"legal_name": "Martin"}), json!({"t": 90})),
            (STEWARD, "m1", first, first_claims),
            (STEWARD, "m2", second, second_claims),
        ],
        &trusting(&["erp"]),
        &["legal_name \"B\" by Override: steward Asserts 9 =, steward Asserts 8 ≠ behind by Newest, erp Asserts 90 ≠ \
           behind by Override"],
    );
}

#[test]
fn other_rules_are_told_by_the_units_that_they_change() {
    let one =
        json!({"legal_name": "Martin", "credit_limit": {"amount": "5000", "currency": "EUR"}, "status": "active"});
    let other = json!({"legal_name": "Durand", "credit_limit": {"amount": "5000.00", "currency": "EUR"}});
    let (old, new) = (claims(&json!({"t": 1})), claims(&json!({"t": 2})));
    let view =
        |system, document, asserted| SourceView { system, stream: "all", key: "1", document, covers: &[], asserted };
    let views = [view("erp", &one, &old), view("crm", &other, &new)];
    let differences = what_if(&Entity::Customer, &views, &trusting(&["erp"]), &Rules::default());
    let told: Vec<String> = differences
        .iter()
        .map(|difference| format!("{} -> {}", line(&difference.before), line(&difference.after)))
        .collect();
    assert_eq!(
        told,
        ["legal_name \"Martin\" by Trust: erp Asserts 1 =, crm Asserts 2 ≠ behind by Trust -> \
          legal_name \"Durand\" by Newest: crm Asserts 2 =, erp Asserts 1 ≠ behind by Newest"],
        "an amount of the same number is no difference"
    );
}

#[test]
fn an_explanation_is_the_json_that_the_api_publishes() {
    let (document, asserted) = (json!({"legal_name": "Martin"}), claims(&json!({"t": 1000})));
    let view =
        |system| SourceView { system, stream: "all", key: "1", document: &document, covers: &[], asserted: &asserted };
    let told = explain(&Entity::Customer, &[view("erp"), view("crm")], &trusting(&["erp"]));
    assert_eq!(
        serde_json::to_value(&told).unwrap(),
        json!([{
            "unit": "legal_name", "value": "Martin", "decided_by": "trust",
            "winner": {
                "system": "erp", "stream": "all", "key": "1", "standing": "asserts", "since": "1970-01-01T00:00:01Z",
                "is_invalid": false, "value": "Martin", "agrees": true,
            },
            "losers": [{
                "system": "crm", "stream": "all", "key": "1", "standing": "asserts", "since": "1970-01-01T00:00:01Z",
                "is_invalid": false, "value": "Martin", "agrees": true, "lost_by": "trust",
            }],
        }])
    );
}
