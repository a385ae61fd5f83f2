//! What went wrong, and what to do.

use axum::http::StatusCode;
use maud::{Markup, html};

use super::Page;
use crate::links::Scope;

/// A page for a problem. It asks nothing of the store, which may be the problem.
pub(crate) fn page(status: StatusCode, title: &str, remedy: &str) -> Markup {
    let scope = Scope::new(None, false);
    let page = Page { title, place: "", scope: &scope, version: env!("CARGO_PKG_VERSION"), scopes: Vec::new() };
    page.with(html! {
        section.problem {
            p.status { (status.as_u16()) }
            h1 { (title) }
            p.lead { (remedy) }
            p { a href="/" { "Back to the flow" } }
        }
    })
}
