//! Every command line and variable of ours in `deploy`, held against the program.

use std::collections::BTreeSet;
use std::fs;

use passerelle_tests::directory::passerelle;
use passerelle_tests::process::binary;
use passerelle_tests::workspace;
use serde_json::Value;

use crate::shipped::{content, deploy, files, judged_by, text, texts, values_of, yaml};

/// The roles that a worker may have.
const ROLES: [&str; 3] = ["collect", "resolve", "deliver"];

/// Command lines, as (where, words after `passerelle`).
fn command_lines() -> Vec<(String, Vec<String>)> {
    let mut lines = Vec::new();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for unit in files(&["service"]) {
        let text = text(&unit);
        let started = text.lines().filter_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/passerelle "));
        for line in started {
            // A template is started for each role.
            let roles: &[&str] = if line.contains("%i") { &ROLES } else { &[""] };
            lines.extend(roles.iter().map(|role| (unit.clone(), words(&line.replace("%i", role)))));
        }
    }
    for path in files(&["yaml"]) {
        for document in &yaml(&path) {
            for container in ours(document) {
                let found = [&container["args"], &container["command"]].into_iter().find(|list| list.is_array());
                lines.extend(found.map(|list| (path.clone(), texts(list).into_iter().map(str::to_owned).collect())));
            }
        }
    }
    let dockerfile = text("Dockerfile");
    let default = dockerfile.lines().find_map(|line| line.strip_prefix("CMD ")).unwrap();
    lines.push(("Dockerfile".to_owned(), serde_json::from_str(default).unwrap()));
    let readme = text("README.md");
    for block in readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        for line in block.lines().map(|line| line.split(" #").next().unwrap()) {
            // `sudo -u passerelle passerelle systems`: the last word of this name is the program.
            let words = words(line);
            let program = words.iter().rposition(|word| word == "passerelle" || word.ends_with(" passerelle"));
            let rest = program.map(|at| words[at + 1..].to_vec()).filter(|rest| !rest.is_empty());
            lines.extend(rest.map(|rest| ("README.md".to_owned(), rest)));
        }
    }
    lines
}

/// The containers and services that run our image.
fn ours(document: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    collect(document, &mut found);
    return found;

    fn collect<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
        if value["image"].as_str().is_some_and(|image| image.starts_with("passerelle:")) {
            found.push(value);
        }
        match value {
            Value::Object(fields) => fields.values().for_each(|inner| collect(inner, found)),
            Value::Array(items) => items.iter().for_each(|inner| collect(inner, found)),
            _ => {}
        }
    }
}

/// Holds that the program knows a thing.
#[track_caller]
fn known(is_known: bool, thing: &str, place: &str) {
    assert!(is_known, "{place} names {thing}, which the program does not know");
}

#[test]
fn every_command_line_is_one_that_the_program_takes() {
    let lines = command_lines();
    for place in ["Dockerfile", "README.md", "compose.yaml", "kubernetes/resolve.yaml", "systemd/passerelle@.service"] {
        assert!(lines.iter().any(|(found, _)| found == place), "no command line in {place}: {lines:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    for (place, words) in lines {
        let help = passerelle(folder.path(), &[&words[0], "--help"]).with(0).out;
        let has = |flag: &str| help.split([' ', '\n', ',']).any(|word| word == flag);
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            known(has(flag), flag, &place);
        }
        if let Some(at) = words.iter().position(|word| word == "--role") {
            assert!(help.contains(words[at + 1].as_str()), "{place}: {help} has no role {}", words[at + 1]);
        }
    }
}

#[test]
fn every_variable_is_one_that_the_program_reads() {
    let reference = fs::read_to_string(workspace().join("docs/configuration.md")).unwrap();
    let fields = variables(&reference);
    assert!(fields.contains("PASSERELLE__CONSOLE__LISTEN"), "{fields:?}");
    let mut named = BTreeSet::new();
    for path in files(&["yaml", "service", "md", "example"]) {
        let text = text(&path);
        for rest in text.split("PASSERELLE__").skip(1) {
            let end = rest.find(|letter: char| !letter.is_ascii_uppercase() && letter != '_').unwrap_or(rest.len());
            named.insert((path.clone(), format!("PASSERELLE__{}", &rest[..end])));
        }
    }
    assert!(named.len() >= 5, "{named:?}");
    for (path, variable) in &named {
        known(fields.contains(variable), variable, path);
    }
}

/// The variables of the fields that the reference lists for `passerelle.toml`.
fn variables(reference: &str) -> BTreeSet<String> {
    let hub = reference.split("\n## `systems/NAME.toml`").next().unwrap();
    let mut table = String::new();
    let mut fields = BTreeSet::new();
    for line in hub.lines() {
        if let Some(name) = line.strip_prefix("### `[").and_then(|rest| rest.strip_suffix("]`")) {
            table = name.to_uppercase().replace('.', "__");
        }
        if let Some(field) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) {
            fields.insert(format!("PASSERELLE__{table}__{}", field.to_uppercase()));
        }
    }
    fields
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit_of_a_worker() {
    let folder = tempfile::tempdir().unwrap();
    let text = text("systemd/passerelle@.service");
    for role in ROLES {
        let unit = format!("passerelle@{role}.service");
        let program = binary().to_str().unwrap();
        fs::write(folder.path().join(&unit), text.replace("/usr/local/bin/passerelle", program)).unwrap();
        let arguments = ["verify", "--recursive-errors=no", &*format!("./{unit}")];
        let Some(verified) = judged_by(&unit, "systemd-analyze", &arguments, folder.path()) else { return };
        content(&verified);
        assert!(verified.stderr.is_empty(), "{}", String::from_utf8_lossy(&verified.stderr));
        let arguments = ["security", "--offline=true", "--no-pager", "--threshold=15", &*format!("./{unit}")];
        content(&judged_by(&unit, "systemd-analyze", &arguments, folder.path()).unwrap());
    }
}

#[test]
fn both_units_have_the_same_settings() {
    let settings = |path: &str| {
        let text = text(path);
        let differing = ["Description=", "ExecStart=", "EnvironmentFile="];
        let kept = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        kept.filter(|line| differing.iter().all(|start| !line.starts_with(start)))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(settings("systemd/passerelle@.service"), settings("systemd/passerelle.service"));
    assert!(deploy().join("systemd/passerelle.service").exists());
}

#[test]
fn nothing_secret_is_shipped() {
    let mut secrets = 0;
    for path in files(&["yaml"]) {
        for document in yaml(&path).iter().filter(|document| document["kind"] == "Secret") {
            // `kubectl apply` on the folder must not touch secrets that are in use.
            assert!(path.starts_with("kubernetes/secrets/"), "{path} has a secret");
            let mut values = Vec::new();
            values_of(document, "stringData", &mut values);
            for value in values.iter().flat_map(|fields| fields.as_object().unwrap().values()) {
                assert!(value.as_str().unwrap().contains("CHANGE-ME"), "{path} has a value: {value}");
                secrets += 1;
            }
            assert!(document["data"].is_null(), "{path} has encoded values");
        }
    }
    assert!(secrets > 0);
    for line in text("compose.env.example").lines().filter(|line| line.contains("PASSWORD") || line.contains("COOKIE"))
    {
        assert!(line.ends_with('='), "{line}");
    }
}
