use super::*;

const EMPTY: Ledger = Ledger::EMPTY;

fn stored(position: u64) -> Stored {
    Stored { position, id: position.to_string(), content_type: "text/plain".into(), body: vec![0; 100] }
}

/// A queue with so many messages in the file, published while nobody listened.
fn with_messages(count: u64) -> QueueState {
    let mut state = QueueState::new(EMPTY);
    (1..=count).for_each(|position| state.published(stored(position)));
    state
}

/// Does what the reader does: everything of the plan within its limits.
fn read(state: &mut QueueState, plan: &FetchPlan) {
    let all: Vec<u64> = (plan.from.max(1)..plan.until).filter(|position| !plan.skip.contains(*position)).collect();
    let some: Vec<Stored> = all.iter().take(plan.count_max).map(|position| stored(*position)).collect();
    let is_complete = some.len() == all.len();
    state.fetched(plan, some, is_complete);
}

fn positions(delivered: &[Delivered]) -> Vec<(u64, bool)> {
    delivered.iter().map(|message| (message.receipt.0, message.redelivered)).collect()
}

fn hand_out(state: &mut QueueState, epoch: u64, count_max: usize) -> Vec<(u64, bool)> {
    positions(&state.hand_out(epoch, count_max).unwrap())
}

#[test]
fn a_subscription_that_keeps_up_needs_no_file() {
    let mut state = with_messages(0);
    let epoch = state.take_over(10, 1 << 20);
    assert!(state.plan_fetch().is_none());
    state.published(stored(1));
    state.published(stored(2));
    assert!(state.plan_fetch().is_none(), "there is nothing to read");
    assert_eq!(hand_out(&mut state, epoch, 10), [(1, false), (2, false)]);
}

#[test]
fn a_full_window_leaves_the_rest_in_the_file() {
    let mut state = with_messages(0);
    let epoch = state.take_over(100, 500);
    (1..=10).for_each(|position| state.published(stored(position)));
    // Three messages of 175 bytes pass 500; what follows must be read, and what is published later comes after it.
    assert_eq!(hand_out(&mut state, epoch, 10), [(1, false), (2, false), (3, false)]);
    state.published(stored(11));
    let plan = state.plan_fetch().unwrap();
    assert_eq!((plan.from, plan.until), (4, 12));
    assert!(state.plan_fetch().is_none(), "one reading at a time");
    state.published(stored(12));
    read(&mut state, &plan);
    assert_eq!(hand_out(&mut state, epoch, 7), (4..11).map(|position| (position, false)).collect::<Vec<_>>());
    assert_eq!(state.plan_fetch().map(|plan| (plan.from, plan.until)), Some((12, 13)));
}

#[test]
fn what_was_held_comes_again_and_what_was_acknowledged_does_not() {
    let mut state = with_messages(6);
    let first = state.take_over(10, 1 << 20);
    let plan = state.plan_fetch().unwrap();
    read(&mut state, &plan);
    assert_eq!(hand_out(&mut state, first, 4).len(), 4);
    assert_eq!(state.acknowledge(first, &[Receipt(2), Receipt(2), Receipt(5), Receipt(99)]).unwrap(), 1);
    // One acknowledgement is in a transaction that has not ended, one is behind it: neither is shown again.
    assert_eq!(state.start_flush().unwrap().ranges.count(), 1);
    assert_eq!(state.acknowledge(first, &[Receipt(3)]).unwrap(), 1);
    let second = state.take_over(10, 1 << 20);
    assert!(matches!(state.hand_out(first, 1), Err(BusError::Ended(_))));
    assert!(matches!(state.acknowledge(first, &[Receipt(1)]), Err(BusError::Ended(_))));
    let plan = state.plan_fetch().unwrap();
    state.end_flush(true);
    read(&mut state, &plan);
    assert_eq!(hand_out(&mut state, second, 10), [(1, true), (4, true), (5, false), (6, false)]);
    assert_eq!(state.depth().0, 4);
}

#[test]
fn a_reading_for_an_ended_subscription_is_thrown_away() {
    let mut state = with_messages(3);
    state.take_over(10, 1 << 20);
    let stale = state.plan_fetch().unwrap();
    let epoch = state.take_over(10, 1 << 20);
    let plan = state.plan_fetch().unwrap();
    read(&mut state, &stale);
    assert_eq!(hand_out(&mut state, epoch, 10), []);
    state.fetch_failed(&stale, BusError::Storage("stale".to_owned()));
    read(&mut state, &plan);
    assert_eq!(hand_out(&mut state, epoch, 10).len(), 3);
}

#[test]
fn a_failed_reading_is_told_once_and_tried_again() {
    let mut state = with_messages(1);
    let epoch = state.take_over(10, 1 << 20);
    let plan = state.plan_fetch().unwrap();
    state.fetch_failed(&plan, BusError::Storage("broken".to_owned()));
    assert!(matches!(state.hand_out(epoch, 1), Err(BusError::Storage(_))));
    let plan = state.plan_fetch().unwrap();
    read(&mut state, &plan);
    assert_eq!(hand_out(&mut state, epoch, 1), [(1, false)]);
}

#[test]
fn acknowledgements_that_were_not_written_are_kept() {
    let mut state = with_messages(3);
    let epoch = state.take_over(10, 1 << 20);
    let plan = state.plan_fetch().unwrap();
    read(&mut state, &plan);
    hand_out(&mut state, epoch, 3);
    state.acknowledge(epoch, &[Receipt(1)]).unwrap();
    let bytes = state.start_flush().unwrap().bytes;
    state.acknowledge(epoch, &[Receipt(2)]).unwrap();
    state.end_flush(false);
    let again = state.start_flush().unwrap();
    assert_eq!((again.ranges.iter().collect::<Vec<_>>(), again.bytes), (vec![(1, 2)], 2 * bytes));
    state.end_flush(true);
    assert!(state.start_flush().is_none());
}

#[test]
fn everything_found_at_the_start_may_have_been_handed_out() {
    let mut state = QueueState::new(Ledger { next_position: 4, message_count: 2, byte_count: 350 });
    let epoch = state.take_over(10, 1 << 20);
    let plan = state.plan_fetch().unwrap();
    state.fetched(&plan, vec![stored(2), stored(3)], true);
    state.published(stored(4));
    assert_eq!(hand_out(&mut state, epoch, 10), [(2, true), (3, true), (4, false)]);
}
