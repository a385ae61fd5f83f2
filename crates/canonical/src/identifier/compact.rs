//! An identifier without separators, in upper case, on the stack.

use super::Reason;

/// Longer than any identifier: an IBAN has 34 characters at most.
const CAPACITY: usize = 40;

/// ASCII bytes without separators, in upper case.
pub(super) struct Compact {
    bytes: [u8; CAPACITY],
    length: usize,
}

impl Compact {
    /// Leaves out spaces of every width, points, hyphens, slashes, colons and commas.
    pub(super) fn new(value: &str) -> Result<Self, Reason> {
        let mut compact = Self { bytes: [0; CAPACITY], length: 0 };
        for character in value.chars() {
            if is_separator(character) {
                continue;
            }
            let byte = u8::try_from(character).ok().filter(u8::is_ascii_graphic).ok_or(Reason::Character)?;
            compact.push(byte.to_ascii_uppercase())?;
        }
        if compact.length == 0 { Err(Reason::Empty) } else { Ok(compact) }
    }

    fn push(&mut self, byte: u8) -> Result<(), Reason> {
        *self.bytes.get_mut(self.length).ok_or(Reason::Length)? = byte;
        self.length += 1;
        Ok(())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    pub(super) fn as_str(&self) -> &str {
        // Only ASCII was pushed, so this never falls back.
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// Puts other text in the place of `range`.
    pub(super) fn replace(&mut self, range: std::ops::Range<usize>, with: &[u8]) -> Result<(), Reason> {
        let tail = self.bytes;
        let rest = &tail[range.end..self.length];
        self.length = range.start;
        with.iter().chain(rest).try_for_each(|byte| self.push(*byte))
    }
}

fn is_separator(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '.' | '-' | '/' | ':' | ',' | '\u{ad}' | '\u{200b}' | '\u{2010}'..='\u{2015}')
}
