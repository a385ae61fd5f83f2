//! What supervisors ask: does the process live, does it do its work, how much.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::inputs::Readiness;
use crate::shared::Shared;

/// `/healthz`: the process lives and answers. It asks nothing of the store, so that a full disk kills nobody.
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

/// `/readyz`: 200 when all parts run, else 503 with the reason.
pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let readiness = shared.console.readiness.borrow().clone();
    match readiness {
        Readiness::Ready => "ready\n".into_response(),
        Readiness::NotReady(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

/// `/metrics`: the text format of Prometheus, version 0.0.4.
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let text = crate::metrics::exposition(&shared).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
