//! The records of one file, read by the connector of the mapping's format.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use canonical::record::{Body, Json, Place, Record};
use connector::{Checkpoint, Fault, Item, OpenContext, Reject, Source};
use mapping::{Format, Mapping};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::commands::collect::known_stream;
use crate::configuration::registry;
use crate::failure::Failure;
use crate::session;

/// The one stream of the one file.
const STREAM: &str = "file";

/// JSON files are read whole, and so have a limit.
const JSON_BYTES_MAX: u64 = 256 << 20;

/// How much of a file tells its delimiter.
const HEAD_BYTES: u64 = 64 << 10;

/// What the user says about the text of the files.
#[derive(Default)]
pub struct Dialect {
    /// The encoding; what the format says by itself, when absent.
    pub encoding: Option<String>,
    /// The delimiter; told from the first line, when absent.
    pub delimiter: Option<char>,
    /// The quote.
    pub quote: Option<String>,
    /// The layout of the files, which comes with the pack.
    pub layout: Option<Value>,
}

/// How files are read.
pub enum Manner {
    /// By what the user says about their text, and what their first lines tell.
    Told(Dialect),
    /// As a stream reads them.
    AsStream {
        /// The kind of its connector, which reads files.
        kind: String,
        /// Its settings in the connector.
        table: Map<String, Value>,
    },
}

/// The mapping of a stream of a user's directory, and its manner of reading.
///
/// # Errors
/// A directory that is wrong, or a stream that is not there or does not read files.
pub fn as_stream(directory: &Path, name: &str) -> Result<(Arc<Mapping>, Manner), Failure> {
    let configuration = session::configuration(directory)?;
    let (system, stream) = name.split_once('/').ok_or_else(|| {
        Failure::usage("cli.unknown", format!("\"{name}\" is no stream; write SYSTEM/STREAM, such as erp/customers"))
    })?;
    known_stream(&configuration, system, Some(stream))?;
    let found = configuration.systems.get(system);
    let table = found.and_then(|found| found.connector.get("streams")?.get(stream)?.as_object());
    match (found, table, found.and_then(|found| found.streams.get(stream))) {
        (Some(found), Some(table), Some(settings)) if table.contains_key("folder") => {
            let mut table = table.clone();
            table.retain(|field, _| !matches!(field.as_str(), "trigger" | "order"));
            Ok((settings.mapping.clone(), Manner::AsStream { kind: found.kind.clone(), table }))
        }
        _ => Err(Failure::usage("ingest.no-folder", format!("{name} does not read files; use --from"))),
    }
}

/// Makes sure that a path is a file that can be read, before anything is written.
///
/// # Errors
/// What it is instead.
pub fn require_file(path: &Path) -> Result<(), Failure> {
    let metadata = std::fs::metadata(path).map_err(|error| Failure::file("cannot be read", path, &error))?;
    if !metadata.is_file() {
        let kind = if metadata.is_dir() { "is a directory" } else { "is no ordinary file" };
        return Err(Failure::usage("cli.file", format!("{}: {kind}; name files", path.display())));
    }
    File::open(path).map(drop).map_err(|error| Failure::file("cannot be read", path, &error))
}

/// The records of one file.
pub enum FileReader {
    /// Through a file connector, over a folder that holds only a link to the file.
    Connector {
        /// The stream.
        source: Box<dyn Source>,
        /// How far it was read.
        after: Option<Checkpoint>,
        /// The folder; it goes when the reader goes.
        _folder: TempDir,
    },
    /// A JSON file: an array of records, one record, one record per line, or a saved answer of an API in which the
    /// records stand where the mapping's `record` says.
    Json(Option<Vec<Item>>),
}

impl FileReader {
    /// Opens a file for a mapping.
    ///
    /// # Errors
    /// A file that cannot be read, or options that do not fit.
    pub async fn open(path: &Path, mapping: &Mapping, manner: &Manner) -> Result<Self, Failure> {
        let (kind, mut stream) = match (manner, mapping.format()) {
            (Manner::AsStream { kind, table }, _) => (kind.as_str(), table.clone()),
            (_, Format::Json) => {
                let record = mapping.stream_needs().record_paths.first().map(String::as_str);
                return Ok(FileReader::Json(Some(json_records(path, record)?)));
            }
            (Manner::Told(dialect @ Dialect { layout: Some(layout), .. }), Format::Csv) => {
                ("layout-drop", layout_stream(dialect, layout))
            }
            (Manner::Told(dialect), Format::Csv) => ("csv-drop", csv_stream(path, dialect)?),
            (Manner::Told(dialect), Format::Xml) => ("xml-export", encoding_of(dialect)),
        };
        let link = |error: std::io::Error| {
            Failure::unreachable("cli.file", format!("a working folder cannot be made: {error}"))
        };
        let folder = TempDir::new().map_err(link)?;
        let absolute = std::path::absolute(path).map_err(link)?;
        std::os::unix::fs::symlink(absolute, folder.path().join(linked_name(path))).map_err(link)?;
        stream.extend([
            ("folder".to_owned(), json!(".")),
            ("files".to_owned(), json!("*")),
            ("archive".to_owned(), json!("keep")),
            ("reject".to_owned(), json!("reject")),
            ("settle_ms".to_owned(), json!(0)),
        ]);
        let table = json!({ "streams": { STREAM: stream } });
        let configured = registry()
            .configure(kind, table)
            .map_err(|error| Failure::usage("cli.dialect", format!("the options do not fit: {error}")))?;
        let context = OpenContext {
            system: "convert".to_owned(),
            directory: folder.path().to_owned(),
            streams: [(STREAM.to_owned(), hub::stream_context(mapping))].into(),
        };
        let mut ports = configured.open(&context).await.map_err(|fault| misfit(fault, manner))?;
        let source = ports.sources.remove(STREAM).ok_or_else(|| Failure::bug("a file's stream was not opened"))?;
        Ok(FileReader::Connector { source, after: None, _folder: folder })
    }

    /// The next records and rejects; `None` at the end.
    ///
    /// # Errors
    /// Why the rest cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<Item>>, Failure> {
        match self {
            FileReader::Json(items) => Ok(items.take()),
            FileReader::Connector { source, after, .. } => {
                let Some(batch) = source.read(after.as_ref()).await? else { return Ok(None) };
                *after = Some(batch.checkpoint);
                Ok(Some(batch.items))
            }
        }
    }
}

/// What the user told of the files does not fit; what a stream is told is not the doing of this command.
fn misfit(fault: Fault, manner: &Manner) -> Failure {
    match (fault, manner) {
        (Fault::Halt { reason }, Manner::Told(_)) => {
            let reason = reason.strip_prefix(&format!("streams.{STREAM}: ")).unwrap_or(&reason).to_owned();
            Failure::usage("cli.dialect", format!("the options do not fit: {reason}"))
        }
        (fault, _) => fault.into(),
    }
}

/// The name under which a file is linked: its own, unless pick-up would leave that alone.
fn linked_name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let unfinished = [".tmp", ".part", ".filepart", ".crdownload"];
    let lower = name.to_lowercase();
    if name.starts_with('.') || unfinished.iter().any(|suffix| lower.ends_with(suffix)) {
        return format!("file{}", name.trim_start_matches('.').replace('.', "-"));
    }
    name
}

fn encoding_of(dialect: &Dialect) -> Map<String, Value> {
    dialect.encoding.iter().map(|encoding| ("encoding".to_owned(), json!(encoding))).collect()
}

fn layout_stream(dialect: &Dialect, layout: &Value) -> Map<String, Value> {
    let mut stream = encoding_of(dialect);
    stream.insert("layout".to_owned(), layout.clone());
    stream
}

fn csv_stream(path: &Path, dialect: &Dialect) -> Result<Map<String, Value>, Failure> {
    let delimiter = match dialect.delimiter {
        Some(delimiter) => delimiter,
        None => likely_delimiter(path).map_err(|error| Failure::file("cannot be read", path, &error))?,
    };
    let mut stream = encoding_of(dialect);
    stream.insert("delimiter".to_owned(), json!(delimiter));
    if let Some(quote) = &dialect.quote {
        stream.insert("quote".to_owned(), json!(quote));
    }
    Ok(stream)
}

/// The usual delimiter that stands most often in the first line that has one.
fn likely_delimiter(path: &Path) -> std::io::Result<char> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    for line in head.split(|byte| *byte == b'\n') {
        let mut quoted = false;
        let mut counts = [(';', 0), ('\t', 0), ('|', 0), (',', 0)];
        for byte in line {
            if *byte == b'"' {
                quoted = !quoted;
            }
            for (delimiter, count) in counts.iter_mut().filter(|_| !quoted) {
                *count += usize::from(u32::from(*byte) == u32::from(*delimiter));
            }
        }
        // Of equals the last counts, so the comma goes last and wins only when it stands more often.
        if let Some((delimiter, count)) = counts.iter().rev().max_by_key(|(_, count)| *count)
            && *count > 0
        {
            return Ok(*delimiter);
        }
    }
    Ok(',')
}

/// The records in one JSON value: those at the path `record` where it has any there, else its own items, else itself.
fn records_in(value: Json, record: Option<&str>) -> Vec<Json> {
    let inside = record.and_then(|path| path.split('.').try_fold(&value, |value, name| value.get(name)));
    match inside.filter(|inside| matches!(inside, Json::Array(_) | Json::Object(_))).cloned().unwrap_or(value) {
        Json::Array(records) => records,
        single => vec![single],
    }
}

/// The records of a JSON file.
fn json_records(path: &Path, record: Option<&str>) -> Result<Vec<Item>, Failure> {
    let unreadable = |error: std::io::Error| Failure::file("cannot be read", path, &error);
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.len() > JSON_BYTES_MAX {
        let message = format!("{}: a JSON file has at most {JSON_BYTES_MAX} bytes; divide it", path.display());
        return Err(Failure::usage("cli.file", message));
    }
    let mut reader = BufReader::new(file);
    if reader.fill_buf().map_err(unreadable)?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    let name: Arc<str> = path.display().to_string().into();
    let mut items = Vec::new();
    for value in serde_json::Deserializer::from_reader(reader).into_iter::<Json>() {
        let place = |ordinal: usize| Place { file: Some(name.clone()), line: None, ordinal: ordinal as u64 };
        match value {
            Ok(value) => {
                for value in records_in(value, record) {
                    let place = place(items.len());
                    items.push(Item::Record(Record { place, body: Body::Json(value), raw: Vec::new() }));
                }
            }
            Err(error) => {
                let place = Place { line: Some(error.line() as u64), ..place(items.len()) };
                let reason = "the file is no JSON from here on".to_owned();
                items.push(Item::Reject(Reject { place, code: "json.syntax", reason, raw: Vec::new() }));
                break;
            }
        }
    }
    if items.is_empty() {
        let reason = "the file is empty".to_owned();
        let place = Place { file: Some(name), line: None, ordinal: 0 };
        items.push(Item::Reject(Reject { place, code: "file.empty", reason, raw: Vec::new() }));
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_one_that_stands_most_often() {
        let check = |text: &str, expected: char| {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("a.csv");
            std::fs::write(&path, text).unwrap();
            assert_eq!(likely_delimiter(&path).unwrap(), expected, "{text}");
        };
        check("NO;NAME\n1;a,b,c\n", ';');
        check("NO,NAME\n", ',');
        check("\n\"a;b;c\",d\n", ',');
        check("NO\tNAME\n", '\t');
        check("one\ntwo|three\n", '|');
        check("", ',');
    }

    #[test]
    fn records_stand_where_the_mapping_says() {
        let check = |text: &str, record: Option<&str>, expected: &[&str]| {
            let found = records_in(Json::read(text).unwrap(), record);
            assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{text}");
        };
        check(r#"[{"a":1},{"a":2}]"#, None, &[r#"{"a":1}"#, r#"{"a":2}"#]);
        check(r#"[{"a":1}]"#, Some("data.items"), &[r#"{"a":1}"#]);
        check(r#"{"a":1}"#, Some("data.items"), &[r#"{"a":1}"#]);
        check(r#"{"data":{"items":[{"a":1},{"a":2}]}}"#, Some("data.items"), &[r#"{"a":1}"#, r#"{"a":2}"#]);
        check(r#"{"data":{"items":[]}}"#, Some("data.items"), &[]);
        check(r#"{"order":{"a":1}}"#, Some("order"), &[r#"{"a":1}"#]);
        check(r#"{"order":null,"a":1}"#, Some("order"), &[r#"{"order":null,"a":1}"#]);
    }

    #[test]
    fn a_hidden_or_unfinished_name_is_linked_under_another() {
        assert_eq!(linked_name(Path::new("a/b.xml.gz")), "b.xml.gz");
        assert_eq!(linked_name(Path::new("a/.b.xml")), "fileb-xml");
        assert_eq!(linked_name(Path::new("a/b.csv.part")), "fileb-csv-part");
    }
}
