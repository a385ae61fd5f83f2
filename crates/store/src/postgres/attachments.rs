//! Attached files on PostgreSQL.

use async_trait::async_trait;
use canonical::attachment::Attachment;

use super::PostgresStore;
use super::core::Core;
use super::failure::Failure;
use super::rows::get;
use super::transaction::{Transaction, transaction};
use crate::{AttachmentStore, StoreError};

#[async_trait]
impl AttachmentStore for PostgresStore {
    async fn save_attachments(&self, tenant: &str, attachments: Vec<Attachment>) -> Result<(), StoreError> {
        if attachments.is_empty() {
            return Ok(());
        }
        // In one order, so that no two transactions wait for each other.
        let mut attachments = attachments;
        attachments.sort_unstable_by(|a, b| a.hash.cmp(&b.hash));
        transaction!(self, |tx| save(&tx, tenant, &attachments))
    }

    async fn attachment(&self, tenant: &str, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        find(&self.core, tenant, hash).await.map_err(|failure| failure.at(&self.core.place))
    }
}

async fn save(tx: &Transaction, tenant: &str, attachments: &[Attachment]) -> Result<(), Failure> {
    let tenant = tx.core().intern_one(tenant).await?;
    let sql = "INSERT INTO attachments (tenant, hash, bytes) VALUES ($1, $2, $3) ON CONFLICT (tenant, hash) DO NOTHING";
    for attachment in attachments {
        tx.execute(sql, &[&tenant, &attachment.hash, &attachment.bytes]).await?;
    }
    Ok(())
}

async fn find(core: &Core, tenant: &str, hash: &str) -> Result<Option<Vec<u8>>, Failure> {
    let tenant = core.intern_one(tenant).await?;
    let link = core.link().await?;
    let sql = "SELECT bytes FROM attachments WHERE tenant = $1 AND hash = $2";
    link.query_opt(sql, &[&tenant, &hash]).await?.map(|row| get(&row, 0)).transpose()
}
