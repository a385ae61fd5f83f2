//! Workbooks of Excel and OpenDocument.

use std::io::Cursor;

use calamine::{CellErrorType, Data, DataRef, Dimensions, ExcelDateTime, Reader, SheetVisible, Sheets, Style, Xlsx};
use files::Problem;

use super::grid::Grid;
use super::{SheetRule, damaged};
use crate::settings::Percent;

type Bytes = Cursor<Vec<u8>>;

/// Reads the sheet that the rule chooses.
///
/// # Errors
/// A workbook that cannot be read, is too large, or has no such sheet.
pub(super) fn read(bytes: Vec<u8>, rule: &SheetRule, grid: &mut Grid) -> Result<(), Problem> {
    let mut workbook = calamine::open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(unreadable)?;
    let visible = |sheet: &&calamine::Sheet| sheet.visible == SheetVisible::Visible || rule.sheet.is_some();
    let names: Vec<String> =
        workbook.sheets_metadata().iter().filter(visible).map(|sheet| sheet.name.clone()).collect();
    let name = rule.choose(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
    let merged = if rule.fill_merged { merged(&mut workbook, name)? } else { Vec::new() };
    match &mut workbook {
        // Cell by cell: a sheet with one cell in its last corner does not take the memory of a full one.
        Sheets::Xlsx(workbook) => read_xlsx(workbook, name, rule, grid)?,
        other => {
            let range = other.worksheet_range(name).map_err(unreadable)?;
            let (row, column) = range.start().unwrap_or_default();
            for (at_row, at_column, value) in range.used_cells() {
                grid.set(row as usize + at_row, column as usize + at_column, text(value))?;
            }
        }
    }
    for area in merged {
        let at = |(row, column): (u32, u32)| (row as usize, column as usize);
        grid.fill(at(area.start), at(area.end))?;
    }
    Ok(())
}

fn unreadable(error: impl std::fmt::Display) -> Problem {
    damaged(&error.to_string())
}

fn read_xlsx(workbook: &mut Xlsx<Bytes>, name: &str, rule: &SheetRule, grid: &mut Grid) -> Result<(), Problem> {
    let mut cells = workbook.worksheet_cells_reader(name).map_err(unreadable)?;
    while let Some((cell, style)) = cells.next_cell_with_style_id().map_err(unreadable)? {
        let (row, column) = cell.get_position();
        let value = match cell.get_value() {
            DataRef::Float(number) if rule.percent == Percent::Shown && is_percent(cells.styles().get(style)) => {
                plain(&format!("{number:.14e}"), 2)
            }
            DataRef::SharedString(text) => (*text).to_owned(),
            other => text(&Data::from(other.clone())),
        };
        grid.set(row as usize, column as usize, value)?;
    }
    Ok(())
}

/// Whether a number format shows a hundredth as one.
fn is_percent(style: Option<&Style>) -> bool {
    let format = style.and_then(|style| style.number_format.as_ref());
    format.is_some_and(|format| matches!(format.format_id, Some(9 | 10)) || format.format_code.contains('%'))
}

fn merged(workbook: &mut Sheets<Bytes>, name: &str) -> Result<Vec<Dimensions>, Problem> {
    match workbook {
        Sheets::Xlsx(workbook) => workbook.merge_cells_by_sheet_name(name).map_err(unreadable),
        Sheets::Xls(workbook) => workbook.merge_cells_by_sheet_name(name).map_err(unreadable),
        _ => Ok(Vec::new()),
    }
}

/// A cell as text: numbers with the digits that Excel keeps, dates of ISO 8601.
fn text(value: &Data) -> String {
    match value {
        Data::Empty => String::new(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) => plain(&format!("{number:.14e}"), 0),
        Data::String(text) => text.clone(),
        Data::Bool(flag) => flag.to_string(),
        Data::DateTime(moment) => moment_text(moment),
        Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Error(error) => error_text(error).to_owned(),
    }
}

/// What Excel shows of an error: the mapping decides whether that counts as nothing.
fn error_text(error: &CellErrorType) -> &'static str {
    match error {
        CellErrorType::Div0 => "#DIV/0!",
        CellErrorType::NA => "#N/A",
        CellErrorType::Name => "#NAME?",
        CellErrorType::Null => "#NULL!",
        CellErrorType::Num => "#NUM!",
        CellErrorType::Ref => "#REF!",
        CellErrorType::Value => "#VALUE!",
        _ => "#ERROR!",
    }
}

fn moment_text(moment: &ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
    let time = match milli {
        0 => format!("{hour:02}:{minute:02}:{second:02}"),
        _ => format!("{hour:02}:{minute:02}:{second:02}.{milli:03}"),
    };
    // Day 0 of either epoch is no date: the cell holds a time alone.
    let is_time = matches!((year, month, day), (1899, 12, 30 | 31) | (1904, 1, 1));
    match (is_time, hour, minute, second, milli) {
        (true, ..) => time,
        (false, 0, 0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:04}-{month:02}-{day:02}T{time}"),
    }
}

/// The plain form of a number in scientific notation, times ten to the power of `shift`. Excel keeps 15 digits, and so
/// does the text that this is given: what a binary number has behind them is nobody's.
pub(super) fn plain(scientific: &str, shift: i32) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific.to_owned() };
    let Ok(exponent) = exponent.parse::<i32>() else { return scientific.to_owned() };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return "0".to_owned();
    }
    // The point stands behind so many of the digits.
    let point = exponent + shift + 1;
    // Beyond what any amount has, the short form is the readable one.
    if !(-30..=30).contains(&point) {
        return scientific.to_owned();
    }
    let count = digits.len() as i32;
    let filled = |zeros: i32| "0".repeat(usize::try_from(zeros).unwrap_or(0));
    if point <= 0 {
        format!("{sign}0.{}{digits}", filled(-point))
    } else if point >= count {
        format!("{sign}{digits}{}", filled(point - count))
    } else {
        let (whole, rest) = digits.split_at(point as usize);
        format!("{sign}{whole}.{rest}")
    }
}
