//! Overpunched numbers: the last digit carries the sign, as on punched cards and in the files of French banks.

use std::borrow::Cow;

/// The signs of a positive last digit, from 0 to 9.
const POSITIVE: &[u8; 10] = b"{ABCDEFGHI";

/// The signs of a negative last digit, from 0 to 9.
const NEGATIVE: &[u8; 10] = b"}JKLMNOPQR";

/// The number with a plain last digit and a leading minus where it is negative.
/// A number whose last character is a digit is taken as it is: some programs punch negative numbers only.
pub(super) fn read(raw: &str) -> Cow<'_, str> {
    let Some(last) = raw.as_bytes().last() else { return Cow::Borrowed(raw) };
    let digit_of = |signs: &[u8; 10]| signs.iter().position(|sign| sign == last);
    let (sign, digit) = match (digit_of(POSITIVE), digit_of(NEGATIVE)) {
        (Some(digit), _) => ("", digit),
        (None, Some(digit)) => ("-", digit),
        (None, None) => return Cow::Borrowed(raw),
    };
    // The last byte is ASCII, so that a character ends before it.
    Cow::Owned(format!("{sign}{}{digit}", &raw[..raw.len() - 1]))
}

/// Digits with the sign put into the last one.
pub(super) fn write(digits: &str, is_negative: bool) -> String {
    let signs = if is_negative { NEGATIVE } else { POSITIVE };
    let mut written = digits.to_owned();
    if let Some(digit) = written.pop().and_then(|last| last.to_digit(10)) {
        written.push(char::from(signs[digit as usize]));
    }
    written
}
