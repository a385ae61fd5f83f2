//! Creating, updating and removing resources.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use canonical::entity::{Entity, Operation};
use canonical::record::{Body, Json, Place, Record};
use connector::{BatchId, Fault, Found, Outcome, Reference, Reject, Rendered, Target};
use reqwest::header::{HeaderValue, LOCATION};
use tokio::time::Instant;

use crate::client::{Answer, Call, Client, Failure};
use crate::configuration::{Method, Write};
use crate::document::{Path, covers, overlay, scalar};
use crate::lookup::{Held, Sought, look_up, look_up_reference};
use crate::resource::{Resource, differences};
use crate::template::{Places, url};

/// The resources of one system, written one after the other.
pub(crate) struct RestTarget {
    client: Arc<Client>,
    resources: BTreeMap<Entity, Resource>,
    call_timeout: Duration,
    /// Changes of which a look-up could not tell whether they were applied; the content decides when they come again.
    doubtful: HashSet<String>,
}

/// More are forgotten; then an update that was applied may be sent once more, which changes nothing.
const DOUBTFUL_COUNT_MAX: usize = 10_000;
/// A change that finds its resource gone, then there, then gone, is given up for now.
const WRITES_PER_CHANGE_MAX: usize = 4;

/// What the answer to a write means.
enum Written {
    Done(Answer),
    /// There is no such resource.
    Gone,
    /// It clashes with what is there.
    Conflict(Reject),
    Refused(Reject),
}

/// How a change ended early: with an outcome, or with a fault while nothing was applied.
enum Stop {
    Outcome(Box<Outcome>),
    Fault(Fault),
}

impl RestTarget {
    pub(crate) fn new(client: Arc<Client>, resources: BTreeMap<Entity, Resource>, call_timeout: Duration) -> Self {
        RestTarget { client, resources, call_timeout, doubtful: HashSet::new() }
    }
}

#[async_trait]
impl Target for RestTarget {
    /// A fault ends the batch: what follows gets the same fault and is not sent, because it would meet it too.
    /// After an unknown outcome, later changes of the same document are not sent either.
    async fn apply(&mut self, _batch: &BatchId, changes: &[Rendered]) -> Vec<Result<Outcome, Fault>> {
        let deadline = Instant::now() + self.call_timeout;
        let mut results: Vec<Result<Outcome, Fault>> = Vec::with_capacity(changes.len());
        let mut fault = None;
        let mut unknown: Vec<&str> = Vec::new();
        for change in changes {
            let master = change.reference.master_id.as_str();
            let result = match &fault {
                Some(fault) => Err(Fault::clone(fault)),
                None if unknown.contains(&master) => {
                    Err(Fault::retry("the outcome of an earlier change of this document is not known yet"))
                }
                None => {
                    let doubtful = self.doubtful.remove(&change.reference.idempotency_key());
                    let result = self.change(change, doubtful, deadline).await;
                    fault = result.as_ref().err().cloned();
                    result
                }
            };
            if matches!(result, Ok(Outcome::Unknown)) {
                unknown.push(master);
            }
            results.push(result);
        }
        results
    }

    async fn find(&mut self, _batch: &BatchId, references: &[Reference]) -> Vec<Result<Found, Fault>> {
        let deadline = Instant::now() + self.call_timeout;
        let mut results = Vec::with_capacity(references.len());
        for reference in references {
            let found = match self.resource(reference) {
                Ok(resource) => look_up(&self.client, resource, reference, deadline)
                    .await
                    .map(|sought| settle(resource, reference, sought))
                    .map_err(Fault::from),
                Err(fault) => Err(fault),
            };
            if matches!(found, Ok(Found::NotApplied { .. })) {
                if self.doubtful.len() >= DOUBTFUL_COUNT_MAX {
                    self.doubtful.clear();
                }
                self.doubtful.insert(reference.idempotency_key());
            }
            results.push(found);
        }
        results
    }
}

/// What a look-up tells about a change. A reference has no content, so the version decides where the resource keeps
/// one; else the change counts as not applied, and its content is compared before it is sent again.
fn settle(resource: &Resource, reference: &Reference, sought: Sought) -> Found {
    match sought {
        Sought::Found(held) => match resource.held_version(&held.object, reference) {
            Some(version) if version >= reference.version => {
                Found::Applied { local_key: Some(held.key), holds: Some(record(held.object)) }
            }
            _ => Found::NotApplied { local_key: Some(held.key) },
        },
        Sought::Nothing => Found::NotApplied { local_key: None },
        Sought::Several => Found::CannotTell,
        // Not being able to ask is no harm where doing it again is none: a replacement of what is there,
        // or a creation that the system itself recognises.
        Sought::NotAsked => {
            let repeatable = match &reference.local_key {
                Some(_) => resource.update.as_ref().is_none_or(|update| update.method != Method::Post),
                None => false,
            };
            if repeatable || resource.idempotency_header.is_some() {
                Found::NotApplied { local_key: reference.local_key.clone() }
            } else {
                Found::CannotTell
            }
        }
    }
}

impl RestTarget {
    fn resource(&self, reference: &Reference) -> Result<&Resource, Fault> {
        let entity = &reference.entity;
        self.resources.get(entity).ok_or_else(|| {
            Fault::halt(format!("there is no [connector.targets.{entity}]; add it, or do not subscribe to {entity}"))
        })
    }

    async fn change(&self, change: &Rendered, doubtful: bool, deadline: Instant) -> Result<Outcome, Fault> {
        let resource = self.resource(&change.reference)?;
        let stopped = match change.operation {
            Operation::Upsert => self.upsert(resource, change, doubtful, deadline).await,
            Operation::Remove | Operation::Redirect => self.remove(resource, change, deadline).await,
        };
        let mut outcome = match stopped {
            Ok(outcome) => outcome,
            Err(Stop::Outcome(outcome)) => *outcome,
            Err(Stop::Fault(fault)) => return Err(fault),
        };
        if let Outcome::Rejected(reject) = &mut outcome {
            reject.place = change.record.place.clone();
            if let (true, Body::Json(body)) = (reject.raw.is_empty(), &change.record.body) {
                reject.raw = body.to_string().into_bytes();
            }
        }
        Ok(outcome)
    }

    async fn upsert(
        &self,
        resource: &Resource,
        change: &Rendered,
        doubtful: bool,
        deadline: Instant,
    ) -> Result<Outcome, Stop> {
        let reference = &change.reference;
        let mut body = resource.render(change)?;
        let mut key = reference.local_key.clone();
        let mut whole = false;
        if key.is_none() || doubtful {
            let sought = look_up(&self.client, resource, reference, deadline).await.map_err(Stop::before_the_write)?;
            let is_asked = sought != Sought::NotAsked;
            if let Some(held) = one(resource, sought)? {
                if is_held(resource, reference, &held, &body) {
                    return Ok(Outcome::Applied { local_key: Some(held.key), holds: Some(record(held.object)) });
                }
                body = adopt(resource, reference, &held, body);
                key = Some(held.key);
                whole = true;
            } else if is_asked && resource.recreate && resource.create.is_some() {
                key = None;
            }
        }
        for _ in 0..WRITES_PER_CHANGE_MAX {
            let write = self.write_for(resource, key.as_deref())?;
            let known = change.previous.as_ref().filter(|_| write.differences && !whole);
            let sent = differences(&body, known, write.nested);
            let sent = sent.as_ref().unwrap_or(&body);
            match self.write(resource, change, write, key.as_deref(), sent, deadline).await? {
                Written::Done(answer) => return self.applied(resource, change, &body, key, &answer, deadline).await,
                Written::Refused(reject) => return Ok(Outcome::Rejected(reject)),
                Written::Conflict(reject) if key.is_some() => return Ok(Outcome::Rejected(reject)),
                Written::Gone if key.is_none() => {
                    return Err(Stop::halt(format!("{}.create: there is no such path in the system", resource.name)));
                }
                Written::Gone if !resource.recreate || resource.create.is_none() => {
                    return Ok(Outcome::Rejected(gone(resource)));
                }
                // Somebody removed it, or it is there under another key.
                Written::Gone => key = self.where_now(resource, change, key, deadline).await?,
                // It is there already: an earlier attempt, or somebody else, created it.
                Written::Conflict(reject) => match self.by_reference(resource, reference, deadline).await? {
                    Some(held) if is_held(resource, reference, &held, &body) => {
                        return Ok(Outcome::Applied { local_key: Some(held.key), holds: Some(record(held.object)) });
                    }
                    Some(held) => {
                        body = adopt(resource, reference, &held, body);
                        key = Some(held.key);
                    }
                    None => return Ok(Outcome::Rejected(reject)),
                },
            }
            whole = true;
        }
        Err(Stop::Fault(Fault::retry(format!("{}: a resource comes and goes while it is written", resource.name))))
    }

    fn write_for<'r>(&self, resource: &'r Resource, key: Option<&str>) -> Result<&'r Write, Stop> {
        let (write, field) = match key {
            Some(_) => (&resource.update, "update"),
            None => (&resource.create, "create"),
        };
        write.as_ref().ok_or_else(|| match key {
            Some(_) => Stop::refused(refusal(
                "rest.not-changeable",
                format!("{}.{field} is not configured: what was created is never changed", resource.name),
            )),
            None => Stop::halt(format!("{}.{field} is not configured, and the resource has no key yet", resource.name)),
        })
    }

    /// The key under which a resource is now that was not there to be updated; `None` when it is certainly nowhere.
    async fn where_now(
        &self,
        resource: &Resource,
        change: &Rendered,
        key: Option<String>,
        deadline: Instant,
    ) -> Result<Option<String>, Stop> {
        let sought = look_up(&self.client, resource, &change.reference, deadline).await;
        let sought = sought.map_err(Stop::before_the_write)?;
        if sought == Sought::NotAsked {
            // A wrong path would look the same, and every change would create a double.
            return Err(Stop::refused(gone(resource)));
        }
        let now = one(resource, sought)?.map(|held| held.key);
        if now.is_some() && now == key {
            let reason =
                format!("{}.update: answered 404 for a resource that the look-up finds; check its path", resource.name);
            return Err(Stop::halt(reason));
        }
        Ok(now)
    }

    async fn by_reference(
        &self,
        resource: &Resource,
        reference: &Reference,
        deadline: Instant,
    ) -> Result<Option<Held>, Stop> {
        let sought = look_up_reference(&self.client, resource, reference, deadline).await;
        one(resource, sought.map_err(Stop::before_the_write)?)
    }

    async fn remove(&self, resource: &Resource, change: &Rendered, deadline: Instant) -> Result<Outcome, Stop> {
        let reference = &change.reference;
        let Some(remove) = &resource.remove else {
            return Ok(Outcome::Applied { local_key: reference.local_key.clone(), holds: None });
        };
        let key = match &reference.local_key {
            Some(key) => Some(key.clone()),
            None => self.by_reference(resource, reference, deadline).await?.map(|held| held.key),
        };
        if key.is_none() && remove.path.contains("{key}") {
            return Ok(Outcome::Applied { local_key: None, holds: None });
        }
        let mut body = None;
        if !remove.fields.is_empty() {
            // A replacement needs the whole record; everything else takes the fields alone.
            let mut fields = match (&change.record.body, remove.method) {
                (Body::Json(record), Method::Put) => record.clone(),
                _ => Json::object(),
            };
            for (name, value) in &remove.fields {
                Path::new(name).set(&mut fields, Json::from(value.clone()));
            }
            resource.stamp(&mut fields, reference)?;
            body = Some(fields);
        }
        let places = Places { key: key.as_deref(), reference: &reference.master_id };
        let url = url(&self.client.base, &remove.path, places);
        let mut call = Call::new(remove.method.into(), url).deadline(deadline).answers(&resource.refusals);
        call = identify(call, resource, &format!("{}-remove", reference.idempotency_key()));
        let raw = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        if !raw.is_empty() {
            call = call.body(raw.clone(), "application/json");
        }
        Ok(match self.sort_out(call, raw).await? {
            Written::Done(_) | Written::Gone => Outcome::Applied { local_key: key, holds: None },
            Written::Refused(reject) | Written::Conflict(reject) => Outcome::Rejected(reject),
        })
    }

    async fn write(
        &self,
        resource: &Resource,
        change: &Rendered,
        write: &Write,
        key: Option<&str>,
        body: &Json,
        deadline: Instant,
    ) -> Result<Written, Stop> {
        let reference = &change.reference;
        let url = url(&self.client.base, &write.path, Places { key, reference: &reference.master_id });
        let within = Path::new(&write.within);
        let raw = if write.within.is_empty() { body.to_string() } else { within.wrap(body.clone()).to_string() };
        let raw = raw.into_bytes();
        let call = Call::new(write.method.into(), url)
            .body(raw.clone(), &write.content_type)
            .deadline(deadline)
            .answers(&resource.refusals);
        self.sort_out(identify(call, resource, &reference.idempotency_key()), raw).await
    }

    /// Sends a write, and says what its answer means.
    async fn sort_out(&self, call: Call, raw: Vec<u8>) -> Result<Written, Stop> {
        let answer = self.client.send(&call).await.map_err(Stop::during_the_write)?;
        let status = answer.status;
        let reject = |code: &'static str| {
            let why = problem(&answer.body).map(|why| format!(" ({why})")).unwrap_or_default();
            Reject { raw, ..refusal(code, format!("{}: answered {status}{why}", call.place())) }
        };
        Ok(match status.as_u16() {
            200..=299 => Written::Done(answer),
            404 | 410 => Written::Gone,
            405 => return Err(Stop::halt(format!("{}: answered {status}; check method and path", call.place()))),
            409 => Written::Conflict(reject("rest.conflict")),
            _ => Written::Refused(reject("rest.refused")),
        })
    }

    /// What the system says after it took a change.
    async fn applied(
        &self,
        resource: &Resource,
        change: &Rendered,
        body: &Json,
        key: Option<String>,
        answer: &Answer,
        deadline: Instant,
    ) -> Result<Outcome, Stop> {
        let root: Option<Json> = serde_json::from_slice(&answer.body).ok();
        let object = root.as_ref().and_then(|root| resource.answer.get(root)).filter(|object| object.is_object());
        let answered = object.and_then(|object| resource.key.get(object)).and_then(scalar);
        let created_at = || {
            let location = answer.headers.get(LOCATION).filter(|_| key.is_none())?.to_str().ok()?;
            let segment = self.client.base.join(location).ok()?;
            let last = segment.path_segments()?.rfind(|segment| !segment.is_empty())?.to_owned();
            // A key that would have to be unescaped is better asked for.
            last.bytes().all(|byte| byte != b'%').then_some(last)
        };
        let mut local_key = answered.or_else(created_at).or(key.clone());
        // An answer that repeats every field that was sent is the whole resource.
        let is_whole = |object: &&Json| match (object, body) {
            (Json::Object(object), Json::Object(body)) => body.names().all(|name| object.contains(name)),
            _ => false,
        };
        let mut holds = object.filter(is_whole).cloned();
        if local_key.is_none() {
            match look_up_reference(&self.client, resource, &change.reference, deadline).await {
                Ok(Sought::Found(held)) => {
                    local_key = Some(held.key);
                    holds = Some(held.object);
                }
                // It was created, but what its key is will be known by the next look-up only.
                Err(_) => return Ok(Outcome::Unknown),
                Ok(_) => {}
            }
        }
        Ok(Outcome::Applied { local_key, holds: holds.map(record) })
    }
}

/// A refusal to make a new resource in the place of one that is gone.
fn gone(resource: &Resource) -> Reject {
    let name = &resource.name;
    let reason =
        format!("the system holds no such resource any more; a new one needs create, lookup and recreate of {name}");
    refusal("rest.gone", reason)
}

/// A refusal that did not come from the system; the caller adds the place and the bytes.
fn refusal(code: &'static str, reason: String) -> Reject {
    Reject { place: Place::default(), code, reason, raw: Vec::new() }
}

fn identify(call: Call, resource: &Resource, key: &str) -> Call {
    match (&resource.idempotency_header, HeaderValue::from_str(key)) {
        (Some(header), Ok(value)) => call.header(header.clone(), value),
        _ => call,
    }
}

/// Whether a held resource needs no write: it is as new as the change, or has all that the change asks for.
fn is_held(resource: &Resource, reference: &Reference, held: &Held, body: &Json) -> bool {
    match resource.held_version(&held.object, reference) {
        Some(version) if version > reference.version => true,
        _ => covers(&held.object, body),
    }
}

/// What is sent to a resource that was there before the hub knew it: a replacement would erase the fields that only
/// the system knows, so they are taken over.
fn adopt(resource: &Resource, reference: &Reference, held: &Held, body: Json) -> Json {
    let replaces = resource.update.as_ref().is_some_and(|update| update.method == Method::Put);
    if !replaces || reference.local_key.is_some() {
        return body;
    }
    let mut whole = held.object.clone();
    overlay(&mut whole, body);
    whole
}

/// The one resource that a look-up found.
fn one(resource: &Resource, sought: Sought) -> Result<Option<Held>, Stop> {
    match sought {
        Sought::Found(held) => Ok(Some(held)),
        Sought::Nothing | Sought::NotAsked => Ok(None),
        Sought::Several => Err(Stop::refused(refusal(
            "rest.several",
            format!("{}: several resources carry this reference; remove all but one in the system", resource.name),
        ))),
    }
}

fn record(object: Json) -> Record {
    let raw = object.to_string().into_bytes();
    Record { place: Place::default(), body: Body::Json(object), raw }
}

/// What an API calls its problem, where that is a word for machines: a code, a type, the name of a field.
/// Sentences are left out, because they may quote the document.
fn problem(body: &[u8]) -> Option<String> {
    const PLACES: [&str; 9] =
        ["code", "error.code", "error", "type", "error.type", "title", "errors.0.code", "errors.0.field", "field"];
    let root: Json = serde_json::from_slice(body).ok()?;
    let is_word = |text: &&str| {
        (1..=64).contains(&text.len())
            && text.bytes().any(|byte| byte.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte))
    };
    let words: Vec<&str> =
        PLACES.iter().filter_map(|place| Path::new(place).get(&root)?.as_str()).filter(is_word).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

impl Stop {
    fn halt(reason: String) -> Self {
        Stop::Fault(Fault::halt(reason))
    }

    fn refused(reject: Reject) -> Self {
        Stop::Outcome(Box::new(Outcome::Rejected(reject)))
    }

    fn before_the_write(failure: Failure) -> Self {
        Stop::Fault(failure.before_the_call().into())
    }

    fn during_the_write(failure: Failure) -> Self {
        match failure {
            Failure::Lost { reason } => {
                tracing::warn!(reason, "the outcome of a write is not known");
                Stop::Outcome(Box::new(Outcome::Unknown))
            }
            other => Stop::Fault(other.into()),
        }
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Stop::Fault(fault)
    }
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        }
    }
}
