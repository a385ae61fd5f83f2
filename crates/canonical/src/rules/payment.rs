//! Rules of payments, and the balance between a payment and its allocations.

use rust_decimal::Decimal;

use super::report::Report;
use super::{Finding, shared};
use crate::document::payment::{Payment, PaymentParty, PaymentStatus};
use crate::document::{Allocation, Money};
use crate::identifier::Scheme;

pub(super) fn check(payment: &Payment, report: &mut Report) {
    report.require("PSR-PAYMENT-DIRECTION", "direction", payment.direction.as_ref(), "does the money come or go?");
    report.require("PSR-PAYMENT-AMOUNT", "amount", payment.amount.as_ref(), "a payment has an amount");
    if payment.amount.is_some_and(is_negative) {
        report.fatal("PSR-PAYMENT-AMOUNT", "amount.amount", "an amount is not negative; the direction tells the sign");
    }
    for (name, money) in [("amount", payment.amount), ("instructed_amount", payment.instructed_amount)] {
        shared::money(report, name, money);
    }
    dates(payment, report);
    report.within("account", |report| shared::bank_account(report, &payment.account));
    if payment.references.uetr.as_deref().is_some_and(|uetr| !is_uuid(uetr)) {
        report.warn("PSR-UETR", "references.uetr", "a UETR is a UUID in lower case");
    }
    report.within("debtor", |report| party(report, &payment.debtor));
    report.within("creditor", |report| party(report, &payment.creditor));
    remittance(payment, report);
    report.each("charges", &payment.charges, |report, charge| shared::money(report, "amount", charge.amount));
    unallocated(payment, report);
}

fn dates(payment: &Payment, report: &mut Report) {
    shared::date(report, "booking_date", payment.booking_date);
    shared::date(report, "value_date", payment.value_date);
    // Nothing said about the status is what ledgers do: their payments are booked.
    let is_booked = payment.status.as_ref().is_none_or(|status| *status == PaymentStatus::Booked);
    if is_booked && payment.booking_date.is_none() {
        report.warn("PSR-PAYMENT-DATE", "booking_date", "a booked payment has a booking date");
    }
}

fn party(report: &mut Report, party: &PaymentParty) {
    report.each("identifiers", &party.identifiers, shared::identifier);
    report.within("address", |report| shared::address(report, &party.address));
    report.within("account", |report| shared::bank_account(report, &party.account));
}

fn remittance(payment: &Payment, report: &mut Report) {
    let structured = &payment.remittance.structured;
    report.within("remittance", |report| {
        report.each("structured", structured, |report, item| {
            // Other creditor references are national and have checks of their own.
            let reference = item.creditor_reference.as_deref().filter(|reference| reference.starts_with("RF"));
            shared::checked(report, "creditor_reference", Scheme::CreditorReference, reference);
            shared::money(report, "amount", item.amount);
        });
        let Some(amount) = payment.amount else { return };
        let amounts = structured.iter().filter_map(|item| item.amount).filter_map(|item| same(item, amount));
        if total(amounts).is_none_or(|remitted| remitted > amount.amount) {
            report.warn("PSR-PAYMENT-REMITTANCE", "structured", "more is remitted than was paid");
        }
    });
}

fn unallocated(payment: &Payment, report: &mut Report) {
    let (Some(amount), Some(unallocated)) = (payment.amount, payment.unallocated) else {
        return;
    };
    if unallocated.currency != amount.currency {
        report.fatal("PSR-PAYMENT-UNALLOCATED", "unallocated.currency", "this is not the currency of the amount");
    } else if is_negative(unallocated) || unallocated.amount > amount.amount {
        report.fatal("PSR-PAYMENT-UNALLOCATED", "unallocated.amount", "this is not between nothing and the amount");
    }
}

/// Holds a payment against all its allocations, reversed ones left out:
/// what they take and what the payment calls unallocated make its amount (`PSR-PAYMENT-BALANCE`).
/// A payment that does not tell what is unallocated only must not be exceeded.
#[must_use]
pub fn balance(payment: &Payment, allocations: &[&Allocation]) -> Vec<Finding> {
    let mut report = Report::default();
    let Some(amount) = payment.amount else {
        return report.into_findings();
    };
    let standing = allocations.iter().filter(|allocation| allocation.reversed_by.is_none());
    let taken = || standing.clone().filter_map(|allocation| allocation.amount);
    if taken().any(|taken| taken.currency != amount.currency) {
        report.fatal("PSR-PAYMENT-BALANCE", "amount", "an allocation is in another currency");
    }
    let rest = payment.unallocated.and_then(|rest| same(rest, amount));
    let accounted = total(taken().filter_map(|taken| same(taken, amount)).chain(rest));
    let balances = accounted.is_some_and(|accounted| match rest {
        Some(_) => accounted == amount.amount,
        None => accounted <= amount.amount,
    });
    if !balances {
        report.fatal(
            "PSR-PAYMENT-BALANCE",
            "unallocated",
            "allocations and what is unallocated do not make the amount",
        );
    }
    report.into_findings()
}

/// The sum; `None` beyond what a decimal holds.
fn total(mut amounts: impl Iterator<Item = Decimal>) -> Option<Decimal> {
    amounts.try_fold(Decimal::ZERO, Decimal::checked_add)
}

/// The amount, when it is in the same currency.
fn same(money: Money, other: Money) -> Option<Decimal> {
    (money.currency == other.currency).then_some(money.amount)
}

fn is_negative(money: Money) -> bool {
    money.amount < Decimal::ZERO
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}
