//! Tasks: what a person's decision about one comes to, and how long answers are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::{
    Decision, JudgementAsked, JudgementKind, TASKS_CLOSED_MAX, TaskClosing, TaskRefused, TaskStatus, TasksClosed,
};

use crate::context::Context;
use crate::fault::HubError;
use crate::resolve::{self, DOUBTFUL, KEY_REUSED};

/// Between two looks at what may be forgotten.
const FORGET_DELAY: Duration = Duration::from_secs(3_600);

/// Closed tasks that one transaction forgets.
const FORGOTTEN_MAX: usize = 1_000;

/// Ends tasks with the decision of a person. What cannot be ended this way stays open and is told; the rest is done.
/// It can be done twice.
///
/// # Errors
/// When nobody decides or says why, when there are no tasks or too many, or when the store cannot be asked.
pub(crate) async fn close(
    context: &Context,
    tenant: Option<&str>,
    numbers: &[u64],
    closing: &TaskClosing,
) -> Result<TasksClosed, HubError> {
    closing.check().map_err(HubError::Unknown)?;
    let numbers: BTreeSet<u64> = numbers.iter().copied().collect();
    if numbers.is_empty() || numbers.len() > TASKS_CLOSED_MAX {
        let count = numbers.len();
        return Err(HubError::Unknown(format!("{count} tasks were named; name 1 to {TASKS_CLOSED_MAX} at once")));
    }
    let numbers: Vec<u64> = numbers.into_iter().collect();
    let found = context.store.tasks_numbered(tenant, &numbers).await?;
    let mut found: BTreeMap<u64, TaskStatus> = found.into_iter().map(|task| (task.number, task)).collect();
    let mut told = TasksClosed::default();
    let mut read = Vec::new();
    for number in numbers {
        let Some(task) = found.remove(&number) else {
            told.missing.push(number);
            continue;
        };
        if task.closed.is_some() {
            told.closed_before.push(number);
        } else if !decisions(&task.code).contains(&closing.decision) {
            told.refused.push(TaskRefused { number, reason: instead(&task) });
        } else if closing.decision == Decision::Acknowledged {
            read.push(number);
        } else {
            match decide(context, &task, closing).await {
                Ok(()) => told.closed.push(number),
                Err(error) => told.refused.push(TaskRefused { number, reason: error.to_string() }),
            }
        }
    }
    let closed = context.store.close_tasks(tenant, &read, closing).await?;
    // The others have ended since they were looked at.
    told.closed_before.extend(read.iter().filter(|number| !closed.contains(number)));
    told.closed.extend(closed);
    Ok(told)
}

/// What a person can make of a task.
fn decisions(code: &str) -> &'static [Decision] {
    match code {
        DOUBTFUL | KEY_REUSED => &[Decision::Same, Decision::NotTheSame],
        _ => &[Decision::Acknowledged],
    }
}

/// What to do with a task instead.
fn instead(task: &TaskStatus) -> String {
    let TaskStatus { number, code, .. } = task;
    match decisions(code) {
        [Decision::Acknowledged] => {
            format!("task {number} ({code}) has nothing to decide; `passerelle tasks close {number}` ends it")
        }
        decisions => {
            let words: Vec<String> =
                decisions.iter().map(|word| format!("`passerelle tasks decide {number} {word}`")).collect();
            format!("task {number} ({code}) is a question to decide: {}", words.join(" or "))
        }
    }
}

/// Carries out what somebody decided about a task, and ends it in the same transaction
/// ([`Resolved::tasks_closed`](store::Resolved::tasks_closed)), so that no decision is kept without its effect.
async fn decide(context: &Context, task: &TaskStatus, closing: &TaskClosing) -> Result<(), HubError> {
    let TaskStatus { number, code, tenant, master_id, other, .. } = task;
    if code == KEY_REUSED {
        return resolve::answer(context, task, closing).await;
    }
    let kind = match (code.as_str(), closing.decision) {
        (DOUBTFUL, Decision::Same) => JudgementKind::Merge,
        (DOUBTFUL, Decision::NotTheSame) => JudgementKind::NotTheSame,
        (_, decision) => {
            return Err(HubError::Unknown(format!("task {number} ({code}) cannot be decided as {decision}")));
        }
    };
    let asked = JudgementAsked {
        tenant: tenant.to_string(),
        kind,
        master_id: *master_id,
        other: *other,
        records: Vec::new(),
        undoes: None,
        by: closing.by.clone(),
        reason: closing.reason.clone(),
    };
    resolve::judge(context, &asked, Some((*number, closing))).await?;
    Ok(())
}

/// Forgets old answers until the hub stops.
pub(crate) async fn run(context: Arc<Context>) {
    while !context.stop.is_cancelled() {
        let delay = match forget(&context).await {
            // There may be more.
            Ok(FORGOTTEN_MAX..) => Duration::from_secs(1),
            Ok(_) => FORGET_DELAY,
            Err(error) => {
                tracing::debug!(%error, "old answers are forgotten later");
                FORGET_DELAY
            }
        };
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = tokio::time::sleep(delay) => {}
        }
    }
}

async fn forget(context: &Context) -> Result<usize, HubError> {
    let kept = SignedDuration::try_from(context.settings.limits.closed_tasks_kept).unwrap_or(SignedDuration::MAX);
    let before = context.now().checked_sub(kept).unwrap_or(Timestamp::MIN);
    let forgotten = context.store.forget_closed_tasks(before, FORGOTTEN_MAX).await?;
    Ok(usize::try_from(forgotten).unwrap_or(usize::MAX))
}
