//! Presence and codes at document level.

use rust_decimal::Decimal;

use crate::document::Invoice;
use crate::document::invoice::Adjustment;
use crate::identifier::Scheme;
use crate::rules::report::Report;
use crate::rules::shared;

/// What every invoice says, however little its source tells; without the first four the hub cannot tell it apart.
pub(super) fn check(invoice: &Invoice, report: &mut Report) {
    report.require("BR-02", "number", invoice.number.as_ref(), "an invoice has a number (BT-1)");
    report.require("BR-03", "issue_date", invoice.issue_date.as_ref(), "an invoice has an issue date (BT-2)");
    report.require("BR-04", "type_code", invoice.type_code.as_ref(), "an invoice has a type code (BT-3)");
    report.require("BR-05", "currency", invoice.currency.as_ref(), "an invoice has a currency (BT-5)");
    for (name, date) in
        [("issue_date", invoice.issue_date), ("vat_point_date", invoice.vat_point_date), ("due_date", invoice.due_date)]
    {
        shared::date(report, name, date);
    }
    if invoice.vat_point_date.is_some() && invoice.vat_point_date_code.is_some() {
        report.warn("BR-CO-03", "vat_point_date_code", "either a tax point date (BT-7) or its code (BT-8), not both");
    }
    let period = &invoice.delivery.period;
    if period.start.zip(period.end).is_some_and(|(start, end)| end < start) {
        report.warn("BR-29", "delivery.period.end", "the invoicing period ends before it starts (BT-73, BT-74)");
    }
    totals(invoice, report);
    payment(invoice, report);
}

fn totals(invoice: &Invoice, report: &mut Report) {
    let totals = &invoice.totals;
    report.within("totals", |report| {
        report.expect(
            "BR-14",
            "amount_with_vat",
            totals.amount_with_vat.as_ref(),
            "the total with VAT is missing (BT-112)",
        );
        if invoice.is_full() && invoice.vat_currency.is_some_and(|currency| Some(currency) != invoice.currency) {
            let told = totals.vat_amount_in_vat_currency.as_ref();
            report.expect(
                "BR-53",
                "vat_amount_in_vat_currency",
                told,
                "VAT in the accounting currency is missing (BT-111)",
            );
        }
    });
}

fn payment(invoice: &Invoice, report: &mut Report) {
    let payment = &invoice.payment_instructions;
    let is_transfer = matches!(payment.means_code.as_deref(), Some("30" | "58"));
    report.within("payment_instructions", |report| {
        if invoice.is_full() && is_transfer && payment.credit_transfers.is_empty() {
            report.warn("BR-61", "credit_transfers", "a credit transfer needs an account to pay to (BT-84)");
        }
        report.each("credit_transfers", &payment.credit_transfers, |report, transfer| {
            if invoice.is_full() {
                let account = transfer.account.as_ref();
                report.expect("BR-50", "account", account, "a credit transfer has an account (BT-84)");
            }
            // Accounts outside SEPA need not be IBANs: only what starts like one is held against the scheme.
            let looks_like_iban = |account: &&str| {
                let head = account.as_bytes().get(..4);
                head.is_some_and(|head| {
                    head[..2].iter().all(u8::is_ascii_uppercase) && head[2..].iter().all(u8::is_ascii_digit)
                })
            };
            shared::checked(report, "account", Scheme::Iban, transfer.account.as_deref().filter(looks_like_iban));
            shared::checked(report, "bic", Scheme::Bic, transfer.bic.as_deref());
        });
    });
}

/// What an invoice says that its source tells in full.
pub(super) fn check_full(invoice: &Invoice, report: &mut Report) {
    let specification = invoice.process_control.specification.as_ref();
    report.expect("BR-01", "process_control.specification", specification, "the specification is not named (BT-24)");
    let totals = &invoice.totals;
    report.within("totals", |report| {
        report.expect(
            "BR-12",
            "line_net_amount",
            totals.line_net_amount.as_ref(),
            "the sum of lines is missing (BT-106)",
        );
        let without_vat = totals.amount_without_vat.as_ref();
        report.expect("BR-13", "amount_without_vat", without_vat, "the total without VAT is missing (BT-109)");
        report.expect("BR-15", "due_amount", totals.due_amount.as_ref(), "the amount due is missing (BT-115)");
    });
    let terms = invoice.due_date.is_some() || invoice.payment_terms.is_some();
    if totals.due_amount.is_some_and(|due| due > Decimal::ZERO) && !terms {
        report.warn("BR-CO-25", "due_date", "something is due: give a due date (BT-9) or payment terms (BT-20)");
    }
    report.expect("BR-CO-18", "vat_breakdown", invoice.vat_breakdown.first(), "the VAT breakdown is missing (BG-23)");
    report.each("allowances", &invoice.allowances, |report, allowance| {
        adjustment(report, allowance, ["BR-31", "BR-32", "BR-33"], "an allowance (BG-20)");
    });
    report.each("charges", &invoice.charges, |report, charge| {
        adjustment(report, charge, ["BR-36", "BR-37", "BR-38"], "a charge (BG-21)");
    });
    report.each("vat_breakdown", &invoice.vat_breakdown, |report, vat| {
        report.expect("BR-45", "taxable_amount", vat.taxable_amount.as_ref(), "the taxable amount is missing (BT-116)");
        report.expect("BR-46", "tax_amount", vat.tax_amount.as_ref(), "the tax amount is missing (BT-117)");
        report.expect("BR-47", "category", vat.category.as_ref(), "the VAT category is missing (BT-118)");
        if vat.category.as_deref() != Some("O") {
            report.expect("BR-48", "rate", vat.rate.as_ref(), "the VAT rate is missing (BT-119)");
        }
    });
    report.each("preceding_invoices", &invoice.preceding_invoices, |report, preceding| {
        report.expect("BR-55", "number", preceding.number.as_ref(), "the preceding invoice has no number (BT-25)");
    });
    report.each("supporting_documents", &invoice.supporting_documents, |report, supporting| {
        report.expect("BR-52", "reference", supporting.reference.as_ref(), "the document has no reference (BT-122)");
    });
}

fn adjustment(report: &mut Report, adjustment: &Adjustment, rules: [&'static str; 3], what: &str) {
    let [amount, category, reason] = rules;
    if adjustment.amount.is_none() {
        report.warn(amount, "amount", format!("{what} has an amount"));
    }
    if adjustment.vat_category.is_none() {
        report.warn(category, "vat_category", format!("{what} has a VAT category"));
    }
    if adjustment.reason.is_none() && adjustment.reason_code.is_none() {
        report.warn(reason, "reason", format!("{what} has a reason or the reason's code"));
    }
}
