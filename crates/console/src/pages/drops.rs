//! Pick-ups: what each one had, and what became of it.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use maud::{Markup, html};
use store::{DropEnd, DropStatus, Export, Filter, Hit, JournalEntry, RejectStatus};

use super::{Page, heading, master_link, more, narrowing, nothing, rejects, tag};
use crate::accounting::{bar, check, equation};
use crate::links::Scope;
use crate::pages::story::sentence;
use crate::problem::Problem;
use crate::query::Ask;
use crate::shared::Shared;
use crate::text::{Clock, number};

/// `/drops`: the newest of a tenant.
pub(crate) async fn list(State(shared): State<Arc<Shared>>, ask: Ask) -> Result<Markup, Problem> {
    let rows_max = shared.console.limits.rows_max;
    let drops = shared.console.store.drops(&ask.filter(rows_max)?).await?;
    let lead = html! { "Every pick-up of every stream, newest first, with its accounting." };
    Ok(Page::new(&shared, &ask.scope, "/drops", "Drops").with(html! {
        (heading("Drops", lead))
        (narrowing(&shared, &ask, "/drops", false))
        @if drops.is_empty() { (nothing("Nothing was picked up yet.")) } @else { (table(&ask.scope, &drops, &Clock::read())) }
        (more(&ask, "/drops", drops.len(), rows_max, drops.last().map(|drop| drop.number)))
    }))
}

/// A table of drops; also on the flow page.
pub(crate) fn table(scope: &Scope, drops: &[DropStatus], clock: &Clock) -> Markup {
    html! {
        div.table { table {
            thead { tr { th { "Drop" } th { "Name" } th { "Stream" } th { "Begun" } th { "Ended" } th { "Accounting" } } }
            tbody {
                @for drop in drops {
                    tr {
                        td.number { a href=(scope.drop(drop.number)) { (drop.number) } }
                        td.wide { a href=(scope.drop(drop.number)) { (drop.name) } }
                        td { (drop.stream.system) " · " (drop.stream.stream) }
                        td { (clock.moment(drop.begun_at)) }
                        td { (end(scope, drop)) }
                        td.sum { (equation(&drop.outcomes)) }
                    }
                }
            }
        } }
    }
}

/// How a drop ended.
fn end(scope: &Scope, drop: &DropStatus) -> Markup {
    html! {
        @match (drop.end, drop.duplicate_of) {
            (None, _) => span.state.busy { "open" },
            (Some(DropEnd::Accepted), _) => span.state.good { "accepted" },
            (Some(DropEnd::Refused), _) => span.state.bad { "refused" },
            (Some(DropEnd::Duplicate), Some(first)) => span.state { "repeats " a href=(scope.drop(first)) { (first) } },
            (Some(DropEnd::Duplicate), None) => span.state { "repetition" },
        }
    }
}

/// One drop of this tenant.
pub(crate) async fn one_drop(
    shared: &Shared,
    scope: &Scope,
    number: Result<Path<u64>, PathRejection>,
) -> Result<DropStatus, Problem> {
    let Path(number) = number
        .map_err(|_| Problem::unclear("That is no drop number.", "Drop numbers are whole numbers, such as 42."))?;
    let hits = shared.console.store.find(scope.tenant(), &number.to_string()).await?;
    let drop = hits.into_iter().find_map(|hit| match hit {
        Hit::Drop(drop) if drop.number == number => Some(drop),
        _ => None,
    });
    drop.ok_or_else(|| {
        Problem::missing(
            format!("There is no drop {number}."),
            "Look through the list of drops, or search for the file's name.",
        )
    })
}

/// The rejects of a drop, among the newest of its system.
pub(crate) async fn drop_rejects(
    shared: &Shared,
    scope: &Scope,
    drop: &DropStatus,
) -> Result<Vec<RejectStatus>, Problem> {
    let filter =
        Filter { system: Some(drop.stream.system.to_string()), ..scope.filter(shared.console.limits.rows_max) };
    let mut rejects = shared.console.store.rejects(&filter).await?;
    rejects.retain(|reject| reject.drop == drop.number);
    Ok(rejects)
}

/// `/drops/42`: one drop with its accounting, its rejects and what its records did.
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    ask: Ask,
    number: Result<Path<u64>, PathRejection>,
) -> Result<Markup, Problem> {
    let drop = one_drop(&shared, &ask.scope, number).await?;
    let rejects = drop_rejects(&shared, &ask.scope, &drop).await?;
    let rows_max = shared.console.limits.rows_max;
    let journal = shared.console.store.drop_journal(drop.number, &ask.scope.filter(rows_max)).await?;
    let clock = Clock::read();
    let title = format!("Drop {}", drop.number);
    Ok(Page::new(&shared, &ask.scope, "/drops", &title).with(html! {
        (heading(&drop.name, facts(&ask.scope, &drop, &clock)))
        (sum(&drop))
        @if !rejects.is_empty() {
            section aria-labelledby="rejects" {
                h2 #rejects { "Rejects" }
                (rejects::list_of(&ask.scope, &rejects))
            }
        }
        section aria-labelledby="records" {
            h2 #records { "What its records did" }
            @if journal.is_empty() { p.quiet { "Nothing that changed anything." } }
            @else { (journal_table(&ask.scope, &journal, &clock)) }
            @if journal.len() >= rows_max { p.more { "Only the first " (rows_max) " are shown. Search for a key to see its story." } }
        }
    }))
}

fn facts(scope: &Scope, drop: &DropStatus, clock: &Clock) -> Markup {
    html! {
        "Drop " (drop.number) " of " b { (drop.stream.system) " · " (drop.stream.stream) } ", "
        @match drop.export { Export::Full => "a full export", Export::Delta => "a delta" }
        ", begun " (clock.fixed(drop.begun_at))
        @if let Some(at) = drop.ended_at { ", ended " (clock.fixed(at)) }
        ": " (end(scope, drop)) "."
    }
}

/// The accounting of one drop.
fn sum(drop: &DropStatus) -> Markup {
    html! {
        section.panel aria-label="Accounting" {
            (bar(&drop.outcomes))
            p { (equation(&drop.outcomes)) }
            p.quiet {
                (number(drop.outcomes.rows)) " rows or elements make " (number(drop.outcomes.read)) " records. "
                @if drop.outcomes.in_flight == 0 { "Nothing of it is on its way any more. " }
                @else { (number(drop.outcomes.in_flight)) " of them are on their way: " (check(&drop.outcomes)) }
            }
        }
    }
}

fn journal_table(scope: &Scope, journal: &[JournalEntry], clock: &Clock) -> Markup {
    html! {
        div.table { table {
            thead { tr { th { "When" } th { "Kind" } th { "Key" } th { "Line" } th { "What happened" } th { "Master" } } }
            tbody {
                @for entry in journal {
                    tr {
                        td { (clock.fixed(entry.at)) }
                        td { (tag(&entry.entity)) }
                        td { @if let Some(key) = &entry.key { code { (key) } } }
                        td.number { @if let Some(line) = entry.line { (line) } }
                        td.wide { (sentence(entry)) }
                        td { @if let Some(id) = entry.master_id { (master_link(scope, id)) } }
                    }
                }
            }
        } }
    }
}
