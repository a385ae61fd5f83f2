//! What waits: an alarm when it is for longer than it should, and a second look at what nobody released.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::{Filter, WaitingStatus};

use crate::context::Context;
use crate::fault::HubError;
use crate::resolve;

/// The longest pause between two looks.
const LOOK_DELAY_MAX: Duration = Duration::from_secs(60);

/// How many waiting documents one look names in the log; the console and `passerelle waiting list` have all.
const NAMED_MAX: usize = 20;

/// Runs until the hub stops.
pub(crate) async fn run(context: Arc<Context>) {
    let limit = context.settings.limits.waiting_alarm;
    let delay = (limit / 4).clamp(Duration::from_millis(100), LOOK_DELAY_MAX);
    let mut told_until = 0;
    while !context.stop.is_cancelled() {
        if let Err(error) = resolve::release_all(&context).await {
            tracing::debug!(%error, "what waits cannot be released now");
        }
        match late(&context, limit, told_until).await {
            Ok(late) => {
                for document in &late {
                    told_until = told_until.max(document.number);
                    let WaitingStatus { system, entity, key, needs_system, needs_key, since, .. } = document;
                    tracing::warn!(%system, %entity, key, %needs_system, needs_key, %since, code = "resolve.waiting-long",
                        "a document has waited too long for its customer");
                }
                metrics::counter!("passerelle_waiting_alarms_total").increment(late.len() as u64);
            }
            Err(error) => tracing::debug!(%error, "nobody knows what waits"),
        }
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = tokio::time::sleep(delay) => {}
        }
    }
}

/// Documents that wait for longer than the limit and were not told before, oldest first.
async fn late(context: &Context, limit: Duration, told_until: u64) -> Result<Vec<WaitingStatus>, HubError> {
    let limit = SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
    let latest = context.now().checked_sub(limit).unwrap_or(Timestamp::MIN);
    let filter = Filter { after: Some(told_until), count_max: NAMED_MAX, ..Filter::default() };
    let waiting = context.store.waiting(&filter).await?;
    Ok(waiting.into_iter().take_while(|document| document.since <= latest).collect())
}
