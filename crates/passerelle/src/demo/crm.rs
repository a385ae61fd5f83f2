//! A CRM of another house: an HTTP server with a JSON file for a database.
//!
//! It knows nothing of the hub. It gives ids of its own, takes bearer tokens, pages its lists, is unwell now and then,
//! and writes down everything that it is told to change.

mod book;
mod weather;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::output;
use book::{Book, By};
use weather::{Weather, Whim};

/// Arguments of the demo's CRM.
#[derive(Debug, Args)]
pub struct CrmArgs {
    /// Its folder, with the database `contacts.json`
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// The file with the token that callers must show
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// The address to listen on; another port when it is taken
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// When it is unwell; 0: never
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
}

struct Crm {
    token: String,
    book: Mutex<Book>,
    weather: Mutex<Weather>,
}

/// Nothing panics while it holds one of these locks, and a file that could not be written is told to the caller.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until standard input closes. The first line on standard output is the address.
///
/// # Errors
/// When the database or the token cannot be read, or no port can be had.
pub async fn serve(arguments: CrmArgs) -> anyhow::Result<()> {
    let token = std::fs::read_to_string(&arguments.token_file)
        .with_context(|| format!("the token file {} cannot be read", arguments.token_file.display()))?;
    let crm = Arc::new(Crm {
        token: token.trim().to_owned(),
        book: Mutex::new(Book::open(&arguments.folder)?),
        weather: Mutex::new(Weather::new(arguments.seed, &arguments.folder)),
    });
    let listener = match TcpListener::bind(arguments.listen).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind(SocketAddr::new(arguments.listen.ip(), 0)).await?,
    };
    output::line(format!("http://{}", listener.local_addr()?));
    axum::serve(listener, router(crm)).with_graceful_shutdown(super::company::parent_has_gone()).await?;
    Ok(())
}

fn router(crm: Arc<Crm>) -> Router {
    Router::new()
        .route("/api/contacts", get(list).post(create))
        .route("/api/contacts/{id}", get(show).put(replace).patch(edit).delete(remove))
        .layer(middleware::from_fn_with_state(crm.clone(), at_the_door))
        .with_state(crm)
}

/// Wants a token, and may be unwell; people at its own screens (`PATCH`) are spared that.
async fn at_the_door(State(crm): State<Arc<Crm>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if shown.and_then(|value| value.strip_prefix("Bearer ")) != Some(&crm.token) {
        return problem(StatusCode::UNAUTHORIZED, "token_wanted");
    }
    if request.method() == axum::http::Method::PATCH {
        return next.run(request).await;
    }
    let whim = lock(&crm.weather).whim();
    match whim {
        Whim::Well => next.run(request).await,
        Whim::TooMany => {
            let mut response = problem(StatusCode::TOO_MANY_REQUESTS, "too_many_requests");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
        Whim::Closed => problem(StatusCode::SERVICE_UNAVAILABLE, "maintenance"),
    }
}

fn problem(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({ "error": { "code": code } }))).into_response()
}

/// Which contacts are asked for.
#[derive(Deserialize)]
struct Wanted {
    page: Option<usize>,
    limit: Option<usize>,
    external_id: Option<String>,
}

/// The most contacts on one page.
const PAGE_MAX: usize = 50;

async fn list(State(crm): State<Arc<Crm>>, Query(wanted): Query<Wanted>) -> Response {
    let limit = wanted.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let page = wanted.page.unwrap_or(1).max(1);
    let book = lock(&crm.book);
    let matching = |contact: &&Map<String, Value>| match &wanted.external_id {
        Some(wanted) => contact.get("external_id").and_then(Value::as_str) == Some(wanted),
        None => true,
    };
    let found: Vec<&Map<String, Value>> = book.contacts().filter(matching).collect();
    let contacts: Vec<_> = found.iter().skip((page - 1).saturating_mul(limit)).take(limit).collect();
    Json(json!({ "contacts": contacts, "page": page, "total": found.len() })).into_response()
}

async fn show(State(crm): State<Arc<Crm>>, Path(id): Path<u64>) -> Response {
    match lock(&crm.book).get(id) {
        Some(contact) => Json(contact).into_response(),
        None => problem(StatusCode::NOT_FOUND, "no_such_contact"),
    }
}

async fn create(State(crm): State<Arc<Crm>>, headers: HeaderMap, Json(contact): Json<Map<String, Value>>) -> Response {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    if contact.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, "name_wanted");
    }
    answer(StatusCode::CREATED, lock(&crm.book).create(contact, key).map(Some))
}

async fn replace(
    State(crm): State<Arc<Crm>>,
    Path(id): Path<u64>,
    Json(contact): Json<Map<String, Value>>,
) -> Response {
    answer(StatusCode::OK, lock(&crm.book).replace(id, contact))
}

async fn edit(State(crm): State<Arc<Crm>>, Path(id): Path<u64>, Json(fields): Json<Map<String, Value>>) -> Response {
    answer(StatusCode::OK, lock(&crm.book).edit(id, fields, By::Screen))
}

async fn remove(State(crm): State<Arc<Crm>>, Path(id): Path<u64>) -> Response {
    answer(StatusCode::OK, lock(&crm.book).remove(id))
}

fn answer(status: StatusCode, written: std::io::Result<Option<Map<String, Value>>>) -> Response {
    match written {
        Ok(Some(contact)) => (status, Json(contact)).into_response(),
        Ok(None) => problem(StatusCode::NOT_FOUND, "no_such_contact"),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "database"),
    }
}
