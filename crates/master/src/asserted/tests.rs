use serde_json::json;

use super::*;

fn at(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(millisecond).unwrap()
}

fn strings(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

const COVERS: [&str; 5] =
    ["legal_name", "phones.office.value", "addresses.main", "addresses.city", "credit_limit.amount"];

/// What is claimed after each of some observations, made at 1, 2, 3 …, of a system that starts empty.
/// An observation is the document and, where something was delivered before it, what was delivered.
#[track_caller]
fn check(observations: &[(Value, Option<Value>)], expected: Value) {
    check_covered(&COVERS, &COVERS, observations, expected);
}

#[track_caller]
fn check_covered(covers: &[&str], writes: &[&str], observations: &[(Value, Option<Value>)], expected: Value) {
    let (covers, writes) = (strings(covers), strings(writes));
    let mut previous: Option<(&Value, Asserted)> = None;
    for (index, (observed, delivered)) in observations.iter().enumerate() {
        // A list is what was delivered one after the other.
        let delivered = delivered.as_ref();
        let delivered =
            delivered.map(|delivered| delivered.as_array().map_or(std::slice::from_ref(delivered), |all| all));
        let holds = delivered.and_then(<[Value]>::split_last);
        let holds = holds.map(|(document, earlier)| Holds { document, earlier, writes: &writes });
        let before = previous.as_ref().map(|(document, asserted)| (*document, asserted));
        let now = at(i64::try_from(index + 1).unwrap());
        previous = Some((observed, assert(&Entity::Customer, before, observed, &covers, holds, now)));
    }
    let (_, asserted) = previous.unwrap();
    let json = serde_json::to_value(&asserted).unwrap();
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<Asserted>(json).unwrap(), asserted);
}

fn named(name: &str) -> Value {
    json!({"legal_name": name})
}

#[test]
fn the_common_case_is_one_number() {
    check(&[(named("A"), None)], json!({"t": 1}));
    check(&[(named("A"), None), (named("A"), None)], json!({"t": 1}));
    assert_eq!(serde_json::to_string(&Asserted::own(at(1_700_000_000_000))).unwrap(), r#"{"t":1700000000000}"#);
}

#[test]
fn a_changed_value_is_own_since_then_and_a_cleared_one_is_cleared() {
    check(&[(named("A"), None), (named("B"), None)], json!({"t": 1, "except": {"legal_name": {"own": 2}}}));
    check(&[(named("A"), None), (json!({}), None)], json!({"t": 1, "except": {"legal_name": {"cleared": 2}}}));
    let cleared = json!({"t": 1, "except": {"legal_name": {"cleared": 2}}});
    check(&[(named("A"), None), (json!({}), None), (json!({}), None)], cleared);
    let own = json!({"t": 1, "except": {"legal_name": {"own": 3}}});
    check(&[(named("A"), None), (json!({}), None), (named("A"), None)], own);
}

#[test]
fn a_delivered_value_is_an_echo_as_long_as_it_stays() {
    let echo = json!({"t": 1, "except": {"legal_name": {"echo": 2}}});
    check(&[(named("A"), None), (named("B"), Some(named("B")))], echo.clone());
    check(&[(named("A"), None), (named("B"), Some(named("B"))), (named("B"), None)], echo);
    let own = json!({"t": 1, "except": {"legal_name": {"own": 3}}});
    check(&[(named("A"), None), (named("B"), Some(named("B"))), (named("C"), None)], own);
    let decimal = |amount: &str| json!({"credit_limit": {"amount": amount, "currency": "EUR"}});
    let echo = json!({"t": 1, "except": {"credit_limit": {"echo": 2}}});
    check(&[(decimal("1"), None), (decimal("5000"), Some(decimal("5000.00")))], echo);
}

#[test]
fn a_value_that_was_own_before_the_delivery_stays_own() {
    check(&[(named("A"), None), (named("A"), Some(named("A")))], json!({"t": 1}));
}

#[test]
fn what_we_emptied_is_silent_and_what_we_do_not_write_is_cleared() {
    check(&[(named("A"), None), (json!({}), Some(json!({})))], json!({"t": 1}));
    let cleared = json!({"t": 1, "except": {"legal_name": {"cleared": 2}}});
    check_covered(&COVERS, &["phones"], &[(named("A"), None), (json!({}), Some(json!({})))], cleared);
}

#[test]
fn a_record_that_we_created_is_an_echo_until_somebody_edits_it() {
    check(&[(named("A"), Some(named("A")))], json!({"t": 1, "echo": true}));
    // The system passes over the name: it was never seen there, so that nobody cleared it.
    check(&[(json!({}), Some(named("A")))], json!({"t": 1, "echo": true}));
    let edited = json!({"t": 1, "echo": true, "edited": true, "except": {"legal_name": {"own": 2}}});
    check(&[(named("A"), Some(named("A"))), (named("B"), None)], edited);
    let edited = json!({"t": 1, "echo": true, "edited": true, "except": {"legal_name": {"own": 1}}});
    check(&[(named("B"), Some(named("A")))], edited);
    // A later delivery does not make an echo of it again.
    let kept = json!({"t": 1, "echo": true, "edited": true, "except": {"legal_name": {"echo": 3}}});
    check(&[(named("A"), Some(named("A"))), (named("B"), None), (named("C"), Some(named("C")))], kept);
    assert!(Asserted { t: 1, echo: true, edited: false, except: BTreeMap::new() }.is_echo());
    assert!(!Asserted { t: 1, echo: true, edited: true, except: BTreeMap::new() }.is_echo());
    assert!(!Asserted::own(at(1)).is_echo());
}

#[test]
fn a_place_that_is_not_covered_any_more_is_silent() {
    check_covered(&["phones.office"], &[], &[(named("A"), None), (json!({}), None)], json!({"t": 1}));
}

#[test]
fn the_leaves_of_an_address_are_told_apart() {
    let address = |city: &str, country: &str| json!({"addresses": [{"use": "main", "city": city, "country": country}]});
    let delivered = address("Paris", "FR");
    check(&[(address("Lyon", "FR"), None), (delivered.clone(), Some(delivered))], {
        json!({"t": 1, "except": {"addresses.main.city": {"echo": 2}}})
    });
    check(&[(address("Lyon", "FR"), None), (json!({}), None)], {
        json!({"t": 1, "except": {"addresses.main.city": {"cleared": 2}, "addresses.main.country": {"cleared": 2}}})
    });
}

#[test]
fn several_items_of_one_selector_are_one_value() {
    let cities = |cities: &[&str]| {
        let items: Vec<Value> = cities.iter().map(|city| json!({"use": "other", "city": city})).collect();
        json!({"addresses": items})
    };
    let both = json!({"t": 1, "except": {"addresses.other": {"own": 2}}});
    check(&[(cities(&["A", "B"]), None), (cities(&["A", "C"]), None)], both.clone());
    check(&[(cities(&["A", "B"]), None), (cities(&["A", "C"]), None), (cities(&["A", "C"]), None)], both);
    check(&[(cities(&["A"]), None), (cities(&["A", "B"]), Some(cities(&["A", "B"])))], {
        json!({"t": 1, "except": {"addresses.other": {"echo": 2}}})
    });
    let cleared = json!({"t": 1, "except": {"addresses.other": {"cleared": 2}}});
    check(&[(cities(&["A", "B"]), None), (json!({}), None)], cleared);
    // One of the items is there again: the selector is not empty any more, and nothing of it is cleared.
    let own = json!({"t": 1, "except": {"addresses.other.city": {"own": 3}}});
    check(&[(cities(&["A", "B"]), None), (json!({}), None), (cities(&["A"]), None)], own);
    // Back to a single item, the claim goes to its leaves.
    let single = json!({"t": 1, "except": {"addresses.other.city": {"own": 2}}});
    check(&[(cities(&["A", "B"]), None), (cities(&["A"]), None), (cities(&["A"]), None)], single);
}

#[test]
fn only_so_many_cleared_places_are_remembered_and_the_newest_are() {
    let mut asserted = Asserted::own(at(0));
    let claims = (0..CLEARED_MAX + 40).map(|number| {
        // Two places each were cleared at the same time.
        (format!("phones.p{number:04}.value"), Claim::Cleared(i64::try_from(number / 2).unwrap()))
    });
    asserted.except.extend(claims);
    asserted.except.insert("legal_name".to_owned(), Claim::Own(0));
    for surplus in [40, 1, 0] {
        let mut asserted = asserted.clone();
        while asserted.except.len() > CLEARED_MAX + surplus + 1 {
            asserted.except.pop_last();
        }
        asserted.forget_oldest_cleared();
        assert_eq!(asserted.except.len(), CLEARED_MAX + 1, "{surplus}");
        assert!(asserted.except.contains_key("legal_name"));
        assert_eq!(asserted.except.contains_key("phones.p0000.value"), surplus == 0);
        assert!(asserted.except.contains_key(&format!("phones.p{:04}.value", CLEARED_MAX + surplus - 1)));
        assert!(asserted.except.contains_key(&format!("phones.p{surplus:04}.value")));
    }
}

#[test]
fn what_is_read_late_shows_what_was_delivered_earlier_and_claims_nothing() {
    let phone = |number: &str| json!({"phones": [{"use": "office", "value": number}]});
    // A record that is there only because of us, written three times before it was first read.
    let late = Some(json!([named("A"), named("B"), named("C")]));
    for shown in ["A", "B", "C"] {
        check(&[(named(shown), late.clone())], json!({"t": 1, "echo": true}));
    }
    let edited = json!({"t": 1, "echo": true, "edited": true, "except": {"legal_name": {"own": 1}}});
    check(&[(named("X"), late)], edited);
    // A record of its own: what it never showed is ours, what it showed stays its own.
    let late = Some(json!([named("B"), named("C")]));
    let echo = json!({"t": 1, "except": {"legal_name": {"echo": 2}}});
    check(&[(named("A"), None), (named("B"), late.clone())], echo);
    check(&[(named("A"), None), (named("A"), late.clone())], json!({"t": 1}));
    // Emptied by us, and filled again by us: an export from between shows it empty.
    check(&[(phone("1"), None), (json!({}), Some(json!([{}, phone("2")])))], json!({"t": 1}));
    // Once the newer value was shown, going back is somebody's doing.
    let own = json!({"t": 1, "except": {"legal_name": {"own": 3}}});
    check(&[(named("A"), None), (named("C"), late), (named("B"), None)], own);
}
