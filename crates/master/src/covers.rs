//! Whether a mapping covers a place in a document.

use canonical::document::shape::Field;

use crate::path::{Path, is_within};

/// Whether one of `covers` speaks of the leaf at `path`.
///
/// A mapping may name the leaf itself, a group that holds it (`payment_terms`), a part of it (`lines.net_amount`
/// of the leaf `lines`), or every item of a list alike (`addresses.line1`).
/// `item` has the fields of an item when `path` stands for all items of one selector at once.
pub(crate) fn is_covered(covers: &[String], path: &Path, item: Option<&[Field]>) -> bool {
    covers.iter().any(|cover| {
        let cover = cover.as_str();
        is_related(cover, path.text())
            || match item {
                None => is_related(cover, path.generic()),
                Some(fields) => is_field_of(cover, path.generic(), fields),
            }
    })
}

fn is_related(cover: &str, path: &str) -> bool {
    is_within(cover, path) || is_within(path, cover)
}

/// Whether `cover` names a field that every item of the list has.
fn is_field_of(cover: &str, list: &str, fields: &[Field]) -> bool {
    let inside = cover.strip_prefix(list).and_then(|rest| rest.strip_prefix('.'));
    let name = inside.and_then(|inside| inside.split('.').next());
    name.is_some_and(|name| fields.iter().any(|field| field.name == name))
}

#[cfg(test)]
mod tests {
    use canonical::document::shape::Shaped;
    use canonical::document::{Address, shape::Shape};

    use super::*;

    #[track_caller]
    fn check(cover: &str, fields: [&str; 2], selector: Option<&str>, expected: bool) {
        let mut path = Path::default();
        path.field(fields[0]);
        if let Some(selector) = selector {
            path.selector(selector);
        }
        path.field(fields[1]);
        assert_eq!(is_covered(&[cover.to_owned()], &path, None), expected, "{cover} for {}", path.text());
    }

    #[test]
    fn a_leaf_is_covered_by_itself_its_group_its_parts_and_by_every_item_alike() {
        check("legal_name", ["legal_name", ""], None, true);
        check("legal", ["legal_name", ""], None, false);
        check("legal_name_2", ["legal_name", ""], None, false);
        check("payment_terms", ["payment_terms", "days"], None, true);
        check("payment_terms.code", ["payment_terms", "days"], None, false);
        check("lines.net_amount", ["lines", ""], None, true);
        check("credit_limit.amount", ["credit_limit", ""], None, true);
        check("addresses.main.line1", ["addresses", "line1"], Some("main"), true);
        check("addresses.main.line1", ["addresses", "line2"], Some("main"), false);
        check("addresses.main.line1", ["addresses", "line1"], Some("billing"), false);
        check("addresses.line1", ["addresses", "line1"], Some("billing"), true);
        check("addresses.line1", ["addresses", "city"], Some("billing"), false);
        check("identifiers.siret", ["identifiers", "value"], Some("siret"), true);
        check("identifiers.siret", ["identifiers", "value"], Some("vat"), false);
        check("identifiers.value", ["identifiers", "value"], Some("vat"), true);
    }

    #[test]
    fn all_items_of_a_selector_are_covered_by_any_of_their_fields() {
        let Shape::Group(fields) = Address::SHAPE else { panic!("an address is a group") };
        for (cover, expected) in [
            ("addresses.other.city", true),
            ("addresses.city", true),
            ("addresses.main.city", false),
            ("phones", false),
        ] {
            let mut path = Path::default();
            path.field("addresses");
            path.selector("other");
            assert_eq!(is_covered(&[cover.to_owned()], &path, Some(fields)), expected, "{cover}");
        }
    }
}
