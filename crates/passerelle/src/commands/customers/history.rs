//! `passerelle customers judgements`: what was decided about who is who.

use console::JudgementView;
use master::MasterId;
use store::{JudgementKind, RecordName};

use super::tenant;
use crate::cli::CustomersJudgements;
use crate::failure::{Exit, Failure};
use crate::output::{self, Table, moment};
use crate::session::store_beside;

/// Lists judgements, newest first.
///
/// # Errors
/// When there is no store, or no such customer.
pub async fn history(arguments: &CustomersJudgements) -> Result<Exit, Failure> {
    let store = store_beside(&arguments.place.dir).await?;
    let tenant = tenant::meant(&*store, arguments.tenant.as_deref()).await?;
    let ids = match &arguments.customer {
        None => Vec::new(),
        Some(text) => {
            let meant = tenant::customer(&*store, &tenant, text).await?;
            let mut ids: Vec<MasterId> = vec![meant.master_id(), meant.named];
            ids.dedup();
            ids
        }
    };
    let judgements = JudgementView::about(&*store, &tenant, &ids, arguments.limit).await?;
    if arguments.json {
        output::json(&judgements);
    } else {
        table(&judgements).print("nothing was decided yet");
    }
    Ok(Exit::Done)
}

/// Judgements, one a line.
pub fn table(judgements: &[JudgementView]) -> Table {
    let mut table = Table::new(&["number", "when", "who", "what", "records", "why", ""]);
    for judgement in judgements {
        table.row([
            judgement.number.to_string(),
            moment(judgement.at),
            who(judgement),
            what(judgement),
            records(judgement),
            judgement.reason.clone().unwrap_or_default(),
            if judgement.is_undone { "undone".to_owned() } else { String::new() },
        ]);
    }
    table
}

/// Who decided.
pub fn who(judgement: &JudgementView) -> String {
    match (&judgement.by, judgement.model) {
        (Some(by), _) => by.clone(),
        (None, Some(model)) => format!("the hub, by model {model}"),
        (None, None) => "the hub".to_owned(),
    }
}

/// What was decided, in a few words.
pub fn what(judgement: &JudgementView) -> String {
    let (one, other) = (judgement.master_id, judgement.other);
    let other = other.map(|id| id.to_string()).unwrap_or_default();
    match (judgement.kind, judgement.undoes) {
        (JudgementKind::Undo, Some(undone)) => format!("took {undone} back"),
        // What the hub did is not taken back, but decided otherwise.
        (kind, Some(undone)) => format!("took {undone} back: {}", kind.name()),
        (JudgementKind::Merge, None) => format!("merged {other} into {one}"),
        (JudgementKind::Split, None) if other.is_empty() => format!("split {one}"),
        (JudgementKind::Split, None) => format!("split {other} from {one}"),
        (JudgementKind::NotTheSame, None) => format!("{one} is not {other}"),
        (JudgementKind::Link, None) => format!("linked to {one}"),
        (JudgementKind::Unlink, None) => format!("unlinked from {one}"),
        (JudgementKind::Undo, None) => "took one back".to_owned(),
    }
}

/// The records of both sides: of a few the names, else how many.
fn records(judgement: &JudgementView) -> String {
    format!("{} | {}", listed(&judgement.left), listed(&judgement.right))
}

/// Some records, by name when they are few.
pub fn listed(records: &[RecordName]) -> String {
    const SHOWN_MAX: usize = 3;
    let mut names: Vec<String> = records.iter().take(SHOWN_MAX).map(named).collect();
    if records.len() > SHOWN_MAX {
        names.push(format!("{} more", records.len() - SHOWN_MAX));
    }
    names.join(", ")
}

/// A record as people write it.
pub fn named(record: &RecordName) -> String {
    format!("{}/{}", record.system, record.key)
}
