//! VAT numbers of the European Union and of its one-stop shops, the United Kingdom, Northern Ireland, Switzerland and Norway.
//!
//! The normal form keeps the country's prefix; Greece is `EL`, as the Union writes it.

mod atlantic;
mod east;
mod neighbours;
mod one_stop;
mod west;

use super::compact::Compact;
use super::{Reason, france};

/// Checks what follows the country's prefix.
type Check = fn(&[u8]) -> Result<(), Reason>;

/// Every country whose numbers are checked.
const COUNTRIES: &[(&[u8; 2], Check)] = &[
    (b"AT", west::austria),
    (b"BE", west::belgium),
    (b"BG", east::bulgaria),
    (b"CH", neighbours::switzerland),
    (b"CY", east::cyprus),
    (b"CZ", east::czechia),
    (b"DE", west::germany),
    (b"DK", neighbours::denmark),
    (b"EE", east::estonia),
    (b"EL", east::greece),
    (b"ES", west::spain),
    (b"EU", one_stop::union),
    (b"FI", neighbours::finland),
    (b"FR", france::vat),
    (b"GB", atlantic::united_kingdom),
    (b"HR", east::croatia),
    (b"HU", east::hungary),
    (b"IE", atlantic::ireland),
    (b"IM", one_stop::imports),
    (b"IT", west::italy),
    (b"LT", east::lithuania),
    (b"LU", west::luxembourg),
    (b"LV", east::latvia),
    (b"MT", east::malta),
    (b"NL", west::netherlands),
    (b"NO", neighbours::norway),
    (b"PL", east::poland),
    (b"PT", west::portugal),
    (b"RO", east::romania),
    (b"SE", neighbours::sweden),
    (b"SI", east::slovenia),
    (b"SK", east::slovakia),
    (b"XI", atlantic::united_kingdom),
];

pub(super) fn knows(prefix: &[u8]) -> bool {
    prefix == b"GR" || COUNTRIES.iter().any(|(code, _)| code.as_slice() == prefix)
}

pub(super) fn check(compact: &mut Compact) -> Result<(), Reason> {
    normalise(compact)?;
    let bytes = compact.bytes();
    let (country, number) = bytes.split_at_checked(2).ok_or(Reason::Length)?;
    let check = COUNTRIES.iter().find(|(code, _)| code.as_slice() == country).ok_or(Reason::Country)?.1;
    if number.is_empty() {
        return Err(Reason::Length);
    }
    if number.iter().all(|byte| *byte == b'0') {
        return Err(Reason::Unassigned);
    }
    check(number)
}

/// Brings old and national ways of writing to the one of today.
fn normalise(compact: &mut Compact) -> Result<(), Reason> {
    if compact.bytes().starts_with(b"BE(0)") {
        compact.replace(2..5, b"0")?;
    }
    let length = compact.bytes().len();
    let leading_zero_is_missing = match compact.bytes() {
        [b'G', b'R', ..] => {
            compact.replace(0..2, b"EL")?;
            length == 10
        }
        [b'E', b'L', ..] => length == 10,
        [b'B', b'E', ..] => length == 11,
        [b'C', b'H', b'E', ..] => return cut_suffix(compact, &[b"MWST", b"TVA", b"IVA", b"TPV"]),
        [b'N', b'O', ..] => return cut_suffix(compact, &[b"MVA"]),
        _ => false,
    };
    if leading_zero_is_missing { compact.replace(2..2, b"0") } else { Ok(()) }
}

fn cut_suffix(compact: &mut Compact, suffixes: &[&[u8]]) -> Result<(), Reason> {
    let length = compact.bytes().len();
    match suffixes.iter().find(|suffix| compact.bytes().ends_with(suffix)) {
        Some(suffix) => compact.replace(length - suffix.len()..length, b""),
        None => Ok(()),
    }
}
