//! Customers and other documents.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};
use store::MasterSummary;

use super::{Page, heading, master_link, more, narrowing, search, state, tag};
use crate::document::{subtitle, title};
use crate::links::Scope;
use crate::problem::Problem;
use crate::query::Ask;
use crate::shared::Shared;
use crate::story::parsed;
use crate::text::cut;

/// `/masters`: all of a tenant, by id.
pub(crate) async fn list(State(shared): State<Arc<Shared>>, ask: Ask) -> Result<Markup, Problem> {
    let rows_max = shared.console.limits.rows_max;
    let masters = shared.console.store.masters(&ask.filter(rows_max)?).await?;
    // The id is `m` and the number that the listing goes on after.
    let last = masters.last().and_then(|master| master.master_id.to_string().strip_prefix('m')?.parse().ok());
    let lead = html! { "One entry for each customer, and the current version of every other document." };
    Ok(Page::new(&shared, &ask.scope, "/masters", "Masters").with(html! {
        (heading("Masters", lead))
        (narrowing(&shared, &ask, "/masters", true))
        @if masters.is_empty() { (search::none_found()) } @else { (table(&ask.scope, &masters)) }
        (more(&ask, "/masters", masters.len(), rows_max, last))
    }))
}

fn table(scope: &Scope, masters: &[MasterSummary]) -> Markup {
    html! {
        div.table { table {
            thead { tr { th { "Id" } th { "Kind" } th { "Name or number" } th { "Version" } th { "Known to" } } }
            tbody {
                @for master in masters {
                    @let document = parsed(master.document.get());
                    tr {
                        td { (master_link(scope, master.master_id)) }
                        td { (tag(&master.entity)) }
                        td.wide {
                            (cut(&title(&master.entity, &document).unwrap_or_default(), 120)) " " (state(master.state))
                            @if let Some(about) = subtitle(&master.entity, &document) { span.about { (cut(&about, 120)) } }
                        }
                        td.number { (master.version) }
                        td { @for (system, key) in &master.systems { span.pair { (system) " " code { (key) } } " " } }
                    }
                }
            }
        } }
    }
}
