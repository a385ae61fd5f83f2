//! Rows while they are written.

use std::sync::Arc;

use canonical::record::{Columns, Rows};

use crate::cursor::Resolved;
use crate::program::ColumnTable;

/// Where the text of one value stands in the writer's text.
#[derive(Clone, Copy, Default)]
struct Cell {
    start: usize,
    end: usize,
}

/// Rows that can be changed, under columns that grow when a column of the mapping is missing and gets a value.
///
/// All values share one text: a changed value is added to it, and what it replaces stays behind until the rows are
/// finished. So nothing is allocated for a value.
pub(crate) struct RowsWriter {
    columns: Arc<Columns>,
    /// The columns that the rows got besides.
    added: Vec<Box<str>>,
    /// The position of every column of the mapping.
    positions: Vec<Option<usize>>,
    text: String,
    /// Row by row, one for each column.
    cells: Vec<Cell>,
    /// Which rows have no row of the base record behind them.
    new: Vec<bool>,
    /// The first row of the base record: what all rows share stands there.
    first: Vec<Cell>,
}

impl RowsWriter {
    /// Starts from the rows of a base record, chosen and ordered by `from`; `None` starts an empty row.
    ///
    /// A base without a column that the mapping needs is one of leftovers: the mapping's own columns come first then,
    /// in its order. Any other keeps its columns.
    pub(crate) fn new(table: &ColumnTable, base: Option<&Rows>, from: &[Option<usize>], resolved: &Resolved) -> Self {
        let whole = resolved.missing().is_empty();
        let columns = match base {
            Some(base) if whole => Arc::clone(base.columns()),
            _ => columns_with(table, base),
        };
        let positions = match base {
            Some(_) if whole => (0..table.names.len()).map(|slot| resolved.position(slot)).collect(),
            _ => (0..table.names.len()).map(Some).collect(),
        };
        let mut writer = RowsWriter {
            cells: Vec::with_capacity(from.len() * columns.len()),
            new: from.iter().map(Option::is_none).collect(),
            first: vec![Cell::default(); columns.len()],
            text: String::new(),
            added: Vec::new(),
            positions,
            columns,
        };
        if let Some(base) = base {
            writer.first = writer.take_row(base, 0, whole);
        }
        for source in from {
            match (source, base) {
                (Some(0), _) => writer.cells.extend_from_slice(&writer.first),
                (Some(row), Some(base)) => {
                    let cells = writer.take_row(base, *row, whole);
                    writer.cells.extend(cells);
                }
                _ => writer.cells.resize(writer.cells.len() + writer.columns.len(), Cell::default()),
            }
        }
        writer
    }

    /// Takes the text of a row of the base over: by position where the columns are the same, else by name.
    fn take_row(&mut self, base: &Rows, row: usize, same: bool) -> Vec<Cell> {
        let columns = Arc::clone(&self.columns);
        let mut take = |column: Option<usize>| {
            let text = column.and_then(|column| base.value(row, column)).unwrap_or_default();
            self.add(text)
        };
        if same {
            return (0..columns.len()).map(|column| take(Some(column))).collect();
        }
        columns.names().map(|name| take(base.columns().position(name))).collect()
    }

    fn add(&mut self, text: &str) -> Cell {
        let start = self.text.len();
        self.text.push_str(text);
        Cell { start, end: self.text.len() }
    }

    fn width(&self) -> usize {
        self.columns.len() + self.added.len()
    }

    /// The position of a column of the mapping, which is added if it is not there yet.
    fn grow(&mut self, slot: usize, table: &ColumnTable) -> Option<usize> {
        if let Some(position) = self.positions.get(slot)? {
            return Some(*position);
        }
        let (name, width) = (table.names.get(slot)?.clone(), self.width());
        if width > 0 {
            let rows = self.cells.chunks_exact(width);
            self.cells = rows.flat_map(|row| row.iter().copied().chain([Cell::default()])).collect();
        } else {
            self.cells = vec![Cell::default(); self.new.len()];
        }
        self.first.push(Cell::default());
        self.added.push(name);
        self.positions[slot] = Some(width);
        self.positions[slot]
    }

    /// Puts text into a column of one row, or of all.
    pub(crate) fn set(&mut self, row: Option<usize>, slot: usize, table: &ColumnTable, text: &str) {
        let known = self.positions.get(slot).copied().flatten();
        let Some(position) = known.or_else(|| if text.is_empty() { None } else { self.grow(slot, table) }) else {
            return;
        };
        let cell = self.add(text);
        match row {
            Some(row) => self.fill(row, position, cell),
            None => (0..self.new.len()).for_each(|row| self.fill(row, position, cell)),
        }
    }

    fn fill(&mut self, row: usize, position: usize, cell: Cell) {
        let index = row * self.width() + position;
        if let Some(known) = self.cells.get_mut(index) {
            *known = cell;
        }
    }

    fn shown(&self, cell: Cell) -> &str {
        self.text.get(cell.start..cell.end).unwrap_or_default()
    }

    /// The text in a column of a row; the first row stands for all.
    pub(crate) fn get(&self, row: Option<usize>, slot: usize) -> &str {
        let position = self.positions.get(slot).copied().flatten();
        let index = position.map(|position| row.unwrap_or(0) * self.width() + position);
        index.and_then(|index| self.cells.get(index)).map_or("", |cell| self.shown(*cell))
    }

    /// Keeps what the base record has in a column that all rows share: in the first row, and in new ones.
    pub(crate) fn spread(&mut self, slot: usize) {
        let Some(position) = self.positions.get(slot).copied().flatten() else { return };
        let Some(cell) = self.first.get(position).copied() else { return };
        for row in 0..self.new.len() {
            if row == 0 || self.new[row] {
                self.fill(row, position, cell);
            }
        }
    }

    /// The rows; `None` when they are larger than rows can be.
    pub(crate) fn finish(self) -> Option<Rows> {
        let columns = if self.added.is_empty() {
            Arc::clone(&self.columns)
        } else {
            Columns::new(self.columns.names().chain(self.added.iter().map(|name| &**name))).ok()?
        };
        let bytes = self.cells.iter().map(|cell| cell.end - cell.start).sum();
        let mut rows = Rows::with_capacity(columns, bytes, self.new.len());
        let width = self.width();
        let mut lines = (0..self.new.len()).map(|row| &self.cells[row * width..(row + 1) * width]);
        lines.all(|cells| rows.push(cells.iter().map(|cell| self.shown(*cell)))).then_some(rows)
    }
}

/// The mapping's own columns, and behind them those of a base that it does not have.
fn columns_with(table: &ColumnTable, base: Option<&Rows>) -> Arc<Columns> {
    let own = table.columns();
    let held = base.into_iter().flat_map(|rows| rows.columns().names());
    let others: Vec<&str> = held.filter(|name| name.is_empty() || own.position(name).is_none()).collect();
    if others.is_empty() {
        return own;
    }
    // Both are without repetition, and nothing of the second is in the first.
    Columns::new(own.names().chain(others)).unwrap_or(own)
}
