//! Documents of a customer some of whose records belong to another master now: they go where the record goes that they
//! name. In bounded steps, each one transaction, so that a customer with a hundred thousand invoices stops nobody.

use std::collections::BTreeSet;
use std::sync::Arc;

use master::MasterId;
use serde_json::Value;
use store::{LocalKey, Regrouping, StoreError};

use super::golden::Golden;
use super::links::{self, Link};
use super::working::Working;
use crate::context::Context;
use crate::references;

/// So many documents are looked at in one transaction.
const DOCUMENTS_MAX: usize = 500;

/// So many customers are looked at in one transaction. Most have no documents.
const CUSTOMERS_MAX: usize = 500;

/// Lets all documents follow that are to. What a crash interrupts goes on with the next call.
///
/// A customer whose documents cannot follow is found by halving; it is tried again with the next call, and stops nobody
/// else meanwhile.
pub(super) async fn follow(context: &Context, tenant: &Arc<str>) -> Result<(), StoreError> {
    let mut failing: BTreeSet<MasterId> = BTreeSet::new();
    loop {
        let count_max = CUSTOMERS_MAX + failing.len();
        let customers = context.store.regroupings(tenant, count_max).await?.into_iter().map(|one| one.master_id);
        let customers: Vec<MasterId> = customers.filter(|id| !failing.contains(id)).collect();
        if customers.is_empty() {
            return Ok(());
        }
        let mut open = vec![&*customers];
        while let Some(some) = open.pop() {
            let step = context.persist("documents follow their customer", || async {
                match step(context, tenant, some, count_max).await {
                    Err(StoreError::Internal(reason)) => Ok(Some(reason)),
                    result => result.map(|()| None),
                }
            });
            match (step.await, some) {
                (None, _) => return Ok(()),
                (Some(None), _) | (Some(Some(_)), []) => {}
                (Some(Some(reason)), [one]) => {
                    tracing::error!(master = %one, reason, "documents cannot follow their customer");
                    failing.insert(*one);
                }
                (Some(Some(_)), some) => {
                    let (first, later) = some.split_at(some.len() / 2);
                    open.extend([later, first]);
                }
            }
        }
    }
}

/// Takes the next documents of these customers, as many as one transaction looks at. They are among the first so many.
async fn step(
    context: &Context,
    tenant: &Arc<str>,
    customers: &[MasterId],
    count_max: usize,
) -> Result<(), StoreError> {
    let mut working = Working::begin(context, tenant).await?;
    // Whoever begins it anew has this lock, so that what is read now is so until the end of the transaction.
    working.resolution().lock_matching().await?;
    let mut open = context.store.regroupings(tenant, count_max).await?;
    open.retain(|one| customers.contains(&one.master_id));
    let documents = working.next_documents(&open).await?;
    working.lock_referenced(&documents).await?;
    working.read_masters(documents.iter().copied()).await?;
    working.read_referenced(&documents).await?;
    working.read_covers(&[]).await?;
    working.require_numbers(0, documents.len() as u64).await?;
    for id in documents {
        working.follow_records(id);
    }
    working.commit().await
}

impl Working<'_> {
    /// The next documents of these customers, and notes how far that is. Customers are asked about in growing groups: most
    /// have no documents, and of those that have many only so many are read.
    async fn next_documents(&mut self, mut customers: &[Regrouping]) -> Result<Vec<MasterId>, StoreError> {
        let (mut documents, mut group) = (Vec::new(), 1);
        while !customers.is_empty() {
            let (some, later) = customers.split_at(group.min(customers.len()));
            let pages = self.resolution().documents_of(some, DOCUMENTS_MAX).await?;
            for (one, page) in some.iter().zip(pages) {
                if !documents.is_empty() && documents.len() + page.len() > DOCUMENTS_MAX {
                    return Ok(documents);
                }
                let next = page.last().copied().filter(|_| page.len() == DOCUMENTS_MAX);
                self.writes.matching.regrouping.push((one.master_id, next));
                documents.extend(page);
            }
            (customers, group) = (later, group * 4);
        }
        Ok(documents)
    }

    /// Takes the locks of the records that documents show and name, before those of the documents: in the order in which
    /// whoever is shown them takes them.
    async fn lock_referenced(&mut self, ids: &[MasterId]) -> Result<(), StoreError> {
        let mut locals: Vec<LocalKey> = Vec::new();
        for row in self.resolution().sources_of(ids).await?.into_iter().flatten() {
            let Ok(document) = serde_json::from_str::<Value>(&row.document) else { continue };
            let links = links::links(&document, &row.local.entity, &row.local.system);
            locals.extend(links.into_iter().map(|link| link.to));
            locals.push(row.local);
        }
        self.read_crosswalk(locals).await
    }

    /// Reads what documents refer to.
    async fn read_referenced(&mut self, ids: &[MasterId]) -> Result<(), StoreError> {
        let (mut locals, mut masters): (Vec<LocalKey>, Vec<MasterId>) = (Vec::new(), Vec::new());
        for id in ids {
            for shown in self.sources_of(*id) {
                let entity = &shown.row.local.entity;
                locals
                    .extend(links::links(&shown.document, entity, &shown.row.local.system).into_iter().map(|to| to.to));
                masters.extend(references::fields(entity).iter().filter_map(|field| {
                    references::member(&shown.document, field.name, "master_id")?.parse::<MasterId>().ok()
                }));
            }
        }
        self.read_crosswalk(locals.clone()).await?;
        masters.extend(locals.iter().filter_map(|local| self.crosswalk(local)).map(|row| row.master_id));
        self.read_masters(masters).await
    }

    /// Puts the references of a document to where the records are that they name.
    fn follow_records(&mut self, id: MasterId) {
        let Some(entity) = self.row_of(id).map(|row| row.entity.clone()) else { return };
        let moved: Vec<(usize, Link, MasterId)> = self
            .sources_of(id)
            .iter()
            .enumerate()
            .flat_map(|(at, shown)| {
                let links = links::links(&shown.document, &entity, &shown.row.local.system);
                links.into_iter().map(move |link| (at, link))
            })
            .filter_map(|(at, link)| Some((at, self.linked(&link.to)?, link)))
            .map(|(at, to, link)| (at, link, to))
            .collect();
        for (at, link, to) in moved {
            let Some(shown) = self.known(id).sources.get_mut(at) else { continue };
            let Some(Value::Object(reference)) = shown.document.get_mut(link.field) else { continue };
            let to = Value::String(to.to_string());
            if reference.get("master_id") != Some(&to) {
                reference.insert("master_id".to_owned(), to);
                shown.row.document = shown.document.to_string().into_boxed_str();
                shown.changed = true;
            }
        }
        // Also what stays as it is: the key under which a system has its customer may be another one.
        match self.recompute(id, &entity, None) {
            Golden::Changed(version) | Golden::Same(version) | Golden::Differs(version) => {
                self.publish(id, version, None);
            }
        }
    }
}
