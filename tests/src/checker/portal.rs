//! A subscriber that is fed over HTTP.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::SocketAddr;
use std::path::Path as FilePath;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::KINDS;
use super::log::{Effect, Log};
use super::plant::{Plant, Planted};

/// Fields that are the portal's own or the hub's, and no content.
const OWN_FIELDS: [&str; 3] = ["id", "external_id", "external_version"];

/// A server on a free port with the collections `/customers`, `/invoices` and `/payments`: it gives ids of its own,
/// finds resources by `external_id`, carries out requests with one `Idempotency-Key` once, and writes a log of
/// everything that it carried out. It ends when this value goes; until then it needs the tokio runtime it was made in.
pub struct Portal {
    /// Where it listens.
    pub address: SocketAddr,
    repeated: Arc<AtomicU64>,
    serving: JoinHandle<()>,
}

impl Portal {
    /// Starts an empty one that writes its log here, and makes this mistake if one is planted.
    ///
    /// # Errors
    /// When the log cannot be opened, or no port can be had.
    pub async fn start(log: &FilePath, plant: Option<Plant>) -> io::Result<Self> {
        let repeated = Arc::new(AtomicU64::new(0));
        let book = Book {
            log: Log::open(log)?,
            resources: HashMap::new(),
            references: HashMap::new(),
            requests: HashMap::new(),
            repeated: repeated.clone(),
            plant: plant.map(Planted::new),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/{collection}", get(find).post(create))
            .route("/{collection}/{id}", get(show).put(replace).delete(remove))
            .with_state(Arc::new(Mutex::new(book)));
        // It serves until it is aborted.
        let serving = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Portal { address, repeated, serving })
    }

    /// How many requests came again with the key of one that was carried out; they had no effect.
    pub fn repeated(&self) -> u64 {
        self.repeated.load(Ordering::SeqCst)
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Everything that the portal holds. Resources are kept as text, which is a fifth of the size.
struct Book {
    log: Log,
    /// By the position of the entity in [`KINDS`] and the id.
    resources: HashMap<(usize, u64), Box<str>>,
    /// Ids by entity and `external_id`.
    references: HashMap<(usize, Box<str>), u64>,
    /// Ids by the hash of the `Idempotency-Key` of what was carried out.
    requests: HashMap<u64, u64>,
    repeated: Arc<AtomicU64>,
    plant: Option<Planted>,
}

type Shared = State<Arc<Mutex<Book>>>;

/// Runs a request on the book; what the disk refuses is the server's own fault.
fn on(book: &Mutex<Book>, collection: &str, act: impl FnOnce(&mut Book, usize) -> io::Result<Response>) -> Response {
    let kind = KINDS.iter().position(|kind| collection.strip_suffix('s') == Some(kind.entity));
    let Some(kind) = kind else { return StatusCode::NOT_FOUND.into_response() };
    let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
    act(&mut book, kind).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

async fn find(
    State(book): Shared,
    Path(collection): Path<String>,
    Query(wanted): Query<HashMap<String, String>>,
) -> Response {
    on(&book, &collection, |book, kind| {
        let reference = wanted.get("external_id").map_or("", String::as_str);
        let id = book.references.get(&(kind, reference.into()));
        let found: Vec<_> = id.and_then(|id| book.resource(kind, *id)).into_iter().collect();
        Ok(Json(found).into_response())
    })
}

async fn show(State(book): Shared, Path((collection, id)): Path<(String, u64)>) -> Response {
    on(&book, &collection, |book, kind| Ok(book.answer(StatusCode::OK, kind, id)))
}

async fn create(
    State(book): Shared,
    Path(collection): Path<String>,
    headers: HeaderMap,
    Json(resource): Json<Map<String, Value>>,
) -> Response {
    on(&book, &collection, |book, kind| {
        let request = request(&headers);
        if let Some(id) = book.carried_out(request) {
            return Ok(book.answer(StatusCode::CREATED, kind, id));
        }
        let id = book.resources.len() as u64 + 1;
        book.write(kind, id, resource, request)?;
        Ok(book.answer(StatusCode::CREATED, kind, id))
    })
}

async fn replace(
    State(book): Shared,
    Path((collection, id)): Path<(String, u64)>,
    headers: HeaderMap,
    Json(resource): Json<Map<String, Value>>,
) -> Response {
    on(&book, &collection, |book, kind| {
        let request = request(&headers);
        if book.carried_out(request).is_none() && book.resources.contains_key(&(kind, id)) {
            book.write(kind, id, resource, request)?;
        }
        Ok(book.answer(StatusCode::OK, kind, id))
    })
}

async fn remove(State(book): Shared, Path((collection, id)): Path<(String, u64)>) -> Response {
    on(&book, &collection, |book, kind| {
        let Some(gone) = book.resource(kind, id) else { return Ok(StatusCode::NOT_FOUND.into_response()) };
        book.log.append([&effect(kind, id, &gone, true)])?;
        // The number stays taken, so that no id is given twice.
        book.resources.insert((kind, id), "".into());
        Ok(StatusCode::NO_CONTENT.into_response())
    })
}

/// The hash of the key that tells a repeated request.
fn request(headers: &HeaderMap) -> Option<u64> {
    let key = headers.get("idempotency-key")?;
    let mut hasher = DefaultHasher::new();
    key.as_bytes().hash(&mut hasher);
    Some(hasher.finish())
}

/// A resource as the effect that brought it about.
fn effect(kind: usize, id: u64, resource: &Map<String, Value>, removed: bool) -> Effect {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let content = resource.iter().filter(|(name, _)| !OWN_FIELDS.contains(&name.as_str()));
    let fields: BTreeMap<_, _> = content.map(|(name, value)| (name.clone(), text(value))).collect();
    Effect { entity: KINDS[kind].entity.to_owned(), key: id.to_string(), removed, fields }
}

impl Book {
    fn resource(&self, kind: usize, id: u64) -> Option<Map<String, Value>> {
        serde_json::from_str(self.resources.get(&(kind, id))?).ok()
    }

    fn answer(&self, status: StatusCode, kind: usize, id: u64) -> Response {
        match self.resource(kind, id) {
            Some(resource) => (status, Json(resource)).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }

    /// The resource that a request with this key was about, if it was carried out before.
    fn carried_out(&self, request: Option<u64>) -> Option<u64> {
        let id = self.requests.get(&request?).copied();
        self.repeated.fetch_add(u64::from(id.is_some()), Ordering::SeqCst);
        id
    }

    fn write(
        &mut self,
        kind: usize,
        id: u64,
        mut resource: Map<String, Value>,
        request: Option<u64>,
    ) -> io::Result<()> {
        resource.insert("id".to_owned(), Value::String(id.to_string()));
        let (now, before) = (effect(kind, id, &resource, false), self.resource(kind, id));
        match &mut self.plant {
            Some(planted) => {
                let before = before.map(|before| effect(kind, id, &before, false));
                self.log.append(&planted.told(now, before))?;
            }
            None => self.log.append([&now])?,
        }
        if let Some(reference) = resource.get("external_id").and_then(Value::as_str) {
            self.references.insert((kind, reference.into()), id);
        }
        self.resources.insert((kind, id), serde_json::to_string(&resource)?.into());
        self.requests.extend(request.map(|request| (request, id)));
        Ok(())
    }
}
