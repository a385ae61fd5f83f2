//! Documents drawn at random from what their types allow.

use jiff::Timestamp;
use jiff::civil::Date;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::shape::Shape;
use super::{Document, lists};
use crate::entity::Entity;

/// Any document of a canonical entity.
pub(crate) fn document() -> impl Strategy<Value = Document> {
    prop::sample::select(Entity::CANONICAL.to_vec()).prop_flat_map(|entity| {
        value(lists::shape(&entity)).prop_map(move |json| Document::deserialize_as(&entity, &json).unwrap())
    })
}

/// Dates of years with four digits: others have no form in ISO 8601 without an agreement.
fn date() -> impl Strategy<Value = Date> {
    (1_i16..=9999, 1_i8..=12, 1_i8..=28).prop_map(|(year, month, day)| Date::new(year, month, day).unwrap())
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (-62_135_000_000_i64..253_402_000_000, 0_i32..1_000_000_000)
        .prop_map(|(seconds, nanoseconds)| Timestamp::new(seconds, nanoseconds).unwrap())
}

fn decimal() -> impl Strategy<Value = Decimal> {
    let mantissa = -79_228_162_514_264_337_593_543_950_335_i128..=79_228_162_514_264_337_593_543_950_335;
    (mantissa, 0_u32..=28).prop_map(|(mantissa, scale)| Decimal::from_i128_with_scale(mantissa, scale))
}

fn text(value: impl ToString) -> Value {
    Value::String(value.to_string())
}

fn value(shape: Shape) -> BoxedStrategy<Value> {
    match shape {
        Shape::Text => prop_oneof!["\\PC{0,12}", any::<String>()].prop_map(text).boxed(),
        Shape::Code { values, open: true } => {
            prop_oneof![prop::sample::select(values).prop_map(text), "[a-z]{0,8}".prop_map(text)].boxed()
        }
        Shape::Code { values, open: false } => prop::sample::select(values).prop_map(text).boxed(),
        Shape::Letters(count) => {
            prop::string::string_regex(&format!("[A-Z]{{{count}}}")).unwrap().prop_map(text).boxed()
        }
        Shape::Decimal => decimal().prop_map(text).boxed(),
        Shape::Money => (decimal(), "[A-Z]{3}")
            .prop_map(|(amount, currency)| serde_json::json!({"amount": amount.to_string(), "currency": currency}))
            .boxed(),
        Shape::Integer => any::<u32>().prop_map(Value::from).boxed(),
        Shape::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Shape::Date => date().prop_map(text).boxed(),
        Shape::Timestamp => timestamp().prop_map(text).boxed(),
        Shape::Any => prop::collection::btree_map("[a-z]{1,8}", any::<Option<i32>>(), 0..3)
            .prop_map(|members| members.into_iter().map(|(name, value)| (name, Value::from(value))).collect())
            .boxed(),
        Shape::List { item, .. } => prop::collection::vec(value(*item), 0..3).prop_map(Value::from).boxed(),
        Shape::Group(fields) => {
            let members: Vec<_> = fields
                .iter()
                .map(|field| prop::option::weighted(0.4, value(field.shape)).prop_map(|value| (field.name, value)))
                .collect();
            members
                .prop_map(|members| {
                    // A group without content is the same as none, and is never written.
                    let is_told = |value: &Value| value.as_object().is_none_or(|members| !members.is_empty());
                    let told =
                        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.filter(is_told)?)));
                    Value::Object(told.collect::<Map<_, _>>())
                })
                .boxed()
        }
    }
}
