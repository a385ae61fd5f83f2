//! Finds records in bytes: lines, joined where a quoted value contains line ends.
//!
//! One broken record never swallows the ones behind it. A quote that is not closed where it must be makes its first
//! line a record of its own that is marked as broken, and the search goes on at the next line.

use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2};

use crate::dialect::Dialect;
use crate::workbook::RENDERED;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A record whose quotes are in order.
    Whole,
    /// The first line of something whose quotes are not in order.
    Unbalanced,
    /// The beginning of a line that is longer than a record may be; the rest of the line was passed over.
    TooLong,
}

/// A record or what is left of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub kind: Kind,
    /// Where its bytes are in [`Splitter::bytes`], without the line end.
    pub range: Range<usize>,
    /// The position of its first byte in the text.
    pub offset: u64,
    /// The line of its first byte, counted from 1.
    pub line: u64,
    /// How many lines it spans.
    pub lines: u64,
}

enum Scan {
    /// The record ends here; the next one starts there.
    End(usize, usize),
    Unbalanced,
    More,
}

const CHUNK: usize = 64 * 1024;

/// Finds records one after the other in a stream of bytes, with memory bounded by the longest record.
pub(crate) struct Splitter<R> {
    content: R,
    dialect: Dialect,
    bytes_max: usize,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    offset: u64,
    line: u64,
}

impl<R: Read> Splitter<R> {
    /// Starts at a position that is the beginning of a record.
    pub fn new(content: R, dialect: Dialect, bytes_max: usize, offset: u64, line: u64) -> Self {
        let buffer = vec![0; CHUNK.min(bytes_max + 2).max(1024)];
        Splitter { content, dialect, bytes_max, buffer, start: 0, end: 0, ended: false, offset, line }
    }

    /// The bytes of what was found last.
    pub fn bytes(&self, found: &Found) -> &[u8] {
        &self.buffer[found.range.clone()]
    }

    /// Where the next record starts: its offset and line.
    pub fn position(&self) -> (u64, u64) {
        (self.offset, self.line)
    }

    /// How many bytes the buffer takes.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    pub fn content(&self) -> &R {
        &self.content
    }

    /// Finds the next record; `None` at the end.
    pub fn next(&mut self) -> io::Result<Option<Found>> {
        loop {
            let available = &self.buffer[self.start..self.end];
            if available.is_empty() && self.ended {
                return Ok(None);
            }
            match self.scan(available) {
                Scan::End(end, next) if end <= self.bytes_max => return Ok(Some(self.found(Kind::Whole, end, next))),
                Scan::End(..) => return self.first_line(Kind::Unbalanced),
                Scan::Unbalanced => return self.first_line(Kind::Unbalanced),
                Scan::More if self.ended || self.end - self.start > self.bytes_max => {
                    return self.first_line(Kind::Unbalanced);
                }
                Scan::More => self.fill()?,
            }
        }
    }

    /// Looks for the end of the record that starts with these bytes.
    fn scan(&self, bytes: &[u8]) -> Scan {
        let Some(quote) = self.dialect.quote else { return self.line_end(bytes, 0) };
        let mut at = 0;
        loop {
            match memchr2(b'\n', quote, &bytes[at..]) {
                None => return self.line_end(bytes, bytes.len()),
                Some(found) if bytes[at + found] == b'\n' => return self.line_end(bytes, at + found),
                Some(found) => at += found,
            }
            // A quote inside a value that did not begin with one is an ordinary character.
            if at > 0 && bytes[at - 1] != self.dialect.delimiter {
                at += 1;
                continue;
            }
            match self.closing_quote(bytes, at + 1, quote) {
                Ok(after) => at = after,
                Err(scan) => return scan,
            }
        }
    }

    /// The position behind the quote that closes a value; behind it comes a delimiter or the end of the record.
    fn closing_quote(&self, bytes: &[u8], mut at: usize, quote: u8) -> Result<usize, Scan> {
        loop {
            let Some(found) = memchr(quote, &bytes[at..]) else { return Err(Scan::More) };
            at += found + 1;
            match bytes.get(at) {
                Some(next) if *next == quote => at += 1,
                Some(b'\n') => return Ok(at),
                Some(b'\r') => match bytes[at..].iter().find(|byte| **byte != b'\r') {
                    Some(b'\n') => return Ok(at),
                    None if self.ended => return Ok(at),
                    None => return Err(Scan::More),
                    Some(_) => return Err(Scan::Unbalanced),
                },
                Some(next) if *next == self.dialect.delimiter => return Ok(at),
                Some(_) => return Err(Scan::Unbalanced),
                None if self.ended => return Ok(at),
                None => return Err(Scan::More),
            }
        }
    }

    fn line_end(&self, bytes: &[u8], from: usize) -> Scan {
        match memchr(b'\n', &bytes[from.min(bytes.len())..]) {
            Some(found) => {
                let end = from + found;
                Scan::End(without_returns(&bytes[..end]), end + 1)
            }
            None if self.ended => Scan::End(without_returns(bytes), bytes.len()),
            None => Scan::More,
        }
    }

    /// Gives the first line of the record at hand, which is not a record: its quotes are not in order, or it is too long.
    fn first_line(&mut self, kind: Kind) -> io::Result<Option<Found>> {
        loop {
            let bytes = &self.buffer[self.start..self.end];
            match self.line_end(bytes, 0) {
                Scan::End(end, next) if end <= self.bytes_max => return Ok(Some(self.found(kind, end, next))),
                Scan::End(_, next) => {
                    let mut found = self.found(Kind::TooLong, self.bytes_max, next);
                    found.lines = 1;
                    return Ok(Some(found));
                }
                _ if self.end - self.start > self.bytes_max => return self.pass_over().map(Some),
                _ => self.fill()?,
            }
        }
    }

    /// Passes over the rest of a line that is too long, keeping its beginning.
    fn pass_over(&mut self) -> io::Result<Found> {
        let (kept, offset, line) = (self.bytes_max, self.offset, self.line);
        self.buffer.copy_within(self.start..self.start + kept, 0);
        let mut passed = (self.end - self.start) as u64;
        if self.buffer.len() < kept + CHUNK {
            self.buffer.resize(kept + CHUNK, 0);
        }
        // The room behind the kept beginning serves for looking at the rest, chunk by chunk.
        loop {
            let count = self.content.read(&mut self.buffer[kept..])?;
            (self.start, self.end) = (kept, kept + count);
            if count == 0 {
                self.ended = true;
                break;
            }
            if let Some(found) = memchr(b'\n', &self.buffer[kept..kept + count]) {
                self.start = kept + found + 1;
                passed += found as u64 + 1;
                break;
            }
            passed += count as u64;
        }
        self.offset += passed;
        self.line += 1;
        Ok(Found { kind: Kind::TooLong, range: 0..kept, offset, line, lines: 1 })
    }

    fn found(&mut self, kind: Kind, end: usize, next: usize) -> Found {
        let range = self.start..self.start + end;
        let consumed = &self.buffer[self.start..self.start + next];
        // Only quoted values contain line ends; counting is spared for the many that are one line.
        let lines = match self.dialect == RENDERED {
            // A row of a sheet is a line, whatever its cells contain.
            true => 1,
            false => memchr_iter(b'\n', consumed).count().max(1) as u64,
        };
        let found = Found { kind, range, offset: self.offset, line: self.line, lines };
        self.start += next;
        self.offset += next as u64;
        self.line += lines;
        found
    }

    /// Goes back behind the first line of a record that spans several, and makes that line all that was found.
    pub fn keep_first_line(&mut self, found: Found) -> Found {
        let Some(end) = memchr(b'\n', self.bytes(&found)) else { return found };
        self.start = found.range.start + end + 1;
        self.offset = found.offset + end as u64 + 1;
        self.line = found.line + 1;
        let range = found.range.start..found.range.start + end;
        Found { kind: Kind::Unbalanced, range, lines: 1, ..found }
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let count = loop {
            match self.content.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += count;
        self.ended = count == 0;
        Ok(())
    }
}

/// Where a line ends without the carriage returns in front of its line feed: a file that was written as text twice has two.
fn without_returns(line: &[u8]) -> usize {
    line.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1)
}
