//! The hub that the bad input is for: a CSV and an XML system that are read, and a ledger that is fed.

use passerelle_tests::directory::Directory;
use serde_json::Value;

const CSV_MAPPING: &str = r#"
entity = "customer"
format = "csv"
key = "NO"

[fields]
legal_name = "NAME"
addresses.main.city = "CITY"
credit_limit = { at = "CREDIT", as = "money", currency = "EUR", decimal = "," }
"#;

const XML_MAPPING: &str = r#"
entity = "customer"
format = "xml"
record = "/customers/customer"
key = "@no"

[fields]
legal_name = "name"
addresses.main.city = "city"
"#;

const LEDGER_MAPPING: &str = r#"
entity = "customer"
format = "csv"
key = "ACCOUNT"

[fields]
legal_name = "NAME"
addresses.main.city = "CITY"
"#;

const ERP: &str = r#"
tenant = "acme"

[connector]
kind = "csv-drop"
[connector.streams.customers]
folder = "in/erp"
files = "customers*.csv"
delimiter = ";"
settle_ms = 0
record_bytes_max = 65536

[streams.customers]
mapping = "erp/customer"
export = "delta"
every = "1s"
"#;

const SHOP: &str = r#"
tenant = "acme"

[connector]
kind = "xml-export"
[connector.streams.customers]
folder = "in/shop"
settle_ms = 0

[streams.customers]
mapping = "shop/customer"
export = "delta"
every = "1s"
"#;

const LEDGER: &str = r#"
tenant = "acme"

[connector]
kind = "csv-drop"
[connector.gather]
age_ms_max = 20
[connector.targets.customer]
folder = "out/ledger"
file = "customers-{batch}.csv"

[subscriptions.customer]
mapping = "ledger/customer"
"#;

/// The files of the user's directory.
pub const FILES: [(&str, &str); 7] = [
    ("passerelle.toml", ""),
    ("systems/erp.toml", ERP),
    ("systems/shop.toml", SHOP),
    ("systems/ledger.toml", LEDGER),
    ("mappings/erp/customer.toml", CSV_MAPPING),
    ("mappings/shop/customer.toml", XML_MAPPING),
    ("mappings/ledger/customer.toml", LEDGER_MAPPING),
];

/// A user's directory whose folders are there and empty.
pub fn directory() -> Directory {
    let directory = Directory::new(&FILES);
    for folder in ["in/erp", "in/shop"] {
        std::fs::create_dir_all(directory.path(folder)).unwrap();
    }
    directory
}

/// A good customers file of the ERP with one customer.
pub fn customers(number: &str, name: &str) -> String {
    format!("NO;NAME;CITY;CREDIT\n{number};{name};Rennes;100,00\n")
}

/// The names of all customers that the ledger was fed, in alphabetical order; one that was fed twice stands here twice.
pub fn fed(directory: &Directory) -> Vec<String> {
    let mut names = directory.column("out/ledger", "NAME");
    names.sort();
    names
}

/// How many records of a system ended in an outcome, over all its streams; the accounting must add up.
#[track_caller]
pub fn ended(accounting: &Value, system: &str, outcome: &str) -> i64 {
    let streams = accounting["streams"].as_array().unwrap();
    let streams = streams.iter().filter(|stream| stream["system"] == system);
    streams
        .map(|stream| {
            assert_eq!(stream["adds_up"], true, "{accounting}");
            stream["ended"][outcome].as_i64().unwrap_or_default()
        })
        .sum()
}
