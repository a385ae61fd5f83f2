//! The flow: sources on the left, the master in the middle, subscribers on the right, and what needs somebody.

mod needs;
mod ports;
mod wires;
mod workers;

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};
use store::StoreError;

use super::{Page, drops};
use crate::events::Fragment;
use crate::flow::Flow;
use crate::links::Scope;
use crate::problem::Problem;
use crate::query::Ask;
use crate::rates::STEPS;
use crate::shared::Shared;
use crate::text::{Clock, counted, number};

/// `/`.
pub(crate) async fn show(State(shared): State<Arc<Shared>>, ask: Ask) -> Result<Markup, Problem> {
    let view = shared.view(ask.scope.tenant()).ok_or_else(|| Problem::busy("The console is being set up."))?;
    let flow = shared.flow(view).await?;
    let clock = Clock::at(flow.at);
    let scope = &ask.scope;
    let events = scope.page("/events");
    Ok(Page::new(&shared, scope, "/", "Flow").with(html! {
        h1.spoken { "Flow" }
        (notice(None))
        (bus(&flow))
        div.flow data-events=(events) {
            (attention(&flow, scope, &clock))
            div.map {
                h2.sources-title { "Sources" }
                div.side.sources { (ports::sources(&flow, scope, &clock)) }
                (wires::into_master(&flow))
                h2.master-title { "Customer master" }
                (master(&flow, scope, &clock))
                (wires::out_of_master(&flow))
                h2.targets-title { "Subscribers" }
                div.side.targets { (ports::targets(&flow, scope, &clock)) }
            }
            (needs::section(&flow, scope, &clock))
            (recent(&flow, scope, &clock))
            (workers::section(&flow))
        }
    }))
}

/// Every part of the page that can change, as it is now.
pub(crate) fn fragments(flow: &Flow, scope: &Scope, clock: &Clock) -> Vec<Fragment> {
    let fragment = |id: String, markup: Markup| Fragment { id, html: markup.into_string() };
    let sources = flow.sources.iter().enumerate();
    let targets = flow.targets.iter().enumerate();
    [
        ("notice", notice(None)),
        ("bus", bus(flow)),
        ("attention", attention(flow, scope, clock)),
        ("wires-in", wires::into_master(flow)),
        ("master", master(flow, scope, clock)),
        ("wires-out", wires::out_of_master(flow)),
        ("needs", needs::section(flow, scope, clock)),
        ("recent", recent(flow, scope, clock)),
        ("workers", workers::section(flow)),
    ]
    .into_iter()
    .map(|(id, markup)| fragment(id.to_owned(), markup))
    .chain(sources.map(|(index, source)| fragment(ports::source_id(index), ports::source(index, source, scope, clock))))
    .chain(targets.map(|(index, target)| fragment(ports::target_id(index), ports::target(index, target, scope, clock))))
    .collect()
}

/// The notice while the store does not answer.
pub(crate) fn failed(error: &StoreError) -> Fragment {
    Fragment { id: "notice".to_owned(), html: notice(Some(error)).into_string() }
}

fn notice(error: Option<&StoreError>) -> Markup {
    html! {
        div #notice role="status" {
            @if let Some(error) = error { p.notice { "What you see is not up to date: " (error) "." } }
        }
    }
}

/// What is said while the bus takes no messages.
fn bus(flow: &Flow) -> Markup {
    html! {
        div #bus role="status" {
            @if let Some(reason) = &flow.bus_blocked {
                p.notice { "The bus takes no messages now: " (reason) ". Reading waits and goes on by itself; nothing is lost." }
            }
        }
    }
}

/// One figure of the strip at the top.
struct Figure {
    name: &'static str,
    value: Markup,
    says: &'static str,
    link: Option<String>,
    /// `calm`, `held` or `bad`.
    mood: &'static str,
}

/// The figures that tell in a second whether somebody is needed.
fn attention(flow: &Flow, scope: &Scope, clock: &Clock) -> Markup {
    let counts = &flow.counts;
    let mood = |count: u64, mood| if count == 0 { "calm" } else { mood };
    let figure = |name, count: u64, says, path, loud| Figure {
        name,
        value: html! { (number(count)) },
        says,
        link: Some(scope.page(path)),
        mood: mood(count, loud),
    };
    let oldest = flow.oldest_undelivered;
    let holds = flow.adds_up();
    let figures = [
        Figure {
            name: "Oldest undelivered",
            value: html! { @match oldest { Some(since) => (clock.age(since)), None => "none" } },
            says: "the change that has been on its way for longest",
            link: None,
            mood: if oldest.is_some() { "held" } else { "calm" },
        },
        Figure {
            name: "Accounting",
            value: html! { @if holds { "adds up" } @else { "does not add up" } },
            says: "every record read has exactly one outcome",
            link: Some(scope.page("/drops")),
            mood: if holds { "good" } else { "bad" },
        },
        figure("Parked", counts.parked, "set aside until somebody acts", "/parked", "bad"),
        figure("Waiting", counts.waiting, "their customer is not known yet", "/waiting", "held"),
        figure("Rejected", counts.rejects, "could not be read or mapped", "/rejects", "bad"),
        figure("Tasks", counts.tasks, "questions for a person", "/tasks", "held"),
    ];
    html! {
        ul #attention .attention aria-label="At a glance" {
            @for figure in &figures {
                li.(figure.mood) title=(figure.says) {
                    span.name { (figure.name) }
                    span.value {
                        @match &figure.link {
                            Some(link) => a href=(link) { span.spoken { (figure.name) ": " } (figure.value) },
                            None => (figure.value),
                        }
                    }
                }
            }
        }
    }
}

/// The middle of the map.
fn master(flow: &Flow, scope: &Scope, clock: &Clock) -> Markup {
    let counts = &flow.counts;
    html! {
        article #master .master.moving[flow.moving] {
            dl {
                div { dt { "Customers" } dd { a href=(scope.page_with("/masters", &[("entity", "customer")])) { (number(counts.customers)) } } }
                div { dt { "Documents" } dd { a href=(scope.page("/masters")) { (number(counts.documents)) } } }
            }
            (course(&flow.course))
            p.rate { b { (number(flow.changes_per_minute)) } span.quiet { " changes / min" } }
            p.outbox {
                @match counts.outbox_oldest {
                    Some(since) if counts.outbox > 0 => {
                        span { b { (number(counts.outbox)) } " not on the bus yet" }
                        span { "oldest " (clock.age(since)) }
                    }
                    _ => span.quiet { "Everything is on the bus." },
                }
                @if counts.attempts > 0 { span { (counted(counts.attempts, "call")) " under way" } }
            }
        }
    }
}

/// Changes per ten seconds of the last five minutes, as bars.
fn course(steps: &[i64]) -> Markup {
    const HEIGHT: i64 = 28;
    let top = steps.iter().copied().max().unwrap_or_default().max(1);
    html! {
        svg.course viewBox={ "0 0 " (STEPS * 4) " " (HEIGHT) } preserveAspectRatio="none" role="img"
            aria-label="Changes in the last five minutes" {
            @for (index, rise) in steps.iter().enumerate() {
                @let height = if *rise == 0 { 1 } else { (rise.saturating_mul(HEIGHT) / top).max(3) };
                rect.zero[*rise == 0] x=(index * 4) y=(HEIGHT - height) width="3" height=(height) {}
            }
        }
    }
}

/// The newest drops.
fn recent(flow: &Flow, scope: &Scope, clock: &Clock) -> Markup {
    html! {
        section #recent aria-labelledby="recent-title" {
            h2 #recent-title { "Last drops" }
            @if flow.drops.is_empty() { p.quiet { "Nothing was picked up yet." } }
            @else { (drops::table(scope, &flow.drops, clock)) p.more { a href=(scope.page("/drops")) { "All drops" } } }
        }
    }
}
