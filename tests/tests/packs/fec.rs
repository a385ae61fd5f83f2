//! The pack `fec`: what it writes passes the published rules of the format, and what it reads adds up with the file.
//!
//! The rules are those of article A47 A-1 of the Livre des procédures fiscales, III and VII: the 18 columns in their
//! order, a separator that is a tab or a bar, dates as AAAAMMJJ, numbers with a decimal comma and without groups, a sign
//! in front; and of any bookkeeping: every entry balances, and a journal has one name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use canonical::record::{Body, Rows};
use mapping::Mapping;
use passerelle_tests::workspace;
use serde_json::{Value, json};

use crate::support::{pack, reading, records, stream_settings};

const COLUMNS: [&str; 18] = [
    "JournalCode",
    "JournalLib",
    "EcritureNum",
    "EcritureDate",
    "CompteNum",
    "CompteLib",
    "CompAuxNum",
    "CompAuxLib",
    "PieceRef",
    "PieceDate",
    "EcritureLib",
    "Debit",
    "Credit",
    "EcritureLet",
    "DateLet",
    "ValidDate",
    "Montantdevise",
    "Idevise",
];

/// Columns that may be empty: the sub-account, the lettering and the foreign currency.
const MAY_BE_EMPTY: [&str; 6] = ["CompAuxNum", "CompAuxLib", "EcritureLet", "DateLet", "Montantdevise", "Idevise"];

fn is_date(text: &str) -> bool {
    text.len() == 8 && jiff::civil::Date::strptime("%Y%m%d", text).is_ok()
}

/// Digits with at most one comma between them, and a minus in front at most.
fn is_amount(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once(',').unwrap_or((text, "0"));
    digits(whole.strip_prefix('-').unwrap_or(whole)) && digits(fraction)
}

/// An amount of the file or of a document, in cents.
fn cents(text: &str) -> i128 {
    let text = text.replace(',', ".");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{fraction:0<2}").parse().unwrap()
}

/// Everything that is wrong with a file by the published rules.
fn findings(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let separator = if head.contains('\t') { '\t' } else { '|' };
    if head.split(separator).collect::<Vec<_>>() != COLUMNS {
        found.push("the first line does not name the 18 columns in their order".to_owned());
        return found;
    }
    let mut balances: BTreeMap<(String, String), i128> = BTreeMap::new();
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (index, line) in lines.enumerate() {
        let values: Vec<&str> = line.split(separator).collect();
        if values.len() != COLUMNS.len() {
            found.push(format!("line {}: {} values", index + 2, values.len()));
            continue;
        }
        let value = |name: &str| values[COLUMNS.iter().position(|column| *column == name).unwrap()];
        let mut wrong = |name: &str, what: &str| found.push(format!("line {}: {name} {what}", index + 2));
        for name in COLUMNS.iter().filter(|name| value(name).is_empty() && !MAY_BE_EMPTY.contains(name)) {
            wrong(name, "is empty");
        }
        for name in ["EcritureDate", "PieceDate", "DateLet", "ValidDate"] {
            if !value(name).is_empty() && !is_date(value(name)) {
                wrong(name, "is no date AAAAMMJJ");
            }
        }
        for name in ["Debit", "Credit", "Montantdevise"] {
            if !value(name).is_empty() && !is_amount(value(name)) {
                wrong(name, "is no number with a decimal comma");
            }
        }
        if value("CompteNum").len() < 3 || !value("CompteNum").bytes().take(3).all(|byte| byte.is_ascii_digit()) {
            wrong("CompteNum", "does not begin with three digits");
        }
        for (one, other) in [("EcritureLet", "DateLet"), ("Montantdevise", "Idevise"), ("CompAuxNum", "CompAuxLib")] {
            if value(one).is_empty() != value(other).is_empty() {
                wrong(other, &format!("goes with {one}"));
            }
        }
        if is_amount(value("Debit")) && is_amount(value("Credit")) {
            let entry = (value("JournalCode").to_owned(), value("EcritureNum").to_owned());
            *balances.entry(entry).or_default() += cents(value("Debit")) - cents(value("Credit"));
        }
        names.entry(value("JournalCode").to_owned()).or_default().insert(value("JournalLib").to_owned());
    }
    let open = balances.into_iter().filter(|(_, balance)| *balance != 0);
    found.extend(open.map(|((journal, number), _)| format!("entry {number} of {journal} does not balance")));
    let several = names.into_iter().filter(|(_, names)| names.len() > 1);
    found.extend(several.map(|(journal, _)| format!("journal {journal} has several names")));
    found
}

/// A file of rows, as the connector writes it with a tab and without quotes.
fn file(written: &[Rows]) -> String {
    let mut lines = vec![written[0].columns().names().collect::<Vec<_>>().join("\t")];
    for rows in written {
        lines.extend((0..rows.len()).map(|row| rows.row(row).collect::<Vec<_>>().join("\t")));
    }
    lines.join("\r\n") + "\r\n"
}

/// The documents of an example, written from nothing.
fn written(mapping: &Mapping, readings: &[Value]) -> String {
    let rows: Vec<Rows> = readings
        .iter()
        .map(|reading| match mapping.write(&reading["document"], reading["key"].as_str(), None).unwrap() {
            Body::Rows(rows) => rows,
            other => panic!("no rows: {other:?}"),
        })
        .collect();
    file(&rows)
}

async fn readings(name: &str, example: &str) -> Vec<Value> {
    let mapping: Arc<Mapping> = pack(name);
    let folder = workspace().join("mappings").join(name.split('/').next().unwrap());
    let records = records(&mapping, &folder.join("examples").join(example), &stream_settings(&folder)).await;
    records.iter().map(|record| reading(&mapping, record)).collect()
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let head = COLUMNS.join("\t");
    let row = |debit: &str, credit: &str, date: &str| {
        format!(
            "VE\tVentes\t1\t{date}\t411000\tClients\t\t\tF1\t20260302\tFacture\t{debit}\t{credit}\t\t\t20260430\t\t"
        )
    };
    let check = |text: String, expected: &[&str]| assert_eq!(findings(&text), expected, "{text}");
    let balanced = [row("1,00", "0,00", "20260302"), row("0,00", "1,00", "20260302")].join("\r\n");
    check(format!("{head}\r\n{balanced}\r\n"), &[]);
    check(format!("{}\n{}\n", head.replace('\t', "|"), balanced.replace('\t', "|")), &[]);
    check(
        head.replace("Debit\tCredit", "Credit\tDebit"),
        &["the first line does not name the 18 columns in their order"],
    );
    check(format!("{head}\n{}\n", row("1,00", "0,00", "20260302")), &["entry 1 of VE does not balance"]);
    check(
        format!("{head}\n{}\n", row("1.00", "1 000,00", "02/03/2026")),
        &[
            "line 2: EcritureDate is no date AAAAMMJJ",
            "line 2: Debit is no number with a decimal comma",
            "line 2: Credit is no number with a decimal comma",
        ],
    );
    check(format!("{head}\n{}\n", row("", "0,00", "")), &["line 2: EcritureDate is empty", "line 2: Debit is empty"]);
    check(format!("{head}\n{}\textra\n", row("1,00", "1,00", "20260302")), &["line 2: 19 values"]);
}

#[tokio::test]
async fn what_is_written_passes_the_published_rules() {
    let text = fs::read_to_string(workspace().join("mappings/fec/examples/entry.csv")).unwrap();
    assert_eq!(findings(&text), Vec::<String>::new(), "the example itself");
    let entries = readings("fec/entry", "entry.csv").await;
    let again = written(&pack("fec/entry"), &entries);
    assert_eq!(findings(&again), Vec::<String>::new());
    assert_eq!(again, text, "a file that is read and written anew is the same");
}

/// A name of an account is what an export of Sage 100 does not have: the number stands there.
/// What it does not know either is when an entry was made final, so that an unfinished book says so.
#[tokio::test]
async fn the_entries_of_another_product_become_a_fec() {
    let mut entries = readings("sage-100/entry", "entry.csv").await;
    let found = findings(&written(&pack("fec/entry"), &entries));
    assert!(!found.is_empty() && found.iter().all(|finding| is_told_by_nobody(finding)), "{found:?}");
    for entry in &mut entries {
        entry["document"]["validated"] = json!("2026-04-30");
        for line in entry["document"]["lines"].as_array_mut().unwrap() {
            if line.get("lettering").is_some() {
                line["lettered"] = json!("2026-04-30");
            }
        }
    }
    assert_eq!(findings(&written(&pack("fec/entry"), &entries)), Vec::<String>::new());
}

/// What an export of Sage 100 does not tell: when an entry was made final, and when a line was lettered.
fn is_told_by_nobody(finding: &str) -> bool {
    finding.ends_with("ValidDate is empty") || finding.ends_with("DateLet goes with EcritureLet")
}

/// What invoices, credit notes, payments and allocations say of each customer, held against the lines of the file.
#[tokio::test]
async fn documents_add_up_with_the_accounts() {
    let text = fs::read_to_string(workspace().join("mappings/fec/examples/entry.csv")).unwrap();
    let mut accounts: BTreeMap<String, i128> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let values: Vec<&str> = line.split('\t').collect();
        if values[4].starts_with("411") {
            *accounts.entry(values[6].to_owned()).or_default() += cents(values[11]) - cents(values[12]);
        }
    }
    let mut told: BTreeMap<String, i128> = BTreeMap::new();
    let number = |value: &Value| cents(value.as_str().unwrap());
    for invoice in readings("fec/invoice", "invoice.csv").await {
        let document = &invoice["document"];
        let total = number(&document["totals"]["amount_with_vat"]);
        let customer = invoice["key"].as_str().unwrap().rsplit('|').next().unwrap();
        let sign = if document["type_code"] == "381" { -1 } else { 1 };
        *told.entry(customer.to_owned()).or_default() += sign * total;
    }
    for payment in readings("fec/payment", "payment.csv").await {
        let document = &payment["document"];
        let sign = if document["direction"] == "credit" { -1 } else { 1 };
        let customer = document["customer"]["key"].as_str().unwrap();
        *told.entry(customer.to_owned()).or_default() += sign * number(&document["amount"]["amount"]);
    }
    assert_eq!(told, accounts);
    let allocations = readings("fec/allocation", "allocation.csv").await;
    let settled: i128 = allocations.iter().map(|allocation| number(&allocation["document"]["amount"]["amount"])).sum();
    let lettered = |at: usize| -> i128 {
        let rows = text.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
        rows.filter(|row| row[4].starts_with("411") && !row[13].is_empty()).map(|row| cents(row[at])).sum()
    };
    assert_eq!((settled, lettered(11)), (lettered(12), lettered(12)), "the letters of the example balance");
}

/// The columns Montant and Sens say the same as Debit and Credit.
#[tokio::test]
async fn both_forms_of_amounts_say_the_same() {
    let documents = |readings: Vec<Value>| -> Vec<Value> {
        readings.into_iter().map(|reading| json!([reading["key"], reading["document"]])).collect()
    };
    for (mapping, one, other_mapping, other) in [
        ("fec/invoice", "invoice.csv", "fec/invoice", "invoice-signed.csv"),
        ("fec/payment", "payment.csv", "fec/payment", "payment-signed.csv"),
        ("fec/allocation", "allocation.csv", "fec/signed-allocation", "signed-allocation.csv"),
    ] {
        assert_eq!(
            documents(readings(mapping, one).await),
            documents(readings(other_mapping, other).await),
            "{mapping}"
        );
    }
}
