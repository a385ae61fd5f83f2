//! Finds the records of a document: the items of a list somewhere in it, or the values that follow each other.

use std::io::Read;

use files::Problem;

use crate::scanner::{Kept, Scanner, Stray};

/// The names of members have at most so many bytes.
const NAME_BYTES_MAX: usize = 4 * 1024;

/// A record with its place.
pub(crate) struct Found {
    pub line: u64,
    pub kept: Kept,
}

/// Where a walk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    /// Between two documents.
    Outside,
    /// In the list of records, in front of its first item or of its end.
    First,
    /// In the list of records, behind an item.
    Behind,
}

/// Goes from record to record.
pub(crate) struct Walker<R> {
    scanner: Scanner<R>,
    /// The members that lead to the records.
    path: Vec<String>,
    stand: Stand,
    record_bytes_max: usize,
    /// Whether any document had what the path leads to.
    was_there: bool,
}

impl<R: Read> Walker<R> {
    pub fn new(scanner: Scanner<R>, path: Vec<String>, stand: Stand, record_bytes_max: usize) -> Self {
        Walker { scanner, path, stand, record_bytes_max, was_there: false }
    }

    pub fn scanner(&self) -> &Scanner<R> {
        &self.scanner
    }

    pub fn stand(&self) -> Stand {
        self.stand
    }

    /// Whether any document had what the path leads to, if only an empty list.
    pub fn was_there(&self) -> bool {
        self.was_there
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// Refuses a document that is cut off, or has something between its records that cannot be there.
    pub fn next(&mut self) -> Result<Option<Found>, Problem> {
        self.step().map_err(|stray| {
            let line = self.scanner.position().1;
            match stray {
                Stray::Io(error) => Problem::Io(error),
                Stray::Unexpected(what) => {
                    let reason = format!("from line {line} on it is no JSON: {what}; correct the export");
                    Problem::refused("json.syntax", reason)
                }
                Stray::CutOff => {
                    let reason = format!("it ends in line {line} within a value: it was cut off; ask for it again");
                    Problem::refused("json.cut-off", reason)
                }
            }
        })
    }

    fn step(&mut self) -> Result<Option<Found>, Stray> {
        loop {
            match self.stand {
                Stand::Outside => {
                    let Some(_) = self.scanner.next_byte()? else { return Ok(None) };
                    let depth = self.descend()?;
                    if depth < self.path.len() {
                        continue;
                    }
                    self.was_there = true;
                    if self.scanner.next_byte()? == Some(b'[') {
                        self.scanner.take()?;
                        self.stand = Stand::First;
                        continue;
                    }
                    let found = self.record()?;
                    self.ascend()?;
                    return Ok(Some(found));
                }
                Stand::First | Stand::Behind => {
                    let next = self.scanner.next_byte()?.ok_or(Stray::CutOff)?;
                    if next == b']' {
                        self.scanner.take()?;
                        self.stand = Stand::Outside;
                        self.ascend()?;
                        continue;
                    }
                    if self.stand == Stand::Behind {
                        self.scanner.expect(b',', "a comma is missing between two records")?;
                    }
                    self.stand = Stand::Behind;
                    return self.record().map(Some);
                }
            }
        }
    }

    fn record(&mut self) -> Result<Found, Stray> {
        self.scanner.next_byte()?;
        let line = self.scanner.position().1;
        Ok(Found { line, kept: self.scanner.value(self.record_bytes_max)? })
    }

    /// Goes to the value behind the path. Returns how many members of it are there; if one lacks, the document is behind.
    fn descend(&mut self) -> Result<usize, Stray> {
        for depth in 0..self.path.len() {
            if self.scanner.next_byte()? != Some(b'{') {
                self.scanner.value(0)?;
                self.leave(depth)?;
                return Ok(depth);
            }
            self.scanner.take()?;
            let mut is_first = true;
            loop {
                match self.scanner.next_byte()?.ok_or(Stray::CutOff)? {
                    b'}' => {
                        self.scanner.take()?;
                        self.leave(depth)?;
                        return Ok(depth);
                    }
                    b',' if !is_first => _ = self.scanner.take()?,
                    _ => {}
                }
                is_first = false;
                if self.member()? == self.path[depth] {
                    break;
                }
                self.scanner.value(0)?;
            }
        }
        Ok(self.path.len())
    }

    /// Passes over the name of a member and the colon behind it.
    fn member(&mut self) -> Result<String, Stray> {
        if self.scanner.next_byte()? != Some(b'"') {
            return Err(Stray::Unexpected("the name of a member must stand in quotes"));
        }
        let name = self.scanner.value(NAME_BYTES_MAX)?;
        self.scanner.expect(b':', "a colon is missing behind the name of a member")?;
        Ok(serde_json::from_slice(&name.bytes).unwrap_or_default())
    }

    /// Goes behind the document whose records are behind.
    fn ascend(&mut self) -> Result<(), Stray> {
        self.leave(self.path.len())
    }

    /// Passes over what is left of so many objects.
    fn leave(&mut self, depth: usize) -> Result<(), Stray> {
        for _ in 0..depth {
            loop {
                match self.scanner.take()? {
                    b'}' => break,
                    b',' => {
                        self.member()?;
                        self.scanner.value(0)?;
                    }
                    _ => return Err(Stray::Unexpected("a comma is missing between two members")),
                }
            }
        }
        Ok(())
    }
}
