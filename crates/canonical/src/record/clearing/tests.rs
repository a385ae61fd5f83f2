use std::sync::Arc;

use rust_decimal::Decimal;

use super::{Clearing, ClearingAmounts, ClearingError, ClearingRows};
use crate::record::{Columns, Rows};

fn two_columns() -> Clearing {
    Clearing {
        by: vec!["account".to_owned(), "letters".to_owned()],
        amounts: ClearingAmounts::Columns { debit: "debit".to_owned(), credit: "credit".to_owned() },
        decimal: ',',
        rows_max: 100,
    }
}

fn one_column() -> Clearing {
    let amounts = ClearingAmounts::Signed {
        amount: "debit".to_owned(),
        side: "credit".to_owned(),
        debit: vec!["D".to_owned()],
        credit: vec!["C".to_owned(), "-1".to_owned()],
    };
    Clearing { amounts, ..two_columns() }
}

fn columns() -> Arc<Columns> {
    Columns::new(["id", "account", "letters", "debit", "credit"]).unwrap()
}

/// `debit id, credit id, amount` of every pair.
fn pairs(clearing: Clearing, rows: &[[&str; 5]]) -> Result<Vec<String>, ClearingError> {
    let (mut held, columns) = (ClearingRows::new(Arc::new(clearing)), columns());
    for (line, row) in rows.iter().enumerate() {
        let mut one = Rows::new(Arc::clone(&columns));
        assert!(one.push(row.iter().copied()));
        held.take(one, line as u64 + 2, row.join(";").as_bytes())?;
    }
    let shown = held.finish().into_iter().map(|pair| {
        let value = |name: &str| pair.rows.value(0, pair.rows.columns().position(name).unwrap()).unwrap().to_owned();
        format!("{}-{} {}", value("debit.id"), value("credit.id"), value("cleared"))
    });
    Ok(shown.collect())
}

#[test]
fn rows_with_the_same_letters_clear_each_other() {
    let check = |rows: &[[&str; 5]], expected: &[&str]| {
        assert_eq!(pairs(two_columns(), rows).unwrap(), expected, "{rows:?}");
    };
    check(&[["F1", "A", "AA", "100,00", ""], ["P1", "A", "AA", "", "100,00"]], &["F1-P1 100,00"]);
    check(
        &[["F1", "A", "AA", "100,00", "0,00"], ["P1", "A", "AA", "0,00", "40,00"], ["P2", "A", "AA", "", "60,00"]],
        &["F1-P1 40,00", "F1-P2 60,00"],
    );
    // One payment of two invoices, with its row ahead of theirs.
    check(
        &[["P1", "A", "AA", "", "1 100,00"], ["F1", "A", "AA", "100,00", ""], ["F2", "A", "AA", "1 000,00", ""]],
        &["F1-P1 100,00", "F2-P1 1000,00"],
    );
    // What is left of an unbalanced group clears nothing.
    check(&[["F1", "A", "AA", "100,00", ""], ["P1", "A", "AA", "", "30,00"]], &["F1-P1 30,00"]);
    // The letters of another account, and none, are others.
    check(&[["F1", "A", "AA", "100,00", ""], ["P1", "B", "AA", "", "100,00"]], &[]);
    check(&[["F1", "A", "", "100,00", ""], ["P1", "A", "", "", "100,00"]], &[]);
    check(&[["F1", "A", "BC", "1,00", ""], ["P1", "AB", "C", "", "1,00"]], &[]);
    // A negative debit is a credit.
    check(&[["F1", "A", "AA", "100,00", ""], ["N1", "A", "AA", "-100,00", ""]], &["F1-N1 100,00"]);
    check(&[["F1", "A", "AA", "0,00", "0,00"], ["P1", "A", "AA", "", "1,00"]], &[]);
}

#[test]
fn a_side_may_be_told_by_a_word() {
    let rows = [["F1", "A", "AA", "100,00", "D"], ["P1", "A", "AA", "70,00", "C"], ["P2", "A", "AA", "30,00", "-1"]];
    assert_eq!(pairs(one_column(), &rows).unwrap(), ["F1-P1 70,00", "F1-P2 30,00"]);
    assert_eq!(pairs(one_column(), &[["F1", "A", "AA", "1,00", "?"]]), Err(ClearingError::Amount));
}

#[test]
fn what_cannot_clear_is_told() {
    // A point where commas are wanted may be anything.
    assert_eq!(pairs(two_columns(), &[["F1", "A", "AA", "12.50", ""]]), Err(ClearingError::Amount));
    assert_eq!(pairs(two_columns(), &[["F1", "A", "AA", "x", ""]]), Err(ClearingError::Amount));
    let few = Clearing { rows_max: 1, ..two_columns() };
    let rows = [["F1", "A", "AA", "1,00", ""], ["F2", "A", "AB", "1,00", ""]];
    assert_eq!(pairs(few, &rows), Err(ClearingError::TooMany(1)));
    let lacks = Clearing { by: vec!["lettrage".to_owned()], ..two_columns() };
    assert_eq!(pairs(lacks, &rows), Err(ClearingError::Column("lettrage".to_owned())));
}

/// Whatever the rows are: no row gives more than it has, and each group clears as much as its smaller side.
#[test]
fn sums_agree() {
    let mut seed = 7_u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..200 {
        let rows: Vec<[String; 5]> = (0..next(12))
            .map(|id| {
                let amount = format!("{},{:02}", next(50), next(100));
                let is_debit = next(2) == 0;
                let sides = if is_debit { [amount, String::new()] } else { [String::new(), amount] };
                let [debit, credit] = sides;
                [id.to_string(), "A".to_owned(), "L".repeat(1 + next(3) as usize), debit, credit]
            })
            .collect();
        let borrowed: Vec<[&str; 5]> = rows.iter().map(|row| row.each_ref().map(String::as_str)).collect();
        let found = pairs(two_columns(), &borrowed).unwrap();
        let amount = |text: &str| if text.is_empty() { Decimal::ZERO } else { text.replace(',', ".").parse().unwrap() };
        let cleared: Decimal = found.iter().map(|pair| amount(pair.split(' ').nth(1).unwrap())).sum();
        let smaller = |letters: &str| -> Decimal {
            let side =
                |at: usize| rows.iter().filter(|row| row[2] == letters).map(|row| amount(&row[at])).sum::<Decimal>();
            side(3).min(side(4))
        };
        assert_eq!(cleared, ["L", "LL", "LLL"].map(smaller).iter().sum::<Decimal>(), "{rows:?}");
        for row in &rows {
            let of = |pair: &&String| {
                let (debit, credit) = pair.split(' ').next().unwrap().split_once('-').unwrap();
                debit == row[0] || credit == row[0]
            };
            let taken: Decimal = found.iter().filter(of).map(|pair| amount(pair.split(' ').nth(1).unwrap())).sum();
            assert!(taken <= amount(&row[3]) + amount(&row[4]), "{row:?} {found:?}");
        }
    }
}
