//! Packs as the binary loads them, and files as the connectors read them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use canonical::record::{Body, Json, Record};
use connector::{Connector, Item, OpenContext, Source};
use csv_drop::CsvDrop;
use hub::stream_context;
use layout_drop::LayoutDrop;
use mapping::{Format, Mapping, Table};
use passerelle_tests::workspace;
use serde_json::{Value, json};
use xml_export::XmlExport;

/// One mapping of a pack.
pub struct Pack {
    /// `PACK/ENTITY`.
    pub name: String,
    /// The pack's folder.
    pub folder: PathBuf,
    /// The mapping, compiled with the pack's tables.
    pub mapping: Arc<Mapping>,
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

/// Whether a file of a pack is a mapping; the layout and the settings of its files and the example of a system are none.
fn is_mapping(path: &Path) -> bool {
    is_toml(path) && !["files.toml", "layout.toml", "system.example.toml"].iter().any(|other| path.ends_with(other))
}

/// The tables of all packs, and those of one, which go before them.
fn tables(folder: &Path) -> BTreeMap<String, Arc<Table>> {
    let mut tables = BTreeMap::new();
    for folder in [workspace().join("mappings/tables"), folder.join("tables")] {
        for path in entries(&folder).into_iter().filter(|path| is_toml(path)) {
            let text = fs::read_to_string(&path).unwrap();
            let table = Table::parse(path.to_str().unwrap(), &text).unwrap_or_else(|found| panic!("{found:?}"));
            tables.insert(stem(&path), Arc::new(table));
        }
    }
    tables
}

/// Names one pack, for whoever works on it: only its mappings are held against their examples.
const ONE: &str = "PACK";

/// Every mapping below `mappings/`; each must compile without a warning.
pub fn packs() -> Vec<Pack> {
    let one = std::env::var_os(ONE);
    let folders = entries(&workspace().join("mappings"));
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        path.is_dir() && name != "tables" && one.as_deref().is_none_or(|one| one == name)
    };
    folders.iter().filter(|path| is_wanted(path)).flat_map(|folder| packs_in(folder)).collect()
}

/// The mappings of one folder.
fn packs_in(folder: &Path) -> Vec<Pack> {
    entries(folder).into_iter().filter(|path| is_mapping(path)).map(|path| compile(folder, &path)).collect()
}

/// A mapping of a folder, which must compile without a warning.
fn compile(folder: &Path, path: &Path) -> Pack {
    let name = format!("{}/{}", folder.file_name().unwrap().to_str().unwrap(), stem(path));
    let text = fs::read_to_string(path).unwrap();
    let mapping = Mapping::compile(&format!("{name}.toml"), &text, &tables(folder))
        .unwrap_or_else(|found| panic!("{}", found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")));
    let warnings: Vec<String> = mapping.warnings().iter().map(ToString::to_string).collect();
    assert!(warnings.is_empty(), "{}", warnings.join("\n"));
    Pack { name, folder: folder.to_path_buf(), mapping: Arc::new(mapping) }
}

/// The mapping of one pack.
pub fn pack(name: &str) -> Arc<Mapping> {
    let path = workspace().join("mappings").join(format!("{name}.toml"));
    compile(path.parent().unwrap(), &path).mapping
}

/// The files with records of a mapping: `examples/ENTITY*.EXT`.
/// In a pack with a layout the extension is the product's own, such as `iif`.
pub fn examples(pack: &Pack) -> Vec<PathBuf> {
    let entity = pack.name.rsplit('/').next().unwrap();
    let extension = pack.mapping.format().to_string();
    let has_layout = pack.mapping.format() == Format::Csv && pack.folder.join("layout.toml").is_file();
    let is_example = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let rest = name.strip_prefix(entity).unwrap_or_default();
        let fits = path.extension().is_some_and(|found| {
            *found == *extension || has_layout && !["json", "toml"].iter().any(|other| found == *other)
        });
        rest.starts_with(['.', '-']) && !name.ends_with(".expected.json") && fits
    };
    entries(&pack.folder.join("examples")).into_iter().filter(is_example).collect()
}

/// Where the documents stand that an example must give.
pub fn expected(example: &Path) -> PathBuf {
    let is_json = example.extension().is_some_and(|extension| extension == "json");
    example.with_extension(if is_json { "expected.json" } else { "json" })
}

/// The connector's settings for a pack's examples: what the pack says of its files, `examples/stream.toml`, which goes
/// before that, and the pack's layout.
pub fn stream_settings(folder: &Path) -> Value {
    let read = |name: &str| {
        let text = fs::read_to_string(folder.join(name)).ok()?;
        Some(serde_json::to_value(toml::from_str::<toml::Table>(&text).unwrap()).unwrap())
    };
    let layout = read("layout.toml");
    let files = read("files.toml").unwrap_or_default();
    let kind = if layout.is_some() { "layout-drop" } else { "csv-drop" };
    let mut settings = files.get(kind).and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(Value::Object(read_only)) = settings.remove("read") {
        settings.extend(read_only);
    }
    settings.remove("write");
    if let Some(Value::Object(own)) = read("examples/stream.toml") {
        settings.extend(own);
    }
    settings.extend(layout.map(|layout| ("layout".to_owned(), layout)));
    Value::Object(settings)
}

/// Reads a file through the connector of its format.
pub async fn items(mapping: &Mapping, file: &Path, settings: &Value) -> Vec<Item> {
    if mapping.format() == Format::Json {
        return json_records(mapping, file).into_iter().map(Item::Record).collect();
    }
    let directory = tempfile::tempdir().unwrap();
    let pick_up = directory.path().join("in");
    fs::create_dir(&pick_up).unwrap();
    fs::copy(file, pick_up.join(file.file_name().unwrap())).unwrap();
    let mut stream = json!({ "folder": "in", "settle_ms": 0, "files": ["*"] });
    for (name, value) in settings.as_object().unwrap() {
        stream[name] = value.clone();
    }
    let configuration = json!({ "streams": { "examples": stream } });
    let streams = BTreeMap::from([("examples".to_owned(), stream_context(mapping))]);
    let context = OpenContext { system: "examples".to_owned(), directory: directory.path().to_owned(), streams };
    let ports = match mapping.format() {
        Format::Csv if settings.get("layout").is_some() => {
            serde_json::from_value::<LayoutDrop>(configuration).unwrap().open(&context).await
        }
        Format::Csv => serde_json::from_value::<CsvDrop>(configuration).unwrap().open(&context).await,
        Format::Xml => serde_json::from_value::<XmlExport>(configuration).unwrap().open(&context).await,
        Format::Json => unreachable!("JSON is read above"),
    };
    drain(ports.unwrap().sources.remove("examples").unwrap()).await
}

async fn drain(mut source: Box<dyn Source>) -> Vec<Item> {
    let (mut items, mut after) = (Vec::new(), None);
    while let Some(batch) = source.read(after.as_ref()).await.unwrap() {
        items.extend(batch.items);
        after = Some(batch.checkpoint);
    }
    items
}

fn json_records(mapping: &Mapping, file: &Path) -> Vec<Record> {
    let whole = Json::read(&fs::read_to_string(file).unwrap()).unwrap();
    let path = mapping.stream_needs().record_paths.first();
    let found = match path {
        Some(path) => path.split('.').fold(&whole, |value, name| value.get(name).unwrap()).clone(),
        None => whole,
    };
    let found = match found {
        Json::Array(items) => items,
        single => vec![single],
    };
    found.into_iter().map(|value| Record::from_body(Body::Json(value))).collect()
}

/// The records of a file that the mapping is for; none may be rejected.
pub async fn records(mapping: &Arc<Mapping>, file: &Path, settings: &Value) -> Vec<Record> {
    let items = items(mapping, file, settings).await;
    let mut reader = mapping.reader();
    let records = items.into_iter().map(|item| match item {
        Item::Record(record) => record,
        Item::Reject(reject) => panic!("{}: {} {}", file.display(), reject.code, reject.reason),
    });
    records.filter(|record| reader.selects(&record.body)).collect()
}

/// What a record says, as JSON: key, document, embedded documents by the field they fill, and what no line reads.
pub fn reading(mapping: &Arc<Mapping>, record: &Record) -> Value {
    let reading = mapping.reader().read_with_unmapped(&record.body).unwrap_or_else(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}: {}", record.place, errors.join("\n"))
    });
    let mut shown = json!({ "key": reading.key, "document": reading.document.to_json() });
    for embedded in &reading.embedded {
        shown[&*embedded.field] = embedded.document.to_json();
    }
    if !reading.unmapped.is_empty() {
        shown["unmapped"] = json!(reading.unmapped);
    }
    shown
}
