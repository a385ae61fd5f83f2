//! What carries a text: leads to the story at once when it is one thing only.

use std::sync::Arc;

use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use store::{Hit, MasterSummary};

use super::{Page, heading, master_link, nothing, state, tag};
use crate::document::{subtitle, title};
use crate::links::Scope;
use crate::problem::Problem;
use crate::query::{Ask, Search};
use crate::shared::Shared;
use crate::story::parsed;
use crate::text::{Clock, counted, cut};

/// Hits that the store returns at most.
const HITS_MAX: usize = 50;

/// A search whose text is in the address: for numbers and ids that other pages and people link to.
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    ask: Ask,
    search: Result<Query<Search>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(search) = search.map_err(|_| unreadable())?;
    answer(&shared, &ask.scope, &search).await
}

/// A search from the box.
pub(crate) async fn find(
    State(shared): State<Arc<Shared>>,
    ask: Ask,
    search: Result<Form<Search>, FormRejection>,
) -> Result<Response, Problem> {
    let Form(search) = search.map_err(|_| unreadable())?;
    answer(&shared, &ask.scope, &search).await
}

fn unreadable() -> Problem {
    Problem::unclear(
        "The search cannot be read.",
        "Type one thing into the search box: a number, a name, a file, an id.",
    )
}

async fn answer(shared: &Shared, scope: &Scope, search: &Search) -> Result<Response, Problem> {
    let text = search.text(shared.console.limits.search_chars_max)?;
    let hits = if text.is_empty() { Vec::new() } else { shared.console.store.find(scope.tenant(), text).await? };
    if let [hit] = hits.as_slice() {
        return Ok(Redirect::to(&address(scope, hit)).into_response());
    }
    Ok(page(shared, scope, text, &hits).into_response())
}

/// Where a hit leads.
fn address(scope: &Scope, hit: &Hit) -> String {
    match hit {
        Hit::Master(master) => scope.master(master.master_id),
        Hit::Drop(drop) => scope.drop(drop.number),
        Hit::Reject(reject) => format!("{}#reject-{}", scope.drop(reject.drop), reject.number),
        Hit::Waiting(waiting) => format!("{}#waiting-{}", scope.page("/waiting"), waiting.number),
    }
}

fn page(shared: &Shared, scope: &Scope, text: &str, hits: &[Hit]) -> Markup {
    let clock = Clock::read();
    let lead = html! {
        @if text.is_empty() { "Type an invoice number, a customer's name or key, a file name, a drop number, a master id or a message id." }
        @else if hits.len() >= HITS_MAX { "The first " (HITS_MAX) " that carry " q { (text) } ". Type more of it to find fewer." }
        @else if hits.is_empty() { "Nothing carries " q { (text) } "." }
        @else { (counted(u64::try_from(hits.len()).unwrap_or_default(), "hit")) " for " q { (text) } "." }
    };
    Page::new(shared, scope, "", "Search").with(html! {
        (heading("Search", lead))
        @if hits.is_empty() && !text.is_empty() {
            ul.hints {
                li { "Numbers and keys are found whole or from their beginning; names by any of their words." }
                li { "A record that could not be read has no document; look at the " a href=(scope.page("/rejects")) { "rejects" } "." }
                li { "A file that was not picked up yet has no drop; look at the " a href=(scope.page("/drops")) { "drops" } "." }
            }
        }
        ol.hits { @for hit in hits { li { (row(scope, hit, &clock)) } } }
    })
}

fn row(scope: &Scope, hit: &Hit, clock: &Clock) -> Markup {
    html! {
        @match hit {
            Hit::Master(master) => (master_hit(scope, master)),
            Hit::Drop(drop) => {
                span.tag.drop { "drop" }
                a href=(address(scope, hit)) { (drop.name) }
                span.about { "drop " (drop.number) " of " (drop.stream.system) " · " (drop.stream.stream) ", " (clock.fixed(drop.begun_at)) }
            }
            Hit::Reject(reject) => {
                span.tag.rejected { "reject" }
                a href=(address(scope, hit)) { (reject.key.as_deref().unwrap_or("without a key")) }
                span.about { (reject.stream.system) " · " (reject.stream.stream) ": " (reject.reason) }
            }
            Hit::Waiting(waiting) => {
                span.tag.waiting { "waiting" }
                a href=(address(scope, hit)) { (waiting.key) }
                span.about { (waiting.entity) " of " (waiting.system) ", waits for " (waiting.needs_key) " of " (waiting.needs_system) }
            }
        }
    }
}

fn master_hit(scope: &Scope, master: &MasterSummary) -> Markup {
    let document = parsed(master.document.get());
    let name = title(&master.entity, &document);
    html! {
        (tag(&master.entity))
        a href=(scope.master(master.master_id)) { (name.map_or_else(|| master.master_id.to_string(), |name| cut(&name, 120))) }
        (state(master.state))
        span.about {
            (master_link(scope, master.master_id))
            @if let Some(about) = subtitle(&master.entity, &document) { " · " (cut(&about, 120)) }
            @if !master.systems.is_empty() {
                " · " @for (index, (system, key)) in master.systems.iter().enumerate() {
                    @if index > 0 { ", " }
                    (system) " " code { (key) }
                }
            }
        }
    }
}

/// Said by listings that search.
pub(super) fn none_found() -> Markup {
    nothing("Nothing matches.")
}
