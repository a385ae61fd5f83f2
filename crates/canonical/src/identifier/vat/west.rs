//! Austria, Belgium, Germany, Italy, Luxembourg, the Netherlands, Portugal and Spain.

use crate::identifier::Reason;
use crate::identifier::checksum::{digits, hold, luhn, modulo_11_10, modulo_97, number, weighted};

pub(super) fn austria(bytes: &[u8]) -> Result<(), Reason> {
    let [b'U', rest @ ..] = bytes else {
        return Err(Reason::Character);
    };
    let digits = digits::<8>(rest)?;
    hold((16 - luhn(&digits[..7])) % 10 == digits[7])
}

/// Ten digits; the last two are 97 less the rest of the others.
pub(super) fn belgium(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<10>(bytes)?;
    if digits[0] > 1 {
        return Err(Reason::Unassigned);
    }
    hold((number(&digits[..8]) + number(&digits[8..])).is_multiple_of(97))
}

pub(super) fn germany(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<9>(bytes)?;
    if digits[0] == 0 {
        return Err(Reason::Unassigned);
    }
    hold(modulo_11_10(&digits) == 1)
}

/// Seven digits of the business, three of the province, one of Luhn.
pub(super) fn italy(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<11>(bytes)?;
    let province = number(&digits[7..10]);
    if number(&digits[..7]) == 0 || !matches!(province, 1..=100 | 120 | 121 | 888 | 999) {
        return Err(Reason::Unassigned);
    }
    hold(luhn(&digits) == 0)
}

pub(super) fn luxembourg(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<8>(bytes)?;
    hold(number(&digits[..6]) % 89 == number(&digits[6..]))
}

/// Nine digits, `B`, two digits: either the digits pass the eleven test of companies,
/// or the whole passes modulo 97, as numbers of sole traders do since 2020.
pub(super) fn netherlands(bytes: &[u8]) -> Result<(), Reason> {
    if bytes.len() != 12 {
        return Err(Reason::Length);
    }
    let company = digits::<9>(&bytes[..9])?;
    let branch = digits::<2>(&bytes[10..])?;
    if bytes[9] != b'B' {
        return Err(Reason::Character);
    }
    if company == [0; 9] || branch == [0; 2] {
        return Err(Reason::Unassigned);
    }
    let eleven = weighted(&company[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == company[8];
    hold(eleven || modulo_97(b"NL".iter().chain(bytes))? == 1)
}

pub(super) fn portugal(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<9>(bytes)?;
    if digits[0] == 0 {
        return Err(Reason::Unassigned);
    }
    let sum = weighted(&digits[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    hold((11 - sum) % 11 % 10 == digits[8])
}

/// Letters that follow the number of a Spaniard, by the number modulo 23.
const SPANISH_PERSON: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
/// Letters that may stand for the check digit of a Spanish organisation.
const SPANISH_ORGANISATION: &[u8; 10] = b"JABCDEFGHI";

/// Nine characters: a person's number with a letter behind, a foreigner's with a letter on both ends,
/// or an organisation's with a letter in front and a check digit or letter behind.
pub(super) fn spain(bytes: &[u8]) -> Result<(), Reason> {
    let [first, middle @ .., last] = bytes else {
        return Err(Reason::Length);
    };
    let digits = digits::<7>(middle)?;
    let person = |lead: u64| hold(SPANISH_PERSON[((lead * 10_000_000 + number(&digits)) % 23) as usize] == *last);
    match first {
        b'K' | b'L' | b'M' => person(0),
        b'0'..=b'9' => person(u64::from(first - b'0')),
        b'X'..=b'Z' => person(u64::from(first - b'X')),
        b'A'..=b'H' | b'J' | b'N' | b'P'..=b'S' | b'U' | b'V' | b'W' => {
            let check = (10 - luhn(&[&digits[..], &[0]].concat())) % 10;
            hold(u32::from(*last) == u32::from(b'0') + check || *last == SPANISH_ORGANISATION[check as usize])
        }
        _ => Err(Reason::Character),
    }
}
