//! Which parked deliveries of a line can go: decided alike on both engines. Pure.

use std::collections::BTreeSet;

/// One parked delivery of a line.
pub(crate) struct Standing {
    pub number: u64,
    pub master: Option<i64>,
    pub why: Why,
}

/// Why something stands in a line.
pub(crate) enum Why {
    /// For a person to deal with.
    Person,
    /// It needs the key that a system has for a master.
    Needs { system: i64, master: i64, is_known: bool },
    /// Something stands before it.
    Behind,
}

impl Standing {
    /// Whether it needs a key that is not known.
    fn is_in_need(&self) -> bool {
        matches!(self.why, Why::Needs { is_known: false, .. })
    }
}

/// What of a line can go, in order: nothing as long as it has something for a person. Else everything before the first
/// in need; of the others what needs nothing more, and what somebody in need needs.
pub(crate) fn free_to_go(line: &[Standing], of_system: i64) -> Vec<u64> {
    if line.iter().any(|one| matches!(one.why, Why::Person)) {
        return Vec::new();
    }
    let first_in_need = line.iter().position(Standing::is_in_need).unwrap_or(line.len());
    let needed: BTreeSet<i64> = line.iter().filter_map(|one| in_need_of(one, of_system)).collect();
    let goes = |(place, one): &(usize, &Standing)| match one.why {
        Why::Needs { is_known, .. } => is_known,
        Why::Person => false,
        Why::Behind => *place < first_in_need || one.master.is_some_and(|master| needed.contains(&master)),
    };
    line.iter().enumerate().filter(goes).map(|(_, one)| one.number).collect()
}

/// The master of which one needs the key in this very system.
fn in_need_of(one: &Standing, of_system: i64) -> Option<i64> {
    match one.why {
        Why::Needs { system, master, is_known: false } if system == of_system => Some(master),
        _ => None,
    }
}
