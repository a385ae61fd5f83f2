//! Rules about what several documents share.

use jiff::civil::Date;

use super::report::Report;
use crate::codes;
use crate::document::{Address, BankAccount, Country, Currency, Identifier, Money};
use crate::identifier::{self, Scheme};

/// Years outside these are what systems write for "never" and "always".
const PLAUSIBLE_YEARS: std::ops::RangeInclusive<i16> = 1850..=2200;

/// An identifier without a check, of a scheme that we know, is held against it.
pub(super) fn identifier(report: &mut Report, identifier: &Identifier) {
    match (identifier.scheme.as_deref(), identifier.value.as_deref()) {
        (None, None) => {}
        (Some(_), None) => report.warn("PSR-ID-VALUE", "value", "a scheme is given without an identifier"),
        (None, Some(_)) => report.warn("PSR-ID-SCHEME", "scheme", "an identifier is given without its scheme"),
        (Some(scheme), Some(value)) => {
            if let Some(scheme) = Scheme::from_text(scheme) {
                checked(report, "value", scheme, Some(value));
            }
        }
    }
}

/// A value of a known scheme passes its check.
pub(super) fn checked(report: &mut Report, name: &str, scheme: Scheme, value: Option<&str>) {
    if let Some(Err(error)) = value.map(|value| identifier::check(scheme, value)) {
        report.warn(scheme.rule(), name, error.to_string());
    }
}

/// The account's IBAN and BIC pass their checks, and its currency is a listed one.
pub(super) fn bank_account(report: &mut Report, account: &BankAccount) {
    checked(report, "iban", Scheme::Iban, account.iban.as_deref());
    checked(report, "bic", Scheme::Bic, account.bic.as_deref());
    currency(report, "currency", account.currency);
}

pub(super) fn address(report: &mut Report, address: &Address) {
    country(report, "country", address.country);
}

pub(super) fn country(report: &mut Report, name: &str, country: Option<Country>) {
    if country.is_some_and(|country| !codes::is_country(country.as_str())) {
        report.warn("PSR-COUNTRY", name, "ISO 3166-1 assigns no such country code");
    }
}

pub(super) fn currency(report: &mut Report, name: &str, currency: Option<Currency>) {
    if currency.is_some_and(|currency| !codes::is_currency(currency.as_str())) {
        report.warn("PSR-CURRENCY", name, "ISO 4217 lists no such currency code");
    }
}

/// The money's currency is a listed one.
pub(super) fn money(report: &mut Report, name: &str, money: Option<Money>) {
    if let Some(money) = money {
        report.within(name, |report| currency(report, "currency", Some(money.currency)));
    }
}

/// The date is one on which business is done, and none of those that mean "none".
pub(super) fn date(report: &mut Report, name: &str, date: Option<Date>) {
    if date.is_some_and(|date| !PLAUSIBLE_YEARS.contains(&date.year())) {
        report.warn("PSR-DATE", name, "the year is not plausible; leave the field empty when there is no date");
    }
}

/// Items of a list that is read by selector are told apart by it.
pub(super) fn distinct<'a, T, K: PartialEq>(
    report: &mut Report,
    name: &'static str,
    items: &'a [T],
    key: impl Fn(&'a T) -> K,
) {
    let mut position = 0;
    report.each(name, items, |report, _| {
        if items[..position].iter().any(|earlier| key(earlier) == key(&items[position])) {
            report.warn("PSR-LIST-DUPLICATE", "", "an earlier item of the list has the same selector");
        }
        position += 1;
    });
}
