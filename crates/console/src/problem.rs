//! What went wrong, as a page or as JSON, always with what to do.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::StoreError;

use crate::pages;

/// A request that is not answered as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    title: String,
    remedy: String,
}

/// The same as JSON: problem details (RFC 9457) without a type of their own, and with what to do.
#[derive(Serialize)]
struct Body<'a> {
    title: &'a str,
    status: u16,
    /// The title again, for programs that were written before there was one.
    error: &'a str,
    remedy: &'a str,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, title: impl Into<String>, remedy: impl Into<String>) -> Self {
        Problem { status, title: title.into(), remedy: remedy.into() }
    }

    /// Something that is not there.
    pub(crate) fn missing(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, what, remedy)
    }

    /// Something that was asked for in a way that cannot be understood.
    pub(crate) fn unclear(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, what, remedy)
    }

    /// More than this console answers at once.
    pub(crate) fn busy(what: impl Into<String>) -> Self {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            what,
            "Wait a moment and load the page again; close pages of the console that nobody looks at.",
        )
    }

    /// The problem as JSON, for programs.
    pub(crate) fn json(&self) -> Response {
        let Problem { status, title, remedy } = self;
        let body = Json(Body { title, status: status.as_u16(), error: title, remedy });
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        self.finish((*status, kind, body).into_response())
    }

    fn finish(&self, mut response: Response) -> Response {
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let page = pages::problem::page(self.status, &self.title, &self.remedy);
        self.finish((self.status, page).into_response())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        // The store's own words name the place and what to do; they hold no value of a document.
        tracing::warn!(%error, "the console could not read the store");
        let (status, remedy) = match &error {
            StoreError::Unreachable(_) | StoreError::Conflict(_) | StoreError::Fenced(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Nothing is lost. Load the page again in a moment; if it stays, look at the hub's log and at the disk.",
            ),
            StoreError::Internal(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "This is a bug. The hub goes on; please report the sentence above with the version at the foot of the page.",
            ),
            _ => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The hub's log says the same with its time; follow the sentence above.",
            ),
        };
        Problem::new(status, error.to_string(), remedy)
    }
}
