//! The same facts as the pages, as JSON: the structs that the command line prints with `--json`.

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use canonical::Entity;
use master::Rules;
use serde::Serialize;
use store::{DropStatus, Filter, JournalEntry, OperateStore, RejectStatus};

use crate::customers;
use crate::links::Scope;
use crate::pages::drops::{drop_rejects, one_drop};
use crate::problem::Problem;
use crate::provenance::{Sources, Why};
use crate::query::{Ask, Search};
use crate::shared::Shared;
use crate::story::{StoryDocument, StoryView};
use crate::tasks;

/// A problem that is told as JSON.
pub(crate) struct ApiProblem(Problem);

impl<E: Into<Problem>> From<E> for ApiProblem {
    fn from(error: E) -> Self {
        ApiProblem(error.into())
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        self.0.json()
    }
}

/// [`Ask`], with its refusal as JSON.
pub(crate) struct ApiAsk(pub(crate) Ask);

impl FromRequestParts<Arc<Shared>> for ApiAsk {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ApiProblem> {
        Ok(ApiAsk(Ask::from_request_parts(parts, shared).await?))
    }
}

pub(crate) type Answer = Result<Response, ApiProblem>;

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/flow", get(flow))
        .route("/search", get(search).post(search_form))
        .route("/masters", get(masters))
        .route("/masters/{id}", get(master))
        .route("/masters/{id}/why", get(why))
        .route("/drops", get(drops))
        .route("/drops/{number}", get(drop))
        .route("/rejects", get(rejects))
        .route("/parked", get(parked))
        .route("/parked/{number}", get(parked_behind))
        .route("/waiting", get(waiting))
        .route("/tasks", get(tasks::list))
        .route("/tasks/{number}", get(tasks::show))
        .route("/tasks/close", post(tasks::close))
        .route("/customers/why", get(customers::why))
        .route("/customers/judge", post(customers::judge))
        .route("/customers/override", post(customers::override_unit))
        .route("/customers/judgements", get(customers::all_judgements))
        .route("/customers/{id}/judgements", get(customers::judgements))
        .fallback(nothing_here)
}

async fn nothing_here() -> ApiProblem {
    Problem::missing("There is no such resource.", "The routes are listed in docs/console.md.").into()
}

pub(crate) fn json(value: impl Serialize) -> Answer {
    Ok(Json(value).into_response())
}

async fn flow(State(shared): State<Arc<Shared>>, ApiAsk(ask): ApiAsk) -> Answer {
    let view = shared.view(ask.scope.tenant()).ok_or_else(|| Problem::busy("The console is being set up."))?;
    json(shared.flow(view).await?)
}

async fn search(State(shared): State<Arc<Shared>>, ApiAsk(ask): ApiAsk, Query(search): Query<Search>) -> Answer {
    found(&shared, &ask.scope, &search).await
}

async fn search_form(
    State(shared): State<Arc<Shared>>,
    ApiAsk(ask): ApiAsk,
    search: Result<Form<Search>, FormRejection>,
) -> Answer {
    let Form(search) =
        search.map_err(|_| Problem::unclear("The search cannot be read.", "Send a form with a field q."))?;
    found(&shared, &ask.scope, &search).await
}

async fn found(shared: &Shared, scope: &Scope, search: &Search) -> Answer {
    let text = search.text(shared.console.limits.search_chars_max)?;
    if text.is_empty() {
        return json([(); 0]);
    }
    json(shared.console.store.find(scope.tenant(), text).await?)
}

async fn master(
    State(shared): State<Arc<Shared>>,
    ApiAsk(ask): ApiAsk,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let story = crate::pages::story::load(&shared, &ask.scope, id).await?;
    let (store, rows_max) = (shared.console.store.as_ref(), shared.console.limits.rows_max);
    let documents = StoryDocument::of(store, ask.scope.tenant(), &story, rows_max).await?;
    json(StoryView::new(&story, documents))
}

async fn why(
    State(shared): State<Arc<Shared>>,
    ApiAsk(ask): ApiAsk,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let story = crate::pages::story::load(&shared, &ask.scope, id).await?;
    if story.master.entity != Entity::Customer {
        let message = format!("{} is no customer.", story.master.master_id);
        return Err(Problem::unclear(message, "Why a value won is told of customers only.").into());
    }
    let none = Rules::default();
    let rules = shared.console.rules.get(&story.tenant).unwrap_or(&none);
    let sources = Sources::of(&story);
    json(Why::new(&story, &sources, rules))
}

/// One drop with what became of its records.
#[derive(Serialize)]
struct DropView {
    #[serde(flatten)]
    drop: DropStatus,
    rejects: Vec<RejectStatus>,
    journal: Vec<JournalEntry>,
}

async fn drop(
    State(shared): State<Arc<Shared>>,
    ApiAsk(ask): ApiAsk,
    number: Result<Path<u64>, PathRejection>,
) -> Answer {
    let drop = one_drop(&shared, &ask.scope, number).await?;
    let rejects = drop_rejects(&shared, &ask.scope, &drop).await?;
    let filter = ask.scope.filter(shared.console.limits.rows_max);
    let journal = shared.console.store.drop_journal(drop.number, &filter).await?;
    json(DropView { drop, rejects, journal })
}

async fn parked_behind(
    State(shared): State<Arc<Shared>>,
    ApiAsk(ask): ApiAsk,
    number: Result<Path<u64>, PathRejection>,
) -> Answer {
    json(crate::pages::parked::behind(&shared, &ask.scope, number).await?)
}

/// Declares the listings: each asks the store with the request's filter.
macro_rules! listings {
    ($($name:ident),+) => {
        $(async fn $name(State(shared): State<Arc<Shared>>, ApiAsk(ask): ApiAsk) -> Answer {
            let filter: Filter = ask.filter(shared.console.limits.rows_max)?;
            let store: &dyn OperateStore = shared.console.store.as_ref();
            json(store.$name(&filter).await?)
        })+
    };
}

listings!(masters, drops, rejects, parked, waiting);
