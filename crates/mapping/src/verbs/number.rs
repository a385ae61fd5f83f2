//! Numbers in any national style.

use std::borrow::Cow;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};

use super::{Short, overpunch};
use crate::error::Problem;

/// More digits than this do not fit an exact decimal.
const DIGITS_MAX: usize = 28;

/// At most so many of the last digits are decimals without a separator.
pub(crate) const IMPLIED_DECIMALS_MAX: u32 = 9;

/// A number of JSON has lost its exponent before it comes here; in a text it is a sign of lost digits, or no decimal at all.
const SCIENTIFIC: &str = "it is in scientific notation, as no decimal is; export the number in full";

/// How negative numbers are written. All forms are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Negative {
    #[default]
    Leading,
    Trailing,
    Parentheses,
}

/// A style of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NumberStyle {
    /// The decimal separator.
    pub decimal: char,
    /// The group separator; `None` when numbers have none.
    pub group: Option<char>,
    /// Whether groups are written as well as read.
    pub write_groups: bool,
    /// Only whole numbers.
    pub integer: bool,
    /// Round to exactly so many decimals when writing.
    pub decimals: Option<u32>,
    /// Write at least so many decimals.
    pub decimals_min: u32,
    /// So many of the last digits are decimals, without a separator: cents.
    pub implied_decimals: u32,
    /// How negative numbers are written.
    pub negative: Negative,
    /// The last digit carries the sign.
    pub overpunch: bool,
    /// What stands before or behind a number and tells its sign, as `DR` and `CR` do.
    pub signs: Option<Box<SignWords>>,
}

/// The words that stand beside a number and tell its sign. Of each, the first is written, behind the number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignWords {
    pub minus: Vec<Box<str>>,
    /// An empty word stands for none.
    pub plus: Vec<Box<str>>,
}

impl SignWords {
    /// Takes the word off, and tells whether the number is negative; `None` when there is none of the words.
    fn take<'t>(&self, text: &'t str) -> Option<(bool, &'t str)> {
        let without = |word: &str| {
            let rest = text.strip_suffix(word).or_else(|| text.strip_prefix(word));
            rest.filter(|_| !word.is_empty()).map(str::trim)
        };
        let minus = self.minus.iter().find_map(|word| without(word)).map(|rest| (true, rest));
        let plus = || self.plus.iter().find_map(|word| without(word)).map(|rest| (false, rest));
        let none = || self.plus.iter().any(|word| word.is_empty()).then_some((false, text));
        minus.or_else(plus).or_else(none)
    }

    fn written(&self, is_negative: bool) -> &str {
        let words = if is_negative { &self.minus } else { &self.plus };
        words.first().map_or("", |word| word)
    }
}

impl Default for NumberStyle {
    fn default() -> Self {
        NumberStyle {
            decimal: '.',
            group: None,
            write_groups: false,
            integer: false,
            decimals: None,
            decimals_min: 0,
            implied_decimals: 0,
            negative: Negative::Leading,
            overpunch: false,
            signs: None,
        }
    }
}

fn problem(reason: &'static str) -> Problem {
    Problem::new("mapping.number", reason)
}

/// Whether `character` is the group separator `group`: a space stands for every kind of space, an apostrophe for both.
fn separates(group: char, character: char) -> bool {
    match group {
        ' ' => matches!(character, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}'),
        '\'' => matches!(character, '\'' | '\u{2019}'),
        other => character == other,
    }
}

/// Takes the sign off, in any of its forms: leading, trailing, parentheses.
fn take_sign(text: &str) -> (bool, &str) {
    let is_minus = |character| matches!(character, '-' | '\u{2212}');
    if let Some(inside) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        return (true, inside.trim());
    }
    if let Some(rest) = text.strip_prefix(is_minus) {
        return (true, rest.trim_start());
    }
    if let Some(rest) = text.strip_suffix(is_minus) {
        return (true, rest.trim_end());
    }
    (false, text.strip_prefix('+').or_else(|| text.strip_suffix('+')).unwrap_or(text).trim())
}

/// The digits of a number while it is read.
struct Digits {
    short: Short,
    /// Significant digits so far.
    count: usize,
    /// Decimals so far, once the separator was seen.
    decimals: Option<usize>,
    /// Digits since the last group separator, once there was one.
    group: Option<usize>,
    any: bool,
}

impl Digits {
    fn new(negative: bool) -> Self {
        let mut short = Short::new();
        if negative {
            short.push(b'-');
        }
        Digits { short, count: 0, decimals: None, group: None, any: false }
    }

    fn digit(&mut self, digit: u8) -> Result<(), Problem> {
        self.any = true;
        if let Some(group) = &mut self.group {
            *group += 1;
        }
        match &mut self.decimals {
            Some(decimals) => *decimals += 1,
            // Leading zeros say nothing.
            None if self.count == 0 && digit == b'0' => return Ok(()),
            None => {}
        }
        self.count += 1;
        if self.count > DIGITS_MAX || !self.short.push(digit) {
            return Err(problem("a number has at most 28 digits"));
        }
        Ok(())
    }

    fn point(&mut self) -> Result<(), Problem> {
        if self.decimals.is_some() {
            return Err(problem("there is more than one decimal separator"));
        }
        self.close_group()?;
        if self.count == 0 {
            self.short.push(b'0');
        }
        self.short.push(b'.');
        self.decimals = Some(0);
        Ok(())
    }

    fn separator(&mut self) -> Result<(), Problem> {
        if self.decimals.is_some() || !self.any {
            return Err(problem("a group separator stands where no group ends"));
        }
        self.close_group()?;
        self.group = Some(0);
        Ok(())
    }

    fn close_group(&self) -> Result<(), Problem> {
        match self.group {
            None | Some(3) => Ok(()),
            Some(_) => Err(problem("a group of digits does not have three; check decimal and group")),
        }
    }

    fn finish(mut self) -> Result<Short, Problem> {
        if !self.any {
            return Err(problem("there is no digit"));
        }
        match self.decimals {
            None => {
                self.close_group()?;
                if self.count == 0 {
                    self.short.push(b'0');
                }
            }
            Some(0) => self.short.length -= 1,
            Some(_) => {}
        }
        let is_zero = self.short.as_str().bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'));
        if is_zero && let Some(positive) = self.short.as_str().strip_prefix('-') {
            return Short::of(positive).ok_or_else(|| problem("a number has at most 28 digits"));
        }
        Ok(self.short)
    }
}

impl NumberStyle {
    /// Reads a number into its canonical text: no group, a point, a leading minus, no leading zero.
    pub(crate) fn read(&self, raw: &str) -> Result<Short, Problem> {
        if self.overpunch || self.signs.is_some() {
            return self.read_with_sign(raw);
        }
        self.read_plain(raw)
    }

    /// A number whose sign is told otherwise than by a minus.
    fn read_with_sign(&self, raw: &str) -> Result<Short, Problem> {
        if self.overpunch {
            return self.read_plain(&overpunch::read(raw));
        }
        let taken = self.signs.as_ref().and_then(|signs| signs.take(raw));
        let (is_negative, text) = taken.ok_or_else(|| {
            Problem::new("mapping.sign", "beside the number stands none of the words in minus and plus")
        })?;
        let number = self.read_plain(text)?;
        if !is_negative || normal(&number) == "0" {
            return Ok(number);
        }
        let turned = match number.strip_prefix('-') {
            Some(positive) => Short::of(positive),
            None => Short::of(format_args!("-{}", &*number)),
        };
        turned.ok_or_else(|| problem("a number has at most 28 digits"))
    }

    fn read_plain(&self, raw: &str) -> Result<Short, Problem> {
        let (negative, text) = take_sign(raw);
        let mut digits = Digits::new(negative);
        for character in text.chars() {
            match character {
                '0'..='9' => digits.digit(character as u8)?,
                _ if character == self.decimal => digits.point()?,
                _ if self.group.is_some_and(|group| separates(group, character)) => digits.separator()?,
                'e' | 'E' if digits.any => return Err(problem(SCIENTIFIC)),
                _ => return Err(self.unexpected(character)),
            }
        }
        let short = digits.finish()?;
        self.settle(short)
    }

    fn unexpected(&self, character: char) -> Problem {
        match character {
            ',' => problem("there is a comma; say decimal = \",\" or group = \",\""),
            '.' => problem("there is a point; say decimal = \".\" or group = \".\""),
            _ if character.is_whitespace() => problem("there is a space inside; say group = \" \""),
            _ => problem("a character does not belong into a number"),
        }
    }

    /// Applies implied decimals and the demand for a whole number.
    fn settle(&self, short: Short) -> Result<Short, Problem> {
        if self.implied_decimals > 0 {
            let number = parse(&short)?;
            let shifted = number * Decimal::new(1, self.implied_decimals);
            return Short::of(shifted).ok_or_else(|| problem("a number has at most 28 digits"));
        }
        if self.integer {
            let text = short.as_str();
            let whole = text.split('.').next().unwrap_or_default();
            let is_whole = text[whole.len()..].bytes().all(|byte| matches!(byte, b'.' | b'0'));
            return Short::of(whole).filter(|_| is_whole).ok_or_else(|| problem("a whole number is wanted"));
        }
        Ok(short)
    }

    /// Writes canonical text in this style.
    pub(crate) fn write<'c>(&self, canonical: &'c str) -> Result<Cow<'c, str>, Problem> {
        let mut number = Decimal::from_str(canonical).map_err(|_| problem("the document holds no number here"))?;
        if self.implied_decimals > 0 {
            let factor = Decimal::from(10_i64.pow(self.implied_decimals));
            number = number.checked_mul(factor).ok_or_else(|| problem("a number has at most 28 digits"))?;
        }
        if let Some(decimals) = self.decimals.or((self.implied_decimals > 0 || self.integer).then_some(0)) {
            if self.integer && !number.fract().is_zero() {
                return Err(problem("the system takes whole numbers only"));
            }
            number = number.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
        }
        let plain = number.abs().to_string();
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let mut written = String::with_capacity(plain.len() + 8);
        self.push_whole(whole, &mut written);
        let decimals_min = self.decimals.unwrap_or(self.decimals_min) as usize;
        if !fraction.is_empty() || decimals_min > 0 {
            written.push(self.decimal);
            written.push_str(fraction);
            written.extend(std::iter::repeat_n('0', decimals_min.saturating_sub(fraction.len())));
        }
        let negative = number.is_sign_negative() && !number.is_zero();
        if self.overpunch {
            return Ok(Cow::Owned(overpunch::write(&written, negative)));
        }
        if let Some(signs) = &self.signs {
            let word = signs.written(negative);
            let space = if word.is_empty() { "" } else { " " };
            return Ok(Cow::Owned(format!("{written}{space}{word}")));
        }
        Ok(Cow::Owned(match (negative, self.negative) {
            (false, _) => written,
            (true, Negative::Leading) => format!("-{written}"),
            (true, Negative::Trailing) => format!("{written}-"),
            (true, Negative::Parentheses) => format!("({written})"),
        }))
    }

    fn push_whole(&self, whole: &str, written: &mut String) {
        let separator = self.group.filter(|_| self.write_groups);
        for (index, digit) in whole.chars().enumerate() {
            if let Some(separator) = separator
                && index > 0
                && (whole.len() - index).is_multiple_of(3)
            {
                written.push(separator);
            }
            written.push(digit);
        }
    }

    pub(crate) fn is_lossy(&self) -> bool {
        self.decimals.is_some() || self.implied_decimals > 0
    }
}

/// The number behind canonical text.
pub(crate) fn parse(canonical: &str) -> Result<Decimal, Problem> {
    Decimal::from_str(canonical).map_err(|_| problem("this is no number"))
}

/// The normal form of a canonical number: without zeros that say nothing. Other text stays as it is.
pub(crate) fn normal(canonical: &str) -> Cow<'_, str> {
    let trimmed = match canonical.split_once('.') {
        Some((whole, fraction)) => {
            let zeros = fraction.len() - fraction.trim_end_matches('0').len();
            let cut = if zeros == fraction.len() { whole.len() } else { canonical.len() - zeros };
            &canonical[..cut]
        }
        None => canonical,
    };
    Cow::Borrowed(if trimmed == "-0" { "0" } else { trimmed })
}

impl Short {
    /// The absolute value of a canonical number, and whether it was negative.
    pub(crate) fn magnitude(self) -> (bool, Short) {
        match self.as_str().strip_prefix('-').map(Short::of) {
            Some(Some(positive)) => (true, positive),
            _ => (false, self),
        }
    }
}

impl std::ops::Deref for Short {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}
