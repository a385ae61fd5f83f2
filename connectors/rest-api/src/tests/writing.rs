//! Creating, updating, removing; lost answers and what is found afterwards.

use canonical::entity::{Entity, Operation};
use canonical::record::{Body, Record};
use connector::{Fault, Found, Outcome, Reference, Rendered, Target};
use serde_json::{Value, json};

use super::open;
use super::server::{Server, Trick};

/// The target of the documentation, with some of it replaced or, by null, taken away.
pub(super) fn target(more: &Value) -> Value {
    let mut target = json!({
        "key": "id",
        "reference_field": "external_id",
        "lookup": {
            "by_key": "/customers/{key}",
            "by_reference": "/customers", "query": {"external_id": "{reference}"}, "items": "data.items",
        },
        "create": {"method": "POST", "path": "/customers"},
        "update": {"method": "PUT", "path": "/customers/{key}"},
        "remove": {"path": "/customers/{key}"},
        "idempotency_header": "Idempotency-Key",
    });
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(target.as_object_mut().unwrap().remove(name)),
            _ => target[name] = value.clone(),
        }
    }
    target
}

async fn opened(server: &Server, more: Value) -> Box<dyn Target> {
    let table = json!({"targets": {"customer": target(&more)}, "timeout_ms": 500, "call_timeout_ms": 10_000});
    open(&server.url, table).await.unwrap().target.unwrap()
}

fn reference(key: Option<&str>, version: u64) -> Reference {
    Reference { entity: Entity::Customer, master_id: "m-1".to_owned(), version, local_key: key.map(str::to_owned) }
}

fn change(key: Option<&str>, version: u64, record: Value) -> Rendered {
    Rendered {
        reference: reference(key, version),
        operation: Operation::Upsert,
        record: Record::from_body(Body::Json(record.into())),
        previous: None,
    }
}

async fn apply(target: &mut dyn Target, change: &Rendered) -> Result<Outcome, Fault> {
    target.apply("batch-1", std::slice::from_ref(change)).await.remove(0)
}

async fn find(target: &mut dyn Target, key: Option<&str>, version: u64) -> Result<Found, Fault> {
    target.find("batch-1", &[reference(key, version)]).await.remove(0)
}

/// The key and content of an applied change.
fn applied(result: Result<Outcome, Fault>) -> (Option<String>, Option<Value>) {
    match result {
        Ok(Outcome::Applied { local_key, holds }) => {
            let holds = holds.map(|record| match record.body {
                Body::Json(body) => json!(body),
                other => panic!("{other:?}"),
            });
            (local_key, holds)
        }
        other => panic!("{other:?}"),
    }
}

fn rejected(result: Result<Outcome, Fault>) -> (&'static str, String) {
    match result {
        Ok(Outcome::Rejected(reject)) => (reject.code, reject.reason),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_resource_is_created_updated_and_removed() {
    let server = Server::start().await;
    let mut target = opened(&server, json!({})).await;
    let created = applied(apply(&mut *target, &change(None, 1, json!({"name": "A"}))).await);
    let holds = json!({"name": "A", "external_id": "m-1", "id": 1});
    assert_eq!(created, (Some("1".to_owned()), Some(holds)));
    let updated = applied(apply(&mut *target, &change(Some("1"), 2, json!({"name": "B"}))).await);
    assert_eq!(updated.0.as_deref(), Some("1"));
    let mut removal = change(Some("1"), 3, json!({"name": "B"}));
    removal.operation = Operation::Remove;
    applied(apply(&mut *target, &removal).await);
    applied(apply(&mut *target, &removal).await);
    assert_eq!(server.crm().effects, ["m-1 A", "m-1 B", "removed 1"]);
    let paths = server.take_calls();
    let expected = [
        "GET /api/customers?external_id=m-1",
        "POST /api/customers",
        "PUT /api/customers/1",
        "DELETE /api/customers/1",
        "DELETE /api/customers/1",
    ];
    assert_eq!(paths, expected);
}

#[tokio::test]
async fn what_carries_our_reference_is_adopted_and_not_doubled() {
    let server = Server::start().await;
    server.crm().rows = vec![json!({"id": 9, "name": "A", "external_id": "m-1", "phone": "1"})];
    let mut target = opened(&server, json!({})).await;
    // It holds all that is asked for: nothing is written.
    let same = applied(apply(&mut *target, &change(None, 1, json!({"name": "A"}))).await);
    assert_eq!(same.0.as_deref(), Some("9"));
    assert!(server.crm().effects.is_empty());
    let changed = applied(apply(&mut *target, &change(None, 1, json!({"name": "B"}))).await);
    assert_eq!(changed.0.as_deref(), Some("9"));
    assert_eq!(server.crm().effects, ["m-1 B"]);
    // What only the system knows outlives the first replacement.
    assert_eq!(server.crm().rows[0]["phone"], "1");
    // An API that ignores the question must not be taken for one that has nothing.
    server.crm().ignores_filters = true;
    server.crm().rows = vec![json!({"id": 9, "name": "A", "external_id": "m-2"})];
    let fault = apply(&mut *target, &change(None, 1, json!({"name": "B"}))).await.unwrap_err();
    assert!(matches!(&fault, Fault::Halt { reason } if reason.contains("lookup.query")), "{fault:?}");
    // Two with one reference are for a person to settle.
    server.crm().rows = vec![json!({"id": 8, "external_id": "m-1"}), json!({"id": 9, "external_id": "m-1"})];
    assert_eq!(rejected(apply(&mut *target, &change(None, 1, json!({"name": "B"}))).await).0, "rest.several");
    assert_eq!(find(&mut *target, None, 1).await, Ok(Found::CannotTell));
}

#[tokio::test]
async fn a_key_that_the_answer_does_not_tell_is_found() {
    let server = Server::start().await;
    server.crm().is_silent = true;
    let mut target = opened(&server, json!({})).await;
    let created = applied(apply(&mut *target, &change(None, 1, json!({"name": "A"}))).await);
    assert_eq!(created, (Some("1".to_owned()), None));
    // Without a place in the answer, the look-up tells it.
    server.trick([Trick::Pass, Trick::CarryOutAndAnswer(201)]);
    server.crm().rows.clear();
    let created = applied(apply(&mut *target, &change(None, 1, json!({"name": "A"}))).await);
    assert_eq!(created.0.as_deref(), Some("2"));
}

#[tokio::test]
async fn faults_and_refusals_are_told_apart() {
    // The look-up before a creation passes; the trick is played on the creation.
    let check = async |trick: Trick, expected: &str| {
        let server = Server::start().await;
        let mut target = opened(&server, json!({"refusals": [506]})).await;
        server.trick([Trick::Pass]);
        server.crm().always = Some(Trick::Pass);
        server.crm().tricks.push_back(trick.clone());
        server.crm().tricks.push_back(trick.clone());
        server.crm().tricks.push_back(trick.clone());
        server.crm().tricks.push_back(trick);
        let result = apply(&mut *target, &change(None, 1, json!({"name": "A"}))).await;
        let seen = match &result {
            Ok(Outcome::Applied { .. }) => "applied".to_owned(),
            Ok(Outcome::Rejected(reject)) => format!("{}: {}", reject.code, reject.reason),
            Ok(Outcome::Unknown) => "unknown".to_owned(),
            Err(Fault::Retry { reason, after }) => format!("retry {after:?}: {reason}"),
            Err(Fault::Halt { reason }) => format!("halt: {reason}"),
        };
        assert!(seen.starts_with(expected), "{seen} is not {expected}");
        assert!(!seen.contains("Dupont"), "{seen}");
    };
    let problem = |status: u16, body: &str| Trick::Answer { status, headers: Vec::new(), body: body.to_owned() };
    let body = r#"{"error": {"code": "invalid_siret", "message": "Dupont has none"}}"#;
    check(problem(422, body), "rest.refused: POST /api/customers: answered 422 Unprocessable Entity (invalid_siret)")
        .await;
    check(
        problem(400, r#"{"title": "Name of M. Dupont"}"#),
        "rest.refused: POST /api/customers: answered 400 Bad Request",
    )
    .await;
    check(problem(409, "{}"), "halt").await;
    check(problem(506, "{}"), "rest.refused").await;
    check(Trick::status(401), "halt: POST /api/customers: answered 401").await;
    check(Trick::status(403), "halt").await;
    check(Trick::status(404), "halt: targets.customer.create").await;
    check(Trick::status(405), "halt").await;
    check(Trick::busy(429, "60"), "retry Some(60s)").await;
    check(Trick::busy(503, ""), "retry None").await;
    check(Trick::status(500), "unknown").await;
    check(Trick::status(502), "unknown").await;
    check(Trick::Drop, "unknown").await;
    check(Trick::CarryOutAndDrop, "unknown").await;
    check(Trick::NeverAnswer, "unknown").await;
    check(Trick::redirect(302, "/api/customers"), "halt").await;
}

#[tokio::test]
async fn a_conflict_on_creation_is_looked_up() {
    let server = Server::start().await;
    let mut target = opened(&server, json!({})).await;
    server.trick([Trick::Pass, Trick::status(409)]);
    assert_eq!(rejected(apply(&mut *target, &change(None, 1, json!({"name": "A"}))).await).0, "rest.conflict");
    // Somebody created it between the look-up and the creation.
    server.trick([Trick::Pass, Trick::CarryOutAndAnswer(409)]);
    let created = applied(apply(&mut *target, &change(None, 1, json!({"name": "A"}))).await);
    assert_eq!(created.0.as_deref(), Some("1"));
    assert_eq!(server.crm().effects, ["m-1 A"]);
}

#[tokio::test]
async fn a_resource_that_is_gone_is_created_again_only_when_it_is_certain() {
    let server = Server::start().await;
    let mut target = opened(&server, json!({})).await;
    let created = applied(apply(&mut *target, &change(Some("77"), 2, json!({"name": "A"}))).await);
    assert_eq!(created.0.as_deref(), Some("1"));
    // It is there under another key.
    let moved = applied(apply(&mut *target, &change(Some("77"), 3, json!({"name": "B"}))).await);
    assert_eq!(moved.0.as_deref(), Some("1"));
    assert_eq!(server.crm().rows.len(), 1);
    let mut strict = opened(&server, json!({"recreate": false})).await;
    assert_eq!(rejected(apply(&mut *strict, &change(Some("77"), 2, json!({}))).await).0, "rest.gone");
    let mut blind = opened(&server, json!({"lookup": {}})).await;
    assert_eq!(rejected(apply(&mut *blind, &change(Some("77"), 2, json!({}))).await).0, "rest.gone");
    // A wrong path of the update answers 404 as well.
    let update = json!({"method": "PUT", "path": "/customer/{key}"});
    let mut wrong = opened(&server, json!({"update": update})).await;
    let fault = apply(&mut *wrong, &change(Some("1"), 4, json!({"name": "C"}))).await.unwrap_err();
    assert!(matches!(&fault, Fault::Halt { reason } if reason.contains("targets.customer.update")), "{fault:?}");
    assert_eq!(server.crm().rows.len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_the_version() {
    let server = Server::start().await;
    let mut target = opened(&server, json!({"version_field": "version"})).await;
    server.trick([Trick::Pass, Trick::CarryOutAndDrop]);
    assert_eq!(apply(&mut *target, &change(None, 1, json!({"name": "A"}))).await, Ok(Outcome::Unknown));
    let Ok(Found::Applied { local_key, holds: Some(_) }) = find(&mut *target, None, 1).await else { panic!() };
    assert_eq!(local_key.as_deref(), Some("1"));
    // Lost before it was carried out: the older state is there.
    server.trick([Trick::Drop]);
    assert_eq!(apply(&mut *target, &change(Some("1"), 2, json!({"name": "B"}))).await, Ok(Outcome::Unknown));
    let not_applied = Found::NotApplied { local_key: Some("1".to_owned()) };
    assert_eq!(find(&mut *target, Some("1"), 2).await, Ok(not_applied));
    applied(apply(&mut *target, &change(Some("1"), 2, json!({"name": "B"}))).await);
    // An older state never overwrites a newer one that a look-up shows.
    applied(apply(&mut *target, &change(None, 1, json!({"name": "A"}))).await);
    assert_eq!(server.crm().effects, ["m-1 A", "m-1 B"]);
}

#[tokio::test]
async fn without_a_version_the_content_is_compared_before_it_is_sent_again() {
    let server = Server::start().await;
    let mut target = opened(&server, json!({})).await;
    applied(apply(&mut *target, &change(None, 1, json!({"name": "A"}))).await);
    server.trick([Trick::CarryOutAndDrop]);
    assert_eq!(apply(&mut *target, &change(Some("1"), 2, json!({"name": "B"}))).await, Ok(Outcome::Unknown));
    let not_applied = Found::NotApplied { local_key: Some("1".to_owned()) };
    assert_eq!(find(&mut *target, Some("1"), 2).await, Ok(not_applied));
    server.take_calls();
    let (_, holds) = applied(apply(&mut *target, &change(Some("1"), 2, json!({"name": "B"}))).await);
    assert_eq!(holds.unwrap()["name"], "B");
    assert_eq!(server.take_calls(), ["GET /api/customers/1"]);
    // Nothing to ask, and nothing that makes a repetition harmless: a person must decide.
    let mut blind = opened(&server, json!({"lookup": {}, "idempotency_header": null})).await;
    assert_eq!(find(&mut *blind, None, 1).await, Ok(Found::CannotTell));
    let mut idempotent = opened(&server, json!({"lookup": {}})).await;
    assert_eq!(find(&mut *idempotent, None, 1).await, Ok(Found::NotApplied { local_key: None }));
}

#[tokio::test]
async fn differences_are_sent_where_that_is_wanted() {
    let server = Server::start().await;
    server.crm().rows = vec![json!({"id": 1, "name": "A", "city": "Lyon", "fax": "1", "ours": true})];
    let update = json!({"method": "PATCH", "path": "/customers/{key}", "differences": true,
                        "content_type": "application/merge-patch+json"});
    let mut target = opened(&server, json!({"update": update, "reference_field": null, "lookup": {}})).await;
    let mut update = change(Some("1"), 2, json!({"name": "A", "city": "Paris"}));
    update.previous = Some(Record::from_body(Body::Json(json!({"name": "A", "city": "Lyon", "fax": "1"}).into())));
    applied(apply(&mut *target, &update).await);
    assert_eq!(server.crm().rows[0], json!({"id": 1, "name": "A", "city": "Paris", "fax": null, "ours": true}));
    // Of an object inside only what differs, for a system that refuses the fields that are its own.
    let update = json!({"method": "PATCH", "path": "/customers/{key}", "differences": true, "nested": true});
    let mut target = opened(&server, json!({"update": update, "reference_field": null, "lookup": {}})).await;
    let before = json!({"name": "A", "properties": {"city": "Lyon", "fax": "1", "made": "2024"}});
    let after = json!({"name": "A", "properties": {"city": "Nice", "made": "2024"}});
    let mut update = change(Some("1"), 3, after);
    update.previous = Some(Record::from_body(Body::Json(before.into())));
    applied(apply(&mut *target, &update).await);
    assert_eq!(server.crm().rows[0]["properties"], json!({"city": "Nice", "fax": null}));
    assert_eq!(server.crm().rows[0]["city"], "Paris");
    // A removal that archives.
    let remove = json!({"method": "PATCH", "path": "/customers/{key}", "fields": {"status": "archived"}});
    let mut target = opened(&server, json!({"remove": remove})).await;
    let mut removal = change(Some("1"), 3, json!({}));
    removal.operation = Operation::Remove;
    applied(apply(&mut *target, &removal).await);
    assert_eq!(server.crm().rows[0]["status"], "archived");
}

#[tokio::test]
async fn a_fault_ends_a_batch_and_an_unknown_outcome_its_document() {
    let server = Server::start().await;
    let mut target = opened(&server, json!({})).await;
    let mut other = change(None, 1, json!({"name": "B"}));
    other.reference.master_id = "m-2".to_owned();
    let changes = [change(None, 1, json!({"name": "A"})), change(None, 2, json!({"name": "A2"})), other];
    server.trick([Trick::Pass, Trick::Drop]);
    let results = target.apply("batch-1", &changes).await;
    assert!(matches!(results[..], [Ok(Outcome::Unknown), Err(Fault::Retry { .. }), Ok(Outcome::Applied { .. })]));
    server.trick([Trick::status(403)]);
    server.take_calls();
    let results = target.apply("batch-2", &changes).await;
    assert!(results.iter().all(|result| matches!(result, Err(Fault::Halt { .. }))), "{results:?}");
    assert_eq!(server.take_calls().len(), 1);
    let mut unknown_entity = change(None, 1, json!({}));
    unknown_entity.reference.entity = Entity::Invoice;
    assert!(matches!(apply(&mut *target, &unknown_entity).await, Err(Fault::Halt { .. })));
}
