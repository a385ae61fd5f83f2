//! What a document must say to make sense: every finding of a document at once, each with a path and a public name.
//!
//! Names that start with `BR-` are those of EN 16931-1; names that start with `PSR-` are our own.
//!
//! A finding is fatal when the document contradicts itself or cannot be used at all: sums that do not add up,
//! an invoice without a number.
//! What is merely missing or doubtful is a warning: a customer with a wrong SIRET is still a customer,
//! and the value is kept, only without weight.
//! So of the presence rules of EN 16931 only those are fatal without which the hub cannot tell invoices apart.

mod allocation;
mod customer;
mod invoice;
mod payment;
mod report;
mod shared;

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

pub use payment::balance;

use crate::document::Document;
use report::Report;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The document is used; somebody should look at it.
    Warning,
    /// The document is refused.
    Fatal,
}

/// Something that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's public name, such as `BR-CO-10` or `PSR-ID-SIREN`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where, such as `lines[2].net_amount`, counted from 0; empty for the whole document.
    pub path: String,
    /// What is wrong and what would be right, without any value that could be personal.
    pub message: Cow<'static, str>,
}

impl Finding {
    /// Whether the document is to be refused.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.severity == Severity::Fatal
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path.is_empty() { "document" } else { &self.path };
        write!(formatter, "{place}: {} [{}]", self.message, self.rule)
    }
}

/// Everything that is wrong with a document, in the order of its fields.
/// Nothing is allocated for a document without findings, beyond one path.
/// A declared entity has no rules: its user's schema says everything.
#[must_use]
pub fn findings(document: &Document) -> Vec<Finding> {
    let mut report = Report::default();
    match document {
        Document::Customer(customer) => customer::check(customer, &mut report),
        Document::Invoice(invoice) => invoice::check(invoice, &mut report),
        Document::Payment(payment) => payment::check(payment, &mut report),
        Document::Allocation(allocation) => allocation::check(allocation, &mut report),
        Document::Declared(_) => {}
    }
    report.into_findings()
}

#[cfg(test)]
mod tests;
