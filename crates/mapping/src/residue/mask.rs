//! A shadow of a record that tells of every text whether a mapping carries it.

use canonical::record::{Element, Json};

use crate::cursor::{Context, Cursor};
use crate::place::{Place, Step};

/// What becomes of one text of a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// No line knows it.
    #[default]
    Left,
    /// There is nothing to carry.
    Empty,
    /// A condition of a path asks for it: it stays where something else stays, so that the path still leads there.
    Structural,
    /// A line carries it.
    Carried,
}

impl State {
    pub(crate) fn stays(self) -> bool {
        matches!(self, State::Left | State::Structural)
    }

    fn of(text: &str) -> Self {
        if text.trim().is_empty() { State::Empty } else { State::Left }
    }

    fn mark(&mut self, with: State) {
        *self = match (*self, with) {
            (State::Carried, _) | (_, State::Carried) => State::Carried,
            (_, with) => with,
        };
    }
}

/// The shadow of an element or JSON value.
#[derive(Debug, Default)]
pub(crate) struct Mask {
    pub text: State,
    pub attributes: Vec<State>,
    /// One for each child element, member or item.
    pub children: Vec<Mask>,
}

impl Mask {
    pub(crate) fn of_element(element: Element<'_>) -> Self {
        Mask {
            text: State::of(element.text()),
            attributes: element.attributes().map(|(_, value)| State::of(value)).collect(),
            children: element.children().map(Mask::of_element).collect(),
        }
    }

    pub(crate) fn of_json(value: &Json) -> Self {
        let (text, children) = match value {
            Json::Object(members) => (State::Empty, members.values().map(Mask::of_json).collect()),
            Json::Array(items) => (State::Empty, items.iter().map(Mask::of_json).collect()),
            Json::Null => (State::Empty, Vec::new()),
            Json::String(text) => (State::of(text), Vec::new()),
            Json::Bool(_) | Json::Number(_) => (State::Left, Vec::new()),
        };
        Mask { text, attributes: Vec::new(), children }
    }

    /// Whether nothing is left here and below.
    pub(crate) fn is_done(&self) -> bool {
        self.text != State::Left
            && self.attributes.iter().all(|state| *state != State::Left)
            && self.children.iter().all(Mask::is_done)
    }

    /// Marks the text of this very element or value, or all its attributes.
    pub(crate) fn mark_here(&mut self, text: bool) {
        if text {
            self.text.mark(State::Carried);
        } else {
            self.attributes.iter_mut().for_each(|state| state.mark(State::Carried));
        }
    }

    /// Marks the place that reading a path finds, and what its conditions ask for.
    pub(crate) fn mark(
        &mut self,
        context: &Context<'_>,
        cursor: Cursor<'_>,
        steps: &[Step],
        attribute: Option<usize>,
        state: State,
    ) -> bool {
        let Some((step, rest)) = steps.split_first() else {
            self.mark_end(context, cursor, attribute, state);
            return true;
        };
        let fitting = Self::fitting(context, cursor, step);
        if step.alone && fitting.len() != 1 {
            return false;
        }
        let wanted = fitting
            .into_iter()
            .enumerate()
            .filter(|(index, _)| step.position.is_none_or(|position| position == *index));
        for (_, (address, child)) in wanted {
            let Some(mask) = self.at(&address) else { continue };
            if mask.mark(context, child, rest, attribute, state) {
                mask.mark_conditions(context, child, step);
                return true;
            }
        }
        false
    }

    fn mark_conditions(&mut self, context: &Context<'_>, cursor: Cursor<'_>, step: &Step) {
        for predicate in &step.predicates {
            // A text that a condition lets pass, and does not name, is content like any other.
            let text = context.raw(&Place::Path(predicate.path.clone()), cursor).ok().flatten();
            if !text.is_some_and(|text| predicate.names(text.trim())) {
                continue;
            }
            self.mark(context, cursor, &predicate.path.steps, predicate.path.attribute, State::Structural);
        }
    }

    fn mark_end(&mut self, context: &Context<'_>, cursor: Cursor<'_>, attribute: Option<usize>, state: State) {
        let (Some(slot), Cursor::Element(element)) = (attribute, cursor) else {
            // A list of values where one is read: the first is the one.
            match (cursor, self.children.first_mut()) {
                (Cursor::Json(Json::Array(_)), Some(first)) => first.text.mark(state),
                _ => self.text.mark(state),
            }
            return;
        };
        for ((name, _), held) in element.attributes().zip(&mut self.attributes) {
            if context.is_attribute(slot, name) {
                held.mark(state);
            }
        }
    }

    /// Visits every place at a path, and marks what the conditions on the way ask for.
    pub(crate) fn every(
        &mut self,
        context: &Context<'_>,
        cursor: Cursor<'_>,
        steps: &[Step],
        visit: &mut dyn FnMut(Cursor<'_>, &mut Mask),
    ) {
        let Some((step, rest)) = steps.split_first() else {
            match cursor {
                Cursor::Json(Json::Array(items)) => {
                    items.iter().zip(&mut self.children).for_each(|(item, mask)| visit(Cursor::Json(item), mask));
                }
                other => visit(other, self),
            }
            return;
        };
        let fitting = Self::fitting(context, cursor, step);
        if step.alone && fitting.len() != 1 {
            return;
        }
        let wanted = fitting
            .into_iter()
            .enumerate()
            .filter(|(index, _)| step.position.is_none_or(|position| position == *index));
        for (_, (address, child)) in wanted {
            let Some(mask) = self.at(&address) else { continue };
            mask.every(context, child, rest, visit);
            mask.mark_conditions(context, child, step);
        }
    }

    /// The children that a step leads to, each with its address below this mask.
    fn fitting<'r>(context: &Context<'_>, cursor: Cursor<'r>, step: &Step) -> Vec<(Vec<usize>, Cursor<'r>)> {
        match cursor {
            Cursor::Element(element) => {
                let children = element.children().enumerate().filter(|(_, child)| context.fits(*child, step));
                children.map(|(index, child)| (vec![index], Cursor::Element(child))).collect()
            }
            Cursor::Json(Json::Object(members)) => {
                let name = step.names.first().map_or("", |slot| context.program.names.local(*slot));
                let Some((index, member)) = members
                    .iter()
                    .enumerate()
                    .find(|(_, (key, _))| *key == name)
                    .map(|(index, (_, value))| (index, value))
                else {
                    return Vec::new();
                };
                match member {
                    Json::Array(items) => {
                        let fitting = items.iter().enumerate().filter(|(_, item)| context.fits_json(item, step));
                        fitting.map(|(item_index, item)| (vec![index, item_index], Cursor::Json(item))).collect()
                    }
                    single if context.fits_json(single, step) => vec![(vec![index], Cursor::Json(single))],
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        }
    }

    fn at(&mut self, address: &[usize]) -> Option<&mut Mask> {
        address.iter().try_fold(self, |mask, index| mask.children.get_mut(*index))
    }
}
