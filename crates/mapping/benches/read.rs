//! How fast records become documents, next to merely reading the same bytes.
//!
//! One row has 20 columns.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

use std::hint::black_box;
use std::sync::Arc;

use canonical::document::{Customer, Document};
use canonical::record::{Body, Columns, Rows};
use csv::{ByteRecord, ReaderBuilder, StringRecord};
use divan::Bencher;
use divan::counter::ItemsCount;
use mapping::Mapping;

const ROW_COUNT: usize = 10_000;

const MAPPING: &str = r#"
entity = "customer"
format = "csv"
key = "CT_Num"

[fields]
legal_name              = "CT_Intitule"
trading_name            = "CT_Enseigne"
identifiers.siret       = { at = "CT_Siret", as = "siret" }
identifiers.vat         = { at = "CT_Tva", as = "vat" }
addresses.main.line1    = "CT_Adresse"
addresses.main.line2    = "CT_Complement"
addresses.main.postcode = "CT_CodePostal"
addresses.main.city     = "CT_Ville"
addresses.main.country  = { at = "CT_Pays", table = { FRANCE = "FR", BELGIQUE = "BE" } }
emails.main             = "CT_EMail"
phones.office           = { at = "CT_Telephone", as = "phone", country = "FR" }
bank_accounts.main.iban = { at = "CT_Iban", as = "iban" }
bank_accounts.main.bic  = "CT_Bic"
language                = "CT_Langue"
currency                = "CT_Devise"
payment_terms.days      = { at = "CT_Jours", as = "integer" }
credit_limit            = { at = "CT_Encours", as = "money", currency = "EUR", decimal = ",", group = " " }
status                  = { at = "CT_Sommeil", table = { "0" = "active", "1" = "inactive" } }
created_at              = { at = "CT_Cree", as = "date-time", format = "%d/%m/%Y %H:%M", zone = "Europe/Paris" }
"#;

const HEADER: &str = "CT_Num;CT_Intitule;CT_Enseigne;CT_Siret;CT_Tva;CT_Adresse;CT_Complement;CT_CodePostal;CT_Ville;\
                      CT_Pays;CT_EMail;CT_Telephone;CT_Iban;CT_Bic;CT_Langue;CT_Devise;CT_Jours;CT_Encours;CT_Sommeil;CT_Cree";

fn main() {
    divan::main();
}

fn file() -> String {
    let mut text = format!("{HEADER}\n");
    for number in 0..ROW_COUNT {
        text.push_str(&format!(
            "C{number:06};Dupont et fils {number};Dupont;732 829 320 00074;FR40303265045;{} rue de la Paix;Bâtiment B;75002;Paris;\
             FRANCE;compta{number}@example.org;01 40 20 53 17;FR1420041010050500013M02606;PSSTFRPPXXX;fr;EUR;30;1 234,50;0;01/07/2024 12:00\n",
            number % 300
        ));
    }
    text
}

fn columns() -> Arc<Columns> {
    Columns::new(HEADER.split(';')).unwrap()
}

fn bodies(text: &str) -> Vec<Body> {
    let columns = columns();
    let mut reader = ReaderBuilder::new().delimiter(b';').from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    let mut bodies = Vec::with_capacity(ROW_COUNT);
    while reader.read_record(&mut record).unwrap() {
        let mut rows = Rows::with_capacity(Arc::clone(&columns), record.as_slice().len(), 1);
        assert!(rows.push(record.iter()));
        bodies.push(Body::Rows(rows));
    }
    bodies
}

#[divan::bench]
fn csv_byte_records(bencher: Bencher<'_, '_>) {
    let text = file();
    bencher.counter(ItemsCount::new(ROW_COUNT)).bench(|| {
        let mut reader = ReaderBuilder::new().delimiter(b';').from_reader(text.as_bytes());
        let mut record = ByteRecord::new();
        let mut fields = 0;
        while reader.read_byte_record(&mut record).unwrap() {
            fields += record.len();
        }
        fields
    });
}

#[divan::bench]
fn csv_rows(bencher: Bencher<'_, '_>) {
    let text = file();
    bencher.counter(ItemsCount::new(ROW_COUNT)).bench(|| bodies(&text).len());
}

#[divan::bench]
fn rows_to_customers(bencher: Bencher<'_, '_>) {
    let bodies = bodies(&file());
    let mapping = Arc::new(Mapping::compile("bench.toml", MAPPING, &()).unwrap());
    bencher.counter(ItemsCount::new(ROW_COUNT)).bench(|| {
        let mut reader = mapping.reader();
        for body in &bodies {
            black_box(reader.read_as::<Customer>(body).unwrap());
        }
    });
}

#[divan::bench]
fn csv_to_validated_documents(bencher: Bencher<'_, '_>) {
    let text = file();
    let mapping = Arc::new(Mapping::compile("bench.toml", MAPPING, &()).unwrap());
    bencher.counter(ItemsCount::new(ROW_COUNT)).bench(|| {
        let mut reader = mapping.reader();
        for body in bodies(&text) {
            let reading = reader.read(&body).unwrap();
            black_box(canonical::rules::findings(&reading.document));
            black_box(reading);
        }
    });
}

fn documents() -> (Arc<Mapping>, Vec<serde_json::Value>) {
    let mapping = Arc::new(Mapping::compile("bench.toml", MAPPING, &()).unwrap());
    let mut reader = mapping.reader();
    let document = |body: &Body| -> Document { reader.read(body).unwrap().document };
    let documents = bodies(&file()).iter().map(document).map(|document| document.to_json()).collect();
    (mapping, documents)
}

#[divan::bench]
fn documents_projected(bencher: Bencher<'_, '_>) {
    let (mapping, documents) = documents();
    bencher.counter(ItemsCount::new(ROW_COUNT)).bench(|| {
        for document in &documents {
            black_box(mapping.project(document));
        }
    });
}

#[divan::bench]
fn documents_written_anew(bencher: Bencher<'_, '_>) {
    let (mapping, documents) = documents();
    bencher.counter(ItemsCount::new(ROW_COUNT)).bench(|| {
        for document in &documents {
            black_box(mapping.write(document, Some("C1"), None).unwrap());
        }
    });
}

#[divan::bench]
fn documents_written(bencher: Bencher<'_, '_>) {
    let (mapping, documents) = documents();
    let bases = bodies(&file());
    bencher.counter(ItemsCount::new(ROW_COUNT)).bench(|| {
        for (document, base) in documents.iter().zip(&bases) {
            black_box(mapping.write(document, Some("C1"), Some(base)).unwrap());
        }
    });
}
