//! The rules of the house, as tests.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use passerelle_tests::workspace;

/// Which of our crates each of our crates may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("canonical", &[]),
    ("mapping", &["canonical"]),
    ("connector", &["canonical"]),
    ("master", &["canonical"]),
    ("bus", &["canonical"]),
    ("files", &["canonical", "connector"]),
    ("store", &["canonical", "master"]),
    ("hub", &["canonical", "mapping", "connector", "master", "store", "bus"]),
    ("console", &["canonical", "hub", "master", "store"]),
    ("csv-drop", &["canonical", "connector", "files"]),
    ("xml-export", &["canonical", "connector", "files"]),
    ("rest-api", &["canonical", "connector"]),
];

/// Which crates know a library that only some rooms may know.
const KNOWN_BY: &[(&str, &[&str])] = &[
    ("lapin", &["bus"]),
    // The embedded bus is a log in SQLite; all other SQL is in the store.
    ("rusqlite", &["bus", "store"]),
    // The demo plays a CRM with an HTTP server of its own.
    ("axum", &["console", "passerelle"]),
    ("reqwest", &["rest-api"]),
    ("quick-xml", &["xml-export"]),
    ("clap", &["passerelle"]),
];

/// The longest source file; tests beside the code do not count.
const LINES_MAX: usize = 600;

fn files_under(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The crates of the product with their directories.
fn crates() -> BTreeMap<String, PathBuf> {
    let roots = ["crates", "connectors"].map(|root| workspace().join(root));
    let directories = roots.iter().flat_map(|root| fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()));
    directories.filter(|path| path.join("Cargo.toml").exists()).map(|path| (name(&path), path)).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn dependencies(directory: &Path) -> BTreeSet<String> {
    let manifest = fs::read_to_string(directory.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    manifest["dependencies"].as_table().unwrap().keys().cloned().collect()
}

fn is_test_file(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "benches")
        || path.file_stem().is_some_and(|stem| stem == "tests")
}

#[test]
fn crates_import_only_what_the_table_allows() {
    let crates = crates();
    let table: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    for (name, directory) in &crates {
        let Some(allowed) = table.get(name.as_str()) else {
            assert_eq!(name, "passerelle", "{name} is not in the table of imports");
            continue;
        };
        let ours: Vec<_> = dependencies(directory).into_iter().filter(|other| crates.contains_key(other)).collect();
        let wrong: Vec<_> = ours.iter().filter(|other| !allowed.contains(&other.as_str())).collect();
        assert!(wrong.is_empty(), "{name} imports {wrong:?}; the table allows {allowed:?}");
    }
}

#[test]
fn libraries_stay_in_the_rooms_that_may_know_them() {
    for (name, directory) in crates() {
        let dependencies = dependencies(&directory);
        for (library, rooms) in KNOWN_BY {
            let known = dependencies.contains(*library);
            assert!(!known || rooms.contains(&name.as_str()), "{name} knows {library}; only {rooms:?} may");
        }
    }
}

#[test]
fn versions_stand_in_the_root_manifest_only() {
    for (name, directory) in crates() {
        let manifest: toml::Table = fs::read_to_string(directory.join("Cargo.toml")).unwrap().parse().unwrap();
        for section in ["dependencies", "dev-dependencies"] {
            for (dependency, value) in manifest.get(section).and_then(toml::Value::as_table).into_iter().flatten() {
                let pinned_here = value.is_str() || value.get("version").is_some();
                assert!(!pinned_here, "{name} pins {dependency} itself; versions stand in the root Cargo.toml");
            }
        }
    }
}

#[test]
fn no_source_file_is_too_large_to_know() {
    let long: Vec<_> = crates()
        .values()
        .flat_map(|directory| files_under(directory, "rs"))
        .filter(|path| !is_test_file(path))
        .map(|path| (fs::read_to_string(&path).unwrap().lines().count(), path))
        .filter(|(lines, _)| *lines > LINES_MAX)
        .collect();
    assert!(long.is_empty(), "files over {LINES_MAX} lines: {long:#?}");
}

#[test]
fn pure_crates_do_no_io_and_read_no_clock() {
    let forbidden = [
        "std::fs",
        "std::net",
        "std::process",
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "tokio",
    ];
    for name in ["canonical", "mapping", "master"] {
        for path in files_under(&crates()[name].join("src"), "rs").into_iter().filter(|path| !is_test_file(path)) {
            let text = fs::read_to_string(&path).unwrap();
            // Tests beside the code may read golden files.
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            for word in forbidden {
                assert!(!text.contains(word), "{} uses {word}; {name} is pure", path.display());
            }
        }
    }
}

#[test]
fn no_file_names_a_place_of_somebodys_machine() {
    let roots = ["crates", "connectors", "mappings", "tests", "docs", "deploy"].map(|root| workspace().join(root));
    let places = ["/work", "/root", "/farm"].map(|place| format!("{place}/"));
    for extension in ["rs", "md", "toml", "json", "sh"] {
        for path in roots.iter().filter(|root| root.exists()).flat_map(|root| files_under(root, extension)) {
            let text = fs::read_to_string(&path).unwrap();
            for place in &places {
                let named = text.match_indices(place.as_str()).any(|(at, _)| {
                    !text[..at].ends_with(|before: char| before.is_alphanumeric() || "./}{".contains(before))
                });
                assert!(!named, "{} names {place}", path.display());
            }
        }
    }
}

#[test]
fn every_mapping_has_an_example() {
    let mappings = workspace().join("mappings");
    let folders = fs::read_dir(&mappings).unwrap().map(|entry| entry.unwrap().path());
    // Tables of values are no mappings.
    for pack in folders.filter(|path| path.is_dir() && name(path) != "tables") {
        for mapping in files_under(&pack, "toml").into_iter().filter(|path| path.parent() == Some(&*pack)) {
            let stem = mapping.file_stem().unwrap().to_string_lossy().into_owned();
            let examples = pack.join("examples");
            let found = examples.is_dir()
                && fs::read_dir(&examples).unwrap().any(|entry| name(&entry.unwrap().path()).starts_with(&stem));
            assert!(found, "{} has no example in {}", mapping.display(), examples.display());
        }
    }
}

#[test]
fn markdown_has_one_sentence_per_line() {
    let mut wrong = Vec::new();
    for path in [workspace().join("docs"), workspace().join("mappings")].iter().flat_map(|root| files_under(root, "md"))
    {
        let text = fs::read_to_string(&path).unwrap();
        let mut in_code = false;
        for (index, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            }
            let prose = !in_code && !line.starts_with(['|', ' ', '#', '<']);
            let line = line.trim_start_matches(|first: char| first.is_ascii_digit() || first == '-');
            let line = line.strip_prefix(". ").unwrap_or(line);
            if prose && line.split(". ").skip(1).any(|next| next.starts_with(char::is_uppercase)) && !line.contains('`')
            {
                wrong.push(format!("{}:{}", path.display(), index + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "several sentences on one line: {wrong:#?}");
}
