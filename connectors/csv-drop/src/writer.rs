//! Changes as lines of a file.

use std::collections::HashMap;

use canonical::entity::Operation;
use canonical::record::{Body, Rows};
use connector::Rendered;
use encoding_rs::Encoding;
use files::{Fate, Render, encode};

use crate::dialect::Dialect;
use crate::settings::{CsvTarget, LineEnd, Removal};

/// Renders changes as delimited text.
pub(crate) struct CsvWriter {
    dialect: Dialect,
    encoding: &'static Encoding,
    settings: CsvTarget,
}

/// Which columns a file has, by name, in order.
struct FileColumns {
    names: Vec<String>,
    positions: HashMap<String, usize>,
}

impl FileColumns {
    fn add(&mut self, name: &str) {
        if !self.positions.contains_key(name) {
            self.positions.insert(name.to_owned(), self.names.len());
            self.names.push(name.to_owned());
        }
    }
}

impl CsvWriter {
    pub fn new(settings: CsvTarget, dialect: Dialect, encoding: &'static Encoding) -> Self {
        CsvWriter { dialect, encoding, settings }
    }

    fn columns(&self, changes: &[&Rendered]) -> FileColumns {
        let mut columns = FileColumns { names: Vec::new(), positions: HashMap::new() };
        self.settings.columns.iter().for_each(|name| columns.add(name));
        if self.settings.columns.is_empty() {
            for change in changes {
                if let Body::Rows(rows) = &change.record.body {
                    rows.columns().names().for_each(|name| columns.add(name));
                }
            }
        }
        if let Removal::Column(removal) = &self.settings.removal {
            columns.add(&removal.name);
        }
        columns
    }

    /// Appends the lines of one change.
    fn write(&self, change: &Rendered, columns: &FileColumns, lines: &mut Vec<u8>) -> Fate {
        let Body::Rows(rows) = &change.record.body else {
            let reason = "the mapping writes another shape than rows; give this target a mapping with format = \"csv\"";
            return Fate::Refused("csv.shape", reason.to_owned());
        };
        let removed = change.operation != Operation::Upsert;
        match &self.settings.removal {
            Removal::Ignore if removed => return Fate::Nothing,
            Removal::Refuse if removed => {
                let reason = "this target has no way to remove a record; configure removal for it";
                return Fate::Refused("csv.removal", reason.to_owned());
            }
            _ => {}
        }
        let before = lines.len();
        for row in 0..rows.len() {
            if let Err(fate) = self.write_row(rows, row, removed, columns, lines) {
                lines.truncate(before);
                return fate;
            }
        }
        Fate::Written
    }

    fn write_row(
        &self,
        rows: &Rows,
        row: usize,
        removed: bool,
        columns: &FileColumns,
        lines: &mut Vec<u8>,
    ) -> Result<(), Fate> {
        let mut values = vec![""; columns.names.len()];
        for (name, value) in rows.columns().names().zip(rows.row(row)) {
            match columns.positions.get(name) {
                Some(position) => values[*position] = value,
                None if value.is_empty() => {}
                None => {
                    let reason =
                        format!("the record has content in column \"{name}\", which this target's columns do not list");
                    return Err(Fate::Refused("csv.column", reason));
                }
            }
        }
        if let Removal::Column(removal) = &self.settings.removal
            && let Some(position) = columns.positions.get(&removal.name)
        {
            if removed {
                values[*position] = &removal.value;
            } else if values[*position].is_empty() || values[*position] == removal.value {
                values[*position] = &removal.otherwise;
            }
        }
        self.write_line(values.into_iter().zip(&columns.names), lines)
    }

    fn write_line<'a>(
        &self,
        values: impl Iterator<Item = (&'a str, &'a String)>,
        lines: &mut Vec<u8>,
    ) -> Result<(), Fate> {
        let mut line = String::new();
        for (at, (value, name)) in values.enumerate() {
            if at > 0 {
                line.push(self.dialect.delimiter as char);
            }
            self.write_value(value, name, &mut line)?;
        }
        line.push_str(match self.settings.line_end {
            LineEnd::Crlf => "\r\n",
            LineEnd::Lf => "\n",
        });
        let bytes = encode(self.encoding, &line).map_err(|character| {
            let point = u32::from(character);
            let reason = format!("a value contains U+{point:04X}, which {} cannot express", self.encoding.name());
            Fate::Refused("csv.encoding", reason)
        })?;
        lines.extend_from_slice(&bytes);
        Ok(())
    }

    fn write_value(&self, value: &str, name: &str, line: &mut String) -> Result<(), Fate> {
        let quote = self.dialect.quote;
        let structural =
            |byte: u8| byte == self.dialect.delimiter || Some(byte) == quote || byte == b'\n' || byte == b'\r';
        let needed = value.bytes().any(structural) || value.starts_with(' ') || value.ends_with(' ');
        match quote {
            Some(quote) if needed || self.settings.quote_all => {
                let quote = quote as char;
                line.push(quote);
                value.split(quote).enumerate().for_each(|(at, part)| {
                    if at > 0 {
                        line.push(quote);
                        line.push(quote);
                    }
                    line.push_str(part);
                });
                line.push(quote);
            }
            None if value.bytes().any(structural) => {
                let reason = format!(
                    "the value of column \"{name}\" contains a delimiter or line end, and this target has no quotes"
                );
                return Err(Fate::Refused("csv.quote", reason));
            }
            _ => line.push_str(value),
        }
        Ok(())
    }
}

impl Render for CsvWriter {
    fn render(&self, changes: &[&Rendered]) -> (Vec<u8>, Vec<Fate>) {
        let columns = self.columns(changes);
        let mut content = Vec::new();
        if self.settings.byte_order_mark {
            content.extend_from_slice(&encode(self.encoding, "\u{feff}").unwrap_or_default());
        }
        if self.settings.header
            && let Err(fate) = self.write_line(columns.names.iter().map(|name| (name.as_str(), name)), &mut content)
        {
            return (content, changes.iter().map(|_| fate.clone()).collect());
        }
        let fates = changes.iter().map(|change| self.write(change, &columns, &mut content)).collect();
        (content, fates)
    }
}
