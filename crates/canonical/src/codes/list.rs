//! The code lists of EN 16931-1.

use std::sync::LazyLock;

/// The lists, each under its name in brackets.
const LISTS: &str = include_str!("en16931.txt");

/// A code list that EN 16931-1 names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeList {
    /// Invoice type codes, UNTDID 1001.
    InvoiceType,
    /// Currencies, ISO 4217.
    Currency,
    /// VAT point date codes, UNTDID 2005.
    VatPoint,
    /// Schemes of object identifiers, UNTDID 1153.
    ObjectScheme,
    /// Subject codes of notes, UNTDID 4451.
    NoteSubject,
    /// Schemes of identifiers, ISO 6523 ICD.
    IdentifierScheme,
    /// Schemes of item classifications, UNTDID 7143.
    ClassificationScheme,
    /// Countries, ISO 3166-1, with those that the norm adds.
    Country,
    /// Payment means, UNTDID 4461.
    PaymentMeans,
    /// VAT categories, UNTDID 5305.
    VatCategory,
    /// Reasons of allowances, UNTDID 5189.
    AllowanceReason,
    /// Reasons of charges, UNTDID 7161.
    ChargeReason,
    /// VAT exemption reasons, VATEX.
    ExemptionReason,
    /// Units of measure, UN/ECE Recommendations 20 and 21.
    Unit,
    /// Schemes of electronic addresses, EAS.
    AddressScheme,
}

impl CodeList {
    const ALL: [CodeList; 15] = [
        CodeList::InvoiceType,
        CodeList::Currency,
        CodeList::VatPoint,
        CodeList::ObjectScheme,
        CodeList::NoteSubject,
        CodeList::IdentifierScheme,
        CodeList::ClassificationScheme,
        CodeList::Country,
        CodeList::PaymentMeans,
        CodeList::VatCategory,
        CodeList::AllowanceReason,
        CodeList::ChargeReason,
        CodeList::ExemptionReason,
        CodeList::Unit,
        CodeList::AddressScheme,
    ];

    /// The name in the file, in the order of [`CodeList::ALL`].
    const NAMES: [&'static str; 15] = [
        "type",
        "currency",
        "point",
        "object",
        "subject",
        "icd",
        "classification",
        "country",
        "means",
        "vat",
        "allowance",
        "charge",
        "exemption",
        "unit",
        "address",
    ];

    /// Whether the list has the code, letter for letter.
    #[must_use]
    pub fn contains(self, code: &str) -> bool {
        static CODES: LazyLock<[Vec<&'static str>; 15]> = LazyLock::new(|| CodeList::NAMES.map(codes_of));
        let index = CodeList::ALL.iter().position(|list| *list == self).unwrap_or_default();
        CODES[index].binary_search(&code).is_ok()
    }
}

/// The codes below a name, sorted.
fn codes_of(name: &str) -> Vec<&'static str> {
    let lines =
        LISTS.lines().skip_while(|line| line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) != Some(name));
    let mut codes: Vec<&str> = lines
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_ascii_whitespace)
        .collect();
    codes.sort_unstable();
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_has_its_codes() {
        let cases = [
            (CodeList::InvoiceType, "380", "999", 62),
            (CodeList::Currency, "EUR", "EURO", 178),
            (CodeList::VatPoint, "432", "72", 3),
            (CodeList::ObjectScheme, "AAA", "A", 818),
            (CodeList::NoteSubject, "AAI", "XXX", 383),
            (CodeList::IdentifierScheme, "0002", "9999", 243),
            (CodeList::ClassificationScheme, "STI", "XYZ", 185),
            (CodeList::Country, "XI", "ZZ", 251),
            (CodeList::PaymentMeans, "58", "999", 84),
            (CodeList::VatCategory, "AE", "X", 10),
            (CodeList::AllowanceReason, "95", "1", 19),
            (CodeList::ChargeReason, "FC", "ÉÉ", 178),
            (CodeList::ExemptionReason, "VATEX-EU-AE", "vatex-eu-ae", 88),
            (CodeList::Unit, "C62", "PIECE", 2162),
            (CodeList::AddressScheme, "0225", "PEPPOL", 104),
        ];
        for (list, known, unknown, count) in cases {
            assert!(list.contains(known), "{list:?} {known}");
            assert!(!list.contains(unknown), "{list:?} {unknown}");
            let index = CodeList::ALL.iter().position(|other| *other == list).unwrap();
            assert_eq!(codes_of(CodeList::NAMES[index]).len(), count, "{list:?}");
        }
    }
}
