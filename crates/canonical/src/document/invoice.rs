//! The invoice: the core of EN 16931-1, a place for each of its terms (BT) and groups (BG).

mod line;
mod settlement;
mod supporting;

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::Value;

pub use line::{Attribute, Classification, InvoiceLine, Item, LineAdjustment, LineVat, Period, Price};
pub use settlement::{Adjustment, CreditTransfer, DirectDebit, PaymentCard, PaymentInstructions, Totals, VatBreakdown};
pub use supporting::{Attachment, Note, PrecedingInvoice, ProcessControl, SupportingDocument};

use super::party::{Address, Contact, ElectronicAddress, Identifier, Reference};
use super::shape::{closed_code, group};
use super::values::Currency;

closed_code! {
    /// How much of an invoice its source told.
    pub enum Completeness {
        /// Everything, so that sums are checked.
        Full = "full",
        /// Totals only, as legacy exports have them; lines are never invented.
        Summary = "summary",
    }
}

group! {
    /// An invoice as one system shows it, or as the master holds it.
    /// Amounts are in the invoice's currency (BT-5) unless they say otherwise.
    /// Decimals are written as text, so that they stay exact; fields that say nothing are left out.
    pub struct Invoice {
        /// Invoice number (BT-1).
        pub number: Option<String>,
        /// Invoice issue date (BT-2).
        pub issue_date: Option<Date>,
        /// Invoice type code of UNTDID 1001 (BT-3), such as `380` invoice or `381` credit note.
        pub type_code: Option<String>,
        /// How much of the invoice is told; nothing said means `full`.
        pub completeness: Option<Completeness>,
        /// Invoice currency code (BT-5).
        pub currency: Option<Currency>,
        /// VAT accounting currency code (BT-6).
        pub vat_currency: Option<Currency>,
        /// Value added tax point date (BT-7).
        pub vat_point_date: Option<Date>,
        /// Value added tax point date code of UNTDID 2005 (BT-8).
        pub vat_point_date_code: Option<String>,
        /// Payment due date (BT-9).
        pub due_date: Option<Date>,
        /// Buyer reference (BT-10).
        pub buyer_reference: Option<String>,
        /// Project reference (BT-11).
        pub project_reference: Option<String>,
        /// Contract reference (BT-12).
        pub contract_reference: Option<String>,
        /// Purchase order reference (BT-13).
        pub purchase_order_reference: Option<String>,
        /// Sales order reference (BT-14).
        pub sales_order_reference: Option<String>,
        /// Receiving advice reference (BT-15).
        pub receiving_advice_reference: Option<String>,
        /// Despatch advice reference (BT-16).
        pub despatch_advice_reference: Option<String>,
        /// Tender or lot reference (BT-17).
        pub tender_reference: Option<String>,
        /// Invoiced object identifier (BT-18) and its scheme (BT-18-1).
        pub invoiced_object: Identifier,
        /// Buyer accounting reference (BT-19).
        pub buyer_accounting_reference: Option<String>,
        /// Payment terms (BT-20).
        pub payment_terms: Option<String>,
        /// Invoice notes (BG-1).
        pub notes: Vec<Note>,
        /// Process control (BG-2).
        pub process_control: ProcessControl,
        /// Preceding invoice references (BG-3).
        pub preceding_invoices: Vec<PrecedingInvoice>,
        /// Seller (BG-4).
        pub seller: Party,
        /// Buyer (BG-7), as the invoice names it.
        pub buyer: Party,
        /// The customer that the invoice is for, by key; the hub fills it where the buyer has none.
        pub customer: Option<Reference>,
        /// Payee (BG-10), where it is not the seller.
        pub payee: Party,
        /// Seller tax representative party (BG-11).
        pub tax_representative: Party,
        /// Delivery information (BG-13).
        pub delivery: Delivery,
        /// Payment instructions (BG-16).
        pub payment_instructions: PaymentInstructions,
        /// Document level allowances (BG-20).
        pub allowances: Vec<Adjustment>,
        /// Document level charges (BG-21).
        pub charges: Vec<Adjustment>,
        /// Document totals (BG-22).
        pub totals: Totals,
        /// VAT breakdown (BG-23).
        pub vat_breakdown: Vec<VatBreakdown>,
        /// Additional supporting documents (BG-24).
        pub supporting_documents: Vec<SupportingDocument>,
        /// Invoice lines (BG-25).
        pub lines: Vec<InvoiceLine>,
        /// What the model has no field for, one member for each system.
        pub extensions: BTreeMap<String, Value>,
    }

    /// A party of an invoice.
    pub struct Party {
        /// Name: seller BT-27, buyer BT-44, payee BT-59, tax representative BT-62.
        pub name: Option<String>,
        /// Trading name: seller BT-28, buyer BT-45.
        pub trading_name: Option<String>,
        /// Identifiers with ICD schemes: seller BT-29, buyer BT-46, payee BT-60.
        pub identifiers: Vec<Identifier>,
        /// Legal registration identifier and its ICD scheme: seller BT-30, buyer BT-47, payee BT-61.
        pub legal_registration: Identifier,
        /// VAT identifier: seller BT-31, buyer BT-48, tax representative BT-63.
        pub vat_identifier: Option<String>,
        /// Seller tax registration identifier (BT-32), where it is not the VAT identifier.
        pub tax_registration: Option<String>,
        /// Seller additional legal information (BT-33).
        pub legal_information: Option<String>,
        /// Electronic address and its scheme: seller BT-34, buyer BT-49.
        pub electronic_address: ElectronicAddress,
        /// Postal address: seller BG-5, buyer BG-8, tax representative BG-12.
        pub address: Address,
        /// Contact: seller BG-6, buyer BG-9.
        pub contact: Contact,
    }

    /// Where and when goods or services were delivered (BG-13).
    pub struct Delivery {
        /// Deliver to party name (BT-70).
        pub name: Option<String>,
        /// Deliver to location identifier (BT-71) and its scheme (BT-71-1).
        pub location: Identifier,
        /// Actual delivery date (BT-72).
        pub date: Option<Date>,
        /// Invoicing period (BG-14): start BT-73, end BT-74.
        pub period: Period,
        /// Deliver to address (BG-15).
        pub address: Address,
    }
}

impl Invoice {
    /// Whether sums are to be checked: everything was told.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.completeness != Some(Completeness::Summary)
    }
}
