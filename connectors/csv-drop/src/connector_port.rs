//! The connector: from configuration to open ports.

use async_trait::async_trait;
use connector::{Connector, Fault, NeededColumn, OpenContext, Ports, StreamContext};
use files::{EntityFiles, PickUp, Publisher, StreamSettings, TargetSettings};

use crate::dialect::Dialect;
use crate::reader::{CsvFormat, header_rule};
use crate::settings::{CsvDrop, CsvStream, CsvTarget, Header};
use crate::writer::CsvWriter;

#[async_trait]
impl Connector for CsvDrop {
    const KIND: &'static str = "csv-drop";

    async fn open(self, context: &OpenContext) -> Result<Ports, Fault> {
        files::open_ports(self.streams, self.targets, self.gather.into(), context)
    }
}

impl StreamSettings for CsvStream {
    type Format = CsvFormat;
    const FILES: &'static [&'static str] = &["*.csv", "*.txt"];

    fn format(self, pick_up: &PickUp, told: &StreamContext) -> Result<CsvFormat, Fault> {
        let dialect = Dialect::new(self.delimiter, &self.quote)?;
        let header = header_rule(self.header, self.columns, self.comment);
        if header.header == Header::None && header.columns.is_empty() {
            return Err(Fault::halt("header = \"none\" needs the names of the columns: columns = [\"…\"]"));
        }
        if self.record_bytes_max == 0 || self.group_rows_max == 0 {
            return Err(Fault::halt("record_bytes_max and group_rows_max must be at least 1"));
        }
        let group_by =
            told.group_by.iter().map(|name| NeededColumn { field: "group_by".to_owned(), any_of: vec![name.clone()] });
        Ok(CsvFormat {
            dialect,
            needed: told.columns.iter().cloned().chain(group_by).collect(),
            encoding: pick_up.encoding,
            header,
            footer: self.footer,
            ragged: self.ragged,
            record_bytes_max: self.record_bytes_max,
            group_by: told.group_by.clone(),
            group_rows_max: self.group_rows_max,
        })
    }
}

impl TargetSettings for CsvTarget {
    fn files(self, publisher: Publisher) -> Result<EntityFiles, Fault> {
        let dialect = Dialect::new(self.delimiter, &self.quote)?;
        let encoding = files::encoding(self.encoding.as_deref().unwrap_or("utf-8"))?;
        let name = self.file.clone();
        EntityFiles::new(publisher, name, false, Box::new(CsvWriter::new(self, dialect, encoding)))
    }
}
