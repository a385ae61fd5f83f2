//! Flat records: one row, or a group of rows under one set of columns.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The column names of a table, shared by all its rows.
///
/// A program that reads many rows looks a column up once and remembers its position for as long as
/// `Arc::ptr_eq` says that the columns are the same.
#[derive(Debug)]
pub struct Columns {
    names: Vec<Box<str>>,
    positions: HashMap<Box<str>, usize>,
    hash: [u8; 32],
}

/// Equal hashes are equal names: a table's columns are compared with every group of rows that joins another.
impl PartialEq for Columns {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Columns {}

impl Default for Columns {
    /// No column at all.
    fn default() -> Self {
        Columns { names: Vec::new(), positions: HashMap::new(), hash: *blake3::Hasher::new().finalize().as_bytes() }
    }
}

/// Two columns of one table have the same name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column \"{name}\" stands twice in the header, at positions {first} and {second}; rename or remove one")]
pub struct DuplicateColumn {
    /// The repeated name.
    pub name: String,
    /// Position of its first occurrence, counted from 1.
    pub first: usize,
    /// Position of its second occurrence, counted from 1.
    pub second: usize,
}

impl Columns {
    /// Makes columns from their names in order.
    ///
    /// # Errors
    /// Refuses a name that stands twice; columns without a name may repeat and cannot be looked up.
    pub fn new<I, S>(names: I) -> Result<Arc<Self>, DuplicateColumn>
    where
        I: IntoIterator<Item = S>,
        S: Into<Box<str>>,
    {
        let names: Vec<Box<str>> = names.into_iter().map(Into::into).collect();
        let mut positions = HashMap::with_capacity(names.len());
        let mut hasher = blake3::Hasher::new();
        for (position, name) in names.iter().enumerate() {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            if name.is_empty() {
                continue;
            }
            if let Some(first) = positions.insert(name.clone(), position) {
                return Err(DuplicateColumn { name: name.to_string(), first: first + 1, second: position + 1 });
            }
        }
        let hash = *hasher.finalize().as_bytes();
        Ok(Arc::new(Columns { names, positions, hash }))
    }

    /// The names in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no column at all.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The position of a column, counted from 0.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }
}

/// One row, or several rows that belong together, under shared columns.
///
/// Every row has exactly one value per column.
#[derive(Clone, Debug)]
pub struct Rows {
    columns: Arc<Columns>,
    text: String,
    ends: Vec<u32>,
}

impl Rows {
    /// No rows yet.
    pub fn new(columns: Arc<Columns>) -> Self {
        Rows { columns, text: String::new(), ends: Vec::new() }
    }

    /// No rows yet, with room for `bytes` of text and `rows` rows.
    pub fn with_capacity(columns: Arc<Columns>, bytes: usize, rows: usize) -> Self {
        let ends = Vec::with_capacity(rows * columns.len());
        Rows { columns, text: String::with_capacity(bytes), ends }
    }

    /// Adds one row; returns whether it had one value per column. A row of another width is not added.
    ///
    /// A group of rows holds less than 4 GiB of text; a row that would pass that is not added.
    pub fn push<'a>(&mut self, values: impl IntoIterator<Item = &'a str>) -> bool {
        let (text, ends) = (self.text.len(), self.ends.len());
        for value in values {
            self.text.push_str(value);
            self.ends.push(self.text.len() as u32);
        }
        let fits = self.ends.len() - ends == self.columns.len() && u32::try_from(self.text.len()).is_ok();
        if !fits {
            self.text.truncate(text);
            self.ends.truncate(ends);
        }
        fits
    }

    /// Adds the rows of another group of the same columns; returns whether the columns were the same.
    pub fn append(&mut self, other: &Rows) -> bool {
        if self.columns != other.columns {
            return false;
        }
        (0..other.len()).all(|row| self.push(other.row(row)))
    }

    /// The columns.
    pub fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ends.len().checked_div(self.columns.len()).unwrap_or(0)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The value at a row and column, both counted from 0; `None` outside the table.
    #[inline]
    pub fn value(&self, row: usize, column: usize) -> Option<&str> {
        if column >= self.columns.len() {
            return None;
        }
        let index = row * self.columns.len() + column;
        let end = *self.ends.get(index)? as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        self.text.get(start..end)
    }

    /// The values of one row, in the order of the columns.
    pub fn row(&self, row: usize) -> impl Iterator<Item = &str> {
        (0..self.columns.len()).filter_map(move |column| self.value(row, column))
    }

    pub(super) fn hash_into(&self, hasher: &mut blake3::Hasher) {
        hasher.update(b"rows");
        hasher.update(&self.columns.hash);
        // The offsets come with the text, so that moving a boundary changes the hash.
        let mut offsets = [0; 256];
        for chunk in self.ends.chunks(64) {
            for (slot, end) in offsets.chunks_exact_mut(4).zip(chunk) {
                slot.copy_from_slice(&end.to_le_bytes());
            }
            hasher.update(&offsets[..chunk.len() * 4]);
        }
        hasher.update(self.text.as_bytes());
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        self.columns == other.columns && self.ends == other.ends && self.text == other.text
    }
}

/// The persisted form: names once, then the values row by row.
#[derive(Serialize, Deserialize)]
struct Persisted {
    columns: Vec<Box<str>>,
    rows: Vec<Vec<String>>,
}

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = (0..self.len()).map(|row| self.row(row).map(str::to_owned).collect()).collect();
        Persisted { columns: self.columns.names.clone(), rows }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let persisted = Persisted::deserialize(deserializer)?;
        let columns = Columns::new(persisted.columns).map_err(serde::de::Error::custom)?;
        let mut rows = Rows::new(columns);
        for row in &persisted.rows {
            if !rows.push(row.iter().map(String::as_str)) {
                return Err(serde::de::Error::custom("a row has another number of values than there are columns"));
            }
        }
        Ok(rows)
    }
}
