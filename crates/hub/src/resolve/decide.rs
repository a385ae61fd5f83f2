//! What one observation means: whose document it is, whether the golden document changes, and who must hear of it.

use std::sync::Arc;

use canonical::entity::{Entity, Operation};
use master::{Asserted, Holds, MasterId};
use serde_json::Value;
use store::{CrosswalkRow, JournalKind, LocalKey, Member, RecordOutcome, SourceRow, StoreError};

use super::breaker;
use super::golden::Golden;
use super::links::{self, Prepared};
use super::working::{Shown, Working};
use crate::observation::Observation;

/// How many payments may be alike in account, date, amount and reference.
const OCCURRENCES_MAX: u32 = 1_000;

impl Working<'_> {
    pub(super) async fn decide(&mut self, one: &mut Prepared) -> Result<(), StoreError> {
        if self.is_seen(one) {
            if !one.from_flight {
                // It waited or was parked, and a later state of its record came first.
                self.end(one, RecordOutcome::Unchanged);
            }
            return Ok(());
        }
        if self.is_parked(one) {
            return Ok(());
        }
        if self.is_blocked(one) {
            self.park(one, "resolve.behind", None);
            return Ok(());
        }
        if let Some(task) = self.reuse.question(one) {
            self.park_and_ask(one, task.question.clone(), task);
            return Ok(());
        }
        self.withdraw(one);
        if one.observation.operation != Operation::Upsert {
            return self.remove(one);
        }
        for link in one.references.clone() {
            if !self.follow(one, &link) {
                return Ok(());
            }
        }
        match one.document.take() {
            Some(document) => self.upsert(one, document).await,
            None => {
                self.park(one, "resolve.document", Some("the event carries no document that can be read".to_owned()));
                Ok(())
            }
        }
    }

    /// Whether this observation, or a later one of the same record, was taken in before.
    ///
    /// After a crash, a source that is read again may show a newer state in the same drop, at whatever place: rows of a
    /// polled source move when others come and go. So inside one drop the time of reading goes before the place. The
    /// place alone still makes an observation newer, because a clock that was set back must not hide a row.
    /// A drop whose content is one for good, such as a file, has one time of reading: what is read again of it is the
    /// same, unless it is read by another mapping now.
    pub(super) fn is_seen(&self, one: &Prepared) -> bool {
        let Observation { position, at, operation, .. } = one.observation;
        let is_back = |shown: &Shown| shown.row.removed && operation == Operation::Upsert;
        let is_read_later = |row: &SourceRow| {
            row.observed_at < at || (row.position == position && row.mapping != one.observation.mapping)
        };
        let is_newer_state = |shown: &Shown| {
            shown.row.position.drop == position.drop
                && is_read_later(&shown.row)
                && (is_back(shown) || one.shows_another(&shown.document))
        };
        let shown = self.shown(&one.source_key());
        shown.is_some_and(|shown| shown.row.position >= position && !is_newer_state(shown)) || self.waits_already(one)
    }

    /// Puts a master id into a reference; `false` when the document now waits for it.
    fn follow(&mut self, one: &mut Prepared, link: &links::Link) -> bool {
        if self.reuse.is_asked_about(&link.to) {
            let detail = format!("until it is decided whose key {} of {} is", link.to.key, link.to.system);
            self.let_wait(one, link.to.clone(), detail);
            return false;
        }
        if let Some(master_id) = self.linked(&link.to) {
            if let Some(Value::Object(reference)) =
                one.document.as_mut().and_then(|document| document.get_mut(link.field))
            {
                reference.insert("master_id".to_owned(), Value::String(master_id.to_string()));
            }
            return true;
        }
        let detail = format!("for {} {} of {}", link.to.entity, link.to.key, link.to.system);
        self.let_wait(one, link.to.clone(), detail);
        false
    }

    fn let_wait(&mut self, one: &Prepared, needs: LocalKey, detail: String) {
        self.wait(needs, one);
        self.end(one, RecordOutcome::Waiting);
        self.journal(&one.observation, JournalKind::Waiting, None, None, Some(detail));
    }

    async fn upsert(&mut self, one: &Prepared, document: Value) -> Result<(), StoreError> {
        let entity = one.observation.entity.clone();
        let (master_id, keys) = self.find(one, &document).await?;
        if master_id.is_none() && self.may_be_under_way(one) {
            let detail = format!("for the end of a call to {} that may have made it", one.local.system);
            self.let_wait(one, one.local.clone(), detail);
            return Ok(());
        }
        let master_id = master_id.unwrap_or_else(|| self.new_master_id());
        let was = self.row_of(master_id).map(|row| breaker::state_of(&row.document));
        if entity == Entity::Customer && was.is_some() && self.is_flapping(one, master_id, &document) {
            self.stop_flapping(one, master_id);
            return Ok(());
        }
        let before = self.shown(&one.source_key());
        let outcome = match before {
            Some(before) if before.row.removed => RecordOutcome::Created,
            Some(before) if before.document == document => RecordOutcome::Unchanged,
            Some(_) => RecordOutcome::Updated,
            None => RecordOutcome::Created,
        };
        let old_document = before.map(|before| before.document.clone()).filter(|_| entity != Entity::Customer);
        let asserted = self.claims(one, master_id, before.filter(|before| !before.row.removed), &document);
        let earlier = self.delivered_after(one, &document);
        self.put_source(show(one, master_id, document, asserted));
        self.link(one, master_id, earlier);
        if entity != Entity::Customer {
            self.move_keys(one, master_id, old_document.as_ref(), keys).await?;
        }
        let golden = self.recompute(master_id, &entity, Some(&one.source_key()));
        if let (Entity::Customer, Golden::Changed(_), Some(was)) = (&entity, &golden, was) {
            self.note_change(one, master_id, was);
        }
        self.tell(one, master_id, &golden, was.is_none(), outcome);
        Ok(())
    }

    /// Journal, outbox and accounting of an upsert.
    fn tell(&mut self, one: &Prepared, master_id: MasterId, golden: &Golden, is_new: bool, outcome: RecordOutcome) {
        let version = match golden {
            Golden::Changed(version) => {
                self.publish(master_id, *version, None);
                *version
            }
            Golden::Differs(version) => {
                self.publish(master_id, *version, Some(one.local.system.clone()));
                *version
            }
            Golden::Same(version) => *version,
        };
        let kind = match (golden, outcome) {
            _ if is_new => JournalKind::Created,
            (_, RecordOutcome::Created) => JournalKind::Linked,
            (Golden::Changed(_), _) => JournalKind::Updated,
            _ => JournalKind::Confirmed,
        };
        self.journal(&one.observation, kind, Some(master_id), Some(version), None);
        self.end(one, outcome);
    }

    /// What the system claims of what it shows, and what is only an echo of our own delivery.
    fn claims(&self, one: &Prepared, master_id: MasterId, before: Option<&Shown>, observed: &Value) -> Asserted {
        let entity = &one.observation.entity;
        let writes = self.writes_of(&one.local.system, entity);
        let delivered = self.delivered(one, master_id, observed);
        let holds = delivered.split_first().zip(writes);
        let holds = holds.map(|((document, earlier), writes)| Holds { document, earlier, writes });
        let covers = self.covers_of(&one.observation.mapping, entity, observed);
        let before = before.map(|before| (&before.document, &before.asserted));
        master::assert(entity, before, observed, &covers, holds, one.observation.at)
    }

    /// What the system may hold of the record by our deliveries since it showed it last, the likeliest first.
    pub(super) fn delivered(&self, one: &Prepared, master_id: MasterId, observed: &Value) -> Vec<Value> {
        let just = self.just_delivered(one, observed);
        let just = just.filter(|member| self.survivor(member.master_id) == master_id);
        let row = self.crosswalk(&one.local);
        // Somebody may have edited what a call that is still open wrote under this key.
        let open = self.written_under(&one.local);
        let all = just.map(|member| member.projection.as_str()).into_iter();
        let all = all.chain(row.and_then(|row| row.holds.as_deref()));
        let all = all.chain(open.map(|member| member.projection.as_str()));
        // What is read late shows what was delivered before the last time.
        let all = all.chain(row.into_iter().flat_map(|row| row.earlier.iter().rev().map(|earlier| &**earlier)));
        all.filter_map(|holds| serde_json::from_str(holds).ok()).collect()
    }

    /// What was delivered after the state that the system shows here: this export is older than that, and so may the next
    /// one be. Nothing when it shows the last delivery, or what nobody delivered.
    fn delivered_after(&self, one: &Prepared, observed: &Value) -> Vec<Box<str>> {
        let Some(row) = self.crosswalk(&one.local).filter(|row| !row.earlier.is_empty()) else { return Vec::new() };
        let Some(system) = self.context.settings.systems.get(&one.local.system) else { return Vec::new() };
        let Some(subscription) = system.subscriptions.get(&one.local.entity) else { return Vec::new() };
        let shown = subscription.mapping.restrict(observed);
        let delivered: Vec<&str> = row.earlier.iter().chain(&row.holds).map(|text| &**text).collect();
        let is_shown = |text: &&str| serde_json::from_str::<Value>(text).is_ok_and(|delivered| delivered == shown);
        let at = delivered.iter().rposition(is_shown);
        at.map_or_else(Vec::new, |at| delivered[at + 1..].iter().map(|text| Box::from(*text)).collect())
    }

    /// The change that the system shows here although the call that delivers it has not ended: under the same key, or,
    /// for a record that gets its key from the system, with the same content.
    fn just_delivered<'a>(&'a self, one: &'a Prepared, observed: &Value) -> Option<&'a Member> {
        let mut under_way = self.under_way(&one.local).peekable();
        under_way.peek()?;
        let system = self.context.settings.systems.get(&one.local.system)?;
        let shown = system.subscriptions.get(&one.local.entity)?.mapping.restrict(observed);
        under_way.find(|member| {
            member.local_key.as_ref().is_none_or(|key| *key == one.local.key)
                && serde_json::from_str::<Value>(&member.projection).is_ok_and(|projection| projection == shown)
        })
    }

    /// What the hub writes into a system of an entity.
    fn writes_of(&self, system: &Arc<str>, entity: &Entity) -> Option<&[String]> {
        let subscription = self.context.settings.systems.get(system)?.subscriptions.get(entity)?;
        Some(subscription.mapping.writes())
    }

    /// What a mapping version covers; for an embedded document, what it holds.
    pub(super) fn covers_of(&self, mapping: &Arc<str>, entity: &Entity, document: &Value) -> Arc<[String]> {
        self.covers(mapping).unwrap_or_else(|| master::units(entity, document).into())
    }

    /// The master of a record: by crosswalk, else by match keys; with the keys that a new one is found by later.
    async fn find(&mut self, one: &Prepared, document: &Value) -> Result<(Option<MasterId>, Vec<String>), StoreError> {
        let written = || Some(self.survivor(self.written_under(&one.local)?.master_id));
        let linked = self.linked(&one.local).or_else(written);
        let entity = &one.observation.entity;
        if let Entity::Customer = entity {
            let identified = self.identified.get(&one.local).copied();
            return Ok((identified.or(linked).or_else(|| self.echoed(one, document)), Vec::new()));
        }
        let tenant = self.tenant.clone();
        for occurrence in 0..OCCURRENCES_MAX {
            let keys = links::match_keys(&tenant, entity, document, occurrence);
            let Some(key) = keys.first() else {
                return Ok((linked.or_else(|| self.echoed(one, document)), keys));
            };
            let Some(found) = self.matching(key).await?.into_iter().min() else { return Ok((linked, keys)) };
            let alike = *entity != Entity::Invoice && self.shows_another(found, one);
            if linked.is_none_or(|linked| linked == found) && !alike {
                return Ok((Some(found), keys));
            }
            if *entity == Entity::Invoice {
                return Ok((linked, Vec::new()));
            }
        }
        Ok((linked, Vec::new()))
    }

    /// The change that a call which has not ended writes under this very key, whatever the system shows there by now.
    fn written_under<'a>(&'a self, local: &'a LocalKey) -> Option<&'a Member> {
        let mut under_way = self.under_way(local);
        under_way.find(|member| member.operation == Operation::Upsert && member.local_key.as_ref() == Some(&local.key))
    }

    /// The master that a call which has not ended delivers as this record, by its key or by what it shows.
    pub(super) fn delivered_as(&self, one: &Prepared, document: &Value) -> Option<MasterId> {
        let written = self.written_under(&one.local).map(|member| self.survivor(member.master_id));
        written.or_else(|| self.echoed(one, document))
    }

    /// Whether a call that has not ended may have made this record under a key that the system gave it, and somebody
    /// edited it since. Only a call that began before the record was seen comes into question.
    pub(super) fn may_be_under_way(&self, one: &Prepared) -> bool {
        // An embedded document has no record of its own.
        !one.observation.derived
            && self.crosswalk(&one.local).is_none()
            && self.is_being_made(&one.local, one.observation.at)
    }

    /// The master whose change the system shows under a key that nobody knows yet.
    fn echoed(&self, one: &Prepared, document: &Value) -> Option<MasterId> {
        self.just_delivered(one, document).map(|member| self.survivor(member.master_id))
    }

    /// Whether the same stream shows this master under another key: then two records are alike and not the same.
    fn shows_another(&mut self, master_id: MasterId, one: &Prepared) -> bool {
        let (local, stream) = one.source_key();
        self.known(master_id).sources.iter().map(|shown| &shown.row).any(|row| {
            !row.removed && row.stream == stream && row.local.system == local.system && row.local.key != local.key
        })
    }

    /// Links the record to its master, and takes its own word for what it holds from now on.
    fn link(&mut self, one: &Prepared, master_id: MasterId, earlier: Vec<Box<str>>) {
        let row = self.crosswalk(&one.local);
        let settled = row.is_some_and(|row| {
            row.master_id == master_id && row.holds.is_none() && !row.removed && row.earlier == earlier
        });
        if settled {
            return;
        }
        let version = row.map_or(0, |row| row.version);
        // A system that shows what it was told to remove was read too early, or has it again: that is known when it shows
        // it once more. Until then it counts as gone, so that it gets it back if it is to have it.
        let removed = row.is_some_and(|row| row.removed && row.holds.is_some());
        let local = one.local.clone();
        self.put_crosswalk(CrosswalkRow { local, master_id, holds: None, residue: None, version, removed, earlier });
    }

    /// Keeps the match keys of an invoice, payment or allocation in step with its identity.
    async fn move_keys(
        &mut self,
        one: &Prepared,
        master_id: MasterId,
        shown: Option<&Value>,
        keys: Vec<String>,
    ) -> Result<(), StoreError> {
        let tenant = self.tenant.clone();
        let entity = &one.observation.entity;
        if let Some(shown) = shown {
            for occurrence in 0..OCCURRENCES_MAX {
                let old = links::match_keys(&tenant, entity, shown, occurrence);
                let Some(key) = old.first().filter(|key| !keys.contains(key)) else { break };
                let ids = self.matching(key).await?;
                if ids.is_empty() {
                    break;
                }
                if ids.contains(&master_id) {
                    self.remove_key(master_id, key);
                    break;
                }
            }
        }
        for key in keys {
            self.add_key(master_id, key);
        }
        Ok(())
    }

    fn remove(&mut self, one: &Prepared) -> Result<(), StoreError> {
        let Some(master_id) = self.shown(&one.source_key()).map(|shown| shown.row.master_id) else {
            self.end(one, RecordOutcome::Removed);
            return Ok(());
        };
        self.mark_removed(master_id, one);
        self.unlink(&one.local, master_id);
        let version = match self.recompute(master_id, &one.observation.entity, None) {
            Golden::Changed(version) => {
                self.publish(master_id, version, None);
                version
            }
            Golden::Same(version) | Golden::Differs(version) => {
                // The master lives on by what others show, so the system may have to get it back.
                self.publish(master_id, version, Some(one.local.system.clone()));
                version
            }
        };
        self.journal(&one.observation, JournalKind::Removed, Some(master_id), Some(version), None);
        self.end(one, RecordOutcome::Removed);
        Ok(())
    }

    /// Notes that a system holds nothing under a key, unless another of its streams still shows it.
    fn unlink(&mut self, local: &LocalKey, master_id: MasterId) {
        let mut rows = self.known(master_id).sources.iter().map(|shown| &shown.row);
        let shown = rows.any(|row| row.local == *local && !row.removed);
        if let Some(row) = self.crosswalk(local).filter(|_| !shown).cloned() {
            self.replace_crosswalk(CrosswalkRow { holds: None, earlier: Vec::new(), removed: true, ..row });
        }
    }
}

/// What a stream shows of a record now.
fn show(one: &Prepared, master_id: MasterId, document: Value, asserted: Asserted) -> Shown {
    let observation = &one.observation;
    let row = SourceRow {
        local: one.local.clone(),
        stream: observation.stream.stream.clone(),
        master_id,
        document: one.text.clone().unwrap_or_else(|| document.to_string().into_boxed_str()),
        mapping: observation.mapping.clone(),
        asserted: serde_json::to_string(&asserted).unwrap_or_default().into_boxed_str(),
        residue: observation.residue.clone().map(String::into_boxed_str),
        position: observation.position,
        observed_at: observation.at,
        removed: false,
    };
    Shown { row, document, asserted, changed: true }
}
