use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::json;

use super::*;
use crate::configuration::settings::{HubFile, StreamSettings};

/// `path: message` of every misfit, the suggestion after an arrow.
#[track_caller]
fn check<T: JsonSchema>(value: Value, expected: &[&str]) {
    let schema = serde_json::to_value(schemars::schema_for!(T)).unwrap();
    let found: Vec<String> = misfits(&schema, &value)
        .into_iter()
        .map(|misfit| {
            let arrow = misfit.suggestion.map(|word| format!(" -> {word}")).unwrap_or_default();
            format!("{}: {}{arrow}", describe(&misfit.path), misfit.message)
        })
        .collect();
    assert_eq!(found, expected, "{schema:#}");
}

#[test]
fn what_fits_has_no_misfits() {
    check::<HubFile>(json!({}), &[]);
    check::<HubFile>(
        json!({
            "store": {"path": "data/store.db", "durability": "normal"},
            "limits": {"partitions": 8, "retry_delay_max": "60s"},
            "tenants": {"acme": {"trust": {"order": ["erp"], "fields": {"credit_limit": ["billing"]}}}},
        }),
        &[],
    );
    check::<StreamSettings>(json!({"mapping": "a/customer", "every": "10s", "missing": "remove"}), &[]);
}

#[test]
fn everything_that_differs_is_told_at_once() {
    check::<HubFile>(
        json!({
            "store": {"durability": "ful", "patth": "x"},
            "limits": {"partitions": 0, "retry_delay_max": "soon"},
            "log": "info",
            "tenant": {},
        }),
        &[
            "store.durability: \"ful\" is no value of durability; it is one of \"full\", \"normal\" -> full",
            "store.patth: unknown field \"patth\" -> path",
            "limits.partitions: 0 is not between 1 and 256",
            "limits.retry_delay_max: \"soon\" is no length of time; a length of time is a whole number with a unit: \
             200ms, 10s, 5m, 2h, 1d",
            "log: a table is wanted, not text in quotes",
            "tenant: unknown field \"tenant\" -> tenants",
        ],
    );
    check::<StreamSettings>(
        json!({"every": 10, "missing": 3}),
        &[
            ": the field \"mapping\" is missing: The mapping of its records, as `PACK/ENTITY`: \
             `mappings/PACK/ENTITY.toml` of the user's directory, else the shipped one",
            "every: text in quotes is wanted, not a number",
            "missing: one of \"keep\", \"remove\" is wanted, not a number",
        ],
    );
}

#[derive(JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
enum Tagged {
    None,
    Basic { username: String },
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum Mixed {
    First,
    Line(u64),
    Named(BTreeMap<String, String>),
}

#[test]
fn alternatives_are_told_apart_by_tag_or_by_type() {
    check::<Tagged>(json!({"kind": "none"}), &[]);
    check::<Tagged>(json!({"kind": "basic", "username": "u"}), &[]);
    check::<Tagged>(
        json!({"kind": "basik"}),
        &["kind: \"basik\" is no value of kind; it is one of \"none\", \"basic\" -> basic"],
    );
    check::<Tagged>(
        json!({"kind": "basic", "usrname": "u"}),
        &[": the field \"username\" is missing", "usrname: unknown field \"usrname\" -> username"],
    );
    check::<Mixed>(json!("first"), &[]);
    check::<Mixed>(json!({"line": 3}), &[]);
    check::<Mixed>(json!("frist"), &[": \"frist\" is no value of ; it is one of \"first\" -> first"]);
    check::<Mixed>(json!({"line": "three"}), &["line: a whole number is wanted, not text in quotes"]);
}
