use super::*;

fn worker(name: &str) -> Worker {
    Worker { name: name.into(), kinds: vec!["observed".into()] }
}

/// The shares of some workers when each holds so many of the pieces.
#[track_caller]
fn check(works: usize, held: &[(&str, usize)], expected: &[usize]) {
    let workers: Vec<Worker> = held.iter().map(|(name, _)| worker(name)).collect();
    let mut statuses = Vec::new();
    for (name, count) in held {
        for _ in 0..*count {
            let lease = Lease { work: format!("observed/{}", statuses.len()).into(), epoch: 1 };
            statuses.push(LeaseStatus { lease, worker: Some((*name).into()) });
        }
    }
    // Work of another kind does not count.
    statuses.push(LeaseStatus { lease: Lease { work: "relay".into(), epoch: 1 }, worker: Some("b".into()) });
    let shares: Vec<usize> = workers.iter().map(|one| quota(one, "observed", works, &workers, &statuses)).collect();
    assert_eq!(shares, expected, "{works} pieces, held {held:?}");
}

#[test]
fn work_is_shared_evenly_and_moves_as_little_as_can_be() {
    check(8, &[("a", 0)], &[8]);
    check(8, &[("a", 8), ("b", 0)], &[4, 4]);
    check(3, &[("a", 1), ("b", 2)], &[1, 2]);
    check(4, &[("a", 2), ("b", 2), ("c", 0)], &[2, 1, 1]);
    check(2, &[("a", 1), ("b", 1), ("c", 0)], &[1, 1, 0]);
    check(1, &[("a", 0), ("b", 1)], &[0, 1]);
    check(0, &[("a", 0)], &[0]);
}

#[test]
fn a_worker_that_does_something_else_has_no_share() {
    let (one, other) = (worker("a"), Worker { kinds: vec!["collect".into()], ..worker("b") });
    let workers = [one.clone(), other.clone()];
    assert_eq!(quota(&one, "observed", 4, &workers, &[]), 4);
    assert_eq!(quota(&other, "observed", 4, &workers, &[]), 0);
}

#[test]
fn the_kind_of_work_stands_before_the_slash() {
    assert_eq!(kind("observed/3"), "observed");
    assert_eq!(kind("relay"), "relay");
    assert_eq!(kind("delivery/a/b"), "delivery");
}
