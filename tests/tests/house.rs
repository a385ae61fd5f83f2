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
    ("json-drop", &["canonical", "connector", "files"]),
    ("layout-drop", &["canonical", "connector", "files"]),
    ("xml-export", &["canonical", "connector", "files"]),
    ("rest-api", &["canonical", "connector"]),
];

/// Which crates know a library that only some rooms may know.
const KNOWN_BY: &[(&str, &[&str])] = &[
    ("lapin", &["bus"]),
    // The embedded bus is a log in SQLite; all other SQL is in the store.
    ("rusqlite", &["bus", "store"]),
    ("tokio-postgres", &["store"]),
    // The demo plays a CRM with an HTTP server of its own.
    ("axum", &["console", "passerelle"]),
    ("reqwest", &["rest-api"]),
    ("quick-xml", &["xml-export"]),
    ("calamine", &["csv-drop"]),
    ("clap", &["passerelle"]),
];

/// The longest source file; tests beside the code do not count.
const LINES_MAX: usize = 600;

/// The files under a directory, in order; folders that are not entered are left out.
fn walk(directory: &Path, enters: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        for path in fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()) {
            if !path.is_dir() {
                found.push(path);
            } else if enters(&path) {
                open.push(path);
            }
        }
    }
    found.sort();
    found
}

fn files_under(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = walk(directory, |path| name(path) != "target" && !name(path).starts_with('.'));
    found.retain(|path| path.extension().is_some_and(|found| found == extension));
    found
}

/// Everything that is committed: all but what `.gitignore` names, and what tools keep for themselves.
fn committed() -> Vec<PathBuf> {
    let root = workspace();
    let ignored = fs::read_to_string(root.join(".gitignore")).unwrap();
    let ignored: BTreeSet<_> = ignored.lines().filter_map(|line| Some(root.join(line.strip_prefix('/')?))).collect();
    walk(&root, |path| !ignored.contains(path) && (!name(path).starts_with('.') || OURS.contains(&&*name(path))))
}

/// The folders with a leading dot that are committed.
const OURS: [&str; 2] = [".ci", ".cargo"];

/// The files and folders that the links of a page lead to, and where each stands; addresses of the web are left out.
fn links(page: &Path) -> Vec<(PathBuf, String)> {
    let text = fs::read_to_string(page).unwrap();
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let ours = targets.filter(|target| !target.is_empty() && !target.contains("://"));
    ours.map(|target| (page.parent().unwrap().join(target), format!("{}: {target}", page.display()))).collect()
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

/// The code of a crate without its tests, by file.
fn code(crate_name: &str) -> Vec<(PathBuf, String)> {
    let files = files_under(&crates()[crate_name].join("src"), "rs").into_iter().filter(|path| !is_test_file(path));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        (path, text)
    };
    files.map(read).collect()
}

/// The words of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

/// What of a module or name that reaches out of the program some code uses, however it is imported.
fn reaches_out(code: &str) -> Option<&'static str> {
    const MODULES: [&str; 8] = ["fs", "net", "process", "env", "thread", "stdin", "stdout", "stderr"];
    const NAMES: [&str; 7] = ["SystemTime", "Instant", "File", "TcpStream", "tokio", "println", "eprintln"];
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    let code: String = lines.flat_map(|line| [line, "\n"]).collect();
    let imports: BTreeSet<&str> =
        code.split("use std::").skip(1).flat_map(|rest| words(rest.split(';').next().unwrap_or_default())).collect();
    let used: BTreeSet<&str> = words(&code).collect();
    let written = |module: &&str| code.contains(&format!("std::{module}"));
    let module = MODULES.into_iter().find(|module| imports.contains(module) || written(module));
    let name = || NAMES.into_iter().find(|name| used.contains(name));
    module.or_else(name).or_else(|| code.contains("::now()").then_some("a clock"))
}

#[test]
fn pure_crates_do_no_io_and_read_no_clock() {
    let check = |code: &str, expected: Option<&str>| assert_eq!(reaches_out(code), expected, "{code}");
    check("use std::fs;", Some("fs"));
    check("use std::{collections::BTreeMap,\n    fs::read};", Some("fs"));
    check("let text = std::env::var(name);", Some("env"));
    check("use std::time::{Duration, Instant};", Some("Instant"));
    check("let today = Zoned::now();", Some("a clock"));
    check("use std::fmt; // not std::fs\nlet net = now(file);", None);
    for name in ["canonical", "mapping", "master"] {
        for (path, text) in code(name) {
            let used = reaches_out(&text);
            assert!(used.is_none(), "{} uses {}; {name} is pure", path.display(), used.unwrap_or_default());
        }
    }
}

#[test]
fn no_value_of_a_document_is_ever_a_float() {
    // Whatever holds or carries a value; what only counts and measures may divide.
    for name in crates().keys().filter(|name| !["console", "passerelle", "bus"].contains(&name.as_str())) {
        // Learning calculates with probabilities; whole thousandths of bits come out of it.
        let learns = |path: &Path| path.to_string_lossy().contains("master/src/matching/learn");
        for (path, text) in code(name).into_iter().filter(|(path, _)| !learns(path)) {
            for (index, line) in text.lines().enumerate() {
                // The list by which a value is read from a record names every kind that serde knows.
                let is_list = line.contains("bool i8 i16");
                for word in words(line.split("//").next().unwrap_or_default()).filter(|_| !is_list) {
                    let is_float = word.split('_').any(|part| ["f32", "f64"].contains(&part));
                    assert!(!is_float, "{}:{} uses {word}: amounts are decimals", path.display(), index + 1);
                }
            }
        }
    }
}

#[test]
fn no_file_names_a_place_of_somebodys_machine() {
    let places = ["work", "root", "farm", "tmp", "home", "Users"].map(|place| format!("/{place}/"));
    let files = committed();
    assert!(files.iter().any(|path| path.ends_with(".ci/run")) && files.len() > 400, "{} files", files.len());
    for path in files {
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for place in &places {
            let named = text.match_indices(place.as_str()).any(|(at, _)| {
                !text[..at].ends_with(|before: char| before.is_alphanumeric() || "./}{".contains(before))
            });
            assert!(!named, "{} names {place}", path.display());
        }
    }
}

#[test]
fn every_page_is_linked_and_every_link_leads_somewhere() {
    let entrances = ["README.md", "ARCHITECTURE.md"].map(|page| workspace().join(page));
    let linked: BTreeSet<PathBuf> = entrances.iter().flat_map(|page| links(page)).map(|(target, _)| target).collect();
    for page in files_under(&workspace().join("docs"), "md") {
        let found = linked.contains(&page) || linked.contains(page.parent().unwrap());
        assert!(found, "neither README.md nor ARCHITECTURE.md links {}", page.display());
    }
    for page in committed().iter().filter(|path| path.extension().is_some_and(|found| found == "md")) {
        for (target, place) in links(page) {
            assert!(target.exists(), "{place} leads nowhere");
        }
    }
}

#[test]
fn every_check_that_the_architecture_names_is_there() {
    let text = fs::read_to_string(workspace().join("ARCHITECTURE.md")).unwrap();
    let places = text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("tests/"));
    let places: BTreeSet<_> = places.collect();
    assert!(places.contains("tests/tests/house.rs"), "{places:?}");
    for place in places {
        assert!(workspace().join(place).exists(), "ARCHITECTURE.md names {place}, which is not there");
    }
}

/// Calls of the store that no case holds against a second tenant, because no tenant has a part in them.
const WITHOUT_TENANT: &[(&str, &str)] = &[
    ("save_mapping_version", "mappings belong to the installation"),
    ("mapping_covers", "mappings belong to the installation"),
    ("outbox_done", "it is given the rows, by their numbers"),
    ("backlog_done", "it is given the rows, by their numbers"),
    ("outbox_count", "it counts what the relay has before it, which serves all tenants"),
    ("outbox_changed", "a wake-up call"),
    ("unpark", "it is given the numbers of rows, which are those of the whole store"),
    ("parked_behind", "it is given the number of a row, which is that of the whole store; its rows are of one tenant"),
    ("note_run", "it writes, under the stream's own tenant"),
    ("reserve", "held against a second tenant by the case of the sequences"),
    ("forget_closed_tasks", "how long answers are kept is the installation's"),
    ("submit", "commands are the hub's"),
    ("pending", "commands are the hub's"),
    ("answer", "commands are the hub's"),
    ("answer_of", "commands are the hub's"),
];

/// The contracts whose calls are about rows of tenants.
const OF_TENANTS: [&str; 7] = ["attachments", "collect", "resolve", "matching", "deliver", "operate", "tasks"];

#[test]
fn every_call_of_the_store_is_held_against_a_second_tenant() {
    let store = workspace().join("crates/store/src");
    let cases = fs::read_to_string(store.join("testkit/tenants.rs")).unwrap();
    let mut calls = BTreeSet::new();
    for contract in OF_TENANTS {
        let text = fs::read_to_string(store.join(format!("contract/{contract}.rs"))).unwrap();
        let names = text.split("async fn ").skip(1).map(|rest| rest.split('(').next().unwrap().to_owned());
        calls.extend(names);
    }
    assert!(calls.len() > 40, "{calls:?}");
    for (name, reason) in WITHOUT_TENANT {
        assert!(calls.contains(*name), "{name} ({reason}) is no call of the store");
        assert!(!cases.contains(&format!(".{name}(")), "{name} has a case, and needs no reason to have none");
    }
    let is_held =
        |call: &String| cases.contains(&format!(".{call}(")) || WITHOUT_TENANT.iter().any(|(name, _)| name == call);
    let forgotten: Vec<_> = calls.iter().filter(|call| !is_held(call)).collect();
    assert!(forgotten.is_empty(), "testkit/tenants.rs does not ask as a second tenant: {forgotten:?}");
}

#[test]
fn every_mapping_has_an_example() {
    let mappings = workspace().join("mappings");
    let folders = fs::read_dir(&mappings).unwrap().map(|entry| entry.unwrap().path());
    // Tables of values are no mappings.
    for pack in folders.filter(|path| path.is_dir() && name(path) != "tables") {
        let is_mapping = |path: &PathBuf| {
            path.parent() == Some(&*pack)
                && !["files.toml", "layout.toml", "system.example.toml"].contains(&&*name(path))
        };
        for mapping in files_under(&pack, "toml").into_iter().filter(is_mapping) {
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
