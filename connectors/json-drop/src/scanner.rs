//! Finds where JSON values begin and end in bytes, with memory bounded by what is kept of them.
//!
//! Only what structures a document is looked at: quotes, brackets, commas. Whether a value is one, its reader says.

use std::io::{self, Read};

use canonical::record::Json;
use memchr::memchr2;

const CHUNK: usize = 64 * 1024;

/// Why a document cannot be followed any further.
#[derive(Debug)]
pub(crate) enum Stray {
    /// Something else stands there than what must.
    Unexpected(&'static str),
    /// The document ends.
    CutOff,
    /// It cannot be read.
    Io(io::Error),
}

impl From<io::Error> for Stray {
    fn from(error: io::Error) -> Self {
        Stray::Io(error)
    }
}

/// A value that was passed over.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Its bytes, or their beginning.
    pub bytes: Vec<u8>,
    /// Whether these are all.
    pub whole: bool,
}

/// Goes through a document from front to back.
pub(crate) struct Scanner<R> {
    content: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    line: u64,
}

impl<R: Read> Scanner<R> {
    /// Starts at an offset and a line of the text.
    pub fn new(content: R, offset: u64, line: u64) -> Self {
        Scanner { content, buffer: vec![0; CHUNK], start: 0, end: 0, offset, line }
    }

    /// Where it stands: offset and line.
    pub fn position(&self) -> (u64, u64) {
        (self.offset, self.line)
    }

    pub fn content(&self) -> &R {
        &self.content
    }

    /// The next byte, which stays; `None` at the end.
    pub fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.start == self.end {
            self.start = 0;
            self.end = loop {
                match self.content.read(&mut self.buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => break other?,
                }
            };
        }
        Ok(self.buffer[self.start..self.end].first().copied())
    }

    /// Passes over bytes that were looked at, and keeps them as far as there is room.
    fn pass(&mut self, count: usize, kept: &mut Kept, bytes_max: usize) {
        let passed = &self.buffer[self.start..self.start + count];
        self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
        let room = bytes_max - kept.bytes.len().min(bytes_max);
        kept.bytes.extend_from_slice(&passed[..count.min(room)]);
        kept.whole &= count <= room;
        self.start += count;
        self.offset += count as u64;
    }

    fn skip(&mut self) {
        self.pass(1, &mut Kept::default(), 0);
    }

    /// Passes over white space; the byte behind it, which stays.
    pub fn next_byte(&mut self) -> io::Result<Option<u8>> {
        while let Some(byte) = self.peek()? {
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
            self.skip();
        }
        Ok(None)
    }

    /// Passes over white space and one byte.
    pub fn take(&mut self) -> Result<u8, Stray> {
        let byte = self.next_byte()?.ok_or(Stray::CutOff)?;
        self.skip();
        Ok(byte)
    }

    /// Passes over white space and this byte.
    pub fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Stray> {
        match self.next_byte()? {
            Some(found) if found == byte => {
                self.skip();
                Ok(())
            }
            Some(_) => Err(Stray::Unexpected(what)),
            None => Err(Stray::CutOff),
        }
    }

    /// Passes over one value and keeps at most so many bytes of it.
    pub fn value(&mut self, bytes_max: usize) -> Result<Kept, Stray> {
        let mut kept = Kept { bytes: Vec::new(), whole: true };
        let mut depth = 0_usize;
        loop {
            // Inside of a value, white space belongs to it.
            let byte = if depth == 0 { self.next_byte()? } else { self.peek()? };
            match byte.ok_or(Stray::CutOff)? {
                b'"' => self.text(&mut kept, bytes_max)?,
                b'{' | b'[' => {
                    depth += 1;
                    self.pass(1, &mut kept, bytes_max);
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.pass(1, &mut kept, bytes_max);
                }
                b'}' | b']' | b',' | b':' if depth == 0 => return Err(Stray::Unexpected("a value is missing")),
                b',' | b':' => self.pass(1, &mut kept, bytes_max),
                byte if byte.is_ascii_whitespace() => self.pass(1, &mut kept, bytes_max),
                _ => self.word(&mut kept, bytes_max)?,
            }
            if depth == 0 {
                return Ok(kept);
            }
            // What is nested more deeply than a value may be is not one, and its end is not looked for by brackets.
            if depth > Json::DEPTH_MAX * 2 {
                return Err(Stray::Unexpected("lists and objects are nested too deeply"));
            }
        }
    }

    /// Passes over a text in quotes.
    fn text(&mut self, kept: &mut Kept, bytes_max: usize) -> Result<(), Stray> {
        self.pass(1, kept, bytes_max);
        loop {
            self.peek()?.ok_or(Stray::CutOff)?;
            let available = &self.buffer[self.start..self.end];
            let Some(found) = memchr2(b'"', b'\\', available) else {
                self.pass(available.len(), kept, bytes_max);
                continue;
            };
            let is_end = available[found] == b'"';
            self.pass(found + 1, kept, bytes_max);
            if is_end {
                return Ok(());
            }
            self.peek()?.ok_or(Stray::CutOff)?;
            self.pass(1, kept, bytes_max);
        }
    }

    /// Passes over a number or a word.
    fn word(&mut self, kept: &mut Kept, bytes_max: usize) -> Result<(), Stray> {
        while let Some(byte) = self.peek()? {
            if byte.is_ascii_whitespace() || b"{}[],:\"".contains(&byte) {
                break;
            }
            self.pass(1, kept, bytes_max);
        }
        Ok(())
    }
}
