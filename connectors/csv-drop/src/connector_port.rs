//! The connector: from configuration to open ports.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use connector::{Batching, Connector, Fault, OpenContext, Ports, Source, StreamContext};
use files::{EntityFiles, FileSource, FileTarget, PickUp, Publisher};

use crate::dialect::Dialect;
use crate::reader::{CsvFormat, header_rule};
use crate::settings::{CsvDrop, CsvStream, CsvTarget, Header, entity};
use crate::writer::CsvWriter;

#[async_trait]
impl Connector for CsvDrop {
    const KIND: &'static str = "csv-drop";

    async fn open(self, context: &OpenContext) -> Result<Ports, Fault> {
        let mut sources: BTreeMap<String, Box<dyn Source>> = BTreeMap::new();
        for (name, stream) in self.streams {
            let source = open_stream(stream, &context.stream(&name), &context.directory);
            sources.insert(name.clone(), Box::new(source.map_err(|fault| at(&format!("streams.{name}"), fault))?));
        }
        let mut entities = BTreeMap::new();
        for (name, target) in self.targets {
            let files =
                open_target(target, &context.directory).map_err(|fault| at(&format!("targets.{name}"), fault))?;
            entities.insert(entity(&name)?, files);
        }
        let target = (!entities.is_empty()).then(|| Box::new(FileTarget::new(entities)) as Box<dyn connector::Target>);
        let batching = Batching {
            count_max: self.gather.changes_max.max(1),
            age_max: Duration::from_millis(self.gather.age_ms_max),
            ..Batching::default()
        };
        Ok(Ports { sources, target, batching })
    }
}

/// Says in which table of the configuration a fault is.
fn at(table: &str, fault: Fault) -> Fault {
    match fault {
        Fault::Halt { reason } => Fault::Halt { reason: format!("{table}: {reason}") },
        Fault::Retry { reason, after } => Fault::Retry { reason: format!("{table}: {reason}"), after },
    }
}

fn open_stream(stream: CsvStream, context: &StreamContext, directory: &Path) -> Result<FileSource<CsvFormat>, Fault> {
    let pick_up = PickUp::new(stream.pick_up(), directory, &["*.csv", "*.txt"])?;
    let dialect = Dialect::new(stream.delimiter, &stream.quote)?;
    let header = header_rule(stream.header, stream.columns, stream.comment);
    if header.header == Header::None && header.columns.is_empty() {
        return Err(Fault::halt("header = \"none\" needs the names of the columns: columns = [\"…\"]"));
    }
    if stream.record_bytes_max == 0 || stream.group_rows_max == 0 {
        return Err(Fault::halt("record_bytes_max and group_rows_max must be at least 1"));
    }
    let format = CsvFormat {
        dialect,
        encoding: pick_up.encoding,
        header,
        footer: stream.footer,
        ragged: stream.ragged,
        record_bytes_max: stream.record_bytes_max,
        group_by: context.group_by.clone(),
        group_rows_max: stream.group_rows_max,
    };
    Ok(FileSource::new(pick_up, format))
}

pub(crate) fn open_target(target: CsvTarget, directory: &Path) -> Result<EntityFiles, Fault> {
    let publisher = Publisher::open(target.publisher(), directory)?;
    open_files(target, publisher)
}

pub(crate) fn open_files(target: CsvTarget, publisher: Publisher) -> Result<EntityFiles, Fault> {
    let dialect = Dialect::new(target.delimiter, &target.quote)?;
    let encoding = files::encoding(target.encoding.as_deref().unwrap_or("utf-8"))?;
    let name = target.file.clone();
    EntityFiles::new(publisher, name, false, Box::new(CsvWriter::new(target, dialect, encoding)))
}
