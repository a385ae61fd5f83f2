//! Rows of any table, read as columns and written again as arrays: `INSERT INTO … SELECT * FROM unnest(…)`, the technique
//! of the store itself.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

/// One column of some rows.
#[derive(Debug)]
pub enum Column {
    /// `bigint`.
    Numbers(Vec<Option<i64>>),
    /// `text`.
    Texts(Vec<Option<String>>),
    /// `bytea`.
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Column {
    fn read(kind: &str, rows: &[Row], at: usize) -> Result<Self, Error> {
        let rows = rows.iter();
        Ok(match kind {
            "bigint" => Column::Numbers(rows.map(|row| row.try_get(at)).collect::<Result<_, _>>()?),
            "bytea" => Column::Bytes(rows.map(|row| row.try_get(at)).collect::<Result<_, _>>()?),
            _ => Column::Texts(rows.map(|row| row.try_get(at)).collect::<Result<_, _>>()?),
        })
    }

    /// As the parameter of a statement.
    pub fn parameter(&self) -> &(dyn ToSql + Sync) {
        match self {
            Column::Numbers(values) => values,
            Column::Texts(values) => values,
            Column::Bytes(values) => values,
        }
    }
}

/// The types that a [`Column`] can have.
const KINDS: [&str; 3] = ["bigint", "text", "bytea"];

/// A table and its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name, without the schema.
    pub name: String,
    /// Name and type of each column.
    columns: Vec<(String, String)>,
}

/// The tables of a schema.
///
/// # Errors
/// What the server answers.
pub async fn tables(client: &Client, schema: &str) -> Result<Vec<Table>, Error> {
    let sql = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE n.nspname = $1 AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum";
    let mut tables: Vec<Table> = Vec::new();
    for row in client.query(sql, &[&schema]).await? {
        let (name, column): (String, (String, String)) = (row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?));
        match tables.last_mut().filter(|last| last.name == name) {
            Some(last) => last.columns.push(column),
            None => tables.push(Table { name, columns: vec![column] }),
        }
    }
    Ok(tables)
}

impl Table {
    /// Whether all its columns are numbers, text or bytes.
    pub fn is_plain(&self) -> bool {
        self.columns.iter().all(|(_, kind)| KINDS.contains(&kind.as_str()))
    }

    /// The columns, for a statement.
    pub fn listed(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        names.join(", ")
    }

    /// Prepares the statement that writes rows; its parameters are the columns.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn prepare_insert(&self, client: &Client, schema: &str) -> Result<Statement, Error> {
        let kinds = self.columns.iter().enumerate();
        let arrays: Vec<String> = kinds.map(|(at, (_, kind))| format!("${}::{kind}[]", at + 1)).collect();
        let (name, listed) = (&self.name, self.listed());
        client
            .prepare(&format!("INSERT INTO {schema}.{name} ({listed}) SELECT * FROM unnest({})", arrays.join(", ")))
            .await
    }

    /// Rows that were selected with the columns as [listed](Self::listed).
    ///
    /// # Errors
    /// When a column has another type.
    pub fn read(&self, rows: &[Row]) -> Result<Vec<Column>, Error> {
        self.columns.iter().enumerate().map(|(at, (_, kind))| Column::read(kind, rows, at)).collect()
    }
}
