//! Metrics for Prometheus: the durable ones are read from the store at every scrape, so that a restart resets nothing.

use std::fmt::Write;

use jiff::Timestamp;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use store::{RecordOutcome, StoreError, StreamStatus, TargetState};

use crate::inputs::Readiness;
use crate::links::Scope;
use crate::shared::Shared;

/// Streams and targets of one tenant that are shown.
const PORTS_MAX: usize = 1000;

/// The recorder of the process's own metrics could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("the metrics recorder cannot be installed: {0}; install it once, at the start of the process")]
pub struct RecorderError(#[from] BuildError);

/// Installs the process-wide recorder behind the `metrics` macros and returns what [`Console`](crate::Console) needs of it.
///
/// Names under `passerelle_` that `docs/console.md` lists belong to the console; other crates use names of their own.
///
/// # Errors
/// [`RecorderError`] when the process has a recorder already.
pub fn recorder() -> Result<PrometheusHandle, RecorderError> {
    Ok(PrometheusBuilder::new().install_recorder()?)
}

/// Everything, in the text format.
pub(crate) async fn exposition(shared: &Shared) -> String {
    let mut page = Page::default();
    let console = &shared.console;
    page.sample(&BUILD_INFO, &[("version", console.version)], 1);
    let ready = *console.readiness.borrow() == Readiness::Ready;
    page.sample(&READY, &[], i64::from(ready));
    if let Some(live) = &console.live {
        page.sample(&BUS_BLOCKED, &[], i64::from(live.bus_blocked().is_some()));
        let shares = live.shares();
        page.sample(&WORKERS, &[], shares.workers.len());
        page.sample(&WORK_IDLE, &[], shares.idle.len());
    }
    let mut up = true;
    for view in &shared.views {
        if let Err(error) = tenant(shared, &view.scope, &mut page).await {
            tracing::warn!(%error, "metrics could not be read from the store");
            up = false;
        }
    }
    page.sample(&STORE_UP, &[], i64::from(up));
    let mut text = page.into_text();
    if let Some(handle) = &console.metrics {
        handle.run_upkeep();
        text.push_str(&handle.render());
    }
    text
}

async fn tenant(shared: &Shared, scope: &Scope, page: &mut Page) -> Result<(), StoreError> {
    let store = &shared.console.store;
    let now = Timestamp::now();
    let tenant = scope.tenant().unwrap_or_default();
    for status in store.streams(&scope.filter(PORTS_MAX)).await? {
        stream(&status, page);
    }
    for status in store.targets(&scope.filter(PORTS_MAX)).await? {
        let labels = [("tenant", &*status.tenant), ("system", &*status.system)];
        for (outcome, count) in [("delivered", status.delivered), ("refused", status.refused)] {
            page.sample(&DELIVERIES, &[labels[0], labels[1], ("outcome", outcome)], count);
        }
        page.sample(&TARGET_UP, &labels, i64::from(status.state == TargetState::Up));
    }
    if let Some(live) = &shared.console.live {
        for system in shared.console.systems.iter().filter(|system| !system.subscriptions.is_empty()) {
            if let Some(queue) = live.queue_depth(tenant, &system.name) {
                let labels = [("tenant", tenant), ("system", &*system.name)];
                page.sample(&QUEUE_DEPTH, &labels, queue.changes);
                page.sample(&QUEUE_OLDEST, &labels, age(queue.oldest, now));
            }
        }
    }
    let counts = store.counts(&scope.filter(0)).await?;
    let labels = [("tenant", tenant)];
    page.sample(&OUTBOX_DEPTH, &labels, counts.outbox);
    page.sample(&OUTBOX_OLDEST, &labels, age(counts.outbox_oldest, now));
    page.sample(&REJECTS, &labels, counts.rejects);
    page.sample(&PARKED, &labels, counts.parked);
    page.sample(&WAITING, &labels, counts.waiting);
    page.sample(&TASKS, &labels, counts.tasks);
    page.sample(&ATTEMPTS, &labels, counts.attempts);
    page.sample(&MASTERS, &[labels[0], ("entity", "customer")], counts.customers);
    page.sample(&MASTERS, &[labels[0], ("entity", "document")], counts.documents);
    Ok(())
}

fn stream(status: &StreamStatus, page: &mut Page) {
    let key = &status.stream;
    let labels = [("tenant", &*key.tenant), ("system", &*key.system), ("stream", &*key.stream)];
    page.sample(&RECORDS_READ, &labels, status.total.read);
    for outcome in RecordOutcome::ALL {
        // What can still become something else is a gauge, so that no counter ever falls.
        let open = matches!(outcome, RecordOutcome::Parked | RecordOutcome::Waiting);
        let (family, label) = if open { (&RECORDS_OPEN, "state") } else { (&RECORDS, "outcome") };
        page.sample(family, &[labels[0], labels[1], labels[2], (label, outcome.name())], status.total.get(outcome));
    }
    page.sample(&RECORDS_OPEN, &[labels[0], labels[1], labels[2], ("state", "in_flight")], status.total.in_flight);
    page.sample(&ADDS_UP, &labels, i64::from(status.total.adds_up()));
    page.sample(&STREAM_FAULT, &labels, i64::from(status.fault.is_some()));
    if let Some(at) = status.last_run {
        page.sample(&STREAM_LAST_RUN, &labels, at.as_second());
    }
}

/// Seconds since a moment; 0 when there is none.
fn age(since: Option<Timestamp>, now: Timestamp) -> i64 {
    since.map_or(0, |since| now.as_second().saturating_sub(since.as_second()).max(0))
}

/// A metric's name, type and meaning.
struct Family {
    place: usize,
    name: &'static str,
    kind: &'static str,
    help: &'static str,
}

macro_rules! families {
    ($($constant:ident = $place:literal $kind:ident $name:literal $help:literal;)+) => {
        $(const $constant: Family =
            Family { place: $place, name: concat!("passerelle_", $name), kind: stringify!($kind), help: $help };)+
        /// All of them, in the order of the page.
        const FAMILIES: &[Family] = &[$($constant),+];
    };
}

families! {
    BUILD_INFO = 0 gauge "build_info" "Always 1; the label tells the version.";
    READY = 1 gauge "ready" "1 when all parts of the hub run.";
    STORE_UP = 2 gauge "store_up" "1 when the store answered this scrape.";
    RECORDS_READ = 3 counter "records_read_total" "Records read, after grouping.";
    RECORDS = 4 counter "records_total" "Records by their final outcome.";
    RECORDS_OPEN = 5 gauge "records_open" "Records without a final outcome.";
    ADDS_UP = 6 gauge "accounting_adds_up" "1 when every record read has exactly one outcome or is in flight.";
    STREAM_FAULT = 7 gauge "stream_fault" "1 when the last run of the stream could not read.";
    STREAM_LAST_RUN = 8 gauge "stream_last_run_timestamp_seconds" "When the stream was last read to its end.";
    DELIVERIES = 9 counter "deliveries_total" "Changes that a system took or refused.";
    TARGET_UP = 10 gauge "target_up" "1 when the system takes deliveries; 0 when it is down, halted or paused.";
    QUEUE_DEPTH = 11 gauge "queue_depth" "Changes in the system's delivery queue.";
    QUEUE_OLDEST = 12 gauge "queue_oldest_seconds" "Age of the oldest change in the system's delivery queue.";
    OUTBOX_DEPTH = 13 gauge "outbox_depth" "Changes that are not on the bus yet.";
    OUTBOX_OLDEST = 14 gauge "outbox_oldest_seconds" "Age of the oldest change that is not on the bus yet.";
    REJECTS = 15 gauge "rejects" "Rejects that are kept.";
    PARKED = 16 gauge "parked" "Parked messages.";
    WAITING = 17 gauge "waiting" "Documents whose customer is not known yet.";
    TASKS = 18 gauge "tasks" "Open tasks.";
    ATTEMPTS = 19 gauge "attempts_open" "Calls to targets that have not ended.";
    MASTERS = 20 gauge "masters" "Customers, and current versions of other documents.";
    BUS_BLOCKED = 21 gauge "bus_blocked" "1 when the bus takes no messages from this process now.";
    WORKERS = 22 gauge "workers" "Workers that share the work of the hub.";
    WORK_IDLE = 23 gauge "work_idle" "Pieces of work that no worker does now.";
}

/// Samples gathered by family: the text format wants them together.
struct Page(Vec<String>);

impl Default for Page {
    fn default() -> Self {
        Page(vec![String::new(); FAMILIES.len()])
    }
}

impl Page {
    fn sample(&mut self, family: &Family, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let Some(text) = self.0.get_mut(family.place) else { return };
        text.push_str(family.name);
        let mut mark = '{';
        for (name, value) in labels {
            // Writing to a string cannot fail.
            let _ = write!(text, "{mark}{name}=\"");
            escape(value, text);
            text.push('"');
            mark = ',';
        }
        let _ = writeln!(text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn into_text(self) -> String {
        let mut text = String::new();
        for (family, samples) in FAMILIES.iter().zip(self.0).filter(|(_, samples)| !samples.is_empty()) {
            let Family { name, kind, help, .. } = family;
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}");
        }
        text
    }
}

/// A label's value in the text format.
fn escape(value: &str, text: &mut String) {
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_its_place() {
        for (place, family) in FAMILIES.iter().enumerate() {
            assert_eq!(family.place, place, "{}", family.name);
        }
    }

    #[test]
    fn samples_stand_together_and_labels_are_escaped() {
        let mut page = Page::default();
        page.sample(&PARKED, &[("tenant", "a\"b\\c\n")], 3);
        page.sample(&READY, &[], 1);
        page.sample(&PARKED, &[("tenant", "d")], 4);
        let expected = "# HELP passerelle_ready 1 when all parts of the hub run.\n# TYPE passerelle_ready gauge\n\
                        passerelle_ready 1\n\
                        # HELP passerelle_parked Parked messages.\n# TYPE passerelle_parked gauge\n\
                        passerelle_parked{tenant=\"a\\\"b\\\\c\\n\"} 3\npasserelle_parked{tenant=\"d\"} 4\n";
        assert_eq!(page.into_text(), expected);
    }
}
