//! Settings of systems that packs offer (`system.example.toml`): each is a system that `passerelle check` accepts.

use std::fs;
use std::path::PathBuf;

use passerelle_tests::directory::command;
use passerelle_tests::workspace;

/// A hub without anything but what the system needs.
const HUB: &str = "[store]\npath = \"data/store.db\"\n\n[bus]\npath = \"data/bus\"\n";

/// The files `mappings/PACK/system.example.toml` and `mappings/PACK/examples/system-WORD.toml`.
fn settings() -> Vec<PathBuf> {
    let entries = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let packs = || entries(workspace().join("mappings"));
    let is_further = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("system-") && name.ends_with(".toml")
    };
    let first = packs().map(|pack| pack.join("system.example.toml")).filter(|path| path.is_file());
    let further = packs().flat_map(|pack| entries(pack.join("examples"))).filter(is_further);
    let mut found: Vec<PathBuf> = first.chain(further).collect();
    found.sort();
    found
}

/// What `passerelle check` says of a hub with this one system, and whether it found no error.
fn check(system: &str) -> (bool, String) {
    let hub = tempfile::tempdir().unwrap();
    fs::create_dir(hub.path().join("systems")).unwrap();
    fs::write(hub.path().join("passerelle.toml"), HUB).unwrap();
    fs::write(hub.path().join("systems/example.toml"), system).unwrap();
    let output = command(hub.path(), &["check"]).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn every_offered_system_is_accepted() {
    let settings = settings();
    assert!(!settings.is_empty(), "no pack offers the settings of a system");
    for path in settings {
        let (accepted, findings) = check(&fs::read_to_string(&path).unwrap());
        assert!(accepted, "{}:\n{findings}", path.display());
    }
}

#[test]
fn a_system_that_names_no_mapping_of_its_pack_is_not_accepted() {
    let (accepted, findings) = check(
        "tenant = \"acme\"\n[connector]\nkind = \"csv-drop\"\n[connector.streams.a]\nfolder = \"in\"\n\
         [streams.a]\nmapping = \"xero/no-such\"\n",
    );
    assert!(!accepted && findings.contains("xero/no-such"), "{findings}");
}
