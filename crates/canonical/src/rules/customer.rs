//! Rules of customers: all warnings, since no doubt about a field makes a customer go away.

use super::report::Report;
use super::shared;
use crate::document::Customer;
use crate::document::customer::CustomerKind;
use crate::identifier::{StrongScheme, strong};

pub(super) fn check(customer: &Customer, report: &mut Report) {
    names(customer, report);
    shared::date(report, "birth_date", customer.birth_date);
    report.each("identifiers", &customer.identifiers, shared::identifier);
    one_company(customer, report);
    report.each("addresses", &customer.addresses, shared::address);
    report.each("emails", &customer.emails, |report, email| email_address(report, "value", email.value.as_deref()));
    report.each("phones", &customer.phones, |report, phone| phone_number(report, "value", phone.value.as_deref()));
    report.each("contacts", &customer.contacts, |report, contact| {
        email_address(report, "email", contact.email.as_deref());
        phone_number(report, "phone", contact.phone.as_deref());
    });
    report.each("bank_accounts", &customer.bank_accounts, shared::bank_account);
    lists(customer, report);
    language(report, customer.language.as_deref());
    shared::currency(report, "currency", customer.currency);
    if customer.payment_terms.day_of_month.is_some_and(|day| !(1..=31).contains(&day)) {
        report.warn("PSR-PAYMENT-TERMS", "payment_terms.day_of_month", "a month has days 1 to 31");
    }
    shared::money(report, "credit_limit", customer.credit_limit);
    if customer.credit_limit.is_some_and(|limit| limit.amount.is_sign_negative() && !limit.amount.is_zero()) {
        report.warn("PSR-CREDIT-LIMIT", "credit_limit.amount", "a credit limit is not negative");
    }
}

fn names(customer: &Customer, report: &mut Report) {
    let family = customer.family_name.is_some() || customer.given_name.is_some();
    if customer.legal_name.is_none() && customer.trading_name.is_none() && !family {
        report.warn("PSR-CUSTOMER-NAME", "legal_name", "the customer has no name of any kind");
    }
    if customer.kind == Some(CustomerKind::Company) && customer.birth_date.is_some() {
        report.warn("PSR-CUSTOMER-KIND", "birth_date", "a company has no date of birth; is it a person?");
    }
}

/// SIREN, SIRET and French VAT number name one company.
fn one_company(customer: &Customer, report: &mut Report) {
    if customer.identifiers.len() < 2 {
        return;
    }
    let companies = strong(customer).iter().filter(|identifier| identifier.scheme == StrongScheme::Siren).count();
    if companies > 1 {
        report.warn("PSR-ID-CONFLICT", "identifiers", "SIREN, SIRET and VAT number name different companies");
    }
}

fn lists(customer: &Customer, report: &mut Report) {
    shared::distinct(report, "identifiers", &customer.identifiers, |item| (&item.scheme, &item.value));
    shared::distinct(report, "addresses", &customer.addresses, |item| &item.r#use);
    shared::distinct(report, "bank_accounts", &customer.bank_accounts, |item| (&item.r#use, &item.iban));
    shared::distinct(report, "consents", &customer.consents, |item| &item.purpose);
}

/// One at sign with something on both sides and no blank: the rest is for mail servers to know.
fn email_address(report: &mut Report, name: &str, value: Option<&str>) {
    let is_right = |value: &str| {
        let parts = value.rsplit_once('@');
        parts.is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.starts_with('.'))
            && !value.contains(char::is_whitespace)
    };
    if value.is_some_and(|value| !is_right(value)) {
        report.warn("PSR-EMAIL", name, "this is no e-mail address");
    }
}

/// E.164: a plus sign and 7 to 15 digits.
fn phone_number(report: &mut Report, name: &str, value: Option<&str>) {
    let is_right = |value: &str| {
        let digits = value.strip_prefix('+').unwrap_or_default();
        (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    if value.is_some_and(|value| !is_right(value)) {
        report.warn("PSR-PHONE", name, "this is no E.164 number: a plus sign, the country's code and no blanks");
    }
}

/// BCP 47 by its shape: a language of 2 or 3 letters, then subtags of up to 8 letters and digits.
fn language(report: &mut Report, value: Option<&str>) {
    let is_right = |value: &str| {
        let mut tags = value.split('-');
        let first = tags.next().unwrap_or_default();
        matches!(first.len(), 2 | 3)
            && first.bytes().all(|byte| byte.is_ascii_alphabetic())
            && tags.all(|tag| (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    if value.is_some_and(|value| !is_right(value)) {
        report.warn("PSR-LANGUAGE", "language", "this is no language of BCP 47, such as fr or de-AT");
    }
}
