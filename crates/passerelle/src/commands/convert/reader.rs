//! The records of one file, read by the connector of the mapping's format.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use connector::{Batch, Checkpoint, Fault, Item, OpenContext, Source};
use mapping::{Format, Mapping};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::commands::collect::known_stream;
use crate::commands::mappings;
use crate::configuration::{PackFiles, Packs, Way, registry};
use crate::failure::Failure;
use crate::pick_up;
use crate::session;

/// The one stream of the one file.
const STREAM: &str = "file";

/// How much of a file tells its delimiter, and is looked at together.
const CHUNK_BYTES: usize = 64 << 10;

/// What the user says about the text of the files, and what the pack of their mapping says.
#[derive(Default)]
pub struct Dialect {
    /// The encoding; what the file or its pack says, when absent.
    pub encoding: Option<String>,
    /// The delimiter; told from the first lines, when absent.
    pub delimiter: Option<char>,
    /// The quote.
    pub quote: Option<String>,
    /// The layout of the files, which comes with the pack.
    pub layout: Option<Value>,
    /// What else the pack says about its files.
    pub files: PackFiles,
}

impl Dialect {
    /// What a pack says about the files of a mapping; the user says nothing yet.
    ///
    /// # Errors
    /// Files of the pack that cannot be understood.
    pub fn of_pack(packs: &Packs, name: &str) -> Result<Self, Failure> {
        let (layout, files) = (mappings::layout(packs, name)?, mappings::files(packs, name)?);
        Ok(Dialect { layout, files, ..Dialect::default() })
    }

    /// The connector that reads a file, and its settings for it.
    fn stream(&self, path: &Path, format: Format) -> Result<(&'static str, Map<String, Value>), Failure> {
        let kind = kind_of(format, self.layout.is_some());
        if kind != "csv-drop" && (self.delimiter.is_some() || self.quote.is_some()) {
            let message =
                format!("the options do not fit: --delimiter and --quote are for CSV files; {kind} reads these");
            return Err(Failure::usage("cli.dialect", message));
        }
        let unreadable = |error: std::io::Error| Failure::file("cannot be read", path, &error);
        let mut stream = self.files.settings(kind, Way::Read);
        if let Some(encoding) = &self.encoding {
            stream.insert("encoding".to_owned(), json!(encoding));
        } else if stream.contains_key("encoding") && is_utf8(path).map_err(unreadable)? {
            // Programs of today write what the product's own files never were.
            stream.insert("encoding".to_owned(), json!("utf-8"));
        }
        if let Some(layout) = self.layout.as_ref().filter(|_| kind == "layout-drop") {
            stream.insert("layout".to_owned(), layout.clone());
        }
        if kind == "csv-drop" {
            let usual = stream.get("delimiter").and_then(Value::as_str).and_then(|text| text.chars().next());
            let delimiter = match self.delimiter {
                Some(delimiter) => delimiter,
                None => likely_delimiter(path, usual).map_err(unreadable)?,
            };
            stream.insert("delimiter".to_owned(), json!(delimiter));
        }
        if let Some(quote) = &self.quote {
            stream.insert("quote".to_owned(), json!(quote));
        }
        Ok((kind, stream))
    }
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

/// The connector that reads and writes the files of a mapping.
pub fn kind_of(format: Format, has_layout: bool) -> &'static str {
    match format {
        Format::Csv if has_layout => "layout-drop",
        Format::Csv => "csv-drop",
        Format::Xml => "xml-export",
        Format::Json => "json-drop",
    }
}

/// The records of one file, through a file connector, over a folder that holds only a link to the file.
pub struct FileReader {
    /// The stream.
    source: Box<dyn Source>,
    /// How far it was read.
    after: Option<Checkpoint>,
    /// What was read ahead.
    ahead: Option<Batch>,
    /// The folder; it goes when the reader goes.
    _folder: TempDir,
}

impl FileReader {
    /// Opens a file for a mapping.
    ///
    /// A JSON file is a saved answer of an API, in which the records stand where the mapping's `record` says; or else the
    /// records themselves: an array, one, several that follow each other, or lines.
    ///
    /// # Errors
    /// A file that cannot be read, or options that do not fit.
    pub async fn open(path: &Path, mapping: &Mapping, manner: &Manner) -> Result<Self, Failure> {
        let (kind, mut stream) = match manner {
            Manner::AsStream { kind, table } => (kind.as_str(), table.clone()),
            Manner::Told(dialect) => dialect.stream(path, mapping.format())?,
        };
        let is_answer = matches!(manner, Manner::Told(_))
            && mapping.format() == Format::Json
            && !mapping.stream_needs().record_paths.is_empty();
        if !is_answer {
            return Self::over(path, mapping, manner, kind, stream).await;
        }
        // Each line of a saved file may be an answer as well.
        stream.insert("lines".to_owned(), json!(false));
        let answer = Self::over(path, mapping, manner, kind, stream.clone()).await?.read_ahead().await?;
        if !answer.is_refused() {
            return Ok(answer);
        }
        stream.remove("lines");
        stream.insert("record".to_owned(), json!(""));
        Self::over(path, mapping, manner, kind, stream).await
    }

    /// Opens a file for a connector with these settings.
    async fn over(
        path: &Path,
        mapping: &Mapping,
        manner: &Manner,
        kind: &str,
        mut stream: Map<String, Value>,
    ) -> Result<Self, Failure> {
        let link = |error: std::io::Error| {
            Failure::unreachable("cli.file", format!("a working folder cannot be made: {error}"))
        };
        let folder = TempDir::new().map_err(link)?;
        let second = second_file(path, &stream)?;
        for (path, name) in [(path.to_owned(), linked_name(path))].into_iter().chain(second) {
            let absolute = std::path::absolute(path).map_err(link)?;
            std::os::unix::fs::symlink(absolute, folder.path().join(name)).map_err(link)?;
        }
        if !stream.contains_key("join") {
            stream.insert("files".to_owned(), json!("*"));
        }
        stream.extend([
            ("folder".to_owned(), json!(".")),
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
        Ok(FileReader { source, after: None, ahead: None, _folder: folder })
    }

    async fn read_ahead(mut self) -> Result<Self, Failure> {
        self.ahead = self.source.read(None).await?;
        Ok(self)
    }

    /// Whether all that was read ahead is that the file as a whole was refused.
    fn is_refused(&self) -> bool {
        let items = self.ahead.as_ref().map_or(&[][..], |batch| &batch.items);
        let is_refusal = |item: &Item| matches!(item, Item::Reject(reject) if reject.place.line.is_none());
        !items.is_empty() && items.iter().all(is_refusal)
    }

    /// The next records and rejects; `None` at the end.
    ///
    /// # Errors
    /// Why the rest cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<Item>>, Failure> {
        let batch = match self.ahead.take() {
            Some(batch) => batch,
            None => match self.source.read(self.after.as_ref()).await? {
                Some(batch) => batch,
                None => return Ok(None),
            },
        };
        self.after = Some(batch.checkpoint);
        Ok(Some(batch.items))
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

/// The second file of a drop and its name, where the stream joins two: it stands beside the first.
fn second_file(path: &Path, stream: &Map<String, Value>) -> Result<Option<(PathBuf, String)>, Failure> {
    let Some(companion) = pick_up::companion(&json!(stream)) else { return Ok(None) };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let partners = companion.partners(&name);
    let told = |what: String| Failure::usage("cli.file", format!("{}: {what}", path.display()));
    if companion.is_second(&name) {
        let firsts = partners.join(" or ");
        return Err(told(format!("is the second file of a drop; name {firsts}, and it is read with that")));
    }
    let Some(partner) = partners.into_iter().next() else {
        return Err(told(
            "its name does not match `files` of the stream, by which its second file is found".to_owned(),
        ));
    };
    let beside = path.with_file_name(&partner);
    if !beside.is_file() {
        return Err(told(format!("{partner}, which makes one drop with it, is not there; put it beside it")));
    }
    Ok(Some((beside, partner)))
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

/// Whether a file is UTF-8 and has characters that tell it from other encodings.
fn is_utf8(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let (mut held, mut tells) = (0, false);
    loop {
        let count = file.read(&mut chunk[held..])?;
        if count == 0 {
            return Ok(tells && held == 0);
        }
        let end = held + count;
        let valid = match std::str::from_utf8(&chunk[..end]) {
            Ok(_) => end,
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Ok(false),
        };
        tells |= !chunk[..valid].is_ascii();
        chunk.copy_within(valid..end, 0);
        held = end - valid;
    }
}

/// The delimiter of the first line that has one: the pack's usual one if it is there, else the one that stands most often.
fn likely_delimiter(path: &Path, usual: Option<char>) -> std::io::Result<char> {
    let mut head = Vec::new();
    File::open(path)?.take(CHUNK_BYTES as u64).read_to_end(&mut head)?;
    for line in head.split(|byte| *byte == b'\n') {
        let mut quoted = false;
        let mut counts = [(';', 0), ('\t', 0), ('|', 0), (',', 0)];
        let mut has_usual = false;
        for byte in line {
            if *byte == b'"' {
                quoted = !quoted;
            }
            has_usual |= !quoted && usual.is_some_and(|usual| u32::from(*byte) == u32::from(usual));
            for (delimiter, count) in counts.iter_mut().filter(|_| !quoted) {
                *count += usize::from(u32::from(*byte) == u32::from(*delimiter));
            }
        }
        if let Some(usual) = usual.filter(|_| has_usual) {
            return Ok(usual);
        }
        // Of equals the last counts, so the comma goes last and wins only when it stands more often.
        if let Some((delimiter, count)) = counts.iter().rev().max_by_key(|(_, count)| *count)
            && *count > 0
        {
            return Ok(*delimiter);
        }
    }
    Ok(usual.unwrap_or(','))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_one_that_stands_most_often() {
        let check_usual = |text: &str, usual: Option<char>, expected: char| {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("a.csv");
            std::fs::write(&path, text).unwrap();
            assert_eq!(likely_delimiter(&path, usual).unwrap(), expected, "{text}");
        };
        let check = |text: &str, expected: char| check_usual(text, None, expected);
        check("NO;NAME\n1;a,b,c\n", ';');
        check("NO,NAME\n", ',');
        check("\n\"a;b;c\",d\n", ',');
        check("NO\tNAME\n", '\t');
        check("one\ntwo|three\n", '|');
        check("", ',');
        check_usual("a\tb,c,d\n", Some('\t'), '\t');
        check_usual("a|b|c\n", Some('\t'), '|');
        check_usual("\"a\tb\",c\n", Some('\t'), ',');
        check_usual("", Some(';'), ';');
    }

    #[test]
    fn utf_8_is_told_by_characters_that_no_other_encoding_has() {
        let check = |bytes: &[u8], expected: bool| {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("a.csv");
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(is_utf8(&path).unwrap(), expected, "{} bytes", bytes.len());
        };
        check(b"plain", false);
        check("caf\u{e9}".as_bytes(), true);
        check(b"caf\xe9", false);
        check(b"caf\xe9 and more", false);
        // A character that stands on the border of what is looked at together.
        let mut long = vec![b'x'; CHUNK_BYTES - 1];
        long.extend("\u{e9}".as_bytes());
        check(&long, true);
        long.push(0xe9);
        check(&long, false);
    }

    #[test]
    fn a_hidden_or_unfinished_name_is_linked_under_another() {
        assert_eq!(linked_name(Path::new("a/b.xml.gz")), "b.xml.gz");
        assert_eq!(linked_name(Path::new("a/.b.xml")), "fileb-xml");
        assert_eq!(linked_name(Path::new("a/b.csv.part")), "fileb-csv-part");
    }
}
