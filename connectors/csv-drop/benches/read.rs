//! Reading a file of 20 columns through the whole connector, beside merely splitting it with the `csv` crate.
#![allow(clippy::unwrap_used)]

use connector::{Connector, OpenContext};
use csv_drop::CsvDrop;
use divan::Bencher;
use divan::counter::ItemsCount;
use serde_json::json;

const ROWS: usize = 200_000;

fn main() {
    divan::main();
}

fn content() -> String {
    let mut text = (1..=20).map(|column| format!("column_{column}")).collect::<Vec<_>>().join(";");
    for row in 0..ROWS {
        text.push_str(&format!(
            "\nC{row:06};Boulangerie {row} SARL;732829320;73282932000074;FR44732829320;{row} rue de la Paix;;75002;Paris;FR;\
             contact{row}@example.org;+33140000000;;FR7630006000011234567890189;EUR;30;1234,56;0;2024-01-02;2026-11-21"
        ));
    }
    text
}

#[divan::bench]
fn csv_crate_byte_records(bencher: Bencher<'_, '_>) {
    let text = content();
    bencher.counter(ItemsCount::new(ROWS)).bench(|| {
        let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_reader(text.as_bytes());
        let (mut record, mut fields) = (csv::ByteRecord::new(), 0);
        while reader.read_byte_record(&mut record).unwrap() {
            fields += record.len();
        }
        fields
    });
}

#[divan::bench(args = ["utf-8", "windows-1252"])]
fn connector(bencher: Bencher<'_, '_>, encoding: &str) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("in")).unwrap();
    std::fs::write(directory.path().join("in/a.csv"), content()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let context = OpenContext { directory: directory.path().to_owned(), ..OpenContext::default() };
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        runtime.block_on(async {
            let stream = json!({ "folder": "in", "settle_ms": 0, "delimiter": ";", "encoding": encoding });
            let connector: CsvDrop = serde_json::from_value(json!({ "streams": { "s": stream } })).unwrap();
            let mut source = connector.open(&context).await.unwrap().sources.remove("s").unwrap();
            let (mut after, mut records) = (None, 0);
            while let Some(batch) = source.read(after.as_ref()).await.unwrap() {
                records += batch.items.len();
                after = Some(batch.checkpoint);
            }
            assert_eq!(records, ROWS);
        });
    });
}
