//! Who is who in the small company: what the records of its customers have shown, and one judgement about them.

use std::sync::Arc;

use async_trait::async_trait;
use canonical::Entity;
use canonical::document::Customer;
use jiff::Timestamp;
use master::MasterId;
use master::matching::{Evidence, RecordNumber};
use store::{Judgement, JudgementKind, KeptModel, MatchRecord, MatchStore, Regrouping, StoreError};

use super::{Fake, TENANT, ago};

impl Fake {
    /// One record for each source of a customer, numbered from 101.
    fn records(&self) -> Vec<MatchRecord> {
        let state = self.state();
        let customers = state.stories.iter().filter(|story| story.master.entity == Entity::Customer);
        let sources = customers.flat_map(|story| &story.sources).enumerate();
        let record = |(place, row): (usize, &store::SourceRow)| {
            let customer: Customer = serde_json::from_str(&row.document).unwrap_or_default();
            MatchRecord {
                number: 101 + place as u64,
                local: row.local.clone(),
                master_id: row.master_id,
                home: row.master_id,
                evidence: serde_json::to_string(&Evidence::of(&customer)).unwrap_or_default().into(),
                common: Vec::new(),
                links: Vec::new(),
            }
        };
        sources.map(record).collect()
    }
}

#[async_trait]
impl MatchStore for Fake {
    async fn match_records_of(&self, tenant: &str, ids: &[MasterId]) -> Result<Vec<MatchRecord>, StoreError> {
        let mut records = if tenant == TENANT { self.records() } else { Vec::new() };
        records.retain(|record| ids.contains(&record.master_id));
        Ok(records)
    }

    async fn match_records_after(
        &self,
        tenant: &str,
        after: RecordNumber,
        count_max: usize,
    ) -> Result<Vec<MatchRecord>, StoreError> {
        let records = if tenant == TENANT { self.records() } else { Vec::new() };
        Ok(records.into_iter().filter(|record| record.number > after).take(count_max).collect())
    }

    async fn judgements(&self, tenant: &str, ids: &[MasterId], _: usize) -> Result<Vec<Judgement>, StoreError> {
        let judgement = Judgement {
            number: 4,
            at: ago(4_000),
            kind: JudgementKind::Link,
            by: Some("anna".to_owned()),
            reason: Some("one SIREN".to_owned()),
            model: None,
            master_id: MasterId(12),
            other: None,
            left: vec![101],
            right: vec![102],
            undoes: None,
            is_undone: false,
        };
        let is_asked = tenant == TENANT && (ids.is_empty() || ids.contains(&MasterId(12)));
        Ok(is_asked.then_some(judgement).into_iter().collect())
    }

    async fn regroupings(&self, _: &str, _: usize) -> Result<Vec<Regrouping>, StoreError> {
        Ok(Vec::new())
    }

    async fn match_model(&self, _: &str, _: u32) -> Result<Option<(u32, Arc<str>)>, StoreError> {
        Ok(None)
    }

    async fn match_models(&self, _: &str, _: usize) -> Result<Vec<KeptModel>, StoreError> {
        Ok(Vec::new())
    }

    async fn add_match_model(&self, _: &str, _: u32, _: &str, _: Timestamp) -> Result<(), StoreError> {
        Err(StoreError::Internal("the console never learns".into()))
    }
}
