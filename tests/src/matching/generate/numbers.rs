//! Numbers with the check digits that their norms ask for: SIREN, VAT, IBAN; and telephone numbers.

use fastrand::Rng;

use super::draw::{digits, odds};

/// Appends the digit that makes the Luhn sum (ISO/IEC 7812-1) a multiple of ten.
fn luhn(body: &str) -> String {
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0') * if place % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

/// What remains of a number of any length.
fn modulo(number: &str, divisor: u64) -> u64 {
    number.bytes().fold(0, |rest, digit| (rest * 10 + u64::from(digit - b'0')) % divisor)
}

/// The sum of digits, each with its weight.
fn weighted(digits: &str, weights: &[u32]) -> u32 {
    digits.bytes().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum()
}

/// A French company's number: eight digits and a check digit.
pub(super) fn siren(rng: &mut Rng) -> String {
    luhn(&format!("{}{}", rng.u32(3..10), digits(rng, 7)))
}

/// The number of a French company's place of business.
pub(super) fn siret(rng: &mut Rng, siren: &str) -> String {
    luhn(&format!("{siren}000{}", rng.u32(1..10)))
}

/// A VAT number of a country; a French one tells the SIREN.
pub(super) fn vat(rng: &mut Rng, country: &str, siren: &str) -> String {
    match country {
        "FR" => format!("FR{:02}{siren}", (12 + 3 * (modulo(siren, 97))) % 97),
        "DE" => {
            let body = format!("{}{}", rng.u32(1..10), digits(rng, 7));
            let product = body.bytes().fold(10, |product, digit| {
                let sum = (u32::from(digit - b'0') + product) % 10;
                (if sum == 0 { 10 } else { sum }) * 2 % 11
            });
            format!("DE{body}{}", (11 - product) % 10)
        }
        "GB" => {
            let body = format!("{}{}", rng.u32(1..10), digits(rng, 6));
            format!("GB{body}{:02}", 97 - weighted(&body, &[8, 7, 6, 5, 4, 3, 2]) % 97)
        }
        "BE" => {
            let body = format!("0{}{}", rng.u32(4..8), digits(rng, 6));
            format!("BE{body}{:02}", 97 - modulo(&body, 97))
        }
        "NL" => loop {
            let body = format!("{}{}", rng.u32(1..9), digits(rng, 7));
            let check = weighted(&body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
            if check < 10 {
                return format!("NL{body}{check}B01");
            }
        },
        "ES" => format!("ESB{}", luhn(&digits(rng, 7))),
        // The last three digits before the check digit are an office's.
        _ => format!("IT{}", luhn(&format!("0{}{:03}", digits(rng, 6), rng.u32(1..96)))),
    }
}

/// How long a country's own account numbers are, and what they begin with where that is letters.
fn account_shape(country: &str) -> (&'static str, usize) {
    match country {
        "FR" => ("", 23),
        "DE" => ("", 18),
        "GB" => ("BARC", 14),
        "BE" => ("", 12),
        "NL" => ("INGB", 10),
        "ES" => ("", 20),
        _ => ("X", 22),
    }
}

/// An account number with the check digits of ISO 13616.
pub(super) fn iban(rng: &mut Rng, country: &str) -> String {
    let (letters, length) = account_shape(country);
    let body = format!("{letters}{}", digits(rng, length));
    let numbered: String = format!("{body}{country}00")
        .chars()
        .map(|letter| match letter {
            '0'..='9' => letter.to_string(),
            other => (u32::from(other) - u32::from('A') + 10).to_string(),
        })
        .collect();
    format!("{country}{:02}{body}", 98 - modulo(&numbered, 97))
}

/// A telephone number: its country's prefix, and the rest without a leading zero.
#[derive(Clone, Debug)]
pub(super) struct Phone {
    prefix: &'static str,
    rest: String,
}

impl Phone {
    /// A number of a country; a mobile one begins otherwise.
    pub fn new(rng: &mut Rng, country: &str, is_mobile: bool) -> Self {
        let (prefix, mobile, fixed, length) = match country {
            "FR" => ("33", "6", ["1", "2", "3", "4", "5"], 9),
            "DE" => ("49", "17", ["30", "40", "89", "221", "69"], 10),
            "GB" => ("44", "7", ["20", "121", "161", "113", "117"], 10),
            "BE" => ("32", "47", ["2", "3", "9", "4", "71"], 8),
            "NL" => ("31", "6", ["20", "10", "70", "30", "40"], 9),
            "ES" => ("34", "6", ["91", "93", "96", "95", "94"], 9),
            _ => ("39", "3", ["06", "02", "081", "011", "051"], 10),
        };
        let start = if is_mobile { mobile } else { fixed[rng.usize(..fixed.len())] };
        Phone { prefix, rest: format!("{start}{}", digits(rng, length - start.len())) }
    }

    /// One of the ways in which people write it.
    pub fn written(&self, rng: &mut Rng) -> String {
        let trunk = if matches!(self.prefix, "34" | "39") { "" } else { "0" };
        let grouped = |mark: char| {
            let national = format!("{trunk}{}", self.rest);
            let pairs: Vec<String> =
                national.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into()).collect();
            pairs.join(&mark.to_string())
        };
        match rng.u32(..10) {
            0..=2 => format!("{trunk}{}", self.rest),
            3 | 4 => grouped(' '),
            5 => grouped('.'),
            6 => format!("+{}{}", self.prefix, self.rest),
            7 => format!("+{} {}", self.prefix, self.rest),
            8 if odds(rng, 5_000) => format!("00{}{}", self.prefix, self.rest),
            8 => format!("+{}({trunk}){}", self.prefix, self.rest),
            _ => grouped('-'),
        }
    }
}

#[cfg(test)]
mod tests {
    use canonical::identifier::{Scheme, check};

    use super::*;

    #[test]
    fn numbers_pass_the_checks_of_their_norms() {
        let mut rng = Rng::with_seed(7);
        for _ in 0..200 {
            let company = siren(&mut rng);
            assert!(check(Scheme::Siren, &company).is_ok(), "{company}");
            let place = siret(&mut rng, &company);
            assert!(check(Scheme::Siret, &place).is_ok(), "{place}");
            for country in ["FR", "DE", "GB", "BE", "NL", "ES", "IT"] {
                let number = vat(&mut rng, country, &company);
                assert!(check(Scheme::Vat, &number).is_ok(), "{number}");
            }
        }
    }
}
