//! A sample file taken apart: its encoding, its delimiter, its header, and its columns.

use std::borrow::Cow;

use files::Text;

/// What the file is read with.
pub struct Sample {
    /// The encoding, by its name in the WHATWG standard.
    pub encoding: String,
    /// What speaks for the encoding.
    pub encoding_reason: &'static str,
    /// The character between two values.
    pub delimiter: char,
    /// The line of the header, counted from 1; `None` when the file has none.
    pub header: Option<usize>,
    /// The names of the columns; `column 1` and so on without a header.
    pub columns: Vec<String>,
    /// The rows, each with as many values as there are columns.
    pub rows: Vec<Vec<String>>,
    /// How many rows have more or fewer values.
    pub ragged: usize,
}

/// What the user says about the file.
#[derive(Default)]
pub struct Told {
    /// The encoding.
    pub encoding: Option<String>,
    /// The delimiter.
    pub delimiter: Option<char>,
    /// The line of the header, counted from 1.
    pub header: Option<usize>,
}

/// At most so many rows are looked at.
const ROWS_MAX: usize = 5000;

/// The header is one of the first lines.
const PREAMBLE_LINES_MAX: usize = 50;

/// The delimiters that are tried; of equals the first is taken.
const DELIMITERS: [char; 4] = [';', '\t', '|', ','];

impl Sample {
    /// Takes a file apart.
    ///
    /// # Errors
    /// What it is instead of delimited text, in words.
    pub fn of(bytes: &[u8], told: &Told) -> Result<Self, String> {
        let (encoding, encoding_reason, text) = decoded(bytes, told)?;
        let lines: Vec<&str> = text.lines().take(ROWS_MAX).collect();
        let delimiter = told.delimiter.unwrap_or_else(|| likely_delimiter(&lines));
        let records = records(&text, delimiter);
        let width = usual_width(&records);
        let start = match told.header {
            Some(line) => records.iter().position(|record| record.line >= line).unwrap_or(0),
            None => records.iter().take(PREAMBLE_LINES_MAX).position(|record| is_full(record, width)).unwrap_or(0),
        };
        let Some(first) = records.get(start) else { return Err("the file is empty".to_owned()) };
        let has_header = told.header.is_some() || is_header(&first.values);
        let columns = match has_header {
            true => unique(&first.values),
            false => (1..=width).map(|number| format!("column {number}")).collect(),
        };
        let rows = records.iter().skip(if has_header { start + 1 } else { start });
        let mut sample = Sample {
            encoding,
            encoding_reason,
            delimiter,
            header: has_header.then_some(first.line),
            rows: Vec::new(),
            ragged: 0,
            columns,
        };
        for row in rows {
            match row.values.len() == sample.columns.len() {
                true => sample.rows.push(row.values.clone()),
                false => sample.ragged += 1,
            }
        }
        Ok(sample)
    }

    /// The values of a column, trimmed, without empty ones.
    pub fn values(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows
            .iter()
            .filter_map(move |row| row.get(column))
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }
}

/// The text of a file, the name of its encoding, and what speaks for it.
fn decoded(bytes: &[u8], told: &Told) -> Result<(String, &'static str, String), String> {
    let guess = match &told.encoding {
        Some(name) => (name.clone(), "as you said"),
        None => guessed(bytes),
    };
    let declared = files::encoding(&guess.0).map_err(|fault| fault.to_string())?;
    let text = Text::detect(bytes, Some(declared)).map_err(|problem| problem.to_string())?;
    let content = bytes.get(text.mark..).unwrap_or_default();
    let (decoded, _) = text.encoding.decode_without_bom_handling(content);
    let reason = if text.mark > 0 { "a byte order mark says so" } else { guess.1 };
    Ok((text.encoding.name().to_lowercase(), reason, Cow::into_owned(decoded)))
}

fn guessed(bytes: &[u8]) -> (String, &'static str) {
    let is_utf8 = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        // A sample may be cut inside a character.
        Err(error) => error.error_len().is_none(),
    };
    if is_utf8 && bytes.is_ascii() {
        return ("utf-8".to_owned(), "there are no accents in it, so that any encoding would do");
    }
    if is_utf8 {
        return ("utf-8".to_owned(), "its accents are UTF-8");
    }
    let count = |wanted: fn(&u8) -> bool| bytes.iter().filter(|byte| wanted(byte)).count();
    // é, è, à, ç of CP850 are control characters or punctuation of windows-1252.
    let of_dos = count(|byte| matches!(byte, 0x82 | 0x85 | 0x87 | 0x8A | 0x88));
    let of_windows = count(|byte| matches!(byte, 0xE0..=0xFC | 0xC0..=0xDC));
    if of_dos > of_windows {
        return (
            "windows-1252".to_owned(),
            "A GUESS THAT DOES NOT FIT: its accents look like those of DOS (CP850); export it in another encoding",
        );
    }
    ("windows-1252".to_owned(), "it is no UTF-8, and its accents are those of windows-1252")
}

/// The delimiter with which most lines have the same number of values, more than one.
fn likely_delimiter(lines: &[&str]) -> char {
    let score = |delimiter: char| {
        let mut counts: Vec<usize> =
            lines.iter().map(|line| split(line, delimiter)).filter(|count| *count > 1).collect();
        counts.sort_unstable();
        let longest = counts.chunk_by(|left, right| left == right).map(<[usize]>::len).max();
        longest.unwrap_or_default()
    };
    let best = DELIMITERS.into_iter().map(score).max().unwrap_or_default();
    DELIMITERS.into_iter().find(|delimiter| score(*delimiter) == best).unwrap_or(',')
}

/// How many values a line has.
fn split(line: &str, delimiter: char) -> usize {
    let (mut quoted, mut count) = (false, 1);
    for character in line.chars() {
        quoted ^= character == '"';
        count += usize::from(character == delimiter && !quoted);
    }
    count
}

/// A row with the line that it starts in.
struct Row {
    line: usize,
    values: Vec<String>,
}

/// The rows of a text; quotes may span lines, and blank lines are no rows.
fn records(text: &str, delimiter: char) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = Row { line: 1, values: vec![String::new()] };
    let (mut line, mut quoted) = (1, false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        line += usize::from(character == '\n');
        let is_start = row.values.last().is_none_or(String::is_empty);
        let value = row.values.last_mut();
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => {
                value.into_iter().for_each(|value| value.push('"'))
            }
            '"' if quoted || is_start => quoted = !quoted,
            _ if quoted => value.into_iter().for_each(|value| value.push(character)),
            '\r' if characters.peek() == Some(&'\n') => {}
            '\n' | '\r' => {
                let done = std::mem::replace(&mut row, Row { line, values: vec![String::new()] });
                rows.extend(Some(done).filter(has_content));
            }
            _ if character == delimiter => row.values.push(String::new()),
            _ => value.into_iter().for_each(|value| value.push(character)),
        }
        if rows.len() >= ROWS_MAX {
            return rows;
        }
    }
    rows.extend(Some(row).filter(has_content));
    rows
}

fn has_content(row: &Row) -> bool {
    row.values.iter().any(|value| !value.trim().is_empty())
}

/// Whether a row has the usual number of values, and most of them are there: titles above a table leave them blank.
fn is_full(row: &Row, width: usize) -> bool {
    let filled = row.values.iter().filter(|value| !value.trim().is_empty()).count();
    row.values.len() == width && filled * 2 > width
}

/// The number of values that most rows have.
fn usual_width(rows: &[Row]) -> usize {
    let mut widths: Vec<usize> = rows.iter().map(|row| row.values.len()).collect();
    widths.sort_unstable();
    let longest = widths.chunk_by(|left, right| left == right).max_by_key(|chunk| chunk.len());
    longest.and_then(|chunk| chunk.first().copied()).unwrap_or(1)
}

/// Whether a row names columns: every value has a letter, hardly any is empty, and none looks like data.
fn is_header(values: &[String]) -> bool {
    let named = values.iter().filter(|value| !value.trim().is_empty());
    let count = named.clone().count();
    let looks_like_a_name =
        |value: &String| value.chars().any(char::is_alphabetic) && !value.contains('@') && value.chars().count() <= 60;
    count * 2 > values.len() && named.clone().all(looks_like_a_name)
}

/// Names without white space at their ends; a name that stands twice gets a number, as the connector would refuse it.
fn unique(names: &[String]) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    for name in names {
        let name = name.trim();
        let mut unique = name.to_owned();
        let mut number = 2;
        while !unique.is_empty() && known.contains(&unique) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        known.push(unique);
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn sample(bytes: &[u8]) -> Sample {
        Sample::of(bytes, &Told::default()).unwrap()
    }

    #[test]
    fn encodings_are_guessed() {
        let check = |bytes: &[u8], expected: &str| assert_eq!(sample(bytes).encoding, expected);
        check("NOM;VILLE\nDupont;Orléans\n".as_bytes(), "utf-8");
        check(b"NOM;VILLE\nDupont;Orl\xe9ans\n", "windows-1252");
        check(b"\xef\xbb\xbfNOM;VILLE\n", "utf-8");
        check(b"NOM;VILLE\n", "utf-8");
        assert!(sample(b"NOM;VILLE\nDupont;Orl\x82ans\n").encoding_reason.contains("CP850"));
        assert!(Sample::of(b"PK\x03\x04", &Told::default()).is_err_and(|reason| reason.contains("zip")));
    }

    #[test]
    fn header_and_delimiter_are_found_behind_a_preamble() {
        let text = "Export du 22/11/2026\nSociété Dupont\n\nCode;Nom;Solde\nC1;\"Dupont; Fils\";1,50\nC2;\"a \"\"b\"\"\nc\";2\nC3;x\n";
        let sample = sample(text.as_bytes());
        assert_eq!((sample.delimiter, sample.header), (';', Some(4)));
        assert_eq!(sample.columns, ["Code", "Nom", "Solde"]);
        assert_eq!(sample.rows, [["C1", "Dupont; Fils", "1,50"], ["C2", "a \"b\"\nc", "2"]]);
        assert_eq!(sample.ragged, 1);
    }

    #[test]
    fn a_file_without_header_gets_numbered_columns() {
        let sample = sample(b"1\tDupont\t2024-01-01\n2\tDurand\t2024-01-02\n");
        assert_eq!((sample.delimiter, sample.header), ('\t', None));
        assert_eq!(sample.columns, ["column 1", "column 2", "column 3"]);
        assert_eq!(sample.rows.len(), 2);
    }

    #[test]
    fn a_name_that_stands_twice_gets_a_number() {
        let sample = sample(b"ID,NAME,NAME\n1,a,b\n");
        assert_eq!(sample.columns, ["ID", "NAME", "NAME_2"]);
    }
}
