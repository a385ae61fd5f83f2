//! The pages: what all of them share.

pub(crate) mod drops;
pub(crate) mod flow;
pub(crate) mod masters;
pub(crate) mod parked;
pub(crate) mod problem;
pub(crate) mod rejects;
pub(crate) mod search;
pub(crate) mod story;
pub(crate) mod tasks;
pub(crate) mod waiting;

use std::fmt::Display;

use canonical::{Entity, Operation};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::links::Scope;
use crate::query::Ask;
use crate::shared::Shared;

/// A footbridge: two banks, a deck, an arch.
const MARK: PreEscaped<&str> = PreEscaped(
    r#"<svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false"><path d="M2 12h28M4 26C6 16 26 16 28 26M9 12v8M16 12v6M23 12v8"></path></svg>"#,
);

/// The places of the navigation: path and name.
const PLACES: [(&str, &str); 7] = [
    ("/", "Flow"),
    ("/masters", "Masters"),
    ("/drops", "Drops"),
    ("/parked", "Parked"),
    ("/waiting", "Waiting"),
    ("/rejects", "Rejects"),
    ("/tasks", "Tasks"),
];

/// A whole page.
pub(crate) struct Page<'a> {
    /// What the browser's tab says before the product's name.
    pub(crate) title: &'a str,
    /// The place in the navigation that this page belongs to.
    pub(crate) place: &'a str,
    pub(crate) scope: &'a Scope,
    pub(crate) version: &'a str,
    /// The scopes that one can change to; none or one: no choice is shown.
    pub(crate) scopes: Vec<&'a Scope>,
}

impl<'a> Page<'a> {
    pub(crate) fn new(shared: &'a Shared, scope: &'a Scope, place: &'a str, title: &'a str) -> Self {
        let scopes = shared.views.iter().map(|view| &view.scope).collect();
        Page { title, place, scope, version: shared.console.version, scopes }
    }

    /// The page around its content.
    pub(crate) fn with(&self, content: Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Passerelle" }
                    link rel="icon" type="image/svg+xml" href="/assets/icon.svg";
                    link rel="stylesheet" href="/assets/console.css";
                    script src="/assets/console.js" defer {}
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    (self.top())
                    main #main tabindex="-1" { (content) }
                    footer {
                        span { "Passerelle " (self.version) }
                        span { a href="/metrics" { "Metrics" } " · " a href="/readyz" { "Readiness" } }
                    }
                }
            }
        }
    }

    fn top(&self) -> Markup {
        html! {
            header.top {
                a.brand href=(self.scope.page("/")) { (MARK) "Passerelle" }
                nav aria-label="Places" {
                    ul {
                        @for (path, name) in PLACES {
                            li { a href=(self.scope.page(path)) aria-current=[(path == self.place).then_some("page")] { (name) } }
                        }
                    }
                }
                @if self.scopes.len() > 1 {
                    nav.tenants aria-label="Tenants" {
                        ul {
                            @for scope in &self.scopes {
                                @let current = (*scope == self.scope).then_some("true");
                                li { a href=(scope.page("/")) aria-current=[current] { (scope.tenant().unwrap_or_default()) } }
                            }
                        }
                    }
                }
                (search_form(self.scope))
            }
        }
    }
}

/// The search box. It posts, so that a name that was typed lands in no address, history or log.
fn search_form(scope: &Scope) -> Markup {
    html! {
        form.search role="search" method="post" action=(scope.page("/search")) {
            label.spoken for="q" { "Search for an invoice number, a customer, a file or a message id" }
            span.field {
                input #q type="search" name="q" maxlength="200" autocomplete="off" spellcheck="false"
                    placeholder="Invoice, customer, file, message id";
                kbd aria-hidden="true" { "/" }
            }
            button type="submit" { "Search" }
        }
    }
}

/// A page's heading with a line below it.
fn heading(title: &str, lead: Markup) -> Markup {
    html! { header.heading { h1 { (title) } p.lead { (lead) } } }
}

/// A kind of document.
fn tag(entity: &Entity) -> Markup {
    html! { span.tag.(entity_class(entity)) { (entity) } }
}

/// The style class of a kind of document; user-declared ones share one.
fn entity_class(entity: &Entity) -> &str {
    match entity {
        Entity::Declared(_) => "declared",
        known => known.name(),
    }
}

/// A master by its id, and what it is called.
fn master_link(scope: &Scope, master_id: impl Display) -> Markup {
    html! { a.id href=(scope.master(&master_id)) { (master_id) } }
}

/// Whether a master is there.
fn state(operation: Operation) -> Markup {
    html! {
        @match operation {
            Operation::Upsert => {}
            Operation::Remove => { span.state.gone { "removed" } }
            Operation::Redirect => { span.state.gone { "redirected" } }
        }
    }
}

/// What a listing says when it has nothing.
fn nothing(sentence: &str) -> Markup {
    html! { p.nothing { span.sign aria-hidden="true" { "✓" } (sentence) } }
}

/// The choice of a system above a listing.
fn narrowing(shared: &Shared, ask: &Ask, path: &str, entities: bool) -> Markup {
    let systems = shared.console.systems.iter().filter(|system| {
        let fed = system.subscriptions.iter().any(|fed| Some(&*fed.tenant) == ask.scope.tenant());
        fed || Some(&*system.tenant) == ask.scope.tenant()
    });
    let choice = |system: &str, entity: &str| ask.scope.page_with(path, &[("system", system), ("entity", entity)]);
    html! {
        nav.narrowing aria-label="Narrow the list" {
            ul {
                li { a href=(choice("", &ask.entity)) aria-current=[ask.system.is_empty().then_some("true")] { "All systems" } }
                @for system in systems {
                    @let current = (*system.name == *ask.system).then_some("true");
                    li { a href=(choice(&system.name, &ask.entity)) aria-current=[current] { (system.name) } }
                }
            }
            @if entities {
                ul {
                    li { a href=(choice(&ask.system, "")) aria-current=[ask.entity.is_empty().then_some("true")] { "All kinds" } }
                    @for entity in Entity::CANONICAL {
                        @let current = (entity.name() == ask.entity).then_some("true");
                        li { a href=(choice(&ask.system, entity.name())) aria-current=[current] { (entity) "s" } }
                    }
                }
            }
        }
    }
}

/// The link to the rows after these, when the listing was full.
fn more(ask: &Ask, path: &str, rows: usize, rows_max: usize, last: Option<u64>) -> Markup {
    let Some(last) = last.filter(|_| rows >= rows_max) else { return html! {} };
    let last = last.to_string();
    let query = [
        ("system", ask.system.as_str()),
        ("entity", ask.entity.as_str()),
        ("customer", ask.customer.as_str()),
        ("after", last.as_str()),
    ];
    html! { p.more { a href=(ask.scope.page_with(path, &query)) { "Next rows" } } }
}

/// A command to type, with what it does.
fn command(text: &str, does: &str) -> Markup {
    html! { li { code { (text) } span { (does) } } }
}
