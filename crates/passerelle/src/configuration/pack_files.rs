//! How the files of a pack are read and written: `mappings/PACK/files.toml`, which goes before a connector's own defaults.

use std::collections::BTreeMap;
use std::sync::Arc;

use connector::{ConfigurationError, Registry};
use serde_json::{Map, Value};

use super::finding::{Code, Finding, Place};
use super::load::SystemSource;
use super::packs::Packs;
use super::registry;
use super::source::SourceText;

/// The name of the file in the folder of a pack.
pub const NAME: &str = "files.toml";

/// Which way files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// They are read: the settings are those of a stream.
    Read,
    /// They are written: the settings are those of a target.
    Write,
}

impl Way {
    /// The name of the table for files that go this way only.
    fn table(self) -> &'static str {
        match self {
            Way::Read => "read",
            Way::Write => "write",
        }
    }

    /// The table of a connector whose settings they are.
    fn group(self) -> &'static str {
        match self {
            Way::Read => "streams",
            Way::Write => "targets",
        }
    }
}

/// The settings of a pack's files, by kind of connector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PackFiles {
    kinds: BTreeMap<String, Map<String, Value>>,
}

impl PackFiles {
    /// Reads the settings; each table is named after a kind of connector.
    ///
    /// # Errors
    /// Text that is no TOML, or a table of a kind that there is not.
    pub(super) fn parse(source: &Arc<SourceText>) -> Result<Self, Finding> {
        let whole = || Place::File(source.clone(), 0..0);
        let kinds: BTreeMap<String, Map<String, Value>> = toml::from_str(&source.text).map_err(|error| {
            let place = error.span().map_or_else(whole, |span| Place::File(source.clone(), span));
            Finding::error(Code::Syntax, place, error.message().to_owned())
        })?;
        let registry = registry();
        let known: Vec<&str> = registry.kinds().collect();
        if let Some(kind) = kinds.keys().find(|kind| !known.contains(&kind.as_str())) {
            let at = source.text.find(&format!("[{kind}")).map_or(0, |at| at + 1);
            let place = Place::File(source.clone(), at..at + kind.len());
            let message = format!("there is no connector \"{kind}\"; each table here is one, such as [csv-drop]");
            return Err(Finding::error(Code::UnknownKind, place, message).suggesting(kind, known));
        }
        Ok(PackFiles { kinds })
    }

    /// The settings of a connector for files that go one way: those of both ways, and those of this one, which go first.
    pub fn settings(&self, kind: &str, way: Way) -> Map<String, Value> {
        let Some(table) = self.kinds.get(kind) else { return Map::new() };
        let mut settings = table.clone();
        settings.retain(|name, _| name != Way::Read.table() && name != Way::Write.table());
        if let Some(own) = table.get(way.table()).and_then(Value::as_object) {
            settings.extend(own.clone());
        }
        settings
    }
}

/// Gives the streams and targets of all systems what the packs of their mappings say about their files; what a system says
/// itself stays.
pub(super) fn fill(systems: &mut [SystemSource], packs: &Packs, registry: &Registry, findings: &mut Vec<Finding>) {
    packs.check_files(findings);
    for system in systems {
        let Some(mut connector) = system.connector.take() else { continue };
        let filled = fill_connector(system, &mut connector, packs);
        if let Some(pack) = filled
            && let Err(ConfigurationError::Field { path, reason }) =
                registry.configure(&system.kind, connector.clone()).map(drop)
        {
            let place = packs.files_place(&pack);
            let message = format!("it does not fit {path} of systems/{}.toml: {reason}", system.name);
            findings.push(Finding::error(Code::BadValue, place, message));
            continue;
        }
        system.connector = Some(connector);
    }
}

/// Fills the tables of one connector; the pack that had something to say last.
fn fill_connector(system: &SystemSource, connector: &mut Value, packs: &Packs) -> Option<String> {
    let file = system.file.as_ref()?;
    let streams = file.streams.iter().map(|(name, stream)| (Way::Read, name, &stream.mapping));
    let targets = file.subscriptions.iter().map(|(name, fed)| (Way::Write, name, &fed.mapping));
    let mut filled = None;
    for (way, name, mapping) in streams.chain(targets) {
        let pack = mapping.split('/').next().unwrap_or_default();
        let Some(Ok(files)) = packs.files(pack) else { continue };
        let table = connector.get_mut(way.group()).and_then(|tables| tables.get_mut(name));
        let Some(table) = table.and_then(Value::as_object_mut) else { continue };
        for (field, value) in files.settings(&system.kind, way) {
            if !table.contains_key(&field) {
                table.insert(field, value);
                filled = Some(pack.to_owned());
            }
        }
    }
    filled
}

#[cfg(test)]
mod tests;
