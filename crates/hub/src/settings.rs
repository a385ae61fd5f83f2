//! What a hub is told: limits, systems, streams, subscriptions. Made by the binary from the user's directory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bus::Queue;
use canonical::entity::Entity;
use connector::{BatchId, Registry};
use mapping::Mapping;
use master::Rules;
use master::matching::MatchOptions;
use store::Export;

use crate::filter::Filter;
use crate::lease;
use crate::schedule::Schedule;

/// The limits of a hub. Every one is configurable and has a default that suits one machine.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Partitions of the observed bus: how many observations of different customers are resolved side by side. A worker
    /// that starts with another number than the one in force has it changed: reading waits until all is resolved.
    pub partitions: u32,
    /// Events in one message of the bus.
    pub message_events_max: usize,
    /// Bytes in one message of the bus, unless a single event is larger.
    pub message_bytes_max: usize,
    /// Observations in one transaction of resolve.
    pub resolve_events_max: usize,
    /// Changes that the relay publishes in one go.
    pub relay_changes_max: usize,
    /// Messages that one consumer holds without acknowledging them.
    pub prefetch: usize,
    /// First pause after a failure; it doubles with every further one, with jitter.
    pub retry_delay_min: Duration,
    /// Longest pause between two tries.
    pub retry_delay_max: Duration,
    /// A document that waits longer than this for its customer raises an alarm.
    pub waiting_alarm: Duration,
    /// How long it is kept what somebody decided about a task, and why; then the question may be asked once more.
    pub closed_tasks_kept: Duration,
    /// A customer that returns to a state that it had before more often than this is stopped: what its records show that
    /// took it back is parked.
    pub flips_max: usize,
    /// Within how long these returns are counted.
    pub flips_window: Duration,
    /// How long a piece of work stays with a worker that was not heard of: then another takes it over.
    pub lease_time: Duration,
    /// The longest key that a system may give a record, in bytes as [`store::key_bytes`] counts them; a record with a
    /// longer one is rejected. No store keeps more than [`store::KEY_BYTES_MAX`].
    pub key_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            partitions: 2,
            message_events_max: 500,
            message_bytes_max: 64 << 10,
            resolve_events_max: 1_000,
            relay_changes_max: 1_000,
            prefetch: 128,
            retry_delay_min: Duration::from_millis(200),
            retry_delay_max: Duration::from_secs(60),
            waiting_alarm: Duration::from_secs(3_600),
            closed_tasks_kept: Duration::from_secs(730 * 24 * 3_600),
            flips_max: 10,
            flips_window: Duration::from_secs(3_600),
            lease_time: lease::LEASE_TIME,
            key_bytes_max: 1_000,
        }
    }
}

/// Everything that a hub is told.
pub struct Settings {
    /// The user's directory.
    pub directory: PathBuf,
    /// The limits.
    pub limits: Limits,
    /// The systems by name.
    pub systems: BTreeMap<Arc<str>, Arc<System>>,
    /// Whose value wins, by tenant.
    pub rules: BTreeMap<Arc<str>, Rules>,
    /// From where on records are one customer, by tenant; for others the defaults.
    pub matching: BTreeMap<Arc<str>, MatchOptions>,
    /// The connectors that can be opened.
    pub registry: Registry,
}

impl Settings {
    /// The queues that the hub needs: one for each partition of observations, and one for each system that is fed.
    pub fn queues(&self) -> Vec<Queue> {
        let observed = (0..self.limits.partitions.max(1)).map(Queue::Observed);
        let subscribers = self.systems.values().filter(|system| !system.subscriptions.is_empty());
        observed.chain(subscribers.map(|system| Queue::Delivery(system.name.clone()))).collect()
    }
}

/// One application of a client or a provider.
pub struct System {
    /// Its name.
    pub name: Arc<str>,
    /// The organisation that its records belong to.
    pub tenant: Arc<str>,
    /// The kind of its connector.
    pub kind: String,
    /// The configuration of its connector.
    pub connector: serde_json::Value,
    /// Its streams.
    pub streams: BTreeMap<Arc<str>, Arc<Stream>>,
    /// What it is fed.
    pub subscriptions: BTreeMap<Entity, Subscription>,
}

/// What the hub does with one stream.
pub struct Stream {
    /// The mapping of its records.
    pub mapping: Arc<Mapping>,
    /// Whether a drop is everything.
    pub export: Export,
    /// When it is read.
    pub schedule: Schedule,
    /// What a record means that a full export no longer shows.
    pub missing: Missing,
    /// A full export that would remove more than this share of the known records, in percent, removes none and makes an alarm.
    pub removals_percent_max: u8,
    /// Whether a document that breaks a fatal rule is refused; if not, it goes on and the findings are only told.
    pub refuse_fatal: bool,
}

/// What a record means that a full export no longer shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// Nothing: the last state stays.
    #[default]
    Keep,
    /// The system no longer has it.
    Remove,
}

/// What one system is fed of one entity.
pub struct Subscription {
    /// The mapping that writes its records.
    pub mapping: Arc<Mapping>,
    /// Which documents it is fed.
    pub filter: Filter,
    /// What happens to further records of one customer.
    pub surplus: Surplus,
}

/// What happens in a system to further records of one master, as after a merge. The oldest is the one that stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Surplus {
    /// All are kept in step, so that whatever refers to one of them finds the right values.
    #[default]
    Update,
    /// They stay as they are.
    Leave,
    /// They are removed. When the merge is undone, they are made again.
    Remove,
}

/// A batch id is text; see [`BatchId`].
pub(crate) type OwnedBatchId = <BatchId as ToOwned>::Owned;
