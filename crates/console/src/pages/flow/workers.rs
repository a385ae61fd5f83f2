//! Who does which part of the work.

use std::collections::BTreeMap;
use std::sync::Arc;

use maud::{Markup, html};

use crate::flow::Flow;
use crate::text::counted;

/// The kinds of work, in the order of the flow, with what people call them.
const KINDS: [(&str, &str); 5] = [
    ("collect", "reads"),
    ("observed", "resolves partitions"),
    ("relay", "publishes changes"),
    ("operate", "commands and alarms"),
    ("delivery", "feeds"),
];

/// A row for each worker, and one for what nobody does. Nothing where no hub is known.
pub(super) fn section(flow: &Flow) -> Markup {
    let shares = &flow.shares;
    html! {
        section #workers aria-labelledby="workers-title" {
            @if !shares.workers.is_empty() {
                h2 #workers-title { "Workers" }
                div.table { table {
                    thead { tr { th { "Worker" } @for (_, name) in KINDS { th { (name) } } } }
                    tbody {
                        @for worker in &shares.workers { (row(html! { (worker.name) }, &worker.works)) }
                        @if !shares.idle.is_empty() { (row(html! { span.state.bad { "nobody" } }, &shares.idle)) }
                    }
                } }
                p.quiet { (counted(shares.workers.len() as u64, "worker")) " at work." }
            }
        }
    }
}

fn row(name: Markup, works: &[Arc<str>]) -> Markup {
    let mut parts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for work in works {
        let (kind, which) = work.split_once('/').unwrap_or((work, "yes"));
        parts.entry(kind).or_default().push(which);
    }
    html! {
        tr {
            td { (name) }
            @for (kind, _) in KINDS { td { (parts.get(kind).map(|which| which.join(", ")).unwrap_or_default()) } }
        }
    }
}
