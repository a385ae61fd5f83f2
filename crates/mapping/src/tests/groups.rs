//! Repeating groups under conditions, and keys with text verbs.

use canonical::record::Body;
use serde_json::{Value, json};

use super::{csv_of, element, mapping, messages, rows, xml_of};
use crate::{Mapping, laws};

/// Rows of which some are no lines of the invoice.
const SALES: &str = r#"
entity = "invoice"
format = "csv"
key    = "NO"
only   = "read"

[fields]
number = "NO"

[each.lines]
rows = true
when = { at = "EXTRA", is_not = "TAX" }

[each.lines.fields]
item.name  = { at = ["NAME", "ACCOUNT"] }
net_amount = { at = "NET", optional = true }
"#;

/// A group that counts for some documents only, and takes only some of the items.
const ORDERS: &str = r#"
entity = "invoice"
format = "json"
key    = "id"

[fields]
type_code = "type"

[each.lines]
at   = "rows"
when = [{ field = "type_code", is = "380" }, { item = "note", is_not = "shipping" }]

[each.lines.fields]
id   = "no"
note = "kind"
"#;

const XML_ORDERS: &str = r#"
entity = "invoice"
format = "xml"
record = "/o"
key    = "id"

[fields]
type_code = "type"

[each.lines]
at   = "row"
when = [{ field = "type_code", is = "380" }, { item = "note", is = "goods" }]

[each.lines.fields]
id   = "no"
note = "@kind"
"#;

#[test]
fn a_row_is_an_item_where_the_condition_on_its_place_holds() {
    let sales = mapping(SALES);
    let check = |text: &str, lines: Value, unmapped: &[&str]| {
        let reading = sales.reader().read_with_unmapped(&rows(text)).unwrap();
        assert_eq!(reading.document.to_json().get("lines").unwrap_or(&Value::Null), &lines, "{text}");
        assert_eq!(reading.unmapped, unmapped);
    };
    let table = json!({"item": {"name": "Table"}, "net_amount": "50"});
    check("NO;EXTRA;NAME;ACCOUNT;NET\n1;;Table;Sales;50\n1;TAX;;VAT;10", json!([table]), &[]);
    check("NO;EXTRA;NAME;ACCOUNT;NET\n1;TAX;;VAT;10", Value::Null, &["ACCOUNT", "NET"]);
}

#[test]
fn a_place_is_no_condition_of_a_group_that_is_written() {
    let text = SALES.replace("only   = \"read\"\n", "");
    let found = Mapping::compile("test.toml", &text, &()).unwrap_err();
    assert!(found.iter().any(|found| found.to_string().contains("a place tells nothing about")), "{found:?}");
}

fn orders(kind: &str, lines: &[(&str, &str)]) -> Value {
    let lines: Vec<Value> = lines.iter().map(|(id, note)| json!({"id": id, "note": note})).collect();
    json!({"type_code": kind, "lines": lines})
}

#[test]
fn a_group_counts_and_takes_items_where_its_conditions_hold() {
    let mapping = mapping(ORDERS);
    let check = |record: Value, expected: Value, unmapped: &[&str]| {
        let body = Body::Json(record.clone().into());
        let reading = mapping.reader().read_with_unmapped(&body).unwrap();
        assert_eq!(reading.document.to_json(), expected, "{record}");
        assert_eq!(reading.unmapped, unmapped, "{record}");
        laws::write_after_read(&mapping, &body).unwrap_or_else(|breach| panic!("{record}: {breach}"));
    };
    let rows = json!([{"no": "1", "kind": "goods", "x": 1}, {"no": "2", "kind": "shipping"}, {"no": "3"}]);
    check(
        json!({"id": "A", "type": "380", "rows": rows}),
        json!({"type_code": "380", "lines": [{"id": "1", "note": "goods"}, {"id": "3"}]}),
        &["rows.kind", "rows.no", "rows.x"],
    );
    check(
        json!({"id": "A", "type": "381", "rows": rows}),
        json!({"type_code": "381"}),
        &["rows.kind", "rows.no", "rows.x"],
    );
}

#[test]
fn what_is_none_of_the_groups_stays_where_it_is() {
    let mapping = mapping(ORDERS);
    let base = json!({"id": "A", "type": "380", "rows": [
        {"no": "1", "kind": "goods", "x": 1}, {"no": "2", "kind": "shipping", "y": 2}, {"no": "3", "kind": "goods"}
    ]});
    let check = |document: Value, base: &Value, expected: Value| {
        let body = Body::Json(base.clone().into());
        let Body::Json(written) = mapping.write(&document, Some("A"), Some(&body)).unwrap() else { panic!("no JSON") };
        assert_eq!(written.to_string(), canonical::record::Json::from(expected).to_string(), "{document}");
        laws::read_after_write(&mapping, &document).unwrap();
    };
    let shipping = json!({"no": "2", "kind": "shipping", "y": 2});
    check(
        orders("380", &[("1", "goods"), ("4", "goods"), ("5", "service"), ("6", "shipping")]),
        &base,
        json!({"id": "A", "type": "380", "rows": [
            {"no": "1", "kind": "goods", "x": 1}, shipping, {"no": "4", "kind": "goods"}, {"no": "5", "kind": "service"}
        ]}),
    );
    check(orders("380", &[]), &base, json!({"id": "A", "type": "380", "rows": [shipping]}));
    // What counted goes when the group does no longer, and what never did is left alone.
    check(orders("381", &[("1", "goods")]), &base, json!({"id": "A", "type": "381", "rows": [shipping]}));
    let note = json!({"id": "A", "type": "381", "rows": base["rows"]});
    check(orders("381", &[]), &note, note.clone());
}

#[test]
fn elements_that_are_none_of_the_groups_stay_where_they_are() {
    let mapping = mapping(XML_ORDERS);
    let base = element(
        "<o><id>A</id><type>380</type><row kind=\"tax\"><no>9</no></row><row kind=\"goods\"><no>1</no><x>y</x></row></o>",
    );
    let read = mapping.reader().read(&base).unwrap().document.to_json();
    assert_eq!(read, orders("380", &[("1", "goods")]));
    assert_eq!(laws::write_after_read(&mapping, &base).unwrap(), laws::Kept::Bytes);
    let written = mapping.write(&orders("380", &[("2", "goods"), ("3", "goods")]), Some("A"), Some(&base)).unwrap();
    assert_eq!(
        xml_of(&written),
        "<o><id>A</id><type>380</type><row kind=\"tax\"><no>9</no></row><row kind=\"goods\"><no>2</no><x>y</x></row>\
         <row kind=\"goods\"><no>3</no></row></o>"
    );
}

#[test]
fn conditional_groups_keep_the_laws_for_made_up_documents() {
    for text in [ORDERS, XML_ORDERS] {
        let mapping = mapping(text);
        for seed in 0..200 {
            let document = laws::generated(&mapping, seed);
            laws::read_after_write(&mapping, &document).unwrap_or_else(|breach| panic!("{seed} {document}: {breach}"));
        }
    }
}

#[test]
fn a_condition_on_an_item_that_cannot_hold_both_ways_is_told() {
    let check = |from: &str, to: &str, expected: &str| {
        let text = ORDERS.replace(from, to);
        assert_ne!(text, ORDERS);
        let found = Mapping::compile("test.toml", &text, &()).unwrap_err();
        assert!(found.iter().any(|found| found.to_string().contains(expected)), "{found:?}");
    };
    check("item = \"note\"", "item = \"quantity\"", "no line of its own");
    check("note = \"kind\"", "note = { at = \"kind\", only = \"read\" }", "goes one way");
    check("note = \"kind\"", "note = { value = \"goods\" }", "the same value for every item");
    check(
        "type_code = \"type\"",
        "type_code = { at = \"type\", when = { item = \"note\", is = \"\" } }",
        "whole repeating group",
    );
}

#[test]
fn a_line_counts_where_all_of_its_conditions_hold() {
    let text = "entity = \"payment\"\nformat = \"csv\"\nkey = \"ID\"\n[fields]\nmethod = \"M\"\n\
                creditor.account.iban = \"IBAN\"\n\
                creditor.account.account_number = { at = \"NO\", write_required = true, when = [\
                { field = \"creditor.account.iban\", is = \"\" }, { field = \"method\", is_not = \"cheque\" }] }\n";
    let order = mapping(text);
    let check = |document: Value, expected: Result<&str, &str>| {
        let written = order.write(&document, Some("1"), None);
        let written = written.as_ref().map(csv_of).map_err(|errors| messages(errors).join("\n"));
        match (written, expected) {
            (Ok(written), Ok(expected)) => assert_eq!(written.lines().nth(1), Some(expected), "{document}"),
            (Err(written), Err(expected)) => assert!(written.contains(expected), "{written}"),
            (written, _) => panic!("{document} {written:?}"),
        }
    };
    check(json!({"creditor": {"account": {"iban": "FR1", "account_number": "7"}}}), Ok("1;;FR1;"));
    check(json!({"creditor": {"account": {"account_number": "7"}}}), Ok("1;;;7"));
    check(json!({"method": "cheque"}), Ok("1;cheque;;"));
    check(json!({"method": "wire"}), Err("creditor.account.account_number"));
    let alternatives = text.replace(
        "method = \"M\"",
        "number = [{ at = \"A\", when = [{ field = \"method\", is = \"a\" }, \
        { field = \"creditor.account.iban\", is = \"\" }] }, { at = \"B\" }]\nmethod = \"M\"",
    );
    let found = Mapping::compile("test.toml", &alternatives, &()).unwrap_err();
    assert!(found.iter().any(|found| found.to_string().contains("takes a single condition")), "{found:?}");
}

#[test]
fn a_key_is_read_and_written_with_its_verbs() {
    let of = |key: &str| {
        mapping(&format!("entity = \"customer\"\nformat = \"csv\"\nkey = {key}\n[fields]\nlegal_name = \"N\"\n"))
    };
    let check = |key: &str, header: &str, cell: &str, expected: &str, fresh: &str| {
        let mapping = of(key);
        let base = rows(&format!("{header};N\n{cell};x"));
        assert_eq!(mapping.reader().key(&base).unwrap(), expected);
        assert_eq!(laws::write_after_read(&mapping, &base).unwrap(), laws::Kept::Bytes);
        let written = mapping.write(&json!({"legal_name": "x"}), Some(expected), None).unwrap();
        assert_eq!(csv_of(&written), format!("{header};N\n{fresh};x"));
        assert_eq!(mapping.reader().key(&written).unwrap(), expected);
    };
    check("{ at = \"ID\", text = \"apostrophe\" }", "ID", "'721", "721", "721");
    check(
        "{ at = \"ID\", text = [\"upper\", { prefix = \"C-\" }, { pad_left = \"0\", to = 6 }] }",
        "ID",
        "C-000721",
        "721",
        "C-000721",
    );
    check("{ at = [\"A\", \"B\"], text = { suffix = \".0\" } }", "A;B", "1.0;2.0", "1|2", "1.0;2.0");
    let cut = "entity = \"customer\"\nformat = \"csv\"\nkey = { at = \"ID\", text = { truncate = 3 } }\n[fields]\nlegal_name = \"N\"\n";
    let found = Mapping::compile("test.toml", cut, &()).unwrap_err();
    assert!(found[0].to_string().contains("remove truncate"), "{found:?}");
}
