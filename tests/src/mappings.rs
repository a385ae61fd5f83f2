//! The small mappings that whole-hub tests share: the same documents as CSV and as JSON.

/// Customers of CSV files whose header is [`CUSTOMER_CSV_HEADER`].
pub const CUSTOMER_CSV: &str = r#"
entity = "customer"
format = "csv"
key = "code"

[fields]
legal_name = "name"
identifiers.siren = "siren"
emails.main = "email"
addresses.main.city = "city"
"#;

/// The columns of [`CUSTOMER_CSV`], as they are written.
pub const CUSTOMER_CSV_HEADER: &str = "code,name,siren,email,city\n";

/// Invoices of CSV files whose header is [`INVOICE_CSV_HEADER`].
pub const INVOICE_CSV: &str = r#"
entity = "invoice"
format = "csv"
key = "number"

[fields]
number = "number"
issue_date = { at = "date", as = "date" }
type_code = { value = "380" }
completeness = { value = "summary" }
currency = { value = "EUR" }
customer = { at = "client" }
totals.amount_with_vat = { at = "total", as = "decimal" }
"#;

/// The columns of [`INVOICE_CSV`], as they are written.
pub const INVOICE_CSV_HEADER: &str = "number,date,client,total\n";

/// Customers as JSON.
pub const CUSTOMER_JSON: &str = r#"
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
pub const INVOICE_JSON: &str = r#"
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
pub const PAYMENT_JSON: &str = r#"
entity = "payment"
format = "json"
key = "id"

[fields]
direction = "direction"
booking_date = { at = "date", as = "date" }
amount = { at = "amount", as = "money", currency = "EUR" }
account.iban = "iban"
"#;
