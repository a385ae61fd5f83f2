//! The cells of a sheet, and how they become text.

use files::Problem;

use super::LIMIT;
use crate::dialect::Dialect;

/// The characters between the values of a rendered sheet. No sheet has them in a cell, so a cell is quoted only where it
/// has line ends.
pub(crate) const RENDERED: Dialect = Dialect { delimiter: 0x1F, quote: Some(0x1E) };

/// A sheet has at most so many rows, as Excel has it.
const ROWS_MAX: usize = 1 << 20;

/// A sheet has at most so many columns, as Excel has it.
const COLUMNS_MAX: usize = 1 << 14;

/// What an empty cell in front of a filled one takes, towards the limit.
const CELL_BYTES: usize = 4;

/// The cells of a sheet as text.
#[derive(Debug)]
pub(super) struct Grid {
    rows: Vec<Vec<String>>,
    bytes: usize,
    bytes_max: usize,
}

impl Grid {
    /// An empty sheet whose text has at most so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Grid { rows: Vec::new(), bytes: 0, bytes_max }
    }

    /// Sets a cell; row and column are counted from 0.
    ///
    /// # Errors
    /// A sheet that is too large.
    pub fn set(&mut self, row: usize, column: usize, value: String) -> Result<(), Problem> {
        if value.is_empty() {
            return Ok(());
        }
        if row >= ROWS_MAX || column >= COLUMNS_MAX {
            return Err(self.too_large());
        }
        if self.rows.len() <= row {
            self.bytes += row + 1 - self.rows.len();
            self.rows.resize_with(row + 1, Vec::new);
        }
        let cells = &mut self.rows[row];
        if cells.len() <= column {
            self.bytes += (column + 1 - cells.len()) * CELL_BYTES;
            cells.resize_with(column + 1, String::new);
        }
        self.bytes += value.len();
        cells[column] = value;
        if self.bytes > self.bytes_max { Err(self.too_large()) } else { Ok(()) }
    }

    /// Gives every cell of an area the value of its first one; both ends belong to it.
    ///
    /// # Errors
    /// A sheet that is too large.
    pub fn fill(&mut self, from: (usize, usize), to: (usize, usize)) -> Result<(), Problem> {
        let Some(value) = self.rows.get(from.0).and_then(|cells| cells.get(from.1)).cloned() else { return Ok(()) };
        for row in from.0..=to.0 {
            for column in from.1..=to.1 {
                self.set(row, column, value.clone())?;
            }
        }
        Ok(())
    }

    fn too_large(&self) -> Problem {
        let reason =
            format!("the sheet has more than {LIMIT} = {} bytes of text; raise it if that is right", self.bytes_max);
        Problem::refused("file.too-large", reason)
    }

    /// The sheet as text: one record for each row, empty ones included, so that places tell the row.
    ///
    /// # Errors
    /// A sheet without any content.
    pub fn render(self) -> Result<Vec<u8>, Problem> {
        if self.rows.is_empty() {
            let reason = "the sheet is empty; is it the right one? Then it must still have a header";
            return Err(Problem::refused("file.empty", reason));
        }
        let mut text = Vec::with_capacity(self.bytes + self.rows.len());
        for cells in &self.rows {
            for (at, value) in cells.iter().enumerate() {
                if at > 0 {
                    text.push(RENDERED.delimiter);
                }
                let kept = value.bytes().filter(|byte| !matches!(byte, 0 | 0x1E | 0x1F));
                match RENDERED.quote {
                    Some(quote) if value.contains(['\n', '\r']) => {
                        text.push(quote);
                        text.extend(kept);
                        text.push(quote);
                    }
                    _ => text.extend(kept),
                }
            }
            text.push(b'\n');
        }
        Ok(text)
    }
}
