//! Rules of one line of an invoice.

use rust_decimal::Decimal;

use crate::document::invoice::{InvoiceLine, LineAdjustment};
use crate::document::shape::Shaped;
use crate::rules::report::Report;

/// What a line says is right, however little its source tells.
pub(super) fn check(report: &mut Report, line: &InvoiceLine) {
    for (rule, name, price) in [("BR-27", "price.net", line.price.net), ("BR-28", "price.gross", line.price.gross)] {
        if price.is_some_and(|price| price < Decimal::ZERO) {
            report.warn(rule, name, "a price is not negative; the quantity tells the sign");
        }
    }
    if line.period.start.zip(line.period.end).is_some_and(|(start, end)| end < start) {
        report.warn("BR-30", "period.end", "the line's period ends before it starts (BT-134, BT-135)");
    }
    item(report, line);
}

/// A line of an invoice that its source tells in full says what EN 16931 wants it to.
pub(super) fn check_full(report: &mut Report, line: &InvoiceLine) {
    report.expect("BR-21", "id", line.id.as_ref(), "the line has no identifier (BT-126)");
    report.expect("BR-22", "quantity", line.quantity.as_ref(), "the line has no quantity (BT-129)");
    report.expect("BR-23", "unit", line.unit.as_ref(), "the quantity has no unit (BT-130)");
    report.expect("BR-24", "net_amount", line.net_amount.as_ref(), "the line has no net amount (BT-131)");
    report.expect("BR-25", "item.name", line.item.name.as_ref(), "the item has no name (BT-153)");
    report.expect("BR-26", "price.net", line.price.net.as_ref(), "the item has no net price (BT-146)");
    report.expect("BR-CO-04", "vat.category", line.vat.category.as_ref(), "the line has no VAT category (BT-151)");
    report.each("allowances", &line.allowances, |report, allowance| {
        adjustment(report, allowance, "BR-41", "BR-42");
    });
    report.each("charges", &line.charges, |report, charge| adjustment(report, charge, "BR-43", "BR-44"));
}

fn adjustment(report: &mut Report, adjustment: &LineAdjustment, amount: &'static str, reason: &'static str) {
    report.expect(amount, "amount", adjustment.amount.as_ref(), "the amount is missing");
    if adjustment.reason.is_none() && adjustment.reason_code.is_none() {
        report.warn(reason, "reason", "neither the reason nor its code is given");
    }
}

fn item(report: &mut Report, line: &InvoiceLine) {
    let item = &line.item;
    report.within("item", |report| {
        if !item.standard_id.is_empty() {
            let scheme = item.standard_id.scheme.as_ref();
            report.expect("BR-64", "standard_id.scheme", scheme, "the standard identifier has no scheme (BT-157-1)");
        }
        report.each("classifications", &item.classifications, |report, class| {
            report.expect("BR-65", "scheme", class.scheme.as_ref(), "the classification has no scheme (BT-158-1)");
        });
        report.each("attributes", &item.attributes, |report, attribute| {
            if attribute.name.is_none() || attribute.value.is_none() {
                report.warn("BR-54", "", "an attribute has a name (BT-160) and a value (BT-161)");
            }
        });
    });
}
