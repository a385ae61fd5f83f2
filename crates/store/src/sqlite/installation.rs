//! What is known of the bus, on SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::SqliteStore;
use super::dictionary::Session;
use super::failure::Failure;
use crate::{Installation, InstallationStep, InstallationStore, StoreError};

#[async_trait]
impl InstallationStore for SqliteStore {
    async fn installation(&self) -> Result<Installation, StoreError> {
        self.core.read(read).await
    }

    async fn take_step(&self, step: &InstallationStep) -> Result<Installation, StoreError> {
        let (core, step) = (Arc::clone(&self.core), step.clone());
        let work = move |session: &Session<'_>| {
            let before = read(session)?;
            // Whoever works under a lease writes by this very connection, so nobody is in the middle of anything.
            if let InstallationStep::Close { kind, .. } = &step
                && !core.leases.fence_off(kind)
            {
                return Ok(before);
            }
            let after = before.after(&step);
            session
                .prepare(
                    "INSERT INTO installation (id, state) VALUES (1, ?1)
                     ON CONFLICT (id) DO UPDATE SET state = excluded.state",
                )?
                .execute(params![serde_json::to_string(&after)?])?;
            Ok(after)
        };
        self.core.write(self.fence.as_ref(), work).await
    }
}

fn read(session: &Session<'_>) -> Result<Installation, Failure> {
    let mut select = session.prepare("SELECT state FROM installation WHERE id = 1")?;
    let state: Option<String> = select.query_row([], |row| row.get(0)).optional()?;
    Ok(state.map(|state| serde_json::from_str(&state)).transpose()?.unwrap_or_default())
}
