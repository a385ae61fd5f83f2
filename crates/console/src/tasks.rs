//! Tasks over the API: listing, showing, ending.
//!
//! Ending them changes nothing here: a command is left for the hub.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use jiff::Timestamp;
use serde::Deserialize;
use store::{Command, Decision, TaskClosing, TaskFilter, TaskPlace, TaskStatus, TasksClosed};

use crate::answer;
use crate::api::{Answer, ApiAsk, json};
use crate::guard;
use crate::problem::Problem;
use crate::query::{Ask, NAME_CHARS_MAX};
use crate::shared::Shared;

/// What of the queue is asked for, beside what all listings share.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Raw {
    code: String,
    text: String,
    closed: bool,
    place: String,
}

/// A listing of tasks, as a request wants it.
pub(crate) struct TaskAsk {
    /// The tenant and what all listings share.
    pub(crate) ask: Ask,
    /// The filter for the store.
    pub(crate) filter: TaskFilter,
}

impl FromRequestParts<Arc<Shared>> for TaskAsk {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let ask = Ask::from_request_parts(parts, shared).await?;
        let Query(Raw { code, text, closed, place }) = Query::try_from_uri(&parts.uri).map_err(|_| {
            Problem::unclear("The address has a part that cannot be read.", "Go back to the tasks and follow a link.")
        })?;
        let limits = &shared.console.limits;
        if code.len() > NAME_CHARS_MAX || text.chars().count() > limits.search_chars_max {
            return Err(Problem::unclear("That is too long for a search.", "Narrow by a code of the list."));
        }
        let after = match place.as_str() {
            "" => None,
            place => Some(place.parse::<TaskPlace>().map_err(|error| {
                Problem::unclear(
                    format!("{place} is no place in the list: {error}."),
                    "Follow the link of the page before.",
                )
            })?),
        };
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        let filter = TaskFilter {
            code: given(code),
            text: given(text),
            is_closed: closed,
            after,
            ..ask.filter(limits.rows_max)?.into()
        };
        Ok(TaskAsk { ask, filter })
    }
}

/// `GET /api/tasks`.
pub(crate) async fn list(State(shared): State<Arc<Shared>>, ask: Result<TaskAsk, Problem>) -> Answer {
    json(shared.console.store.tasks(&ask?.filter).await?)
}

/// `GET /api/tasks/12`.
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    ApiAsk(ask): ApiAsk,
    number: Result<Path<u64>, PathRejection>,
) -> Answer {
    let remedy = "The list of tasks has the numbers of those that are open.";
    let Path(number) = number.map_err(|_| Problem::unclear("That is no number of a task.", remedy))?;
    let found = shared.console.store.tasks_numbered(ask.scope.tenant(), &[number]).await?;
    let task: Option<TaskStatus> = found.into_iter().next();
    json(task.ok_or_else(|| Problem::missing(format!("There is no task {number}."), remedy))?)
}

/// What somebody decides, as it is posted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Close {
    numbers: Vec<u64>,
    #[serde(default = "acknowledged")]
    decision: Decision,
    reason: String,
    by: String,
}

fn acknowledged() -> Decision {
    Decision::Acknowledged
}

/// `POST /api/tasks/close`.
pub(crate) async fn close(
    State(shared): State<Arc<Shared>>,
    ApiAsk(ask): ApiAsk,
    _: guard::SameSite,
    body: Result<Json<Close>, JsonRejection>,
) -> Answer {
    let Json(close) = body.map_err(|rejection| {
        Problem::new(
            rejection.status(),
            "The decision cannot be read.",
            r#"Post JSON of type application/json: {"numbers": [12], "reason": "…", "by": "…"}, and with a "decision" where one is asked for."#,
        )
    })?;
    let command = close.command(&shared, ask.scope.tenant())?;
    answer::of_hub::<TasksClosed>(&shared, &command).await
}

impl Close {
    /// The command for the hub, if anybody could read it later.
    fn command(self, shared: &Shared, tenant: Option<&str>) -> Result<Command, Problem> {
        let Close { numbers, decision, reason, by } = self;
        let rows_max = shared.console.limits.rows_max;
        if numbers.is_empty() || numbers.len() > rows_max {
            let title = format!("A decision is about 1 to {rows_max} tasks.");
            return Err(Problem::unclear(title, "Post several decisions, with fewer numbers each."));
        }
        let closing = TaskClosing { decision, reason, by, at: Timestamp::now() };
        closing.check().map_err(|error| Problem::unclear(format!("{error}."), "Say who decides and why."))?;
        let TaskClosing { reason, by, .. } = closing;
        Ok(Command::CloseTasks { tenant: tenant.map(str::to_owned), numbers, decision, reason, by })
    }
}
