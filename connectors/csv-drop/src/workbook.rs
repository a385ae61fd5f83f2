//! Sheets of workbooks as text: what is read as a table goes through the same grammar as delimited text.
//!
//! What a file is, its content says, not its name: many a `.xls` is a web page, an XML document or delimited text.

mod grid;
mod markup;
mod spreadsheet;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use encoding_rs::Encoding;
use files::{FileTaken, Problem, Text, unpacked_bytes};

use grid::Grid;
pub(crate) use grid::RENDERED;

use crate::settings::{Percent, Sheet};

/// How the sheets of a stream's workbooks are read.
#[derive(Clone, Debug)]
pub(crate) struct SheetRule {
    pub sheet: Option<Sheet>,
    pub fill_merged: bool,
    pub percent: Percent,
    pub bytes_max: u64,
    pub encoding: Option<&'static Encoding>,
}

/// The setting behind all limits of workbooks.
const LIMIT: &str = "workbook_bytes_max";

/// Parts of a workbook are compressed: unpacked they may have so many times the bytes of a workbook.
const UNPACKED_FACTOR: u64 = 8;

/// What a file is, as its first bytes and its name tell.
enum Kind {
    /// A workbook of Excel from 2007 on, or of OpenDocument: a zip archive.
    Packed,
    /// A workbook of Excel 97 to 2003.
    Binary,
    /// An XML document of Excel 2003, or a web page with a table.
    Markup,
}

fn kind(head: &[u8], name: &str) -> Option<Kind> {
    if head.starts_with(b"PK\x03\x04") {
        return Some(Kind::Packed);
    }
    if head.starts_with(b"\xD0\xCF\x11\xE0") {
        return Some(Kind::Binary);
    }
    // Of files with other names, a page is more likely the error page of a server than a table.
    let lower = name.to_ascii_lowercase();
    let named = [".xls", ".xlsx", ".htm", ".html", ".xls.gz", ".xls.zip"].iter().any(|end| lower.ends_with(end));
    let text: String =
        head.iter().filter(|byte| byte.is_ascii() && **byte != 0).map(|byte| char::from(*byte)).collect();
    let text = text.trim_start().to_ascii_lowercase();
    let is_markup = text.starts_with("<html")
        || text.starts_with("<!doctype html")
        || text.starts_with("<table")
        || text.starts_with("<meta")
        || text.starts_with("<head")
        || (text.starts_with("<?xml") && (text.contains("office:spreadsheet") || text.contains("<html")));
    (named && is_markup).then_some(Kind::Markup)
}

impl SheetRule {
    /// The sheet as text in the dialect [`RENDERED`], one line for each row; `None` for a file that is text already.
    ///
    /// # Errors
    /// A workbook that is damaged, protected, too large, or has no such sheet.
    pub fn render(&self, file: &FileTaken) -> Result<Option<Arc<[u8]>>, Problem> {
        let Some(kind) = kind(&file.head()?, file.name()) else { return Ok(None) };
        let bytes = file.read_whole(self.bytes_max, LIMIT)?;
        let mut grid = Grid::new(usize::try_from(self.bytes_max).unwrap_or(usize::MAX));
        match kind {
            Kind::Markup => {
                let text = Text::detect(&bytes, self.encoding)?;
                let decoded = match text.is_direct() {
                    true => text.decode(&bytes[text.mark..]).map_err(|at| wrong_encoding(text, at))?,
                    false => text.encoding.decode_without_bom_handling(&bytes[text.mark..]).0,
                };
                markup::read(&decoded, self, &mut grid)?;
            }
            Kind::Packed | Kind::Binary => {
                if matches!(kind, Kind::Packed) {
                    unpacked_bytes(&bytes, self.bytes_max.saturating_mul(UNPACKED_FACTOR), LIMIT)?;
                }
                // A library that reads what anybody made must not end the stream when it meets what nobody foresaw.
                let read = catch_unwind(AssertUnwindSafe(|| spreadsheet::read(bytes, self, &mut grid)));
                read.unwrap_or_else(|_| Err(damaged("it cannot be made sense of")))?;
            }
        }
        Ok(Some(grid.render()?.into()))
    }

    /// Finds the sheet among the names of all.
    fn choose<'n>(&self, names: &[&'n str]) -> Result<&'n str, Problem> {
        let found = match &self.sheet {
            None => names.first(),
            Some(Sheet::Number(number)) => number.checked_sub(1).and_then(|at| names.get(at)),
            Some(Sheet::Name(name)) => names.iter().find(|known| **known == name),
        };
        found.copied().ok_or_else(|| {
            let wanted = match &self.sheet {
                None => "no sheet at all".to_owned(),
                Some(Sheet::Number(number)) => format!("no sheet {number}"),
                Some(Sheet::Name(name)) => format!("no sheet \"{name}\""),
            };
            let reason = format!("the workbook has {wanted}; there are {}", names.join(", "));
            Problem::refused("workbook.sheet", reason)
        })
    }
}

fn wrong_encoding(text: Text, at: usize) -> Problem {
    let name = text.encoding.name();
    let reason =
        format!("the file is not {name} at its byte {at}; is it windows-1252? Then say encoding = \"windows-1252\"");
    Problem::refused("file.encoding", reason)
}

fn damaged(why: &str) -> Problem {
    let reason = format!(
        "the workbook cannot be read ({why}); is it protected by a password? Export it again as .xlsx, without one"
    );
    Problem::refused("workbook.damaged", reason)
}

#[cfg(test)]
mod tests;
