//! How changes are put into calls so that none can overtake an earlier one of the same customer. Pure.

use std::collections::{BTreeMap, BTreeSet};

use master::MasterId;

/// What a target allows in one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// At most this many changes.
    pub count_max: usize,
    /// Whether a change that is not applied stops those behind it; see [`connector::Batching::stops`].
    pub stops: bool,
}

/// Puts changes into calls, in order.
///
/// A call to a target that does not stop has one change of each root at most. A doubtful change, one that was not
/// answered before, goes alone; with everything of its root behind it, it comes after all others, so that it holds up
/// nobody else.
pub(super) fn calls<T>(
    changes: Vec<T>,
    root: impl Fn(&T) -> MasterId,
    is_doubtful: impl Fn(&T) -> bool,
    room: Room,
) -> Vec<Vec<T>> {
    let mut late_roots = BTreeSet::new();
    let (late, ready): (Vec<T>, Vec<T>) = changes.into_iter().partition(|one| {
        if is_doubtful(one) {
            late_roots.insert(root(one));
        }
        late_roots.contains(&root(one))
    });
    let mut calls = pack(ready, &root, room);
    let mut behind = Vec::new();
    for one in late {
        if is_doubtful(&one) {
            calls.extend(pack(std::mem::take(&mut behind), &root, room));
            calls.push(vec![one]);
        } else {
            behind.push(one);
        }
    }
    calls.extend(pack(behind, &root, room));
    calls
}

fn pack<T>(changes: Vec<T>, root: &impl Fn(&T) -> MasterId, room: Room) -> Vec<Vec<T>> {
    let count_max = room.count_max.max(1);
    let mut calls: Vec<Vec<T>> = Vec::new();
    // Of each root, the first call that its next change may go into; and the first call that is not full.
    let mut next: BTreeMap<MasterId, usize> = BTreeMap::new();
    let mut open = 0;
    for one in changes {
        while calls.get(open).is_some_and(|call| call.len() >= count_max) {
            open += 1;
        }
        let earliest = next.entry(root(&one)).or_default();
        let mut at = open.max(*earliest);
        while calls.get(at).is_some_and(|call| call.len() >= count_max) {
            at += 1;
        }
        *earliest = if room.stops { at } else { at + 1 };
        if at == calls.len() {
            calls.push(Vec::new());
        }
        calls[at].push(one);
    }
    calls
}

#[cfg(test)]
mod tests;
