//! Documents whose customer is not known yet.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};

use super::{Page, heading, more, narrowing, nothing, tag};
use crate::problem::Problem;
use crate::query::Ask;
use crate::shared::Shared;
use crate::text::Clock;

/// `/waiting`: oldest first.
pub(crate) async fn list(State(shared): State<Arc<Shared>>, ask: Ask) -> Result<Markup, Problem> {
    let rows_max = shared.console.limits.rows_max;
    let waiting = shared.console.store.waiting(&ask.filter(rows_max)?).await?;
    let last = waiting.last().map(|waiting| waiting.number);
    let clock = Clock::read();
    let lead = html! {
        "Documents that came before their customer. Each goes on by itself as soon as a system shows that customer."
    };
    Ok(Page::new(&shared, &ask.scope, "/waiting", "Waiting").with(html! {
        (heading("Waiting", lead))
        (narrowing(&shared, &ask, "/waiting", true))
        @if waiting.is_empty() { (nothing("Nothing waits.")) } @else {
            div.table { table {
                thead { tr { th { "Document" } th { "Of" } th { "Waits for" } th { "Drop" } th { "Since" } } }
                tbody {
                    @for waiting in &waiting {
                        tr id={ "waiting-" (waiting.number) } {
                            td { (tag(&waiting.entity)) " " code { (waiting.key) } }
                            td { (waiting.system) }
                            td.wide { "customer " code { (waiting.needs_key) } " of " (waiting.needs_system) }
                            td.number { a href=(ask.scope.drop(waiting.drop)) { (waiting.drop) } }
                            td { (clock.moment(waiting.since)) }
                        }
                    }
                }
            } }
        }
        (more(&ask, "/waiting", waiting.len(), rows_max, last))
    }))
}
