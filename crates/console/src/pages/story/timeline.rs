//! What happened, from the file's line to the last acknowledgement.

use std::collections::HashMap;

use maud::{Markup, html};
use store::{DropNumber, JournalEntry, JournalKind};

use crate::links::Scope;
use crate::text::Clock;

/// The names of drops, as far as they are known.
pub(super) type DropNames = HashMap<DropNumber, String>;

/// Journal entries that the store gives at most.
const ENTRIES_MAX: usize = 500;

/// The journal as a list, oldest first.
pub(super) fn list(scope: &Scope, journal: &[JournalEntry], names: &DropNames, clock: &Clock) -> Markup {
    if journal.is_empty() {
        return html! { p.quiet { "The journal of it was purged by the retention that is configured." } };
    }
    html! {
        @if journal.len() >= ENTRIES_MAX { p.more { "The newest " (ENTRIES_MAX) " entries." } }
        ol.timeline {
            @for entry in journal {
                li.(weight(entry.kind)) {
                    span.when { (clock.fixed(entry.at)) }
                    div.what {
                        p { (sentence(entry)) }
                        p.about { (origin(scope, entry, names)) }
                    }
                }
            }
        }
    }
}

/// The style class by which one finds the entry one looks for.
fn weight(kind: JournalKind) -> &'static str {
    match kind {
        JournalKind::Created | JournalKind::Updated | JournalKind::Linked | JournalKind::Released => "in",
        JournalKind::Moved | JournalKind::Merged | JournalKind::Split | JournalKind::Overridden => "in",
        JournalKind::Delivered | JournalKind::LookedUp => "out",
        JournalKind::Waiting | JournalKind::Parked => "held",
        JournalKind::Refused | JournalKind::Discarded | JournalKind::Removed => "bad",
        JournalKind::Confirmed | JournalKind::Retried => "minor",
    }
}

/// One entry in words.
pub(crate) fn sentence(entry: &JournalEntry) -> Markup {
    let system = html! { b { (entry.system) } };
    let version = html! { @if let Some(version) = entry.version { "version " b { (version) } } @else { "a version" } };
    html! {
        @match entry.kind {
            JournalKind::Created => { (system) " showed it for the first time: a new master, " (version) },
            JournalKind::Linked => { (system) " shows it too: linked by an identifier" },
            JournalKind::Updated => { (system) " changed it: " (version) },
            JournalKind::Confirmed => { (system) " changed its own record; the master stayed as it was" },
            JournalKind::Removed => { (system) " no longer shows it" },
            JournalKind::Waiting => { "waits for its customer, which no system has shown yet" },
            JournalKind::Released => { "its customer came; it goes on" },
            JournalKind::Parked => { "parked at " (system) },
            JournalKind::Retried => { "tried again on demand" },
            JournalKind::Discarded => { "given up on demand" },
            JournalKind::Delivered => { (system) " took " (version) },
            JournalKind::Refused => { (system) " refused " (version) },
            JournalKind::LookedUp => { "looked up at " (system) ", because the outcome of a call was not known" },
            JournalKind::Moved => { "a record of " (system) " moved here from another master" },
            JournalKind::Merged => { "became one with another master: " (version) },
            JournalKind::Split => { "is a master of its own again: " (version) },
            JournalKind::Overridden => { "a " (system) " decided a value: " (version) },
        }
    }
}

/// Where an entry comes from: file, line, drop, the system's key, the batch.
fn origin(scope: &Scope, entry: &JournalEntry, names: &DropNames) -> Markup {
    let found = entry.position.map(|position| {
        html! {
            a href=(scope.drop(position.drop)) {
                @match names.get(&position.drop) {
                    Some(name) => (name),
                    None => { "drop " (position.drop) }
                }
            }
            @match entry.line {
                Some(line) => { ", line " (line) }
                None => { ", record " (position.ordinal.saturating_add(1)) }
            }
        }
    });
    let key = entry.key.as_ref().map(|key| html! { "key " code { (key) } });
    let detail = entry.detail.as_ref().map(|detail| html! { (detail) });
    html! {
        @for (index, part) in [found, key, detail].into_iter().flatten().enumerate() {
            @if index > 0 { " · " }
            (part)
        }
    }
}
