//! Attached files: stored once, by their hash, beside the documents that name them.

use async_trait::async_trait;
use canonical::attachment::Attachment;

use super::StoreError;

/// What documents refer to and no message carries.
#[async_trait]
pub trait AttachmentStore: Send + Sync {
    /// Keeps attached files of a tenant, in one transaction; what is there already stays as it is.
    ///
    /// They are saved before an observation that names them is published, so that whoever reads the document finds them.
    async fn save_attachments(&self, tenant: &str, attachments: Vec<Attachment>) -> Result<(), StoreError>;

    /// The bytes of one attached file; `None` when the tenant has none of this hash.
    async fn attachment(&self, tenant: &str, hash: &str) -> Result<Option<Vec<u8>>, StoreError>;
}
