//! The story of one master: where it is, what belongs to it, what each system says of it, what happened to it.

mod documents;
mod holders;
mod timeline;
mod values;

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use canonical::Operation;
use maud::{Markup, html};
use serde_json::Value;
use store::MasterStory;

pub(crate) use timeline::sentence;

use super::{Page, master_link, state, tag};
use crate::document::{subtitle, title};
use crate::links::Scope;
use crate::problem::Problem;
use crate::query::Ask;
use crate::shared::Shared;
use crate::story::{StoryDocument, parsed};
use crate::text::{Clock, cut};

/// Everything about one master of this tenant.
pub(crate) async fn load(
    shared: &Shared,
    scope: &Scope,
    id: Result<Path<String>, PathRejection>,
) -> Result<MasterStory, Problem> {
    let unclear = || {
        Problem::unclear("That is no master id.", "Master ids look like m1042; search for a name or a number instead.")
    };
    let Path(text) = id.map_err(|_| unclear())?;
    let id = text.parse().map_err(|_| unclear())?;
    let story = shared.console.store.story(scope.tenant(), id).await?;
    story.ok_or_else(|| {
        Problem::missing(
            format!("There is no master {id}."),
            "Search for the name or number instead; ids are never reused.",
        )
    })
}

/// `/masters/m12`.
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    ask: Ask,
    id: Result<Path<String>, PathRejection>,
) -> Result<Markup, Problem> {
    let story = load(&shared, &ask.scope, id).await?;
    let missing = holders::Missing::load(&shared, &ask.scope, &story).await?;
    let names = drop_names(&shared, &ask.scope).await?;
    let customer = customer_name(&shared, &ask.scope, &story).await?;
    let documents_max = shared.console.limits.rows_max.min(documents::SHOWN_MAX);
    let documents = StoryDocument::of(shared.console.store.as_ref(), ask.scope.tenant(), &story, documents_max).await?;
    let clock = Clock::read();
    let golden = parsed(&story.master.document);
    // The tab's title goes to the browser's history, so it names the master by its id.
    let page_title = format!("{} {}", story.master.entity, story.master.master_id);
    Ok(Page::new(&shared, &ask.scope, "/masters", &page_title).with(html! {
        (head(&ask.scope, &story, &golden, customer.as_deref()))
        (redirected(&ask.scope, &story))
        section aria-labelledby="systems" {
            h2 #systems { "Where it is" }
            (holders::table(&ask.scope, &story, &missing, &clock))
        }
        (documents::section(&ask.scope, &story, &documents, documents_max))
        section aria-labelledby="timeline" {
            h2 #timeline { "What happened" }
            (timeline::list(&ask.scope, &story.journal, &names, &clock))
        }
        section aria-labelledby="values" {
            h2 #values { "Value by value" }
            (values::table(&story, &golden))
        }
    }))
}

/// The names of the newest drops, so that the timeline can say which file a line is in.
async fn drop_names(shared: &Shared, scope: &Scope) -> Result<timeline::DropNames, Problem> {
    let drops = shared.console.store.drops(&scope.filter(shared.console.limits.rows_max)).await?;
    Ok(drops.into_iter().map(|drop| (drop.number, drop.name)).collect())
}

/// What people call the customer that a document belongs to.
async fn customer_name(shared: &Shared, scope: &Scope, story: &MasterStory) -> Result<Option<String>, Problem> {
    if story.master.root == story.master.master_id {
        return Ok(None);
    }
    let root = shared.console.store.story(scope.tenant(), story.master.root).await?;
    Ok(root.and_then(|root| title(&root.master.entity, &parsed(&root.master.document))))
}

fn head(scope: &Scope, story: &MasterStory, golden: &Value, customer: Option<&str>) -> Markup {
    let master = &story.master;
    html! {
        header.heading.object {
            p { (tag(&master.entity)) " " span.id { (master.master_id) } " " (state(master.state)) }
            h1 { (cut(&title(&master.entity, golden).unwrap_or_else(|| master.master_id.to_string()), 200)) }
            p.lead {
                @if let Some(about) = subtitle(&master.entity, golden) { (cut(&about, 200)) " · " }
                "version " b { (master.version) }
                @if master.root != master.master_id { " · belongs to customer " (master_link(scope, master.root)) @if let Some(name) = customer { " " (cut(name, 200)) } }
            }
        }
    }
}

fn redirected(scope: &Scope, story: &MasterStory) -> Markup {
    html! {
        @match (story.master.state, story.master.redirect) {
            (Operation::Redirect, Some(survivor)) => {
                p.notice { "It was found to be the same as " (master_link(scope, survivor)) ", which took its place." }
            }
            (Operation::Remove, _) => p.notice { "No system shows it any more. This is what it last was." },
            _ => {}
        }
    }
}
