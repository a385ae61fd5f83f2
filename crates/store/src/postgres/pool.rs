//! Connections that are used again, with the statements that they have prepared.

use std::collections::{HashMap, VecDeque};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::connect::Connector;
use super::failure::Failure;
use crate::StoreError;

/// A parameter of a statement.
pub(super) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// A connection.
pub(super) struct Link {
    client: Client,
    /// By the text of the statement: each is written once in the code.
    statements: Mutex<HashMap<&'static str, Statement>>,
}

impl Link {
    pub fn new(client: Client) -> Link {
        Link { client, statements: Mutex::default() }
    }

    pub fn is_lost(&self) -> bool {
        self.client.is_closed()
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    fn prepared(&self, sql: &str) -> Option<Statement> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned()
    }

    /// Prepares statements that are about to be sent together.
    ///
    /// Futures of prepared statements send when they are first polled: those that are joined travel in one go, and the
    /// server carries them out in their order.
    pub async fn prepare(&self, all: &[&'static str]) -> Result<(), Failure> {
        for sql in all {
            self.statement(sql).await?;
        }
        Ok(())
    }

    async fn statement(&self, sql: &'static str) -> Result<Statement, Failure> {
        if let Some(statement) = self.prepared(sql) {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).insert(sql, statement.clone());
        Ok(statement)
    }

    pub async fn query(&self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Failure> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query(&statement, parameters).await?)
    }

    pub async fn query_opt(&self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<Option<Row>, Failure> {
        Ok(self.query(sql, parameters).await?.into_iter().next())
    }

    pub async fn query_one(&self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<Row, Failure> {
        let row = self.query_opt(sql, parameters).await?;
        row.ok_or_else(|| Failure::internal("a statement that always has a row has none"))
    }

    /// The number of rows that were changed.
    pub async fn execute(&self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<u64, Failure> {
        let statement = self.statement(sql).await?;
        Ok(self.client.execute(&statement, parameters).await?)
    }

    /// Sends a statement whose answer nobody waits for; what is sent next is carried out after it.
    pub fn send(&self, sql: &str) {
        // Sending happens when the future is first polled, and the connection takes in the answer.
        let _ = self.client.batch_execute(sql).now_or_never();
    }
}

/// The connections for calls.
pub(super) struct Pool {
    connector: Arc<Connector>,
    idle: Mutex<VecDeque<Link>>,
    free: Arc<Semaphore>,
    wait: Duration,
    shown: String,
}

impl Pool {
    pub fn new(connector: Arc<Connector>, connections_max: usize, wait: Duration, shown: String) -> Arc<Pool> {
        let free = Arc::new(Semaphore::new(connections_max.max(2)));
        Arc::new(Pool { connector, idle: Mutex::default(), free, wait, shown })
    }

    /// A connection for as long as the answer lives.
    pub async fn take(self: &Arc<Self>) -> Result<Pooled, Failure> {
        let waiting = tokio::time::timeout(self.wait, Arc::clone(&self.free).acquire_owned());
        let Ok(Ok(permit)) = waiting.await else {
            let (place, waited) = (&self.shown, self.wait.as_millis());
            return Err(StoreError::Unreachable(format!(
                "{place}: no connection was free within {waited} ms; raise the store's connections_max, or look for what holds them"
            ))
            .into());
        };
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop_back();
        let link = loop {
            match idle() {
                Some(link) if link.is_lost() => {}
                Some(link) => break link,
                None => break Link::new(self.connector.connect(None).await?),
            }
        };
        Ok(Pooled { pool: Arc::clone(self), link: Some(link), _permit: permit })
    }
}

/// A connection that goes back to the pool.
pub(super) struct Pooled {
    pool: Arc<Pool>,
    /// Present until it is dropped.
    link: Option<Link>,
    _permit: OwnedSemaphorePermit,
}

impl Deref for Pooled {
    type Target = Link;

    fn deref(&self) -> &Link {
        match &self.link {
            Some(link) => link,
            None => unreachable!("a connection is used after it was given back"),
        }
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if let Some(link) = self.link.take().filter(|link| !link.is_lost()) {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push_back(link);
        }
    }
}
