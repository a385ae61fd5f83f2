//! The files of `deploy`, read for all tests; and what holds for each of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use passerelle_tests::workspace;
use serde_json::Value;

/// The folder.
pub fn deploy() -> PathBuf {
    workspace().join("deploy")
}

/// A file's text.
pub fn text(path: &str) -> String {
    fs::read_to_string(deploy().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a YAML file.
///
/// The programs that read these files disagree about `yes` and `on` (YAML 1.1 takes them for booleans, 1.2 for text);
/// this parser is strict, so such a word must stand in quotes.
pub fn yaml(path: &str) -> Vec<Value> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_multiple_with_options(&text(path), options).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files below `deploy` with one of these extensions, relative to it.
pub fn files(extensions: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![deploy()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| extensions.iter().any(|wanted| found == *wanted)) {
                found.push(path.strip_prefix(deploy()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Every value under a key of this name, at any depth.
pub fn values_of<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get(key));
            fields.values().for_each(|inner| values_of(inner, key, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| values_of(inner, key, found)),
        _ => {}
    }
}

/// The texts of a list of texts; empty when it is not there.
pub fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Runs another program's judgement; `None`, said in one line, when the program is missing.
pub fn judged_by(what: &str, program: &str, arguments: &[&str], folder: &Path) -> Option<Output> {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    if output.is_err() {
        eprintln!("NOT RUN: {what} is not looked at by {program}, which is missing");
    }
    output.ok()
}

/// Fails with what a program said unless it was content.
#[track_caller]
pub fn content(output: &Output) {
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
}

#[test]
fn every_file_parses() {
    let (mut documents, mut objects) = (0, 0);
    for path in files(&["yaml", "yml"]) {
        documents += yaml(&path).iter().filter(|document| document.is_object()).count();
    }
    for path in files(&["json"]) {
        let parsed: Value = serde_json::from_str(&text(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        objects += usize::from(parsed.is_object());
    }
    assert!(documents >= 20 && objects >= 2, "{documents} documents and {objects} objects");
}

#[test]
fn scripts_are_shell() {
    for path in files(&["sh"]) {
        if let Some(output) = judged_by(&path, "bash", &["-n", &path], &deploy()) {
            content(&output);
        }
    }
}

#[test]
fn every_image_is_pinned_and_used_in_one_version() {
    let mut images: Vec<String> = Vec::new();
    for path in files(&["yaml"]) {
        for document in &yaml(&path) {
            let mut found = Vec::new();
            values_of(document, "image", &mut found);
            images.extend(found.iter().map(|image| image.as_str().unwrap().to_owned()));
        }
    }
    let stages = text("Dockerfile").lines().filter_map(|line| Some(line.strip_prefix("FROM ")?.to_owned())).collect();
    let stages: Vec<String> = stages;
    images.extend(stages.iter().map(|stage| stage.split_whitespace().next().unwrap().to_owned()));
    assert!(images.len() >= 10, "{images:?}");
    let mut tags = BTreeMap::new();
    for image in &images {
        let (name, tag) = image.split_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
        let version = tag.trim_start_matches('v').split(['-', '@']).next().unwrap();
        let is_exact = version.split('.').count() >= 2 && version.split('.').all(|part| part.parse::<u32>().is_ok());
        assert!(is_exact, "{image} is not one version");
        let other = tags.insert(name, tag).unwrap_or(tag);
        assert_eq!(other, tag, "{name} is used in two versions");
    }
    assert_eq!(tags["passerelle"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_image_is_built_from_what_the_binary_needs_and_runs_as_nobody_special() {
    let dockerfile = text("Dockerfile");
    let ignored = text("Dockerfile.dockerignore");
    let copied =
        dockerfile.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--"));
    let sources: Vec<&str> =
        copied.flat_map(|line| line.split_whitespace().rev().skip(1).collect::<Vec<_>>()).collect();
    assert!(sources.contains(&"crates") && sources.contains(&"Cargo.lock"), "{sources:?}");
    for source in sources {
        assert!(workspace().join(source).exists(), "{source} is not there");
        assert!(ignored.lines().any(|line| line == format!("!{source}")), "{source} is not sent to the builder");
    }
    // All members of the workspace, else Cargo refuses the manifest.
    let manifest: toml::Table = fs::read_to_string(workspace().join("Cargo.toml")).unwrap().parse().unwrap();
    for member in manifest["workspace"]["members"].as_array().unwrap() {
        let folder = member.as_str().unwrap().split('/').next().unwrap();
        assert!(dockerfile.contains(&format!("COPY {folder} {folder}\n")), "{folder} is not copied");
    }
    let rust = format!("FROM rust:{}.", manifest["workspace"]["package"]["rust-version"].as_str().unwrap());
    assert!(dockerfile.contains(&rust), "the image does not compile with the version of the manifest");
    let user = dockerfile.lines().filter_map(|line| line.strip_prefix("USER ")).next_back().unwrap();
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "USER {user} is no number above 0");
}
