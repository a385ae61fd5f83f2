//! What one observation means: whose document it is, whether the golden document changes, and who must hear of it.

use std::borrow::Cow;
use std::sync::Arc;

use canonical::entity::{Entity, Operation};
use master::{Asserted, Holds, MasterId, SourceView, Trust};
use serde_json::Value;
use store::{CrosswalkRow, JournalKind, LocalKey, MasterRow, RecordOutcome, SourceRow, StoreError};

use super::links::{self, Prepared};
use super::working::Working;
use crate::references;

/// How many payments may be alike in account, date, amount and reference.
const OCCURRENCES_MAX: u32 = 1_000;

/// What became of the golden document.
enum Golden {
    /// A new version.
    Changed(u64),
    /// The same as before, and the same as what was observed.
    Same(u64),
    /// The same as before; the observing system shows something else.
    Differs(u64),
}

impl Working<'_> {
    pub(super) async fn decide(&mut self, one: &mut Prepared) -> Result<(), StoreError> {
        let seen = self.source(&one.source_key()).is_some_and(|source| source.position >= one.observation.position);
        if seen {
            return Ok(());
        }
        if self.is_blocked(one) {
            self.park(one, "resolve.behind", None);
            return Ok(());
        }
        if one.observation.operation != Operation::Upsert {
            return self.remove(one);
        }
        for link in one.references.clone() {
            if !self.follow(one, &link).await? {
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

    /// Puts a master id into a reference; `false` when the document now waits for it.
    async fn follow(&mut self, one: &mut Prepared, link: &links::Link) -> Result<bool, StoreError> {
        if let Some(master_id) = self.linked(&link.to) {
            if let Some(Value::Object(reference)) =
                one.document.as_mut().and_then(|document| document.get_mut(link.field))
            {
                reference.insert("master_id".to_owned(), Value::String(master_id.to_string()));
            }
            return Ok(true);
        }
        if !self.waits_already(&link.to, one).await? {
            self.wait(link.to.clone(), one);
            self.end(one, RecordOutcome::Waiting);
            let detail = format!("for {} {} of {}", link.to.entity, link.to.key, link.to.system);
            self.journal(one, JournalKind::Waiting, None, None, Some(detail));
        }
        Ok(false)
    }

    async fn upsert(&mut self, one: &Prepared, document: Value) -> Result<(), StoreError> {
        let entity = one.observation.entity.clone();
        let (master_id, keys) = self.find(one, &document).await?;
        let is_new = master_id.is_none();
        let master_id = master_id.unwrap_or_else(|| self.new_master_id());
        let previous = self.source(&one.source_key()).cloned();
        let shown: Option<Value> = previous.as_ref().and_then(|source| serde_json::from_str(&source.document).ok());
        let unchanged = previous.as_ref().is_some_and(|source| !source.removed)
            && shown.as_ref().is_some_and(|shown| *shown == document);
        let asserted = self.claims(one, previous.as_ref(), shown.as_ref(), &document);
        self.put_source(source_row(one, master_id, &document, &asserted));
        self.link(one, master_id).await?;
        if entity == Entity::Customer {
            self.refresh_customer_keys(master_id);
        } else {
            self.move_keys(one, master_id, shown.as_ref(), keys).await?;
        }
        let golden = self.recompute(master_id, &entity, Some(&document));
        let outcome = match previous {
            Some(source) if !source.removed && unchanged => RecordOutcome::Unchanged,
            Some(source) if !source.removed => RecordOutcome::Updated,
            _ => RecordOutcome::Created,
        };
        self.tell(one, master_id, &golden, is_new, outcome);
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
        self.journal(one, kind, Some(master_id), Some(version), None);
        self.end(one, outcome);
    }

    /// What the system claims of what it shows, and what is only an echo of our own delivery.
    fn claims(
        &self,
        one: &Prepared,
        previous: Option<&SourceRow>,
        shown: Option<&Value>,
        observed: &Value,
    ) -> Asserted {
        let entity = &one.observation.entity;
        let before: Option<Asserted> =
            previous.filter(|source| !source.removed).and_then(|source| serde_json::from_str(&source.asserted).ok());
        let before = shown.zip(before.as_ref());
        let holds: Option<Value> =
            self.crosswalk(&one.local).and_then(|row| serde_json::from_str(row.holds.as_deref()?).ok());
        let writes = self.writes_of(&one.local.system, entity);
        let holds = holds.as_ref().zip(writes).map(|(document, writes)| Holds { document, writes });
        let covers = self.covers_of(&one.observation.mapping, entity, observed);
        master::assert(entity, before, observed, &covers, holds, one.observation.at)
    }

    /// What the hub writes into a system of an entity.
    fn writes_of(&self, system: &Arc<str>, entity: &Entity) -> Option<&[String]> {
        let subscription = self.context.settings.systems.get(system)?.subscriptions.get(entity)?;
        Some(subscription.mapping.writes())
    }

    /// What a mapping version covers; for an embedded document, what it holds.
    fn covers_of(&self, mapping: &Arc<str>, entity: &Entity, document: &Value) -> Arc<[String]> {
        self.covers(mapping).unwrap_or_else(|| master::units(entity, document).into())
    }

    /// The master of a record: by crosswalk, else by match keys; with the keys that a new one is found by later.
    async fn find(&mut self, one: &Prepared, document: &Value) -> Result<(Option<MasterId>, Vec<String>), StoreError> {
        let linked = self.linked(&one.local);
        let entity = &one.observation.entity;
        if let Entity::Customer = entity {
            let mut candidates = Vec::with_capacity(one.match_keys.len());
            for key in &one.match_keys {
                candidates.push((key.clone(), self.matching(key).await?));
            }
            return Ok((master::choose(linked, &candidates).master_id, Vec::new()));
        }
        let tenant = self.tenant.clone();
        for occurrence in 0..OCCURRENCES_MAX {
            let keys = links::match_keys(&tenant, entity, document, occurrence);
            let Some(key) = keys.first() else { return Ok((linked, keys)) };
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

    /// Whether the same stream shows this master under another key: then two records are alike and not the same.
    fn shows_another(&mut self, master_id: MasterId, one: &Prepared) -> bool {
        let (local, stream) = one.source_key();
        self.known(master_id).sources.iter().any(|source| {
            source.stream == stream && source.local.system == local.system && source.local.key != local.key
        })
    }

    /// Links the record to its master, and takes its own word for what it holds from now on.
    async fn link(&mut self, one: &Prepared, master_id: MasterId) -> Result<(), StoreError> {
        let row = self.crosswalk(&one.local);
        let settled = row.is_some_and(|row| row.master_id == master_id && row.holds.is_none() && !row.removed);
        if settled {
            return Ok(());
        }
        let version = row.map_or(0, |row| row.version);
        let local = one.local.clone();
        self.put_crosswalk(CrosswalkRow { local, master_id, holds: None, residue: None, version, removed: false }).await
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
        let Some(mut source) = self.source(&one.source_key()).cloned() else {
            self.end(one, RecordOutcome::Removed);
            return Ok(());
        };
        let master_id = self.survivor(source.master_id);
        source.removed = true;
        source.position = one.observation.position;
        source.observed_at = one.observation.at;
        self.put_source(source);
        self.unlink(&one.local, master_id);
        if one.observation.entity == Entity::Customer {
            self.refresh_customer_keys(master_id);
        }
        let version = match self.recompute(master_id, &one.observation.entity, None) {
            Golden::Changed(version) => {
                self.publish(master_id, version, None);
                version
            }
            Golden::Same(version) | Golden::Differs(version) => version,
        };
        self.journal(one, JournalKind::Removed, Some(master_id), Some(version), None);
        self.end(one, RecordOutcome::Removed);
        Ok(())
    }

    /// Notes that a system holds nothing under a key, unless another of its streams still shows it.
    fn unlink(&mut self, local: &LocalKey, master_id: MasterId) {
        let shown = self.known(master_id).sources.iter().any(|source| source.local == *local && !source.removed);
        if let Some(row) = self.crosswalk(local).filter(|_| !shown).cloned() {
            self.replace_crosswalk(CrosswalkRow { holds: None, removed: true, ..row });
        }
    }

    /// Recomputes the golden document from the sources, and takes a new version if and only if it changed.
    fn recompute(&mut self, master_id: MasterId, entity: &Entity, observed: Option<&Value>) -> Golden {
        let sources: Vec<SourceRow> =
            self.known(master_id).sources.iter().filter(|row| !row.removed).cloned().collect();
        let parsed: Vec<Parsed> = sources.iter().filter_map(|row| self.parse(row, entity)).collect();
        let views: Vec<SourceView<'_>> = parsed.iter().zip(&sources).map(|(parsed, row)| parsed.view(row)).collect();
        let nobody = Trust::default();
        let trust = self.context.settings.trust.get(&self.tenant).unwrap_or(&nobody);
        let golden = master::golden(entity, &views, trust);
        let state = if golden.is_some() { Operation::Upsert } else { Operation::Remove };
        let differs = match (&golden, observed) {
            (Some(golden), Some(document)) => {
                let observed = self.globalise(document.clone(), entity);
                !master::same(entity, golden, &observed)
            }
            _ => false,
        };
        let golden = golden.map(Cow::into_owned);
        let before = self.known(master_id).row.as_ref();
        let same = before.is_some_and(|row| {
            row.state == state
                && golden.as_ref().is_none_or(|golden| {
                    *row.document == *golden.to_string()
                        || serde_json::from_str(&row.document).is_ok_and(|before| master::same(entity, golden, &before))
                })
        });
        if let Some(row) = before.filter(|_| same) {
            return if differs { Golden::Differs(row.version) } else { Golden::Same(row.version) };
        }
        let document = golden
            .unwrap_or_else(|| before.and_then(|row| serde_json::from_str(&row.document).ok()).unwrap_or(Value::Null));
        let version = self.new_version();
        let row = MasterRow {
            master_id,
            entity: entity.clone(),
            version,
            state,
            redirect: None,
            root: self.root(master_id, &document),
            search: master::search_text(entity, &document).into_boxed_str(),
            document: document.to_string().into_boxed_str(),
        };
        self.put_master(row);
        Golden::Changed(version)
    }

    fn parse(&self, row: &SourceRow, entity: &Entity) -> Option<Parsed> {
        let document = self.globalise(serde_json::from_str(&row.document).ok()?, entity);
        let covers = self.covers_of(&row.mapping, entity, &document);
        Some(Parsed { document, covers, asserted: serde_json::from_str(&row.asserted).ok()? })
    }

    /// Puts references in the terms that all systems share: the master id, and nothing of the system's own.
    fn globalise(&self, mut document: Value, entity: &Entity) -> Value {
        for field in references::fields(entity) {
            let master_id = references::member(&document, field.name, "master_id").and_then(|id| id.parse().ok());
            if let Some(master_id) = master_id {
                let survivor = self.survivor(master_id).to_string();
                references::replace(&mut document, field.name, &[("master_id", &survivor)]);
            }
        }
        document
    }

    /// The customer whose story a document belongs to.
    fn root(&self, master_id: MasterId, document: &Value) -> MasterId {
        let customer = references::member(document, "customer", "master_id").and_then(|id| id.parse().ok());
        customer.map_or(master_id, |customer| self.root_of(customer))
    }
}

/// A source row, read.
struct Parsed {
    document: Value,
    covers: Arc<[String]>,
    asserted: Asserted,
}

impl Parsed {
    fn view<'a>(&'a self, row: &'a SourceRow) -> SourceView<'a> {
        SourceView {
            system: &row.local.system,
            stream: &row.stream,
            key: &row.local.key,
            document: &self.document,
            covers: &self.covers,
            asserted: &self.asserted,
        }
    }
}

fn source_row(one: &Prepared, master_id: MasterId, document: &Value, asserted: &Asserted) -> SourceRow {
    let observation = &one.observation;
    SourceRow {
        local: one.local.clone(),
        stream: observation.stream.stream.clone(),
        master_id,
        document: document.to_string().into_boxed_str(),
        mapping: observation.mapping.clone(),
        asserted: serde_json::to_string(asserted).unwrap_or_default().into_boxed_str(),
        residue: observation.residue.clone().map(String::into_boxed_str),
        position: observation.position,
        observed_at: observation.at,
        removed: false,
    }
}
