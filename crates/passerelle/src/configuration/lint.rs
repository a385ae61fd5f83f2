//! What no single file can tell: whether the parts of a directory fit each other.

use std::collections::BTreeSet;
use std::path::Path;

use canonical::entity::Entity;
use connector::Registry;
use serde_json::{Map, Value};

use super::environment::Variables;
use super::finding::{Code, Finding, Place, nearest};
use super::load::SystemSource;
use super::packs::Packs;
use super::settings::HubFile;
use super::source::{Part, Segment, TomlSource};
use super::{rules, secrets};

/// Reports a name that cannot be one: names stand in queues, paths and commands.
pub(super) fn name(what: &str, name: &str, place: Place, findings: &mut Vec<Finding>) {
    let shaped = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_');
    if what == "system" && name == master::STEWARD {
        let message = format!("\"{name}\" stands for what stewards decide; give the system another name");
        findings.push(Finding::error(Code::Name, place, message));
    } else if !shaped {
        let message = format!("\"{name}\" is no name for a {what}; use at most 64 lower-case letters, digits, - and _");
        findings.push(Finding::error(Code::Name, place, message));
    }
}

/// Compiles every mapping of the user's own, used or not.
pub(super) fn own_mappings(packs: &Packs, findings: &mut Vec<Finding>) {
    for name in packs.own_names() {
        for finding in packs.compile(name).map(|compiled| compiled.findings).unwrap_or_default() {
            // A broken table is met again by every mapping of its pack.
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
}

/// Tenants and trust: names of systems and of fields that there are not.
pub(super) fn tenants(
    hub: &HubFile,
    toml: &TomlSource,
    variables: &Variables,
    systems: &[SystemSource],
    findings: &mut Vec<Finding>,
) {
    let all_read = systems.iter().all(|system| system.file.is_some());
    let names: BTreeSet<&str> = systems.iter().map(|system| system.name.as_str()).collect();
    let used: BTreeSet<&str> =
        systems.iter().filter_map(|system| system.file.as_ref().map(|file| file.tenant.as_str())).collect();
    for (tenant, settings) in &hub.tenants {
        let place = |path: &[&str], item: Option<usize>, part| {
            let mut full: Vec<Segment> = vec![Segment::Field("tenants".to_owned()), Segment::Field(tenant.clone())];
            full.extend(path.iter().map(|name| Segment::Field((*name).to_owned())));
            full.extend(item.map(Segment::Item));
            variables.place(toml, &full, part)
        };
        name("tenant", tenant, place(&[], None, Part::Key), findings);
        if all_read && !used.contains(tenant.as_str()) {
            let message = format!("no system belongs to the tenant \"{tenant}\"");
            let finding = Finding::warning(Code::UnknownTenant, place(&[], None, Part::Key), message);
            findings.push(finding.suggesting(tenant, used.iter().copied()));
        }
        rules::lint(settings, &names, &place, findings);
    }
}

/// The names of an entity's own fields.
pub(super) fn document_fields(entity: &Entity) -> Vec<String> {
    let schema = canonical::schema::schema(entity).map(|schema| schema.get("properties").cloned());
    match schema {
        Some(Some(Value::Object(fields))) => fields.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

/// One system: what the connector has and what the hub does with it.
pub(super) fn system(system: &SystemSource, findings: &mut Vec<Finding>) {
    let Some(file) = &system.file else { return };
    name("tenant", &file.tenant, system.place(&["tenant"], Part::Value), findings);
    let none = Map::new();
    let table = |name: &str| file.connector.get(name).and_then(Value::as_object).unwrap_or(&none);
    let (streams, targets) = (table("streams"), table("targets"));
    for stream in file.streams.keys().filter(|name| !streams.contains_key(*name)) {
        let message = format!("the connector reads no stream \"{stream}\"; add [connector.streams.{stream}]");
        let place = system.place(&["streams", stream], Part::Key);
        findings.push(Finding::error(Code::UnknownStream, place, message).suggesting(stream, keys(streams)));
    }
    for stream in streams.keys().filter(|name| !file.streams.contains_key(*name)) {
        name("stream", stream, system.place(&["connector", "streams", stream], Part::Key), findings);
        let message = format!(
            "the stream \"{stream}\" is not read, because nothing says what to do with it; add [streams.{stream}]"
        );
        let place = system.place(&["connector", "streams", stream], Part::Key);
        let finding = Finding::warning(Code::UnusedStream, place, message);
        findings.push(finding.suggesting(stream, file.streams.keys().map(String::as_str)));
    }
    for (entity, subscription) in &file.subscriptions {
        let path = ["subscriptions", entity.as_str()];
        let Ok(parsed) = entity.parse::<Entity>() else {
            let known = Entity::CANONICAL.iter().map(Entity::name).collect::<Vec<_>>();
            let message = format!("\"{entity}\" is no entity; there are {}", known.join(", "));
            findings
                .push(Finding::error(Code::Name, system.place(&path, Part::Key), message).suggesting(entity, known));
            continue;
        };
        if !targets.contains_key(entity) {
            let message = format!("the connector does not write \"{entity}\"; add [connector.targets.{entity}]");
            let finding = Finding::error(Code::UnknownTarget, system.place(&path, Part::Key), message);
            findings.push(finding.suggesting(entity, keys(targets)));
        }
        filter(system, &parsed, subscription.filter.keys(), findings);
    }
    for entity in targets.keys().filter(|name| !file.subscriptions.contains_key(*name)) {
        let message = format!("the system is not fed \"{entity}\"; add [subscriptions.{entity}]");
        let place = system.place(&["connector", "targets", entity], Part::Key);
        findings.push(Finding::warning(Code::UnusedTarget, place, message));
    }
    if file.streams.is_empty() && file.subscriptions.is_empty() {
        let place = system.place(&["tenant"], Part::Key);
        findings.push(Finding::warning(Code::Idle, place, "nothing is read from this system, and it is fed nothing"));
    }
}

/// Passwords and files of certificates that store and bus are told of, and that are not there. The hub does not start
/// without them; where a directory is checked before it is put to work, they need not be there.
pub(super) fn engines(
    hub: &HubFile,
    toml: &TomlSource,
    variables: &Variables,
    directory: &Path,
    findings: &mut Vec<Finding>,
) {
    let (store, bus) = (&hub.store, &hub.bus);
    let mut tell = |code: Code, table: &str, field: &str, reason: String| {
        let path = [table, field].map(|name| Segment::Field(name.to_owned()));
        let place = variables.place(toml, &path, Part::Value);
        findings.push(Finding::warning(code, place, format!("{reason}; the hub does not start until it is there")));
    };
    let passwords = [("store", &store.url, &store.password), ("bus", &bus.url, &bus.password)];
    for (table, _, password) in passwords.into_iter().filter(|(_, url, _)| url.is_some()) {
        if let Some(reason) = password.as_ref().and_then(|reference| secrets::missing_at(reference, directory)) {
            tell(Code::MissingSecret, table, "password", reason);
        }
    }
    let files = [
        ("store", "ca_file", &store.url, &store.ca_file),
        ("bus", "ca_file", &bus.url, &bus.ca_file),
        ("bus", "certificate_file", &bus.url, &bus.certificate_file),
        ("bus", "key_file", &bus.url, &bus.key_file),
    ];
    for (table, field, _, file) in files.into_iter().filter(|(_, _, url, _)| url.is_some()) {
        if let Some(reason) = file.as_ref().and_then(|file| not_pem(&directory.join(file))) {
            tell(Code::MissingFile, table, field, reason);
        }
    }
}

/// Why a file cannot be one of certificates or keys; `None` when it can.
fn not_pem(file: &Path) -> Option<String> {
    let place = file.display();
    match std::fs::read(file) {
        Ok(bytes) if bytes.windows(PEM.len()).any(|part| part == PEM) => None,
        Ok(_) => Some(format!("{place} holds nothing in PEM (-----BEGIN …)")),
        Err(error) => Some(format!("{place} cannot be read: {error}")),
    }
}

/// How every part of a file in PEM begins (RFC 7468).
const PEM: &[u8] = b"-----BEGIN ";

/// References to secrets that lead nowhere. The hub starts all the same, and this system alone is halted; and where a
/// directory is checked before it is put to work, the secrets need not be there.
pub(super) fn secrets(system: &SystemSource, registry: &Registry, directory: &Path, findings: &mut Vec<Finding>) {
    let (Some(connector), Some(schema)) = (&system.connector, registry.schema(&system.kind)) else { return };
    for (path, reason) in secrets::missing(&schema.to_value(), connector, directory) {
        let mut full = vec![Segment::Field("connector".to_owned())];
        full.extend(path);
        let place = system.place_of(&full, Part::Value);
        let message = format!("{reason}; the system is halted until it is there");
        findings.push(Finding::warning(Code::MissingSecret, place, message));
    }
}

/// Fields of a filter that the entity does not have: nothing would ever pass.
fn filter<'f>(
    system: &SystemSource,
    entity: &Entity,
    fields: impl Iterator<Item = &'f String>,
    findings: &mut Vec<Finding>,
) {
    if matches!(entity, Entity::Declared(_)) {
        return;
    }
    let own = document_fields(entity);
    for field in fields {
        let first = field.split('.').next().unwrap_or_default();
        if own.is_empty() || own.iter().any(|known| known == first) {
            continue;
        }
        let place = system.place(&["subscriptions", entity.name(), "filter", field], Part::Key);
        let message = format!("no {entity} has the field \"{first}\", so nothing would pass");
        let suggestion = nearest(first, own.iter().map(String::as_str)).map(str::to_owned);
        findings.push(Finding::error(Code::UnknownDocumentField, place, message).with_suggestion(suggestion));
    }
}

fn keys(table: &Map<String, Value>) -> impl Iterator<Item = &str> {
    table.keys().map(String::as_str)
}
