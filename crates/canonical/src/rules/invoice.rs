//! Rules of invoices: EN 16931-1 by its own names.

mod categories;
mod header;
mod line;
mod listed;
mod party;
mod sums;

use super::report::Report;
use crate::document::Invoice;

pub(super) fn check(invoice: &Invoice, report: &mut Report) {
    header::check(invoice, report);
    party::check(invoice, report);
    if invoice.is_full() {
        header::check_full(invoice, report);
        party::check_full(invoice, report);
        report.expect("BR-16", "lines", invoice.lines.first(), "an invoice has at least one line (BG-25)");
    }
    report.each("lines", &invoice.lines, |report, item| {
        if invoice.is_full() {
            line::check_full(report, item);
        }
        line::check(report, item);
    });
    listed::check(invoice, report);
    categories::check(invoice, report);
    sums::check(invoice, report);
}
