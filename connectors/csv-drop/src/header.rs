//! Finding the header, and with it the columns.

use std::io::Read;
use std::sync::Arc;

use canonical::record::{Columns, DuplicateColumn};
use files::{Problem, Text};

use crate::dialect::{Dialect, Values};
use crate::settings::Header;
use crate::splitter::{Found, Kind, Splitter};

/// How far a header may be from the beginning.
const PREAMBLE_LINES_MAX: u64 = 200;

/// What is known about the header before a file is looked at.
#[derive(Clone, Debug)]
pub(crate) struct HeaderRule {
    pub header: Header,
    pub columns: Vec<String>,
    pub comment: Option<String>,
}

/// The header of a file.
#[derive(Debug)]
pub(crate) struct Located {
    pub columns: Arc<Columns>,
    /// Its line, counted from 1; `None` where the configuration names the columns of a file without header.
    pub line: Option<u64>,
    /// Whether the names of the columns are the configuration's.
    pub configured: bool,
}

impl HeaderRule {
    /// Reads up to and including the header; the splitter then stands at the first row.
    pub fn locate<R: Read>(
        &self,
        splitter: &mut Splitter<R>,
        dialect: Dialect,
        text: Text,
    ) -> Result<Located, Problem> {
        if self.header == Header::None {
            return self.named(None, self.columns.iter().map(String::as_str));
        }
        let mut values = Values::default();
        while let Some(found) = splitter.next()? {
            if found.line > PREAMBLE_LINES_MAX {
                break;
            }
            // A preamble may be in any shape; only the header itself must be readable.
            let decoded = text.decode(splitter.bytes(&found));
            let certain = match &self.header {
                Header::Line(line) if found.line < *line => continue,
                Header::Line(_) => true,
                Header::StartsWith(_) => false,
                _ => !decoded.as_ref().is_ok_and(|line| dialect.is_blank(line) || self.is_comment(line)),
            };
            let line = match decoded {
                Ok(line) if found.kind == Kind::Whole && !line.contains('\0') => line,
                _ if !certain => continue,
                Ok(_) => return Err(unreadable(&found)),
                Err(at) => return Err(wrong_encoding(text, at)),
            };
            let line = line.trim_start_matches('\u{feff}');
            let split = values.split(dialect, line);
            let names: Vec<&str> = split.iter().map(str::trim).collect();
            if let Header::StartsWith(first) = &self.header
                && !(names.len() >= first.len() && names.iter().zip(first).all(|(name, first)| *name == first.trim()))
            {
                continue;
            }
            if certain || matches!(self.header, Header::StartsWith(_)) {
                return self.accept(&names, found.line, line, dialect);
            }
        }
        Err(self.missing())
    }

    fn is_comment(&self, line: &str) -> bool {
        self.comment.as_ref().is_some_and(|comment| line.starts_with(comment.as_str()))
    }

    fn accept(&self, names: &[&str], number: u64, line: &str, dialect: Dialect) -> Result<Located, Problem> {
        if line.contains('\r') && !dialect.quote.is_some_and(|quote| line.as_bytes().contains(&quote)) {
            let reason = "lines end in carriage returns alone; let the system write CR LF or LF";
            return Err(Problem::refused("csv.line-ends", reason));
        }
        let other = [';', '\t', '|', ','].into_iter().find(|other| line.contains(*other));
        if names.len() == 1
            && let Some(other) = other
            && !dialect.quote.is_some_and(|quote| line.as_bytes().contains(&quote))
        {
            let delimiter = dialect.delimiter as char;
            let reason = format!("the header has no {delimiter:?}, but {other:?}; is delimiter = {other:?} meant?");
            return Err(Problem::refused("csv.delimiter", reason));
        }
        if self.columns.is_empty() {
            return self.named(Some(number), names.iter().copied());
        }
        if self.columns.len() != names.len() {
            let (given, found) = (self.columns.len(), names.len());
            let reason = format!("the header has {found} columns, but the configuration names {given}");
            return Err(Problem::refused("csv.header-width", reason));
        }
        self.named(Some(number), self.columns.iter().map(String::as_str))
    }

    fn named<'a>(&self, line: Option<u64>, names: impl Iterator<Item = &'a str>) -> Result<Located, Problem> {
        let columns = Columns::new(names).map_err(|DuplicateColumn { name, first, second }| {
            let reason = format!(
                "{}: column \"{name}\" stands twice, at positions {first} and {second}; correct the export, or give \
                 every column a name of its own by header and columns",
                place(line)
            );
            Problem::refused("csv.column-twice", reason)
        })?;
        Ok(Located { columns, line, configured: !self.columns.is_empty() })
    }

    fn missing(&self) -> Problem {
        let reason = match &self.header {
            Header::StartsWith(first) => format!(
                "none of the first {PREAMBLE_LINES_MAX} lines starts with the columns {}; is the delimiter right, or did the export change?",
                first.join(", ")
            ),
            Header::Line(line) => format!("the file ends before line {line}, where its header should be"),
            _ => "the file has no header: it holds nothing but blank lines or comments".to_owned(),
        };
        Problem::refused("csv.header-missing", reason)
    }
}

/// Where columns get their names.
pub(crate) fn place(line: Option<u64>) -> String {
    line.map_or_else(|| "columns in the configuration".to_owned(), |line| format!("line {line}"))
}

fn unreadable(found: &Found) -> Problem {
    let reason = match found.kind {
        Kind::TooLong => {
            "the header is longer than a record may be; is this a text file? If so, raise record_bytes_max"
        }
        Kind::Unbalanced => "the header has a quote that is not closed",
        Kind::Whole => "the header contains NUL bytes; this is not a text file",
    };
    Problem::refused("csv.header-unreadable", format!("line {}: {reason}", found.line))
}

fn wrong_encoding(text: Text, at: usize) -> Problem {
    let name = text.encoding.name();
    let reason = format!(
        "the header is not {name} at its byte {at}; is the file windows-1252? Then say encoding = \"windows-1252\""
    );
    Problem::refused("file.encoding", reason)
}
