//! One call to a target: durable before it is made, cut when its lease ends, and looked up when its outcome is not known.

use canonical::entity::Entity;
use canonical::record::Record;
use connector::{BatchId, Fault, Found, Outcome, Reference, Rendered};
use serde_json::Value;
use store::{Attempt, Member, TargetState};

use super::end::Ended;
use super::plan::Prepared;
use super::{Courier, Interrupted, timeout};
use crate::fault::HubError;
use crate::settings::OwnedBatchId;
use crate::stage::Stage;

/// How often a change is sent that the system does not answer, although it answers look-ups. Then it is parked:
/// something is wrong with this document, not with the system.
const UNANSWERED_MAX: u32 = 3;

impl Courier {
    /// Makes one call and stays with it until its outcome is known.
    pub(super) async fn call(&mut self, prepared: Vec<Prepared>) -> Result<(), Interrupted> {
        if self.context.stop.is_cancelled() {
            return Err(Interrupted::Stopping);
        }
        if self.is_paused().await? {
            return Err(Interrupted::Paused);
        }
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
        let term = self.context.term.clone();
        let Some(results) = term.within(self.apply(&attempt.batch, &rendered)).await else {
            return Err(self.cut(&attempt.batch));
        };
        let results = results?;
        Stage::DeliverApplied.ended();
        let mut sorted = self.sort(&attempt, results);
        if !sorted.unknown.is_empty() {
            self.look_up(&attempt, &sorted.unknown, &mut sorted.ended).await?;
            for index in sorted.unknown {
                if matches!(sorted.ended[index], Ended::Not) {
                    sorted.ended[index] = self.unanswered(&attempt.members[index]);
                }
            }
        }
        let progressed = sorted.ended.iter().any(|ended| !matches!(ended, Ended::Not));
        self.finish(&attempt, sorted.ended).await?;
        match sorted.fault {
            // A system that is well must have taken something; else the rest would be sent again without an end.
            Some(Fault::Retry { reason, .. }) if !progressed => Err(Fault::retry(reason).into()),
            Some(fault) => Err(fault.into()),
            None => Ok(self.note(TargetState::Up, None).await?),
        }
    }

    /// The lease ended while the system was asked for something: whoever has the work next may have begun. What the call
    /// came to is not known here; its attempt stays, and is looked up by whoever is next.
    fn cut(&mut self, batch: &BatchId) -> Interrupted {
        tracing::warn!(system = %self.system.name, batch, "a call was cut: the lease of this work ended first; its outcome is looked up");
        self.target = None;
        self.context.stop.cancel();
        Interrupted::Stopping
    }

    /// Tells known from unknown outcomes.
    fn sort(&self, attempt: &Attempt, results: Vec<Result<Outcome, Fault>>) -> Sorted {
        let mut sorted = Sorted { ended: Vec::with_capacity(results.len()), unknown: Vec::new(), fault: None };
        for (index, result) in results.into_iter().enumerate() {
            sorted.ended.push(match result {
                Ok(Outcome::Applied { local_key, holds }) => {
                    self.applied(&attempt.members[index], local_key, holds.as_ref())
                }
                Ok(Outcome::Rejected(reject)) => Ended::Refused { code: reject.code.to_owned(), reason: reject.reason },
                Ok(Outcome::Unknown) => {
                    sorted.unknown.push(index);
                    Ended::Not
                }
                Err(error) => {
                    sorted.fault.get_or_insert(error);
                    Ended::Not
                }
            });
        }
        sorted
    }

    /// A change that was applied. A key that cannot be kept is for a person: the system has the record, and the hub could
    /// never refer to it.
    fn applied(&self, member: &Member, local_key: Option<String>, holds: Option<&Record>) -> Ended {
        let bytes_max = self.context.settings.limits.key_bytes_max.min(store::KEY_BYTES_MAX);
        let bytes = local_key.as_deref().map_or(0, store::key_bytes);
        if bytes > bytes_max {
            let reason = format!(
                "{} applied this change and gave its record a key of {bytes} bytes, and {bytes_max} are kept; shorten the \
                 key there or raise key_bytes_max in [limits], then retry",
                self.system.name
            );
            return Ended::Refused { code: "delivery.key-too-long".to_owned(), reason };
        }
        Ended::Applied { local_key, holds: holds.and_then(|record| self.read_back(&member.entity, &record.body)) }
    }

    /// A change whose outcome was unknown, and that was not applied: it is sent again, unless that was done in vain.
    fn unanswered(&mut self, member: &Member) -> Ended {
        let tries = self.unanswered.entry((member.master_id, member.version)).or_default();
        *tries += 1;
        if *tries < UNANSWERED_MAX {
            self.held_back.extend([member.root, member.master_id]);
            return Ended::Not;
        }
        let reason = format!(
            "{} did not answer this change in {tries} calls, did not apply it, and answers look-ups; \
             find out there what is wrong with it, then retry",
            self.system.name
        );
        Ended::Refused { code: "delivery.no-answer".to_owned(), reason }
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
        let term = self.context.term.clone();
        let found = loop {
            let error = match term.within(self.find(&attempt.batch, &references)).await {
                Some(Ok(found)) => break found,
                Some(Err(error)) => error,
                None => return Err(self.cut(&attempt.batch)),
            };
            if !self.suffer(&error).await {
                return Err(Interrupted::Stopping);
            }
        };
        for (index, found) in indices.iter().zip(found) {
            ended[*index] = match found {
                Found::Applied { local_key, holds } => {
                    self.applied(&attempt.members[*index], local_key, holds.as_ref())
                }
                Found::NotApplied { .. } => Ended::Not,
                Found::CannotTell => Ended::CannotTell,
            };
        }
        Ok(())
    }

    /// Asks the target once, opening it again if an earlier failure closed it.
    async fn find(&mut self, batch: &BatchId, references: &[Reference]) -> Result<Vec<Found>, HubError> {
        if let Err(Interrupted::Failed(error)) = self.open().await {
            return Err(error);
        }
        let limit = timeout(&self.batching);
        let Some(target) = &mut self.target else { return Err(Fault::retry("the target is not open").into()) };
        let found = tokio::time::timeout(limit, target.find(batch, references)).await;
        let found = found.map_err(|_| Fault::retry("the look-up took too long"))?;
        if found.len() != references.len() {
            let (got, wanted) = (found.len(), references.len());
            return Err(Fault::halt(format!("the connector answered {got} of {wanted} look-ups; this is a bug")).into());
        }
        Ok(found.into_iter().collect::<Result<Vec<_>, _>>()?)
    }

    /// What the system says it holds now, as a document of the fields that the mapping writes.
    fn read_back(&self, entity: &Entity, body: &canonical::record::Body) -> Option<Value> {
        let mapping = &self.system.subscriptions.get(entity)?.mapping;
        let reading = mapping.reader().read(body).ok()?;
        Some(mapping.restrict(&reading.document.to_json()))
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

/// The results of a call.
struct Sorted {
    ended: Vec<Ended>,
    /// Positions of the members whose outcome is not known.
    unknown: Vec<usize>,
    fault: Option<Fault>,
}
