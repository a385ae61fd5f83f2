//! What the matcher must know, from the store.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use canonical::entity::{Entity, Operation};
use master::MasterId;
use master::matching::{KnownRecord, Needs, Posting, RecordNumber};
use store::{LocalKey, MatchRecord, StoreError};

use super::Company;
use crate::resolve::working::Working;

/// The names of records, by which the matcher tells them apart.
pub(in crate::resolve) type Names = HashMap<RecordNumber, Arc<str>>;

/// The name of a record; no system has a line break in its name.
pub(in crate::resolve) fn name_of(local: &LocalKey) -> Arc<str> {
    format!("{}\n{}", local.system, local.key).into()
}

/// The record of a name.
pub(in crate::resolve) fn local_of(name: &str) -> LocalKey {
    let (system, key) = name.split_once('\n').unwrap_or_default();
    LocalKey { system: system.into(), entity: Entity::Customer, key: key.to_owned() }
}

impl Working<'_> {
    /// Lets the matcher do what is left to do, and keeps what came of it.
    pub(in crate::resolve) async fn settle(&mut self, company: &mut Company) -> Result<(), StoreError> {
        let mut before = None;
        while let Some(needs) = company.matcher.settle() {
            if before.as_ref() == Some(&needs) {
                let reason = "who is who cannot be decided: what was asked for is asked for again; this is a bug";
                return Err(StoreError::Internal(reason.to_owned()));
            }
            self.fulfil(company, needs.clone()).await?;
            before = Some(needs);
        }
        let changes = company.matcher.changes();
        self.writes.matching.keys.extend(changes.keys);
        self.writes.matching.common.extend(changes.common);
        for record in changes.records {
            let kept = kept(&record);
            company.links.remove(&record.number);
            company.changed.insert(record.number, kept);
        }
        for (number, links) in changes.links {
            match company.changed.get_mut(&number) {
                Some(record) => record.links = links,
                None => drop(company.links.insert(number, links)),
            }
        }
        self.move_records(company, &changes.moved).await?;
        self.ask(company).await
    }

    async fn fulfil(&mut self, company: &mut Company, needs: Needs) -> Result<(), StoreError> {
        let Needs { mut keys, records, clusters } = needs;
        keys.sort_unstable();
        keys.dedup();
        let options = self.match_options();
        let most = options.records_per_key_max.max(options.records_per_value_max);
        if !keys.is_empty() {
            let postings = self.resolution().postings(&keys, most).await?;
            for (key, posting) in keys.into_iter().zip(postings) {
                let is_common =
                    matches!(&posting, Posting::Records(records) if records.len() > options.records_max(key));
                company.matcher.load_key(key, if is_common { Posting::Common } else { posting });
            }
        }
        self.load_records(company, records.iter().copied().collect()).await?;
        for number in records.into_iter().filter(|number| !company.matcher.has(*number)).collect::<Vec<_>>() {
            tracing::error!(number, "a record that others lead to is not there; it is passed over");
            company.matcher.forget(number);
        }
        if clusters > 0 {
            self.require_numbers(clusters as u64, 0).await?;
            let numbers: Vec<u64> = (0..clusters).map(|_| self.new_master_id().0).collect();
            company.matcher.offer(numbers);
        }
        Ok(())
    }

    /// Loads records that are not loaded yet, with what was decided about them.
    pub(in crate::resolve) async fn load_records(
        &mut self,
        company: &mut Company,
        mut numbers: Vec<RecordNumber>,
    ) -> Result<(), StoreError> {
        numbers.retain(|number| !company.matcher.has(*number));
        if numbers.is_empty() {
            return Ok(());
        }
        let found = self.resolution().match_records(&numbers).await?;
        let retired: BTreeSet<MasterId> =
            found.iter().filter(|record| record.home != record.master_id).map(|record| record.home).collect();
        self.read_masters(retired.iter().copied()).await?;
        for id in retired {
            if self.row_of(id).is_some_and(|row| row.state == Operation::Redirect) {
                company.matcher.retire(id.0);
            }
        }
        let judgements = self.resolution().judgements_of(&numbers).await?;
        for record in found {
            // One that goes by another name since this transaction began.
            let known = known(company.changed.get(&record.number).cloned().unwrap_or(record))?;
            company.names.insert(known.number, known.name.clone());
            company.matcher.load(known);
        }
        if company.judgements.add(judgements) {
            company.judgements.tell(&mut company.matcher);
        }
        Ok(())
    }

    /// The records of some masters, as they are after what was done in this transaction.
    pub(in crate::resolve) async fn match_records_of(
        &mut self,
        company: &Company,
        ids: &[MasterId],
    ) -> Result<Vec<MatchRecord>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let stored = self.resolution().match_records_of(ids).await?;
        let as_stored = stored.into_iter().filter(|record| !company.changed.contains_key(&record.number));
        let changed = company.changed.values().filter(|record| ids.contains(&record.master_id)).cloned();
        let mut records: Vec<MatchRecord> = as_stored.chain(changed).collect();
        records.sort_unstable_by_key(|record| record.number);
        Ok(records)
    }
}

fn known(record: MatchRecord) -> Result<KnownRecord, StoreError> {
    let evidence = serde_json::from_str(&record.evidence).map_err(|_| {
        // What serde says may quote a value.
        StoreError::Internal(format!("what record {} has shown cannot be read", record.number))
    })?;
    Ok(KnownRecord {
        number: record.number,
        name: name_of(&record.local),
        evidence,
        common: record.common,
        cluster: record.master_id.0,
        home: record.home.0,
        links: record.links,
    })
}

fn kept(record: &KnownRecord) -> MatchRecord {
    MatchRecord {
        number: record.number,
        local: local_of(&record.name),
        master_id: MasterId(record.cluster),
        home: MasterId(record.home),
        evidence: serde_json::to_string(&record.evidence).unwrap_or_default().into_boxed_str(),
        common: record.common.clone(),
        links: record.links.clone(),
    }
}
