//! A key that a system gave to another customer. A state that contradicts all that its record showed before is set aside
//! until somebody has said whose it is: taken in as it comes, it would overwrite a customer in every system.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use canonical::entity::Entity;
use master::MasterId;
use master::matching::{Evidence, RecordNumber, is_another};
use serde_json::{Value, json};
use store::{
    CrosswalkRow, Filter, Judgement, JudgementKind, LocalKey, MatchRecord, NewTask, Position, Reopen, StoreError,
    TaskClosing,
};

use super::{Company, Observed, name_of};
use crate::context::Context;
use crate::resolve::links::{self, Prepared};
use crate::resolve::working::Working;

/// The code of the question whether a key belongs to another customer now.
pub(crate) const KEY_REUSED: &str = "match.key-reused";

/// A judgement names at most so many records of the former customer.
const JUDGED_MAX: usize = 1_000;

/// What is asked in a transaction about states that contradict their record, and what was answered.
#[derive(Default)]
pub(in crate::resolve) struct Reuse {
    /// By record: the state that is to be set aside, with its question. Later ones line up behind it.
    asked: HashMap<LocalKey, (Position, NewTask)>,
    /// The records whose states are set aside: nobody knows whose documents are that name them.
    open: HashSet<LocalKey>,
    /// What somebody said about the next state of a record: whether it is the same customer.
    answers: BTreeMap<LocalKey, (bool, TaskClosing)>,
}

impl Reuse {
    /// Lets somebody's answer count for the next state of a record.
    pub fn answer(&mut self, local: LocalKey, is_same: bool, closing: TaskClosing) {
        self.answers.insert(local, (is_same, closing));
    }

    /// Whether somebody said whose the next state of a record is.
    pub(super) fn is_answered(&self, local: &LocalKey) -> bool {
        self.answers.contains_key(local)
    }

    /// How many records may get a new number by an answer.
    pub(super) fn answers(&self) -> u64 {
        self.answers.len() as u64
    }

    /// The question about an observation that is to be set aside.
    pub fn question(&mut self, one: &Prepared) -> Option<NewTask> {
        let (position, _) = self.asked.get(&one.local)?;
        if *position != one.observation.position {
            return None;
        }
        self.open.insert(one.local.clone());
        self.asked.remove(&one.local).map(|(_, task)| task)
    }

    /// Whether somebody is asked whose key this is.
    pub fn is_asked_about(&self, local: &LocalKey) -> bool {
        self.open.contains(local)
    }
}

/// Whose state an observation shows.
pub(super) enum Whose {
    /// The customer's that the record always was.
    Same,
    /// Nobody knows yet.
    Asked,
    /// Another's: a record of its own from now on, under this number.
    Another(RecordNumber),
}

impl Working<'_> {
    /// Reads of which of these records it is asked whose they are.
    pub(in crate::resolve) async fn read_asked_about(&mut self, locals: &[LocalKey]) -> Result<(), StoreError> {
        let is_customer = |local: &&LocalKey| local.entity == Entity::Customer && self.linked(local).is_some();
        let customers: Vec<&LocalKey> = locals.iter().filter(is_customer).collect();
        let keys: Vec<(Arc<str>, String)> = customers.iter().map(|local| links::blocked_key(local)).collect();
        let parked = self.resolution().parked_keys(&keys).await?;
        for (local, _) in customers.into_iter().zip(parked).filter(|(_, positions)| !positions.is_empty()) {
            if parked_question(self.context, &self.tenant, local).await?.is_some() {
                self.reuse.open.insert(local.clone());
            }
        }
        Ok(())
    }

    /// Holds a state against what its record showed before. `of` has the records of the customers concerned, as they are
    /// kept.
    pub(super) async fn whose(
        &mut self,
        company: &mut Company,
        of: &HashMap<&LocalKey, &MatchRecord>,
        one: &Observed<'_>,
    ) -> Result<Whose, StoreError> {
        if self.reuse.asked.contains_key(one.local) {
            return Ok(Whose::Asked);
        }
        let kept = of.get(one.local).copied();
        if let Some((is_same, closing)) = self.reuse.answers.remove(one.local) {
            let Some((record, from)) = kept.zip(self.linked(one.local)) else { return Ok(Whose::Same) };
            let others = of.values().filter(|other| other.master_id == from && other.number != record.number);
            let others = others.map(|other| other.number).take(JUDGED_MAX).collect();
            if is_same {
                self.note_same(company, record, others, from, closing);
                return Ok(Whose::Same);
            }
            return Ok(Whose::Another(self.begin_another(company, record, others, from, one, closing)));
        }
        let Some((number, before)) = before(company, kept, one.local) else { return Ok(Whose::Same) };
        let nobodys = kept.map_or(&[][..], |record| &record.common);
        let now = one.evidence.clone().without(nobodys);
        if !is_another(company.matcher.model(), &before, &now) || self.is_known_elsewhere(company, &before, &now, one) {
            return Ok(Whose::Same);
        }
        let task = self.reuse_question(company, number, (&before, &now), one.local);
        self.reuse.asked.insert(one.local.clone(), (one.prepared.observation.position, task));
        Ok(Whose::Asked)
    }

    /// Whether the state is what its customer is by all that others show, or what was delivered to the system, as far as
    /// the system kept it: then it is an echo, whatever the record itself showed before.
    fn is_known_elsewhere(&self, company: &Company, before: &Evidence, now: &Evidence, one: &Observed<'_>) -> bool {
        let Some((master_id, document)) = one.bound.zip(one.prepared.document.as_ref()) else { return false };
        let golden = self.row_of(master_id).and_then(|row| serde_json::from_str::<Value>(&row.document).ok());
        let mut all = before.clone();
        for known in golden.iter().chain(&self.delivered(one.prepared, master_id, document)) {
            if let Some(evidence) = links::evidence(known) {
                all.unite(&evidence);
            }
        }
        !is_another(company.matcher.model(), &all, now)
    }

    fn reuse_question(
        &self,
        company: &Company,
        number: RecordNumber,
        (before, now): (&Evidence, &Evidence),
        local: &LocalKey,
    ) -> NewTask {
        let LocalKey { system, key, .. } = local;
        let master_id = self.linked(local);
        let whom = master_id.map_or_else(|| "the customer that it was".to_owned(), |id| id.to_string());
        let named = [json!({"system": system, "key": key})];
        let because = company.matcher.model().explain_pair(before, now);
        NewTask {
            // The number of the record, because a key may be as long as a subject.
            subject: format!("{KEY_REUSED}:{number}"),
            code: KEY_REUSED.to_owned(),
            question: format!(
                "Is {system}/{key} still {whom}? It shows somebody who has nothing in common with all that it showed before."
            ),
            system: system.clone(),
            master_id,
            other: None,
            rank: 0,
            detail: Some(json!({"records": named, "because": because}).to_string()),
            reopen: Reopen::Always,
            at: self.context.now(),
        }
    }

    /// Somebody said that a record shows the same customer as ever.
    fn note_same(
        &mut self,
        company: &mut Company,
        record: &MatchRecord,
        others: Vec<RecordNumber>,
        from: MasterId,
        closing: TaskClosing,
    ) {
        // Of a customer with one record, the record itself: that somebody decided is kept all the same.
        let right = if others.is_empty() { vec![record.number] } else { others };
        let judgement = self.answered(JudgementKind::Link, from, vec![record.number], right, closing);
        company.judge(&judgement);
        self.writes.matching.judgements.push(judgement);
    }

    /// Somebody said that a key belongs to another customer now. What the record showed before stays with the former
    /// customer, as evidence under a name of its own; under the key begins a new record.
    fn begin_another(
        &mut self,
        company: &mut Company,
        record: &MatchRecord,
        mut others: Vec<RecordNumber>,
        from: MasterId,
        one: &Observed<'_>,
        closing: TaskClosing,
    ) -> RecordNumber {
        let key = format!("{} (former, {})", record.local.key, record.number);
        let former = MatchRecord { local: LocalKey { key, ..record.local.clone() }, ..record.clone() };
        company.changed.insert(former.number, former);
        self.leave(from, one.prepared);
        let number = self.new_master_id().0;
        let name = name_of(one.local);
        company.names.insert(number, name.clone());
        company.matcher.add(&name, number);
        others.push(record.number);
        let judgement = self.answered(JudgementKind::Unlink, from, vec![number], others, closing);
        company.judge(&judgement);
        self.writes.matching.judgements.push(judgement);
        number
    }

    /// The former customer is no longer shown under the key of an observation, by none of the system's streams. Documents
    /// that name the key stay with it until they are shown again: they were its.
    fn leave(&mut self, from: MasterId, one: &Prepared) {
        let (local, stream) = one.source_key();
        let sources = &mut self.known(from).sources;
        sources.retain(|shown| !(shown.row.local == local && shown.row.stream == stream));
        for shown in sources.iter_mut().filter(|shown| shown.row.local == local) {
            shown.row.removed = true;
            shown.changed = true;
        }
        let row = CrosswalkRow {
            local: local.clone(),
            master_id: from,
            holds: None,
            residue: None,
            version: 0,
            removed: false,
            earlier: Vec::new(),
        };
        self.replace_crosswalk(row);
        self.moved_from.insert(from);
        self.moved_systems.insert((from, local.system));
        let version = self.row_of(from).map(|row| row.version);
        let detail = "its key belongs to another customer now".to_owned();
        self.journal(&one.observation, store::JournalKind::Removed, Some(from), version, Some(detail));
    }

    fn answered(
        &self,
        kind: JudgementKind,
        master_id: MasterId,
        left: Vec<RecordNumber>,
        right: Vec<RecordNumber>,
        closing: TaskClosing,
    ) -> Judgement {
        Judgement {
            number: 0,
            at: self.context.now(),
            kind,
            by: Some(closing.by),
            reason: Some(closing.reason),
            model: None,
            master_id,
            other: None,
            left,
            right,
            undoes: None,
            is_undone: false,
        }
    }
}

/// So many parked messages are looked at in one go.
const PARKED_MAX: usize = 1_000;

/// The number under which the state of a record is parked that somebody is asked about.
pub(in crate::resolve) async fn parked_question(
    context: &Context,
    tenant: &Arc<str>,
    local: &LocalKey,
) -> Result<Option<u64>, StoreError> {
    let (system, key) = links::blocked_key(local);
    let mut filter = Filter {
        tenant: Some(tenant.to_string()),
        system: Some(system.to_string()),
        entity: Some(Entity::Customer),
        text: Some(KEY_REUSED.to_owned()),
        count_max: PARKED_MAX,
        ..Filter::default()
    };
    loop {
        let found = context.store.parked(&filter).await?;
        if let Some(first) = found.iter().find(|one| one.code == KEY_REUSED && one.key == key) {
            return Ok(Some(first.number));
        }
        let Some(last) = found.last() else { return Ok(None) };
        filter.after = Some(last.number);
    }
}

/// What a record showed before, without what is nobody's; `None` for one that nobody knows yet.
fn before(company: &Company, kept: Option<&MatchRecord>, local: &LocalKey) -> Option<(RecordNumber, Evidence)> {
    if let Some(number) = company.matcher.number_of(&name_of(local)) {
        return Some((number, company.matcher.evidence(number)?.clone()));
    }
    let kept = kept?;
    let evidence = serde_json::from_str::<Evidence>(&kept.evidence).ok()?;
    Some((kept.number, evidence.without(&kept.common)))
}

/// The record that a question about a key names.
pub(in crate::resolve) fn asked_about(detail: &str) -> Option<LocalKey> {
    let detail: Value = serde_json::from_str(detail).ok()?;
    let text = |field: &str| detail.get("records")?.get(0)?.get(field)?.as_str();
    let (system, key) = (text("system")?.into(), text("key")?.to_owned());
    Some(LocalKey { system, entity: Entity::Customer, key })
}
