//! `mapping infer`, `check`, `show` and `test`, from a sample file to a pack that is proved; no hub.

use crate::directory::{Directory, Ended, passerelle};

const SAMPLE: &str =
    "Code client;Raison sociale;Ville;Encours;Memo\nC1;Martin SA;Rennes;1 234,50;gold\nC2;Le Goff;Brest;12,00;\n";

fn mapping(directory: &Directory, arguments: &[&str]) -> Ended {
    directory.run(&[&["mapping"][..], arguments].concat())
}

/// A directory with a pack that was drafted from the sample, and the sample as its example.
fn drafted() -> Directory {
    let directory = Directory::new();
    let sample = directory.write("clients.csv", SAMPLE);
    let draft = passerelle(&["mapping", "infer", &sample, "--entity", "customer"]).with(0).out;
    directory.write("hub/mappings/drafted/customer.toml", draft);
    directory.write("hub/mappings/drafted/examples/customer.csv", SAMPLE);
    directory.write("hub/mappings/drafted/examples/stream.toml", "delimiter = \";\"\n");
    directory
}

#[test]
fn a_draft_compiles_and_reads_its_sample() {
    let directory = drafted();
    let file = directory.path("hub/mappings/drafted/customer.toml").display().to_string();
    mapping(&directory, &["check", &file]).with(0);
    let sample = directory.path("clients.csv").display().to_string();
    let read = directory.run(&["convert", "--from", "drafted/customer", "--no-unmapped", &sample]).with(0);
    let first: serde_json::Value = serde_json::from_str(read.out.lines().next().unwrap()).unwrap();
    let expected = serde_json::json!({
        "legal_name": "Martin SA",
        "addresses": [{"use": "main", "city": "Rennes"}],
        "credit_limit": {"amount": "1234.50", "currency": "EUR"},
    });
    assert_eq!(first, expected);
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let directory = Directory::new();
    let file = directory.write("clients.csv", "PK\u{3}\u{4}");
    let ended = passerelle(&["mapping", "infer", &file, "--entity", "customer"]).with(2);
    assert!(ended.err.contains("export it as text"), "{}", ended.err);
    assert!(ended.out.is_empty());
}

#[test]
fn a_pack_is_tested_by_what_its_examples_must_give() {
    let directory = drafted();
    let test = |arguments: &[&str]| mapping(&directory, &[&["test", "drafted"][..], arguments].concat());
    let without = test(&[]).with(1);
    assert!(without.out.contains("customer.json cannot be read"), "{}", without.out);
    test(&["--update"]).with(0);
    let sound = test(&[]).with(0);
    assert!(sound.out.starts_with("drafted/customer: sound; 1 example with 2 records, 100 documents made up"));
    let told = test(&["--json"]).with(0).json();
    assert_eq!(told[0]["untouched"]["columns"], serde_json::json!(["Memo"]));
    assert_eq!(told[0]["untouched"]["places"], serde_json::json!({"Memo": 1}));
    let fields = told[0]["untouched"]["fields"].as_array().unwrap();
    assert!(fields.contains(&"trading_name".into()) && !fields.contains(&"legal_name".into()), "{fields:?}");
    directory.edit("hub/mappings/drafted/customer.toml", "legal_name", "trading_name");
    let changed = test(&[]).with(1);
    assert!(changed.out.contains("it gives something else than customer.json says, at 1.document.legal_name"));
    directory.edit("hub/mappings/drafted/customer.toml", "trading_name", "trading_nmae");
    assert!(test(&[]).with(1).out.contains("it does not compile"));
}

#[test]
fn a_mapping_is_shown_with_values_of_its_examples() {
    let directory = drafted();
    let shown = mapping(&directory, &["show", "drafted/customer"]).with(0).out;
    let line = shown.lines().find(|line| line.starts_with("credit_limit.amount")).unwrap();
    let expected = ["<->  Encours", "decimals behind \",\", thousands parted by a space", "1234.50"];
    assert!(expected.iter().all(|part| line.contains(part)), "{line}");
    let told = mapping(&directory, &["show", "drafted/customer", "--json"]).with(0).json();
    assert_eq!(told["lines"][0]["field"], "legal_name");
    assert_eq!(told["lines"][0]["example"], "Martin SA");
}

#[test]
fn the_buyers_of_invoices_are_written_once_each() {
    let directory = Directory::new();
    let reading = "entity = \"invoice\"\nformat = \"csv\"\nkey = \"No\"\n[fields]\nnumber = \"No\"\n\
                   [embed.customer]\nkey = \"Client\"\n[embed.customer.fields]\nlegal_name = \"Nom\"\n";
    let writing = "entity = \"customer\"\nformat = \"csv\"\nkey = \"Id\"\n[fields]\nlegal_name = \"Name\"\n";
    directory.write("hub/mappings/bills/invoice.toml", reading);
    directory.write("hub/mappings/bills/customer.toml", writing);
    directory.write(
        "hub/mappings/bills/payment.toml",
        writing.replace("customer", "payment").replace("legal_name", "number"),
    );
    let file = directory.write("bills.csv", "No,Client,Nom\nF1,C1,Martin\nF2,C1,Martin\nF3,C2,Le Goff\n");
    let convert = |to: &str| directory.run(&["convert", "--no-unmapped", "--from", "bills/invoice", "--to", to, &file]);
    let ended = convert("bills/customer");
    assert_eq!(ended.out, "Id,Name\r\nC1,Martin\r\nC2,Le Goff\r\n", "{}", ended.err);
    let refused = convert("bills/payment").with(2);
    assert!(refused.err.contains("both must be for one entity"), "{}", refused.err);
}

#[test]
fn a_shipped_pack_is_copied_to_be_changed() {
    let directory = drafted();
    let copied = mapping(&directory, &["copy", "sage-100"]).with(0);
    assert!(
        copied.out.contains("system.example.toml") && copied.out.contains("systems/sage-100.toml"),
        "{}",
        copied.out
    );
    let listed = mapping(&directory, &["test", "sage-100"]).with(0);
    assert!(listed.out.contains("sage-100/customer: sound"), "{}", listed.out);
    let again = mapping(&directory, &["copy", "sage-100"]).with(2).err;
    assert!(again.contains("it is there already") && again.contains("cli.file"), "{again}");
    let wrong = mapping(&directory, &["copy", "sage-10"]).with(2).err;
    assert!(wrong.contains("did you mean \"sage-100\"?"), "{wrong}");
}
