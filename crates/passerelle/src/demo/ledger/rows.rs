//! The ledger's own reading of CSV files: semicolons, a header, quotes where they are needed.

use std::collections::BTreeMap;

/// A row's filled values by column, without the key.
pub type Row = BTreeMap<String, String>;

/// Reads a file into keys and rows; the first column is the key. A row that does not fit the header says why.
pub fn read(text: &str) -> Vec<Result<(String, Row), String>> {
    let mut records = split(text).into_iter();
    let Some(header) = records.next() else { return Vec::new() };
    records
        .map(|values| {
            if values.len() != header.len() {
                return Err(format!("a row has {} values, the header {}", values.len(), header.len()));
            }
            let mut columns = header.iter().cloned().zip(values);
            let key = columns.next().map(|(_, key)| key).unwrap_or_default();
            if key.is_empty() {
                return Err("a row has no key".to_owned());
            }
            Ok((key, columns.filter(|(_, value)| !value.is_empty()).collect()))
        })
        .collect()
}

/// Splits a text into records of values.
fn split(text: &str) -> Vec<Vec<String>> {
    let mut records = vec![];
    let mut record = vec![];
    let mut value = String::new();
    let mut quoted = false;
    let mut characters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                value.push('"');
                characters.next();
            }
            '"' => quoted = !quoted,
            ';' if !quoted => record.push(std::mem::take(&mut value)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut value));
                records.push(std::mem::take(&mut record));
            }
            other => value.push(other),
        }
    }
    if !value.is_empty() || !record.is_empty() {
        record.push(value);
        records.push(record);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&[&str]]) {
        assert_eq!(split(text), expected);
    }

    #[test]
    fn values_are_split_and_unquoted() {
        check("a;b\r\n1;2\r\n", &[&["a", "b"], &["1", "2"]]);
        check("a;b\n\"x;\"\"y\"\"\";\"1\n2\"", &[&["a", "b"], &["x;\"y\"", "1\n2"]]);
        check("\u{feff}a\n", &[&["a"]]);
        check("", &[]);
    }

    #[test]
    fn rows_are_keyed_by_their_first_column_and_blanks_left_out() {
        let rows = read("id;name;note\n1;Un;\n;Deux;x\n3;Trois\n");
        assert_eq!(rows[0], Ok(("1".to_owned(), Row::from([("name".to_owned(), "Un".to_owned())]))));
        assert!(rows[1].as_ref().unwrap_err().contains("no key"));
        assert!(rows[2].as_ref().unwrap_err().contains("2 values"));
    }
}
