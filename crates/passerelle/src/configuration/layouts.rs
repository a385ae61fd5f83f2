//! The layouts that packs ship: a connector's `layout = "PACK"` becomes the pack's layout.

use connector::{ConfigurationError, Registry};
use serde_json::Value;

use super::finding::{Code, Finding};
use super::load::SystemSource;
use super::packs::Packs;
use super::source::Part;

/// The connector whose files have layouts.
pub const KIND: &str = "layout-drop";

/// Replaces the names of layouts by the layouts of the packs, in every stream and target of the systems.
pub(super) fn expand(systems: &mut [SystemSource], packs: &Packs, registry: &Registry, findings: &mut Vec<Finding>) {
    for system in systems.iter_mut().filter(|system| system.kind == KIND) {
        let Some(mut connector) = system.connector.take() else { continue };
        let before = findings.len();
        for group in ["streams", "targets"] {
            let tables = connector.get_mut(group).and_then(Value::as_object_mut);
            for (name, table) in tables.into_iter().flatten() {
                let Some(Value::String(pack)) = table.get("layout") else { continue };
                let place = || system.place(&["connector", group, name, "layout"], Part::Value);
                match packs.layout(pack) {
                    Some(Ok(layout)) => table["layout"] = layout,
                    Some(Err(finding)) if findings.contains(&finding) => {}
                    Some(Err(finding)) => findings.push(finding),
                    None => {
                        let message = format!("there is no layout \"{pack}\"; it would be mappings/{pack}/layout.toml");
                        let finding = Finding::error(Code::BadValue, place(), message);
                        findings.push(finding.suggesting(pack, packs.layout_names()));
                    }
                }
            }
        }
        if findings.len() == before
            && let Err(ConfigurationError::Field { path, reason }) =
                registry.configure(KIND, connector.clone()).map(drop)
        {
            let table: Vec<&str> = std::iter::once("connector").chain(path.split('.').take(3)).collect();
            let place = system.place(&table, Part::Value);
            findings.push(Finding::error(Code::BadValue, place, format!("{path}: {reason}")));
        }
        if findings.len() == before {
            system.connector = Some(connector);
        }
    }
}

#[cfg(test)]
mod tests;
