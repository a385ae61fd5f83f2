//! Mappings and rows that the tests with scripted systems share.

use serde_json::{Value, json};

/// Customers as JSON.
pub const CUSTOMER: &str = r#"
entity = "customer"
format = "json"
key = "id"

[fields]
legal_name = "name"
identifiers.siren = "siren"
emails.main = "mail"
addresses.main.city = "city"
"#;

/// Invoices as JSON.
pub const INVOICE: &str = r#"
entity = "invoice"
format = "json"
key = "id"

[fields]
number = "number"
issue_date = { at = "date", as = "date" }
type_code = { value = "380" }
completeness = { value = "summary" }
currency = { value = "EUR" }
customer = { at = "client" }
totals.amount_with_vat = { at = "total", as = "decimal" }
"#;

/// Payments as JSON.
pub const PAYMENT: &str = r#"
entity = "payment"
format = "json"
key = "id"

[fields]
direction = "direction"
booking_date = { at = "date", as = "date" }
amount = { at = "amount", as = "money", currency = "EUR" }
account.iban = "iban"
"#;

/// A customer by id, name and city.
pub fn customer(id: &str, name: &str, city: &str) -> Value {
    json!({"id": id, "name": name, "city": city, "mail": format!("{id}@example.org")})
}

/// The same with a strong identifier.
pub fn company(id: &str, name: &str, siren: &str) -> Value {
    json!({"id": id, "name": name, "siren": siren})
}

/// An invoice of a customer.
pub fn invoice(number: &str, client: &str, total: &str) -> Value {
    json!({"id": number, "number": number, "date": "2026-03-01", "client": client, "total": total})
}
