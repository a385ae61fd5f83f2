//! The store of several machines: PostgreSQL 13 or newer, for any number of hubs and commands at the same time.
//!
//! The tables, codes and packed keys are those of the embedded store. All of it lies in one schema.
//!
//! # What SQLite has by its single writer, and how it is kept here
//!
//! Transactions run at READ COMMITTED with explicit locks. Every read of a resolution that decides something is one
//! statement that takes locks, followed by another one that reads, so that it sees what the holder before committed.
//!
//! * **One customer, one master.** A resolution takes an advisory lock on every record (crosswalk key) and on every
//!   match key that it reads, found or not, in order, until its commit. So of N workers that see the same new customer
//!   one decides, and the others find its master. Masters that are found are locked as rows, in order of their keys.
//!   Two resolutions that wait for each other all the same (documents that were released late) end in
//!   [`StoreError::Conflict`]: nothing was changed, and the same work is done again.
//! * **Who is who** is decided by one resolution of a tenant at a time, and one lock sees to that: whom a record resembles
//!   depends on all others, so no lock of single rows would do. It is taken before any other. Resolutions that decide no
//!   such thing (invoices, payments) do not wait for it.
//! * **Waiting and its end.** A document that waits holds the lock of the record that it waits for, and so does who links
//!   that record: a resolution, or the end of a delivery. One of them sees the other; nobody waits for what is there.
//!   For the same reason a call to a target is either open or its key is known, for whoever holds the key's lock.
//! * **Master ids and versions** are taken outside of the transaction and at once, so that nobody waits for another's
//!   commit to get a number. A version of a master is higher than all before it nevertheless: a resolution that reads a
//!   master whose version is not below its own numbers (somebody took later numbers and committed first) ends in
//!   [`StoreError::Conflict`].
//! * **The outbox** has one row per master, and a place in it is drawn by whoever holds the lock of the master and of
//!   its customer: so places of one customer's changes follow their commits. A place can become visible after a higher
//!   one of another customer; the outbox is read from its lowest place each time, never by where the last read ended, so
//!   none is passed over. A relay that reads while another publishes must not serve the same customers: that is what
//!   leases of partitions are for.
//! * **Rows of known records, drops, judgements**: the row of the stream is locked by each step.
//! * **Journal, waiting and parked numbers** are drawn at the commit. Of one customer or record they are in order, because
//!   its lock is held. Pages of a listing can miss a row that commits while they are turned; nothing but a page relies on it.
//!
//! # What a lost connection means
//!
//! A call that fails has changed nothing, with one exception that is dealt with here: a connection that is lost during
//! COMMIT. Each writing transaction knows its number, and the server is asked afterwards what became of it, for as long
//! as [`PostgresOptions::settle_ms_max`]. When it does not come back in that time, or was started anew meanwhile (after a
//! crash it gives the numbers of lost transactions to others), the call ends as
//! [`StoreError::Unreachable`], which says so; repeating it is safe for every call but
//! [`commit_collected`](crate::CollectStore::commit_collected), which would count a step twice: whoever reads a stream asks
//! for its state again first. A server that comes back as
//! another one (a standby that lost the last commits) has lost data; use synchronous replication.

mod attachments;
mod backlog;
mod collect;
mod connect;
mod copy;
mod core;
mod deliver;
mod drops;
mod failure;
mod find;
mod forget;
mod installation;
mod lease;
mod line;
mod listen;
mod listing;
mod locks;
mod masters;
mod matching;
mod migrate;
mod operate;
mod outbox;
mod place;
mod pool;
mod rebuild;
mod resolution;
mod resolve;
mod rows;
mod story;
mod tasks;
mod text;
mod tls;
mod transaction;
mod unpark;
mod words;
mod write;

use std::path::PathBuf;
use std::sync::Arc;

use self::core::Core;
use self::listen::Listener;
use self::place::Place;
use crate::copy::{CopyError, Source, Target};
use crate::{Lease, StoreError};

/// How the store uses the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresOptions {
    /// The schema that holds the tables; made if it is missing. Lower case letters, digits and `_`.
    pub schema: String,
    /// At most this many connections for calls, and two more for numbers and news; at least 2.
    pub connections_max: usize,
    /// How long a connection may take to be made, in milliseconds.
    pub connect_ms_max: u64,
    /// How long a call waits for a free connection, in milliseconds.
    pub wait_ms_max: u64,
    /// How long one statement may run, in milliseconds.
    pub statement_ms_max: u64,
    /// How long a statement waits for the locks of another transaction, in milliseconds.
    pub lock_ms_max: u64,
    /// How long a transaction may do nothing before the server ends it, in milliseconds: a hub that is suspended must not
    /// hold its locks for ever.
    pub idle_ms_max: u64,
    /// How long the outcome of a commit is asked for after the connection was lost, in milliseconds.
    pub settle_ms_max: u64,
    /// How often the outbox is looked at when no news of it comes, in milliseconds.
    pub poll_ms: u64,
    /// How the connections are called in the server's own views.
    pub application_name: String,
    /// A file of certificates (PEM) to trust instead of the system's; `sslrootcert` in the address goes before it.
    pub roots: Option<PathBuf>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        PostgresOptions {
            schema: "passerelle".to_owned(),
            connections_max: 16,
            connect_ms_max: 10_000,
            wait_ms_max: 30_000,
            statement_ms_max: 60_000,
            lock_ms_max: 30_000,
            idle_ms_max: 10_000,
            settle_ms_max: 300_000,
            poll_ms: 1_000,
            application_name: "passerelle".to_owned(),
            roots: None,
        }
    }
}

/// The store on PostgreSQL; see the module.
pub struct PostgresStore {
    core: Arc<Core>,
    /// The lease under which this handle writes; see [`LeaseStore::fenced`](crate::LeaseStore::fenced).
    fence: Option<Lease>,
    /// Ends with the last handle of the store.
    _listener: Option<Arc<Listener>>,
}

impl PostgresStore {
    /// Opens the store of a hub, made if it is missing, brought to the schema of this binary if it is older.
    ///
    /// `url` is `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with `sslmode` (`disable`, `prefer`, `require`),
    /// `sslrootcert` and what else libpq understands of it. `prefer`, the default, encrypts when the server's certificate
    /// can be verified, else it says so and goes on in the clear; `require` always verifies.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] when the server is not there, [`StoreError::Refused`] when it does not let us in, is too
    /// old, a right is missing, or the schema belongs to something else, [`StoreError::Newer`] when a newer version wrote
    /// the store, [`StoreError::Storage`] when it cannot be written. None of them tells the password.
    pub async fn open(url: &str, options: PostgresOptions) -> Result<Arc<PostgresStore>, StoreError> {
        let core = Core::new(url, options)?;
        core.check_server().await?;
        migrate::migrate(&core).await.map_err(|failure| failure.at(&core.place))?;
        let listener = Listener::start(&core, true);
        listener.begun().await;
        Ok(Arc::new(PostgresStore { core, fence: None, _listener: Some(Arc::new(listener)) }))
    }

    /// Opens the store for a command, with or without a hub running: it changes no schema.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] when there is no store yet or it has an older schema, else as [`open`](Self::open).
    pub async fn open_beside(url: &str, options: PostgresOptions) -> Result<Arc<PostgresStore>, StoreError> {
        let core = Core::new(url, options)?;
        migrate::require_current(&core).await.map_err(|failure| failure.at(&core.place))?;
        Ok(Arc::new(PostgresStore { core, fence: None, _listener: None }))
    }

    /// Whether a hub has this store open, on whatever machine.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn is_hub_running(url: &str, options: PostgresOptions) -> Result<bool, StoreError> {
        let core = Core::new(url, options)?;
        listen::is_hub_running(&core).await.map_err(|failure| failure.at(&core.place))
    }

    /// Where the store is, without the password: for people.
    pub fn place(&self) -> &str {
        &self.core.place
    }
}

/// A store that is copied from.
pub(crate) async fn copy_source(url: &str, options: &PostgresOptions) -> Result<Box<dyn Source>, CopyError> {
    copy::End::source(url, options).await
}

/// A store that is copied into.
pub(crate) async fn copy_target(url: &str, options: &PostgresOptions) -> Result<Box<dyn Target>, CopyError> {
    copy::End::target(url, options).await
}

/// An address without its password.
pub(crate) fn shown(url: &str, options: &PostgresOptions) -> Result<String, StoreError> {
    Ok(Place::parse(url, options)?.shown)
}
