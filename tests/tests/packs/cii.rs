//! The pack `cii-d16b/invoice` on real invoices.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use canonical::record::Record;
use mapping::{Mapping, laws};
use passerelle_tests::{samples, workspace};
use serde_json::{Value, json};

use crate::lost::{lost, unmapped};
use crate::outline::Element;
use crate::support::{pack, reading, records};

/// Where samples of CII are; other files there are of other syntaxes.
const FOLDERS: [&str; 3] = ["en16931-cii", "xrechnung", "zugferd-cii"];

/// What no line of the pack carries in any of the samples, as the pack's README says.
const UNMAPPED: &[&str] = &[
    "rsm:SupplyChainTradeTransaction/ram:IncludedSupplyChainTradeLineItem/ram:SpecifiedLineTradeAgreement/ram:GrossPriceProductTradePrice/ram:BasisQuantity",
];

/// What tells what an element is, or is told in other words: dates by day, files by hash, names in parts.
const CONDITIONS: &[&str] = &[
    "TypeCode",
    "Indicator",
    "@format",
    "@currencyID",
    "@xsi:schemaLocation",
    "SpecifiedTaxRegistration/ID/@schemeID",
    "SpecifiedProcuringProject/Name",
    "AttachmentBinaryObject",
    "DateTimeString",
    "DateString",
    "DueDateTypeCode",
    "IBANID",
];

struct Sample {
    name: String,
    outline: Element,
    record: Record,
    reading: Value,
}

fn files() -> Vec<PathBuf> {
    let own = workspace().join("mappings/cii-d16b/examples");
    let folders = FOLDERS.into_iter().filter_map(samples).chain([own]);
    let mut files: Vec<PathBuf> =
        folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "xml"));
    files.retain(|path| fs::read_to_string(path).unwrap().contains("CrossIndustryInvoice"));
    files.sort();
    files
}

async fn read_samples(mapping: &Arc<Mapping>) -> Vec<Sample> {
    let mut found = Vec::new();
    for path in files() {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let outline = Element::parse(&fs::read_to_string(&path).unwrap());
        let mut records = records(mapping, &path, &json!({})).await;
        assert_eq!(records.len(), 1, "{name}: a file is one invoice");
        let record = records.remove(0);
        let reading = reading(mapping, &record);
        found.push(Sample { name, outline, record, reading });
    }
    assert!(samples("en16931-cii").is_none() || found.len() >= 25, "only {} samples", found.len());
    found
}

#[tokio::test]
async fn what_is_neither_read_nor_listed_does_not_exist() {
    let mapping = pack("cii-d16b/invoice");
    let mut all = BTreeSet::new();
    for sample in read_samples(&mapping).await {
        let lost = lost(&sample.outline, &sample.reading, CONDITIONS);
        assert!(lost.is_empty(), "{}: neither in the document nor listed: {lost:?}", sample.name);
        all.extend(unmapped(&sample.reading));
    }
    if samples("en16931-cii").is_some() {
        assert_eq!(all.iter().map(String::as_str).collect::<Vec<_>>(), UNMAPPED);
    }
}

#[tokio::test]
async fn both_laws_hold_on_every_sample() {
    let mapping = pack("cii-d16b/invoice");
    for sample in read_samples(&mapping).await {
        laws::write_after_read(&mapping, &sample.record.body)
            .unwrap_or_else(|breach| panic!("{}: {breach}", sample.name));
        laws::read_after_write(&mapping, &sample.reading["document"])
            .unwrap_or_else(|breach| panic!("{}: {breach}", sample.name));
    }
}

/// What a sample says in CII, it says in UBL: written there and read again, the document is the same.
#[tokio::test]
async fn the_other_syntax_says_the_same() {
    let (cii, ubl) = (pack("cii-d16b/invoice"), pack("ubl-2.1/invoice"));
    for sample in read_samples(&cii).await {
        let read = cii.reader().read(&sample.record.body).unwrap();
        let find = |hash: &str| read.attachments.iter().find(|file| file.hash == *hash).map(|file| file.bytes.clone());
        let document = &sample.reading["document"];
        let body = ubl.write_with(document, Some(&read.key), None, &find).unwrap();
        let again = ubl.reader().read(&body).unwrap().document.to_json();
        assert_eq!(sorted(again), sorted(document.clone()), "{}", sample.name);
    }
}

/// A document whose identifiers have an order of their own: CII has those without a scheme first.
fn sorted(mut document: Value) -> Value {
    for party in ["seller", "buyer", "payee"] {
        if let Some(Value::Array(items)) = document.pointer_mut(&format!("/{party}/identifiers")) {
            items.sort_by_key(ToString::to_string);
        }
    }
    document
}
