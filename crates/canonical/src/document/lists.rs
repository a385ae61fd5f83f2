//! Which list of a document has which selector.

use super::shape::{Shape, Shaped};
use super::{Allocation, Customer, Invoice, Payment};
use crate::entity::Entity;

/// The shape of an entity's documents; [`Shape::Any`] for a declared one, whose shape is its user's schema.
#[must_use]
pub fn shape(entity: &Entity) -> Shape {
    match entity {
        Entity::Customer => Customer::SHAPE,
        Entity::Invoice => Invoice::SHAPE,
        Entity::Payment => Payment::SHAPE,
        Entity::Allocation => Allocation::SHAPE,
        Entity::Declared(_) => Shape::Any,
    }
}

/// The field that selects an item in the list at `list_path`, such as `scheme` for `identifiers`
/// or `use` for `addresses`; `list_path` holds field names only, as in `seller.identifiers`.
/// `None` when there is no such list, or when its items are told apart by position alone.
#[must_use]
pub fn selector(entity: &Entity, list_path: &str) -> Option<&'static str> {
    match shape(entity).at(list_path)? {
        Shape::List { selector, .. } => selector,
        _ => None,
    }
}
