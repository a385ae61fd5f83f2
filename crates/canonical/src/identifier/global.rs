//! DUNS, GLN and LEI.

use super::Reason;
use super::checksum::{digits, hold, modulo_97};

/// D-U-N-S numbers lost their check digit in 2006: the shape is all there is.
pub(super) fn duns(bytes: &[u8]) -> Result<(), Reason> {
    if digits::<9>(bytes)? == [0; 9] { Err(Reason::Unassigned) } else { Ok(()) }
}

pub(super) fn gln(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<13>(bytes)?;
    if digits == [0; 13] {
        return Err(Reason::Unassigned);
    }
    let sum: u32 = digits.iter().enumerate().map(|(place, digit)| digit * if place % 2 == 0 { 1 } else { 3 }).sum();
    hold(sum.is_multiple_of(10))
}

pub(super) fn lei(bytes: &[u8]) -> Result<(), Reason> {
    if bytes.len() != 20 {
        return Err(Reason::Length);
    }
    if !bytes[18..].iter().all(u8::is_ascii_digit) {
        return Err(Reason::Character);
    }
    hold(modulo_97(bytes.iter())? == 1 && check_pair_exists(&bytes[18..]))
}

/// The check digits 00, 01 and 99 are congruent to 97, 98 and 02 and never given out.
pub(super) fn check_pair_exists(pair: &[u8]) -> bool {
    !matches!(pair, b"00" | b"01" | b"99")
}
