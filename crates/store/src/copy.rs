//! Moves a whole installation from one engine to the other: SQLite to PostgreSQL, and back.
//!
//! # What is guaranteed
//!
//! * **One state.** The source is read in one transaction, and no hub runs on either side: of SQLite the lock of the
//!   directory is held, of PostgreSQL the lock under which hubs open a store, and no hub may have it open at the
//!   beginning or at the end.
//! * **All or nothing.** The target is written in one transaction. That was chosen over a mark for a half-copied target:
//!   there is no such target, so nothing has to recognise one, and a copy that failed or was stopped is simply repeated.
//!   It costs little: PostgreSQL keeps no old rows of an empty table, and SQLite writes through a rollback journal
//!   meanwhile, which has nothing to note about pages that are new.
//! * **Into an empty target only**: a store without a row but what its migrations put there, or none at all, which is
//!   made. One that an older version wrote is not upgraded on the way.
//! * **Everything as it is**: every row of every table of the engine, under the same numbers. What comes afterwards
//!   gets numbers above all that were ever given out.
//! * **Counted.** The rows of each table are counted in the target before the end, and must be as many as were read.
//! * **Bounded memory**: rows travel in batches of at most 5,000, or of 4 MiB if they are large, of which few are under way.

mod batch;
mod tables;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tokio::sync::mpsc::{Receiver, Sender, channel};

pub(crate) use self::batch::{Batch, Field};
pub(crate) use self::tables::{Kind, Numbers, TABLES, Table, WORDS};
use crate::postgres::PostgresOptions;
use crate::{StoreError, postgres, sqlite};

/// Where a store is.
#[derive(Clone)]
pub enum Place {
    /// A file of the embedded store.
    Sqlite(PathBuf),
    /// A server.
    Postgres {
        /// As [`PostgresStore::open`](crate::postgres::PostgresStore::open) takes it; never shown with its password.
        url: String,
        /// The schema, and how to get there. Statements of a copy may take longer than
        /// [`statement_ms_max`](PostgresOptions::statement_ms_max).
        options: Box<PostgresOptions>,
    },
}

impl Place {
    /// How people are told of it: the file, or the address without its password.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the address cannot be read.
    pub fn name(&self) -> Result<String, StoreError> {
        match self {
            Place::Sqlite(path) => Ok(path.display().to_string()),
            Place::Postgres { url, options } => postgres::shown(url, options),
        }
    }
}

/// How far a copy has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The table under way.
    pub table: &'static str,
    /// Rows of all tables that were handed to the target so far; it never decreases.
    pub done: u64,
    /// Rows of all tables that there are.
    pub all: u64,
}

/// One table that was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Copied {
    /// Its name, the same on both engines.
    pub table: &'static str,
    /// Rows that were read from the source.
    pub read: u64,
    /// Rows that were counted in the target afterwards: as many.
    pub counted: u64,
}

/// Why nothing was copied. The target is what it was; a store that was not there may have been made, and is empty.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// One of the two could not be read or written; [`StoreError::InUse`] when a hub runs on a file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A hub has it open, or somebody else copies it.
    #[error("{place} is in use by a hub or by another copy; stop it, then copy again")]
    InUse {
        /// The database, without the password.
        place: String,
    },
    /// Both names lead to one store, or to two files in one directory, which one hub locks as a whole.
    #[error("{place} is the source and the target; name another directory, database or schema to copy to")]
    SamePlace {
        /// The directory or database.
        place: String,
    },
    /// The target has rows already, which are not overwritten.
    #[error(
        "{place} is not empty: it has rows in {table}; name a new file, or an empty database or schema, to copy to (or take this one away first)"
    )]
    NotEmpty {
        /// The file or database.
        place: String,
        /// The first table that has some.
        table: &'static str,
    },
    /// The target does not have what was read.
    #[error(
        "of {expected} rows of {table}, {read} were read and {counted} arrived; nothing was copied, try again and report it if it stays"
    )]
    Differs {
        /// The table.
        table: &'static str,
        /// Rows that the source has.
        expected: u64,
        /// Rows that were read.
        read: u64,
        /// Rows in the target.
        counted: u64,
    },
}

/// A store that is read: one state of it.
#[async_trait]
pub(crate) trait Source: Send {
    async fn count(&mut self, table: &'static Table) -> Result<u64, StoreError>;
    /// Sends all rows of a table in order; stops quietly when nobody takes them any more, who says why.
    async fn read(&mut self, table: &'static Table, batches: Sender<Batch>) -> Result<(), StoreError>;
    /// The last number that was given out; 0 when none was.
    async fn last_number(&mut self, table: &'static Table, numbers: &'static Numbers) -> Result<i64, StoreError>;
    /// Makes sure that nobody worked on it meanwhile.
    async fn end(self: Box<Self>) -> Result<(), CopyError>;
}

/// A store that is filled, in one transaction.
#[async_trait]
pub(crate) trait Target: Send {
    /// Writes rows until no more come.
    async fn write(&mut self, table: &'static Table, batches: Receiver<Batch>) -> Result<(), StoreError>;
    /// Makes numbers go on after this one.
    async fn go_on_after(
        &mut self,
        table: &'static Table,
        numbers: &'static Numbers,
        last: i64,
    ) -> Result<(), StoreError>;
    async fn count(&mut self, table: &'static Table) -> Result<u64, StoreError>;
    /// Makes it durable.
    async fn commit(self: Box<Self>) -> Result<(), CopyError>;
}

/// Copies a whole store into an empty one; see the module for what is guaranteed. `told` hears of the progress, at the
/// beginning of each table and with each batch.
///
/// Returns every table in the order in which it was copied. Dropping the future copies nothing.
///
/// # Errors
///
/// [`CopyError`]; in each case the target is what it was.
pub async fn copy(from: &Place, to: &Place, told: &mut (dyn FnMut(Progress) + Send)) -> Result<Vec<Copied>, CopyError> {
    refuse_one_place(from, to)?;
    let mut source: Box<dyn Source> = match from {
        Place::Sqlite(path) => sqlite::copy_source(path).await?,
        Place::Postgres { url, options } => postgres::copy_source(url, options).await?,
    };
    let mut target: Box<dyn Target> = match to {
        Place::Sqlite(path) => sqlite::copy_target(path).await?,
        Place::Postgres { url, options } => postgres::copy_target(url, options).await?,
    };
    let mut expected = Vec::with_capacity(TABLES.len());
    for table in TABLES {
        expected.push(source.count(table).await?);
    }
    let mut progress = Progress { table: "", done: 0, all: expected.iter().sum() };
    let mut copied = Vec::with_capacity(TABLES.len());
    for (table, expected) in TABLES.iter().zip(expected) {
        progress.table = table.name;
        told(progress);
        let read = copy_table(&mut *source, &mut *target, table, &mut progress, told).await?;
        if let Some(numbers) = &table.numbers {
            let last = source.last_number(table, numbers).await?;
            target.go_on_after(table, numbers, last).await?;
        }
        let counted = target.count(table).await?;
        if read != expected || counted != read {
            return Err(CopyError::Differs { table: table.name, expected, read, counted });
        }
        copied.push(Copied { table: table.name, read, counted });
    }
    source.end().await?;
    target.commit().await?;
    Ok(copied)
}

/// Copies one table; returns how many rows were read.
async fn copy_table(
    source: &mut dyn Source,
    target: &mut dyn Target,
    table: &'static Table,
    progress: &mut Progress,
    told: &mut (dyn FnMut(Progress) + Send),
) -> Result<u64, StoreError> {
    let (read, mut counting) = channel::<Batch>(1);
    let (counted, written) = channel::<Batch>(1);
    let before = progress.done;
    let count = async {
        while let Some(batch) = counting.recv().await {
            let rows = batch.len() as u64;
            if counted.send(batch).await.is_err() {
                break;
            }
            progress.done += rows;
            told(*progress);
        }
        drop(counted);
        Ok(progress.done - before)
    };
    let done = futures::try_join!(source.read(table, read), count, target.write(table, written));
    done.map(|((), rows, ())| rows).map_err(|error| match error {
        // Of a row that one of them cannot read or hold: it is looked for here.
        StoreError::Internal(reason) => StoreError::Internal(format!("copying {}: {reason}", table.name)),
        other => other,
    })
}

/// Refuses what would wait for itself.
fn refuse_one_place(from: &Place, to: &Place) -> Result<(), CopyError> {
    let place = match (from, to) {
        (Place::Sqlite(from), Place::Sqlite(to)) => {
            (directory(from) == directory(to)).then(|| directory(from).display().to_string())
        }
        (Place::Postgres { url: from, options: there }, Place::Postgres { url: to, options: here }) => {
            let (from, to) = (postgres::shown(from, there)?, postgres::shown(to, here)?);
            (from == to && there.schema == here.schema).then_some(from)
        }
        _ => None,
    };
    place.map_or(Ok(()), |place| Err(CopyError::SamePlace { place }))
}

/// The directory that a hub on this file locks, by its real name where it is there.
fn directory(file: &Path) -> PathBuf {
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    directory.canonicalize().unwrap_or_else(|_| directory.to_owned())
}
