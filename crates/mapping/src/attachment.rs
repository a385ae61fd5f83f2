//! Files that are attached to documents, whose bytes leave a record beside its document.

pub use canonical::attachment::Attachment;

/// Finds the bytes of an attached file by the hash that the document has; `None` when they are not at hand.
pub type FindAttachment<'f> = dyn Fn(&str) -> Option<Vec<u8>> + 'f;

/// Nothing is at hand.
pub(crate) fn none(_: &str) -> Option<Vec<u8>> {
    None
}
