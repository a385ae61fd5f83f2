//! Locks on what is not there yet: records and match keys that somebody is about to decide over.
//!
//! A lock is a number of 64 bits that lasts until the end of its transaction. Two keys that share a number only wait for
//! each other more often than they need. The server has room for a limited number of locks in all sessions together
//! (`max_locks_per_transaction` × `max_connections`); a batch that could fill half of it takes the whole tenant instead,
//! and so do all for a while after the server ran out.

use super::failure::Failure;
use super::transaction::Transaction;
use crate::{LocalKey, StoreError};

/// The locks of one transaction.
#[derive(Default)]
pub(super) struct Locks {
    tenant: Held,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Held {
    #[default]
    Nothing,
    /// Together with others that lock single keys.
    Shared,
    /// Nobody else locks anything of the tenant.
    Whole,
}

/// Takes the tenant together with others.
pub(super) const SHARE: &str = "SELECT pg_advisory_xact_lock_shared($1)";
const TAKE_WHOLE: &str = "SELECT pg_advisory_xact_lock($1)";
/// Takes locks in the order in which they are given. The count makes one row of it.
pub(super) const TAKE: &str = "SELECT count(pg_advisory_xact_lock(lock)) FROM unnest($1::bigint[]) AS lock";

impl Locks {
    /// Takes locks; `most` is how many the transaction may come to, as far as can be told now. Statements that begin
    /// afterwards see what those before have committed.
    pub async fn take(
        &mut self,
        transaction: &Transaction,
        tenant: i64,
        keys: Vec<i64>,
        most: usize,
    ) -> Result<(), Failure> {
        let taken = self.try_take(transaction, tenant, keys, most).await;
        match taken {
            Err(failure) if failure.is_out_of_locks() => {
                transaction.core().locks.ran_out();
                Err(StoreError::Conflict("the server had no room for so many locks".to_owned()).into())
            }
            taken => taken,
        }
    }

    async fn try_take(
        &mut self,
        transaction: &Transaction,
        tenant: i64,
        mut keys: Vec<i64>,
        most: usize,
    ) -> Result<(), Failure> {
        let schema = &transaction.core().options.schema;
        let whole = number(schema, tenant, &["tenant"]);
        if self.tenant == Held::Nothing {
            let has_room = transaction.core().locks.has_room_for(most);
            self.tenant = if has_room { Held::Shared } else { Held::Whole };
            transaction.execute(if has_room { SHARE } else { TAKE_WHOLE }, &[&whole]).await?;
        }
        if self.tenant == Held::Whole || keys.is_empty() {
            return Ok(());
        }
        keys.sort_unstable();
        keys.dedup();
        transaction.execute(TAKE, &[&keys]).await?;
        Ok(())
    }
}

/// The lock of a record.
pub(super) fn of_record(schema: &str, tenant: i64, local: &LocalKey) -> i64 {
    number(schema, tenant, &["record", &local.system, local.entity.name(), &local.key])
}

/// The lock of a match key.
pub(super) fn of_match_key(schema: &str, tenant: i64, key: &str) -> i64 {
    number(schema, tenant, &["match", key])
}

/// The lock of who is who in a tenant. Whoever takes it takes it before any other lock, so that nobody who waits for it
/// holds what somebody else needs.
pub(super) fn of_matching(schema: &str, tenant: i64) -> i64 {
    number(schema, tenant, &["matching"])
}

/// The same for every version of the program and on every machine. Locks are shared by all of a database: the schema
/// keeps stores apart.
pub(super) fn number(schema: &str, tenant: i64, parts: &[&str]) -> i64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(schema.as_bytes());
    hasher.update(&tenant.to_le_bytes());
    for part in parts {
        hasher.update(&[0xff]);
        hasher.update(part.as_bytes());
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    i64::from_le_bytes(first)
}
