//! What requests ask for: the tenant, a narrowing, a search.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use store::Filter;

use crate::links::Scope;
use crate::problem::Problem;
use crate::shared::Shared;

/// Characters of a system's name in a query.
pub(crate) const NAME_CHARS_MAX: usize = 128;

/// What a request is narrowed to.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// The tenant, checked.
    pub(crate) scope: Scope,
    /// Only this system; empty for all.
    pub(crate) system: String,
    /// Only this kind of document; empty for all.
    pub(crate) entity: String,
    /// Only what belongs to this customer; empty for all.
    pub(crate) customer: String,
    /// Only rows after the one with this number, in the order of the listing.
    pub(crate) after: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Raw {
    tenant: Option<String>,
    system: String,
    entity: String,
    customer: String,
    after: Option<u64>,
}

/// What was typed into the search box.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Search {
    /// The text.
    pub(crate) q: String,
}

impl Search {
    /// The text without blanks around it, if it is not too long; empty when nothing was typed.
    pub(crate) fn text(&self, chars_max: usize) -> Result<&str, Problem> {
        let text = self.q.trim();
        if text.chars().count() > chars_max {
            return Err(Problem::unclear(
                format!("A search has at most {chars_max} characters."),
                "Search for one thing: an invoice number, a customer's name or key, a file name, a message id.",
            ));
        }
        Ok(text)
    }
}

impl Ask {
    /// The filter for the store.
    pub(crate) fn filter(&self, count_max: usize) -> Result<Filter, Problem> {
        let entity = match self.entity.as_str() {
            "" => None,
            name => Some(name.parse().map_err(|_| {
                Problem::unclear("There is no such kind of document.", "Use customer, invoice, payment or allocation.")
            })?),
        };
        let customer = match self.customer.as_str() {
            "" => None,
            id => {
                Some(id.parse().map_err(|_| Problem::unclear("That is no master id.", "Master ids look like m1042."))?)
            }
        };
        let system = (!self.system.is_empty()).then(|| self.system.clone());
        Ok(Filter { system, entity, customer, after: self.after, ..self.scope.filter(count_max) })
    }
}

impl FromRequestParts<Arc<Shared>> for Ask {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let Query(raw) = Query::<Raw>::try_from_uri(&parts.uri).map_err(|_| {
            Problem::unclear("The address has a part that cannot be read.", "Go back to the flow and follow a link.")
        })?;
        let view = shared.view(raw.tenant.as_deref()).ok_or_else(|| {
            Problem::missing(
                "No system of this hub belongs to that tenant.",
                "Choose one of the tenants at the top of the page.",
            )
        })?;
        if [&raw.system, &raw.entity, &raw.customer].iter().any(|name| name.len() > NAME_CHARS_MAX) {
            return Err(Problem::unclear("That name is too long.", "Choose a system from the list."));
        }
        let Raw { system, entity, customer, after, .. } = raw;
        Ok(Ask { scope: view.scope.clone(), system, entity, customer, after })
    }
}
