//! Commands that a request leaves for the hub, and the hub's answers.

use std::time::{Duration, Instant};

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::Command;

use crate::api::{Answer, json};
use crate::problem::Problem;
use crate::shared::Shared;

/// Between two looks for the hub's answer.
const LOOK_DELAY: Duration = Duration::from_millis(50);

/// The command is queued; the hub has not answered yet.
#[derive(Serialize)]
struct Queued {
    command: u64,
}

/// Leaves a command for the hub, and tells what it answered: JSON of this type. A hub that has not answered in half of the
/// time that an answer may take has the command in its queue: 202, with the command's number.
pub(crate) async fn of_hub<T: Serialize + DeserializeOwned>(shared: &Shared, command: &Command) -> Answer {
    let store = &shared.console.store;
    let number = store.submit(command, Timestamp::now()).await?;
    let asked = Instant::now();
    // The answer to the caller has a limit too.
    let patience = shared.console.limits.answer_max / 2;
    loop {
        match store.answer_of(number).await? {
            Some(Ok(answer)) => {
                let told: T = serde_json::from_str(&answer).map_err(|_| {
                    Problem::new(
                        StatusCode::INTERNAL_SERVER_ERROR,
                        "The hub's answer cannot be read.",
                        "This is a bug; the command was carried out, and the lists tell what was done.",
                    )
                })?;
                return json(told);
            }
            Some(Err(reason)) => {
                return Err(Problem::unclear(reason, "Correct what the sentence names, and post it again.").into());
            }
            None if asked.elapsed() >= patience => {
                return Ok((StatusCode::ACCEPTED, Json(Queued { command: number })).into_response());
            }
            None => tokio::time::sleep(LOOK_DELAY).await,
        }
    }
}
