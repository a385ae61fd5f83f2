//! All that a SQLite file holds, as lines to be compared.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value;

fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let mut select = connection.prepare(sql).unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// The tables with their columns, both in order; SQLite's own table of the last numbers is among them.
pub fn tables(file: &Path) -> Vec<(String, Vec<String>)> {
    let connection = Connection::open(file).unwrap();
    let names = texts(&connection, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    let names = names.into_iter().filter(|name| !name.starts_with("sqlite_stat"));
    let columns =
        |name: &str| texts(&connection, &format!("SELECT name FROM pragma_table_info('{name}') ORDER BY name"));
    names.map(|name| (name.clone(), columns(&name))).collect()
}

/// Every row of every table, one a line.
pub fn dump(file: &Path) -> Vec<String> {
    let connection = Connection::open(file).unwrap();
    let mut lines = Vec::new();
    for (name, columns) in tables(file) {
        let sql = format!("SELECT {} FROM {name}", columns.join(", "));
        let mut select = connection.prepare(&sql).unwrap();
        let mut found = select.query([]).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = found.next().unwrap() {
            let values: Vec<Value> = (0..columns.len()).map(|index| row.get(index).unwrap()).collect();
            rows.push(format!("{name} {values:?}"));
        }
        rows.sort_unstable();
        lines.extend(rows);
    }
    lines
}

/// The columns that no row has a value in: a copy of such a column proves nothing.
pub fn columns_without_a_value(file: &Path) -> Vec<String> {
    let connection = Connection::open(file).unwrap();
    let mut without = Vec::new();
    // What tells of the bus of a store stays behind.
    for (name, columns) in tables(file).into_iter().filter(|(name, _)| name != "installation") {
        for column in columns {
            let sql = format!("SELECT count(*) FROM {name} WHERE {column} IS NOT NULL");
            if connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap() == 0 {
                without.push(format!("{name}.{column}"));
            }
        }
    }
    without
}
