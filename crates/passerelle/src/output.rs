//! What people and machines read: the one place that writes to standard output and standard error.

use std::io::{self, Write};

use serde::Serialize;

/// Writes a line to standard output. A reader that has gone (`| head`) ends nothing but the listing.
pub fn line(text: impl AsRef<str>) {
    // Whoever closed the pipe does not want to hear of it.
    let _ = writeln!(io::stdout().lock(), "{}", text.as_ref());
}

/// Writes text as it is to standard output.
pub fn raw(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// Writes a line to standard error: what is about the work and not its product.
pub fn note(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// Writes a value as JSON to standard output.
pub fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(text),
        Err(error) => note(format!("passerelle: a listing cannot be written as JSON: {error}")),
    }
}

/// Writes a value as one line of JSON to standard output.
pub fn json_line(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => line(text),
        Err(error) => note(format!("passerelle: a line cannot be written as JSON: {error}")),
    }
}

/// A table for people; columns as wide as their content.
#[derive(Debug, Default)]
pub struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub fn new(headers: &[&str]) -> Self {
        Table { headers: headers.iter().map(|header| (*header).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| cell.replace(['\n', '\r', '\t'], " ")).collect());
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text; numbers stand to the right.
    pub fn render(&self) -> String {
        let columns = self.headers.len();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([self.headers[column].chars().count()]).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let is_number: Vec<bool> = (0..columns)
            .map(|column| {
                let mut cells =
                    self.rows.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty()).peekable();
                cells.peek().is_some()
                    && cells.all(|cell| cell.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()))
            })
            .collect();
        let pad = |column: usize, cell: &str| {
            let room = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
            if is_number[column] { format!("{room}{cell}") } else { format!("{cell}{room}") }
        };
        let mut text = String::new();
        for row in std::iter::once(&self.headers).chain(&self.rows) {
            let cells: Vec<String> =
                row.iter().enumerate().take(columns).map(|(column, cell)| pad(column, cell)).collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// Writes it, or says that there is nothing.
    pub fn print(&self, nothing: &str) {
        if self.is_empty() { line(nothing) } else { line(self.render()) }
    }
}

/// A number of things: `1 stream`, `3 streams`.
pub fn counted(count: impl TryInto<u64>, thing: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// The same with a word for nothing: `no streams`.
pub fn counted_or_no(count: usize, thing: &str) -> String {
    if count == 0 { format!("no {thing}s") } else { counted(count, thing) }
}

/// A moment as people read it: to the second, in UTC.
pub fn moment(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A moment that may not have come.
pub fn moment_or(at: Option<jiff::Timestamp>, otherwise: &str) -> String {
    at.map_or_else(|| otherwise.to_owned(), moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_needed_and_numbers_stand_right() {
        let mut table = Table::new(&["system", "read", "note"]);
        table.row(["erp".to_owned(), "5".to_owned(), String::new()]);
        table.row(["billing".to_owned(), "1200".to_owned(), "a\nb".to_owned()]);
        assert_eq!(table.render(), "system   read  note\nerp         5\nbilling  1200  a b");
    }
}
