//! What needs somebody, and why.

use maud::{Markup, html};

use crate::flow::Flow;
use crate::links::Scope;
use crate::pages::rejects::place;
use crate::pages::{master_link, nothing, parked, tag};
use crate::text::{Clock, number};

/// The first of each kind; all of them are a link away.
pub(super) fn section(flow: &Flow, scope: &Scope, clock: &Clock) -> Markup {
    let counts = &flow.counts;
    let calm = flow.parked.is_empty() && flow.waiting.is_empty() && flow.rejects.is_empty() && flow.tasks.is_empty();
    html! {
        section #needs aria-labelledby="needs-title" {
            h2 #needs-title { "What needs somebody" }
            @if calm { (nothing("Nothing is parked, waiting or rejected.")) }
            div.needs {
                @if !flow.parked.is_empty() { (kind("Parked", counts.parked, &scope.page("/parked"), &parked_rows(flow, scope, clock))) }
                @if !flow.tasks.is_empty() { (kind("Tasks", counts.tasks, &scope.page("/tasks"), &task_rows(flow, scope, clock))) }
                @if !flow.waiting.is_empty() { (kind("Waiting", counts.waiting, &scope.page("/waiting"), &waiting_rows(flow, scope, clock))) }
                @if !flow.rejects.is_empty() { (kind("Rejected", counts.rejects, &scope.page("/rejects"), &reject_rows(flow, scope))) }
            }
        }
    }
}

fn kind(name: &str, count: u64, link: &str, rows: &Markup) -> Markup {
    html! {
        div.panel.need {
            h3 { a href=(link) { (name) " " span.count { (number(count)) } } }
            ul { (rows) }
        }
    }
}

fn parked_rows(flow: &Flow, scope: &Scope, clock: &Clock) -> Markup {
    html! {
        @for row in &flow.parked {
            li {
                p.case {
                    a href=(scope.parked(row.number)) { (parked::stage(row)) } " " (tag(&row.entity))
                    @if let Some(id) = row.master_id { " " (master_link(scope, id)) }
                    span.about { (clock.moment(row.since)) }
                }
                p.reason { (parked::why(row)) }
            }
        }
    }
}

fn task_rows(flow: &Flow, scope: &Scope, clock: &Clock) -> Markup {
    html! {
        @for task in &flow.tasks {
            li {
                p.case {
                    a href={ (scope.page("/tasks")) "#task-" (task.number) } { (task.system) }
                    @if let Some(id) = task.master_id { " " (master_link(scope, id)) }
                    span.about { (clock.moment(task.since)) }
                }
                p.reason { (task.question) " " code.code { (task.code) } }
            }
        }
    }
}

fn waiting_rows(flow: &Flow, scope: &Scope, clock: &Clock) -> Markup {
    html! {
        @for row in &flow.waiting {
            li {
                p.case {
                    a href={ (scope.page("/waiting")) "#waiting-" (row.number) } { (row.system) " " (row.key) } " " (tag(&row.entity))
                    span.about { (clock.moment(row.since)) }
                }
                p.reason { "waits for customer " code { (row.needs_key) } " of " (row.needs_system) }
            }
        }
    }
}

fn reject_rows(flow: &Flow, scope: &Scope) -> Markup {
    html! {
        @for reject in &flow.rejects {
            li {
                p.case {
                    a href={ (scope.drop(reject.drop)) "#reject-" (reject.number) } { (place(reject)) }
                    span.about { (reject.stream.system) " · " (reject.stream.stream) }
                }
                p.reason { (reject.reason) " " code.code { (reject.code) } }
            }
        }
    }
}
