//! SIREN, SIRET and the French VAT number.

use super::Reason;
use super::checksum::{digits, hold, luhn, number};

/// La Poste, whose establishments outgrew the Luhn sum.
const LA_POSTE: &[u8] = b"356000000";
/// The establishment number of its head office, which still has it.
const HEAD_OFFICE: &[u8] = b"00048";

pub(super) fn siren(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<9>(bytes)?;
    if digits == [0; 9] {
        return Err(Reason::Unassigned);
    }
    hold(luhn(&digits) == 0)
}

/// An establishment of La Poste has a digit sum that is a multiple of 5 instead; only its head office fits Luhn.
pub(super) fn siret(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<14>(bytes)?;
    let (company, establishment) = bytes.split_at(9);
    siren(company)?;
    if company == LA_POSTE && establishment != HEAD_OFFICE {
        return hold(digits.iter().sum::<u32>().is_multiple_of(5));
    }
    hold(luhn(&digits) == 0)
}

/// The alphabet of the two leading characters: no I and no O.
const KEY_ALPHABET: &[u8] = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Checks the part after `FR`: a key of two characters and a SIREN.
/// Numbers of Monaco start with 000 after the key and hold no SIREN.
pub(super) fn vat(bytes: &[u8]) -> Result<(), Reason> {
    if bytes.len() != 11 {
        return Err(Reason::Length);
    }
    let (key, company) = bytes.split_at(2);
    let values = digits::<9>(company)?;
    if vat_holds_siren(bytes) {
        siren(company)?;
    }
    let place = |byte: u8| KEY_ALPHABET.iter().position(|letter| *letter == byte).map(|place| place as u64);
    let (Some(first), Some(second)) = (place(key[0]), place(key[1])) else {
        return Err(Reason::Character);
    };
    let company = number(&values);
    if key.iter().all(u8::is_ascii_digit) {
        return hold(first * 10 + second == (company * 100 + 12) % 97);
    }
    // A key of 0A is the smallest with a second letter, A0 the smallest with a first one.
    let check = if key[0].is_ascii_digit() {
        (first * 24 + second).checked_sub(10)
    } else {
        (first * 34 + second).checked_sub(100)
    };
    check.map_or(Err(Reason::Checksum), |check| hold((company + 1 + check / 11) % 11 == check % 11))
}

/// Whether the part after `FR` ends in a SIREN.
pub(super) fn vat_holds_siren(bytes: &[u8]) -> bool {
    !bytes[2..].starts_with(b"000")
}
