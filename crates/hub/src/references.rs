//! The fields of a document that name another document.

use canonical::entity::Entity;
use serde_json::{Map, Value};

/// One such field.
#[derive(Clone, Debug)]
pub(crate) struct ReferenceField {
    pub name: &'static str,
    pub entity: Entity,
}

const fn field(name: &'static str, entity: Entity) -> ReferenceField {
    ReferenceField { name, entity }
}

const CUSTOMER: &[ReferenceField] = &[field("customer", Entity::Customer)];
const ALLOCATION: &[ReferenceField] = &[
    field("customer", Entity::Customer),
    field("payment", Entity::Payment),
    field("credit_note", Entity::Invoice),
    field("invoice", Entity::Invoice),
    field("reversed_by", Entity::Allocation),
];

/// The reference fields of an entity; the customer comes first.
pub(crate) fn fields(entity: &Entity) -> &'static [ReferenceField] {
    match entity {
        Entity::Invoice | Entity::Payment => CUSTOMER,
        Entity::Allocation => ALLOCATION,
        Entity::Customer | Entity::Declared(_) => &[],
    }
}

/// A member of a reference, as text.
pub(crate) fn member<'a>(document: &'a Value, field: &str, member: &str) -> Option<&'a str> {
    document.get(field)?.get(member)?.as_str()
}

/// Replaces a reference by these members only; no members take it away.
pub(crate) fn replace(document: &mut Value, field: &str, members: &[(&str, &str)]) {
    if let Value::Object(fields) = document {
        if members.is_empty() {
            fields.remove(field);
        } else {
            let text = |(name, value): &(&str, &str)| ((*name).to_owned(), Value::String((*value).to_owned()));
            fields.insert(field.to_owned(), Value::Object(members.iter().map(text).collect::<Map<_, _>>()));
        }
    }
}
