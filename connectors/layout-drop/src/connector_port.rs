//! The connector: from configuration to open ports.

use std::sync::Arc;

use async_trait::async_trait;
use connector::{Connector, Fault, OpenContext, Ports, StreamContext};
use files::{EntityFiles, PickUp, Publisher, StreamSettings, TargetSettings};

use crate::layout::{Layout, LayoutChoice};
use crate::line::Scope;
use crate::path::columns;
use crate::plan::Plan;
use crate::reader::LayoutFormat;
use crate::settings::{LayoutDrop, LayoutStream, LayoutTarget};
use crate::writer::{LayoutWriter, line_end};

#[async_trait]
impl Connector for LayoutDrop {
    const KIND: &'static str = "layout-drop";

    async fn open(self, context: &OpenContext) -> Result<Ports, Fault> {
        files::open_ports(self.streams, self.targets, self.gather.into(), context)
    }
}

/// The layout itself. A name is replaced by the pack's layout where the configuration is read.
fn given(layout: LayoutChoice) -> Result<Box<Layout>, Fault> {
    match layout {
        LayoutChoice::Given(layout) => Ok(layout),
        LayoutChoice::Named(name) => Err(Fault::halt(format!(
            "layout = \"{name}\": no pack of this name has a layout; it would be mappings/{name}/layout.toml"
        ))),
    }
}

impl StreamSettings for LayoutStream {
    type Format = LayoutFormat;
    const FILES: &'static [&'static str] = &["*.txt", "*.dat"];

    fn format(self, pick_up: &PickUp, told: &StreamContext) -> Result<LayoutFormat, Fault> {
        if self.line_bytes_max == 0 || self.group_rows_max == 0 {
            return Err(Fault::halt("line_bytes_max and group_rows_max must be at least 1"));
        }
        let record = self.record.as_deref().or(told.record_paths.first().map(String::as_str));
        let plan = Arc::new(Plan::new(&*given(self.layout)?, record)?);
        let format = LayoutFormat {
            plan: Arc::clone(&plan),
            encoding: pick_up.encoding,
            line_bytes_max: self.line_bytes_max,
            group_rows_max: self.group_rows_max,
            group_by: told.group_by.clone(),
            needed: told.columns.clone(),
        };
        if !plan.is_contextual() {
            let (columns, _) = columns(&plan, &Scope::default()).map_err(|(_, reason)| Fault::halt(reason))?;
            format.check_columns(&columns).map_err(Fault::halt)?;
        }
        Ok(format)
    }
}

impl TargetSettings for LayoutTarget {
    fn files(self, publisher: Publisher) -> Result<EntityFiles, Fault> {
        let plan = Plan::new(&*given(self.layout)?, self.record.as_deref())?;
        let line_end = line_end(&plan, self.line_end);
        let encoding = files::encoding(self.encoding.as_deref().unwrap_or("utf-8"))?;
        let writer = LayoutWriter { plan, encoding, line_end, removal: self.removal };
        EntityFiles::new(publisher, self.file, false, Box::new(writer))
    }
}
