//! Who is who: which master each record of a batch belongs to, and which other records belong elsewhere by now.

mod judged;
mod load;
mod move_records;
mod questions;
mod reuse;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use canonical::entity::{Entity, Operation};
use master::MasterId;
use master::matching::{Bits, Evidence, KnownRecord, MatchOptions, Matcher, RecordNumber};
use store::{Judgement, JudgementKind, LocalKey, MatchRecord, MatchWrites, RecordName, StoreError};

use super::links::Prepared;
use super::working::Working;
use reuse::Whose;

pub(super) use judged::Judgements;
pub(super) use load::{Names, local_of, name_of};
pub(crate) use questions::DOUBTFUL;
pub(crate) use reuse::KEY_REUSED;
pub(super) use reuse::{Reuse, asked_about, parked_question};

/// The part of a tenant's records that a transaction looks at.
pub(super) struct Company {
    matcher: Matcher,
    names: Names,
    judgements: Judgements,
    /// Records that changed in this transaction, as they are to be written.
    changed: HashMap<RecordNumber, MatchRecord>,
    /// Of other records, whom they resemble now.
    links: HashMap<RecordNumber, Vec<(RecordNumber, Bits)>>,
}

impl Company {
    fn new(matcher: Matcher) -> Self {
        Company {
            matcher,
            names: Names::default(),
            judgements: Judgements::default(),
            changed: HashMap::new(),
            links: HashMap::new(),
        }
    }

    /// Lets a judgement of this transaction count.
    pub fn judge(&mut self, judgement: &Judgement) {
        self.judgements.add_unwritten(judgement);
        self.judgements.tell(&mut self.matcher);
    }

    /// Lets a judgement count no more; those before it about the same records count again.
    pub fn take_back(&mut self, number: u64) {
        self.judgements.take_back(number, &mut self.matcher);
        self.judgements.tell(&mut self.matcher);
    }

    /// Lets a master keep its id when it becomes one with others.
    pub fn prefer(&mut self, id: MasterId) {
        self.matcher.prefer(id.0);
    }

    /// Compares records anew.
    pub fn look_again(&mut self, records: &[RecordNumber]) {
        self.matcher.look_again(records.iter().copied());
    }

    /// A record as people name it, and its master.
    pub fn place_of(&self, record: RecordNumber) -> Option<(RecordName, MasterId)> {
        let LocalKey { system, key, .. } = local_of(self.matcher.name(record)?);
        Some((RecordName { system: system.to_string(), key }, MasterId(self.matcher.cluster(record)?)))
    }

    /// Writes the records that changed, at the end of the transaction; returns what is of no use any more.
    pub fn write(self, writes: &mut MatchWrites) -> Matcher {
        writes.records = self.changed.into_values().collect();
        writes.records.sort_unstable_by_key(|record| record.number);
        writes.links = self.links.into_iter().collect();
        writes.links.sort_unstable_by_key(|(number, _)| *number);
        self.matcher
    }
}

/// A record of the batch with what it shows.
struct Observed<'a> {
    prepared: &'a Prepared,
    local: &'a LocalKey,
    evidence: &'a Evidence,
    /// The master that it is known to belong to, whatever it resembles: it was made there by a delivery.
    bound: Option<MasterId>,
}

impl Working<'_> {
    /// Decides which masters the customers of a batch are. Where that changes what other records are, these are moved.
    pub(super) async fn identify(&mut self, prepared: &[Prepared]) -> Result<(), StoreError> {
        let observed: Vec<&Prepared> = prepared.iter().filter(|one| self.is_to_be_identified(one)).collect();
        if observed.is_empty() {
            return Ok(());
        }
        let observed: Vec<Observed<'_>> = observed.into_iter().filter_map(|one| self.observed(one)).collect();
        let mut company = self.take_company().await?;
        self.note(&mut company, &observed).await?;
        self.settle(&mut company).await?;
        for one in &observed {
            let number = company.matcher.number_of(&name_of(one.local));
            if let Some(cluster) = number.and_then(|number| company.matcher.cluster(number)) {
                self.identified.insert(one.local.clone(), MasterId(cluster));
            }
        }
        self.company = Some(company);
        let found: Vec<MasterId> = self.identified.values().filter(|id| !self.is_new_number(**id)).copied().collect();
        self.read_masters(found).await?;
        self.read_covers(prepared).await
    }

    /// What waits, is parked or was seen before shows nothing now.
    fn is_to_be_identified(&self, one: &Prepared) -> bool {
        one.observation.entity == Entity::Customer
            && one.observation.operation == Operation::Upsert
            && one.evidence.is_some()
            && !self.is_seen(one)
            && !self.is_parked(one)
            && !self.is_blocked(one)
    }

    /// `None` for a record that an open call may have made: it is decided when the call has ended.
    fn observed<'a>(&self, one: &'a Prepared) -> Option<Observed<'a>> {
        let (evidence, document) = (one.evidence.as_ref()?, one.document.as_ref()?);
        let bound = self.linked(&one.local).or_else(|| self.delivered_as(one, document));
        if bound.is_none() && self.may_be_under_way(one) {
            return None;
        }
        Some(Observed { prepared: one, local: &one.local, evidence, bound })
    }

    pub(super) async fn take_company(&mut self) -> Result<Company, StoreError> {
        if let Some(company) = self.company.take() {
            return Ok(company);
        }
        let model = self.context.models.of(&*self.context.store, &self.tenant).await?;
        Ok(Company::new(Matcher::over_part(model, self.match_options())))
    }

    pub(in crate::resolve) fn match_options(&self) -> MatchOptions {
        self.context.settings.matching.get(&self.tenant).copied().unwrap_or_default()
    }

    /// Tells the matcher what the records of the batch show.
    async fn note(&mut self, company: &mut Company, observed: &[Observed<'_>]) -> Result<(), StoreError> {
        let bound: BTreeSet<MasterId> = observed.iter().filter_map(|one| one.bound).collect();
        let bound: Vec<MasterId> = bound.into_iter().collect();
        let kept = self.match_records_of(company, &bound).await?;
        let of: HashMap<&LocalKey, &MatchRecord> = kept.iter().map(|record| (&record.local, record)).collect();
        let is_new = |one: &&Observed<'_>| {
            company.matcher.number_of(&name_of(one.local)).is_none() && !of.contains_key(one.local)
        };
        let new: BTreeSet<&LocalKey> = observed.iter().filter(is_new).map(|one| one.local).collect();
        self.require_numbers(new.len() as u64 + self.reuse.answers(), 0).await?;
        // All at once, and first, so that what they showed before stays. Under an answered key may begin another record.
        let changing: BTreeSet<RecordNumber> = observed
            .iter()
            .filter(|one| !self.reuse.is_answered(one.local))
            .filter_map(|one| of.get(one.local).filter(|record| shows_more(record, one.evidence)))
            .map(|record| record.number)
            .collect();
        self.load_records(company, changing.into_iter().collect()).await?;
        for one in observed {
            let name = name_of(one.local);
            match self.whose(company, &of, one).await? {
                Whose::Same => {}
                Whose::Asked => continue,
                Whose::Another(number) => {
                    company.matcher.note(number, one.evidence);
                    continue;
                }
            }
            let number = match (company.matcher.number_of(&name), of.get(one.local)) {
                (Some(number), _) => number,
                (None, Some(record)) => {
                    if !shows_more(record, one.evidence) {
                        self.identified.insert(one.local.clone(), record.master_id);
                        continue;
                    }
                    // One of which somebody said whose it is.
                    self.load_records(company, vec![record.number]).await?;
                    record.number
                }
                (None, None) => self.begin_record(company, &name, one.bound, &kept),
            };
            company.matcher.note(number, one.evidence);
        }
        Ok(())
    }

    /// Adds a record that nobody knows yet. One that a delivery made stays with its master, however little of it the
    /// system shows.
    fn begin_record(
        &mut self,
        company: &mut Company,
        name: &Arc<str>,
        bound: Option<MasterId>,
        kept: &[MatchRecord],
    ) -> RecordNumber {
        let number = self.new_master_id().0;
        company.names.insert(number, name.clone());
        let Some(master_id) = bound else {
            company.matcher.add(name, number);
            return number;
        };
        company.matcher.load(KnownRecord {
            number,
            name: name.clone(),
            evidence: Evidence::default(),
            common: Vec::new(),
            cluster: master_id.0,
            home: master_id.0,
            links: Vec::new(),
        });
        let anchor = kept.iter().filter(|record| record.master_id == master_id).map(|record| record.number).min();
        if let Some(anchor) = anchor {
            let judgement = Judgement {
                number: 0,
                at: self.context.now(),
                kind: JudgementKind::Link,
                by: Some(DELIVERED.to_owned()),
                reason: None,
                model: None,
                master_id,
                other: None,
                left: vec![number],
                right: vec![anchor],
                undoes: None,
                is_undone: false,
            };
            company.judge(&judgement);
            company.matcher.look_again([anchor]);
            self.writes.matching.judgements.push(judgement);
        }
        // It is kept also if it shows nothing.
        company.matcher.keep(number);
        company.matcher.look_again([number]);
        number
    }
}

/// Who links a record that a delivery made.
const DELIVERED: &str = "delivery";

/// Whether a record shows anything that it did not show before.
fn shows_more(record: &MatchRecord, later: &Evidence) -> bool {
    let Ok(before) = serde_json::from_str::<Evidence>(&record.evidence) else { return true };
    let mut after = before.clone();
    after.unite(later);
    before != after
}
