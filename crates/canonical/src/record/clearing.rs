//! Rows of one table that clear each other: the debits and credits of an account that carry the same letters.
//!
//! An accounting export tells which payment settles which invoice by a code on the rows of both, wherever in the file
//! those stand. [`Clearing`] says where the code and the amounts are; [`ClearingRows`] takes the rows of a whole file
//! and gives the pairs, each with the amount by which its two rows clear each other.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::str::FromStr;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::{Columns, Rows};

/// The column of a pair that holds the cleared amount.
pub const CLEARED: &str = "cleared";
/// What goes before the columns of the debit row in a pair.
pub const DEBIT: &str = "debit.";
/// What goes before the columns of the credit row in a pair.
pub const CREDIT: &str = "credit.";

/// How rows of a table clear each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clearing {
    /// Rows that have the same texts in these columns clear each other; a row with a blank one clears nothing.
    pub by: Vec<String>,
    /// Where the amounts are.
    pub amounts: ClearingAmounts,
    /// The decimal separator of the amounts; spaces between digits are passed over.
    pub decimal: char,
    /// At most so many rows that clear something are held; a file with more of them is refused.
    pub rows_max: usize,
}

/// Where the amounts of rows that clear each other are. A negative amount counts for the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClearingAmounts {
    /// A column for each side, of which a row fills one.
    Columns {
        /// The column of debits.
        debit: String,
        /// The column of credits.
        credit: String,
    },
    /// One column, and another that tells the side.
    Signed {
        /// The column of amounts.
        amount: String,
        /// The column that tells the side.
        side: String,
        /// What stands there for a debit.
        debit: Vec<String>,
        /// What stands there for a credit.
        credit: Vec<String>,
    },
}

impl Clearing {
    /// Every column that it looks at.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let (one, other) = match &self.amounts {
            ClearingAmounts::Columns { debit, credit } => (debit, credit),
            ClearingAmounts::Signed { amount, side, .. } => (amount, side),
        };
        self.by.iter().chain([one, other]).map(String::as_str)
    }
}

/// Why rows cannot clear each other; no value is shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClearingError {
    /// The table lacks a column.
    #[error("there is no column \"{0}\", by which rows clear each other")]
    Column(String),
    /// An amount is none, or its side is not told.
    #[error("the amount of a row that clears others cannot be read; hold decimal, debit and credit against the file")]
    Amount,
    /// There are more rows than may be held.
    #[error(
        "more than rows_max = {0} rows clear each other; raise it in the mapping's [clearing], or drop smaller files"
    )]
    TooMany(usize),
}

/// Two rows that clear each other.
#[derive(Clone, Debug, PartialEq)]
pub struct ClearedPair {
    /// The line of the debit row.
    pub line: u64,
    /// The bytes of both rows, the debit first, with a line end between.
    pub raw: Vec<u8>,
    /// One row: the cleared amount, the columns of the debit row, those of the credit row.
    pub rows: Rows,
}

/// One side of a pair to come.
struct Side {
    line: u64,
    raw: Vec<u8>,
    row: Rows,
    /// What of it is not cleared yet; never negative.
    left: Decimal,
}

/// Rows with the same letters, each side in the order of the file.
#[derive(Default)]
struct Group {
    debits: VecDeque<Side>,
    credits: VecDeque<Side>,
}

/// The rows of a file that clear each other, taken one by one.
///
/// Memory grows with them, up to [`Clearing::rows_max`]; rows without letters are not held.
pub struct ClearingRows {
    clearing: Arc<Clearing>,
    places: Option<Places>,
    numbers: HashMap<String, usize>,
    groups: Vec<Group>,
    count: usize,
}

/// Where the columns are in the rows of one file.
struct Places {
    columns: Arc<Columns>,
    by: Vec<usize>,
    amounts: [usize; 2],
    /// The columns of pairs.
    paired: Arc<Columns>,
}

impl ClearingRows {
    /// No rows yet.
    pub fn new(clearing: Arc<Clearing>) -> Self {
        ClearingRows { clearing, places: None, numbers: HashMap::new(), groups: Vec::new(), count: 0 }
    }

    /// Takes one row, with its line and its bytes. A row that clears nothing is forgotten at once.
    ///
    /// # Errors
    /// [`ClearingError::Amount`] is the row's own fault; the others are faults of the whole file.
    pub fn take(&mut self, row: Rows, line: u64, raw: &[u8]) -> Result<(), ClearingError> {
        let places = self.places(row.columns())?;
        let Some(letters) = letters(&places.by, &row) else { return Ok(()) };
        let amounts = places.amounts.map(|at| row.value(0, at).unwrap_or_default().trim());
        let amount = self.clearing.amount(amounts)?;
        if amount.is_zero() {
            return Ok(());
        }
        if self.count == self.clearing.rows_max {
            return Err(ClearingError::TooMany(self.clearing.rows_max));
        }
        self.count += 1;
        let next = self.groups.len();
        let number = *self.numbers.entry(letters).or_insert(next);
        if number == next {
            self.groups.push(Group::default());
        }
        let Some(group) = self.groups.get_mut(number) else { return Ok(()) };
        let is_credit = amount.is_sign_negative();
        let side = Side { line, raw: raw.to_vec(), row, left: amount.abs() };
        if is_credit {
            group.credits.push_back(side)
        } else {
            group.debits.push_back(side)
        }
        Ok(())
    }

    /// Every pair: groups in the order of their first rows, and in each the first debit with the first credit by the
    /// smaller of what is left of them, and so on. Where one of the sides has a single row, that is what the letters say;
    /// where both have several, they do not say more, and the order of the file decides.
    pub fn finish(self) -> VecDeque<ClearedPair> {
        let Some(places) = self.places else { return VecDeque::new() };
        let mut pairs = VecDeque::new();
        for mut group in self.groups {
            while let (Some(debit), Some(credit)) = (group.debits.front_mut(), group.credits.front_mut()) {
                let cleared = debit.left.min(credit.left);
                pairs.extend(paired(&places.paired, debit, credit, cleared, self.clearing.decimal));
                debit.left -= cleared;
                credit.left -= cleared;
                let (debit_ends, credit_ends) = (debit.left.is_zero(), credit.left.is_zero());
                if debit_ends {
                    group.debits.pop_front();
                }
                if credit_ends {
                    group.credits.pop_front();
                }
            }
        }
        pairs
    }

    fn places(&mut self, columns: &Arc<Columns>) -> Result<&Places, ClearingError> {
        let places = match self.places.take() {
            Some(places) if Arc::ptr_eq(&places.columns, columns) => places,
            _ => Places::of(&self.clearing, columns)?,
        };
        Ok(self.places.insert(places))
    }
}

impl Places {
    fn of(clearing: &Clearing, columns: &Arc<Columns>) -> Result<Self, ClearingError> {
        let at = |name: &str| columns.position(name).ok_or_else(|| ClearingError::Column(name.to_owned()));
        let found = clearing.columns().map(at).collect::<Result<Vec<usize>, _>>()?;
        let (by, amounts) = found.split_at(clearing.by.len());
        // Columns without a name may repeat, and stay without one.
        let named = |before: &str, name: &str| if name.is_empty() { String::new() } else { format!("{before}{name}") };
        let names = |before: &'static str| columns.names().map(move |name| named(before, name));
        let paired = [CLEARED.to_owned()].into_iter().chain(names(DEBIT)).chain(names(CREDIT));
        let paired = Columns::new(paired).map_err(|twice| ClearingError::Column(twice.name))?;
        Ok(Places {
            columns: Arc::clone(columns),
            by: by.to_vec(),
            amounts: [amounts.first().copied().unwrap_or_default(), amounts.last().copied().unwrap_or_default()],
            paired,
        })
    }
}

/// The letters of a row as one text; `None` where one is blank.
fn letters(by: &[usize], row: &Rows) -> Option<String> {
    let mut joined = String::new();
    for at in by {
        let text = row.value(0, *at).unwrap_or_default().trim();
        if text.is_empty() {
            return None;
        }
        // The length keeps `A`, `BC` apart from `AB`, `C`. Writing to a text never fails.
        let _ = write!(joined, "{}:{text}", text.len());
    }
    Some(joined)
}

fn paired(columns: &Arc<Columns>, debit: &Side, credit: &Side, cleared: Decimal, decimal: char) -> Option<ClearedPair> {
    let amount = cleared.to_string().replace('.', decimal.encode_utf8(&mut [0; 4]));
    let mut rows = Rows::new(Arc::clone(columns));
    let values = std::iter::once(amount.as_str()).chain(debit.row.row(0)).chain(credit.row.row(0));
    // Both rows have the columns that the pair's were made from, so that the widths agree.
    rows.push(values).then(|| ClearedPair { line: debit.line, raw: [&*debit.raw, b"\n", &*credit.raw].concat(), rows })
}

impl Clearing {
    /// The amount of a row from its two texts: positive on the debit side.
    fn amount(&self, [one, other]: [&str; 2]) -> Result<Decimal, ClearingError> {
        match &self.amounts {
            ClearingAmounts::Columns { .. } => {
                let difference = self.decimal_of(one)?.checked_sub(self.decimal_of(other)?);
                difference.ok_or(ClearingError::Amount)
            }
            ClearingAmounts::Signed { debit, credit, .. } => {
                let amount = self.decimal_of(one)?;
                let is = |words: &[String]| words.iter().any(|word| word == other);
                match (is(debit), is(credit)) {
                    (true, _) => Ok(amount),
                    (_, true) => Ok(-amount),
                    _ => Err(ClearingError::Amount),
                }
            }
        }
    }

    fn decimal_of(&self, text: &str) -> Result<Decimal, ClearingError> {
        if text.is_empty() {
            return Ok(Decimal::ZERO);
        }
        let mut plain = String::with_capacity(text.len());
        for character in text.chars().filter(|character| !character.is_whitespace()) {
            match character {
                _ if character == self.decimal => plain.push('.'),
                '0'..='9' | '-' | '+' => plain.push(character),
                _ => return Err(ClearingError::Amount),
            }
        }
        Decimal::from_str(&plain).map_err(|_| ClearingError::Amount)
    }
}
