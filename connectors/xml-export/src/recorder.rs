//! A reader that remembers the bytes and counts the lines that were taken from it.

use std::io::{self, BufRead, Read};

use memchr::memchr_iter;

/// Remembers what was taken since the last mark, up to a limit.
///
/// Taking costs nothing by itself: bytes are kept and lines are counted chunk by chunk, or when they are asked for.
pub(crate) struct Recorder<R> {
    inner: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// What was taken since the mark from earlier chunks; the rest stands in the buffer.
    kept: Vec<u8>,
    kept_from: usize,
    kept_max: usize,
    /// The line of the byte at `counted` in the buffer.
    line: u64,
    counted: usize,
    marked_line: u64,
    exceeded: bool,
}

const CHUNK: usize = 64 * 1024;

impl<R: Read> Recorder<R> {
    pub fn new(inner: R, kept_max: usize) -> Self {
        Recorder {
            inner,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            kept: Vec::new(),
            kept_from: 0,
            kept_max,
            line: 1,
            counted: 0,
            marked_line: 1,
            exceeded: false,
        }
    }

    /// Forgets what was taken so far.
    pub fn mark(&mut self) {
        self.line = self.line();
        self.counted = self.start;
        self.marked_line = self.line;
        self.kept.clear();
        self.kept_from = self.start;
    }

    /// The bytes taken since the mark.
    pub fn kept(&self) -> Vec<u8> {
        let rest = &self.buffer[self.kept_from..self.start];
        let mut kept = Vec::with_capacity(self.kept.len() + rest.len());
        kept.extend_from_slice(&self.kept);
        kept.extend_from_slice(rest);
        kept
    }

    /// How many bytes were taken since the mark.
    pub fn taken(&self) -> usize {
        self.kept.len() + (self.start - self.kept_from)
    }

    /// The line of the mark, counted from 1.
    pub fn marked_line(&self) -> u64 {
        self.marked_line
    }

    /// The line of the next byte, counted from 1.
    pub fn line(&self) -> u64 {
        self.line + memchr_iter(b'\n', &self.buffer[self.counted..self.start]).count() as u64
    }

    /// Whether more was taken since the mark than is allowed; nothing can be read any more then.
    pub fn exceeded(&self) -> bool {
        self.exceeded
    }

    /// Reads the next chunk over the one that was taken whole.
    fn refill(&mut self) -> io::Result<()> {
        self.line = self.line();
        self.kept.extend_from_slice(&self.buffer[self.kept_from..self.start]);
        (self.start, self.end, self.counted, self.kept_from) = (0, 0, 0, 0);
        self.end = self.inner.read(&mut self.buffer)?;
        Ok(())
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
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.kept.len() + (self.start - self.kept_from) > self.kept_max {
            self.exceeded = true;
            return Err(io::Error::other("more bytes than allowed"));
        }
        if self.start == self.end {
            self.refill()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    #[inline]
    fn consume(&mut self, count: usize) {
        self.start += count;
    }
}
