//! Totals that a drop states, held against what was read of it.

use std::sync::Arc;

use canonical::record::{Body, Columns, Rows};

use crate::{Control, Mapping};

const STATEMENT: &str = r#"
entity = "payment"
format = "csv"
key = "ref"

[control]
group   = ["account", "statement"]
opening = { at = "opening", as = "decimal", decimal = "," }
closing = { at = "closing", as = "decimal", sign_at = "side", minus = "D", plus = "C" }
count   = { at = "count", as = "integer" }
sum     = "total"

[fields]
amount = { at = "amount", as = "money", currency_at = "currency", direction = "direction" }
status = "status"
"#;

fn control(text: &str, groups_max: usize) -> Control {
    let mapping =
        Mapping::compile("statement.toml", text, &super::tables()).unwrap_or_else(|found| panic!("{found:?}"));
    Arc::new(mapping).control(groups_max).unwrap()
}

const COLUMNS: [&str; 11] =
    ["ref", "account", "statement", "opening", "closing", "side", "count", "total", "amount", "currency", "status"];

fn take(control: &mut Control, cells: &[&str]) {
    let mut rows = Rows::new(Columns::new(COLUMNS).unwrap());
    assert!(rows.push(cells.iter().copied()));
    let body = Body::Rows(rows);
    let document = control.mapping.reader().read(&body).unwrap().document;
    control.take(&body, &document);
}

fn told(control: &mut Control) -> Vec<String> {
    control.finish().iter().map(|finding| format!("{finding} [{}]", finding.code())).collect()
}

/// Takes records of the account A, each given as its statement, what that states, and its amount, and checks what is told.
fn check(records: &[[&str; 8]], expected: &[&str]) {
    let mut control = control(STATEMENT, 10);
    for [statement, opening, closing, side, count, total, amount, status] in records {
        take(&mut control, &["1", "A", statement, opening, closing, side, count, total, amount, "EUR", status]);
    }
    assert_eq!(told(&mut control), expected, "{records:?}");
    assert!(told(&mut control).is_empty(), "a drop is told about once");
}

#[test]
fn a_statement_holds_what_it_says_or_it_is_told() {
    check(&[["S", "10,00", "4", "C", "2", "10", "-8", ""], ["S", "", "", "", "", "", "2", "booked"]], &[]);
    check(
        &[["S", "10,00", "5.00", "D", "1", "8.00", "-8", ""], ["T", "1", "", "", "", "", "1", ""]],
        &[
            "statement \"S\": from the opening balance 10.00 the booked records lead to 2.00, and the closing balance is -5.00 [control.balance]",
        ],
    );
    check(
        &[["S", "", "", "", "3", "9", "-8", ""], ["S", "", "", "", "", "", "2", ""]],
        &[
            "statement \"S\": it states 3 records, and there are 2 [control.count]",
            "statement \"S\": it states a sum of 9, and the records add up to 10 [control.sum]",
        ],
    );
}

#[test]
fn what_is_not_booked_is_in_no_balance() {
    check(&[["S", "1", "3", "C", "", "", "2", "booked"], ["S", "", "", "", "", "", "7", "pending"]], &[]);
}

#[test]
fn what_cannot_be_added_is_told() {
    let mut control = control(STATEMENT, 10);
    take(&mut control, &["1", "A", "S", "1", "3", "C", "", "", "2", "EUR", ""]);
    take(&mut control, &["2", "A", "S", "", "", "", "", "", "2", "USD", ""]);
    let currencies = "statement \"S\": the amounts cannot be added: one is missing, or they are in several currencies [control.currencies]";
    assert_eq!(told(&mut control), [currencies]);
    check(
        &[["S", "x", "3", "C", "", "", "2", ""]],
        &["statement \"S\": a stated balance, count or sum is no number [control.unreadable]"],
    );
}

#[test]
fn groups_have_a_limit_and_are_told_apart_by_all_their_places() {
    let mut control = control(STATEMENT, 2);
    for account in ["A", "B", "C", "A"] {
        take(&mut control, &["1", account, "S", "0", "2", "C", "", "", "1", "EUR", ""]);
    }
    assert_eq!(
        told(&mut control),
        [
            "statement \"S\": from the opening balance 0 the booked records lead to 1, and the closing balance is 2 [control.balance]",
            "there are more than 2 statements; those behind were not held against their totals [control.groups]",
        ]
    );
}

#[test]
fn an_amount_may_be_the_records_own() {
    let text =
        STATEMENT.replace("sum     = \"total\"", "sum = \"total\"\namount = { at = \"total\", as = \"decimal\" }");
    let mut control = control(&text, 10);
    take(&mut control, &["1", "A", "S", "1", "4", "C", "", "3", "100", "EUR", ""]);
    assert!(told(&mut control).is_empty());
}

#[test]
fn a_control_that_says_nothing_is_refused() {
    let check = |control: &str, wanted: &str| {
        let start = STATEMENT.find("group").unwrap();
        let end = STATEMENT.find("[fields]").unwrap();
        let text = format!("{}{control}\n{}", &STATEMENT[..start], &STATEMENT[end..]);
        let found = Mapping::compile("statement.toml", &text, &super::tables()).unwrap_err();
        assert!(found.iter().any(|found| found.to_string().contains(wanted)), "{control}: {found:?}");
    };
    check("opening = \"opening\"", "group = ");
    check("group = \"account\"\nopening = \"opening\"", "opening and closing go together");
    check("group = \"account\"", "control states nothing");
    check("group = \"account\"\nsums = \"total\"", "unknown option \"sums\"");
}
