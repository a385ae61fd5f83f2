//! The invoices, payments and other documents of a customer.

use canonical::Entity;
use maud::{Markup, html};
use store::MasterStory;

use crate::links::Scope;
use crate::pages::{master_link, state, tag};
use crate::story::StoryDocument;
use crate::text::cut;

/// Documents that the story shows; the listing of masters goes on.
pub(super) const SHOWN_MAX: usize = 50;

/// The documents of a customer, each with a link to its own story; nothing for any other master.
pub(super) fn section(scope: &Scope, story: &MasterStory, documents: &[StoryDocument], shown_max: usize) -> Markup {
    if story.master.entity != Entity::Customer {
        return html! {};
    }
    html! {
        section aria-labelledby="documents" {
            h2 #documents { "What belongs to it" }
            @if documents.is_empty() {
                p.quiet { "No invoice, payment or other document of this customer is known." }
            } @else {
                (table(scope, documents))
            }
            @if documents.len() >= shown_max {
                @let customer = story.master.master_id.to_string();
                p.more { a href=(scope.page_with("/masters", &[("customer", &customer)])) { "All documents of this customer" } }
            }
        }
    }
}

fn table(scope: &Scope, documents: &[StoryDocument]) -> Markup {
    html! {
        div.table role="group" aria-labelledby="documents" tabindex="0" { table {
            thead { tr { th { "Id" } th { "Kind" } th { "Number" } th { "Version" } } }
            tbody {
                @for document in documents {
                    tr {
                        td { (master_link(scope, &document.master_id)) }
                        td { (tag(&document.entity)) }
                        td.wide {
                            a href=(scope.master(&document.master_id)) {
                                (cut(document.title.as_deref().unwrap_or(&document.master_id), 120))
                            }
                            " " (state(document.state))
                            @if let Some(about) = &document.about { span.about { (cut(about, 120)) } }
                        }
                        td.number { (document.version) }
                    }
                }
            }
        } }
    }
}
