//! Denmark, Finland, Norway, Sweden and Switzerland.

use crate::identifier::Reason;
use crate::identifier::checksum::{digits, hold, luhn, weighted};

pub(super) fn denmark(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<8>(bytes)?;
    if digits[0] == 0 {
        return Err(Reason::Unassigned);
    }
    hold(weighted(&digits, &[2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11))
}

pub(super) fn finland(bytes: &[u8]) -> Result<(), Reason> {
    hold(weighted(&digits::<8>(bytes)?, &[7, 9, 10, 5, 8, 4, 2, 1]).is_multiple_of(11))
}

/// The organisation number; the suffix `MVA` was cut before.
pub(super) fn norway(bytes: &[u8]) -> Result<(), Reason> {
    hold(weighted(&digits::<9>(bytes)?, &[3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11))
}

/// The organisation number, Luhn, and 01.
pub(super) fn sweden(bytes: &[u8]) -> Result<(), Reason> {
    let digits = digits::<12>(bytes)?;
    if digits[10..] != [0, 1] {
        return Err(Reason::Unassigned);
    }
    hold(luhn(&digits[..10]) == 0)
}

/// `E` and nine digits (the UID); the suffix of the language was cut before.
pub(super) fn switzerland(bytes: &[u8]) -> Result<(), Reason> {
    let [b'E', rest @ ..] = bytes else {
        return Err(Reason::Character);
    };
    hold(weighted(&digits::<9>(rest)?, &[5, 4, 3, 2, 7, 6, 5, 4, 1]).is_multiple_of(11))
}
