//! Reading the user's directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bus::BusError;
use bus::rabbitmq::RabbitMqBus;
use connector::{ConfigurationError, Registry, Secret};
use master::matching::MatchOptions;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use store::StoreError;

use super::environment::Variables;
use super::finding::{Code, Finding, Place, Severity};
use super::packs::Packs;
use super::settings::{HubFile, SystemFile};
use super::shape::misfits;
use super::source::{Part, Segment, SourceText, TomlSource, ValuePath};
use super::{assemble, layouts, lint, pack_files, registry};
use crate::place::StorePlace;

/// The file that makes a folder a user's directory.
pub const HUB_FILE: &str = "passerelle.toml";

/// The folder with one file per system.
pub const SYSTEMS: &str = "systems";

/// A file of the user's directory larger than this is refused.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A user's directory in which nothing is wrong.
pub struct Configuration {
    /// The directory.
    pub directory: PathBuf,
    /// What concerns the hub as a whole.
    pub hub: HubFile,
    /// The systems by name.
    pub systems: BTreeMap<Arc<str>, Arc<hub::System>>,
}

impl Configuration {
    /// Where the store is.
    ///
    /// # Errors
    /// When its address cannot be read, or its password is not there.
    pub fn store_place(&self) -> Result<StorePlace, StoreError> {
        StorePlace::of(&self.directory, &self.hub.store)
    }

    /// The folder of the embedded bus.
    pub fn bus_path(&self) -> PathBuf {
        self.directory.join(&self.hub.bus.path)
    }

    /// The broker of the bus; `None` for the embedded bus.
    ///
    /// # Errors
    /// [`BusError::Refused`] when the address cannot be read, or its password is not there.
    pub fn broker(&self) -> Result<Option<RabbitMqBus>, BusError> {
        let bus = &self.hub.bus;
        let Some(url) = &bus.url else { return Ok(None) };
        let options = bus.broker_options(&self.directory, self.hub.limits.partitions);
        let resolved = bus.password.as_ref().map(|password| password.resolve(&self.directory)).transpose();
        let password = resolved.map_err(|fault| BusError::Refused(format!("bus.password: {fault}")))?;
        RabbitMqBus::with_password(url, password.as_ref().map(Secret::expose), options).map(Some)
    }

    /// Whose value wins, by tenant.
    pub fn rules(&self) -> BTreeMap<Arc<str>, master::Rules> {
        self.hub.tenants.iter().map(|(name, tenant)| (name.as_str().into(), tenant.rules())).collect()
    }

    /// From where on records are one customer, by tenant.
    pub fn matching(&self) -> BTreeMap<Arc<str>, MatchOptions> {
        self.hub.tenants.iter().map(|(name, tenant)| (name.as_str().into(), tenant.matching.options())).collect()
    }

    /// What a hub is told.
    pub fn settings(&self) -> hub::Settings {
        hub::Settings {
            directory: self.directory.clone(),
            limits: self.hub.limits.limits(),
            systems: self.systems.clone(),
            rules: self.rules(),
            matching: self.matching(),
            registry: registry(),
        }
    }
}

/// What became of reading a user's directory.
pub struct Loaded {
    /// Everything that is wrong or deserves a look, in the order of the files.
    pub findings: Vec<Finding>,
    /// The configuration, when nothing in it keeps the hub from starting.
    pub configuration: Option<Configuration>,
}

/// A file of `systems/` as far as it could be read.
pub(super) struct SystemSource {
    pub name: String,
    pub toml: TomlSource,
    /// `None` when its shape is wrong.
    pub file: Option<SystemFile>,
    /// The `[connector]` table without its kind; `None` when it is wrong.
    pub connector: Option<Value>,
    pub kind: String,
}

impl SystemSource {
    /// The place of a path in the file.
    pub fn place(&self, path: &[&str], part: Part) -> Place {
        let path: ValuePath = path.iter().map(|name| Segment::Field((*name).to_owned())).collect();
        self.place_of(&path, part)
    }

    /// The same for a path that leads through lists.
    pub fn place_of(&self, path: &[Segment], part: Part) -> Place {
        self.toml.place(path, part).unwrap_or_else(|| Place::File(self.toml.source.clone(), 0..0))
    }
}

/// Reads a user's directory with the environment of this process.
pub fn load(directory: &Path) -> Loaded {
    let mut findings = Vec::new();
    let variables = Variables::of_process(&mut findings);
    load_with(directory, &variables, findings)
}

/// Reads `passerelle.toml` alone, with the environment of this process.
pub fn load_hub_file(directory: &Path) -> (Option<HubFile>, Vec<Finding>) {
    let mut findings = Vec::new();
    let variables = Variables::of_process(&mut findings);
    let read = read_hub_file(directory, &variables, &mut findings);
    (read.and_then(|(_, hub)| hub), findings)
}

fn read_hub_file(
    directory: &Path,
    variables: &Variables,
    findings: &mut Vec<Finding>,
) -> Option<(TomlSource, Option<HubFile>)> {
    let source = read(&directory.join(HUB_FILE), findings)?;
    let before = findings.len();
    let toml = TomlSource::parse(source, findings);
    if findings.len() > before {
        return Some((toml, None));
    }
    let value = variables.over(&toml, findings);
    let place = |path: &[Segment], part| variables.place(&toml, path, part);
    let hub = read_as(value, &place, findings);
    Some((toml, hub))
}

pub(super) fn load_with(directory: &Path, variables: &Variables, mut findings: Vec<Finding>) -> Loaded {
    let Some((toml, hub)) = read_hub_file(directory, variables, &mut findings) else {
        return Loaded { findings, configuration: None };
    };
    let registry = registry();
    let mut systems = read_systems(directory, &registry, &mut findings);
    let packs = Packs::load(Some(directory), &mut findings);
    layouts::expand(&mut systems, &packs, &registry, &mut findings);
    pack_files::fill(&mut systems, &packs, &registry, &mut findings);
    lint::own_mappings(&packs, &mut findings);
    if let Some(hub) = &hub {
        lint::engines(hub, &toml, variables, directory, &mut findings);
        lint::tenants(hub, &toml, variables, &systems, &mut findings);
    }
    let mut assembled = BTreeMap::new();
    for system in &systems {
        lint::system(system, &mut findings);
        lint::secrets(system, &registry, directory, &mut findings);
        if let Some(hub_system) = assemble::system(system, &packs, &mut findings) {
            assembled.insert(hub_system.name.clone(), Arc::new(hub_system));
        }
    }
    if systems.is_empty() {
        let place = Place::Path(directory.join(SYSTEMS));
        findings.push(Finding::warning(Code::Idle, place, "there is no system yet; add systems/NAME.toml"));
    }
    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    let configuration =
        hub.filter(|_| !failed).map(|hub| Configuration { directory: directory.to_owned(), hub, systems: assembled });
    Loaded { findings, configuration }
}

pub(super) fn read(path: &Path, findings: &mut Vec<Finding>) -> Option<SourceText> {
    let result = fs::metadata(path).and_then(|metadata| {
        if metadata.len() > FILE_BYTES_MAX {
            return Err(std::io::Error::other(format!(
                "it has {} bytes, and the limit is {FILE_BYTES_MAX}",
                metadata.len()
            )));
        }
        fs::read_to_string(path)
    });
    match result {
        Ok(text) => Some(SourceText { name: display_name(path), text }),
        Err(error) => {
            let message = if error.kind() == std::io::ErrorKind::NotFound && path.ends_with(HUB_FILE) {
                "is not there, so this is no directory of a hub; make one with `passerelle init DIR`".to_owned()
            } else {
                format!("cannot be read: {error}")
            };
            findings.push(Finding::error(Code::Unreadable, Place::Path(path.to_owned()), message));
            None
        }
    }
}

/// The path as people open it: `./` in front says nothing.
fn display_name(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

/// Reads a value as a type, and tells everything in it that the type does not have.
pub(super) fn read_as<T: DeserializeOwned + JsonSchema>(
    value: Value,
    place: &dyn Fn(&[Segment], Part) -> Place,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    let before = findings.len();
    let schema = serde_json::to_value(schemars::schema_for!(T)).unwrap_or_default();
    report(&schema, &value, &[], place, findings);
    if findings.len() > before {
        return None;
    }
    match serde_path_to_error::deserialize(value) {
        Ok(read) => Some(read),
        Err(error) => {
            let path = parse_path(&error.path().to_string());
            findings.push(Finding::error(Code::BadValue, place(&path, Part::Value), error.inner().to_string()));
            None
        }
    }
}

fn report(
    schema: &Value,
    value: &Value,
    prefix: &[&str],
    place: &dyn Fn(&[Segment], Part) -> Place,
    findings: &mut Vec<Finding>,
) {
    for misfit in misfits(schema, value) {
        let mut path: ValuePath = prefix.iter().map(|name| Segment::Field((*name).to_owned())).collect();
        path.extend(misfit.path);
        let finding = Finding::error(misfit.code, place(&path, misfit.part), misfit.message);
        findings.push(finding.with_suggestion(misfit.suggestion));
    }
}

/// A path as serde tells it: `streams.customers.files[2]`.
fn parse_path(text: &str) -> ValuePath {
    let mut path = Vec::new();
    for part in text.split('.').filter(|part| !part.is_empty()) {
        let (name, items) = part.split_once('[').map_or((part, ""), |(name, items)| (name, items));
        if !name.is_empty() {
            path.push(Segment::Field(name.to_owned()));
        }
        let items = items.split(['[', ']']).filter_map(|item| item.parse().ok());
        path.extend(items.map(Segment::Item));
    }
    path
}

fn read_systems(directory: &Path, registry: &Registry, findings: &mut Vec<Finding>) -> Vec<SystemSource> {
    let folder = directory.join(SYSTEMS);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            findings.push(Finding::error(Code::Unreadable, Place::Path(folder), format!("cannot be listed: {error}")));
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths.iter().filter_map(|path| read_system(path, registry, findings)).collect()
}

/// The names of the systems that have a file, right or wrong.
pub(super) fn system_names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory.join(SYSTEMS)).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

fn read_system(path: &Path, registry: &Registry, findings: &mut Vec<Finding>) -> Option<SystemSource> {
    let source = read(path, findings)?;
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
    lint::name("system", &name, Place::Path(path.to_owned()), findings);
    let before = findings.len();
    let toml = TomlSource::parse(source, findings);
    let syntax_is_sound = findings.len() == before;
    let value = toml.value.clone();
    let place =
        |path: &[Segment], part| toml.place(path, part).unwrap_or_else(|| Place::File(toml.source.clone(), 0..0));
    let file: Option<SystemFile> = if syntax_is_sound { read_as(value, &place, findings) } else { None };
    let connector = toml.value.get("connector").and_then(Value::as_object).filter(|_| syntax_is_sound);
    let (kind, connector) = match connector {
        Some(table) => read_connector(table.clone(), registry, &place, findings),
        None => (String::new(), None),
    };
    Some(SystemSource { name, file, connector, kind, toml })
}

fn read_connector(
    mut table: Map<String, Value>,
    registry: &Registry,
    place: &dyn Fn(&[Segment], Part) -> Place,
    findings: &mut Vec<Finding>,
) -> (String, Option<Value>) {
    let field = |name: &str| Segment::Field(name.to_owned());
    let known: Vec<&str> = registry.kinds().collect();
    let kind = match table.shift_remove("kind") {
        Some(Value::String(kind)) => kind,
        other => {
            let code = if other.is_some() { Code::WrongType } else { Code::MissingField };
            let message = format!("kind = \"…\" names the connector; there are {}", known.join(", "));
            findings.push(Finding::error(code, place(&[field("connector"), field("kind")], Part::Value), message));
            return (String::new(), None);
        }
    };
    let Some(schema) = registry.schema(&kind) else {
        let message = format!("there is no connector \"{kind}\"; there are {}", known.join(", "));
        let finding =
            Finding::error(Code::UnknownKind, place(&[field("connector"), field("kind")], Part::Value), message);
        findings.push(finding.suggesting(&kind, known));
        return (kind, None);
    };
    let before = findings.len();
    let value = Value::Object(table);
    report(&schema.to_value(), &value, &["connector"], place, findings);
    if findings.len() > before {
        return (kind, None);
    }
    if let Err(ConfigurationError::Field { path, reason }) = registry.configure(&kind, value.clone()).map(drop) {
        let mut full = vec![field("connector")];
        full.extend(parse_path(&path));
        findings.push(Finding::error(Code::BadValue, place(&full, Part::Value), reason));
        return (kind, None);
    }
    (kind, Some(value))
}
