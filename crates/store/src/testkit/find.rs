//! What the search box relies on.

use canonical::entity::Entity;
use master::MasterId;

use super::Context;
use super::build::{
    TENANT, accept, crosswalk, customer, drop_of, master, reject, resolve, source, step, stream_of, waiting,
};
use crate::{Collected, Export, Hit, MasterRow, NewDrop, Resolved, Store, StoreError};

type Held = Result<(), StoreError>;

/// What a search finds, in words: `m1`, `drop 1`, `reject C1`, `waiting F1`.
async fn found(store: &dyn Store, tenant: Option<&str>, text: &str) -> Result<Vec<String>, StoreError> {
    let hits = store.find(tenant, text).await?;
    Ok(hits
        .into_iter()
        .map(|hit| match hit {
            Hit::Master(summary) => summary.master_id.to_string(),
            Hit::Drop(drop) => format!("drop {}", drop.number),
            Hit::Reject(reject) => format!("reject {}", reject.key.unwrap_or_default()),
            Hit::Waiting(waiting) => format!("waiting {}", waiting.key),
        })
        .collect())
}

async fn check(store: &dyn Store, text: &str, expected: &[&str]) -> Held {
    assert_eq!(found(store, Some(TENANT), text).await?, expected, "searching for {text:?}");
    assert_eq!(found(store, None, text).await?, expected, "searching for {text:?} in all tenants");
    Ok(())
}

pub async fn a_master_is_found_by_what_people_know(context: &mut Context) -> Held {
    let store = context.store();
    let mut writes = customer("erp", "CLI-001", 1, 1, "cli-001 société dupont lyon", (1, 0));
    writes.sources.push(source("crm", "only-a-source", 1, (1, 1)));
    writes.masters.push(MasterRow { entity: Entity::Invoice, ..master(2, 2, "fa-2026-17 dupont") });
    writes.masters.push(master(3, 3, "dupontel"));
    writes.crosswalk.push(crosswalk("billing", "Ünïque-9", 3));
    resolve(&*store, TENANT, writes).await?;
    check(&*store, "m1", &["m1"]).await?;
    check(&*store, "CLI-001", &["m1"]).await?;
    check(&*store, "only-a-source", &["m1"]).await?;
    check(&*store, "Ünïque-9", &["m3"]).await?;
    check(&*store, "FA-2026-17", &["m2"]).await?;
    check(&*store, "  Lyon SOCIÉTÉ ", &["m1"]).await?;
    check(&*store, "dupont", &["m1", "m2", "m3"]).await?;
    check(&*store, "m99", &[]).await?;
    check(&*store, "   ", &[]).await?;
    check(&*store, "100%_'\"; DROP TABLE masters", &[]).await
}

pub async fn drops_are_found_by_number_and_name(context: &mut Context) -> Held {
    let store = context.store();
    let first = accept(&*store, drop_of("Clients_2026.csv", 1, Export::Delta), 1).await?;
    let second = accept(&*store, drop_of("clients_2027.csv", 2, Export::Delta), 1).await?;
    let (one, two) = (format!("drop {first}"), format!("drop {second}"));
    check(&*store, &first.to_string(), &[&one]).await?;
    check(&*store, "clients_2027.csv", &[&two]).await?;
    check(&*store, "CLIENTS_", &[&two, &one]).await
}

pub async fn rejects_and_waiting_are_found_by_key(context: &mut Context) -> Held {
    let store = context.store();
    let opened = store.open_drop(drop_of("a.csv", 1, Export::Delta)).await?;
    let rejects = vec![reject(4, Some("C4")), reject(5, None)];
    store.commit_collected(Collected { rejects, ..step(opened.number) }).await?;
    let rows = vec![waiting("F1", "C4", 0), waiting("F2", "C5", 1)];
    resolve(&*store, TENANT, Resolved { waiting: rows, ..Resolved::default() }).await?;
    check(&*store, "F2", &["waiting F2"]).await?;
    check(&*store, "C4", &["waiting F1", "reject C4"]).await
}

pub async fn messages_are_found_by_id(context: &mut Context) -> Held {
    let store = context.store();
    let at = |system: &str, content: u8| NewDrop {
        stream: stream_of(TENANT, system, "customers"),
        ..drop_of("a.csv", content, Export::Delta)
    };
    let drop = store.open_drop(at("erp", 1)).await?.number;
    store.commit_collected(Collected { rejects: vec![reject(8, Some("C8"))], ..step(drop) }).await?;
    resolve(&*store, TENANT, customer("erp", "C1", 1, 1, "dupont", (drop, 3))).await?;
    let shown = format!("drop {drop}");
    check(&*store, &format!("{TENANT}/erp/customers/{drop}/3/0f0f"), &["m1", &shown]).await?;
    check(&*store, &format!("{TENANT}/erp/customers/{drop}/8/0f0f"), &["reject C8", &shown]).await?;
    check(&*store, &format!("{TENANT}/crm/customers/{drop}/3/0f0f"), &[]).await?;
    check(&*store, &format!("{TENANT}/erp/customers/99/3/0f0f"), &[]).await?;
    check(&*store, &format!("{TENANT}/m1/v1"), &["m1"]).await?;
    check(&*store, &format!("{TENANT}/m2/v1"), &[]).await?;
    check(&*store, "globex/m1/v1", &[]).await
}

pub async fn hits_are_bounded(context: &mut Context) -> Held {
    let store = context.store();
    let mut masters: Vec<_> = (1..=120).map(|id| master(id, id, &format!("dupontel {id}"))).collect();
    masters.push(master(121, 121, "dupont"));
    resolve(&*store, TENANT, Resolved { masters, ..Resolved::default() }).await?;
    let hits = found(&*store, Some(TENANT), "dupont").await?;
    assert_eq!(hits.len(), 50);
    assert_eq!(hits[0], MasterId(121).to_string(), "the whole word comes first");
    Ok(())
}
