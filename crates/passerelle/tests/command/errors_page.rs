//! Every code that an operator can see has a section in `docs/errors.md`, and every section a code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where codes are made; the first part of a code tells who makes it.
const FAMILIES: [&str; 23] = [
    "bus", "cli", "collect", "config", "console", "control", "csv", "delivery", "file", "hub", "ingest", "init",
    "json", "layout", "mapping", "match", "resolve", "rest", "store", "system", "waiting", "workbook", "xml",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["tests", "benches", "target", "testkit"].contains(&name.as_str()) {
                sources(&path, files);
            }
        } else if name.ends_with(".rs")
            && !["tests.rs", "testkit.rs", "stage.rs"].iter().any(|other| name.ends_with(other))
        {
            files.push(path);
        }
    }
}

/// Text literals of the form `family.word-word`.
fn codes_in(text: &str) -> impl Iterator<Item = &str> {
    // What stands below the tests of a module is not seen by any operator.
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.split('"').filter(|literal| {
        let Some((family, word)) = literal.split_once('.') else { return false };
        FAMILIES.contains(&family)
            && !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    })
}

/// Names of files and paths of fields, which look like codes.
const NOT_CODES: [&str; 6] = ["bus.sqlite", "bus.lock", "store.db", "json.tmp", "delivery.address", "layout.toml"];

#[test]
fn every_code_has_a_section_and_every_section_a_code() {
    let mut files = Vec::new();
    for folder in ["crates", "connectors"] {
        sources(&root().join(folder), &mut files);
    }
    assert!(files.len() > 50, "the sources were not found");
    let mut used = BTreeSet::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        used.extend(codes_in(&text).filter(|code| !NOT_CODES.contains(code)).map(str::to_owned));
    }
    let page = std::fs::read_to_string(root().join("docs/errors.md")).unwrap_or_default();
    let told: BTreeSet<String> = page.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned).collect();
    let missing: Vec<&String> = used.difference(&told).collect();
    let surplus: Vec<&String> = told.difference(&used).collect();
    assert!(missing.is_empty(), "docs/errors.md has no section for {missing:?}");
    assert!(surplus.is_empty(), "docs/errors.md has sections for codes that nobody uses: {surplus:?}");
}
