//! Documents in another format, written by the connector of the mapping's format.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use canonical::entity::Operation;
use canonical::record::{Body, Record};
use connector::{OpenContext, Outcome, Reference, Rendered};
use mapping::{DataError, Format, Mapping};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::configuration::registry;
use crate::failure::Failure;
use crate::output;

/// Gathers records, and writes them to standard output at the end.
pub struct Writer {
    mapping: Arc<Mapping>,
    records: Vec<Body>,
}

impl Writer {
    /// A writer for a mapping.
    pub fn new(mapping: Arc<Mapping>) -> Self {
        Writer { mapping, records: Vec::new() }
    }

    /// Adds a document.
    ///
    /// # Errors
    /// Every value that the format cannot take.
    pub fn add(&mut self, document: &Value, key: &str) -> Result<(), Vec<DataError>> {
        let body = self.mapping.write(document, Some(key), None)?;
        self.records.push(body);
        Ok(())
    }

    /// Writes everything; returns whether something was refused.
    ///
    /// # Errors
    /// When the working folder cannot be used.
    pub async fn finish(self) -> Result<bool, Failure> {
        let entity = self.mapping.entity().clone();
        let (kind, target) = match self.mapping.format() {
            Format::Json => {
                for body in &self.records {
                    if let Body::Json(value) = body {
                        output::json_line(value);
                    }
                }
                return Ok(false);
            }
            Format::Csv => ("csv-drop", json!({ "folder": "out", "file": "{batch}.csv" })),
            // Each document is a file of its own; the mapping's prefixes are what readers are used to.
            Format::Xml => {
                let prefixes = self.mapping.stream_needs().namespaces.iter();
                let namespaces: BTreeMap<&String, &String> =
                    prefixes.filter_map(|(prefix, uris)| Some((prefix, uris.first()?))).collect();
                ("xml-export", json!({ "folder": "out", "file": "{key}.xml", "namespaces": namespaces }))
            }
        };
        if self.records.is_empty() {
            return Ok(false);
        }
        let folder = TempDir::new()
            .map_err(|error| Failure::unreachable("cli.file", format!("a working folder cannot be made: {error}")))?;
        let table = json!({ "targets": { entity.name(): target } });
        let configured = registry()
            .configure(kind, table)
            .map_err(|error| Failure::bug(format!("a target for convert cannot be configured: {error}")))?;
        let context =
            OpenContext { system: "convert".to_owned(), directory: folder.path().to_owned(), ..OpenContext::default() };
        let mut ports = configured.open(&context).await?;
        let Some(target) = ports.target.as_mut() else {
            return Err(Failure::bug("a target for convert was not opened"));
        };
        let changes: Vec<Rendered> = self
            .records
            .into_iter()
            .enumerate()
            .map(|(index, body)| Rendered {
                reference: Reference {
                    entity: entity.clone(),
                    master_id: format!("m{}", index + 1),
                    version: 1,
                    // Names of files, so that they are printed in the order of the records.
                    local_key: Some(format!("{index:010}")),
                },
                operation: Operation::Upsert,
                record: Record::from_body(body),
                previous: None,
            })
            .collect();
        let mut refused = false;
        for result in target.apply("convert", &changes).await {
            match result? {
                Outcome::Applied { .. } => {}
                Outcome::Rejected(reject) => {
                    refused = true;
                    output::note(format!("refused: {} [{}]", reject.reason, reject.code));
                }
                Outcome::Unknown => return Err(Failure::bug("a file was written or not, and nobody knows")),
            }
        }
        for path in written(&folder.path().join("out"))? {
            let bytes = fs::read(&path).map_err(|error| Failure::file("cannot be read", &path, &error))?;
            output::raw(&bytes);
        }
        Ok(refused)
    }
}

/// The files that appeared, by name.
fn written(folder: &std::path::Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| Failure::file("cannot be listed", folder, &error);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).map_err(unreadable)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths)
}
