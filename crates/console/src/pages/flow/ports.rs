//! The cards on both sides of the master.

use canonical::Entity;
use maud::{Markup, html};
use store::{Export, TargetState};

use crate::accounting::{bar, equation};
use crate::flow::{Flow, SourceFlow, TargetFlow};
use crate::links::Scope;
use crate::pages::tag;
use crate::text::{Clock, number};

/// The id of the element of a source, by its place on the page.
pub(super) fn source_id(index: usize) -> String {
    format!("source-{index}")
}

/// The id of the element of a target, by its place on the page.
pub(super) fn target_id(index: usize) -> String {
    format!("target-{index}")
}

/// All sources, one card for each system.
pub(super) fn sources(flow: &Flow, scope: &Scope, clock: &Clock) -> Markup {
    let ports: Vec<(usize, &SourceFlow)> = flow.sources.iter().enumerate().collect();
    html! {
        @if flow.sources.is_empty() { p.quiet { "No system is read. Add a stream to one in " code { "systems/" } "." } }
        @for card in ports.chunk_by(|(_, one), (_, next)| one.stream.system == next.stream.system) {
            article.system {
                @if let Some((_, first)) = card.first() { (card_head(&first.stream.system, &first.kind)) }
                @for (index, port) in card { (source(*index, port, scope, clock)) }
            }
        }
    }
}

fn card_head(system: &str, kind: &str) -> Markup {
    html! { header { h3 { (system) } span.kind { (kind) } } }
}

/// One stream.
pub(super) fn source(index: usize, source: &SourceFlow, scope: &Scope, clock: &Clock) -> Markup {
    html! {
        div .port.moving[source.moving].faulty[source.fault.is_some()] id=(source_id(index)) {
            p.first {
                b { (source.stream.stream) } " " (tag(&source.entity))
                @if source.export == Export::Full { " " span.export title="Each drop shows everything that the system has." { "full" } }
                @if source.collecting { " " span.state.busy { "reading" } }
                (rate(source.read_per_minute, "read"))
            }
            @match &source.last_drop {
                Some(drop) => {
                    (bar(&drop.outcomes))
                    p.sum { (equation(&drop.outcomes)) }
                }
                None => p.sum.quiet { "nothing read yet" },
            }
            p.last { (last(source, scope, clock)) }
        }
    }
}

/// The last line of a stream: what is wrong, else when it was read and will be read.
fn last(source: &SourceFlow, scope: &Scope, clock: &Clock) -> Markup {
    html! {
        @if let Some(drop) = &source.last_drop {
            a href=(scope.drop(drop.number)) title=(drop.name) { "drop " (drop.number) }
        }
        @if let Some(fault) = &source.fault {
            span.fault title=(fault) { (fault) }
        } @else {
            @if let Some(at) = source.last_run { span { "read " (clock.moment(at)) } }
            @match source.next_run {
                Some(at) => span title=(source.schedule) { "next " (clock.due(at)) },
                None => span { (source.schedule) },
            }
        }
    }
}

/// All subscribers, one card for each.
pub(super) fn targets(flow: &Flow, scope: &Scope, clock: &Clock) -> Markup {
    html! {
        @if flow.targets.is_empty() { p.quiet { "Nobody is fed. Add a subscription to a system in " code { "systems/" } "." } }
        @for (index, fed) in flow.targets.iter().enumerate() {
            article.system {
                (card_head(&fed.system, &fed.kind))
                (target(index, fed, scope, clock))
            }
        }
    }
}

/// One subscriber.
pub(super) fn target(index: usize, target: &TargetFlow, scope: &Scope, clock: &Clock) -> Markup {
    let state = target.status.as_ref().map_or(TargetState::Up, |status| status.state);
    let parked = scope.page_with("/parked", &[("system", &*target.system)]);
    html! {
        div .port.moving[target.moving].faulty[state != TargetState::Up] id=(target_id(index)) {
            p.first {
                @for entity in &target.entities { (tag(entity)) " " }
                (rate(target.delivered_per_minute, "delivered"))
            }
            p.sum {
                @match &target.status {
                    Some(status) => {
                        b { (number(status.delivered)) } " delivered"
                        @if status.refused > 0 { ", " a.bad href=(parked) { b { (number(status.refused)) } " refused" } }
                        @if let Some(at) = status.last_delivery { ", last " (clock.moment(at)) }
                    }
                    None => span.quiet { "nothing delivered yet" },
                }
            }
            p.sum { (availability(target, state, clock)) (queue(target, state, clock)) }
            @if state != TargetState::Up {
                @if let Some(reason) = target.status.as_ref().and_then(|status| status.reason.as_deref()) {
                    p.last { span.fault title=(reason) { (reason) } }
                }
            }
        }
    }
}

fn queue(target: &TargetFlow, state: TargetState, clock: &Clock) -> Markup {
    html! {
        @match target.queue {
            Some(queue) if queue.changes > 0 => {
                ", " span.held { b { (number(queue.changes)) } " in its queue" }
                // A system that takes nothing has told since when; its oldest change says no more.
                @if let Some(since) = queue.oldest.filter(|_| state == TargetState::Up) { ", oldest " (clock.age(since)) }
            }
            Some(_) => span.quiet { ", nothing in its queue" },
            None => {}
        }
    }
}

/// Whether the system takes deliveries, and since when it does not.
fn availability(target: &TargetFlow, state: TargetState, clock: &Clock) -> Markup {
    let (word, class) = match state {
        TargetState::Up => ("takes deliveries", "good"),
        TargetState::Down => ("does not answer", "bad"),
        TargetState::Halted => ("somebody must act", "bad"),
        TargetState::Paused => ("paused", "held"),
    };
    let since = target.status.as_ref().and_then(|status| status.since).filter(|_| state != TargetState::Up);
    html! {
        span.state.(class) { (word) }
        @if let Some(since) = since { " for " (clock.age(since)) }
    }
}

/// A rate at the end of a card's first line.
fn rate(per_minute: i64, what: &str) -> Markup {
    html! {
        span.rate.zero[per_minute == 0] title={ (what) " in the last minute" } {
            b { (number(per_minute)) } span { " / min" }
        }
    }
}

/// Streams of each system, in the order of the cards; targets have one each.
pub(super) fn streams_by_system(flow: &Flow) -> Vec<usize> {
    flow.sources.chunk_by(|one, next| one.stream.system == next.stream.system).map(<[SourceFlow]>::len).collect()
}

/// The style class of a wire, after what flows in it.
pub(super) fn wire_class(entity: Option<&Entity>) -> &str {
    entity.map_or("many", crate::pages::entity_class)
}
