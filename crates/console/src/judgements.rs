//! What was decided about who is who, by people and by the hub: what `/api/customers/…/judgements` and
//! `passerelle customers judgements --json` show.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use master::MasterId;
use master::matching::RecordNumber;
use serde::Serialize;
use store::{Judgement, JudgementKind, OperateStore, RecordName, StoreError};

/// Records that belong elsewhere by now are looked up one by one: no more than these. Those beyond are left out.
const ELSEWHERE_MAX: usize = 1_000;

/// What somebody decided, or the hub by itself, with the records as people name them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JudgementView {
    /// Its number, by which it is undone.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: JudgementKind,
    /// Who decided; `None` for the hub by itself.
    pub by: Option<String>,
    /// Why, in the person's own words.
    pub reason: Option<String>,
    /// The model by which the hub decided.
    pub model: Option<u32>,
    /// The master that it is about: of a merge the one that stays.
    pub master_id: MasterId,
    /// The other master: of a merge the one that loses, of a split the one that leaves.
    pub other: Option<MasterId>,
    /// The records of the one side; those that are not there any more are left out.
    pub left: Vec<RecordName>,
    /// The records of the other side.
    pub right: Vec<RecordName>,
    /// The judgement that it takes back.
    pub undoes: Option<u64>,
    /// Whether a later judgement took it back.
    pub is_undone: bool,
}

impl JudgementView {
    /// What was decided about some masters, newest first, at most so many; about all where none is given.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn about(
        store: &dyn OperateStore,
        tenant: &str,
        ids: &[MasterId],
        count_max: usize,
    ) -> Result<Vec<Self>, StoreError> {
        let judgements = store.judgements(tenant, ids, count_max).await?;
        Self::named(store, tenant, judgements).await
    }

    /// Judgements with the names of their records.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn named(
        store: &dyn OperateStore,
        tenant: &str,
        judgements: Vec<Judgement>,
    ) -> Result<Vec<Self>, StoreError> {
        let names = names(store, tenant, &judgements).await?;
        let named = |numbers: &[RecordNumber]| numbers.iter().filter_map(|number| names.get(number).cloned()).collect();
        let view = |judgement: Judgement| JudgementView {
            number: judgement.number,
            at: judgement.at,
            kind: judgement.kind,
            left: named(&judgement.left),
            right: named(&judgement.right),
            by: judgement.by,
            reason: judgement.reason,
            model: judgement.model,
            master_id: judgement.master_id,
            other: judgement.other,
            undoes: judgement.undoes,
            is_undone: judgement.is_undone,
        };
        Ok(judgements.into_iter().map(view).collect())
    }
}

/// The names of the records of some judgements: most still belong to the masters that these are about.
async fn names(
    store: &dyn OperateStore,
    tenant: &str,
    judgements: &[Judgement],
) -> Result<BTreeMap<RecordNumber, RecordName>, StoreError> {
    let ids: BTreeSet<MasterId> =
        judgements.iter().flat_map(|judgement| [Some(judgement.master_id), judgement.other]).flatten().collect();
    let ids: Vec<MasterId> = ids.into_iter().collect();
    let name = |record: store::MatchRecord| {
        (record.number, RecordName { system: record.local.system.to_string(), key: record.local.key })
    };
    let mut names: BTreeMap<RecordNumber, RecordName> = match &*ids {
        [] => BTreeMap::new(),
        ids => store.match_records_of(tenant, ids).await?.into_iter().map(name).collect(),
    };
    let numbers: BTreeSet<RecordNumber> =
        judgements.iter().flat_map(|judgement| judgement.left.iter().chain(&judgement.right)).copied().collect();
    let elsewhere: Vec<RecordNumber> = numbers.into_iter().filter(|number| !names.contains_key(number)).collect();
    for number in elsewhere.into_iter().take(ELSEWHERE_MAX) {
        let found = store.match_records_after(tenant, number.saturating_sub(1), 1).await?;
        names.extend(found.into_iter().filter(|record| record.number == number).map(name));
    }
    Ok(names)
}
