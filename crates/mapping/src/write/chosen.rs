//! Places that are chosen while a record is written, and texts that two lines share.

use canonical::record::Json;
use rust_decimal::Decimal;
use serde_json::Value;

use super::{Slot, Writer, value};
use crate::error::Problem;
use crate::place::Place;
use crate::program::{Leaf, Source, Tagged, WriteTo};
use crate::verbs::{Verb, attachment};

impl Writer<'_> {
    /// Which of a line's places takes the text, when one of them does.
    pub(super) fn chosen_place(&self, leaf: &Leaf, places: &[Place], written: &str, slot: &Slot<'_>) -> usize {
        if leaf.write_to == WriteTo::Checked {
            let passes = matches!(&leaf.verb, Verb::Identifier(style) if style.passes(written));
            return usize::from(!passes).min(places.len().saturating_sub(1));
        }
        let can_be_made = |place: &Place| match place {
            Place::Path(path) => path.can_be_made(self.variables),
            Place::Column(_) => true,
        };
        let has_content = |place: &Place| match (place, slot) {
            (Place::Path(path), Slot::Element(node, _)) => {
                self.xml().text(node, path).is_some_and(|text| !text.trim().is_empty())
            }
            _ => value::held(&self.context, place, slot).is_some(),
        };
        let holder = places.iter().position(|place| can_be_made(place) && has_content(place));
        holder.or_else(|| places.iter().position(can_be_made)).unwrap_or(0)
    }

    /// Writes the sum of other fields where a line says nothing itself and its record wants something there; with a plus
    /// sign in front, so that it is right for who reads it and no value of its own when it comes back.
    pub(super) fn put_sum(&self, leaf: &Leaf, slot: &mut Slot<'_>) -> bool {
        let Source::First(places) = &leaf.source else { return false };
        let mut sum: Option<Decimal> = None;
        for field in &leaf.sum_of {
            let parts = numbers_at(self.item, field);
            if parts.is_empty() {
                return false;
            }
            let total = parts.into_iter().try_fold(sum.unwrap_or_default(), Decimal::checked_add);
            let Some(total) = total else { return false };
            sum = Some(total);
        }
        let Some(sum) = sum.filter(|sum| !sum.is_sign_negative() || sum.is_zero()) else { return false };
        for place in places {
            self.put_text(place, &format!("+{sum}"), slot);
        }
        true
    }

    /// An attached file as base64.
    pub(super) fn attached(&self, hash: &str) -> Result<String, Problem> {
        let bytes = (self.find)(hash).ok_or_else(|| {
            Problem::new("mapping.attachment-missing", "the bytes of the attached file are not at hand under this hash")
        })?;
        Ok(attachment::encode(&bytes))
    }

    /// Writes the tag of a text, or the text behind its tag.
    pub(super) fn tagged(&mut self, tagged: &Tagged, written: &str, slot: &mut Slot<'_>) -> Result<(), Problem> {
        let held = value::held(&self.context, &tagged.place, slot).unwrap_or_default();
        let (tag, rest) = tagged.parts(&held);
        let whole = match (tagged.is_tag, tag) {
            (true, _) if written.is_empty() => rest.to_owned(),
            (true, _) => {
                let whole = format!("{mark}{written}{mark}{rest}", mark = tagged.mark);
                if tagged.parts(&whole).0 != Some(written) {
                    let reason = format!("a tag has exactly {} letters or digits here", tagged.length);
                    return Err(Problem::new("mapping.tag", reason));
                }
                whole
            }
            (false, Some(tag)) => format!("{mark}{tag}{mark}{written}", mark = tagged.mark),
            (false, None) if tagged.parts(written).0.is_some() => {
                let reason = "the text starts like a tag, and would be read as one";
                return Err(Problem::new("mapping.tag", reason));
            }
            (false, None) => written.to_owned(),
        };
        self.put(&tagged.place, (!whole.is_empty()).then(|| Json::from(whole)), slot);
        Ok(())
    }

    /// Makes the element at a place, empty if it is not there: some schemas demand an element that nothing is in.
    pub(super) fn put_empty(&self, place: &Place, slot: &mut Slot<'_>) {
        if let (Place::Path(path), Slot::Element(node, trail)) = (place, slot)
            && self.xml().text(node, path).is_none()
        {
            self.xml().set(node, trail, path, "");
        }
    }
}

/// The numbers at a dotted path, in every item of the lists on the way.
fn numbers_at(value: &Value, path: &str) -> Vec<Decimal> {
    match (value, path.split_once('.')) {
        (Value::Array(items), _) => items.iter().flat_map(|item| numbers_at(item, path)).collect(),
        (Value::Object(members), Some((name, rest))) => {
            members.get(name).map(|inner| numbers_at(inner, rest)).unwrap_or_default()
        }
        (Value::Object(members), None) => match members.get(path) {
            Some(Value::String(text)) => text.parse().into_iter().collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
