//! The pack `camt/payment` on real statements, held against an independent reading of the files.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use canonical::document::Document;
use canonical::rules;
use connector::Item;
use mapping::{Mapping, laws};
use passerelle_tests::samples;
use serde_json::{Value, json};

use crate::lost::{lost, plain, unmapped};
use crate::outline::Element;
use crate::support::{items, pack, reading};

/// What no line of the pack carries in any of the samples, as the pack's README says.
const UNMAPPED: &str = include_str!("camt-unmapped.txt");

/// The document translates these words, countries of three letters among them, and takes the day out of an instant.
const TRANSLATED: &[&str] = &["CdtDbtInd", "Sts", "Sts/Cd", "RvslInd", "BookgDt/DtTm", "ValDt/DtTm", "PstlAdr/Ctry"];

/// One report of an account: its element and the elements of its entries, with what the pack reads of them.
struct Statement {
    name: String,
    report: Element,
    readings: Vec<Value>,
}

impl Statement {
    fn entries(&self) -> Vec<&Element> {
        self.report.all("Ntry")
    }
}

fn reports(root: Element) -> Vec<Element> {
    let messages = root.children.into_iter().flat_map(|message| message.children);
    messages.filter(|part| ["Stmt", "Rpt", "Ntfctn"].contains(&part.name.as_str())).collect()
}

async fn read_samples(mapping: &Arc<Mapping>) -> Vec<Statement> {
    let Some(folder) = samples("camt") else { return Vec::new() };
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 21, "only {} samples", paths.len());
    let mut statements = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let reports = reports(Element::parse(&fs::read_to_string(&path).unwrap()));
        let mut readings = Vec::new();
        for item in items(mapping, &path, &json!({})).await {
            match item {
                Item::Record(record) => {
                    laws::write_after_read(mapping, &record.body).unwrap_or_else(|breach| panic!("{name}: {breach}"));
                    readings.push(reading(mapping, &record));
                }
                Item::Reject(reject) => panic!("{name}: {} {}", reject.code, reject.reason),
            }
        }
        for report in reports {
            let rest = readings.split_off(report.all("Ntry").len());
            statements.push(Statement { name: name.clone(), report, readings: std::mem::replace(&mut readings, rest) });
        }
        assert!(readings.is_empty(), "{name}: more payments than entries");
    }
    statements
}

#[track_caller]
fn check(name: &str, value: &Value, wanted: Option<String>) {
    let found = value.as_str().map(plain);
    assert_eq!(found, wanted.map(|text| plain(&text)), "{name}");
}

fn check_entry(statement: &Statement, position: usize, entry: &Element, document: &Value) {
    let (name, report) = (&*statement.name, &statement.report);
    check(name, &document["amount"]["amount"], entry.text("Amt"));
    check(name, &document["amount"]["currency"], entry.all("Amt")[0].attribute("Ccy"));
    let direction = entry.text("CdtDbtInd").map(|text| if text == "CRDT" { "credit" } else { "debit" }.to_owned());
    check(name, &document["direction"], direction);
    let day = |group: &str| {
        let text = entry.text(&format!("{group}/Dt")).or_else(|| entry.text(&format!("{group}/DtTm")))?;
        Some(text[..10].to_owned())
    };
    check(name, &document["booking_date"], day("BookgDt"));
    check(name, &document["value_date"], day("ValDt"));
    let status = entry.text("Sts").or_else(|| entry.text("Sts/Cd")).map(|text| match text.as_str() {
        "BOOK" => "booked".to_owned(),
        "PDNG" => "pending".to_owned(),
        "INFO" => "information".to_owned(),
        _ => text,
    });
    check(name, &document["status"], status);
    check(name, &document["account"]["iban"], report.text("Acct/Id/IBAN").map(|iban| iban.replace(' ', "")));
    check(name, &document["account"]["account_number"], report.text("Acct/Id/Othr/Id"));
    check(name, &document["statement"]["id"], report.text("Id"));
    assert_eq!(document["statement"]["entry"], json!(position), "{name}");
    let kind = match report.name.as_str() {
        "Stmt" => "statement",
        "Rpt" => "intraday",
        _ => "notification",
    };
    check(name, &document["statement"]["kind"], Some(kind.to_owned()));
    let transactions = entry.all("NtryDtls/TxDtls");
    if transactions.len() != 1 {
        // One transaction of a batch says nothing about the whole.
        assert_eq!(document["debtor"], Value::Null, "{name}");
        assert_eq!(document["remittance"], Value::Null, "{name}");
        return;
    }
    let text = |path: &str| transactions[0].text(path);
    check(name, &document["references"]["end_to_end_id"], text("Refs/EndToEndId").filter(|text| text != "NOTPROVIDED"));
    check(
        name,
        &document["references"]["account_servicer_reference"],
        entry.text("AcctSvcrRef").or_else(|| text("Refs/AcctSvcrRef")),
    );
    check(name, &document["debtor"]["name"], text("RltdPties/Dbtr/Nm").or_else(|| text("RltdPties/Dbtr/Pty/Nm")));
    check(name, &document["creditor"]["name"], text("RltdPties/Cdtr/Nm").or_else(|| text("RltdPties/Cdtr/Pty/Nm")));
    check(name, &document["debtor"]["account"]["iban"], text("RltdPties/DbtrAcct/Id/IBAN"));
    let unstructured = transactions[0].all("RmtInf/Ustrd").len();
    assert_eq!(document["remittance"]["unstructured"].as_array().map_or(0, Vec::len), unstructured, "{name}");
}

#[tokio::test]
async fn every_entry_reads_as_it_is_written() {
    let mapping = pack("camt/payment");
    let (mut entries, mut keys) = (0, BTreeSet::new());
    for statement in read_samples(&mapping).await {
        for (index, (entry, reading)) in statement.entries().into_iter().zip(&statement.readings).enumerate() {
            check_entry(&statement, index + 1, entry, &reading["document"]);
            let key = reading["key"].as_str().unwrap().to_owned();
            assert!(keys.insert((statement.name.clone(), key)), "{}: two entries with one key", statement.name);
            entries += 1;
        }
    }
    assert!(samples("camt").is_none() || entries >= 25, "only {entries} entries");
}

/// An amount in the smallest unit that all samples fit in.
fn units(amount: &str) -> i128 {
    let (whole, fraction) = amount.trim().split_once('.').unwrap_or((amount.trim(), ""));
    format!("{whole}{fraction:0<5}").parse().unwrap()
}

fn signed(amount: &str, is_credit: bool) -> i128 {
    if is_credit { units(amount) } else { -units(amount) }
}

fn balance(report: &Element, codes: &[&str]) -> Option<(i128, Option<String>)> {
    let found = codes.iter().find_map(|code| {
        report.all("Bal").into_iter().find(|balance| balance.text("Tp/CdOrPrtry/Cd").as_deref() == Some(code))
    })?;
    let amount = signed(&found.text("Amt")?, found.text("CdtDbtInd")? == "CRDT");
    Some((amount, found.all("Amt")[0].attribute("Ccy")))
}

/// Entries add up to what the file's own entries add up to; and from the opening balance to the closing one
/// wherever those of the file do: most samples show balances that have nothing to do with their entries.
#[tokio::test]
async fn entries_add_up_to_the_balances() {
    let mapping = pack("camt/payment");
    let mut balanced = 0;
    for statement in read_samples(&mapping).await {
        let wanted: i128 = statement
            .entries()
            .iter()
            .map(|entry| signed(&entry.text("Amt").unwrap(), entry.text("CdtDbtInd").unwrap() == "CRDT"))
            .sum();
        let amount = |reading: &Value| {
            let document = &reading["document"];
            signed(document["amount"]["amount"].as_str().unwrap(), document["direction"] == "credit")
        };
        let found: i128 = statement.readings.iter().map(amount).sum();
        assert_eq!(found, wanted, "{}", statement.name);
        let opening = balance(&statement.report, &["OPBD", "PRCD"]);
        let closing = balance(&statement.report, &["CLBD"]);
        if let (Some((opening, one)), Some((closing, other))) = (opening, closing)
            && one == other
            && opening + wanted == closing
        {
            assert_eq!(opening + found, closing, "{}", statement.name);
            balanced += 1;
        }
    }
    assert!(samples("camt").is_none() || balanced >= 3, "only {balanced} statements show balances that agree");
}

#[tokio::test]
async fn no_entry_breaks_a_rule_for_good_and_nothing_is_lost() {
    let mapping = pack("camt/payment");
    let mut all = BTreeSet::new();
    let statements = read_samples(&mapping).await;
    for statement in &statements {
        for (entry, reading) in statement.entries().into_iter().zip(&statement.readings) {
            let lost = lost(entry, reading, TRANSLATED);
            assert!(lost.is_empty(), "{}: neither in the document nor listed: {lost:?}", statement.name);
            all.extend(unmapped(reading));
            let document = Document::from_json(mapping.entity(), reading["document"].clone()).unwrap();
            for finding in rules::findings(&document) {
                assert!(!finding.is_fatal(), "{}: {finding}", statement.name);
                println!("{}: {finding}", statement.name);
            }
        }
    }
    if !statements.is_empty() {
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        assert_eq!(all, UNMAPPED.lines().collect::<Vec<_>>());
    }
}
