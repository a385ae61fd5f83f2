//! Numbered migrations.

use std::sync::Arc;

use super::core::Core;
use super::failure::Failure;
use super::locks;
use super::transaction::Transaction;
use crate::StoreError;

/// Each file runs once, all that are missing in one transaction; `schema_version` counts those that have run.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/postgres/0001_the_house.sql"),
    include_str!("../../migrations/postgres/0002_leases.sql"),
    include_str!("../../migrations/postgres/0003_what_was_published.sql"),
    include_str!("../../migrations/postgres/0004_attached_files.sql"),
    include_str!("../../migrations/postgres/0005_tasks.sql"),
    include_str!("../../migrations/postgres/0006_matching.sql"),
    include_str!("../../migrations/postgres/0007_links.sql"),
];

/// The schema version that this binary knows.
fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// Brings a store to the schema of this binary; refuses a newer one and other people's tables. Of several hubs that
/// start at once, one does it.
pub(super) async fn migrate(core: &Arc<Core>) -> Result<(), Failure> {
    let transaction = Transaction::begin(core).await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&turn(core)]).await?;
    let found = version(core, &transaction).await?;
    if found == Some(known()) {
        return Ok(());
    }
    let client = transaction.client();
    if found.is_none() {
        let schema = &core.options.schema;
        if !has_schema(core, &transaction).await? {
            client.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
        }
        client
            .batch_execute(
                "CREATE TABLE schema_version (version BIGINT NOT NULL); INSERT INTO schema_version VALUES (0)",
            )
            .await?;
    }
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(found.unwrap_or_default() as usize) {
        client.batch_execute(migration).await?;
        client.batch_execute(&format!("UPDATE schema_version SET version = {}", index + 1)).await?;
    }
    transaction.commit().await
}

/// The lock that whoever opens the store as a hub holds for a moment.
pub(super) fn turn(core: &Core) -> i64 {
    locks::number(&core.options.schema, 0, &["migrate"])
}

/// Makes a store where there is none; refuses one of another version.
pub(super) async fn make(core: &Arc<Core>) -> Result<(), Failure> {
    let asked = Transaction::begin_read(core).await?;
    let found = version(core, &asked).await?;
    drop(asked);
    match found {
        None => migrate(core).await,
        Some(_) => require_current(core).await,
    }
}

/// Refuses a store that is not exactly at the schema of this binary.
pub(super) async fn require_current(core: &Arc<Core>) -> Result<(), Failure> {
    let transaction = Transaction::begin_read(core).await?;
    let found = version(core, &transaction).await?.unwrap_or_default();
    if found < known() {
        return Err(StoreError::Unreachable(format!(
            "{} is at schema {found}, this passerelle uses {}; start the hub once, it upgrades the store",
            core.place,
            known()
        ))
        .into());
    }
    Ok(())
}

async fn has_schema(core: &Core, transaction: &Transaction) -> Result<bool, Failure> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1::text)";
    Ok(transaction.query_one(sql, &[&core.options.schema]).await?.get(0))
}

/// The schema version that the store is at; `None` when there is no store. Refuses a newer one and other people's tables.
async fn version(core: &Core, transaction: &Transaction) -> Result<Option<u32>, Failure> {
    let sql = "SELECT count(*), count(*) FILTER (WHERE c.relname = 'schema_version') FROM pg_class c
               JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p', 'v')";
    let row = transaction.query_one(sql, &[&core.options.schema]).await?;
    let (tables, ours): (i64, i64) = (row.get(0), row.get(1));
    if ours == 0 {
        if tables > 0 {
            return Err(StoreError::Refused(format!(
                "the schema {} of {} belongs to another program; configure another schema",
                core.options.schema, core.place
            ))
            .into());
        }
        return Ok(None);
    }
    // Not prepared: the table may have just been made.
    let row = transaction.client().query_one("SELECT version FROM schema_version", &[]).await?;
    let found = u32::try_from(row.get::<_, i64>(0)).unwrap_or_default();
    if found > known() {
        return Err(StoreError::Newer { place: core.place.clone(), found, known: known() }.into());
    }
    Ok(Some(found))
}
