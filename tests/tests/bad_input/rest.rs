//! REST servers with bad manners: the others are fed meanwhile, and everything comes once the server behaves.

use std::sync::Arc;

use passerelle_tests::directory::Directory;
use passerelle_tests::server::{Manner, Server};

use crate::hub::{customers, directory, ended, fed};

const MAPPING: &str = r#"
entity = "customer"
format = "json"
key = "id"

[fields]
legal_name = "name"
addresses.main.city = "city"
"#;

/// A directory with a CRM behind this server beside the others.
fn with_crm(server: &Server) -> Directory {
    let directory = directory();
    directory.write("mappings/crm/customer.toml", MAPPING);
    let system = format!(
        r#"
tenant = "acme"

[connector]
kind = "rest-api"
base_url = "http://{}"
timeout_ms = 300
retries_max = 1
retry_wait_ms_max = 10
[connector.streams.customers]
path = "/customers"
items = "data"
key = "id"

[streams.customers]
mapping = "crm/customer"
export = "full"
every = "1s"
"#,
        server.address
    );
    directory.write("systems/crm.toml", system);
    directory
}

/// The CRM's two customers.
fn good() -> Manner {
    Manner::json(r#"{"data":[{"id":"1","name":"Martin","city":"Rennes"},{"id":"2","name":"Le Goff","city":"Brest"}]}"#)
}

/// A server that gives nothing usable: the message has these parts, and the exit code is this one.
#[track_caller]
fn check(manner: Manner, code: i32, parts: &[&str]) {
    let server = Server::start(manner);
    let directory = with_crm(&server);
    directory.write("in/erp/customers-1.csv", customers("900", "Beside"));
    directory.run(&["run", "--once"]).with(code).tells(&[&["crm/customers"], parts].concat());
    assert_eq!(fed(&directory), ["Beside"]);
    directory.run(&["collect", "crm"]).with(code).tells(parts);
    let store = std::fs::read_dir(directory.path("in/erp/archive")).unwrap().count();
    assert_eq!(store, 1, "the good file was read");
    server.behave(good());
    let accounting = directory.run(&["run", "--once", "--json"]).with(0).json();
    assert_eq!(ended(&accounting, "crm", "created"), 2, "{accounting}");
    assert_eq!(fed(&directory), ["Beside", "Le Goff", "Martin"]);
}

#[test]
fn a_server_that_answers_html() {
    let page = "<!doctype html><title>Please sign in</title>";
    check(
        Manner::body("text/html; charset=utf-8", page),
        3,
        &["/customers", "text/html instead of JSON", "login page", "[system.unreachable]"],
    );
    // A page that calls itself JSON is none all the same.
    check(Manner::json(page), 3, &["/customers", "JSON", "[system.unreachable]"]);
}

#[test]
fn json_of_the_wrong_shape() {
    check(
        Manner::json(r#"{"items":[{"id":"1"}]}"#),
        3,
        &["the answer has no \"data\"", "items", "[system.unreachable]"],
    );
    check(Manner::json("[1,2,3]"), 3, &["\"data\"", "[system.unreachable]"]);
    check(Manner::json(r#"{"data":{"id":"1"}}"#), 3, &["\"data\"", "[system.unreachable]"]);
    check(Manner::json(r#"{"data":[{"id":"1","#), 3, &["/customers", "JSON"]);
}

#[test]
fn redirects_in_a_loop() {
    check(Manner::redirects(), 2, &["redirected more than 5 times", "base_url", "[system.halted]"]);
}

#[test]
fn a_server_that_never_answers() {
    check(Manner::Silent, 3, &["/customers", "no whole answer in time", "timeout_ms", "[system.unreachable]"]);
}

#[test]
fn a_server_that_is_not_there() {
    let server = Server::start(good());
    let directory = with_crm(&server);
    drop(server);
    directory.write("in/erp/customers-1.csv", customers("900", "Beside"));
    directory.run(&["run", "--once"]).with(3).tells(&["crm/customers", "[system.unreachable]"]);
    assert_eq!(fed(&directory), ["Beside"]);
}

#[test]
fn items_that_are_no_records_are_rejected_and_the_others_are_read() {
    let server = Server::start(Manner::json(
        r#"{"data":[{"id":"1","name":"Martin"},"two",{"name":"no key"},{"id":"4","name":{"first":"a"}},{"id":"5","name":"Dubois"}]}"#,
    ));
    let directory = with_crm(&server);
    let accounting = directory.run(&["run", "--once", "--json"]).with(1).json();
    assert_eq!(ended(&accounting, "crm", "created"), 2, "{accounting}");
    assert_eq!(ended(&accounting, "crm", "rejected"), 3, "{accounting}");
    assert_eq!(fed(&directory), ["Dubois", "Martin"]);
    let listed = directory.run(&["rejects", "list", "--json"]).with(0).json();
    let mut codes: Vec<&str> =
        listed.as_array().unwrap().iter().map(|reject| reject["code"].as_str().unwrap()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["mapping.key", "mapping.structure", "rest.item-not-object"]);
}

#[test]
fn a_server_that_fails_between_two_pages_loses_nothing() {
    let page = |number: u64| {
        let next = if number < 3 { format!("\"/customers?page={}\"", number + 1) } else { "null".to_owned() };
        format!(r#"{{"data":[{{"id":"{number}","name":"Client {number}"}}],"links":{{"next":{next}}}}}"#)
    };
    let number = |path: &str| path.split_once("page=").and_then(|(_, number)| number.parse().ok()).unwrap_or(1);
    let respond = move |path: &str, until: u64| {
        let (status, body) = match number(path) {
            number if number > until => ("503 Service Unavailable", String::new()),
            number => ("200 OK", page(number)),
        };
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
    };
    let until = |until: u64| Manner::Answer(Arc::new(move |path: &str| respond(path, until)));
    let server = Server::start(until(2));
    let directory = with_crm(&server);
    let system = std::fs::read_to_string(directory.path("systems/crm.toml")).unwrap();
    let paging = "key = \"id\"\npaging = { kind = \"link\", next = \"links.next\" }";
    directory.write("systems/crm.toml", system.replacen("key = \"id\"", paging, 1));
    directory.run(&["run", "--once"]).with(3).tells(&["503", "[system.unreachable]"]);
    assert_eq!(fed(&directory), ["Client 1", "Client 2"]);
    server.behave(until(3));
    directory.run(&["run", "--once"]).with(0);
    assert_eq!(fed(&directory), ["Client 1", "Client 2", "Client 3"]);
}
