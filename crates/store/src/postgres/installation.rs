//! What is known of the bus, on PostgreSQL.

use async_trait::async_trait;

use super::PostgresStore;
use super::failure::Failure;
use super::rows::get;
use super::transaction::{Transaction, transaction};
use crate::{Installation, InstallationStep, InstallationStore, StoreError};

#[async_trait]
impl InstallationStore for PostgresStore {
    async fn installation(&self) -> Result<Installation, StoreError> {
        let reading = async {
            let link = self.core.link().await?;
            state(link.query_opt("SELECT state FROM installation WHERE id = 1", &[]).await?)
        };
        reading.await.map_err(|failure: Failure| failure.at(&self.core.place))
    }

    async fn take_step(&self, step: &InstallationStep) -> Result<Installation, StoreError> {
        transaction!(self, |tx| take_step(&tx, step))
    }
}

fn state(row: Option<tokio_postgres::Row>) -> Result<Installation, Failure> {
    let Some(row) = row else { return Ok(Installation::default()) };
    Ok(serde_json::from_str(get(&row, 0)?)?)
}

async fn take_step(tx: &Transaction, step: &InstallationStep) -> Result<Installation, Failure> {
    // Of two that find none, one waits for the other here.
    tx.execute("INSERT INTO installation (id, state) VALUES (1, '{}') ON CONFLICT (id) DO NOTHING", &[]).await?;
    let before = state(tx.query_opt("SELECT state FROM installation WHERE id = 1 FOR UPDATE", &[]).await?)?;
    if let InstallationStep::Close { kind, .. } = step
        && !fence_off(tx, kind).await?
    {
        return Ok(before);
    }
    let after = before.after(step);
    tx.execute("UPDATE installation SET state = $1 WHERE id = 1", &[&serde_json::to_string(&after)?]).await?;
    Ok(after)
}

/// Takes a kind of work away from all who ever had some of it; `false`, and nothing is changed, when somebody has.
async fn fence_off(tx: &Transaction, kind: &str) -> Result<bool, Failure> {
    // The lock waits for the transactions of whoever works under one of these leases.
    let hold =
        "SELECT until > clock_timestamp() FROM leases WHERE split_part(work, '/', 1) = $1 ORDER BY work FOR UPDATE";
    for row in &tx.query(hold, &[&kind]).await? {
        if get::<Option<bool>>(row, 0)?.unwrap_or_default() {
            return Ok(false);
        }
    }
    let fence = "UPDATE leases SET epoch = epoch + 1, worker = NULL, until = NULL WHERE split_part(work, '/', 1) = $1";
    tx.execute(fence, &[&kind]).await?;
    Ok(true)
}
