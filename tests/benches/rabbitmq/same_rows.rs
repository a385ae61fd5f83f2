//! The rows that the hub wrote, in the batches in which the bare program writes them once more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use passerelle_tests::measure::database::Database;
use passerelle_tests::measure::rows::{Column, Table, tables};
use store::postgres::PostgresOptions;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use super::Shape;

/// What resolve leaves behind of each customer, in the order in which it does.
const RESOLVED: [(&str, &str); 6] = [
    ("sources", "ORDER BY id"),
    ("crosswalk", "WHERE system <> LEDGER ORDER BY id"),
    ("match_keys", "ORDER BY master"),
    ("journal", "WHERE system <> LEDGER ORDER BY number"),
    ("search_texts", "ORDER BY master"),
    ("masters", "ORDER BY master"),
];

/// What deliver leaves behind.
const DELIVERED: [(&str, &str); 2] =
    [("crosswalk", "WHERE system = LEDGER ORDER BY id"), ("journal", "WHERE system = LEDGER ORDER BY number")];

/// The rows of one message, table by table.
type Batch = Vec<Vec<Column>>;

/// Rows that wait for being written, shared by those who write them.
#[derive(Clone)]
pub struct Kept {
    tables: Arc<[Table]>,
    batches: Arc<Mutex<VecDeque<Batch>>>,
}

/// The rows of a finished run of the hub.
pub struct SameRows {
    /// For those who resolve.
    pub resolved: Kept,
    /// For the one who delivers.
    pub delivered: Kept,
}

impl SameRows {
    /// Reads what the hub left behind in its database.
    pub async fn read(url: &str, shape: &Shape) -> Result<Self, Error> {
        let database = Database::connect(url).await?;
        Ok(SameRows {
            resolved: Kept::read(database.client(), &RESOLVED, shape.observed.events_per_message).await?,
            delivered: Kept::read(database.client(), &DELIVERED, shape.delivery.events_per_message).await?,
        })
    }
}

impl Kept {
    async fn read(client: &Client, wanted: &[(&str, &str)], events_per_message: u64) -> Result<Self, Error> {
        let schema = PostgresOptions::default().schema;
        let ledger = format!("(SELECT id FROM {schema}.words WHERE text = 'ledger')");
        let known = tables(client, &schema).await?;
        let mut batches: VecDeque<Batch> = VecDeque::new();
        let mut kept = Vec::new();
        for (name, which) in wanted {
            let table = known.iter().find(|table| table.name == *name).expect("a table of the store").clone();
            let sql = format!("SELECT {} FROM {schema}.{name} {}", table.listed(), which.replace("LEDGER", &ledger));
            let rows = client.query(&sql, &[]).await?;
            let size = usize::try_from(events_per_message).unwrap();
            for (at, rows) in rows.chunks(size).enumerate() {
                if at == batches.len() {
                    batches.push_back(Batch::new());
                }
                batches[at].push(table.read(rows)?);
            }
            kept.push(table);
        }
        Ok(Kept { tables: kept.into(), batches: Arc::new(Mutex::new(batches)) })
    }

    /// The statements that write rows, one for each table.
    pub async fn prepare(&self, client: &Client) -> Result<Vec<Statement>, Error> {
        let schema = PostgresOptions::default().schema;
        let mut statements = Vec::new();
        for table in self.tables.iter() {
            statements.push(table.prepare_insert(client, &schema).await?);
        }
        Ok(statements)
    }

    /// The rows of so many messages; fewer when there are no more.
    pub fn take(&self, messages: u64) -> Vec<Batch> {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let count = batches.len().min(usize::try_from(messages).unwrap());
        batches.drain(..count).collect()
    }
}

/// Writes rows of a transaction, all statements in one go; returns how many rows.
pub async fn write(client: &Client, statements: &[Statement], batches: &[Batch]) -> Result<u64, Error> {
    let tables = batches.iter().flat_map(|batch| statements.iter().zip(batch));
    let written = tables.map(|(statement, columns)| async move {
        let parameters: Vec<&(dyn ToSql + Sync)> = columns.iter().map(Column::parameter).collect();
        client.execute(statement, &parameters).await
    });
    Ok(futures::future::try_join_all(written).await?.into_iter().sum())
}
