//! How values lie in columns: times, packed master keys, codes of closed lists.
//!
//! The numbers here are part of the store's format: they may grow, and they never change.

use canonical::entity::Operation;
use jiff::Timestamp;
use master::MasterId;

use crate::{Decision, DropEnd, Export, JournalKind, JudgementKind, ParkedStage, Reopen, StoreError, TargetState};

/// A time as nanoseconds since 1970; beyond the years 1677 to 2262 the nearest that fits.
pub(crate) fn nanoseconds(time: Timestamp) -> i64 {
    let exact = time.as_nanosecond();
    i64::try_from(exact).unwrap_or(if exact < 0 { i64::MIN } else { i64::MAX })
}

/// The time of a column.
pub(crate) fn time(nanoseconds: i64) -> Timestamp {
    // Every i64 lies within what a Timestamp can hold.
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or(Timestamp::UNIX_EPOCH)
}

const ID_BITS: u32 = 40;
const ID_MAX: u64 = (1 << ID_BITS) - 1;

/// A tenant and a master id in one integer, so that one tree finds a master by one comparison.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct MasterKey(pub i64);

impl MasterKey {
    /// What of a packed key is the master id.
    pub const ID_MASK: i64 = ID_MAX.cast_signed();

    /// `None` when no master of this store can have the id.
    pub fn pack(tenant: i64, id: MasterId) -> Option<MasterKey> {
        let fits = id.0 <= ID_MAX && (0..1 << (63 - ID_BITS)).contains(&tenant);
        fits.then(|| MasterKey(tenant << ID_BITS | id.0.cast_signed()))
    }

    /// For writing, where an id that does not fit is a bug of the caller.
    pub fn to_write(tenant: i64, id: MasterId) -> Result<MasterKey, StoreError> {
        MasterKey::pack(tenant, id)
            .ok_or_else(|| StoreError::Internal(format!("the master id {id} is beyond m{ID_MAX}")))
    }

    pub fn id(self) -> MasterId {
        MasterId(self.0.cast_unsigned() & ID_MAX)
    }

    pub fn tenant(self) -> i64 {
        self.0 >> ID_BITS
    }

    /// The keys that all masters of one tenant lie between, both ends included.
    pub fn range(tenant: i64) -> (i64, i64) {
        (tenant << ID_BITS, tenant << ID_BITS | ID_MAX.cast_signed())
    }
}

/// Who writes a crosswalk row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowWriter {
    /// Whoever decides to which master the record belongs.
    Resolution,
    /// The end of a call to its system.
    Delivery {
        /// Whether the system is read too.
        is_read: bool,
    },
}

impl RowWriter {
    pub fn is_delivery(self) -> bool {
        matches!(self, RowWriter::Delivery { .. })
    }
}

/// A member of a closed list, stored as a small number.
pub(crate) trait Coded: Sized + Copy {
    fn code(self) -> i64;
    fn decode(code: i64) -> Option<Self>;

    fn from_column(code: i64) -> Result<Self, StoreError> {
        Self::decode(code).ok_or_else(|| {
            StoreError::Internal(format!(
                "{} has no code {code}; was a newer version here?",
                std::any::type_name::<Self>()
            ))
        })
    }
}

macro_rules! coded {
    ($kind:ty { $($member:ident = $code:literal),+ $(,)? }) => {
        impl Coded for $kind {
            fn code(self) -> i64 {
                match self { $(<$kind>::$member => $code),+ }
            }
            fn decode(code: i64) -> Option<Self> {
                match code { $($code => Some(<$kind>::$member),)+ _ => None }
            }
        }
    };
}

coded!(Operation { Upsert = 0, Remove = 1, Redirect = 2 });
coded!(Export { Full = 0, Delta = 1 });
coded!(DropEnd { Accepted = 0, Refused = 1, Duplicate = 2 });
coded!(ParkedStage { Observed = 0, Delivery = 1 });
coded!(Decision { Acknowledged = 0, Same = 1, NotTheSame = 2 });
coded!(Reopen { Always = 0, OnNewDetail = 1, Never = 2 });
coded!(TargetState { Up = 0, Down = 1, Halted = 2, Paused = 3 });
coded!(JournalKind {
    Created = 0,
    Linked = 1,
    Updated = 2,
    Confirmed = 3,
    Removed = 4,
    Waiting = 5,
    Released = 6,
    Parked = 7,
    Retried = 8,
    Discarded = 9,
    Delivered = 10,
    Refused = 11,
    LookedUp = 12,
    Moved = 13,
    Merged = 14,
    Split = 15,
    Overridden = 16,
});
coded!(JudgementKind { Merge = 0, Split = 1, NotTheSame = 2, Link = 3, Unlink = 4, Undo = 5 });

#[cfg(test)]
mod tests;
