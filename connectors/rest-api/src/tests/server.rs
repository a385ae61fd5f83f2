//! A CRM behind HTTP: it keeps customers, lists them in every way of paging, and misbehaves on command.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, Response, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What the server does to a request instead of answering it, or after carrying it out.
#[derive(Clone)]
pub(super) enum Trick {
    Pass,
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    NeverAnswer,
    /// Closes the connection without a word.
    Drop,
    /// Carries the request out, and closes the connection without a word.
    CarryOutAndDrop,
    /// Carries the request out, and answers something else.
    CarryOutAndAnswer(u16),
}

impl Trick {
    pub(super) fn status(status: u16) -> Self {
        Trick::Answer { status, headers: Vec::new(), body: "{}".to_owned() }
    }

    pub(super) fn busy(status: u16, retry_after: &str) -> Self {
        Trick::Answer { status, headers: vec![("retry-after", retry_after.to_owned())], body: String::new() }
    }

    pub(super) fn body(content_type: &str, body: &str) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Trick::Answer { status: 200, headers, body: body.to_owned() }
    }

    pub(super) fn redirect(status: u16, location: &str) -> Self {
        Trick::Answer { status, headers: vec![("location", location.to_owned())], body: String::new() }
    }
}

type Hook = Box<dyn FnMut(usize, &mut Vec<Value>) + Send>;

/// What the server holds and what was done to it.
#[derive(Default)]
pub(super) struct Crm {
    pub(super) rows: Vec<Value>,
    /// Every request: method, path and query.
    pub(super) calls: Vec<String>,
    /// The credentials of every request, and its idempotency key.
    pub(super) credentials: Vec<Option<String>>,
    /// Every state that a customer went through.
    pub(super) effects: Vec<String>,
    /// What to do to the next requests, one after the other.
    pub(super) tricks: VecDeque<Trick>,
    /// What to do to every request after those.
    pub(super) always: Option<Trick>,
    /// Called before each list, with the number of lists so far.
    pub(super) before_list: Option<Hook>,
    pub(super) page_size: usize,
    /// Whether one creation per idempotency key is carried out.
    pub(super) is_idempotent: bool,
    /// Whether parameters that filter are ignored.
    pub(super) ignores_filters: bool,
    /// Whether answers to writes have no body.
    pub(super) is_silent: bool,
    created: HashMap<String, Value>,
    lists: usize,
    last_id: u64,
}

#[derive(Clone)]
pub(super) struct Server {
    pub(super) url: String,
    crm: Arc<Mutex<Crm>>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api", listener.local_addr().unwrap());
        let crm = Arc::new(Mutex::new(Crm { page_size: 3, ..Crm::default() }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&crm));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Server { url, crm }
    }

    pub(super) fn crm(&self) -> MutexGuard<'_, Crm> {
        self.crm.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Fills the server with customers 1 to `count`, changed in that order.
    pub(super) fn fill(&self, count: u64) {
        self.crm().rows = (1..=count).map(customer).collect();
    }

    pub(super) fn trick(&self, tricks: impl IntoIterator<Item = Trick>) {
        self.crm().tricks.extend(tricks);
    }

    pub(super) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.crm().calls)
    }
}

pub(super) fn customer(id: u64) -> Value {
    let second = format!("2026-01-01T00:{:02}:{:02}Z", id / 60, id % 60);
    json!({"id": id, "name": format!("Customer {id}"), "updated_at": second})
}

async fn answer(
    State(crm): State<Arc<Mutex<Crm>>>,
    method: Method,
    uri: Uri,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let (trick, response) = {
        let mut crm = crm.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        crm.calls.push(format!("{method} {uri}"));
        crm.credentials.push(text("authorization").or_else(|| text("x-api-key")));
        let trick = crm.tricks.pop_front().or_else(|| crm.always.clone()).unwrap_or(Trick::Pass);
        let is_carried_out = matches!(trick, Trick::Pass | Trick::CarryOutAndDrop | Trick::CarryOutAndAnswer(_));
        let response = if is_carried_out {
            crm.carry_out(&method, &uri, &query, text("idempotency-key"), &body)
        } else {
            respond(200, &Value::Null)
        };
        (trick, response)
    };
    match trick {
        Trick::Pass => response,
        Trick::Answer { status, headers, body } => {
            let builder = Response::builder().status(status);
            let builder = headers.into_iter().fold(builder, |builder, (name, value)| builder.header(name, value));
            builder.body(Body::from(body)).unwrap()
        }
        Trick::NeverAnswer => std::future::pending().await,
        // Ends the connection's task, and with it the connection; unlike a panic, it prints nothing.
        Trick::Drop | Trick::CarryOutAndDrop => std::panic::resume_unwind(Box::new("dropped")),
        Trick::CarryOutAndAnswer(status) => respond(status, &Value::Null),
    }
}

fn respond(status: u16, body: &Value) -> Response<Body> {
    let builder = Response::builder().status(status).header("content-type", "application/json; charset=utf-8");
    builder.body(Body::from(body.to_string())).unwrap()
}

impl Crm {
    fn carry_out(
        &mut self,
        method: &Method,
        uri: &Uri,
        query: &BTreeMap<String, String>,
        idempotency_key: Option<String>,
        body: &[u8],
    ) -> Response<Body> {
        let path: Vec<&str> = uri.path().trim_matches('/').split('/').skip(1).collect();
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        match (method.as_str(), path.as_slice()) {
            ("POST", ["token"]) => respond(200, &json!({"access_token": format!("token-{}", self.calls.len())})),
            ("GET", ["customers"]) => self.list(uri, query),
            ("POST", ["customers"]) => self.create(idempotency_key, body),
            (_, ["customers", id]) => match self.rows.iter().position(|row| row["id"].as_u64() == id.parse().ok()) {
                Some(position) => self.one(method, position, body),
                None => respond(404, &json!({"code": "not_found"})),
            },
            _ => respond(404, &json!({"title": "There is no such path"})),
        }
    }

    fn list(&mut self, uri: &Uri, query: &BTreeMap<String, String>) -> Response<Body> {
        if let Some(mut hook) = self.before_list.take() {
            hook(self.lists, &mut self.rows);
            self.before_list = Some(hook);
        }
        self.lists += 1;
        let filter = |row: &&Value| {
            let since = query.get("updated_since");
            let reference = query.get("external_id");
            self.ignores_filters
                || (since.is_none_or(|since| row["updated_at"].as_str() >= Some(since))
                    && reference.is_none_or(|reference| row["external_id"].as_str() == Some(reference)))
        };
        let rows: Vec<Value> = self.rows.iter().filter(filter).cloned().collect();
        let number = |name: &str| query.get(name).map(|text| text.parse::<usize>().unwrap());
        let size = number("per_page").unwrap_or(self.page_size).min(self.page_size);
        let start = match (number("page"), number("offset"), number("cursor")) {
            (Some(page), ..) => (page - 1) * size,
            (_, Some(offset), _) => offset,
            (.., Some(cursor)) => cursor,
            _ => 0,
        };
        let end = (start + size).min(rows.len());
        let items = rows.get(start..end).unwrap_or_default();
        let has_more = end < rows.len();
        let next = has_more.then_some(end);
        let mut response = respond(200, &json!({"data": {"items": items}, "next": next}));
        if has_more {
            let link = format!("<{}?cursor={end}>; rel=\"next\", </api/customers>; rel=\"first\"", uri.path());
            response.headers_mut().insert("link", link.parse().unwrap());
        }
        response
    }

    fn create(&mut self, idempotency_key: Option<String>, mut body: Value) -> Response<Body> {
        if let Some(key) = idempotency_key.filter(|_| self.is_idempotent) {
            if let Some(created) = self.created.get(&key) {
                return respond(201, created);
            }
            self.last_id += 1;
            body["id"] = json!(self.last_id);
            self.created.insert(key, body.clone());
        } else {
            self.last_id += 1;
            body["id"] = json!(self.last_id);
        }
        self.effects.push(effect(&body));
        self.rows.push(body.clone());
        let mut response = if self.is_silent { respond(201, &Value::Null) } else { respond(201, &body) };
        let location = format!("/api/customers/{}", body["id"]);
        response.headers_mut().insert("location", location.parse().unwrap());
        response
    }

    fn one(&mut self, method: &Method, position: usize, body: Value) -> Response<Body> {
        let id = self.rows[position]["id"].clone();
        let before = self.rows[position].clone();
        match method.as_str() {
            "PUT" => {
                self.rows[position] = body;
                self.rows[position]["id"] = id;
            }
            "PATCH" => {
                for (name, value) in body.as_object().unwrap() {
                    self.rows[position][name] = value.clone();
                }
            }
            "DELETE" => {
                self.rows.remove(position);
                self.effects.push(format!("removed {id}"));
                return Response::builder().status(204).body(Body::empty()).unwrap();
            }
            _ => {}
        }
        let now = self.rows[position].clone();
        if now != before {
            self.effects.push(effect(&now));
        }
        if self.is_silent && method != "GET" { respond(200, &Value::Null) } else { respond(200, &now) }
    }
}

/// A state of a customer, as an effect.
pub(super) fn effect(row: &Value) -> String {
    format!("{} {}", row["external_id"].as_str().unwrap_or("-"), row["name"].as_str().unwrap_or("-"))
}
