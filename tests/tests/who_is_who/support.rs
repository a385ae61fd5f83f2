//! A company whose systems know the same customers.

use std::collections::{BTreeMap, BTreeSet};

use canonical::entity::{Entity, Operation};
use master::MasterId;
use passerelle_tests::scripted::records::INVOICE;
use passerelle_tests::scripted::world::{Feed, Part, Running, TENANT, World};
use serde_json::{Value, json};
use store::{Command, Filter, Judged, JudgementAsked, JudgementKind, RecordName};

/// Customers with what tells them apart.
pub const CUSTOMER: &str = r#"
entity = "customer"
format = "json"
key = "id"

[fields]
legal_name = "name"
identifiers.siren = "siren"
phones.office = "phone"
emails.main = "mail"
addresses.main.line1 = "street"
addresses.main.postcode = "postcode"
addresses.main.city = "city"
"#;

/// A customer by id, name and telephone, in a street of its own.
pub fn shown(id: &str, name: &str, phone: &str, street: &str) -> Value {
    json!({"id": id, "name": name, "phone": phone, "street": street, "postcode": "69003", "city": "Lyon"})
}

/// An ERP and a CRM that show customers, and a shop that is fed them with their invoices.
pub fn company() -> World {
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER)).shows(Feed::new("invoices", INVOICE));
    let crm = Part::new("crm").shows(Feed::new("customers", CUSTOMER)).takes(Entity::Customer, CUSTOMER);
    let shop = Part::new("shop").takes(Entity::Customer, CUSTOMER).takes(Entity::Invoice, INVOICE);
    World::new(vec![erp, crm, shop.assigning_keys()])
}

/// What everybody holds, without what only counts up.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The documents of the masters that are there.
    pub documents: BTreeMap<MasterId, Value>,
    /// Which record belongs to which master.
    pub crosswalk: BTreeMap<(String, String), MasterId>,
    /// What the systems hold.
    pub held: BTreeMap<(String, String), Value>,
}

/// What everybody holds now.
pub async fn state(world: &World, hub: &Running<'_>) -> State {
    let mut state = State { documents: BTreeMap::new(), crosswalk: BTreeMap::new(), held: BTreeMap::new() };
    for entity in [Entity::Customer, Entity::Invoice] {
        for master in hub.masters(entity).await.into_iter().filter(|master| master.state == Operation::Upsert) {
            state.documents.insert(master.master_id, serde_json::from_str(master.document.get()).unwrap());
            for (system, key) in &master.systems {
                state.crosswalk.insert((system.to_string(), key.clone()), master.master_id);
            }
        }
    }
    for system in ["crm", "shop"] {
        for ((entity, key), record) in world.on(system, |script| script.held.clone()) {
            state.held.insert((format!("{system}/{entity}"), key), record);
        }
    }
    state
}

/// The masters of the customers that are there.
pub async fn customers(hub: &Running<'_>) -> BTreeSet<MasterId> {
    let masters = hub.masters(Entity::Customer).await;
    masters.iter().filter(|master| master.state == Operation::Upsert).map(|master| master.master_id).collect()
}

/// The master of a record.
pub async fn master_of(hub: &Running<'_>, system: &str, key: &str) -> MasterId {
    let masters = hub.masters(Entity::Customer).await;
    let is_it = |(of, known): &(std::sync::Arc<str>, String)| **of == *system && known == key;
    masters.iter().find(|master| master.systems.iter().any(is_it)).expect("a record that is known").master_id
}

/// Open questions whether two masters are one: task and pair.
pub async fn doubts(hub: &Running<'_>) -> Vec<(u64, MasterId, MasterId)> {
    let filter = Filter { count_max: 1_000, ..Filter::default() };
    let tasks = hub.store.tasks(&filter.into()).await.unwrap();
    tasks.into_iter().map(|task| (task.number, task.master_id.unwrap(), task.other.unwrap())).collect()
}

/// A judgement that names nothing yet.
pub fn asked(kind: JudgementKind) -> JudgementAsked {
    JudgementAsked {
        tenant: TENANT.to_owned(),
        kind,
        master_id: None,
        other: None,
        records: Vec::new(),
        undoes: None,
        by: "anna".to_owned(),
        reason: "she called them".to_owned(),
    }
}

/// Two masters are one, and the first stays.
pub fn merge(survivor: MasterId, other: MasterId) -> JudgementAsked {
    JudgementAsked { master_id: Some(survivor), other: Some(other), ..asked(JudgementKind::Merge) }
}

/// A judgement counts no more.
pub fn undo(number: u64) -> JudgementAsked {
    JudgementAsked { undoes: Some(number), ..asked(JudgementKind::Undo) }
}

/// A record as people name it.
pub fn record(system: &str, key: &str) -> RecordName {
    RecordName { system: system.to_owned(), key: key.to_owned() }
}

/// Carries a judgement out and waits until everybody has heard of it.
pub async fn judge(hub: &Running<'_>, asked: JudgementAsked) -> Result<Judged, String> {
    let answer = hub.command(Command::Judge(asked)).await?;
    hub.quiet().await;
    Ok(serde_json::from_str(&answer).unwrap())
}
