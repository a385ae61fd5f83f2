//! Numbered migrations.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::failure::Failure;
use crate::StoreError;

/// Each file runs once, in its own transaction; `user_version` counts those that have run.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_the_house.sql"),
    include_str!("../../migrations/sqlite/0002_documents_of_a_customer.sql"),
    include_str!("../../migrations/sqlite/0003_parked_deliveries_release_themselves.sql"),
    include_str!("../../migrations/sqlite/0004_what_was_delivered_before.sql"),
    include_str!("../../migrations/sqlite/0005_a_backlog_per_system.sql"),
    include_str!("../../migrations/sqlite/0006_what_was_published.sql"),
    include_str!("../../migrations/sqlite/0007_attached_files.sql"),
    include_str!("../../migrations/sqlite/0008_tasks.sql"),
    include_str!("../../migrations/sqlite/0009_matching.sql"),
    include_str!("../../migrations/sqlite/0010_links.sql"),
];

/// `PSRL` in the file's header: what tells our file from any other SQLite database.
const APPLICATION_ID: i64 = 0x5053_524c;

/// The schema version that this binary knows.
fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// Brings a store to the schema of this binary; refuses a newer one and other people's databases.
pub(super) fn migrate(connection: &mut Connection, place: &Path) -> Result<(), Failure> {
    let mut at = version(connection, place)?;
    while at < known() {
        let migration = MIGRATIONS[at as usize];
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", at + 1)?;
        transaction.commit()?;
        at += 1;
    }
    Ok(())
}

/// Refuses a store that is not exactly at the schema of this binary.
pub(super) fn require_current(connection: &Connection, place: &Path) -> Result<(), Failure> {
    let found = version(connection, place)?;
    if found < known() {
        let known = known();
        return Err(StoreError::Unreachable(format!(
            "{} is at schema {found}, this passerelle uses {known}; start the hub once, it upgrades the store",
            place.display()
        ))
        .into());
    }
    Ok(())
}

/// The schema that the file is at; 0 for a new one. Refuses a newer one and other people's databases.
pub(super) fn version(connection: &Connection, place: &Path) -> Result<u32, Failure> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (tables > 0 || found > 0) {
        let place = place.display();
        let told = format!("{place} is a database of another program; configure another file");
        return Err(StoreError::Refused(told).into());
    }
    if found > known() {
        return Err(StoreError::Newer { place: place.display().to_string(), found, known: known() }.into());
    }
    Ok(found)
}
