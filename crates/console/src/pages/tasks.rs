//! Questions for a steward or an operator.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};

use super::{Page, heading, master_link, more, narrowing, nothing};
use crate::problem::Problem;
use crate::query::Ask;
use crate::shared::Shared;
use crate::text::Clock;

/// `/tasks`: open ones, oldest first.
pub(crate) async fn list(State(shared): State<Arc<Shared>>, ask: Ask) -> Result<Markup, Problem> {
    let rows_max = shared.console.limits.rows_max;
    let tasks = shared.console.store.tasks(&ask.filter(rows_max)?).await?;
    let last = tasks.last().map(|task| task.number);
    let clock = Clock::read();
    let lead = html! { "Questions that only a person can answer." };
    Ok(Page::new(&shared, &ask.scope, "/tasks", "Tasks").with(html! {
        (heading("Tasks", lead))
        (narrowing(&shared, &ask, "/tasks", false))
        @if tasks.is_empty() { (nothing("Nobody needs to answer anything.")) } @else {
            ol.cases {
                @for task in &tasks {
                    li id={ "task-" (task.number) } {
                        p.case {
                            code.code { (task.code) }
                            @if let Some(id) = task.master_id { " " (master_link(&ask.scope, id)) }
                            span.about { (task.system) " · since " (clock.moment(task.since)) }
                        }
                        p.reason { (task.question) }
                    }
                }
            }
        }
        (more(&ask, "/tasks", tasks.len(), rows_max, last))
    }))
}
