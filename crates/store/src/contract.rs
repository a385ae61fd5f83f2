//! What a store is, in types.

pub mod attachments;
pub mod collect;
pub mod deliver;
pub mod installation;
pub mod lease;
pub mod matching;
pub mod operate;
pub mod rebuild;
pub mod resolve;
pub mod tasks;

/// Everything that lasts. One value is shared by all tasks of a process.
pub trait Store:
    collect::CollectStore
    + resolve::ResolveStore
    + deliver::DeliverStore
    + operate::OperateStore
    + lease::LeaseStore
    + installation::InstallationStore
    + rebuild::RebuildStore
    + attachments::AttachmentStore
    + matching::MatchStore
{
}

impl<S> Store for S where
    S: collect::CollectStore
        + resolve::ResolveStore
        + deliver::DeliverStore
        + operate::OperateStore
        + lease::LeaseStore
        + installation::InstallationStore
        + rebuild::RebuildStore
        + attachments::AttachmentStore
        + matching::MatchStore
{
}

/// The longest key of a record and the longest match key that a store keeps, in bytes as [`key_bytes`] counts them: an
/// index of PostgreSQL takes no entry above 2,704 bytes. A longer one is refused on every engine alike, with
/// [`StoreError::Internal`] and nothing changed; whoever takes keys in rejects it before, with its place and reason.
pub const KEY_BYTES_MAX: usize = 2_000;

/// How many bytes a key takes where it takes the most: a column of PostgreSQL holds no U+0000, so it and the character
/// that stands for it there are written in four.
pub fn key_bytes(key: &str) -> usize {
    let bytes = |character: char| if matches!(character, '\0' | '\u{fdd0}') { 4 } else { character.len_utf8() };
    key.chars().map(bytes).sum()
}

/// Refuses keys that no engine could keep.
pub(crate) fn require_keys<'k>(keys: impl IntoIterator<Item = &'k str>) -> Result<(), StoreError> {
    match keys.into_iter().map(key_bytes).find(|bytes| *bytes > KEY_BYTES_MAX) {
        Some(bytes) => Err(StoreError::Internal(format!(
            "a key has {bytes} bytes, and no more than {KEY_BYTES_MAX} can be kept; it should have been rejected before"
        ))),
        None => Ok(()),
    }
}

/// What can go wrong with a store. Nothing of a call that failed was changed.
///
/// One thing can differ, and only for a store on a server: when the connection is lost during a commit and the server does
/// not come back for a long time, a call ends as [`Unreachable`](Self::Unreachable) although it may have been carried out.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is not there or busy now; the same call can succeed later.
    #[error("the store is not reachable: {0}")]
    Unreachable(String),
    /// The store is there and does not let us do what a hub must: a wrong password, a missing right, a server that is too
    /// old, an address that cannot be read. Somebody must correct it; then the same call can succeed.
    #[error("the store refuses us: {0}")]
    Refused(String),
    /// Another transaction came first; the same work can be done again at once.
    #[error("the store was changed by others meanwhile, the work is done again: {0}")]
    Conflict(String),
    /// Another worker has this piece of work by now; whoever asked must let go of it.
    #[error("another worker has taken over {0}; nothing was changed")]
    Fenced(String),
    /// The store was written by a newer version.
    #[error(
        "{place} is at schema {found}, this passerelle knows {known}; run the newer version, or restore a copy from before the upgrade"
    )]
    Newer {
        /// The file or database.
        place: String,
        /// The schema version found.
        found: u32,
        /// The newest schema version that this binary knows.
        known: u32,
    },
    /// Another hub uses this store.
    #[error("{place} is in use by another hub{holder}; stop it, or use another directory")]
    InUse {
        /// The directory.
        place: String,
        /// Who, where known, with a leading space.
        holder: String,
    },
    /// The store cannot be written: a full disk, a read-only file.
    #[error(
        "{place} cannot be written: {reason}; nothing was lost, free some space or restore the rights and the hub goes on"
    )]
    Storage {
        /// The file or database.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// A row holds something that this version cannot read, or a statement is wrong: a bug.
    #[error("the store: {0}")]
    Internal(String),
}
