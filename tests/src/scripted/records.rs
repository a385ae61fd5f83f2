//! Rows that the tests with scripted systems share, and the mappings that read and write them.

use serde_json::{Value, json};

pub use crate::mappings::{CUSTOMER_JSON as CUSTOMER, INVOICE_JSON as INVOICE, PAYMENT_JSON as PAYMENT};

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
