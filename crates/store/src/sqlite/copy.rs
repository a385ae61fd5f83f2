//! The embedded store as the source or the target of a copy.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, params_from_iter};
use tokio::sync::mpsc::{Receiver, Sender};

use super::connection::{self, blocking};
use super::failure::Failure;
use super::lock::DirectoryLock;
use super::{SqliteOptions, migrate};
use crate::StoreError;
use crate::copy::{Batch, CopyError, Field, Numbers, Source, TABLES, Table, Target, WORDS};

/// Memory for pages while a store is filled: keys come in no order that an index likes.
const TARGET_CACHE_BYTES: u64 = 64 << 20;

/// A file in the middle of a transaction. When the last user lets go of it, the transaction is rolled back.
struct Open {
    // Closed before the lock is given back.
    connection: Connection,
    _lock: DirectoryLock,
}

/// One end of a copy.
pub(super) struct End {
    place: PathBuf,
    open: Arc<Mutex<Open>>,
}

impl End {
    /// A store to be read.
    pub async fn source(path: &Path) -> Result<Box<dyn Source>, CopyError> {
        let path = path.to_owned();
        let end = blocking(move || {
            // Before the lock, which would make a file in a directory that may be anybody's.
            if !path.exists() {
                let place = path.display();
                return Err(StoreError::Unreachable(format!("{place} is not there; name the file of a store")));
            }
            let lock = DirectoryLock::take(&path)?;
            let opened = super::open_existing(&path, &SqliteOptions::default()).and_then(|connection| {
                connection.execute_batch("BEGIN")?;
                // The transaction sees what there is at its first read.
                connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
                Ok(connection)
            });
            let connection = opened.map_err(|failure| failure.at(&path))?;
            Ok(End { open: Arc::new(Mutex::new(Open { connection, _lock: lock })), place: path })
        });
        Ok(Box::new(end.await?))
    }

    /// A store to be filled.
    pub async fn target(path: &Path) -> Result<Box<dyn Target>, CopyError> {
        let path = path.to_owned();
        let made = blocking(move || {
            super::make_directory(&path)?;
            let lock = DirectoryLock::take(&path)?;
            let (connection, table) = open_empty(&path).map_err(|failure| failure.at(&path))?;
            Ok((End { open: Arc::new(Mutex::new(Open { connection, _lock: lock })), place: path }, table))
        });
        match made.await? {
            (end, None) => Ok(Box::new(end)),
            (end, Some(table)) => Err(CopyError::NotEmpty { place: end.place.display().to_string(), table }),
        }
    }

    /// Does work on the connection, on a thread that may block.
    async fn with<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let (open, place) = (Arc::clone(&self.open), self.place.clone());
        blocking(move || {
            let open = open.lock().unwrap_or_else(PoisonError::into_inner);
            work(&open.connection).map_err(|failure| failure.at(&place))
        })
        .await
    }
}

/// Opens a store in a transaction that fills it, made if it is not there; with the first table that has rows already.
///
/// Meanwhile it has a rollback journal, not a write-ahead log: in one transaction the log would become as large as the
/// store, while the journal notes only the few pages that were there before.
fn open_empty(path: &Path) -> Result<(Connection, Option<&'static str>), Failure> {
    let options = SqliteOptions { cache_bytes: TARGET_CACHE_BYTES, ..SqliteOptions::default() };
    let mut connection = connection::open_writer(path, &options, true)?;
    if migrate::version(&connection, path)? > 0 {
        migrate::require_current(&connection, path)?;
    }
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0))?;
    if mode != "delete" {
        return Err(Failure::internal(format!("{}: no rollback journal (mode {mode})", path.display())));
    }
    connection.pragma_update(None, "synchronous", "full")?;
    migrate::migrate(&mut connection, path)?;
    connection.execute_batch("BEGIN EXCLUSIVE")?;
    for table in TABLES {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE NOT ({}))", table.name, table.rows_of_its_own());
        if connection.query_row(&sql, [], |row| row.get(0))? {
            connection.execute_batch("ROLLBACK")?;
            connection::write_ahead(&connection, path, &options)?;
            return Ok((connection, Some(table.name)));
        }
    }
    // The words of the source take their place, these among them.
    connection.execute_batch(&format!("DELETE FROM {WORDS}"))?;
    Ok((connection, None))
}

fn count(connection: &Connection, table: &Table) -> Result<u64, Failure> {
    let count: i64 = connection.query_row(&format!("SELECT count(*) FROM {}", table.name), [], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

#[async_trait]
impl Source for End {
    async fn count(&mut self, table: &'static Table) -> Result<u64, StoreError> {
        self.with(move |connection| count(connection, table)).await
    }

    async fn read(&mut self, table: &'static Table, batches: Sender<Batch>) -> Result<(), StoreError> {
        self.with(move |connection| read(connection, table, &batches)).await
    }

    async fn last_number(&mut self, table: &'static Table, numbers: &'static Numbers) -> Result<i64, StoreError> {
        self.with(move |connection| {
            let sql = if numbers.remembered {
                format!("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = '{}'", table.name)
            } else {
                format!("SELECT coalesce(max({}), 0) FROM {}", numbers.column, table.name)
            };
            Ok(connection.query_row(&sql, [], |row| row.get(0))?)
        })
        .await
    }

    async fn end(self: Box<Self>) -> Result<(), CopyError> {
        // Nobody could: the directory was locked.
        Ok(())
    }
}

fn read(connection: &Connection, table: &Table, batches: &Sender<Batch>) -> Result<(), Failure> {
    let sql = format!("SELECT {} FROM {} ORDER BY {}", table.column_names(), table.name, table.key);
    let mut select = connection.prepare(&sql)?;
    let mut found = select.query([])?;
    let width = table.columns.len();
    let mut batch = Batch::new(width);
    while let Some(row) = found.next()? {
        for index in 0..width {
            batch.push(match row.get_ref(index)? {
                ValueRef::Null => Field::Null,
                ValueRef::Integer(number) => Field::Number(number),
                text @ ValueRef::Text(_) => Field::Text(text.as_str()?),
                ValueRef::Blob(blob) => Field::Blob(blob),
                ValueRef::Real(_) => return Err(Failure::internal("a column has the wrong type: a fraction")),
            });
        }
        if batch.is_full() && batches.blocking_send(std::mem::replace(&mut batch, Batch::new(width))).is_err() {
            return Ok(());
        }
    }
    if !batch.is_empty() {
        // Whoever takes no more says why.
        let _ = batches.blocking_send(batch);
    }
    Ok(())
}

#[async_trait]
impl Target for End {
    async fn write(&mut self, table: &'static Table, mut batches: Receiver<Batch>) -> Result<(), StoreError> {
        self.with(move |connection| {
            let places = vec!["?"; table.columns.len()].join(", ");
            let sql = format!("INSERT INTO {} ({}) VALUES ({places})", table.name, table.column_names());
            let mut insert = connection.prepare(&sql)?;
            while let Some(batch) = batches.blocking_recv() {
                for row in batch.rows() {
                    insert.execute(params_from_iter(row.map(parameter)))?;
                }
            }
            Ok(())
        })
        .await
    }

    async fn go_on_after(
        &mut self,
        table: &'static Table,
        numbers: &'static Numbers,
        last: i64,
    ) -> Result<(), StoreError> {
        if !numbers.remembered {
            return Ok(());
        }
        self.with(move |connection| {
            connection.execute("DELETE FROM sqlite_sequence WHERE name = ?1", [table.name])?;
            if last > 0 {
                connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", (table.name, last))?;
            }
            Ok(())
        })
        .await
    }

    async fn count(&mut self, table: &'static Table) -> Result<u64, StoreError> {
        self.with(move |connection| count(connection, table)).await
    }

    async fn commit(self: Box<Self>) -> Result<(), CopyError> {
        let place = self.place.clone();
        self.with(move |connection| {
            connection.execute_batch("COMMIT")?;
            connection::write_ahead(connection, &place, &SqliteOptions::default())
        })
        .await?;
        Ok(())
    }
}

fn parameter(field: Field<'_>) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match field {
        Field::Null => ValueRef::Null,
        Field::Number(number) => ValueRef::Integer(number),
        Field::Text(text) => ValueRef::Text(text.as_bytes()),
        Field::Blob(blob) => ValueRef::Blob(blob),
    })
}
