use serde_json::{Value, json};

use super::{element, mapping, xml_of};

const HEAD: &str = "entity = \"invoice\"\nformat = \"xml\"\nrecord = [\"/I\", \"/C\"]\nkey = \"ID\"\n\
                    record_by = { field = \"type_code\", values = { \"381\" = \"/C\" } }\n[fields]\n";

/// Reads `record` by one line for the invoice's number or reference, and writes what was read into nothing.
#[track_caller]
fn check(line: &str, record: &str, read: Value, written: &str) {
    let mapping = mapping(&format!("{HEAD}{line}\n"));
    let body = element(record);
    let document: Value = mapping.reader().read_as(&body).unwrap();
    assert_eq!(document, read, "{line}");
    assert_eq!(xml_of(&mapping.write(&document, None, None).unwrap()), written, "{line}");
}

#[test]
fn conditions_choose_elements_and_are_written() {
    check(
        "number = \"R[T='a'|'b']/V\"",
        "<I><R><T>c</T><V>1</V></R><R><T>b</T><V>2</V></R></I>",
        json!({"number": "2"}),
        "<I><R><T>a</T><V>2</V></R></I>",
    );
    check(
        "number = \"R[@t='x']\"",
        "<I><R>1</R><R t=\"x\">2</R></I>",
        json!({"number": "2"}),
        "<I><R t=\"x\">2</R></I>",
    );
    check(
        "number = \"R[V]/N\"",
        "<I><R><N>1</N></R><R><V>v</V><N>2</N></R></I>",
        json!({"number": "2"}),
        "<I><R><N>2</N></R></I>",
    );
    check(
        "number = \"R[T='']/V\"",
        "<I><R><T>c</T><V>1</V></R><R><T> </T><V>2</V></R></I>",
        json!({"number": "2"}),
        "<I><R><V>2</V></R></I>",
    );
    check("number = \"R[2]\"", "<I><R>1</R><R>2</R></I>", json!({"number": "2"}), "<I><R></R><R>2</R></I>");
    check("number = \"R[last()=1]\"", "<I><R>1</R><R>2</R></I>", json!({}), "<I></I>");
    check("number = \"R[last()=1]\"", "<I><R>1</R></I>", json!({"number": "1"}), "<I><R>1</R></I>");
}

#[test]
fn names_and_places_follow_the_record() {
    let lines = "type_code = \"T\"\nnumber = \"(A|B)\"\nbuyer_reference = { at = [\"P\", \"Q/R\"], by_record = true }";
    check(
        lines,
        "<C><T>381</T><B>1</B><Q><R>x</R></Q></C>",
        json!({"type_code": "381", "number": "1", "buyer_reference": "x"}),
        "<C><T>381</T><B>1</B><Q><R>x</R></Q></C>",
    );
    check(
        lines,
        "<I><T>380</T><A>1</A><P>x</P></I>",
        json!({"type_code": "380", "number": "1", "buyer_reference": "x"}),
        "<I><T>380</T><A>1</A><P>x</P></I>",
    );
}

/// The paths that `lines` do not read of a record.
#[track_caller]
fn check_unmapped(lines: &str, record: &str, unmapped: &[&str]) {
    let mapping = mapping(&format!("{HEAD}{lines}\n"));
    let reading = mapping.reader().read_with_unmapped(&element(record)).unwrap();
    assert_eq!(reading.unmapped, unmapped, "{lines}");
}

#[test]
fn what_only_says_the_same_again_is_not_unmapped() {
    check_unmapped("number = \"R/V\"", "<I><ID>1</ID><R><V>1</V></R><R><V> 1 </V></R></I>", &[]);
    check_unmapped("number = \"R/V\"", "<I><ID>1</ID><R><V>1</V></R><R><V>2</V></R></I>", &["R/V"]);
    check_unmapped("number = { at = [\"A\", \"B\"] }", "<I><ID>1</ID><A>1</A><B>1</B></I>", &[]);
    check_unmapped("number = { at = [\"A\", \"B\"] }", "<I><ID>1</ID><A>1</A><B>2</B></I>", &["B"]);
    check_unmapped("number = { at = [\"A\", \"B\"] }", "<I><ID>1</ID><A/><B>2</B></I>", &[]);
}

#[test]
fn hints_to_xml_tools_are_no_content() {
    let xsi = "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'";
    let record = format!("<I {xsi} xsi:schemaLocation='a b' a='1'><ID>1</ID></I>");
    check_unmapped("number = \"N\"", &record, &["@a"]);
}

/// Elements that a repeating group and single lines share.
const SHARED: &str = "payment_instructions.means_code = \"M/C\"\npayment_instructions.remittance = \"M/R\"\n\
                      payment_instructions.card.number = \"M/K\"\n\
                      [each.\"payment_instructions.credit_transfers\"]\n\
                      at = \"M[C=$payment_instructions.means_code][A]\"\nfields.account = \"A\"\n";

#[test]
fn lines_and_groups_share_elements() {
    let mapping = mapping(&format!("{HEAD}{SHARED}"));
    let base = element("<I><ID>1</ID><M><C>30</C><R>r</R><A>a</A><X>x</X></M><M><C>30</C><A>b</A></M></I>");
    let document: Value = mapping.reader().read_as(&base).unwrap();
    let write = |document: &Value, base| xml_of(&mapping.write(document, Some("1"), base).unwrap());
    assert_eq!(write(&document, Some(&base)), xml_of(&base));
    assert_eq!(write(&document, None), "<I><ID>1</ID><M><C>30</C><A>a</A><R>r</R></M><M><C>30</C><A>b</A></M></I>");
    let mut changed = document.clone();
    changed["payment_instructions"]["credit_transfers"] = json!([]);
    assert_eq!(write(&changed, Some(&base)), "<I><ID>1</ID><M><C>30</C><R>r</R></M></I>");
    let mut changed = document;
    changed["payment_instructions"]["means_code"] = json!("58");
    assert_eq!(
        write(&changed, Some(&base)),
        "<I><ID>1</ID><M><C>58</C><A>a</A><R>r</R></M><M><C>58</C><A>b</A></M></I>"
    );
}

#[test]
fn a_line_is_changed_where_it_is_read() {
    let mapping = mapping(&format!("{HEAD}{SHARED}"));
    let base = element("<I><ID>1</ID><M><C>30</C></M><M><C>48</C><K>4</K></M></I>");
    let mut document: Value = mapping.reader().read_as(&base).unwrap();
    document["payment_instructions"]["card"]["number"] = json!("5");
    let written = mapping.write(&document, Some("1"), Some(&base)).unwrap();
    assert_eq!(xml_of(&written), "<I><ID>1</ID><M><C>30</C></M><M><C>48</C><K>5</K></M></I>");
}
