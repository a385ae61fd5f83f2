//! What somebody answered to the question whether a key belongs to another customer: what is parked is taken in by it.

use std::sync::Arc;

use canonical::entity::Entity;
use store::{Decision, LocalKey, ParkedStatus, TaskClosing, TaskStatus};

use super::identify::{asked_about, parked_question};
use super::working::Working;
use super::{are_parked, finish, follow, read_parked};
use crate::context::Context;
use crate::fault::HubError;

/// Takes in what a question is about, and all that lined up behind it, in one transaction with the end of the question:
/// as a state of the same customer, or as the first one of another.
///
/// # Errors
/// When what it asks about is parked no more, or the store cannot be asked. Nothing was changed.
pub(crate) async fn answer(context: &Context, task: &TaskStatus, closing: &TaskClosing) -> Result<(), HubError> {
    let local = task.detail.as_deref().and_then(asked_about);
    let local = local.ok_or_else(|| HubError::Unknown(format!("task {} names no record", task.number)))?;
    let parked = parked(context, &task.tenant, &local).await?;
    context.carry_out("an answer about a key", || try_answer(context, task, &local, closing, &parked)).await?;
    release_asked(context, &task.tenant, &local).await
}

/// Takes up the documents that waited until it was decided whose a key is. What a crash interrupts is done at the next
/// start.
async fn release_asked(context: &Context, tenant: &Arc<str>, local: &LocalKey) -> Result<(), HubError> {
    let release = || async {
        let mut working = Working::begin(context, tenant).await?;
        let released = working.release_known(std::slice::from_ref(local), &[]).await?;
        finish(working, tenant, released).await?;
        Ok(())
    };
    context.carry_out("what waited for an answer", release).await
}

/// Lets go what waited for the answer to a question, if what it asked about is parked no more.
///
/// # Errors
/// What the store says; it is done at the next start.
pub(crate) async fn let_go(context: &Context, parked: &ParkedStatus) -> Result<(), HubError> {
    let Some(key) = parked.key.strip_prefix("customer/") else { return Ok(()) };
    let local = LocalKey { system: parked.system.clone(), entity: Entity::Customer, key: key.to_owned() };
    release_asked(context, &parked.tenant, &local).await
}

/// What is parked of a record, from what is asked about on.
async fn parked(context: &Context, tenant: &Arc<str>, local: &LocalKey) -> Result<Vec<ParkedStatus>, HubError> {
    let first = parked_question(context, tenant, local).await?;
    Ok(context.store.parked_behind(first.ok_or_else(|| gone(local))?).await?)
}

fn gone(local: &LocalKey) -> HubError {
    HubError::Unknown(format!(
        "nothing of {}/{} is parked any more; there is nothing to decide",
        local.system, local.key
    ))
}

async fn try_answer(
    context: &Context,
    task: &TaskStatus,
    local: &LocalKey,
    closing: &TaskClosing,
    parked: &[ParkedStatus],
) -> Result<(), HubError> {
    let observations = read_parked(parked)?;
    let mut working = Working::begin(context, &task.tenant).await?;
    working.resolution().lock_matching().await?;
    if !are_parked(&mut working, &observations).await? {
        return Err(gone(local));
    }
    working.reuse.answer(local.clone(), closing.decision == Decision::Same, closing.clone());
    working.unpark(parked.iter().map(|one| one.number).collect(), &observations);
    working.writes.tasks_closed.push((task.number, closing.clone()));
    if finish(working, &task.tenant, observations).await? {
        follow::follow(context, &task.tenant).await?;
    }
    Ok(())
}
