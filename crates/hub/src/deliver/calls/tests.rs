use master::MasterId;

use super::{Room, calls};

/// Changes such as `a1` (root a, the first of it) in order, doubtful ones with a question mark; the calls with a bar
/// between them.
fn check(changes: &str, room: Room, expected: &str) {
    let changes: Vec<&str> = changes.split(' ').collect();
    let root = |change: &&str| MasterId(u64::from(change.as_bytes()[0]));
    let calls = calls(changes, root, |change| change.ends_with('?'), room);
    let calls: Vec<String> = calls.iter().map(|call| call.join(" ")).collect();
    assert_eq!(calls.join(" | "), expected);
}

#[test]
fn a_call_has_one_change_of_each_root() {
    let room = |count_max| Room { count_max, stops: false };
    check("a1 b1 c1", room(10), "a1 b1 c1");
    check("a1 b1 c1", room(2), "a1 b1 | c1");
    check("a1 a2 b1 a3 b2 c1", room(10), "a1 b1 c1 | a2 b2 | a3");
    check("a1 a2 b1 c1 d1 b2", room(2), "a1 b1 | a2 c1 | d1 b2");
    check("a1 a2", room(0), "a1 | a2");
}

#[test]
fn a_target_that_stops_gets_full_calls() {
    let room = |count_max| Room { count_max, stops: true };
    check("a1 a2 b1 a3 b2 c1", room(10), "a1 a2 b1 a3 b2 c1");
    check("a1 a2 b1 a3 b2 c1", room(4), "a1 a2 b1 a3 | b2 c1");
}

#[test]
fn what_was_not_answered_goes_alone_and_last_with_everything_behind_it() {
    let room = Room { count_max: 10, stops: false };
    check("a1? b1 c1", room, "b1 c1 | a1?");
    check("a1 a2? a3 b1 a4", room, "a1 b1 | a2? | a3 | a4");
    check("a1? b1? a2 b2 c1", room, "c1 | a1? | b1? | a2 b2");
    check("a1? a2 a3", Room { stops: true, ..room }, "a1? | a2 a3");
}
