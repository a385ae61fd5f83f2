use canonical::document::Customer;
use serde_json::{Value, json};

use super::*;

fn evidence(json: Value) -> Evidence {
    Evidence::of(&serde_json::from_value::<Customer>(json).unwrap())
}

#[test]
fn the_shipped_probabilities_are_distributions() {
    for (kind, prior) in KINDS.iter().enumerate() {
        prior().tables(&mut |table| {
            let all: f64 = table.iter().map(|cell| **cell).sum();
            assert!((all - 1.0).abs() < 1e-9, "kind {kind}: {all}");
        });
    }
}

/// Mothers and subsidiaries that share address and telephone, each in two systems with a slip now and then.
fn groups(count: usize) -> Vec<Evidence> {
    let mut records = Vec::new();
    for number in 0..count {
        let name = format!("word{}x{number}", number * 7919 % 1000);
        for (suffix, spelling) in
            [("", name.clone()), ("", name.to_uppercase()), (" Nord", name.clone()), (" Nord", name.clone())]
        {
            records.push(evidence(json!({
                "kind": "company", "legal_name": format!("{spelling}{suffix}"),
                "phones": [{"value": format!("+33{:09}", 200_000_000 + number * 7_919)}],
                "addresses": [{"line1": format!("{number} rue Foch"), "postcode": format!("{:05}", 10_000 + number), "city": format!("Ville{number}"), "country": "FR"}],
            })));
        }
    }
    records
}

#[test]
fn weights_are_learned_without_labels_and_in_any_order() {
    let mut records = groups(300);
    let model = Model::learn(1, &records, LearnOptions::default());
    assert_eq!((model.number, model.records), (1, 1_200));
    let score = |one: usize, other: usize| model.score(&records[one], &records[other]).unwrap().bits;
    for group in (0..1_200).step_by(4) {
        assert!(score(group, group + 1) > Bits::ZERO && score(group + 2, group + 3) > Bits::ZERO, "group {group}");
        assert!(score(group, group + 2) < Bits::ZERO && score(group + 1, group + 3) < Bits::ZERO, "group {group}");
    }
    records.reverse();
    assert_eq!(Model::learn(1, &records, LearnOptions::default()), model);
}

#[test]
fn common_names_say_less() {
    let mut records: Vec<_> = (0..200).map(|_| evidence(json!({"kind": "company", "legal_name": "Durand"}))).collect();
    records.extend((0..200).map(|number| evidence(json!({"kind": "company", "legal_name": format!("rare{number}x")}))));
    let model = Model::learn(1, &records, LearnOptions { records_per_key_max: 10, ..LearnOptions::default() });
    let score = |name: &str| {
        let one = evidence(json!({"kind": "company", "legal_name": name}));
        model.score(&one, &one).unwrap().bits
    };
    assert!(score("rare7x") > score("Durand") + Bits::whole(4), "{} {}", score("rare7x"), score("Durand"));
}

#[test]
fn nothing_is_learned_from_nothing() {
    let model = Model::learn(2, &[], LearnOptions::default());
    assert_eq!((model.records, model.pairs), (0, 0));
    assert_eq!(model.company, Model::shipped().company);
}
