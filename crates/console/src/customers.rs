//! Who is who over the API: why two customers are or are not one, what was decided, and deciding it; and what a unit of
//! one says, whatever its sources say.
//!
//! What somebody decides is left for the hub as a command: nothing is changed here.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use master::MasterId;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use store::{
    Command, Decision, Judged, JudgementAsked, JudgementKind, Overridden, OverrideAsked, RecordName, TaskClosing,
};

use crate::answer;
use crate::api::{Answer, ApiAsk, json};
use crate::guard;
use crate::judgements::JudgementView;
use crate::links::Scope;
use crate::meant::{Meant, NotMeant};
use crate::pair::{PairError, PairView, Yardstick};
use crate::problem::Problem;
use crate::shared::Shared;

/// Records that one judgement may name; the hub refuses more in any case.
const RECORDS_MAX: usize = 1_000;

/// Two customers, as a request names them.
#[derive(Deserialize)]
pub(crate) struct Pair {
    one: String,
    other: String,
    #[serde(default)]
    all: bool,
}

/// `GET /api/customers/why?one=m7&other=m12`.
pub(crate) async fn why(
    State(shared): State<Arc<Shared>>,
    ApiAsk(ask): ApiAsk,
    pair: Result<Query<Pair>, QueryRejection>,
) -> Answer {
    let Query(Pair { one, other, all }) = pair.map_err(|_| {
        Problem::unclear("It is not said which two customers.", "Ask with ?one=m7&other=m12, or records as SYSTEM/KEY.")
    })?;
    let chars_max = shared.console.limits.search_chars_max;
    if one.chars().count() > chars_max || other.chars().count() > chars_max {
        let title = format!("A name has at most {chars_max} characters.");
        return Err(Problem::unclear(title, "Name each by its master id, or as SYSTEM/KEY.").into());
    }
    let tenant = tenant(&ask.scope)?;
    let store = shared.console.store.as_ref();
    let (one, other) = (Meant::find(store, tenant, &one).await?, Meant::find(store, tenant, &other).await?);
    let options = shared.console.matching.get(tenant).copied().unwrap_or_default();
    let yardstick = Yardstick::of(store, tenant, options).await?;
    let pairs_max = if all { shared.console.limits.rows_max } else { 1 };
    json(PairView::of(store, &one, &other, &yardstick, pairs_max).await?)
}

/// `GET /api/customers/m7/judgements`.
pub(crate) async fn judgements(
    State(shared): State<Arc<Shared>>,
    ApiAsk(ask): ApiAsk,
    id: Result<Path<MasterId>, PathRejection>,
) -> Answer {
    let remedy = "Master ids look like m1042.";
    let Path(id) = id.map_err(|_| Problem::unclear("That is no master id.", remedy))?;
    let tenant = tenant(&ask.scope)?;
    let (store, rows_max) = (shared.console.store.as_ref(), shared.console.limits.rows_max);
    json(JudgementView::about(store, tenant, &[id], rows_max).await?)
}

/// `GET /api/customers/judgements`.
pub(crate) async fn all_judgements(State(shared): State<Arc<Shared>>, ApiAsk(ask): ApiAsk) -> Answer {
    let (store, rows_max) = (shared.console.store.as_ref(), shared.console.limits.rows_max);
    json(JudgementView::about(store, tenant(&ask.scope)?, &[], rows_max).await?)
}

/// What somebody decides, as it is posted: [`JudgementAsked`], with the tenant of the request when it names none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Judge {
    tenant: Option<String>,
    kind: JudgementKind,
    master_id: Option<MasterId>,
    other: Option<MasterId>,
    #[serde(default)]
    records: Vec<RecordName>,
    undoes: Option<u64>,
    by: String,
    reason: String,
}

/// `POST /api/customers/judge`.
pub(crate) async fn judge(
    State(shared): State<Arc<Shared>>,
    ApiAsk(ask): ApiAsk,
    _: guard::SameSite,
    body: Result<Json<Judge>, JsonRejection>,
) -> Answer {
    let Json(judge) = body.map_err(|rejection| {
        Problem::new(
            rejection.status(),
            "The judgement cannot be read.",
            r#"Post JSON of type application/json: {"kind": "merge", "master_id": "m7", "other": "m12", "reason": "…", "by": "…"}; docs/console.md has the others."#,
        )
    })?;
    let command = Command::Judge(judge.asked(tenant(&ask.scope)?)?);
    answer::of_hub::<Judged>(&shared, &command).await
}

impl Judge {
    /// What the hub is asked to carry out, if anybody could read it later.
    fn asked(self, tenant: &str) -> Result<JudgementAsked, Problem> {
        let Judge { tenant: said, kind, master_id, other, records, undoes, by, reason } = self;
        require_tenant(said.as_deref(), tenant)?;
        if records.len() > RECORDS_MAX {
            let title = format!("A judgement names at most {RECORDS_MAX} records.");
            return Err(Problem::unclear(title, "Post several judgements."));
        }
        let (by, reason) = said_why(by, reason)?;
        Ok(JudgementAsked { tenant: tenant.to_owned(), kind, master_id, other, records, undoes, by, reason })
    }
}

/// What somebody decides about a unit, as it is posted: [`OverrideAsked`], with the tenant of the request when it names none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Override {
    tenant: Option<String>,
    master_id: MasterId,
    unit: String,
    /// `null` says that the unit is empty; where there is no value at all, the override is taken back.
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
    by: String,
    reason: String,
}

/// A value that is there, also where it is `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// `POST /api/customers/override`.
pub(crate) async fn override_unit(
    State(shared): State<Arc<Shared>>,
    ApiAsk(ask): ApiAsk,
    _: guard::SameSite,
    body: Result<Json<Override>, JsonRejection>,
) -> Answer {
    let Json(asked) = body.map_err(|rejection| {
        Problem::new(
            rejection.status(),
            "The override cannot be read.",
            r#"Post JSON of type application/json: {"master_id": "m7", "unit": "legal_name", "value": "Durand SA", "reason": "…", "by": "…"}; without "value", it is taken back."#,
        )
    })?;
    let tenant = tenant(&ask.scope)?;
    let Override { tenant: said, master_id, unit, value, by, reason } = asked;
    require_tenant(said.as_deref(), tenant)?;
    let (by, reason) = said_why(by, reason)?;
    let asked = OverrideAsked { tenant: tenant.to_owned(), master_id, unit, value, by, reason };
    answer::of_hub::<Overridden>(&shared, &Command::Override(asked)).await
}

/// Refuses a body that names another tenant than its request.
fn require_tenant(said: Option<&str>, tenant: &str) -> Result<(), Problem> {
    if said.is_none_or(|said| said == tenant) {
        return Ok(());
    }
    let remedy = "Leave the tenant out, or name the same one in the address (?tenant=NAME).";
    Err(Problem::unclear("What is posted is about another tenant than the request.", remedy))
}

/// Who decides and why, if anybody could read it later.
fn said_why(by: String, reason: String) -> Result<(String, String), Problem> {
    let closing = TaskClosing { decision: Decision::Acknowledged, reason, by, at: Timestamp::now() };
    closing.check().map_err(|error| Problem::unclear(format!("{error}."), "Say who decides and why."))?;
    Ok((closing.by, closing.reason))
}

fn tenant(scope: &Scope) -> Result<&str, Problem> {
    scope.tenant().ok_or_else(|| Problem::missing("No system is configured, so nobody has customers.", "Add a system."))
}

impl From<NotMeant> for Problem {
    fn from(error: NotMeant) -> Self {
        match error {
            NotMeant::Store(error) => error.into(),
            NotMeant::Nobody(_) => {
                Problem::missing(format!("{error}."), "/api/search finds customers by what they carry.")
            }
            NotMeant::Several(..) => Problem::unclear(format!("{error}."), "Name one by its master id."),
        }
    }
}

impl From<PairError> for Problem {
    fn from(error: PairError) -> Self {
        match error {
            PairError::Store(error) => error.into(),
            PairError::SameRecord => Problem::unclear(format!("{error}."), "Name another one."),
        }
    }
}
