//! Identifiers strong enough to say that two records are one customer.

use std::fmt;

use super::{Scheme, check, france};
use crate::document::Customer;

/// A scheme that tells customers apart by itself.
///
/// DUNS and GLN are not among them: both may name a site, and several sites belong to one customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StrongScheme {
    /// French company number, given as such or taken from a SIRET or a French VAT number.
    Siren,
    /// VAT number of a country other than France, whose numbers count as SIREN; of Monaco, too.
    Vat,
    /// Legal entity identifier.
    Lei,
}

impl StrongScheme {
    /// The name, as in [`Scheme::name`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Siren => Scheme::Siren.name(),
            Self::Vat => Scheme::Vat.name(),
            Self::Lei => Scheme::Lei.name(),
        }
    }
}

/// A valid identifier in normal form; equal ones mean one customer within a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StrongIdentifier {
    /// Its scheme.
    pub scheme: StrongScheme,
    /// Its normal form.
    pub value: String,
}

impl fmt::Display for StrongIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.scheme.name(), self.value)
    }
}

impl StrongIdentifier {
    /// What an identifier says about who somebody is; `None` when it is invalid or of a weak scheme.
    #[must_use]
    pub fn of(scheme: Scheme, value: &str) -> Option<Self> {
        let normal = check(scheme, value).ok()?;
        let (scheme, value) = match scheme {
            Scheme::Siren => (StrongScheme::Siren, normal.into_owned()),
            Scheme::Siret => (StrongScheme::Siren, normal[..9].to_owned()),
            Scheme::Vat => match normal.strip_prefix("FR") {
                Some(rest) if france::vat_holds_siren(rest.as_bytes()) => (StrongScheme::Siren, rest[2..].to_owned()),
                _ => (StrongScheme::Vat, normal.into_owned()),
            },
            Scheme::Lei => (StrongScheme::Lei, normal.into_owned()),
            Scheme::Duns | Scheme::Gln | Scheme::Iban | Scheme::Bic | Scheme::CreditorReference => return None,
        };
        Some(Self { scheme, value })
    }
}

/// A customer's strong identifiers: the valid ones only, in normal form, sorted by scheme and value, each once.
#[must_use]
pub fn strong(customer: &Customer) -> Vec<StrongIdentifier> {
    let mut found: Vec<_> = customer
        .identifiers
        .iter()
        .filter_map(|identifier| {
            let scheme = Scheme::from_text(identifier.scheme.as_deref()?)?;
            StrongIdentifier::of(scheme, identifier.value.as_deref()?)
        })
        .collect();
    found.sort();
    found.dedup();
    found
}
