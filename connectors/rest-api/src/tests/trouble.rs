//! Servers that are busy, broken, hostile or silent; credentials and who gets them.

use std::time::Duration;

use connector::{Fault, Ports};
use serde_json::{Value, json};

use super::open;
use super::server::{Server, Trick};

async fn read_once(server: &Server, more: Value) -> Result<usize, Fault> {
    let mut table = json!({"streams": {"customers": {"path": "/customers", "items": "data.items"}}});
    for (name, value) in more.as_object().unwrap() {
        table[name] = value.clone();
    }
    let mut ports: Ports = open(&server.url, table).await?;
    let batch = ports.sources.get_mut("customers").unwrap().read(None).await?;
    Ok(batch.map_or(0, |batch| batch.items.len()))
}

/// Reads once, and holds the fault against its kind and words: `retry`, `retry 120`, `halt`.
async fn check(more: Value, tricks: Vec<Trick>, expected: &str, words: &[&str]) {
    let server = Server::start().await;
    server.fill(1);
    server.crm().tricks.extend(tricks);
    let fault = read_once(&server, more).await.unwrap_err();
    let (kind, reason) = match fault {
        Fault::Retry { reason, after: Some(after) } => (format!("retry {}", after.as_secs()), reason),
        Fault::Retry { reason, after: None } => ("retry".to_owned(), reason),
        Fault::Halt { reason } => ("halt".to_owned(), reason),
    };
    assert_eq!(kind, expected, "{reason}");
    assert!(words.iter().all(|word| reason.contains(word)) && !reason.contains('\n'), "{reason}");
    assert!(!reason.contains("Dupont"), "{reason}");
}

#[tokio::test]
async fn a_busy_server_is_asked_again_and_then_left_alone() {
    let server = Server::start().await;
    server.fill(2);
    server.trick([Trick::busy(429, "0"), Trick::busy(503, ""), Trick::status(500)]);
    assert_eq!(read_once(&server, json!({})).await, Ok(2));
    assert_eq!(server.take_calls().len(), 4);
    check(json!({}), vec![Trick::busy(429, "120")], "retry 120", &["GET /api/customers", "429"]).await;
    check(json!({"retries_max": 1}), vec![Trick::busy(503, ""); 2], "retry", &["503"]).await;
    let dates = vec![
        ("retry-after", "Sun, 06 Nov 1994 08:51:37 GMT".to_owned()),
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
    ];
    let trick = Trick::Answer { status: 503, headers: dates, body: String::new() };
    check(json!({}), vec![trick], "retry 120", &["503"]).await;
}

#[tokio::test]
async fn answers_that_are_not_as_agreed() {
    let no_retry = || json!({"retries_max": 0});
    let html = "<html><body>Bonjour M. Dupont</body></html>";
    check(no_retry(), vec![Trick::body("text/html; charset=utf-8", html)], "retry", &["text/html", "JSON"]).await;
    let cut = r#"{"data": {"items": [{"name": "Dupont"#;
    check(no_retry(), vec![Trick::body("application/json", cut)], "retry", &["broken JSON", "line 1"]).await;
    let wrong = r#"{"data": {"items": {"name": "Dupont"}}}"#;
    check(no_retry(), vec![Trick::body("application/json", wrong)], "retry", &["data.items", "an object"]).await;
    let wrong = r#"{"customers": []}"#;
    check(no_retry(), vec![Trick::body("application/json", wrong)], "retry", &["has no \"data.items\""]).await;
    check(no_retry(), vec![Trick::body("application/json", "")], "retry", &["JSON"]).await;
    check(no_retry(), vec![Trick::status(404)], "halt", &["404", "path"]).await;
    check(no_retry(), vec![Trick::status(401)], "halt", &["401", "auth"]).await;
    check(no_retry(), vec![Trick::status(403)], "halt", &["403", "rights"]).await;
    check(no_retry(), vec![Trick::Drop], "retry", &["connection was lost"]).await;
    check(json!({"timeout_ms": 50}), vec![Trick::NeverAnswer], "retry", &["no whole answer in time"]).await;
    let large = format!(r#"{{"data": {{"items": ["{}"]}}}}"#, "x".repeat(2_000));
    let limited = json!({"body_bytes_max": 1_000});
    check(limited, vec![Trick::body("application/json", &large)], "halt", &["1000 bytes", "body_bytes_max"]).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_later() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let streams = json!({"streams": {"customers": {"path": "/customers"}}, "retries_max": 1});
    let mut ports = open(&format!("http://{address}"), streams).await.unwrap();
    let fault = ports.sources.get_mut("customers").unwrap().read(None).await.unwrap_err();
    assert!(matches!(&fault, Fault::Retry { reason, .. } if reason.contains("cannot connect")), "{fault:?}");
}

#[tokio::test]
async fn redirects_end_and_stay_at_home() {
    let server = Server::start().await;
    server.fill(2);
    server.trick([Trick::redirect(301, "/api/old"), Trick::redirect(307, "customers")]);
    assert_eq!(read_once(&server, json!({})).await, Ok(2));
    let calls = server.take_calls();
    assert_eq!(calls, ["GET /api/customers", "GET /api/old", "GET /api/customers"]);
    check(json!({}), vec![Trick::redirect(302, "/api/customers"); 9], "halt", &["more than 5 times"]).await;
    let elsewhere = Server::start().await;
    let location = format!("{}/customers", elsewhere.url);
    let token = token_file();
    let auth = json!({"auth": {"kind": "bearer", "token": {"file": token.path()}}});
    check(auth, vec![Trick::redirect(302, &location)], "halt", &["redirected to http://127.0.0.1:", "base_url"]).await;
    assert!(elsewhere.take_calls().is_empty());
}

#[tokio::test]
async fn a_next_link_to_another_host_is_not_followed() {
    let server = Server::start().await;
    let headers = vec![("link", "<https://elsewhere.example.com/customers?page=2>; rel=\"next\"".to_owned())];
    server.trick([Trick::Answer { status: 200, headers, body: "[]".to_owned() }]);
    let streams = json!({"streams": {"customers": {"path": "/customers", "paging": {"kind": "link"}}}});
    let mut ports = open(&server.url, streams).await.unwrap();
    let fault = ports.sources.get_mut("customers").unwrap().read(None).await.unwrap_err();
    assert!(matches!(&fault, Fault::Halt { reason } if reason.contains("https://elsewhere.example.com")), "{fault:?}");
}

fn token_file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret\n").unwrap();
    file
}

#[tokio::test]
async fn credentials_are_sent_as_the_api_wants_them() {
    let secret = token_file();
    let check = async |auth: Value, expected: &[Option<&str>]| {
        let server = Server::start().await;
        server.fill(1);
        assert_eq!(read_once(&server, json!({"auth": auth})).await, Ok(1));
        let seen = server.crm().credentials.clone();
        assert_eq!(seen.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
    };
    let file = json!({"file": secret.path()});
    check(json!({"kind": "none"}), &[None]).await;
    check(json!({"kind": "basic", "username": "hub", "password": file}), &[Some("Basic aHViOnMzY3JldA==")]).await;
    check(json!({"kind": "bearer", "token": file}), &[Some("Bearer s3cret")]).await;
    check(json!({"kind": "api_key_header", "header": "X-Api-Key", "key": file}), &[Some("s3cret")]).await;
    let oauth = json!({"kind": "oauth2", "token_url": "/token", "client_id": "hub", "client_secret": file});
    check(oauth, &[Some("Basic aHViOnMzY3JldA=="), Some("Bearer token-1")]).await;
}

#[tokio::test]
async fn a_token_is_kept_and_renewed_when_it_is_refused() {
    let server = Server::start().await;
    server.fill(7);
    let secret = token_file();
    let mut ports = open(
        &server.url,
        json!({
            "auth": {"kind": "oauth2", "token_url": "token", "client_id": "hub", "credentials_in": "body",
                     "client_secret": {"file": secret.path()}, "scope": "read"},
            "streams": {"customers": {"path": "/customers", "items": "data.items", "paging": {"kind": "link"}}},
        }),
    )
    .await
    .unwrap();
    let source = ports.sources.get_mut("customers").unwrap();
    // The first page with the first token; the second page refuses it once.
    server.trick([Trick::Pass, Trick::Pass, Trick::status(401)]);
    let first = source.read(None).await.unwrap().unwrap();
    let second = source.read(Some(&first.checkpoint)).await.unwrap().unwrap();
    source.read(Some(&second.checkpoint)).await.unwrap().unwrap();
    let paths: Vec<String> =
        server.take_calls().iter().map(|call| call.split('?').next().unwrap().to_owned()).collect();
    let list = "GET /api/customers";
    assert_eq!(paths, ["POST /api/token", list, list, "POST /api/token", list, list]);
    // A token that is refused at once is no reason to ask for tokens for ever.
    server.trick([Trick::status(401), Trick::Pass, Trick::status(401)]);
    let fault = source.read(None).await.unwrap_err();
    assert!(matches!(&fault, Fault::Halt { reason } if reason.contains("401")), "{fault:?}");
    // A token server that refuses us needs somebody.
    server.trick([Trick::status(401), Trick::status(400)]);
    let fault = source.read(None).await.unwrap_err();
    assert!(matches!(&fault, Fault::Halt { reason } if reason.contains("client_secret")), "{fault:?}");
}

#[tokio::test]
async fn requests_keep_their_pace() {
    let server = Server::start().await;
    server.fill(9);
    let streams = json!({"customers": {"path": "/customers", "items": "data.items", "paging": {"kind": "page"}}});
    let mut ports = open(&server.url, json!({"requests_per_second": 50, "streams": streams})).await.unwrap();
    let source = ports.sources.get_mut("customers").unwrap();
    let start = std::time::Instant::now();
    let mut checkpoint = None;
    while let Some(batch) = source.read(checkpoint.as_ref()).await.unwrap() {
        checkpoint = Some(batch.checkpoint);
    }
    let calls = u32::try_from(server.take_calls().len()).unwrap();
    assert!(calls >= 4 && start.elapsed() >= Duration::from_millis(20) * (calls - 1), "{calls}");
}

#[tokio::test]
async fn configurations_that_cannot_work_are_named() {
    let check = async |more: Value, words: &str| {
        let Err(Fault::Halt { reason }) = open("http://127.0.0.1:1/api", more).await.map(|_| ()) else {
            panic!("{words}");
        };
        assert!(reason.contains(words), "{reason}");
    };
    check(json!({"base_url": "ftp://x"}), "base_url: must start with").await;
    check(json!({"base_url": "https://user:s3cret@crm.example.com"}), "use [connector.auth]").await;
    check(json!({"timeout_ms": 0}), "timeout_ms: 0 is not between 1 and 600000").await;
    check(json!({"base_ulr": "x"}), "unknown field `base_ulr`").await;
    check(json!({"streams": {"a": {"path": "/a", "pagin": {}}}}), "streams.a").await;
    check(json!({"streams": {"a": {"path": "/a/{key}"}}}), "nothing fills {key}").await;
    let since = json!({"parameter": "since", "field": "at", "format": "iso"});
    check(json!({"streams": {"a": {"path": "/a", "since": since}}}), "streams.a.since.format").await;
    check(json!({"auth": {"kind": "bearer", "token": {"env": "PASSERELLE_TEST_NOT_SET"}}}), "PASSERELLE_TEST_NOT_SET")
        .await;
    check(json!({"auth": {"kind": "bearer", "tokn": {"env": "X"}}}), "tokn").await;
    check(json!({"root_certificate_file": "missing.pem"}), "missing.pem").await;
    let target = |more: Value| {
        let mut target = json!({"key": "id"});
        more.as_object().unwrap().iter().for_each(|(name, value)| target[name] = value.clone());
        json!({"targets": {"customer": target}})
    };
    check(target(json!({})), "there is nothing to do").await;
    check(target(json!({"update": {"method": "PUT", "path": "/customers"}})), "must name one resource").await;
    check(target(json!({"create": {"method": "DELETE", "path": "/customers"}})), "cannot be DELETE").await;
    let create = json!({"method": "POST", "path": "/customers"});
    let lookup = json!({"by_reference": "/customers", "query": {"external_id": "{reference}"}});
    check(target(json!({"create": create, "lookup": lookup})), "needs reference_field").await;
    let lookup = json!({"by_reference": "/customers"});
    check(target(json!({"create": create, "lookup": lookup, "reference_field": "r"})), "{reference} must stand").await;
    check(json!({"targets": {"Customer": {"key": "id", "create": create}}}), "targets.Customer").await;
}
