//! UBL invoices of twenty lines, from a file to checked canonical invoices, beside merely reading the same events.
//!
//! `cargo bench -p xml-export --bench ubl`
//!
//! The stages are measured in turns, so that a busy machine slows all of them; the best round of each counts.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot go on")]
#![allow(clippy::float_arithmetic, reason = "rates are not money")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use canonical::record::Record;
use connector::{Connector, Item, OpenContext};
use mapping::{Mapping, Table};
use quick_xml::events::Event;
use quick_xml::{NsReader, Reader, XmlVersion};
use serde_json::json;
use tokio::runtime::Runtime;
use xml_export::XmlExport;

const INVOICES: usize = 400;
const LINES: usize = 20;
/// So many fit in one batch, so that a verified file is read once.
const BATCH: usize = 100;
/// Fewer than the files that a stream keeps in mind without a commit.
const FILES: usize = 90;
const ROUNDS: usize = 25;

const PACK: &str = include_str!("../../../mappings/ubl-2.1/invoice.toml");
const SCHEMES: &str = include_str!("../../../mappings/tables/icd-schemes.toml");
const EXAMPLE: &str = include_str!("../../../mappings/ubl-2.1/examples/invoice.xml");

/// The parties, references and payment means of the pack's example around lines and totals that add up.
fn invoice(number: usize) -> String {
    let element = |name: &str| {
        let (start, end) = (format!("  <cac:{name}>"), format!("</cac:{name}>\n"));
        let from = EXAMPLE.find(&start).unwrap();
        &EXAMPLE[from..from + EXAMPLE[from..].find(&end).unwrap() + end.len()]
    };
    let root = EXAMPLE.find("<Invoice").unwrap();
    let parties = EXAMPLE.find("  <cac:AllowanceCharge>").unwrap();
    let mut text = EXAMPLE[root..parties].replace("F2026-0142", &format!("F2026-{number:06}"));
    text.push_str(
        "  <cac:TaxTotal>\n    <cbc:TaxAmount currencyID=\"EUR\">400.00</cbc:TaxAmount>\n    <cac:TaxSubtotal>\n      \
         <cbc:TaxableAmount currencyID=\"EUR\">2000.00</cbc:TaxableAmount>\n      \
         <cbc:TaxAmount currencyID=\"EUR\">400.00</cbc:TaxAmount>\n      <cac:TaxCategory>\n        <cbc:ID>S</cbc:ID>\n        \
         <cbc:Percent>20</cbc:Percent>\n        <cac:TaxScheme>\n          <cbc:ID>VAT</cbc:ID>\n        </cac:TaxScheme>\n      \
         </cac:TaxCategory>\n    </cac:TaxSubtotal>\n  </cac:TaxTotal>\n  <cac:LegalMonetaryTotal>\n    \
         <cbc:LineExtensionAmount currencyID=\"EUR\">2000.00</cbc:LineExtensionAmount>\n    \
         <cbc:TaxExclusiveAmount currencyID=\"EUR\">2000.00</cbc:TaxExclusiveAmount>\n    \
         <cbc:TaxInclusiveAmount currencyID=\"EUR\">2400.00</cbc:TaxInclusiveAmount>\n    \
         <cbc:PayableAmount currencyID=\"EUR\">2400.00</cbc:PayableAmount>\n  </cac:LegalMonetaryTotal>\n",
    );
    let item = element("InvoiceLine");
    let item = item[item.find("    <cac:Item>").unwrap()..].split_inclusive("</cac:Item>\n").next().unwrap();
    for line in 1..=LINES {
        text.push_str(&format!(
            "  <cac:InvoiceLine>\n    <cbc:ID>{line}</cbc:ID>\n    \
             <cbc:InvoicedQuantity unitCode=\"C62\">4</cbc:InvoicedQuantity>\n    \
             <cbc:LineExtensionAmount currencyID=\"EUR\">100.00</cbc:LineExtensionAmount>\n    <cac:OrderLineReference>\n      \
             <cbc:LineID>{line}</cbc:LineID>\n    </cac:OrderLineReference>\n{item}    <cac:Price>\n      \
             <cbc:PriceAmount currencyID=\"EUR\">25.00</cbc:PriceAmount>\n    </cac:Price>\n  </cac:InvoiceLine>\n"
        ));
    }
    text + "</Invoice>\n"
}

fn bare_events(text: &str) -> usize {
    let (mut reader, mut buffer, mut events) = (Reader::from_reader(text.as_bytes()), Vec::new(), 0);
    while reader.read_event_into(&mut buffer).unwrap() != Event::Eof {
        buffer.clear();
        events += 1;
    }
    events
}

/// What every reader of content has to do besides: namespaces, attributes, and text with its references.
fn decoded_events(text: &str) -> usize {
    let (mut reader, mut buffer, mut bytes) = (NsReader::from_reader(text.as_bytes()), Vec::new(), 0);
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).unwrap() {
            Event::Start(start) | Event::Empty(start) => {
                black_box(reader.resolver().resolve_element(start.name()));
                for attribute in start.attributes() {
                    bytes += attribute.unwrap().normalized_value(XmlVersion::Implicit1_0).unwrap().len();
                }
            }
            Event::Text(text) => bytes += text.xml10_content().len(),
            Event::CData(text) => bytes += text.xml10_content().len(),
            Event::GeneralRef(reference) => bytes += reference.len(),
            Event::Eof => return bytes,
            _ => {}
        }
    }
}

/// Reads all files of the folder `in` through the connector.
fn records(runtime: &Runtime, directory: &Path, verify: bool, mut each: impl FnMut(Record)) {
    let context = OpenContext { directory: directory.to_owned(), ..OpenContext::default() };
    runtime.block_on(async {
        let stream = json!({
            "folder": "in", "settle_ms": 0, "verify": verify, "record": "//inv:Invoice",
            "namespaces": { "inv": "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" }
        });
        let connector: XmlExport = serde_json::from_value(json!({ "streams": { "s": stream } })).unwrap();
        let mut source = connector.open(&context).await.unwrap().sources.remove("s").unwrap();
        let mut after = None;
        while let Some(batch) = source.read(after.as_ref()).await.unwrap() {
            for item in batch.items {
                match item {
                    Item::Record(record) => each(record),
                    other => panic!("{other:?}"),
                }
            }
            after = Some(batch.checkpoint);
        }
    });
}

fn main() {
    let invoices: Vec<String> = (0..INVOICES).map(invoice).collect();
    let archive = |invoices: &[String]| {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<archive>\n{}</archive>\n", invoices.concat())
    };
    let text = archive(&invoices);
    let [large, one, many] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    [&large, &one, &many].iter().for_each(|directory| std::fs::create_dir(directory.path().join("in")).unwrap());
    std::fs::write(large.path().join("in/archive.xml"), &text).unwrap();
    std::fs::write(one.path().join("in/archive.xml"), archive(&invoices[..BATCH])).unwrap();
    for (number, invoice) in invoices.iter().take(FILES).enumerate() {
        std::fs::write(many.path().join(format!("in/{number}.xml")), invoice).unwrap();
    }
    let tables =
        BTreeMap::from([("icd-schemes".to_owned(), Arc::new(Table::parse("icd-schemes.toml", SCHEMES).unwrap()))]);
    let mapping = Arc::new(Mapping::compile("invoice.toml", PACK, &tables).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut bodies = Vec::new();
    records(&runtime, large.path(), true, |record| bodies.push(record.body));
    assert_eq!(bodies.len(), INVOICES);

    let map = |reader: &mut mapping::Reader, body: &canonical::record::Body| {
        let reading = reader.read(body).unwrap();
        assert!(canonical::rules::findings(&reading.document).is_empty());
        black_box(reading);
    };
    let through = |directory: &Path, verify: bool| {
        let mut reader = mapping.reader();
        records(&runtime, directory, verify, |record| map(&mut reader, &record.body));
    };
    let skip = |record: Record| drop(black_box(record));
    let mut stages = vec![
        Stage::new("quick-xml events", INVOICES, || _ = black_box(bare_events(&text))),
        Stage::new("quick-xml events, decoded: names, attributes, text", INVOICES, || {
            _ = black_box(decoded_events(&text))
        }),
        Stage::new("records, not verified", INVOICES, || records(&runtime, large.path(), false, skip)),
        Stage::new("records, verified, held", BATCH, || records(&runtime, one.path(), true, skip)),
        Stage::new("records, verified, read twice", INVOICES, || records(&runtime, large.path(), true, skip)),
        Stage::new("records, verified, a file each", FILES, || records(&runtime, many.path(), true, skip)),
        Stage::new("records to checked invoices", INVOICES, || {
            let mut reader = mapping.reader();
            bodies.iter().for_each(|body| map(&mut reader, body));
        }),
        Stage::new("file to checked invoices, not verified", INVOICES, || through(large.path(), false)),
        Stage::new("file to checked invoices, verified, held", BATCH, || through(one.path(), true)),
        Stage::new("file to checked invoices, verified, read twice", INVOICES, || through(large.path(), true)),
        Stage::new("file to checked invoices, verified, a file each", FILES, || through(many.path(), true)),
    ];
    // A word on the command line chooses stages, to profile them; the first is what the others are held against.
    let word = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let chosen = |stage: &Stage<'_>| word.as_ref().is_none_or(|word| stage.name.contains(word.as_str()));
    for _ in 0..ROUNDS {
        stages.iter_mut().filter(|stage| chosen(stage)).for_each(Stage::run);
    }
    let bytes = text.len() / INVOICES;
    println!("{INVOICES} invoices of {LINES} lines, {bytes} bytes each");
    println!("{:<52} {:>6} {:>10}  of the events' speed: bare, decoded", "", "MB/s", "invoices/s");
    let (bare, decoded) = (stages[0].each(), stages[1].each());
    for stage in stages.iter().filter(|stage| chosen(stage)) {
        println!(
            "{:<52} {:>6.0} {:>10.0} {:>6.2} {:>6.2}",
            stage.name,
            bytes as f64 / stage.each() / 1e6,
            1.0 / stage.each(),
            bare / stage.each(),
            decoded / stage.each(),
        );
    }
}

/// Something to measure.
struct Stage<'a> {
    name: &'static str,
    invoices: usize,
    run: Box<dyn FnMut() + 'a>,
    best: Duration,
}

impl<'a> Stage<'a> {
    fn new(name: &'static str, invoices: usize, run: impl FnMut() + 'a) -> Self {
        Stage { name, invoices, run: Box::new(run), best: Duration::MAX }
    }

    fn run(&mut self) {
        let begun = Instant::now();
        (self.run)();
        self.best = begun.elapsed().min(self.best);
    }

    /// The seconds for one invoice.
    fn each(&self) -> f64 {
        self.best.as_secs_f64() / self.invoices as f64
    }
}
