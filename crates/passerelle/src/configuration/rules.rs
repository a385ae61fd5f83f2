//! Survivorship rules: whether their names are right, and rules of a file of their own that are tried out.

use std::collections::BTreeSet;
use std::path::Path;

use canonical::entity::Entity;
use master::{Rules, Strategy};

use super::finding::{Code, Finding, Place, Severity};
use super::lint::document_fields;
use super::load::{read, read_as, system_names};
use super::settings::{HubFile, TenantSettings};
use super::source::{Part, Segment, TomlSource};

/// The place of a path in the table of a tenant, and of an item of the list there.
type PlaceOf<'p> = &'p dyn Fn(&[&str], Option<usize>, Part) -> Place;

/// Names of systems and of fields that there are not, and lists of strategies that say nothing.
pub(super) fn lint(
    settings: &TenantSettings,
    systems: &BTreeSet<&str>,
    place: PlaceOf<'_>,
    findings: &mut Vec<Finding>,
) {
    let mut unknown_system = |named: &str, place: Place| {
        if !systems.contains(named) {
            let finding = Finding::error(Code::UnknownSystem, place, format!("there is no system \"{named}\""));
            findings.push(finding.suggesting(named, systems.iter().copied()));
        }
    };
    for (index, named) in settings.trust.order.iter().enumerate() {
        unknown_system(named, place(&["trust", "order"], Some(index), Part::Value));
    }
    for (field, order) in &settings.trust.fields {
        for (index, named) in order.iter().enumerate() {
            unknown_system(named, place(&["trust", "fields", field], Some(index), Part::Value));
        }
    }
    let mut unknown_field = |field: &str, place: Place| {
        let message = format!("no document has the field \"{field}\"");
        let finding = Finding::error(Code::UnknownDocumentField, place, message);
        findings.push(finding.suggesting(field, document_fields(&Entity::Customer).iter().map(String::as_str)));
    };
    for field in unknown_everywhere(|entity| settings.trust.unknown_fields(entity)) {
        unknown_field(field, place(&["trust", "fields", field], None, Part::Key));
    }
    for field in unknown_everywhere(|entity| settings.survivorship.unknown_fields(entity)) {
        unknown_field(field, place(&["survivorship", field], None, Part::Key));
    }
    for (field, rule) in &settings.survivorship.0 {
        strategies(&rule.by, &|item, part| place(&["survivorship", field, "by"], item, part), findings);
    }
}

fn strategies(by: &[Strategy], place: &dyn Fn(Option<usize>, Part) -> Place, findings: &mut Vec<Finding>) {
    if by.is_empty() {
        let message = "by names nothing that decides; name at least one strategy, or remove the table";
        findings.push(Finding::error(Code::BadValue, place(None, Part::Value), message));
    }
    for (index, _) in by.iter().enumerate().filter(|(index, strategy)| by[..*index].contains(strategy)) {
        let message = "a strategy decides once; remove the second mention";
        findings.push(Finding::error(Code::BadValue, place(Some(index), Part::Value), message));
    }
}

/// Fields that no canonical entity has.
fn unknown_everywhere<'s>(unknown_of: impl Fn(&Entity) -> Vec<&'s str>) -> Vec<&'s str> {
    let mut unknown = unknown_of(&Entity::Customer);
    for entity in Entity::CANONICAL {
        let here = unknown_of(&entity);
        unknown.retain(|field| here.contains(field));
    }
    unknown
}

/// Reads the rules of a tenant that somebody wants to try out.
///
/// The file is either what stands below `[tenants.NAME]`, and then a table that it leaves out is as configured; or it is
/// a whole `passerelle.toml`, and then what it leaves out is the default.
pub fn load_rules(path: &Path, directory: &Path, tenant: &str, configured: &Rules) -> (Option<Rules>, Vec<Finding>) {
    let mut findings = Vec::new();
    let rules = read(path, &mut findings).and_then(|source| {
        let toml = TomlSource::parse(source, &mut findings);
        if findings.is_empty() { rules_of(&toml, directory, tenant, configured, &mut findings) } else { None }
    });
    let is_sound = findings.iter().all(|finding| finding.severity != Severity::Error);
    (rules.filter(|_| is_sound), findings)
}

fn rules_of(
    toml: &TomlSource,
    directory: &Path,
    tenant: &str,
    configured: &Rules,
    findings: &mut Vec<Finding>,
) -> Option<Rules> {
    let place =
        |path: &[Segment], part| toml.place(path, part).unwrap_or_else(|| Place::File(toml.source.clone(), 0..0));
    let is_whole = toml.value.get("tenants").is_some();
    let settings = if is_whole {
        let mut hub: HubFile = read_as(toml.value.clone(), &place, findings)?;
        hub.tenants.remove(tenant).unwrap_or_default()
    } else {
        read_as::<TenantSettings>(toml.value.clone(), &place, findings)?
    };
    let above: &[&str] = if is_whole { &["tenants", tenant] } else { &[] };
    let place_below = |path: &[&str], item: Option<usize>, part| {
        let names = above.iter().chain(path).map(|name| Segment::Field((*name).to_owned()));
        place(&names.chain(item.map(Segment::Item)).collect::<Vec<_>>(), part)
    };
    let systems = system_names(directory);
    lint(&settings, &systems.iter().map(String::as_str).collect(), &place_below, findings);
    let stays = |table: &str| !is_whole && toml.value.get(table).is_none();
    let mut rules = settings.rules();
    if stays("trust") {
        rules.trust = configured.trust.clone();
    }
    if stays("survivorship") {
        rules.survivorship = configured.survivorship.clone();
    }
    Some(rules)
}

#[cfg(test)]
mod tests;
