//! Files that are attached to documents.

use std::fmt;

/// A file that is attached to a document. Its bytes are never part of the document's JSON: that has the hash alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// `sha256:` and 64 lower-case hexadecimal digits, as the document has it.
    pub hash: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Shows how many bytes there are, never which: what is attached may be personal, and is long.
impl fmt::Debug for Attachment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Attachment").field("hash", &self.hash).field("bytes", &self.bytes.len()).finish()
    }
}
