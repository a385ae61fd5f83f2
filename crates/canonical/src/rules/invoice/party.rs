//! Rules of the parties of an invoice.

use crate::codes;
use crate::document::Invoice;
use crate::document::invoice::Party;
use crate::document::shape::Shaped;
use crate::document::values::Country;
use crate::identifier::{self, Scheme};
use crate::rules::report::Report;
use crate::rules::shared;

/// What the parties say about themselves is right.
pub(super) fn check(invoice: &Invoice, report: &mut Report) {
    let parties = [
        ("seller", &invoice.seller),
        ("buyer", &invoice.buyer),
        ("payee", &invoice.payee),
        ("tax_representative", &invoice.tax_representative),
    ];
    for (name, party) in parties.into_iter().filter(|(_, party)| !party.is_empty()) {
        report.within(name, |report| identifiers(report, party));
    }
}

fn identifiers(report: &mut Report, party: &Party) {
    // Identifiers of parties may come without a scheme in EN 16931; only those with one are held against it.
    report.each("identifiers", &party.identifiers, |report, identifier| {
        if identifier.scheme.is_some() {
            shared::identifier(report, identifier);
        }
    });
    if party.legal_registration.scheme.is_some() {
        report.within("legal_registration", |report| shared::identifier(report, &party.legal_registration));
    }
    if let Some(vat) = party.vat_identifier.as_deref() {
        let prefix = vat.get(..2).unwrap_or_default();
        if identifier::checks_vat_of(prefix) {
            shared::checked(report, "vat_identifier", Scheme::Vat, Some(vat));
        } else if !codes::is_country(prefix) {
            // Countries whose numbers are not checked are many, and no reason for a warning.
            report.warn("BR-CO-09", "vat_identifier", "a VAT identifier starts with its country's code");
        }
    }
}

/// The parties say what EN 16931 wants them to.
pub(super) fn check_full(invoice: &Invoice, report: &mut Report) {
    let seller = &invoice.seller;
    report.within("seller", |report| {
        report.expect("BR-06", "name", seller.name.as_ref(), "the seller has no name (BT-27)");
        address(report, seller, "BR-08", "BR-09");
        let is_known = !seller.identifiers.is_empty()
            || seller.legal_registration.value.is_some()
            || seller.vat_identifier.is_some();
        if !is_known {
            let message =
                "give an identifier (BT-29), a registration (BT-30) or a VAT identifier (BT-31) of the seller";
            report.warn("BR-CO-26", "identifiers", message);
        }
    });
    report.within("buyer", |report| {
        report.expect("BR-07", "name", invoice.buyer.name.as_ref(), "the buyer has no name (BT-44)");
        address(report, &invoice.buyer, "BR-10", "BR-11");
    });
    if !invoice.payee.is_empty() {
        report.expect("BR-17", "payee.name", invoice.payee.name.as_ref(), "the payee has no name (BT-59)");
    }
    let representative = &invoice.tax_representative;
    if !representative.is_empty() {
        report.within("tax_representative", |report| {
            report.expect("BR-18", "name", representative.name.as_ref(), "the representative has no name (BT-62)");
            address(report, representative, "BR-19", "BR-20");
            let vat = representative.vat_identifier.as_ref();
            report.expect("BR-56", "vat_identifier", vat, "the representative has no VAT identifier (BT-63)");
        });
    }
    if !invoice.delivery.address.is_empty() {
        let country: Option<&Country> = invoice.delivery.address.country.as_ref();
        report.expect("BR-57", "delivery.address.country", country, "the deliver to address has no country (BT-80)");
    }
}

fn address(report: &mut Report, party: &Party, presence: &'static str, country: &'static str) {
    if party.address.is_empty() {
        report.warn(presence, "address", "the party has no postal address");
    } else {
        report.expect(country, "address.country", party.address.country.as_ref(), "the address has no country");
    }
}
