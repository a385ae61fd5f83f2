//! Files that are attached to documents, whose bytes leave a record beside its document.

/// A file that is attached to a document. Its bytes are never part of the document's JSON: that has the hash alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// `sha256:` and 64 lower-case hexadecimal digits, as the document has it.
    pub hash: String,
    /// The file.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What is attached may be personal, and is long.
        formatter.debug_struct("Attachment").field("hash", &self.hash).field("bytes", &self.bytes.len()).finish()
    }
}

/// Finds the bytes of an attached file by the hash that the document has; `None` when they are not at hand.
pub type FindAttachment<'f> = dyn Fn(&str) -> Option<Vec<u8>> + 'f;

/// Nothing is at hand.
pub(crate) fn none(_: &str) -> Option<Vec<u8>> {
    None
}
