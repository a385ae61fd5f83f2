//! One transaction on a connection of the pool.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::SimpleQueryMessage;

use super::core::Core;
use super::failure::Failure;
use super::lease;
use super::pool::{Link, Pooled};
use crate::{Lease, StoreError};

/// How often a call does its work again when others came first.
pub(super) const TRIES_MAX: u32 = 8;

/// The number of a transaction, and since when the server runs that gave it: one that crashed gives the numbers of what
/// it lost to other transactions.
struct Number {
    number: String,
    since: String,
}

/// A transaction; dropping it changes nothing.
pub(super) struct Transaction {
    core: Arc<Core>,
    link: Pooled,
    /// What the server knows it by; nothing for one that only reads.
    number: Option<Number>,
    is_open: bool,
}

impl Transaction {
    /// Begins one that writes. Each of its statements sees what was committed before the statement began.
    pub async fn begin(core: &Arc<Core>) -> Result<Transaction, Failure> {
        let link = core.link().await?;
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED;
             SELECT pg_current_xact_id()::text, extract(epoch FROM pg_postmaster_start_time())::text";
        // Dropping it takes it back, also when nobody waits any more for the server's answer to the first statement.
        let mut transaction = Transaction { core: Arc::clone(core), link, number: None, is_open: true };
        let told = transaction.link.client().simple_query(begin).await;
        transaction.number = told?.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some(Number { number: row.get(0)?.to_owned(), since: row.get(1)?.to_owned() })
            }
            _ => None,
        });
        Ok(transaction)
    }

    /// Begins one that writes in the hands of a lease's holder.
    pub async fn begin_fenced(core: &Arc<Core>, fence: Option<&Lease>) -> Result<Transaction, Failure> {
        let transaction = Self::begin(core).await?;
        if let Some(lease) = fence {
            lease::check(&transaction, lease).await?;
        }
        Ok(transaction)
    }

    /// Begins one that reads, and sees one state of the store.
    pub async fn begin_read(core: &Arc<Core>) -> Result<Transaction, Failure> {
        let link = core.link().await?;
        let transaction = Transaction { core: Arc::clone(core), link, number: None, is_open: true };
        transaction.link.client().batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        Ok(transaction)
    }

    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Makes it durable.
    pub async fn commit(mut self) -> Result<(), Failure> {
        let committed = self.link.client().batch_execute("COMMIT").await.map_err(Failure::from);
        self.is_open = false;
        match committed {
            Err(failure) if failure.is_connection_lost() => match self.number.take() {
                Some(number) => self.settle(&number, failure).await,
                None => Err(failure),
            },
            committed => committed,
        }
    }

    /// Asks what became of a commit whose answer was lost.
    ///
    /// That it was carried out is believed of a server that has run all the time, only. After a crash it may be told of
    /// another transaction; then the caller does its work again, and finds what was done.
    async fn settle(&self, number: &Number, lost: Failure) -> Result<(), Failure> {
        let core = &self.core;
        let has_crashed = lost.is_crash();
        let told = lost.at(&core.place);
        tracing::info!(error = %told, "the connection was lost during a commit; asking what became of it");
        let give_up = Instant::now() + Duration::from_millis(core.options.settle_ms_max);
        let mut pause = Duration::from_millis(50);
        loop {
            match status(core, number).await {
                Ok(Status::Committed) if !has_crashed => return Ok(()),
                Ok(Status::Committed | Status::Aborted | Status::OfAnother) => return Err(told.into()),
                // A server that crashed does not know the numbers of what it lost, until it gives them again.
                Err(failure) if failure.is_wrong_argument() => return Err(told.into()),
                Ok(Status::Open) | Err(_) => {}
            }
            if Instant::now() >= give_up {
                return Err(StoreError::Unreachable(format!(
                    "{}: the connection was lost during a commit, and the server could not be asked what became of it",
                    core.place
                ))
                .into());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }
}

enum Status {
    Committed,
    Aborted,
    Open,
    /// The server was started since: the number may be another transaction's.
    OfAnother,
}

async fn status(core: &Arc<Core>, number: &Number) -> Result<Status, Failure> {
    // The pool may be full of calls that wait for the same server.
    let link = core.aside().await?;
    let sql = "SELECT pg_xact_status($1::text::xid8), extract(epoch FROM pg_postmaster_start_time())::text = $2";
    let row = link.query_one(sql, &[&number.number, &number.since]).await?;
    Ok(match row.get::<_, Option<&str>>(0) {
        _ if !row.get::<_, bool>(1) => Status::OfAnother,
        Some("committed") => Status::Committed,
        Some("in progress") => Status::Open,
        // Aborted, or so long ago that it can only be a server that was set back.
        _ => Status::Aborted,
    })
}

impl Deref for Transaction {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.link
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.is_open {
            self.link.send("ROLLBACK");
        }
    }
}

/// Does work in a transaction and commits it, again if others came first: `transaction!(store, |tx| work(&tx))`.
macro_rules! transaction {
    ($store:expr, |$transaction:ident| $work:expr) => {{
        let store: &$crate::postgres::PostgresStore = $store;
        let mut tries = 0;
        loop {
            let attempt = async {
                let $transaction =
                    $crate::postgres::transaction::Transaction::begin_fenced(&store.core, store.fence.as_ref()).await?;
                let value = $work.await?;
                $transaction.commit().await?;
                Ok::<_, $crate::postgres::failure::Failure>(value)
            };
            match attempt.await {
                Err(failure) if failure.is_conflict() && tries < $crate::postgres::transaction::TRIES_MAX => tries += 1,
                outcome => break outcome.map_err(|failure| failure.at(&store.core.place)),
            }
        }
    }};
}
pub(super) use transaction;
