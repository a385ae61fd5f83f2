use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::document::generated;

fn golden(entity: &Entity) -> PathBuf {
    let name = format!("{entity}.v{MAJOR}.json");
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas").join(name)
}

#[test]
fn committed_schemas_equal_the_types() {
    for entity in Entity::CANONICAL {
        let path = golden(&entity);
        let text = text(&entity).unwrap();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "schemas/{entity}.v{MAJOR}.json is not what the types say; review, then UPDATE_GOLDEN=1 cargo test -p canonical"
        );
    }
}

#[test]
fn committed_schemas_are_schemas_and_describe_every_field() {
    fn describe(schema: &Value, path: &str, missing: &mut Vec<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if property["description"].as_str().is_none_or(str::is_empty) {
                missing.push(format!("{path}.{name}"));
            }
        }
    }
    for entity in Entity::CANONICAL {
        let schema = schema(&entity).unwrap();
        jsonschema::meta::validate(schema).unwrap();
        let mut missing = Vec::new();
        describe(schema, entity.name(), &mut missing);
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            describe(definition, name, &mut missing);
        }
        assert!(missing.is_empty(), "fields without description: {missing:?}");
    }
}

#[test]
fn every_term_and_group_of_en_16931_has_a_place() {
    let text = text(&Entity::Invoice).unwrap();
    let is_named = |term: &str| {
        text.match_indices(term)
            .any(|(place, _)| !text[place + term.len()..].starts_with(|next: char| next.is_ascii_digit()))
    };
    // The norm has no BT-4.
    let terms = (1..=165).filter(|number| *number != 4).map(|number| format!("BT-{number}"));
    let groups = (1..=32).map(|number| format!("BG-{number}"));
    let missing: Vec<_> = terms.chain(groups).filter(|term| !is_named(term)).collect();
    assert!(missing.is_empty(), "no place for {missing:?}");
}

#[test]
fn all_findings_are_reported_with_their_paths_and_without_values() {
    let json = json!({
        "legal_name": 7,
        "birth_date": "secret",
        "addresses": [{"country": "FR"}, {"country": "France"}],
        "credit_limit": {"amount": 12.5},
        "changed_at": "2026-11-21 10:00",
    });
    let findings = validate(&Entity::Customer, &json);
    let mut paths: Vec<_> = findings.iter().map(|finding| finding.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(
        paths,
        ["addresses[1].country", "birth_date", "changed_at", "credit_limit", "credit_limit.amount", "legal_name"]
    );
    for finding in &findings {
        assert_eq!((finding.rule, finding.severity), (RULE, Severity::Fatal));
        for value in ["secret", "France", "12.5", "10:00"] {
            assert!(!finding.message.contains(value), "{finding}");
        }
    }
}

#[test]
fn a_declared_entity_has_its_users_schema() {
    let entity = Entity::Declared("stock-item".into());
    assert!(schema(&entity).is_none());
    assert!(validate(&entity, &json!({"any": 1})).is_empty());
    let validator = Validator::compile(&json!({"type": "object", "required": ["sku"]})).unwrap();
    assert_eq!(validator.findings(&json!({})).len(), 1);
    assert!(validator.findings(&json!({"sku": "A"})).is_empty());
    let error = Validator::compile(&json!({"type": 7})).unwrap_err();
    assert_eq!(error.path, "/type");
    assert!(Validator::compile(&json!({"$ref": "https://example.org/other.json"})).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_document_that_the_types_allow_satisfies_its_schema(document in generated::document()) {
        let findings = validate(&document.entity(), &document.to_json());
        prop_assert!(findings.is_empty(), "{findings:?}");
    }

    #[test]
    fn no_document_makes_the_rules_panic(document in generated::document()) {
        let _ = crate::rules::findings(&document);
    }
}
