//! Resolve on PostgreSQL: beginning a resolution, the outbox, the backlogs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::core::Core;
use super::failure::Failure;
use super::resolution::PostgresResolution;
use super::transaction::transaction;
use super::{PostgresStore, backlog, outbox};
use crate::{BacklogRow, OutboxRow, Resolution, ResolveStore, StoreError};

#[async_trait]
impl ResolveStore for PostgresStore {
    async fn begin_resolve(&self, tenant: &str) -> Result<Box<dyn Resolution>, StoreError> {
        let resolution = PostgresResolution::begin(&self.core, self.fence.as_ref(), tenant).await;
        Ok(Box::new(resolution.map_err(|failure| failure.at(&self.core.place))?))
    }

    async fn mapping_covers(&self, version: &str) -> Result<Option<Arc<[String]>>, StoreError> {
        if let Some(covers) = self.core.covers.get(version) {
            return Ok(Some(covers));
        }
        let covers = mapping_covers(&self.core, version).await.map_err(|failure| failure.at(&self.core.place))?;
        if let Some(covers) = &covers {
            self.core.covers.insert(version.into(), Arc::clone(covers));
        }
        Ok(covers)
    }

    async fn outbox(&self, count_max: usize) -> Result<Vec<OutboxRow>, StoreError> {
        let core = &self.core;
        let read = async { outbox::read(core, &*core.link().await?, count_max).await };
        read.await.map_err(|failure: Failure| failure.at(&core.place))
    }

    async fn outbox_count(&self) -> Result<(u64, Option<Timestamp>), StoreError> {
        let core = &self.core;
        let read = async { outbox::count(&*core.link().await?).await };
        read.await.map_err(|failure: Failure| failure.at(&core.place))
    }

    async fn outbox_done(&self, rows: &[OutboxRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        transaction!(self, |tx| outbox::done(&self.core, &tx, rows))
    }

    async fn add_to_backlog(&self, system: &str, rows: &[OutboxRow]) -> Result<(), StoreError> {
        transaction!(self, |tx| backlog::add(&self.core, &tx, system, rows))
    }

    async fn backlog(&self, tenant: &str, system: &str, count_max: usize) -> Result<Vec<BacklogRow>, StoreError> {
        let core = &self.core;
        let read = async { backlog::read(core, &*core.link().await?, tenant, system, count_max).await };
        read.await.map_err(|failure: Failure| failure.at(&core.place))
    }

    async fn backlog_count(&self, tenant: &str, system: &str) -> Result<u64, StoreError> {
        let core = &self.core;
        let read = async { backlog::count(core, &*core.link().await?, tenant, system).await };
        read.await.map_err(|failure: Failure| failure.at(&core.place))
    }

    async fn backlog_done(&self, rows: &[BacklogRow]) -> Result<(), StoreError> {
        transaction!(self, |tx| backlog::done(&tx, rows))
    }

    async fn outbox_changed(&self) {
        // News can be lost with a connection; a look now and then finds what they would have told.
        let poll = Duration::from_millis(self.core.options.poll_ms);
        let _ = tokio::time::timeout(poll, self.core.outbox.notified()).await;
    }
}

async fn mapping_covers(core: &Core, version: &str) -> Result<Option<Arc<[String]>>, Failure> {
    let Some(version) = core.id(version).await? else { return Ok(None) };
    let sql = "SELECT covers FROM mapping_versions WHERE version = $1";
    let Some(row) = core.link().await?.query_opt(sql, &[&version]).await? else { return Ok(None) };
    let covers: Vec<String> = serde_json::from_str(super::rows::get(&row, 0)?)?;
    Ok(Some(Arc::from(covers)))
}
