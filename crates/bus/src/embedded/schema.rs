//! The file: its lock, its settings, its tables.
//!
//! One table holds every message. Its key packs the queue's number above the message's position in that queue,
//! so that a queue's messages lie side by side in order, without an index beside the table:
//! publishing appends, reading on is one range, and acknowledged ranges are deleted as ranges.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};

use super::fault;
use super::options::Durability;
use crate::{BusError, Queue};

/// The version of the tables that this program knows.
const SCHEMA_VERSION: i64 = 1;

/// Marks the file as ours ("PsBu" in ASCII), so that a strange file is refused instead of being changed.
const APPLICATION_ID: i64 = 0x5073_4275;

/// Bodies are large (50 to 500 KB as a rule), and every page costs a frame in the write-ahead log. Pages of 4 to 32 KB
/// measured alike; this size halves the frames of a body against SQLite's own and still suits messages of 1 KB.
const PAGE_BYTES: i64 = 8192;

/// After this many bytes the write-ahead log is copied into the file and used again from its start.
const CHECKPOINT_BYTES: i64 = 16 << 20;

/// What SQLite may keep in memory for each of the two connections, in KiB.
const CACHE_KIBIBYTES: i64 = 4 << 10;

/// The bits of a key that hold the position: 17 million million messages for one queue.
const POSITION_BITS: u32 = 44;

/// No queue gets a position from here on.
pub(super) const POSITION_END: u64 = 1 << POSITION_BITS;

/// No queue gets a number from here on, because keys are signed.
pub(super) const QUEUE_NUMBER_END: u32 = 1 << (63 - POSITION_BITS);

const TABLES: &str = "
    CREATE TABLE queue (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        next_position INTEGER NOT NULL,
        message_count INTEGER NOT NULL,
        byte_count INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE message (
        key INTEGER PRIMARY KEY,
        published_ms INTEGER NOT NULL,
        id TEXT NOT NULL,
        content_type TEXT NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
";

/// The key of a message. A range of positions of one queue is a range of keys.
pub(super) fn key(queue_number: u32, position: u64) -> i64 {
    (i64::from(queue_number) << POSITION_BITS) | (position & (POSITION_END - 1)).cast_signed()
}

/// The position that a key holds.
pub(super) fn position(key: i64) -> u64 {
    key.cast_unsigned() & (POSITION_END - 1)
}

/// What the file knows of a queue: the counts are kept with each transaction, so that starting reads no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ledger {
    /// The position that the next message gets. It never goes back, even when the queue is empty.
    pub(super) next_position: u64,
    /// How many messages are in the table.
    pub(super) message_count: u64,
    /// How many bytes they have, counted as [`message_bytes`](super::queue::message_bytes) does.
    pub(super) byte_count: u64,
}

impl Ledger {
    /// The ledger of a queue that was just declared.
    pub(super) const EMPTY: Ledger = Ledger { next_position: 1, message_count: 0, byte_count: 0 };
}

/// The open file of one bus.
pub(super) struct OpenFile {
    /// Held as long as the bus lives.
    pub(super) lock: DirectoryLock,
    /// The connection that writes.
    pub(super) writing: Connection,
    /// The connection that reads.
    pub(super) reading: Connection,
    /// The queues in the order of their numbers, which count from 0 without holes.
    pub(super) queues: Vec<(Queue, Ledger)>,
}

/// Keeps other hubs out of a directory; the operating system lets go of it even after a `kill -9`.
pub(super) struct DirectoryLock(File);

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child that another thread starts at this moment has a copy of it until it
        // runs its own program. When this fails, the lock goes with the last copy.
        let _ = self.0.unlock();
    }
}

/// Opens the log of a directory, making both when they are not there.
pub(super) fn open(directory: &Path, durability: Durability) -> Result<OpenFile, BusError> {
    std::fs::create_dir_all(directory).map_err(|error| fault::file(directory, "create the directory", &error))?;
    let lock = lock(directory)?;
    let path = directory.join("bus.sqlite");
    let failed = |doing: &'static str| move |error: rusqlite::Error| fault::storage(directory, doing, &error);
    let mut writing = Connection::open(&path).map_err(failed("open its file"))?;
    prepare(directory, &mut writing, durability)?;
    let reading = open_reading(&path).map_err(failed("open its file"))?;
    let queues = load(directory, &writing)?;
    Ok(OpenFile { lock, writing, reading, queues })
}

/// Takes the directory for this process, so that two hubs never write to one log.
fn lock(directory: &Path) -> Result<DirectoryLock, BusError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join("bus.lock"))
        .map_err(|error| fault::file(directory, "open its lock file", &error))?;
    match file.try_lock() {
        Ok(()) => Ok(DirectoryLock(file)),
        Err(TryLockError::WouldBlock) => Err(BusError::Storage(format!(
            "in {} is in use by another hub; stop that one first, or give this one a directory of its own",
            directory.display()
        ))),
        Err(TryLockError::Error(error)) => Err(fault::file(directory, "lock its directory", &error)),
    }
}

/// Settles the connection that writes, and makes or checks the tables.
fn prepare(directory: &Path, connection: &mut Connection, durability: Durability) -> Result<(), BusError> {
    let failed = |doing: &'static str| move |error: rusqlite::Error| fault::storage(directory, doing, &error);
    let number = |connection: &Connection, pragma: &str| {
        connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(failed("read its file"))
    };
    let (version, application) = (number(connection, "user_version")?, number(connection, "application_id")?);
    let is_new = number(connection, "schema_version")? == 0;
    if !is_new && application != APPLICATION_ID {
        return Err(BusError::Storage(format!(
            "in {} finds a bus.sqlite that is not the log of a bus; give the bus a directory of its own",
            directory.display()
        )));
    }
    if version > SCHEMA_VERSION {
        return Err(BusError::Storage(format!(
            "in {} was written by a newer version of Passerelle (schema {version}; this one knows {SCHEMA_VERSION}); \
             start that version again, or let it drain the bus first",
            directory.display()
        )));
    }
    settle(connection, durability, is_new).map_err(failed("prepare its file"))?;
    if is_new {
        create(connection).map_err(failed("create its tables"))?;
    }
    Ok(())
}

fn settle(connection: &Connection, durability: Durability, is_new: bool) -> rusqlite::Result<()> {
    if is_new {
        // Both must be said before the first page is written.
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_BYTES / PAGE_BYTES)?;
    // The write-ahead log keeps its space between uses; only what a large transaction added is cut off.
    connection.pragma_update(None, "journal_size_limit", CHECKPOINT_BYTES * 2)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIBIBYTES)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}

fn open_reading(path: &PathBuf) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIBIBYTES)?;
    Ok(connection)
}

/// Reads the queues.
fn load(directory: &Path, connection: &Connection) -> Result<Vec<(Queue, Ledger)>, BusError> {
    let failed = |error: rusqlite::Error| fault::storage(directory, "read its queues", &error);
    let mut statement = connection
        .prepare("SELECT number, name, next_position, message_count, byte_count FROM queue ORDER BY number")
        .map_err(failed)?;
    let mut rows = statement.query(params![]).map_err(failed)?;
    let mut queues = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let (number, name): (usize, String) = (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
        let queue = Queue::of_name(&name).filter(|_| number == queues.len()).ok_or_else(|| {
            BusError::Storage(format!(
                "in {} finds a queue {name} that it cannot place; the file was changed by another program",
                directory.display()
            ))
        })?;
        let ledger = Ledger {
            next_position: row.get(2).map_err(failed)?,
            message_count: row.get(3).map_err(failed)?,
            byte_count: row.get(4).map_err(failed)?,
        };
        queues.push((queue, ledger));
    }
    Ok(queues)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_queue_and_order() {
        assert_eq!(position(key(0, 1)), 1);
        assert_eq!(position(key(QUEUE_NUMBER_END - 1, POSITION_END - 1)), POSITION_END - 1);
        assert!(key(QUEUE_NUMBER_END - 1, POSITION_END - 1) == i64::MAX);
        assert!(key(1, POSITION_END - 1) < key(2, 0));
        assert!(key(2, 5) < key(2, 6));
    }

    #[test]
    fn queues_are_found_by_their_names() {
        for queue in [
            Queue::Dead,
            Queue::Observed(0),
            Queue::Observed(u32::MAX),
            Queue::Delivery("a.b c".into()),
            Queue::Mark("a".into()),
        ] {
            assert_eq!(Queue::of_name(&queue.to_string()), Some(queue));
        }
        assert_eq!(Queue::of_name("passerelle.observed.x"), None);
        assert_eq!(Queue::of_name("other"), None);
    }
}
