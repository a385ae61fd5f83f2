//! Connections: one that writes, a few that read, and how work gets to them without blocking the runtime.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::{Mutex as FairMutex, Notify, OwnedMutexGuard, Semaphore};

use super::dictionary::{Session, Words};
use super::failure::Failure;
use super::lease::Leases;
use super::lock::DirectoryLock;
use super::resolve::{Covers, OutboxNumbers, Sequences};
use super::{Durability, SqliteOptions};
use crate::{Lease, StoreError};

/// How many statements a connection keeps prepared; more than the code has.
const STATEMENTS_MAX: usize = 160;

/// What all tasks of a process share.
pub(super) struct Core {
    pub place: PathBuf,
    pub words: Words,
    pub covers: Covers,
    pub leases: Leases,
    /// Told after each commit that added to the outbox.
    pub outbox: Notify,
    /// First come, first served: neither collect nor deliver starves behind resolve.
    writer: Arc<FairMutex<Writer>>,
    readers: Mutex<Vec<Connection>>,
    readers_free: Arc<Semaphore>,
    options: SqliteOptions,
    /// Held for as long as anything of this store is alive.
    _lock: Option<DirectoryLock>,
}

/// The connection that writes, and what only its holder may touch.
pub(super) struct Writer {
    pub connection: Connection,
    pub sequences: Sequences,
    pub outbox_numbers: OutboxNumbers,
}

/// Exclusive use of the connection that writes.
pub(super) type WriterGuard = OwnedMutexGuard<Writer>;

impl Core {
    pub fn new(place: PathBuf, connection: Connection, options: SqliteOptions, lock: Option<DirectoryLock>) -> Core {
        let (sequences, outbox_numbers) = (Sequences::default(), OutboxNumbers::default());
        let writer = Writer { connection, sequences, outbox_numbers };
        Core {
            place,
            words: Words::default(),
            covers: Covers::default(),
            leases: Leases::default(),
            outbox: Notify::new(),
            writer: Arc::new(FairMutex::new(writer)),
            readers: Mutex::default(),
            readers_free: Arc::new(Semaphore::new(options.readers_max.max(1))),
            options,
            _lock: lock,
        }
    }

    /// Runs `work` in one read transaction: it sees one state of the store.
    pub async fn read<T, F>(self: &Arc<Self>, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Session<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let permit = Arc::clone(&self.readers_free).acquire_owned().await;
        let permit = permit.map_err(|_| StoreError::Unreachable("the store is closed".to_owned()))?;
        let core = Arc::clone(self);
        blocking(move || {
            let _permit = permit;
            let idle = core.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let result = match idle.map_or_else(|| open_reader(&core.place, &core.options), Ok) {
                Ok(connection) => {
                    let result = read_on(&connection, &core.words, work);
                    core.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
                    result
                }
                Err(failure) => Err(failure),
            };
            result.map_err(|failure| failure.at(&core.place))
        })
        .await
    }

    /// Runs `work` in one write transaction, after all writers that came before; `fence` is the lease under which it is done.
    pub async fn write<T, F>(self: &Arc<Self>, fence: Option<&Lease>, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Session<'_>) -> Result<T, Failure> + Send + 'static,
    {
        self.write_changes(fence, |session, _| work(session)).await
    }

    /// As [`write`](Self::write), for work that adds to the outbox.
    pub async fn write_changes<T, F>(self: &Arc<Self>, fence: Option<&Lease>, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Session<'_>, &mut OutboxNumbers) -> Result<T, Failure> + Send + 'static,
    {
        let mut writer = self.fenced_writer(fence).await?;
        let core = Arc::clone(self);
        blocking(move || {
            let Writer { connection, outbox_numbers, .. } = &mut *writer;
            write_on(connection, &core.words, |session| work(session, outbox_numbers))
                .map_err(|failure| failure.at(&core.place))
        })
        .await
    }

    /// Exclusive use of the connection that writes, for the holder of a lease.
    pub async fn fenced_writer(&self, fence: Option<&Lease>) -> Result<WriterGuard, StoreError> {
        let writer = self.writer().await;
        match fence {
            Some(lease) => self.leases.check(lease).map(|()| writer),
            None => Ok(writer),
        }
    }

    /// Tells relays that the outbox has something again.
    pub fn outbox_has_more(&self) {
        // Both, because a relay may be on its way to wait.
        self.outbox.notify_waiters();
        self.outbox.notify_one();
    }

    /// Exclusive use of the connection that writes, in the order of asking.
    pub async fn writer(&self) -> WriterGuard {
        Arc::clone(&self.writer).lock_owned().await
    }
}

/// Runs `work` on a thread that may block.
pub(super) async fn blocking<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(stopped) if stopped.is_cancelled() => Err(StoreError::Unreachable("the hub is stopping".to_owned())),
        Err(_) => Err(StoreError::Internal("a call panicked; nothing of it was saved".to_owned())),
    }
}

/// One read transaction on a connection.
pub(super) fn read_on<T>(
    connection: &Connection,
    words: &Words,
    work: impl FnOnce(&Session<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    // Ends by rolling back, which for a reader is the same and cheaper to say.
    work(&Session::new(&transaction, words))
}

/// One write transaction on a connection. On any error it is rolled back, and the connection can go on.
pub(super) fn write_on<T>(
    connection: &mut Connection,
    words: &Words,
    work: impl FnOnce(&Session<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let session = Session::new(&transaction, words);
    let value = work(&session)?;
    let fresh = session.into_fresh();
    transaction.commit()?;
    words.publish(fresh);
    Ok(value)
}

/// Opens the connection that writes; `create` makes the file when it is missing.
pub(super) fn open_writer(place: &Path, options: &SqliteOptions, create: bool) -> Result<Connection, Failure> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, create);
    let connection = Connection::open_with_flags(place, flags)?;
    prepare(&connection, options, options.cache_bytes)?;
    Ok(connection)
}

/// Makes commits go through the write-ahead log, as durable as the options say.
pub(super) fn write_ahead(connection: &Connection, place: &Path, options: &SqliteOptions) -> Result<(), Failure> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Failure::internal(format!(
            "{}: this file system has no write-ahead log (mode {mode}); put the store on a local disk",
            place.display()
        )));
    }
    let synchronous = match options.durability {
        Durability::Full => "full",
        Durability::Normal => "normal",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(
        None,
        "wal_autocheckpoint",
        i64::try_from(options.log_bytes / PAGE_BYTES).unwrap_or(i64::MAX),
    )?;
    connection.pragma_update(
        None,
        "journal_size_limit",
        i64::try_from(options.log_bytes.saturating_mul(2)).unwrap_or(i64::MAX),
    )?;
    Ok(())
}

/// SQLite's default, which new stores have.
const PAGE_BYTES: u64 = 4096;

fn open_reader(place: &Path, options: &SqliteOptions) -> Result<Connection, Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(place, flags)?;
    let share = u64::try_from(options.readers_max.max(1)).unwrap_or(1);
    prepare(&connection, options, options.cache_bytes / 2 / share)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn prepare(connection: &Connection, options: &SqliteOptions, cache_bytes: u64) -> Result<(), Failure> {
    connection.busy_timeout(Duration::from_millis(options.busy_wait_ms_max))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // A negative size is in KiB.
    connection.pragma_update(None, "cache_size", -i64::try_from(cache_bytes / 1024).unwrap_or(i64::MAX))?;
    connection.pragma_update(None, "temp_store", "memory")?;
    Ok(())
}
