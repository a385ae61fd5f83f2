//! A master id stays with its master for ever: removed, or redirected to the one that took its place.

use canonical::entity::Operation;
use master::MasterId;

use super::Context;
use super::build::{TENANT, change, master, only, resolve};
use crate::{MasterRow, Resolved, StoreError};

pub async fn an_id_outlives_its_master_and_leads_to_what_took_its_place(
    context: &mut Context,
) -> Result<(), StoreError> {
    let store = context.store();
    let mut first = store.begin_resolve(TENANT).await?;
    let ids = first.reserve(3, 3).await?;
    assert_eq!(ids.master_id, MasterId(1));
    let masters = vec![master(1, 1, "kept"), master(2, 2, "gone"), master(3, 3, "lost")];
    first.commit(Resolved { masters, ..Resolved::default() }).await?;
    let gone = MasterRow { state: Operation::Remove, ..master(2, 4, "gone") };
    let lost = MasterRow { state: Operation::Redirect, redirect: Some(MasterId(1)), ..master(3, 5, "lost") };
    let outbox = vec![change(2, 4), change(3, 5)];
    resolve(&*store, TENANT, Resolved { masters: vec![gone.clone(), lost.clone()], outbox, ..Resolved::default() })
        .await?;
    drop(store);
    context.reopen().await?;

    let store = context.store();
    let mut next = store.begin_resolve(TENANT).await?;
    let known = next.masters(&[MasterId(2), MasterId(3)]).await?;
    assert_eq!(known, [Some(gone.clone()), Some(lost.clone())]);
    let given = next.reserve(2, 1).await?.master_id;
    assert!(given.0 > 3, "{given:?} was given before");
    next.commit(Resolved { masters: vec![master(given.0, 9, "new")], ..Resolved::default() }).await?;
    for expected in [gone, lost] {
        let story = store.story(Some(TENANT), expected.master_id).await?;
        assert_eq!(story.map(|story| story.master), Some(expected), "the id tells what became of its master");
    }
    // Who is fed hears of both, under the ids that it knows.
    let told: Vec<_> =
        store.outbox(10).await?.into_iter().map(|row| (row.master.master_id.0, row.master.state)).collect();
    assert_eq!(told, [(2, Operation::Remove), (3, Operation::Redirect)]);
    assert_eq!(store.counts(&only(TENANT)).await?.customers, 2, "only those that are there count");
    Ok(())
}
