//! `passerelle convert`: files to canonical documents, and on to another format; no hub is needed.

mod reader;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;

use canonical::rules;
use connector::Item;
use mapping::{DataError, Mapping, Reader, Reading};

use self::reader::{Dialect, FileReader, Manner};
use self::writer::Writer;
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
    if let Some(to) = to.as_ref().filter(|to| to.entity() != from.entity()) {
        let message = format!(
            "\"{}\" is a mapping for \"{}\" and \"{}\" one for \"{}\"; both must be for one entity",
            from.name(),
            from.entity(),
            to.name(),
            to.entity()
        );
        return Err(Failure::usage("config.unfit-mapping", message));
    }
    for file in &arguments.files {
        reader::require_file(file)?;
    }
    let mut conversion = Conversion {
        reader: from.reader(),
        writer: to.map(Writer::new),
        with_unmapped: !arguments.no_unmapped,
        unmapped: BTreeMap::new(),
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
    }
    let has_refused = conversion.writer.as_ref().is_some_and(|writer| writer.has_refused);
    Ok(if conversion.differs || has_refused { Exit::Differs } else { Exit::Done })
}

/// The mapping that reads the files, and how their text is read.
fn reading(packs: &Packs, arguments: &Convert) -> Result<(Arc<Mapping>, Manner), Failure> {
    if let Some(stream) = &arguments.stream {
        return reader::as_stream(&arguments.dir, stream);
    }
    let mapping = mappings::compile(packs, arguments.from.as_deref().unwrap_or_default())?;
    let dialect = Dialect {
        encoding: arguments.encoding.clone(),
        delimiter: arguments.delimiter,
        quote: arguments.quote.clone(),
    };
    Ok((mapping, Manner::Told(dialect)))
}

struct Conversion {
    reader: Reader,
    writer: Option<Writer>,
    with_unmapped: bool,
    /// How many records of the file have content at each place that is not read.
    unmapped: BTreeMap<String, u64>,
    differs: bool,
    file: String,
}

impl Conversion {
    fn item(&mut self, item: &Item) {
        match item {
            Item::Reject(reject) => self.reject(&self.place(&reject.place), &reject.reason, reject.code),
            Item::Record(record) => {
                let place = self.place(&record.place);
                let read = match self.with_unmapped {
                    true => self.reader.read_with_unmapped(&record.body),
                    false => self.reader.read(&record.body),
                };
                match read {
                    Ok(reading) => self.document(&place, reading),
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
        let document = reading.document.to_json();
        match &mut self.writer {
            None => output::json_line(&document),
            Some(writer) => {
                if let Err(errors) = writer.add(&document, &reading.key, place) {
                    self.errors(place, &errors);
                }
            }
        }
    }

    fn tell_unmapped(&mut self) {
        for (path, count) in std::mem::take(&mut self.unmapped) {
            self.differs = true;
            output::note(format!("unmapped: {}: {path} ({})", self.file, counted(count, "record")));
        }
    }
}
