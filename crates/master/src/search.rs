//! What people look for.

use canonical::entity::Entity;
use serde_json::Value;

/// How long a search text is at most, in bytes; what comes later is left out.
pub const SEARCH_BYTES_MAX: usize = 1024;

/// Where people look, by entity, the most telling first. Lists are stepped into.
fn places(entity: &Entity) -> &'static [&'static str] {
    match entity {
        Entity::Customer => &[
            "legal_name",
            "trading_name",
            "given_name",
            "family_name",
            "identifiers.value",
            "emails.value",
            "phones.value",
            "addresses.postcode",
            "addresses.city",
        ],
        Entity::Invoice => &[
            "number",
            "buyer.name",
            "buyer.trading_name",
            "seller.name",
            "purchase_order_reference",
            "customer.number",
            "totals.amount_with_vat",
        ],
        Entity::Payment => &[
            "number",
            "references.end_to_end_id",
            "references.account_servicer_reference",
            "debtor.name",
            "creditor.name",
            "amount.amount",
            "remittance.unstructured",
            "remittance.structured.creditor_reference",
            "remittance.structured.document_number",
        ],
        Entity::Allocation => &["number", "invoice.number", "credit_note.number", "payment.number"],
        Entity::Declared(_) => &["number", "name", "code", "id"],
    }
}

/// What people look for in a document: numbers, names, identifiers and references; lower case, white space collapsed
/// to single spaces, at most [`SEARCH_BYTES_MAX`] bytes. It holds personal data and is for the store only.
#[must_use]
pub fn search_text(entity: &Entity, document: &Value) -> String {
    let mut text = String::new();
    for place in places(entity) {
        collect(document, place, &mut text);
    }
    if text.len() > SEARCH_BYTES_MAX {
        text.truncate(text.floor_char_boundary(SEARCH_BYTES_MAX));
    }
    text
}

fn collect(value: &Value, place: &str, text: &mut String) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, place, text)),
        Value::Object(members) => {
            let (name, rest) = place.split_once('.').unwrap_or((place, ""));
            if let Some(value) = members.get(name) {
                collect(value, rest, text);
            }
        }
        Value::String(words) if place.is_empty() && text.len() <= SEARCH_BYTES_MAX => {
            for word in words.split_whitespace() {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.extend(word.chars().flat_map(char::to_lowercase));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(entity: Entity, document: Value, expected: &str) {
        assert_eq!(search_text(&entity, &document), expected);
    }

    #[test]
    fn numbers_and_names_are_found_in_lower_case() {
        check(
            Entity::Customer,
            json!({
                "legal_name": "SOCIÉTÉ  Générale\u{a0}SA",
                "identifiers": [{"scheme": "siren", "value": "552120222"}, {"scheme": "vat"}],
                "addresses": [{"use": "main", "city": "Paris", "postcode": "75009"}],
                "status": "active",
            }),
            "société générale sa 552120222 75009 paris",
        );
        check(
            Entity::Invoice,
            json!({"number": "FA-2026/001", "buyer": {"name": "Durand"}, "totals": {"amount_with_vat": "120.00"}}),
            "fa-2026/001 durand 120.00",
        );
        check(
            Entity::Payment,
            json!({
                "amount": {"amount": "5", "currency": "EUR"},
                "remittance": {"unstructured": ["VIR FA1", "FA2"], "structured": [{"document_number": "FA3"}]},
            }),
            "5 vir fa1 fa2 fa3",
        );
        check(Entity::Customer, json!({}), "");
        check(Entity::Declared("ticket".into()), json!({"number": "T-1", "text": "private"}), "t-1");
    }

    #[test]
    fn a_search_text_has_a_limit() {
        for length in [SEARCH_BYTES_MAX - 1, SEARCH_BYTES_MAX, SEARCH_BYTES_MAX * 3] {
            let text = search_text(&Entity::Customer, &json!({"legal_name": "é".repeat(length)}));
            assert!(text.len() <= SEARCH_BYTES_MAX && text.len() >= SEARCH_BYTES_MAX - 2);
        }
    }
}
