//! Where a master is: who knows it under which key, how far each has got, and who has not got it.

use std::sync::Arc;

use maud::{Markup, html};
use store::{CrosswalkRow, Filter, LocalKey, MasterStory, ParkedStage, ParkedStatus, SourceRow};

use crate::links::Scope;
use crate::pages::parked::why;
use crate::problem::Problem;
use crate::shared::Shared;
use crate::text::Clock;

/// What stands between a master and its subscribers.
pub(super) struct Missing {
    /// Systems that are fed this kind of document and have no key of this one.
    systems: Vec<Arc<str>>,
    /// What of it is parked before a system.
    parked: Vec<ParkedStatus>,
}

impl Missing {
    /// Asks the configuration who should have it, and the store what is parked of it.
    pub(super) async fn load(shared: &Shared, scope: &Scope, story: &MasterStory) -> Result<Self, Problem> {
        let master = &story.master;
        let filter = Filter { entity: Some(master.entity.clone()), ..scope.filter(shared.console.limits.rows_max) };
        let mut parked = shared.console.store.parked(&filter).await?;
        parked.retain(|parked| parked.stage == ParkedStage::Delivery && parked.master_id == Some(master.master_id));
        let keys = || story.crosswalk.iter().map(|row| &row.local).chain(story.sources.iter().map(|row| &row.local));
        let fed = shared.console.systems.iter().filter(|system| {
            let subscribed = |fed: &crate::SubscriptionView| {
                fed.entity == master.entity && scope.tenant.as_ref() == Some(&fed.tenant)
            };
            system.subscriptions.iter().any(subscribed) && !keys().any(|local| local.system == system.name)
        });
        Ok(Missing { systems: fed.map(|system| Arc::clone(&system.name)).collect(), parked })
    }

    fn parked_at(&self, system: &str) -> impl Iterator<Item = &ParkedStatus> {
        self.parked.iter().filter(move |parked| *parked.system == *system)
    }
}

/// One row for each record of a system, and one for each subscriber without one.
pub(super) fn table(scope: &Scope, story: &MasterStory, missing: &Missing, clock: &Clock) -> Markup {
    let delivered_only =
        story.crosswalk.iter().filter(|row| !story.sources.iter().any(|source| source.local == row.local));
    html! {
        div.table role="group" aria-labelledby="systems" tabindex="0" { table {
            thead { tr { th { "System" } th { "Its key" } th { "Shows it" } th { "Holds" } } }
            tbody {
                // What stewards decided is compared with the values, and held by nobody.
                @for source in story.sources.iter().filter(|source| *source.local.system != *master::STEWARD) {
                    @let row = story.crosswalk.iter().find(|row| row.local == source.local);
                    (holder(scope, &source.local, &shows(source, clock), &holds(story, row), missing))
                }
                @for row in delivered_only {
                    @let delivered = html! { span.quiet { "has not shown it; it was delivered" } };
                    (holder(scope, &row.local, &delivered, &holds(story, Some(row)), missing))
                }
                @for system in &missing.systems {
                    tr {
                        td { b { (system) } }
                        td {}
                        td.wide { span.quiet { "subscribed, and has not got it" } (blocked(scope, missing, system)) }
                        td { @if missing.parked_at(system).next().is_none() { span.quiet { "on its way, or kept back by a filter" } } }
                    }
                }
            }
        } }
    }
}

fn holder(scope: &Scope, local: &LocalKey, shows: &Markup, holds: &Markup, missing: &Missing) -> Markup {
    html! {
        tr {
            td { b { (local.system) } }
            td { code { (local.key) } }
            td.wide { (shows) (blocked(scope, missing, &local.system)) }
            td { (holds) }
        }
    }
}

/// What is parked of it before a system, and why.
fn blocked(scope: &Scope, missing: &Missing, system: &str) -> Markup {
    html! {
        @for parked in missing.parked_at(system) {
            span.about { a.bad href=(scope.parked(parked.number)) { "parked" } ": " (why(parked)) }
        }
    }
}

fn shows(source: &SourceRow, clock: &Clock) -> Markup {
    html! {
        "stream " (source.stream) ", last new " (clock.moment(source.observed_at))
        @if source.removed { " " span.state.gone { "no longer shown" } }
    }
}

/// How far a system has got.
fn holds(story: &MasterStory, row: Option<&CrosswalkRow>) -> Markup {
    let current = story.master.version;
    html! {
        @match row {
            None => span.quiet { "not linked" },
            Some(row) if row.removed => span.state.gone { "nothing any more" },
            Some(row) if row.version == 0 || row.holds.is_none() => span.quiet { "what it shows" },
            Some(row) if row.version >= current => span.state.good { "version " (row.version) ", the current one" },
            // A change outside the fields that its mapping writes is not delivered, so an older version may be all right.
            Some(row) => span.state.busy { "version " (row.version) " of " (current) },
        }
    }
}
