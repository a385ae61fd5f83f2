//! The code lists of EN 16931-1, BR-CL-01 to BR-CL-26.
//!
//! Who names a specification (BT-24) says by that to keep to its lists, so that another code is a contradiction;
//! elsewhere it is a warning: legacy exports have units and reasons of their own.

use crate::codes::CodeList;
use crate::document::Invoice;
use crate::document::invoice::{Adjustment, InvoiceLine, Party};
use crate::rules::Severity;
use crate::rules::report::Report;

/// What a finding about a code needs.
struct Listed {
    severity: Severity,
}

pub(super) fn check(invoice: &Invoice, report: &mut Report) {
    let names_specification = invoice.is_full() && invoice.process_control.specification.is_some();
    let severity = if names_specification { Severity::Fatal } else { Severity::Warning };
    let listed = Listed { severity };
    listed.header(invoice, report);
    for (name, party) in [("seller", &invoice.seller), ("buyer", &invoice.buyer), ("payee", &invoice.payee)] {
        report.within(name, |report| listed.party(report, party));
    }
    let address = invoice.tax_representative.address.country.as_ref();
    let representative = "tax_representative.address.country";
    listed.code(report, "BR-CL-14", representative, CodeList::Country, address.map(|country| country.as_str()));
    report.within("delivery", |report| {
        let country = invoice.delivery.address.country.as_ref().map(|country| country.as_str());
        listed.code(report, "BR-CL-14", "address.country", CodeList::Country, country);
        let scheme = invoice.delivery.location.scheme.as_deref();
        listed.code(report, "BR-CL-26", "location.scheme", CodeList::IdentifierScheme, scheme);
    });
    let allowances = CodeList::AllowanceReason;
    report.each("allowances", &invoice.allowances, |report, item| {
        listed.adjustment(report, item, "BR-CL-19", allowances)
    });
    let charges = CodeList::ChargeReason;
    report.each("charges", &invoice.charges, |report, item| listed.adjustment(report, item, "BR-CL-20", charges));
    report.each("lines", &invoice.lines, |report, line| listed.line(report, line));
}

impl Listed {
    fn code(&self, report: &mut Report, rule: &'static str, name: &str, list: CodeList, code: Option<&str>) {
        if code.is_some_and(|code| !list.contains(code)) {
            report.add(self.severity, rule, name, "the code is not in the list that EN 16931 names".into());
        }
    }

    fn header(&self, invoice: &Invoice, report: &mut Report) {
        self.code(report, "BR-CL-01", "type_code", CodeList::InvoiceType, invoice.type_code.as_deref());
        let currency = invoice.currency.as_ref().map(|currency| currency.as_str());
        self.code(report, "BR-CL-04", "currency", CodeList::Currency, currency);
        let currency = invoice.vat_currency.as_ref().map(|currency| currency.as_str());
        self.code(report, "BR-CL-05", "vat_currency", CodeList::Currency, currency);
        let point = invoice.vat_point_date_code.as_deref();
        self.code(report, "BR-CL-06", "vat_point_date_code", CodeList::VatPoint, point);
        let object = invoice.invoiced_object.scheme.as_deref();
        self.code(report, "BR-CL-07", "invoiced_object.scheme", CodeList::ObjectScheme, object);
        report.each("notes", &invoice.notes, |report, note| {
            self.code(report, "BR-CL-08", "subject_code", CodeList::NoteSubject, note.subject_code.as_deref());
        });
        report.within("payment_instructions", |report| {
            let payment = &invoice.payment_instructions;
            let codes = [
                ("means_code", &payment.means_code),
                ("card.means_code", &payment.card.means_code),
                ("direct_debit.means_code", &payment.direct_debit.means_code),
            ];
            for (name, code) in codes {
                self.code(report, "BR-CL-16", name, CodeList::PaymentMeans, code.as_deref());
            }
        });
        report.each("vat_breakdown", &invoice.vat_breakdown, |report, vat| {
            self.code(report, "BR-CL-17", "category", CodeList::VatCategory, vat.category.as_deref());
            let reason = vat.exemption_reason_code.as_deref().map(str::to_uppercase);
            let name = "exemption_reason_code";
            self.code(report, "BR-CL-22", name, CodeList::ExemptionReason, reason.as_deref());
        });
        report.each("supporting_documents", &invoice.supporting_documents, |report, document| {
            let known = document.attachment.mime_type.as_deref().is_none_or(|kind| MIME_TYPES.contains(&kind));
            if !known {
                let message = "EN 16931 allows PDF, PNG, JPEG, CSV and spreadsheets (BT-125-1)";
                report.add(self.severity, "BR-CL-24", "attachment.mime_type", message.into());
            }
        });
    }

    fn party(&self, report: &mut Report, party: &Party) {
        report.each("identifiers", &party.identifiers, |report, identifier| {
            let scheme = identifier.scheme.as_deref();
            self.code(report, "BR-CL-10", "scheme", CodeList::IdentifierScheme, scheme);
        });
        let scheme = party.legal_registration.scheme.as_deref();
        self.code(report, "BR-CL-11", "legal_registration.scheme", CodeList::IdentifierScheme, scheme);
        let scheme = party.electronic_address.scheme.as_deref();
        self.code(report, "BR-CL-25", "electronic_address.scheme", CodeList::AddressScheme, scheme);
        let country = party.address.country.as_ref().map(|country| country.as_str());
        self.code(report, "BR-CL-14", "address.country", CodeList::Country, country);
    }

    fn adjustment(&self, report: &mut Report, adjustment: &Adjustment, rule: &'static str, list: CodeList) {
        self.code(report, rule, "reason_code", list, adjustment.reason_code.as_deref());
        self.code(report, "BR-CL-18", "vat_category", CodeList::VatCategory, adjustment.vat_category.as_deref());
    }

    fn line(&self, report: &mut Report, line: &InvoiceLine) {
        self.code(report, "BR-CL-23", "unit", CodeList::Unit, line.unit.as_deref());
        self.code(report, "BR-CL-23", "price.base_unit", CodeList::Unit, line.price.base_unit.as_deref());
        self.code(report, "BR-CL-07", "object.scheme", CodeList::ObjectScheme, line.object.scheme.as_deref());
        self.code(report, "BR-CL-18", "vat.category", CodeList::VatCategory, line.vat.category.as_deref());
        report.each("allowances", &line.allowances, |report, allowance| {
            let reason = allowance.reason_code.as_deref();
            self.code(report, "BR-CL-19", "reason_code", CodeList::AllowanceReason, reason);
        });
        report.each("charges", &line.charges, |report, charge| {
            self.code(report, "BR-CL-20", "reason_code", CodeList::ChargeReason, charge.reason_code.as_deref());
        });
        report.within("item", |report| {
            let scheme = line.item.standard_id.scheme.as_deref();
            self.code(report, "BR-CL-21", "standard_id.scheme", CodeList::IdentifierScheme, scheme);
            let country = line.item.origin_country.as_ref().map(|country| country.as_str());
            self.code(report, "BR-CL-15", "origin_country", CodeList::Country, country);
            report.each("classifications", &line.item.classifications, |report, class| {
                let scheme = class.scheme.as_deref();
                self.code(report, "BR-CL-13", "scheme", CodeList::ClassificationScheme, scheme);
            });
        });
    }
}

/// The kinds of files that may be attached, BR-CL-24.
const MIME_TYPES: [&str; 6] = [
    "application/pdf",
    "image/png",
    "image/jpeg",
    "text/csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.oasis.opendocument.spreadsheet",
];
