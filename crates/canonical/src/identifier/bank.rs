//! IBAN, BIC and creditor reference.

use super::checksum::{hold, modulo_97};
use super::{Reason, account};

use super::global::check_pair_exists;
use crate::codes::is_country;

/// What follows the country and the check digits, for each country of the IBAN registry of SWIFT:
/// runs of digits (`n`), letters (`a`) and both (`c`). Sorted by country.
#[rustfmt::skip]
const STRUCTURES: &[([u8; 2], &str)] = &[
    (*b"AD", "8n12c"), (*b"AE", "19n"), (*b"AL", "8n16c"), (*b"AT", "16n"),
    (*b"AZ", "4a20c"), (*b"BA", "16n"), (*b"BE", "12n"), (*b"BG", "4a6n8c"),
    (*b"BH", "4a14c"), (*b"BI", "23n"), (*b"BR", "23n1a1c"), (*b"BY", "4c4n16c"),
    (*b"CH", "5n12c"), (*b"CR", "18n"), (*b"CY", "8n16c"), (*b"CZ", "20n"),
    (*b"DE", "18n"), (*b"DJ", "23n"), (*b"DK", "14n"), (*b"DO", "4c20n"),
    (*b"EE", "16n"), (*b"EG", "25n"), (*b"ES", "20n"), (*b"FI", "14n"),
    (*b"FK", "2a12n"), (*b"FO", "14n"), (*b"FR", "10n11c2n"), (*b"GB", "4a14n"),
    (*b"GE", "2a16n"), (*b"GI", "4a15c"), (*b"GL", "14n"), (*b"GR", "7n16c"),
    (*b"GT", "24c"), (*b"HN", "4a20n"), (*b"HR", "17n"), (*b"HU", "24n"),
    (*b"IE", "4a14n"), (*b"IL", "19n"), (*b"IQ", "4a15n"), (*b"IS", "22n"),
    (*b"IT", "1a10n12c"), (*b"JO", "4a4n18c"), (*b"KW", "4a22c"), (*b"KZ", "3n13c"),
    (*b"LB", "4n20c"), (*b"LC", "4a24c"), (*b"LI", "5n12c"), (*b"LT", "16n"),
    (*b"LU", "3n13c"), (*b"LV", "4a13c"), (*b"LY", "21n"), (*b"MC", "10n11c2n"),
    (*b"MD", "20c"), (*b"ME", "18n"), (*b"MK", "3n10c2n"), (*b"MN", "16n"),
    (*b"MR", "23n"), (*b"MT", "4a5n18c"), (*b"MU", "4a19n3a"), (*b"NI", "4a20n"),
    (*b"NL", "4a10n"), (*b"NO", "11n"), (*b"OM", "3n16c"), (*b"PK", "4a16c"),
    (*b"PL", "24n"), (*b"PS", "4a21c"), (*b"PT", "21n"), (*b"QA", "4a21c"),
    (*b"RO", "4a16c"), (*b"RS", "18n"), (*b"RU", "14n15c"), (*b"SA", "2n18c"),
    (*b"SC", "4a20n3a"), (*b"SD", "14n"), (*b"SE", "20n"), (*b"SI", "15n"),
    (*b"SK", "20n"), (*b"SM", "1a10n12c"), (*b"SO", "19n"), (*b"ST", "21n"),
    (*b"SV", "4a20n"), (*b"TL", "19n"), (*b"TN", "20n"), (*b"TR", "6n16c"),
    (*b"UA", "6n19c"), (*b"VA", "18n"), (*b"VG", "4a16n"), (*b"XK", "16n"),
    (*b"YE", "4a4n18c"),
];

pub(super) fn iban(bytes: &[u8]) -> Result<(), Reason> {
    let [first, second, tens, ones, rest @ ..] = bytes else {
        return Err(Reason::Length);
    };
    if ![first, second].into_iter().all(u8::is_ascii_uppercase) || ![tens, ones].into_iter().all(u8::is_ascii_digit) {
        return Err(Reason::Character);
    }
    let place =
        STRUCTURES.binary_search_by_key(&[*first, *second], |(country, _)| *country).map_err(|_| Reason::Country)?;
    follows(rest, STRUCTURES[place].1)?;
    hold(modulo_97(rest.iter().chain(&bytes[..4]))? == 1 && check_pair_exists(&bytes[2..4]))?;
    account::check([*first, *second], rest)
}

/// Whether the characters are of the structure's kinds, run by run.
fn follows(mut account: &[u8], structure: &str) -> Result<(), Reason> {
    let mut length = 0;
    for symbol in structure.bytes() {
        if symbol.is_ascii_digit() {
            length = length * 10 + usize::from(symbol - b'0');
            continue;
        }
        let (run, rest) = account.split_at_checked(length).ok_or(Reason::Length)?;
        let fits = run.iter().all(|byte| match symbol {
            b'n' => byte.is_ascii_digit(),
            b'a' => byte.is_ascii_uppercase(),
            _ => byte.is_ascii_alphanumeric(),
        });
        if !fits {
            return Err(Reason::Character);
        }
        account = rest;
        length = 0;
    }
    if account.is_empty() { Ok(()) } else { Err(Reason::Length) }
}

/// Four letters or digits of the party, two letters of the country, two of the place, three of the branch.
/// Since ISO 9362:2014 the party's part may hold digits; banks in use have letters only.
pub(super) fn bic(bytes: &[u8]) -> Result<(), Reason> {
    if !matches!(bytes.len(), 8 | 11) {
        return Err(Reason::Length);
    }
    if !bytes[..6].iter().all(u8::is_ascii_uppercase) || !bytes[6..].iter().all(u8::is_ascii_alphanumeric) {
        return Err(Reason::Character);
    }
    if std::str::from_utf8(&bytes[4..6]).is_ok_and(is_country) || &bytes[4..6] == b"XK" {
        Ok(())
    } else {
        Err(Reason::Country)
    }
}

pub(super) fn creditor_reference(bytes: &[u8]) -> Result<(), Reason> {
    if !(5..=25).contains(&bytes.len()) {
        return Err(Reason::Length);
    }
    if !bytes.starts_with(b"RF") || !bytes[2..4].iter().all(u8::is_ascii_digit) {
        return Err(Reason::Character);
    }
    hold(modulo_97(bytes[4..].iter().chain(&bytes[..4]))? == 1 && check_pair_exists(&bytes[2..4]))
}
