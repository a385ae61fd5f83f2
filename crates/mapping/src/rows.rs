//! Rows while they are written.

use std::sync::Arc;

use canonical::record::{Columns, Rows};

use crate::program::ColumnTable;

/// Rows that can be changed, under columns that grow when a column of the mapping is missing and gets a value.
pub(crate) struct RowsWriter {
    columns: Vec<Box<str>>,
    /// The base's own columns, for as long as they are not changed.
    same: Option<Arc<Columns>>,
    /// The position of every column of the mapping.
    positions: Vec<Option<usize>>,
    rows: Vec<Vec<String>>,
    /// Which rows have no row of the base record behind them.
    new: Vec<bool>,
    /// The first row of the base record: what all rows share stands there.
    first: Vec<String>,
}

impl RowsWriter {
    /// Starts from the rows of a base record, chosen and ordered by `from`; `None` starts an empty row.
    ///
    /// A `whole` base keeps its columns. In one of leftovers the mapping's own columns come first, in its order.
    pub(crate) fn new(table: &ColumnTable, base: Option<&Rows>, from: &[Option<usize>], whole: bool) -> Self {
        let held: Vec<&str> = base.into_iter().flat_map(|rows| rows.columns().names()).collect();
        let columns: Vec<Box<str>> = match base {
            Some(_) if whole => held.iter().map(|name| (*name).into()).collect(),
            _ => {
                let others = held.iter().filter(|name| !table.names.iter().any(|own| **own == ***name));
                table.names.iter().cloned().chain(others.map(|name| (*name).into())).collect()
            }
        };
        let positions = table.names.iter().map(|name| columns.iter().position(|known| known == name)).collect();
        let sources: Vec<Option<usize>> = if whole {
            (0..columns.len()).map(|position| (position < held.len()).then_some(position)).collect()
        } else {
            columns.iter().map(|name| held.iter().position(|known| **known == **name)).collect()
        };
        let row = |from: &Option<usize>| -> Vec<String> {
            let value = |source: &Option<usize>| base?.value((*from)?, (*source)?).map(str::to_owned);
            sources.iter().map(|source| value(source).unwrap_or_default()).collect()
        };
        let rows = from.iter().map(row).collect();
        let new = from.iter().map(Option::is_none).collect();
        let same = base.filter(|_| whole).map(|rows| Arc::clone(rows.columns()));
        RowsWriter { columns, same, positions, rows, new, first: row(&Some(0)) }
    }

    /// The position of a column of the mapping, which is added if it is not there yet.
    fn grow(&mut self, slot: usize, table: &ColumnTable) -> Option<usize> {
        if let Some(position) = self.positions.get(slot)? {
            return Some(*position);
        }
        self.columns.push(table.names.get(slot)?.clone());
        self.same = None;
        self.rows.iter_mut().chain([&mut self.first]).for_each(|row| row.push(String::new()));
        self.positions[slot] = Some(self.columns.len() - 1);
        self.positions[slot]
    }

    /// Puts text into a column of one row, or of all.
    pub(crate) fn set(&mut self, row: Option<usize>, slot: usize, table: &ColumnTable, text: &str) {
        let known = self.positions.get(slot).copied().flatten();
        let Some(position) = known.or_else(|| if text.is_empty() { None } else { self.grow(slot, table) }) else {
            return;
        };
        self.fill(row, position, text);
    }

    fn fill(&mut self, row: Option<usize>, position: usize, text: &str) {
        let rows = match row {
            Some(row) => self.rows.get_mut(row..=row),
            None => self.rows.get_mut(..),
        };
        for cell in rows.into_iter().flatten().filter_map(|row| row.get_mut(position)) {
            text.clone_into(cell);
        }
    }

    /// The text in a column of a row; the first row stands for all.
    pub(crate) fn get(&self, row: Option<usize>, slot: usize) -> &str {
        let position = self.positions.get(slot).copied().flatten().unwrap_or(usize::MAX);
        self.rows.get(row.unwrap_or(0)).and_then(|row| row.get(position)).map_or("", String::as_str)
    }

    /// Keeps what the base record has in a column that all rows share: in the first row, and in new ones.
    pub(crate) fn spread(&mut self, slot: usize) {
        let Some(position) = self.positions.get(slot).copied().flatten() else { return };
        let Some(text) = self.first.get(position).cloned() else { return };
        for row in (0..self.rows.len()).filter(|row| *row == 0 || self.new[*row]).collect::<Vec<_>>() {
            self.fill(Some(row), position, &text);
        }
    }

    /// The rows; `None` when they are larger than rows can be.
    pub(crate) fn finish(self) -> Option<Rows> {
        let columns = match self.same {
            Some(columns) => columns,
            None => Columns::new(self.columns).ok()?,
        };
        let mut rows = Rows::new(columns);
        self.rows.iter().all(|row| rows.push(row.iter().map(String::as_str))).then_some(rows)
    }
}
