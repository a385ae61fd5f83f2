//! What one worker knows and the others do not, asked through the store, and how all of them stand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bus::Queue;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use store::{Command, Worker};
use tokio::time::Instant;

use crate::context::Context;
use crate::fault::HubError;
use crate::quiet::{self, Pending};
use crate::supervise::{delivery, observed};

/// How often it is looked for an answer.
const LOOK_DELAY: Duration = Duration::from_millis(50);

/// How often it is made sure that a worker that does not answer is there at all.
const LIFE_DELAY: Duration = Duration::from_millis(500);

/// How the whole hub stands, as one of its workers tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// What is on its way.
    pub pending: Pending,
    /// Why the bus takes no messages now, where a worker has met that.
    pub bus_blocked: Option<String>,
    /// Every worker, by name.
    pub workers: Vec<WorkerStatus>,
    /// Pieces of work that nobody does now.
    pub idle: Vec<Arc<str>>,
}

/// A worker and its part of the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Its name: machine, process, and a number of its own.
    pub name: Arc<str>,
    /// The kinds of work that it does: `collect`, `observed`, `relay`, `operate`, `delivery`.
    pub kinds: Vec<Arc<str>>,
    /// The pieces of work that it has, such as `observed/3`.
    pub works: Vec<Arc<str>>,
}

/// What only one worker knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Known {
    /// The depth of each queue that this worker consumes, by the queue's name: how many messages, and the time of the
    /// oldest in milliseconds since 1970 where the bus knows it.
    depths: BTreeMap<String, (u64, Option<i64>)>,
    /// Why the bus takes nothing from it.
    blocked: Option<String>,
}

/// What the other workers said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Others {
    known: Vec<Known>,
    /// Workers that are alive and did not say what they know.
    pub unheard: Vec<Arc<str>>,
}

impl Others {
    /// The depth of a queue, with what its consumer holds.
    pub fn depth(&self, queue: &Queue) -> (u64, Option<i64>) {
        let name = queue.to_string();
        let depths = self.known.iter().filter_map(|known| known.depths.get(&name));
        depths.copied().max_by_key(|(count, _)| *count).unwrap_or_default()
    }
}

/// Whether processes beside this one consume the same bus: then its depths do not tell what those hold.
pub(crate) async fn is_bus_shared(context: &Context) -> Result<bool, HubError> {
    Ok(context.bus.consumers(&Queue::Observed(0)).await?.is_some())
}

/// Asks every other worker what it alone knows.
pub(crate) async fn ask_others(context: &Context) -> Result<Others, HubError> {
    let workers = context.store.workers().await?;
    let others = workers.iter().filter(|worker| worker.name != context.worker);
    let mut answers = Others::default();
    for (name, answer) in try_join_all(others.map(|worker| ask(context, &worker.name))).await? {
        match answer {
            Answer::Known(known) => answers.known.push(known),
            Answer::Silence => answers.unheard.push(name),
            Answer::Gone => {}
        }
    }
    Ok(answers)
}

enum Answer {
    Known(Known),
    /// It is there, and did not say.
    Silence,
    /// It ended meanwhile: what it held goes to others.
    Gone,
}

async fn ask(context: &Context, worker: &Arc<str>) -> Result<(Arc<str>, Answer), HubError> {
    let store = &context.store;
    let number = store.submit(&Command::Tell { worker: worker.to_string() }, context.now()).await?;
    let (asked, mut lived) = (Instant::now(), Instant::now());
    let answer = loop {
        if let Some(answer) = store.answer_of(number).await? {
            return Ok((worker.clone(), answer.map_or(Answer::Silence, |text| read(&text))));
        }
        if lived.elapsed() >= LIFE_DELAY {
            lived = Instant::now();
            if !is_alive(&store.workers().await?, worker) {
                break Answer::Gone;
            }
        }
        if asked.elapsed() >= context.settings.limits.lease_time {
            break Answer::Silence;
        }
        tokio::select! {
            () = context.stop.cancelled() => return Err(HubError::Unknown("the hub stops".to_owned())),
            () = tokio::time::sleep(LOOK_DELAY) => {}
        }
    };
    // Nobody waits for it any more.
    store.answer(number, Err("not answered in time")).await?;
    Ok((worker.clone(), answer))
}

/// What another version says is not understood, and that is as if nothing was said.
fn read(text: &str) -> Answer {
    serde_json::from_str(text).map_or(Answer::Silence, Answer::Known)
}

/// Whether a worker is among those that are alive.
pub(crate) fn is_alive(workers: &[Worker], name: &str) -> bool {
    workers.iter().any(|worker| *worker.name == *name)
}

/// What this worker alone knows, as JSON.
pub(crate) async fn tell(context: &Context) -> Result<String, HubError> {
    let mut known = Known { depths: BTreeMap::new(), blocked: context.bus.blocked() };
    for (work, queue) in queues(context) {
        if !context.doing.contains(&work) {
            continue;
        }
        let (mut count, oldest) = context.bus.depth(&queue).await?;
        if context.bus.consumers(&queue).await?.is_some_and(|consumers| consumers > 1) {
            // Somebody who lost the work is still connected, and holds nobody knows what until the bus takes it back.
            count = count.max(1);
        }
        known.depths.insert(queue.to_string(), (count, oldest));
    }
    json(&known)
}

/// The queues of the hub, each with the work that consumes it.
fn queues(context: &Context) -> Vec<(String, Queue)> {
    let partitions = 0..context.partitions.get();
    let partitions = partitions.map(|partition| (observed(partition), Queue::Observed(partition)));
    let fed = quiet::fed(context).map(|system| (delivery(&system.name), Queue::Delivery(system.name.clone())));
    partitions.chain(fed).collect()
}

/// How the whole hub stands.
pub(crate) async fn status(context: &Context) -> Result<Status, HubError> {
    let others = ask_others(context).await?;
    let leases = context.store.leases().await?;
    let of = |name: &str| {
        let held = leases.iter().filter(|status| status.worker.as_deref() == Some(name));
        held.map(|status| status.lease.work.clone()).collect()
    };
    let workers = context.store.workers().await?;
    let workers = workers.into_iter().map(|Worker { name, kinds }| WorkerStatus { works: of(&name), name, kinds });
    let idle = leases.iter().filter(|status| status.worker.is_none()).map(|status| status.lease.work.clone());
    Ok(Status {
        pending: quiet::pending(context).await?,
        bus_blocked: context.bus.blocked().or_else(|| others.known.iter().find_map(|known| known.blocked.clone())),
        workers: workers.collect(),
        idle: idle.collect(),
    })
}

/// An answer as it goes through the store.
pub(crate) fn json(value: &impl Serialize) -> Result<String, HubError> {
    serde_json::to_string(value).map_err(|error| HubError::Unknown(format!("an answer that cannot be told: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_several_say_of_a_queue_the_most_counts() {
        let known = |name: &str, count| Known {
            depths: BTreeMap::from([(name.to_owned(), (count, None))]),
            ..Known::default()
        };
        let (crm, shop) = (Queue::Delivery("crm".into()), Queue::Delivery("shop".into()));
        let known = [known(&crm.to_string(), 2), known(&crm.to_string(), 5), known("other", 9)];
        let others = Others { known: known.into(), unheard: Vec::new() };
        assert_eq!((others.depth(&crm), others.depth(&shop)), ((5, None), (0, None)));
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_none() {
        assert!(matches!(read("{}x"), Answer::Silence));
        assert!(matches!(read(r#"{"depths":{"q":[3,null]},"blocked":null}"#), Answer::Known(_)));
    }
}
