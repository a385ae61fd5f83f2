//! Values on their way into a record.

use std::borrow::Cow;

use canonical::record::{Json, Number};
use rust_decimal::Decimal;

use super::{Slot, is_plain_json};
use crate::cursor::{Context, Cursor};
use crate::error::Problem;
use crate::place::Place;
use crate::program::{DebitCredit, Leaf};

/// The text of a value where everything is text.
pub(crate) fn plain(value: &Json) -> Cow<'_, str> {
    match value {
        Json::String(text) => Cow::Borrowed(text),
        Json::Null => Cow::Borrowed(""),
        other => Cow::Owned(other.to_string()),
    }
}

/// A JSON number for a text, with the same digits; `None` for a text that reading the number back would not give.
pub(crate) fn number(text: &str) -> Option<Json> {
    Number::new(text).filter(|number| number.plain() == text).map(Json::Number)
}

/// A written text as a value: a number or boolean where the line says so.
pub(crate) fn typed(leaf: &Leaf, written: &str) -> Result<Json, Problem> {
    if !is_plain_json(leaf) {
        return Ok(Json::from(written));
    }
    match written {
        "true" => Ok(Json::Bool(true)),
        "false" => Ok(Json::Bool(false)),
        _ => number(written).ok_or_else(|| {
            Problem::new(
                "mapping.json-number",
                "it is no number as JSON writes numbers; remove number = true to write text",
            )
        }),
    }
}

/// The text that the record being written holds at a place.
pub(crate) fn held(context: &Context<'_>, place: &Place, slot: &Slot<'_>) -> Option<String> {
    let text = match (place, slot) {
        (Place::Column(column), Slot::Rows(rows, row)) => rows.get(*row, *column).trim().to_owned(),
        (Place::Path(path), Slot::Element(node, _)) => {
            let mut found = &**node;
            for step in &path.steps {
                let is_named = |slot: &usize, name| context.is_attribute(*slot, name);
                found =
                    found.children.iter().find(|child| step.names.iter().any(|slot| is_named(slot, &child.name)))?;
            }
            match path.attribute {
                None => found.text.trim().to_owned(),
                Some(slot) => found
                    .attributes
                    .iter()
                    .find(|(name, _)| context.is_attribute(slot, name))
                    .map(|(_, text)| text.clone())?,
            }
        }
        (place, Slot::Json(value)) => context.raw(place, Cursor::Json(value)).ok().flatten()?.trim().to_owned(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// Which of two columns an amount goes to, and its text there.
pub(crate) fn sides(columns: &DebitCredit, amount: Decimal) -> Result<(bool, String), Problem> {
    let is_negative = amount.is_sign_negative() && !amount.is_zero();
    let is_debit = is_negative != columns.debit_is_positive;
    let written = columns.style.write(&amount.abs().to_string())?.into_owned();
    Ok((is_debit, written))
}
