//! The head's `[clearing]`: records that are pairs of rows that clear each other.

use canonical::record::{CLEARED, CREDIT, Clearing, ClearingAmounts, DEBIT};

use super::Compiler;
use super::options::{Options, Word};
use super::vocabulary::CLEARING;
use crate::mapping::ColumnNeed;
use crate::program::Direction;

/// How many rows that clear something are held when the mapping does not say.
const ROWS_MAX: u32 = 500_000;
/// More than this cannot be asked for.
const ROWS_MAX_MAX: u32 = 100_000_000;

impl Compiler<'_> {
    /// How rows of the table clear each other, if the records are such pairs.
    pub(crate) fn clearing(&mut self, options: &mut Options<'_>) -> Option<Clearing> {
        let (table, span) = options.table("clearing", &mut self.reporter)?;
        let mut options = Options::new(table, span.clone());
        let by = texts(options.texts("by", &mut self.reporter));
        let (debit, credit) = (options.texts("debit", &mut self.reporter), options.texts("credit", &mut self.reporter));
        let amount = options.text("amount", &mut self.reporter);
        let side = options.text("side", &mut self.reporter);
        let decimal = options.character("decimal", &mut self.reporter).unwrap_or('.');
        let rows_max = options.number("rows_max", ROWS_MAX_MAX, &mut self.reporter).unwrap_or(ROWS_MAX);
        options.finish("clearing", &CLEARING, &mut self.reporter);
        if !self.is_flat() {
            self.reporter.error(span, "only rows of a table clear each other; remove clearing");
            return None;
        }
        if self.direction != Direction::Read {
            self.reporter
                .error(span.clone(), "pairs of rows are read and never written; say only = \"read\" in the head");
        }
        let (debit, credit) = (texts(debit), texts(credit));
        let amounts = match (amount, side, &debit[..], &credit[..]) {
            (None, None, [debit], [credit]) => {
                ClearingAmounts::Columns { debit: debit.clone(), credit: credit.clone() }
            }
            (Some(amount), Some(side), [_, ..], [_, ..]) => {
                ClearingAmounts::Signed { amount: amount.text, side: side.text, debit, credit }
            }
            _ => {
                let message = "clearing names the columns of both sides, debit = \"…\" and credit = \"…\"; or a column \
                               amount = \"…\", a column side = \"…\", and what stands there for a debit and a credit";
                self.reporter.error(span, message);
                return None;
            }
        };
        if by.is_empty() || rows_max == 0 {
            self.reporter
                .error(span, "clearing says by = [\"…\"], the columns whose equal texts join rows, and holds some");
            return None;
        }
        Some(Clearing { by, amounts, decimal, rows_max: rows_max as usize })
    }
}

fn texts(words: Vec<Word>) -> Vec<String> {
    words.into_iter().map(|word| word.text).collect()
}

/// The columns that the table itself must have, for pairs that need these, and for the clearing.
pub(crate) fn table_columns(clearing: &Clearing, needs: Vec<ColumnNeed>) -> Vec<ColumnNeed> {
    let own = |name: &str| -> Option<Box<str>> {
        name.strip_prefix(DEBIT).or_else(|| name.strip_prefix(CREDIT)).map(Into::into)
    };
    let of_pairs = needs.into_iter().filter(|need| need.any_of.iter().all(|name| **name != *CLEARED));
    let of_pairs = of_pairs.map(|need| ColumnNeed {
        any_of: need.any_of.iter().filter_map(|name| own(name)).collect(),
        field: need.field,
    });
    let of_clearing = clearing.columns().map(|name| ColumnNeed { field: "clearing".into(), any_of: vec![name.into()] });
    of_pairs.filter(|need| !need.any_of.is_empty()).chain(of_clearing).collect()
}
