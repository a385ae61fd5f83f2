//! E-mail addresses and telephone numbers, and how alike two of them are.

use serde::{Deserialize, Serialize};

use super::text::{digits, distance, has_same_digits, is_near};

/// Providers whose domain says nothing about whose address it is. Sorted.
const PUBLIC_DOMAINS: &[&str] = &[
    "aol.com",
    "bbox.fr",
    "bluewin.ch",
    "btinternet.com",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.de",
    "hotmail.es",
    "hotmail.fr",
    "hotmail.it",
    "icloud.com",
    "laposte.net",
    "libero.it",
    "live.co.uk",
    "live.com",
    "live.fr",
    "mac.com",
    "mail.com",
    "me.com",
    "msn.com",
    "neuf.fr",
    "numericable.fr",
    "orange.fr",
    "outlook.com",
    "outlook.de",
    "outlook.fr",
    "proton.me",
    "protonmail.com",
    "sfr.fr",
    "sky.com",
    "skynet.be",
    "t-online.de",
    "telenet.be",
    "virginmedia.com",
    "wanadoo.fr",
    "web.de",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.de",
    "yahoo.es",
    "yahoo.fr",
    "yahoo.it",
    "ymail.com",
    "ziggo.nl",
];

/// What people write who have no address to give. Sorted.
const NOBODY: &[&str] = &[
    "aucun",
    "donotreply",
    "inconnu",
    "invalid",
    "keine",
    "na",
    "nepasrepondre",
    "nobody",
    "nomail",
    "none",
    "noreply",
    "null",
    "pasdemail",
    "test",
    "unbekannt",
    "unknown",
    "xxx",
];

/// How alike two e-mail addresses are, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum EmailLevel {
    /// The same address.
    Same,
    /// The same but for a slip.
    Near,
    /// Another address of the same company's domain.
    Domain,
    /// Nothing is the same.
    Different,
}

/// An e-mail address that can be somebody's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct EmailAddress {
    /// In lower case, without what follows `+`.
    pub whole: String,
    at: usize,
    /// Whether anybody can have an address of this domain.
    pub is_public: bool,
}

impl EmailAddress {
    /// `None` for what is no address, or nobody's: `noreply@…`, the domains that RFC 2606 reserves for examples.
    pub fn new(text: &str) -> Option<Self> {
        let lower: String =
            text.trim().chars().take(super::text::CHARACTERS_MAX).flat_map(char::to_lowercase).collect();
        let (local, domain) = lower.rsplit_once('@')?;
        let local = local.split('+').next().unwrap_or_default();
        let name: String = local.chars().filter(|character| character.is_alphanumeric()).collect();
        let reserved = ["example.", "test.", "invalid."].iter().any(|first| domain.starts_with(first))
            || [".example", ".test", ".invalid", ".localhost"].iter().any(|last| domain.ends_with(last));
        if name.is_empty() || !domain.contains('.') || reserved || NOBODY.binary_search(&name.as_str()).is_ok() {
            return None;
        }
        let is_public = PUBLIC_DOMAINS.binary_search(&domain).is_ok();
        Some(EmailAddress { at: local.len(), whole: format!("{local}@{domain}"), is_public })
    }

    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.whole.get(self.at + 1..).unwrap_or_default()
    }

    /// How alike two addresses are.
    pub fn level(&self, other: &Self) -> EmailLevel {
        let slips = if self.whole.len().max(other.whole.len()) > 16 { 2 } else { 1 };
        match distance(&self.whole, &other.whole, slips) {
            Some(0) => EmailLevel::Same,
            Some(_) if has_same_digits(&self.whole, &other.whole) => EmailLevel::Near,
            _ if self.is_public || other.is_public => EmailLevel::Different,
            _ if is_near(self.domain(), other.domain()) => EmailLevel::Domain,
            _ => EmailLevel::Different,
        }
    }
}

/// Shorter numbers are extensions, not anybody's number.
const PHONE_DIGITS_MIN: usize = 6;

/// So many digits from the end tell a number, however its country's prefix and the zero behind it are written or left out.
const PHONE_DIGITS_MAX: usize = 9;

/// The last digits of a telephone number.
///
/// `None` for what is nobody's number: too short, one digit over and over, or digits in a row.
pub(super) fn phone(text: &str) -> Option<String> {
    let all = digits(text);
    let plain = all.trim_start_matches('0');
    let bytes = plain.as_bytes();
    let is_run = bytes.windows(2).all(|pair| pair[0] == pair[1])
        || bytes.windows(2).all(|pair| (pair[0] + 1 - b'0') % 10 == pair[1] - b'0');
    if plain.len() < PHONE_DIGITS_MIN || is_run {
        return None;
    }
    plain.get(plain.len().saturating_sub(PHONE_DIGITS_MAX)..).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn emails(one: &str, other: &str, expected: EmailLevel) {
        let (one, other) = (EmailAddress::new(one).unwrap(), EmailAddress::new(other).unwrap());
        assert_eq!((one.level(&other), other.level(&one)), (expected, expected), "{one:?} {other:?}");
    }

    #[test]
    fn addresses_of_one_domain_are_related_unless_anybody_can_have_one() {
        emails("Marie.Durand@gmail.com", "marie.durand+shop@gmail.com ", EmailLevel::Same);
        emails("nathan.long@gmail.com", "anthan.long@gmail.com", EmailLevel::Near);
        emails("a@durand.fr", "b@durand.fr", EmailLevel::Near);
        emails("marie.durand95@web.de", "marie.durand96@web.de", EmailLevel::Different);
        emails("contact@durand1.fr", "contact@durand2.fr", EmailLevel::Different);
        emails("contact@garagebreton.fr", "compta@garagebreton.fr", EmailLevel::Domain);
        emails("contact@garagebreton.fr", "compta@garagebrton.fr", EmailLevel::Domain);
        emails("marie.durand@gmail.com", "paul.lefort@gmail.com", EmailLevel::Different);
        for text in
            ["", "durand", "no-reply@durand.fr", "x@example.com", "a@b", "@durand.fr", "info@shop.test", "NA@x.fr"]
        {
            assert_eq!(EmailAddress::new(text), None, "{text}");
        }
        assert!(PUBLIC_DOMAINS.is_sorted() && NOBODY.is_sorted());
    }

    #[test]
    fn phones_are_one_however_they_are_written() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(phone(text).as_deref(), expected, "{text}");
        for text in [
            "0279743900",
            "+33 2 79 74 29 00",
            "33279742900",
            "0033 2 79 74 29 00",
            "+33.(0)2.79.74.29.00",
            "330279742900",
        ] {
            check(text, Some(if text == "0279743900" { "279743900" } else { "279742900" }));
        }
        check("+49(0)5580 520467", Some("580520467"));
        check("05580/520467", Some("580520467"));
        check("123 457", Some("123457"));
        for text in ["", "0000000000", "1234567890", "0123456789", "12345", "99999999", "+33"] {
            check(text, None);
        }
    }
}
