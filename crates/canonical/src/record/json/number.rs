//! Numbers by their text.

use std::borrow::Cow;
use std::fmt;

/// A JSON number of any precision, by the text that it came with.
///
/// Two numbers are equal when they have exactly the same value, however they are written. One whose exponent does not
/// fit into 64 bits equals only the same text.
#[derive(Clone)]
pub struct Number(Box<str>);

/// A number is written without its exponent only up to so many digits: `1e400000000` stays as it came.
const PLAIN_DIGITS_MAX: u64 = 128;

/// A value as `digits × 10^exponent`; zero has no digits.
#[derive(PartialEq)]
struct Exact {
    is_negative: bool,
    /// Without zeros at either end.
    digits: String,
    exponent: i64,
}

impl Number {
    /// The number that a text writes as RFC 8259 wants it; `None` when it does not.
    pub fn new(text: &str) -> Option<Self> {
        is_number(text).then(|| Number(text.into()))
    }

    /// A text that was checked before.
    pub(super) fn checked(text: &str) -> Self {
        Number(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number, if it is a whole one from 0 that fits.
    pub fn as_u64(&self) -> Option<u64> {
        self.plain().parse().ok()
    }

    /// The number without an exponent, as everything but JSON expects numbers: `1.5e3` is `1500`.
    /// The text stands as it came when it has no exponent, or when it would have more than 128 digits.
    pub fn plain(&self) -> Cow<'_, str> {
        if !self.0.contains(['e', 'E']) {
            return Cow::Borrowed(&self.0);
        }
        self.exact().and_then(|exact| exact.plain()).map_or(Cow::Borrowed(&self.0), Cow::Owned)
    }

    fn exact(&self) -> Option<Exact> {
        let (is_negative, text) = match self.0.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, &*self.0),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        let digits = digits.trim_start_matches('0');
        let shortened = digits.trim_end_matches('0');
        if shortened.is_empty() {
            return Some(Exact { is_negative: false, digits: String::new(), exponent: 0 });
        }
        let zeros = i64::try_from(digits.len() - shortened.len()).ok()?;
        let exponent: i64 = exponent.parse().ok()?;
        let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(zeros)?;
        Some(Exact { is_negative, digits: shortened.to_owned(), exponent })
    }
}

impl Exact {
    fn plain(&self) -> Option<String> {
        let shift = self.exponent.unsigned_abs();
        let count = u64::try_from(self.digits.len()).ok()?;
        if shift.checked_add(count)? > PLAIN_DIGITS_MAX {
            return None;
        }
        let shift = usize::try_from(shift).ok()?;
        let sign = if self.is_negative { "-" } else { "" };
        let digits = &self.digits;
        Some(match digits.len().checked_sub(shift).filter(|point| *point > 0) {
            _ if digits.is_empty() => "0".to_owned(),
            _ if self.exponent >= 0 => format!("{sign}{digits}{}", "0".repeat(shift)),
            Some(point) => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
            None => format!("{sign}0.{}{digits}", "0".repeat(shift - digits.len())),
        })
    }
}

/// Whether a text is a number of RFC 8259, section 6.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(are_digits)
        && exponent.is_none_or(|exponent| are_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.exact().is_some_and(|exact| Some(exact) == other.exact())
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Number(number.to_string().into())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
