//! The user's directory of a hub between the systems of a company and its subscribers.

use std::net::SocketAddr;

use crate::directory::Directory;

const TENANT: &str = "acme";

/// Each source: its name, its stream, the entity, and the lines of its mapping.
const SOURCES: [(&str, &str, &str, &str); 4] = [
    (
        "erp",
        "customers",
        "customer",
        "key = \"key\"\n[fields]\nlegal_name = \"name\"\naddresses.main.city = \"city\"\n",
    ),
    ("crm", "customers", "customer", "key = \"key\"\n[fields]\nemails.main = \"email\"\nphones.office = \"phone\"\n"),
    (
        "billing",
        "invoices",
        "invoice",
        "key = \"number\"\n[fields]\ncustomer = { at = \"client\", system = \"erp\" }\n",
    ),
    (
        "bank",
        "payments",
        "payment",
        "key = \"reference\"\n[fields]\ncustomer = { at = \"client\", system = \"crm\" }\n",
    ),
];

/// The lines that sources and subscribers share, by entity.
const COMMON: [(&str, &str); 3] = [
    ("customer", "identifiers.siren = \"siren\"\n"),
    (
        "invoice",
        r#"number = "number"
completeness = { value = "summary" }
type_code = { value = "380" }
currency = { value = "EUR" }
issue_date = "date"
due_date = "due"
totals.amount_with_vat = "total"
"#,
    ),
    (
        "payment",
        r#"account.iban = { value = "FR1420041010050500013M02606" }
direction = { value = "credit" }
references.account_servicer_reference = "reference"
booking_date = "date"
amount = { at = "amount", as = "money", currency = "EUR" }
remittance.unstructured = { at = "text", split = " / " }
"#,
    ),
];

/// The lines that subscribers have beside.
const FED: [(&str, &str); 3] = [
    (
        "customer",
        "legal_name = \"name\"\naddresses.main.city = \"city\"\nemails.main = \"email\"\nphones.office = \"phone\"\n",
    ),
    ("invoice", "customer = \"client\"\n"),
    ("payment", "customer = \"client\"\n"),
];

fn common(entity: &str) -> &'static str {
    COMMON.iter().find(|(name, _)| *name == entity).map_or("", |(_, lines)| lines)
}

/// Writes systems and mappings into a user's directory: `erp`, `crm`, `billing` and `bank` drop CSV files into
/// `SYSTEM/in`, `ledger` finds files `ENTITY-BATCH.csv` with its own key in the column `id` in `ledger/in`, and
/// `portal`, if there is one, is fed over HTTP. The file `passerelle.toml` stays as it is.
pub fn furnish(directory: &Directory, portal: Option<SocketAddr>) {
    for (system, stream, entity, lines) in SOURCES {
        std::fs::create_dir_all(directory.path(&format!("{system}/in"))).expect("a folder");
        let text = format!(
            r#"tenant = "{TENANT}"

[connector]
kind = "csv-drop"
[connector.streams.{stream}]
folder = "{system}/in"
files = "{stream}-*.csv"
settle_ms = 0

[streams.{stream}]
mapping = "{system}/{entity}"
export = "delta"
every = "200ms"
"#
        );
        directory.write(&format!("systems/{system}.toml"), text);
        let mapping = format!("entity = \"{entity}\"\nformat = \"csv\"\n{lines}{}", common(entity));
        directory.write(&format!("mappings/{system}/{entity}.toml"), mapping);
    }
    std::fs::create_dir_all(directory.path("ledger/in")).expect("a folder");
    subscribe(directory, "ledger", "csv", "kind = \"csv-drop\"\ngather = { age_ms_max = 200 }\n", |entity| {
        format!("folder = \"ledger/in\"\nfile = \"{entity}-{{batch}}.csv\"\n")
    });
    if let Some(address) = portal {
        let connector = format!("kind = \"rest-api\"\nbase_url = \"http://{address}\"\n");
        subscribe(directory, "portal", "json", &connector, |entity| {
            format!(
                r#"key = "id"
reference_field = "external_id"
version_field = "external_version"
idempotency_header = "Idempotency-Key"
create = {{ method = "POST", path = "/{entity}s" }}
update = {{ method = "PUT", path = "/{entity}s/{{key}}" }}
remove = {{ path = "/{entity}s/{{key}}" }}
[connector.targets.{entity}.lookup]
by_key = "/{entity}s/{{key}}"
by_reference = "/{entity}s"
query = {{ external_id = "{{reference}}" }}
"#
            )
        });
    }
}

/// Writes a subscriber's file and its mappings.
fn subscribe(directory: &Directory, system: &str, format: &str, connector: &str, target: impl Fn(&str) -> String) {
    let mut text = format!("tenant = \"{TENANT}\"\n\n[connector]\n{connector}");
    for (entity, _) in FED {
        text.push_str(&format!("\n[connector.targets.{entity}]\n{}", target(entity)));
    }
    for (entity, lines) in FED {
        text.push_str(&format!("\n[subscriptions.{entity}]\nmapping = \"{system}/{entity}\"\n"));
        let mapping =
            format!("entity = \"{entity}\"\nformat = \"{format}\"\nkey = \"id\"\n[fields]\n{lines}{}", common(entity));
        directory.write(&format!("mappings/{system}/{entity}.toml"), mapping);
    }
    directory.write(&format!("systems/{system}.toml"), text);
}
