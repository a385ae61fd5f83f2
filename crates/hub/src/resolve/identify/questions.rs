//! What is doubtful about who is who: a question for a steward about each pair of masters.

use std::collections::BTreeSet;
use std::sync::Arc;

use master::MasterId;
use master::matching::{Doubt, Matcher};
use serde_json::json;
use store::{NewTask, Reopen, StoreError};

use super::{Company, local_of};
use crate::resolve::working::Working;

/// The code of the question whether two masters are one.
pub(crate) const DOUBTFUL: &str = "match.doubtful";

impl Working<'_> {
    /// Asks about the masters that may be one, and asks no more about those that turned out otherwise.
    pub(super) async fn ask(&mut self, company: &mut Company) -> Result<(), StoreError> {
        let divided = company.matcher.take_divided();
        if divided.is_empty() {
            return Ok(());
        }
        let doubts = company.matcher.doubts(divided.iter().copied());
        let concerned: BTreeSet<MasterId> = divided
            .iter()
            .filter_map(|number| company.matcher.cluster(*number))
            .map(MasterId)
            .chain(self.moved_from.iter().copied())
            .collect();
        // Nobody asked about a master that this batch makes.
        let known: Vec<MasterId> = concerned.into_iter().filter(|id| self.is_known(*id)).collect();
        let mut open: BTreeSet<String> = BTreeSet::new();
        if !known.is_empty() {
            open.extend(self.resolution().open_tasks(DOUBTFUL, &known).await?);
        }
        for doubt in &doubts {
            open.remove(&subject(doubt));
        }
        let asked: Vec<NewTask> = doubts.iter().filter_map(|doubt| self.question(&company.matcher, doubt)).collect();
        let subjects: BTreeSet<&str> = asked.iter().map(|task| &*task.subject).collect();
        // What this transaction asked before, and would not ask any more.
        self.writes.tasks.retain(|task| {
            task.code != DOUBTFUL || (!open.contains(&task.subject) && !subjects.contains(&*task.subject))
        });
        self.writes.tasks_ended.extend(open);
        self.writes.tasks.extend(asked);
        Ok(())
    }

    /// Whether a master may have been asked about before.
    fn is_known(&self, id: MasterId) -> bool {
        !self.is_new_number(id)
    }

    fn question(&self, matcher: &Matcher, doubt: &Doubt) -> Option<NewTask> {
        let (one, other) = (matcher.evidence(doubt.records.0)?, matcher.evidence(doubt.records.1)?);
        let explained = matcher.model().explain_pair(one, other)?;
        let local = |record| matcher.name(record).map(local_of);
        let records = [local(doubt.records.0)?, local(doubt.records.1)?];
        let named = records.each_ref().map(|local| json!({"system": local.system, "key": local.key}));
        let detail = json!({"records": named, "because": explained});
        let (master_id, other) = (MasterId(doubt.one), MasterId(doubt.other));
        Some(NewTask {
            subject: subject(doubt),
            code: DOUBTFUL.to_owned(),
            question: format!("Are {master_id} and {other} one customer?"),
            system: Arc::clone(&records[1].system),
            master_id: Some(master_id),
            other: Some(other),
            rank: i64::from(doubt.bits.0),
            detail: Some(detail.to_string()),
            reopen: Reopen::OnNewDetail,
            at: self.context.now(),
        })
    }
}

fn subject(doubt: &Doubt) -> String {
    format!("{DOUBTFUL}:{}:{}", MasterId(doubt.one), MasterId(doubt.other))
}
