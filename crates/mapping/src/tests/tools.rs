//! What a mapping tells about itself: its lines in words, what it never touches, and documents made up for it.

use canonical::record::Columns;

use super::{conditions, csv, json, mapping, xml};
use crate::{Flow, laws};

#[test]
fn lines_are_told_in_words() {
    let erp = mapping(csv::ERP);
    let lines = erp.lines();
    let check = |field: &str, place: &str, conversion: &str| {
        let line = lines.iter().find(|line| line.field == field).unwrap_or_else(|| panic!("{field}"));
        assert_eq!((&*line.place, &*line.conversion), (place, conversion), "{field}");
    };
    assert_eq!(erp.key_in_words(), "CT_Num");
    check("kind", "", "always \"company\"");
    check("legal_name", "CT_Intitule", "");
    check("identifiers.siret.value", "CT_Siret", "normal form: siret");
    check("addresses.main.postcode", "CT_CodePostal", "filled with \"0\" from the left to 5 characters");
    check(
        "addresses.main.country",
        "CT_Pays",
        "\"FRANCE\" is FR, \"Allemagne\" is DE, \"BELGIQUE\" is BE, \"FR\" is FR",
    );
    check("credit_limit.amount", "CT_Encours", "number, decimals behind \",\", thousands parted by a space");
    check("credit_limit.currency", "", "always \"EUR\", and no other can be written");
    check("phones.office.value", "TEL or TELEPHONE", "normal form: phone");
    check("created_at", "CT_Cree", "date and time as DD/MM/YYYY hh:mm; in the time of Europe/Paris");
    check("payment_terms.end_of_month", "FDM", "yes is \"O\", no is \"N\"");
    check("roles", "ROLES", "several values with \",\" between them");
    assert!(lines.iter().all(|line| line.flow == Flow::Both));
}

#[test]
fn conditions_are_told_in_words() {
    let partners = mapping(conditions::PARTNERS);
    let said: Vec<String> = partners
        .lines()
        .into_iter()
        .filter(|line| line.field == "phones.office.value")
        .map(|line| format!("{}: {}", line.place, line.conversion))
        .collect();
    assert_eq!(said, ["TEL_PRO: only where kind is \"company\"", "TEL: only where kind is not \"company\""]);
}

#[test]
fn repeating_groups_are_told_with_their_place() {
    let lines = xml::ubl().lines();
    let line = lines.iter().find(|line| line.field == "lines[].net_amount").unwrap();
    assert!(line.place.starts_with("each ") && line.place.ends_with("cbc:LineExtensionAmount"), "{line:?}");
}

#[test]
fn what_is_never_touched_is_told() {
    let erp = mapping(csv::ERP);
    let fields = erp.untouched_fields();
    let has = |field: &str| fields.iter().any(|known| known == field);
    for field in ["trading_name", "addresses.line2", "contacts.name", "bank_accounts.iban"] {
        assert!(has(field), "{field} is not among {fields:?}");
    }
    for field in ["legal_name", "addresses.line1", "identifiers.value", "identifiers.scheme", "credit_limit.amount"] {
        assert!(!has(field), "{field} is among them");
    }
    let columns = Columns::new(["CT_Num", "CT_Siret", "MEMO", ""]).unwrap();
    assert_eq!(erp.untouched_columns(&columns), ["MEMO"]);
}

#[test]
fn both_laws_hold_on_documents_made_up() {
    for mapping in [mapping(csv::ERP), mapping(json::CRM), mapping(conditions::PARTNERS), xml::ubl()] {
        for seed in 0..200 {
            let document = laws::generated(&mapping, seed);
            assert_eq!(document, laws::generated(&mapping, seed));
            laws::read_after_write(&mapping, &document).unwrap_or_else(|breach| panic!("{breach}: {document:#}"));
            let key = laws::generated_key(&mapping, seed);
            let body = mapping.write(&document, Some(&key), None).unwrap();
            laws::write_after_read(&mapping, &body).unwrap_or_else(|breach| panic!("{breach}: {document:#}"));
        }
    }
}

#[test]
fn documents_made_up_are_not_empty() {
    let erp = mapping(csv::ERP);
    for field in erp.writes().iter().filter(|field| !field.contains('.')) {
        let has_value = |seed| laws::generated(&erp, seed).get(&**field).is_some();
        assert!((0..50).any(has_value), "{field} is never made up");
    }
}
