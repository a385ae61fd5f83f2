//! What stands in the files of the user's directory; the doc comments of these fields are the published reference.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use connector::SecretReference;
use master::matching::{Bits, MatchOptions, Thresholds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::time_span::TimeSpan;

/// `passerelle.toml`: what concerns the hub as a whole. Every table and every field may be left out.
///
/// Each field can be set by the environment instead, which goes before the file:
/// `PASSERELLE__CONSOLE__LISTEN=127.0.0.1:9000` stands for `listen` in `[console]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HubFile {
    /// Where everything that lasts is kept.
    pub store: StoreSettings,
    /// Where everything that is in flight is kept.
    pub bus: BusSettings,
    /// The page to watch the flow, with `/healthz`, `/readyz` and `/metrics`.
    pub console: ConsoleSettings,
    /// The limits of the pipeline.
    pub limits: LimitSettings,
    /// What the hub tells about its own work, on standard error.
    pub log: LogSettings,
    /// The organisations, by name. Only those need a table that have settings of their own.
    pub tenants: BTreeMap<String, TenantSettings>,
}

/// When a commit counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// When the disk has it: a power cut loses nothing.
    #[default]
    Full,
    /// When the operating system has it: a crash of the hub loses nothing, a power cut the last moments.
    Normal,
}

/// Where everything that lasts is kept: an embedded store, one file on a local disk; or PostgreSQL, when `url` is set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// The address of a PostgreSQL database, such as `postgres://passerelle@db.example:5432/passerelle?sslmode=require`,
    /// for any number of hubs; the embedded store when left out.
    pub url: Option<String>,
    /// PostgreSQL: the password, where it is not in the address: `{ env = "…" }` or `{ file = "…" }`.
    pub password: Option<SecretReference>,
    /// PostgreSQL: the schema that holds the tables; made if it is missing.
    pub schema: String,
    /// PostgreSQL: at most this many connections of one hub.
    #[schemars(range(min = 2, max = 1000))]
    pub connections_max: usize,
    /// PostgreSQL: how long one statement may run.
    pub statement_max: TimeSpan,
    /// PostgreSQL: the authorities to trust, a file in PEM; those of the operating system when left out.
    pub ca_file: Option<PathBuf>,
    /// The file of the embedded store, relative to the user's directory. Its folder belongs to one hub.
    pub path: PathBuf,
    /// When a commit counts as durable: `full`, when the disk has it, or `normal`, when the operating system has it.
    pub durability: Durability,
    /// Memory for pages, in bytes.
    pub cache_bytes: u64,
    /// Size of the write-ahead log, in bytes, at which it is copied into the file.
    pub log_bytes: u64,
    /// At most this many calls read at the same time.
    #[schemars(range(min = 1, max = 64))]
    pub readers_max: usize,
    /// How long a call waits for another process that writes, before it is tried again.
    pub busy_wait_max: TimeSpan,
}

impl Default for StoreSettings {
    fn default() -> Self {
        let options = store::sqlite::SqliteOptions::default();
        let server = store::postgres::PostgresOptions::default();
        StoreSettings {
            url: None,
            password: None,
            schema: server.schema,
            connections_max: server.connections_max,
            statement_max: TimeSpan(Duration::from_millis(server.statement_ms_max)),
            ca_file: None,
            path: "data/store.db".into(),
            durability: Durability::Full,
            cache_bytes: options.cache_bytes,
            log_bytes: options.log_bytes,
            readers_max: options.readers_max,
            busy_wait_max: TimeSpan(Duration::from_millis(options.busy_wait_ms_max)),
        }
    }
}

impl StoreSettings {
    /// The options of the embedded store.
    pub fn options(&self) -> store::sqlite::SqliteOptions {
        store::sqlite::SqliteOptions {
            durability: match self.durability {
                Durability::Full => store::sqlite::Durability::Full,
                Durability::Normal => store::sqlite::Durability::Normal,
            },
            cache_bytes: self.cache_bytes,
            log_bytes: self.log_bytes,
            readers_max: self.readers_max,
            busy_wait_ms_max: u64::try_from(self.busy_wait_max.0.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The options of a store on PostgreSQL; files are relative to the directory.
    pub fn server_options(&self, directory: &Path) -> store::postgres::PostgresOptions {
        store::postgres::PostgresOptions {
            schema: self.schema.clone(),
            connections_max: self.connections_max,
            statement_ms_max: u64::try_from(self.statement_max.0.as_millis()).unwrap_or(u64::MAX),
            roots: self.ca_file.as_ref().map(|path| directory.join(path)),
            ..store::postgres::PostgresOptions::default()
        }
    }
}

/// Where everything that is in flight is kept: an embedded bus, one folder on a local disk; or RabbitMQ, when `url` is set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BusSettings {
    /// The address of a RabbitMQ broker, such as `amqps://passerelle@rabbitmq.example:5671/passerelle`; the embedded bus
    /// when left out.
    pub url: Option<String>,
    /// RabbitMQ: the password, where it is not in the address: `{ env = "…" }` or `{ file = "…" }`.
    pub password: Option<SecretReference>,
    /// RabbitMQ over `amqps`: the authorities to trust, a file in PEM; those of the operating system when left out.
    pub ca_file: Option<PathBuf>,
    /// RabbitMQ over `amqps`: the hub's own certificate, a file in PEM; it goes with `key_file`.
    pub certificate_file: Option<PathBuf>,
    /// RabbitMQ over `amqps`: the private key of the hub's own certificate, a file in PEM.
    pub key_file: Option<PathBuf>,
    /// The folder of the embedded bus, relative to the user's directory. It belongs to one hub.
    pub path: PathBuf,
    /// When a commit of the embedded bus counts as durable: `full`, when the disk has it, or `normal`, when the operating
    /// system has it.
    pub durability: Durability,
    /// The largest message, in bytes.
    #[schemars(range(min = 65_536))]
    pub message_bytes_max: usize,
    /// The most bytes that may wait in all; beyond it, reading waits. On RabbitMQ, of observations alone.
    #[schemars(range(min = 1_048_576))]
    pub bytes_max: u64,
    /// How many bytes may wait for one system on the bus; what comes on top waits in the store, and the other systems go on.
    #[schemars(range(min = 65_536))]
    pub queue_bytes_max: u64,
}

impl Default for BusSettings {
    fn default() -> Self {
        let options = bus::embedded::EmbeddedOptions::default();
        BusSettings {
            url: None,
            password: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            path: "data/bus".into(),
            durability: Durability::Full,
            message_bytes_max: options.message_bytes_max,
            bytes_max: options.bytes_max,
            queue_bytes_max: options.queue_bytes_max,
        }
    }
}

impl BusSettings {
    /// The options of the embedded bus.
    pub fn options(&self) -> bus::embedded::EmbeddedOptions {
        bus::embedded::EmbeddedOptions {
            durability: match self.durability {
                Durability::Full => bus::embedded::Durability::Full,
                Durability::Normal => bus::embedded::Durability::Normal,
            },
            message_bytes_max: self.message_bytes_max,
            bytes_max: self.bytes_max,
            queue_bytes_max: self.queue_bytes_max,
            ..bus::embedded::EmbeddedOptions::default()
        }
    }

    /// The options of a bus on RabbitMQ with so many queues of observations; files are relative to the directory.
    pub fn broker_options(&self, directory: &Path, partitions: u32) -> bus::rabbitmq::RabbitMqOptions {
        let file = |path: &Option<PathBuf>| path.as_ref().map(|path| directory.join(path));
        bus::rabbitmq::RabbitMqOptions {
            message_bytes_max: self.message_bytes_max,
            queue_bytes_max: self.queue_bytes_max,
            observed_bytes_max: self.bytes_max / u64::from(partitions.max(1)),
            tls: bus::rabbitmq::TlsFiles {
                ca_file: file(&self.ca_file),
                certificate_file: file(&self.certificate_file),
                key_file: file(&self.key_file),
            },
            ..bus::rabbitmq::RabbitMqOptions::default()
        }
    }
}

/// The page to watch the flow, with `/healthz`, `/readyz` and `/metrics`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleSettings {
    /// Address and port. Only addresses of this machine itself are answered; port 0 takes a free one and tells it.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        ConsoleSettings { listen: SocketAddr::from(([127, 0, 0, 1], 8600)) }
    }
}

/// The limits of the pipeline.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// How many observations of different customers are resolved side by side. When it changes, reading waits for a moment
    /// on all workers, and the one that was started last counts; see `docs/lost-bus.md`.
    #[schemars(range(min = 1, max = 256))]
    pub partitions: u32,
    /// Events in one message of the bus.
    #[schemars(range(min = 1))]
    pub message_events_max: usize,
    /// Bytes in one message of the bus, unless a single event is larger.
    #[schemars(range(min = 1))]
    pub message_bytes_max: usize,
    /// Observations in one transaction of resolve.
    #[schemars(range(min = 1))]
    pub resolve_events_max: usize,
    /// Changes that the relay publishes in one go.
    #[schemars(range(min = 1))]
    pub relay_changes_max: usize,
    /// Messages that one consumer holds without acknowledging them.
    #[schemars(range(min = 1))]
    pub prefetch: usize,
    /// First pause after a failure; it doubles with every further one.
    pub retry_delay_min: TimeSpan,
    /// Longest pause between two tries.
    pub retry_delay_max: TimeSpan,
    /// A document that waits longer than this for its customer raises an alarm.
    pub waiting_alarm: TimeSpan,
    /// How long it is kept what somebody decided about a task, and why; then the question may be asked once more.
    pub closed_tasks_kept: TimeSpan,
    /// A customer that returns to a state that it had before more often than this is stopped: what its records show that
    /// took it back is parked, with a task.
    #[schemars(range(min = 1, max = 1000))]
    pub flips_max: usize,
    /// Within how long these returns are counted.
    pub flips_window: TimeSpan,
    /// How long a piece of work stays with a worker that was not heard of; then another worker takes it over.
    pub lease_time: TimeSpan,
    /// The longest key of a record, in bytes; a record with a longer one is rejected.
    #[schemars(range(min = 1, max = 2000))]
    pub key_bytes_max: usize,
}

impl Default for LimitSettings {
    fn default() -> Self {
        let limits = hub::Limits::default();
        LimitSettings {
            partitions: limits.partitions,
            message_events_max: limits.message_events_max,
            message_bytes_max: limits.message_bytes_max,
            resolve_events_max: limits.resolve_events_max,
            relay_changes_max: limits.relay_changes_max,
            prefetch: limits.prefetch,
            retry_delay_min: TimeSpan(limits.retry_delay_min),
            retry_delay_max: TimeSpan(limits.retry_delay_max),
            waiting_alarm: TimeSpan(limits.waiting_alarm),
            closed_tasks_kept: TimeSpan(limits.closed_tasks_kept),
            flips_max: limits.flips_max,
            flips_window: TimeSpan(limits.flips_window),
            lease_time: TimeSpan(limits.lease_time),
            key_bytes_max: limits.key_bytes_max,
        }
    }
}

impl LimitSettings {
    /// The limits as the hub takes them.
    pub fn limits(&self) -> hub::Limits {
        hub::Limits {
            partitions: self.partitions,
            message_events_max: self.message_events_max,
            message_bytes_max: self.message_bytes_max,
            resolve_events_max: self.resolve_events_max,
            relay_changes_max: self.relay_changes_max,
            prefetch: self.prefetch,
            retry_delay_min: self.retry_delay_min.0,
            retry_delay_max: self.retry_delay_max.0,
            waiting_alarm: self.waiting_alarm.0,
            closed_tasks_kept: self.closed_tasks_kept.0,
            flips_max: self.flips_max,
            flips_window: self.flips_window.0,
            lease_time: self.lease_time.0,
            key_bytes_max: self.key_bytes_max,
        }
    }
}

/// What the hub tells about its own work, on standard error. No secret and no personal data is ever in it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// How much is told.
    pub level: LogLevel,
    /// Text for people, or one JSON object per line for machines.
    pub format: LogFormat,
}

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only what stops something.
    Error,
    /// Also what somebody should look at.
    Warn,
    /// Also what happens.
    #[default]
    Info,
    /// Also why.
    Debug,
    /// Everything.
    Trace,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// An organisation.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TenantSettings {
    /// Which system is believed first where systems disagree.
    pub trust: master::Trust,
    /// How the winner is found for single fields where systems disagree, by field: `legal_name`, `addresses`,
    /// `addresses.billing`, `identifiers.siret`; `name` stands for a person's given and family name, and `*` for every
    /// field. The longest field counts. Where none is named, trust decides, and then the newest value; see
    /// `docs/master.md`.
    pub survivorship: master::Survivorship,
    /// From where on records are one customer.
    pub matching: MatchingSettings,
}

impl TenantSettings {
    /// Whose value wins.
    pub fn rules(&self) -> master::Rules {
        master::Rules { trust: self.trust.clone(), survivorship: self.survivorship.clone() }
    }
}

/// From where on records are one customer. Weights are counted in bits: 10 bits mean a thousand times as likely.
/// Before they are changed on a running hub, `passerelle match` shows what they come to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MatchingSettings {
    /// Two records are one customer from so many bits on.
    #[schemars(range(min = -100, max = 100))]
    pub link_bits: i32,
    /// From so many bits on, and below `link_bits`, a steward is asked.
    #[schemars(range(min = -100, max = 100))]
    pub review_bits: i32,
    /// An e-mail address, a telephone number, an account or an identifier that more records have is nobody's.
    #[schemars(range(min = 2, max = 10_000))]
    pub records_per_value_max: usize,
    /// A key of another kind that more records have leads to none of them.
    #[schemars(range(min = 2, max = 10_000))]
    pub records_per_key_max: usize,
    /// At most so many records that hang together are divided at once.
    #[schemars(range(min = 2, max = 2_000))]
    pub records_together_max: usize,
}

impl Default for MatchingSettings {
    fn default() -> Self {
        let options = MatchOptions::default();
        MatchingSettings {
            link_bits: options.thresholds.link.0 / 1_000,
            review_bits: options.thresholds.review.0 / 1_000,
            records_per_value_max: options.records_per_value_max,
            records_per_key_max: options.records_per_key_max,
            records_together_max: options.records_together_max,
        }
    }
}

impl MatchingSettings {
    /// As the hub takes them.
    pub fn options(&self) -> MatchOptions {
        MatchOptions {
            thresholds: Thresholds {
                link: Bits::whole(self.link_bits),
                review: Bits::whole(self.review_bits.min(self.link_bits)),
                ..Thresholds::default()
            },
            records_per_value_max: self.records_per_value_max,
            records_per_key_max: self.records_per_key_max,
            records_together_max: self.records_together_max,
        }
    }
}

/// `systems/NAME.toml`: one application of a client or a provider. `NAME` is the system's name everywhere.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SystemFile {
    /// The organisation that the system's records belong to.
    pub tenant: String,
    /// How the system is read and written: `kind`, and the fields of that connector.
    pub connector: Map<String, Value>,
    /// What the hub does with the streams that the connector reads, by stream.
    #[serde(default)]
    pub streams: BTreeMap<String, StreamSettings>,
    /// What the system is fed, by entity: `customer`, `invoice`, `payment`, `allocation`.
    #[serde(default)]
    pub subscriptions: BTreeMap<String, SubscriptionSettings>,
}

/// What the hub does with one stream.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamSettings {
    /// The mapping of its records, as `PACK/ENTITY`: `mappings/PACK/ENTITY.toml` of the user's directory, else the
    /// shipped one.
    pub mapping: String,
    /// Whether each drop shows everything that the system has (`full`), or what is new or changed (`delta`).
    #[serde(default)]
    pub export: Export,
    /// The stream is read that long after the end of the last reading, such as `10s`.
    /// Without `every` and `cron` it is read on command only.
    #[serde(default)]
    pub every: Option<TimeSpan>,
    /// The stream is read at these times: a cron expression of minute, hour, day, month and weekday.
    #[serde(default)]
    pub cron: Option<String>,
    /// The time zone of `cron`, by its IANA name, such as `Europe/Paris`. Default: `UTC`.
    #[serde(default)]
    pub zone: Option<String>,
    /// What it means when a full export no longer shows a record: `keep`, nothing; `remove`, the system no longer has it.
    #[serde(default)]
    pub missing: hub::Missing,
    /// A full export that would remove more than this share of the known records, in percent, removes none.
    #[serde(default = "removals_percent_max")]
    #[schemars(range(min = 0, max = 100))]
    pub removals_percent_max: u8,
    /// What becomes of a document that breaks a fatal rule: `refuse`, it is rejected; `warn`, it goes on.
    #[serde(default)]
    pub findings: Findings,
}

fn removals_percent_max() -> u8 {
    10
}

/// Whether a drop is everything, or what changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Export {
    /// Each drop shows everything that the system has.
    Full,
    /// Each drop shows what is new or changed.
    #[default]
    Delta,
}

/// What becomes of a document that breaks a fatal rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Findings {
    /// It is rejected.
    #[default]
    Refuse,
    /// It goes on.
    Warn,
}

/// What a system is fed of one entity.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionSettings {
    /// The mapping that writes its records, as `PACK/ENTITY`.
    pub mapping: String,
    /// Only documents whose fields have one of these values, such as `{ status = ["active"] }`. Default: all.
    #[serde(default)]
    pub filter: BTreeMap<String, Vec<String>>,
    /// What happens to further records of one customer that the system has, as after a merge; the oldest one stays.
    #[serde(default)]
    pub surplus: hub::Surplus,
}
