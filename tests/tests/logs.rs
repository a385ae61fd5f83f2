//! What the log tells, at its most talkative: nothing about anybody, and no secret.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use passerelle_tests::directory::{Directory, Ended, Stream, Subscription, System, command};
use passerelle_tests::server::{Manner, Server};

const CUSTOMER: &str = r#"
entity = "customer"
format = "csv"
key = "NO"

[fields]
legal_name = "NAME"
emails.main = "MAIL"
credit_limit = { at = "CREDIT", as = "money", currency = "EUR", decimal = "," }
"#;

const INVOICE: &str = r#"
entity = "invoice"
format = "csv"
key = "NUMBER"

[fields]
completeness = { value = "summary" }
type_code = { value = "380" }
currency = { value = "EUR" }
number = "NUMBER"
issue_date = { at = "DATE", as = "date" }
customer = "CUSTOMER"
buyer_reference = "NOTE"
totals.amount_with_vat = { at = "TOTAL", as = "amount" }
"#;

const CONTACT: &str = r#"
entity = "customer"
format = "json"
key = "id"

[fields]
legal_name = "name"
credit_limit = { at = "credit", as = "money", currency = "EUR" }
"#;

/// Stands in every value that a person would not want to read about himself in a log.
const PERSONAL: &str = "Zbigniew";

const PASSWORD: &str = "Tr0ub4dor";

/// The user name and password of the test, as an HTTP header carries them.
const CREDENTIALS: &str = "aHViOlRyMHViNGRvcg";

const CRM: &str = r#"
tenant = "acme"

[connector]
kind = "rest-api"
base_url = "http://ADDRESS"
timeout_ms = 2000
retries_max = 1
retry_wait_ms_max = 10
auth = { kind = "basic", username = "hub", password = { env = "CRM_PASSWORD" } }
[connector.streams.customers]
path = "/customers"
items = "data"
key = "id"
[connector.targets.customer]
key = "id"
create = { method = "POST", path = "/people" }
update = { method = "PUT", path = "/people/{key}" }

[streams.customers]
mapping = "crm/customer"
export = "full"
every = "1s"
[subscriptions.customer]
mapping = "crm/customer"
"#;

/// An ERP whose rows are good, unreadable, fatally wrong, or of an unknown customer; a ledger that cannot write a quote;
/// and a CRM that shows people and refuses what it is sent, in words that repeat it.
fn directory(crm: &Server) -> Directory {
    let settings = "delimiter = \";\"";
    let stream = |name, files, mapping| Stream { name, files, mapping, export: "delta", every: "1s", settings };
    let erp = [
        stream("customers", "in/customers*.csv", "erp/customer"),
        stream("invoices", "in/invoices*.csv", "erp/invoice"),
    ];
    let ledger = [Subscription { entity: "customer", folder: "out", mapping: "erp/customer" }];
    let systems = [
        System { name: "erp", kind: "csv-drop", streams: &erp, subscriptions: &[] },
        System { name: "ledger", kind: "csv-drop", streams: &[], subscriptions: &ledger },
    ];
    let mappings = [("erp/customer", CUSTOMER), ("erp/invoice", INVOICE), ("crm/customer", CONTACT)];
    let directory = Directory::of(&systems, &mappings);
    directory.write("systems/crm.toml", CRM.replace("ADDRESS", &crm.address.to_string()));
    let customers = format!(
        "NO;NAME;MAIL;CREDIT\n\
         C1;{PERSONAL};{PERSONAL}@example.org;100,00\n\
         C2;{PERSONAL} Two;{PERSONAL};{PERSONAL}\n\
         C3;\"{PERSONAL} \"Three;x;1,00\n\
         C4;{PERSONAL} Four;too;{PERSONAL};many;{PERSONAL}\n"
    );
    directory.write("in/customers-1.csv", customers);
    let invoices = format!(
        "NUMBER;DATE;CUSTOMER;NOTE;TOTAL\n\
         F1;2026-03-01;C1;For {PERSONAL};12.00\n\
         F2;{PERSONAL};C1;;12.00\n\
         F3;2026-03-01;C99;For {PERSONAL};12.00\n"
    );
    directory.write("in/invoices-1.csv", invoices);
    directory
}

/// A CRM that shows two people, one with a wrong amount, and takes nobody.
fn crm() -> Manner {
    let answer = |status: &str, body: String| {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
    };
    let people = format!(
        r#"{{"data":[{{"id":"7","name":"{PERSONAL} Seven","credit":1}},{{"id":"8","name":"{PERSONAL}","credit":"{PERSONAL}"}}]}}"#
    );
    Manner::Answer(Arc::new(move |path| match path {
        "/customers" => answer("200 OK", people.clone()),
        _ => answer("422 Unprocessable Content", format!(r#"{{"error":"{PERSONAL} is refused"}}"#)),
    }))
}

fn run(directory: &Directory, arguments: &[&str]) -> Ended {
    let output = command(directory.root(), arguments)
        .env("CRM_PASSWORD", PASSWORD)
        .env("PASSERELLE_LOG", "trace")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

#[track_caller]
fn is_discreet(text: &str) {
    for word in [PERSONAL, PASSWORD, CREDENTIALS] {
        let told = text.lines().find(|line| line.contains(word));
        assert!(told.is_none(), "{word} is told: {}", told.unwrap_or_default());
    }
}

#[test]
fn the_log_tells_nothing_about_anybody_and_no_secret() {
    let server = Server::start(crm());
    let directory = directory(&server);
    let ended = run(&directory, &["run", "--once", "--patience", "20s"]);
    for part in ["collect.saved", "resolve.committed", "deliver.finished"] {
        assert!(ended.err.contains(part), "the log is not at its most talkative: no {part} in {}", ended.err);
    }
    is_discreet(&ended.err);
    let listed = run(&directory, &["rejects", "list"]);
    assert!(listed.out.lines().count() >= 5, "{}", listed.out);
    is_discreet(&listed.out);
    is_discreet(&listed.err);
    let parked = run(&directory, &["parked", "list"]);
    assert!(parked.out.contains("crm"), "{}", parked.out);
    is_discreet(&parked.out);
    // Who decides something, and why, is nobody's business who reads a log.
    let closed = run(&directory, &["tasks", "close", "4711", "--reason", PERSONAL, "--by", PERSONAL]);
    assert!(closed.err.contains("a command to end tasks"), "{}", closed.err);
    is_discreet(&closed.err);
    // Who asks for one record is shown it: what is looked for was there.
    let shown = run(&directory, &["rejects", "show", "1"]);
    assert!(shown.out.contains(PERSONAL), "{}", shown.out);
}
