//! Lines of text in bytes, one after the other, with their places.

use std::io::{self, Read};
use std::ops::Range;

use memchr::memchr;

const CHUNK: usize = 64 * 1024;

/// Where a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineCut {
    /// At a line feed, with or without a carriage return before it.
    LineFeed,
    /// After so many bytes; line ends between two lines, where there are some, belong to none.
    Bytes(usize),
}

/// A line that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where its bytes are in [`Lines::bytes`], without the line end.
    range: Range<usize>,
    /// The position of its first byte in the text.
    pub offset: u64,
    /// Its number, counted from 1.
    pub number: u64,
    /// Whether it is here as a whole; if not, it is longer than a line may be, and this is its beginning.
    pub whole: bool,
}

/// Finds lines in a stream of bytes, with memory bounded by the longest line.
pub struct Lines<R> {
    content: R,
    cut: LineCut,
    bytes_max: usize,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    offset: u64,
    number: u64,
}

impl<R: Read> Lines<R> {
    /// Starts at the beginning of a line, whose offset and number are told. Of a line of more than `bytes_max` bytes
    /// only the beginning is given.
    pub fn new(content: R, cut: LineCut, bytes_max: usize, offset: u64, number: u64) -> Self {
        let buffer = vec![0; CHUNK.min(bytes_max.saturating_add(2)).max(1024)];
        Lines { content, cut, bytes_max, buffer, start: 0, end: 0, ended: false, offset, number }
    }

    /// The bytes of the line that was found last.
    pub fn bytes(&self, line: &Line) -> &[u8] {
        &self.buffer[line.range.clone()]
    }

    /// Where the next line starts: its offset and its number.
    pub fn position(&self) -> (u64, u64) {
        (self.offset, self.number)
    }

    /// What is read from.
    pub fn content(&self) -> &R {
        &self.content
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// When the content cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        match self.cut {
            LineCut::LineFeed => self.up_to_line_feed(),
            LineCut::Bytes(count) => self.of_bytes(count.max(1)),
        }
    }

    fn up_to_line_feed(&mut self) -> io::Result<Option<Line>> {
        let mut looked = 0;
        loop {
            let available = &self.buffer[self.start..self.end];
            if let Some(found) = memchr(b'\n', &available[looked..]) {
                let end = looked + found;
                return Ok(Some(self.found(end, end + 1)));
            }
            looked = available.len();
            if self.ended {
                return Ok((looked > 0).then(|| self.found(looked, looked)));
            }
            if looked > self.bytes_max {
                return self.pass_over().map(Some);
            }
            self.fill()?;
        }
    }

    fn of_bytes(&mut self, count: usize) -> io::Result<Option<Line>> {
        loop {
            while self.start < self.end && matches!(self.buffer[self.start], b'\r' | b'\n') {
                self.start += 1;
                self.offset += 1;
            }
            let available = self.end - self.start;
            if available >= count || self.ended {
                let length = available.min(count);
                return Ok((length > 0).then(|| self.found(length, length)));
            }
            self.fill()?;
        }
    }

    fn found(&mut self, end: usize, next: usize) -> Line {
        let is_return = self.cut == LineCut::LineFeed && end > 0 && self.buffer[self.start + end - 1] == b'\r';
        let length = end - usize::from(is_return);
        let whole = length <= self.bytes_max;
        let range = self.start..self.start + length.min(self.bytes_max);
        let line = Line { range, offset: self.offset, number: self.number, whole };
        self.start += next;
        self.offset += next as u64;
        self.number += 1;
        line
    }

    /// Passes over the rest of a line that is too long, keeping its beginning.
    fn pass_over(&mut self) -> io::Result<Line> {
        let line = Line { range: 0..self.bytes_max, offset: self.offset, number: self.number, whole: false };
        self.buffer.copy_within(self.start..self.start + self.bytes_max, 0);
        let mut passed = self.end - self.start;
        self.buffer.resize(self.bytes_max + CHUNK, 0);
        loop {
            let count = self.content.read(&mut self.buffer[self.bytes_max..])?;
            (self.start, self.end) = (self.bytes_max, self.bytes_max + count);
            self.ended = count == 0;
            if let Some(found) = memchr(b'\n', &self.buffer[self.start..self.end]) {
                self.start += found + 1;
                passed += found + 1;
                break;
            }
            self.start = self.end;
            passed += count;
            if self.ended {
                break;
            }
        }
        self.offset += passed as u64;
        self.number += 1;
        Ok(line)
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
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

#[cfg(test)]
mod tests;
