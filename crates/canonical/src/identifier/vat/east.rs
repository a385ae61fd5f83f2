//! Bulgaria, Croatia, Cyprus, Czechia, Estonia, Greece, Hungary, Latvia, Lithuania, Malta, Poland, Romania,
//! Slovakia and Slovenia.

use jiff::civil::Date;

use crate::identifier::Reason;
use crate::identifier::checksum::{digits, hold, modulo_11_10, number, weighted};

fn is_date(year: u64, month: u64, day: u64) -> bool {
    let (Ok(year), Ok(month), Ok(day)) = (i16::try_from(year), i8::try_from(month), i8::try_from(day)) else {
        return false;
    };
    Date::new(year, month, day).is_ok()
}

/// Nine digits for organisations; ten for citizens, foreigners and others, each with a sum of its own.
pub(super) fn bulgaria(bytes: &[u8]) -> Result<(), Reason> {
    if bytes.len() == 10 {
        let digits = digits::<10>(bytes)?;
        let others = (11 - weighted(&digits[..9], &[4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        let foreigner = weighted(&digits[..9], &[21, 19, 17, 13, 11, 9, 7, 3, 1]) % 10;
        return hold(others == digits[9] || foreigner == digits[9] || is_bulgarian_citizen(&digits));
    }
    let digits = digits::<9>(bytes)?;
    let first = weighted(&digits[..8], &[1, 2, 3, 4, 5, 6, 7, 8]) % 11;
    let check = if first == 10 { weighted(&digits[..8], &[3, 4, 5, 6, 7, 8, 9, 10]) % 11 % 10 } else { first };
    hold(check == digits[8])
}

fn is_bulgarian_citizen(digits: &[u32; 10]) -> bool {
    let (year, month, day) = (number(&digits[..2]), number(&digits[2..4]), number(&digits[4..6]));
    // The century is told by the month: 20 more before 1900, 40 more since 2000.
    let (century, month) = match month {
        41.. => (2000, month - 40),
        21.. => (1800, month - 20),
        _ => (1900, month),
    };
    is_date(century + year, month, day) && weighted(&digits[..9], &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == digits[9]
}

pub(super) fn croatia(bytes: &[u8]) -> Result<(), Reason> {
    hold(modulo_11_10(&digits::<11>(bytes)?) == 1)
}

pub(super) fn cyprus(bytes: &[u8]) -> Result<(), Reason> {
    let (last, rest) = bytes.split_last().ok_or(Reason::Length)?;
    let digits = digits::<8>(rest)?;
    if digits[..2] == [1, 2] {
        return Err(Reason::Unassigned);
    }
    let odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
    let value = |(place, digit): (usize, &u32)| if place % 2 == 0 { odd[*digit as usize] } else { *digit };
    let sum: u32 = digits.iter().enumerate().map(value).sum();
    hold(u32::from(*last) == u32::from(b'A') + sum % 26)
}

/// Eight digits for organisations, nine with a leading 6 for special cases, else a citizen's birth number.
pub(super) fn czechia(bytes: &[u8]) -> Result<(), Reason> {
    match (bytes.len(), bytes[0]) {
        (8, _) => {
            let digits = digits::<8>(bytes)?;
            if digits[0] == 9 {
                return Err(Reason::Unassigned);
            }
            let check = (11 - weighted(&digits[..7], &[8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
            hold(if check == 0 { 1 } else { check % 10 } == digits[7])
        }
        (9, b'6') => {
            let digits = digits::<9>(bytes)?;
            let sum = weighted(&digits[1..8], &[8, 7, 6, 5, 4, 3, 2]) % 11;
            hold((18 - (10 - sum) % 11) % 10 == digits[8])
        }
        _ => birth_number(bytes),
    }
}

/// The birth number of Czechs and Slovaks: nine digits until 1953, ten with a check digit since.
fn birth_number(bytes: &[u8]) -> Result<(), Reason> {
    let (digits, is_short): ([u32; 10], bool) = match bytes.len() {
        9 => {
            let short = digits::<9>(bytes)?;
            let mut padded = [0; 10];
            padded[..9].copy_from_slice(&short);
            (padded, true)
        }
        _ => (digits::<10>(bytes)?, false),
    };
    let year = 1900 + number(&digits[..2]);
    // Women have 50 more in the month; 20 more say that the day's numbers ran out.
    let (month, day) = (number(&digits[2..4]) % 50 % 20, number(&digits[4..6]));
    let year = match (is_short, year) {
        (true, 1980..) => year - 100,
        (true, 1954..) => return Err(Reason::Length),
        (false, ..1954) => year + 100,
        _ => year,
    };
    if !is_date(year, month, day) {
        return Err(Reason::Unassigned);
    }
    hold(is_short || number(&digits[..9]) % 11 % 10 == u64::from(digits[9]))
}

pub(super) fn estonia(bytes: &[u8]) -> Result<(), Reason> {
    hold(weighted(&digits::<9>(bytes)?, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10))
}

pub(super) fn greece(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<9>(bytes)?;
    hold(weighted(&digits[..8], &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == digits[8])
}

pub(super) fn hungary(bytes: &[u8]) -> Result<(), Reason> {
    hold(weighted(&digits::<8>(bytes)?, &[9, 7, 3, 1, 9, 7, 3, 1]).is_multiple_of(10))
}

/// Organisations start above 3; persons have a day of birth, or 32 in front since 2017.
pub(super) fn latvia(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<11>(bytes)?;
    if digits[0] > 3 {
        return hold(weighted(&digits, &[9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1]) % 11 == 3);
    }
    let (day, month) = (number(&digits[..2]), number(&digits[2..4]));
    let year = 1800 + 100 * u64::from(digits[6]) + number(&digits[4..6]);
    if digits[..2] != [3, 2] && !is_date(year, month, day) {
        return Err(Reason::Unassigned);
    }
    hold((1 + weighted(&digits[..10], &[10, 5, 8, 4, 2, 1, 6, 3, 7, 9])) % 11 % 10 == digits[10])
}

/// Nine digits for organisations, twelve for persons and temporary registrations; a 1 stands before the check digit.
pub(super) fn lithuania(bytes: &[u8]) -> Result<(), Reason> {
    fn check(digits: &[u32]) -> Result<(), Reason> {
        let Some((last, rest)) = digits.split_last() else {
            return Err(Reason::Length);
        };
        if rest.last() != Some(&1) {
            return Err(Reason::Unassigned);
        }
        let sum = |shift: usize| -> u32 {
            rest.iter().enumerate().map(|(place, digit)| digit * (1 + (place + shift) as u32 % 9)).sum::<u32>() % 11
        };
        let first = sum(0);
        hold(if first == 10 { sum(2) % 10 } else { first } == *last)
    }
    if bytes.len() == 12 { check(&digits::<12>(bytes)?) } else { check(&digits::<9>(bytes)?) }
}

pub(super) fn malta(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<8>(bytes)?;
    if digits[0] == 0 {
        return Err(Reason::Unassigned);
    }
    hold(weighted(&digits, &[3, 4, 6, 7, 8, 9, 10, 1]).is_multiple_of(37))
}

pub(super) fn poland(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<10>(bytes)?;
    hold(weighted(&digits[..9], &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == digits[9])
}

/// Two to ten digits for organisations, thirteen for persons.
pub(super) fn romania(bytes: &[u8]) -> Result<(), Reason> {
    if bytes.len() == 13 {
        return romanian_person(&digits::<13>(bytes)?);
    }
    if !(2..=10).contains(&bytes.len()) {
        return Err(Reason::Length);
    }
    let mut padded = [b'0'; 10];
    padded[10 - bytes.len()..].copy_from_slice(bytes);
    let digits = digits::<10>(&padded)?;
    if bytes[0] == b'0' {
        return Err(Reason::Unassigned);
    }
    hold(weighted(&digits[..9], &[7, 5, 3, 2, 1, 7, 5, 3, 2]) * 10 % 11 % 10 == digits[9])
}

/// A century and sex, a day of birth, a county, three digits and a check digit.
fn romanian_person(digits: &[u32; 13]) -> Result<(), Reason> {
    let century = match digits[0] {
        0 => return Err(Reason::Unassigned),
        3 | 4 => 1800,
        5 | 6 => 2000,
        _ => 1900,
    };
    if !is_date(century + number(&digits[1..3]), number(&digits[3..5]), number(&digits[5..7])) {
        return Err(Reason::Unassigned);
    }
    if !matches!(number(&digits[7..9]), 1..=48 | 51 | 52 | 70 | 80..=83) {
        return Err(Reason::Unassigned);
    }
    let check = weighted(&digits[..12], &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    hold(if check == 10 { 1 } else { check } == digits[12])
}

/// Ten digits that 11 divides, or a birth number.
pub(super) fn slovakia(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<10>(bytes)?;
    if birth_number(bytes).is_ok() {
        return Ok(());
    }
    if digits[0] == 0 || !matches!(digits[2], 2 | 3 | 4 | 7 | 8 | 9) {
        return Err(Reason::Unassigned);
    }
    hold(number(&digits).is_multiple_of(11))
}

pub(super) fn slovenia(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<8>(bytes)?;
    if digits[0] == 0 {
        return Err(Reason::Unassigned);
    }
    // A sum that 11 divides would give the check digit 11: such numbers are not given out.
    let check = 11 - weighted(&digits[..7], &[8, 7, 6, 5, 4, 3, 2]) % 11;
    hold(if check == 10 { 0 } else { check } == digits[7])
}
