//! What was set aside until somebody acts.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use maud::{Markup, html};
use store::{ParkedStage, ParkedStatus};

use super::{Page, command, heading, master_link, more, narrowing, nothing, tag};
use crate::links::Scope;
use crate::problem::Problem;
use crate::query::Ask;
use crate::shared::Shared;
use crate::text::{Clock, excerpt};

/// Bytes of a parked message that are shown.
const EVENT_BYTES_MAX: usize = 16 * 1024;

/// `/parked`: oldest first.
pub(crate) async fn list(State(shared): State<Arc<Shared>>, ask: Ask) -> Result<Markup, Problem> {
    let rows_max = shared.console.limits.rows_max;
    let parked = shared.console.store.parked(&ask.filter(rows_max)?).await?;
    let last = parked.last().map(|parked| parked.number);
    let lead = html! { "Set aside until somebody acts. What comes later for the same key stands behind it, in order." };
    Ok(Page::new(&shared, &ask.scope, "/parked", "Parked").with(html! {
        (heading("Parked", lead))
        (narrowing(&shared, &ask, "/parked", true))
        @if parked.is_empty() { (nothing("Nothing is parked.")) } @else { (table(&ask.scope, &parked)) }
        (more(&ask, "/parked", parked.len(), rows_max, last))
    }))
}

fn table(scope: &Scope, parked: &[ParkedStatus]) -> Markup {
    let clock = Clock::read();
    html! {
        div.table { table {
            thead { tr { th { "Number" } th { "Where" } th { "Kind" } th { "Master" } th { "Why" } th { "Since" } } }
            tbody {
                @for parked in parked {
                    tr {
                        td.number { a href=(scope.parked(parked.number)) { (parked.number) } }
                        td { (stage(parked)) }
                        td { (tag(&parked.entity)) }
                        td { @if let Some(id) = parked.master_id { (master_link(scope, id)) } }
                        td.wide { (why(parked)) }
                        td { (clock.moment(parked.since)) }
                    }
                }
            }
        } }
    }
}

/// Before which stage it is parked.
pub(crate) fn stage(parked: &ParkedStatus) -> Markup {
    html! {
        @match parked.stage {
            ParkedStage::Observed => { (parked.system) " → master" }
            ParkedStage::Delivery => { "master → " (parked.system) }
        }
    }
}

/// Why it is parked.
pub(crate) fn why(parked: &ParkedStatus) -> Markup {
    html! {
        @match &parked.reason {
            Some(reason) => { (reason) " " code.code { (parked.code) } }
            None => span.quiet { "stands behind an earlier one of the same key" },
        }
    }
}

/// A parked message of this tenant with everything behind its key.
pub(crate) async fn behind(
    shared: &Shared,
    scope: &Scope,
    number: Result<Path<u64>, PathRejection>,
) -> Result<Vec<ParkedStatus>, Problem> {
    let Path(number) =
        number.map_err(|_| Problem::unclear("That is no number.", "Choose one from the list of what is parked."))?;
    let mut chain = shared.console.store.parked_behind(number).await?;
    chain.retain(|parked| scope.tenant().is_none_or(|tenant| *parked.tenant == *tenant));
    if chain.is_empty() {
        return Err(Problem::missing(
            format!("Nothing is parked under the number {number}."),
            "It was retried or discarded in the meantime; look at the list of what is parked.",
        ));
    }
    Ok(chain)
}

/// `/parked/12`: one message, what stands behind it, and what one can do.
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    ask: Ask,
    number: Result<Path<u64>, PathRejection>,
) -> Result<Markup, Problem> {
    let chain = behind(&shared, &ask.scope, number).await?;
    let Some((first, rest)) = chain.split_first() else {
        return Err(Problem::missing("Nothing is parked there.", "Look at the list of what is parked."));
    };
    let title = format!("Parked {}", first.number);
    let lead = html! {
        (tag(&first.entity)) " " (stage(first))
        @if let Some(id) = first.master_id { ", " (master_link(&ask.scope, id)) }
        @if let Some(version) = first.version { " at version " (version) }
        ", since " (Clock::read().fixed(first.since)) "."
    };
    Ok(Page::new(&shared, &ask.scope, "/parked", &title).with(html! {
        (heading(&title, lead))
        section.panel { p.reason { (why(first)) } }
        section aria-labelledby="do" {
            h2 #do { "What to do" }
            p { "Repair the cause, then let it go on; or give it up, and what stands behind it goes on." }
            ul.commands {
                (command(&format!("passerelle parked retry {}", first.number), "tries it again, and then those behind it"))
                (command(&format!("passerelle parked discard {}", first.number), "gives it up; those behind it go on"))
            }
        }
        @if !rest.is_empty() {
            section aria-labelledby="behind" { h2 #behind { "Behind it" } (table(&ask.scope, rest)) }
        }
        @if !first.event.is_empty() {
            section aria-labelledby="message" {
                h2 #message { "The message" }
                pre tabindex="0" { (excerpt(&first.event, EVENT_BYTES_MAX)) }
            }
        }
    }))
}
