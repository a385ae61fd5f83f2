//! The golden document beside what every system shows and holds, value by value.

use std::collections::HashMap;

use canonical::Entity;
use serde_json::Value;

use crate::document::{Leaf, Leaves, Nature, leaves};

/// Systems that are compared side by side; the rest is counted.
const COLUMNS_MAX: usize = 12;

/// Whose values a column shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// The system.
    pub(crate) system: String,
    /// The stream that shows it, or that it was delivered.
    pub(crate) origin: String,
    /// Whether the system no longer shows it: then its values do not count.
    pub(crate) removed: bool,
}

/// One value of one system.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// The system says nothing here.
    Silent,
    /// What the golden document says, or the system's own key of what that refers to.
    Same(String),
    /// Something else.
    Differs(String),
}

/// What the documents say at one path.
#[derive(Default)]
struct Line {
    golden: Option<String>,
    others: Vec<Option<String>>,
    nature: Nature,
}

/// One place of the documents.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The segments of the path after the section's.
    pub(crate) label: String,
    /// What the golden document says.
    pub(crate) golden: Option<String>,
    /// What the systems say, in the order of the columns.
    pub(crate) cells: Vec<Cell>,
}

/// Rows that belong together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// The first segment of their paths; empty for values that stand alone.
    pub(crate) name: String,
    /// The rows.
    pub(crate) rows: Vec<Row>,
}

/// The whole table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) columns: Vec<Column>,
    pub(crate) sections: Vec<Section>,
    /// Systems that are not shown.
    pub(crate) columns_surplus: usize,
    /// Values that are not shown.
    pub(crate) values_surplus: usize,
}

type Lines = HashMap<Vec<String>, Line>;

/// Puts documents beside the golden one.
pub(crate) fn compare(entity: &Entity, golden: &Value, mut others: Vec<(Column, Value)>) -> Comparison {
    let columns_surplus = others.len().saturating_sub(COLUMNS_MAX);
    others.truncate(COLUMNS_MAX);
    let width = others.len();
    let mut order = Vec::new();
    let mut lines = Lines::new();
    let mut take = |found: Leaves, column: Option<usize>| {
        for Leaf { path, text, nature } in found.values {
            let line = lines.entry(path).or_insert_with_key(|path| {
                order.push(path.clone());
                Line { golden: None, others: vec![None; width], nature }
            });
            match column {
                None => line.golden = Some(text),
                Some(column) => line.others[column] = Some(text),
            }
        }
        found.surplus
    };
    let mut values_surplus = take(leaves(entity, golden), None);
    for (index, (_, document)) in others.iter().enumerate() {
        values_surplus += take(leaves(entity, document), Some(index));
    }
    let sections = sections(order, lines);
    let columns = others.into_iter().map(|(column, _)| column).collect();
    Comparison { columns, sections, columns_surplus, values_surplus }
}

/// Gathers rows by the first segment of their paths, in the order of first appearance.
/// Values that stand alone come first.
fn sections(order: Vec<Vec<String>>, mut lines: Lines) -> Vec<Section> {
    let mut sections = vec![Section { name: String::new(), rows: Vec::new() }];
    let mut places = HashMap::new();
    for path in order {
        let Some(Line { golden, others, nature }) = lines.remove(&path) else { continue };
        let cells = others
            .into_iter()
            .map(|text| match text {
                None => Cell::Silent,
                Some(text) if is_same(nature, &text, golden.as_deref()) => Cell::Same(text),
                Some(text) => Cell::Differs(text),
            })
            .collect();
        let (place, label) = match path.split_first() {
            Some((section, rest)) if !rest.is_empty() => {
                let place = *places.entry(section.clone()).or_insert_with(|| {
                    sections.push(Section { name: words(section), rows: Vec::new() });
                    sections.len() - 1
                });
                (place, label(rest))
            }
            _ => (0, path.first().map(|segment| words(segment)).unwrap_or_default()),
        };
        sections[place].rows.push(Row { label, golden, cells });
    }
    sections.retain(|section| !section.rows.is_empty());
    sections
}

fn is_same(nature: Nature, text: &str, golden: Option<&str>) -> bool {
    match nature {
        Nature::OwnKey => true,
        Nature::Decimal => golden.is_some_and(|golden| significant(text) == significant(golden)),
        Nature::Text => golden == Some(text),
    }
}

/// An amount without zeros at the end, and what stands behind it, such as its currency.
fn significant(text: &str) -> (&str, &str) {
    let (amount, rest) = text.split_once(' ').unwrap_or((text, ""));
    let amount = if amount.contains('.') { amount.trim_end_matches('0').trim_end_matches('.') } else { amount };
    (amount, rest)
}

/// The path within a section. The field of an item that has one value only is called by the item's own name.
fn label(path: &[String]) -> String {
    let named = match path.split_last() {
        Some((last, before)) if last == "value" && !before.is_empty() => before,
        _ => path,
    };
    named.iter().map(|segment| words(segment)).collect::<Vec<_>>().join(" · ")
}

/// A field's name as people write it.
fn words(segment: &str) -> String {
    segment.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn column(system: &str) -> Column {
        Column { system: system.to_owned(), origin: "customers".to_owned(), removed: false }
    }

    #[test]
    fn values_that_agree_and_differ_are_told_apart() {
        let golden = json!({"addresses": [{"use": "main", "city": "Lyon"}], "legal_name": "Dupont SA"});
        let erp = json!({"legal_name": "Dupont SA", "status": "active"});
        let crm = json!({"legal_name": "DUPONT", "addresses": [{"use": "main", "city": "Lyon"}]});
        let table = compare(&Entity::Customer, &golden, vec![(column("erp"), erp), (column("crm"), crm)]);
        let rows: Vec<(&str, &str, &Row)> = table
            .sections
            .iter()
            .flat_map(|section| section.rows.iter().map(|row| (section.name.as_str(), row.label.as_str(), row)))
            .collect();
        let same = |text: &str| Cell::Same(text.to_owned());
        let differs = |text: &str| Cell::Differs(text.to_owned());
        assert_eq!(rows.len(), 3);
        assert_eq!((rows[0].0, rows[0].1), ("", "legal name"));
        assert_eq!(rows[0].2.cells, [same("Dupont SA"), differs("DUPONT")]);
        assert_eq!((rows[1].1, rows[1].2.golden.as_deref()), ("status", None));
        assert_eq!(rows[1].2.cells, [differs("active"), Cell::Silent]);
        assert_eq!((rows[2].0, rows[2].1), ("addresses", "main · city"));
        assert_eq!(rows[2].2.cells, [Cell::Silent, same("Lyon")]);
    }

    #[test]
    fn amounts_are_compared_by_number_and_keys_of_others_not_at_all() {
        let golden = json!({"number": "1.10", "customer": {"master_id": "m1"}, "totals": {"due_amount": "12.50"}});
        let erp = json!({"number": "1.1", "customer": {"key": "C2"}, "totals": {"due_amount": "12.5"}});
        let table = compare(&Entity::Invoice, &golden, vec![(column("erp"), erp)]);
        let cell = |label: &str| {
            let rows = table.sections.iter().flat_map(|section| &section.rows);
            &rows.into_iter().find(|row| row.label == label).unwrap().cells[0]
        };
        assert_eq!(cell("number"), &Cell::Differs("1.1".to_owned()));
        assert_eq!(cell("key"), &Cell::Same("C2".to_owned()));
        assert_eq!(cell("due amount"), &Cell::Same("12.5".to_owned()));
    }

    #[test]
    fn systems_beyond_the_limit_are_counted() {
        let others = (0..COLUMNS_MAX + 2).map(|number| (column(&number.to_string()), json!({}))).collect();
        let table = compare(&Entity::Customer, &json!({}), others);
        assert_eq!((table.columns.len(), table.columns_surplus), (COLUMNS_MAX, 2));
        assert!(table.sections.is_empty());
    }
}
