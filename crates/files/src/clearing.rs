//! Records that are pairs of rows that clear each other, over any format that gives rows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use canonical::record::{Body, Clearing, ClearingError, ClearingRows};

use crate::{FileTaken, Format, Problem, Records, Unplaced};

/// A format whose rows may clear each other: with a [`Clearing`], the records of a file are the pairs, else the format's
/// own.
///
/// Pairs are known when the whole file was read, so that there is no position inside such a file: it is one batch, and
/// its rows that clear something are held in memory, up to the clearing's limit.
#[derive(Clone, Debug)]
pub struct Clearable<F> {
    format: F,
    clearing: Option<Arc<Clearing>>,
}

impl<F> Clearable<F> {
    /// The format, with what the mapping says about clearing.
    pub fn new(format: F, clearing: Option<Clearing>) -> Self {
        Clearable { format, clearing: clearing.map(Arc::new) }
    }
}

impl<F: Format> Format for Clearable<F> {
    type Position = F::Position;
    type Records = ClearableRecords<F::Records>;

    fn inspect(&self, file: &FileTaken) -> Result<(), Problem> {
        self.format.inspect(file)
    }

    fn open(&self, file: &FileTaken, position: &F::Position) -> Result<ClearableRecords<F::Records>, Problem> {
        let held = self.clearing.as_ref().map(|clearing| ClearingRows::new(Arc::clone(clearing)));
        // There is no other position in a file of pairs than its beginning.
        let records = match held {
            Some(_) => self.format.open(file, &F::Position::default())?,
            None => self.format.open(file, position)?,
        };
        Ok(ClearableRecords { records, clears: held.is_some(), held, ready: VecDeque::new() })
    }
}

/// The records of one file: the format's own, or pairs.
pub struct ClearableRecords<R> {
    records: R,
    clears: bool,
    /// What was read so far, until all is.
    held: Option<ClearingRows>,
    ready: VecDeque<Unplaced>,
}

impl<R: Records> Records for ClearableRecords<R> {
    type Position = R::Position;

    fn next(&mut self) -> Result<Option<Unplaced>, Problem> {
        if !self.clears {
            return self.records.next();
        }
        if let Some(held) = self.held.take() {
            self.read_all(held)?;
        }
        Ok(self.ready.pop_front())
    }

    fn position(&self) -> Option<R::Position> {
        if self.clears { None } else { self.records.position() }
    }

    fn consumed(&self) -> Arc<AtomicU64> {
        self.records.consumed()
    }
}

impl<R: Records> ClearableRecords<R> {
    /// Reads the file to its end. Rejects come first, in their order, and the pairs behind them.
    fn read_all(&mut self, mut held: ClearingRows) -> Result<(), Problem> {
        while let Some(Unplaced { line, raw, body }) = self.records.next()? {
            match body {
                Ok(Body::Rows(row)) => match held.take(row, line, &raw) {
                    Ok(()) => {}
                    Err(error @ ClearingError::Amount) => {
                        let body = Err(("file.clearing-amount", error.to_string()));
                        self.ready.push_back(Unplaced { line, raw, body });
                    }
                    Err(error @ ClearingError::Column(_)) => return Err(problem("file.clearing-column", &error)),
                    Err(error @ ClearingError::TooMany(_)) => return Err(problem("file.clearing-rows", &error)),
                },
                body => self.ready.push_back(Unplaced { line, raw, body }),
            }
        }
        let pairs = held.finish();
        self.ready.extend(pairs.into_iter().map(|pair| Unplaced {
            line: pair.line,
            raw: pair.raw,
            body: Ok(Body::Rows(pair.rows)),
        }));
        Ok(())
    }
}

fn problem(code: &'static str, error: &ClearingError) -> Problem {
    Problem::refused(code, error.to_string())
}

#[cfg(test)]
mod tests {
    use canonical::record::{ClearingAmounts, Columns, Rows};

    use super::*;

    /// Rows and rejects that are given one by one.
    struct Given(VecDeque<Unplaced>);

    impl Records for Given {
        type Position = usize;

        fn next(&mut self) -> Result<Option<Unplaced>, Problem> {
            Ok(self.0.pop_front())
        }

        fn position(&self) -> Option<usize> {
            Some(self.0.len())
        }

        fn consumed(&self) -> Arc<AtomicU64> {
            Arc::default()
        }
    }

    fn clearing(rows_max: usize) -> Clearing {
        Clearing {
            by: vec!["letters".to_owned()],
            amounts: ClearingAmounts::Columns { debit: "debit".to_owned(), credit: "credit".to_owned() },
            decimal: '.',
            rows_max,
        }
    }

    /// What is given out: of each the line, and the cleared amount, the code of a reject, or the row's letters.
    fn read(clearing: Option<Clearing>, rows: &[[&str; 3]]) -> Result<Vec<(u64, String)>, Problem> {
        let columns = Columns::new(["letters", "debit", "credit"]).unwrap();
        let given = rows.iter().enumerate().map(|(index, row)| {
            let mut rows = Rows::new(Arc::clone(&columns));
            assert!(rows.push(row.iter().copied()));
            let body = if row[0] == "broken" { Err(("csv.nul", String::new())) } else { Ok(Body::Rows(rows)) };
            Unplaced { line: index as u64 + 1, raw: row.join(";").into_bytes(), body }
        });
        let held = clearing.map(|clearing| ClearingRows::new(Arc::new(clearing)));
        let mut records =
            ClearableRecords { records: Given(given.collect()), clears: held.is_some(), held, ready: VecDeque::new() };
        let mut found = Vec::new();
        while let Some(Unplaced { line, body, raw }) = records.next()? {
            assert!(!raw.is_empty(), "what is refused or paired keeps its bytes");
            assert_eq!(records.position().is_none(), records.clears, "pairs have no position inside the file");
            found.push(match body {
                Ok(Body::Rows(rows)) => (line, rows.value(0, 0).unwrap().to_owned()),
                Ok(other) => panic!("{other:?}"),
                Err((code, _)) => (line, code.to_owned()),
            });
        }
        Ok(found)
    }

    #[test]
    fn rejects_come_first_and_pairs_behind_them() {
        let rows = [["A", "5.00", ""], ["broken", "", ""], ["A", "", "x"], ["", "7.00", ""], ["A", "", "5.00"]];
        let expected = [(2, "csv.nul"), (3, "file.clearing-amount"), (1, "5.00")];
        assert_eq!(read(Some(clearing(9)), &rows).unwrap(), expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn without_a_clearing_records_are_the_formats_own() {
        let rows = [["A", "5.00", ""], ["", "7.00", ""]];
        assert_eq!(read(None, &rows).unwrap(), [(1, "A".to_owned()), (2, String::new())]);
    }

    #[test]
    fn a_file_with_too_many_rows_is_refused() {
        let problem = read(Some(clearing(1)), &[["A", "5.00", ""], ["A", "", "5.00"]]).unwrap_err();
        assert!(matches!(problem, Problem::Refused { code: "file.clearing-rows", .. }), "{problem:?}");
    }
}
