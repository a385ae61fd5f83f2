use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Json, JsonError, Number};
use crate::record::{Body, Record};

#[test]
fn what_is_read_is_written_with_the_same_numbers() {
    let check = |text: &str, expected: &str| {
        let value = Json::read(text).unwrap();
        assert_eq!(value.to_string(), expected);
        assert_eq!(Json::read(expected).unwrap(), value);
        assert_eq!(serde_json::from_str::<Json>(text).unwrap(), value);
    };
    let same = |text: &str| check(text, text);
    same(r#"{"id":12345678901234567890,"amount":12345678901234567.89,"rate":1.50,"none":-0,"far":1E400}"#);
    same(r#"[1,[2,[]],{},{"a":{"b":[true,false,null]}},"é\"\\\n"]"#);
    same("0.1000000000000000055511151231257827021181583404541015625");
    check(" { \"a\" :\t[ 1.0 ,\r\n2e+5 ] , \"b\":\"\\u0041/\\/\" } ", r#"{"a":[1.0,2e+5],"b":"A//"}"#);
    check(r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#);
    let many = |last: &str| (0..40).map(|number| format!("\"n{number}\":{number}")).chain([last.to_owned()]);
    let text = |last| format!("{{{}}}", many(last).collect::<Vec<_>>().join(","));
    let repeated = Json::read(&text("\"n3\":99")).unwrap();
    assert_eq!(repeated.get("n3"), Some(&Json::from(99)));
    assert_eq!(repeated.to_string().matches("n3\"").count(), 1);
}

#[test]
fn what_cannot_be_read_says_why() {
    let check = |text: &str, expected: JsonError| assert_eq!(Json::read(text), Err(expected), "{text:.20}");
    check("{\"a\":1", JsonError::Syntax { line: 1, column: 6 });
    check("[01]", JsonError::Syntax { line: 1, column: 3 });
    check("\"\\ud800\"", JsonError::Text);
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    check(&nested(Json::DEPTH_MAX + 1), JsonError::TooDeep);
    check(&nested(100_000), JsonError::TooDeep);
    assert!(Json::read(&nested(Json::DEPTH_MAX)).is_ok());
}

#[test]
fn numbers_are_compared_by_value() {
    let check = |left: &str, right: &str, expected: bool| {
        let (left, right) = (Number::new(left).unwrap(), Number::new(right).unwrap());
        assert_eq!(left == right, expected, "{left} {right}");
        assert_eq!(right == left, expected, "{right} {left}");
    };
    check("12.50", "12.5", true);
    check("15e-1", "1.5", true);
    check("-0", "0.00e9", true);
    check("1E2", "100", true);
    check("12345678901234567890", "12345678901234567891", false);
    check("12345678901234567.89", "12345678901234568", false);
    check("-1", "1", false);
    check("1e99999999999999999999", "1e99999999999999999998", false);
    check("1e99999999999999999999", "1e99999999999999999999", true);
}

#[test]
fn objects_are_equal_in_any_order() {
    let check = |left: &str, right: &str, expected: bool| {
        assert_eq!(Json::read(left) == Json::read(right), expected, "{left} {right}");
    };
    check(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1.0}"#, true);
    check(r#"{"a":1,"b":2}"#, r#"{"b":2,"c":1}"#, false);
    check(r#"{"a":1}"#, r#"{"a":1,"b":null}"#, false);
    let object = |numbers: &mut dyn Iterator<Item = usize>| {
        Json::Object(numbers.map(|number| (number.to_string(), Json::from(number as u64))).collect())
    };
    assert_eq!(object(&mut (0..50)), object(&mut (0..50).rev()));
    assert_ne!(object(&mut (0..50)), object(&mut (1..51)));
}

#[test]
fn numbers_are_plain_where_that_is_short() {
    let check = |text: &str, expected: &str| assert_eq!(Number::new(text).unwrap().plain(), expected);
    check("1.50", "1.50");
    check("1.5e3", "1500");
    check("-25E-1", "-2.5");
    check("25e-4", "0.0025");
    check("25e-2", "0.25");
    check("0e7", "0");
    check("1e400000000", "1e400000000");
    check("12345678901234567890.5e1", "123456789012345678905");
}

#[test]
fn only_numbers_are_numbers() {
    for text in ["", "-", "01", "1.", ".5", "1e", "1e+", "+1", " 1", "0x1", "1_000", "NaN", "-01", "1.2.3", "1e2e3"] {
        assert!(Number::new(text).is_none(), "{text}");
        assert!(serde_json::from_str::<Value>(text).is_err() || text.starts_with(' '), "{text}");
    }
}

#[test]
fn a_record_that_is_stored_comes_back_with_its_digits() {
    let record = Record::from_body(Body::Json(Json::read(r#"{"id":12345678901234567890,"a":[1.10]}"#).unwrap()));
    let stored = serde_json::to_string(&record.body).unwrap();
    assert_eq!(stored, r#"{"json":{"id":12345678901234567890,"a":[1.10]}}"#);
    let read: Body = serde_json::from_str(&stored).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), stored);
    assert_eq!(read.hash(), record.body.hash());
}

/// A number of RFC 8259 of any length.
fn number_text() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,12})?"
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_number_text_survives(texts in prop::collection::vec(number_text(), 1..5)) {
        let text = format!("{{\"n\":[{}]}}", texts.join(","));
        let read = Json::read(&text).unwrap();
        prop_assert_eq!(read.to_string(), &text[..]);
        let again: Json = serde_json::from_slice(&serde_json::to_vec(&read).unwrap()).unwrap();
        prop_assert_eq!(again.to_string(), &text[..]);
        for text in &texts {
            let number = Number::new(text).unwrap();
            prop_assert_eq!(&Number::new(&number.plain()).unwrap(), &number);
        }
    }

    #[test]
    fn every_value_is_read_as_serde_json_reads_it(value in tree()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let read = Json::read(&text).unwrap();
            prop_assert_eq!(read.to_string(), value.to_string());
            prop_assert_eq!(&read, &Json::from(value.clone()));
            prop_assert_eq!(serde_json::to_value(&read).unwrap(), value.clone());
        }
    }
}

#[test]
fn a_value_of_serde_json_keeps_its_meaning() {
    assert_eq!(
        Json::from(json!({"a": [1, -2, 1.5, "x", null, true]})).to_string(),
        r#"{"a":[1,-2,1.5,"x",null,true]}"#
    );
}
