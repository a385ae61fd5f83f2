use canonical::entity::Operation;
use jiff::Timestamp;
use master::MasterId;

use super::{Coded, MasterKey, nanoseconds, time};
use crate::{DropEnd, Export, JournalKind, JudgementKind, ParkedStage, TargetState};

#[test]
fn times_keep_their_nanoseconds() {
    let exact = Timestamp::new(1_790_000_000, 123_456_789).unwrap();
    assert_eq!(time(nanoseconds(exact)), exact);
    let before = Timestamp::new(-5, -7).unwrap();
    assert_eq!(time(nanoseconds(before)), before);
    // Beyond the column's years a time is cut off, and keeps its side.
    assert_eq!(nanoseconds(Timestamp::MAX), i64::MAX);
    assert_eq!(nanoseconds(Timestamp::MIN), i64::MIN);
}

#[test]
fn master_keys_hold_a_tenant_and_an_id() {
    for (tenant, id) in [(1, 0), (5, 1), (5, (1 << 40) - 1), ((1 << 23) - 1, 42)] {
        let key = MasterKey::pack(tenant, MasterId(id)).unwrap();
        assert_eq!((key.tenant(), key.id()), (tenant, MasterId(id)));
        let (first, last) = MasterKey::range(tenant);
        assert!((first..=last).contains(&key.0));
        assert!(MasterKey::range(tenant - 1).1 < first);
    }
    for (tenant, id) in [(1, 1 << 40), (1, u64::MAX), (1 << 23, 1), (-1, 1)] {
        assert!(MasterKey::pack(tenant, MasterId(id)).is_none(), "{tenant}, {id}");
        assert!(MasterKey::to_write(tenant, MasterId(id)).is_err());
    }
}

/// The codes are the store's format: a list that is changed here makes old stores unreadable.
#[test]
fn codes_stay_what_they_are() {
    fn check<T: Coded + PartialEq + std::fmt::Debug>(members: &[T]) {
        for (code, member) in members.iter().enumerate() {
            let code = i64::try_from(code).unwrap();
            assert_eq!((member.code(), T::decode(code)), (code, Some(*member)));
        }
        assert_eq!(T::decode(i64::try_from(members.len()).unwrap()), None);
        assert!(T::from_column(-1).is_err());
    }
    check(&[Operation::Upsert, Operation::Remove, Operation::Redirect]);
    check(&[Export::Full, Export::Delta]);
    check(&[DropEnd::Accepted, DropEnd::Refused, DropEnd::Duplicate]);
    check(&[ParkedStage::Observed, ParkedStage::Delivery]);
    check(&[TargetState::Up, TargetState::Down, TargetState::Halted, TargetState::Paused]);
    check(&[
        JournalKind::Created,
        JournalKind::Linked,
        JournalKind::Updated,
        JournalKind::Confirmed,
        JournalKind::Removed,
        JournalKind::Waiting,
        JournalKind::Released,
        JournalKind::Parked,
        JournalKind::Retried,
        JournalKind::Discarded,
        JournalKind::Delivered,
        JournalKind::Refused,
        JournalKind::LookedUp,
        JournalKind::Moved,
        JournalKind::Merged,
        JournalKind::Split,
        JournalKind::Overridden,
    ]);
    check(&[
        JudgementKind::Merge,
        JudgementKind::Split,
        JudgementKind::NotTheSame,
        JudgementKind::Link,
        JudgementKind::Unlink,
        JudgementKind::Undo,
    ]);
}
