//! Attached files: stored once, by their hash, beside the documents that name them.

use async_trait::async_trait;

use super::StoreError;

/// The bytes of one attached file.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// What documents call it: the BLAKE3 hash of the bytes in 64 lower-case hexadecimal digits.
    pub hash: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Shows how many bytes there are, never which.
impl std::fmt::Debug for Attachment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Attachment").field("hash", &self.hash).field("bytes", &self.bytes.len()).finish()
    }
}

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
