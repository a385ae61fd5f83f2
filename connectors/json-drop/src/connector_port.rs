//! The connector: from configuration to open ports.

use async_trait::async_trait;
use connector::{Connector, Fault, OpenContext, Ports, StreamContext};
use files::{EntityFiles, PickUp, Publisher, StreamSettings, TargetSettings};

use crate::reader::JsonFormat;
use crate::settings::{JsonDrop, JsonStream, JsonTarget};
use crate::writer::JsonWriter;

#[async_trait]
impl Connector for JsonDrop {
    const KIND: &'static str = "json-drop";

    async fn open(self, context: &OpenContext) -> Result<Ports, Fault> {
        files::open_ports(self.streams, self.targets, self.gather.into(), context)
    }
}

impl StreamSettings for JsonStream {
    type Format = JsonFormat;
    const FILES: &'static [&'static str] = &["*.json", "*.jsonl", "*.ndjson"];

    fn format(self, pick_up: &PickUp, told: &StreamContext) -> Result<JsonFormat, Fault> {
        if self.record_bytes_max == 0 {
            return Err(Fault::halt("record_bytes_max must be at least 1"));
        }
        if self.lines == Some(true) && self.record.is_some() {
            return Err(Fault::halt("record leads to the records of a document; with lines = true each line is one"));
        }
        let path = self.record.or_else(|| told.record_paths.first().cloned()).unwrap_or_default();
        let path: Vec<String> = path.split('.').map(str::to_owned).filter(|_| !path.is_empty()).collect();
        if path.iter().any(String::is_empty) {
            return Err(Fault::halt("record must be names parted by single points, such as \"data.orders\""));
        }
        let (lines, record_bytes_max) = (self.lines, self.record_bytes_max);
        Ok(JsonFormat { encoding: pick_up.encoding, path, split: told.split.clone(), lines, record_bytes_max })
    }
}

impl TargetSettings for JsonTarget {
    fn files(self, publisher: Publisher) -> Result<EntityFiles, Fault> {
        let encoding = files::encoding(self.encoding.as_deref().unwrap_or("utf-8"))?;
        let writer = JsonWriter { lines: self.lines, removal: self.removal, encoding };
        EntityFiles::new(publisher, self.file, false, Box::new(writer))
    }
}
