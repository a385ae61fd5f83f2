//! A pack with the files that it is measured on.

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use canonical::entity::Operation;
use canonical::record::{Body, Record};
use connector::{Connector, Item, OpenContext, Outcome, Ports, Reference, Rendered};
use csv_drop::CsvDrop;
use mapping::{Format, Mapping};
use passerelle_tests::workspace;
use quick_xml::events::Event;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use xml_export::XmlExport;

use super::{library, support};

/// What is measured of a pack.
pub struct Input {
    /// `PACK/ENTITY`.
    pub pack: &'static str,
    /// The example's name.
    pub example: &'static str,
    /// The element that is repeated in one file, or `lines`; without one, the file is there so many times.
    pub repeated: Option<&'static str>,
    /// How many times the example is there.
    pub times: usize,
    /// What is counted.
    pub unit: &'static str,
}

/// A pack, its files, and what is in them.
pub struct Subject<'a> {
    /// What is measured.
    pub input: &'static Input,
    /// How many units the files have.
    pub units: usize,
    /// How many bytes they have.
    pub bytes: usize,
    runtime: &'a Runtime,
    mapping: Arc<Mapping>,
    settings: Value,
    files: Vec<Vec<u8>>,
    folder: TempDir,
    /// What the files say, as JSON, with its key.
    documents: Vec<(String, Value)>,
    events: Vec<Vec<Event<'static>>>,
    rows: Vec<csv::ByteRecord>,
}

impl<'a> Subject<'a> {
    /// Prepares the files of an input, and reads them once.
    pub fn new(input: &'static Input, runtime: &'a Runtime) -> Self {
        let (name, entity) = input.pack.split_once('/').unwrap();
        let pack = workspace().join("mappings").join(name);
        let mapping = support::pack(&format!("{name}/{entity}"));
        let example = fs::read_to_string(pack.join("examples").join(input.example)).unwrap();
        let (files, units) = multiply(&example, input);
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        for (number, file) in files.iter().enumerate() {
            fs::write(folder.path().join(format!("in/{number:04}.{}", mapping.format())), file).unwrap();
        }
        let is_xml = mapping.format() == Format::Xml;
        let mut subject = Subject {
            input,
            units,
            bytes: files.iter().map(Vec::len).sum(),
            runtime,
            settings: support::stream_settings(&pack),
            events: if is_xml { files.iter().map(|file| library::events(file)).collect() } else { Vec::new() },
            rows: if is_xml { Vec::new() } else { library::rows(&files[0]) },
            files,
            folder,
            documents: Vec::new(),
            mapping,
        };
        let mut documents = Vec::new();
        subject.each_document(|key, document| documents.push((key, document.to_json())));
        subject.documents = documents;
        subject
    }

    /// Whether the mapping is written at all.
    pub fn is_written(&self) -> bool {
        !self.mapping.writes().is_empty()
    }

    /// The library goes through the files' bytes, which are in memory.
    pub fn read_by_library(&self) {
        match self.mapping.format() {
            Format::Xml => self.files.iter().for_each(|file| library::read_xml(file)),
            _ => self.files.iter().for_each(|file| library::read_rows(file)),
        }
    }

    /// The library writes the same content to memory.
    pub fn write_by_library(&self) {
        match self.mapping.format() {
            Format::Xml => self.events.iter().for_each(|events| library::write_xml(events)),
            _ => library::write_rows(&self.rows),
        }
    }

    /// From the files of a folder to checked documents.
    pub fn read(&self) {
        self.each_document(|key, document| {
            assert!(canonical::rules::findings(&document).iter().all(|finding| !finding.is_fatal()));
            black_box((key, document));
        });
    }

    /// From documents to records.
    pub fn write_records(&self) {
        self.documents.iter().for_each(|(key, document)| drop(black_box(self.record(key, document))));
    }

    /// From documents to files in a folder.
    pub fn write_files(&self) {
        let changes: Vec<Rendered> = self.documents.iter().enumerate().map(|document| self.change(document)).collect();
        let folder = TempDir::new().unwrap();
        self.runtime.block_on(async {
            let mut target = self.open(&self.target(), folder.path()).await.target.unwrap();
            for outcome in target.apply("benchmark", &changes).await {
                assert!(matches!(outcome.unwrap(), Outcome::Applied { .. }));
            }
        });
    }

    fn record(&self, key: &str, document: &Value) -> Body {
        self.mapping.write(document, Some(key), None).unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    fn change(&self, (number, (key, document)): (usize, &(String, Value))) -> Rendered {
        let reference = Reference {
            entity: self.mapping.entity().clone(),
            master_id: format!("m{number}"),
            version: 1,
            local_key: Some(format!("{number:08}")),
        };
        let record = Record::from_body(self.record(key, document));
        Rendered { reference, operation: Operation::Upsert, record, previous: None }
    }

    /// The target's configuration: files as `passerelle convert` writes them.
    fn target(&self) -> Value {
        let target = match self.mapping.format() {
            Format::Xml => {
                let prefixes = self.mapping.stream_needs().namespaces.iter();
                let namespaces: BTreeMap<_, _> =
                    prefixes.filter_map(|(prefix, uris)| Some((prefix, uris.first()?))).collect();
                json!({ "folder": "out", "file": "{key}.xml", "namespaces": namespaces })
            }
            _ => json!({ "folder": "out", "file": "{batch}.csv", "delimiter": "\t", "quote": "" }),
        };
        json!({ "targets": { self.mapping.entity().name(): target } })
    }

    fn each_document(&self, mut each: impl FnMut(String, canonical::Document)) {
        let mut stream = json!({ "folder": "in", "settle_ms": 0, "files": ["*"], "archive": "keep" });
        for (name, value) in self.settings.as_object().unwrap() {
            stream[name] = value.clone();
        }
        let mut reader = self.mapping.reader();
        self.runtime.block_on(async {
            let configuration = json!({ "streams": { "stream": stream } });
            let ports = self.open(&configuration, self.folder.path()).await;
            let (mut source, mut after) = (ports.sources.into_values().next().unwrap(), None);
            while let Some(batch) = source.read(after.as_ref()).await.unwrap() {
                for item in batch.items {
                    let Item::Record(record) = item else { panic!("{}: {item:?}", self.input.pack) };
                    if reader.selects(&record.body) {
                        let reading = reader.read(&record.body).unwrap_or_else(|errors| panic!("{errors:?}"));
                        each(reading.key, reading.document);
                    }
                }
                after = Some(batch.checkpoint);
            }
        });
    }

    async fn open(&self, configuration: &Value, directory: &Path) -> Ports {
        let streams = BTreeMap::from([("stream".to_owned(), hub::stream_context(&self.mapping))]);
        let context = OpenContext { system: "benchmark".to_owned(), directory: directory.to_owned(), streams };
        match self.mapping.format() {
            Format::Xml => XmlExport::deserialize_from(configuration).open(&context).await.unwrap(),
            _ => CsvDrop::deserialize_from(configuration).open(&context).await.unwrap(),
        }
    }
}

/// A connector from its configuration.
trait DeserializeFrom: Connector {
    fn deserialize_from(configuration: &Value) -> Self {
        serde_json::from_value(configuration.clone()).unwrap()
    }
}

impl<C: Connector> DeserializeFrom for C {}

/// The example many times over: as so many files, or as one file with more in it. Counts the units, too.
fn multiply(example: &str, input: &Input) -> (Vec<Vec<u8>>, usize) {
    match input.repeated {
        None => (vec![example.as_bytes().to_vec(); input.times], input.times),
        Some("lines") => {
            let (header, lines) = example.split_once('\n').unwrap();
            let text = format!("{header}\n{}", lines.repeat(input.times));
            (vec![text.into_bytes()], lines.lines().count() * input.times)
        }
        Some(element) => {
            let (start, end) = (format!("<{element}>"), format!("</{element}>"));
            let (from, to) = (example.find(&start).unwrap(), example.rfind(&end).unwrap() + end.len());
            let repeated = &example[from..to];
            let text = format!("{}{}{}", &example[..from], repeated.repeat(input.times), &example[to..]);
            (vec![text.into_bytes()], repeated.matches(&start).count() * input.times)
        }
    }
}
