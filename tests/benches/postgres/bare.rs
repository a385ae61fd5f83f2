//! The floor: the rows that a load left behind, written once more into the same tables with the same indices.
//!
//! One connection, table after table, so many rows in one transaction: BEGIN, one prepared statement
//! `INSERT INTO … SELECT * FROM unnest(…)` with the rows as arrays (the technique of the store itself), COMMIT. Only that
//! is timed; the rows are read by another connection before. What a load wrote and took away again (its outbox, its calls)
//! and what it changed more than once (counters) is not written again.

use std::time::{Duration, Instant};

use passerelle_tests::measure::database::Database;
use passerelle_tests::measure::rows::{Column, Table, tables};
use passerelle_tests::measure::usage::Usage;
use tokio_postgres::Error;
use tokio_postgres::types::ToSql;

/// What the bare program did.
pub struct Rewrite {
    /// Rows that were written.
    pub rows: u64,
    /// How long the transactions took.
    pub time: Duration,
    /// Processor time of this program and the server for all of it, reading included.
    pub processors: Duration,
    /// What they wrote to the server's log.
    pub log_bytes: u64,
    /// Tables with columns of other types than numbers, text and bytes: leases, which no customer has a row in.
    pub left_out: Vec<String>,
}

/// Empties the tables of the second schema, and writes the rows of the first into them.
pub async fn rewrite(url: &str, (from, to): (&str, &str), rows_max: usize) -> Result<Rewrite, Error> {
    let (reading, writing) = (Database::connect(url).await?, Database::connect(url).await?);
    let before = writing.log_bytes().await?;
    let usage = Usage::of_all();
    let mut rewrite =
        Rewrite { rows: 0, time: Duration::ZERO, processors: Duration::ZERO, log_bytes: 0, left_out: Vec::new() };
    for table in tables(reading.client(), from).await? {
        if !table.is_plain() {
            rewrite.left_out.push(table.name);
            continue;
        }
        let (rows, time) = copy(&reading, &writing, (from, to), &table, rows_max).await?;
        rewrite.rows += rows;
        rewrite.time += time;
    }
    rewrite.processors = Usage::of_all().all_since(&usage);
    rewrite.log_bytes = writing.log_bytes().await? - before;
    Ok(rewrite)
}

async fn copy(
    reading: &Database,
    writing: &Database,
    (from, to): (&str, &str),
    table: &Table,
    rows_max: usize,
) -> Result<(u64, Duration), Error> {
    let (reading, writing, name) = (reading.client(), writing.client(), &table.name);
    writing.batch_execute(&format!("TRUNCATE {to}.{name}")).await?;
    let insert = table.prepare_insert(writing, to).await?;
    let cursor = format!("DECLARE rows NO SCROLL CURSOR FOR SELECT {} FROM {from}.{name}", table.listed());
    reading.batch_execute(&format!("BEGIN; {cursor}")).await?;
    let (mut count, mut time) = (0, Duration::ZERO);
    loop {
        let rows = reading.query(&format!("FETCH {rows_max} FROM rows"), &[]).await?;
        if rows.is_empty() {
            break;
        }
        let columns = table.read(&rows)?;
        let parameters: Vec<&(dyn ToSql + Sync)> = columns.iter().map(Column::parameter).collect();
        let begun = Instant::now();
        writing.batch_execute("BEGIN").await?;
        writing.execute(&insert, &parameters).await?;
        writing.batch_execute("COMMIT").await?;
        time += begun.elapsed();
        count += rows.len() as u64;
    }
    reading.batch_execute("COMMIT").await?;
    Ok((count, time))
}
