//! Rows on their way from one engine to the other.

use std::ops::Range;

/// At most this many rows travel together.
const ROWS_MAX: usize = 5_000;

/// A batch that has come to this many bytes of texts and blobs goes, however few its rows are.
const BYTES_MAX: usize = 4 << 20;

/// Some rows of one table. All their texts lie in one place and all their blobs in another, so that a field costs no
/// allocation of its own.
pub(crate) struct Batch {
    width: usize,
    cells: Vec<Cell>,
    texts: String,
    blobs: Vec<u8>,
}

enum Cell {
    Null,
    Number(i64),
    Text(Range<usize>),
    Blob(Range<usize>),
}

/// The value of one column of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    Null,
    Number(i64),
    Text(&'a str),
    Blob(&'a [u8]),
}

impl Batch {
    /// One for rows with this many columns, at least 1.
    pub fn new(width: usize) -> Batch {
        Batch { width: width.max(1), cells: Vec::new(), texts: String::new(), blobs: Vec::new() }
    }

    /// Adds the next column of the row that is under way.
    pub fn push(&mut self, field: Field<'_>) {
        self.cells.push(match field {
            Field::Null => Cell::Null,
            Field::Number(number) => Cell::Number(number),
            Field::Text(text) => {
                let start = self.texts.len();
                self.texts.push_str(text);
                Cell::Text(start..self.texts.len())
            }
            Field::Blob(blob) => {
                let start = self.blobs.len();
                self.blobs.extend_from_slice(blob);
                Cell::Blob(start..self.blobs.len())
            }
        });
    }

    /// Whether it should go now.
    pub fn is_full(&self) -> bool {
        self.len() >= ROWS_MAX || self.bytes() >= BYTES_MAX
    }

    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.cells.len() / self.width
    }

    /// How many bytes its texts and blobs have.
    pub fn bytes(&self) -> usize {
        self.texts.len() + self.blobs.len()
    }

    /// The rows, each with its columns in order.
    pub fn rows(&self) -> impl Iterator<Item = impl ExactSizeIterator<Item = Field<'_>>> {
        self.cells.chunks_exact(self.width).map(|row| row.iter().map(|cell| self.field(cell)))
    }

    fn field(&self, cell: &Cell) -> Field<'_> {
        match cell {
            Cell::Null => Field::Null,
            Cell::Number(number) => Field::Number(*number),
            Cell::Text(range) => Field::Text(&self.texts[range.clone()]),
            Cell::Blob(range) => Field::Blob(&self.blobs[range.clone()]),
        }
    }
}
