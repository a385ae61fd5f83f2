//! What a console is given by the process that runs it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use canonical::Entity;
use jiff::Timestamp;
use master::Rules;
use master::matching::MatchOptions;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use store::{Export, OperateStore};
use tokio::sync::watch;

/// Everything that the console shows comes from here.
pub struct Console {
    /// The operators' side of the store; it is only read, but for commands that are left for the hub.
    pub store: Arc<dyn OperateStore>,
    /// The configured systems, in the order in which they are shown.
    pub systems: Vec<SystemView>,
    /// Whose value wins, by tenant; where a tenant is not among them, the default rules do.
    pub rules: BTreeMap<Arc<str>, Rules>,
    /// From where on records are one customer, by tenant; where a tenant is not among them, the defaults count.
    pub matching: BTreeMap<Arc<str>, MatchOptions>,
    /// Whether the process does its work; `/readyz` tells it.
    pub readiness: watch::Receiver<Readiness>,
    /// The process's own metrics, added to those that come from the store; see [`recorder`](crate::recorder).
    pub metrics: Option<PrometheusHandle>,
    /// What only a running hub knows; without one, next runs and queues are not shown.
    pub live: Option<Arc<dyn Live>>,
    /// The version of the program, shown on every page.
    pub version: &'static str,
    /// The bounds of every handler.
    pub limits: Limits,
}

/// A configured system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemView {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// The organisation that its own records belong to.
    pub tenant: Arc<str>,
    /// The kind of its connector, such as `csv-drop`.
    pub kind: String,
    /// What is read from it.
    pub streams: Vec<StreamView>,
    /// What it is fed.
    pub subscriptions: Vec<SubscriptionView>,
}

/// A configured stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamView {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// What its records become.
    pub entity: Entity,
    /// When it is read, in words: `every 30 s`, `Mon–Fri 06:00 Europe/Paris`.
    pub schedule: String,
    /// Whether each drop is everything, or what changed.
    pub export: Export,
}

/// What a system is fed of one kind of document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionView {
    /// The organisation whose documents they are.
    pub tenant: Arc<str>,
    /// The kind of the documents.
    pub entity: Entity,
}

/// What only a running hub knows. Calls return at once and never wait for anything outside.
pub trait Live: Send + Sync {
    /// When a stream will be read next; `None` when it is not scheduled or not known.
    fn next_run(&self, system: &str, stream: &str) -> Option<Timestamp>;

    /// What waits in the delivery queue of a system; `None` when that is not known.
    fn queue_depth(&self, tenant: &str, system: &str) -> Option<QueueDepth>;

    /// Whether a stream is being read now.
    fn collecting(&self, system: &str, stream: &str) -> bool;

    /// Why the bus takes no messages from this process now, such as a broker that is low on memory; `None` while it does.
    fn bus_blocked(&self) -> Option<String>;

    /// Who does which part of the hub's work.
    fn shares(&self) -> Shares;
}

/// Who does which part of a hub's work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Shares {
    /// Every worker that is alive, by name.
    pub workers: Vec<WorkerView>,
    /// Pieces of work that nobody does now.
    pub idle: Vec<Arc<str>>,
}

/// A worker and its part of the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WorkerView {
    /// Its name: machine, process, and a number of its own.
    pub name: Arc<str>,
    /// The pieces of work that it has: a kind, and for most a slash and which one, such as `observed/3`.
    pub works: Vec<Arc<str>>,
}

impl Shares {
    /// The same without the systems that do not pass.
    #[must_use]
    pub(crate) fn of_systems(mut self, is_shown: impl Fn(&str) -> bool) -> Self {
        let keeps = |work: &Arc<str>| match work.split_once('/') {
            Some(("collect" | "delivery", system)) => is_shown(system),
            _ => true,
        };
        self.workers.iter_mut().for_each(|worker| worker.works.retain(keeps));
        self.idle.retain(keeps);
        self
    }
}

/// What waits in the delivery queue of a system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueDepth {
    /// How many changes wait.
    pub changes: u64,
    /// When the oldest of them was made.
    pub oldest: Option<Timestamp>,
}

/// Whether the process does its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// All of its parts run.
    Ready,
    /// Some part does not: which, and what is being waited for. Shown to whoever asks; no secret, no personal data.
    NotReady(Cow<'static, str>),
}

/// The bounds of every handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests that are answered at the same time; more get 503.
    pub requests_max: usize,
    /// Pages that watch the flow at the same time; more get 503 and are asked to come back.
    pub watchers_max: usize,
    /// How long one answer may take to be made.
    pub answer_max: Duration,
    /// How long open connections may go on after the shutdown began.
    pub shutdown_max: Duration,
    /// Characters of a search.
    pub search_chars_max: usize,
    /// Rows of a listing.
    pub rows_max: usize,
    /// Between two looks at the store while somebody watches; five times that while nobody does.
    pub sample_every: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            requests_max: 64,
            watchers_max: 32,
            answer_max: Duration::from_secs(10),
            shutdown_max: Duration::from_secs(5),
            search_chars_max: 200,
            rows_max: 200,
            sample_every: Duration::from_secs(1),
        }
    }
}
