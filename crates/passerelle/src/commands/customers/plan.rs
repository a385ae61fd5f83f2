//! What a judgement would be about, told from the store alone.

use canonical::entity::Entity;
use console::{JudgementView, Meant};
use master::MasterId;
use serde::Serialize;
use store::{Filter, JudgementKind, OperateStore, RecordName};

use super::super::trace::name;
use super::history::{listed, named, what};
use crate::failure::Failure;
use crate::output::{self, Table};

/// Documents are counted up to here.
const DOCUMENTS_MAX: usize = 10_000;

/// What a judgement would be about. Nothing is changed by telling it.
#[derive(Serialize)]
pub struct Plan {
    /// What.
    pub kind: JudgementKind,
    /// The customers that it is about; of a merge the one that stays first.
    pub customers: Vec<Concerned>,
    /// The records that would belong to another customer than now.
    pub records_moved: Vec<RecordName>,
    /// The judgement that would be taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<JudgementView>,
}

/// A customer that a judgement would be about.
#[derive(Serialize)]
pub struct Concerned {
    /// The customer.
    pub master_id: MasterId,
    /// What people call it.
    pub name: Option<String>,
    /// Its records, in every system that knows it.
    pub records: Vec<RecordName>,
    /// How many documents belong to it.
    pub documents: usize,
    /// Whether there are more documents than were counted.
    pub are_documents_more: bool,
}

impl Concerned {
    /// What is known of a customer.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of(store: &dyn OperateStore, meant: &Meant) -> Result<Self, Failure> {
        let story = &meant.story;
        let filter = Filter {
            tenant: Some(meant.tenant.to_string()),
            customer: Some(meant.master_id()),
            count_max: DOCUMENTS_MAX + 1,
            ..Filter::default()
        };
        let documents = store.masters(&filter).await?.len();
        let mut records: Vec<RecordName> = story
            .crosswalk
            .iter()
            .filter(|row| row.local.entity == Entity::Customer && !row.removed)
            .map(|row| RecordName { system: row.local.system.to_string(), key: row.local.key.clone() })
            .collect();
        records.sort();
        Ok(Concerned {
            master_id: meant.master_id(),
            name: name(&serde_json::from_str(&story.master.document).unwrap_or_default()),
            records,
            documents: documents.min(DOCUMENTS_MAX),
            are_documents_more: documents > DOCUMENTS_MAX,
        })
    }
}

impl Plan {
    /// Tells it.
    pub fn tell(&self, is_json: bool) {
        if is_json {
            output::json(self);
            return;
        }
        if let Some(undone) = &self.undoes {
            output::line(format!("judgement {} would count no more: {}", undone.number, what(undone)));
            output::line(format!("it is about {} and {}", listed(&undone.left), listed(&undone.right)));
        }
        let mut table = Table::new(&["customer", "name", "documents", "records"]);
        for customer in &self.customers {
            let more = if customer.are_documents_more { "more than " } else { "" };
            let records: Vec<String> = customer.records.iter().map(named).collect();
            table.row([
                customer.master_id.to_string(),
                customer.name.clone().unwrap_or_default(),
                format!("{more}{}", customer.documents),
                records.join(", "),
            ]);
        }
        output::line(table.render());
        if !self.records_moved.is_empty() {
            let records: Vec<String> = self.records_moved.iter().map(named).collect();
            output::line(format!("would belong to another customer: {}", records.join(", ")));
        }
        output::line("nothing was changed");
    }
}
