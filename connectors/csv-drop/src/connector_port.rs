//! The connector: from configuration to open ports.

use async_trait::async_trait;
use connector::{Connector, Fault, NeededColumn, OpenContext, Ports, StreamContext};
use files::{Clearable, EntityFiles, PickUp, Publisher, StreamSettings, TargetSettings};

use crate::dialect::Dialect;
use crate::header::{HEADER_LINES_MAX, Naming};
use crate::join::JoinRule;
use crate::reader::{CsvFormat, header_rule};
use crate::settings::{CsvDrop, CsvStream, CsvTarget, Header, Join};
use crate::workbook::SheetRule;
use crate::writer::CsvWriter;

#[async_trait]
impl Connector for CsvDrop {
    const KIND: &'static str = "csv-drop";

    async fn open(self, context: &OpenContext) -> Result<Ports, Fault> {
        files::open_ports(self.streams, self.targets, self.gather.into(), context)
    }
}

impl StreamSettings for CsvStream {
    type Format = Clearable<CsvFormat>;
    const FILES: &'static [&'static str] = &["*.csv", "*.txt"];

    fn companion(&self) -> Option<&str> {
        self.join.as_ref().map(|join| join.file.as_str())
    }

    fn format(self, pick_up: &PickUp, told: &StreamContext) -> Result<Clearable<CsvFormat>, Fault> {
        let dialect = Dialect::new(self.delimiter, &self.quote)?;
        let sheet = SheetRule {
            sheet: self.sheet,
            fill_merged: self.fill_merged,
            percent: self.percent,
            bytes_max: self.workbook_bytes_max,
            encoding: pick_up.encoding,
        };
        let naming = Naming { lines: self.header_lines, duplicates: self.duplicates };
        let header = header_rule(self.header, self.columns, self.comment, naming);
        if !(1..=HEADER_LINES_MAX).contains(&self.header_lines) {
            return Err(Fault::halt(format!("header_lines must be from 1 to {HEADER_LINES_MAX}")));
        }
        if header.header == Header::None && header.columns.is_empty() {
            return Err(Fault::halt("header = \"none\" needs the names of the columns: columns = [\"…\"]"));
        }
        if self.record_bytes_max == 0 || self.group_rows_max == 0 {
            return Err(Fault::halt("record_bytes_max and group_rows_max must be at least 1"));
        }
        let group_by =
            told.group_by.iter().map(|name| NeededColumn { field: "group_by".to_owned(), any_of: vec![name.clone()] });
        let join = self.join.map(|join| join_rule(join, naming)).transpose()?;
        let format = CsvFormat {
            dialect,
            join,
            sheet,
            needed: told.columns.iter().cloned().chain(group_by).collect(),
            encoding: pick_up.encoding,
            header,
            footer: self.footer,
            ragged: self.ragged,
            record_bytes_max: self.record_bytes_max,
            group_by: told.group_by.clone(),
            group_rows_max: self.group_rows_max,
        };
        Ok(Clearable::new(format, told.clearing.clone()))
    }
}

fn join_rule(join: Join, naming: Naming) -> Result<JoinRule, Fault> {
    if join.on.is_empty() || join.rows_max == 0 || u32::try_from(join.rows_max).is_err() {
        return Err(Fault::halt(
            "join needs on = { COLUMN = \"COLUMN OF THE OTHER FILE\" }, and a rows_max of less than 2^32",
        ));
    }
    let naming = Naming { lines: 1, ..naming };
    let header = header_rule(None, join.columns, None, naming);
    let (prefix, rows_max, bytes_max) = (join.prefix, join.rows_max, join.bytes_max);
    Ok(JoinRule { on: join.on.into_iter().collect(), prefix, header, rows_max, bytes_max })
}

impl TargetSettings for CsvTarget {
    fn files(self, publisher: Publisher) -> Result<EntityFiles, Fault> {
        let dialect = Dialect::new(self.delimiter, &self.quote)?;
        let encoding = files::encoding(self.encoding.as_deref().unwrap_or("utf-8"))?;
        let name = self.file.clone();
        EntityFiles::new(publisher, name, false, Box::new(CsvWriter::new(self, dialect, encoding)))
    }
}
