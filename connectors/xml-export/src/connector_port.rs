//! The connector: from configuration to open ports.

use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::time::Duration;

use async_trait::async_trait;
use connector::{Batching, Connector, Fault, OpenContext, Ports, Source, StreamContext};
use files::{EntityFiles, FileSource, FileTarget, PickUp, Publisher};

use crate::context::{Context, Wish};
use crate::path::{Namespaces, Path};
use crate::reader::XmlFormat;
use crate::settings::{XmlExport, XmlStream, XmlTarget, entity};
use crate::walker::Plan;
use crate::writer::XmlWriter;

#[async_trait]
impl Connector for XmlExport {
    const KIND: &'static str = "xml-export";

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

fn open_stream(
    stream: XmlStream,
    context: &StreamContext,
    directory: &FilePath,
) -> Result<FileSource<XmlFormat>, Fault> {
    let pick_up = PickUp::new(stream.pick_up(), directory, &["*.xml"])?;
    if stream.record_bytes_max == 0 || stream.depth_max == 0 {
        return Err(Fault::halt("record_bytes_max and depth_max must be at least 1"));
    }
    let mut namespaces: Namespaces = context.namespaces.clone();
    namespaces.extend(stream.namespaces.iter().map(|(prefix, uris)| (prefix.clone(), uris.list())));
    let paths = match &stream.record {
        Some(paths) => paths.list(),
        None => context.record_paths.clone(),
    };
    if paths.is_empty() {
        return Err(Fault::halt("say which element is a record: record = \"/Root/Element\", here or in the mapping"));
    }
    let records = paths.iter().map(|path| Path::parse(path, &namespaces)).collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = records.iter().find(|path| path.attribute.is_some() || path.names) {
        return Err(Fault::halt(format!("record = \"{path}\" must be an element, not an attribute or a name")));
    }
    let mut wanted = context.context.clone();
    wanted.extend(stream.context.iter().map(|(name, paths)| (name.clone(), paths.list())));
    let wishes = wanted.iter().flat_map(|(name, paths)| paths.iter().map(move |path| (name, path)));
    let wishes = wishes.map(|(name, path)| Ok((name.clone(), Wish::parse(path, &namespaces)?)));
    let context = Context::new(wishes.collect::<Result<Vec<_>, Fault>>()?, &records);
    let (record_bytes_max, depth_max) = (stream.record_bytes_max, stream.depth_max);
    let plan = Plan { records, context, record_bytes_max, depth_max };
    let held_max = (stream.batch_records_max, stream.batch_bytes_max);
    let format = XmlFormat { plan, encoding: pick_up.encoding, verify: stream.verify, held_max };
    Ok(FileSource::new(pick_up, format))
}

fn open_target(target: XmlTarget, directory: &FilePath) -> Result<EntityFiles, Fault> {
    let publisher = Publisher::open(target.publisher(), directory)?;
    open_files(target, publisher)
}

pub(crate) fn open_files(target: XmlTarget, publisher: Publisher) -> Result<EntityFiles, Fault> {
    let encoding = files::encoding(target.encoding.as_deref().unwrap_or("utf-8"))?;
    let one_file_per_record = target.one_file_per_record || target.root.is_none();
    let name = target.file.clone();
    EntityFiles::new(publisher, name, one_file_per_record, Box::new(XmlWriter::new(target, encoding)?))
}
