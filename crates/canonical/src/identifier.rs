//! Identifiers of companies, accounts and references: normal forms, checksums, and which of them say who is who.
//!
//! A check never loses anything: documents keep identifiers as their source gives them.
//! An identifier that fails its check is reported, and has no weight in deciding who is who.

mod account;
mod bank;
mod checksum;
mod compact;
mod france;
mod global;
mod strong;
mod vat;

use std::borrow::Cow;
use std::fmt;

pub use strong::{StrongIdentifier, StrongScheme, strong};

use compact::Compact;

/// A scheme under which identifiers are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// French company number: 9 digits, Luhn (ICD 0002).
    Siren,
    /// French establishment number: SIREN and 5 digits, Luhn, with the exception of La Poste (ICD 0009).
    Siret,
    /// VAT number with its country's prefix: the European Union with its one-stop shops (EU and IM), GB, XI, CH and NO
    /// (ICD 0223).
    Vat,
    /// D-U-N-S number: 9 digits without a checksum (ICD 0060).
    Duns,
    /// Global location number: 13 digits, GS1 modulo 10 (ICD 0088).
    Gln,
    /// Legal entity identifier, ISO 17442: 20 characters, modulo 97 (ICD 0199).
    Lei,
    /// International bank account number, ISO 13616: a structure for each country, modulo 97, and the national check
    /// digits of Belgium, Montenegro, Norway and Spain.
    Iban,
    /// Bank identifier, ISO 9362: 8 or 11 characters with a country inside.
    Bic,
    /// Creditor reference, ISO 11649: `RF` and up to 23 characters, modulo 97.
    CreditorReference,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: [Self; 9] = [
        Self::Siren,
        Self::Siret,
        Self::Vat,
        Self::Duns,
        Self::Gln,
        Self::Lei,
        Self::Iban,
        Self::Bic,
        Self::CreditorReference,
    ];

    /// The name by which documents and mappings call the scheme.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Siren => "siren",
            Self::Siret => "siret",
            Self::Vat => "vat",
            Self::Duns => "duns",
            Self::Gln => "gln",
            Self::Lei => "lei",
            Self::Iban => "iban",
            Self::Bic => "bic",
            Self::CreditorReference => "creditor_reference",
        }
    }

    /// The code of ISO 6523 (ICD), where the scheme has one.
    #[must_use]
    pub const fn icd(self) -> Option<&'static str> {
        match self {
            Self::Siren => Some("0002"),
            Self::Siret => Some("0009"),
            Self::Duns => Some("0060"),
            Self::Gln => Some("0088"),
            Self::Lei => Some("0199"),
            Self::Vat => Some("0223"),
            Self::Iban | Self::Bic | Self::CreditorReference => None,
        }
    }

    /// The scheme of a name or an ICD code; `None` for a scheme whose identifiers are kept unchecked.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| text.eq_ignore_ascii_case(scheme.name()) || scheme.icd() == Some(text))
    }

    /// The public name of the rule that an identifier of this scheme breaks when it fails its check.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Siren => "PSR-ID-SIREN",
            Self::Siret => "PSR-ID-SIRET",
            Self::Vat => "PSR-ID-VAT",
            Self::Duns => "PSR-ID-DUNS",
            Self::Gln => "PSR-ID-GLN",
            Self::Lei => "PSR-ID-LEI",
            Self::Iban => "PSR-ID-IBAN",
            Self::Bic => "PSR-ID-BIC",
            Self::CreditorReference => "PSR-ID-RF",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Why an identifier fails its check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is nothing but separators.
    Empty,
    /// A character stands where the scheme has none of its kind.
    Character,
    /// The length is none that the scheme has.
    Length,
    /// The country in it is none that the scheme has.
    Country,
    /// The check digits do not fit.
    Checksum,
    /// The form is right, but such a number is never given out.
    Unassigned,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "it is empty",
            Self::Character => "a character does not belong there",
            Self::Length => "its length is wrong",
            Self::Country => "its country is unknown to the scheme",
            Self::Checksum => "its check digits do not fit",
            Self::Unassigned => "such a number is never given out",
        })
    }
}

/// What a value is made of, so that a message can speak of it without showing it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ValueClass {
    /// How many ASCII digits.
    pub digits: usize,
    /// How many letters.
    pub letters: usize,
    /// How many other characters, separators among them.
    pub others: usize,
}

impl ValueClass {
    /// The class of a value.
    #[must_use]
    pub fn of(value: &str) -> Self {
        value.chars().fold(Self::default(), |mut class, character| {
            let count = match character {
                '0'..='9' => &mut class.digits,
                _ if character.is_alphabetic() => &mut class.letters,
                _ => &mut class.others,
            };
            *count += 1;
            class
        })
    }
}

impl fmt::Display for ValueClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} digits, {} letters, {} others", self.digits, self.letters, self.others)
    }
}

/// An identifier that fails its check. The message does not show the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no valid {scheme} ({class}): {reason}; correct it in its source")]
pub struct IdentifierError {
    /// The scheme that it was held against.
    pub scheme: Scheme,
    /// What the value is made of.
    pub class: ValueClass,
    /// What is wrong.
    pub reason: Reason,
}

/// Checks an identifier and gives its normal form: upper case, without separators.
///
/// The normal form is borrowed when the value has it already; nothing is allocated then.
///
/// # Errors
/// [`IdentifierError`] with the first thing that is wrong.
pub fn check(scheme: Scheme, value: &str) -> Result<Cow<'_, str>, IdentifierError> {
    let normal = Compact::new(value).and_then(|mut compact| {
        check_compact(scheme, &mut compact)?;
        Ok(compact)
    });
    match normal {
        Ok(compact) if compact.as_str() == value => Ok(Cow::Borrowed(value)),
        Ok(compact) => Ok(Cow::Owned(compact.as_str().to_owned())),
        Err(reason) => Err(IdentifierError { scheme, class: ValueClass::of(value), reason }),
    }
}

/// Whether VAT numbers that start with this prefix are checked; `GR` counts as `EL`.
#[must_use]
pub fn checks_vat_of(prefix: &str) -> bool {
    vat::knows(prefix.as_bytes())
}

fn check_compact(scheme: Scheme, compact: &mut Compact) -> Result<(), Reason> {
    match scheme {
        Scheme::Siren => france::siren(compact.bytes()),
        Scheme::Siret => france::siret(compact.bytes()),
        Scheme::Vat => vat::check(compact),
        Scheme::Duns => global::duns(compact.bytes()),
        Scheme::Gln => global::gln(compact.bytes()),
        Scheme::Lei => global::lei(compact.bytes()),
        Scheme::Iban => bank::iban(compact.bytes()),
        Scheme::Bic => bank::bic(compact.bytes()),
        Scheme::CreditorReference => bank::creditor_reference(compact.bytes()),
    }
}

#[cfg(test)]
mod tests;
