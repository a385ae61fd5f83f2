//! The checksums that identifiers share.

use super::Reason;

/// The digits' values, when there are exactly `N` digits.
pub(super) fn digits<const N: usize>(bytes: &[u8]) -> Result<[u32; N], Reason> {
    if !bytes.iter().all(u8::is_ascii_digit) {
        return Err(Reason::Character);
    }
    let mut values = [0; N];
    if bytes.len() != N {
        return Err(Reason::Length);
    }
    for (value, byte) in values.iter_mut().zip(bytes) {
        *value = u32::from(byte - b'0');
    }
    Ok(values)
}

/// The digits read as one number; for up to 18 digits.
pub(super) fn number(digits: &[u32]) -> u64 {
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(*digit))
}

/// The checksum holds, or the reason that it does not.
pub(super) fn hold(condition: bool) -> Result<(), Reason> {
    if condition { Ok(()) } else { Err(Reason::Checksum) }
}

/// Each digit times its weight, summed.
pub(super) fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

/// The sum of Luhn (ISO/IEC 7812-1); a number with its check digit has 0 modulo 10.
pub(super) fn luhn(digits: &[u32]) -> u32 {
    let doubled = |(position, digit): (usize, &u32)| match position % 2 {
        0 => *digit,
        _ => digit * 2 / 10 + digit * 2 % 10,
    };
    digits.iter().rev().enumerate().map(doubled).sum::<u32>() % 10
}

/// ISO/IEC 7064 MOD 97-10 over digits and letters, letters counting 10 to 35; right is 1.
pub(super) fn modulo_97<'a>(bytes: impl Iterator<Item = &'a u8>) -> Result<u32, Reason> {
    bytes.into_iter().try_fold(0, |sum, byte| match byte {
        b'0'..=b'9' => Ok((sum * 10 + u32::from(byte - b'0')) % 97),
        b'A'..=b'Z' => Ok((sum * 100 + u32::from(byte - b'A') + 10) % 97),
        _ => Err(Reason::Character),
    })
}

/// ISO/IEC 7064 MOD 11-10; right is 1.
pub(super) fn modulo_11_10(digits: &[u32]) -> u32 {
    digits.iter().fold(5, |check, digit| {
        let doubled = if check == 0 { 20 } else { check * 2 };
        (doubled % 11 + digit) % 10
    })
}
