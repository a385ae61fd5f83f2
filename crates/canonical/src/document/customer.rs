//! The customer: a company or a person that buys.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::party::{Address, BankAccount, Contact, ElectronicAddress, Email, Identifier, Phone};
use super::shape::{group, open_code};
use super::values::{Currency, Money};

open_code! {
    /// Whether a customer is an organisation or a human being.
    pub enum CustomerKind {
        /// An organisation.
        Company = "company",
        /// A human being.
        Person = "person",
    }

    /// Whether business is done with a customer.
    pub enum CustomerStatus {
        /// Business goes on.
        Active = "active",
        /// No business any more.
        Inactive = "inactive",
        /// Nothing may be sold until somebody lifts it.
        Blocked = "blocked",
        /// No business yet.
        Prospect = "prospect",
    }
}

group! {
    /// A customer as one system shows it, or as the master holds it.
    /// Decimals are written as text, so that they stay exact; fields that say nothing are left out.
    pub struct Customer {
        /// Organisation or human being.
        pub kind: Option<CustomerKind>,
        /// Registered name of a company, or the full name of a person whose source does not tell names apart.
        pub legal_name: Option<String>,
        /// Name by which a company is known.
        pub trading_name: Option<String>,
        /// A person's given name.
        pub given_name: Option<String>,
        /// A person's family name.
        pub family_name: Option<String>,
        /// A person's date of birth.
        pub birth_date: Option<Date>,
        /// Identifiers, at most one for each scheme and value.
        pub identifiers: Vec<Identifier>,
        /// Where electronic documents are sent.
        pub electronic_address: ElectronicAddress,
        /// Postal addresses, told apart by their use.
        pub addresses: Vec<Address>,
        /// People and desks, told apart by their role.
        pub contacts: Vec<Contact>,
        /// E-mail addresses, told apart by their use.
        pub emails: Vec<Email>,
        /// Telephone numbers, told apart by their use.
        pub phones: Vec<Phone>,
        /// Bank accounts, told apart by their use.
        pub bank_accounts: Vec<BankAccount>,
        /// Language for correspondence, BCP 47 (`fr`, `de-AT`).
        pub language: Option<String>,
        /// Currency in which the customer is invoiced.
        pub currency: Option<Currency>,
        /// When the customer pays.
        pub payment_terms: PaymentTerms,
        /// Up to which amount the customer may owe.
        pub credit_limit: Option<Money>,
        /// Whether business is done.
        pub status: Option<CustomerStatus>,
        /// Other parts that this party plays: `supplier`, `reseller` or any other word.
        pub roles: Vec<String>,
        /// What the customer agreed to, told apart by purpose.
        pub consents: Vec<Consent>,
        /// With whom data may not be shared, told apart by recipient.
        pub sharing_restrictions: Vec<SharingRestriction>,
        /// When the source says that its record was created.
        pub created_at: Option<Timestamp>,
        /// When the source says that its record was last changed.
        pub changed_at: Option<Timestamp>,
        /// What the model has no field for, one member for each system.
        pub extensions: BTreeMap<String, Value>,
    }

    /// When a customer pays.
    pub struct PaymentTerms {
        /// The terms' code in the source.
        pub code: Option<String>,
        /// The terms in words.
        pub description: Option<String>,
        /// Days from the invoice's date.
        pub days: Option<u32>,
        /// Whether the days then run to the end of the month.
        pub end_of_month: Option<bool>,
        /// Day of the month on which payment falls after that, 1 to 31.
        pub day_of_month: Option<u32>,
    }

    /// What a customer agreed or refused to.
    pub struct Consent ["purpose"] {
        /// For what: `marketing_email`, `profiling` or any other word.
        pub purpose: Option<String>,
        /// Whether the customer agreed.
        pub granted: Option<bool>,
        /// Since when.
        pub since: Option<Date>,
        /// Where that is recorded.
        pub evidence: Option<String>,
    }

    /// A limit on sharing this customer's data.
    pub struct SharingRestriction ["recipient"] {
        /// The system or organisation that must not get the fields; empty for everybody outside the tenant.
        pub recipient: Option<String>,
        /// The fields' paths; none for all.
        pub fields: Vec<String>,
        /// Why.
        pub reason: Option<String>,
    }
}
