//! The characters that structure a line, checked, and splitting a line into values.

use connector::Fault;
use memchr::{memchr, memchr_iter};

/// The characters that structure a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub delimiter: u8,
    pub quote: Option<u8>,
}

impl Dialect {
    pub fn new(delimiter: char, quote: &str) -> Result<Self, Fault> {
        let single = |character: char| {
            u8::try_from(character).ok().filter(|byte| byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0))
        };
        let delimiter = single(delimiter).ok_or_else(|| Fault::halt("delimiter must be one ASCII character"))?;
        let mut characters = quote.chars();
        let quote = match (characters.next(), characters.next()) {
            (None, _) => None,
            (Some(character), None) if character.is_ascii() => single(character),
            _ => return Err(Fault::halt("quote must be one ASCII character, or empty for none")),
        };
        if quote == Some(delimiter) {
            return Err(Fault::halt("delimiter and quote must be different characters"));
        }
        Ok(Dialect { delimiter, quote })
    }

    /// Whether there is nothing but delimiters and blanks on a line.
    pub fn is_blank(&self, line: &str) -> bool {
        // Most lines begin with content; the rest is looked at only where the first character says nothing.
        let empty = |byte: u8| byte == self.delimiter || byte.is_ascii_whitespace() || Some(byte) == self.quote;
        line.bytes().all(empty)
    }
}

/// The values of one record, unquoted. It is reused from record to record, so that none of them allocates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    unquoted: String,
    ends: Vec<usize>,
}

impl Values {
    /// Splits a record. Quotes were found to be balanced when the record was found.
    pub fn split<'a>(&'a mut self, dialect: Dialect, line: &'a str) -> Split<'a> {
        let quoted = dialect.quote.filter(|quote| memchr(*quote, line.as_bytes()).is_some());
        let Some(quote) = quoted else { return Split::Plain { line, delimiter: dialect.delimiter } };
        self.unquoted.clear();
        self.ends.clear();
        let mut rest = line;
        loop {
            rest = self.value(rest, dialect.delimiter, quote);
            self.ends.push(self.unquoted.len());
            match rest.as_bytes().first() {
                Some(_) => rest = &rest[1..],
                None => return Split::Unquoted(self),
            }
        }
    }

    /// Takes one value from the front; returns what follows it, beginning with a delimiter if there is more.
    fn value<'a>(&mut self, text: &'a str, delimiter: u8, quote: u8) -> &'a str {
        let bytes = text.as_bytes();
        if bytes.first() != Some(&quote) {
            let end = memchr(delimiter, bytes).unwrap_or(bytes.len());
            self.unquoted.push_str(&text[..end]);
            return &text[end..];
        }
        let mut at = 1;
        while let Some(found) = memchr(quote, &bytes[at..]) {
            self.unquoted.push_str(&text[at..at + found]);
            at += found + 1;
            if bytes.get(at) != Some(&quote) {
                return &text[at..];
            }
            self.unquoted.push(quote as char);
            at += 1;
        }
        self.unquoted.push_str(&text[at..]);
        ""
    }
}

/// A record that was split into values.
pub(crate) enum Split<'a> {
    /// Without a quote anywhere: values are slices of the line.
    Plain { line: &'a str, delimiter: u8 },
    /// With quotes: values were copied.
    Unquoted(&'a Values),
}

impl<'a> Split<'a> {
    pub fn iter(&self) -> SplitValues<'a> {
        match self {
            Split::Plain { line, delimiter } => SplitValues::Plain { rest: Some(line), delimiter: *delimiter },
            Split::Unquoted(values) => SplitValues::Unquoted { values, at: 0, start: 0 },
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Split::Plain { line, delimiter } => memchr_iter(*delimiter, line.as_bytes()).count() + 1,
            Split::Unquoted(values) => values.ends.len(),
        }
    }
}

/// The values of a record, one after the other.
pub(crate) enum SplitValues<'a> {
    Plain { rest: Option<&'a str>, delimiter: u8 },
    Unquoted { values: &'a Values, at: usize, start: usize },
}

impl<'a> Iterator for SplitValues<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        match self {
            SplitValues::Plain { rest, delimiter } => {
                let text = (*rest)?;
                match memchr(*delimiter, text.as_bytes()) {
                    Some(at) => {
                        *rest = Some(&text[at + 1..]);
                        Some(&text[..at])
                    }
                    None => rest.take(),
                }
            }
            SplitValues::Unquoted { values, at, start } => {
                let end = *values.ends.get(*at)?;
                let value = &values.unquoted[*start..end];
                (*at, *start) = (*at + 1, end);
                Some(value)
            }
        }
    }
}
