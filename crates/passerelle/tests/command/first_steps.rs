//! From nothing to a hub that has fed somebody.

use tempfile::TempDir;

use crate::directory::{Directory, customers, ended, passerelle};

#[test]
fn the_printed_steps_work_one_after_the_other() {
    let folder = TempDir::new().unwrap();
    let hub = folder.path().join("hub");
    let hub = hub.to_str().unwrap();
    let made = passerelle(&["init", hub]).with(0);
    let steps: Vec<&str> = made.out.lines().filter_map(|line| line.strip_prefix("  passerelle ")).collect();
    assert_eq!(steps.len(), 3, "{}", made.out);
    let outputs: Vec<String> =
        steps.iter().map(|step| passerelle(&step.split(' ').collect::<Vec<_>>()).with(0).out).collect();
    assert_eq!(outputs[0], format!("{hub}: 2 systems, 1 stream, 1 subscription; no errors, no warnings\n"));
    assert!(outputs[1].contains("fed: 2 changes delivered, 0 refused"), "{}", outputs[1]);
    assert!(outputs[2].contains("Boulangerie Martin"), "{}", outputs[2]);
    passerelle(&["mapping", "test", "erp", "crm", "--dir", hub]).with(0);
    let again = passerelle(&["init", hub]).with(2);
    assert!(again.err.contains("is not empty") && again.err.contains("[init.not-empty]"), "{}", again.err);
}

#[test]
fn a_second_run_changes_nothing_and_a_changed_field_makes_one_delivery() {
    let directory = Directory::new();
    let run = |name: &str, rows: &[(&str, &str, &str)]| {
        let file = directory.write(name, customers(rows));
        directory.run(&["ingest", "erp", &file, "--json"]).with(0).json()
    };
    let rows = [("1", "Martin", "Rennes"), ("2", "Le Goff", "Quimper")];
    let first = run("customers-1.csv", &rows);
    assert_eq!(ended(&first, "erp"), [("created".to_owned(), 2)]);
    assert_eq!(directory.written().lines().count(), 3);
    let nothing = passerelle(&["run", &directory.hub(), "--once", "--json"]).with(0).json();
    assert_eq!(ended(&nothing, "erp"), []);
    let changed = run("customers-2.csv", &[("1", "Martin", "Brest"), ("2", "Le Goff", "Quimper")]);
    assert_eq!(ended(&changed, "erp"), [("updated".to_owned(), 1), ("unchanged".to_owned(), 1)]);
    assert_eq!(changed["targets"][0]["delivered"], 1);
    assert!(directory.written().ends_with("Martin,,1 rue du Port,29000,Brest,FR\r\n"), "{}", directory.written());
}

#[test]
fn what_happened_can_be_asked_for() {
    let directory = Directory::new();
    let file = directory.write("customers-1.csv", customers(&[("C-1001", "Martin", "Rennes")]));
    directory.run(&["ingest", "erp", &file]).with(0);
    let story = directory.run(&["trace", "C-1001"]).with(0).out;
    let order = [
        "customer m1 \"Martin\", version 1, there",
        "created from erp, key C-1001, customers-1.csv line 2 (drop 1)",
        "delivered to crm",
    ];
    let places: Vec<usize> =
        order.iter().map(|part| story.find(part).unwrap_or_else(|| panic!("{part}: {story}"))).collect();
    assert!(places.is_sorted(), "{story}");
    let drop = directory.run(&["trace", "customers-1.csv", "--json"]).with(0).json();
    assert_eq!(drop[0]["drop"]["name"], "customers-1.csv");
    assert_eq!(drop[0]["journal"][0]["kind"], "created");
    let unknown = directory.run(&["trace", "nobody"]).with(2);
    assert!(unknown.err.contains("nothing carries \"nobody\"") && unknown.out.is_empty(), "{}", unknown.err);
    let listed = directory.run(&["customers", "list", "--json"]).with(0).json();
    assert_eq!(listed[0]["document"]["legal_name"], "Martin");
    let shown = directory.run(&["customers", "show", "C-1001", "--json"]).with(0).json();
    assert_eq!(shown[0]["sources"][0]["system"], "erp");
    assert_eq!(directory.run(&["customers", "show", "m77"]).with(2).out, "");
    for listing in [&["parked", "list"][..], &["tasks", "list"], &["rejects", "list"], &["waiting", "list"]] {
        let json = directory.run(&[listing, &["--json"]].concat()).with(0).json();
        assert_eq!(json, serde_json::json!([]), "{listing:?}");
    }
    let systems = directory.run(&["systems", "--json"]).with(0).json();
    assert_eq!(systems[0]["target"]["delivered"], 1);
    assert_eq!(systems[1]["streams"][0]["read"], 1);
    let schedules = directory.run(&["schedules", "--json"]).with(0).json();
    assert_eq!(schedules[0]["schedule"], "every 10 s");
    assert!(schedules[0]["last_run"].is_string() && schedules[0]["next_run"].is_string());
}

#[test]
fn listings_before_the_first_run_say_what_to_do() {
    let directory = Directory::new();
    let early = directory.run(&["parked", "list"]).with(3);
    assert!(early.err.contains("start the hub once"), "{}", early.err);
    directory.run(&["systems"]).with(0);
    let nowhere = passerelle(&["parked", "list", "--dir", "/nowhere"]).with(2);
    assert!(nowhere.err.contains("passerelle init DIR"), "{}", nowhere.err);
}

#[test]
fn a_paused_system_is_not_fed_until_it_is_resumed() {
    let directory = Directory::new();
    directory.run(&["systems", "pause", "crm"]).with(0);
    let file = directory.write("customers-1.csv", customers(&[("1", "Martin", "Rennes")]));
    directory.run(&["ingest", "erp", &file]).with(0);
    assert_eq!(directory.written(), "");
    let told = directory.run(&["systems"]).with(0).out;
    assert!(told.contains("paused (paused by an operator)"), "{told}");
    let once = passerelle(&["run", &directory.hub(), "--once"]).with(0);
    assert!(once.err.contains("paused or halted: crm"), "{}", once.err);
    directory.run(&["systems", "resume", "crm"]).with(0);
    assert_eq!(directory.written().lines().count(), 2);
    directory.run(&["systems", "pause", "crn"]).with(2);
}

#[test]
fn references_and_completions_are_printed() {
    let kinds = passerelle(&["connectors", "--json"]).with(0).json();
    let kinds: Vec<&str> = kinds.as_array().unwrap().iter().map(|kind| kind["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["csv-drop", "json-drop", "layout-drop", "rest-api", "xml-export"]);
    assert!(passerelle(&["connectors", "csv-drop"]).with(0).out.contains("`delimiter`"));
    assert!(passerelle(&["connectors", "csv"]).with(2).err.contains("there are csv-drop"));
    assert!(passerelle(&["completions", "bash"]).with(0).out.contains("complete"));
    let usage = passerelle(&["ingest"]).with(2);
    assert!(usage.err.contains("Usage"), "{}", usage.err);
    let directory = Directory::new();
    let mappings = directory.run(&["mapping", "list", "--json"]).with(0).json();
    assert!(
        mappings
            .as_array()
            .unwrap()
            .iter()
            .any(|mapping| mapping["mapping"] == "erp/customer" && mapping["from"] == "own")
    );
    assert!(directory.run(&["mapping", "show", "erp/customer"]).with(0).out.contains("addresses.main.city"));
    let file = directory.path("hub/mappings/erp/customer.toml").display().to_string();
    directory.run(&["mapping", "check", &file]).with(0);
    directory.edit("hub/mappings/erp/customer.toml", "legal_name", "legal_nmae");
    assert!(directory.run(&["mapping", "check", &file]).with(2).err.contains("did you mean \"legal_name\"?"));
}
