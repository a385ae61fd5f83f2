//! JSON records while they are written.

use canonical::record::Json;

use crate::cursor::Context;
use crate::place::Step;

/// Changes values at the paths of a mapping.
pub(crate) struct JsonWriter<'w> {
    pub context: &'w Context<'w>,
}

impl JsonWriter<'_> {
    fn name(&self, step: &Step) -> &str {
        step.names.first().map_or("", |slot| self.context.program.names.local(*slot))
    }

    fn is_list_step(step: &Step) -> bool {
        step.position.is_some() || !step.predicates.is_empty()
    }

    /// The value that a step leads to, made when it is not there.
    fn find_or_make<'v>(&self, value: &'v mut Json, step: &Step) -> &'v mut Json {
        if !value.is_object() {
            *value = Json::object();
        }
        let Json::Object(members) = value else { return value };
        let member = members.get_or_add(self.name(step));
        if !member.is_array() {
            if !Self::is_list_step(step) {
                return member;
            }
            let single = std::mem::take(member);
            *member = Json::Array(if single.is_null() { Vec::new() } else { vec![single] });
        }
        let Json::Array(items) = member else { return member };
        let mut fitting = (0..items.len()).filter(|index| self.context.fits_json(&items[*index], step));
        let wanted = step.position.unwrap_or(0);
        let index = match fitting.nth(wanted) {
            Some(index) => index,
            None => {
                let missing = wanted + 1 - items.iter().filter(|item| self.context.fits_json(item, step)).count();
                items.extend((0..missing).map(|_| self.make(step)));
                items.len() - 1
            }
        };
        &mut items[index]
    }

    /// A new item for a step, meeting its conditions.
    pub(crate) fn make(&self, step: &Step) -> Json {
        let mut item = Json::Null;
        for predicate in &step.predicates {
            if let Some(wanted) = predicate.made_with(|variable| self.context.variables.get(variable)?.as_deref()) {
                self.set(&mut item, &predicate.path.steps, Json::from(wanted));
            }
        }
        item
    }

    /// Puts a value at a path, making what is on the way.
    pub(crate) fn set(&self, value: &mut Json, steps: &[Step], text: Json) {
        match steps.split_first() {
            Some((step, rest)) => self.set(self.find_or_make(value, step), rest, text),
            None => *value = text,
        }
    }

    /// Empties the value at a path: what was there becomes null, so that a system that merges is told.
    pub(crate) fn clear(&self, value: &mut Json, steps: &[Step]) {
        let Some((step, rest)) = steps.split_first() else {
            *value = Json::Null;
            return;
        };
        let Some(member) = value.get_mut(self.name(step)) else { return };
        match member {
            Json::Array(items) => {
                let wanted = step.position.unwrap_or(0);
                let found = (0..items.len()).filter(|index| self.context.fits_json(&items[*index], step)).nth(wanted);
                if let Some(index) = found {
                    self.clear(&mut items[index], rest);
                }
            }
            single => self.clear(single, rest),
        }
    }

    /// Takes the items at a path out, in their order. Items that do not meet the last step's conditions stay.
    pub(crate) fn take(&self, value: &mut Json, steps: &[Step]) -> Vec<Json> {
        let Some((step, rest)) = steps.split_first() else {
            return match std::mem::take(value) {
                Json::Array(items) => items,
                Json::Null => Vec::new(),
                single => vec![single],
            };
        };
        let Some(member) = value.get_mut(self.name(step)) else { return Vec::new() };
        if rest.is_empty() && Self::is_list_step(step) {
            let Json::Array(items) = member else { return Vec::new() };
            let (fitting, others) =
                std::mem::take(items).into_iter().partition(|item| self.context.fits_json(item, step));
            *items = others;
            return fitting;
        }
        match member {
            Json::Array(items) if !rest.is_empty() => items.iter_mut().flat_map(|item| self.take(item, rest)).collect(),
            other => self.take(other, rest),
        }
    }

    /// Puts items at a path, behind what stays there.
    pub(crate) fn put(&self, value: &mut Json, steps: &[Step], new: Vec<Json>) {
        let Some((step, rest)) = steps.split_first() else {
            match value {
                Json::Array(items) => items.extend(new),
                other => *other = Json::Array(new),
            }
            return;
        };
        if !rest.is_empty() {
            self.put(self.find_or_make(value, step), rest, new);
            return;
        }
        if !value.is_object() {
            *value = Json::object();
        }
        if let Json::Object(members) = value {
            self.put(members.get_or_add(self.name(step)), rest, new);
        }
    }
}
