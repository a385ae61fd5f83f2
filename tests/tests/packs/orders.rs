//! The packs of payment orders, pain.001 and pain.008, on real messages: held against an independent reading of the files.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use canonical::document::Document;
use canonical::rules;
use connector::Item;
use mapping::{GROUPS_MAX, Mapping, laws};
use passerelle_tests::samples;
use serde_json::{Value, json};

use crate::lost::{lost, plain};
use crate::outline::Element;
use crate::support::{items, pack, reading};

/// The document translates these words, or tells them by what it is.
const TRANSLATED: &[&str] = &["PmtMtd", "CreDtTm", "AmdmntInd", "SchmeNm/Prtry", "NbOfTxs", "CtrlSum"];

/// What no line of the packs carries in any of the samples, as their READMEs say.
const UNMAPPED: &[&str] = &[
    "c:CstmrCdtTrfInitn/c:GrpHdr/c:InitgPty/c:PstlAdr/c:BldgNb",
    "c:CstmrCdtTrfInitn/c:GrpHdr/c:InitgPty/c:PstlAdr/c:Ctry",
    "c:CstmrCdtTrfInitn/c:GrpHdr/c:InitgPty/c:PstlAdr/c:PstCd",
    "c:CstmrCdtTrfInitn/c:GrpHdr/c:InitgPty/c:PstlAdr/c:StrtNm",
    "c:CstmrCdtTrfInitn/c:GrpHdr/c:InitgPty/c:PstlAdr/c:TwnNm",
    "c:CstmrCdtTrfInitn/c:PmtInf/c:CdtTrfTxInf/c:Cdtr/c:PstlAdr/c:AdrLine",
];

/// A transaction of a message as the file has it, with what stands around it, and what a pack reads of it.
struct Order {
    name: String,
    message: Element,
    part: Element,
    transaction: Element,
    reading: Value,
}

/// An element without its children of one name, and those.
fn without(mut element: Element, name: &str) -> (Element, Vec<Element>) {
    let (found, others) = std::mem::take(&mut element.children).into_iter().partition(|child| child.name == name);
    element.children = others;
    (element, found)
}

fn copy(element: &Element) -> Element {
    let children = element.children.iter().map(copy).collect();
    Element { children, name: element.name.clone(), attributes: element.attributes.clone(), text: element.text.clone() }
}

/// Each transaction with the message and the part of the message that it stands in, and nothing of the others.
fn transactions(document: Element) -> Vec<(Element, Element, Element)> {
    let message = document.children.into_iter().next().unwrap();
    let name = if message.name == "CstmrCdtTrfInitn" { "CdtTrfTxInf" } else { "DrctDbtTxInf" };
    let (message, parts) = without(message, "PmtInf");
    let mut found = Vec::new();
    for (part, transactions) in parts.into_iter().map(|part| without(part, name)) {
        found.extend(transactions.into_iter().map(|transaction| (copy(&message), copy(&part), transaction)));
    }
    found
}

fn sample_files(kind: &str) -> Vec<PathBuf> {
    let Some(folder) = samples("pain") else { return Vec::new() };
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| path.file_name().unwrap().to_str().unwrap().contains(kind));
    assert!(!paths.is_empty(), "no samples of {kind}");
    paths
}

fn amount_of(transaction: &Element) -> &Element {
    let found = ["Amt/InstdAmt", "InstdAmt"].map(|path| transaction.all(path).into_iter().next());
    found.into_iter().flatten().next().unwrap()
}

/// An amount in the smallest unit that all samples fit in.
fn units(amount: &str) -> i64 {
    let (whole, fraction) = amount.trim().split_once('.').unwrap_or((amount.trim(), ""));
    format!("{whole}{fraction:0<5}").parse().unwrap()
}

/// Reads the samples of one kind of message; what a message states of itself is held against the file's own transactions.
async fn read(mapping: &Arc<Mapping>, kind: &str) -> Vec<Order> {
    let mut orders = Vec::new();
    for path in sample_files(kind) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut control = mapping.control(GROUPS_MAX).unwrap();
        let expected = transactions(Element::parse(&fs::read_to_string(&path).unwrap()));
        let items = items(mapping, &path, &json!({})).await;
        assert_eq!(items.len(), expected.len(), "{name}: payments and transactions");
        let header = expected[0].0.all("GrpHdr")[0];
        let sum: i64 = expected.iter().map(|(_, _, transaction)| units(&amount_of(transaction).text)).sum();
        let misses_count = header.text("NbOfTxs").is_some_and(|count| count != expected.len().to_string());
        let misses_sum = header.text("CtrlSum").is_some_and(|stated| units(&stated) != sum);
        for (item, (message, part, transaction)) in items.into_iter().zip(expected) {
            let Item::Record(record) = item else { panic!("{name}: {item:?}") };
            laws::write_after_read(mapping, &record.body).unwrap_or_else(|breach| panic!("{name}: {breach}"));
            control.take(&record.body, &mapping.reader().read(&record.body).unwrap().document);
            orders.push(Order { name: name.clone(), message, part, transaction, reading: reading(mapping, &record) });
        }
        let findings = control.finish();
        println!("{name:40} {} payments, {sum} in all", orders.iter().filter(|order| order.name == name).count());
        findings.iter().for_each(|finding| println!("{name}: {finding} [{}]", finding.code()));
        assert_eq!(findings.len(), usize::from(misses_count) + usize::from(misses_sum), "{name}");
    }
    orders
}

#[track_caller]
fn check(name: &str, value: &Value, wanted: Option<String>) {
    let found = value.as_str().map(plain);
    assert_eq!(found, wanted.map(|text| plain(&text)), "{name}");
}

/// A reference that nobody gave has a word of its own.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| text != "NOTPROVIDED")
}

fn check_order(order: &Order, is_debit: bool) {
    let (name, part, transaction) = (&*order.name, &order.part, &order.transaction);
    let document = &order.reading["document"];
    let (own, other) = if is_debit { ("Dbtr", "Cdtr") } else { ("Cdtr", "Dbtr") };
    let (own_side, other_side) = if is_debit { ("debtor", "creditor") } else { ("creditor", "debtor") };
    check(name, &document["direction"], Some(if is_debit { "debit" } else { "credit" }.to_owned()));
    check(name, &document["status"], Some("ordered".to_owned()));
    check(name, &document["amount"]["amount"], Some(amount_of(transaction).text.trim().to_owned()));
    check(name, &document["amount"]["currency"], amount_of(transaction).attribute("Ccy"));
    let day = ["ReqdExctnDt/Dt", "ReqdExctnDt", "ReqdColltnDt"].iter().find_map(|path| part.text(path));
    check(name, &document["requested_date"], day);
    check(name, &document["references"]["message_id"], order.message.text("GrpHdr/MsgId"));
    check(name, &document["references"]["payment_information_id"], given(part.text("PmtInfId")));
    check(name, &document["references"]["end_to_end_id"], given(transaction.text("PmtId/EndToEndId")));
    check(name, &document["references"]["instruction_id"], transaction.text("PmtId/InstrId"));
    check(name, &document["references"]["mandate_id"], transaction.text("DrctDbtTx/MndtRltdInf/MndtId"));
    check(name, &document["account"]["iban"], part.text(&format!("{own}Acct/Id/IBAN")));
    check(name, &document["account"]["account_number"], part.text(&format!("{own}Acct/Id/Othr/Id")));
    check(name, &document[own_side]["name"], part.text(&format!("{own}/Nm")));
    check(name, &document[other_side]["name"], transaction.text(&format!("{other}/Nm")));
    check(name, &document[other_side]["account"]["iban"], transaction.text(&format!("{other}Acct/Id/IBAN")));
    let lines = transaction.all("RmtInf/Ustrd").len();
    assert_eq!(document["remittance"]["unstructured"].as_array().map_or(0, Vec::len), lines, "{name}");
    let whole = Element {
        children: vec![Element {
            name: order.message.name.clone(),
            children: copy(&order.message).children.into_iter().chain([copy(part), copy(transaction)]).collect(),
            ..Element::default()
        }],
        ..Element::default()
    };
    let listed: Vec<&str> =
        order.reading["unmapped"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(listed.iter().all(|path| UNMAPPED.contains(path)), "{name}: {listed:?}");
    // The order is put together of its parts here, and its paths start at the message.
    let inside = ["c:CstmrCdtTrfInitn/c:PmtInf/", "c:CstmrCdtTrfInitn/"];
    let listed = UNMAPPED.iter().filter_map(|path| inside.iter().find_map(|start| path.strip_prefix(start)));
    let told = json!({ "document": document, "unmapped": listed.collect::<Vec<_>>() });
    let lost = lost(&whole.children[0], &told, TRANSLATED);
    assert!(lost.is_empty(), "{name}: neither in the document nor listed: {lost:?}");
    let document = Document::from_json(&canonical::entity::Entity::Payment, document.clone()).unwrap();
    for finding in rules::findings(&document) {
        assert!(!finding.is_fatal(), "{name}: {finding}");
        println!("{name}: {finding}");
    }
}

#[tokio::test]
async fn every_order_reads_as_it_is_written_by_both_versions_of_a_pack() {
    for (kind, packs, is_debit, least) in [
        ("pain.001", ["pain.001/payment", "pain.001.001.03/payment"], true, 10),
        ("pain.008", ["pain.008/payment", "pain.008.001.02/payment"], false, 4),
    ] {
        let [one, other] = packs.map(pack);
        if samples("pain").is_none() {
            return;
        }
        let orders = read(&one, kind).await;
        assert!(orders.len() >= least, "only {} orders", orders.len());
        orders.iter().for_each(|order| check_order(order, is_debit));
        let again = read(&other, kind).await;
        for (order, again) in orders.iter().zip(&again) {
            assert_eq!(order.reading, again.reading, "{}: the two versions differ", order.name);
        }
    }
}

#[test]
fn an_order_without_an_account_to_pay_or_to_draw_from_is_refused() {
    let check = |name: &str, method: &str, account: Value, other: Value, expected: &[&str]| {
        let mapping = pack(name);
        let (own_side, other_side) =
            if name.starts_with("pain.001") { ("debtor", "creditor") } else { ("creditor", "debtor") };
        let order = json!({
            "ordered_at": "2026-11-23T10:00:00Z", "requested_date": "2026-11-24", "method": method,
            "amount": {"amount": "10.00", "currency": "EUR"}, "account": account,
            "references": {"mandate_id": "M1"}, "mandate": {"signed_on": "2026-01-01"},
            own_side: {"name": "Librairie du Canal"}, other_side: {"name": "Inès Moreau", "account": other},
        });
        let refused = mapping.write(&order, Some("M|1"), None).err().unwrap_or_default();
        let told: Vec<&str> =
            refused.iter().map(|error| &*error.field).filter(|field| field.contains("account")).collect();
        assert_eq!(told, expected, "{name} {order} {refused:?}");
        assert!(refused.iter().all(|error| error.code == "mapping.required"), "{refused:?}");
    };
    let iban = || json!({"iban": "FR7630006000011234567890189"});
    let number = || json!({"account_number": "12345678"});
    for (name, method, field) in [
        ("pain.001/payment", "credit_transfer", "creditor.account.account_number"),
        ("pain.001.001.03/payment", "credit_transfer", "creditor.account.account_number"),
        ("pain.008/payment", "direct_debit", "debtor.account.account_number"),
        ("pain.008.001.02/payment", "direct_debit", "debtor.account.account_number"),
    ] {
        check(name, method, iban(), iban(), &[]);
        check(name, method, number(), number(), &[]);
        check(name, method, iban(), json!({}), &[field]);
        check(name, method, json!({}), iban(), &["account.account_number"]);
    }
    // A cheque goes to a person, not to an account.
    check("pain.001/payment", "cheque", iban(), json!({}), &[]);
}
