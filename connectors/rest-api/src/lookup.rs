//! Finding a resource again: by the system's own key, or by our reference in it.

use canonical::record::Json;
use connector::Reference;
use tokio::time::Instant;

use crate::client::{Answer, Call, Client, Failure};
use crate::document::scalar;
use crate::resource::Resource;
use crate::template::{Places, add_query, url};

/// A resource as the system holds it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) key: String,
    pub(crate) object: Json,
}

/// The answer to a look-up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sought {
    Found(Held),
    /// The system holds nothing under this reference.
    Nothing,
    /// It cannot be asked: no look-up that fits is configured.
    NotAsked,
    /// Several resources carry our reference.
    Several,
}

/// Looks up by key where there is one, and by our reference where that gave nothing.
pub(crate) async fn look_up(
    client: &Client,
    resource: &Resource,
    reference: &Reference,
    deadline: Instant,
) -> Result<Sought, Failure> {
    let by_key = match (&resource.lookup.by_key, &reference.local_key) {
        (Some(path), Some(key)) => by_key(client, resource, path, key, deadline).await?,
        _ => Sought::NotAsked,
    };
    if matches!(by_key, Sought::Found(_)) {
        return Ok(by_key);
    }
    Ok(match look_up_reference(client, resource, reference, deadline).await? {
        Sought::NotAsked => by_key,
        sought => sought,
    })
}

/// Looks up by our reference alone.
pub(crate) async fn look_up_reference(
    client: &Client,
    resource: &Resource,
    reference: &Reference,
    deadline: Instant,
) -> Result<Sought, Failure> {
    let (Some(path), Some(field)) = (&resource.lookup.by_reference, &resource.reference) else {
        return Ok(Sought::NotAsked);
    };
    let places = Places { key: None, reference: &reference.master_id };
    let mut url = url(&client.base, path, places);
    add_query(&mut url, &resource.lookup.query, places);
    let call = Call::get(url).deadline(deadline);
    let answer = client.send(&call).await?;
    let Some(root) = content(&call, &answer)? else { return Ok(Sought::Nothing) };
    let path = crate::document::Path::new(&resource.lookup.items);
    let items = match path.get(&root) {
        Some(Json::Array(items)) => items.as_slice(),
        Some(one @ Json::Object(_)) => std::slice::from_ref(one),
        None | Some(Json::Null) if !resource.lookup.items.is_empty() && root.is_object() => &[],
        _ => return Err(not_as_agreed(&call, &format!("no array at lookup.items \"{path}\""))),
    };
    let ours = |item: &&Json| field.get(item).and_then(Json::as_str) == Some(reference.master_id.as_str());
    let mut found = items.iter().filter(ours);
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Ok(Sought::Several),
        (Some(item), None) => {
            let key = resource.key.get(item).and_then(scalar);
            let key = key.ok_or_else(|| not_as_agreed(&call, &format!("a resource has no \"{}\"", resource.key)))?;
            Ok(Sought::Found(Held { key, object: item.clone() }))
        }
        (None, _) if items.is_empty() => Ok(Sought::Nothing),
        // An API that ignores a parameter answers with everything: taking that for "not there" would create doubles.
        (None, _) => Err(Failure::Halt {
            reason: format!(
                "{}: answered resources that do not carry our reference in \"{field}\"; check lookup.query and reference_field of {}",
                call.place(),
                resource.name
            ),
        }),
    }
}

async fn by_key(
    client: &Client,
    resource: &Resource,
    path: &str,
    key: &str,
    deadline: Instant,
) -> Result<Sought, Failure> {
    let call = Call::get(url(&client.base, path, Places { key: Some(key), reference: "" })).deadline(deadline);
    let answer = client.send(&call).await?;
    let Some(root) = content(&call, &answer)? else { return Ok(Sought::Nothing) };
    match resource.answer.get(&root) {
        Some(object @ Json::Object(_)) => {
            let key = resource.key.get(object).and_then(scalar).unwrap_or_else(|| key.to_owned());
            Ok(Sought::Found(Held { key, object: object.clone() }))
        }
        _ => Err(not_as_agreed(&call, &format!("no object at answer \"{}\"", resource.answer))),
    }
}

/// The JSON of an answer; `None` when there is no such resource.
fn content(call: &Call, answer: &Answer) -> Result<Option<Json>, Failure> {
    match answer.status.as_u16() {
        204 | 404 | 410 => Ok(None),
        200..=299 => serde_json::from_slice(&answer.body)
            .map(Some)
            .map_err(|_| not_as_agreed(call, "something that is not JSON")),
        _ => Err(Failure::Halt { reason: format!("{}: answered {}; check the look-up", call.place(), answer.status) }),
    }
}

fn not_as_agreed(call: &Call, what: &str) -> Failure {
    Failure::Down { reason: format!("{}: the look-up was answered with {what}", call.place()), after: None }
}
