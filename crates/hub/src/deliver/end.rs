//! The end of a call: everything that it changed, in one transaction.

use std::sync::Arc;

use canonical::entity::{Entity, Operation};
use jiff::Timestamp;
use serde_json::Value;
use store::{
    Attempt, CrosswalkRow, Delivered, JournalEntry, JournalKind, LocalKey, Member, NewParked, NewTask, ParkedStage,
    Reopen,
};

use super::{Courier, Interrupted};
use crate::change;
use crate::fault::HubError;
use crate::resolve;
use crate::stage::Stage;

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
    /// It was not applied; its message is not acknowledged and comes again.
    Not,
    /// Only a person can tell.
    CannotTell,
}

impl Courier {
    /// Writes shadows, crosswalk, journal and whatever is set aside, and forgets the attempt: one transaction.
    pub(super) async fn finish(&mut self, attempt: &Attempt, ended: Vec<Ended>) -> Result<(), Interrupted> {
        let at = self.context.now();
        let mut end = Delivered { is_read: !self.system.streams.is_empty(), ..Delivered::default() };
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
                    self.set_aside.insert(member.root);
                    end.parked.push(self.parked(member, &code, Some(reason), at));
                }
                Ended::Not => {}
                Ended::CannotTell => {
                    let question = format!(
                        "did {} take version {} of {} in batch {}? Look there, then retry or discard what is parked",
                        self.system.name, member.version, member.master_id, attempt.batch
                    );
                    self.set_aside.insert(member.root);
                    let task = self.task(member, question.clone(), at);
                    let parked = self.parked(member, "delivery.unknown", Some(question), at);
                    end.parked.push(NewParked { task: Some(task.subject.clone()), ..parked });
                    end.tasks.push(task);
                }
            }
        }
        let (tenant, name) = (&attempt.tenant, &attempt.system);
        let keys: Vec<LocalKey> = end.crosswalk.iter().map(|row| row.local.clone()).collect();
        self.context.store.finish_attempt(tenant, name, Some(&attempt.batch), end).await?;
        Stage::DeliverFinished.ended();
        // The system may have shown a new record, and documents of it, before the hub knew that record's key.
        Ok(resolve::release_after(&self.context, attempt, &keys).await?)
    }

    fn crosswalk(&self, member: &Member, key: String, holds: Option<Value>) -> CrosswalkRow {
        let removed = member.operation != Operation::Upsert;
        let holds = holds.filter(|_| !removed);
        let projection = holds.map_or_else(|| member.projection.clone(), |holds| holds.to_string());
        CrosswalkRow {
            local: LocalKey { system: self.system.name.clone(), entity: member.entity.clone(), key },
            master_id: member.master_id,
            holds: Some(projection.into_boxed_str()),
            residue: member.residue.clone().map(String::into_boxed_str),
            version: member.version,
            removed,
            earlier: Vec::new(),
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

    pub(super) fn parked(&self, member: &Member, code: &str, reason: Option<String>, at: Timestamp) -> NewParked {
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
            needs: None,
            task: None,
            event: change::id(&self.system.tenant, member.master_id, member.version).into_bytes(),
            at,
        }
    }

    pub(super) fn park(&self, master: &store::MasterRow, code: &str, reason: Option<String>) -> NewParked {
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

    fn task(&self, member: &Member, question: String, at: Timestamp) -> NewTask {
        NewTask {
            subject: format!("delivery/{}/{}/{}", self.system.name, member.master_id, member.version),
            code: "delivery.unknown".to_owned(),
            question,
            system: self.system.name.clone(),
            master_id: Some(member.master_id),
            // It was tried again, and again nobody knows.
            reopen: Reopen::Always,
            at,
            ..NewTask::default()
        }
    }
}

/// A message that no hub published, set aside.
pub(super) fn foreign(system: &Arc<str>, id: String, body: Vec<u8>, error: &HubError, at: Timestamp) -> NewParked {
    NewParked {
        stage: ParkedStage::Delivery,
        system: system.clone(),
        key: id,
        entity: Entity::Declared("unknown".into()),
        master_id: None,
        version: None,
        position: None,
        code: "delivery.not-a-change".to_owned(),
        reason: Some(error.to_string()),
        needs: None,
        task: None,
        event: body,
        at,
    }
}
