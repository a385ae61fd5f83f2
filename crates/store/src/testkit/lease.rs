//! Workers share work by leases, and who lost one changes nothing any more.

use std::sync::Arc;
use std::time::Duration;

use super::Context;
use super::build::{TENANT, at, drop_of, only, step, stream};
use crate::{Delivered, Export, Lease, NewDrop, Resolved, StoreError, TargetState, Worker};

/// Longer than any case.
const LONG: Duration = Duration::from_secs(600);
/// Runs out at once.
const NONE: Duration = Duration::ZERO;

fn worker(name: &str) -> Worker {
    Worker { name: name.into(), kinds: vec!["observed".into(), "relay".into()] }
}

fn works(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

fn names(leases: &[Lease]) -> Vec<&str> {
    leases.iter().map(|lease| &*lease.work).collect()
}

type Held = Result<(), StoreError>;

pub async fn work_is_done_by_one(context: &mut Context) -> Held {
    let store = context.store();
    let (one, other) = (worker("one"), worker("other"));
    let all = works(&["observed/0", "observed/1", "relay"]);
    let first = store.take(&one, &all, 2, LONG).await?;
    assert_eq!(names(&first), ["observed/0", "observed/1"]);
    let second = store.take(&other, &all, 9, LONG).await?;
    assert_eq!(names(&second), ["relay"]);
    assert_eq!(store.take(&one, &all, 9, LONG).await?, []);
    let holders: Vec<_> = store.leases().await?.into_iter().map(|status| status.worker).collect();
    assert_eq!(holders, [Some("one".into()), Some("one".into()), Some("other".into())]);
    Ok(())
}

pub async fn of_many_that_ask_at_once_one_gets_it(context: &mut Context) -> Held {
    let store = context.store();
    for round in 0..20 {
        let work: Arc<str> = format!("observed/{round}").into();
        let asking = (0..6).map(|number| {
            let (store, work) = (Arc::clone(&store), work.clone());
            tokio::spawn(async move { store.take(&worker(&format!("w{number}")), &[work], 1, LONG).await })
        });
        let mut taken = Vec::new();
        for asked in asking.collect::<Vec<_>>() {
            match asked.await {
                Ok(leases) => taken.extend(leases?),
                Err(panic) => panic!("asking for a lease: {panic}"),
            }
        }
        assert_eq!(taken, [Lease { work, epoch: 1 }]);
    }
    Ok(())
}

pub async fn work_that_was_given_back_or_ran_out_is_free(context: &mut Context) -> Held {
    let store = context.store();
    let (one, other) = (worker("one"), worker("other"));
    let all = works(&["observed/0", "observed/1", "relay"]);
    let first = store.take(&one, &all[..1], 1, NONE).await?;
    let later = store.take(&one, &all[1..], 2, LONG).await?;
    store.give_back(&later[..1]).await?;
    let taken = store.take(&other, &all, 9, LONG).await?;
    assert_eq!(names(&taken), ["observed/0", "observed/1"]);
    assert!(taken.iter().zip(first.iter().chain(&later)).all(|(new, old)| new.epoch > old.epoch), "{taken:?}");
    // What others have by now is not given back, and not prolonged.
    store.give_back(&first).await?;
    let held = store.renew(&one, &[first, later.clone()].concat(), LONG).await?.held;
    assert_eq!(held, later[1..]);
    assert_eq!(names(&store.renew(&other, &taken, LONG).await?.held), ["observed/0", "observed/1"]);
    Ok(())
}

pub async fn a_lease_that_ran_out_is_prolonged_if_nobody_took_it(context: &mut Context) -> Held {
    let store = context.store();
    let one = worker("one");
    let taken = store.take(&one, &works(&["relay"]), 1, NONE).await?;
    assert_eq!(store.renew(&one, &taken, LONG).await?.held, taken);
    assert_eq!(store.take(&worker("other"), &works(&["relay"]), 1, LONG).await?, []);
    Ok(())
}

pub async fn workers_know_of_each_other(context: &mut Context) -> Held {
    let store = context.store();
    let (one, other) = (worker("one"), Worker { kinds: vec!["collect".into()], ..worker("other") });
    assert_eq!(store.renew(&other, &[], LONG).await?.workers, std::slice::from_ref(&other));
    assert_eq!(store.renew(&one, &[], LONG).await?.workers, [one.clone(), other.clone()]);
    assert_eq!(store.workers().await?, [one.clone(), other.clone()]);
    store.take(&other, &works(&["collect/erp"]), 1, LONG).await?;
    store.leave(&other).await?;
    assert_eq!(store.workers().await?, std::slice::from_ref(&one));
    assert_eq!(store.renew(&one, &[], LONG).await?.workers, std::slice::from_ref(&one));
    assert_eq!(names(&store.take(&one, &works(&["collect/erp"]), 1, LONG).await?), ["collect/erp"]);
    // One that was not heard of in time is no worker any more.
    store.renew(&other, &[], NONE).await?;
    assert_eq!(store.workers().await?, std::slice::from_ref(&one));
    assert_eq!(store.renew(&one, &[], LONG).await?.workers, [one]);
    Ok(())
}

pub async fn who_lost_a_lease_changes_nothing(context: &mut Context) -> Held {
    let store = context.store();
    let work = works(&["collect/erp"]);
    let lost = store.take(&worker("one"), &work, 1, NONE).await?;
    let fenced = store.fenced(&lost[0]);
    let drop = |name: &str| NewDrop { name: name.to_owned(), ..drop_of(name, 1, Export::Delta) };
    let opened = fenced.open_drop(drop("before.csv")).await?;
    let kept = store.take(&worker("other"), &work, 1, LONG).await?;
    check_fenced(fenced.open_drop(drop("after.csv")).await.map(|_| ()));
    check_fenced(fenced.commit_collected(step(opened.number)).await.map(|_| ()));
    check_fenced(fenced.note_run(&stream(), at(1), None).await);
    let resolution = async { fenced.begin_resolve(TENANT).await?.commit(Resolved::default()).await };
    check_fenced(resolution.await);
    check_fenced(fenced.finish_attempt(TENANT, "crm", None, Delivered::default()).await);
    check_fenced(fenced.set_target_state(TENANT, "crm", TargetState::Down, None, at(1)).await);
    // It may look, and whoever has the work now goes on.
    assert_eq!(fenced.drops(&only(TENANT)).await?.len(), 1);
    let holder = store.fenced(&kept[0]);
    holder.note_run(&stream(), at(2), None).await?;
    assert_eq!(store.stream_state(&stream()).await?.last_run, Some(at(2)));
    Ok(())
}

#[track_caller]
fn check_fenced(result: Result<(), StoreError>) {
    match result {
        Err(StoreError::Fenced(work)) => assert_eq!(work, "collect/erp"),
        other => panic!("a worker that lost its lease went on: {other:?}"),
    }
}
