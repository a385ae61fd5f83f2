//! What several documents share: addresses, contacts, identifiers, accounts, references.

use super::shape::group;
use super::values::Country;

group! {
    /// A postal address; it wins or loses as a unit.
    pub struct Address ["use"] {
        /// What the address is for: `main`, `billing`, `delivery` or any other word; empty for the only one.
        pub r#use: Option<String>,
        /// First line (BT-35, BT-50, BT-64, BT-75).
        pub line1: Option<String>,
        /// Second line (BT-36, BT-51, BT-65, BT-76).
        pub line2: Option<String>,
        /// Third line (BT-162, BT-163, BT-164, BT-165).
        pub line3: Option<String>,
        /// Postcode (BT-38, BT-53, BT-67, BT-78).
        pub postcode: Option<String>,
        /// City (BT-37, BT-52, BT-66, BT-77).
        pub city: Option<String>,
        /// Region, county or state (BT-39, BT-54, BT-68, BT-79).
        pub subdivision: Option<String>,
        /// Country, ISO 3166-1 (BT-40, BT-55, BT-69, BT-80).
        pub country: Option<Country>,
    }

    /// Somebody to speak to, or a desk.
    pub struct Contact ["role"] {
        /// What the contact is there for: `accounting`, `purchasing` or any other word.
        pub role: Option<String>,
        /// The contact's name, or the department's (BT-41, BT-56).
        pub name: Option<String>,
        /// Given name, where the source tells names apart.
        pub given_name: Option<String>,
        /// Family name, where the source tells names apart.
        pub family_name: Option<String>,
        /// The contact's function.
        pub function: Option<String>,
        /// Telephone, E.164 where it could be normalised (BT-42, BT-57).
        pub phone: Option<String>,
        /// E-mail address (BT-43, BT-58).
        pub email: Option<String>,
    }

    /// An identifier under a scheme.
    pub struct Identifier ["scheme"] {
        /// `siren`, `siret`, `vat`, `duns`, `gln`, `lei`, an ISO 6523 ICD code such as `0002`, or any other word.
        pub scheme: Option<String>,
        /// The identifier as the source gives it; checks and normal forms are in the module `identifier`.
        pub value: Option<String>,
    }

    /// Where electronic documents are sent (BT-34, BT-49).
    pub struct ElectronicAddress {
        /// Electronic address scheme (EAS), such as `0225` or `EM`.
        pub scheme: Option<String>,
        /// The address under that scheme.
        pub value: Option<String>,
    }

    /// An e-mail address.
    pub struct Email ["use"] {
        /// What it is for: `main`, `billing` or any other word.
        pub r#use: Option<String>,
        /// The address.
        pub value: Option<String>,
    }

    /// A telephone number.
    pub struct Phone ["use"] {
        /// What it is for: `office`, `mobile`, `fax` or any other word.
        pub r#use: Option<String>,
        /// The number, E.164 (`+33140205317`) where it could be normalised.
        pub value: Option<String>,
    }

    /// A bank account; it wins or loses as a unit.
    pub struct BankAccount ["use"] {
        /// What the account is for: `main`, `direct_debit` or any other word.
        pub r#use: Option<String>,
        /// Account number under ISO 13616.
        pub iban: Option<String>,
        /// Bank identifier, ISO 9362.
        pub bic: Option<String>,
        /// Account number of another scheme, for a bank without IBAN.
        pub account_number: Option<String>,
        /// Name of the bank.
        pub bank_name: Option<String>,
        /// Name of the account's owner.
        pub holder: Option<String>,
        /// Currency of the account, ISO 4217.
        pub currency: Option<super::Currency>,
    }

    /// A document or a customer that this one speaks of.
    ///
    /// In an observation it holds the key by which the source's own system knows the other;
    /// in the master's version the hub puts the master id.
    pub struct Reference {
        /// The system whose key this is; empty for the observing system itself.
        pub system: Option<String>,
        /// The key in that system.
        pub key: Option<String>,
        /// The number on paper, where the source gives that and no key.
        pub number: Option<String>,
        /// The master's id; only the hub writes it.
        pub master_id: Option<String>,
    }
}
