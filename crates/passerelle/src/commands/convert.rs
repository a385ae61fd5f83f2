//! `passerelle convert`: files to canonical documents, and on to another format; no hub is needed.

pub(super) mod reader;
mod writer;

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use canonical::rules;
use connector::Item;
use mapping::{Control, DataError, EmbeddedReading, GROUPS_MAX, Mapping, Reader, Reading};
use serde_json::Value;

use self::reader::{Dialect, FileReader, Manner};
use self::writer::{Form, Writer};
use super::collect::quiet_log;
use super::mappings;
use crate::cli::Convert;
use crate::configuration::Packs;
use crate::failure::{Exit, Failure};
use crate::output::{self, counted};

/// Converts files.
///
/// # Errors
/// An unknown mapping, a file that is none, or options that do not fit.
pub async fn convert(arguments: &Convert) -> Result<Exit, Failure> {
    crate::log::install(&quiet_log());
    let packs = mappings::packs(&arguments.dir);
    let (from, manner) = reading(&packs, arguments)?;
    let to = arguments.to.as_deref().map(|name| mappings::compile(&packs, name)).transpose()?;
    let embedded = to.as_ref().map_or(Ok(None), |to| shared_entity(&from, to))?;
    let writer = to.map(|to| writer(&packs, arguments, to)).transpose()?;
    for file in &arguments.files {
        reader::require_file(file)?;
    }
    let mut conversion = Conversion {
        reader: from.reader(),
        writer,
        embedded,
        written: HashSet::new(),
        with_unmapped: !arguments.no_unmapped,
        strict: arguments.strict,
        unmapped: BTreeMap::new(),
        control: from.control(GROUPS_MAX),
        differs: false,
        file: String::new(),
    };
    for file in &arguments.files {
        conversion.file = file.display().to_string();
        let mut records = FileReader::open(file, &from, &manner).await?;
        let mut is_empty = true;
        while let Some(items) = records.next().await? {
            is_empty &= items.is_empty();
            for item in &items {
                conversion.item(item);
                conversion.write(Writer::is_full).await?;
            }
            // Few records can be large ones, so that nothing is held longer than what it was read with.
            conversion.write(|_| true).await?;
        }
        if is_empty {
            output::note(format!("{}: there is no record in it", conversion.file));
        }
        conversion.tell_unmapped();
        conversion.tell_control();
    }
    let has_refused = conversion.writer.as_ref().is_some_and(|writer| writer.has_refused);
    Ok(if conversion.differs || has_refused { Exit::Differs } else { Exit::Done })
}

/// What both mappings are for: `None` for the records' own documents, else the field of the documents that they embed.
///
/// # Errors
/// Two mappings that share no entity, or a second one that only reads.
fn shared_entity(from: &Mapping, to: &Mapping) -> Result<Option<Arc<str>>, Failure> {
    if to.only_reads() {
        let message = format!("\"{}\" only reads; --to needs a mapping whose lines write", to.name());
        return Err(Failure::usage("config.unfit-mapping", message));
    }
    if from.entity() == to.entity() {
        return Ok(None);
    }
    let embedded = from.embedded().iter().find(|embedded| embedded.mapping.entity() == to.entity());
    embedded.map(|embedded| Some(Arc::clone(&embedded.field))).ok_or_else(|| {
        let message = format!(
            "\"{}\" is a mapping for \"{}\" and \"{}\" one for \"{}\"; both must be for one entity, or the first must \
             embed documents of the second's",
            from.name(),
            from.entity(),
            to.name(),
            to.entity()
        );
        Failure::usage("config.unfit-mapping", message)
    })
}

/// The mapping that reads the files, and how their text is read.
fn reading(packs: &Packs, arguments: &Convert) -> Result<(Arc<Mapping>, Manner), Failure> {
    if let Some(stream) = &arguments.stream {
        return reader::as_stream(&arguments.dir, stream);
    }
    let name = arguments.from.as_deref().unwrap_or_default();
    let mapping = mappings::compile(packs, name)?;
    let dialect = Dialect {
        encoding: arguments.encoding.clone(),
        delimiter: arguments.delimiter,
        quote: arguments.quote.clone(),
        ..Dialect::of_pack(packs, name)?
    };
    Ok((mapping, Manner::Told(dialect)))
}

/// What writes the documents: as the pack says, unless the user says otherwise.
fn writer(packs: &Packs, arguments: &Convert, to: Arc<Mapping>) -> Result<Writer, Failure> {
    let name = arguments.to.as_deref().unwrap_or_default();
    let form = Form {
        encoding: arguments.to_encoding.clone(),
        delimiter: arguments.to_delimiter,
        layout: mappings::layout(packs, name)?,
        files: mappings::files(packs, name)?,
    };
    Writer::new(to, &form)
}

/// So many embedded documents are remembered; what comes later may be written again.
const WRITTEN_MAX: usize = 1_000_000;

fn hash(key: &Option<String>, document: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, document.to_string()).hash(&mut hasher);
    hasher.finish()
}

struct Conversion {
    reader: Reader,
    writer: Option<Writer>,
    /// The field of the embedded documents that are written instead of the records' own.
    embedded: Option<Arc<str>>,
    /// Hashes of the embedded documents that were written: the buyer of many invoices is written once.
    written: HashSet<u64>,
    with_unmapped: bool,
    /// Whether places that are not read make the exit code that of a difference.
    strict: bool,
    /// How many records of the file have content at each place that is not read.
    unmapped: BTreeMap<String, u64>,
    /// Holds each file against the totals that it states.
    control: Option<Control>,
    differs: bool,
    file: String,
}

impl Conversion {
    fn item(&mut self, item: &Item) {
        match item {
            Item::Reject(reject) => self.reject(&self.place(&reject.place), &reject.reason, reject.code),
            // What the mapping is not for is no record of its stream.
            Item::Record(record) if !self.reader.selects(&record.body) => {}
            Item::Record(record) => {
                let place = self.place(&record.place);
                let read = match self.with_unmapped {
                    true => self.reader.read_with_unmapped(&record.body),
                    false => self.reader.read(&record.body),
                };
                match read {
                    Ok(reading) => {
                        if let Some(control) = &mut self.control {
                            control.take(&record.body, &reading.document);
                        }
                        self.document(&place, reading);
                    }
                    Err(errors) => self.errors(&place, &errors),
                }
            }
        }
    }

    /// Writes the records that are held, when it is time to.
    async fn write(&mut self, is_time: impl Fn(&Writer) -> bool) -> Result<(), Failure> {
        match self.writer.as_mut().filter(|writer| is_time(writer)) {
            Some(writer) => writer.write().await,
            None => Ok(()),
        }
    }

    /// The place in the file, with the file as the user named it.
    fn place(&self, place: &canonical::record::Place) -> String {
        match place.line {
            Some(line) => format!("{}:{line}", self.file),
            None => format!("{}, record {}", self.file, place.ordinal + 1),
        }
    }

    fn reject(&mut self, place: &str, reason: &str, code: &str) {
        self.differs = true;
        output::note(format!("{place}: rejected: {reason} [{code}]"));
    }

    fn errors(&mut self, place: &str, errors: &[DataError]) {
        for error in errors {
            self.reject(place, &error.to_string(), error.code);
        }
    }

    fn document(&mut self, place: &str, reading: Reading) {
        for path in &reading.unmapped {
            *self.unmapped.entry(path.clone()).or_default() += 1;
        }
        for finding in rules::findings(&reading.document) {
            self.differs |= finding.is_fatal();
            let severity = if finding.is_fatal() { "fatal" } else { "warning" };
            output::note(format!("{place}: {severity}: {finding}"));
        }
        let Some(writer) = &mut self.writer else { return output::json_line(&reading.document.to_json()) };
        let Some(field) = self.embedded.clone() else {
            let document = reading.document.to_json();
            if let Err(errors) = writer.add(&document, Some(&reading.key), &reading.attachments, place) {
                self.errors(place, &errors);
            }
            return;
        };
        for embedded in reading.embedded.iter().filter(|embedded| embedded.field == field) {
            self.embedded(embedded, place);
        }
    }

    /// Writes an embedded document, unless it was written already.
    fn embedded(&mut self, embedded: &EmbeddedReading, place: &str) {
        let document = embedded.document.to_json();
        if self.written.len() < WRITTEN_MAX && !self.written.insert(hash(&embedded.key, &document)) {
            return;
        }
        let Some(writer) = &mut self.writer else { return };
        if let Err(errors) = writer.add(&document, embedded.key.as_deref(), &[], place) {
            self.errors(place, &errors);
        }
    }

    /// What the file states of itself and does not hold.
    fn tell_control(&mut self) {
        for finding in self.control.iter_mut().flat_map(Control::finish) {
            self.differs = true;
            output::note(format!("{}: warning: {finding} [{}]", self.file, finding.code()));
        }
    }

    fn tell_unmapped(&mut self) {
        for (path, count) in std::mem::take(&mut self.unmapped) {
            self.differs |= self.strict;
            output::note(format!("unmapped: {}: {path} ({})", self.file, counted(count, "record")));
        }
    }
}
