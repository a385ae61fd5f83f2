//! Everything that lasts, behind one contract: SQLite on one machine, PostgreSQL for several.
//!
//! The contract is cut by the stages of the pipeline, and each call that changes something is one transaction:
//! [`CollectStore`], [`ResolveStore`], [`DeliverStore`], [`OperateStore`]; [`Store`] is all of them.
//! No caller sees SQL, and every row belongs to a tenant.

mod contract;
pub mod copy;
mod line;
pub mod postgres;
mod published;
pub mod sqlite;
pub mod testkit;
mod value;

pub use contract::attachments::*;
pub use contract::collect::*;
pub use contract::deliver::*;
pub use contract::installation::*;
pub use contract::lease::*;
pub use contract::matching::*;
pub use contract::operate::*;
pub use contract::rebuild::*;
pub use contract::resolve::*;
pub use contract::tasks::*;
pub use contract::{KEY_BYTES_MAX, Store, StoreError, key_bytes};
