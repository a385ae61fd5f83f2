//! The console, asked over HTTP.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use console::{Readiness, SystemView};
use store::{Command, Decision};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

#[path = "support/client.rs"]
mod client;
#[path = "support/company.rs"]
mod company;
#[path = "support/fake.rs"]
mod fake;
#[path = "support/html.rs"]
mod html;

use client::{get, open, read_until, search, send};
use html::{assert_well_formed, links};

/// A console that answers, and what moves it.
struct Running {
    port: u16,
    store: Arc<fake::Fake>,
    hub: Arc<company::Hub>,
    readiness: watch::Sender<Readiness>,
    shutdown: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
}

async fn start_with(systems: Vec<SystemView>, limit: impl FnOnce(&mut console::Limits)) -> Running {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let store = Arc::new(fake::Fake::new());
    let hub = Arc::new(company::Hub::default());
    let (mut console, readiness) = company::console(store.clone(), systems, hub.clone());
    console.limits.sample_every = Duration::from_millis(20);
    limit(&mut console.limits);
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(console::serve(listener, console, shutdown.clone()));
    Running { port, store, hub, readiness, shutdown, served }
}

async fn start() -> Running {
    start_with(company::systems(), |_| {}).await
}

#[tokio::test]
async fn probes_tell_life_and_readiness() {
    let hub = start().await;
    assert_eq!(get(hub.port, "/healthz").await.status, 200);
    assert_eq!(get(hub.port, "/readyz").await.status, 200);
    hub.readiness.send_replace(Readiness::NotReady("the bus does not answer".into()));
    let answer = get(hub.port, "/readyz").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "the bus does not answer\n"));
    assert_eq!(get(hub.port, "/healthz").await.status, 200);
}

#[tokio::test]
async fn a_bus_that_takes_no_messages_is_told_everywhere_and_is_no_reason_to_be_unready() {
    const REASON: &str = "low on memory";
    let hub = start().await;
    for (blocked, gauge) in [(None, "0"), (Some(REASON), "1")] {
        hub.hub.block(blocked);
        let told = blocked.is_some();
        assert_eq!(get(hub.port, "/").await.body.contains(REASON), told);
        let ready = get(hub.port, "/readyz").await;
        assert_eq!((ready.status, ready.body.contains(REASON)), (200, told), "{}", ready.body);
        let metrics = get(hub.port, "/metrics").await.body;
        assert!(metrics.contains(&format!("\npasserelle_bus_blocked {gauge}\n")), "{metrics}");
        let flow: serde_json::Value = serde_json::from_str(&get(hub.port, "/api/flow").await.body).unwrap();
        assert_eq!(flow["bus_blocked"].as_str(), blocked);
    }
}

#[tokio::test]
async fn workers_and_their_shares_are_shown_and_no_system_of_another_tenant() {
    let hub = start().await;
    let page = get(hub.port, "/").await.body;
    for told in ["hub-1-42-0a1b", "hub-2-17-9f3c", "0, 2", "nobody", "warehouse"] {
        assert!(page.contains(told), "{told}");
    }
    let flow = |body: &str| -> serde_json::Value { serde_json::from_str(body).unwrap() };
    let shown = flow(&get(hub.port, "/api/flow").await.body);
    assert_eq!(shown["workers"][1]["works"][1], "delivery/crm");
    assert_eq!(shown["idle"][0], "delivery/warehouse");
    let metrics = get(hub.port, "/metrics").await.body;
    assert!(
        metrics.contains("\npasserelle_workers 2\n") && metrics.contains("\npasserelle_work_idle 1\n"),
        "{metrics}"
    );

    let mut systems = company::systems();
    let other = systems.iter_mut().find(|system| *system.name == *"warehouse").unwrap();
    other.tenant = "elsewhere".into();
    other.subscriptions.iter_mut().for_each(|fed| fed.tenant = "elsewhere".into());
    let several = start_with(systems, |_| {}).await;
    let shown = flow(&get(several.port, &format!("/api/flow?tenant={}", fake::TENANT)).await.body);
    assert_eq!(
        (shown["idle"].as_array().map(Vec::len), shown["workers"][0]["works"].as_array().map(Vec::len)),
        (Some(0), Some(4))
    );
}

#[tokio::test]
async fn only_this_machine_is_answered() {
    let hub = start().await;
    let port = hub.port;
    let check = async |host: &str, expected: u16| {
        for path in ["/", "/metrics", "/events", "/api/flow", "/assets/console.css"] {
            let answer = send(port, &format!("GET {path} HTTP/1.1\r\n{host}Connection: close\r\n\r\n")).await;
            assert_eq!(answer.status, expected, "{path} with {host:?}");
        }
    };
    check("Host: evil.example\r\n", 421).await;
    check(&format!("Host: localhost.evil.example:{port}\r\n"), 421).await;
    check("Host: 192.0.2.7\r\n", 421).await;
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
        assert_eq!(send(port, &request).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn browsers_are_told_to_be_strict() {
    let hub = start().await;
    for path in ["/", "/nowhere", "/api/flow", "/assets/console.js"] {
        let answer = get(hub.port, path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("set-cookie"), None, "{path}");
    }
    assert_eq!(get(hub.port, "/masters/m12").await.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn every_link_of_every_page_leads_somewhere() {
    let hub = start().await;
    let mut known = BTreeSet::new();
    let mut next = VecDeque::from(["/".to_owned()]);
    while let Some(path) = next.pop_front() {
        assert!(path.starts_with('/'), "{path} leads out of the console");
        if path == "/events" || !known.insert(path.clone()) {
            continue;
        }
        let answer = get(hub.port, &path).await;
        // Drops that the retention has purged are still named by the journal.
        let purged = ["/drops/38", "/drops/40"].contains(&path.as_str());
        assert_eq!(answer.status, if purged { 404 } else { 200 }, "{path}");
        if answer.header("content-type").unwrap().starts_with("text/html") {
            assert_well_formed(&answer.body, &path);
            next.extend(links(&answer.body));
        }
    }
    for path in ["/masters/m12", "/masters/m42", "/drops/42", "/parked/12", "/waiting", "/rejects", "/tasks", "/search"]
    {
        assert!(known.contains(path), "nothing leads to {path}");
    }
}

#[tokio::test]
async fn a_search_leads_to_the_story() {
    let hub = start().await;
    let check = async |text: &str, expected: &str| {
        let answer = search(hub.port, "/search", text).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some(expected)), "{text}");
    };
    check("F-2026-0042", "/masters/m42").await;
    check(" f-2026-0042 ", "/masters/m42").await;
    check("411DUPON", "/masters/m12").await;
    check("verrerie", "/masters/m12").await;
    check("clients-2026-11-21.csv", "/drops/42").await;
    check("C-4030", "/drops/42#reject-8").await;
    check("F-2026-0051", "/waiting#waiting-21").await;

    let several = search(hub.port, "/search", "f-2026").await;
    assert_eq!(several.status, 200);
    assert!(links(&several.body).contains(&"/masters/m43".to_owned()));
    let none = search(hub.port, "/search", "<script>alert(1)</script>").await;
    assert_eq!(none.status, 200);
    assert!(none.body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_well_formed(&none.body, "a search for a script");
    let long = search(hub.port, "/search", &"x".repeat(201)).await;
    assert_eq!(long.status, 400);
    assert!(long.body.contains("200 characters"));
    assert_eq!(get(hub.port, "/search?q=F-2026-0042").await.header("location"), Some("/masters/m42"));
}

#[tokio::test]
async fn a_story_shows_every_side() {
    let hub = start().await;
    let page = get(hub.port, "/masters/m12").await.body;
    // Escaped, and in a cell of its own because it differs from the master.
    assert!(page.contains("DUPONT &amp; FILS &lt;Verrerie&gt;</td>"));
    for wanted in
        ["C-1030", "a-77", "411DUPON", "clients-2026-11-21.csv", "line 1031", "version 8700 of 9001", "by siren"]
    {
        assert!(page.contains(wanted), "{wanted}");
    }
    assert!(links(&page).contains(&"/masters/m42".to_owned()), "its invoices are a link away");
    assert!(page.contains("F-2026-0042") && page.contains("What belongs to it"));
    let invoice = get(hub.port, "/masters/m42").await.body;
    assert!(!invoice.contains("What belongs to it"), "only customers have documents");
    assert!(invoice.contains("the period 2026-10 is closed for postings"));
    assert!(links(&invoice).contains(&"/parked/12".to_owned()), "what is parked of it is a link away");
    for (path, status) in [
        ("/masters/m999", 404),
        ("/masters/12", 400),
        ("/drops/x", 400),
        ("/drops/7", 404),
        ("/parked/99", 404),
        ("/nowhere", 404),
    ] {
        let answer = get(hub.port, path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_well_formed(&answer.body, path);
    }
}

#[tokio::test]
async fn addresses_hold_no_personal_data() {
    let hub = start().await;
    for path in ["/", "/masters", "/masters/m12", "/rejects", "/parked/12", "/drops/42"] {
        let page = get(hub.port, path).await.body;
        for link in links(&page) {
            let lower = link.to_lowercase();
            assert!(
                !lower.contains("dupont") && !lower.contains('@') && !lower.contains("7328"),
                "{path} links to {link}"
            );
        }
        assert!(!page.contains("method=\"get\""), "{path}: a search must not end up in an address");
    }
}

#[tokio::test]
async fn the_api_tells_the_same_as_json() {
    let hub = start().await;
    let check = async |path: &str, pointer: &str, expected: serde_json::Value| {
        let answer = get(hub.port, path).await;
        assert_eq!(answer.status, 200, "{path}");
        let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(json.pointer(pointer), Some(&expected), "{path}{pointer} in {json:#}");
    };
    check("/api/flow", "/sources/0/system", "erp".into()).await;
    check("/api/flow", "/counts/parked", 2.into()).await;
    check("/api/search?q=F-2026-0042", "/0/master_id", "m42".into()).await;
    check("/api/masters/m12", "/sources/1/document/legal_name", "Verrerie Dupont & Fils".into()).await;
    check("/api/masters/m12", "/documents/0/title", "F-2026-0042".into()).await;
    check("/api/masters/m42", "/documents", serde_json::json!([])).await;
    check("/api/masters/m12/why", "/units/1/unit", "trading_name".into()).await;
    check("/api/masters/m12/why", "/units/1/decided_by", "only".into()).await;
    check("/api/masters/m12/why", "/units/0/winner/system", "crm".into()).await;
    check("/api/masters/m12/why", "/units/0/losers/0/lost_by", "newest".into()).await;
    check("/api/masters/m12/why", "/is_current", false.into()).await;
    check("/api/masters?entity=invoice", "/0/master_id", "m42".into()).await;
    check("/api/masters?customer=m12", "/0/master_id", "m42".into()).await;
    check("/api/masters?customer=m42", "", serde_json::json!([])).await;
    check("/api/drops/42", "/rejects/0/code", "csv.ragged-row".into()).await;
    check("/api/drops?system=bank", "/0/duplicate_of", 41.into()).await;
    check("/api/rejects", "/0/line", 8812.into()).await;
    check("/api/parked", "/0/code", "delivery.rejected".into()).await;
    check("/api/parked/12", "/1/number", 13.into()).await;
    check("/api/waiting", "/0/needs_key", "C-9921".into()).await;
    check("/api/tasks", "/0/code", "delivery.unknown".into()).await;
    check("/api/tasks?code=delivery.unknown", "/0/rank", 0.into()).await;
    check("/api/tasks?code=other", "", serde_json::json!([])).await;
    check("/api/tasks?closed=true", "", serde_json::json!([])).await;
    check("/api/tasks?place=0:3", "", serde_json::json!([])).await;
    check("/api/tasks/3", "/detail/batch", "b-77".into()).await;
    for (path, status) in [
        ("/api/masters/x", 400),
        ("/api/masters/m9", 404),
        ("/api/masters/m9/why", 404),
        ("/api/masters/m42/why", 400),
        ("/api/nowhere", 404),
        ("/api/flow?tenant=other", 404),
        ("/api/masters?entity=No", 400),
        ("/api/masters?customer=12", 400),
        ("/api/tasks/4", 404),
        ("/api/tasks/x", 400),
        ("/api/tasks?place=3", 400),
        ("/api/tasks?closed=perhaps", 400),
    ] {
        let answer = get(hub.port, path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert!(json["error"].is_string() && json["remedy"].is_string(), "{path}: {json}");
        assert_eq!((&json["title"], &json["status"]), (&json["error"], &status.into()), "{path}: {json}");
    }
}

/// Posts a decision about tasks, with these headers beside those of every request.
async fn post(port: u16, path: &str, headers: &str, body: &str) -> client::Answer {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    send(port, &request).await
}

const JSON: &str = "Content-Type: application/json\r\n";
const READ: &str = r#"{"numbers":[3,4],"reason":"it holds it","by":"anna"}"#;

#[tokio::test]
async fn tasks_are_closed_by_a_command_for_the_hub() {
    let hub = start().await;
    let answer = post(hub.port, "/api/tasks/close", JSON, READ).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((&told["closed"], &told["missing"]), (&serde_json::json!([3]), &serde_json::json!([4])));
    let expected = |decision| Command::CloseTasks {
        tenant: Some(fake::TENANT.to_owned()),
        numbers: vec![3, 4],
        decision,
        reason: "it holds it".to_owned(),
        by: "anna".to_owned(),
    };
    assert_eq!(hub.store.commands(), [expected(Decision::Acknowledged)]);
    let same = READ.replace("}", r#","decision":"not-the-same"}"#);
    assert_eq!(post(hub.port, "/api/tasks/close", JSON, &same).await.status, 200);
    assert_eq!(hub.store.commands()[1], expected(Decision::NotTheSame));
    // What the hub refuses is told in its words.
    let refused = post(hub.port, "/api/tasks/close", JSON, &READ.replace("anna", "Nobody")).await;
    assert_eq!((refused.status, refused.body.contains("nobody knows you")), (400, true), "{}", refused.body);
}

#[tokio::test]
async fn a_hub_that_does_not_answer_has_the_decision_in_its_queue() {
    let hub = start_with(company::systems(), |limits| limits.answer_max = Duration::from_millis(400)).await;
    hub.store.mute(true);
    let answer = post(hub.port, "/api/tasks/close", JSON, READ).await;
    assert_eq!((answer.status, answer.body.as_str()), (202, "{\"command\":1}"));
}

#[tokio::test]
async fn a_decision_that_cannot_be_taken_leaves_no_command() {
    let hub = start_with(company::systems(), |limits| limits.rows_max = 5).await;
    let origin = |origin: &str| format!("{JSON}Origin: {origin}\r\n");
    let own = origin(&format!("http://localhost:{}", hub.port));
    let check = async |headers: &str, body: &str, expected: u16| {
        let answer = post(hub.port, "/api/tasks/close", headers, body).await;
        assert_eq!(answer.status, expected, "{headers} {body}: {}", answer.body);
        if expected >= 400 {
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{headers} {body}");
        }
    };
    check(JSON, "{", 400).await;
    check(JSON, r#"{"numbers":[1]}"#, 422).await;
    check(JSON, &READ.replace("anna", " "), 400).await;
    check(JSON, &READ.replace("it holds it", ""), 400).await;
    check(JSON, &READ.replace("[3,4]", "[]"), 400).await;
    check(JSON, &READ.replace("[3,4]", "[1,2,3,4,5,6]"), 400).await;
    check(JSON, &READ.replace("[3,4]", &format!("[3{}]", " ".repeat(20_000))), 413).await;
    check(JSON, &READ.replace("\"by\"", "\"decision\":\"perhaps\",\"by\""), 422).await;
    check("Content-Type: text/plain\r\n", READ, 415).await;
    check("", READ, 415).await;
    check(&origin("http://evil.example"), READ, 403).await;
    check(&origin("null"), READ, 403).await;
    check(&format!("{JSON}Sec-Fetch-Site: cross-site\r\n"), READ, 403).await;
    assert_eq!(hub.store.commands(), []);
    check(&own, READ, 200).await;
    assert_eq!(get(hub.port, "/api/tasks/close").await.status, 405);
    assert_eq!(hub.store.commands().len(), 1);
}

const MERGE: &str = r#"{"kind":"merge","master_id":"m12","other":"m9","reason":"one SIREN","by":"anna"}"#;

#[tokio::test]
async fn why_two_are_one_is_told_without_a_value() {
    let hub = start().await;
    let answer = get(hub.port, "/api/customers/why?one=erp/C-1030&other=a-77").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((&told["is_one"], &told["because"]), (&true.into(), &"judged".into()), "{told}");
    assert_eq!(told["judgements"][0]["left"], serde_json::json!([{"system": "crm", "key": "a-77"}]), "{told}");
    assert_eq!(told["pairs"][0]["explanation"]["fields"][0]["field"], "name and e-mail");
    assert!(!answer.body.to_lowercase().contains("dupont"), "{}", answer.body);
    let whole = get(hub.port, "/api/customers/why?one=m12&other=m12&all=true").await;
    assert!(whole.status == 200 && whole.body.contains("\"pairs_total\":1"), "{}", whole.body);
    for path in ["/api/customers/m12/judgements", "/api/customers/judgements"] {
        let judged: serde_json::Value = serde_json::from_str(&get(hub.port, path).await.body).unwrap();
        assert_eq!((&judged[0]["number"], &judged[0]["reason"]), (&4.into(), &"one SIREN".into()), "{path}: {judged}");
    }
    assert_eq!(get(hub.port, "/api/customers/m13/judgements").await.body, "[]");
    for (path, status) in [
        ("/api/customers/why?one=m12", 400),
        ("/api/customers/why?one=m12&other=m99", 404),
        ("/api/customers/why?one=m12&other=m42", 404),
        ("/api/customers/why?one=erp/C-1030&other=C-1030", 400),
        ("/api/customers/why?one=m12&other=m12&tenant=globex", 404),
        (&format!("/api/customers/why?one=m12&other={}", "x".repeat(201)), 400),
        ("/api/customers/12/judgements", 400),
    ] {
        let answer = get(hub.port, path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
    }
}

#[tokio::test]
async fn a_judgement_is_left_for_the_hub() {
    let hub = start().await;
    let path = "/api/customers/judge";
    let answer = post(hub.port, path, JSON, MERGE).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{\"number\":5,\"records\":[]}"));
    let asked = store::JudgementAsked {
        tenant: fake::TENANT.to_owned(),
        kind: store::JudgementKind::Merge,
        master_id: Some(master::MasterId(12)),
        other: Some(master::MasterId(9)),
        records: Vec::new(),
        undoes: None,
        by: "anna".to_owned(),
        reason: "one SIREN".to_owned(),
    };
    assert_eq!(hub.store.commands(), [Command::Judge(asked)]);
    let check = async |headers: &str, body: &str, expected: u16| {
        let answer = post(hub.port, path, headers, body).await;
        assert_eq!(answer.status, expected, "{headers} {body}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{headers} {body}");
    };
    check(JSON, "{", 400).await;
    check(JSON, &MERGE.replace("merge", "marry"), 422).await;
    check(JSON, &MERGE.replace("m12", "12"), 422).await;
    check(JSON, &MERGE.replace("one SIREN", " "), 400).await;
    check(JSON, &MERGE.replace("anna", ""), 400).await;
    check(JSON, &MERGE.replace("\"by\"", "\"tenant\":\"globex\",\"by\""), 400).await;
    check(JSON, &MERGE.replace("\"by\"", "\"bye\":1,\"by\""), 422).await;
    check("", MERGE, 415).await;
    check(&format!("{JSON}Origin: http://evil.example\r\n"), MERGE, 403).await;
    assert_eq!(hub.store.commands().len(), 1, "nothing of that was left");
    assert_eq!(get(hub.port, path).await.status, 405);
}

const OVERRIDE: &str = r#"{"master_id":"m12","unit":"legal_name","value":"Durand SA","reason":"by phone","by":"anna"}"#;

#[tokio::test]
async fn an_override_is_left_for_the_hub() {
    let hub = start().await;
    let path = "/api/customers/override";
    let asked = |value: Option<serde_json::Value>| {
        let (by, reason) = ("anna".to_owned(), "by phone".to_owned());
        let (tenant, unit) = (fake::TENANT.to_owned(), "legal_name".to_owned());
        Command::Override(store::OverrideAsked { tenant, master_id: master::MasterId(12), unit, value, by, reason })
    };
    // Nothing said and nothing to be said are two things.
    for (said, value) in [
        ("\"value\":\"Durand SA\",", Some("Durand SA".into())),
        ("\"value\":null,", Some(serde_json::Value::Null)),
        ("", None),
    ] {
        let answer = post(hub.port, path, JSON, &OVERRIDE.replace("\"value\":\"Durand SA\",", said)).await;
        let told = r#"{"master_id":"m12","version":9,"is_changed":true,"units":["legal_name"]}"#;
        assert_eq!((answer.status, answer.body.as_str()), (200, told));
        let left = hub.store.commands().pop().unwrap();
        assert_eq!(left, asked(value));
        let kept = serde_json::to_string(&left).unwrap();
        assert_eq!(serde_json::from_str::<Command>(&kept).unwrap(), left, "{kept}");
    }
    let check = async |headers: &str, body: &str, expected: u16| {
        let answer = post(hub.port, path, headers, body).await;
        assert_eq!(answer.status, expected, "{headers} {body}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{headers} {body}");
    };
    check(JSON, "{", 400).await;
    check(JSON, &OVERRIDE.replace("\"value\"", "\"vlaue\""), 422).await;
    check(JSON, &OVERRIDE.replace("by phone", " "), 400).await;
    check(JSON, &OVERRIDE.replace("\"by\"", "\"tenant\":\"globex\",\"by\""), 400).await;
    check("", OVERRIDE, 415).await;
    check(&format!("{JSON}Origin: http://evil.example\r\n"), OVERRIDE, 403).await;
    assert_eq!(hub.store.commands().len(), 3, "nothing of that was left");
}

#[tokio::test]
async fn a_full_page_of_tasks_leads_to_the_next() {
    let hub = start_with(company::systems(), |limits| limits.rows_max = 1).await;
    let page = get(hub.port, "/tasks").await.body;
    assert!(page.contains("rank 0") && links(&page).contains(&"/tasks?place=0%3A3".to_owned()), "{page}");
    assert!(get(hub.port, "/tasks?place=0%3A3").await.body.contains("Nobody needs to answer anything"));
}

#[tokio::test]
async fn metrics_come_from_the_store() {
    let hub = start().await;
    let text = get(hub.port, "/metrics").await.body;
    for wanted in [
        "passerelle_ready 1\n",
        "passerelle_store_up 1\n",
        "passerelle_records_total{tenant=\"maison-verre\",system=\"erp\",stream=\"customers\",outcome=\"unchanged\"} 11482\n",
        "passerelle_records_open{tenant=\"maison-verre\",system=\"billing\",stream=\"invoices\",state=\"in_flight\"} 3\n",
        "passerelle_accounting_adds_up{tenant=\"maison-verre\",system=\"erp\",stream=\"customers\"} 1\n",
        "passerelle_deliveries_total{tenant=\"maison-verre\",system=\"accounting\",outcome=\"refused\"} 2\n",
        "passerelle_target_up{tenant=\"maison-verre\",system=\"warehouse\"} 0\n",
        "passerelle_queue_depth{tenant=\"maison-verre\",system=\"warehouse\"} 318\n",
        "passerelle_parked{tenant=\"maison-verre\"} 2\n",
    ] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
    hub.store.break_down(true);
    let text = get(hub.port, "/metrics").await.body;
    assert!(text.contains("passerelle_store_up 0\n") && !text.contains("passerelle_parked"));
}

#[tokio::test]
async fn watchers_see_what_changes_and_are_bounded() {
    let hub = start_with(company::systems(), |limits| limits.watchers_max = 1).await;
    let mut first = open(hub.port, "/events").await;
    let begin = read_until(&mut first, "\"id\":\"source-0\"").await;
    assert!(begin.contains("text/event-stream") && begin.contains("event: flow"));
    let refused = get(hub.port, "/events").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("2")));

    hub.store.step(777);
    let change = read_until(&mut first, "<b>777</b>").await;
    assert!(change.contains("wire moving"));
    hub.store.break_down(true);
    read_until(&mut first, "the disk is gone").await;
    hub.shutdown.cancel();
    hub.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_explained() {
    let hub = start().await;
    hub.store.break_down(true);
    for path in ["/", "/masters/m12", "/drops", "/parked"] {
        let answer = get(hub.port, path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert!(answer.body.contains("the disk is gone") && answer.body.contains("Nothing is lost"), "{path}");
        assert_well_formed(&answer.body, path);
    }
    assert_eq!(get(hub.port, "/healthz").await.status, 200);
}

#[tokio::test]
async fn tenants_are_kept_apart() {
    let mut systems = company::systems();
    let other = SystemView { name: "payroll".into(), tenant: "other-house".into(), ..systems[0].clone() };
    systems.push(other);
    let hub = start_with(systems, |_| {}).await;
    let first = get(hub.port, "/").await.body;
    assert!(links(&first).contains(&"/?tenant=other-house".to_owned()));
    assert!(first.contains("m42") && links(&first).contains(&"/masters/m42?tenant=maison-verre".to_owned()));
    let second = get(hub.port, "/?tenant=other-house").await.body;
    assert!(second.contains("payroll") && !second.contains("m42") && !second.contains("accounting"));
    assert_eq!(get(hub.port, "/masters/m12?tenant=maison-verre").await.status, 200);
    assert_eq!(get(hub.port, "/masters/m12?tenant=other-house").await.status, 404);
    assert_eq!(get(hub.port, "/parked/12?tenant=other-house").await.status, 404);
    assert_eq!(get(hub.port, "/?tenant=nobody").await.status, 404);
    let found = search(hub.port, "/search?tenant=maison-verre", "F-2026-0042").await;
    assert_eq!(found.header("location"), Some("/masters/m42?tenant=maison-verre"));
}

#[tokio::test]
async fn a_hub_without_systems_still_answers() {
    let hub = start_with(Vec::new(), |_| {}).await;
    let page = get(hub.port, "/").await;
    assert_eq!(page.status, 200);
    assert_well_formed(&page.body, "/");
    assert!(page.body.contains("No system is read"));
}
