//! Documents: what a mapping makes of a record satisfies its schema, and comes through an envelope as it was.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use canonical::envelope::{Event, EventType, Limits, Stage, decode, decode_batch, encode_batch};
use canonical::{Document, rules, schema};
use connector::{NeededColumn, Split, StreamContext};
use files::StreamSettings;
use jiff::Timestamp;
use mapping::{Mapping, Table};
use serde_json::json;
use xml_export::settings::XmlStream;

use super::reading::{format, read};

const CAMT: &str = include_str!("../../../mappings/camt/payment.toml");
/// The tables that it uses.
const TABLES: [(&str, &str); 1] =
    [("countries-alpha-3", include_str!("../../../mappings/tables/countries-alpha-3.toml"))];

/// The mapping of camt, and the format of its files.
struct Camt {
    mapping: Arc<Mapping>,
    format: <XmlStream as StreamSettings>::Format,
}

/// Bank statements. The whole input is the file.
pub fn camt(input: &[u8]) -> usize {
    static CAMT_FILES: OnceLock<Camt> = OnceLock::new();
    let Camt { mapping, format } = CAMT_FILES.get_or_init(|| {
        let tables: BTreeMap<_, _> = TABLES
            .into_iter()
            .map(|(name, text)| (name.to_owned(), Arc::new(Table::parse(name, text).expect("the table is right"))))
            .collect();
        let mapping = Mapping::compile("payment.toml", CAMT, &tables).expect("the pack compiles");
        Camt { format: format::<XmlStream>(json!({}), &told(&mapping)), mapping: Arc::new(mapping) }
    });
    let mut reader = mapping.reader();
    let readings = read(format, input).into_iter().filter_map(|body| reader.read_with_unmapped(&body).ok());
    readings.map(|reading| hold(&reading.document)).count()
}

/// What a mapping tells of its stream, as a hub does it.
fn told(mapping: &Mapping) -> StreamContext {
    let needs = mapping.stream_needs();
    let columns = needs.columns.iter().map(|needed| NeededColumn {
        field: needed.field.to_string(),
        any_of: needed.any_of.iter().map(ToString::to_string).collect(),
    });
    StreamContext {
        group_by: needs.group_by.clone(),
        record_paths: needs.record_paths.clone(),
        namespaces: needs.namespaces.clone(),
        context: needs.context.clone(),
        split: needs.split.as_ref().map(|split| Split { at: split.at.clone(), with: split.with.clone() }),
        columns: columns.collect(),
        ..StreamContext::default()
    }
}

/// A document satisfies its schema, can be checked, and travels.
pub(crate) fn hold(document: &Document) {
    let entity = document.entity();
    let findings = schema::validate(&entity, &document.to_json());
    assert!(findings.is_empty(), "{findings:?}");
    let _ = rules::findings(document);
    let kind = EventType::new(Stage::Observed, entity);
    let mut event = Event::new("id".into(), "t".into(), "s".into(), kind, "key".into(), Timestamp::UNIX_EPOCH);
    event.set_document(document).expect("a document has a JSON form");
    let arrived = decode(&event.to_bytes(), Limits::default()).expect("what was sent can be read");
    assert_eq!(arrived.document().expect("the document can be read").as_ref(), Some(document));
}

/// Messages of the bus. The whole input is the message, one event or a batch.
pub fn envelope(input: &[u8]) -> usize {
    let limits = Limits { bytes_max: 1 << 20, events_max: 100 };
    let one = decode(input, limits).ok();
    if let Some(event) = &one {
        let again = decode(&event.to_bytes(), Limits::default()).expect("what was written can be read");
        assert_eq!(again.to_bytes(), event.to_bytes());
        if let Ok(Some(document)) = event.document() {
            // A document of the bus keeps what it says when it is written again.
            let mut second = again;
            second.set_document(&document).expect("a document has a JSON form");
            assert_eq!(second.document().expect("it can be read").as_ref(), Some(&document));
            let _ = rules::findings(&document);
        }
    }
    let batch = decode_batch(input, limits).unwrap_or_default();
    let again = decode_batch(&encode_batch(&batch), Limits::default()).expect("what was written can be read");
    assert_eq!(encode_batch(&again), encode_batch(&batch));
    usize::from(one.is_some()) + batch.len()
}
