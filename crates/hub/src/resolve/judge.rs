//! What people decide about who is who: carried out, and taken back.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use master::MasterId;
use master::matching::RecordNumber;
use store::{
    Decision, Judged, Judgement, JudgementAsked, JudgementKind, LocalKey, MatchRecord, RecordName, TaskClosing,
};

use super::follow;
use super::identify::{Company, local_of};
use super::working::Working;
use crate::context::Context;
use crate::fault::HubError;

/// Carries out a judgement, in one transaction with the end of the task that asked for it.
///
/// # Errors
/// When masters, records or the judgement to be undone are not there, or the store cannot be asked. Nothing was changed.
pub(crate) async fn judge(
    context: &Context,
    asked: &JudgementAsked,
    closes: Option<(u64, &TaskClosing)>,
) -> Result<Judged, HubError> {
    let closing = TaskClosing {
        decision: Decision::Acknowledged,
        reason: asked.reason.clone(),
        by: asked.by.clone(),
        at: context.now(),
    };
    closing.check().map_err(HubError::Unknown)?;
    let tenant: Arc<str> = asked.tenant.as_str().into();
    let at = closing.at;
    let records = context.carry_out("a judgement", || try_judge(context, &tenant, asked, closes, at)).await?;
    follow::follow(context, &tenant).await?;
    let ids: BTreeSet<MasterId> = records.iter().map(|(_, id)| *id).collect();
    let newest = context.store.judgements(&tenant, &ids.into_iter().collect::<Vec<_>>(), 64).await?;
    let is_this = |one: &&Judgement| one.at == at && one.by.as_deref() == Some(&*asked.by);
    let number = newest.iter().find(is_this).map_or(0, |one| one.number);
    Ok(Judged { number, records })
}

async fn try_judge(
    context: &Context,
    tenant: &Arc<str>,
    asked: &JudgementAsked,
    closes: Option<(u64, &TaskClosing)>,
    at: Timestamp,
) -> Result<Vec<(RecordName, MasterId)>, HubError> {
    let mut working = Working::begin(context, tenant).await?;
    working.resolution().lock_matching().await?;
    working.is_judging = true;
    let mut company = working.take_company().await?;
    let judgement = working.judgement(&company, asked, at).await?;
    let mut concerned = judgement.left.clone();
    concerned.extend(&judgement.right);
    let most = working.match_options().records_together_max;
    if concerned.len() > most {
        let count = concerned.len();
        let told = "records are concerned; raise records_together_max of the tenant's [matching] above";
        return Err(HubError::Unknown(format!("{count} {told} {most}")));
    }
    working.load_records(&mut company, concerned.clone()).await?;
    match (judgement.kind, judgement.undoes) {
        (JudgementKind::Undo, Some(number)) => company.take_back(number),
        _ => company.judge(&judgement),
    }
    if judgement.kind == JudgementKind::Merge || judgement.kind == JudgementKind::Link {
        company.prefer(judgement.master_id);
    } else if let Some(other) = judgement.other.filter(|_| judgement.undoes.is_some()) {
        // Who comes out of a merge has the id that it had before.
        company.prefer(other);
    }
    company.look_again(&concerned);
    working.writes.matching.judgements.push(judgement);
    working.settle(&mut company).await?;
    working.read_covers(&[]).await?;
    working.settle_moves().await?;
    let told = concerned.iter().filter_map(|number| company.place_of(*number)).collect();
    working.writes.tasks_closed.extend(closes.map(|(number, closing)| (number, closing.clone())));
    working.company = Some(company);
    working.commit().await?;
    Ok(told)
}

impl Working<'_> {
    /// The judgement with the records that it is about.
    async fn judgement(
        &mut self,
        company: &Company,
        asked: &JudgementAsked,
        at: Timestamp,
    ) -> Result<Judgement, HubError> {
        let mut judgement = Judgement {
            number: 0,
            at,
            kind: asked.kind,
            by: Some(asked.by.clone()),
            reason: Some(asked.reason.clone()),
            model: None,
            master_id: MasterId(0),
            other: None,
            left: Vec::new(),
            right: Vec::new(),
            undoes: None,
            is_undone: false,
        };
        match asked.kind {
            JudgementKind::Undo => self.undone(asked, &mut judgement).await?,
            JudgementKind::Merge | JudgementKind::NotTheSame => {
                let (one, other) = (self.master(asked.master_id).await?, self.master(asked.other).await?);
                if one == other {
                    return Err(HubError::Unknown(format!("both are {one} already")));
                }
                (judgement.master_id, judgement.other) = (one, Some(other));
                judgement.left = numbers(&self.records_of(company, one).await?);
                judgement.right = numbers(&self.records_of(company, other).await?);
            }
            JudgementKind::Split | JudgementKind::Unlink => {
                let id = self.master(asked.master_id).await?;
                let records = self.records_of(company, id).await?;
                let leaving = named(&records, &asked.records, id)?;
                judgement.master_id = id;
                judgement.right = numbers(&records).into_iter().filter(|number| !leaving.contains(number)).collect();
                judgement.left = leaving;
                if judgement.right.is_empty() {
                    return Err(HubError::Unknown(format!("{id} has no other records; nothing would be left of it")));
                }
            }
            JudgementKind::Link => {
                let id = self.master(asked.master_id).await?;
                let [name] = &*asked.records else {
                    return Err(HubError::Unknown("one record is linked at a time".to_owned()));
                };
                let local = local_of(&format!("{}\n{}", name.system, name.key));
                self.read_crosswalk(vec![local.clone()]).await?;
                let from = self.crosswalk(&local).map(|row| row.master_id).ok_or_else(|| not_there(name))?;
                let records = self.records_of(company, from).await?;
                judgement.left = named(&records, &asked.records, from)?;
                judgement.right = numbers(&self.records_of(company, id).await?);
                (judgement.master_id, judgement.other) = (id, Some(from));
            }
        }
        Ok(judgement)
    }

    /// What is taken back. What the hub did by itself comes back unless somebody decides otherwise: that is a judgement of
    /// its own.
    async fn undone(&mut self, asked: &JudgementAsked, judgement: &mut Judgement) -> Result<(), HubError> {
        let number =
            asked.undoes.ok_or_else(|| HubError::Unknown("undo needs the number of a judgement".to_owned()))?;
        let found = self.resolution().judgement(number).await?;
        let found = found.ok_or_else(|| {
            HubError::Unknown(format!("there is no judgement {number}; `passerelle customers judgements` lists them"))
        })?;
        if found.is_undone {
            return Err(HubError::Unknown(format!("judgement {number} was undone before")));
        }
        judgement.kind = match (found.kind, &found.by) {
            (JudgementKind::Undo, _) => {
                return Err(HubError::Unknown(format!("judgement {number} is an undo; decide anew instead")));
            }
            (_, Some(_)) => JudgementKind::Undo,
            (JudgementKind::Merge, None) => JudgementKind::Split,
            (_, None) => JudgementKind::Merge,
        };
        judgement.undoes = Some(number);
        (judgement.master_id, judgement.other) = (found.master_id, found.other);
        (judgement.left, judgement.right) = (found.left, found.right);
        Ok(())
    }

    /// A customer that is there.
    async fn master(&mut self, id: Option<MasterId>) -> Result<MasterId, HubError> {
        let id = id.ok_or_else(|| HubError::Unknown("a master id is missing".to_owned()))?;
        self.customer(id).await
    }

    async fn records_of(&mut self, company: &Company, id: MasterId) -> Result<Vec<MatchRecord>, HubError> {
        let records = self.match_records_of(company, &[id]).await?;
        if records.is_empty() {
            let reason = "its records were shown before this version; let their systems show them once more";
            return Err(HubError::Unknown(format!("{id} has no records that can be told apart: {reason}")));
        }
        Ok(records)
    }
}

fn numbers(records: &[MatchRecord]) -> Vec<RecordNumber> {
    records.iter().map(|record| record.number).collect()
}

/// The numbers of records that somebody named.
fn named(records: &[MatchRecord], names: &[RecordName], id: MasterId) -> Result<Vec<RecordNumber>, HubError> {
    if names.is_empty() {
        return Err(HubError::Unknown("no record is named, as SYSTEM/KEY".to_owned()));
    }
    let is = |local: &LocalKey, name: &RecordName| *local.system == *name.system && local.key == name.key;
    let number = |name: &RecordName| {
        let found = records.iter().find(|record| is(&record.local, name));
        found.map(|record| record.number).ok_or_else(|| {
            HubError::Unknown(format!(
                "{id} has no record {}/{}; `passerelle customers show {id}` lists them",
                name.system, name.key
            ))
        })
    };
    names.iter().map(number).collect()
}

fn not_there(name: &RecordName) -> HubError {
    HubError::Unknown(format!("nobody has shown a record {}/{}", name.system, name.key))
}
