//! Where each value of a customer comes from, and what other rules would change.

use crate::directory::{Directory, passerelle};

const HEAD: &str = "NO;NAME;SIRET;STREET;ZIP;CITY;COUNTRY;CREDIT;BLOCKED\n";

/// A hub whose ERP and shop know the same company, and the shop one more.
fn two_systems() -> Directory {
    let directory = Directory::new();
    let erp = std::fs::read_to_string(directory.path("hub/systems/erp.toml")).unwrap();
    directory.write("hub/systems/shop.toml", erp.replace("in/erp", "in/shop"));
    directory.edit("hub/passerelle.toml", "[\"erp\", \"crm\"]", "[\"erp\", \"crm\", \"shop\"]");
    let row = |text: &str| format!("{HEAD}{text}");
    let file = directory
        .write("customers-erp.csv", row("C-1001;Durand SA;55210055400013;1 rue A;29000;Quimper;FR;1 000,00;0\n"));
    directory.run(&["ingest", "erp", &file]).with(0);
    let shop = "77;DURAND;55210055400013;2 rue B;35000;Rennes;FR;;0\n78;Durand SA;;3 rue C;35000;Rennes;FR;;0\n";
    let file = directory.write("customers-shop.csv", row(shop));
    directory.run(&["ingest", "shop", &file]).with(0);
    directory
}

/// The line of a table that begins with this, with single blanks.
#[track_caller]
fn line<'t>(text: &'t str, beginning: &str) -> String {
    let found = text.lines().find(|line| line.starts_with(beginning));
    let found: &'t str = found.unwrap_or_else(|| panic!("{beginning}: {text}"));
    found.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_value_tells_where_it_comes_from() {
    let directory = two_systems();
    let told = directory.run(&["customers", "why", "C-1001"]).with(0);
    assert_eq!(told.err, "");
    assert!(told.out.starts_with("customer m1 \"Durand SA\", version "), "{}", told.out);
    assert!(line(&told.out, "legal_name").starts_with("legal_name Durand SA erp C-1001 its system is trusted more 20"));
    let address = line(&told.out, "addresses.main");
    assert!(address.starts_with("addresses.main 1 rue A, 29000, Quimper, FR erp C-1001 its system"), "{address}");
    assert!(line(&told.out, "credit_limit").contains("1000.00 EUR erp C-1001 nobody else has a say"), "{}", told.out);
    assert!(line(&told.out, "status").contains("; the same in shop 77"), "{}", told.out);
    let behind = told.out.lines().any(|line| line.contains("DURAND") && line.contains("behind: less trusted"));
    assert!(behind, "{}", told.out);

    let json = directory.run(&["customers", "why", "m1", "--json"]).with(0).json();
    assert_eq!(json["is_current"], true);
    let unit = &json["units"].as_array().unwrap().iter().find(|unit| unit["unit"] == "legal_name").unwrap();
    assert_eq!((&unit["value"], &unit["decided_by"]), (&"Durand SA".into(), &"trust".into()));
    assert_eq!((&unit["losers"][0]["value"], &unit["losers"][0]["lost_by"]), (&"DURAND".into(), &"trust".into()));
}

#[test]
fn other_rules_are_tried_out_before_they_are_in_force() {
    let directory = two_systems();
    let why = |rules: &str, more: &[&str]| {
        let file = directory.write("new-rules.toml", rules);
        directory.run(&[&["customers", "why", "m1", "--rules", &file], more].concat())
    };
    let newest = "[survivorship.legal_name]\nby = [\"newest\"]\n";
    let told = why(newest, &[]).with(1);
    assert!(line(&told.out, "legal_name").starts_with("legal_name Durand SA DURAND shop 77 it is the newest 20"));
    assert!(!told.out.contains("addresses.main"), "{}", told.out);
    let json = why(newest, &["--json"]).with(1).json();
    assert_eq!(json["differences"].as_array().map(Vec::len), Some(1), "{json}");
    assert_eq!(json["differences"][0]["before"]["value"], "Durand SA");
    assert_eq!(json["differences"][0]["after"]["decided_by"], "newest");

    let same = why("[survivorship.legal_name]\nby = [\"trust\"]\n", &[]).with(0);
    assert!(same.out.contains("these rules change nothing"), "{}", same.out);
    assert_eq!(why("[survivorship]\n", &["--json"]).with(0).json()["differences"], serde_json::json!([]));
    let wrong = why("[survivorship.legal_nmae]\nby = [\"newest\"]\n", &[]).with(2);
    assert!(wrong.err.contains("did you mean \"legal_name\"?") && wrong.out.is_empty(), "{}", wrong.err);
    let missing = directory.run(&["customers", "why", "m1", "--rules", "nowhere.toml"]).with(2);
    assert!(missing.err.contains("nowhere.toml"), "{}", missing.err);

    // In force, the rules count from the next observation on.
    let table = "[tenants.acme.survivorship.legal_name]\nby = [\"newest\"]\n[tenants.acme.trust]";
    directory.edit("hub/passerelle.toml", "[tenants.acme.trust]", table);
    let early = directory.run(&["customers", "why", "m1"]).with(0);
    assert!(early.err.contains("made by other rules"), "{}", early.err);
    let shop = format!("{HEAD}77;Durand;55210055400013;2 rue B;35000;Rennes;FR;;0\n");
    let file = directory.write("customers-shop-2.csv", shop);
    directory.run(&["ingest", "shop", &file]).with(0);
    let late = directory.run(&["customers", "why", "m1"]).with(0);
    assert_eq!(late.err, "");
    assert!(line(&late.out, "legal_name").starts_with("legal_name Durand shop 77 it is the newest 20"), "{}", late.out);
}

#[test]
fn a_customer_that_is_not_one_is_refused() {
    let directory = two_systems();
    let several = directory.run(&["customers", "why", "Durand SA"]).with(2);
    assert!(
        several.err.contains("is of several customers: m1, m") && several.err.contains("[cli.several]"),
        "{}",
        several.err
    );
    let nobody = directory.run(&["customers", "why", "m77"]).with(2);
    assert!(nobody.err.contains("there is no customer \"m77\"") && nobody.out.is_empty(), "{}", nobody.err);
    let help = passerelle(&["customers", "why", "--help"]).with(0);
    assert!(help.out.contains("passerelle customers why C-1001 --rules new-rules.toml"), "{}", help.out);
}
