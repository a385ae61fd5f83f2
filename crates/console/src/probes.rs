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
///
/// A bus that takes no messages for a while is told and is no reason: the hub waits for it and goes on by itself, and
/// whoever is kept from the page then sees less.
pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let readiness = shared.console.readiness.borrow().clone();
    let blocked = shared.console.live.as_ref().and_then(|live| live.bus_blocked());
    match readiness {
        Readiness::Ready if blocked.is_some() => {
            let reason = blocked.unwrap_or_default();
            format!("ready; the bus takes no messages now: {reason}\n").into_response()
        }
        Readiness::Ready => "ready\n".into_response(),
        Readiness::NotReady(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

/// `/metrics`: the text format of Prometheus, version 0.0.4.
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let text = crate::metrics::exposition(&shared).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
