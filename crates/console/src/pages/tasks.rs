//! Questions for a steward or an operator.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};
use store::TaskFilter;

use super::{Page, heading, master_link, narrowing, nothing};
use crate::problem::Problem;
use crate::shared::Shared;
use crate::tasks::TaskAsk;
use crate::text::Clock;

/// `/tasks`: open ones, those that are worth most first, and of equal ones the oldest.
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    TaskAsk { ask, filter }: TaskAsk,
) -> Result<Markup, Problem> {
    let tasks = shared.console.store.tasks(&TaskFilter { is_closed: false, ..filter }).await?;
    let is_full = tasks.len() >= shared.console.limits.rows_max;
    let next = tasks.last().filter(|_| is_full).map(|task| task.place().to_string());
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
                            @for id in task.master_id.iter().chain(&task.other) { " " (master_link(&ask.scope, id)) }
                            span.about { (task.system) " · rank " (task.rank) " · since " (clock.moment(task.since)) }
                        }
                        p.reason { (task.question) }
                    }
                }
            }
        }
        @if let Some(place) = next {
            @let query = [("system", ask.system.as_str()), ("place", place.as_str())];
            p.more { a href=(ask.scope.page_with("/tasks", &query)) { "Next rows" } }
        }
    }))
}
