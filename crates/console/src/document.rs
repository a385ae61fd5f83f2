//! What a document is called, and its values one by one.

use canonical::Entity;
use canonical::document::shape::{Shape, Shaped};
use canonical::document::{Allocation, Customer, Invoice, Payment};
use serde_json::{Map, Value};

/// Values of one document that are shown; the rest is counted.
const LEAVES_MAX: usize = 600;
/// Groups and lists within one another; what is deeper is shown as JSON.
const DEPTH_MAX: usize = 12;

/// What people call a document: the customer's name, the invoice's number. `None` when it does not say.
pub(crate) fn title(entity: &Entity, document: &Value) -> Option<String> {
    let text = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    match entity {
        Entity::Customer => {
            let person = || {
                let names: Vec<&str> = ["given_name", "family_name"].into_iter().filter_map(text).collect();
                (!names.is_empty()).then(|| names.join(" "))
            };
            text("legal_name").or_else(|| text("trading_name")).map(str::to_owned).or_else(person)
        }
        Entity::Invoice => text("number").map(str::to_owned),
        Entity::Payment => text("number").map(str::to_owned).or_else(|| {
            let date = text("booking_date").or_else(|| text("value_date"));
            let amount = document.get("amount").and_then(Value::as_object).and_then(money);
            match (amount, date) {
                (Some(amount), Some(date)) => Some(format!("{amount}, {date}")),
                (Some(amount), None) => Some(amount),
                (None, date) => date.map(str::to_owned),
            }
        }),
        Entity::Allocation | Entity::Declared(_) => {
            ["number", "name", "title", "code", "id"].into_iter().find_map(text).map(str::to_owned)
        }
    }
}

/// A short second line: what an invoice or payment is about.
pub(crate) fn subtitle(entity: &Entity, document: &Value) -> Option<String> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    match entity {
        Entity::Customer => text("/addresses/0/city").map(str::to_owned),
        Entity::Invoice => {
            let amount = text("/totals/amount_with_vat").or_else(|| text("/totals/due_amount"));
            let amount = amount.map(|amount| format!("{amount} {}", text("/currency").unwrap_or_default()));
            let parts = [text("/buyer/name"), text("/issue_date"), amount.as_deref().map(str::trim_end)];
            let parts: Vec<&str> = parts.into_iter().flatten().collect();
            (!parts.is_empty()).then(|| parts.join(" · "))
        }
        Entity::Payment => text("/debtor/name").map(str::to_owned),
        Entity::Allocation | Entity::Declared(_) => None,
    }
}

/// How a value is compared with the golden one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Character by character.
    #[default]
    Text,
    /// By its number: zeros at the end mean nothing.
    Decimal,
    /// Not at all: every system has a key of its own for the same thing.
    OwnKey,
}

/// One value of a document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The path's segments.
    pub(crate) path: Vec<String>,
    /// The value as text.
    pub(crate) text: String,
    pub(crate) nature: Nature,
}

/// The values of a document, each under its path, in the document's order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Leaves {
    /// The values.
    pub(crate) values: Vec<Leaf>,
    /// How many more there are.
    pub(crate) surplus: usize,
}

/// Takes a document apart. Items of a list go by what tells them apart, as the mapping language does.
pub(crate) fn leaves(entity: &Entity, document: &Value) -> Leaves {
    let shape = match entity {
        Entity::Customer => Some(Customer::SHAPE),
        Entity::Invoice => Some(Invoice::SHAPE),
        Entity::Payment => Some(Payment::SHAPE),
        Entity::Allocation => Some(Allocation::SHAPE),
        Entity::Declared(_) => None,
    };
    let mut leaves = Leaves::default();
    walk(document, shape, &mut Vec::new(), &mut leaves);
    leaves
}

fn walk(value: &Value, shape: Option<Shape>, path: &mut Vec<String>, leaves: &mut Leaves) {
    match value {
        Value::Null => {}
        Value::Object(fields) if path.len() < DEPTH_MAX => match money(fields) {
            Some(amount) => leaf(amount, Nature::Decimal, path, leaves),
            None => {
                let is_reference = shape.is_some_and(|shape| shape.field("master_id").is_some());
                for (name, field) in fields {
                    path.push(name.clone());
                    match field.as_str().filter(|_| is_reference && matches!(name.as_str(), "key" | "system")) {
                        Some(key) => leaf(key.to_owned(), Nature::OwnKey, path, leaves),
                        None => walk(field, inside(shape, name), path, leaves),
                    }
                    path.pop();
                }
            }
        },
        Value::Array(items) if path.len() < DEPTH_MAX => walk_list(items, shape, path, leaves),
        Value::String(text) => {
            let nature = if shape == Some(Shape::Decimal) { Nature::Decimal } else { Nature::Text };
            leaf(text.clone(), nature, path, leaves);
        }
        Value::Bool(truth) => leaf(if *truth { "yes" } else { "no" }.to_owned(), Nature::Text, path, leaves),
        Value::Number(_) | Value::Object(_) | Value::Array(_) => leaf(value.to_string(), Nature::Text, path, leaves),
    }
}

/// The shape of a field of a group.
fn inside(shape: Option<Shape>, name: &str) -> Option<Shape> {
    shape.and_then(|shape| shape.field(name)).map(|field| field.shape)
}

fn walk_list(items: &[Value], shape: Option<Shape>, path: &mut Vec<String>, leaves: &mut Leaves) {
    let (selector, of_item) = match shape {
        Some(Shape::List { selector, item }) => (selector, Some(*item)),
        _ => (None, None),
    };
    let mut names: Vec<String> = Vec::with_capacity(items.len().min(LEAVES_MAX));
    for (index, item) in items.iter().enumerate() {
        let selected = selector.and_then(|selector| item.get(selector)).and_then(Value::as_str);
        let mut name = selected.map_or_else(|| (index + 1).to_string(), str::to_owned);
        // Looking for an equal name is quadratic, so only among the items that are shown.
        if leaves.surplus == 0 && names.contains(&name) {
            name = format!("{name} ({})", index + 1);
        }
        path.push(name.clone());
        match (selected.and(selector), item) {
            (Some(selector), Value::Object(fields)) => {
                for (field, value) in fields.iter().filter(|(field, _)| field.as_str() != selector) {
                    path.push(field.clone());
                    walk(value, inside(of_item, field), path, leaves);
                    path.pop();
                }
            }
            _ => walk(item, of_item, path, leaves),
        }
        path.pop();
        if leaves.surplus == 0 {
            names.push(name);
        }
    }
}

fn leaf(text: String, nature: Nature, path: &[String], leaves: &mut Leaves) {
    if leaves.values.len() < LEAVES_MAX {
        leaves.values.push(Leaf { path: path.to_vec(), text, nature });
    } else {
        leaves.surplus += 1;
    }
}

/// An amount with its currency is one value.
fn money(fields: &Map<String, Value>) -> Option<String> {
    let (amount, currency) = (fields.get("amount")?.as_str()?, fields.get("currency")?.as_str()?);
    (fields.len() == 2).then(|| format!("{amount} {currency}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_have_titles() {
        let check = |entity: Entity, document: Value, expected: Option<&str>| {
            assert_eq!(title(&entity, &document).as_deref(), expected);
        };
        check(Entity::Customer, json!({"legal_name": "Dupont SA"}), Some("Dupont SA"));
        check(Entity::Customer, json!({"given_name": "Ada", "family_name": "Martin"}), Some("Ada Martin"));
        check(Entity::Customer, json!({"legal_name": " "}), None);
        check(Entity::Invoice, json!({"number": "F-1"}), Some("F-1"));
        let payment = json!({"amount": {"amount": "12.50", "currency": "EUR"}, "booking_date": "2026-11-20"});
        check(Entity::Payment, payment, Some("12.50 EUR, 2026-11-20"));
    }

    #[test]
    fn values_come_under_paths_that_name_list_items() {
        let document = json!({
            "legal_name": "Dupont SA",
            "addresses": [{"use": "billing", "city": "Lyon"}, {"city": "Paris"}],
            "credit_limit": {"amount": "5000.00", "currency": "EUR"},
            "roles": ["supplier"],
        });
        let paths: Vec<String> = leaves(&Entity::Customer, &document)
            .values
            .into_iter()
            .map(|leaf| format!("{}={}", leaf.path.join("/"), leaf.text))
            .collect();
        let expected = [
            "legal_name=Dupont SA",
            "addresses/billing/city=Lyon",
            "addresses/2/city=Paris",
            "credit_limit=5000.00 EUR",
            "roles/1=supplier",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn what_is_too_much_is_counted() {
        let many: Vec<Value> = (0..LEAVES_MAX + 5).map(|number| json!(number)).collect();
        let taken = leaves(&Entity::Declared("stock".into()), &json!({ "items": many }));
        assert_eq!((taken.values.len(), taken.surplus), (LEAVES_MAX, 5));
    }
}
