//! The store on PostgreSQL as the source or the target of a copy.

use std::io::Cursor;
use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{SinkExt, TryStreamExt};
use tokio::sync::mpsc::{Receiver, Sender};
use tokio_postgres::Row;

use super::core::Core;
use super::failure::Failure;
use super::transaction::Transaction;
use super::{PostgresOptions, listen, migrate, text};
use crate::StoreError;
use crate::copy::{Batch, CopyError, Field, Kind, Numbers, Source, TABLES, Table, Target, WORDS};

/// For this transaction: a table may take long, the other end may be slow, and what reads all of a table may walk over it.
const PATIENT: &str = "SET LOCAL statement_timeout TO 0; SET LOCAL idle_in_transaction_session_timeout TO 0; \
                       SET LOCAL enable_seqscan TO on";

/// One end of a copy.
pub(super) struct End {
    transaction: Transaction,
}

impl End {
    /// A store to be read.
    pub async fn source(url: &str, options: &PostgresOptions) -> Result<Box<dyn Source>, CopyError> {
        let core = Core::new(url, options.clone())?;
        let beginning = async {
            migrate::require_current(&core).await?;
            let transaction = Transaction::begin_read(&core).await?;
            transaction.client().batch_execute(PATIENT).await?;
            let is_alone = is_alone(&core, &transaction).await?;
            Ok((End { transaction }, is_alone))
        };
        match beginning.await.map_err(|failure: Failure| failure.at(&core.place))? {
            (end, true) => Ok(Box::new(end)),
            (_, false) => Err(CopyError::InUse { place: core.place.clone() }),
        }
    }

    /// A store to be filled.
    pub async fn target(url: &str, options: &PostgresOptions) -> Result<Box<dyn Target>, CopyError> {
        let core = Core::new(url, options.clone())?;
        core.check_server().await?;
        let at = |failure: Failure| failure.at(&core.place);
        // Asked first, so that nothing is made where somebody works.
        let asked = Transaction::begin(&core).await.map_err(at)?;
        if !is_alone(&core, &asked).await.map_err(at)? {
            return Err(CopyError::InUse { place: core.place.clone() });
        }
        // Given back in time: the migration takes the same lock.
        asked.commit().await.map_err(at)?;
        migrate::make(&core).await.map_err(at)?;
        let transaction = Transaction::begin(&core).await.map_err(at)?;
        transaction.client().batch_execute(PATIENT).await.map_err(|error| at(error.into()))?;
        if !is_alone(&core, &transaction).await.map_err(at)? {
            return Err(CopyError::InUse { place: core.place.clone() });
        }
        match first_with_rows(&transaction).await.map_err(at)? {
            Some(table) => Err(CopyError::NotEmpty { place: core.place.clone(), table }),
            None => Ok(Box::new(End { transaction })),
        }
    }

    fn at(&self, failure: impl Into<Failure>) -> StoreError {
        failure.into().at(&self.transaction.core().place)
    }

    async fn number(&self, sql: &str) -> Result<i64, StoreError> {
        let row = self.transaction.client().query_one(sql, &[]).await.map_err(|error| self.at(error))?;
        row.try_get(0).map_err(|error| self.at(error))
    }

    async fn rows(&self, table: &Table) -> Result<u64, StoreError> {
        Ok(self.number(&format!("SELECT count(*) FROM {}", table.name)).await?.cast_unsigned())
    }

    /// Nobody opened the store since it was begun.
    async fn is_still_alone(&self) -> Result<(), CopyError> {
        let core = self.transaction.core();
        match listen::is_hub_running(core).await.map_err(|failure| failure.at(&core.place))? {
            true => Err(CopyError::InUse { place: core.place.clone() }),
            false => Ok(()),
        }
    }
}

/// Whether no hub has the store open. Until the end of the transaction none will: who opens it waits for the lock under
/// which stores are upgraded.
async fn is_alone(core: &Arc<Core>, transaction: &Transaction) -> Result<bool, Failure> {
    let row = transaction.query_one("SELECT pg_try_advisory_xact_lock($1)", &[&migrate::turn(core)]).await?;
    Ok(row.get(0) && !listen::is_hub_running(core).await?)
}

/// The first table that has rows. Afterwards nobody else writes any, and the first words are gone.
async fn first_with_rows(transaction: &Transaction) -> Result<Option<&'static str>, Failure> {
    let client = transaction.client();
    let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    client.batch_execute(&format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", names.join(", "))).await?;
    for table in TABLES {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE NOT ({}))", table.name, table.rows_of_its_own());
        if client.query_one(&sql, &[]).await?.try_get(0)? {
            return Ok(Some(table.name));
        }
    }
    // The words of the source take their place, these among them.
    client.batch_execute(&format!("DELETE FROM {WORDS}")).await?;
    Ok(None)
}

/// How the server is told of the sequence that gives out numbers.
fn sequence(table: &Table, numbers: &Numbers) -> String {
    match numbers.sequence {
        Some(named) => format!("'{named}'::regclass"),
        None => format!("pg_get_serial_sequence('{}', '{}')::regclass", table.name, numbers.column),
    }
}

#[async_trait]
impl Source for End {
    async fn count(&mut self, table: &'static Table) -> Result<u64, StoreError> {
        self.rows(table).await
    }

    async fn read(&mut self, table: &'static Table, batches: Sender<Batch>) -> Result<(), StoreError> {
        read(&self.transaction, table, &batches).await.map_err(|failure| self.at(failure))
    }

    async fn last_number(&mut self, table: &'static Table, numbers: &'static Numbers) -> Result<i64, StoreError> {
        let (given, column, name) = (sequence(table, numbers), numbers.column, table.name);
        self.number(&format!(
            "SELECT greatest(coalesce(pg_sequence_last_value({given}), 0), (SELECT coalesce(max({column}), 0) FROM {name}))"
        ))
        .await
    }

    async fn end(self: Box<Self>) -> Result<(), CopyError> {
        self.is_still_alone().await
    }
}

async fn read(transaction: &Transaction, table: &Table, batches: &Sender<Batch>) -> Result<(), Failure> {
    let sql = format!("SELECT {} FROM {} ORDER BY {}", table.column_names(), table.name, table.key);
    // The driver takes in no more than it is asked for.
    let mut rows = pin!(transaction.client().query_raw(&sql, std::iter::empty::<i64>()).await?);
    let width = table.columns.len();
    let mut batch = Batch::new(width);
    while let Some(row) = rows.try_next().await? {
        push(&mut batch, table, &row)?;
        if batch.is_full() && batches.send(std::mem::replace(&mut batch, Batch::new(width))).await.is_err() {
            return Ok(());
        }
    }
    if !batch.is_empty() {
        // Whoever takes no more says why.
        let _ = batches.send(batch).await;
    }
    Ok(())
}

fn push(batch: &mut Batch, table: &Table, row: &Row) -> Result<(), Failure> {
    for (index, column) in table.columns.iter().enumerate() {
        match column.kind {
            Kind::Number => batch.push(row.try_get::<_, Option<i64>>(index)?.map_or(Field::Null, Field::Number)),
            Kind::Bytes => batch.push(row.try_get::<_, Option<&[u8]>>(index)?.map_or(Field::Null, Field::Blob)),
            Kind::Ours => batch.push(row.try_get::<_, Option<&str>>(index)?.map_or(Field::Null, Field::Text)),
            Kind::Text => match row.try_get::<_, Option<&str>>(index)?.map(text::told_of) {
                Some(text) => batch.push(Field::Text(&text)),
                None => batch.push(Field::Null),
            },
        }
    }
    Ok(())
}

#[async_trait]
impl Target for End {
    async fn write(&mut self, table: &'static Table, batches: Receiver<Batch>) -> Result<(), StoreError> {
        write(&self.transaction, table, batches).await.map_err(|failure| self.at(failure))
    }

    async fn go_on_after(
        &mut self,
        table: &'static Table,
        numbers: &'static Numbers,
        last: i64,
    ) -> Result<(), StoreError> {
        if last > 0 {
            // Not taken back when the copy fails; then the empty store only begins with higher numbers.
            self.number(&format!("SELECT setval({}, {last})", sequence(table, numbers))).await?;
        }
        Ok(())
    }

    async fn count(&mut self, table: &'static Table) -> Result<u64, StoreError> {
        self.rows(table).await
    }

    async fn commit(self: Box<Self>) -> Result<(), CopyError> {
        self.is_still_alone().await?;
        let core = Arc::clone(self.transaction.core());
        Ok(self.transaction.commit().await.map_err(|failure| failure.at(&core.place))?)
    }
}

/// How rows in the binary format of COPY begin: the signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// How they end: a row with -1 columns.
const TRAILER: &[u8] = &(-1_i16).to_be_bytes();

async fn write(transaction: &Transaction, table: &Table, mut batches: Receiver<Batch>) -> Result<(), Failure> {
    let sql = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table.name, table.column_names());
    let mut sink = pin!(transaction.client().copy_in::<_, Cursor<Vec<u8>>>(&sql).await?);
    sink.send(Cursor::new(HEADER.to_vec())).await?;
    while let Some(batch) = batches.recv().await {
        sink.send(Cursor::new(encoded(table, &batch)?)).await?;
    }
    sink.send(Cursor::new(TRAILER.to_vec())).await?;
    sink.finish().await?;
    Ok(())
}

/// Rows as COPY takes them: the count of the columns, and of each its length and its bytes (the manual's page on COPY,
/// under "Binary Format").
fn encoded(table: &Table, batch: &Batch) -> Result<Vec<u8>, Failure> {
    let width = i16::try_from(table.columns.len()).map_err(|_| Failure::internal("a table has too many columns"))?;
    let fields = table.columns.len() * 12 + 2;
    let mut bytes = Vec::with_capacity(batch.bytes() + batch.len() * fields);
    for row in batch.rows() {
        bytes.extend_from_slice(&width.to_be_bytes());
        for (field, column) in row.zip(table.columns) {
            match field {
                Field::Null => bytes.extend_from_slice(&(-1_i32).to_be_bytes()),
                Field::Number(number) => sized(&mut bytes, &number.to_be_bytes())?,
                Field::Text(text) if column.kind == Kind::Text => sized(&mut bytes, text::kept(text).as_bytes())?,
                Field::Text(text) => sized(&mut bytes, text.as_bytes())?,
                Field::Blob(blob) => sized(&mut bytes, blob)?,
            }
        }
    }
    Ok(bytes)
}

fn sized(bytes: &mut Vec<u8>, value: &[u8]) -> Result<(), Failure> {
    let length = i32::try_from(value.len())
        .map_err(|_| Failure::internal("a value has more than 2 GiB, which PostgreSQL does not take"))?;
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(value);
    Ok(())
}
