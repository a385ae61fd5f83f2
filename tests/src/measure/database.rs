//! What PostgreSQL counts of itself.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_postgres::{Client, NoTls};

/// How long the sessions of a hub that has stopped may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that only looks.
pub struct Database(Client);

/// Rows of one table that were written since the table was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The table.
    pub table: String,
    /// Rows inserted.
    pub inserted: u64,
    /// Rows updated.
    pub updated: u64,
    /// Rows deleted.
    pub deleted: u64,
}

/// What one statement took.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Its text, without line ends.
    pub text: String,
    /// How often it was carried out.
    pub calls: u64,
    /// Rows that it wrote or gave back.
    pub rows: u64,
    /// How long the server took for it.
    pub time: Duration,
}

impl Database {
    /// Connects.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn connect(url: &str) -> Result<Self, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        // It ends with the client; whoever waits for an answer hears of a lost connection.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Database(client))
    }

    /// The connection itself.
    pub fn client(&self) -> &Client {
        &self.0
    }

    /// One whole number.
    ///
    /// # Errors
    /// What the server answers; also when there is no row.
    pub async fn number(&self, sql: &str) -> Result<u64, tokio_postgres::Error> {
        let row = self.0.query_one(sql, &[]).await?;
        Ok(row.try_get::<_, Option<i64>>(0)?.unwrap_or_default().cast_unsigned())
    }

    /// Waits until nobody else is connected, so that what sessions counted is in the server's tables. Bounded.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn wait_until_alone(&self) -> Result<(), tokio_postgres::Error> {
        let others = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        let begun = Instant::now();
        while self.number(others).await? > 0 && begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// How many bytes were ever written to the server's log.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn log_bytes(&self) -> Result<u64, tokio_postgres::Error> {
        self.number("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint").await
    }

    /// Transactions that were committed in this database.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn commits(&self) -> Result<u64, tokio_postgres::Error> {
        self.number("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()").await
    }

    /// The rows that were written, table by table; tables that nobody wrote to are left out.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn written(&self, schema: &str) -> Result<Vec<Written>, tokio_postgres::Error> {
        let sql = "SELECT relname::text, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables
             WHERE schemaname = $1 AND n_tup_ins + n_tup_upd + n_tup_del > 0 ORDER BY relname";
        let of = |row: &tokio_postgres::Row, at: usize| Ok(row.try_get::<_, i64>(at)?.cast_unsigned());
        let written = |row| {
            Ok(Written { table: row_text(row)?, inserted: of(row, 1)?, updated: of(row, 2)?, deleted: of(row, 3)? })
        };
        self.0.query(sql, &[&schema]).await?.iter().map(written).collect()
    }

    /// The statements that took the server longest, of a server that counts them.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn statements(&self, count_max: i64) -> Result<Vec<Statement>, tokio_postgres::Error> {
        let sql =
            "SELECT regexp_replace(query, '\\s+', ' ', 'g'), calls, rows, total_exec_time FROM pg_stat_statements s
             JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database()
             ORDER BY total_exec_time DESC LIMIT $1";
        let statement = |row: &tokio_postgres::Row| {
            Ok(Statement {
                text: row_text(row)?,
                calls: row.try_get::<_, i64>(1)?.cast_unsigned(),
                rows: row.try_get::<_, i64>(2)?.cast_unsigned(),
                time: Duration::from_secs_f64(row.try_get::<_, f64>(3)?.max(0.0) / 1000.0),
            })
        };
        self.0.query(sql, &[&count_max]).await?.iter().map(statement).collect()
    }

    /// How often the server was told something, by all statements together.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn statement_calls(&self) -> Result<u64, tokio_postgres::Error> {
        let sql = "SELECT sum(calls)::bigint FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
             WHERE d.datname = current_database()";
        self.number(sql).await
    }
}

fn row_text(row: &tokio_postgres::Row) -> Result<String, tokio_postgres::Error> {
    row.try_get(0)
}

/// The rows for each of `count` things, table by table and in all.
pub fn rows_for_each(written: &[Written], count: u64) -> Value {
    let each = |rows: u64| super::per(rows, count);
    let tables: serde_json::Map<String, Value> = written
        .iter()
        .map(|one| {
            let told =
                json!({"inserted": each(one.inserted), "updated": each(one.updated), "deleted": each(one.deleted)});
            (one.table.clone(), told)
        })
        .collect();
    let all = |of: fn(&Written) -> u64| each(written.iter().map(of).sum());
    json!({
        "inserted": all(|one| one.inserted), "updated": all(|one| one.updated), "deleted": all(|one| one.deleted),
        "by_table": tables,
    })
}

/// Statements as lines of results: how often for a thousand things, and how long for all.
pub fn statements_for_each(statements: &[Statement], count: u64) -> Vec<Value> {
    let told = |one: &Statement| {
        let text: String = one.text.chars().take(100).collect();
        let (calls, rows) = (super::per(one.calls * 1_000, count), super::per(one.rows, one.calls));
        json!({"calls_per_thousand": calls, "rows_per_call": rows, "seconds": super::seconds(one.time), "statement": text})
    };
    statements.iter().map(told).collect()
}
