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
