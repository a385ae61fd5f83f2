//! What is to be paid and how: payment instructions, allowances and charges, totals, VAT.

use rust_decimal::Decimal;

use crate::document::shape::group;

group! {
    /// How an invoice is to be paid (BG-16).
    pub struct PaymentInstructions {
        /// Payment means type code of UNTDID 4461 (BT-81).
        pub means_code: Option<String>,
        /// Payment means text (BT-82).
        pub means_text: Option<String>,
        /// Remittance information (BT-83).
        pub remittance: Option<String>,
        /// Credit transfers (BG-17), one for each account that may be paid to.
        pub credit_transfers: Vec<CreditTransfer>,
        /// Payment card information (BG-18).
        pub card: PaymentCard,
        /// Direct debit (BG-19).
        pub direct_debit: DirectDebit,
    }

    /// An account to pay to (BG-17).
    pub struct CreditTransfer {
        /// Payment account identifier, an IBAN in SEPA (BT-84).
        pub account: Option<String>,
        /// Payment account name (BT-85).
        pub account_name: Option<String>,
        /// Payment service provider identifier, a BIC (BT-86).
        pub bic: Option<String>,
    }

    /// The card that was used (BG-18).
    pub struct PaymentCard {
        /// Payment means type code of UNTDID 4461 (BT-81), where it is not that of the other payment instructions.
        pub means_code: Option<String>,
        /// The last four to six digits of the card's number (BT-87).
        pub number: Option<String>,
        /// Card holder name (BT-88).
        pub holder: Option<String>,
    }

    /// The direct debit by which the seller will be paid (BG-19).
    pub struct DirectDebit {
        /// Payment means type code of UNTDID 4461 (BT-81), where it is not that of the other payment instructions.
        pub means_code: Option<String>,
        /// Mandate reference identifier (BT-89).
        pub mandate: Option<String>,
        /// Bank assigned creditor identifier (BT-90).
        pub creditor: Option<String>,
        /// Debited account identifier (BT-91).
        pub debited_account: Option<String>,
    }

    /// A document level allowance (BG-20) or charge (BG-21).
    pub struct Adjustment {
        /// Amount without VAT (BT-92, BT-99).
        pub amount: Option<Decimal>,
        /// Base amount of the percentage (BT-93, BT-100).
        pub base_amount: Option<Decimal>,
        /// Percentage (BT-94, BT-101).
        pub percentage: Option<Decimal>,
        /// VAT category code of UNTDID 5305 (BT-95, BT-102).
        pub vat_category: Option<String>,
        /// VAT rate in percent (BT-96, BT-103).
        pub vat_rate: Option<Decimal>,
        /// Reason (BT-97, BT-104).
        pub reason: Option<String>,
        /// Reason code of UNTDID 5189 for an allowance (BT-98) or UNTDID 7161 for a charge (BT-105).
        pub reason_code: Option<String>,
    }

    /// Totals of an invoice (BG-22).
    pub struct Totals {
        /// Sum of invoice line net amounts (BT-106).
        pub line_net_amount: Option<Decimal>,
        /// Sum of allowances on document level (BT-107).
        pub allowance_amount: Option<Decimal>,
        /// Sum of charges on document level (BT-108).
        pub charge_amount: Option<Decimal>,
        /// Invoice total amount without VAT (BT-109).
        pub amount_without_vat: Option<Decimal>,
        /// Invoice total VAT amount (BT-110).
        pub vat_amount: Option<Decimal>,
        /// Invoice total VAT amount in the VAT accounting currency, BT-6 (BT-111).
        pub vat_amount_in_vat_currency: Option<Decimal>,
        /// Invoice total amount with VAT (BT-112).
        pub amount_with_vat: Option<Decimal>,
        /// Paid amount (BT-113).
        pub paid_amount: Option<Decimal>,
        /// Rounding amount (BT-114).
        pub rounding_amount: Option<Decimal>,
        /// Amount due for payment (BT-115).
        pub due_amount: Option<Decimal>,
    }

    /// VAT of one category and rate (BG-23).
    pub struct VatBreakdown {
        /// VAT category taxable amount (BT-116).
        pub taxable_amount: Option<Decimal>,
        /// VAT category tax amount (BT-117).
        pub tax_amount: Option<Decimal>,
        /// VAT category code of UNTDID 5305 (BT-118).
        pub category: Option<String>,
        /// VAT category rate in percent (BT-119).
        pub rate: Option<Decimal>,
        /// VAT exemption reason text (BT-120).
        pub exemption_reason: Option<String>,
        /// VAT exemption reason code of the VATEX list (BT-121).
        pub exemption_reason_code: Option<String>,
    }
}
