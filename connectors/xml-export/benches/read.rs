//! Reading a large file through the whole connector, beside merely reading the same events with quick-xml.
#![allow(clippy::unwrap_used)]

use connector::{Connector, OpenContext};
use divan::Bencher;
use divan::counter::BytesCount;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::json;
use xml_export::XmlExport;

const RECORDS: usize = 40_000;

fn main() {
    divan::main();
}

fn content() -> String {
    let mut text = String::from("<?xml version=\"1.0\"?>\n<c:list xmlns:c=\"urn:list\" xmlns=\"urn:item\">\n");
    for record in 0..RECORDS {
        text.push_str(&format!(
            "  <c:entry status=\"BOOK\">\n    <amount currency=\"EUR\">{record}.50</amount>\n    <date>2026-11-21</date>\n    \
             <debtor>\n      <name>Caf\u{e9} {record} &amp; fils</name>\n      <iban>FR7630006000011234567890189</iban>\n    \
             </debtor>\n    <reference>INV-{record}</reference>\n  </c:entry>\n"
        ));
    }
    text + "</c:list>\n"
}

#[divan::bench]
fn quick_xml_events(bencher: Bencher<'_, '_>) {
    let text = content();
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let (mut reader, mut buffer, mut events) = (Reader::from_reader(text.as_bytes()), Vec::new(), 0);
        while reader.read_event_into(&mut buffer).unwrap() != Event::Eof {
            buffer.clear();
            events += 1;
        }
        events
    });
}

#[divan::bench(args = [true, false])]
fn connector(bencher: Bencher<'_, '_>, verify: bool) {
    let directory = tempfile::tempdir().unwrap();
    let text = content();
    std::fs::create_dir(directory.path().join("in")).unwrap();
    std::fs::write(directory.path().join("in/a.xml"), &text).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let context = OpenContext { directory: directory.path().to_owned(), ..OpenContext::default() };
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| {
        runtime.block_on(async {
            let stream = json!({
                "folder": "in", "settle_ms": 0, "verify": verify, "record": "//c:entry", "namespaces": { "c": "urn:list" }
            });
            let connector: XmlExport = serde_json::from_value(json!({ "streams": { "s": stream } })).unwrap();
            let mut source = connector.open(&context).await.unwrap().sources.remove("s").unwrap();
            let (mut after, mut records) = (None, 0);
            while let Some(batch) = source.read(after.as_ref()).await.unwrap() {
                records += batch.items.len();
                after = Some(batch.checkpoint);
            }
            assert_eq!(records, RECORDS);
        });
    });
}
