//! Files for products, written from documents of other products: they have the product's own form, and read as what was written.

use std::fs;
use std::path::Path;

use passerelle_tests::directory::command;
use passerelle_tests::workspace;
use serde_json::Value;

/// What `passerelle convert` prints for a file: the packs say how their files are read and written.
fn convert(folder: &Path, from: &str, to: Option<&str>, file: &Path) -> Vec<u8> {
    let mut arguments = vec!["convert", "--no-unmapped", "--from", from];
    arguments.extend(to.into_iter().flat_map(|to| ["--to", to]));
    arguments.push(file.to_str().unwrap());
    let output = command(folder, &arguments).output().unwrap();
    assert!(output.status.success(), "{from} {to:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Text in UTF-8, or else in the encoding of Windows, which has the code points of Unicode for all letters here.
fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect())
}

/// Converts an example of one product for another, and looks for texts in its lines, by their number from 0.
/// What was written is then read again, and must have these values at these pointers of its documents.
fn check(from: &str, example: &str, to: &str, lines: &[(usize, &str)], values: &[(usize, &str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let pack = from.split('/').next().unwrap();
    let example = workspace().join("mappings").join(pack).join("examples").join(example);
    let bytes = convert(folder.path(), from, Some(to), &example);
    let written = text(&bytes);
    let found: Vec<&str> = written.lines().collect();
    for (line, text) in lines {
        let there = found.get(*line).is_some_and(|found| found.contains(text));
        assert!(there, "{from} for {to}: no \"{text}\" in line {line} of\n{written}");
    }
    let again = folder.path().join("written");
    fs::write(&again, &bytes).unwrap();
    let read = text(&convert(folder.path(), to, None, &again));
    let documents: Vec<Value> = read.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (document, pointer, value) in values {
        let found = documents.get(*document).and_then(|document| document.pointer(pointer));
        assert_eq!(found.and_then(Value::as_str), Some(*value), "{from} for {to}: {document} {pointer} of\n{read}");
    }
}

/// Customers of a shop of EBP, whose keys fit everywhere.
const EBP: (&str, &str) = ("ebp/customer", "customer.csv");

#[test]
fn customers_go_into_the_ledger_of_cegid() {
    let head = "***S5CLIJRLSTD   0101190001011900007";
    let first = format!("***CAE{:<17}{:<35}CLIX", "CL00042", "Atelier Martin SARL");
    let address = format!("{:<35}{:<35}", "14 rue des Forges", "Bâtiment B");
    let lines = [(0, head), (1, &*first), (1, &*address), (1, "FRA"), (2, "BEL")];
    let values = [
        (0, "/legal_name", "Atelier Martin SARL"),
        (0, "/identifiers/0/value", "FR40303265045"),
        (0, "/phones/0/value", "+33472001199"),
        (1, "/addresses/0/country", "BE"),
    ];
    check(EBP.0, EBP.1, "cegid-tra/customer", &lines, &values);
}

#[test]
fn customers_go_into_the_list_of_quickbooks() {
    let lines = [
        (0, "!CUST\tNAME\tBADDR1"),
        (1, "CUST\tCL00042\t14 rue des Forges\tBâtiment B\t\tLyon\t69007\t"),
        (2, "CUST\tCL00057\t"),
    ];
    let values = [(0, "/legal_name", "Atelier Martin SARL"), (1, "/addresses/0/city", "Bruxelles")];
    check(EBP.0, EBP.1, "quickbooks-iif/customer", &lines, &values);
}

#[test]
fn customers_of_a_shop_become_contacts_and_companies() {
    let lines = [(0, r#""properties":{"#), (0, r#""country":"France""#), (0, r#""name":"Librairie du Canal""#)];
    check(
        "shopify/exported-customer",
        "exported-customer.csv",
        "hubspot/company",
        &lines,
        &[(1, "/addresses/0/country", "US")],
    );
    let lines = [(0, r#""AddressType":"STREET""#), (0, r#""Name":"Librairie du Canal""#)];
    check("shopify/customer", "customer.json", "xero/customer", &lines, &[(0, "/addresses/0/city", "Paris")]);
}

#[test]
fn orders_of_a_shop_become_documents_for_ebp() {
    let lines = [
        (0, "Document - Numéro du document;Document - Date;"),
        (1, "#1042"),
        (1, "03/11/2025"),
        (1, "63,00"),
        (2, "STY-01"),
    ];
    let values = [(0, "/totals/amount_with_vat", "63.00"), (0, "/lines/1/item/name", "Stylo plume")];
    check("shopify/invoice", "invoice.json", "ebp/invoice", &lines, &values);
}
