use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::super::environment::Variables;
use super::super::load::load_with;

const SYSTEM: &str = "\
tenant = \"acme\"
[connector]
kind = \"layout-drop\"
[connector.streams.payments]
folder = \"in\"
layout = \"bank\"
[streams.payments]
mapping = \"bank/payment\"
";

const MAPPING: &str =
    "entity = \"payment\"\nformat = \"csv\"\nkey = \"line.no\"\n[fields]\nreferences.end_to_end_id = \"line.no\"\n";

const LAYOUT: &str = "[lines.line]\nfields = { no = [1, 5] }\n";

#[track_caller]
fn check(system: &str, layout: &str, expected: &[&str]) {
    let folder = TempDir::new().unwrap();
    for (path, text) in [
        ("passerelle.toml", ""),
        ("systems/bank.toml", system),
        ("mappings/bank/payment.toml", MAPPING),
        ("mappings/bank/layout.toml", layout),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let loaded = load_with(folder.path(), &Variables::new(&[]), Vec::new());
    let prefix = format!("{}/", folder.path().display());
    let told: Vec<String> = loaded.findings.iter().map(|finding| finding.to_string().replace(&prefix, "")).collect();
    assert_eq!(told, expected);
    if let Some(configuration) = loaded.configuration {
        let layout = &configuration.systems["bank"].connector["streams"]["payments"]["layout"];
        assert_eq!(*layout, json!({ "lines": { "line": { "fields": { "no": [1, 5] } } } }));
    }
}

#[test]
fn the_name_of_a_pack_becomes_its_layout() {
    check(SYSTEM, LAYOUT, &[]);
    check(
        &SYSTEM.replace("\"bank\"\n[", "\"bnak\"\n["),
        LAYOUT,
        &["systems/bank.toml:6:10: there is no layout \"bnak\"; it would be mappings/bnak/layout.toml; did you mean \
           \"bank\"? [config.bad-value]"],
    );
}

#[test]
fn a_layout_that_is_none_is_told() {
    let wrong = &LAYOUT.replace("[1, 5]", "5");
    check(
        SYSTEM,
        wrong,
        &["systems/bank.toml:6:10: streams.payments.layout: invalid type: integer `5`, expected struct Field \
           [config.bad-value]"],
    );
    check(SYSTEM, "[lines", &["mappings/bank/layout.toml:1:7: unclosed table, expected `]` [config.syntax]"]);
}
