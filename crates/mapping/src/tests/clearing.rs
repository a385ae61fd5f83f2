use canonical::record::{Body, Clearing, ClearingAmounts, ClearingRows};
use serde_json::json;
use std::sync::Arc;

use super::{mapping, rows, tables};
use crate::Mapping;

const LETTERS: &str = r#"
entity = "allocation"
format = "csv"
key    = ["debit.PIECE", "credit.PIECE"]
only   = "read"
when   = { at = "debit.COMPTE", starts = "411" }

[clearing]
by       = ["COMPTE", "LETTRE"]
debit    = "DEBIT"
credit   = "CREDIT"
decimal  = ","
rows_max = 1000

[fields]
invoice = "debit.PIECE"
payment = "credit.PIECE"
amount  = { at = "cleared", as = "money", currency = "EUR", decimal = "," }
date    = { at = "credit.DATE", format = "%d/%m/%Y", optional = true }
"#;

fn clearing() -> Clearing {
    Clearing {
        by: vec!["COMPTE".to_owned(), "LETTRE".to_owned()],
        amounts: ClearingAmounts::Columns { debit: "DEBIT".to_owned(), credit: "CREDIT".to_owned() },
        decimal: ',',
        rows_max: 1000,
    }
}

#[test]
fn a_stream_of_pairs_needs_the_columns_of_the_table() {
    let mapping = mapping(LETTERS);
    let needs = mapping.stream_needs();
    assert_eq!(needs.clearing, Some(clearing()));
    let columns: Vec<String> = needs.columns.iter().map(|need| need.any_of.join("|")).collect();
    assert_eq!(columns, ["PIECE", "PIECE", "COMPTE", "PIECE", "PIECE", "COMPTE", "LETTRE", "DEBIT", "CREDIT"]);
}

#[test]
fn pairs_are_read() {
    let text = "PIECE;COMPTE;LETTRE;DEBIT;CREDIT;DATE\nF1;4111;A;100,00;;01/03/2026\nP1;4111;A;;100,00;31/03/2026\n\
                S1;4011;B;5,00;;\nS2;4011;B;;5,00;";
    let Body::Rows(all) = rows(text) else { panic!("no rows") };
    let mut held = ClearingRows::new(Arc::new(clearing()));
    for row in 0..all.len() {
        let mut one = canonical::record::Rows::new(Arc::clone(all.columns()));
        assert!(one.push(all.row(row)));
        held.take(one, row as u64 + 2, b"raw").unwrap();
    }
    let mut reader = mapping(LETTERS).reader();
    let pairs: Vec<Body> = held.finish().into_iter().map(|pair| Body::Rows(pair.rows)).collect();
    assert_eq!(pairs.iter().map(|pair| reader.selects(pair)).collect::<Vec<_>>(), [true, false]);
    let reading = reader.read(&pairs[0]).unwrap();
    assert_eq!(reading.key, "F1|P1");
    assert_eq!(
        reading.document.to_json(),
        json!({
            "invoice": {"key": "F1"}, "payment": {"key": "P1"}, "date": "2026-03-31",
            "amount": {"amount": "100.00", "currency": "EUR"},
        })
    );
}

#[test]
fn what_is_wrong_about_pairs_is_told() {
    let check = |change: (&str, &str), expected: &str| {
        let text = LETTERS.replace(change.0, change.1);
        assert_ne!(text, LETTERS);
        let findings = Mapping::compile("test.toml", &text, &tables()).unwrap_err();
        let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert!(findings.iter().any(|finding| finding.contains(expected)), "{expected}: {findings:?}");
    };
    check(("only   = \"read\"\n", ""), "never written");
    check(("debit    = \"DEBIT\"\n", ""), "both sides");
    check(("credit   = \"CREDIT\"", "amount = \"MONTANT\""), "both sides");
    check(("by       = [\"COMPTE\", \"LETTRE\"]\n", ""), "says by");
    check(("rows_max = 1000", "rows_max = 0"), "says by");
    check(("decimal  = \",\"", "decimals = \",\""), "unknown option");
}
