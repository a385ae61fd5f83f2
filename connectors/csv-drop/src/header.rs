//! Finding the header, and with it the columns.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::Arc;

use canonical::record::{Columns, DuplicateColumn};
use files::{Problem, Text};

use crate::dialect::{Dialect, Values};
use crate::settings::{Duplicates, Header};
use crate::splitter::{Found, Kind, Splitter};
use crate::workbook::RENDERED;

/// How far a header may be from the beginning.
const PREAMBLE_LINES_MAX: u64 = 200;

/// What is known about the header before a file is looked at.
#[derive(Clone, Debug)]
pub(crate) struct HeaderRule {
    pub header: Header,
    pub columns: Vec<String>,
    pub comment: Option<String>,
    pub naming: Naming,
}

/// How the columns get their names from the header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Naming {
    /// How many lines the header has.
    pub lines: usize,
    pub duplicates: Duplicates,
}

/// A header has at most so many lines.
pub(crate) const HEADER_LINES_MAX: usize = 10;

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
                let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
                let (number, line) = (found.line, line.to_owned());
                let names = self.further(names, splitter, dialect, text)?;
                return self.accept(&names.iter().map(String::as_str).collect::<Vec<_>>(), number, &line, dialect);
            }
        }
        Err(self.missing())
    }

    /// The names of columns with those of the header's further lines.
    fn further<R: Read>(
        &self,
        first: Vec<String>,
        splitter: &mut Splitter<R>,
        dialect: Dialect,
        text: Text,
    ) -> Result<Vec<String>, Problem> {
        if self.naming.lines == 1 {
            return Ok(first);
        }
        let mut lines = vec![first];
        let mut values = Values::default();
        while lines.len() < self.naming.lines {
            let Some(found) = splitter.next()? else { return Err(self.missing()) };
            let line = text.decode(splitter.bytes(&found)).map_err(|at| wrong_encoding(text, at))?;
            if found.kind != Kind::Whole {
                return Err(unreadable(&found));
            }
            lines.push(values.split(dialect, &line).iter().map(|name| name.trim().to_owned()).collect());
        }
        let last = lines.len() - 1;
        for line in &mut lines[..last] {
            // A text above several columns stands over the first of them.
            for at in 1..line.len() {
                if line[at].is_empty() {
                    line[at] = line[at - 1].clone();
                }
            }
        }
        let width = lines.iter().map(Vec::len).max().unwrap_or_default();
        let name = |at: usize| {
            // A column that has no name of its own has none that the ones above could complete.
            let own = lines[last].get(at).filter(|own| !own.is_empty());
            let above = lines[..last].iter().filter_map(|line| line.get(at).or(line.last()));
            let parts: Vec<&str> = above.chain(own).map(String::as_str).filter(|part| !part.is_empty()).collect();
            parts.join(" ")
        };
        Ok((0..width).map(name).collect())
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
            && dialect != RENDERED
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
        let named = match self.naming.duplicates {
            Duplicates::Refuse => Columns::new(names),
            Duplicates::Number => Columns::new(numbered(names)),
        };
        let columns = named.map_err(|DuplicateColumn { name, first, second }| {
            let reason = format!(
                "{}: column \"{name}\" stands twice, at positions {first} and {second}; correct the export, \
                 say duplicates = \"number\", or give every column a name of its own by header and columns",
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

/// The names with a number behind each that stood there before. Columns without a name are not looked up: they need none.
fn numbered<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut known: HashSet<String> = HashSet::new();
    let mut numbers: HashMap<&str, u64> = HashMap::new();
    let mut numbered = Vec::new();
    for name in names {
        let mut found = name.to_owned();
        while !found.is_empty() && !known.insert(found.clone()) {
            let number = numbers.entry(name).or_insert(1);
            *number += 1;
            found = format!("{name} {number}");
        }
        numbered.push(found);
    }
    numbered
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
