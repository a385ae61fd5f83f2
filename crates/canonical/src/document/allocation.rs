//! The allocation: which part of a payment or credit note settles which invoice.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::Value;

use super::party::Reference;
use super::shape::{group, open_code};
use super::values::Money;

open_code! {
    /// How an allocation came about.
    pub enum AllocationMethod {
        /// Somebody decided.
        Manual = "manual",
        /// The source's own rules decided.
        Automatic = "automatic",
        /// The payment named the invoice.
        Reference = "reference",
    }
}

group! {
    /// An allocation as one system shows it, or as the master holds it.
    /// Exactly one of payment and credit note is given: what settles; the invoice is what is settled.
    /// Decimals are written as text, so that they stay exact; fields that say nothing are left out.
    pub struct Allocation {
        /// The allocation's own number in its source, where it has one.
        pub number: Option<String>,
        /// The customer whose account it concerns.
        pub customer: Option<Reference>,
        /// The payment that settles.
        pub payment: Option<Reference>,
        /// The credit note that settles.
        pub credit_note: Option<Reference>,
        /// The invoice that is settled.
        pub invoice: Option<Reference>,
        /// What is taken from the payment or credit note, in its currency.
        pub amount: Option<Money>,
        /// What is settled by that amount, in the invoice's currency; without discount and write-off.
        pub invoice_amount: Option<Money>,
        /// Rate from the amount to the invoice's amount.
        pub exchange_rate: Option<Decimal>,
        /// Discount granted for early payment, in the invoice's currency; it settles in addition.
        pub discount: Option<Money>,
        /// What is given up, in the invoice's currency; it settles in addition.
        pub write_off: Option<Money>,
        /// Date on which it takes effect.
        pub date: Option<Date>,
        /// How it came about.
        pub method: Option<AllocationMethod>,
        /// The allocation that takes this one back.
        pub reversed_by: Option<Reference>,
        /// What the model has no field for, one member for each system.
        pub extensions: BTreeMap<String, Value>,
    }
}
