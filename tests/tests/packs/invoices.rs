//! The pack `ubl-2.1/invoice` on real invoices and credit notes, held against an independent reading of the files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use canonical::document::Document;
use canonical::record::{Body, Record};
use canonical::rules;
use mapping::{Mapping, laws};
use passerelle_tests::{samples, workspace};
use serde_json::{Value, json};

use crate::lost::{local, lost, plain, unmapped};
use crate::outline::Element;
use crate::support::{pack, reading, records};

/// What no line of the pack carries in any of the samples, as the pack's README says.
const UNMAPPED: &[&str] = &[
    "cac:AccountingCustomerParty/cac:Party/cac:PartyTaxScheme/cac:TaxScheme/cbc:ID",
    "cac:AccountingCustomerParty/cac:Party/cac:PartyTaxScheme/cbc:CompanyID",
];

/// Where the conditions of paths stand: they tell what an element is, and are no values of the document.
/// Where a schema lies is a hint to XML tools; the bytes of a file are told by their hash.
const CONDITIONS: &[&str] = &[
    "TaxScheme/ID",
    "ChargeIndicator",
    "DocumentTypeCode",
    "@currencyID",
    "@xsi:schemaLocation",
    "EmbeddedDocumentBinaryObject",
];

struct Sample {
    name: String,
    outline: Element,
    record: Record,
    reading: Value,
}

async fn read_samples(mapping: &Arc<Mapping>) -> Vec<Sample> {
    let mut paths = Vec::new();
    if let Some(folder) = samples("en16931-ubl") {
        paths.extend(fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
        assert!(paths.len() >= 29, "only {} samples", paths.len());
    }
    let own = fs::read_dir(workspace().join("mappings/ubl-2.1/examples")).unwrap().map(|entry| entry.unwrap().path());
    paths.extend(own.filter(|path| path.extension().is_some_and(|extension| extension == "xml")));
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        found.push(sample(mapping, &path).await);
    }
    found
}

async fn sample(mapping: &Arc<Mapping>, path: &Path) -> Sample {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let outline = Element::parse(&fs::read_to_string(path).unwrap());
    let mut records = records(mapping, path, &json!({})).await;
    assert_eq!(records.len(), 1, "{name}: a file is one invoice");
    let record = records.remove(0);
    let reading = reading(mapping, &record);
    Sample { name, outline, record, reading }
}

/// Compares the value at a pointer of the document with a text of the file.
#[track_caller]
fn check(sample: &Sample, value: &Value, wanted: Option<String>) {
    let found = value.as_str().map(plain);
    assert_eq!(found, wanted.map(|text| plain(&text)), "{}", sample.name);
}

fn is_vat(scheme: &Element) -> bool {
    scheme.text("TaxScheme/ID").as_deref() == Some("VAT")
}

/// The file's own element for a party, and the party in the document.
fn check_party(sample: &Sample, party: &Element, document: &Value) {
    check(sample, &document["name"], party.text("PartyLegalEntity/RegistrationName"));
    check(sample, &document["trading_name"], party.text("PartyName/Name"));
    let vat = party.all("PartyTaxScheme").into_iter().find(|scheme| is_vat(scheme));
    check(sample, &document["vat_identifier"], vat.and_then(|scheme| scheme.text("CompanyID")));
    check(sample, &document["legal_registration"]["value"], party.text("PartyLegalEntity/CompanyID"));
    let scheme = party.all("PartyLegalEntity/CompanyID").first().and_then(|company| company.attribute("schemeID"));
    check(sample, &document["legal_registration"]["scheme"], scheme);
    check(sample, &document["electronic_address"]["value"], party.text("EndpointID"));
    // The creditor of a direct debit stands among the identifiers, and is none.
    let mut identifiers = party.all("PartyIdentification/ID");
    identifiers.retain(|identifier| identifier.attribute("schemeID").as_deref() != Some("SEPA"));
    assert_eq!(document["identifiers"].as_array().map_or(0, Vec::len), identifiers.len(), "{}", sample.name);
    for (index, identifier) in identifiers.into_iter().enumerate() {
        check(sample, &document["identifiers"][index]["value"], Some(identifier.text.trim().to_owned()));
        check(sample, &document["identifiers"][index]["scheme"], identifier.attribute("schemeID"));
    }
    check(sample, &document["address"]["city"], party.text("PostalAddress/CityName"));
    check(sample, &document["address"]["postcode"], party.text("PostalAddress/PostalZone"));
    check(sample, &document["address"]["country"], party.text("PostalAddress/Country/IdentificationCode"));
}

const TOTALS: [(&str, &str); 8] = [
    ("line_net_amount", "LineExtensionAmount"),
    ("amount_without_vat", "TaxExclusiveAmount"),
    ("amount_with_vat", "TaxInclusiveAmount"),
    ("allowance_amount", "AllowanceTotalAmount"),
    ("charge_amount", "ChargeTotalAmount"),
    ("paid_amount", "PrepaidAmount"),
    ("rounding_amount", "PayableRoundingAmount"),
    ("due_amount", "PayableAmount"),
];

fn check_totals(sample: &Sample, document: &Value) {
    let root = &sample.outline;
    for (field, element) in TOTALS {
        check(sample, &document["totals"][field], root.text(&format!("LegalMonetaryTotal/{element}")));
    }
    let currency = root.text("DocumentCurrencyCode");
    let is_main = |total: &&Element| total.all("TaxAmount")[0].attribute("currencyID") == currency;
    let main = root.all("TaxTotal").into_iter().find(is_main);
    check(sample, &document["totals"]["vat_amount"], main.and_then(|total| total.text("TaxAmount")));
    let subtotals = main.map(|total| total.all("TaxSubtotal")).unwrap_or_default();
    assert_eq!(document["vat_breakdown"].as_array().map_or(0, Vec::len), subtotals.len(), "{}", sample.name);
    for (index, subtotal) in subtotals.into_iter().enumerate() {
        let vat = &document["vat_breakdown"][index];
        check(sample, &vat["taxable_amount"], subtotal.text("TaxableAmount"));
        check(sample, &vat["tax_amount"], subtotal.text("TaxAmount"));
        check(sample, &vat["category"], subtotal.text("TaxCategory/ID"));
        check(sample, &vat["rate"], subtotal.text("TaxCategory/Percent"));
    }
    for (field, indicators) in [("allowances", ["false", "0"]), ("charges", ["true", "1"])] {
        let wanted = root.all("AllowanceCharge").into_iter().filter(|adjustment| {
            adjustment.text("ChargeIndicator").is_some_and(|indicator| indicators.contains(&indicator.as_str()))
        });
        let wanted: Vec<Option<String>> = wanted.map(|adjustment| adjustment.text("Amount")).collect();
        assert_eq!(document[field].as_array().map_or(0, Vec::len), wanted.len(), "{}: {field}", sample.name);
        for (index, amount) in wanted.into_iter().enumerate() {
            check(sample, &document[field][index]["amount"], amount);
        }
    }
}

fn check_lines(sample: &Sample, document: &Value) {
    let root = &sample.outline;
    let lines = [root.all("InvoiceLine"), root.all("CreditNoteLine")].concat();
    assert!(!lines.is_empty(), "{}", sample.name);
    assert_eq!(document["lines"].as_array().map_or(0, Vec::len), lines.len(), "{}", sample.name);
    for (index, line) in lines.into_iter().enumerate() {
        let found = &document["lines"][index];
        let quantity = [line.all("InvoicedQuantity"), line.all("CreditedQuantity")].concat();
        check(sample, &found["id"], line.text("ID"));
        check(sample, &found["quantity"], quantity.first().map(|element| element.text.trim().to_owned()));
        check(sample, &found["unit"], quantity.first().and_then(|element| element.attribute("unitCode")));
        check(sample, &found["net_amount"], line.text("LineExtensionAmount"));
        check(sample, &found["price"]["net"], line.text("Price/PriceAmount"));
        check(sample, &found["price"]["discount"], line.text("Price/AllowanceCharge/Amount"));
        check(sample, &found["item"]["name"], line.text("Item/Name"));
        check(sample, &found["vat"]["category"], line.text("Item/ClassifiedTaxCategory/ID"));
        check(sample, &found["vat"]["rate"], line.text("Item/ClassifiedTaxCategory/Percent"));
        let adjustments = ["allowances", "charges"].map(|field| found[field].as_array().map_or(0, Vec::len));
        assert_eq!(adjustments[0] + adjustments[1], line.all("AllowanceCharge").len(), "{}", sample.name);
    }
}

#[tokio::test]
async fn every_sample_reads_as_it_is_written() {
    let mapping = pack("ubl-2.1/invoice");
    for sample in read_samples(&mapping).await {
        let (root, document) = (&sample.outline, &sample.reading["document"]);
        check(&sample, &sample.reading["key"], root.text("ID"));
        check(&sample, &document["number"], root.text("ID"));
        check(&sample, &document["issue_date"], root.text("IssueDate"));
        check(
            &sample,
            &document["due_date"],
            root.text("DueDate").or_else(|| root.text("PaymentMeans/PaymentDueDate")),
        );
        check(
            &sample,
            &document["type_code"],
            root.text("InvoiceTypeCode").or_else(|| root.text("CreditNoteTypeCode")),
        );
        check(&sample, &document["currency"], root.text("DocumentCurrencyCode"));
        check_party(&sample, root.all("AccountingSupplierParty/Party")[0], &document["seller"]);
        check_party(&sample, root.all("AccountingCustomerParty/Party")[0], &document["buyer"]);
        check(
            &sample,
            &sample.reading["customer"]["legal_name"],
            root.text("AccountingCustomerParty/Party/PartyLegalEntity/RegistrationName"),
        );
        check_totals(&sample, document);
        check_lines(&sample, document);
    }
}

/// The official validator finds nothing fatal in these files, so neither do we; warnings are ours.
#[tokio::test]
async fn no_sample_breaks_a_rule_for_good() {
    let mapping = pack("ubl-2.1/invoice");
    let mut warnings = 0;
    for sample in read_samples(&mapping).await {
        let document: Document = mapping.reader().read(&sample.record.body).unwrap().document;
        let findings = rules::findings(&document);
        let fatal: Vec<String> =
            findings.iter().filter(|finding| finding.is_fatal()).map(ToString::to_string).collect();
        assert!(fatal.is_empty(), "{}: {}", sample.name, fatal.join("; "));
        warnings += findings.len();
        findings.iter().for_each(|finding| println!("{}: {finding}", sample.name));
    }
    println!("{warnings} warnings in all");
}

#[tokio::test]
async fn what_is_neither_read_nor_listed_does_not_exist() {
    let mapping = pack("ubl-2.1/invoice");
    let mut all = BTreeSet::new();
    let samples = read_samples(&mapping).await;
    for sample in &samples {
        let lost = lost(&sample.outline, &sample.reading, CONDITIONS);
        assert!(lost.is_empty(), "{}: neither in the document nor listed: {lost:?}", sample.name);
        all.extend(unmapped(&sample.reading));
    }
    if passerelle_tests::samples("en16931-ubl").is_some() {
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        assert_eq!(all, UNMAPPED);
    }
}

#[tokio::test]
async fn both_laws_hold_on_every_sample() {
    let mapping = pack("ubl-2.1/invoice");
    for sample in read_samples(&mapping).await {
        let kept = laws::write_after_read(&mapping, &sample.record.body)
            .unwrap_or_else(|breach| panic!("{}: {breach}", sample.name));
        assert_eq!(kept, laws::Kept::Bytes, "{}: a file that says the same is the same", sample.name);
        laws::read_after_write(&mapping, &sample.reading["document"])
            .unwrap_or_else(|breach| panic!("{}: {breach}", sample.name));
    }
}

fn shape(element: canonical::record::Element<'_>) -> Element {
    let name = element.name().local.to_string();
    let attributes = element.attributes().map(|(name, value)| (name.local.to_string(), value.to_owned())).collect();
    Element { name, attributes, text: element.text().to_owned(), children: element.children().map(shape).collect() }
}

/// The texts below an element by path, in the order of the file, without the paths that are left out.
fn listing(element: &Element, path: &str, without: &BTreeSet<String>, found: &mut Vec<(String, String)>) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    let mut add = |path: String, text: &str| {
        // Of several words for one condition the first is written.
        let is_condition = ["TaxScheme/ID", "ChargeIndicator"].iter().any(|condition| path.ends_with(condition));
        // What a line refers to is an object also where its type is not told; the type is written.
        let is_added = path.ends_with("Line/DocumentReference/DocumentTypeCode");
        // White space is no part of base64, nor of an account.
        let is_compact = path.ends_with("BinaryObject") || path.ends_with("FinancialAccount/ID");
        if !text.trim().is_empty() && !without.contains(&path) && !is_added {
            let text = if is_compact { text.replace(char::is_whitespace, "") } else { plain(text.trim()) };
            found.push((path, if is_condition { String::new() } else { text }));
        }
    };
    add(path.to_owned(), &element.text);
    let mut attributes: Vec<_> =
        element.attributes.iter().filter(|(name, _)| !name.starts_with("xmlns") && !name.starts_with("xsi:")).collect();
    attributes.sort();
    attributes.into_iter().for_each(|(name, value)| add(join(&format!("@{}", local(name))), value));
    element.children.iter().for_each(|child| listing(child, &join(&child.name), without, found));
}

/// Written from nothing but the document, a file has the same elements with the same texts in the order of the schema,
/// apart from what the pack lists as unmapped.
#[tokio::test]
async fn a_document_becomes_the_file_that_it_came_from() {
    let mapping = pack("ubl-2.1/invoice");
    for sample in read_samples(&mapping).await {
        let without: BTreeSet<String> = unmapped(&sample.reading).iter().map(|path| local(path)).collect();
        let key = sample.reading["key"].as_str();
        let attachments = mapping.reader().read(&sample.record.body).unwrap().attachments;
        let find = |hash: &str| attachments.iter().find(|file| file.hash == *hash).map(|file| file.bytes.clone());
        let written = mapping.write_with(&sample.reading["document"], key, None, &find).unwrap();
        let Body::Element(written) = written else { panic!("no element") };
        let (mut before, mut after) = (Vec::new(), Vec::new());
        listing(&sample.outline, "", &without, &mut before);
        let written = shape(written.root());
        listing(&written, "", &without, &mut after);
        let missing: Vec<_> = before.iter().filter(|text| !after.contains(text)).collect();
        let strange: Vec<_> = after.iter().filter(|text| !before.contains(text)).collect();
        assert!(missing.is_empty() && strange.is_empty(), "{}: missing {missing:?}, strange {strange:?}", sample.name);
        let (mut wanted, mut found) = (BTreeSet::new(), BTreeSet::new());
        pairs(&sample.outline, "", &mut wanted);
        pairs(&written, "", &mut found);
        for (parent, one, other) in found {
            let told = wanted.contains(&(parent.clone(), one.clone(), other.clone()));
            let reversed = wanted.contains(&(parent.clone(), other.clone(), one.clone()));
            assert!(told || !reversed, "{}: below {parent:?} {one} stands before {other}", sample.name);
        }
    }
}

/// Which child stands before which, by the path of their parent.
fn pairs(element: &Element, path: &str, found: &mut BTreeSet<(String, String, String)>) {
    for (index, child) in element.children.iter().enumerate() {
        let later = element.children[index + 1..].iter().filter(|later| later.name != child.name);
        found.extend(later.map(|later| (path.to_owned(), child.name.clone(), later.name.clone())));
        pairs(child, &format!("{path}/{}", child.name), found);
    }
}

/// A change of a document: what it is called, and how it is done.
type Change = (&'static str, fn(&mut Value));

const CHANGES: [Change; 6] = [
    ("another currency", |document| document["currency"] = json!("CHF")),
    ("other payment means", |document| document["payment_instructions"]["means_code"] = json!("58")),
    ("no account", |document| document["payment_instructions"]["credit_transfers"] = json!([])),
    ("one more account", |document| {
        let accounts = &mut document["payment_instructions"]["credit_transfers"];
        let mut items = accounts.as_array().cloned().unwrap_or_default();
        items.insert(0, json!({ "account": "FR7620041010050500013002675" }));
        *accounts = json!(items);
        document["payment_instructions"]["means_code"] = json!("30");
    }),
    ("no first line", |document| {
        document["lines"].as_array_mut().unwrap().remove(0);
    }),
    ("no notes, another type", |document| {
        document["notes"] = json!([]);
        document["type_code"] = json!("384");
    }),
];

/// A changed document written onto the file that it came from reads as the changed document, and nothing of old remains.
#[tokio::test]
async fn changes_reach_the_file_that_they_are_written_onto() {
    let mapping = pack("ubl-2.1/invoice");
    for sample in read_samples(&mapping).await {
        for (name, change) in CHANGES {
            let mut document = sample.reading["document"].clone();
            change(&mut document);
            let key = sample.reading["key"].as_str();
            let body = mapping.write(&document, key, Some(&sample.record.body)).unwrap();
            let again = reading(&mapping, &Record::from_body(body));
            assert_eq!(mapping.restrict(&again["document"]), mapping.project(&document), "{}: {name}", sample.name);
            assert_eq!(again["unmapped"], sample.reading["unmapped"], "{}: {name}", sample.name);
        }
    }
}
