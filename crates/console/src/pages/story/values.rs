//! The golden document beside what every system shows and holds.

use maud::{Markup, html};
use serde_json::Value;
use store::MasterStory;

use crate::compare::{Cell, Column, Comparison, compare};
use crate::story::parsed;
use crate::text::{counted, cut};

/// Characters of one value that are shown.
const VALUE_CHARS_MAX: usize = 160;

/// The table of all values.
pub(super) fn table(story: &MasterStory, golden: &Value) -> Markup {
    let comparison = compare(&story.master.entity, golden, others(story));
    if comparison.sections.is_empty() {
        return html! { p.quiet { "The document says nothing." } };
    }
    html! {
        p.quiet.legend {
            span.cell.same { "equal to the master" } " " span.cell.differs { "different" } " " span.cell.silent { "says nothing" }
        }
        div.table.values role="group" aria-labelledby="values" tabindex="0" { table {
            thead { tr {
                th { "Field" }
                th.golden { "Master" }
                @for column in &comparison.columns {
                    th.gone[column.removed] {
                        (column.system) " " span.about { (column.origin) @if column.removed { ", gone" } }
                    }
                }
            } }
            @for section in &comparison.sections {
                tbody {
                    @if !section.name.is_empty() {
                        tr.section { th scope="rowgroup" colspan=(comparison.columns.len() + 2) { (section.name) } }
                    }
                    @for row in &section.rows {
                        tr {
                            th scope="row" { (row.label) }
                            td.golden { @if let Some(text) = &row.golden { (value(text)) } }
                            @for cell in &row.cells { (side(cell)) }
                        }
                    }
                }
            }
        } }
        (surplus(&comparison))
    }
}

/// What the systems show, and what was delivered to those that have not shown it since.
fn others(story: &MasterStory) -> Vec<(Column, Value)> {
    let shown = story.sources.iter().map(|source| {
        let column = Column {
            system: source.local.system.to_string(),
            origin: source.stream.to_string(),
            removed: source.removed,
        };
        (column, parsed(&source.document))
    });
    let delivered = story.crosswalk.iter().filter_map(|row| {
        let column =
            Column { system: row.local.system.to_string(), origin: "as delivered".to_owned(), removed: row.removed };
        Some((column, parsed(row.holds.as_deref()?)))
    });
    shown.chain(delivered).collect()
}

fn side(cell: &Cell) -> Markup {
    html! {
        @match cell {
            Cell::Silent => td.silent { span aria-hidden="true" { "·" } },
            Cell::Same(text) => td.same { (value(text)) },
            Cell::Differs(text) => td.differs { span.spoken { "different: " } (value(text)) },
        }
    }
}

fn value(text: &str) -> String {
    cut(text, VALUE_CHARS_MAX)
}

fn surplus(comparison: &Comparison) -> Markup {
    let values = u64::try_from(comparison.values_surplus).unwrap_or_default();
    let columns = u64::try_from(comparison.columns_surplus).unwrap_or_default();
    html! {
        @if values > 0 { p.more { (counted(values, "more value")) " not shown here; the JSON of this story has them all." } }
        @if columns > 0 { p.more { (counted(columns, "more system")) " not shown here; the JSON of this story has them all." } }
    }
}
