//! Live updates: the parts of the flow page that changed, at most once a second, as server-sent events.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::MissedTickBehavior;

use crate::pages;
use crate::problem::Problem;
use crate::query::Ask;
use crate::shared::{Shared, View};
use crate::text::Clock;

/// While nobody watches, every so many ticks the counters are sampled all the same, so that the first page has rates.
const IDLE_TICKS: u32 = 5;

/// The parts of the flow page, by the id of their element.
pub(crate) type Fragments = Arc<[Fragment]>;

/// One element of the flow page that is replaced as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fragment {
    pub(crate) id: String,
    pub(crate) html: String,
}

/// Looks at the flow of every tenant again and again, and tells who watches; never ends by itself.
pub(crate) async fn keep_looking(shared: &Shared) {
    let mut ticks = tokio::time::interval(shared.console.limits.sample_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tick: u32 = 0;
    loop {
        ticks.tick().await;
        let idle_look = tick.is_multiple_of(IDLE_TICKS);
        for view in &shared.views {
            if idle_look || view.fragments.receiver_count() > 0 {
                look(shared, view).await;
            }
        }
        if let Some(handle) = shared.console.metrics.as_ref().filter(|_| idle_look) {
            // Without a scrape, the samples of histograms would pile up.
            handle.run_upkeep();
        }
        tick = tick.wrapping_add(1);
    }
}

async fn look(shared: &Shared, view: &View) {
    match shared.flow(view).await {
        Ok(flow) => {
            let fragments = pages::flow::fragments(&flow, &view.scope, &Clock::at(flow.at));
            view.fragments.send_if_modified(|known| {
                let changed = **known != *fragments;
                if changed {
                    *known = fragments.into();
                }
                changed
            });
        }
        Err(error) => {
            // The page says so, and the hub itself tells of a store that is away.
            tracing::debug!(%error, "the console could not look at the flow");
            let notice = pages::flow::failed(&error);
            view.fragments.send_if_modified(|known| {
                let changed = !known.contains(&notice);
                if changed {
                    let others = known.iter().filter(|fragment| fragment.id != notice.id).cloned();
                    *known = others.chain([notice.clone()]).collect();
                }
                changed
            });
        }
    }
}

/// One page that watches.
struct Watcher {
    fragments: watch::Receiver<Fragments>,
    /// What the page shows.
    shown: HashMap<String, String>,
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

/// `/events`: events named `flow`; the data is a JSON array of `{"id": …, "html": …}`.
/// The first one holds everything; the stream ends when the hub stops.
pub(crate) async fn events(State(shared): State<Arc<Shared>>, ask: Ask) -> Result<Response, Problem> {
    let Ok(permit) = Arc::clone(&shared.watchers).try_acquire_owned() else {
        return Err(Problem::busy("Too many pages are watching the flow just now."));
    };
    let view = shared.view(ask.scope.tenant()).ok_or_else(|| Problem::busy("The console is being set up."))?;
    let mut fragments = view.fragments.subscribe();
    if !fragments.borrow().is_empty() {
        fragments.mark_changed();
    }
    let watcher = Watcher { fragments, shown: HashMap::new(), shared: Arc::clone(&shared), _permit: permit };
    let events = stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok::<Event, Infallible>(event), watcher))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

impl Watcher {
    /// Waits for something that the page does not show yet; `None` when the hub stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                () = self.shared.shutdown.cancelled() => return None,
                changed = self.fragments.changed() => changed.ok()?,
            }
            let fragments = Arc::clone(&self.fragments.borrow_and_update());
            let fresh: Vec<&Fragment> =
                fragments.iter().filter(|fragment| self.shown.get(&fragment.id) != Some(&fragment.html)).collect();
            if fresh.is_empty() {
                continue;
            }
            let event = Event::default().event("flow").json_data(&fresh).ok()?;
            for fragment in fresh {
                self.shown.insert(fragment.id.clone(), fragment.html.clone());
            }
            return Some(event);
        }
    }
}
