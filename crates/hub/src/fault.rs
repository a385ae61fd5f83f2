//! What can stop a step of the hub.

use bus::BusError;
use connector::Fault;
use store::StoreError;

/// What can stop a step of the hub. The step is tried again later; nothing of it is lost.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bus.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A system.
    #[error(transparent)]
    System(#[from] Fault),
    /// A `[connector]` table that does not fit.
    #[error(transparent)]
    Configuration(#[from] connector::ConfigurationError),
    /// The bus is not the one that belongs to the store, or it has lost what was on it.
    #[error(
        "{0}; correct [bus], or, if the bus that belongs to this store is lost, stop every worker and run `passerelle bus rebuild`"
    )]
    OtherBus(String),
    /// Something that the configuration does not have.
    #[error("{0}")]
    Unknown(String),
    /// Something of our own that cannot be read back.
    #[error("the hub cannot read back {0}; this is a bug or a damaged disk")]
    Damaged(String),
}
