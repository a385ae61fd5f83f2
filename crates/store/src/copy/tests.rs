use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::*;
use crate::sqlite::{SqliteOptions, SqliteStore};

/// A new store's file, read without the store.
fn schema() -> (tempfile::TempDir, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.sqlite");
    drop(SqliteStore::open(&file, SqliteOptions::default()).unwrap());
    let connection = Connection::open(&file).unwrap();
    (directory, connection)
}

fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let mut select = connection.prepare(sql).unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// That PostgreSQL has the same tables and columns is tested where there is a server.
#[test]
fn every_table_and_column_is_in_the_list() {
    let (_directory, connection) = schema();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let mut found: BTreeSet<String> = texts(&connection, sql).into_iter().collect();
    assert!(found.remove("installation"), "it belongs to one store and one bus");
    let listed: BTreeMap<String, &Table> = TABLES.iter().map(|table| (table.name.to_owned(), table)).collect();
    assert_eq!(listed.len(), TABLES.len(), "a table is listed twice");
    assert_eq!(listed.keys().cloned().collect::<BTreeSet<_>>(), found, "add the new table to copy/tables.rs");
    for (name, table) in listed {
        let columns = texts(&connection, &format!("SELECT name FROM pragma_table_info('{name}') ORDER BY name"));
        let mut listed: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        listed.sort_unstable();
        assert_eq!(listed, columns, "add the new column of {name} to copy/tables.rs");
        for column in table.columns {
            let sql = format!("SELECT type FROM pragma_table_info('{name}') WHERE name = '{}'", column.name);
            let expected = match column.kind {
                Kind::Number => "INTEGER",
                Kind::Text | Kind::Ours => "TEXT",
                Kind::Bytes => "BLOB",
            };
            assert_eq!(texts(&connection, &sql), [expected], "{name}.{}", column.name);
        }
        let key = texts(&connection, &format!("SELECT name FROM pragma_table_info('{name}') WHERE pk > 0 ORDER BY pk"));
        assert_eq!(table.key, key.join(", "), "the key of {name}");
        let sql = format!("SELECT sql FROM sqlite_schema WHERE name = '{name}'");
        let is_remembered = texts(&connection, &sql)[0].contains("AUTOINCREMENT");
        assert_eq!(table.numbers.as_ref().is_some_and(|numbers| numbers.remembered), is_remembered, "{name}");
    }
}

#[test]
fn a_batch_gives_back_what_it_was_given() {
    let rows = [
        [Field::Number(-1), Field::Text("é\0"), Field::Null],
        [Field::Null, Field::Text(""), Field::Blob(b"\0\xff")],
        [Field::Blob(b""), Field::Number(i64::MAX), Field::Text("z")],
    ];
    let mut batch = Batch::new(3);
    assert!(batch.is_empty());
    rows.iter().flatten().for_each(|field| batch.push(*field));
    assert_eq!((batch.len(), batch.is_full()), (3, false));
    let back: Vec<Vec<Field<'_>>> = batch.rows().map(Iterator::collect).collect();
    assert_eq!(back, rows);
}

#[test]
fn a_batch_is_bounded_by_rows_and_by_bytes() {
    let mut many = Batch::new(2);
    while !many.is_full() {
        many.push(Field::Null);
    }
    assert_eq!(many.len(), 5_000);
    let mut large = Batch::new(1);
    let megabyte = vec![7; 1 << 20];
    while !large.is_full() {
        large.push(Field::Blob(&megabyte));
    }
    assert_eq!(large.len(), 4);
}
