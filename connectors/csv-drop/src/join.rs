//! Rows of a second file, joined to those of the first by key: the lines of an invoice that stand in a file of their own.
//!
//! The second file is held in memory, sorted by key, up to a limit; the first one is read as a stream.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use canonical::record::{Body, Columns, Rows};
use files::{FileTaken, Format, Problem, Records, Unplaced};

use crate::header::HeaderRule;
use crate::reader::CsvFormat;

/// How the second file is joined.
#[derive(Clone, Debug)]
pub(crate) struct JoinRule {
    /// The columns of the first file with those of the second that must be equal.
    pub on: Vec<(String, String)>,
    /// What stands in front of the names of the second file's columns.
    pub prefix: String,
    pub header: HeaderRule,
    pub rows_max: usize,
    pub bytes_max: usize,
}

/// The second file of a drop.
pub(crate) struct Joined {
    name: String,
    /// The columns of the first file, then those of the second with their prefix.
    columns: Arc<Columns>,
    /// The columns that must be equal, by position in either file.
    first_keys: Vec<usize>,
    second_keys: Vec<usize>,
    rows: Rows,
    lines: Vec<u64>,
    /// The rows in order of their keys; those of one key in the order of the file.
    order: Vec<u32>,
}

impl Joined {
    /// Reads the second file of a drop.
    ///
    /// # Errors
    /// Refuses the drop: a row that cannot be read may belong to any record, and a record that lacks a row is wrong.
    pub fn read(format: &CsvFormat, rule: &JoinRule, file: &FileTaken, first: &Arc<Columns>) -> Result<Self, Problem> {
        let Some(second) = file.companion() else {
            return Err(Problem::refused("csv.join-missing", "the second file of the drop is not there"));
        };
        let name = second.name().to_owned();
        let alone = CsvFormat { header: rule.header.clone(), ..format.alone() };
        Self::read_second(&alone, rule, second, first).map_err(|problem| problem.in_file(&name))
    }

    fn read_second(
        format: &CsvFormat,
        rule: &JoinRule,
        file: &FileTaken,
        first: &Arc<Columns>,
    ) -> Result<Self, Problem> {
        let mut records = format.open(file, &Default::default())?;
        let columns = Arc::clone(records.columns());
        let (mut rows, mut lines, mut bytes) = (Rows::new(Arc::clone(&columns)), Vec::new(), 0);
        while let Some(found) = records.next()? {
            let row = match found.body {
                Ok(Body::Rows(row)) => row,
                Ok(_) => continue,
                Err((_, reason)) => {
                    let reason =
                        format!("line {}: {reason}; it may belong to any record, so none was read", found.line);
                    return Err(Problem::refused("csv.join-unreadable", reason));
                }
            };
            bytes += found.raw.len();
            if lines.len() >= rule.rows_max || bytes > rule.bytes_max || !rows.append(&row) {
                let (rows_max, bytes_max) = (rule.rows_max, rule.bytes_max);
                let reason = format!(
                    "the file has more than join.rows_max = {rows_max} rows or join.bytes_max = {bytes_max} bytes, and is \
                     held in memory; raise them if there is room, or let the system write smaller drops"
                );
                return Err(Problem::refused("csv.join-too-large", reason));
            }
            lines.push(found.line);
        }
        let position = |columns: &Columns, name: &String| {
            columns.position(name).ok_or_else(|| {
                let reason = format!("there is no column \"{name}\", by which files are joined; correct join.on");
                Problem::refused("csv.column-missing", reason)
            })
        };
        let first_keys = rule.on.iter().map(|(name, _)| position(first, name)).collect::<Result<Vec<_>, _>>()?;
        let second_keys = rule.on.iter().map(|(_, name)| position(&columns, name)).collect::<Result<Vec<_>, _>>()?;
        let named =
            columns.names().map(|name| if name.is_empty() { String::new() } else { format!("{}{name}", rule.prefix) });
        let all = Columns::new(first.names().map(str::to_owned).chain(named)).map_err(|twice| {
            Problem::refused(
                "csv.column-twice",
                format!("{twice}, once join.prefix stands before it; choose another prefix"),
            )
        })?;
        let mut joined = Joined {
            name: file.name().to_owned(),
            columns: all,
            first_keys,
            second_keys,
            order: (0..lines.len()).filter_map(|row| u32::try_from(row).ok()).collect(),
            rows,
            lines,
        };
        let mut order = std::mem::take(&mut joined.order);
        order.sort_by(|left, right| joined.key(*left).cmp(joined.key(*right)));
        joined.order = order;
        Ok(joined)
    }

    /// The columns of both files.
    pub fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    fn key(&self, row: u32) -> impl Iterator<Item = &str> {
        self.second_keys.iter().map(move |column| self.rows.value(row as usize, *column).unwrap_or_default().trim())
    }

    /// Where in the order the rows stand that belong to a row of the first file. A blank key belongs to nothing.
    fn range(&self, first: &Rows) -> Range<usize> {
        let wanted = || self.first_keys.iter().map(|column| first.value(0, *column).unwrap_or_default().trim());
        if wanted().all(str::is_empty) {
            return 0..0;
        }
        let start = self.order.partition_point(|row| self.key(*row).cmp(wanted()) == Ordering::Less);
        let end = self.order.partition_point(|row| self.key(*row).cmp(wanted()) != Ordering::Greater);
        start..end
    }

    /// A row of the first file with those of the second that belong to it: one row for each, or one with blanks.
    pub fn expand(&self, first: &Rows) -> Rows {
        let range = self.range(first);
        let mut rows = Rows::with_capacity(Arc::clone(&self.columns), 0, range.len().max(1));
        let width = self.rows.columns().len();
        if range.is_empty() {
            rows.push(first.row(0).chain(std::iter::repeat_n("", width)));
        }
        for row in &self.order[range] {
            rows.push(first.row(0).chain(self.rows.row(*row as usize)));
        }
        rows
    }

    /// The rows to which no row of the first file belongs, as rejects in the order of their file.
    ///
    /// # Errors
    /// When the first file cannot be read.
    pub fn orphans(&self, format: &CsvFormat, file: &FileTaken) -> Result<Vec<Unplaced>, Problem> {
        let mut is_taken = vec![false; self.order.len()];
        let mut records = format.alone().open(file, &Default::default())?;
        while let Some(found) = records.next()? {
            if let Ok(Body::Rows(row)) = &found.body {
                self.order[self.range(row)].iter().for_each(|row| is_taken[*row as usize] = true);
            }
        }
        let orphan = |row: usize| {
            let (line, name) = (self.lines[row], &self.name);
            let reason = format!("line {line} of {name} belongs to no row of the first file; is one missing there?");
            let raw = self.rows.row(row).collect::<Vec<_>>().join("\t").into_bytes();
            Unplaced { line, raw, body: Err(("csv.join-orphan", reason)) }
        };
        Ok((0..is_taken.len()).filter(|row| !is_taken[*row]).map(orphan).collect())
    }
}
