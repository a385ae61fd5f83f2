//! The subscriber over HTTP carries out a request once, and tells what it carried out.

use std::io::{Read, Write};
use std::net::TcpStream;

use passerelle_tests::checker::{Log, Portal};
use serde_json::{Value, json};
use tokio::task::block_in_place;

/// Sends a request and returns status and body.
fn ask(portal: &Portal, request: &str, idempotency_key: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let text = format!(
        "{request} HTTP/1.1\r\nhost: portal\r\nconnection: close\r\ncontent-type: application/json\r\n\
         idempotency-key: {idempotency_key}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = block_in_place(|| {
        let mut stream = TcpStream::connect(portal.address).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_has_one_effect() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("portal.jsonl");
    let portal = Portal::start(&log, None).await.unwrap();
    let first = json!({"external_id": "m1", "external_version": 1, "name": "Durand", "phone": null});
    let (status, created) = ask(&portal, "POST /customers", "a", &first);
    assert_eq!((status, &created["id"]), (201, &json!("1")));
    let (status, again) = ask(&portal, "POST /customers", "a", &first);
    assert_eq!((status, again, portal.repeated()), (201, created, 1));

    let second = json!({"external_id": "m1", "external_version": 2, "name": "Durand SA"});
    assert_eq!(ask(&portal, "PUT /customers/1", "b", &second).0, 200);
    assert_eq!(ask(&portal, "PUT /customers/1", "b", &second).0, 200);
    assert_eq!(ask(&portal, "PUT /customers/7", "c", &second).0, 404);
    assert_eq!(ask(&portal, "PUT /invoices/1", "d", &second).0, 404);
    let (_, found) = ask(&portal, "GET /customers?external_id=m1", "", &Value::Null);
    assert_eq!(found[0]["name"], "Durand SA");
    let (_, nothing) = ask(&portal, "GET /customers?external_id=m2", "", &Value::Null);
    assert_eq!(nothing, json!([]));
    assert_eq!(ask(&portal, "DELETE /customers/1", "e", &Value::Null).0, 204);
    assert_eq!(ask(&portal, "GET /customers/1", "", &Value::Null).0, 404);

    let effects: Vec<_> = Log::read(&log).unwrap().map(Result::unwrap).collect();
    let told: Vec<_> = effects.iter().map(|effect| (&*effect.key, &*effect.fields["name"], effect.removed)).collect();
    assert_eq!(told, [("1", "Durand", false), ("1", "Durand SA", false), ("1", "Durand SA", true)]);
    assert_eq!(effects[0].fields["phone"], "");
}
