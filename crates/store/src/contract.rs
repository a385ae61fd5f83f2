//! What a store is, in types.

pub mod collect;
pub mod deliver;
pub mod lease;
pub mod operate;
pub mod resolve;

/// Everything that lasts. One value is shared by all tasks of a process.
pub trait Store:
    collect::CollectStore + resolve::ResolveStore + deliver::DeliverStore + operate::OperateStore + lease::LeaseStore
{
}

impl<S> Store for S where
    S: collect::CollectStore
        + resolve::ResolveStore
        + deliver::DeliverStore
        + operate::OperateStore
        + lease::LeaseStore
{
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
