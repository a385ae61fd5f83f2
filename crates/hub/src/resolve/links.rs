//! What an observation refers to: its own record, the documents that it names, the keys that it may be matched by.

use std::sync::Arc;

use canonical::entity::Entity;
use master::matching::Evidence;
use serde::Deserialize as _;
use serde_json::Value;
use store::LocalKey;

use crate::observation::Observation;
use crate::references;

use super::working::SourceKey;

/// A field that names another document.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub field: &'static str,
    pub to: LocalKey,
}

/// An observation with everything that can be told without the store.
pub(super) struct Prepared {
    pub observation: Observation,
    pub local: LocalKey,
    /// In normal form; `None` when there is none, or none that can be read.
    pub document: Option<Value>,
    /// Its JSON; `None` when the document refers to others, since its references change.
    pub text: Option<Box<str>>,
    pub references: Vec<Link>,
    /// What a customer shows that tells it apart; `None` for other documents, and for one whose types are wrong.
    pub evidence: Option<Evidence>,
    /// Without those of allocations, which depend on what they refer to, and of customers, who are told by evidence.
    pub match_keys: Vec<String>,
    /// Whether it comes from the bus; what waited does not.
    pub from_flight: bool,
}

impl Prepared {
    pub fn source_key(&self) -> SourceKey {
        (self.local.clone(), self.observation.stream.stream.clone())
    }

    /// Whether this shows another document than was taken in. The references of this one lead nowhere yet.
    pub fn shows_another(&self, taken: &Value) -> bool {
        let mut taken = taken.clone();
        for link in &self.references {
            if let Some(Value::Object(reference)) = taken.get_mut(link.field) {
                reference.remove("master_id");
            }
        }
        self.document.as_ref().is_some_and(|document| *document != taken)
    }

    /// What blocks when something of this record is parked before resolve.
    pub fn blocked_key(&self) -> (Arc<str>, String) {
        blocked_key(&self.local)
    }
}

/// What blocks when something of a record is parked before resolve.
pub(super) fn blocked_key(local: &LocalKey) -> (Arc<str>, String) {
    (local.system.clone(), format!("{}/{}", local.entity, local.key))
}

/// What an observation shows, in the form in which documents are compared.
pub(super) fn document(observation: &Observation) -> Option<Value> {
    let mut document = serde_json::from_str(observation.document.as_ref()?.get()).ok()?;
    master::normal(&observation.entity, &mut document);
    Some(document)
}

pub(super) fn prepare(tenant: &str, observation: Observation, from_flight: bool) -> Prepared {
    let entity = observation.entity.clone();
    let document = document(&observation);
    let references =
        document.as_ref().map_or_else(Vec::new, |document| links(document, &entity, &observation.stream.system));
    let match_keys = match (&document, &entity) {
        (None, _) | (_, Entity::Allocation | Entity::Customer) => Vec::new(),
        (Some(document), entity) => match_keys(tenant, entity, document, 0),
    };
    let evidence = document.as_ref().filter(|_| entity == Entity::Customer).and_then(evidence);
    let text =
        document.as_ref().filter(|_| references.is_empty()).map(|document| document.to_string().into_boxed_str());
    let local = observation.local();
    Prepared { observation, local, document, text, references, evidence, match_keys, from_flight }
}

/// What a customer shows that tells it apart; `None` where its types are wrong.
pub(super) fn evidence(document: &Value) -> Option<Evidence> {
    let customer = canonical::document::Customer::deserialize(document).ok()?;
    Some(Evidence::of(&customer))
}

/// The keys that lead to a document's master; none for one whose types are wrong.
pub(super) fn match_keys(tenant: &str, entity: &Entity, document: &Value, occurrence: u32) -> Vec<String> {
    master::match_keys(tenant, entity, document, occurrence).unwrap_or_default()
}

/// The documents that a document names by a key of a system.
pub(super) fn links(document: &Value, entity: &Entity, own: &Arc<str>) -> Vec<Link> {
    let link = |field: &references::ReferenceField| {
        let key = references::member(document, field.name, "key")?.to_owned();
        let system = references::member(document, field.name, "system").map_or_else(|| own.clone(), Arc::from);
        Some(Link { field: field.name, to: LocalKey { system, entity: field.entity.clone(), key } })
    };
    references::fields(entity).iter().filter_map(link).collect()
}
