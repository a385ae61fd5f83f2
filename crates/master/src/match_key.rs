//! The keys by which the records of several systems are known to be one.

use canonical::document::{Document, DocumentError};
use canonical::entity::Entity;
use canonical::identity;
use serde_json::Value;

/// The keys of a document that lead to its master; documents with a key in common are one within a tenant.
///
/// - A customer has none: he is told by [evidence](crate::matching).
/// - An invoice, a payment and an allocation have their identity, as [`canonical::identity`] writes it.
///   `occurrence` counts payments or allocations that are alike in everything else, from 0.
/// - A declared entity has none: only the crosswalk knows it.
///
/// The keys may hold personal data; they are for the store only.
///
/// # Errors
/// [`DocumentError`], when the document does not have the types of its entity.
pub fn match_keys(
    tenant: &str,
    entity: &Entity,
    document: &Value,
    occurrence: u32,
) -> Result<Vec<String>, DocumentError> {
    if let Entity::Customer = entity {
        return Ok(Vec::new());
    }
    let wrong = |_| DocumentError { entity: entity.clone(), reason: "a value has the wrong type or form" };
    let identity = match Document::deserialize_as(entity, document).map_err(wrong)? {
        Document::Invoice(invoice) => identity::invoice(tenant, &invoice),
        Document::Payment(payment) => identity::payment(tenant, &payment, occurrence),
        Document::Allocation(allocation) => identity::allocation(tenant, &allocation, occurrence),
        Document::Customer(_) | Document::Declared(_) => None,
    };
    Ok(identity.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(entity: Entity, document: Value, expected: &[&str]) {
        assert_eq!(match_keys("acme", &entity, &document, 0).unwrap(), expected);
    }

    #[test]
    fn other_documents_have_their_identity() {
        let invoice = json!({"number": "FA1", "issue_date": "2026-03-04", "type_code": "380"});
        check(Entity::Invoice, invoice, &["invoice/acme/tenant/FA1/2026/380"]);
        check(Entity::Invoice, json!({"number": "FA1"}), &[]);
        check(Entity::Declared("ticket".into()), json!({"number": "1"}), &[]);
    }

    #[test]
    fn what_is_no_document_is_refused() {
        assert!(match_keys("acme", &Entity::Invoice, &json!({"issue_date": "soon"}), 0).is_err());
    }
}
