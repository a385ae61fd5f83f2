//! Reading a stream for somebody in this process, whichever worker has it.

use std::time::Duration;

use store::Command;

use crate::collect::Tell;
use crate::context::Context;
use crate::fault::HubError;
use crate::supervise;
use crate::timetable::{StreamName, Timetable};

/// How often it is looked who has the stream, and whether it was read.
const LOOK_DELAY: Duration = Duration::from_millis(20);

/// Reads a stream and waits for the end of it: here, when this worker has it, else by a command to the one that has.
pub(crate) async fn collect(
    context: &Context,
    timetable: &Timetable,
    name: &StreamName,
    again: bool,
    mut tell: Tell,
) -> Result<(), HubError> {
    let work = supervise::collect(&name.0);
    loop {
        if context.doing.contains(&work) {
            let read = tokio::select! {
                read = timetable.collect(name, again, tell.take()) => read,
                // Nobody here takes the demand up any more.
                () = lost(context, &work) => continue,
            };
            // Who lets go of a stream stops reading in the middle, and says that all is well.
            if context.doing.contains(&work) || context.stop.is_cancelled() {
                return read;
            }
        } else if is_with_another(context, &work).await? {
            return by_command(context, name, again).await;
        } else {
            pause(context).await?;
        }
    }
}

/// Waits until this worker does not have the work any more.
async fn lost(context: &Context, work: &str) {
    while context.doing.contains(work) {
        tokio::time::sleep(LOOK_DELAY).await;
    }
}

async fn is_with_another(context: &Context, work: &str) -> Result<bool, HubError> {
    let leases = context.store.leases().await?;
    let holder = leases.iter().find(|status| *status.lease.work == *work).and_then(|status| status.worker.as_ref());
    Ok(holder.is_some_and(|holder| *holder != context.worker))
}

/// Has the worker read the stream that has it now, or has it when the command is taken up.
async fn by_command(context: &Context, name: &StreamName, again: bool) -> Result<(), HubError> {
    let command = Command::Collect { system: name.0.to_string(), stream: Some(name.1.to_string()), again };
    let number = context.store.submit(&command, context.now()).await?;
    loop {
        if let Some(answer) = context.store.answer_of(number).await? {
            return answer.map(drop).map_err(HubError::Unknown);
        }
        pause(context).await?;
    }
}

async fn pause(context: &Context) -> Result<(), HubError> {
    tokio::select! {
        () = context.stop.cancelled() => Err(HubError::Unknown("the hub is stopping".to_owned())),
        () = tokio::time::sleep(LOOK_DELAY) => Ok(()),
    }
}
