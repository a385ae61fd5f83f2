//! The embedded store: one SQLite file on a local disk, for one hub and any number of commands beside it.
//!
//! One connection writes; those who want to write queue for it in the order of asking. A few connections read, each
//! call in a transaction of its own. Nothing blocks a thread of the runtime.

mod attachments;
mod backlog;
mod collect;
mod connection;
mod copy;
mod deliver;
mod dictionary;
mod drops;
mod failure;
mod find;
mod forget;
mod installation;
mod lease;
mod line;
mod listing;
mod lock;
mod masters;
mod matching;
mod migrate;
mod operate;
mod rebuild;
mod resolution;
mod resolve;
mod rows;
mod story;
mod tasks;
mod unpark;
mod write;

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::connection::Core;
use self::failure::Failure;
use self::lock::DirectoryLock;
use crate::copy::{CopyError, Source, Target};
use crate::{Lease, StoreError, value};

/// When a commit counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// When the disk has it: a power cut loses nothing.
    #[default]
    Full,
    /// When the operating system has it: a crash of the hub loses nothing, a power cut the last moments.
    Normal,
}

/// How the store uses the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// When a commit counts as durable.
    pub durability: Durability,
    /// Memory for pages, in bytes: as much again by half for all readers together.
    pub cache_bytes: u64,
    /// Size of the write-ahead log, in bytes, at which it is copied into the file.
    pub log_bytes: u64,
    /// At most this many calls read at the same time; at least 1.
    pub readers_max: usize,
    /// How long a call waits for another process that writes, in milliseconds, before it is refused as unreachable.
    pub busy_wait_ms_max: u64,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        SqliteOptions {
            durability: Durability::Full,
            cache_bytes: 16 << 20,
            log_bytes: 64 << 20,
            readers_max: 4,
            busy_wait_ms_max: 5_000,
        }
    }
}

/// The embedded store; see the module.
pub struct SqliteStore {
    core: Arc<Core>,
    /// The lease under which this handle writes; see [`LeaseStore::fenced`](crate::LeaseStore::fenced).
    fence: Option<Lease>,
}

impl SqliteStore {
    /// Opens the store of a hub, made if it is missing, brought to the schema of this binary if it is older.
    ///
    /// The hub holds the lock of the file's directory for as long as the store is open.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] when another hub holds the directory, [`StoreError::Newer`] when a newer version wrote it,
    /// [`StoreError::Storage`] when it cannot be written, [`StoreError::Internal`] when the file is something else.
    pub fn open(path: &Path, options: SqliteOptions) -> Result<Arc<SqliteStore>, StoreError> {
        make_directory(path)?;
        let lock = DirectoryLock::take(path)?;
        let connection = open_current(path, &options).map_err(|failure| failure.at(path))?;
        Ok(Arc::new(SqliteStore {
            core: Arc::new(Core::new(path.to_owned(), connection, options, Some(lock))),
            fence: None,
        }))
    }

    /// Opens the store for a command, with or without a hub running: it takes no lock and changes no schema.
    ///
    /// Such a store is for reading, and for [`submit`](crate::OperateStore::submit) and
    /// [`answer_of`](crate::OperateStore::answer_of): a second resolver would not be excluded.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] when there is no store yet or it has an older schema, else as [`open`](Self::open).
    pub fn open_beside(path: &Path) -> Result<Arc<SqliteStore>, StoreError> {
        if !path.exists() {
            let place = path.display();
            return Err(StoreError::Unreachable(format!(
                "{place} is not there; start the hub once, it makes the store"
            )));
        }
        let options = SqliteOptions { cache_bytes: 8 << 20, ..SqliteOptions::default() };
        let connection = open_existing(path, &options).map_err(|failure| failure.at(path))?;
        Ok(Arc::new(SqliteStore { core: Arc::new(Core::new(path.to_owned(), connection, options, None)), fence: None }))
    }

    /// Whether a hub has the store at this path open.
    pub fn is_hub_running(path: &Path) -> bool {
        DirectoryLock::is_taken(path)
    }
}

/// A store that is copied from.
pub(crate) async fn copy_source(path: &Path) -> Result<Box<dyn Source>, CopyError> {
    copy::End::source(path).await
}

/// A store that is copied into.
pub(crate) async fn copy_target(path: &Path) -> Result<Box<dyn Target>, CopyError> {
    copy::End::target(path).await
}

/// Makes the directory that a store's file lies in.
fn make_directory(path: &Path) -> Result<(), StoreError> {
    let Some(directory) = path.parent() else { return Ok(()) };
    std::fs::create_dir_all(directory)
        .map_err(|error| StoreError::Storage { place: directory.display().to_string(), reason: error.to_string() })
}

fn open_current(path: &Path, options: &SqliteOptions) -> Result<rusqlite::Connection, Failure> {
    let mut connection = connection::open_writer(path, options, true)?;
    // Nothing is changed before the file is known to be ours.
    migrate::version(&connection, path)?;
    connection::write_ahead(&connection, path, options)?;
    migrate::migrate(&mut connection, path)?;
    Ok(connection)
}

fn open_existing(path: &Path, options: &SqliteOptions) -> Result<rusqlite::Connection, Failure> {
    let connection = connection::open_writer(path, options, false)?;
    migrate::require_current(&connection, path)?;
    connection::write_ahead(&connection, path, options)?;
    Ok(connection)
}
