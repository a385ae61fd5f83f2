//! Rows and groups of rows from a file.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use canonical::record::{Body, Columns, Rows};
use connector::NeededColumn;
use files::{Content, FileTaken, Format, GroupCodes, Problem, Records, RowGroup, Text, Unplaced};
use memchr::memchr;
use serde::{Deserialize, Serialize};

use crate::columns;
use crate::dialect::{Dialect, Split, Values};
use crate::footer;
use crate::header::{HeaderRule, Naming};
use crate::join::{JoinRule, Joined};
use crate::settings::{Footer, Header, Ragged};
use crate::splitter::{Found, Kind, Splitter};
use crate::workbook::{RENDERED, SheetRule};

/// How the files of one stream are written.
#[derive(Clone, Debug)]
pub struct CsvFormat {
    pub(crate) dialect: Dialect,
    pub(crate) sheet: SheetRule,
    pub(crate) encoding: Option<&'static encoding_rs::Encoding>,
    pub(crate) header: HeaderRule,
    pub(crate) footer: Option<Footer>,
    pub(crate) ragged: Ragged,
    pub(crate) record_bytes_max: usize,
    /// The columns without which no row can be read.
    pub(crate) needed: Vec<NeededColumn>,
    pub(crate) group_by: Vec<String>,
    pub(crate) group_rows_max: usize,
    pub(crate) join: Option<JoinRule>,
}

/// Where a record ends. Line 0 stands for the beginning of the file, in front of its header.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CsvPosition {
    offset: u64,
    line: u64,
    /// Whether that is behind everything: what is left over of a second file was given as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ended: bool,
}

/// A file as text.
struct Source {
    text: Text,
    dialect: Dialect,
    /// The text of a sheet of a workbook; `None` for a file that is text itself.
    rendered: Option<Arc<[u8]>>,
}

impl CsvFormat {
    /// The same for one file by itself, row by row.
    pub(crate) fn alone(&self) -> CsvFormat {
        CsvFormat { join: None, group_by: Vec::new(), needed: Vec::new(), footer: None, ..self.clone() }
    }

    fn source(&self, file: &FileTaken) -> Result<Source, Problem> {
        Ok(match self.sheet.render(file)? {
            Some(rendered) => {
                let text = Text { encoding: encoding_rs::UTF_8, mark: 0 };
                Source { text, dialect: RENDERED, rendered: Some(rendered) }
            }
            None => {
                let text = Text::detect(&file.head()?, self.encoding)?;
                Source { text, dialect: self.dialect, rendered: None }
            }
        })
    }

    fn splitter(&self, file: &FileTaken, source: &Source, at: &CsvPosition) -> Result<Splitter<Content>, Problem> {
        let content = match &source.rendered {
            Some(rendered) => Content::shared(Arc::clone(rendered), at.offset),
            None => file.open_text(&source.text, at.offset)?,
        };
        Ok(Splitter::new(content, source.dialect, self.record_bytes_max, at.offset, at.line.max(1)))
    }

    /// The columns that group rows, as positions.
    fn group_positions(&self, columns: &Columns) -> Result<Vec<usize>, Problem> {
        let position = |name: &String| {
            columns.position(name).ok_or_else(|| {
                let reason = format!("there is no column \"{name}\", by which rows are grouped");
                Problem::refused("csv.column-missing", reason)
            })
        };
        self.group_by.iter().map(position).collect()
    }
}

impl Format for CsvFormat {
    type Position = CsvPosition;
    type Records = CsvRecords;

    fn inspect(&self, file: &FileTaken) -> Result<(), Problem> {
        let source = self.source(file)?;
        let (text, dialect) = (source.text, source.dialect);
        let mut splitter = self.splitter(file, &source, &CsvPosition::default())?;
        let mut header = self.header.locate(&mut splitter, dialect, text)?;
        if let Some(rule) = &self.join {
            header.columns = Arc::clone(Joined::read(self, rule, file, &header.columns)?.columns());
        }
        columns::check(&self.needed, &header)?;
        let Some(footer) = &self.footer else { return Ok(()) };
        let comment = self.header.comment.as_deref();
        footer::verify(footer, &mut splitter, dialect, text, &header.columns, comment)
    }

    fn open(&self, file: &FileTaken, position: &CsvPosition) -> Result<CsvRecords, Problem> {
        let source = self.source(file)?;
        let (text, dialect) = (source.text, source.dialect);
        let mut splitter = self.splitter(file, &source, &CsvPosition::default())?;
        let columns = self.header.locate(&mut splitter, dialect, text)?.columns;
        if position.line > 0 {
            splitter = self.splitter(file, &source, position)?;
        }
        let mut format = self.clone();
        if source.rendered.is_some() {
            (format.dialect, format.ragged) = (dialect, Ragged::Pad);
        }
        let joined = self.join.as_ref().map(|rule| Joined::read(self, rule, file, &columns)).transpose()?;
        let orphans = match &joined {
            Some(joined) if !position.ended => joined.orphans(self, file)?,
            _ => Vec::new(),
        };
        Ok(CsvRecords {
            group_by: self.group_positions(joined.as_ref().map_or(&*columns, |joined| joined.columns()))?,
            joined,
            orphans,
            splitter,
            text,
            columns,
            format,
            values: Values::default(),
            open: None,
            spoils_next: None,
            ready: VecDeque::new(),
            ended: false,
        })
    }
}

/// The rows of one file, one by one or in groups.
pub struct CsvRecords {
    splitter: Splitter<Content>,
    text: Text,
    columns: Arc<Columns>,
    joined: Option<Joined>,
    /// What is left over of the second file; it comes last.
    orphans: Vec<Unplaced>,
    group_by: Vec<usize>,
    format: CsvFormat,
    values: Values,
    open: Option<RowGroup>,
    /// The line of an unreadable row that may belong to the next group.
    spoils_next: Option<u64>,
    ready: VecDeque<Unplaced>,
    ended: bool,
}

const CODES: GroupCodes = GroupCodes { broken: "csv.group-broken", too_large: "csv.group-too-large" };

/// What a line turned out to be.
enum Line {
    Nothing,
    Footer,
    Row(Rows),
    /// A row with another number of values than there are columns; they are split in `values` still.
    Ragged(usize),
    Broken(&'static str, String),
}

impl Records for CsvRecords {
    type Position = CsvPosition;

    fn next(&mut self) -> Result<Option<Unplaced>, Problem> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            if self.ended {
                return Ok(None);
            }
            let Some(found) = self.splitter.next()? else {
                self.end();
                continue;
            };
            match self.parse(&found) {
                Line::Nothing => {}
                Line::Footer => self.end(),
                Line::Row(rows) if self.group_by.is_empty() => {
                    let raw = self.raw(&found);
                    return Ok(Some(Unplaced { line: found.line, raw, body: Ok(Body::Rows(rows)) }));
                }
                Line::Row(rows) => self.gather(&found, &rows),
                Line::Ragged(_) if found.lines > 1 => {
                    // A quote that was never meant to open a value joined lines that do not belong together.
                    let first = self.splitter.keep_first_line(found);
                    self.broken(&first, None, "csv.unbalanced-quote", UNBALANCED.to_owned());
                }
                Line::Ragged(count) => {
                    let key = self.key_of_ragged(&found);
                    let reason = ragged(count, self.columns.len());
                    self.broken(&found, key, "csv.ragged-row", reason);
                }
                Line::Broken(code, reason) => self.broken(&found, None, code, reason),
            }
        }
    }

    fn position(&self) -> Option<CsvPosition> {
        if !self.ready.is_empty() {
            return None;
        }
        let (offset, line) = match &self.open {
            Some(group) => group.start()?,
            None if self.spoils_next.is_some() => return None,
            None => self.splitter.position(),
        };
        Some(CsvPosition { offset, line, ended: self.ended })
    }

    fn consumed(&self) -> Arc<AtomicU64> {
        self.splitter.content().consumed()
    }
}

const UNBALANCED: &str = "a quote is not closed, is followed by text, or its value is longer than record_bytes_max; \
                          quotes inside a quoted value must be doubled";

fn ragged(count: usize, columns: usize) -> String {
    format!("the row has {count} values, but there are {columns} columns; does a value contain an unquoted delimiter?")
}

impl CsvRecords {
    /// The columns of the file itself.
    pub(crate) fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    /// A row with the rows of the second file that belong to it.
    fn join(&self, rows: Rows) -> Line {
        let Some(joined) = &self.joined else { return Line::Row(rows) };
        let rows = joined.expand(&rows);
        let most = self.format.group_rows_max;
        if rows.len() > most {
            let reason =
                format!("{} rows of the second file belong to it, more than group_rows_max = {most}", rows.len());
            return Line::Broken("csv.group-too-large", reason);
        }
        Line::Row(rows)
    }

    /// The bytes of what was found, as somebody can read them: the row of a sheet has tabs between its cells.
    fn raw(&self, found: &Found) -> Vec<u8> {
        let mut raw = self.splitter.bytes(found).to_vec();
        if self.format.dialect == RENDERED {
            raw.retain(|byte| Some(*byte) != RENDERED.quote);
            raw.iter_mut().filter(|byte| **byte == RENDERED.delimiter).for_each(|byte| *byte = b'\t');
        }
        raw
    }

    fn parse(&mut self, found: &Found) -> Line {
        let bytes = self.splitter.bytes(found);
        match found.kind {
            Kind::Whole => {}
            Kind::Unbalanced => return Line::Broken("csv.unbalanced-quote", UNBALANCED.to_owned()),
            Kind::TooLong => {
                let most = self.format.record_bytes_max;
                let reason =
                    format!("the line is longer than record_bytes_max = {most}; only its beginning is kept here");
                return Line::Broken("csv.record-too-long", reason);
            }
        }
        let line = match self.text.decode(bytes) {
            Ok(line) => line,
            Err(at) => return Line::Broken("csv.encoding", self.not_of_encoding(at)),
        };
        if !self.text.is_direct() && line.contains(char::REPLACEMENT_CHARACTER) {
            let name = self.text.encoding.name();
            return Line::Broken(
                "csv.encoding",
                format!("the record is not {name} throughout; look at how it was written"),
            );
        }
        if let Some(at) = memchr(0, line.as_bytes()) {
            return Line::Broken("csv.nul", format!("byte {at} of the record is NUL; this is not text"));
        }
        let is_comment = |comment: &String| line.starts_with(comment.as_str());
        if self.format.dialect.is_blank(&line) || self.format.header.comment.as_ref().is_some_and(is_comment) {
            return Line::Nothing;
        }
        if self.format.footer.as_ref().is_some_and(|footer| line.starts_with(&footer.starts_with)) {
            return Line::Footer;
        }
        let split = self.values.split(self.format.dialect, &line);
        let mut rows = Rows::with_capacity(Arc::clone(&self.columns), line.len(), 1);
        if rows.push(split.iter()) || (self.format.ragged == Ragged::Pad && pad(&mut rows, &split)) {
            return self.join(rows);
        }
        Line::Ragged(split.len())
    }

    fn not_of_encoding(&self, at: usize) -> String {
        let name = self.text.encoding.name();
        let hint =
            if name == "UTF-8" { "; is the file windows-1252? Then say encoding = \"windows-1252\"" } else { "" };
        format!("the record is not {name} at its byte {at}{hint}")
    }

    /// The key columns of a row that is too short or too long, as far as it has them.
    fn key_of_ragged(&mut self, found: &Found) -> Option<Vec<String>> {
        if self.group_by.is_empty() {
            return None;
        }
        let line = self.text.decode(self.splitter.bytes(found)).ok()?;
        let split = self.values.split(self.format.dialect, &line);
        self.group_by.iter().map(|position| split.iter().nth(*position).map(str::to_owned)).collect()
    }

    /// Adds a row to the open group, or begins the next one with it.
    fn gather(&mut self, found: &Found, rows: &Rows) {
        let raw = &self.raw(found)[..];
        let key = |at: usize| rows.value(0, at).unwrap_or_default();
        if let Some(group) = &mut self.open
            && group.continues(self.group_by.iter().map(|at| key(*at)))
        {
            if self.group_by.iter().any(|at| !key(*at).trim().is_empty()) {
                // The group goes on: what could not be read before stood in the middle of it.
                self.spoils_next = None;
            }
            return group.add(rows, raw, self.format.group_rows_max);
        }
        let first = self.group_by.iter().map(|at| key(*at).to_owned()).collect();
        let mut group = RowGroup::new(CODES, found.offset, found.line, first);
        if let Some(line) = self.spoils_next.take() {
            group.spoil_before(line);
        }
        group.add(rows, raw, self.format.group_rows_max);
        self.close();
        self.open = Some(group);
    }

    /// A row that cannot be read is rejected, and so is each group that it may belong to: a record that lacks a row is wrong.
    fn broken(&mut self, found: &Found, key: Option<Vec<String>>, code: &'static str, reason: String) {
        let raw = self.raw(found);
        let reject = Unplaced { line: found.line, raw, body: Err((code, reason)) };
        if self.group_by.is_empty() {
            return self.ready.push_back(reject);
        }
        match (&mut self.open, key) {
            (Some(group), Some(key)) if group.continues(key.iter().map(String::as_str)) => {
                group.spoil(found.line, Some(reject), self.format.group_rows_max);
            }
            (_, Some(key)) => {
                let mut group = RowGroup::new(CODES, found.offset, found.line, key);
                if let Some(line) = self.spoils_next.take() {
                    group.spoil_before(line);
                }
                group.spoil(found.line, Some(reject), self.format.group_rows_max);
                self.close();
                self.open = Some(group);
            }
            (Some(group), None) => {
                group.spoil(found.line, Some(reject), self.format.group_rows_max);
                self.spoils_next = Some(found.line);
            }
            (None, None) => {
                self.ready.push_back(reject);
                self.spoils_next = Some(found.line);
            }
        }
    }

    fn close(&mut self) {
        if let Some(group) = self.open.take() {
            group.finish(&mut self.ready, self.format.group_rows_max);
        }
    }

    fn end(&mut self) {
        self.close();
        self.spoils_next = None;
        self.ready.extend(self.orphans.drain(..));
        self.ended = true;
    }
}

/// Adds a row after filling it up with blanks, or dropping blanks at its end.
fn pad(rows: &mut Rows, split: &Split<'_>) -> bool {
    let (count, columns) = (split.len(), rows.columns().len());
    if count < columns {
        return rows.push(split.iter().chain(std::iter::repeat_n("", columns - count)));
    }
    split.iter().skip(columns).all(|value| value.trim().is_empty()) && rows.push(split.iter().take(columns))
}

/// What the header rule is when the configuration does not say.
pub(crate) fn header_rule(
    header: Option<Header>,
    columns: Vec<String>,
    comment: Option<String>,
    naming: Naming,
) -> HeaderRule {
    let header = header.unwrap_or(if columns.is_empty() { Header::First } else { Header::None });
    HeaderRule { header, columns, comment, naming }
}
