//! Places that are chosen when writing, shared texts, sums, and attached files.

use serde_json::{Value, json};

use super::{element, mapping, xml_of};
use crate::laws;

/// A mapping of invoices with these tables behind its head.
fn invoice(tables: &str) -> std::sync::Arc<crate::Mapping> {
    mapping(&format!("entity = \"invoice\"\nformat = \"xml\"\nrecord = \"/I\"\nkey = \"N\"\n{tables}"))
}

/// A document becomes this record, which reads as `read`; both laws hold.
#[track_caller]
fn check(tables: &str, document: Value, written: &str, read: Value) {
    let mapping = invoice(tables);
    let body = mapping.write(&document, Some("1"), None).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert_eq!(xml_of(&body), written);
    let found = mapping.reader().read(&body).unwrap().document.to_json();
    assert_eq!(found, read);
    laws::read_after_write(&mapping, &document).unwrap();
    laws::write_after_read(&mapping, &body).unwrap();
}

#[test]
fn a_condition_excludes() {
    let tables = "[each.\"seller.identifiers\"]\nat = \"P[D/@s!='SEPA']\"\nfields.value = \"D\"\nfields.scheme = \"D/@s\"\n\
                  [fields]\npayment_instructions.direct_debit.creditor = \"P[D/@s='SEPA']/D\"";
    let document = json!({
        "seller": { "identifiers": [{ "value": "X" }, { "scheme": "0088", "value": "Y" }] },
        "payment_instructions": { "direct_debit": { "creditor": "FR1" } },
    });
    let written = "<I><N>1</N><P><D>X</D></P><P><D s=\"0088\">Y</D></P><P><D s=\"SEPA\">FR1</D></P></I>";
    check(tables, document.clone(), written, document);
}

#[test]
fn an_open_condition_takes_any_text_and_writes_the_first() {
    let tables = "[fields]\nseller.tax_registration = \"T[S!='VAT'][S='FC'|*]/C\"";
    let document = json!({ "seller": { "tax_registration": "12" } });
    check(tables, document.clone(), "<I><N>1</N><T><S>FC</S><C>12</C></T></I>", document);
    let other = element("<I><N>1</N><T><S>VAT</S><C>9</C></T><T><S>LOC</S><C>12</C></T></I>");
    let reading = invoice(tables).reader().read_with_unmapped(&other).unwrap();
    assert_eq!(reading.document.to_json(), json!({ "seller": { "tax_registration": "12" } }));
    assert_eq!(reading.unmapped, ["T/C", "T/S"], "another scheme is content, like the VAT number that no line reads");
}

#[test]
fn one_of_several_places_is_written() {
    let tables = "[fields]\ncurrency = \"C\"\ntype_code = { at = [\"A[@c=$vat_currency]\", \"B\"], write = \"first\" }\n\
                  vat_currency = \"V\"";
    let document = json!({ "type_code": "380" });
    check(tables, document.clone(), "<I><N>1</N><B>380</B></I>", document);
    let document = json!({ "type_code": "380", "vat_currency": "SEK" });
    check(tables, document.clone(), "<I><N>1</N><A c=\"SEK\">380</A><V>SEK</V></I>", document);
}

#[test]
fn a_checked_value_has_a_place_of_its_own() {
    let tables = "[fields]\npayment_instructions.credit_transfers.1.account = { at = [\"I\", \"O\"], as = \"iban\", write = \"checked\" }";
    let document = |account: &str| json!({ "payment_instructions": { "credit_transfers": [{ "account": account }] } });
    let iban = "FR7630006000011234567890189";
    check(tables, document(iban), &format!("<I><N>1</N><I>{iban}</I></I>"), document(iban));
    check(tables, document("991-2"), "<I><N>1</N><O>991-2</O></I>", document("991-2"));
}

#[test]
fn an_item_names_its_element() {
    let tables = "[each.\"seller.identifiers\"]\nat = \"(D|G)\"\nname_by = \"scheme\"\nfields.value = \".\"\nfields.scheme = \"@s\"\n\
                  [sequence]\n\"/\" = [\"N\", \"D\", \"G\"]";
    let document = json!({ "seller": { "identifiers": [{ "scheme": "0088", "value": "Y" }, { "value": "X" }] } });
    let read = json!({ "seller": { "identifiers": [{ "value": "X" }, { "scheme": "0088", "value": "Y" }] } });
    check(tables, document, "<I><N>1</N><D>X</D><G s=\"0088\">Y</G></I>", read);
}

#[test]
fn a_tag_and_its_text_share_a_place() {
    let tables = "[each.notes]\nat = \"T\"\nfields.subject_code = { at = \".\", tagged = \"#\", length = 3, part = 1 }\n\
                  fields.text = { at = \".\", tagged = \"#\", length = 3, part = 2 }";
    let document = json!({ "notes": [
        { "subject_code": "AAI", "text": "two" }, { "text": "#1# is no tag" }, { "text": "plain" },
        { "subject_code": "PMT" }, { "subject_code": "PMD", "text": "#AAI#three" },
    ]});
    let written = "<I><N>1</N><T>#AAI#two</T><T>#1# is no tag</T><T>plain</T><T>#PMT#</T><T>#PMD##AAI#three</T></I>";
    check(tables, document.clone(), written, document);
    for refused in [json!({ "text": "#AAI#two" }), json!({ "subject_code": "TOOLONG", "text": "two" })] {
        let errors = invoice(tables).write(&json!({ "notes": [refused] }), Some("1"), None).unwrap_err();
        assert_eq!(errors[0].code, "mapping.tag");
    }
}

#[test]
fn a_sum_is_written_and_not_read() {
    let tables = "[fields.totals]\nvat_amount = { at = \"V\", sum_of = \"vat_breakdown.tax_amount\" }\n\
                  [each.vat_breakdown]\nat = \"B\"\nfields.tax_amount = \"T\"\n\
                  [each.lines]\nat = \"L\"\nfields.price = { net = \"P\", discount = \"D\", gross = { at = \"G\", sum_of = [\"price.net\", \"price.discount\"] } }";
    let document = json!({
        "vat_breakdown": [{ "tax_amount": "1.50" }, { "tax_amount": "2" }],
        "lines": [
            { "price": { "net": "10", "discount": "1.5" } }, { "price": { "net": "10" } },
            { "price": { "net": "10", "discount": "1.5", "gross": "11.5" } },
        ],
    });
    let written = "<I><N>1</N><B><T>1.50</T></B><B><T>2</T></B><L><P>10</P><D>1.5</D><G>+11.5</G></L><L><P>10</P></L>\
                   <L><P>10</P><D>1.5</D><G>11.5</G></L><V>+3.50</V></I>";
    check(tables, document.clone(), written, document);
    check(
        tables,
        json!({ "totals": { "vat_amount": "3" } }),
        "<I><N>1</N><V>3</V></I>",
        json!({ "totals": { "vat_amount": "3" } }),
    );
}

#[test]
fn the_bytes_of_a_file_travel_beside_the_document() {
    let mapping = invoice("[fields]\nsupporting_documents.1.attachment.hash = { at = \"F\", as = \"attachment\" }");
    let body = element("<I><N>1</N><F> aGVs\n bG8 </F></I>");
    let reading = mapping.reader().read(&body).unwrap();
    let hash = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let document = json!({ "supporting_documents": [{ "attachment": { "hash": hash } }] });
    assert_eq!(reading.document.to_json(), document);
    assert_eq!(reading.attachments.len(), 1);
    assert_eq!((reading.attachments[0].hash.as_str(), &*reading.attachments[0].bytes), (hash, &b"hello"[..]));
    let find = |wanted: &str| (wanted == hash).then(|| b"hello".to_vec());
    let written = mapping.write_with(&document, Some("1"), None, &find).unwrap();
    assert_eq!(xml_of(&written), "<I><N>1</N><F>aGVsbG8=</F></I>");
    assert_eq!(mapping.write(&document, Some("1"), Some(&body)).unwrap(), body, "what is there already is left alone");
    let errors = mapping.write(&document, Some("1"), None).unwrap_err();
    assert_eq!(errors[0].code, "mapping.attachment-missing");
    laws::write_after_read(&mapping, &body).unwrap();
    let errors = mapping.reader().read(&element("<I><N>1</N><F>no base64!</F></I>")).unwrap_err();
    assert_eq!(errors[0].code, "mapping.attachment");
}

#[test]
fn a_repeated_field_is_left_out() {
    let tables = "[fields]\ncurrency = \"C\"\nvat_currency = { at = \"V\", when = { field = \"vat_currency\", differs_from = \"currency\" } }";
    check(
        tables,
        json!({ "currency": "EUR", "vat_currency": "EUR" }),
        "<I><N>1</N><C>EUR</C></I>",
        json!({ "currency": "EUR" }),
    );
    let document = json!({ "currency": "EUR", "vat_currency": "SEK" });
    check(tables, document.clone(), "<I><N>1</N><C>EUR</C><V>SEK</V></I>", document);
}

#[test]
fn an_empty_constant_makes_its_element() {
    let tables = "[constants]\n\"A/B\" = \"\"\n[fields]\nnumber = \"A/B/C\"";
    check(tables, json!({}), "<I><N>1</N><A><B></B></A></I>", json!({}));
    check(tables, json!({ "number": "7" }), "<I><N>1</N><A><B><C>7</C></B></A></I>", json!({ "number": "7" }));
}
