//! The pack `camt/payment` on real statements, held against an independent reading of the files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use canonical::document::Document;
use canonical::rules;
use connector::Item;
use mapping::{ControlFinding, GROUPS_MAX, Mapping, laws};
use passerelle_tests::samples;
use serde_json::{Value, json};

use crate::lost::{local, lost, plain, unmapped};
use crate::outline::Element;
use crate::support::{items, pack, reading};

/// What no line of the pack carries in any of the samples, as the pack's README says.
const UNMAPPED: &str = include_str!("camt-unmapped.txt");

/// The document translates these words, countries of three letters among them, and takes the day out of an instant.
const TRANSLATED: &[&str] = &["CdtDbtInd", "Sts", "Sts/Cd", "RvslInd", "BookgDt/DtTm", "ValDt/DtTm", "PstlAdr/Ctry"];

/// One report of an account, with what the pack reads of each of its movements.
struct Statement {
    name: String,
    report: Element,
    readings: Vec<Value>,
}

/// A movement as the file has it: its entry, the entry's position, and the transaction where it is one of a batch.
struct Movement<'r> {
    entry: &'r Element,
    position: usize,
    part: Option<(usize, &'r Element)>,
}

impl Movement<'_> {
    /// The amount in the file, with its currency.
    fn amount(&self) -> &Element {
        match self.part {
            None => self.entry.all("Amt")[0],
            Some((_, transaction)) => own_amount(transaction).unwrap(),
        }
    }

    fn is_credit(&self) -> bool {
        let own = self.part.and_then(|(_, transaction)| transaction.text("CdtDbtInd"));
        own.or_else(|| self.entry.text("CdtDbtInd")).unwrap() == "CRDT"
    }

    /// The only transaction of the entry, or the one of a batch that this is.
    fn transaction(&self) -> Option<&Element> {
        match (self.part, &self.entry.all("NtryDtls/TxDtls")[..]) {
            (Some((_, transaction)), _) => Some(transaction),
            (None, [only]) => Some(only),
            _ => None,
        }
    }
}

fn own_amount(transaction: &Element) -> Option<&Element> {
    let found = ["Amt", "AmtDtls/TxAmt/Amt"].map(|path| transaction.all(path).into_iter().next());
    found.into_iter().flatten().next()
}

impl Statement {
    /// The movements of the report: the transactions of a batch if all of them tell their amounts, else the entry.
    fn movements(&self) -> Vec<Movement<'_>> {
        let mut movements = Vec::new();
        for (index, entry) in self.report.all("Ntry").into_iter().enumerate() {
            let transactions = entry.all("NtryDtls/TxDtls");
            let position = index + 1;
            if transactions.len() > 1 && transactions.iter().all(|transaction| own_amount(transaction).is_some()) {
                let parts = transactions.into_iter().enumerate();
                let part = |(index, transaction)| Movement { entry, position, part: Some((index + 1, transaction)) };
                movements.extend(parts.map(part));
            } else {
                movements.push(Movement { entry, position, part: None });
            }
        }
        movements
    }
}

fn reports(root: Element) -> Vec<Element> {
    let messages = root.children.into_iter().flat_map(|message| message.children);
    messages.filter(|part| ["Stmt", "Rpt", "Ntfctn"].contains(&part.name.as_str())).collect()
}

/// The statements of every sample, and what the control of the mapping says of each sample.
async fn read_samples(mapping: &Arc<Mapping>) -> (Vec<Statement>, BTreeMap<String, Vec<ControlFinding>>) {
    let Some(folder) = samples("camt") else { return Default::default() };
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 21, "only {} samples", paths.len());
    let (mut statements, mut findings) = (Vec::new(), BTreeMap::new());
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let reports = reports(Element::parse(&fs::read_to_string(&path).unwrap()));
        let mut control = mapping.control(GROUPS_MAX).unwrap();
        let mut readings = Vec::new();
        for item in items(mapping, &path, &json!({})).await {
            match item {
                Item::Record(record) => {
                    laws::write_after_read(mapping, &record.body).unwrap_or_else(|breach| panic!("{name}: {breach}"));
                    control.take(&record.body, &mapping.reader().read(&record.body).unwrap().document);
                    readings.push(reading(mapping, &record));
                }
                Item::Reject(reject) => panic!("{name}: {} {}", reject.code, reject.reason),
            }
        }
        for report in reports {
            let mut statement = Statement { name: name.clone(), report, readings: Vec::new() };
            let rest = readings.split_off(statement.movements().len());
            statement.readings = std::mem::replace(&mut readings, rest);
            statements.push(statement);
        }
        assert!(readings.is_empty(), "{name}: more payments than movements");
        findings.insert(name, control.finish());
    }
    (statements, findings)
}

#[track_caller]
fn check(name: &str, value: &Value, wanted: Option<String>) {
    let found = value.as_str().map(plain);
    assert_eq!(found, wanted.map(|text| plain(&text)), "{name}");
}

fn check_movement(statement: &Statement, movement: &Movement<'_>, document: &Value) {
    let (name, report, entry) = (&*statement.name, &statement.report, movement.entry);
    check(name, &document["amount"]["amount"], Some(movement.amount().text.trim().to_owned()));
    check(name, &document["amount"]["currency"], movement.amount().attribute("Ccy"));
    let direction = if movement.is_credit() { "credit" } else { "debit" };
    check(name, &document["direction"], Some(direction.to_owned()));
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
    assert_eq!(document["statement"]["entry"], json!(movement.position), "{name}");
    assert_eq!(document["statement"]["transaction"], json!(movement.part.map(|(part, _)| part)), "{name}");
    let whole = movement.part.and_then(|_| entry.text("Amt"));
    check(name, &document["batch"]["amount"]["amount"], whole);
    let kind = match report.name.as_str() {
        "Stmt" => "statement",
        "Rpt" => "intraday",
        _ => "notification",
    };
    check(name, &document["statement"]["kind"], Some(kind.to_owned()));
    let Some(transaction) = movement.transaction() else {
        // One of several transactions says nothing about the whole.
        assert_eq!(document["debtor"], Value::Null, "{name}");
        assert_eq!(document["remittance"], Value::Null, "{name}");
        return;
    };
    let text = |path: &str| transaction.text(path);
    check(name, &document["references"]["end_to_end_id"], text("Refs/EndToEndId").filter(|text| text != "NOTPROVIDED"));
    check(
        name,
        &document["references"]["account_servicer_reference"],
        match movement.part {
            None => entry.text("AcctSvcrRef").or_else(|| text("Refs/AcctSvcrRef")),
            Some(_) => text("Refs/AcctSvcrRef").or_else(|| entry.text("AcctSvcrRef")),
        },
    );
    check(name, &document["debtor"]["name"], text("RltdPties/Dbtr/Nm").or_else(|| text("RltdPties/Dbtr/Pty/Nm")));
    check(name, &document["creditor"]["name"], text("RltdPties/Cdtr/Nm").or_else(|| text("RltdPties/Cdtr/Pty/Nm")));
    check(name, &document["debtor"]["account"]["iban"], text("RltdPties/DbtrAcct/Id/IBAN"));
    let unstructured = transaction.all("RmtInf/Ustrd").len();
    assert_eq!(document["remittance"]["unstructured"].as_array().map_or(0, Vec::len), unstructured, "{name}");
}

#[tokio::test]
async fn every_movement_reads_as_it_is_written() {
    let mapping = pack("camt/payment");
    let (mut movements, mut parts, mut keys) = (0, 0, BTreeSet::new());
    for statement in read_samples(&mapping).await.0 {
        for (movement, reading) in statement.movements().iter().zip(&statement.readings) {
            check_movement(&statement, movement, &reading["document"]);
            let key = reading["key"].as_str().unwrap().to_owned();
            assert!(keys.insert((statement.name.clone(), key)), "{}: two payments with one key", statement.name);
            movements += 1;
            parts += usize::from(movement.part.is_some());
        }
    }
    assert!(
        samples("camt").is_none() || (movements >= 26 && parts >= 2),
        "only {movements} movements, {parts} of batches"
    );
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

/// The payments of each statement add up to its own entries, a batch by its transactions; and the control says exactly
/// of those statements that they do not agree whose own entries do not lead from one of their balances to the other, or do
/// not have the sum that they state.
#[tokio::test]
async fn payments_add_up_to_the_balances() {
    let mapping = pack("camt/payment");
    let (statements, findings) = read_samples(&mapping).await;
    let (mut balanced, mut unbalanced) = (0, BTreeMap::<&str, BTreeSet<String>>::new());
    for statement in &statements {
        let of_entry =
            |entry: &&Element| signed(&entry.text("Amt").unwrap(), entry.text("CdtDbtInd").unwrap() == "CRDT");
        let wanted: i128 = statement.report.all("Ntry").iter().map(of_entry).sum();
        let amount = |reading: &Value| {
            let document = &reading["document"];
            signed(document["amount"]["amount"].as_str().unwrap(), document["direction"] == "credit")
        };
        let found: i128 = statement.readings.iter().map(amount).sum();
        assert_eq!(found, wanted, "{}", statement.name);
        let (opening, closing) = (balance(&statement.report, &["OPBD", "PRCD"]), balance(&statement.report, &["CLBD"]));
        let verdict = match (&opening, &closing) {
            (Some((opening, _)), Some((closing, _))) if opening + wanted == *closing => {
                balanced += 1;
                "balances"
            }
            (Some(_), Some(_)) => {
                unbalanced.entry(&statement.name).or_default().extend(statement.report.text("Id"));
                "does not balance"
            }
            _ => "no balances",
        };
        let gross =
            |report: &Element| report.all("Ntry").iter().map(|entry| units(&entry.text("Amt").unwrap())).sum::<i128>();
        if statement.report.text("TxsSummry/TtlNtries/Sum").is_some_and(|sum| units(&sum) != gross(&statement.report)) {
            unbalanced.entry(&statement.name).or_default().extend(statement.report.text("Id"));
        }
        let shown =
            |balance: Option<(i128, Option<String>)>| balance.map_or("-".to_owned(), |(amount, _)| amount.to_string());
        println!(
            "{:55} {:>3} payments {:>14} from {:>12} to {:>12}  {verdict}",
            statement.name,
            statement.readings.len(),
            found,
            shown(opening),
            shown(closing)
        );
    }
    for (name, findings) in &findings {
        findings.iter().for_each(|finding| println!("{name}: {finding} [{}]", finding.code()));
        let told: BTreeSet<String> = findings.iter().map(|finding| finding.statement.clone()).collect();
        assert_eq!(told, unbalanced.remove(&**name).unwrap_or_default(), "{name}");
    }
    assert!(samples("camt").is_none() || balanced >= 3, "only {balanced} statements show balances that agree");
}

#[tokio::test]
async fn no_payment_breaks_a_rule_for_good_and_nothing_is_lost() {
    let mapping = pack("camt/payment");
    let mut all = BTreeSet::new();
    let (statements, _) = read_samples(&mapping).await;
    for statement in &statements {
        for (movement, reading) in statement.movements().iter().zip(&statement.readings) {
            // What stands in the other transactions of a batch is theirs to tell.
            if movement.part.is_none() {
                let lost = lost(movement.entry, reading, TRANSLATED);
                assert!(lost.is_empty(), "{}: neither in the document nor listed: {lost:?}", statement.name);
            }
            if let Some((_, transaction)) = movement.part {
                let listed = unmapped(reading).into_iter().map(|path| local(&path));
                let below = listed.filter_map(|path| path.strip_prefix("NtryDtls/TxDtls/").map(str::to_owned));
                let reading = json!({ "document": reading["document"], "unmapped": below.collect::<Vec<_>>() });
                let lost = lost(transaction, &reading, TRANSLATED);
                assert!(lost.is_empty(), "{}: neither in the document nor listed: {lost:?}", statement.name);
            }
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
