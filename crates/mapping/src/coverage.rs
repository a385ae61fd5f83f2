//! What a mapping never touches: canonical fields, and columns of a table.

use std::collections::BTreeSet;

use canonical::document::lists;
use canonical::document::shape::Shape;
use canonical::record::Columns;

use crate::mapping::Mapping;
use crate::program::Leaf;

/// Fields lie at most so deep.
const DEPTH_MAX: usize = 12;

/// See [`Mapping::untouched_fields`].
pub(crate) fn untouched_fields(mapping: &Mapping) -> Vec<String> {
    let shape = lists::shape(mapping.entity());
    let mut touched = BTreeSet::new();
    mapping.program.leaves(&mut |leaf| {
        touched.insert(without_selectors(shape, leaf));
    });
    // A reference is touched by its key; the hub knows the rest of it.
    let is_touched = |path: &str| touched.contains(path) || path.ends_with(".master_id") || path.ends_with(".system");
    let mut fields = Vec::new();
    each_field(shape, &mut String::new(), 0, &mut |path| {
        if !is_touched(path) {
            fields.push(path.to_owned());
        }
    });
    fields
}

/// The path of a line's field by the names of fields alone: without selectors and positions.
fn without_selectors(shape: Shape, leaf: &Leaf) -> String {
    let mut path = String::new();
    let mut shape = Some(shape);
    let mut in_list = false;
    for name in leaf.path.split('.') {
        let field = shape.and_then(|shape| shape.field(name));
        if field.is_none() && in_list {
            // The value of the list's selector, or a position.
            in_list = false;
            continue;
        }
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        let inside = field.map(|field| field.shape);
        in_list = matches!(inside, Some(Shape::List { .. }));
        shape = match inside {
            Some(Shape::List { item, .. }) => Some(*item),
            other => other,
        };
    }
    path
}

fn each_field(shape: Shape, path: &mut String, depth: usize, visit: &mut impl FnMut(&str)) {
    let fields = match shape {
        Shape::List { item, .. } => return each_field(*item, path, depth, visit),
        Shape::Group(fields) if depth < DEPTH_MAX => fields,
        // Anything may be in extensions, and an amount is touched as a whole.
        Shape::Any | Shape::Group(_) => return,
        Shape::Money => {
            let length = path.len();
            path.push_str(".amount");
            visit(path);
            path.truncate(length);
            return;
        }
        _ => return visit(path),
    };
    for field in fields {
        let length = path.len();
        if length > 0 {
            path.push('.');
        }
        path.push_str(field.name);
        each_field(field.shape, path, depth + 1, visit);
        path.truncate(length);
    }
}

/// See [`Mapping::untouched_columns`].
pub(crate) fn untouched_columns(mapping: &Mapping, columns: &Columns) -> Vec<String> {
    let embedded = mapping.embedded().iter().map(|embedded| &*embedded.mapping);
    let known: BTreeSet<&str> = std::iter::once(mapping)
        .chain(embedded)
        .flat_map(|mapping| mapping.program.columns.names.iter().map(|name| &**name))
        .collect();
    columns.names().filter(|name| !name.is_empty() && !known.contains(name)).map(str::to_owned).collect()
}
