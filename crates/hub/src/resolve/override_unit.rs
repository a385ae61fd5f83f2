//! What people decide about single units of a customer: kept as a record of a system of its own, and taken back.

use std::sync::Arc;

use canonical::entity::Entity;
use jiff::Timestamp;
use master::{MasterId, Override, STEWARD};
use store::{
    Decision, JournalEntry, JournalKind, LocalKey, Overridden, OverrideAsked, Position, SourceRow, TaskClosing,
};

use super::golden::Golden;
use super::working::{Shown, Working};
use crate::context::Context;
use crate::fault::HubError;
use crate::reading;

/// No drop shows what stewards decide, and drops are counted from 1.
const NOWHERE: Position = Position { drop: 0, ordinal: 0 };

/// Decides what a unit says, or takes that back, and tells subscribers, in one transaction.
///
/// # Errors
/// When the customer or the unit is not there, the value is not right, nothing is there to take back, or the store cannot be
/// asked. Nothing was changed.
pub(crate) async fn override_unit(context: &Context, asked: &OverrideAsked) -> Result<Overridden, HubError> {
    let closing = TaskClosing {
        decision: Decision::Acknowledged,
        reason: asked.reason.clone(),
        by: asked.by.clone(),
        at: context.now(),
    };
    closing.check().map_err(HubError::Unknown)?;
    context.carry_out("an override", || try_override(context, asked, closing.at)).await
}

async fn try_override(context: &Context, asked: &OverrideAsked, at: Timestamp) -> Result<Overridden, HubError> {
    let tenant: Arc<str> = asked.tenant.as_str().into();
    let mut working = Working::begin(context, &tenant).await?;
    // Nobody else changes this customer until the end.
    working.resolution().lock_matching().await?;
    let master_id = working.customer(asked.master_id).await?;
    working.read_covers(&[]).await?;
    working.require_numbers(0, 1).await?;
    let units = working.edit_override(master_id, asked, at)?;
    let (version, is_changed) = match working.recompute(master_id, &Entity::Customer, None) {
        Golden::Changed(version) => {
            working.publish(master_id, version, None);
            (version, true)
        }
        Golden::Same(version) | Golden::Differs(version) => (version, false),
    };
    working.tell_override(master_id, version, asked, at);
    working.commit().await?;
    Ok(Overridden { master_id, version, is_changed, units })
}

impl Working<'_> {
    /// The customer that is meant: the one that took its place, where another did.
    pub(super) async fn customer(&mut self, id: MasterId) -> Result<MasterId, HubError> {
        self.read_masters([id]).await?;
        match self.row_of(id) {
            Some(row) if row.entity == Entity::Customer => Ok(self.survivor(id)),
            Some(row) => {
                Err(HubError::Unknown(format!("{id} is not a customer, but a document of kind {}", row.entity)))
            }
            None => Err(HubError::Unknown(format!("there is no {id}"))),
        }
    }

    /// Changes the override of a customer; returns the units that are overridden then.
    fn edit_override(&mut self, id: MasterId, asked: &OverrideAsked, at: Timestamp) -> Result<Vec<String>, HubError> {
        let mut sources = self.sources_of(id).iter();
        let kept = sources.find(|shown| *shown.row.local.system == *STEWARD && !shown.row.removed);
        let mut kept = kept
            .map_or_else(|| Override::new(at), |shown| Override::of(shown.document.clone(), shown.asserted.clone()));
        let edited = match &asked.value {
            Some(value) => kept.set(&Entity::Customer, &asked.unit, value.clone(), at),
            None => kept.unset(&Entity::Customer, &asked.unit),
        };
        edited.map_err(|error| HubError::Unknown(error.to_string()))?;
        let units = kept.units().map(str::to_owned).collect();
        self.put_source(shown(id, &kept, at));
        Ok(units)
    }

    fn tell_override(&mut self, master_id: MasterId, version: u64, asked: &OverrideAsked, at: Timestamp) {
        let OverrideAsked { unit, by, reason, .. } = asked;
        // The value is in the document; the journal is read by more people.
        let done = if asked.value.is_some() { "set" } else { "taken back" };
        self.writes.journal.push(JournalEntry {
            at,
            kind: JournalKind::Overridden,
            system: STEWARD.into(),
            entity: Entity::Customer,
            key: None,
            master_id: Some(master_id),
            version: Some(version),
            position: None,
            line: None,
            detail: Some(format!("{unit} {done} by {by}: {reason}")),
        });
    }
}

/// An override as a record of its own system. One that says nothing any more is a record that is no longer shown.
fn shown(master_id: MasterId, kept: &Override, at: Timestamp) -> Shown {
    let (document, asserted) = (kept.document().clone(), kept.asserted().clone());
    let row = SourceRow {
        local: LocalKey { system: STEWARD.into(), entity: Entity::Customer, key: master_id.to_string() },
        stream: STEWARD.into(),
        master_id,
        document: document.to_string().into_boxed_str(),
        mapping: reading::EMBEDDED.into(),
        asserted: serde_json::to_string(&asserted).unwrap_or_default().into_boxed_str(),
        residue: None,
        position: NOWHERE,
        observed_at: at,
        removed: kept.is_empty(),
    };
    Shown { row, document, asserted, changed: true }
}
