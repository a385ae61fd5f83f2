//! Reading a value from text that is known to be JSON, in one pass and without numbers turning into anything else.

use serde_json::value::RawValue;

use super::{Json, JsonError, Members, Number};

/// Reads a value. That the text is JSON was found before, so that nothing here looks at its syntax again.
pub(super) fn value(raw: &RawValue) -> Result<Json, JsonError> {
    Reader { rest: raw.get() }.value(0)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        Ok(match self.peek() {
            Some(b'{') => Json::Object(self.members(depth + 1)?),
            Some(b'[') => Json::Array(self.items(depth + 1)?),
            Some(b'"') => Json::String(self.text()?),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word("null", Json::Null),
        })
    }

    fn members(&mut self, depth: usize) -> Result<Members, JsonError> {
        let mut members = Vec::new();
        self.open(depth)?;
        while !self.closes(b'}') {
            let name = self.text()?;
            self.peek();
            self.skip(1);
            members.push((name, self.value(depth)?));
        }
        Ok(members.into_iter().collect())
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Json>, JsonError> {
        let mut items = Vec::new();
        self.open(depth)?;
        while !self.closes(b']') {
            items.push(self.value(depth)?);
        }
        Ok(items)
    }

    fn open(&mut self, depth: usize) -> Result<(), JsonError> {
        self.skip(1);
        if depth > Json::DEPTH_MAX { Err(JsonError::TooDeep) } else { Ok(()) }
    }

    /// Passes over a comma, or over the end of a list or object, which it tells. So does the end of the text.
    fn closes(&mut self, end: u8) -> bool {
        match self.peek() {
            Some(b',') => {
                self.skip(1);
                self.peek();
                false
            }
            Some(byte) if byte != end => false,
            _ => {
                self.skip(1);
                true
            }
        }
    }

    fn text(&mut self) -> Result<String, JsonError> {
        let bytes = self.rest.as_bytes();
        let mut end = 1;
        let mut is_escaped = false;
        while let Some(byte) = bytes.get(end).filter(|byte| **byte != b'"') {
            is_escaped |= *byte == b'\\';
            end += if *byte == b'\\' { 2 } else { 1 };
        }
        let quoted = self.take(end + 1);
        if is_escaped {
            return serde_json::from_str(quoted).map_err(|_| JsonError::Text);
        }
        Ok(quoted.trim_matches('"').to_owned())
    }

    fn number(&mut self) -> Json {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let end = self.rest.bytes().position(|byte| !is_part(&byte)).unwrap_or(self.rest.len());
        Json::Number(Number::checked(self.take(end)))
    }

    fn word(&mut self, word: &str, value: Json) -> Json {
        self.skip(word.len());
        value
    }

    /// The first byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.rest.bytes().next()
    }

    fn skip(&mut self, count: usize) {
        self.take(count);
    }

    fn take(&mut self, count: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}
