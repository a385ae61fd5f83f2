//! What a system should hold of some masters: their references in its own keys, and the calls that they need.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use canonical::entity::Entity;
use master::MasterId;
use serde_json::Value;
use store::{Delivered, Held, MasterRow, NeededKey, NewParked};

use super::calls::{self, Room};
use super::plan::{self, Localised, Plan, Prepared};
use super::{Courier, Interrupted};
use crate::references;
use crate::settings::{Subscription, Surplus};

/// How many masters are planned at a time: it bounds the documents in memory, not the size of a call.
const PLANNED_MAX: usize = 500;

impl Courier {
    /// Brings the system up to date with these masters of one entity.
    pub(super) async fn deliver_masters(&mut self, entity: &Entity, ids: &[MasterId]) -> Result<(), Interrupted> {
        let system = self.system.clone();
        let Some(subscription) = system.subscriptions.get(entity) else { return Ok(()) };
        let mut calls: Vec<Prepared> = Vec::new();
        for some in ids.chunks(PLANNED_MAX) {
            self.plan_masters(entity, subscription, some, &mut calls).await?;
        }
        let is_doubtful = |one: &Prepared| self.unanswered.contains_key(&(one.member.master_id, one.member.version));
        let room = Room { count_max: self.batching.count_max, stops: self.batching.stops };
        for call in calls::calls(calls, |one| one.member.root, is_doubtful, room) {
            let call = self.in_order(call).await?;
            if !call.is_empty() {
                self.call(call).await?;
            }
        }
        Ok(())
    }

    /// Leaves out what must not overtake something of its root that an earlier call of this round did not bring to an
    /// end: it lines up behind what was refused, and comes again with what was not answered.
    async fn in_order(&mut self, call: Vec<Prepared>) -> Result<Vec<Prepared>, Interrupted> {
        let answered = call.into_iter().filter(|one| !self.held_back.contains(&one.member.root));
        let (behind, call): (Vec<_>, Vec<_>) = answered.partition(|one| self.set_aside.contains(&one.member.root));
        if !behind.is_empty() {
            let at = self.context.now();
            let parked = behind.iter().map(|one| self.parked(&one.member, "delivery.behind", None, at)).collect();
            let end = Delivered { parked, ..Delivered::default() };
            self.context.store.finish_attempt(&self.system.tenant, &self.system.name, None, end).await?;
        }
        Ok(call)
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
            if self.is_held_back(master, &document) {
                continue;
            }
            let parked = match document {
                // Also what was refused since it was read: a customer that its invoice needs goes in between.
                _ if held.blocked || parked_roots.contains(&master.root) || self.set_aside.contains(&master.root) => {
                    self.park(master, "delivery.behind", None)
                }
                Err(needs) => {
                    let parked = self.park(master, "delivery.reference-missing", Some(missing_reference(&needs)));
                    NewParked { needs: Some(needs), ..parked }
                }
                Ok(document) => {
                    let mut attachments = HashMap::new();
                    for hash in plan::attached(&document, &subscription.mapping) {
                        // One that is not there makes the document unwritable, and that is told by its hash.
                        if let Some(bytes) = self.context.store.attachment(&system.tenant, hash).await? {
                            attachments.insert(hash.to_owned(), bytes);
                        }
                    }
                    let oldest = self.oldest(held, subscription, master.master_id).await?;
                    let localised = Localised { held, master, document, attachments, oldest };
                    match plan::plan(&localised, subscription, self.batching.assigns_keys) {
                        Plan::Nothing => continue,
                        Plan::Deliver(prepared) => {
                            calls.extend(prepared);
                            continue;
                        }
                        Plan::Unwritable(errors) => {
                            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                            self.park(master, "delivery.unwritable", Some(errors.join("; ")))
                        }
                    }
                }
            };
            parked_roots.insert(master.root);
            end.parked.push(parked);
        }
        if !end.parked.is_empty() {
            self.context.store.finish_attempt(&system.tenant, &system.name, None, end).await?;
        }
        Ok(())
    }

    /// The key of the oldest of several records, where the others are surplus; `None` where all are kept in step.
    async fn oldest(
        &mut self,
        held: &Held,
        subscription: &Subscription,
        master_id: MasterId,
    ) -> Result<Option<String>, Interrupted> {
        let live = held.crosswalk.iter().filter(|row| !row.removed).count();
        if live < 2 || subscription.surplus == Surplus::Update {
            return Ok(None);
        }
        let keys = self.context.store.local_keys(&self.system.tenant, &self.system.name, &[master_id]).await?;
        Ok(keys.into_iter().next().flatten())
    }

    /// Whether a document must wait for the next round, with all that it refers to.
    fn is_held_back(&mut self, master: &MasterRow, document: &Result<Value, NeededKey>) -> bool {
        let missing = document.as_ref().err();
        let is_held_back =
            self.held_back.contains(&master.root) || missing.is_some_and(|key| self.held_back.contains(&key.master_id));
        if is_held_back {
            self.held_back.extend([master.root, master.master_id]);
        }
        is_held_back
    }

    /// Puts the references of each document in the system's own keys. Customers that the system does not have yet are
    /// delivered first. `Err` tells the key that is not known.
    async fn localise(
        &mut self,
        entity: &Entity,
        held: &[Held],
    ) -> Result<Vec<Option<Result<Value, NeededKey>>>, Interrupted> {
        let system = self.system.clone();
        let Some(subscription) = system.subscriptions.get(entity) else { return Ok(Vec::new()) };
        let mut documents: Vec<Option<Value>> = Vec::with_capacity(held.len());
        let mut needed: BTreeMap<&'static str, BTreeSet<MasterId>> = BTreeMap::new();
        for held in held {
            let document = held.master.as_ref().and_then(|master| serde_json::from_str(&master.document).ok());
            if let Some(document) = document.as_ref().filter(|_| !held.blocked) {
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
                    None => {
                        let system = self.holder(subscription, field);
                        return Some(Err(NeededKey { system, master_id: id }));
                    }
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
        let holder = self.holder(subscription, field);
        let keys = self.context.store.local_keys(&tenant, &holder, ids).await?;
        let missing: Vec<MasterId> =
            ids.iter().zip(&keys).filter(|(_, key)| key.is_none()).map(|(id, _)| *id).collect();
        if missing.is_empty() || holder != own || !self.system.subscriptions.contains_key(entity) {
            return Ok(keys);
        }
        Box::pin(self.deliver_masters(entity, &missing)).await?;
        Ok(self.context.store.local_keys(&tenant, &holder, ids).await?)
    }

    /// The system whose keys a reference is written in.
    fn holder(&self, subscription: &Subscription, field: &str) -> Arc<str> {
        subscription.mapping.reference_system(field).map_or_else(|| self.system.name.clone(), Into::into)
    }
}

fn missing_reference(NeededKey { system, master_id }: &NeededKey) -> String {
    format!(
        "{system} does not have {master_id}, which this document refers to: it is not fed it, refuses it, or was told to \
         remove it; this document follows by itself as soon as it has it"
    )
}
