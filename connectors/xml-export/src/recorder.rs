//! A reader that remembers the bytes and counts the lines that were taken from it.

use std::io::{self, BufRead, Read};

use memchr::memchr_iter;

/// Remembers what was taken since the last mark, up to a limit.
pub(crate) struct Recorder<R> {
    inner: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    kept: Vec<u8>,
    kept_max: usize,
    line: u64,
    marked_line: u64,
    exceeded: bool,
}

const CHUNK: usize = 64 * 1024;

impl<R: Read> Recorder<R> {
    pub fn new(inner: R, kept_max: usize) -> Self {
        let (buffer, kept) = (vec![0; CHUNK], Vec::new());
        Recorder { inner, buffer, start: 0, end: 0, kept, kept_max, line: 1, marked_line: 1, exceeded: false }
    }

    /// Forgets what was taken so far.
    pub fn mark(&mut self) {
        self.kept.clear();
        self.marked_line = self.line;
    }

    /// The bytes taken since the mark.
    pub fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// The line of the mark, counted from 1.
    pub fn marked_line(&self) -> u64 {
        self.marked_line
    }

    /// The line of the next byte, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Whether more was taken since the mark than is allowed; nothing can be read any more then.
    pub fn exceeded(&self) -> bool {
        self.exceeded
    }
}

impl<R: Read> Read for Recorder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Recorder<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.kept.len() > self.kept_max {
            self.exceeded = true;
            return Err(io::Error::other("more bytes than allowed"));
        }
        if self.start == self.end {
            self.end = self.inner.read(&mut self.buffer)?;
            self.start = 0;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, count: usize) {
        let taken = &self.buffer[self.start..self.start + count];
        self.kept.extend_from_slice(taken);
        self.line += memchr_iter(b'\n', taken).count() as u64;
        self.start += count;
    }
}
