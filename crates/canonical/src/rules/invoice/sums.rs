//! The arithmetic of EN 16931-1, BR-CO-10 to BR-CO-17, exact to the cent.
//!
//! Where the official validators allow a difference, as with the VAT of a rate (BR-CO-17), it is a warning within what
//! they allow and a contradiction beyond: what they call valid is never refused, and never passed over in silence.
//!
//! A term that is missing where the norm makes it optional counts as nothing;
//! a sum is checked when both of its sides are told, what is missing is for the presence rules.
//! In a summary, totals that contradict each other are a warning: legacy exports round each for itself.
//! What a summary does not tell is unknown, and not nothing: a sum with such a term is not checked.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::document::Invoice;
use crate::rules::Severity;
use crate::rules::report::Report;

pub(super) fn check(invoice: &Invoice, report: &mut Report) {
    let severity = if invoice.is_full() { Severity::Fatal } else { Severity::Warning };
    if invoice.is_full() {
        parts(invoice, report);
    }
    totals(invoice, severity, report);
    report.each("vat_breakdown", &invoice.vat_breakdown, |report, vat| {
        let rate = if invoice.is_full() { Some(vat.rate.unwrap_or_default()) } else { vat.rate };
        let (Some(taxable), Some(tax), Some(rate)) = (vat.taxable_amount, vat.tax_amount, rate) else {
            return;
        };
        let is_exact = vat_of(taxable, rate) == Some(tax);
        let (severity, message) = match (is_exact, is_tolerated(taxable, tax, rate)) {
            (true, true) => return,
            (true, false) => (Severity::Warning, "official validators take a rate (BT-119) below 0.5 for none"),
            (false, true) => (Severity::Warning, "BT-117 is BT-116 × BT-119 ÷ 100 only to the next unit"),
            (false, false) => (severity, "BT-117 is not BT-116 × BT-119 ÷ 100, rounded to two decimals"),
        };
        report.add(severity, "BR-CO-17", "tax_amount", message.into());
    });
}

/// The VAT of an amount: rounded to two decimals, halves away from zero. `None` beyond what a decimal holds.
fn vat_of(taxable: Decimal, rate: Decimal) -> Option<Decimal> {
    let product = taxable.checked_mul(rate)?.checked_div(Decimal::ONE_HUNDRED)?;
    Some(product.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero))
}

/// By how much a told VAT misses that of the amount, whatever the signs. `None` beyond what a decimal holds.
pub(super) fn vat_difference(taxable: Decimal, tax: Decimal, rate: Decimal) -> Option<Decimal> {
    Some(tax.abs().checked_sub(vat_of(taxable.abs(), rate)?)?.abs())
}

/// Whether the official validators let a VAT pass as BR-CO-17: without regard to signs it misses the exact one by one
/// unit at most, and where the rate rounds to nothing, it does so too.
/// That of UBL wants less than one unit, that of CII one at most: what one of them lets pass is tolerated.
fn is_tolerated(taxable: Decimal, tax: Decimal, rate: Decimal) -> bool {
    let half = Decimal::new(5, 1);
    let rounds_to_nothing = |value: Decimal| -half <= value && value < half;
    if rounds_to_nothing(rate) {
        return rounds_to_nothing(tax);
    }
    vat_difference(taxable, tax, rate).is_some_and(|difference| difference <= Decimal::ONE)
}

/// The sum of what is told; `None` when something is not, or beyond what a decimal holds.
fn sum(amounts: impl Iterator<Item = Option<Decimal>>) -> Option<Decimal> {
    amounts.into_iter().try_fold(Decimal::ZERO, |sum, amount| sum.checked_add(amount?))
}

/// Totals are the sums of the parts that the invoice lists.
fn parts(invoice: &Invoice, report: &mut Report) {
    let totals = &invoice.totals;
    let lines = sum(invoice.lines.iter().map(|line| line.net_amount));
    let allowances = sum(invoice.allowances.iter().map(|allowance| allowance.amount));
    let charges = sum(invoice.charges.iter().map(|charge| charge.amount));
    let vat = sum(invoice.vat_breakdown.iter().map(|vat| vat.tax_amount));
    let optional = |total: Option<Decimal>| Some(total.unwrap_or_default());
    // A total VAT is optional; told or not, it is there once some VAT is.
    let vat_total = if vat.is_some_and(|vat| !vat.is_zero()) { optional(totals.vat_amount) } else { totals.vat_amount };
    let has_lines = !invoice.lines.is_empty();
    let rules = [
        ("BR-CO-10", "line_net_amount", totals.line_net_amount.filter(|_| has_lines), lines, "BT-106 is not Σ BT-131"),
        ("BR-CO-11", "allowance_amount", optional(totals.allowance_amount), allowances, "BT-107 is not Σ BT-92"),
        ("BR-CO-12", "charge_amount", optional(totals.charge_amount), charges, "BT-108 is not Σ BT-99"),
        ("BR-CO-14", "vat_amount", vat_total, vat, "BT-110 is not Σ BT-117"),
    ];
    report.within("totals", |report| {
        for (rule, name, total, parts, message) in rules {
            if total.zip(parts).is_some_and(|(total, parts)| total != parts) {
                report.fatal(rule, name, message);
            }
        }
    });
}

/// Totals agree with each other.
fn totals(invoice: &Invoice, severity: Severity, report: &mut Report) {
    let totals = &invoice.totals;
    let optional = |term: Option<Decimal>| if invoice.is_full() { Some(term.unwrap_or_default()) } else { term };
    let plus = |left: Option<Decimal>, right: Option<Decimal>| left?.checked_add(optional(right)?);
    let minus = |left: Option<Decimal>, right: Option<Decimal>| left?.checked_sub(optional(right)?);
    let without_vat = plus(minus(totals.line_net_amount, totals.allowance_amount), totals.charge_amount);
    let with_vat = plus(totals.amount_without_vat, totals.vat_amount);
    let due = plus(minus(totals.amount_with_vat, totals.paid_amount), totals.rounding_amount);
    let rules = [
        (
            "BR-CO-13",
            "amount_without_vat",
            totals.amount_without_vat,
            without_vat,
            "BT-109 is not BT-106 − BT-107 + BT-108",
        ),
        ("BR-CO-15", "amount_with_vat", totals.amount_with_vat, with_vat, "BT-112 is not BT-109 + BT-110"),
        ("BR-CO-16", "due_amount", totals.due_amount, due, "BT-115 is not BT-112 − BT-113 + BT-114"),
    ];
    report.within("totals", |report| {
        for (rule, name, told, computed, message) in rules {
            if told.zip(computed).is_some_and(|(told, computed)| told != computed) {
                report.add(severity, rule, name, message.into());
            }
        }
    });
}
