//! Records from a file.

use std::iter::Peekable;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use canonical::record::{Body, Json, JsonParts};
use connector::Split;
use files::{Content, FileTaken, Format, LineCut, Lines, Problem, Records, Text, Unplaced};
use serde::{Deserialize, Serialize};

use crate::scanner::Scanner;
use crate::walker::{Stand, Walker};

/// How the files of one stream are read.
#[derive(Clone, Debug)]
pub struct JsonFormat {
    pub(crate) encoding: Option<&'static encoding_rs::Encoding>,
    /// The members that lead to the records of a document.
    pub(crate) path: Vec<String>,
    /// Where a record becomes several.
    pub(crate) split: Option<Split>,
    pub(crate) lines: Option<bool>,
    pub(crate) record_bytes_max: usize,
}

/// Where a record ends. Line 0 stands for the beginning of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JsonPosition {
    offset: u64,
    line: u64,
    /// Whether that is in a list, behind an item of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    behind: bool,
    /// How many of the records that the next one becomes were given, where it becomes several.
    #[serde(default)]
    parts: u64,
}

impl JsonFormat {
    fn is_lines(&self, file: &FileTaken) -> bool {
        let name = file.name().to_ascii_lowercase();
        let named = |extension: &str| {
            let packed = [".gz", ".zip"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            packed.ends_with(extension)
        };
        self.lines.unwrap_or_else(|| named(".jsonl") || named(".ndjson"))
    }

    fn walker(&self, file: &FileTaken, text: &Text, at: &JsonPosition) -> Result<Walker<Content>, Problem> {
        let content = file.open_text(text, at.offset)?;
        let stand = if at.behind { Stand::Behind } else { Stand::Outside };
        let scanner = Scanner::new(content, at.offset, at.line.max(1));
        Ok(Walker::new(scanner, self.path.clone(), stand, self.record_bytes_max))
    }

    /// Whether a document lacks what the path leads to.
    fn no_records(&self) -> Problem {
        let reason = format!(
            "there is no \"{}\" in it, where the records should be; correct record in the stream or the mapping, or the \
             export",
            self.path.join(".")
        );
        Problem::refused("json.no-records", reason)
    }
}

impl Format for JsonFormat {
    type Position = JsonPosition;
    type Records = JsonRecords;

    fn inspect(&self, file: &FileTaken) -> Result<(), Problem> {
        let text = Text::detect(&file.head()?, self.encoding)?;
        if self.is_lines(file) {
            return Ok(());
        }
        let mut counting =
            JsonFormat { record_bytes_max: 0, ..self.clone() }.walker(file, &text, &JsonPosition::default())?;
        let mut is_there = false;
        while counting.next()?.is_some() {
            is_there = true;
        }
        if !is_there && !self.path.is_empty() && !counting.was_there() {
            return Err(self.no_records());
        }
        Ok(())
    }

    fn open(&self, file: &FileTaken, position: &JsonPosition) -> Result<JsonRecords, Problem> {
        let text = Text::detect(&file.head()?, self.encoding)?;
        let source = if self.is_lines(file) {
            let content = file.open_text(&text, position.offset)?;
            let (offset, line) = (position.offset, position.line.max(1));
            Source::Lines(Lines::new(content, LineCut::LineFeed, self.record_bytes_max, offset, line))
        } else {
            Source::Document(Box::new(self.walker(file, &text, position)?))
        };
        let (split, record_bytes_max) = (self.split.clone(), self.record_bytes_max);
        let mut records = JsonRecords { source, text, split, cut: None, record_bytes_max };
        for _ in 0..position.parts {
            if records.next()?.is_none() {
                return Err(Problem::refused("file.changed", "the file ends before the stored position"));
            }
        }
        Ok(records)
    }
}

enum Source {
    Lines(Lines<Content>),
    Document(Box<Walker<Content>>),
}

/// The records of one file.
pub struct JsonRecords {
    source: Source,
    text: Text,
    split: Option<Split>,
    /// The record that is being given out part by part.
    cut: Option<Cut>,
    record_bytes_max: usize,
}

/// A record that becomes several.
struct Cut {
    parts: Peekable<JsonParts>,
    /// Its bytes, for the case that it stays whole.
    raw: Vec<u8>,
    line: u64,
    given: u64,
    /// The position before it.
    from: JsonPosition,
}

impl Records for JsonRecords {
    type Position = JsonPosition;

    fn next(&mut self) -> Result<Option<Unplaced>, Problem> {
        if let Some(part) = self.next_part() {
            return Ok(Some(part));
        }
        let from = self.here();
        let (line, raw, whole) = match &mut self.source {
            Source::Lines(lines) => loop {
                let Some(found) = lines.next_line()? else { return Ok(None) };
                let bytes = lines.bytes(&found);
                if !bytes.trim_ascii().is_empty() {
                    break (found.number, bytes.to_vec(), found.whole);
                }
            },
            Source::Document(walker) => match walker.next()? {
                Some(found) => (found.line, found.kept.bytes, found.kept.whole),
                None => return Ok(None),
            },
        };
        match (self.read(&raw, whole), &self.split) {
            (Ok(Body::Json(value)), Some(split)) => {
                let parts = value.parts(&split.at, &split.with).peekable();
                self.cut = Some(Cut { parts, raw, line, given: 0, from });
                Ok(self.next_part())
            }
            (body, _) => Ok(Some(Unplaced { line, raw, body })),
        }
    }

    fn position(&self) -> Option<JsonPosition> {
        Some(match &self.cut {
            Some(cut) => JsonPosition { parts: cut.given, ..cut.from.clone() },
            None => self.here(),
        })
    }

    fn consumed(&self) -> Arc<AtomicU64> {
        match &self.source {
            Source::Lines(lines) => lines.content().consumed(),
            Source::Document(walker) => walker.scanner().content().consumed(),
        }
    }
}

impl JsonRecords {
    /// The position behind what was read of the file.
    fn here(&self) -> JsonPosition {
        match &self.source {
            Source::Lines(lines) => {
                let (offset, line) = lines.position();
                JsonPosition { offset, line, behind: false, parts: 0 }
            }
            Source::Document(walker) => {
                let (offset, line) = walker.scanner().position();
                JsonPosition { offset, line, behind: walker.stand() == Stand::Behind, parts: 0 }
            }
        }
    }

    /// The next of the records that one becomes. The bytes of one of several are its own text.
    fn next_part(&mut self) -> Option<Unplaced> {
        let cut = self.cut.as_mut()?;
        let part = cut.parts.next()?;
        cut.given += 1;
        let (line, is_last) = (cut.line, cut.parts.peek().is_none());
        let raw = if cut.given == 1 && is_last { std::mem::take(&mut cut.raw) } else { part.to_string().into_bytes() };
        if is_last {
            self.cut = None;
        }
        Some(Unplaced { line, raw, body: Ok(Body::Json(part)) })
    }

    fn read(&self, raw: &[u8], whole: bool) -> Result<Body, (&'static str, String)> {
        if !whole {
            let most = self.record_bytes_max;
            let reason =
                format!("the record is larger than record_bytes_max = {most}; only its beginning is kept here");
            return Err(("json.record-too-large", reason));
        }
        let text = self.text.decode(raw).map_err(|at| {
            let name = self.text.encoding.name();
            let reason = format!("the record is not {name} at its byte {at}; JSON is UTF-8, else say encoding = \"…\"");
            ("json.encoding", reason)
        })?;
        match Json::read(text.trim()) {
            Ok(value @ (Json::Object(_) | Json::Array(_))) => Ok(Body::Json(value)),
            Ok(_) => Err(("json.shape", "a record is an object; this is a single value".to_owned())),
            Err(error) => Err(("json.syntax", format!("the record cannot be read: {error}"))),
        }
    }
}
