//! What becomes of conditional lines, and of numbers whose decimals a currency tells, while a record is written.

use canonical::record::Json;

use super::{Slot, Writer};
use crate::error::Problem;
use crate::place::Place;
use crate::program::{Each, Leaf, List, Node, Object, Scale, Source};
use crate::verbs::minor_unit::minor_unit;

impl Writer<'_> {
    /// Whether a line counts for the document.
    pub(super) fn counts(&self, leaf: &Leaf) -> bool {
        leaf.when.hold_for(self.variables)
    }

    /// Whether a repeating group is written: it counts for the document, or it counted for the base record and what it
    /// held there must go. Elements of a group that never counted are none of its business.
    pub(super) fn is_due(&self, each: &Each) -> bool {
        let held = self.held_variables.as_deref();
        each.writes && (each.when.hold_for(self.variables) || held.is_some_and(|held| each.when.hold_for(held)))
    }

    /// Clears the places of lines that counted for the base record and do not count for the document:
    /// what they held must not stay beside what takes its turn. Places that a line writes now are left to that line.
    pub(super) fn without_old_lines(&mut self, slot: &mut Slot<'_>) {
        let mapping = self.mapping;
        let Some(old) = self.held_variables.as_deref().filter(|old| *old != self.variables) else { return };
        let mut written: Vec<&Place> = Vec::new();
        let mut stale: Vec<&Place> = Vec::new();
        top_leaves(&mapping.program.root, &mut |leaf| {
            if !leaf.direction.writes() {
            } else if leaf.when.hold_for(self.variables) {
                written.extend(leaf.source.places());
            } else if leaf.when.hold_for(old) && !matches!(leaf.source, Source::Part(_)) {
                stale.extend(leaf.source.places());
            }
        });
        for place in stale.into_iter().filter(|place| !written.contains(place)) {
            self.put(place, None, slot);
        }
    }

    /// The system's text for a number whose decimals a place or a currency tells.
    pub(super) fn scaled(&self, leaf: &Leaf, number: &str, slot: &mut Slot<'_>) -> Result<Option<String>, Problem> {
        let currency = match leaf.scale.as_deref() {
            None => return Ok(None),
            Some(Scale::Place { place, otherwise }) => {
                self.put(place, Some(Json::from(otherwise.to_string())), slot);
                return Ok(None);
            }
            Some(Scale::Money(_)) => self.currency.clone(),
            Some(Scale::Field(variable)) => self.variables.get(*variable).cloned().flatten(),
        };
        leaf.written_scaled(minor_unit(&currency.unwrap_or_default()), number).map(Some)
    }
}

/// Calls `visit` with every line outside of repeating groups.
fn top_leaves<'p>(object: &'p Object, visit: &mut impl FnMut(&'p Leaf)) {
    for member in &object.members {
        match &member.node {
            Node::Leaf(leaf) => visit(leaf),
            Node::Object(inner) => top_leaves(inner, visit),
            Node::List(list) => list_leaves(list, visit),
        }
    }
}

fn list_leaves<'p>(list: &'p List, visit: &mut impl FnMut(&'p Leaf)) {
    for chosen in &list.chosen {
        match &chosen.node {
            Node::Leaf(leaf) => visit(leaf),
            Node::Object(inner) => top_leaves(inner, visit),
            Node::List(inner) => list_leaves(inner, visit),
        }
    }
}
