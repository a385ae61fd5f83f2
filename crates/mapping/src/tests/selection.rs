use canonical::record::Body;
use serde_json::{Value, json};

use super::{mapping, messages, rows};

const CUSTOMERS: &str = r#"
entity = "customer"
format = "csv"
key    = "CT_Num"
when   = [{ at = "CT_Type", is = "0" }, { at = "CG_NumPrinc", starts = ["411", "413"] }]

[fields]
legal_name              = "CT_Intitule"
extensions.sage.account = "CG_NumPrinc"
"#;

const PAID: &str = r#"
entity = "payment"
format = "json"
key    = "id"
when   = { at = "status", is_not = ["", "failed"] }

[fields]
number = "ref"
status = { at = "status", table = { done = "booked", open = "pending" } }
"#;

#[test]
fn a_record_is_selected_by_all_conditions_on_one_of_its_rows() {
    let check = |text: &str, expected: bool| {
        assert_eq!(mapping(CUSTOMERS).reader().selects(&rows(text)), expected, "{text}");
    };
    let head = "CT_Num;CT_Intitule;CT_Type;CG_NumPrinc";
    check(&format!("{head}\nA;Un;0;4110000"), true);
    check(&format!("{head}\nA;Un; 0 ;4130000"), true);
    check(&format!("{head}\nA;Un;1;4110000"), false);
    check(&format!("{head}\nA;Un;0;4010000"), false);
    check(&format!("{head}\nA;Un;;4110000"), false);
    check(&format!("{head}\nA;Un;1;4110000\nA;Un;0;4010000"), false);
    check(&format!("{head}\nA;Un;1;4010000\nA;Un;0;4110000"), true);
    // A table that lacks the column is refused as a whole, so nothing of it may be passed over in silence.
    check("CT_Num;CT_Intitule;CG_NumPrinc\nA;Un;4010000", true);
}

#[test]
fn a_json_record_is_selected_by_what_it_says() {
    let check = |record: Value, expected: bool| {
        assert_eq!(mapping(PAID).reader().selects(&Body::Json(record.clone().into())), expected, "{record}");
    };
    check(json!({"id": "1", "status": "done"}), true);
    check(json!({"id": "1", "status": "failed"}), false);
    check(json!({"id": "1", "status": null}), false);
    check(json!({"id": "1"}), false);
}

#[test]
fn what_is_written_is_selected_again() {
    let customers = mapping(CUSTOMERS);
    let document = json!({"legal_name": "Un", "extensions": {"sage": {"account": "4110000"}}});
    let written = customers.write(&document, Some("A"), None).unwrap();
    assert!(customers.reader().selects(&written));
    let Body::Rows(row) = &written else { panic!("no rows") };
    let at = row.columns().position("CT_Type").unwrap();
    assert_eq!(row.value(0, at), Some("0"), "the only text that meets a condition is written");
    let supplier = json!({"legal_name": "Un", "extensions": {"sage": {"account": "4010000"}}});
    let errors = customers.write(&supplier, Some("A"), None).unwrap_err();
    assert!(messages(&errors)[0].contains("when"), "{errors:?}");
}

#[test]
fn a_place_of_a_condition_is_not_unmapped() {
    let record = rows("CT_Num;CT_Intitule;CT_Type;CG_NumPrinc\nA;Un;0;4110000");
    assert!(mapping(CUSTOMERS).reader().read_with_unmapped(&record).unwrap().unmapped.is_empty());
}
