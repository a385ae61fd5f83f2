//! The contract of a connector, the registry, and the suite that every connector must pass.
//!
//! A connector reads from and writes to one kind of system.
//! It holds no state: what must survive is either in the [`Checkpoint`] that it returns or in the system itself.
//! The hub decides what is new, what is published and what is retried.

mod contract;
mod registry;
mod secret;
pub mod testkit;

pub use contract::{
    Again, Batch, BatchId, Batching, Checkpoint, Connector, DropLabel, Fault, Found, Item, NeededColumn, OpenContext,
    Outcome, PastDrop, Ports, Reference, Reject, Rendered, Source, Split, StreamContext, Target,
};
pub use registry::{ConfigurationError, Configured, Registry};
pub use secret::{Secret, SecretReference};
