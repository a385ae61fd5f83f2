use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::keys::blocking_keys;
use super::*;

pub(super) fn customer(json: Value) -> Customer {
    serde_json::from_value(json).unwrap()
}

fn company(name: &str, street: &str, phone: &str) -> Customer {
    customer(json!({
        "kind": "company", "legal_name": name, "phones": [{"value": phone}],
        "addresses": [{"line1": street, "postcode": "75002", "city": "Paris", "country": "FR"}],
    }))
}

fn matcher() -> Matcher {
    Matcher::new(Arc::new(Model::shipped()), MatchOptions::default())
}

/// The records of each customer, by name.
pub(super) fn clusters(matcher: &Matcher) -> BTreeSet<Vec<String>> {
    let mut clusters: BTreeMap<ClusterNumber, Vec<String>> = BTreeMap::new();
    for entry in matcher.records.values() {
        clusters.entry(entry.cluster).or_default().push(entry.name.to_string());
    }
    clusters
        .into_values()
        .map(|mut names| {
            names.sort();
            names
        })
        .collect()
}

#[track_caller]
fn check(matcher: &Matcher, expected: &[&[&str]]) {
    let expected = expected.iter().map(|names| names.iter().map(|name| (*name).to_owned()).collect()).collect();
    assert_eq!(clusters(matcher), expected);
}

#[test]
fn records_that_arrive_later_bring_earlier_ones_together() {
    let mut matcher = matcher();
    matcher.show("a", &company("Garage Hamon", "12 rue Foch", "0279743900"));
    matcher.show("b", &customer(json!({"kind": "company", "legal_name": "Hamon SARL", "bank_accounts": [{"iban": "FR7630006000011234567890189"}]})));
    check(&matcher, &[&["a"], &["b"]]);
    let first = matcher.cluster(0);
    let mut bridge = serde_json::to_value(company("Garage Hamon", "12 rue Foch", "0279743900")).unwrap();
    bridge["bank_accounts"] = json!([{"iban": "FR7630006000011234567890189"}]);
    bridge["trading_name"] = json!("Hamon");
    matcher.show("c", &customer(bridge));
    check(&matcher, &[&["a", "b", "c"]]);
    assert_eq!(matcher.cluster(1), first, "the oldest number stays");
}

#[test]
fn a_record_that_moves_away_is_still_known() {
    let mut matcher = matcher();
    matcher.show("a", &company("Garage Hamon", "12 rue Foch", "0279743900"));
    matcher.show("a", &company("Garage Hamon", "3 avenue Hoche", "0144556677"));
    matcher.show("b", &company("GARAGE HAMON", "12, rue Foch", "0279743900"));
    check(&matcher, &[&["a", "b"]]);
}

#[test]
fn judgements_stand_until_they_are_taken_back() {
    let mut matcher = matcher();
    let a = matcher.show("a", &company("Garage Hamon", "12 rue Foch", "0279743900"));
    let b = matcher.show("b", &company("GARAGE HAMON", "12, rue Foch", "0279743900"));
    check(&matcher, &[&["a", "b"]]);
    matcher.judge(a, b, Some(Verdict::NotTheSame));
    check(&matcher, &[&["a"], &["b"]]);
    matcher.show("b", &company("GARAGE HAMON SA", "12, rue Foch", "0279743900"));
    check(&matcher, &[&["a"], &["b"]]);
    matcher.judge(b, a, None);
    check(&matcher, &[&["a", "b"]]);
    let c = matcher.show("c", &company("Transports Pottier", "8 rue Haute", "0411223344"));
    matcher.judge(a, c, Some(Verdict::Same));
    check(&matcher, &[&["a", "b", "c"]]);
    matcher.judge(a, c, None);
    check(&matcher, &[&["a", "b"], &["c"]]);
}

#[test]
fn a_value_that_too_many_share_is_nobodys() {
    let mut matcher = matcher();
    let with = |number: usize| {
        // Words that are far apart.
        let hash = blake3::hash(&number.to_be_bytes()).to_hex();
        let word: String =
            hash.chars().take(12).map(|digit| char::from(b'a' + digit.to_digit(16).unwrap() as u8)).collect();
        customer(json!({
            "kind": "company", "legal_name": word,
            "emails": [{"value": "office@tax-adviser.fr"}], "phones": [{"value": "0279743900"}],
        }))
    };
    for number in 0..200 {
        matcher.show(&format!("r{number:03}"), &with(number));
    }
    assert_eq!(clusters(&matcher).len(), 200);
    assert_eq!(matcher.evidence(0).map(|evidence| (evidence.emails.len(), evidence.phones.len())), Some((0, 0)));
    let common: Vec<&str> = matcher.common_values().iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(common, ["office@tax-adviser.fr", "279743900"]);
    assert_eq!(matcher.links(0).count(), 0);
}

pub(super) fn anybody() -> impl Strategy<Value = (usize, Value)> {
    let names = prop::sample::select(vec![
        "Garage Hamon",
        "GARAGE HAMON SA",
        "Garage Hamon Nord",
        "Hamon",
        "Pottier",
        "Potier Transports",
    ]);
    let streets = prop::sample::select(vec!["12 rue Foch", "12, r. Foch", "3 avenue Hoche", ""]);
    let phones = prop::sample::select(vec!["0279743900", "0411223344", ""]);
    let emails = prop::sample::select(vec!["contact@hamon.fr", "compta@hamon.fr", "info@pottier.fr", ""]);
    let sirens = prop::sample::select(vec!["552100554", "443061841", "", ""]);
    let mixed = (names, streets, phones, emails, sirens);
    // Many show the very same.
    let twins = prop::sample::select(vec![
        ("Garage Hamon", "12 rue Foch", "0279743900", "", "552100554"),
        ("Pottier", "", "0411223344", "info@pottier.fr", "443061841"),
    ]);
    (0..11_usize, prop_oneof![3 => mixed, 2 => twins]).prop_map(|(record, (name, street, phone, email, siren))| {
        let identifiers = if siren.is_empty() { json!([]) } else { json!([{"scheme": "siren", "value": siren}]) };
        (
            record,
            json!({
                "kind": "company", "legal_name": name, "phones": [{"value": phone}], "emails": [{"value": email}],
                "addresses": [{"line1": street, "postcode": "75002", "city": "Paris", "country": "FR"}],
                "identifiers": identifiers,
            }),
        )
    })
}

/// Everybody held against everybody else.
fn links(matcher: &Matcher) -> BTreeMap<(RecordNumber, RecordNumber), Bits> {
    let leads = |key: &BlockingKey| matches!(matcher.index.get(key), Some(Having::Few(_)));
    let pairs = matcher.records().flat_map(|one| matcher.records().map(move |other| (one, other)));
    let of = |number: RecordNumber| {
        let evidence = matcher.evidence(number).unwrap();
        (evidence, blocking_keys(evidence).into_iter().filter(leads).collect::<BTreeSet<_>>())
    };
    let link = |(one, other): (RecordNumber, RecordNumber)| {
        let ((mine, my_keys), (theirs, their_keys)) = (of(one), of(other));
        let score = matcher.model.score(mine, theirs).filter(|_| one != other && !my_keys.is_disjoint(&their_keys))?;
        let is_link = !score.is_vetoed && score.bits >= matcher.options.thresholds.review;
        is_link.then_some(((one, other), score.bits))
    };
    pairs.filter_map(link).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Only what was touched is divided anew, and to divide all would change nothing.
    #[test]
    fn nothing_is_left_to_do(events in prop::collection::vec(anybody(), 1..40), most in 2..5_usize) {
        let options = MatchOptions { records_per_value_max: most, records_per_key_max: 4, ..MatchOptions::default() };
        let mut matcher = Matcher::new(Arc::new(Model::shipped()), options);
        for (record, shown) in &events {
            matcher.show(&format!("r{record}"), &customer(shown.clone()));
        }
        let before = clusters(&matcher);
        matcher.look_again(matcher.records());
        matcher.settle_whole();
        prop_assert_eq!(before, clusters(&matcher));
    }

    /// Whoever is not compared, because a twin was or an identifier rules it out, is linked as if.
    #[test]
    fn links_are_those_of_everybody_held_against_everybody(
        events in prop::collection::vec(anybody(), 1..40),
        most in 2..5_usize,
    ) {
        let options = MatchOptions { records_per_value_max: most, records_per_key_max: 3, ..MatchOptions::default() };
        let mut matcher = Matcher::new(Arc::new(Model::shipped()), options);
        for (record, shown) in &events {
            matcher.show(&format!("r{record}"), &customer(shown.clone()));
            let found: BTreeMap<_, _> = matcher
                .records()
                .flat_map(|one| matcher.links(one).map(move |(other, bits)| ((one, other), bits)))
                .collect();
            prop_assert_eq!(found, links(&matcher));
        }
    }

    /// Whatever comes first, the customers are the same; each record's own states stay in their order.
    #[test]
    fn the_order_of_arrival_does_not_matter(events in prop::collection::vec(anybody(), 1..40), seed in any::<u64>()) {
        let options = MatchOptions { records_per_value_max: 3, ..MatchOptions::default() };
        let run = |events: &[(usize, Value)]| {
            let mut matcher = Matcher::new(Arc::new(Model::shipped()), options);
            for (record, shown) in events {
                matcher.show(&format!("r{record}"), &customer(shown.clone()));
            }
            clusters(&matcher)
        };
        let mut shuffled: Vec<(u64, usize)> = events.iter().enumerate().map(|(at, (record, _))| ((*record as u64).wrapping_mul(seed | 1).rotate_left(17), at)).collect();
        shuffled.sort_unstable();
        let shuffled: Vec<_> = shuffled.into_iter().map(|(_, at)| events[at].clone()).collect();
        prop_assert_eq!(run(&events), run(&shuffled));
    }
}
