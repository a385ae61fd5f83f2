//! Rows that are told by a column, and what is written where a document has nothing.

use serde_json::json;

use super::{csv_of, mapping, rows};
use crate::{DataError, Mapping};

const STATEMENT: &str = r#"
entity = "payment"
format = "csv"
key = "ref"

[fields]
debtor.name             = { at = "text", on_row = { at = "kind", is = "NPY" }, only = "read" }
remittance.unstructured = { at = "text", on_row = { at = "kind", is = ["LIB", "LCC"] }, only = "read" }
charges.1.amount        = { at = "text", as = "money", currency_at = "currency", on_row = { at = "kind", is = "FEE" }, only = "read" }
"#;

#[test]
fn a_line_reads_the_row_that_a_column_tells() {
    let check = |text: &str, expected: serde_json::Value| {
        let mapping = mapping(STATEMENT);
        let reading = mapping.reader().read_with_unmapped(&rows(text)).unwrap();
        assert_eq!(reading.document.to_json(), expected, "{text}");
        assert!(reading.unmapped.is_empty(), "{:?}", reading.unmapped);
    };
    check(
        "ref;kind;text;currency\n1;LIB;one;\n1;NPY;Ada;\n1;LCC;two;\n1;NPY;Bo;\n1;FEE;2.50;USD\n",
        json!({
            "debtor": { "name": "Ada" },
            "remittance": { "unstructured": ["one", "two"] },
            "charges": [{ "amount": { "amount": "2.50", "currency": "USD" } }],
        }),
    );
    check("ref;kind;text;currency\n1;XYZ;one;EUR\n", json!({}));
}

#[test]
fn a_row_cannot_be_told_of_a_record_that_is_written() {
    let text = STATEMENT.replace("NPY\" }, only = \"read\"", "NPY\" }");
    let found = Mapping::compile("test.toml", &text, &super::tables()).unwrap_err();
    assert!(found.iter().any(|found| found.to_string().contains("only = \"read\"")), "{found:?}");
}

const ORDER: &str = r#"
entity = "payment"
format = "csv"
key = "ref"
columns = ["ref", "e2e", "method", "day"]

[fields]
references.end_to_end_id = { at = "e2e", absent = "NOTPROVIDED" }
method                   = { at = "method", table = { TRF = "credit_transfer", CHK = "cheque" }, absent = "TRF", default = "credit_transfer" }
requested_date           = { at = "day", write_required = true }
"#;

#[test]
fn nothing_has_a_text_of_its_own_and_some_values_must_be_there() {
    let order = mapping(ORDER);
    let written = order.write(&json!({ "requested_date": "2026-11-23" }), Some("1"), None).unwrap();
    assert_eq!(csv_of(&written), "ref;e2e;method;day\n1;NOTPROVIDED;TRF;2026-11-23");
    let read = order.reader().read(&written).unwrap().document.to_json();
    assert_eq!(read, json!({ "method": "credit_transfer", "requested_date": "2026-11-23" }));
    assert_eq!(order.project(&json!({ "requested_date": "2026-11-23" })), order.restrict(&read));
    let refused: Vec<DataError> = order.write(&json!({ "method": "cheque" }), Some("1"), None).unwrap_err();
    assert_eq!(
        refused.iter().map(|error| (&*error.field, error.code)).collect::<Vec<_>>(),
        [("requested_date", "mapping.required")]
    );
}
