//! Why two customers, or two records, are or are not one: what `/api/customers/why` and
//! `passerelle customers why A B --json` show. It names levels and weights, and no value.

mod records;

use std::sync::Arc;

use jiff::Timestamp;
use master::MasterId;
use master::matching::{Bits, MatchOptions, Model, PairExplanation};
use serde::Serialize;
use store::{
    JournalKind, Judgement, JudgementKind, MatchRecord, MatchStore, OperateStore, RecordName, StoreError, TaskFilter,
};

use self::records::{Compared, Sides};
use crate::judgements::JudgementView;
use crate::meant::Meant;

/// The code of the question whether two customers are one.
const DOUBTFUL: &str = "match.doubtful";

/// Who links a record that a delivery made.
const DELIVERY: &str = "delivery";

/// Of so many judgements and questions, those about both customers are told.
const ABOUT_MAX: usize = 1_000;

/// By what the records of a tenant are told apart now.
#[derive(Clone, Debug)]
pub struct Yardstick {
    /// The model in force.
    pub model: Arc<Model>,
    /// From where on records are one.
    pub options: MatchOptions,
}

impl Yardstick {
    /// The newest model of a tenant, or the one that is shipped.
    ///
    /// # Errors
    /// When the store cannot be read, or has a model that this version cannot read.
    pub async fn of(store: &dyn OperateStore, tenant: &str, options: MatchOptions) -> Result<Self, StoreError> {
        let model = match MatchStore::match_model(store, tenant, 0).await? {
            None => Model::shipped(),
            Some((number, text)) => serde_json::from_str(&text)
                .map_err(|error| StoreError::Internal(format!("model {number} of {tenant} cannot be read: {error}")))?,
        };
        Ok(Yardstick { model: Arc::new(model), options })
    }
}

/// Why two customers, or two records, are or are not one.
#[derive(Clone, Debug, Serialize)]
pub struct PairView {
    /// Whether they are one customer now.
    pub is_one: bool,
    /// By what.
    pub because: PairCause,
    /// Since when they are one, or were told to be two; `None` where the journal does not say.
    pub since: Option<Timestamp>,
    /// The number of the judgement that makes them one, or two.
    pub judgement: Option<u64>,
    /// The number of the open question whether they are one.
    pub task: Option<u64>,
    /// The first.
    pub one: PairSide,
    /// The second.
    pub other: PairSide,
    /// What was decided about records of both sides, newest first.
    pub judgements: Vec<JudgementView>,
    /// The number of the model; 0 for the one that is shipped.
    pub model: u32,
    /// Two groups of records are one from so many bits of their best pair on.
    pub link_bits: Bits,
    /// From here on to `link_bits` a steward is asked.
    pub review_bits: Bits,
    /// The mean over the pairs that are not ruled out, of which none counts for more than 20 bits; `None` without any.
    pub mean_bits: Option<Bits>,
    /// How many pairs of records there are, one of each side.
    pub pairs_total: usize,
    /// How many of them were compared here: all, unless there are very many.
    pub pairs_compared: usize,
    /// Pairs of records, those first that speak most for one customer; at most as many as were asked for.
    pub pairs: Vec<PairOfRecords>,
}

/// One of two customers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PairSide {
    /// Its master id now.
    pub master_id: MasterId,
    /// The id under which it was found, where it has become one with another since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<MasterId>,
    /// The records that were looked at.
    pub records: Vec<RecordName>,
}

/// Two records.
#[derive(Clone, Debug, Serialize)]
pub struct PairOfRecords {
    /// One of the first side.
    pub one: RecordName,
    /// One of the other side.
    pub other: RecordName,
    /// What speaks for and against one customer; `None` where one is a company and the other a person.
    pub explanation: Option<PairExplanation>,
}

/// What makes records one, or keeps them two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairCause {
    /// Somebody said so: the newest judgement that counts.
    Judged,
    /// The hub found it out by itself after both were there; the newest judgement.
    Found,
    /// The one is what a delivery of the other made.
    Delivered,
    /// They were one from the first time that both were shown: what they show says so.
    Resemblance,
    /// Nobody has answered yet.
    Question,
    /// Something rules it out in each pair of records.
    Veto,
    /// Their best pair has too little.
    Weak,
    /// Their best pair has enough, but the others speak against it, or the records hang together with nothing else.
    Contradicted,
    /// No record of the one shares a key with one of the other: nobody compared them.
    NeverCompared,
    /// One is a company and the other a person.
    Kinds,
    /// What their records have shown is not known: they were shown before this version, or come from deliveries alone.
    Untold,
}

impl PairView {
    /// Holds two customers, or records of them, against each other. At most `pairs_max` pairs of records are told.
    ///
    /// # Errors
    /// When both are one and the same record, or the store cannot be read.
    pub async fn of(
        store: &dyn OperateStore,
        one: &Meant,
        other: &Meant,
        yardstick: &Yardstick,
        pairs_max: usize,
    ) -> Result<Self, PairError> {
        let Yardstick { model, options } = yardstick;
        let tenant = &*one.tenant;
        let ids = [one.master_id(), other.master_id()];
        let known = store.match_records_of(tenant, if ids[0] == ids[1] { &ids[..1] } else { &ids }).await?;
        let sides = Sides::of(&known, one, other)?;
        let compared = sides.compare(model, options.thresholds.link, pairs_max)?;
        let all = store.judgements(tenant, &about(one, other, &known), ABOUT_MAX).await?;
        let judgements: Vec<Judgement> = all.into_iter().filter(|judgement| sides.are_judged_by(judgement)).collect();
        let filter = TaskFilter {
            tenant: Some(tenant.to_owned()),
            code: Some(DOUBTFUL.to_owned()),
            customer: Some(ids[0]),
            count_max: ABOUT_MAX,
            ..TaskFilter::default()
        };
        let is_one = ids[0] == ids[1];
        let tasks = if is_one { Vec::new() } else { store.tasks(&filter).await? };
        let task = tasks.iter().find(|task| [task.master_id, task.other].contains(&Some(ids[1])));
        let decisive = judgements.iter().find(|judgement| decides(judgement, is_one));
        let judgement = decisive.map(|judgement| judgement.number);
        let (because, since) = match (is_one, decisive, task) {
            (_, Some(judgement), _) => (by_judgement(judgement), Some(judgement.at)),
            (false, None, Some(task)) => (PairCause::Question, Some(task.since)),
            (true, None, _) => {
                let because = if compared.pairs.is_empty() { PairCause::Untold } else { PairCause::Resemblance };
                (because, together_since(one, compared.best()))
            }
            (false, None, None) => (compared.why_two(options.thresholds), None),
        };
        Ok(PairView {
            is_one,
            because,
            since,
            judgement,
            task: task.map(|task| task.number),
            one: side(one, &sides.one),
            other: side(other, &sides.other),
            judgements: JudgementView::named(store, tenant, judgements).await?,
            model: model.number,
            link_bits: options.thresholds.link,
            review_bits: options.thresholds.review,
            mean_bits: compared.mean,
            pairs_total: compared.total,
            pairs_compared: compared.count,
            pairs: compared.pairs,
        })
    }
}

/// Why nothing can be said about a pair.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// There is one record only.
    #[error("both are one and the same record; say two records, or two customers")]
    SameRecord,
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn side(meant: &Meant, records: &[&MatchRecord]) -> PairSide {
    PairSide {
        master_id: meant.master_id(),
        was: Some(meant.named).filter(|named| *named != meant.master_id()),
        records: records.iter().map(|record| name(record)).collect(),
    }
}

fn name(record: &MatchRecord) -> RecordName {
    RecordName { system: record.local.system.to_string(), key: record.local.key.clone() }
}

/// The masters whose judgements may be about both: those that they are, that they were named as, and that their records
/// were first.
fn about(one: &Meant, other: &Meant, known: &[MatchRecord]) -> Vec<MasterId> {
    let named = [one.named, other.named, one.master_id(), other.master_id()];
    let mut ids: Vec<MasterId> = known.iter().map(|record| record.home).chain(named).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Whether a judgement that counts makes them what they are.
fn decides(judgement: &Judgement, is_one: bool) -> bool {
    let says_one = match judgement.kind {
        JudgementKind::Merge | JudgementKind::Link => true,
        JudgementKind::Split | JudgementKind::NotTheSame | JudgementKind::Unlink => false,
        JudgementKind::Undo => return false,
    };
    says_one == is_one && !judgement.is_undone
}

fn by_judgement(judgement: &Judgement) -> PairCause {
    match judgement.by.as_deref() {
        None => PairCause::Found,
        Some(DELIVERY) => PairCause::Delivered,
        Some(_) => PairCause::Judged,
    }
}

/// When the later one of two records came to the customer that both are; `None` where its journal does not say.
fn together_since(meant: &Meant, best: Option<&PairOfRecords>) -> Option<Timestamp> {
    let came = |name: &RecordName| {
        let entries = meant.story.journal.iter().filter(|entry| {
            matches!(entry.kind, JournalKind::Created | JournalKind::Linked | JournalKind::Moved)
                && *entry.system == *name.system
                && entry.key.as_deref() == Some(&*name.key)
        });
        entries.map(|entry| entry.at).max()
    };
    let best = best?;
    Some(came(&best.one)?.max(came(&best.other)?))
}

impl Compared {
    /// Why two customers are two about whom nobody decided anything and nobody is asked.
    fn why_two(&self, thresholds: master::matching::Thresholds) -> PairCause {
        let Some(best) = self.best() else { return PairCause::Untold };
        let Some(explanation) = &best.explanation else { return PairCause::Kinds };
        if !self.shares_keys {
            PairCause::NeverCompared
        } else if explanation.veto.is_some() {
            PairCause::Veto
        } else if explanation.bits < thresholds.link {
            PairCause::Weak
        } else {
            PairCause::Contradicted
        }
    }
}
