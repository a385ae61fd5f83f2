//! Ireland, and the United Kingdom with Northern Ireland.

use crate::identifier::Reason;
use crate::identifier::checksum::{digits, hold, number, weighted};

/// Check letters, by the sum modulo 23; a letter behind the check letter counts by its place here too.
const IRISH: &[u8; 23] = b"WABCDEFGHIJKLMNOPQRSTUV";

/// Seven digits, a check letter and perhaps a second letter; before 2013 the second place could be a letter or a sign.
pub(super) fn ireland(bytes: &[u8]) -> Result<(), Reason> {
    if !matches!(bytes.len(), 8 | 9) {
        return Err(Reason::Length);
    }
    let place = |byte: u8| IRISH.iter().position(|letter| *letter == byte).map(|place| place as u32);
    let second = match bytes.get(8) {
        Some(letter) => place(*letter).ok_or(Reason::Character)?,
        None => 0,
    };
    let check = place(bytes[7]).ok_or(Reason::Character)?;
    let digits: [u32; 7] = if bytes[1].is_ascii_digit() {
        digits(&bytes[..7])?
    } else if bytes.len() == 8 && matches!(bytes[1], b'A'..=b'Z' | b'+' | b'*') {
        let [a, b, c, d, e] = digits(&bytes[2..7])?;
        let [first] = digits(&bytes[..1])?;
        [0, a, b, c, d, e, first]
    } else {
        return Err(Reason::Character);
    };
    hold((weighted(&digits, &[8, 7, 6, 5, 4, 3, 2]) + 9 * second) % 23 == check)
}

/// Nine digits, or twelve with a branch; government departments and health authorities have five characters, which the
/// Union writes with 8888 in the middle and two check digits.
pub(super) fn united_kingdom(bytes: &[u8]) -> Result<(), Reason> {
    match bytes {
        [b'G', b'D', rest @ ..] if rest.len() == 3 => authority(rest, true),
        [b'H', b'A', rest @ ..] if rest.len() == 3 => authority(rest, false),
        [b'G', b'D', b'8', b'8', b'8', b'8', rest @ ..] if rest.len() == 5 => checked_authority(rest, true),
        [b'H', b'A', b'8', b'8', b'8', b'8', rest @ ..] if rest.len() == 5 => checked_authority(rest, false),
        [_, _, _, _, _, _, _, _, _] => trader(bytes),
        [_, _, _, _, _, _, _, _, _, branch @ ..] if branch.len() == 3 => {
            digits::<3>(branch)?;
            trader(&bytes[..9])
        }
        _ => Err(Reason::Length),
    }
}

fn authority(bytes: &[u8], is_department: bool) -> Result<(), Reason> {
    let digits = digits::<3>(bytes)?;
    if (number(&digits) < 500) == is_department { Ok(()) } else { Err(Reason::Unassigned) }
}

fn checked_authority(bytes: &[u8], is_department: bool) -> Result<(), Reason> {
    let digits = digits::<5>(bytes)?;
    authority(&bytes[..3], is_department)?;
    hold(number(&digits[..3]) % 97 == number(&digits[3..]))
}

/// Modulo 97, or modulo 97 plus 55 for numbers given out since 2010.
fn trader(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<9>(bytes)?;
    let sum = weighted(&digits, &[8, 7, 6, 5, 4, 3, 2, 10, 1]) % 97;
    let is_new = number(&digits[..3]) >= 100;
    hold(sum == 0 || (is_new && matches!(sum, 42 | 55)))
}
