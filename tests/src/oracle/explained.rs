//! Where our verdict differs from python-stdnum's with a norm behind it.

use canonical::identifier::{IdentifierError, Reason, Scheme};

/// The norm by which a number is not valid although python-stdnum takes it; `None` when there is none.
pub(super) fn norm(error: &IdentifierError, number: &str) -> Option<&'static str> {
    let compact: Vec<u8> = number.bytes().filter(u8::is_ascii_alphanumeric).collect();
    match (error.scheme, error.reason) {
        (Scheme::Lei, Reason::Length) => {
            Some("ISO 17442: a LEI has 20 characters; python-stdnum does not look at the length")
        }
        (Scheme::Lei | Scheme::Iban | Scheme::CreditorReference, reason) => {
            check_pair_is_none(pair(error.scheme, &compact)?, reason)
        }
        (Scheme::Vat, Reason::Length) if compact.to_ascii_uppercase().starts_with(b"NL") => Some(
            "Directive 2006/112/EC, as VIES has it: a Dutch number has 12 characters; python-stdnum fills up with zeros",
        ),
        (_, Reason::Unassigned) if compact.iter().filter(|byte| byte.is_ascii_digit()).all(|byte| *byte == b'0') => {
            Some("a number of zeros is given to nobody")
        }
        _ => None,
    }
}

/// The two check digits of ISO 7064 MOD 97-10.
fn pair(scheme: Scheme, compact: &[u8]) -> Option<&[u8]> {
    match scheme {
        Scheme::Lei => compact.get(18..20),
        _ => compact.get(2..4),
    }
}

fn check_pair_is_none(pair: &[u8], reason: Reason) -> Option<&'static str> {
    if reason == Reason::Character && !pair.iter().all(u8::is_ascii_digit) {
        return Some("ISO 7064: check digits are digits; python-stdnum takes letters for them");
    }
    let congruent = matches!(pair, b"00" | b"01" | b"99");
    (reason == Reason::Checksum && congruent).then_some("ISO 7064: the check digits 00, 01 and 99 are not given out")
}
