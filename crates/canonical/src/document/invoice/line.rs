//! Lines of an invoice.

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::document::party::Identifier;
use crate::document::shape::group;
use crate::document::values::Country;

group! {
    /// A line of an invoice (BG-25).
    pub struct InvoiceLine {
        /// Invoice line identifier (BT-126).
        pub id: Option<String>,
        /// Invoice line note (BT-127).
        pub note: Option<String>,
        /// Invoice line object identifier (BT-128) and its scheme (BT-128-1).
        pub object: Identifier,
        /// Invoiced quantity (BT-129).
        pub quantity: Option<Decimal>,
        /// Invoiced quantity unit of measure code of UN/ECE Recommendation 20 (BT-130).
        pub unit: Option<String>,
        /// Invoice line net amount (BT-131).
        pub net_amount: Option<Decimal>,
        /// Referenced purchase order line reference (BT-132).
        pub order_line_reference: Option<String>,
        /// Invoice line buyer accounting reference (BT-133).
        pub buyer_accounting_reference: Option<String>,
        /// Invoice line period (BG-26): start BT-134, end BT-135.
        pub period: Period,
        /// Invoice line allowances (BG-27).
        pub allowances: Vec<LineAdjustment>,
        /// Invoice line charges (BG-28).
        pub charges: Vec<LineAdjustment>,
        /// Price details (BG-29).
        pub price: Price,
        /// Line VAT information (BG-30).
        pub vat: LineVat,
        /// Item information (BG-31).
        pub item: Item,
    }

    /// A period, both days included (BG-14, BG-26).
    pub struct Period {
        /// First day (BT-73, BT-134).
        pub start: Option<Date>,
        /// Last day (BT-74, BT-135).
        pub end: Option<Date>,
    }

    /// An allowance (BG-27) or charge (BG-28) of a line.
    pub struct LineAdjustment {
        /// Amount without VAT (BT-136, BT-141).
        pub amount: Option<Decimal>,
        /// Base amount of the percentage (BT-137, BT-142).
        pub base_amount: Option<Decimal>,
        /// Percentage (BT-138, BT-143).
        pub percentage: Option<Decimal>,
        /// Reason (BT-139, BT-144).
        pub reason: Option<String>,
        /// Reason code of UNTDID 5189 for an allowance (BT-140) or UNTDID 7161 for a charge (BT-145).
        pub reason_code: Option<String>,
    }

    /// Price of an item (BG-29).
    pub struct Price {
        /// Item net price, without VAT and after the discount (BT-146).
        pub net: Option<Decimal>,
        /// Item price discount (BT-147).
        pub discount: Option<Decimal>,
        /// Item gross price, without VAT (BT-148).
        pub gross: Option<Decimal>,
        /// Item price base quantity: how many units the price is for (BT-149).
        pub base_quantity: Option<Decimal>,
        /// Item price base quantity unit of measure code (BT-150).
        pub base_unit: Option<String>,
    }

    /// VAT of a line (BG-30).
    pub struct LineVat {
        /// Invoiced item VAT category code of UNTDID 5305 (BT-151).
        pub category: Option<String>,
        /// Invoiced item VAT rate in percent (BT-152).
        pub rate: Option<Decimal>,
    }

    /// What is sold on a line (BG-31).
    pub struct Item {
        /// Item name (BT-153).
        pub name: Option<String>,
        /// Item description (BT-154).
        pub description: Option<String>,
        /// Item seller's identifier (BT-155).
        pub seller_id: Option<String>,
        /// Item buyer's identifier (BT-156).
        pub buyer_id: Option<String>,
        /// Item standard identifier (BT-157) and its scheme (BT-157-1).
        pub standard_id: Identifier,
        /// Item classification identifiers (BT-158).
        pub classifications: Vec<Classification>,
        /// Item country of origin (BT-159).
        pub origin_country: Option<Country>,
        /// Item attributes (BG-32).
        pub attributes: Vec<Attribute>,
    }

    /// A class to which an item belongs (BT-158).
    pub struct Classification ["scheme"] {
        /// Scheme identifier of UNTDID 7143 (BT-158-1).
        pub scheme: Option<String>,
        /// Scheme version identifier (BT-158-2).
        pub version: Option<String>,
        /// The class (BT-158).
        pub value: Option<String>,
    }

    /// A property of an item (BG-32).
    pub struct Attribute ["name"] {
        /// Item attribute name (BT-160).
        pub name: Option<String>,
        /// Item attribute value (BT-161).
        pub value: Option<String>,
    }
}
