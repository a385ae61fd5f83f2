//! Mapping packs: those of the user's directory first, then the shipped ones.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use include_dir::{Dir, include_dir};
use mapping::{Mapping, Table};
use serde_json::Value;

use super::finding::{Code, Finding, Place, Severity};
use super::pack_files::{self, PackFiles};
use super::source::SourceText;

static SHIPPED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../mappings");

/// The folder of packs in the user's directory.
pub const FOLDER: &str = "mappings";

/// A mapping or table file.
type Files = BTreeMap<String, Arc<SourceText>>;

/// All mapping packs that a hub can use.
#[derive(Debug, Default)]
pub struct Packs {
    /// By name, `PACK/ENTITY`.
    mappings: Files,
    /// By place: a name for all packs, `PACK/NAME` for one.
    tables: Files,
    /// The layouts of files, by the name of their pack.
    layouts: Files,
    /// How files are read and written, by the name of their pack.
    files: Files,
    /// The names of mappings and tables that are the user's own.
    own: BTreeSet<String>,
}

/// A mapping with the findings that it was compiled with.
pub struct Compiled {
    /// The mapping, if it can be used.
    pub mapping: Option<Arc<Mapping>>,
    /// What is wrong with it, or deserves a look.
    pub findings: Vec<Finding>,
}

impl Packs {
    /// The shipped packs, and those of a user's directory, which go before them.
    pub fn load(directory: Option<&Path>, findings: &mut Vec<Finding>) -> Self {
        let mut packs = Packs::default();
        let mut files = Vec::new();
        shipped_files(&SHIPPED, &mut files);
        for (path, text) in files {
            packs.add(
                path,
                SourceText { name: format!("{FOLDER}/{} (shipped)", path.display()), text: text.to_owned() },
            );
        }
        let Some(folder) = directory.map(|directory| directory.join(FOLDER)).filter(|folder| folder.is_dir()) else {
            return packs;
        };
        let mut own = Vec::new();
        if let Err(error) = own_files(&folder, &folder, &mut own) {
            findings.push(Finding::error(Code::Unreadable, Place::Path(folder), format!("cannot be listed: {error}")));
        }
        for (path, inside) in own {
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let name = packs.add(&inside, SourceText { name: path.display().to_string(), text });
                    packs.own.extend(name);
                }
                Err(error) => {
                    findings.push(Finding::error(
                        Code::Unreadable,
                        Place::Path(path),
                        format!("cannot be read: {error}"),
                    ));
                }
            }
        }
        packs
    }

    /// Adds a file by its path inside the folder of packs; returns its name if it is a mapping or a table.
    fn add(&mut self, path: &Path, source: SourceText) -> Option<String> {
        let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
        let (files, name) = match parts[..] {
            ["tables", table] => (&mut self.tables, table.to_owned()),
            [pack, "tables", table] => (&mut self.tables, format!("{pack}/{table}")),
            [pack, "layout.toml"] => (&mut self.layouts, format!("{pack}.toml")),
            [pack, pack_files::NAME] => (&mut self.files, format!("{pack}.toml")),
            // How a system with this pack is configured, for people to copy.
            [_, "system.example.toml"] => return None,
            [pack, mapping] => (&mut self.mappings, format!("{pack}/{mapping}")),
            _ => return None,
        };
        let name = name.strip_suffix(".toml")?.to_owned();
        files.insert(name.clone(), Arc::new(source));
        Some(name)
    }

    /// The names of all mappings.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.mappings.keys().map(String::as_str)
    }

    /// The names of the mappings that are the user's own.
    pub fn own_names(&self) -> impl Iterator<Item = &str> {
        self.own.iter().filter(|name| self.mappings.contains_key(*name)).map(String::as_str)
    }

    /// The layout of a pack's files, as the settings of a connector have it; `None` when the pack has none.
    pub fn layout(&self, pack: &str) -> Option<Result<Value, Finding>> {
        let source = self.layouts.get(pack)?;
        let parsed = toml::from_str::<Value>(&source.text).map_err(|error| {
            let place = Place::File(source.clone(), error.span().unwrap_or(0..0));
            Finding::error(Code::Syntax, place, error.message().to_owned())
        });
        Some(parsed)
    }

    /// The names of the packs that have a layout.
    pub fn layout_names(&self) -> impl Iterator<Item = &str> {
        self.layouts.keys().map(String::as_str)
    }

    /// How a pack's files are read and written; `None` when the pack does not say.
    pub fn files(&self, pack: &str) -> Option<Result<PackFiles, Finding>> {
        self.files.get(pack).map(PackFiles::parse)
    }

    /// Reports every pack that says in a wrong way how its files are read and written.
    pub(super) fn check_files(&self, findings: &mut Vec<Finding>) {
        findings.extend(self.files.values().filter_map(|source| PackFiles::parse(source).err()));
    }

    /// The beginning of the file in which a pack says how its files are read and written.
    pub(super) fn files_place(&self, pack: &str) -> Place {
        let path = || Place::Path(Path::new(FOLDER).join(pack).join(pack_files::NAME));
        self.files.get(pack).map_or_else(path, |source| Place::File(source.clone(), 0..0))
    }

    /// All files of a shipped pack, by their paths inside the folder of packs; `None` when no pack of this name is shipped.
    pub fn shipped(pack: &str) -> Option<Vec<(&'static Path, &'static [u8])>> {
        let mut files = Vec::new();
        let mut folders = vec![SHIPPED.dirs().find(|folder| folder.path() == Path::new(pack))?];
        while let Some(folder) = folders.pop() {
            files.extend(folder.files().map(|file| (file.path(), file.contents())));
            folders.extend(folder.dirs());
        }
        files.sort_unstable_by_key(|(path, _)| *path);
        Some(files)
    }

    /// The names of the shipped packs.
    pub fn shipped_names() -> impl Iterator<Item = &'static str> {
        SHIPPED.dirs().filter_map(|folder| folder.path().to_str())
    }

    /// The files in the folder of examples of a shipped pack: their names and contents.
    pub fn shipped_examples(pack: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
        let folder = SHIPPED.get_dir(format!("{pack}/examples"));
        let files = folder.into_iter().flat_map(Dir::files);
        files.filter_map(|file| Some((file.path().file_name()?.to_str()?, file.contents())))
    }

    /// Compiles a mapping; `None` when there is none of this name.
    pub fn compile(&self, name: &str) -> Option<Compiled> {
        let source = self.mappings.get(name)?;
        let pack = name.split_once('/').map_or("", |(pack, _)| pack);
        Some(self.compile_source(pack, &format!("{FOLDER}/{name}.toml"), source))
    }

    /// Compiles a mapping file that stands anywhere, with the tables of a pack.
    pub fn compile_source(&self, pack: &str, name: &str, source: &Arc<SourceText>) -> Compiled {
        let (tables, mut findings) = self.tables(pack);
        match Mapping::compile(name, &source.text, &tables) {
            Ok(mapping) => {
                findings.extend(mapping.warnings().iter().map(|warning| from_diagnostic(warning, source)));
                Compiled { mapping: Some(Arc::new(mapping)), findings }
            }
            Err(errors) => {
                findings.extend(errors.iter().map(|error| from_diagnostic(error, source)));
                Compiled { mapping: None, findings }
            }
        }
    }

    /// The named tables that a pack can use: its own go before those for all packs.
    fn tables(&self, pack: &str) -> (BTreeMap<String, Arc<Table>>, Vec<Finding>) {
        let mut tables = BTreeMap::new();
        let mut findings = Vec::new();
        // Names without a pack come first where both are parsed, so that the pack's own replace them.
        let (own, general): (Vec<_>, Vec<_>) = self.tables.iter().partition(|(name, _)| name.contains('/'));
        for (name, source) in general.into_iter().chain(own) {
            let short = match name.split_once('/') {
                None => name.as_str(),
                Some((owner, short)) if owner == pack => short,
                Some(_) => continue,
            };
            match Table::parse(&source.name, &source.text) {
                Ok(table) => {
                    tables.insert(short.to_owned(), Arc::new(table));
                }
                Err(errors) => findings.extend(errors.iter().map(|error| from_diagnostic(error, source))),
            }
        }
        (tables, findings)
    }
}

fn from_diagnostic(diagnostic: &mapping::Diagnostic, source: &Arc<SourceText>) -> Finding {
    let severity = match diagnostic.severity {
        mapping::Severity::Error => Severity::Error,
        mapping::Severity::Warning => Severity::Warning,
    };
    Finding {
        code: Code::BadMapping,
        severity,
        place: Place::File(source.clone(), diagnostic.span.clone()),
        message: diagnostic.message.clone(),
        suggestion: diagnostic.suggestion.clone(),
    }
}

fn shipped_files(folder: &'static Dir<'static>, files: &mut Vec<(&'static Path, &'static str)>) {
    files.extend(folder.files().filter_map(|file| Some((file.path(), file.contents_utf8()?))));
    for inner in folder.dirs().filter(|inner| inner.path().file_name().is_none_or(|name| name != "examples")) {
        shipped_files(inner, files);
    }
}

/// The `.toml` files of the user's packs: their paths, and those inside the folder of packs.
fn own_files(root: &Path, folder: &Path, files: &mut Vec<(PathBuf, PathBuf)>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "examples")
                && path.components().count() < root.components().count() + 4
            {
                own_files(root, &path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "toml")
            && let Ok(inside) = path.strip_prefix(root)
        {
            files.push((path.clone(), inside.to_owned()));
        }
    }
    files.sort();
    Ok(())
}
