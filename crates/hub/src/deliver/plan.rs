//! What one system should hold of one master, and what that means: nothing, a call, or waiting. Pure.

use std::collections::HashMap;

use canonical::entity::Operation;
use canonical::record::{Body, Record};
use connector::{Reference, Rendered};
use mapping::{DataError, Mapping};
use master::MasterId;
use serde_json::Value;
use store::{CrosswalkRow, Held, MasterRow, Member, SourceRow};

use crate::references;
use crate::settings::{Subscription, Surplus};

/// What to do about one master.
pub(super) enum Plan {
    /// The system holds what it should, or is not fed this.
    Nothing,
    /// A call for each record that the system has, or one for a new record.
    Deliver(Vec<Prepared>),
    /// The mapping cannot write it.
    Unwritable(Vec<DataError>),
}

/// One change, ready to be sent.
pub(super) struct Prepared {
    pub member: Member,
    pub rendered: Rendered,
}

/// A master with its references put in the system's own keys.
pub(super) struct Localised<'a> {
    pub held: &'a Held,
    pub master: &'a MasterRow,
    pub document: Value,
    /// The files that are attached to the document, by their hashes.
    pub attachments: HashMap<String, Vec<u8>>,
    /// The key of the oldest record, where the system has several and the others are surplus.
    pub oldest: Option<String>,
}

impl Localised<'_> {
    fn write(&self, mapping: &Mapping, document: &Value, key: Option<&str>, base: Option<&Body>) -> Written {
        mapping.write_with(document, key, base, &|hash| self.attachments.get(hash).cloned())
    }
}

/// A record, or every value that it cannot take.
type Written = Result<Body, Vec<DataError>>;

/// Plans one master.
pub(super) fn plan(localised: &Localised<'_>, subscription: &Subscription, system_assigns_keys: bool) -> Plan {
    let Localised { held, master, document, .. } = localised;
    let live: Vec<&CrosswalkRow> = held.crosswalk.iter().filter(|row| !row.removed).collect();
    if master.state != Operation::Upsert {
        return removals(localised, &live, &subscription.mapping);
    }
    if !subscription.filter.passes(document) {
        return Plan::Nothing;
    }
    let projection = subscription.mapping.project(document);
    let mut prepared = Vec::new();
    let mut errors = Vec::new();
    let mut surplus = Vec::new();
    let mut prepare = |key: Option<&str>, row: Option<&CrosswalkRow>| match render(
        localised,
        &subscription.mapping,
        &projection,
        key,
        row,
    ) {
        Ok(one) => prepared.push(one),
        Err(more) => errors.extend(more),
    };
    if live.is_empty() {
        let proposed = held.crosswalk.first().map(|row| row.local.key.clone());
        let proposed = proposed.or_else(|| (!system_assigns_keys).then(|| master.master_id.to_string()));
        prepare(proposed.as_deref(), None);
    }
    for row in live {
        if localised.oldest.as_ref().is_some_and(|oldest| row.local.key != *oldest) {
            surplus.push(row);
            continue;
        }
        // What the system made of this very version is what it made of it: sending it again would not change that, unless
        // what it refers to has another key there by now.
        let is_delivered = row.version == master.version && refers_to_the_same(row, &projection, &subscription.mapping);
        if !is_delivered && shadow(held, row, &subscription.mapping).as_ref() != Some(&projection) {
            prepare(Some(&row.local.key), Some(row));
        }
    }
    if subscription.surplus == Surplus::Remove {
        match removals(localised, &surplus, &subscription.mapping) {
            Plan::Nothing => {}
            Plan::Deliver(removals) => prepared.extend(removals),
            Plan::Unwritable(more) => errors.extend(more),
        }
    }
    match (errors.is_empty(), prepared.is_empty()) {
        (false, _) => Plan::Unwritable(errors),
        (true, true) => Plan::Nothing,
        (true, false) => Plan::Deliver(prepared),
    }
}

/// Whether what was delivered refers to others by the keys that they have in the system now; `false` when nothing was.
fn refers_to_the_same(row: &CrosswalkRow, projection: &Value, mapping: &Mapping) -> bool {
    let Some(holds) = row.holds.as_deref() else { return false };
    let mut fields = references::fields(mapping.entity()).iter().peekable();
    if fields.peek().is_none() {
        return true;
    }
    let Ok(holds) = serde_json::from_str::<Value>(holds) else { return false };
    fields.all(|field| holds.get(field.name) == projection.get(field.name))
}

/// What the system holds under a key, over the fields that the mapping writes; `None` when nobody knows.
///
/// What the system shows speaks for itself, unless something else was delivered that it has not shown since: it was read
/// before that call took effect, or somebody edited the record afterwards, and only another call makes sure.
fn shadow(held: &Held, row: &CrosswalkRow, mapping: &Mapping) -> Option<Value> {
    if let Some(holds) = &row.holds {
        return written(holds, mapping);
    }
    let shown = written(&shown(held, row)?.document, mapping)?;
    let is_certain = row.earlier.last().is_none_or(|last| written(last, mapping).as_ref() == Some(&shown));
    is_certain.then_some(shown)
}

/// What the mapping writes of a document that a system shows or was given.
fn written(text: &str, mapping: &Mapping) -> Option<Value> {
    let mut document: Value = serde_json::from_str(text).ok()?;
    for field in references::fields(mapping.entity()) {
        let own =
            ["system", "key"].map(|name| (name, references::member(&document, field.name, name).map(str::to_owned)));
        let own: Vec<_> = own.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
        references::replace(&mut document, field.name, &own);
    }
    Some(mapping.restrict(&document))
}

/// The newest source row in which the system shows this record itself.
fn shown<'a>(held: &'a Held, row: &CrosswalkRow) -> Option<&'a SourceRow> {
    held.sources
        .iter()
        .filter(|source| source.local == row.local && !source.removed)
        .max_by_key(|source| source.position)
}

fn removals(localised: &Localised<'_>, live: &[&CrosswalkRow], mapping: &Mapping) -> Plan {
    let mut prepared = Vec::with_capacity(live.len());
    let mut errors = Vec::new();
    for row in live {
        let key = &row.local.key;
        let body = base(localised.held, row)
            .map_or_else(|| localised.write(mapping, &localised.document, Some(key), None), Ok);
        match body {
            Ok(body) => {
                // What the system held last: if it shows that once more, it read too early and asserts nothing.
                let held = shadow(localised.held, row, mapping).unwrap_or_else(|| mapping.project(&localised.document));
                let (key, held) = (Some(key.clone()), held.to_string());
                prepared.push(self::prepared(localised, Operation::Remove, key, body, None, held, None));
            }
            Err(more) => errors.extend(more),
        }
    }
    match (errors.is_empty(), prepared.is_empty()) {
        (false, _) => Plan::Unwritable(errors),
        (true, true) => Plan::Nothing,
        (true, false) => Plan::Deliver(prepared),
    }
}

fn render(
    localised: &Localised<'_>,
    mapping: &Mapping,
    projection: &Value,
    key: Option<&str>,
    row: Option<&CrosswalkRow>,
) -> Result<Prepared, Vec<DataError>> {
    let base = row.and_then(|row| base(localised.held, row));
    let body = localised.write(mapping, &localised.document, key, base.as_ref())?;
    let previous = row.and_then(|row| {
        let holds = shadow(localised.held, row, mapping)?;
        localised.write(mapping, &holds, key, base.as_ref()).ok()
    });
    let residue = base.as_ref().and_then(|base| serde_json::to_string(base).ok());
    Ok(prepared(localised, Operation::Upsert, key.map(str::to_owned), body, previous, projection.to_string(), residue))
}

fn prepared(
    localised: &Localised<'_>,
    operation: Operation,
    local_key: Option<String>,
    body: Body,
    previous: Option<Body>,
    projection: String,
    residue: Option<String>,
) -> Prepared {
    let master = localised.master;
    let reference = Reference {
        entity: master.entity.clone(),
        master_id: master.master_id.to_string(),
        version: master.version,
        local_key: local_key.clone(),
    };
    let member = Member {
        master_id: master.master_id,
        root: master.root,
        entity: master.entity.clone(),
        version: master.version,
        operation,
        local_key,
        projection,
        residue,
    };
    let (record, previous) = (Record::from_body(body), previous.map(Record::from_body));
    Prepared { member, rendered: Rendered { reference, operation, record, previous } }
}

/// What of the system's record no mapping carries: writing starts from it, so that it survives.
fn base(held: &Held, row: &CrosswalkRow) -> Option<Body> {
    let residue = row.residue.as_deref().or_else(|| shown(held, row)?.residue.as_deref())?;
    serde_json::from_str(residue).ok()
}

/// The masters that a document refers to by a field that the mapping writes.
pub(super) fn needed(document: &Value, mapping: &Mapping) -> Vec<(&'static str, MasterId)> {
    references::fields(mapping.entity())
        .iter()
        .filter(|field| writes(mapping, field.name))
        .filter_map(|field| Some((field.name, references::member(document, field.name, "master_id")?.parse().ok()?)))
        .collect()
}

/// The hashes of the files that are attached to a document, if the mapping writes them.
pub(super) fn attached<'a>(document: &'a Value, mapping: &Mapping) -> Vec<&'a str> {
    if !writes(mapping, "supporting_documents") {
        return Vec::new();
    }
    let supporting = document.get("supporting_documents").and_then(Value::as_array).into_iter().flatten();
    supporting.filter_map(|one| one.get("attachment")?.get("hash")?.as_str()).collect()
}

fn writes(mapping: &Mapping, field: &str) -> bool {
    mapping.writes().iter().any(|path| path.split('.').next() == Some(field))
}

#[cfg(test)]
mod tests;
