//! Identifiers and telephone numbers in their normal forms.

use std::borrow::Cow;

use canonical::identifier::{self, Scheme};

/// The kind of an identifier, whose normal form is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdentifierStyle {
    /// A scheme with a check: what passes is read in normal form, anything else stays as it is.
    Scheme(Scheme),
    /// A telephone number; national ones get the prefix of the country, if one is given.
    Phone(Option<CallingCode>),
}

/// How a country's national numbers become international ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallingCode {
    country: &'static str,
    code: &'static str,
    /// What stands before national numbers and falls away; empty where nothing does.
    trunk: &'static str,
}

const CALLING_CODES: [CallingCode; 19] = [
    CallingCode { country: "AT", code: "43", trunk: "0" },
    CallingCode { country: "BE", code: "32", trunk: "0" },
    CallingCode { country: "CH", code: "41", trunk: "0" },
    CallingCode { country: "CZ", code: "420", trunk: "" },
    CallingCode { country: "DE", code: "49", trunk: "0" },
    CallingCode { country: "DK", code: "45", trunk: "" },
    CallingCode { country: "ES", code: "34", trunk: "" },
    CallingCode { country: "FI", code: "358", trunk: "0" },
    CallingCode { country: "FR", code: "33", trunk: "0" },
    CallingCode { country: "GB", code: "44", trunk: "0" },
    CallingCode { country: "IE", code: "353", trunk: "0" },
    // Italian numbers keep their zero.
    CallingCode { country: "IT", code: "39", trunk: "" },
    CallingCode { country: "LU", code: "352", trunk: "" },
    CallingCode { country: "NL", code: "31", trunk: "0" },
    CallingCode { country: "NO", code: "47", trunk: "" },
    CallingCode { country: "PL", code: "48", trunk: "" },
    CallingCode { country: "PT", code: "351", trunk: "" },
    CallingCode { country: "SE", code: "46", trunk: "0" },
    CallingCode { country: "US", code: "1", trunk: "" },
];

/// E.164 allows at most so many digits.
const PHONE_DIGITS_MAX: usize = 15;

impl CallingCode {
    /// The calling code of a country, ISO 3166-1.
    pub(crate) fn of(country: &str) -> Option<Self> {
        CALLING_CODES.into_iter().find(|code| code.country == country)
    }

    /// The countries whose national numbers are understood.
    pub(crate) fn countries() -> impl Iterator<Item = &'static str> {
        CALLING_CODES.iter().map(|code| code.country)
    }
}

impl IdentifierStyle {
    /// Whether a text passes the check of its scheme; a telephone number has none.
    pub(crate) fn passes(&self, text: &str) -> bool {
        match self {
            IdentifierStyle::Scheme(scheme) => identifier::check(*scheme, text).is_ok(),
            IdentifierStyle::Phone(_) => true,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            IdentifierStyle::Scheme(scheme) => scheme.name(),
            IdentifierStyle::Phone(_) => "phone",
        }
    }

    /// Reads the normal form; what has none stays as it is, so that nothing is lost.
    pub(crate) fn read(self, raw: Cow<'_, str>) -> Cow<'_, str> {
        match self {
            IdentifierStyle::Scheme(scheme) => match identifier::check(scheme, &raw) {
                Ok(normal) if *normal == *raw => raw,
                Ok(normal) => Cow::Owned(normal.into_owned()),
                Err(_) => raw,
            },
            IdentifierStyle::Phone(country) => match e164(&raw, country) {
                Some(normal) if normal == *raw => raw,
                Some(normal) => Cow::Owned(normal),
                None => raw,
            },
        }
    }
}

/// A number in E.164 form; `None` when it is not clear which number is meant.
fn e164(raw: &str, country: Option<CallingCode>) -> Option<String> {
    // "+33 (0)1 …" shows the trunk prefix in parentheses: it is not dialled from abroad.
    let shown = raw.replace("(0)", "");
    let is_international = shown.starts_with('+');
    let mut digits = String::with_capacity(shown.len() + 4);
    for character in shown.chars().skip(usize::from(is_international)) {
        match character {
            '0'..='9' => digits.push(character),
            '.' | '-' | '/' | '(' | ')' | '\u{2010}'..='\u{2015}' => {}
            _ if character.is_whitespace() => {}
            _ => return None,
        }
    }
    let number = if is_international {
        digits
    } else if let Some(rest) = digits.strip_prefix("00") {
        rest.to_owned()
    } else {
        let CallingCode { code, trunk, .. } = country?;
        format!("{code}{}", digits.strip_prefix(trunk)?)
    };
    let plausible = (7..=PHONE_DIGITS_MAX).contains(&number.len()) && !number.starts_with('0');
    plausible.then(|| format!("+{number}"))
}
