//! Rules of allocations.

use rust_decimal::Decimal;

use super::report::Report;
use super::shared;
use crate::document::{Allocation, Money};

pub(super) fn check(allocation: &Allocation, report: &mut Report) {
    match (&allocation.payment, &allocation.credit_note) {
        (Some(_), None) | (None, Some(_)) => {}
        (None, None) => report.fatal("PSR-ALLOCATION-SOURCE", "payment", "neither payment nor credit note is named"),
        (Some(_), Some(_)) => {
            report.fatal("PSR-ALLOCATION-SOURCE", "credit_note", "both a payment and a credit note are named");
        }
    }
    report.require("PSR-ALLOCATION-INVOICE", "invoice", allocation.invoice.as_ref(), "the invoice is not named");
    report.require("PSR-ALLOCATION-AMOUNT", "amount", allocation.amount.as_ref(), "an allocation has an amount");
    for (name, money) in amounts(allocation) {
        shared::money(report, name, money);
        if money.is_some_and(|money| money.amount < Decimal::ZERO) {
            report.warn("PSR-ALLOCATION-SIGN", name, "the amount is negative; name the allocation that reverses it");
        }
    }
    shared::date(report, "date", allocation.date);
    currencies(allocation, report);
    sums(allocation, report);
}

fn amounts(allocation: &Allocation) -> [(&'static str, Option<Money>); 4] {
    [
        ("amount", allocation.amount),
        ("invoice_amount", allocation.invoice_amount),
        ("discount", allocation.discount),
        ("write_off", allocation.write_off),
    ]
}

/// Discount and write-off are in the invoice's currency.
fn currencies(allocation: &Allocation, report: &mut Report) {
    let Some(invoice) = allocation.invoice_amount else { return };
    for (name, money) in &amounts(allocation)[2..] {
        if money.is_some_and(|money| money.currency != invoice.currency) {
            report.fatal("PSR-ALLOCATION-CURRENCY", name, "this is not the currency of the invoice");
        }
    }
}

/// Within one currency what is taken is what is settled.
/// Between two, the rate leads from one to the other; how its product is rounded is the source's affair,
/// up to one unit of the settled amount's last digit.
fn sums(allocation: &Allocation, report: &mut Report) {
    let (Some(amount), Some(settled)) = (allocation.amount, allocation.invoice_amount) else {
        return;
    };
    if amount.currency == settled.currency {
        if amount.amount != settled.amount {
            report.fatal("PSR-ALLOCATION-SUM", "invoice_amount.amount", "one currency, but two different amounts");
        }
        return;
    }
    let Some(product) = allocation.exchange_rate.and_then(|rate| rate.checked_mul(amount.amount)) else {
        return;
    };
    let unit = Decimal::new(1, settled.amount.scale());
    if product.checked_sub(settled.amount).is_none_or(|difference| difference.abs() > unit) {
        report.warn(
            "PSR-ALLOCATION-SUM",
            "invoice_amount.amount",
            "the rate does not lead from the amount to this one",
        );
    }
}
