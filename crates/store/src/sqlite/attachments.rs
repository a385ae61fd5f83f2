//! Attached files on SQLite.

use async_trait::async_trait;
use canonical::attachment::Attachment;
use rusqlite::{OptionalExtension, params};

use super::SqliteStore;
use crate::{AttachmentStore, StoreError};

#[async_trait]
impl AttachmentStore for SqliteStore {
    async fn save_attachments(&self, tenant: &str, attachments: Vec<Attachment>) -> Result<(), StoreError> {
        if attachments.is_empty() {
            return Ok(());
        }
        let tenant = tenant.to_owned();
        self.core
            .write(self.fence.as_ref(), move |session| {
                let tenant = session.intern(&tenant)?;
                let mut insert = session.prepare(
                    "INSERT INTO attachments (tenant, hash, bytes) VALUES (?1, ?2, ?3) ON CONFLICT (tenant, hash) DO NOTHING",
                )?;
                for attachment in &attachments {
                    insert.execute(params![tenant, attachment.hash, attachment.bytes])?;
                }
                Ok(())
            })
            .await
    }

    async fn attachment(&self, tenant: &str, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (tenant, hash) = (tenant.to_owned(), hash.to_owned());
        self.core
            .read(move |session| {
                let Some(tenant) = session.id(&tenant)? else { return Ok(None) };
                let mut select = session.prepare("SELECT bytes FROM attachments WHERE tenant = ?1 AND hash = ?2")?;
                Ok(select.query_row(params![tenant, hash], |row| row.get(0)).optional()?)
            })
            .await
    }
}
