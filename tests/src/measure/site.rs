//! A user's directory whose hub runs as processes of its own, on servers of a measurement.

use std::time::{Duration, Instant};

use bus::rabbitmq::{RabbitMqBus, RabbitMqOptions};
use bus::{Bus, BusError, Queue};
use tokio_postgres::Error;

use super::database::Database;
use super::engines::Engines;
use crate::directory::Directory;

/// What is to be told to the hub beside the addresses of its servers.
#[derive(Clone, Copy, Debug)]
pub struct SiteLimits {
    /// Queues of observations.
    pub partitions: u32,
    /// Events in one message at most.
    pub message_events_max: u64,
    /// How long a lease lasts, in milliseconds.
    pub lease_ms: u64,
}

/// A directory, a database and a virtual host of the broker, which no other run has.
pub struct Site {
    /// The directory.
    pub directory: Directory,
    /// A connection that looks at the store.
    pub database: Database,
    bus: RabbitMqBus,
    partitions: u32,
}

/// How far everything is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records that were read.
    pub read: u64,
    /// Files that were read to their end.
    pub files: u64,
    /// Records that are read and not resolved.
    pub in_flight: u64,
    /// Changes that are not on the bus: in the outbox, and in the backlogs of systems.
    pub unpublished: u64,
    /// Deliveries that a system took.
    pub delivered: u64,
    /// Calls that have not ended.
    pub calls: u64,
}

impl Progress {
    /// Whether the store knows of nothing that is on its way.
    pub fn is_quiet(&self) -> bool {
        self.in_flight + self.unpublished + self.calls == 0
    }
}

/// Who has how much of the work of resolving.
pub type Shares = Vec<(String, u64)>;

impl Site {
    /// Makes a directory with its `passerelle.toml`, a database and a virtual host of this name.
    ///
    /// # Errors
    /// What the servers answer.
    ///
    /// # Panics
    /// When there is one of that name, or there is no broker.
    pub async fn new(engines: &Engines, name: &str, limits: SiteLimits) -> Result<Self, Error> {
        let (url, bus_url) = tokio::task::block_in_place(|| {
            let broker = engines.broker.as_ref().expect("a broker");
            broker.control(0, &["add_vhost", name]);
            broker.control(0, &["set_permissions", "-p", name, "guest", ".*", ".*", ".*"]);
            let bus_url = broker.url(0).replace("%2f", name);
            (engines.database(name, false), bus_url)
        });
        let SiteLimits { partitions, message_events_max, lease_ms } = limits;
        // Bounds that hold a backlog whole, so that it is the bus that carries it.
        let settings = format!(
            "[store]\nurl = \"{url}\"\n\n[bus]\nurl = \"{bus_url}\"\nbytes_max = 34359738368\n\
             queue_bytes_max = 34359738368\n\n[limits]\npartitions = {partitions}\n\
             message_events_max = {message_events_max}\nretry_delay_max = \"1s\"\nlease_time = \"{lease_ms}ms\"\n"
        );
        let directory = Directory::new(&[("passerelle.toml", &settings)]);
        let database = Database::connect(&url).await?;
        let bus = RabbitMqBus::new(&bus_url, RabbitMqOptions::default()).expect("a readable address");
        Ok(Site { directory, database, bus, partitions })
    }

    /// Messages of observations that no consumer has.
    ///
    /// # Errors
    /// When the broker cannot be asked.
    pub async fn observed(&self) -> Result<u64, BusError> {
        let mut count = 0;
        for partition in 0..self.partitions {
            count += self.bus.depth(&Queue::Observed(partition)).await?.0;
        }
        Ok(count)
    }

    /// Messages for a system that no consumer has.
    ///
    /// # Errors
    /// When the broker cannot be asked.
    pub async fn deliveries(&self, system: &str) -> Result<u64, BusError> {
        Ok(self.bus.depth(&Queue::Delivery(system.into())).await?.0)
    }

    /// How far everything is.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn progress(&self) -> Result<Progress, Error> {
        let sql = "SELECT (SELECT coalesce(sum(records_read), 0)::bigint FROM passerelle.drops),
                    (SELECT count(*) FROM passerelle.drops WHERE ended_at IS NOT NULL),
                    (SELECT coalesce(sum(in_flight), 0)::bigint FROM passerelle.drops),
                    (SELECT count(*) FROM passerelle.outbox) + (SELECT count(*) FROM passerelle.backlog),
                    (SELECT coalesce(sum(delivered), 0)::bigint FROM passerelle.targets),
                    (SELECT count(*) FROM passerelle.attempts)";
        let row = self.database.client().query_one(sql, &[]).await?;
        let of = |at: usize| Ok::<_, Error>(row.try_get::<_, i64>(at)?.cast_unsigned());
        Ok(Progress {
            read: of(0)?,
            files: of(1)?,
            in_flight: of(2)?,
            unpublished: of(3)?,
            delivered: of(4)?,
            calls: of(5)?,
        })
    }

    /// Who has how many of the queues of observations, by the leases.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn shares(&self) -> Result<Shares, Error> {
        let sql = "SELECT worker, count(*) FROM passerelle.leases
             WHERE work LIKE 'observed/%' AND worker IS NOT NULL AND until > clock_timestamp() GROUP BY worker ORDER BY worker";
        let share = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get::<_, i64>(1)?.cast_unsigned()));
        self.database.client().query(sql, &[]).await?.iter().map(share).collect()
    }

    /// Waits for a fact about how far everything is; returns when it was first seen. The tables are there after a while.
    ///
    /// # Panics
    /// When that takes longer than it may; `what` says what was waited for.
    pub async fn wait_until(
        &self,
        what: &str,
        time_max: Duration,
        mut holds: impl FnMut(&Progress) -> bool,
    ) -> Progress {
        let begun = Instant::now();
        loop {
            let progress = self.progress().await.unwrap_or_default();
            if holds(&progress) {
                return progress;
            }
            assert!(begun.elapsed() < time_max, "{what}: not after {time_max:?}: {progress:?}");
            tokio::time::sleep(LOOK_DELAY).await;
        }
    }
}

/// How often it is looked how far everything is.
pub const LOOK_DELAY: Duration = Duration::from_millis(100);
