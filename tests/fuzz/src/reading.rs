//! Files: records come in order, and reading on from any position gives what is left.

use std::sync::OnceLock;

use canonical::record::Body;
use connector::{Split, StreamContext};
use csv_drop::settings::CsvStream;
use files::{FileTaken, Format, PickUp, Problem, Records, StreamSettings, Unplaced};
use layout_drop::settings::LayoutStream;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use xml_export::settings::XmlStream;

/// CSV files. The first byte chooses the settings, `0` the first; the rest is the file.
pub fn csv(input: &[u8]) -> usize {
    static FORMATS: OnceLock<Vec<<CsvStream as StreamSettings>::Format>> = OnceLock::new();
    choose(input, FORMATS.get_or_init(|| formats::<CsvStream>(csv_settings())))
}

/// XML files. The first byte chooses the settings, `0` the first; the rest is the file.
pub fn xml(input: &[u8]) -> usize {
    static FORMATS: OnceLock<Vec<<XmlStream as StreamSettings>::Format>> = OnceLock::new();
    choose(input, FORMATS.get_or_init(|| formats::<XmlStream>(xml_settings())))
}

/// Files of fixed width and of several types of lines. The first byte chooses the layout, `0` the first; the rest is the
/// file.
pub fn fixed(input: &[u8]) -> usize {
    static FORMATS: OnceLock<Vec<<LayoutStream as StreamSettings>::Format>> = OnceLock::new();
    choose(input, FORMATS.get_or_init(|| formats::<LayoutStream>(layout_settings())))
}

fn grouped(by: &str) -> StreamContext {
    StreamContext { group_by: vec![by.to_owned()], ..StreamContext::default() }
}

fn csv_settings() -> Vec<(Value, StreamContext)> {
    let footer = json!({ "starts_with": "END", "count": 2, "sum": { "at": 3, "column": "b", "decimal": "," } });
    vec![
        (json!({ "delimiter": ";" }), StreamContext::default()),
        (json!({ "delimiter": ",", "ragged": "pad" }), StreamContext::default()),
        (json!({ "delimiter": "\t", "quote": "", "encoding": "windows-1252" }), StreamContext::default()),
        (json!({ "delimiter": ";", "group_rows_max": 3 }), grouped("a")),
        (
            json!({ "header": "none", "columns": ["a", "b", "c"], "comment": "#", "footer": footer }),
            StreamContext::default(),
        ),
        (
            json!({ "delimiter": ";", "header": { "starts_with": ["a"] }, "encoding": "utf-16le", "record_bytes_max": 64 }),
            grouped("a"),
        ),
    ]
}

fn xml_settings() -> Vec<(Value, StreamContext)> {
    let context = json!({ "near": "//head/value", "mark": "//head/@mark", "number": "position()" });
    let split = Split { at: "parts/part".to_owned(), with: Vec::new() };
    vec![
        (json!({ "record": "//r" }), StreamContext::default()),
        (
            json!({
                "record": ["/a/r", "//b:r"], "namespaces": { "b": ["urn:b", "urn:c"] }, "context": context,
                "verify": false,
            }),
            StreamContext::default(),
        ),
        (json!({ "record": "//r", "record_bytes_max": 200, "depth_max": 4 }), StreamContext::default()),
        (json!({ "record": "//r" }), StreamContext { split: Some(split), ..StreamContext::default() }),
        (json!({ "record": "//r", "encoding": "utf-16be" }), StreamContext::default()),
    ]
}

fn layout_settings() -> Vec<(Value, StreamContext)> {
    let statements = json!({
        "width": 20,
        "record": "operation",
        "lines": {
            "statement": { "starts_with": "01", "fields": { "account": [3, 5], "opening": [8, 6] } },
            "operation": { "starts_with": "04", "inside": "statement", "fields": { "amount": [8, 6], "label": [14, 7] } },
            "detail": { "starts_with": "05", "inside": "operation", "fields": { "kind": [3, 3], "text": [6, 15] } },
            "end": { "starts_with": "07", "closes": "statement", "fields": { "closing": [8, 6] } },
        },
    });
    let transactions = json!({
        "delimiter": "\t",
        "record": "TRNS",
        "ignore": ["!", "ACCNT"],
        "lines": {
            "TRNS": { "starts_with": "TRNS", "names": "!TRNS" },
            "SPL": { "starts_with": "SPL", "names": "!SPL", "inside": "TRNS" },
            "ENDTRNS": { "starts_with": "ENDTRNS", "closes": "TRNS" },
        },
    });
    let sections = json!({
        "delimiter": ";",
        "quote": "\"",
        "section": "##Section",
        "preamble": ["##File;Import"],
        "record": "movement",
        "lines": {
            "movement": { "section": "Mvt", "fields": ["", "journal", "date", "account", "amount"] },
            "account": { "section": "Cpt", "fields": ["", "code", "name"] },
        },
    });
    let unbroken = json!({
        "width": 8,
        "line_ends": false,
        "lines": { "row": { "when": [{ "at": 1, "is": ["A", "B"] }], "fields": { "kind": [1, 1], "text": [2, 7] } } },
    });
    vec![
        (json!({ "layout": statements }), StreamContext::default()),
        (json!({ "layout": transactions, "group_rows_max": 4 }), StreamContext::default()),
        (json!({ "layout": sections, "encoding": "windows-1252", "line_bytes_max": 80 }), StreamContext::default()),
        (json!({ "layout": unbroken, "encoding": "iso-8859-15" }), grouped("row.kind")),
    ]
}

/// The formats of these settings; they are ours, so that a wrong one is a fault of this program.
fn formats<S: StreamSettings + DeserializeOwned>(settings: Vec<(Value, StreamContext)>) -> Vec<S::Format> {
    settings.into_iter().map(|(settings, told)| format::<S>(settings, &told)).collect()
}

/// The format of a stream's settings.
pub(crate) fn format<S: StreamSettings + DeserializeOwned>(mut settings: Value, told: &StreamContext) -> S::Format {
    settings["folder"] = json!(".");
    let stream: S = serde_json::from_value(settings).expect("the settings are right");
    let pick_up = PickUp::new(stream.pick_up(), ".".as_ref(), S::FILES).expect("the folder is right");
    stream.format(&pick_up, told).expect("the settings fit each other")
}

fn choose<F: Format>(input: &[u8], formats: &[F]) -> usize {
    let Some((choice, bytes)) = input.split_first() else { return 0 };
    read(&formats[usize::from(choice.wrapping_sub(b'0')) % formats.len()], bytes).len()
}

/// Reads a file as a stream does, and holds what comes against what a [`connector::Source`] guarantees.
/// Gives the records.
pub(crate) fn read<F: Format>(format: &F, bytes: &[u8]) -> Vec<Body> {
    let file = FileTaken::in_memory("file", bytes.to_vec(), bytes.len() as u64);
    // A file that is refused as a whole gives nothing.
    if format.inspect(&file).is_err() {
        return Vec::new();
    }
    let Ok(mut records) = format.open(&file, &F::Position::default()) else { return Vec::new() };
    let (whole, positions, end) = drain(&mut records, bytes.len());
    let lines: Vec<u64> = whole.iter().map(|unplaced| unplaced.line).collect();
    assert!(lines.is_sorted() && lines.iter().all(|line| *line > 0), "the places are in order: {lines:?}");
    // Two places to read on from: the middle, and one that the input chooses.
    for place in [positions.len() / 2, bytes.len() % positions.len().max(1)] {
        let Some((given, position)) = positions.get(place) else { continue };
        let mut rest = format.open(&file, position).expect("a position that was given can be opened");
        let (rest, _, rest_end) = drain(&mut rest, bytes.len());
        assert_eq!(rest, whole[*given..], "reading on behind {given} records");
        assert_eq!(rest_end, end, "reading on behind {given} records");
    }
    whole.into_iter().filter_map(|unplaced| unplaced.body.ok()).collect()
}

/// What is read, the positions with how much was given before each, and why the rest cannot be read.
type Drained<P> = (Vec<Unplaced>, Vec<(usize, P)>, Option<String>);

fn drain<R: Records>(records: &mut R, bytes: usize) -> Drained<R::Position> {
    let (mut items, mut positions) = (Vec::new(), Vec::new());
    loop {
        match records.next() {
            Ok(Some(item)) => items.push(item),
            Ok(None) => return (items, positions, None),
            Err(Problem::Refused { code, .. }) => return (items, positions, Some(code.to_owned())),
            Err(Problem::Io(error)) => return (items, positions, Some(error.to_string())),
        }
        assert!(items.len() <= bytes, "more records than bytes");
        if let Some(position) = records.position() {
            positions.push((items.len(), position));
        }
    }
}
