//! One call to a target: durable before it is made, ended with everything that it changed.

use std::collections::{BTreeMap, BTreeSet};

use canonical::entity::{Entity, Operation};
use connector::{BatchId, Fault, Found, Outcome, Reference, Rendered};
use jiff::Timestamp;
use master::MasterId;
use serde_json::Value;
use store::{
    Attempt, CrosswalkRow, Delivered, Held, JournalEntry, JournalKind, LocalKey, Member, NewParked, NewTask,
    ParkedStage, TargetState,
};

use super::plan::{self, Localised, Plan, Prepared};
use super::{Courier, Interrupted, timeout};
use crate::change;
use crate::references;
use crate::settings::{OwnedBatchId, Subscription};
use crate::stage::Stage;

/// How many masters are planned at a time: it bounds the documents in memory, not the size of a call.
const PLANNED_MAX: usize = 500;

/// How one member of an attempt ended for certain.
pub(super) enum Ended {
    Applied {
        local_key: Option<String>,
        holds: Option<Value>,
    },
    Refused {
        code: String,
        reason: String,
    },
    /// It was not applied; its change is still in the queue, or is planned again.
    Not,
    /// Only a person can tell.
    CannotTell,
}

impl Courier {
    /// Brings the system up to date with these masters of one entity.
    pub(super) async fn deliver_masters(&mut self, entity: &Entity, ids: &[MasterId]) -> Result<(), Interrupted> {
        let system = self.system.clone();
        let Some(subscription) = system.subscriptions.get(entity) else { return Ok(()) };
        let mut calls: Vec<Prepared> = Vec::new();
        for some in ids.chunks(PLANNED_MAX) {
            self.plan_masters(entity, subscription, some, &mut calls).await?;
        }
        for chunk in chunks(calls, self.batching.count_max.max(1)) {
            self.call(chunk).await?;
        }
        Ok(())
    }

    /// Adds the calls that some masters need; what cannot be sent is parked.
    async fn plan_masters(
        &mut self,
        entity: &Entity,
        subscription: &Subscription,
        ids: &[MasterId],
        calls: &mut Vec<Prepared>,
    ) -> Result<(), Interrupted> {
        let system = self.system.clone();
        let held = self.context.store.held(&system.tenant, &system.name, ids).await?;
        let documents = self.localise(entity, &held).await?;
        let mut end = Delivered::default();
        let mut parked_roots = BTreeSet::new();
        for (held, document) in held.iter().zip(documents) {
            let (Some(master), Some(document)) = (&held.master, document) else { continue };
            let reason = match document {
                _ if parked_roots.contains(&master.root) => Some(("delivery.behind", None)),
                Err(missing) => Some(("delivery.reference-missing", Some(self.missing_reference(missing)))),
                Ok(document) => {
                    let localised = Localised { held, master, document };
                    match plan::plan(&localised, subscription, self.batching.assigns_keys) {
                        Plan::Nothing => None,
                        Plan::Blocked => Some(("delivery.behind", None)),
                        Plan::Deliver(prepared) => {
                            calls.extend(prepared);
                            None
                        }
                        Plan::Unwritable(errors) => {
                            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                            Some(("delivery.unwritable", Some(errors.join("; "))))
                        }
                    }
                }
            };
            if let Some((code, reason)) = reason {
                parked_roots.insert(master.root);
                end.parked.push(self.park(master, code, reason));
            }
        }
        if !end.parked.is_empty() {
            self.context.store.finish_attempt(&system.tenant, &system.name, None, end).await?;
        }
        Ok(())
    }

    /// Puts the references of each document in the system's own keys. Customers that the system does not have yet are
    /// delivered first. `Err` names the master that it cannot be given.
    async fn localise(
        &mut self,
        entity: &Entity,
        held: &[Held],
    ) -> Result<Vec<Option<Result<Value, MasterId>>>, Interrupted> {
        let system = self.system.clone();
        let Some(subscription) = system.subscriptions.get(entity) else { return Ok(Vec::new()) };
        let mut documents: Vec<Option<Value>> = Vec::with_capacity(held.len());
        let mut needed: BTreeMap<&'static str, BTreeSet<MasterId>> = BTreeMap::new();
        for held in held {
            let document = held.master.as_ref().and_then(|master| serde_json::from_str(&master.document).ok());
            if let Some(document) = &document {
                for (field, id) in plan::needed(document, &subscription.mapping) {
                    needed.entry(field).or_default().insert(id);
                }
            }
            documents.push(document);
        }
        let mut keys: BTreeMap<(&'static str, MasterId), String> = BTreeMap::new();
        for field in references::fields(entity) {
            let Some(ids) = needed.get(field.name) else { continue };
            let ids: Vec<MasterId> = ids.iter().copied().collect();
            for (id, key) in ids.iter().zip(self.keys_of(subscription, field.name, &field.entity, &ids).await?) {
                if let Some(key) = key {
                    keys.insert((field.name, *id), key);
                }
            }
        }
        let localised = documents.into_iter().map(|document| {
            let mut document = document?;
            for (field, id) in plan::needed(&document, &subscription.mapping) {
                match keys.get(&(field, id)) {
                    Some(key) => {
                        let system = subscription.mapping.reference_system(field).map(|system| ("system", system));
                        let members: Vec<_> = system.into_iter().chain([("key", key.as_str())]).collect();
                        references::replace(&mut document, field, &members);
                    }
                    None => return Some(Err(id)),
                }
            }
            Some(Ok(document))
        });
        Ok(localised.collect())
    }

    /// The keys under which the referenced documents go, delivering those first that the system should have and has not.
    async fn keys_of(
        &mut self,
        subscription: &Subscription,
        field: &str,
        entity: &Entity,
        ids: &[MasterId],
    ) -> Result<Vec<Option<String>>, Interrupted> {
        let (tenant, own) = (self.system.tenant.clone(), self.system.name.clone());
        let holder = subscription.mapping.reference_system(field).map_or_else(|| own.clone(), Into::into);
        let keys = self.context.store.local_keys(&tenant, &holder, ids).await?;
        let missing: Vec<MasterId> =
            ids.iter().zip(&keys).filter(|(_, key)| key.is_none()).map(|(id, _)| *id).collect();
        if missing.is_empty() || holder != own || !self.system.subscriptions.contains_key(entity) {
            return Ok(keys);
        }
        Box::pin(self.deliver_masters(entity, &missing)).await?;
        Ok(self.context.store.local_keys(&tenant, &holder, ids).await?)
    }

    /// Makes one call and stays with it until its outcome is known.
    async fn call(&mut self, prepared: Vec<Prepared>) -> Result<(), Interrupted> {
        let (members, rendered): (Vec<Member>, Vec<Rendered>) =
            prepared.into_iter().map(|one| (one.member, one.rendered)).unzip();
        let attempt = Attempt {
            batch: self.batch_id(),
            tenant: self.system.tenant.clone(),
            system: self.system.name.clone(),
            members,
            at: self.context.now(),
        };
        self.context.store.begin_attempt(&attempt).await?;
        Stage::DeliverAttempting.ended();
        let results = self.apply(&attempt.batch, &rendered).await?;
        Stage::DeliverApplied.ended();
        let mut ended = Vec::with_capacity(results.len());
        let mut unknown = Vec::new();
        let mut fault = None;
        for (index, result) in results.into_iter().enumerate() {
            ended.push(match result {
                Ok(Outcome::Applied { local_key, holds }) => {
                    let holds = holds.and_then(|record| self.read_back(&attempt.members[index].entity, &record.body));
                    Ended::Applied { local_key, holds }
                }
                Ok(Outcome::Rejected(reject)) => Ended::Refused { code: reject.code.to_owned(), reason: reject.reason },
                Ok(Outcome::Unknown) => {
                    unknown.push(index);
                    Ended::Not
                }
                Err(error) => {
                    fault.get_or_insert(error);
                    Ended::Not
                }
            });
        }
        if !unknown.is_empty() {
            self.look_up(&attempt, &unknown, &mut ended).await?;
        }
        self.finish(&attempt, ended).await?;
        match fault {
            Some(fault) => Err(fault.into()),
            None => Ok(self.note(TargetState::Up, None).await?),
        }
    }

    async fn apply(
        &mut self,
        batch: &BatchId,
        rendered: &[Rendered],
    ) -> Result<Vec<Result<Outcome, Fault>>, Interrupted> {
        let limit = timeout(&self.batching);
        let Some(target) = &mut self.target else { return Err(Fault::retry("the target is not open").into()) };
        match tokio::time::timeout(limit, target.apply(batch, rendered)).await {
            Ok(results) if results.len() == rendered.len() => Ok(results),
            Ok(results) => {
                let (got, wanted) = (results.len(), rendered.len());
                tracing::error!(system = %self.system.name, got, wanted, "the connector gave another number of results than changes");
                Ok(rendered.iter().map(|_| Ok(Outcome::Unknown)).collect())
            }
            Err(_) => Ok(rendered.iter().map(|_| Ok(Outcome::Unknown)).collect()),
        }
    }

    /// Asks the target what it holds, again and again until it answers.
    pub(super) async fn look_up(
        &mut self,
        attempt: &Attempt,
        indices: &[usize],
        ended: &mut [Ended],
    ) -> Result<(), Interrupted> {
        let references: Vec<Reference> = indices.iter().map(|index| reference(&attempt.members[*index])).collect();
        let found = loop {
            let limit = timeout(&self.batching);
            let Some(target) = &mut self.target else { return Err(Fault::retry("the target is not open").into()) };
            let found = tokio::time::timeout(limit, target.find(&attempt.batch, &references)).await;
            let fault = match found {
                Ok(found) => match found.into_iter().collect::<Result<Vec<_>, _>>() {
                    Ok(found) => break found,
                    Err(fault) => fault,
                },
                Err(_) => Fault::retry("the look-up took too long"),
            };
            self.note(TargetState::Down, Some(&fault.to_string())).await?;
            if !self.context.pause(&mut self.backoff).await {
                return Err(Interrupted::Stopping);
            }
        };
        for (index, found) in indices.iter().zip(found) {
            ended[*index] = match found {
                Found::Applied { local_key, holds } => {
                    let holds = holds.and_then(|record| self.read_back(&attempt.members[*index].entity, &record.body));
                    Ended::Applied { local_key, holds }
                }
                Found::NotApplied { .. } => Ended::Not,
                Found::CannotTell => Ended::CannotTell,
            };
        }
        Ok(())
    }

    /// What the system says it holds now, as a document of the fields that the mapping writes.
    fn read_back(&self, entity: &Entity, body: &canonical::record::Body) -> Option<Value> {
        let mapping = &self.system.subscriptions.get(entity)?.mapping;
        let reading = mapping.reader().read(body).ok()?;
        Some(mapping.restrict(&reading.document.to_json()))
    }

    /// Writes shadows, crosswalk, journal and whatever is set aside, and forgets the attempt: one transaction.
    pub(super) async fn finish(&mut self, attempt: &Attempt, ended: Vec<Ended>) -> Result<(), Interrupted> {
        let at = self.context.now();
        let mut end = Delivered::default();
        let mut again = false;
        for (member, ended) in attempt.members.iter().zip(ended) {
            match ended {
                Ended::Applied { local_key, holds } => {
                    let key =
                        local_key.or_else(|| member.local_key.clone()).unwrap_or_else(|| member.master_id.to_string());
                    end.journal.push(self.entry(member, JournalKind::Delivered, Some(key.clone()), &attempt.batch, at));
                    end.crosswalk.push(self.crosswalk(member, key, holds));
                }
                Ended::Refused { code, reason } => {
                    end.journal.push(self.entry(member, JournalKind::Refused, member.local_key.clone(), &reason, at));
                    end.parked.push(self.parked(member, &code, Some(reason), at));
                }
                Ended::Not => again = true,
                Ended::CannotTell => {
                    let question = format!(
                        "did {} take version {} of {} in batch {}? Look there, then retry or discard what is parked",
                        self.system.name, member.version, member.master_id, attempt.batch
                    );
                    end.tasks.push(self.task(member, question.clone(), at));
                    end.parked.push(self.parked(member, "delivery.unknown", Some(question), at));
                }
            }
        }
        let (tenant, name) = (&attempt.tenant, &attempt.system);
        self.context.store.finish_attempt(tenant, name, Some(&attempt.batch), end).await?;
        Stage::DeliverFinished.ended();
        if again {
            tracing::debug!(system = %name, batch = attempt.batch, "some changes were not applied and are planned again");
        }
        Ok(())
    }

    fn crosswalk(&self, member: &Member, key: String, holds: Option<Value>) -> CrosswalkRow {
        let removed = member.operation != Operation::Upsert;
        let projection = holds.map_or_else(|| member.projection.clone(), |holds| holds.to_string());
        CrosswalkRow {
            local: LocalKey { system: self.system.name.clone(), entity: member.entity.clone(), key },
            master_id: member.master_id,
            holds: (!removed).then(|| projection.into_boxed_str()),
            residue: member.residue.clone().map(String::into_boxed_str),
            version: member.version,
            removed,
        }
    }

    fn entry(
        &self,
        member: &Member,
        kind: JournalKind,
        key: Option<String>,
        detail: &str,
        at: Timestamp,
    ) -> JournalEntry {
        JournalEntry {
            at,
            kind,
            system: self.system.name.clone(),
            entity: member.entity.clone(),
            key,
            master_id: Some(member.master_id),
            version: Some(member.version),
            position: None,
            line: None,
            detail: Some(detail.to_owned()),
        }
    }

    fn parked(&self, member: &Member, code: &str, reason: Option<String>, at: Timestamp) -> NewParked {
        NewParked {
            stage: ParkedStage::Delivery,
            system: self.system.name.clone(),
            key: member.root.to_string(),
            entity: member.entity.clone(),
            master_id: Some(member.master_id),
            version: Some(member.version),
            position: None,
            code: code.to_owned(),
            reason,
            event: change::id(&self.system.tenant, member.master_id, member.version).into_bytes(),
            at,
        }
    }

    fn park(&self, master: &store::MasterRow, code: &str, reason: Option<String>) -> NewParked {
        let member = Member {
            master_id: master.master_id,
            root: master.root,
            entity: master.entity.clone(),
            version: master.version,
            operation: master.state,
            local_key: None,
            projection: String::new(),
            residue: None,
        };
        self.parked(&member, code, reason, self.context.now())
    }

    fn missing_reference(&self, missing: MasterId) -> String {
        format!(
            "{} does not have {missing}, which this document refers to, and is not fed it or refuses it; \
             deliver that one first, or widen the subscription",
            self.system.name
        )
    }

    fn task(&self, member: &Member, question: String, at: Timestamp) -> NewTask {
        NewTask {
            subject: format!("delivery/{}/{}/{}", self.system.name, member.master_id, member.version),
            code: "delivery.unknown".to_owned(),
            question,
            system: self.system.name.clone(),
            master_id: Some(member.master_id),
            at,
        }
    }

    /// A name for a call that sorts by time and is never given twice.
    fn batch_id(&self) -> OwnedBatchId {
        let now = self.context.now().strftime("%Y%m%dT%H%M%S%6fZ");
        format!("{now}-{:06x}", fastrand::u32(..1 << 24))
    }
}

pub(super) fn reference(member: &Member) -> Reference {
    Reference {
        entity: member.entity.clone(),
        master_id: member.master_id.to_string(),
        version: member.version,
        local_key: member.local_key.clone(),
    }
}

/// Splits calls into batches of at most `count_max`.
fn chunks(calls: Vec<Prepared>, count_max: usize) -> impl Iterator<Item = Vec<Prepared>> {
    let mut rest = calls.into_iter();
    std::iter::from_fn(move || {
        let chunk: Vec<_> = rest.by_ref().take(count_max).collect();
        (!chunk.is_empty()).then_some(chunk)
    })
}
