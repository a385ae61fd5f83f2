//! The examples of a mapping: those of the user's directory, or else the shipped ones, as the connector reads them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use canonical::record::Record;
use connector::Item;
use mapping::{Format, Mapping, Reader};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::commands::convert::reader::{Dialect, FileReader, Manner, kind_of};
use crate::configuration::{PACKS_FOLDER, Packs, Way};
use crate::failure::Failure;

/// The ending of what an example must give, where the example itself ends with `.json`.
const EXPECTED: &str = ".expected.json";

/// The examples of one mapping.
pub struct Examples {
    folder: PathBuf,
    /// Shipped examples are laid out in a folder of their own, which goes with them.
    _shipped: Option<TempDir>,
    /// The user's own can be written to.
    pub is_own: bool,
    files: Vec<PathBuf>,
    manner: Manner,
}

/// One example, read.
pub struct Example {
    /// The name of its file.
    pub name: String,
    /// Its records that the mapping is for.
    pub records: Vec<Record>,
    /// What could not be read as a record, each with its place.
    pub rejects: Vec<String>,
    /// Where that stands which it must give.
    pub expected: PathBuf,
}

impl Examples {
    /// Finds the examples of a mapping.
    ///
    /// # Errors
    /// A folder or settings that cannot be read.
    pub fn of(packs: &Packs, directory: &Path, name: &str, mapping: &Mapping) -> Result<Self, Failure> {
        let (pack, entity) = name.split_once('/').unwrap_or((name, ""));
        let own = directory.join(PACKS_FOLDER).join(pack).join("examples");
        let is_own = own.is_dir();
        let shipped = if is_own { None } else { Some(laid_out(pack)?) };
        let folder = shipped.as_ref().map_or(own, |folder| folder.path().to_owned());
        let unreadable = |error: std::io::Error| Failure::file("cannot be listed", &folder, &error);
        let mut files: Vec<PathBuf> =
            fs::read_dir(&folder).map_err(unreadable)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        let has_layout = packs.layout(pack).is_some();
        files.retain(|path| is_example(path, entity, mapping.format(), has_layout));
        files.sort();
        let manner = manner(packs, name, &folder, mapping.format())?;
        Ok(Examples { folder, _shipped: shipped, is_own, files, manner })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Reads every example.
    ///
    /// # Errors
    /// A file that cannot be read at all.
    pub async fn read(&self, mapping: &Arc<Mapping>) -> Result<Vec<Example>, Failure> {
        let mut read = Vec::new();
        for path in &self.files {
            let name = file_name(path).to_owned();
            let stem = name.rsplit_once('.').map_or(&*name, |(stem, _)| stem);
            let ending = if name.ends_with(".json") { EXPECTED } else { ".json" };
            let mut example = Example {
                expected: self.folder.join(format!("{stem}{ending}")),
                name,
                records: Vec::new(),
                rejects: Vec::new(),
            };
            example.fill(path, mapping, &self.manner).await?;
            read.push(example);
        }
        Ok(read)
    }
}

impl Example {
    async fn fill(&mut self, path: &Path, mapping: &Arc<Mapping>, manner: &Manner) -> Result<(), Failure> {
        let mut selecting: Reader = mapping.reader();
        let mut file = FileReader::open(path, mapping, manner).await?;
        while let Some(items) = file.next().await? {
            for item in items {
                match item {
                    Item::Record(record) if selecting.selects(&record.body) => self.records.push(record),
                    Item::Record(_) => {}
                    Item::Reject(reject) => {
                        self.rejects.push(format!("{}: {} [{}]", reject.place, reject.reason, reject.code));
                    }
                }
            }
        }
        Ok(())
    }
}

/// The shipped examples of a pack, in a folder of their own.
fn laid_out(pack: &str) -> Result<TempDir, Failure> {
    let broken =
        |error: std::io::Error| Failure::unreachable("cli.file", format!("a working folder cannot be made: {error}"));
    let folder = TempDir::new().map_err(broken)?;
    for (name, content) in Packs::shipped_examples(pack) {
        fs::write(folder.path().join(name), content).map_err(broken)?;
    }
    Ok(folder)
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Whether a file is `ENTITY.EXT` or `ENTITY-WORD.EXT` in the mapping's format.
/// In a pack with a layout the extension is the product's own, such as `iif`.
fn is_example(path: &Path, entity: &str, format: Format, has_layout: bool) -> bool {
    let name = file_name(path);
    let is_named = name.strip_prefix(entity).is_some_and(|rest| rest.starts_with(['.', '-']));
    let ending = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let is_own = has_layout && format == Format::Csv && !["json", "toml"].contains(&ending);
    is_named && !name.ends_with(EXPECTED) && (is_own || *ending == *format.to_string())
}

/// How the examples are read: as `stream.toml` beside them says, else as their pack says of its files.
fn manner(packs: &Packs, name: &str, folder: &Path, format: Format) -> Result<Manner, Failure> {
    if format == Format::Json {
        return Ok(Manner::Told(Dialect::of_pack(packs, name)?));
    }
    let layout = super::layout(packs, name)?;
    let kind = kind_of(format, layout.is_some());
    let mut table = super::files(packs, name)?.settings(kind, Way::Read);
    let settings = folder.join("stream.toml");
    if let Ok(text) = fs::read_to_string(&settings) {
        let own: Map<String, Value> = toml::from_str(&text)
            .map_err(|error| Failure::usage("cli.file", format!("{}: {}", settings.display(), error.message())))?;
        table.extend(own);
    }
    if let Some(layout) = layout.filter(|_| kind == "layout-drop") {
        table.entry("layout").or_insert(json!(layout));
    }
    Ok(Manner::AsStream { kind: kind.to_owned(), table })
}
