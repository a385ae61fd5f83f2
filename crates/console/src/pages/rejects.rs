//! Records that could not be used, with their bytes.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};
use store::RejectStatus;

use super::{Page, heading, more, narrowing, nothing};
use crate::links::Scope;
use crate::problem::Problem;
use crate::query::Ask;
use crate::shared::Shared;
use crate::text::excerpt;

/// Bytes of a reject that are shown.
const RAW_BYTES_MAX: usize = 2048;

/// `/rejects`: the newest of a tenant.
pub(crate) async fn list(State(shared): State<Arc<Shared>>, ask: Ask) -> Result<Markup, Problem> {
    let rows_max = shared.console.limits.rows_max;
    let rejects = shared.console.store.rejects(&ask.filter(rows_max)?).await?;
    let lead = html! {
        "Records that could not be read or mapped. Repair them at their source or in the mapping; the next drop brings them again."
    };
    Ok(Page::new(&shared, &ask.scope, "/rejects", "Rejects").with(html! {
        (heading("Rejects", lead))
        (narrowing(&shared, &ask, "/rejects", false))
        @if rejects.is_empty() { (nothing("Nothing was rejected.")) } @else { (list_of(&ask.scope, &rejects)) }
        (more(&ask, "/rejects", rejects.len(), rows_max, rejects.last().map(|reject| reject.number)))
    }))
}

/// Rejects with place, reason and bytes; also on a drop's page.
pub(crate) fn list_of(scope: &Scope, rejects: &[RejectStatus]) -> Markup {
    html! {
        ol.cases {
            @for reject in rejects {
                li id={ "reject-" (reject.number) } {
                    p.case {
                        code.code { (reject.code) }
                        @if let Some(key) = &reject.key { " " b { (key) } }
                        span.about { (place(reject)) " · " (reject.stream.system) " · " (reject.stream.stream)
                            " · " a href=(scope.drop(reject.drop)) { "drop " (reject.drop) } }
                    }
                    p.reason { (reject.reason) }
                    @if !reject.raw.is_empty() {
                        details { summary { "As it came" } pre tabindex="0" { (excerpt(&reject.raw, RAW_BYTES_MAX)) } }
                    }
                }
            }
        }
    }
}

/// Where a reject was found.
pub(crate) fn place(reject: &RejectStatus) -> String {
    match (&reject.file, reject.line) {
        (Some(file), Some(line)) => format!("{file}, line {line}"),
        (Some(file), None) => file.clone(),
        (None, Some(line)) => format!("line {line}"),
        (None, None) => format!("reject {}", reject.number),
    }
}
