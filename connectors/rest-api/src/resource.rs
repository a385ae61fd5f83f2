//! One kind of resource: its checked configuration, and how a change is rendered for it.

use canonical::record::{Body, Json, Members, Record};
use connector::{Fault, Reference, Rendered};
use reqwest::header::HeaderName;

use crate::configuration::{Lookup, Method, Remove, TargetResource, Write};
use crate::document::Path;
use crate::template::unknown_place;

/// A checked configuration.
pub(crate) struct Resource {
    /// How messages name the configuration: `targets.customer`.
    pub(crate) name: String,
    pub(crate) key: Path,
    pub(crate) answer: Path,
    pub(crate) reference: Option<Path>,
    pub(crate) version: Option<Path>,
    pub(crate) lookup: Lookup,
    pub(crate) create: Option<Write>,
    pub(crate) update: Option<Write>,
    pub(crate) remove: Option<Remove>,
    pub(crate) recreate: bool,
    pub(crate) idempotency_header: Option<HeaderName>,
    pub(crate) refusals: Vec<u16>,
}

impl Resource {
    /// Checks a configuration.
    pub(crate) fn new(entity: &str, target: TargetResource) -> Result<Self, Fault> {
        let name = format!("targets.{entity}");
        check_writes(&name, &target)?;
        check_lookup(&name, &target)?;
        let idempotency_header = target
            .idempotency_header
            .as_ref()
            .map(|header| header.parse())
            .transpose()
            .map_err(|_| Fault::halt(format!("{name}.idempotency_header: that is not the name of a header")))?;
        Ok(Resource {
            key: Path::new(&target.key),
            answer: Path::new(&target.answer),
            reference: target.reference_field.as_deref().map(Path::new),
            version: target.version_field.as_deref().map(Path::new),
            lookup: target.lookup,
            create: target.create,
            update: target.update,
            remove: target.remove,
            recreate: target.recreate,
            idempotency_header,
            refusals: target.refusals,
            name,
        })
    }

    /// The whole resource as it must be afterwards, with our reference and version in it.
    pub(crate) fn render(&self, change: &Rendered) -> Result<Json, Fault> {
        let Body::Json(body) = &change.record.body else {
            return Err(Fault::halt(format!("{}: the mapping must have format = \"json\"", self.name)));
        };
        let mut body = body.clone();
        self.stamp(&mut body, &change.reference)?;
        Ok(body)
    }

    /// Writes our reference and version into a resource.
    pub(crate) fn stamp(&self, body: &mut Json, reference: &Reference) -> Result<(), Fault> {
        let stamps = [
            (&self.reference, "reference_field", Json::from(reference.master_id.as_str())),
            (&self.version, "version_field", Json::from(reference.version)),
        ];
        for (path, field, value) in stamps {
            if let Some(path) = path
                && !path.set(body, value)
            {
                return Err(Fault::halt(format!(
                    "{}.{field}: \"{path}\" leads through something that is no object",
                    self.name
                )));
            }
        }
        Ok(())
    }

    /// The version of this reference's master that a resource holds; `None` when it does not tell,
    /// or tells about another master.
    pub(crate) fn held_version(&self, object: &Json, reference: &Reference) -> Option<u64> {
        let path = self.version.as_ref()?;
        let ours = self
            .reference
            .as_ref()
            .is_none_or(|path| path.get(object).and_then(Json::as_str) == Some(reference.master_id.as_str()));
        let version = path.get(object).filter(|_| ours)?;
        version.as_u64().or_else(|| version.as_str()?.parse().ok())
    }
}

/// The fields that differ from what the system was last known to hold, and null for those that are gone:
/// the outermost ones alone, or `nested` those of objects inside as well.
pub(crate) fn differences(body: &Json, previous: Option<&Record>, nested: bool) -> Option<Json> {
    match (body, &previous?.body) {
        (Json::Object(fields), Body::Json(Json::Object(previous))) => Some(patch(fields, previous, nested)),
        _ => None,
    }
}

fn patch(fields: &Members, previous: &Members, nested: bool) -> Json {
    let different = fields.iter().filter(|(name, value)| previous.get(name) != Some(value));
    let gone = previous.iter().filter(|(name, value)| !value.is_null() && !fields.contains(name));
    let different = different.map(|(name, value)| {
        let sent = match (value, previous.get(name)) {
            (Json::Object(inner), Some(Json::Object(before))) if nested => patch(inner, before, nested),
            _ => value.clone(),
        };
        (name.to_owned(), sent)
    });
    let gone = gone.map(|(name, _)| (name.to_owned(), Json::Null));
    Json::Object(different.chain(gone).collect::<Members>())
}

fn check_writes(name: &str, target: &TargetResource) -> Result<(), Fault> {
    let halt = |field: &str, reason: &str| Err(Fault::halt(format!("{name}.{field}: {reason}")));
    if target.create.is_none() && target.update.is_none() && target.remove.is_none() {
        return halt("create", "is missing, and update and remove too: there is nothing to do");
    }
    if target.key.is_empty() {
        return halt("key", "is empty; it is the field of the system's own key, such as id");
    }
    let writes =
        [("create", &target.create, &["reference"][..]), ("update", &target.update, &["key", "reference"][..])];
    for (field, write, known) in writes {
        let Some(write) = write else { continue };
        if let Some(place) = unknown_place(&write.path, known) {
            return halt(field, &format!("nothing fills {place} of its path"));
        }
        if write.method == Method::Delete {
            return halt(field, "its method cannot be DELETE");
        }
        if write.differences && field == "create" {
            return halt(field, "what is not there yet cannot be sent as differences");
        }
        if write.nested && !write.differences {
            return halt(field, "nested says how differences are sent; it goes with differences = true");
        }
    }
    let names_one = |path: &str| path.contains("{key}") || path.contains("{reference}");
    if target.update.as_ref().is_some_and(|update| !names_one(&update.path)) {
        return halt("update", "its path must name one resource, by {key} or {reference}");
    }
    if let Some(remove) = &target.remove {
        if let Some(place) = unknown_place(&remove.path, &["key", "reference"]) {
            return halt("remove", &format!("nothing fills {place} of its path"));
        }
        if !names_one(&remove.path) {
            return halt("remove", "its path must name one resource, by {key} or {reference}");
        }
    }
    Ok(())
}

fn check_lookup(name: &str, target: &TargetResource) -> Result<(), Fault> {
    let halt = |field: &str, reason: &str| Err(Fault::halt(format!("{name}.lookup.{field}: {reason}")));
    let lookup = &target.lookup;
    if let Some(path) = &lookup.by_key {
        if let Some(place) = unknown_place(path, &["key"]) {
            return halt("by_key", &format!("nothing fills {place}"));
        }
        if !path.contains("{key}") {
            return halt("by_key", "must contain {key}");
        }
    }
    let Some(path) = &lookup.by_reference else {
        return if lookup.query.is_empty() { Ok(()) } else { halt("query", "is of no use without by_reference") };
    };
    if target.reference_field.is_none() {
        return halt("by_reference", "needs reference_field, by which an answer is checked");
    }
    let texts = lookup.query.values().filter_map(|value| match value {
        crate::configuration::QueryValue::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let texts: Vec<&str> = texts.chain([path.as_str()]).collect();
    if let Some(place) = texts.iter().find_map(|text| unknown_place(text, &["reference"])) {
        return halt("by_reference", &format!("nothing fills {place}"));
    }
    if !texts.iter().any(|text| text.contains("{reference}")) {
        return halt("by_reference", "{reference} must stand in it or in query");
    }
    Ok(())
}
