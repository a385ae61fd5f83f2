//! A group of consecutive rows that form one record.

use std::collections::VecDeque;

use canonical::record::{Body, Rows};

use crate::Unplaced;

/// The codes of the rejects that a connector's groups end in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupCodes {
    /// A row in it, or in front of it, cannot be read.
    pub broken: &'static str,
    /// It has too many rows.
    pub too_large: &'static str,
}

/// The rows of one record so far.
///
/// A record that lacks a row is wrong: a group with a row that cannot be read becomes one reject.
#[derive(Debug)]
pub struct RowGroup {
    codes: GroupCodes,
    key: Vec<String>,
    offset: u64,
    line: u64,
    rows: Option<Rows>,
    raw: Vec<u8>,
    /// Rows, readable or not, whether kept or beyond the limit.
    count: usize,
    /// The line of the first unreadable row in it.
    spoiled: Option<u64>,
    /// Whether what spoils it stands in front of it, so that reading from its start would not show it.
    spoiled_before: bool,
    rejects: Vec<Unplaced>,
}

impl RowGroup {
    /// A group without rows yet, whose first one stands at this offset and line and has these values in the columns
    /// that group.
    pub fn new(codes: GroupCodes, offset: u64, line: u64, key: Vec<String>) -> Self {
        RowGroup {
            codes,
            key,
            offset,
            line,
            rows: None,
            raw: Vec::new(),
            count: 0,
            spoiled: None,
            spoiled_before: false,
            rejects: Vec::new(),
        }
    }

    /// Where reading may begin again with this group; `None` when that would not give the same.
    pub fn start(&self) -> Option<(u64, u64)> {
        (!self.spoiled_before).then_some((self.offset, self.line))
    }

    /// Whether a row with these key values belongs to the group: the same ones, or all blank.
    pub fn continues<'a>(&self, mut key: impl Iterator<Item = &'a str> + Clone) -> bool {
        key.clone().all(|value| value.trim().is_empty()) || self.key.iter().all(|known| key.next() == Some(known))
    }

    /// Adds rows that are next in the file, up to `rows_max` in all.
    pub fn add(&mut self, rows: &Rows, raw: &[u8], rows_max: usize) {
        self.count += rows.len();
        if self.count > rows_max {
            return;
        }
        if !self.raw.is_empty() {
            self.raw.push(b'\n');
        }
        self.raw.extend_from_slice(raw);
        match &mut self.rows {
            Some(all) => {
                all.append(rows);
            }
            None => self.rows = Some(rows.clone()),
        }
    }

    /// Notes a row that cannot be read and belongs here.
    pub fn spoil(&mut self, line: u64, reject: Option<Unplaced>, rows_max: usize) {
        self.count += 1;
        self.spoiled = self.spoiled.or(Some(line));
        if self.count <= rows_max {
            self.rejects.extend(reject);
        }
    }

    /// Notes a row that cannot be read, stands in front of the group, and may belong here.
    pub fn spoil_before(&mut self, line: u64) {
        self.spoiled = Some(line);
        self.spoiled_before = true;
    }

    /// Gives the record, or why it is none, and the rows in it that could not be read.
    pub fn finish(self, into: &mut VecDeque<Unplaced>, rows_max: usize) {
        let body = if self.count > rows_max {
            let reason = format!("the group has {} rows, more than group_rows_max = {rows_max}", self.count);
            Some(Err((self.codes.too_large, reason)))
        } else if let Some(line) = self.spoiled {
            let reason = format!(
                "line {line} cannot be read and may belong to this group of rows; correct it and drop the file again"
            );
            self.rows.map(|_| Err((self.codes.broken, reason)))
        } else {
            self.rows.map(|rows| Ok(Body::Rows(rows)))
        };
        if let Some(body) = body {
            into.push_back(Unplaced { line: self.line, raw: self.raw, body });
        }
        into.extend(self.rejects);
    }
}
