//! The connector: from configuration to open ports.

use async_trait::async_trait;
use connector::{Connector, Fault, OpenContext, Ports, StreamContext};
use files::{EntityFiles, PickUp, Publisher, StreamSettings, TargetSettings};

use crate::context::{Context, Wish};
use crate::path::{Namespaces, Path};
use crate::reader::XmlFormat;
use crate::settings::{XmlExport, XmlStream, XmlTarget};
use crate::split::Split;
use crate::walker::Plan;
use crate::writer::XmlWriter;

#[async_trait]
impl Connector for XmlExport {
    const KIND: &'static str = "xml-export";

    async fn open(self, context: &OpenContext) -> Result<Ports, Fault> {
        files::open_ports(self.streams, self.targets, self.gather.into(), context)
    }
}

impl StreamSettings for XmlStream {
    type Format = XmlFormat;
    const FILES: &'static [&'static str] = &["*.xml"];

    fn format(self, pick_up: &PickUp, told: &StreamContext) -> Result<XmlFormat, Fault> {
        if self.record_bytes_max == 0 || self.depth_max == 0 {
            return Err(Fault::halt("record_bytes_max and depth_max must be at least 1"));
        }
        let mut namespaces: Namespaces = told.namespaces.clone();
        namespaces.extend(self.namespaces.iter().map(|(prefix, uris)| (prefix.clone(), uris.list())));
        let records = self.records(told, &namespaces)?;
        let mut wanted = told.context.clone();
        wanted.extend(self.context.iter().map(|(name, paths)| (name.clone(), paths.list())));
        let wishes = wanted.iter().flat_map(|(name, paths)| paths.iter().map(move |path| (name, path)));
        let wishes = wishes.map(|(name, path)| Ok((name.clone(), Wish::parse(path, &namespaces)?)));
        let context = Context::new(wishes.collect::<Result<Vec<_>, Fault>>()?, &records);
        let split = told.split.as_ref().map(|split| Split::parse(split, &namespaces)).transpose()?.unwrap_or_default();
        let (record_bytes_max, depth_max) = (self.record_bytes_max, self.depth_max);
        let plan = Plan { records, context, split, record_bytes_max, depth_max };
        let held_max = (self.batch_records_max, self.batch_bytes_max);
        Ok(XmlFormat { plan, encoding: pick_up.encoding, verify: self.verify, held_max })
    }
}

impl XmlStream {
    /// Which elements are records: as the stream says, else as the mapping does.
    fn records(&self, told: &StreamContext, namespaces: &Namespaces) -> Result<Vec<Path>, Fault> {
        let paths = match &self.record {
            Some(paths) => paths.list(),
            None => told.record_paths.clone(),
        };
        if paths.is_empty() {
            return Err(Fault::halt(
                "say which element is a record: record = \"/Root/Element\", here or in the mapping",
            ));
        }
        let records = paths.iter().map(|path| Path::parse(path, namespaces)).collect::<Result<Vec<_>, _>>()?;
        match records.iter().find(|path| path.attribute.is_some() || path.names || path.condition.is_some()) {
            Some(path) => {
                let reason = "must be an element, not an attribute or a name, and without a condition";
                Err(Fault::halt(format!("record = \"{path}\" {reason}")))
            }
            None => Ok(records),
        }
    }
}

impl TargetSettings for XmlTarget {
    fn files(self, publisher: Publisher) -> Result<EntityFiles, Fault> {
        let encoding = files::encoding(self.encoding.as_deref().unwrap_or("utf-8"))?;
        let one_file_per_record = self.one_file_per_record || self.root.is_none();
        let name = self.file.clone();
        EntityFiles::new(publisher, name, one_file_per_record, Box::new(XmlWriter::new(self, encoding)?))
    }
}
