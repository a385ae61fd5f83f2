//! Holding a file against its own footer before anything of it is given out.

use std::io::Read;

use canonical::record::Columns;
use files::{Problem, Text};
use rust_decimal::Decimal;

use crate::dialect::{Dialect, Values};
use crate::settings::{ControlTotal, Footer};
use crate::splitter::{Kind, Splitter};

/// Reads all rows of a file whose splitter stands at the first one.
///
/// # Errors
/// Refuses a file that was cut off, goes on behind its footer, or does not hold what the footer says.
pub(crate) fn verify<R: Read>(
    footer: &Footer,
    splitter: &mut Splitter<R>,
    dialect: Dialect,
    text: Text,
    columns: &Columns,
    comment: Option<&str>,
) -> Result<(), Problem> {
    let column = footer.sum.as_ref().map(|sum| position(columns, sum)).transpose()?;
    let (mut values, mut rows, mut total, mut unreadable) = (Values::default(), 0_u64, Decimal::ZERO, None);
    let mut last: Option<Vec<String>> = None;
    while let Some(found) = splitter.next()? {
        let decoded = text.decode(splitter.bytes(&found)).ok().filter(|_| found.kind == Kind::Whole);
        let line = decoded.as_deref().unwrap_or_default();
        if decoded.is_some() && (dialect.is_blank(line) || comment.is_some_and(|comment| line.starts_with(comment))) {
            continue;
        }
        if last.is_some() {
            let reason = format!("line {} stands behind the footer; the file was appended to", found.line);
            return Err(Problem::refused("csv.footer", reason));
        }
        let split = values.split(dialect, line);
        if line.starts_with(&footer.starts_with) {
            last = Some(split.iter().map(|value| value.trim().to_owned()).collect());
            continue;
        }
        rows += 1;
        if let (Some(column), Some(sum)) = (column, &footer.sum) {
            let value = split.iter().nth(column).and_then(|value| number(value, sum));
            match value.and_then(|value| total.checked_add(value)) {
                Some(sum) => total = sum,
                None => unreadable = unreadable.or(Some(found.line)),
            }
        }
    }
    let Some(last) = last else {
        let reason = format!("no line starts with \"{}\": the file was cut off; ask for it again", footer.starts_with);
        return Err(Problem::refused("csv.cut-off", reason));
    };
    check_count(footer, &last, rows)?;
    check_sum(footer, &last, total, unreadable)
}

fn position(columns: &Columns, sum: &ControlTotal) -> Result<usize, Problem> {
    columns.position(&sum.column).ok_or_else(|| {
        let reason = format!("there is no column \"{}\", whose sum the footer states", sum.column);
        Problem::refused("csv.column-missing", reason)
    })
}

fn check_count(footer: &Footer, last: &[String], rows: u64) -> Result<(), Problem> {
    let Some(at) = footer.count else { return Ok(()) };
    match last.get(at.saturating_sub(1)).and_then(|value| value.parse::<u64>().ok()) {
        Some(stated) if stated == rows => Ok(()),
        Some(stated) => {
            let reason = format!("the footer states {stated} rows, but there are {rows}; ask for the file again");
            Err(Problem::refused("csv.control-total", reason))
        }
        None => Err(Problem::refused("csv.footer", format!("value {at} of the footer is not a number of rows"))),
    }
}

fn check_sum(footer: &Footer, last: &[String], total: Decimal, unreadable: Option<u64>) -> Result<(), Problem> {
    let Some(sum) = &footer.sum else { return Ok(()) };
    if let Some(line) = unreadable {
        let reason = format!(
            "line {line} has no number in column \"{}\", or one too large to be added, so the sum cannot be checked",
            sum.column
        );
        return Err(Problem::refused("csv.control-total", reason));
    }
    match last.get(sum.at.saturating_sub(1)).and_then(|value| number(value, sum)) {
        Some(stated) if stated == total => Ok(()),
        Some(_) => {
            let reason =
                format!("the sum of column \"{}\" is not what the footer states; ask for the file again", sum.column);
            Err(Problem::refused("csv.control-total", reason))
        }
        None => Err(Problem::refused("csv.footer", format!("value {} of the footer is not a sum", sum.at))),
    }
}

/// A number with digits grouped by spaces or apostrophes; blank is zero.
fn number(text: &str, sum: &ControlTotal) -> Option<Decimal> {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\'' | '\u{2019}' => {}
            space if space.is_whitespace() => {}
            point if point == sum.decimal => plain.push('.'),
            group if Some(group) == sum.group => {}
            '.' | ',' => return None,
            other => plain.push(other),
        }
    }
    if plain.is_empty() { Some(Decimal::ZERO) } else { plain.parse().ok() }
}
