//! The routes, and serving them.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::inputs::Console;
use crate::problem::Problem;
use crate::shared::Shared;
use crate::{api, events, guard, pages, probes};

/// Bytes of a request's body: a search.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// Answers on `listener` until `shutdown` is cancelled.
///
/// Open event streams end at once then; other answers have [`Limits::shutdown_max`](crate::Limits::shutdown_max).
/// The listener should be bound to a loopback address: requests for any other host are refused.
///
/// # Errors
/// What the listener says when it cannot accept any more.
pub async fn serve(listener: TcpListener, console: Console, shutdown: CancellationToken) -> io::Result<()> {
    let shared = Arc::new(Shared::new(console, shutdown.clone()));
    let served =
        axum::serve(listener, router(Arc::clone(&shared))).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let grace_ends = async {
        shutdown.cancelled().await;
        tokio::time::sleep(shared.console.limits.shutdown_max).await;
    };
    tokio::select! {
        ended = served => ended,
        () = events::keep_looking(&shared) => Ok(()),
        () = grace_ends => {
            tracing::info!("connections of the console were still busy when the hub stopped");
            Ok(())
        }
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(probes::health))
        .route("/readyz", get(probes::ready))
        .route("/metrics", get(probes::metrics))
        .route("/", get(pages::flow::show))
        .route("/events", get(events::events))
        .route("/search", get(pages::search::show).post(pages::search::find))
        .route("/masters", get(pages::masters::list))
        .route("/masters/{id}", get(pages::story::show))
        .route("/drops", get(pages::drops::list))
        .route("/drops/{number}", get(pages::drops::show))
        .route("/rejects", get(pages::rejects::list))
        .route("/parked", get(pages::parked::list))
        .route("/parked/{number}", get(pages::parked::show))
        .route("/waiting", get(pages::waiting::list))
        .route("/tasks", get(pages::tasks::list))
        .route("/assets/console.css", get(|| asset("text/css; charset=utf-8", include_str!("assets/console.css"))))
        .route("/assets/console.js", get(|| asset("text/javascript; charset=utf-8", include_str!("assets/console.js"))))
        .route("/assets/icon.svg", get(|| asset("image/svg+xml", include_str!("assets/icon.svg"))))
        .nest("/api", api::router())
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard::guard))
        .with_state(shared)
}

/// An embedded file. It may be kept, but is asked for again, so that a new version of the hub never shows old styles.
async fn asset(kind: &'static str, content: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], content)
}

async fn nothing_here() -> Problem {
    Problem::missing("There is no such page.", "Go back to the flow, or search for what you are looking for.")
}
